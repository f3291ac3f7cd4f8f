// SPDX-License-Identifier: GPL-2.0-only
/*
 * What differs between two volumes. It promises to name every chunk whose data
 * can differ, and none that both volumes read from the same place: from the
 * same chunk of the store, in place on the origin, or as zeroes. (A chunk that
 * was written with what it held before is named all the same: the data is not
 * read.)
 *
 * Only chunks with an exception in a volume on the way from one of the two to
 * their origin can differ. Each such volume has one cursor, all cursors go
 * upwards together, and at each chunk the look-up rule (engine/resolve.c,
 * I-RESOLVE) is applied to what lies under them:
 *
 *   a snapshot's entries are redo: the last one at or below the epoch;
 *   the origin's are undo: the first one above it;
 *   what a running rollback has pending is found on a third way, that of its
 *   hidden snapshot, in undo entries older than the rollback.
 *
 * So it is one pass over the exceptions of these volumes, in memory that does
 * not depend on how many there are. The table must not change meanwhile. It
 * writes nothing. Weak side: a chunk is the finest it can tell.
 */
#include <stdlib.h>
#include "diff.h"

#define BUFFERED 128 /* entries of a cursor */
#define NOWHERE smv_where(SMV_WHERE_NONE, 0)
#define NO_CHUNK (~0ULL)

enum route { WAY_FROM, WAY_TO, WAY_PENDING, WAYS };

/* One volume's part in one way. */
struct step {
	bool on; /* the way leads through this volume */
	u32 depth; /* from the way's beginning on */
	u64 epoch; /* as of which it is read */
	u64 last; /* origin: labels up to this one count */
	bool found;
	u64 where;
};

struct cursor {
	u64 volume;
	bool origin;
	struct step step[WAYS];
	struct smv_diff_entry entry[BUFFERED];
	u32 count, next;
	bool end; /* nothing follows what is buffered */
};

struct comparing {
	const struct smv_diff *diff;
	struct cursor *cursor;
	u32 cursors;
	struct cursor *marks; /* of the rollback's hidden volume; NULL: none runs */
	u64 marked_end; /* chunks below, from the last marks on, are done */
	struct smv_volume_info side[2], origin;
	u64 epoch[2]; /* of the origin, as of which each side reads it */
	/* the range being put together */
	u64 first, after;
	enum smv_diff_kind kind;
};

const char *smv_diff_kind_name(enum smv_diff_kind kind)
{
	static const char *const name[] = { "none", "data", "zero", "lost" };

	return name[kind];
}

/* -- the ways -------------------------------------------------------------- */

static struct cursor *cursor_of(struct comparing *c, u64 volume, bool origin)
{
	struct cursor *larger;

	for (u32 i = 0; i < c->cursors; i++)
		if (c->cursor[i].volume == volume)
			return &c->cursor[i];
	larger = realloc(c->cursor, (c->cursors + 1) * sizeof(*larger));
	if (!larger)
		return NULL;
	c->cursor = larger;
	memset(&larger[c->cursors], 0, sizeof(*larger));
	larger[c->cursors].volume = volume;
	larger[c->cursors].origin = origin;
	return &larger[c->cursors++];
}

/* From @v as of @epoch to the origin; *end: the epoch it is read as of there. */
static int lay_way(struct comparing *c, enum route way, struct smv_volume_info *v, u64 epoch,
		   u64 *end)
{
	u64 last = way == WAY_PENDING ? c->origin.roll_epoch - 1 : NO_CHUNK;

	for (u32 depth = 0;; depth++) {
		bool origin = v->flags & SMV_VOLUME_ORIGIN;
		struct cursor *cursor = cursor_of(c, v->number, origin);
		u64 child = v->number;

		if (!cursor)
			return -ENOMEM;
		cursor->step[way] =
			(struct step){ .on = true, .depth = depth, .epoch = epoch, .last = last };
		*end = epoch;
		if (origin)
			return 0;
		epoch = v->asof;
		/* parents are older: this ends */
		if (v->parent >= child || !c->diff->volume(c->diff->context, v->parent, v))
			return -EUCLEAN;
	}
}

