// SPDX-License-Identifier: GPL-2.0-only
/*
 * A rollback's mover: brings the pending chunks of an origin into place, one
 * after the other, and ends the rollback; and what a FLUSH of an origin takes
 * while one runs.
 *
 * Promises (crash rules 1 and 2): a chunk is moved with its range locked; what
 * is in place is preserved, durably, before it is overwritten, if a reader needs
 * it, and reads of it in place have ended. Done marks are journalled after an
 * origin flush begun when the moves had completed (stage). The rollback ends
 * with one record, after a flush and with no mark outstanding; only when this is
 * durable do reads and flushes take the fast path again.
 *
 * Rules: the mover never waits for a range (a write held for space may have
 * it): it comes back later. Without space it waits: it makes a snapshot invalid for
 * no purpose of its own, but where it would have been a write that did, and that
 * waits for it now. For such a write it goes on, paused or throttled as it is.
 *
 * A crash loses marks that were not durable: these chunks are moved again.
 *
 * The weak side: one chunk at a time.
 */
#include "dev.h"

#define MOVE_CHUNKS 64 /* in one run of the worker */
#define MOVE_STAGE 512 /* moves between two stages */
#define MOVE_AGAIN (HZ / 100 + 1)
#define MOVE_RESTS (10 * HZ) /* until it looks again at what it has passed */

struct mover_wait {
	struct smv_waiter wait;
	struct completion done;
};

/* ---- stage, flush ---- */

/*
 * Flushes the origin and journals the marks of what had been moved. Under stage_lock. That the
 * store has failed is an error only if there is a mark that would have to be durable.
 */
static int stage(struct smv_vol *vol, struct block_device *bdev, u64 *lsn)
{
	struct smv_dev *dev = vol->dev;
	int r, error;
	bool open;

	smv_lock(dev);
	r = smv_stage_begin(dev->store, vol->volume);
	smv_unlock(dev);
	error = smv_flush_origin(vol, bdev);
	if (r)
		return error ? error : r;
	for (;;) {
		smv_lock(dev);
		r = smv_stage_end(dev->store, vol->volume, error, lsn);
		open = smv_stage_wanted(vol->volume);
		smv_unlock(dev);
		if (r != -EBUSY)
			break;
		smv_wait_room(dev, NULL);
	}
	WRITE_ONCE(vol->stage_asked, false);
	vol->moved_unstaged = 0;
	if (r == -EIO && READ_ONCE(dev->failed) && !open)
		r = 0;
	return error ? error : r;
}

/* A FLUSH of an origin while a rollback may run. Sleeps. */
int smv_origin_sync(struct smv_vol *vol, struct block_device *bdev)
{
	struct smv_dev *dev = vol->dev;
	u64 lsn = 0, need;
	int r;

	mutex_lock(&vol->stage_lock);
	r = stage(vol, bdev, &lsn);
	smv_lock(dev);
	need = max(lsn, smv_origin_flush_lsn(vol->volume));
	smv_unlock(dev);
	mutex_unlock(&vol->stage_lock);
	return r ? r : smv_wait_durable(dev, need);
}

/* ---- one chunk ---- */

static void mover_woken(struct work_struct *work)
{
	struct mover_wait *wait = container_of(work, struct mover_wait, wait.work);

	complete(&wait->done);
}

/* Until nobody reads the chunk in place for a snapshot. */
static void mover_wait_falls(struct smv_vol *vol, u64 chunk)
{
	struct mover_wait wait;
	bool waits;

	do {
		INIT_WORK_ONSTACK(&wait.wait.work, mover_woken);
		init_completion(&wait.done);
		smv_lock(vol->dev);
		waits = smv_fall_wait(vol, chunk, chunk + 1, &wait.wait);
		smv_unlock(vol->dev);
		if (waits)
			wait_for_completion(&wait.done);
		destroy_work_on_stack(&wait.wait.work);
	} while (waits);
}

