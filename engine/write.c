// SPDX-License-Identifier: GPL-2.0-only
/*
 * What writes need. A write asks what its chunk needs; while that is a job, the host does
 * the job's data I/O, publishes it (write_jobs.c), waits as told and asks again, until the
 * answer is GO. So each answer rests on the state of that moment, and nothing
 * is held over a wait but the job's own store chunk, which no record mentions.
 *
 *   origin:   [COPY labelled r -> MOVE]   while the chunk is pending
 *             -> COPY labelled now        while a snapshot would read it in place
 *             -> GO
 *   snapshot: OVERWRITE                   its entry of this epoch has a chunk
 *             NEW                         else
 *
 * I-COMMIT-FIRST: the origin's write is issued after that record is durable.
 * I-READ-ONLY: where a record would be needed the write is refused.
 * I-ROLL-LABEL: before a MOVE what is in place is kept with the rollback's epoch.
 * I-DROP: where there is no space, snapshots are invalid before they lose a chunk.
 * I-ZERO: a discarded chunk of a snapshot leaves an entry, which reads as zeroes.
 *
 * Crash: before the record is durable, the store chunk is free and the origin
 * untouched; after it, the exception serves the snapshots and the origin's
 * chunk may be old, new or torn. MOVE: the chunk stays pending until its mark
 * is durable (rollback.c), and moving it again does no harm.
 */
#include "write.h"

#include "room.h"

#define DROP_STEP 64u /* volumes looked at in one step */

static const struct smv_where in_place = { .place = SMV_PLACE_ORIGIN };

int smv_write_place(u64 where, struct smv_where *place)
{
	place->chunk.no = 0;
	switch (smv_where_kind(where)) {
	case SMV_WHERE_NONE:
		place->place = SMV_PLACE_ORIGIN;
		return 0;
	case SMV_WHERE_CHUNK:
		place->place = SMV_PLACE_STORE;
		place->chunk.no = smv_where_low(where);
		return 0;
	case SMV_WHERE_ZERO:
		place->place = SMV_PLACE_ZERO;
		return 0;
	default:
		return -EIO;
	}
}

int smv_read(struct smv_store *store, struct smv_volume *volume, u64 chunk, struct smv_where *where,
	     u64 *miss)
{
	u64 found;
	int error;

	if (smv_volume_is(volume, SMV_VOLUME_INVALID) ||
	    (store->failed && !smv_volume_is_origin(volume)))
		return -EIO;
	if (smv_recent_get(&store->recent, volume->number, chunk, &found))
		return smv_write_place(found, where);
	error = smv_resolve(store, volume, chunk, &found, miss);
	if (!error)
		error = smv_write_place(found, where);
	if (!error && !smv_volume_is_rolling(volume->origin))
		smv_recent_put(&store->recent, volume->number, chunk, found);
	if (!error && store->failed && where->place != SMV_PLACE_ORIGIN)
		error = -EIO;
	return error;
}

bool smv_origin_is_rolling(const struct smv_volume *origin)
{
	return smv_volume_is_rolling(origin);
}

bool smv_origin_has_readers(struct smv_store *store, struct smv_volume *origin)
{
	smv_volume_settle(store);
	return origin->readers != 0;
}

/* A chunk for a job that will make an exception. */
static int hold(struct smv_store *store, struct smv_store_chunk *chunk, u64 *miss)
{
	int error = smv_alloc_available(&store->alloc) ? smv_room_for_exception(store) : -ENOSPC;

	return error ? error : smv_alloc_hold(&store->alloc, chunk, miss);
}

/* ---- origins ----------------------------------------------------------- */

int smv_write_preserve(struct smv_store *store, struct smv_volume *origin, u64 chunk, u64 epoch,
		       struct smv_job *job, u64 *miss)
{
	bool need;
	int error = smv_resolve_need(store, origin, chunk, 0, epoch, &need, miss);

	if (error)
		return error;
	job->todo = SMV_TODO_GO;
	job->volume = origin;
	job->chunk = chunk;
	if (!need)
		return 0;
	if (store->read_only)
		return -EROFS;
	job->key = (struct smv_key){ origin->number, chunk, epoch };
	job->from = in_place;
	error = hold(store, &job->to, miss);
	if (error == -ENOSPC && job->dropped == epoch)
		return 0;
	if (!error)
		job->todo = SMV_TODO_COPY;
	return error;
}

bool smv_rollback_crowded(const struct smv_volume *origin)
{
	return smv_volume_is_rolling(origin) && smv_write_marks(origin->roll) >= SMV_WRITERS_RANGES;
}

bool smv_rollback_awaited(struct smv_volume *origin)
{
	bool awaited = smv_rollback_crowded(origin) && origin->roll->crowded;

	if (awaited)
		origin->roll->crowded = false;
	return awaited;
}

