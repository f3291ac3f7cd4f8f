// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to snapshots, and their FLUSH and FUA.
 *
 * Promises: a write is on one side of a snapshot of its snapshot whole: it enters
 * the flight counters before its first chunk is decided, and leaves them when
 * its last exception is published. A FLUSH waits for the commit of all that
 * completed before, and for a flush of the store where data was only
 * overwritten; if neither is open, it writes nothing.
 *
 * Structure: one chunk that may be overwritten is remapped in map(); so is a
 * write of one whole chunk that is new, with the chunk locked until a worker has
 * published it after the I/O. Everything else locks its chunks, takes a unit for
 * each, asks the engine for all of them in one go (all or nothing: what was given
 * is cancelled if one has to wait), writes, chunks side by side (a partial new
 * chunk is copied first), and publishes. The commit is left to the next FLUSH.
 *
 * A crash before the commit leaves what was there before, as on a disk with a
 * volatile cache.
 *
 * The weak side: the copy for a partial write copies the whole chunk, then
 * writes over it.
 */
#include <linux/slab.h>

#include "dev.h"

static void write_worker(struct work_struct *work);

/* The part of chunk @chunk that the bio covers, in sectors from the bio's start. */
static void write_part(struct smv_bio *io, u64 chunk, sector_t *from, u32 *sectors, bool *whole)
{
	struct bio *bio = io->bio;
	struct smv_dev *dev = io->vol->dev;
	sector_t start = (sector_t)chunk << dev->chunk_shift;
	sector_t end = min_t(sector_t, start + dev->chunk_sectors, io->vol->sectors);
	sector_t first = max_t(sector_t, start, bio->bi_iter.bi_sector);
	sector_t last = min_t(sector_t, end, bio_end_sector(bio));

	*from = first - bio->bi_iter.bi_sector;
	*sectors = last - first;
	*whole = first == start && last == end;
}

static void write_put_units(struct smv_bio *io)
{
	struct smv_unit *unit, *next;

	list_for_each_entry_safe(unit, next, &io->units, list) {
		list_del_init(&unit->list);
		smv_unit_put(unit);
	}
}

/* Gives back the jobs given so far, up to @end. Under dev->lock. */
static void write_cancel(struct smv_bio *io, struct smv_unit *end)
{
	struct smv_unit *unit;

	list_for_each_entry(unit, &io->units, list) {
		if (unit == end)
			return;
		if (unit->job.todo == SMV_TODO_NEW)
			smv_job_cancel(unit->dev->store, &unit->job);
		smv_unit_leave(unit);
		smv_fall_end(unit->dev, &unit->fall);
	}
}

/* Asks for all chunks. Under dev->lock. */
static int write_ask(struct smv_bio *io, u64 *miss)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	struct smv_unit *unit;
	u64 chunk = io->first;
	sector_t from;
	u32 sectors;
	bool whole;
	int r;

	list_for_each_entry(unit, &io->units, list) {
		write_part(io, chunk, &from, &sectors, &whole);
		r = smv_snapshot_write(dev->store, vol->volume, chunk, whole, &unit->job, miss);
		if (r) {
			write_cancel(io, unit);
			return r;
		}
		unit->io = io;
		unit->job.chunk = chunk++;
		smv_unit_places(unit, vol, smv_bio_origin(io));
		unit->zero = unit->zero || whole; /* whole: nothing to copy */
		if (unit->job.todo == SMV_TODO_NEW && !whole &&
		    unit->job.from.place == SMV_PLACE_ORIGIN)
			smv_fall_begin(dev, &unit->fall, vol->origin, unit->job.chunk);
	}
	return 0;
}

/* ---- the data ---- */

static void write_zeroes(struct smv_bio *io, sector_t to, u32 sectors)
{
	if (blkdev_issue_zeroout(io->vol->dev->bdev, to, sectors, GFP_NOIO, 0))
		io->status = BLK_STS_IOERR;
	else
		smv_bio_written(io->vol);
}

static void write_data(struct smv_unit *unit)
{
	struct smv_bio *io = unit->io;
	struct smv_dev *dev = unit->dev;
	sector_t from, to;
	u32 sectors;
	bool whole;

	write_part(io, unit->job.chunk, &from, &sectors, &whole);
	to = smv_store_sector(dev, unit->job.to) +
	     ((io->bio->bi_iter.bi_sector + from) & (dev->chunk_sectors - 1));
	if (bio_op(io->bio) == REQ_OP_WRITE_ZEROES)
		write_zeroes(io, to, sectors);
	else
		smv_child_submit(io, dev->bdev, from, sectors, to);
}

