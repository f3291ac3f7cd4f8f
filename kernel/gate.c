// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origin writes that must wait: for chunks to be preserved, or moved by a
 * rollback first.
 *
 * Promises: the write is issued once, whole, when the engine says GO for each of
 * its chunks at one moment at which it has entered the flight counters, what it
 * published is durable, and nobody reads these chunks in place for a snapshot.
 *
 * Structure: a bio holds the range of its chunks from beginning to issue. It
 * works in passes: a pass asks the engine for each chunk and starts the jobs it
 * names, SMV_WINDOW at a time; when they are done and what they published is
 * durable, the next pass begins. A pass that finds GO everywhere issues the
 * bio. Each pass ends with a verdict, on which gate_settle() acts when no job
 * of the bio runs any more:
 *
 *   0             jobs were started -> wait for the commit, next pass
 *   -EINPROGRESS  the window is full -> go on where it stopped
 *   -ENOBUFS      no unit is free -> wait for one
 *   -EDEADLK      a chunk to be moved is read in place -> wait (gate_wait_falls())
 *   -EBUSY        no room for records, or marks -> wait for a commit, a checkpoint, the mover; or
 *                 go back to device-mapper, which suspends the origin without a flush
 *   -ENOSPC       the store is full -> next pass if jobs were started; else hold, or drop and next pass
 *   others        the store has failed: the write goes on if the engine says that
 *                 nothing is pending there, else it fails
 *
 * Rules: a range is given back only when what was published under it is durable,
 * so that a later write cannot take GO for durable. Copies are decided outside
 * the flight counters, so that a snapshot command does not wait for them; what
 * it overtakes is cancelled by the engine (-ESTALE) and decided anew.
 *
 * The bit that lets later writes of a chunk go at once (engine/preserved.c) is set by the write that is
 * issued here, under dev->lock; never by the mover. It is tested between entering and leaving the
 * flight counters, and the engine clears all bits of an origin when the gate is closed and everybody out.
 *
 * A first write that is alone spares a round trip: its copy and its commit go
 * together (gate_job_read()). Among others it waits for company, so that a commit serves many.
 *
 * A crash leaves chunks that are preserved and not yet overwritten: harmless.
 */
#include "dev.h"

#define GATE_STALE "a metadata block is not the one that was written last"
#define GATE_GONE 1 /* issued, ended or waiting in a list */

static void gate_worker(struct work_struct *work);

/* FUA while a rollback runs, written: what a FLUSH does. */
static void gate_fua_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);
	int r = blk_status_to_errno(io->status);

	if (!r)
		r = smv_flush_told(io->vol, smv_origin_sync(io->vol, smv_bio_origin(io)));
	smv_bio_end(io, errno_to_blk_status(r));
}

/* The bio has entered and may go; dev->lock is held and given back. */
static int gate_issue(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;
	struct bio *bio = io->bio;

	smv_unlock(vol->dev);
	smv_bio_unlock(io);
	bio_set_dev(bio, smv_bio_origin(io));
	if (bio->bi_opf & REQ_FUA && vol->rolling) {
		bio->bi_opf &= ~REQ_FUA;
		io->wait.work.func = gate_fua_worker;
		io->held->io = io;
		submit_bio_noacct(bio);
	} else {
		smv_bio_issue(io);
	}
	return GATE_GONE;
}

/* Waits, outside the counters, for the reads in place of these chunks. As gate_issue(). */
static int gate_wait_falls(struct smv_bio *io, u64 first, u64 end)
{
	struct smv_dev *dev = io->vol->dev;
	bool waits;

	smv_held_leave(io->held);
	waits = smv_fall_wait(io->vol, first, end, &io->wait);
	smv_unlock(dev);
	return waits ? GATE_GONE : -EINPROGRESS;
}

/* All chunks are ready: issue, unless they are read in place. As gate_issue(). */
static int gate_ready(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;

	if (smv_fall_wait(vol, io->first, io->end, NULL))
		return gate_wait_falls(io, io->first, io->end);
	smv_write_issue(vol->dev->store, vol->volume, io->first, io->end);
	return gate_issue(io);
}

