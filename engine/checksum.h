/* SPDX-License-Identifier: GPL-2.0-only */
/* Checksums of metadata blocks: crc32c. */
#ifndef SMV_CHECKSUM_H
#define SMV_CHECKSUM_H

#include "format.h"

/* The crc32c of a 4 KiB block but its first four bytes, seeded with ~0. */
u32 smv_checksum_block(const void *block);

#endif