static void mover_copied(struct smv_unit *unit)
{
	complete(unit->complete);
}

static int mover_report(struct smv_unit *unit, u64 *lsn)
{
	struct smv_dev *dev = unit->dev;
	u64 miss = 0;
	int r;

	WARN_ON_ONCE(unit->counted); /* I-ROOM-BEHIND */
	for (;;) {
		smv_lock(dev);
		if (!unit->status) {
			r = smv_job_done(dev->store, &unit->job, lsn, &miss);
		} else if (unit->job.todo == SMV_TODO_COPY && unit->read_failed) {
			r = smv_job_lost(dev->store, &unit->job, lsn, &miss);
		} else {
			smv_job_cancel(dev->store, &unit->job);
			r = -EIO;
			if (unit->read_failed) {
				smv_rollback_pass(unit->job.volume, unit->job.chunk);
				r = -ENODATA;
			}
		}
		smv_unlock(dev);
		if (r == -EBUSY)
			smv_wait_room(dev, NULL);
		else if (r != -EAGAIN || smv_host_fetch(dev, miss))
			return r == -EAGAIN ? -EIO : r;
	}
}

/* Does the job just given; when it is reported, it is a job no more. Its range is locked. */
static int mover_job(struct smv_vol *vol, struct smv_unit *unit)
{
	DECLARE_COMPLETION_ONSTACK(done);
	bool move = unit->job.todo == SMV_TODO_MOVE;
	u64 lsn = 0;
	int r;

	if (move)
		mover_wait_falls(vol, unit->job.chunk);
	unit->complete = &done;
	unit->status = BLK_STS_OK;
	unit->read_failed = false;
	smv_copy_start(unit, mover_copied);
	wait_for_completion_io(&done);
	smv_unit_leave(unit);
	r = mover_report(unit, &lsn);
	if (r == -ENODATA)
		DMERR_LIMIT(
			"%s: what is to be moved to chunk %llu of an origin cannot be read: it is passed, and stays unreadable until it is overwritten or can be read",
			unit->dev->name, unit->job.chunk);
	if (!move && (unit->read_failed || !lsn))
		smv_space_look(unit->dev); /* the chunk of the store that was held is free again */
	if (r == -ESTALE)
		return 0;
	if (!r && move) {
		atomic64_inc(&unit->dev->stats.moves);
		vol->moved_unstaged++;
	} else if (!r) {
		atomic64_inc(&unit->dev->stats.copies);
		r = smv_wait_durable(unit->dev, lsn);
	}
	return r;
}

static bool mover_is_crowded(struct smv_vol *vol)
{
	bool crowded;

	smv_lock(vol->dev);
	crowded = smv_rollback_crowded(vol->volume);
	smv_unlock(vol->dev);
	return crowded;
}

/* The snapshots that need the chunk of the job are marked invalid, durably. */
static int mover_drop(struct smv_dev *dev, struct smv_job *job)
{
	u64 cursor = 0, lsn = 0;
	int r;

	while ((r = smv_space_drop(dev, job, &cursor, &lsn)) == -EBUSY)
		smv_wait_room(dev, NULL);
	return r ? r : smv_wait_durable(dev, lsn);
}

/* 0: the chunk is not pending any more, or lost; else an error. */
static int mover_chunk(struct smv_vol *vol, struct smv_unit *unit, u64 chunk, bool crowded)
{
	struct smv_dev *dev = vol->dev;
	u64 miss = 0;
	int r;

	for (;;) {
		smv_lock(dev);
		r = smv_move(dev->store, vol->volume, chunk, &unit->job, &miss);
		if (!r && unit->job.todo != SMV_TODO_GO)
			smv_unit_places(unit, vol, vol->bdev);
		smv_unlock(dev);
		if (r == -EAGAIN)
			r = smv_host_fetch(dev, miss);
		else if (r == -ENOSPC && crowded && mover_is_crowded(vol) &&
			 smv_hold_is_over(dev, &vol->starved_since))
			r = mover_drop(dev, &unit->job);
		else if (r == -EBUSY)
			return r;
		else if (r == -EIO && !READ_ONCE(dev->failed))
			return 0;
		else if (!r && unit->job.todo == SMV_TODO_GO)
			return 0;
		else if (!r)
			r = mover_job(vol, unit);
		if (r)
			return r == -ENODATA ? 0 : r;
	}
}