static void gate_start(struct smv_bio *io, struct smv_unit *unit, struct list_head *list)
{
	struct smv_dev *dev = io->vol->dev;

	unit->io = io;
	smv_unit_places(unit, io->vol, smv_bio_origin(io));
	if (unit->job.todo == SMV_TODO_COPY)
		smv_gather_begin(dev);
	list_add_tail(&unit->list, list);
	atomic_inc(&io->pending);
	io->started = true;
	io->next++;
}

/* Has smv_drop() seen to this chunk in the epoch that the job would preserve? */
static bool gate_dropped(struct smv_bio *io, struct smv_job *job)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(io->dropped); i++) {
		if (io->next < io->dropped_end[i] && io->dropped[i] == job->key.epoch &&
		    job->dropped != job->key.epoch) {
			job->dropped = job->key.epoch;
			return true;
		}
	}
	return false;
}

static int gate_ask_one(struct smv_bio *io, struct smv_job *job, u64 *miss)
{
	struct bio *bio = io->bio;
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	sector_t start = (sector_t)io->next << dev->chunk_shift;
	int r;

	memset(job, 0, sizeof(*job));
	job->whole = bio->bi_iter.bi_sector <= start &&
		     bio_end_sector(bio) >= min_t(u64, start + dev->chunk_sectors, vol->sectors);
	do {
		r = smv_origin_write(dev->store, vol->volume, io->next, job, miss);
	} while (r == -ENOSPC && gate_dropped(io, job));
	if (r == -ENOSPC)
		io->job = *job;
	return r;
}

/* Do jobs of the bio run? There is nothing else to wait for then. In a round, which counts as one. */
static bool gate_is_busy(struct smv_bio *io)
{
	return atomic_read(&io->pending) > 1;
}

/* Asks for chunks from io->next on; 0: asked for all. Under dev->lock. */
static int gate_ask(struct smv_bio *io, struct list_head *list, u64 *miss)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	struct smv_unit *unit;
	u32 jobs = 0;
	int r;

	while (io->next < io->end) {
		if (io->held->entered &&
		    smv_preserved_test(vol->preserved, io->next, io->next + 1)) {
			io->next++;
			continue;
		}
		unit = jobs < SMV_WINDOW ? smv_unit_get(dev) : NULL;
		if (!unit)
			return gate_is_busy(io) ? -EINPROGRESS : -ENOBUFS;
		r = gate_ask_one(io, &unit->job, miss);
		if (!r && unit->job.todo == SMV_TODO_MOVE &&
		    smv_fall_wait(vol, io->next, io->next + 1, NULL)) {
			smv_unit_put(unit);
			return gate_is_busy(io) ? -EINPROGRESS : -EDEADLK;
		}
		if (!r && unit->job.todo != SMV_TODO_GO) {
			gate_start(io, unit, list);
			jobs++;
			continue;
		}
		smv_unit_put(unit);
		if (r)
			return r;
		io->next++;
	}
	return 0;
}

/* ---- jobs ---- */

static void gate_job_published(struct smv_unit *unit)
{
	struct smv_bio *io = unit->io;
	struct smv_dev *dev = unit->dev;

	smv_unit_put(unit);
	if (!atomic_dec_and_test(&io->pending))
		return;
	/* All that the bio's next run would do is to wait for the commit. */
	if (!io->verdict && io->lsn && smv_wait_lsn(dev, &io->wait, io->lsn))
		return;
	queue_work(dev->gate, &io->wait.work);
}

