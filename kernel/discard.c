// SPDX-License-Identifier: GPL-2.0-only
/*
 * Discards, and WRITE ZEROES of whole chunks of snapshots.
 *
 * Promises: a discard of an origin reaches its device only where no snapshot
 * reads the chunk in place and no rollback still has to fill it; elsewhere it
 * completes without effect. An error of the device is the discard's. A discarded
 * or zeroed whole chunk of a snapshot reads as zeroes and holds nothing in the
 * store; the chunks of one bio are on one side of a snapshot of that snapshot.
 *
 * Structure: map() takes either a piece of a chunk (a discard of it has no
 * effect, zeroes are written) or a run of whole chunks, which is locked as a
 * range and decided in a worker. A snapshot command waits for a run that has begun,
 * which may wait for metadata or for room meanwhile: what brings these waits for no command.
 */
#include "dev.h"

#define DISCARD_CHUNKS 256u

/*
 * Trims the bio to a run of whole chunks (true), or to a piece of one (false). The
 * volume's last chunk is whole if it is covered up to the volume's end.
 */
static bool discard_trim(struct smv_held *held, struct bio *bio)
{
	struct smv_dev *dev = held->target->dev;
	sector_t start = bio->bi_iter.bi_sector, end = bio_end_sector(bio);
	sector_t mask = dev->chunk_sectors - 1, cut;
	bool whole = true;

	if (start & mask) {
		cut = min(end, (start | mask) + 1);
		whole = false;
	} else if (end == held->target->vol->sectors || !(end & mask)) {
		cut = end;
	} else if (end - start < dev->chunk_sectors) {
		cut = end;
		whole = false;
	} else {
		cut = end & ~mask;
	}
	if (whole)
		cut = min(cut, start + ((sector_t)DISCARD_CHUNKS << dev->chunk_shift));
	if (cut != end)
		dm_accept_partial_bio(bio, cut - start);
	return whole;
}

static int discard_no_effect(struct bio *bio)
{
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/* ---- origins ---- */

/* Which chunks may be passed down. Under dev->lock, entered. */
static int origin_ask(struct smv_bio *io, unsigned long *pass, u64 *miss)
{
	struct smv_vol *vol = io->vol;
	u64 chunk;
	bool go;
	int r;

	for (chunk = io->first; chunk < io->end; chunk++) {
		r = smv_origin_discard(vol->dev->store, vol->volume, chunk, &go, miss);
		if (r == -EAGAIN)
			return r;
		if (!r && go && !smv_fall_wait(vol, chunk, chunk + 1, NULL))
			__set_bit(chunk - io->first, pass);
	}
	return 0;
}

/* Passes the runs of set bits down to the origin. */
static void origin_pass(struct smv_bio *io, unsigned long *pass)
{
	struct bio *bio = io->bio;
	struct smv_dev *dev = io->vol->dev;
	u32 first, end, count = io->end - io->first;
	sector_t from, to;

	for (first = find_first_bit(pass, count); first < count;
	     first = find_next_bit(pass, count, end)) {
		end = find_next_zero_bit(pass, count, first);
		from = (sector_t)first << dev->chunk_shift;
		to = min_t(sector_t, (sector_t)end << dev->chunk_shift, bio_sectors(bio));
		smv_child_submit(io, smv_bio_origin(io), from, to - from,
				 bio->bi_iter.bi_sector + from);
	}
}

static void origin_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);
	struct smv_dev *dev = io->vol->dev;
	DECLARE_BITMAP(pass, DISCARD_CHUNKS) = { 0 };
	u64 miss = 0;
	int r;

	if (io->started) {
		smv_bio_end(io, io->status);
		return;
	}
	do {
		bitmap_zero(pass, DISCARD_CHUNKS);
		smv_lock(dev);
		if (!smv_held_enter_late(io->held)) {
			smv_unlock(dev);
			if (smv_bio_park_closed(io))
				return;
			r = -EAGAIN;
			continue;
		}
		r = origin_ask(io, pass, &miss);
		if (r)
			smv_held_leave(io->held);
		smv_unlock(dev);
		if (r && smv_host_fetch(dev, miss)) {
			smv_bio_end(io, BLK_STS_OK);
			return;
		}
	} while (r == -EAGAIN);
	io->started = true;
	atomic_set(&io->pending, 1);
	origin_pass(io, pass);
	if (atomic_dec_and_test(&io->pending))
		smv_bio_end(io, io->status);
}

int smv_discard_origin(struct smv_held *held, struct bio *bio)
{
	struct smv_vol *vol = held->target->vol;

	if (smv_held_enter_late(held)) {
		if (!READ_ONCE(vol->readers) && !READ_ONCE(vol->rolling))
			return DM_MAPIO_REMAPPED;
		smv_held_leave(held);
	}
	if (!discard_trim(held, bio))
		return discard_no_effect(bio);
	return smv_bio_start_locked(held, bio, origin_worker);
}

/* ---- snapshots ---- */

/* Zero entries from io->next on. Under dev->lock, entered. */
static int zero_chunks(struct smv_bio *io, u64 *miss)
{
	struct smv_vol *vol = io->vol;
	u64 lsn;
	int r;

	while (io->next < io->end) {
		r = smv_snapshot_zero(vol->dev->store, vol->volume, io->next, &lsn, miss);
		if (r)
			return r;
		if (lsn > vol->lsn)
			WRITE_ONCE(vol->lsn, lsn);
		io->next++;
	}
	return 0;
}

/* Without space the command is said to be none, so that zeroes are written, for which the policy is. */
static void zero_end(struct smv_bio *io, int r)
{
	if (r == -ENOSPC && bio_op(io->bio) == REQ_OP_WRITE_ZEROES)
		r = -EOPNOTSUPP;
	smv_bio_end(io, r == -ENOSPC ? BLK_STS_NOSPC : errno_to_blk_status(r));
}

static void zero_fua_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);

	zero_end(io, smv_wait_durable(io->vol->dev, READ_ONCE(io->vol->lsn)));
}

/* Once it has begun it stays in the flight counters to its end. */
static void zero_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);
	struct smv_dev *dev = io->vol->dev;
	u64 miss = 0;
	int r;

	do {
		smv_lock(dev);
		if (!io->held->entered && !smv_held_enter(io->held)) {
			smv_unlock(dev);
			if (smv_bio_park_closed(io))
				return;
			r = -EAGAIN;
			continue;
		}
		r = zero_chunks(io, &miss);
		if (io->next == io->first || io->next == io->end)
			smv_held_leave(io->held);
		smv_unlock(dev);
		if (r == -EAGAIN && smv_host_fetch(dev, miss))
			r = -EIO;
	} while (r == -EAGAIN);
	if (r == -EBUSY) {
		smv_bio_park_room(io, false);
		return;
	}
	if (!r && io->bio->bi_opf & REQ_FUA) {
		smv_bio_unlock(io);
		smv_bio_queue(io, dev->back, zero_fua_worker);
		return;
	}
	zero_end(io, r);
}

int smv_discard_snapshot(struct smv_held *held, struct bio *bio)
{
	if (discard_trim(held, bio))
		return smv_bio_start_locked(held, bio, zero_worker);
	if (bio_op(bio) == REQ_OP_WRITE_ZEROES)
		return smv_snapshot_write_map(held, bio);
	return discard_no_effect(bio);
}
