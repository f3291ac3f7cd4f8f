// SPDX-License-Identifier: GPL-2.0-only
/*
 * The repair's judgement of volumes and exceptions one by one. It promises that
 * what follows from other fields is put right, and that a snapshot of which it is
 * not certain what it reads is made invalid, so that it can be deleted, and
 * nothing else. A volume that cannot be one, and whatever belongs to nobody, is
 * dropped.
 *
 * A running rollback whose record is not whole is refused: the raw origin is
 * a mix then, and only that record says of what.
 */
#include <stdlib.h>
#include "repair_private.h"
#include "store.h"

#define ALL_FLAGS                                                                                  \
	(SMV_VOLUME_ORIGIN | SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD | SMV_VOLUME_INVALID |            \
	 SMV_VOLUME_SUSPECT | SMV_VOLUME_PASS)

static bool has(const struct smv_disk_volume *v, u32 flags)
{
	return le32_to_cpu(v->flags) & flags;
}

static bool is_visible(const struct smv_disk_volume *v)
{
	return !has(v, SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN);
}

static void drop_volume(struct smv_rp *rp, u64 i, const char *why)
{
	struct smv_image *image = rp->image;
	const struct smv_disk_volume *v = &image->volume[i];

	if (v->roll_volume || (has(v, SMV_VOLUME_HIDDEN) && !has(v, SMV_VOLUME_DEAD))) {
		smv_rp_refuse(rp, "a running rollback needs volume %llu: %s",
			      (unsigned long long)le64_to_cpu(v->number), why);
		return;
	}
	smv_rp_say(rp, true, le64_to_cpu(v->number), 0, 0, "is dropped: %s", why);
	rp->fewer_readers = true;
	image->volumes--;
	memmove(&image->volume[i], &image->volume[i + 1],
		(size_t)(image->volumes - i) * sizeof(*image->volume));
}

/* -- rollbacks ----------------------------------------------------------------- */

static void check_rolling(struct smv_rp *rp, const struct smv_disk_volume *v)
{
	const struct smv_disk_volume *held =
		v->roll_volume ? smv_rp_volume(rp->image, le64_to_cpu(v->roll_volume)) : NULL;
	u64 epoch = le64_to_cpu(v->roll_epoch);

	if (!v->roll_volume)
		return;
	if (!held || !has(held, SMV_VOLUME_HIDDEN) || has(held, SMV_VOLUME_DEAD) ||
	    held->origin != v->number || epoch > le64_to_cpu(v->epoch) || !epoch ||
	    le64_to_cpu(v->roll_done) > smv_rp_chunks(rp, v))
		smv_rp_refuse(rp, "the record of the rollback of %.31s is damaged", v->name);
	else if (rp->journal_gap)
		smv_rp_refuse(rp,
			      "%.31s is being rolled back, and the journal that says how far "
			      "is damaged",
			      v->name);
}

static void check_rollbacks(struct smv_rp *rp)
{
	for (u64 i = 0; i < rp->image->volumes && !rp->rc; i++) {
		struct smv_disk_volume *v = &rp->image->volume[i];
		struct smv_disk_volume *origin;

		if (has(v, SMV_VOLUME_ORIGIN)) {
			check_rolling(rp, v);
		} else if (v->roll_volume) {
			smv_rp_say(rp, false, le64_to_cpu(v->number), 0, 0,
				   "is no origin: it cannot be in a rollback");
			v->roll_volume = 0;
		}
		if (!has(v, SMV_VOLUME_HIDDEN) || has(v, SMV_VOLUME_DEAD))
			continue;
		origin = smv_rp_volume(rp->image, le64_to_cpu(v->origin));
		if (!origin || origin->roll_volume != v->number)
			smv_rp_refuse(rp,
				      "volume %llu holds the source of a rollback that is "
				      "recorded nowhere else",
				      (unsigned long long)le64_to_cpu(v->number));
	}
}

/* -- fields ------------------------------------------------------------------------ */

