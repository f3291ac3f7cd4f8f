// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each snapshot holds. It promises to count by the cleaner's own rule
 * (crash-rules 5): an undo entry e is read by whom is as of [previous entry, e),
 * a redo entry e by whom is as of [e, next entry); the readers of a volume are
 * its children and, for a live snapshot, its own epoch. A chunk with one reader
 * would be freed with it, one with several is shared by them.
 *
 * One pass over the exceptions in key order, with each volume's readers sorted
 * by epoch; ranges of readers are counted as differences. What a child reads
 * of its parent, its own descendants read through it. A deleted snapshot that no live
 * one is below of reads nothing: it only waits for the cleaner. Weak side: a child
 * counts as a reader of a chunk it has overwritten (so does the cleaner).
 */
#include <stdlib.h>
#include "space.h"
#include "text.h"

#define PROGRESS_ENTRIES 4096 /* between two looks at the clock */

struct reader {
	u64 epoch;
	u32 vol; /* index */
	bool self; /* the volume itself, else a child */
	u64 alone; /* chunks it is the only reader of */
	s64 with_others; /* as differences while counting */
};

struct pass {
	struct smv_backend *backend;
	struct reader *reader; /* all, by volume */
	u32 *live; /* live snapshots below and including each volume */
	u32 *only; /* the one if it is only one */
	u32 *first; /* of each volume's in reader[]; one more at the end */
	u32 vol; /* of the entries coming now */
	struct smv_key last; /* redo: the entry whose end is not known yet */
	bool has_last, last_is_chunk;
	u64 previous; /* undo: epoch of the entry before in this chunk */
	u64 chunk;
	bool in_chunk;
	u64 entries; /* read */
};

static bool is_hidden(const struct smv_vol *vol)
{
	return vol->info.flags & SMV_VOLUME_HIDDEN;
}

static bool is_live_snapshot(const struct smv_vol *vol)
{
	return smv_vol_is_visible(vol) && !smv_vol_is_origin(vol);
}

/* Parents are older than their children. */
static void count_live(struct pass *pass)
{
	struct smv_backend *b = pass->backend;
	u32 *live = pass->live, *only = pass->only;

	for (u32 i = b->vols; i--;) {
		struct smv_vol *parent = smv_vol_number(b, b->vol[i].info.parent);

		if (is_live_snapshot(&b->vol[i])) {
			live[i]++;
			only[i] = i;
		}
		if (!parent || is_hidden(&b->vol[i]))
			continue;
		live[parent - b->vol] += live[i];
		if (live[i])
			only[parent - b->vol] = only[i];
	}
}

