/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be known of a damaged store. */
#ifndef SMV_REPAIR_H
#define SMV_REPAIR_H

#include "image.h"

struct smv_repair {
	/* Reads one block of the store; 0 or a negative error. */
	int (*read)(void *context, u64 block, void *buffer);
	/*
	 * What was lost, changed or dropped, a line each. @first, @count: chunks of volume
	 * @name that read as errors from now on; count 0: it is about all of it, or the store.
	 */
	void (*say)(void *context, const char *name, u64 first, u64 count, const char *what);
	void *context;
	u64 blocks; /* size of the device */
};

struct smv_repair_result {
	u64 losses; /* lines of what is lost for ever */
	u64 changes; /* lines of what was put right without loss */
	char why[200]; /* it was refused */
};

/*
 * Puts together in @image (to be freed in any case) what the store says, without
 * contradictions: smv_image_judge() finds nothing in it. 0; -EUCLEAN: that
 * cannot be done safely, result->why; -ENOENT: no store; -EOPNOTSUPP: result->why says what is
 * needed, if it is that the store may not be written; -ENOMEM.
 */
int smv_repair(const struct smv_repair *repair, struct smv_image *image,
	       struct smv_repair_result *result);

#endif