static int mover_move(struct smv_vol *vol, u64 chunk, bool crowded)
{
	struct smv_range range = { .node = { .start = chunk, .last = chunk } };
	struct smv_unit *unit;
	int r;

	if (!smv_range_trylock(vol, &range))
		return -EINPROGRESS;
	unit = smv_unit_get(vol->dev);
	if (unit) {
		r = mover_chunk(vol, unit, chunk, crowded);
		smv_unit_put(unit);
	} else {
		r = -EINPROGRESS;
	}
	smv_range_unlock(vol, &range);
	if (r == -EBUSY) {
		u64 lsn;

		mutex_lock(&vol->stage_lock);
		r = stage(vol, vol->bdev, &lsn);
		mutex_unlock(&vol->stage_lock);
		smv_wait_room(vol->dev, NULL);
	}
	return r;
}

/* ---- the worker ---- */

static int mover_next(struct smv_vol *vol, u64 *chunk)
{
	struct smv_dev *dev = vol->dev;
	u64 miss = 0;
	int r;

	do {
		smv_lock(dev);
		r = smv_rollback_next(dev->store, vol->volume, chunk, &miss);
		smv_unlock(dev);
		if (r == -EAGAIN && smv_host_fetch(dev, miss))
			return -EIO;
	} while (r == -EAGAIN || r == 1);
	return r;
}

/* -ENOENT: there is nothing to move, and it cannot end: a chunk is lost. */
static int mover_finish(struct smv_vol *vol)
{
	struct smv_dev *dev = vol->dev;
	char name[SMV_VOL_NAME_BYTES];
	u64 lsn = 0, miss = 0;
	int r = smv_origin_sync(vol, vol->bdev);

	if (r)
		return r;
	do {
		smv_lock(dev);
		WRITE_ONCE(vol->finishing, true);
		r = smv_rollback_finish(dev->store, vol->volume, &lsn, &miss);
		smv_vol_name(dev, vol->volume, name);
		smv_unlock(dev);
		if (r == -EBUSY)
			smv_wait_room(dev, NULL);
		else if (r == -EAGAIN && smv_host_fetch(dev, miss))
			r = -EIO;
	} while (r == -EAGAIN || r == -EBUSY);
	if (!r)
		r = smv_wait_durable(dev, lsn);
	WRITE_ONCE(vol->finishing, false);
	if (r)
		return r == -EINPROGRESS ? -ENOENT : r;
	smv_vol_readers(vol);
	DMINFO("%s: the rollback of %s is done", dev->name, name);
	smv_event(dev);
	smv_background_hurry(dev);
	return 0;
}

/*
 * The ticks until the next batch: what is left of the time that the one begun at @start should take.
 * Both @start and the timer are up to a tick early.
 */
static unsigned long mover_pause(struct smv_dev *dev, unsigned long start, u32 moved)
{
	u64 rate = READ_ONCE(dev->settings.throttle_mib_s);
	unsigned long due;

	if (!rate)
		return 0;
	due = start + 2 + div64_u64((u64)moved * dev->chunk_sectors * HZ, rate * 2048);
	return time_after(due, jiffies) ? due - jiffies : 0;
}

/* The same, by the result of the batch. */
static unsigned long mover_delay(struct smv_dev *dev, int r, unsigned long start, u32 moved)
{
	unsigned long pause = mover_pause(dev, start, moved);

	if (r == -EINPROGRESS)
		return max_t(unsigned long, pause, MOVE_AGAIN);
	return r ? HZ : pause;
}

