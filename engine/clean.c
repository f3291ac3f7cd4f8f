// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cleaner frees what deleted snapshots alone were holding. A volume whose
 * readers became fewer is flagged for a pass: one ascending walk over its
 * entries, each judged by the interval of epochs that it serves (I-INTERVAL):
 *
 *   undo entry e of an origin:    live if some reader is as of [previous entry, e)
 *   redo entry e of a snapshot:   live if some reader is as of [e, next entry)
 *
 * Readers of a volume are its children, as they are in the table when an entry is
 * judged, and, for a snapshot that is alive, its own epoch. A rollback's hidden child
 * reads only chunks that are not marked in the journal (I-HELD). Death is for ever: new
 * readers come as of the present epoch, or as of one that is read already. So a pass may
 * take any time, and what it frees needs no second look; what serves epochs from the one
 * on in which the pass began, it leaves alone, unless the volume was dead by then.
 *
 * At the end of its pass, if no further one was asked for, a dead volume without children
 * leaves the table, and its parent is flagged; one with a single visible child is merged into it: each
 * entry is re-keyed below all of the child's epochs by one record, or deleted
 * where the child has entries and nobody reads it as of an epoch before them; then the child takes its place. A new snapshot
 * taken meanwhile of a child that has no entries yet is attached to the ghost:
 * then there are two children, and the merge ends (I-MERGE).
 *
 * A merge only goes ahead, as a pass does: what it has handed down are tombstones until the next
 * checkpoint, and to pass them again for each entry would be a search of each. Nothing comes to a
 * ghost behind it: nobody has a deleted volume open, a job from before ends with nothing done,
 * preserved chunks and marks are entries of origins and hidden volumes, and of two ghosts one is merged at a time.
 *
 * Crash: each record stands alone. The flag is cleared when the pass has
 * ended, so an interrupted pass is made again from the beginning: its weak side.
 */
#include "clean.h"

static struct smv_volume *dead_leaf(struct smv_store *store)
{
	struct smv_volume *volume;

	for (volume = store->pass_first; volume; volume = volume->pass_next)
		if (!volume->children && smv_volume_is_dead(store, volume))
			return volume;
	return NULL;
}

static bool can_pass(const struct smv_store *store, const struct smv_volume *volume)
{
	return !smv_volume_is(volume, SMV_VOLUME_DEAD) || smv_volume_is_dead(store, volume);
}

/* Those that need no judging first: then their parents need one pass for all of them. */
static struct smv_volume *choose(struct smv_store *store)
{
	struct smv_volume *volume;

	if (!store->passes)
		return NULL;
	smv_volume_settle(store);
	volume = dead_leaf(store);
	if (volume)
		return volume;
	for (volume = store->pass_first; volume; volume = volume->pass_next)
		if (can_pass(store, volume))
			return volume;
	return NULL;
}

bool smv_clean_wanted(const struct smv_store *store)
{
	if (store->failed || store->read_only)
		return false;
	return store->clean.phase != SMV_CLEAN_CHOOSE || store->passes;
}

/* ---- readers ------------------------------------------------------------- */

static bool is_read_within(const struct smv_cleaning *clean, u64 from, u64 end)
{
	const struct smv_volume *child;

	/* Its own epoch, and whatever was written or taken of it since the pass began. */
	if (end > clean->epoch)
		return true;
	child = smv_volume_child_from(clean->volume, from);
	for (; child && child->asof < end; child = child->sibling_next)
		if (!smv_volume_is(child, SMV_VOLUME_HIDDEN))
			return true;
	return false;
}

/* Does a running rollback still hold the entry that serves [from, end) of this chunk? */
static bool is_held_within(struct smv_store *store, const struct smv_volume *volume, u64 chunk,
			   u64 from, u64 end)
{
	const struct smv_volume *held;

	if (!smv_volume_is_rolling(volume->origin) || smv_resolve_is_marked(volume->origin, chunk))
		return false;
	held = smv_volume_number(store, volume->origin->roll_volume);
	return held->parent == volume && held->asof >= from && held->asof < end;
}

/* ---- judging ---------------------------------------------------------------- */

