// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of chunks as sorted ranges in an array of fixed size: the done marks of
 * a rollback, most of which touch each other. Search is binary; a change moves
 * what lies behind it, which is the weak side: it costs up to the array's size.
 */
#include "ranges.h"

u32 smv_ranges_at(const struct smv_ranges *ranges, u64 chunk)
{
	u32 low = 0, high = ranges->count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (ranges->range[middle].end < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool smv_ranges_has(const struct smv_ranges *ranges, u64 chunk)
{
	u32 i = smv_ranges_at(ranges, chunk + 1);

	return i < ranges->count && ranges->range[i].first <= chunk;
}

/* Replaces ranges [from, to) by nothing or by one. */
static void replace(struct smv_ranges *ranges, u32 from, u32 to, const struct smv_range *by)
{
	u32 keep = from + (by ? 1 : 0);

	memmove(&ranges->range[keep], &ranges->range[to],
		(ranges->count - to) * sizeof(ranges->range[0]));
	if (by)
		ranges->range[from] = *by;
	ranges->count = ranges->count - to + keep;
}

bool smv_ranges_add(struct smv_ranges *ranges, u64 first, u64 end)
{
	struct smv_range merged = { first, end };
	u32 from = smv_ranges_at(ranges, first), to = from;

	for (; to < ranges->count && ranges->range[to].first <= end; to++) {
		if (ranges->range[to].first < merged.first)
			merged.first = ranges->range[to].first;
		if (ranges->range[to].end > merged.end)
			merged.end = ranges->range[to].end;
	}
	if (from == to && ranges->count == SMV_RANGES_MAX)
		return false;
	replace(ranges, from, to, &merged);
	return true;
}

bool smv_ranges_take(struct smv_ranges *ranges, u64 chunk)
{
	u32 i = smv_ranges_at(ranges, chunk + 1);
	struct smv_range was;

	if (!smv_ranges_has(ranges, chunk))
		return false;
	was = ranges->range[i];
	replace(ranges, i, i + 1, NULL);
	SMV_ASSERT(ranges->count + 2 <= SMV_RANGES_MAX);
	if (was.end > chunk + 1)
		replace(ranges, i, i, &(struct smv_range){ chunk + 1, was.end });
	if (was.first < chunk)
		replace(ranges, i, i, &(struct smv_range){ was.first, chunk });
	return true;
}

void smv_ranges_drop(struct smv_ranges *ranges, u64 chunk)
{
	replace(ranges, 0, smv_ranges_at(ranges, chunk + 1), NULL);
}

void smv_ranges_trim(struct smv_ranges *ranges, u64 chunk)
{
	smv_ranges_drop(ranges, chunk);
	if (ranges->count && ranges->range[0].first < chunk)
		ranges->range[0].first = chunk;
}

void smv_ranges_copy(struct smv_ranges *to, const struct smv_ranges *from)
{
	to->count = from->count;
	memcpy(to->range, from->range, from->count * sizeof(from->range[0]));
}
