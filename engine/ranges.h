/* SPDX-License-Identifier: GPL-2.0-only */
/* A small sorted set of chunks, as ranges that merge. */
#ifndef SMV_RANGES_H
#define SMV_RANGES_H

#include "types.h"

#define SMV_RANGES_MAX 6144u

struct smv_range {
	u64 first;
	u64 end; /* half open */
};

/* Ascending, neither overlapping nor touching. */
struct smv_ranges {
	u32 count;
	struct smv_range range[SMV_RANGES_MAX];
};

bool smv_ranges_has(const struct smv_ranges *ranges, u64 chunk);

/* Index of the first range that ends at or above @chunk; count if none. */
u32 smv_ranges_at(const struct smv_ranges *ranges, u64 chunk);

/* false: no room, nothing changed. */
bool smv_ranges_add(struct smv_ranges *ranges, u64 first, u64 end);

/* Takes @chunk away. false: it was not there. There has to be room for one range more. */
bool smv_ranges_take(struct smv_ranges *ranges, u64 chunk);

/* Takes away everything below @chunk. */
void smv_ranges_trim(struct smv_ranges *ranges, u64 chunk);

/* Takes away the ranges that end at or below @chunk; the others stay whole. */
void smv_ranges_drop(struct smv_ranges *ranges, u64 chunk);

void smv_ranges_copy(struct smv_ranges *to, const struct smv_ranges *from);

#endif
