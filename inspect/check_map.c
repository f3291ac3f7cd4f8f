// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check's part for what the trees say: the table of volumes, and the
 * exceptions. It promises that every reference in the table leads to a volume
 * that can be what is said of it, that parents never loop (a parent is older
 * than its child), and that each store chunk has one owner.
 */
#include <stdlib.h>
#include "check_private.h"
#include "store.h"

#define KNOWN_FLAGS                                                                                \
	(SMV_VOLUME_ORIGIN | SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD | SMV_VOLUME_INVALID |            \
	 SMV_VOLUME_SUSPECT | SMV_VOLUME_PASS)

struct smv_ck_volume *smv_ck_find_volume(struct smv_ck *ck, u64 number)
{
	u64 low = 0, high = ck->volumes;

	while (low < high) {
		u64 middle = low + (high - low) / 2;

		if (ck->volume[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ck->volumes && ck->volume[low].number == number ? &ck->volume[low] : NULL;
}

void smv_ck_volume_add(struct smv_ck *ck, const struct smv_ck_volume *volume)
{
	if (!(ck->volumes & (ck->volumes + 1)) || !ck->volume) {
		void *larger = realloc(ck->volume, 2 * (ck->volumes + 1) * sizeof(*ck->volume));

		if (!larger) {
			ck->incomplete = true;
			return;
		}
		ck->volume = larger;
	}
	ck->volume[ck->volumes++] = *volume;
}

void smv_ck_volume_entry(struct smv_ck *ck, const struct smv_key *key, const void *value)
{
	const struct smv_disk_volume *disk = value;
	struct smv_ck_volume v = { .number = le64_to_cpu(disk->number),
				   .parent = le64_to_cpu(disk->parent),
				   .asof = le64_to_cpu(disk->asof),
				   .epoch = le64_to_cpu(disk->epoch),
				   .origin = le64_to_cpu(disk->origin),
				   .sectors = le64_to_cpu(disk->sectors),
				   .exceptions = le64_to_cpu(disk->exceptions),
				   .roll_volume = le64_to_cpu(disk->roll_volume),
				   .roll_epoch = le64_to_cpu(disk->roll_epoch),
				   .roll_done = le64_to_cpu(disk->roll_done),
				   .flags = le32_to_cpu(disk->flags) };

	if (v.number != key->volume || key->chunk || key->epoch || !v.number) {
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_FIELD, key->volume, "number %llu",
			      (unsigned long long)v.number);
		return;
	}
	if (v.number >= le64_to_cpu(ck->super.next_volume))
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_FIELD, v.number, "a number not given out yet");
	if (disk->name[SMV_NAME_BYTES - 1] || disk->memo[SMV_MEMO_BYTES - 1] ||
	    disk->identity[SMV_IDENTITY_BYTES - 1])
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_FIELD, v.number, "a text without an end");
	memcpy(v.name, disk->name, SMV_NAME_BYTES);
	v.name[SMV_NAME_BYTES - 1] = 0;
	smv_ck_volume_add(ck, &v);
}

static bool is_visible(const struct smv_ck_volume *v)
{
	return !(v->flags & (SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD));
}

static u64 chunks_of(const struct smv_ck *ck, const struct smv_ck_volume *v)
{
	u64 chunk = (u64)ck->geometry.chunk_blocks * SMV_BLOCK_SECTORS;

	return (v->sectors + chunk - 1) / chunk;
}

static void check_family(struct smv_ck *ck, const struct smv_ck_volume *v)
{
	const struct smv_ck_volume *parent = v->parent ? smv_ck_find_volume(ck, v->parent) : NULL;

	if (v->flags & SMV_VOLUME_ORIGIN) {
		if (v->parent || v->origin != v->number)
			smv_ck_damage(ck, SMV_DAMAGE_VOLUME_PARENT, v->number,
				      "an origin with a "
				      "parent");
		return;
	}
	if (!parent || v->parent >= v->number) {
		if (!ck->incomplete || parent)
			smv_ck_damage(ck, SMV_DAMAGE_VOLUME_PARENT, v->number, "parent %llu",
				      (unsigned long long)v->parent);
		return;
	}
	if (v->origin != parent->origin)
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_PARENT, v->number,
			      "its origin %llu is not its parent's", (unsigned long long)v->origin);
	if (v->asof > parent->epoch || !v->asof)
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_ASOF, v->number, "%llu, the parent is at %llu",
			      (unsigned long long)v->asof, (unsigned long long)parent->epoch);
}

/* An origin is removed when no snapshot of it is left. */
static void check_origin(struct smv_ck *ck, const struct smv_ck_volume *v)
{
	const struct smv_ck_volume *origin;

	if (v->flags & (SMV_VOLUME_ORIGIN | SMV_VOLUME_DEAD))
		return;
	origin = smv_ck_find_volume(ck, v->origin);
	if (origin && origin->flags & SMV_VOLUME_DEAD)
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_PARENT, v->number,
			      "its origin %llu was removed", (unsigned long long)v->origin);
}

