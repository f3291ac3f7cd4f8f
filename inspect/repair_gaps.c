// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the repair could not find must not be taken for "there was nothing": a
 * snapshot would read the origin in place where its own data is lost. So
 * wherever an exception may be missing, a lost entry is made, and what would
 * have been read through it reads as an error; or, where that would take too many
 * of them (half of what there is room for beside the data, too: a full store is repaired
 * like any other), the snapshots concerned become invalid as a whole.
 *
 * A volume whose every exception was found (its record says how many there were)
 * loses nothing in a gap; repair_room.c has forgotten the gaps that are too small.
 * Weak side: within a gap all chunks count as lost, those too that never had an
 * exception.
 */
#include <stdlib.h>
#include "repair_private.h"

#define FILL_MAX (1ULL << 18) /* lost entries made for one gap of one volume */

/* Is anything read as of an epoch in [from, to) of this volume? */
static bool has_reader(const struct smv_rp *rp, const struct smv_disk_volume *v, u64 from, u64 to)
{
	u64 epoch = le64_to_cpu(v->epoch);

	if (!smv_rp_is_origin(v) && epoch >= from && epoch < to)
		return true;
	for (u64 i = 0; i < rp->image->volumes; i++) {
		u64 asof = le64_to_cpu(rp->image->volume[i].asof);

		if (rp->image->volume[i].parent == v->number && asof >= from && asof < to)
			return true;
	}
	return false;
}

static void add_lost(struct smv_rp *rp, u64 volume, u64 chunk, u64 epoch)
{
	struct smv_key key = { volume, chunk, epoch };
	struct smv_value value = { .where = smv_where(SMV_WHERE_LOST, 0) };

	if (!rp->rc)
		rp->rc = smv_image_add_entry(&rp->lost, &key, &value);
}

/*
 * Entries of epochs [low, high] of this chunk may be missing; known ones split
 * that. An undo entry e serves [the one before, e), a redo entry [e, the next).
 */
static void fill_chunk(struct smv_rp *rp, const struct smv_disk_volume *v, u64 chunk, u64 low,
		       u64 high)
{
	u64 number = le64_to_cpu(v->number), before = 0, from = low;
	struct smv_key key = { number, chunk, 0 };

	for (u64 i = smv_rp_first(rp->image, &key);; i++) {
		const struct smv_image_entry *e = i < rp->image->entries ? &rp->image->entry[i] :
									   NULL;
		bool end = !e || e->key.volume != number || e->key.chunk != chunk ||
			   e->key.epoch > high;
		u64 to = end ? high + 1 : e->key.epoch; /* missing ones are in [from, to) */

		if (from < to && smv_rp_is_origin(v) && has_reader(rp, v, before, to - 1))
			add_lost(rp, number, chunk, to - 1);
		else if (from < to && !smv_rp_is_origin(v) &&
			 has_reader(rp, v, from, end ? ~0ULL : to))
			add_lost(rp, number, chunk, from);
		if (end)
			return;
		before = e->key.epoch;
		if (before >= low)
			from = before + 1;
	}
}

/* @through: of each volume of the image, whether it is @volume or read through it; so far none is. */
static void invalidate(struct smv_rp *rp, const struct smv_disk_volume *volume, const char *why,
		       bool *through)
{
	for (u64 i = 0; i < rp->image->volumes; i++) {
		struct smv_disk_volume *v = &rp->image->volume[i];
		const struct smv_disk_volume *parent =
			smv_rp_volume(rp->image, le64_to_cpu(v->parent));
		u32 flags = le32_to_cpu(v->flags), gone = SMV_VOLUME_DEAD | SMV_VOLUME_INVALID;

		/* parents come first; a ghost between is marked, too */
		through[i] = v == volume || (parent && through[parent - rp->image->volume]);
		if (!through[i] || flags & SMV_VOLUME_ORIGIN)
			continue;
		if (flags & SMV_VOLUME_HIDDEN && !(flags & SMV_VOLUME_DEAD)) {
			smv_rp_refuse(rp, "a running rollback reads what is lost");
			return;
		}
		if (!(flags & gone))
			smv_rp_say(rp, true, le64_to_cpu(v->number), 0, 0,
				   "is invalid from now on: %s", why);
		v->flags = cpu_to_le32(flags | SMV_VOLUME_INVALID);
	}
}

