/* SPDX-License-Identifier: GPL-2.0-only */
/* A dump, read back: the text or the JSON that dump.c writes. */
#ifndef SMV_RESTORE_H
#define SMV_RESTORE_H

#include <stdio.h>
#include "image.h"

/*
 * Reads a whole dump into @image (to be freed in any case); super.blocks and
 * chunk_blocks are the dump's, the rest of the geometry is not in it. 0;
 * -EINVAL: it is no dump, not whole, or says something impossible: @why (@bytes
 * of room) tells what, and the line; -ENOMEM; -EIO: reading failed.
 */
int smv_restore_read(FILE *in, struct smv_image *image, char *why, size_t bytes);

#endif