void smv_job_overwrite(struct smv_job *job)
{
	job->from = (struct smv_where){ .place = SMV_PLACE_ZERO };
	job->lost = true;
}

int smv_write_pending(struct smv_store *store, struct smv_volume *origin, u64 chunk,
		      struct smv_job *job, u64 *miss)
{
	struct smv_roll *roll = origin->roll;
	struct smv_where from;
	u64 where;
	bool need;
	int error = smv_resolve_pending(store, origin, chunk, &where, miss);

	job->todo = SMV_TODO_GO;
	if (error)
		return error == -ENOENT ? 0 : error;
	if (store->read_only)
		return -EROFS;
	/* I-ROLL-WAIT: nothing moves before the rollback is durable. */
	if (origin->roll_lsn > store->journal.durable)
		return -EBUSY;
	error = smv_write_place(where, &from);
	if (error && !job->whole)
		return error;
	job->lost = !!error;
	if (job->whole && smv_ranges_has(&roll->zeroed, chunk)) {
		error = smv_resolve_need(store, origin, chunk, origin->roll_epoch, origin->epoch,
					 &need, miss);
		if (error || !need)
			return error;
		job->lost = true; /* to one more, taken meanwhile */
	}
	if (smv_write_marks(roll) >=
	    (chunk == roll->place ? SMV_MOVER_RANGES : SMV_WRITERS_RANGES)) {
		roll->crowded = true;
		return -EBUSY;
	}
	error = smv_write_preserve(store, origin, chunk, origin->roll_epoch, job, miss);
	if (error || job->todo == SMV_TODO_COPY)
		return error;
	job->todo = SMV_TODO_MOVE;
	job->from = from;
	if (job->lost)
		smv_job_overwrite(job);
	job->key = (struct smv_key){ origin->roll_volume, chunk, 0 };
	return 0;
}

int smv_origin_write(struct smv_store *store, struct smv_volume *origin, u64 chunk,
		     struct smv_job *job, u64 *miss)
{
	int error;

	if (store->failed)
		return -EIO;
	if (smv_volume_is_rolling(origin)) {
		error = smv_write_pending(store, origin, chunk, job, miss);
		if (error || job->todo != SMV_TODO_GO)
			return error;
	}
	return smv_write_preserve(store, origin, chunk, origin->epoch, job, miss);
}

int smv_write_failed(struct smv_store *store, struct smv_volume *origin, u64 chunk, bool *go,
		     u64 *miss)
{
	u64 where;
	int error = smv_resolve_pending(store, origin, chunk, &where, miss);

	*go = error == -ENOENT;
	return *go ? 0 : error;
}

int smv_origin_discard(struct smv_store *store, struct smv_volume *origin, u64 chunk, bool *pass,
		       u64 *miss)
{
	bool need;
	u64 where;
	int error = smv_resolve_pending(store, origin, chunk, &where, miss);

	*pass = false;
	if (error != -ENOENT)
		return error;
	error = smv_resolve_need(store, origin, chunk, 0, origin->epoch, &need, miss);
	*pass = !error && !need;
	return error;
}

/*
 * Marks the volume invalid if it reads the job's chunk in place. One that is
 * dead or invalid already counts as such when that is durable: *lsn.
 */
static int drop_one(struct smv_store *store, struct smv_volume *volume, const struct smv_job *job,
		    u64 *lsn, u64 *miss)
{
	u64 where;
	int error;

	if (volume->origin != job->volume ||
	    smv_volume_is(volume, SMV_VOLUME_ORIGIN | SMV_VOLUME_HIDDEN))
		return 0;
	if (smv_volume_is(volume, SMV_VOLUME_DEAD | SMV_VOLUME_INVALID)) {
		if (volume->ending_lsn > *lsn)
			*lsn = volume->ending_lsn;
		return 0;
	}
	error = smv_resolve(store, volume, job->chunk, &where, miss);
	if (error || smv_where_kind(where) != SMV_WHERE_NONE)
		return error;
	error = smv_record_reserve(store, 0, 1);
	if (error)
		return error;
	*lsn = smv_record_flags(store, volume, volume->flags | SMV_VOLUME_INVALID);
	smv_volume_end(store, volume, *lsn);
	return 0;
}

int smv_drop(struct smv_store *store, struct smv_job *job, u64 *cursor, u64 *lsn, u64 *miss)
{
	struct smv_volume *volume;
	u32 step;
	int error;

	for (step = 0; step < DROP_STEP; step++) {
		volume = smv_volume_after(store, *cursor);
		if (!volume) {
			/* Those that need it no more: for an entry that must be durable too. */
			*lsn = store->journal.lsn;
			job->dropped = job->key.epoch;
			return 0;
		}
		error = drop_one(store, volume, job, lsn, miss);
		if (error)
			return error;
		*cursor = volume->number;
	}
	return 1;
}

/* ---- snapshots ----------------------------------------------------------- */