static u64 later(u64 epoch, u64 other)
{
	return other > epoch && other < SMV_EPOCH_MAX ? other : epoch;
}

/* A lost or impossible epoch is behind all that its entries and its children speak of. */
static void fix_epoch(struct smv_rp *rp, struct smv_disk_volume *v)
{
	u64 epoch = 0;

	if (v->epoch && le64_to_cpu(v->epoch) <= SMV_EPOCH_MAX)
		return;
	for (u64 i = 0; i < rp->image->volumes; i++)
		if (rp->image->volume[i].parent == v->number)
			epoch = later(epoch, le64_to_cpu(rp->image->volume[i].asof));
	for (u64 i = 0; i < rp->image->entries; i++)
		if (rp->image->entry[i].key.volume == le64_to_cpu(v->number))
			epoch = later(epoch, rp->image->entry[i].key.epoch);
	v->epoch = cpu_to_le64(epoch + 1);
	smv_rp_say(rp, false, le64_to_cpu(v->number), 0, 0, "had no possible epoch");
}

static void fix_fields(struct smv_rp *rp, struct smv_disk_volume *v)
{
	u64 number = le64_to_cpu(v->number);
	u32 flags = le32_to_cpu(v->flags);

	v->name[SMV_NAME_BYTES - 1] = 0;
	v->memo[SMV_MEMO_BYTES - 1] = 0;
	v->identity[SMV_IDENTITY_BYTES - 1] = 0;
	if (flags & ~ALL_FLAGS || (flags & SMV_VOLUME_ORIGIN && flags & SMV_VOLUME_HIDDEN)) {
		smv_rp_say(rp, false, number, 0, 0, "had impossible flags");
		flags &= ALL_FLAGS;
		if (flags & SMV_VOLUME_ORIGIN)
			flags &= ~SMV_VOLUME_HIDDEN;
		v->flags = cpu_to_le32(flags);
	}
	if (flags & SMV_VOLUME_ORIGIN && (v->parent || v->origin != v->number)) {
		smv_rp_say(rp, false, number, 0, 0, "is an origin: it has no parent");
		v->parent = 0;
		v->origin = v->number;
	}
	fix_epoch(rp, v);
}

/* Its parent as it should be; NULL: it cannot be known. */
static struct smv_disk_volume *parent_of(struct smv_rp *rp, const struct smv_disk_volume *v)
{
	struct smv_disk_volume *parent = smv_rp_volume(rp->image, le64_to_cpu(v->parent));

	return parent && parent < v ? parent : NULL;
}

/* false: it cannot stay. */
static bool fix_family(struct smv_rp *rp, struct smv_disk_volume *v)
{
	struct smv_disk_volume *parent = parent_of(rp, v);
	u64 number = le64_to_cpu(v->number);
	bool known = parent;

	if (!known) {
		/* below its origin it can be deleted, if nothing else */
		parent = smv_rp_volume(rp->image, le64_to_cpu(v->origin));
		if (!parent || !has(parent, SMV_VOLUME_ORIGIN) || parent >= v)
			return false;
		v->parent = parent->number;
		v->asof = cpu_to_le64(1);
	}
	if (v->origin != parent->origin) {
		smv_rp_say(rp, false, number, 0, 0, "is of its parent's origin");
		v->origin = parent->origin;
	}
	if (!v->asof || le64_to_cpu(v->asof) > le64_to_cpu(parent->epoch)) {
		v->asof = parent->epoch;
		known = false;
	}
	rp->fewer_readers |= !known;
	if (!known && has(v, SMV_VOLUME_HIDDEN) && !has(v, SMV_VOLUME_DEAD))
		smv_rp_refuse(rp, "what a running rollback reads from is lost");
	else if (!known)
		smv_rp_invalidate(rp, v, "what it was taken of is lost");
	return true;
}