static void write_put_pending(struct smv_bio *io)
{
	if (atomic_dec_and_test(&io->pending))
		queue_work(io->vol->dev->gate, &io->wait.work);
}

static void write_copied(struct smv_unit *unit)
{
	struct smv_bio *io = unit->io;

	smv_fall_end(unit->dev, &unit->fall);
	if (unit->status)
		io->status = unit->status;
	else
		write_data(unit);
	write_put_pending(io);
}

static void write_start(struct smv_bio *io)
{
	struct smv_unit *unit;
	sector_t from;
	u32 sectors;
	bool whole;

	io->started = true;
	atomic_set(&io->pending, 1);
	list_for_each_entry(unit, &io->units, list) {
		write_part(io, unit->job.chunk, &from, &sectors, &whole);
		if (unit->job.todo == SMV_TODO_NEW && !whole) {
			atomic_inc(&io->pending);
			atomic64_inc(&unit->dev->stats.snapshot_copies);
			smv_copy_start(unit, write_copied);
		} else {
			write_data(unit);
		}
	}
	write_put_pending(io);
}

/* ---- the end ---- */

static void fua_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);
	struct smv_vol *vol = io->vol;
	int r = smv_wait_durable(vol->dev, READ_ONCE(vol->lsn));

	if (!r)
		r = smv_flush_data(vol->dev, atomic64_read(&vol->written));
	smv_bio_end(io, errno_to_blk_status(r));
}

/* 0 or an error of smv_job_done(). Under dev->lock. */
static int write_publish_ask(struct smv_bio *io, struct smv_job *job, u64 *miss)
{
	struct smv_store *store = io->vol->dev->store;
	u64 lsn = 0;
	int r = 0;

	if (job->todo == SMV_TODO_NEW) {
		if (io->status)
			smv_job_cancel(store, job);
		else
			r = smv_job_done(store, job, &lsn, miss);
	}
	if (lsn > io->vol->lsn)
		WRITE_ONCE(io->vol->lsn, lsn);
	return r;
}

/* true: it is published, or has failed; false: the bio waits. */
static bool write_publish_job(struct smv_bio *io, struct smv_job *job)
{
	struct smv_dev *dev = io->vol->dev;
	u64 miss = 0;
	int r;

	for (;;) {
		smv_lock(dev);
		r = write_publish_ask(io, job, &miss);
		smv_unlock(dev);
		if (r == -EBUSY)
			return !smv_bio_park_room(io, false);
		if (r != -EAGAIN)
			break;
		if (smv_host_fetch(dev, miss))
			io->status = BLK_STS_IOERR; /* cancels it and the rest */
	}
	WARN_ON_ONCE(r == -ESTALE); /* it has entered: no epoch can end */
	if (r)
		io->status = BLK_STS_IOERR;
	if (io->status)
		smv_space_look(dev);
	return true;
}

/* Its I/O has ended. true: all are published, or have failed; false: the bio waits. */
static bool write_publish(struct smv_bio *io)
{
	struct smv_unit *unit;

	list_for_each_entry(unit, &io->units, list)
		smv_unit_leave(unit);
	while (!list_empty(&io->units)) {
		unit = list_first_entry(&io->units, struct smv_unit, list);
		if (!write_publish_job(io, &unit->job))
			return false;
		list_del_init(&unit->list);
		smv_unit_put(unit);
	}
	return true;
}

static void write_end(struct smv_bio *io)
{
	struct bio *bio = io->bio;

	if (io->status || !(bio->bi_opf & REQ_FUA)) {
		smv_bio_end(io, io->status);
		return;
	}
	smv_bio_unlock(io);
	smv_held_leave(io->held);
	smv_bio_queue(io, io->vol->dev->back, fua_worker);
}

/* ---- deciding ---- */

/* 0: all chunks have jobs; 1: the bio waits or has ended; else an error. */
static int write_decide(struct smv_bio *io)
{
	struct smv_dev *dev = io->vol->dev;
	u64 miss = 0;
	int r;

	do {
		smv_lock(dev);
		io->space_epoch = READ_ONCE(dev->space_epoch);
		if (!smv_held_enter(io->held)) {
			smv_unlock(dev);
			write_put_units(io);
			return smv_bio_park_closed(io) ? 1 : -EINPROGRESS;
		}
		r = write_ask(io, &miss);
		if (r)
			smv_held_leave(io->held);
		smv_unlock(dev);
		if (r == -EAGAIN && smv_host_fetch(dev, miss))
			r = -EIO;
	} while (r == -EAGAIN);
	if (r)
		write_put_units(io);
	return r;
}