/* The interval of epochs that an entry serves. */
static int interval(struct smv_store *store, const struct smv_volume *volume,
		    const struct smv_key *key, u64 *from, u64 *end, u64 *miss)
{
	struct smv_key near = *key, limit = *key, found;
	int error;

	if (volume->parent) {
		*from = key->epoch;
		*end = ~0ULL;
		near.epoch++;
		limit.epoch = ~0ULL;
		error = smv_record_ge(store, &near, &limit, &found, NULL, miss);
		if (!error)
			*end = found.epoch;
	} else {
		*from = 0;
		*end = key->epoch;
		limit.epoch = 0;
		if (!near.epoch--)
			return 0;
		error = smv_record_le(store, &near, &limit, &found, NULL, miss);
		if (!error)
			*from = found.epoch;
	}
	return error == -ENOENT ? 0 : error;
}

static int delete_entry(struct smv_store *store, struct smv_volume *volume,
			const struct smv_key *key, u64 where, u32 *freed, u64 *miss)
{
	struct smv_store_chunk chunk = { smv_where_low(where) };
	int error = 0;

	if (smv_where_is_chunk(where))
		error = smv_alloc_ready(&store->alloc, chunk, miss);
	if (!error)
		error = smv_record_reserve(store, 1, 0);
	if (error)
		return error;
	smv_record_delete(store, volume, key, where);
	*freed += smv_where_is_chunk(where);
	return 0;
}

/* The next entry of the volume being cleaned; as smv_record_walk(): a step passes one tombstone at most. */
static int next_entry(struct smv_store *store, struct smv_key *key, u64 *where, u64 *miss)
{
	struct smv_cleaning *clean = &store->clean;
	const struct smv_key last = { clean->volume->number, ~0ULL, ~0ULL };
	struct smv_value value;
	int error;

	if (!clean->volume->exceptions)
		return -ENOENT;
	error = smv_record_walk(store, &clean->place, &last, key, &value, miss);
	if (!error)
		*where = value.where;
	return error;
}

static bool advance(struct smv_cleaning *clean, const struct smv_key *key)
{
	clean->place = *key;
	return smv_key_next(&clean->place) && clean->place.volume == clean->volume->number;
}

static int judge_one(struct smv_store *store, u32 *freed, u64 *miss)
{
	struct smv_cleaning *clean = &store->clean;
	struct smv_volume *volume = clean->volume;
	struct smv_key key;
	u64 where, from, end;
	int error = next_entry(store, &key, &where, miss);

	if (error)
		return error < 0 ? error : 0;
	error = interval(store, volume, &key, &from, &end, miss);
	if (error)
		return error;
	if (!is_read_within(clean, from, end) &&
	    !is_held_within(store, volume, key.chunk, from, end))
		error = delete_entry(store, volume, &key, where, freed, miss);
	if (!error && !advance(clean, &key))
		error = -ENOENT;
	return error;
}

/* ---- merging ------------------------------------------------------------------ */

static struct smv_volume *heir(const struct smv_store *store, const struct smv_volume *ghost)
{
	struct smv_volume *child = ghost->child_first;

	if (!ghost->parent || !smv_volume_is_dead(store, ghost) || ghost->children != 1 ||
	    smv_volume_is(ghost, SMV_VOLUME_HIDDEN) || smv_volume_is(child, SMV_VOLUME_HIDDEN))
		return NULL;
	return child;
}

/* Does anybody read the child as of an epoch before @first, that of its first entry? */
static bool is_read_before(const struct smv_volume *child, u64 first)
{
	return child->child_first && child->child_first->asof < first;
}

/* The ghost's entry becomes the child's, or goes. */
static int hand_down(struct smv_store *store, struct smv_volume *child, const struct smv_key *key,
		     u64 where, u32 *freed, u64 *miss)
{
	struct smv_volume *ghost = store->clean.volume;
	struct smv_key to = { child->number, key->chunk, 0 };
	struct smv_key limit = { child->number, key->chunk, ~0ULL };
	struct smv_key found;
	int error = smv_record_ge(store, &to, &limit, &found, NULL, miss);

	if (!error && !is_read_before(child, found.epoch))
		return delete_entry(store, ghost, key, where, freed, miss);
	if (!error || error == -ENOENT)
		error = smv_record_reserve(store, 1, 0);
	if (!error)
		smv_record_rekey(store, ghost, key, child, &to, where);
	return error;
}

/* -ENOENT: that was the last. */
static int merge_one(struct smv_store *store, struct smv_volume *child, u32 *freed, u64 *miss)
{
	struct smv_key key;
	u64 where;
	int error = next_entry(store, &key, &where, miss);

	if (error)
		return error < 0 ? error : 0;
	error = hand_down(store, child, &key, where, freed, miss);
	if (!error && !advance(&store->clean, &key))
		error = -ENOENT;
	return error;
}