static bool name_taken(const struct smv_rp *rp, u64 i)
{
	const struct smv_disk_volume *v = &rp->image->volume[i];

	for (u64 k = 0; k < i; k++) {
		const struct smv_disk_volume *other = &rp->image->volume[k];

		if (is_visible(other) && !strcmp(other->name, v->name) &&
		    has(other, SMV_VOLUME_ORIGIN) == has(v, SMV_VOLUME_ORIGIN) &&
		    (has(v, SMV_VOLUME_ORIGIN) || other->origin == v->origin))
			return true;
	}
	return false;
}

static void fix_name(struct smv_rp *rp, u64 i)
{
	struct smv_disk_volume *v = &rp->image->volume[i];
	bool origin = has(v, SMV_VOLUME_ORIGIN);

	if (!is_visible(v) ||
	    ((origin ? smv_name_is_origin(v->name) : smv_name_is_snapshot(v->name)) &&
	     !name_taken(rp, i)))
		return;
	memset(v->name, 0, sizeof(v->name));
	snprintf(v->name, sizeof(v->name), "recovered-%llu",
		 (unsigned long long)le64_to_cpu(v->number));
	smv_rp_say(rp, false, le64_to_cpu(v->number), 0, 0, "is its name from now on");
}

/* An origin is removed when no snapshot of it is left: where one is, it was not removed. */
static void revive_origins(struct smv_rp *rp)
{
	struct smv_image *image = rp->image;
	bool revived = false;

	for (u64 i = 0; i < image->volumes; i++) {
		const struct smv_disk_volume *v = &image->volume[i];
		struct smv_disk_volume *origin = smv_rp_volume(image, le64_to_cpu(v->origin));

		if (has(v, SMV_VOLUME_DEAD) || !origin || !has(origin, SMV_VOLUME_DEAD))
			continue;
		origin->flags &= ~cpu_to_le32(SMV_VOLUME_DEAD);
		smv_rp_say(rp, false, le64_to_cpu(origin->number), 0, 0,
			   "has snapshots: it is not removed");
		revived = true;
	}
	for (u64 i = 0; revived && i < image->volumes; i++)
		fix_name(rp, i);
}

static void suspect_all(struct smv_rp *rp)
{
	smv_rp_say(rp, true, 0, 0, 0,
		   "a part of the journal is lost: an origin whose rollback began in it is a mix");
	for (u64 i = 0; i < rp->image->volumes; i++) {
		struct smv_disk_volume *v = &rp->image->volume[i];

		if (!is_visible(v) || has(v, SMV_VOLUME_ORIGIN | SMV_VOLUME_INVALID))
			continue;
		v->flags |= cpu_to_le32(SMV_VOLUME_SUSPECT);
		smv_rp_say(rp, true, le64_to_cpu(v->number), 0, 0,
			   "is suspect: the newest changes are lost with a part of the journal");
	}
}

void smv_rp_fix_volumes(struct smv_rp *rp)
{
	struct smv_image *image = rp->image;
	u64 i = 0;

	while (i < image->volumes && !rp->rc) {
		struct smv_disk_volume *v = &image->volume[i];
		bool twice = i && v->number == v[-1].number;

		if (twice || !v->number || !v->sectors ||
		    le64_to_cpu(v->number) > SMV_RP_NUMBER_MAX) {
			drop_volume(rp, i,
				    twice ? "there are two of its number" :
					    "its record is impossible");
			continue;
		}
		fix_fields(rp, v);
		if (!has(v, SMV_VOLUME_ORIGIN) && !fix_family(rp, v)) {
			drop_volume(rp, i, "its origin is lost");
			continue;
		}
		fix_name(rp, i++);
	}
	if (!rp->rc)
		revive_origins(rp);
	if (!rp->rc)
		check_rollbacks(rp);
	if (rp->journal_gap && !rp->rc)
		suspect_all(rp);
}

/* -- exceptions ------------------------------------------------------------------------ */

static void lose(struct smv_rp *rp, const struct smv_key *key)
{
	struct smv_value value = { .where = smv_where(SMV_WHERE_LOST, 0) };

	smv_rp_guard_rollback(rp, smv_rp_volume(rp->image, key->volume));
	if (!rp->rc)
		rp->rc = smv_image_add_entry(&rp->lost, key, &value);
}