int smv_write_get(struct smv_store *store, const struct smv_key *key, u64 *where, u64 *miss)
{
	struct smv_store_chunk chunk;
	struct smv_value value;
	int error = smv_record_get(store, key, &value, miss);

	*where = SMV_NOWHERE;
	if (error)
		return error == -ENOENT ? 0 : error;
	*where = value.where;
	chunk.no = smv_where_low(value.where);
	return smv_where_is_chunk(value.where) ? smv_alloc_ready(&store->alloc, chunk, miss) : 0;
}

/*
 * A snapshot's entry of its present epoch ends what the entry before it serves.
 * If no child reads that one (none can come to), it is given up with it: *where.
 */
static int find_superseded(struct smv_store *store, const struct smv_volume *volume,
			   const struct smv_key *key, struct smv_key *old, u64 *where, u64 *miss)
{
	struct smv_key near = *key, limit = { key->volume, key->chunk, 0 };
	struct smv_store_chunk chunk;
	struct smv_value value;
	int error;

	*where = SMV_NOWHERE;
	if (!volume->parent || (near.epoch == 1 && volume->inherited_none) || !near.epoch--)
		return 0;
	error = smv_record_le(store, &near, &limit, old, &value, miss);
	if (error)
		return error == -ENOENT ? 0 : error;
	if (volume->child_last && volume->child_last->asof >= old->epoch)
		return 0;
	*where = value.where;
	chunk.no = smv_where_low(value.where);
	return smv_where_is_chunk(value.where) ? smv_alloc_ready(&store->alloc, chunk, miss) : 0;
}

int smv_write_put(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		  u64 where, u64 was, u64 *lsn, u64 *miss)
{
	struct smv_key old;
	u64 superseded;
	int error = find_superseded(store, volume, key, &old, &superseded, miss);

	if (!error)
		error = smv_record_reserve(store, 2, 0);
	if (error)
		return error;
	*lsn = smv_record_put(store, volume, key, where, was);
	if (smv_where_kind(superseded) != SMV_WHERE_NONE)
		*lsn = smv_record_delete(store, volume, &old, superseded);
	return 0;
}

static int check_snapshot(const struct smv_store *store, const struct smv_volume *snapshot)
{
	if (store->failed || smv_volume_is(snapshot, SMV_VOLUME_INVALID))
		return -EIO;
	return store->read_only ? -EROFS : 0;
}

/* All but todo and the chunk to write to. */
static void begin_job(struct smv_job *job, struct smv_volume *snapshot, u64 chunk, bool whole)
{
	job->volume = snapshot;
	job->chunk = chunk;
	job->from = in_place;
	job->key = (struct smv_key){ snapshot->number, chunk, snapshot->epoch };
	job->dropped = 0;
	job->merges = 0;
	job->unproven = 0;
	job->whole = whole;
}

int smv_snapshot_write(struct smv_store *store, struct smv_volume *snapshot, u64 chunk, bool whole,
		       struct smv_job *job, u64 *miss)
{
	u64 where;
	int error = check_snapshot(store, snapshot);

	if (error)
		return error;
	begin_job(job, snapshot, chunk, whole);
	error = smv_write_get(store, &job->key, &where, miss);
	if (error)
		return error;
	if (smv_where_is_chunk(where)) {
		job->todo = SMV_TODO_OVERWRITE;
		job->to.no = smv_where_low(where);
		/* I-NOT-THROUGH: the one write in place must not hit metadata, whatever an entry says */
		return smv_alloc_is_data(&store->alloc, job->to) ? 0 : -EUCLEAN;
	}
	if (smv_where_kind(where) == SMV_WHERE_NONE)
		job->merges = store->exceptions.merges + 1;
	if (!whole) {
		error = smv_resolve(store, snapshot, chunk, &where, miss);
		if (!error)
			error = smv_write_place(where, &job->from);
		if (error)
			return error;
	}
	job->todo = SMV_TODO_NEW;
	return hold(store, &job->to, miss);
}

int smv_snapshot_zero(struct smv_store *store, struct smv_volume *snapshot, u64 chunk, u64 *lsn,
		      u64 *miss)
{
	struct smv_key key = { snapshot->number, chunk, snapshot->epoch };
	u64 was;
	int error = check_snapshot(store, snapshot);

	if (!error)
		error = smv_write_get(store, &key, &was, miss);
	if (error)
		return error;
	*lsn = 0;
	if (smv_where_kind(was) == SMV_WHERE_ZERO)
		return 0;
	if (smv_where_kind(was) == SMV_WHERE_NONE) {
		error = smv_alloc_available(&store->alloc) ? smv_room_for_zero(store) : -ENOSPC;
		if (error)
			return error;
	}
	return smv_write_put(store, snapshot, &key, smv_where(SMV_WHERE_ZERO, 0), was, lsn, miss);
}