static bool mover_may_run(struct smv_vol *vol)
{
	struct smv_dev *dev = vol->dev;

	return READ_ONCE(vol->running) && READ_ONCE(vol->rolling) && vol->bdev &&
	       !READ_ONCE(dev->suspended) && !READ_ONCE(dev->failed) && !dev->read_only;
}

static u32 mover_batch(struct smv_dev *dev)
{
	u64 rate = READ_ONCE(dev->settings.throttle_mib_s);

	/* Throttled: a tenth of a second's worth, so that the rate is even. */
	if (!rate)
		return MOVE_CHUNKS;
	return clamp_t(u64, div64_u64(rate * 2048, 10 * (u64)dev->chunk_sectors), 1, MOVE_CHUNKS);
}

/* @crowded: writers wait for it, so that nothing slows it down. */
static int mover_run(struct smv_vol *vol, bool crowded, u32 *moved)
{
	u32 batch = crowded ? MOVE_CHUNKS : mover_batch(vol->dev);
	u64 chunk;
	int r = 0;

	for (*moved = 0; *moved < batch && !r && READ_ONCE(vol->running); (*moved)++) {
		r = mover_next(vol, &chunk);
		if (!r)
			r = mover_move(vol, chunk, crowded);
	}
	return r;
}

/* Nothing is left but what was passed: it may be read one day. */
static void mover_rests(struct smv_vol *vol)
{
	if (!vol->rests_since)
		vol->rests_since = jiffies | 1;
	if (time_before(jiffies, vol->rests_since + MOVE_RESTS))
		return;
	vol->rests_since = 0;
	smv_lock(vol->dev);
	smv_rollback_look_again(vol->volume);
	smv_unlock(vol->dev);
}

static void move_worker(struct work_struct *work)
{
	struct smv_vol *vol = container_of(to_delayed_work(work), struct smv_vol, move_work);
	struct smv_dev *dev = vol->dev;
	unsigned long start = jiffies;
	bool crowded;
	u32 moved = 0;
	u64 lsn;
	int r;

	if (!mover_may_run(vol))
		return;
	if (READ_ONCE(vol->stage_asked) || vol->moved_unstaged >= MOVE_STAGE) {
		mutex_lock(&vol->stage_lock);
		stage(vol, vol->bdev, &lsn);
		mutex_unlock(&vol->stage_lock);
		smv_commit_kick(dev);
	}
	crowded = xchg(&vol->crowd_asked, false);
	if (!crowded && READ_ONCE(dev->settings.throttle_mib_s) == SMV_THROTTLE_PAUSE)
		return;
	r = mover_run(vol, crowded, &moved);
	if (r != -ENOSPC)
		vol->starved_since = 0;
	if (r == -ENOENT)
		r = mover_finish(vol);
	if (r == -ENOENT)
		mover_rests(vol);
	if (r == -ENOSPC) {
		WRITE_ONCE(dev->full, true);
		smv_report_state(dev);
	}
	if (r && r != -EINPROGRESS && r != -ENOSPC && r != -EBUSY && r != -ENOENT)
		DMERR_LIMIT("%s: the mover of a rollback cannot go on: %d", dev->name, r);
	if (mover_may_run(vol))
		queue_delayed_work(dev->back, &vol->move_work,
				   mover_delay(dev, r, start, crowded ? 0 : moved));
}

void smv_mover_init(struct smv_vol *vol)
{
	INIT_DELAYED_WORK(&vol->move_work, move_worker);
}

void smv_mover_kick(struct smv_vol *vol)
{
	if (mover_may_run(vol))
		mod_delayed_work(vol->dev->back, &vol->move_work, 0);
}

void smv_mover_stop(struct smv_vol *vol)
{
	cancel_delayed_work_sync(&vol->move_work);
}