static bool is_place(const struct smv_rp *rp, u64 chunk)
{
	return chunk < rp->ck->chunks && !smv_ck_is_head(rp->ck, chunk) &&
	       !smv_ck_find_meta(rp->ck, chunk);
}

/* The journal may have made data of what was metadata at the checkpoint: only nodes in use are not. */
static bool is_possible(const struct smv_rp *rp, u64 where)
{
	u64 low = smv_where_low(where);

	switch (smv_where_kind(where)) {
	case SMV_WHERE_CHUNK:
		return is_place(rp, low);
	case SMV_WHERE_ZERO:
	case SMV_WHERE_LOST:
		return !low;
	default:
		return false;
	}
}

/* Hidden volumes: marks, and nothing else. */
static bool keep_mark(struct smv_rp *rp, const struct smv_disk_volume *v,
		      const struct smv_image_entry *e)
{
	u64 low = smv_where_low(e->value.where), chunks = smv_rp_chunks(rp, v);

	if (smv_where_kind(e->value.where) == SMV_WHERE_MARK && low && !e->key.epoch &&
	    e->key.chunk < chunks && low <= chunks - e->key.chunk)
		return true;
	if (!has(v, SMV_VOLUME_DEAD))
		smv_rp_refuse(rp, "a mark of a running rollback is impossible");
	return false;
}

/* Is the entry to stay? If not, a lost one may take its place. */
static bool keep(struct smv_rp *rp, const struct smv_disk_volume *v,
		 const struct smv_image_entry *e)
{
	if (has(v, SMV_VOLUME_HIDDEN))
		return keep_mark(rp, v, e);
	if (!smv_rp_is_key(rp, v, &e->key)) {
		/* where it belongs cannot be known: it is missing anywhere */
		smv_rp_miss(rp, e->key.volume, 1);
		return false;
	}
	if (is_possible(rp, e->value.where) &&
	    (!e->value.check || smv_rp_copy_is_there(rp, &e->key, &e->value)))
		return true;
	lose(rp, &e->key);
	return false;
}

/* Chunks with two owners: neither can be believed. */
static void lose_twins(struct smv_rp *rp)
{
	u8 *twice = calloc(1, rp->ck->chunks / 8 + 1);
	u64 kept = 0;

	for (u64 i = 0; i < rp->image->entries && twice; i++) {
		u64 where = rp->image->entry[i].value.where, chunk = smv_where_low(where);

		if (!smv_where_is_chunk(where))
			continue;
		if (smv_ck_bit(rp->ck->seen, chunk))
			smv_ck_set(twice, chunk);
		smv_ck_set(rp->ck->seen, chunk);
	}
	for (u64 i = 0; i < rp->image->entries && twice; i++) {
		const struct smv_image_entry e = rp->image->entry[i];
		u64 where = e.value.where;

		if (smv_where_is_chunk(where) && smv_ck_bit(twice, smv_where_low(where)))
			lose(rp, &e.key);
		else
			rp->image->entry[kept++] = e;
	}
	if (!twice)
		rp->rc = -ENOMEM;
	rp->image->entries = kept;
	free(twice);
}

void smv_rp_fix_entries(struct smv_rp *rp)
{
	u64 kept = 0, nobody = 0;

	for (u64 i = 0; i < rp->image->entries && !rp->rc; i++) {
		const struct smv_image_entry e = rp->image->entry[i];
		const struct smv_disk_volume *v = smv_rp_volume(rp->image, e.key.volume);

		nobody += !v;
		if (!v || !keep(rp, v, &e))
			continue;
		rp->image->entry[kept] = e;
		rp->image->entry[kept++].value.check = 0;
	}
	if (nobody)
		smv_rp_say(rp, false, 0, 0, 0, "%llu exceptions of no volume were dropped",
			   (unsigned long long)nobody);
	rp->image->entries = kept;
	if (!rp->rc)
		lose_twins(rp);
}
