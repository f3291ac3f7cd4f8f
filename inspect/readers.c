// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers of volumes. What they are for: an undo entry serves epochs that no other
 * entry of its chunk serves, and somebody reads one of them, or its origin waits for a
 * pass of the cleaner (I-INTERVAL). Every volume in the table with a parent is a reader,
 * ghosts, invalid and hidden ones, too: that is more than the cleaner counts, never less.
 */
#include <stdlib.h>
#include "readers.h"

int smv_readers_begin(struct smv_readers *readers, u64 most)
{
	smv_readers_free(readers);
	readers->reading = malloc((most + 1) * sizeof(*readers->reading));
	return readers->reading ? 0 : -ENOMEM;
}

void smv_readers_add(struct smv_readers *readers, u64 volume, u64 asof)
{
	readers->reading[readers->count++] = (struct smv_reading){ volume, asof };
}

static int by_place(const void *a, const void *b)
{
	const struct smv_reading *x = a, *y = b;

	if (x->volume != y->volume)
		return x->volume < y->volume ? -1 : 1;
	return x->asof < y->asof ? -1 : x->asof > y->asof;
}

void smv_readers_end(struct smv_readers *readers)
{
	u64 kept = 0;

	if (readers->count)
		qsort(readers->reading, readers->count, sizeof(*readers->reading), by_place);
	for (u64 i = 0; i < readers->count; i++)
		if (!i || by_place(&readers->reading[i - 1], &readers->reading[i]))
			readers->reading[kept++] = readers->reading[i];
	readers->count = kept;
}

/* Index of the first one as of @epoch or later. */
static u64 first(const struct smv_readers *readers, u64 volume, u64 epoch)
{
	const struct smv_reading key = { volume, epoch };
	u64 low = 0, high = readers->count;

	while (low < high) {
		u64 middle = low + (high - low) / 2;

		if (by_place(&readers->reading[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

u64 smv_readers_within(const struct smv_readers *readers, u64 volume, u64 from, u64 to)
{
	return first(readers, volume, to) - first(readers, volume, from);
}

void smv_readers_free(struct smv_readers *readers)
{
	free(readers->reading);
	readers->reading = NULL;
	readers->count = 0;
}
