// SPDX-License-Identifier: GPL-2.0-only
/*
 * A running rollback (D6 of the shared design.md). The origin has a hidden snapshot R
 * of the source and an epoch r. A chunk is pending if R finds it in the store,
 * in an entry older than r, and it is not done. A chunk goes through
 *
 *   pending -> moved     smv_job_done() of a MOVE: in place, completed; of a lost chunk, under
 *                        zeroes by then: smv_write_issue() of what overwrites it
 *   moved   -> flushing  smv_stage_begin(): an origin flush begins
 *   flushing -> marked   smv_stage_end(): the mark is in the journal
 *   marked  -> done      the watermark passes it
 *
 * moved and flushing are in memory only: I-MARK-FLUSH says that a mark enters
 * the journal after an origin flush that began after the move had completed.
 * The mover goes upwards, so its marks become the watermark: one record. Writes
 * ahead of it are marked one range each; the ranges merge.
 *
 * Crash: a chunk whose mark is not durable is pending again: it reads as R's
 * copy, and is moved again. That undoes no write that was flushed, since a FLUSH
 * of the origin completes after the marks of what was written before
 * (I-FLUSH-MARKS). It ends by one record when all is marked (I-ROLL-END). What was in place before the first move was kept under the
 * label r by then, if anybody needs it.
 *
 * Weak side: a chunk whose data the source has lost stays pending, reads as an
 * error, and keeps the rollback from ending until a write has covered it. Marks
 * below the watermark stay in the map until R is cleaned.
 */
#include "rollback.h"

#define NEXT_STEP 64u /* candidates looked at in one step */
#define MARKS_TAKEN                                                                                \
	16u /* by one mark; a small overlay (overlay_entries) has room for so many records */

int smv_rollback_prepare(struct smv_store *store, struct smv_volume *origin)
{
	if (!origin->roll)
		origin->roll = smv_host_alloc(&store->host, sizeof(*origin->roll));
	if (!origin->roll)
		return -ENOMEM;
	memset(origin->roll, 0, sizeof(*origin->roll));
	origin->roll->chunks = smv_volume_chunks(store, origin);
	origin->roll->first_lost = ~0ULL;
	return 0;
}

void smv_rollback_release(struct smv_store *store, struct smv_volume *origin)
{
	smv_host_free(&store->host, origin->roll, sizeof(*origin->roll));
	origin->roll = NULL;
}

/* ---- marks -------------------------------------------------------------- */

/* A mark that begins below the watermark and ends above it. */
static int load_straddling(struct smv_store *store, struct smv_volume *origin, u64 *miss)
{
	struct smv_key key = { origin->roll_volume, origin->roll_done, ~0ULL };
	struct smv_key limit = { origin->roll_volume, 0, 0 }, found;
	struct smv_value value;
	int error = smv_record_le(store, &key, &limit, &found, &value, miss);

	if (error)
		return error == -ENOENT ? 0 : error;
	if (found.chunk + smv_where_low(value.where) > origin->roll_done)
		smv_ranges_add(&origin->roll->marked, found.chunk,
			       found.chunk + smv_where_low(value.where));
	return 0;
}

/* Each call goes on behind what the last one took in. */
int smv_rollback_load(struct smv_store *store, struct smv_volume *origin, u64 *miss)
{
	struct smv_ranges *marked = &origin->roll->marked;
	struct smv_key limit = { origin->roll_volume, ~0ULL, ~0ULL }, found;
	struct smv_key key = { origin->roll_volume, origin->roll_done, 0 };
	struct smv_value value;
	int error = marked->count ? 0 : load_straddling(store, origin, miss);

	while (!error) {
		if (marked->count)
			key.chunk = marked->range[marked->count - 1].end;
		error = smv_record_ge(store, &key, &limit, &found, &value, miss);
		if (!error &&
		    (smv_where_kind(value.where) != SMV_WHERE_MARK || !smv_where_low(value.where) ||
		     !smv_ranges_add(marked, found.chunk,
				     found.chunk + smv_where_low(value.where))))
			error = -EUCLEAN;
	}
	origin->roll->place = origin->roll_done;
	return error == -ENOENT ? 0 : error;
}

int smv_stage_begin(struct smv_store *store, struct smv_volume *origin)
{
	struct smv_roll *roll = origin->roll;

	(void)store;
	if (!smv_volume_is_rolling(origin))
		return 0;
	if (roll->staging)
		return -EALREADY;
	SMV_ASSERT(!roll->flushing.count);
	roll->staging = true;
	smv_ranges_copy(&roll->flushing, &roll->moved);
	roll->moved.count = 0;
	roll->place_staging = roll->place < roll->first_lost ? roll->place : roll->first_lost;
	return 0;
}