void smv_rp_invalidate(struct smv_rp *rp, struct smv_disk_volume *volume, const char *why)
{
	bool *through = calloc(rp->image->volumes + 1, sizeof(*through));

	if (through)
		invalidate(rp, volume, why, through);
	else
		rp->rc = -ENOMEM;
	free(through);
}

/*
 * A volume that only the journal knows is either newer than the checkpoint, then it
 * had no exceptions there, or its own record in the checkpoint is lost.
 */
static bool may_miss(const struct smv_rp *rp, u64 number)
{
	bool known = number >= le64_to_cpu(rp->ck->super.next_volume), missing = false;

	for (u64 i = 0; i < rp->missing.entries; i++) {
		if (rp->missing.entry[i].key.volume != number)
			continue;
		known = true;
		missing |= rp->missing.entry[i].value.where != 0;
	}
	return missing || !known;
}

/* How many chunks of the group nodes can have. */
static u64 group_room(const struct smv_rp *rp, u64 group)
{
	const struct smv_geometry *geometry = &rp->ck->geometry;
	u64 first = geometry->first_chunk + group * SMV_GROUP_CHUNKS;
	u64 most = smv_group_meta_max(geometry->chunk_blocks), room = 0;

	for (u64 c = first + geometry->head_chunks;
	     c < first + SMV_GROUP_CHUNKS && c < geometry->chunks && room < most; c++)
		room += !smv_ck_bit(rp->ck->seen, c);
	return room;
}

/* How many entries there may be. A node above the leaves comes with each 84 of them. */
static u64 entries_room(const struct smv_rp *rp)
{
	u64 blocks = 0;

	for (u64 group = 0; group < rp->ck->geometry.groups; group++)
		blocks += group_room(rp, group) * rp->ck->geometry.chunk_blocks;
	blocks -= rp->image->volumes < blocks ? rp->image->volumes : blocks;
	return blocks / 2 * (smv_tree_capacity(sizeof(struct smv_disk_value), 0) - 2);
}

static void fill_volume(struct smv_rp *rp, struct smv_disk_volume *v, const struct smv_rp_gap *gap,
			u64 room)
{
	u64 number = le64_to_cpu(v->number), epoch = le64_to_cpu(v->epoch);
	bool first = number == gap->low.volume, last = number == gap->high.volume;
	u64 from = first ? gap->low.chunk : 0, to = smv_rp_chunks(rp, v);
	u64 before = rp->lost.entries;
	bool fits;

	if (last && gap->high.chunk + !!gap->high.epoch < to)
		to = gap->high.chunk + !!gap->high.epoch;
	if (from >= to || !may_miss(rp, number))
		return;
	if (le32_to_cpu(v->flags) & SMV_VOLUME_HIDDEN) {
		if (!(le32_to_cpu(v->flags) & SMV_VOLUME_DEAD))
			smv_rp_refuse(rp, "it is not known any more how far a rollback had come");
		return;
	}
	smv_rp_guard_rollback(rp, v);
	fits = to - from <= FILL_MAX;
	for (u64 c = from; c < to && fits && !rp->rc; c++) {
		u64 low = first && c == gap->low.chunk ? gap->low.epoch : 0;
		u64 high = last && c == gap->high.chunk ? gap->high.epoch - 1 : epoch;

		fill_chunk(rp, v, c, low ? low : 1, high < epoch ? high : epoch);
		fits = rp->image->entries + rp->lost.entries <= room;
	}
	if (!fits) {
		rp->lost.entries = before;
		smv_rp_invalidate(rp, v, "too much of its map is lost");
	}
}