/* What the engine hears of a job's end, which is then a job no more. Under dev->lock. */
static int gate_job_report(struct smv_unit *unit, u64 *lsn, u64 *miss)
{
	struct smv_store *store = unit->dev->store;
	bool copy = unit->job.todo == SMV_TODO_COPY;

	if (!unit->status)
		return smv_job_done(store, &unit->job, lsn, miss);
	if (copy && unit->read_failed && !unit->away)
		return smv_job_lost(store, &unit->job, lsn, miss);
	smv_job_cancel(store, &unit->job);
	if (copy && !unit->away)
		smv_store_fail(store, "a preserved chunk could not be written");
	else
		unit->io->status = unit->status;
	return 0;
}

static void gate_job_account(struct smv_unit *unit, bool move, int r, u64 lsn)
{
	struct smv_dev *dev = unit->dev;
	struct smv_bio *io = unit->io;

	if (lsn > io->lsn)
		io->lsn = lsn;
	if (move) {
		atomic64_inc(&dev->stats.moves);
		if (lsn)
			smv_commit_kick(dev);
		return;
	}
	if (!unit->announced)
		smv_gather_copied(dev, !r && lsn);
	/* The chunk of the store that was held for the copy is free again. */
	if (unit->read_failed || (!lsn && !unit->announced))
		smv_space_look(dev);
	atomic64_inc(&dev->stats.copies);
	if (unit->away) {
		DMERR_LIMIT("%s: an origin cannot be read: its first writes fail", dev->name);
	} else if (unit->read_failed) {
		atomic64_inc(&dev->stats.lost);
		DMERR_LIMIT("%s: chunk %llu of an origin cannot be read: lost to its snapshots",
			    dev->name, unit->job.chunk);
	}
}

static void gate_job_worker(struct work_struct *work)
{
	struct smv_unit *unit = container_of(work, struct smv_unit, wait.work);
	bool move = unit->job.todo == SMV_TODO_MOVE;
	struct smv_dev *dev = unit->dev;
	u64 lsn, miss = 0;
	int r;

	unit->away = unit->read_failed && !move && !smv_copy_answers(unit);
	for (;;) {
		lsn = 0;
		smv_lock(dev);
		r = gate_job_report(unit, &lsn, &miss);
		if (r == -EBUSY) {
			WARN_ON_ONCE(unit->counted); /* I-ROOM-BEHIND */
			smv_room_wanted(dev, unit->io->vol);
			smv_wait_list(dev, &dev->room_list, &unit->wait);
		} else if (r != -EAGAIN) {
			gate_job_account(unit, move, r, lsn);
		}
		smv_unlock(dev);
		if (r == -EUCLEAN)
			smv_fail(dev, GATE_STALE);
		if (r != -EAGAIN)
			break;
		if (smv_host_fetch(dev, miss))
			smv_fail(dev, "metadata could not be read");
	}
	if (r != -EBUSY)
		gate_job_published(unit);
}

static void gate_job_overwrite(struct work_struct *work)
{
	struct smv_unit *unit = container_of(work, struct smv_unit, wait.work);

	DMERR_LIMIT(
		"%s: chunk %llu of an origin, to be moved by a rollback, cannot be read: what overwrites it is kept, and snapshots taken since have lost it",
		unit->dev->name, unit->job.chunk);
	smv_job_overwrite(&unit->job);
	smv_copy_zeroes(unit);
}

static void gate_job_done(struct smv_unit *unit)
{
	/* What overwrites all of the chunk needs nothing of what cannot be read. */
	if (unit->read_failed && unit->job.todo == SMV_TODO_MOVE && unit->job.whole) {
		unit->wait.work.func = gate_job_overwrite;
		queue_work(unit->dev->gate, &unit->wait.work);
		return;
	}
	smv_unit_leave(unit);
	unit->wait.work.func = gate_job_worker;
	gate_job_worker(&unit->wait.work);
}

/*
 * Does it spare time if this copy goes with its commit? Only if nobody else is under
 * way, the store takes the copy durably in one trip, and a trip takes longer than the checksum.
 */