static bool write_nospace(struct smv_bio *io)
{
	if (smv_bio_hold(io))
		return false;
	if (!io->drop)
		return true;
	smv_bio_end(io, BLK_STS_NOSPC);
	return false;
}

/* true: decide again; false: the bio goes, waits, or has ended. */
static bool write_prepare(struct smv_bio *io)
{
	struct smv_dev *dev = io->vol->dev;
	int r;

	if (!smv_unit_get_many(dev, &io->units, io->end - io->first, &io->wait))
		return false;
	r = write_decide(io);
	switch (r) {
	case 0:
		write_start(io);
		return false;
	case 1:
		return false;
	case -EINPROGRESS:
		return true;
	case -EBUSY:
		return !smv_bio_park_room(io, false);
	case -ENOSPC:
		return write_nospace(io);
	default:
		smv_bio_end(io, BLK_STS_IOERR);
		return false;
	}
}

static void write_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);

	if (!io->started) {
		while (write_prepare(io))
			;
		return;
	}
	if (write_publish(io))
		write_end(io);
}

/* ---- map ---- */

static void write_new_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);

	smv_held_uncount(io->held);
	if (!write_publish_job(io, &io->job))
		return;
	smv_held_release(io->held);
	smv_bio_end(io, io->status);
}

/* A whole chunk that has no entry of this epoch: locked, and published after its I/O. */
static bool write_new(struct smv_held *held, struct bio *bio, const struct smv_job *job)
{
	struct smv_bio *io = smv_bio_new(held, bio);

	if (!io)
		return false;
	if (!smv_bio_trylock(io, write_new_worker)) {
		smv_bio_free(io);
		return false;
	}
	io->job = *job;
	io->publish = true;
	held->io = io;
	return true;
}

static bool write_is_whole(struct smv_vol *vol, struct bio *bio)
{
	u32 sectors = vol->dev->chunk_sectors;

	return !(bio->bi_iter.bi_sector & (sectors - 1)) &&
	       (bio_sectors(bio) == sectors || bio_end_sector(bio) == vol->sectors);
}

/* The write of one chunk goes in the caller's context, if it can. Under dev->lock. */
static bool write_at_once(struct smv_held *held, struct bio *bio)
{
	struct smv_vol *vol = held->target->vol;
	struct smv_dev *dev = vol->dev;
	struct smv_job job;
	u64 miss;
	int r;

	if (!smv_held_enter(held))
		return false;
	r = smv_snapshot_write(dev->store, vol->volume, smv_bio_first(dev, bio), true, &job, &miss);
	if (r || (job.todo == SMV_TODO_NEW &&
		  !(write_is_whole(vol, bio) && write_new(held, bio, &job)))) {
		if (!r)
			smv_job_cancel(dev->store, &job);
		smv_held_leave(held);
		return false;
	}
	held->generation = smv_io_enter(dev);
	held->counted = true;
	bio_set_dev(bio, dev->bdev);
	bio->bi_iter.bi_sector =
		smv_store_sector(dev, job.to) + (bio->bi_iter.bi_sector & (dev->chunk_sectors - 1));
	return true;
}

int smv_snapshot_write_map(struct smv_held *held, struct bio *bio)
{
	struct smv_dev *dev = held->target->dev;
	u64 first = smv_bio_first(dev, bio), end = smv_bio_end_chunk(dev, bio);
	bool gone = false;

	if (end - first > SMV_BIO_CHUNKS) {
		end = first + SMV_BIO_CHUNKS;
		dm_accept_partial_bio(bio, (end << dev->chunk_shift) - bio->bi_iter.bi_sector);
	}
	if (end - first == 1 && bio_op(bio) == REQ_OP_WRITE && !(bio->bi_opf & REQ_FUA) &&
	    smv_trylock(dev)) {
		gone = write_at_once(held, bio);
		smv_unlock_unchanged(dev);
	}
	if (gone)
		return DM_MAPIO_REMAPPED;
	return smv_bio_start_locked(held, bio, write_worker);
}

int smv_snapshot_flush_map(struct smv_held *held, struct bio *bio)
{
	struct smv_vol *vol = held->target->vol;
	struct smv_dev *dev = vol->dev;

	if (READ_ONCE(dev->durable) >= READ_ONCE(vol->lsn) &&
	    READ_ONCE(dev->flushed) >= atomic64_read(&vol->written)) {
		bio_endio(bio);
		return DM_MAPIO_SUBMITTED;
	}
	return smv_bio_start(held, bio, dev->back, fua_worker);
}