void smv_rp_fill(struct smv_rp *rp)
{
	u64 room = rp->exceptions.gaps ? entries_room(rp) : 0;

	for (u64 g = 0; g < rp->exceptions.gaps; g++) {
		const struct smv_rp_gap *gap = &rp->exceptions.gap[g];

		for (u64 i = 0; i < rp->image->volumes && !rp->rc; i++) {
			u64 number = le64_to_cpu(rp->image->volume[i].number);

			if (number >= gap->low.volume && number <= gap->high.volume)
				fill_volume(rp, &rp->image->volume[i], gap, room);
		}
	}
}

/* -- who lost what -------------------------------------------------------------------- */

/* The entry that the volume's chunk is read from; NULL: in place. */
static const struct smv_image_entry *find(const struct smv_rp *rp, const struct smv_disk_volume *v,
					  u64 chunk)
{
	const struct smv_image *image = rp->image;
	u64 epoch = le64_to_cpu(v->epoch);

	for (;;) {
		struct smv_key key = { le64_to_cpu(v->number), chunk, epoch + 1 };
		u64 at = smv_rp_first(image, &key);

		if (!smv_rp_is_origin(v))
			at--; /* the one before; it may be none */
		if (at < image->entries && image->entry[at].key.volume == key.volume &&
		    image->entry[at].key.chunk == chunk)
			return &image->entry[at];
		if (smv_rp_is_origin(v))
			return NULL;
		epoch = le64_to_cpu(v->asof);
		v = smv_rp_volume((struct smv_image *)image, le64_to_cpu(v->parent));
		if (!v)
			return NULL;
	}
}

static int by_chunk(const void *a, const void *b)
{
	const u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static bool is_lost(const struct smv_rp *rp, const struct smv_disk_volume *v, u64 chunk)
{
	const struct smv_image_entry *entry = find(rp, v, chunk);
	u64 at;

	if (!entry || smv_where_kind(entry->value.where) != SMV_WHERE_LOST)
		return false;
	at = smv_rp_first(&rp->lost, &entry->key);
	return at < rp->lost.entries && !smv_key_cmp(&rp->lost.entry[at].key, &entry->key);
}

static void name_volume(struct smv_rp *rp, const struct smv_disk_volume *v, const u64 *chunk,
			u64 chunks)
{
	u64 first = 0, count = 0, number = le64_to_cpu(v->number);
	static const char what[] = "cannot be known any more: reads as an error";

	for (u64 i = 0; i < chunks; i++) {
		if ((i && chunk[i] == chunk[i - 1]) || !is_lost(rp, v, chunk[i]))
			continue;
		if (count && chunk[i] == first + count) {
			count++;
			continue;
		}
		if (count)
			smv_rp_say(rp, true, number, first, count, "%s", what);
		first = chunk[i];
		count = 1;
	}
	if (count)
		smv_rp_say(rp, true, number, first, count, "%s", what);
}

void smv_rp_name_losses(struct smv_rp *rp)
{
	u64 *chunk = malloc((rp->lost.entries + 1) * sizeof(*chunk));

	if (!chunk) {
		rp->rc = -ENOMEM;
		return;
	}
	for (u64 i = 0; i < rp->lost.entries; i++)
		chunk[i] = rp->lost.entry[i].key.chunk;
	qsort(chunk, rp->lost.entries, sizeof(*chunk), by_chunk);
	for (u64 i = 0; i < rp->image->volumes; i++) {
		const struct smv_disk_volume *v = &rp->image->volume[i];
		u32 none = SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN | SMV_VOLUME_INVALID |
			   SMV_VOLUME_ORIGIN;

		if (!(le32_to_cpu(v->flags) & none))
			name_volume(rp, v, chunk, rp->lost.entries);
	}
	free(chunk);
}