static void check_roll(struct smv_ck *ck, const struct smv_ck_volume *v)
{
	const struct smv_ck_volume *held = v->roll_volume ? smv_ck_find_volume(ck, v->roll_volume) :
							    NULL;

	if (!v->roll_volume)
		return;
	if (!held && ck->incomplete)
		return;
	if (!(v->flags & SMV_VOLUME_ORIGIN) || !held || !(held->flags & SMV_VOLUME_HIDDEN) ||
	    held->flags & SMV_VOLUME_DEAD || held->origin != v->number ||
	    v->roll_epoch > v->epoch || !v->roll_epoch || v->roll_done > chunks_of(ck, v))
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_ROLL, v->number, "held by volume %llu",
			      (unsigned long long)v->roll_volume);
}

/* A hidden volume lives as long as its origin's rollback. */
static void check_hidden(struct smv_ck *ck, const struct smv_ck_volume *v)
{
	const struct smv_ck_volume *origin;

	if (!(v->flags & SMV_VOLUME_HIDDEN) || v->flags & SMV_VOLUME_DEAD)
		return;
	origin = smv_ck_find_volume(ck, v->origin);
	if (origin && origin->roll_volume != v->number)
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_ROLL, v->number,
			      "holds the source of a rollback that does not run");
}

static void check_volume(struct smv_ck *ck, const struct smv_ck_volume *v)
{
	bool origin = v->flags & SMV_VOLUME_ORIGIN;

	if (v->flags & ~KNOWN_FLAGS || (origin && v->flags & SMV_VOLUME_HIDDEN) || !v->epoch ||
	    v->epoch > SMV_EPOCH_MAX || !v->sectors)
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_FIELD, v->number,
			      "flags %#x, epoch %llu, "
			      "%llu sectors",
			      v->flags, (unsigned long long)v->epoch,
			      (unsigned long long)v->sectors);
	if (is_visible(v) &&
	    !(origin ? smv_name_is_origin(v->name) : smv_name_is_snapshot(v->name)))
		smv_ck_damage(ck, SMV_DAMAGE_VOLUME_NAME, v->number, "illegal");
	check_family(ck, v);
	check_origin(ck, v);
	check_roll(ck, v);
	check_hidden(ck, v);
}

