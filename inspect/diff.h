/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between two volumes of one origin, from the exceptions. */
#ifndef SMV_DIFF_H
#define SMV_DIFF_H

#include "store.h"

/* What the second volume holds where it may differ from the first. */
enum smv_diff_kind {
	SMV_DIFF_NONE, /* they are the same there */
	SMV_DIFF_DATA,
	SMV_DIFF_ZERO, /* it reads as zeroes */
	SMV_DIFF_LOST, /* one of the two, or both, could not be preserved: reads as an error */
};

struct smv_diff_entry {
	struct smv_key key;
	u64 where;
};

struct smv_diff {
	/* The volume's record; false: there is none. */
	bool (*volume)(void *context, u64 number, struct smv_volume_info *info);
	/*
	 * Up to @room exceptions of volume from->volume at or above @from, in order:
	 * how many (fewer than @room: there are no more), or a negative error.
	 */
	int (*fill)(void *context, const struct smv_key *from, struct smv_diff_entry *entry,
		    u32 room);
	/* A range of chunks that may differ; ascending, neighbours merged. Non-zero ends it. */
	int (*range)(void *context, u64 first, u64 count, enum smv_diff_kind kind);
	void *context;
	u32 chunk_sectors;
};

/*
 * Compares volume @from with volume @to. -EINVAL: they are not of one origin;
 * -EIO: one of them is invalid; -EUCLEAN: the table makes no sense; -ENOMEM; what the
 * functions said. Memory: some KiB for each volume on the way to the origin.
 */
int smv_diff(const struct smv_diff *diff, u64 from, u64 to);

/* "data", "zero", "lost" */
const char *smv_diff_kind_name(enum smv_diff_kind kind);

#endif