static void unstage(struct smv_roll *roll)
{
	bool room = true;

	for (u32 i = 0; i < roll->flushing.count; i++)
		room &= smv_ranges_add(&roll->moved, roll->flushing.range[i].first,
				       roll->flushing.range[i].end);
	SMV_ASSERT(room);
	roll->flushing.count = 0;
	roll->staging = false;
}

/*
 * Marks the first @range of what is flushed, and takes up the marks that it touches: their entries go, but
 * for the one that begins where the new one does. With MARKS_TAKEN of them it ends, and begins
 * anew behind the last: a commit takes so many records and no more. Marks below
 * the watermark are no longer known, and stay.
 */
static int mark_range(struct smv_store *store, struct smv_volume *origin,
		      const struct smv_range *range, u64 *lsn)
{
	struct smv_ranges *marked = &origin->roll->marked;
	struct smv_volume *held = smv_volume_number(store, origin->roll_volume);
	struct smv_key key = { held->number, 0, 0 };
	u32 from = smv_ranges_at(marked, range->first), to = from;
	u64 first = range->first, end = range->end, was = smv_where(SMV_WHERE_NONE, 0);
	int error;

	while (to < marked->count && marked->range[to].first <= end) {
		if (++to - from == MARKS_TAKEN && marked->range[to - 1].end < end)
			end = marked->range[to - 1].end;
	}
	error = smv_record_reserve(store, to - from + 1, 0);
	if (error)
		return error;
	for (u32 i = from; i < to; i++) {
		const struct smv_range *old = &marked->range[i];
		u64 where = smv_where(SMV_WHERE_MARK, old->end - old->first);

		first = old->first < first ? old->first : first;
		end = old->end > end ? old->end : end;
		key.chunk = old->first;
		if (old->first == first)
			was = where;
		else
			smv_record_delete(store, held, &key, where);
	}
	key.chunk = first;
	*lsn = smv_record_put(store, held, &key, smv_where(SMV_WHERE_MARK, end - first), was);
	if (!smv_ranges_add(marked, first, end))
		return -EBUSY;
	smv_ranges_trim(&origin->roll->flushing, end);
	return 0;
}

int smv_stage_end(struct smv_store *store, struct smv_volume *origin, int error, u64 *lsn)
{
	struct smv_roll *roll = origin->roll;

	*lsn = origin->flush_lsn;
	if (!smv_volume_is_rolling(origin) || !roll->staging)
		return 0;
	if (error || store->failed) {
		unstage(roll);
		return error ? 0 : -EIO;
	}
	if (roll->place_staging > origin->roll_done) {
		error = smv_record_reserve(store, 0, 1);
		if (error)
			return error;
		origin->flush_lsn = smv_record_done(store, origin, roll->place_staging);
		smv_ranges_trim(&roll->flushing, origin->roll_done);
		smv_ranges_drop(&roll->marked, origin->roll_done);
	}
	while (roll->flushing.count) {
		error = mark_range(store, origin, &roll->flushing.range[0], &origin->flush_lsn);
		if (error)
			return error;
	}
	roll->staging = false;
	*lsn = origin->flush_lsn;
	return 0;
}

bool smv_stage_wanted(const struct smv_volume *origin)
{
	return smv_volume_is_rolling(origin) &&
	       (origin->roll->moved.count || origin->roll->flushing.count);
}

u64 smv_origin_flush_lsn(const struct smv_volume *origin)
{
	return origin->flush_lsn;
}

/* ---- the mover ------------------------------------------------------------- */

/*
 * The first chunk at or above @chunk, and below *first, for which @volume has an entry or the overlays have
 * a tombstone; else *first stays. Were tombstones passed here, each step of the mover
 * would pass them again, and begin anew at each block that it misses.
 */
static int first_entry(struct smv_store *store, const struct smv_volume *volume, u64 chunk,
		       u64 *first, u64 *miss)
{
	struct smv_key key = { volume->number, chunk, 0 };
	struct smv_key limit = { volume->number, *first, 0 }, found;
	int error;

	if (!volume->exceptions)
		return 0;
	smv_map_limit_to_change(&store->exceptions, &key, &limit);
	error = smv_record_ge(store, &key, &limit, &found, NULL, miss);
	if (error && error != -ENOENT)
		return error;
	*first = error ? limit.chunk : found.chunk;
	return 0;
}

