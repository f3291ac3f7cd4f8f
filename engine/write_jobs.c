// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ends of jobs: their data is where it should be, or could not be brought there.
 *
 * I-COPY-FIRST: an exception is recorded after its copy has completed (but see unproven.c).
 * I-RECHECK: publishing decides anew whether the copy is still needed.
 * I-ABSENT: it searches no tree for what cannot be there since the write looked.
 * I-LOST-STAYS: what a rollback could not move is lost to all who see it, not zeroes.
 *
 * Crash: see write.c.
 */
#include "write.h"

#include "unproven.h"

void smv_job_cancel(struct smv_store *store, struct smv_job *job)
{
	if (job->unproven)
		smv_unproven_fail(store, job->unproven - 1);
	else if (job->todo == SMV_TODO_COPY || job->todo == SMV_TODO_NEW)
		smv_alloc_unhold(&store->alloc, job->to);
	job->unproven = 0;
	job->todo = SMV_TODO_GO;
}

static int cancelled(struct smv_store *store, struct smv_job *job, int error)
{
	smv_job_cancel(store, job);
	return error;
}

/* Is the epoch that the job's exception is labelled with still the one to be served? */
static bool is_stale(const struct smv_job *job)
{
	const struct smv_volume *volume = job->volume;

	if (job->key.epoch == volume->epoch)
		return false;
	return !smv_volume_is_rolling(volume) || job->key.epoch != volume->roll_epoch;
}

static int copy_done(struct smv_store *store, struct smv_job *job, u64 where, u64 *lsn, u64 *miss)
{
	bool need;
	int error;

	if (is_stale(job))
		return cancelled(store, job, -ESTALE);
	error = smv_resolve_need(store, job->volume, job->chunk, 0, job->key.epoch, &need, miss);
	if (error)
		return error;
	if (!need)
		return cancelled(store, job, 0);
	/* Needed: so there is no entry of this epoch. */
	error = smv_write_put(store, job->volume, &job->key, where, SMV_NOWHERE, lsn, miss);
	if (!error)
		job->todo = SMV_TODO_GO;
	return error;
}

/* Is there certainly no entry of the job's key, as when it was given? Asks no tree. */
static bool is_still_absent(const struct smv_store *store, const struct smv_job *job)
{
	const struct smv_map *map = &store->exceptions;

	return job->merges == map->merges + 1 && !smv_map_is_changed(map, &job->key);
}

static int publish(struct smv_store *store, struct smv_job *job, u64 where, u64 *lsn, u64 *miss)
{
	u64 was = SMV_NOWHERE;
	int error = is_still_absent(store, job) ? 0 : smv_write_get(store, &job->key, &was, miss);

	if (error)
		return error;
	if (smv_where_is_chunk(was))
		return cancelled(store, job, -ESTALE);
	error = smv_write_put(store, job->volume, &job->key, where, was, lsn, miss);
	if (!error)
		job->todo = SMV_TODO_GO;
	return error;
}

static int new_done(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss)
{
	if (smv_volume_is(job->volume, SMV_VOLUME_INVALID | SMV_VOLUME_DEAD))
		return cancelled(store, job, -EIO);
	if (job->key.epoch != job->volume->epoch)
		return cancelled(store, job, -ESTALE);
	return publish(store, job, smv_where(SMV_WHERE_CHUNK, job->to.no), lsn, miss);
}

/*
 * Zeroes are in place of a chunk that is lost. It is, too, to the snapshots taken since the rollback
 * began, which read it as the origin did. The mark that lets them read in place follows in the journal.
 */
static int keep_lost(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss)
{
	struct smv_volume *origin = job->volume;
	struct smv_key key = { origin->number, job->chunk, origin->epoch };
	bool need;
	int error = smv_resolve_need(store, origin, job->chunk, origin->roll_epoch, origin->epoch,
				     &need, miss);

	if (error || !need)
		return error;
	return smv_write_put(store, origin, &key, smv_where(SMV_WHERE_LOST, 0), SMV_NOWHERE, lsn,
			     miss);
}