static bool gate_goes_together(const struct smv_unit *unit)
{
	const struct smv_dev *dev = unit->dev;

	return atomic_read(&unit->io->vol->gated) == 1 && READ_ONCE(dev->copying) == 1 &&
	       READ_ONCE(dev->commit_ns) > READ_ONCE(dev->checksum_ns) &&
	       smv_compat_fua_is_direct(dev->bdev);
}

/* The chunk has been read: its record goes to the journal now, or when it has been copied. */
static void gate_job_read(struct smv_unit *unit)
{
	struct smv_dev *dev = unit->dev;
	u64 check, lsn;

	if (!gate_goes_together(unit))
		return;
	check = smv_copy_checksum(unit);
	smv_lock(dev);
	if (gate_goes_together(unit) && !smv_job_announce(dev->store, &unit->job, check, &lsn)) {
		unit->announced = true;
		dev->announced++;
		unit->io->lsn = max(unit->io->lsn, lsn);
		smv_gather_copied(dev, true);
	}
	smv_unlock(dev);
}

static void gate_start_jobs(struct list_head *list)
{
	struct smv_unit *unit, *next;

	list_for_each_entry_safe(unit, next, list, list) {
		list_del_init(&unit->list);
		if (unit->job.todo == SMV_TODO_COPY)
			unit->read = gate_job_read;
		smv_copy_start(unit, gate_job_done);
	}
}

/* ---- passes ---- */

static int gate_pass(struct smv_bio *io, u64 *miss)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	LIST_HEAD(list);
	int r;

	smv_lock(dev);
	io->space_epoch = READ_ONCE(dev->space_epoch);
	if (!io->started) {
		io->next = io->first;
		if (!smv_held_enter_late(io->held)) {
			smv_unlock(dev);
			return smv_bio_park_closed(io) ? GATE_GONE : -EINPROGRESS;
		}
	}
	r = gate_ask(io, &list, miss);
	if (!r && !io->started)
		return gate_ready(io);
	if (r == -EDEADLK)
		return gate_wait_falls(io, io->next, io->next + 1);
	smv_held_leave(io->held);
	smv_unlock(dev);
	gate_start_jobs(&list);
	return r;
}

/* One pass, with the metadata it misses. GATE_GONE, or io->verdict is set. */
static int gate_round(struct smv_bio *io)
{
	struct smv_dev *dev = io->vol->dev;
	u64 miss = 0;
	int r;

	atomic_set(&io->pending, 1);
	while ((r = gate_pass(io, &miss)) == -EAGAIN) {
		if (smv_host_fetch(dev, miss)) {
			io->unread = true;
			smv_fail(dev, "metadata could not be read");
		}
	}
	if (r == GATE_GONE)
		return r;
	if (r == -EUCLEAN)
		smv_fail(dev, GATE_STALE);
	io->verdict = r;
	return 0;
}

static int gate_failed_ask(struct smv_bio *io, bool *go, u64 *miss)
{
	struct smv_vol *vol = io->vol;
	u64 chunk;
	int r;

	*go = !vol->rolling;
	if (io->unread || !vol->rolling)
		return 0;
	*go = true;
	for (chunk = io->first; chunk < io->end && *go; chunk++) {
		r = smv_write_failed(vol->dev->store, vol->volume, chunk, go, miss);
		if (r)
			return r;
	}
	return 0;
}

/* The store has failed: the origin comes first. true: look again. */
static bool gate_failed(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	bool go = false;
	u64 miss;
	int r;

	smv_lock(dev);
	if (!smv_store_failed(dev->store)) {
		smv_unlock(dev);
		smv_bio_end(io, BLK_STS_IOERR);
		return false;
	}
	if (!smv_held_enter_late(io->held)) {
		smv_unlock(dev);
		return !smv_bio_park_closed(io);
	}
	r = gate_failed_ask(io, &go, &miss);
	if (!r && go)
		return gate_ready(io) == -EINPROGRESS;
	smv_held_leave(io->held);
	smv_unlock(dev);
	if (r == -EAGAIN) {
		io->unread = smv_host_fetch(dev, miss) != 0;
		return true;
	}
	smv_bio_end(io, BLK_STS_IOERR);
	return false;
}