/* The first chunk at or above @chunk that R could find in the store, or could have found. */
static int candidate(struct smv_store *store, const struct smv_volume *origin, u64 chunk,
		     u64 *first, u64 *miss)
{
	const struct smv_volume *held = smv_volume_number(store, origin->roll_volume);
	const struct smv_volume *volume;
	int error = 0;

	*first = ~0ULL;
	for (volume = held->parent; volume && !error; volume = volume->parent)
		error = first_entry(store, volume, chunk, first, miss);
	return error;
}

static void pass_lost(struct smv_roll *roll, u64 chunk)
{
	roll->place = chunk + 1;
	if (roll->first_lost > chunk)
		roll->first_lost = chunk;
	roll->lost_chunks++;
}

/*
 * No watermark passes a lost chunk: behind it what needs no move is marked with what has been moved,
 * or each run of these would be a range of its own.
 */
static void pass_to(struct smv_roll *roll, u64 chunk)
{
	if (roll->first_lost < roll->place && roll->place < chunk &&
	    smv_write_marks(roll) < SMV_MOVER_RANGES)
		smv_ranges_add(&roll->moved, roll->place, chunk);
	roll->place = chunk;
}

int smv_rollback_next(struct smv_store *store, struct smv_volume *origin, u64 *chunk, u64 *miss)
{
	struct smv_roll *roll = origin->roll;
	u64 first, where, chunks = smv_volume_chunks(store, origin);
	int error;

	if (!smv_volume_is_rolling(origin))
		return -ENOENT;
	for (u32 step = 0; step < NEXT_STEP; step++) {
		error = candidate(store, origin, roll->place, &first, miss);
		if (error)
			return error;
		if (first >= chunks) {
			pass_to(roll, chunks);
			return -ENOENT;
		}
		error = smv_resolve_pending(store, origin, first, &where, miss);
		if (error && error != -ENOENT)
			return error;
		pass_to(roll, error ? first + 1 : first);
		if (!error && smv_where_kind(where) != SMV_WHERE_LOST) {
			*chunk = first;
			return 0;
		}
		if (!error)
			pass_lost(roll, first);
	}
	return 1;
}

void smv_rollback_pass(struct smv_volume *origin, u64 chunk)
{
	if (!smv_volume_is_rolling(origin) || origin->roll->place != chunk)
		return;
	pass_lost(origin->roll, chunk);
	origin->roll->passed = true;
}

int smv_move(struct smv_store *store, struct smv_volume *origin, u64 chunk, struct smv_job *job,
	     u64 *miss)
{
	job->todo = SMV_TODO_GO;
	if (store->failed)
		return -EIO;
	if (store->read_only)
		return -EROFS;
	return smv_volume_is_rolling(origin) ? smv_write_pending(store, origin, chunk, job, miss) :
					       0;
}

int smv_rollback_finish(struct smv_store *store, struct smv_volume *origin, u64 *lsn, u64 *miss)
{
	struct smv_volume *held;
	int error;

	(void)miss;
	*lsn = origin->flush_lsn;
	if (!smv_volume_is_rolling(origin))
		return 0;
	if (smv_stage_wanted(origin) || origin->roll->staging || origin->roll->lost_chunks ||
	    origin->roll_done < smv_volume_chunks(store, origin))
		return -EINPROGRESS;
	error = smv_record_reserve(store, 0, 2);
	if (error)
		return error;
	held = smv_volume_number(store, origin->roll_volume);
	origin->roll_volume = 0;
	origin->roll_epoch = 0;
	origin->roll_done = 0;
	origin->roll_source = 0;
	origin->pass = ++store->pass_last;
	smv_volume_set_flags(store, origin, origin->flags | SMV_VOLUME_PASS);
	smv_record_volume(store, origin);
	held->pass = ++store->pass_last;
	*lsn = smv_record_flags(store, held, held->flags | SMV_VOLUME_DEAD | SMV_VOLUME_PASS);
	held->dead_lsn = *lsn;
	origin->flush_lsn = *lsn;
	smv_rollback_release(store, origin);
	return 0;
}

void smv_rollback_progress(const struct smv_volume *origin, struct smv_rollback_progress *progress)
{
	memset(progress, 0, sizeof(*progress));
	if (!smv_volume_is_rolling(origin))
		return;
	progress->done_chunks = origin->roll_done;
	progress->place_chunks = origin->roll->place;
	progress->chunks = origin->roll->chunks;
	progress->moved = origin->roll->moved_chunks;
	progress->lost = origin->roll->lost_chunks;
}