static void look_again(struct smv_roll *roll)
{
	roll->place = roll->first_lost;
	roll->first_lost = ~0ULL;
	roll->lost_chunks = 0;
	roll->passed = false;
}

void smv_rollback_look_again(struct smv_volume *origin)
{
	if (smv_volume_is_rolling(origin) && origin->roll->passed)
		look_again(origin->roll);
}

static int move_done(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss)
{
	struct smv_volume *origin = job->volume;
	struct smv_roll *roll = origin->roll;
	bool room;
	int error;

	if (origin->roll_volume != job->key.volume)
		return cancelled(store, job, -ESTALE);
	error = job->lost ? keep_lost(store, job, lsn, miss) : 0;
	if (error)
		return error;
	job->todo = SMV_TODO_GO;
	room = smv_ranges_add(job->lost ? &roll->zeroed : &roll->moved, job->chunk, job->chunk + 1);
	SMV_ASSERT(room);
	roll->moved_chunks += !job->lost;
	return 0;
}

/* I-LOST-STAYS: until its write is issued, a snapshot may be taken that is to see the chunk as lost. */
void smv_write_issue(struct smv_store *store, struct smv_volume *origin, u64 first, u64 end)
{
	struct smv_roll *roll = origin->roll;
	bool room = true;

	if (smv_volume_is_rolling(origin) && roll->zeroed.count) {
		for (u64 chunk = first; chunk < end; chunk++) {
			if (!smv_ranges_take(&roll->zeroed, chunk))
				continue;
			room &= smv_ranges_add(&roll->moved, chunk, chunk + 1);
			roll->moved_chunks++;
			if (chunk >= roll->first_lost)
				look_again(roll);
		}
	}
	SMV_ASSERT(room);
	smv_preserved_set(store, origin, first, end);
}

int smv_job_announce(struct smv_store *store, struct smv_job *job, u64 check, u64 *lsn)
{
	struct smv_volume *origin = job->volume;
	u64 miss;
	u32 place;
	bool need;
	int error;

	*lsn = 0;
	if (store->failed || job->todo != SMV_TODO_COPY || is_stale(job) ||
	    smv_volume_is_rolling(origin) ||
	    smv_resolve_need(store, origin, job->chunk, 0, job->key.epoch, &need, &miss) || !need)
		return -EBUSY;
	error = smv_unproven_announce(store, origin, &job->key,
				      smv_where(SMV_WHERE_CHUNK, job->to.no), check, &place, lsn);
	if (!error)
		job->unproven = place + 1;
	return error;
}

/* What was announced is there, whatever has changed since: the journal says so. */
static int announced_done(struct smv_store *store, struct smv_job *job, u64 *miss)
{
	int error = smv_alloc_ready(&store->alloc, job->to, miss);

	if (error)
		return error;
	smv_unproven_prove(store, &job->key, smv_where(SMV_WHERE_CHUNK, job->to.no),
			   job->unproven - 1);
	job->unproven = 0;
	job->todo = SMV_TODO_GO;
	return 0;
}

static int job_done(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss)
{
	switch (job->todo) {
	case SMV_TODO_COPY:
		return copy_done(store, job, smv_where(SMV_WHERE_CHUNK, job->to.no), lsn, miss);
	case SMV_TODO_NEW:
		return new_done(store, job, lsn, miss);
	case SMV_TODO_MOVE:
		return move_done(store, job, lsn, miss);
	default:
		return 0;
	}
}

int smv_job_done(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss)
{
	int error;

	*lsn = 0;
	if (store->failed)
		return cancelled(store, job, -EIO);
	if (job->unproven)
		return announced_done(store, job, miss);
	error = job_done(store, job, lsn, miss);
	return error && error != -EBUSY && error != -EAGAIN ? cancelled(store, job, error) : error;
}

int smv_job_lost(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss)
{
	struct smv_store_chunk held = job->to;
	int error;

	*lsn = 0;
	if (store->failed)
		return cancelled(store, job, -EIO);
	error = copy_done(store, job, smv_where(SMV_WHERE_LOST, 0), lsn, miss);
	if (!error && *lsn)
		smv_alloc_unhold(&store->alloc, held);
	return error;
}
