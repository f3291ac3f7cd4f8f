// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bio on its way through us: what it holds, where it waits, how it ends.
 *
 * Promises: whatever a bio holds (a place in the flight counters, a generation
 * of store I/O, a fall) is given back in end_io, before its submitter hears of
 * it; a range is given back earlier, by whoever decided.
 *
 * Rules: a bio waits in one list at most. After it has been put into a list, or
 * its range unlocked by another, it belongs to its next run: the function that
 * put it there touches it no more.
 */
#include "dev.h"

/* The part that every bio needs. */
void smv_bio_init(struct smv_bio *io, struct smv_target *target, struct bio *bio)
{
	struct smv_dev *dev = target->dev;
	sector_t last = bio_end_sector(bio) - 1;

	io->target = target;
	io->vol = target->vol;
	io->first = bio->bi_iter.bi_sector >> dev->chunk_shift;
	io->end = bio_sectors(bio) ? (last >> dev->chunk_shift) + 1 : io->first;
	io->fall.origin = NULL;
	io->counted = false;
	io->entered = false;
	io->fua = false;
	io->locked = false;
}

struct bio *smv_bio_of(struct smv_bio *io)
{
	return dm_bio_from_per_bio_data(io, sizeof(*io));
}

/* The part that only those need that are worked on. */
static void bio_prepare(struct smv_bio *io, work_func_t work)
{
	INIT_LIST_HEAD(&io->wait.list);
	INIT_WORK(&io->wait.work, work);
	INIT_LIST_HEAD(&io->units);
	io->wait.deadline = 0;
	io->next = io->first;
	io->lsn = 0;
	io->cursor = 0;
	atomic_set(&io->pending, 0);
	io->status = BLK_STS_OK;
	io->started = false;
	io->drop = false;
	io->unread = false;
	io->locked = false;
	io->verdict = 0;
	smv_bio_of(io)->bi_opf &= ~REQ_POLLED;
	io->held_since = 0;
	memset(io->dropped_end, 0, sizeof(io->dropped_end));
	memset(io->dropped, 0, sizeof(io->dropped));
}

void smv_bio_queue(struct smv_bio *io, struct workqueue_struct *queue, work_func_t work)
{
	bio_prepare(io, work);
	queue_work(queue, &io->wait.work);
}

/* Locks all chunks of the bio; work runs when they are locked. */
void smv_bio_lock(struct smv_bio *io, work_func_t work)
{
	bio_prepare(io, work);
	io->range.node.start = io->first;
	io->range.node.last = io->end - 1;
	io->range.waiter = &io->wait;
	io->locked = true;
	if (smv_range_lock(io->vol, &io->range))
		queue_work(io->vol->dev->gate, &io->wait.work);
}

void smv_bio_unlock(struct smv_bio *io)
{
	if (!io->locked)
		return;
	io->locked = false;
	smv_range_unlock(io->vol, &io->range);
}

bool smv_bio_enter(struct smv_bio *io)
{
	io->entered = smv_enter(io->vol);
	return io->entered;
}

void smv_bio_leave(struct smv_bio *io)
{
	if (!io->entered)
		return;
	io->entered = false;
	smv_leave(io->vol);
}

/* Gives back what the bio holds, but for its range. In end_io too. */
void smv_bio_release(struct smv_bio *io)
{
	struct smv_dev *dev = io->vol->dev;

	if (io->counted) {
		io->counted = false;
		smv_io_leave(dev, io->generation);
	}
	smv_fall_end(dev, &io->fall);
	smv_bio_leave(io);
}

/* Ends a bio that was not issued. */
void smv_bio_end(struct smv_bio *io, blk_status_t status)
{
	struct bio *bio = smv_bio_of(io);

	smv_bio_unlock(io);
	bio->bi_status = status;
	bio_endio(bio);
}

/* true: the gate is closed, and the bio waits until it opens. */
bool smv_bio_park_closed(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	bool closed;

	spin_lock_irq(&dev->wait_lock);
	closed = vol->closed;
	if (closed)
		list_add_tail(&io->wait.list, &vol->closed_list);
	spin_unlock_irq(&dev->wait_lock);
	return closed;
}

/* Waits for room in the journal. Always true. */
bool smv_bio_park_room(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;

	smv_lock(dev);
	smv_room_wanted(dev, vol);
	smv_wait_list(dev, &dev->room_list, &io->wait);
	smv_unlock(dev);
	return true;
}

static bool hold_is_over(struct smv_bio *io, u32 timeout_s)
{
	if (!io->held_since)
		io->held_since = jiffies | 1;
	return timeout_s && time_after_eq(jiffies, io->held_since + (unsigned long)timeout_s * HZ);
}

/*
 * The store is full. true: the bio is held for space, or was given back; false:
 * not, or not any longer: by policy, or because space has come back meanwhile
 * (then io->drop is false).
 */
bool smv_bio_hold(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	u32 timeout_s = READ_ONCE(dev->settings.hold_timeout_s);
	bool retry;

	WRITE_ONCE(dev->full, true);
	smv_report_state(dev);
	if (READ_ONCE(dev->settings.policy) != SMV_POLICY_HOLD || hold_is_over(io, timeout_s)) {
		io->drop = true;
		return false;
	}
	if (READ_ONCE(vol->noflush)) {
		smv_bio_end(io, BLK_STS_DM_REQUEUE);
		return true;
	}
	io->wait.deadline = timeout_s ? (io->held_since + (unsigned long)timeout_s * HZ) | 1 : 0;
	spin_lock_irq(&dev->wait_lock);
	retry = dev->space_epoch != io->space_epoch || READ_ONCE(vol->noflush);
	if (!retry)
		list_add_tail(&io->wait.list, &dev->space_list);
	spin_unlock_irq(&dev->wait_lock);
	if (!retry && timeout_s)
		mod_delayed_work(dev->meta, &dev->hold_work, 1);
	return !retry;
}

/* A data write of the snapshot to the store has completed. */
void smv_bio_written(struct smv_vol *vol)
{
	s64 now = atomic64_inc_return(&vol->dev->written);
	s64 old = atomic64_read(&vol->written);

	while (old < now && !atomic64_try_cmpxchg(&vol->written, &old, now))
		;
}

static void child_end_io(struct bio *child)
{
	struct smv_bio *io = child->bi_private;

	if (child->bi_status)
		WRITE_ONCE(io->status, child->bi_status);
	else if (bio_op(child) == REQ_OP_WRITE)
		smv_bio_written(io->vol);
	bio_put(child);
	if (atomic_dec_and_test(&io->pending))
		queue_work(io->vol->dev->gate, &io->wait.work);
}

/* Submits a part of the bio to another place; counted in io->pending. In a worker only. */
void smv_child_submit(struct smv_bio *io, struct block_device *bdev, sector_t from, u32 sectors,
		      sector_t to)
{
	struct bio *bio = smv_bio_of(io);
	struct bio *child = bio_alloc_clone(bdev, bio, GFP_NOIO, &io->vol->dev->child_bios);

	bio_trim(child, from, sectors);
	child->bi_iter.bi_sector = to;
	child->bi_opf &= ~(REQ_FUA | REQ_PREFLUSH);
	child->bi_private = io;
	child->bi_end_io = child_end_io;
	atomic_inc(&io->pending);
	submit_bio_noacct(child);
}
