// SPDX-License-Identifier: GPL-2.0-only
/*
 * The look-up rule (docs/design.md, "One ordered map"; I-RESOLVE):
 *
 *   a snapshot's own entries are redo: the last one at or below the epoch;
 *   else on to its parent, as of the epoch it was taken of;
 *   an origin's entries are undo: the first one above the epoch;
 *   else, if the origin is being rolled back since that epoch or before and the
 *   chunk is pending, where the rollback's hidden snapshot finds it;
 *   else in place.
 *
 * Each volume on the way costs one search of the map; a volume without entries
 * costs none. A chunk that the origin's present epoch has not preserved costs a look
 * into the overlays' index alone (I-KNOWN, preserved.c): the first write to it reads no tree. Every
 * call starts from the beginning: a look-up that had to wait for a block holds nothing over
 * the wait (crash-rules.md, 8).
 */
#include "resolve.h"

#include "preserved.h"

/* The redo entry that serves (volume, chunk) as of @epoch. */
static int find_redo(struct smv_store *store, const struct smv_volume *volume, u64 chunk, u64 epoch,
		     u64 *where, u64 *miss)
{
	struct smv_key key = { volume->number, chunk, epoch };
	struct smv_key limit = { volume->number, chunk, 0 }, found;
	struct smv_value value;
	int error;

	if (!volume->exceptions || smv_volume_is(volume, SMV_VOLUME_HIDDEN))
		return -ENOENT;
	error = smv_record_le(store, &key, &limit, &found, &value, miss);
	if (!error)
		*where = value.where;
	return error;
}

/* The undo entry that serves (origin, chunk) as of @epoch, labelled @last at most. */
static int find_undo(struct smv_store *store, const struct smv_volume *origin, u64 chunk, u64 epoch,
		     u64 last, u64 *where, u64 *miss)
{
	struct smv_key key = { origin->number, chunk, epoch + 1 };
	struct smv_key limit = { origin->number, chunk, last }, found;
	struct smv_value value;
	int error;

	if (!origin->exceptions || last <= epoch)
		return -ENOENT;
	if (smv_preserved_not_in_tree(origin, chunk, epoch) &&
	    !smv_map_is_changed(&store->exceptions, &key))
		return -ENOENT;
	error = smv_record_ge(store, &key, &limit, &found, &value, miss);
	if (!error)
		*where = value.where;
	return error;
}

/* From @volume as of @epoch down to the origin; -ENOENT: no undo entry up to @last either. */
static int walk(struct smv_store *store, const struct smv_volume *volume, u64 epoch, u64 chunk,
		u64 last, u64 *where, u64 *miss)
{
	while (volume->parent) {
		int error = find_redo(store, volume, chunk, epoch, where, miss);

		if (error != -ENOENT)
			return error;
		epoch = volume->asof;
		volume = volume->parent;
	}
	return find_undo(store, volume, chunk, epoch, last, where, miss);
}

bool smv_resolve_is_marked(const struct smv_volume *origin, u64 chunk)
{
	return chunk < origin->roll_done || smv_ranges_has(&origin->roll->marked, chunk);
}

/* A lost chunk stays pending, so what the mover has passed ends there. */
static bool is_moved(const struct smv_volume *origin, u64 chunk)
{
	const struct smv_roll *roll = origin->roll;

	return smv_resolve_is_marked(origin, chunk) ||
	       (chunk < roll->place && chunk < roll->first_lost) ||
	       smv_ranges_has(&roll->moved, chunk) || smv_ranges_has(&roll->flushing, chunk);
}

int smv_resolve_pending(struct smv_store *store, struct smv_volume *origin, u64 chunk, u64 *where,
			u64 *miss)
{
	const struct smv_volume *held;

	if (!smv_volume_is_rolling(origin) || is_moved(origin, chunk))
		return -ENOENT;
	held = smv_volume_number(store, origin->roll_volume);
	return walk(store, held->parent, held->asof, chunk, origin->roll_epoch - 1, where, miss);
}

/* The origin's epoch as of which @snapshot sees what none of its line has written. */
static u64 rests_on(const struct smv_volume *snapshot)
{
	while (snapshot->parent->parent)
		snapshot = snapshot->parent;
	return snapshot->asof;
}

int smv_resolve(struct smv_store *store, struct smv_volume *volume, u64 chunk, u64 *where,
		u64 *miss)
{
	struct smv_volume *origin = volume->origin;
	int error;

	if (volume == origin) {
		error = smv_resolve_pending(store, origin, chunk, where, miss);
	} else {
		error = walk(store, volume, volume->epoch, chunk, ~0ULL, where, miss);
		if (error == -ENOENT && smv_volume_is_rolling(origin) &&
		    rests_on(volume) >= origin->roll_epoch)
			error = smv_resolve_pending(store, origin, chunk, where, miss);
	}
	if (error == -ENOENT) {
		*where = SMV_NOWHERE;
		return 0;
	}
	return error;
}

int smv_resolve_need(struct smv_store *store, struct smv_volume *origin, u64 chunk, u64 low,
		     u64 below, bool *need, u64 *miss)
{
	u64 epoch, where;
	int error;

	*need = false;
	if (!smv_volume_newest_reader(store, origin, low, below, &epoch))
		return 0;
	error = find_undo(store, origin, chunk, epoch, below, &where, miss);
	if (error == -ENOENT) {
		*need = true;
		return 0;
	}
	return error;
}