static int lay_pending(struct comparing *c)
{
	struct smv_volume_info held;
	struct cursor *marks;
	u64 epoch, end;
	int rc;

	if (!c->origin.roll_volume)
		return 0;
	if (!c->diff->volume(c->diff->context, c->origin.roll_volume, &held) ||
	    !(held.flags & SMV_VOLUME_HIDDEN) || held.parent >= held.number)
		return -EUCLEAN;
	epoch = held.asof;
	marks = cursor_of(c, held.number, false);
	if (!marks)
		return -ENOMEM;
	if (!c->diff->volume(c->diff->context, held.parent, &held))
		return -EUCLEAN;
	rc = lay_way(c, WAY_PENDING, &held, epoch, &end);
	/* the array may have moved */
	c->marks = cursor_of(c, c->origin.roll_volume, false);
	return rc;
}

static int lay_ways(struct comparing *c, u64 from, u64 to)
{
	const u64 number[2] = { from, to };
	struct smv_volume_info v;
	int rc = 0;

	for (u32 i = 0; i < 2; i++) {
		if (!c->diff->volume(c->diff->context, number[i], &c->side[i]))
			return -EINVAL;
		if (c->side[i].flags & SMV_VOLUME_INVALID)
			return -EIO;
	}
	if (c->side[0].origin != c->side[1].origin)
		return -EINVAL;
	if (!c->diff->volume(c->diff->context, c->side[0].origin, &c->origin))
		return -EUCLEAN;
	for (u32 i = 0; i < 2 && !rc; i++) {
		v = c->side[i];
		rc = lay_way(c, i ? WAY_TO : WAY_FROM, &v, v.epoch, &c->epoch[i]);
	}
	return rc ? rc : lay_pending(c);
}

/* -- cursors ------------------------------------------------------------------ */

/* The entry under the cursor; NULL: there is none, or *rc. */
static const struct smv_diff_entry *peek(struct comparing *c, struct cursor *cursor, int *rc)
{
	struct smv_key from = { .volume = cursor->volume };

	if (cursor->next < cursor->count)
		return &cursor->entry[cursor->next];
	if (cursor->end)
		return NULL;
	if (cursor->count) {
		from = cursor->entry[cursor->count - 1].key;
		if (!smv_key_next(&from) || from.volume != cursor->volume)
			return NULL;
	}
	*rc = c->diff->fill(c->diff->context, &from, cursor->entry, BUFFERED);
	if (*rc < 0)
		return NULL;
	cursor->count = (u32)*rc;
	cursor->end = cursor->count < BUFFERED;
	cursor->next = 0;
	*rc = 0;
	return cursor->count ? cursor->entry : NULL;
}

/* The smallest chunk under any cursor but that of the marks; NO_CHUNK: none. */
static int smallest(struct comparing *c, u64 *chunk)
{
	int rc = 0;

	*chunk = NO_CHUNK;
	for (u32 i = 0; i < c->cursors; i++) {
		const struct smv_diff_entry *entry;

		if (&c->cursor[i] == c->marks)
			continue;
		entry = peek(c, &c->cursor[i], &rc);
		if (rc)
			return rc;
		if (entry && entry->key.chunk < *chunk)
			*chunk = entry->key.chunk;
	}
	return 0;
}

static void take(struct cursor *cursor, const struct smv_diff_entry *entry)
{
	for (u32 way = 0; way < WAYS; way++) {
		struct step *step = &cursor->step[way];
		u64 epoch = entry->key.epoch;
		bool serves = cursor->origin ?
				      !step->found && epoch > step->epoch && epoch <= step->last :
				      epoch <= step->epoch;

		if (step->on && serves) {
			step->found = true;
			step->where = entry->where;
		}
	}
}

/* Brings all cursors past @chunk. */
static int pass(struct comparing *c, u64 chunk)
{
	const struct smv_diff_entry *entry;
	int rc = 0;

	for (u32 i = 0; i < c->cursors; i++) {
		struct cursor *cursor = &c->cursor[i];

		for (u32 way = 0; way < WAYS; way++)
			cursor->step[way].found = false;
		while ((entry = peek(c, cursor, &rc)) && entry->key.chunk <= chunk) {
			u64 end = entry->key.chunk + smv_where_low(entry->where);

			if (cursor != c->marks)
				take(cursor, entry);
			else if (smv_where_kind(entry->where) == SMV_WHERE_MARK &&
				 end > c->marked_end)
				c->marked_end = end;
			cursor->next++;
		}
		if (rc)
			return rc;
	}
	return 0;
}