/*
 * Nothing comes to a ghost behind the merge's place. But with its record goes the only way to
 * what it still has: so if it counts an entry more, all is looked through again. -ENOENT: nothing is left.
 */
static int look_back(struct smv_store *store, u64 *miss)
{
	struct smv_volume *ghost = store->clean.volume;
	struct smv_key first = { ghost->number, 0, 0 };
	struct smv_key limit = { ghost->number, ~0ULL, ~0ULL };
	struct smv_key found; /* some other key if it fails */
	int error;

	if (!ghost->exceptions)
		return -ENOENT;
	error = smv_record_ge(store, &first, &limit, &found, NULL, miss);
	if (!error)
		store->clean.place = found;
	return error;
}

static int merge_end(struct smv_store *store, struct smv_volume *child)
{
	struct smv_volume *ghost = store->clean.volume;
	int error = smv_record_reserve(store, 0, 2);

	if (error)
		return error;
	smv_volume_adopt(child);
	smv_record_volume(store, child);
	smv_record_gone(store, ghost);
	return 0;
}

/* ---- the pass -------------------------------------------------------------------- */

static int begin_pass(struct smv_store *store)
{
	struct smv_cleaning *clean = &store->clean;
	struct smv_volume *volume = choose(store);

	if (!volume)
		return -ENOENT;
	clean->volume = volume;
	clean->epoch = smv_volume_is(volume, SMV_VOLUME_DEAD) ? ~0ULL : volume->epoch;
	clean->place = (struct smv_key){ volume->number, 0, 0 };
	clean->pass = volume->pass;
	clean->phase = SMV_CLEAN_JUDGE;
	return 0;
}

/* A dead volume without children and entries leaves; its parent has a reader less. */
static int leave(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_volume *parent = volume->parent;
	int error = smv_record_reserve(store, 0, 2);

	if (error)
		return error;
	smv_record_gone(store, volume);
	if (parent)
		smv_record_want_pass(store, parent);
	return 0;
}

static int end_pass(struct smv_store *store)
{
	struct smv_cleaning *clean = &store->clean;
	struct smv_volume *volume = clean->volume;
	int error = 0;

	if (smv_volume_is_dead(store, volume) && !volume->children && !volume->exceptions) {
		error = leave(store, volume);
	} else if (clean->pass == volume->pass && heir(store, volume)) {
		clean->place = (struct smv_key){ volume->number, 0, 0 };
		clean->phase = SMV_CLEAN_MERGE;
		return 0;
	} else if (clean->pass == volume->pass) {
		error = smv_record_reserve(store, 0, 1);
		if (!error)
			smv_record_flags(store, volume, volume->flags & ~SMV_VOLUME_PASS);
	}
	if (!error)
		clean->phase = SMV_CLEAN_CHOOSE;
	return error;
}

static int merge_step(struct smv_store *store, u32 *freed, u64 *miss)
{
	struct smv_cleaning *clean = &store->clean;
	struct smv_volume *child = heir(store, clean->volume);
	int error;

	if (!child) {
		clean->phase = SMV_CLEAN_CHOOSE;
		return 0;
	}
	error = merge_one(store, child, freed, miss);
	if (error == -ENOENT)
		error = look_back(store, miss);
	if (error != -ENOENT)
		return error;
	error = merge_end(store, child);
	if (!error)
		clean->phase = SMV_CLEAN_CHOOSE;
	return error;
}

static int one_step(struct smv_store *store, u32 *freed, u64 *miss)
{
	int error;

	switch (store->clean.phase) {
	case SMV_CLEAN_CHOOSE:
		return begin_pass(store);
	case SMV_CLEAN_JUDGE:
		error = judge_one(store, freed, miss);
		if (error != -ENOENT)
			return error;
		store->clean.phase = SMV_CLEAN_END;
		return 0;
	case SMV_CLEAN_END:
		return end_pass(store);
	case SMV_CLEAN_MERGE:
		return merge_step(store, freed, miss);
	}
	return -ENOENT;
}

int smv_clean_step(struct smv_store *store, u32 entries, u32 *freed, u64 *miss)
{
	int error;

	*freed = 0;
	if (store->failed || store->read_only)
		return 0;
	/* I-UNPROVEN-UNSEEN: it would judge a chunk without seeing what is about to be there. */
	if (store->unproven.count)
		return 0;
	for (u32 i = 0; i < entries; i++) {
		error = one_step(store, freed, miss);
		if (error)
			return error == -ENOENT ? 0 : error;
	}
	return 1;
}