static int by_epoch(const void *a, const void *b)
{
	const struct reader *x = a, *y = b;

	return x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

/* Counts readers into first[] (shifted by one), then fills and sorts them. */
static void find_readers(struct pass *pass)
{
	struct smv_backend *b = pass->backend;
	u32 *fill = smv_text_alloc((b->vols + 1) * sizeof(*fill));

	for (u32 fill_now = 0; fill_now < 2; fill_now++) {
		for (u32 i = 0; i < b->vols; i++) {
			const struct smv_vol *vol = &b->vol[i];
			struct smv_vol *parent = smv_vol_number(b, vol->info.parent);
			bool reads = !is_hidden(vol) && pass->live[i];
			struct reader child = { .epoch = vol->info.asof, .vol = i };
			struct reader self = { .epoch = vol->info.epoch, .vol = i, .self = true };

			if (parent && reads && fill_now)
				pass->reader[fill[parent - b->vol]++] = child;
			else if (parent && reads)
				pass->first[parent - b->vol + 1]++;
			if (is_live_snapshot(vol) && fill_now)
				pass->reader[fill[i]++] = self;
			else if (is_live_snapshot(vol))
				pass->first[i + 1]++;
		}
		if (fill_now)
			break;
		for (u32 i = 0; i < b->vols; i++)
			pass->first[i + 1] += pass->first[i];
		memcpy(fill, pass->first, (b->vols + 1) * sizeof(*fill));
	}
	for (u32 i = 0; i < b->vols; i++)
		qsort(pass->reader + pass->first[i], pass->first[i + 1] - pass->first[i],
		      sizeof(struct reader), by_epoch);
	free(fill);
}

/* The first of the volume's readers as of @epoch or later. */
static u32 reader_from(const struct pass *pass, u64 epoch)
{
	u32 low = pass->first[pass->vol], high = pass->first[pass->vol + 1];

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (pass->reader[middle].epoch < epoch)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* An entry serves readers as of [from, to). */
static void count(struct pass *pass, u64 from, u64 to)
{
	u32 low = reader_from(pass, from), high = reader_from(pass, to);

	if (high == low + 1) {
		pass->reader[low].alone++;
	} else if (high > low) {
		pass->reader[low].with_others++;
		if (high < pass->first[pass->vol + 1])
			pass->reader[high].with_others--;
	}
}

static void end_redo(struct pass *pass, u64 to)
{
	if (pass->has_last && pass->last_is_chunk)
		count(pass, pass->last.epoch, to);
	pass->has_last = false;
}

static int take_entry(void *context, const struct smv_key *key, const struct smv_value *value)
{
	struct pass *pass = context;
	struct smv_backend *b = pass->backend;
	struct smv_vol *vol = smv_vol_number(b, key->volume);
	bool is_chunk = smv_where_is_chunk(value->where);
	bool same = pass->in_chunk && vol == &b->vol[pass->vol] && key->chunk == pass->chunk;

	if (!(++pass->entries % PROGRESS_ENTRIES))
		smv_progress("reading", pass->entries, b->info.exceptions);
	if (!same)
		end_redo(pass, ~0ULL);
	if (!vol || vol->info.flags & SMV_VOLUME_HIDDEN)
		return 0;
	end_redo(pass, key->epoch);
	pass->vol = (u32)(vol - b->vol);
	pass->chunk = key->chunk;
	pass->in_chunk = true;
	if (smv_vol_is_origin(vol)) {
		if (is_chunk)
			count(pass, same ? pass->previous : 0, key->epoch);
		pass->previous = key->epoch;
	} else {
		pass->last = *key;
		pass->has_last = true;
		pass->last_is_chunk = is_chunk;
	}
	return 0;
}

/* Turns counts by reader into counts by snapshot. */
static void share_out(struct pass *pass, struct smv_space *space)
{
	struct smv_backend *b = pass->backend;
	u64 *down = smv_text_alloc(b->vols * sizeof(*down)); /* to all live ones below */

	for (u32 v = 0; v < b->vols; v++) {
		s64 with_others = 0;

		for (u32 r = pass->first[v]; r < pass->first[v + 1]; r++) {
			const struct reader *reader = &pass->reader[r];
			u32 i = reader->vol;

			with_others += reader->with_others;
			if (reader->self) {
				space[i].own_chunks += reader->alone;
				space[i].shared_chunks += (u64)with_others;
			} else if (pass->live[i] == 1) {
				space[pass->only[i]].own_chunks += reader->alone;
				down[i] += (u64)with_others;
			} else {
				down[i] += (u64)with_others + reader->alone;
			}
		}
	}
	/* a parent is always older than its children */
	for (u32 i = 0; i < b->vols; i++) {
		struct smv_vol *parent = smv_vol_number(b, b->vol[i].info.parent);

		if (parent && parent < &b->vol[i])
			down[i] += down[parent - b->vol];
		if (is_live_snapshot(&b->vol[i]))
			space[i].shared_chunks += down[i];
	}
	free(down);
}

struct smv_space *smv_space_compute(struct smv_backend *backend, int *error)
{
	struct smv_space *space = smv_text_alloc((backend->vols + 1) * sizeof(*space));
	struct pass pass = { .backend = backend };
	struct smv_walk walk = { .entry = take_entry, .context = &pass };

	pass.reader = smv_text_alloc((2 * backend->vols + 1) * sizeof(*pass.reader));
	pass.first = smv_text_alloc((backend->vols + 2) * sizeof(*pass.first));
	pass.live = smv_text_alloc((backend->vols + 1) * sizeof(*pass.live));
	pass.only = smv_text_alloc((backend->vols + 1) * sizeof(*pass.only));
	count_live(&pass);
	find_readers(&pass);
	*error = backend->ops->walk(backend, &walk);
	smv_progress_end();
	end_redo(&pass, ~0ULL);
	if (*error) {
		free(space);
		space = NULL;
	} else {
		share_out(&pass, space);
	}
	free(pass.first);
	free(pass.only);
	free(pass.live);
	free(pass.reader);
	return space;
}