/* -- comparing --------------------------------------------------------------- */

static bool find(const struct comparing *c, enum route way, u64 *where)
{
	const struct step *best = NULL;

	for (u32 i = 0; i < c->cursors; i++) {
		const struct step *step = &c->cursor[i].step[way];

		if (step->on && step->found && (!best || step->depth < best->depth))
			best = step;
	}
	if (best)
		*where = best->where;
	return best;
}

static u64 resolve(const struct comparing *c, u32 side, u64 chunk)
{
	bool origin = c->side[side].flags & SMV_VOLUME_ORIGIN;
	bool done = chunk < c->origin.roll_done || chunk < c->marked_end;
	u64 where;

	if (!origin && find(c, side ? WAY_TO : WAY_FROM, &where))
		return where;
	if (c->marks && !done && (origin || c->epoch[side] >= c->origin.roll_epoch) &&
	    find(c, WAY_PENDING, &where))
		return where;
	return NOWHERE;
}

static enum smv_diff_kind judge(u64 from, u64 to)
{
	/* what two have lost need not have been the same */
	if (smv_where_kind(from) == SMV_WHERE_LOST || smv_where_kind(to) == SMV_WHERE_LOST)
		return SMV_DIFF_LOST;
	if (from == to)
		return SMV_DIFF_NONE;
	return smv_where_kind(to) == SMV_WHERE_ZERO ? SMV_DIFF_ZERO : SMV_DIFF_DATA;
}

static int flush(struct comparing *c)
{
	int rc = 0;

	if (c->kind != SMV_DIFF_NONE)
		rc = c->diff->range(c->diff->context, c->first, c->after - c->first, c->kind);
	c->kind = SMV_DIFF_NONE;
	return rc;
}

static int add(struct comparing *c, u64 first, u64 count, enum smv_diff_kind kind)
{
	int rc = 0;

	if (kind == SMV_DIFF_NONE)
		return 0;
	if (kind != c->kind || first != c->after) {
		rc = flush(c);
		c->first = first;
		c->kind = kind;
	}
	c->after = first + count;
	return rc;
}

static u64 chunks_of(const struct comparing *c, u32 side)
{
	u64 sectors = c->side[side].sectors;

	return sectors / c->diff->chunk_sectors + !!(sectors % c->diff->chunk_sectors);
}

/* The chunk in which one of them ends and the other goes on; NO_CHUNK: they end alike, or on a border. */
static u64 uneven(const struct comparing *c)
{
	u64 a = c->side[0].sectors, b = c->side[1].sectors, shorter = a < b ? a : b;

	return a == b || !(shorter % c->diff->chunk_sectors) ? NO_CHUNK :
							       shorter / c->diff->chunk_sectors;
}

static int compare(struct comparing *c)
{
	u64 a = chunks_of(c, 0), b = chunks_of(c, 1), chunk, cut = uneven(c);
	u64 both = a < b ? a : b;
	int rc;

	for (;;) {
		enum smv_diff_kind kind;

		rc = smallest(c, &chunk);
		if (!rc && cut < chunk)
			chunk = cut;
		if (rc || chunk >= both)
			break;
		rc = pass(c, chunk);
		if (rc)
			break;
		kind = judge(resolve(c, 0, chunk), resolve(c, 1, chunk));
		if (chunk == cut) {
			cut = NO_CHUNK;
			kind = kind == SMV_DIFF_NONE ? SMV_DIFF_DATA : kind;
		}
		rc = add(c, chunk, 1, kind);
		if (rc)
			break;
	}
	/* what only one of them has */
	if (!rc && a != b)
		rc = add(c, both, (a < b ? b : a) - both, SMV_DIFF_DATA);
	return rc ? rc : flush(c);
}

int smv_diff(const struct smv_diff *diff, u64 from, u64 to)
{
	struct comparing *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->diff = diff;
	rc = lay_ways(c, from, to);
	if (!rc)
		rc = compare(c);
	free(c->cursor);
	free(c);
	return rc;
}