/*
 * The snapshots that needed this chunk in this epoch do so no more; nor those that needed one
 * below it, for all of them were GO in the pass that has just ended.
 */
static void gate_remember_drop(struct smv_bio *io)
{
	u64 epoch = io->job.key.epoch;
	u32 slot = epoch >= io->dropped[1];

	io->dropped[slot] = epoch;
	io->dropped_end[slot] = io->job.chunk + 1;
	io->cursor = 0;
	io->verdict = 0;
}

/* The policy is to drop what needs the chunk. true: next pass; false: the bio waits. */
static bool gate_drop(struct smv_bio *io)
{
	struct smv_dev *dev = io->vol->dev;
	u64 lsn = 0;
	int r = smv_space_drop(dev, &io->job, &io->cursor, &lsn);

	if (lsn > io->lsn)
		io->lsn = lsn;
	if (r == -EBUSY) {
		io->verdict = -ENOSPC;
		return !smv_bio_park_room(io, false);
	}
	gate_remember_drop(io);
	smv_commit_kick(dev);
	return true;
}

/* As gate_drop(). A bio that is held asks again when it is woken. */
static bool gate_nospace(struct smv_bio *io)
{
	if (io->drop)
		return gate_drop(io);
	io->verdict = -EINPROGRESS;
	if (smv_bio_hold(io))
		return false;
	return io->drop ? gate_drop(io) : true;
}

static bool gate_wait_unit(struct smv_bio *io)
{
	struct smv_unit *unit;
	LIST_HEAD(list);

	if (!smv_unit_get_many(io->vol->dev, &list, 1, &io->wait))
		return false;
	unit = list_first_entry(&list, struct smv_unit, list);
	list_del_init(&unit->list);
	smv_unit_put(unit);
	return true;
}

/* Waits for what was published. false: the bio waits. */
static bool gate_durable(struct smv_bio *io)
{
	if (!io->lsn)
		return true;
	if (smv_wait_lsn(io->vol->dev, &io->wait, io->lsn))
		return false;
	io->lsn = 0;
	return true;
}

/* Acts on the verdict of the last pass; no job of the bio runs. true: next pass. */
static bool gate_settle(struct smv_bio *io)
{
	int verdict = io->verdict;

	if (verdict == -EINPROGRESS)
		return true;
	if (verdict == -EBUSY && !io->lsn) {
		io->verdict = -EINPROGRESS;
		return !smv_bio_park_room(io, true);
	}
	if (!gate_durable(io))
		return false;
	if (io->status) {
		smv_bio_end(io, io->status);
		return false;
	}
	switch (verdict) {
	case 0:
		io->started = false;
		if (io->drop)
			smv_vol_readers(io->vol);
		return true;
	case -EBUSY:
		return true;
	case -ENOBUFS:
		io->verdict = -EINPROGRESS;
		return gate_wait_unit(io);
	case -ENOSPC:
		if (!io->started)
			return gate_nospace(io) && gate_durable(io);
		/* A chunk that was to be moved has not yet been asked what it needs now. */
		io->verdict = -EINPROGRESS;
		io->started = false;
		return true;
	default:
		while (gate_failed(io))
			;
		return false;
	}
}

static void gate_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);

	while (gate_settle(io)) {
		if (gate_round(io) || !atomic_dec_and_test(&io->pending))
			return;
	}
}

/* Takes over a write to an origin that may not go at once. */
int smv_gate_write(struct smv_held *held, struct bio *bio)
{
	struct smv_bio *io = smv_bio_new(held, bio);

	if (unlikely(!io))
		return smv_bio_starve(held->target->dev, bio);
	io->gated = true;
	atomic_inc(&io->vol->gated);
	atomic64_inc(&io->vol->dev->stats.gated);
	smv_bio_lock(io, gate_worker);
	return DM_MAPIO_SUBMITTED;
}