static int by_name(const void *a, const void *b)
{
	const struct smv_ck_volume *x = *(void *const *)a, *y = *(void *const *)b;
	u64 xo = x->flags & SMV_VOLUME_ORIGIN ? 0 : x->origin;
	u64 yo = y->flags & SMV_VOLUME_ORIGIN ? 0 : y->origin;

	if (xo != yo)
		return xo < yo ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void check_names(struct smv_ck *ck)
{
	const struct smv_ck_volume **sorted = calloc(ck->volumes + 1, sizeof(*sorted));
	u64 count = 0;

	if (!sorted)
		return;
	for (u64 i = 0; i < ck->volumes; i++)
		if (is_visible(&ck->volume[i]))
			sorted[count++] = &ck->volume[i];
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (u64 i = 1; i < count; i++)
		if (!by_name(&sorted[i - 1], &sorted[i]))
			smv_ck_damage(ck, SMV_DAMAGE_VOLUME_NAME, sorted[i]->number,
				      "volume %llu has it, too",
				      (unsigned long long)sorted[i - 1]->number);
	free(sorted);
}

static void list_readers(struct smv_ck *ck)
{
	ck->judges_readers = !ck->incomplete && !ck->result->damages &&
			     !smv_readers_begin(&ck->readers, ck->volumes);
	for (u64 i = 0; i < ck->volumes && ck->judges_readers; i++)
		if (ck->volume[i].parent)
			smv_readers_add(&ck->readers, ck->volume[i].parent, ck->volume[i].asof);
	if (ck->judges_readers)
		smv_readers_end(&ck->readers);
}

void smv_ck_volumes(struct smv_ck *ck)
{
	for (u64 i = 0; i < ck->volumes; i++)
		check_volume(ck, &ck->volume[i]);
	check_names(ck);
	list_readers(ck);
	ck->last = (struct smv_key){ 0 };
	ck->mark = (struct smv_key){ 0 };
}

/* -- exceptions --------------------------------------------------------------- */

static void own(struct smv_ck *ck, u64 chunk, const struct smv_key *key)
{
	if (chunk >= ck->chunks || smv_ck_is_head(ck, chunk) || smv_ck_find_meta(ck, chunk)) {
		smv_ck_damage(ck, SMV_DAMAGE_CHUNK_PLACE, chunk, "of volume %llu chunk %llu",
			      (unsigned long long)key->volume, (unsigned long long)key->chunk);
		return;
	}
	if (smv_ck_bit(ck->seen, chunk))
		smv_ck_damage(ck, SMV_DAMAGE_CHUNK_TWICE, chunk,
			      "again for volume %llu chunk %llu epoch %llu",
			      (unsigned long long)key->volume, (unsigned long long)key->chunk,
			      (unsigned long long)key->epoch);
	else
		ck->data_chunks++;
	smv_ck_set(ck->seen, chunk);
}

/* What the engine takes in of two marks that overlap depends on where it begins to read. */
static bool is_mark(struct smv_ck *ck, const struct smv_key *key, u64 count,
		    const struct smv_ck_volume *v)
{
	u64 end = ck->mark.volume == key->volume ? ck->mark.chunk : 0;

	if (!v || !(v->flags & SMV_VOLUME_HIDDEN) || !count || key->epoch ||
	    count > chunks_of(ck, v) - key->chunk)
		return false;
	ck->mark = (struct smv_key){ .volume = key->volume, .chunk = key->chunk + count };
	return key->chunk >= end;
}

static void check_value(struct smv_ck *ck, const struct smv_key *key, u64 where,
			const struct smv_ck_volume *v)
{
	u64 low = smv_where_low(where);
	bool marks = v && v->flags & SMV_VOLUME_HIDDEN;

	switch (smv_where_kind(where)) {
	case SMV_WHERE_CHUNK:
		own(ck, low, key);
		break;
	case SMV_WHERE_ZERO:
	case SMV_WHERE_LOST:
		if (low)
			smv_ck_damage(ck, SMV_DAMAGE_VALUE, key->volume, "chunk %llu: %#llx",
				      (unsigned long long)key->chunk, (unsigned long long)where);
		break;
	case SMV_WHERE_MARK:
		if (!is_mark(ck, key, low, v))
			smv_ck_damage(ck, SMV_DAMAGE_VALUE, key->volume, "a mark at chunk %llu",
				      (unsigned long long)key->chunk);
		return;
	default:
		smv_ck_damage(ck, SMV_DAMAGE_VALUE, key->volume, "chunk %llu: %#llx",
			      (unsigned long long)key->chunk, (unsigned long long)where);
		return;
	}
	if (marks)
		smv_ck_damage(ck, SMV_DAMAGE_VALUE, key->volume,
			      "chunk %llu: a hidden volume holds marks only",
			      (unsigned long long)key->chunk);
}

/* I-INTERVAL: the cleaner has been over all that nobody reads, or will be. */
static void check_readers(struct smv_ck *ck, const struct smv_key *key,
			  const struct smv_ck_volume *v)
{
	bool same = ck->last.volume == key->volume && ck->last.chunk == key->chunk;
	u64 from = same ? ck->last.epoch : 0;

	ck->last = *key;
	if (!ck->judges_readers || !(v->flags & SMV_VOLUME_ORIGIN) || v->flags & SMV_VOLUME_PASS)
		return;
	if (!smv_readers_within(&ck->readers, key->volume, from, key->epoch))
		smv_ck_damage(ck, SMV_DAMAGE_ENTRY_UNREAD, key->volume, "chunk %llu epoch %llu",
			      (unsigned long long)key->chunk, (unsigned long long)key->epoch);
}

void smv_ck_exception(struct smv_ck *ck, const struct smv_key *key, const struct smv_value *value)
{
	struct smv_ck_volume *v = smv_ck_find_volume(ck, key->volume);

	ck->exceptions++;
	if (!v) {
		if (!ck->incomplete)
			smv_ck_damage(ck, SMV_DAMAGE_ENTRY_VOLUME, key->volume, "chunk %llu",
				      (unsigned long long)key->chunk);
	} else {
		v->counted++;
		if (key->chunk >= chunks_of(ck, v)) {
			smv_ck_damage(ck, SMV_DAMAGE_ENTRY_CHUNK, key->volume, "chunk %llu",
				      (unsigned long long)key->chunk);
			return;
		}
		if (key->epoch > v->epoch || (v->flags & SMV_VOLUME_ORIGIN && !key->epoch))
			smv_ck_damage(ck, SMV_DAMAGE_ENTRY_EPOCH, key->volume,
				      "chunk %llu epoch %llu", (unsigned long long)key->chunk,
				      (unsigned long long)key->epoch);
		check_readers(ck, key, v);
	}
	if (value->check)
		smv_ck_damage(ck, SMV_DAMAGE_UNPROVEN, key->volume, "chunk %llu epoch %llu",
			      (unsigned long long)key->chunk, (unsigned long long)key->epoch);
	check_value(ck, key, value->where, v);
}

void smv_ck_exception_entry(struct smv_ck *ck, const struct smv_key *key, const void *value)
{
	const struct smv_disk_value *disk = value;
	struct smv_value v = { .where = le64_to_cpu(disk->where),
			       .check = le64_to_cpu(disk->check) };

	smv_ck_exception(ck, key, &v);
}

void smv_ck_counts(struct smv_ck *ck)
{
	for (u64 i = 0; i < ck->volumes && !ck->incomplete; i++) {
		const struct smv_ck_volume *v = &ck->volume[i];

		if (v->exceptions != v->counted)
			smv_ck_damage(ck, SMV_DAMAGE_VOLUME_COUNT, v->number,
				      "says %llu, there are %llu",
				      (unsigned long long)v->exceptions,
				      (unsigned long long)v->counted);
	}
}
