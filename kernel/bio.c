// SPDX-License-Identifier: GPL-2.0-only
/*
 * A bio on its way through us: what it holds, where it waits, how it ends.
 *
 * Promises: whatever a bio holds (a place in the flight counters, a generation
 * of store I/O, a fall) is given back in end_io, before its submitter hears of
 * it; a range is given back earlier, by whoever decided.
 *
 * Structure: what every bio needs lies in its smv_held. A bio that cannot go at
 * once gets an smv_bio, from a pool, until it is issued or ended. map() does not
 * wait for one: the bio is mapped again later (smv_bio_starve()).
 *
 * Rules: a bio waits in one list at most. After it has been put into a list, or
 * its range unlocked by another, it belongs to its next run: the function that
 * put it there touches it no more.
 */
#include <linux/slab.h>

#include "dev.h"

static struct kmem_cache *bio_cache;

int smv_bio_module_init(void)
{
	bio_cache = kmem_cache_create("dm_smv_bio", sizeof(struct smv_bio), 0, 0, NULL);
	return bio_cache ? 0 : -ENOMEM;
}

void smv_bio_module_exit(void)
{
	kmem_cache_destroy(bio_cache);
}

/* ---- no memory ---- */

/* Waits for an smv_bio, then is mapped anew. In map() only, before anything else has been done. */
int smv_bio_starve(struct smv_dev *dev, struct bio *bio)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->wait_lock, flags);
	bio_list_add(&dev->starved, bio);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	queue_delayed_work(dev->gate, &dev->starved_work, 1);
	return DM_MAPIO_SUBMITTED;
}

static void starved_map(struct bio *bio)
{
	struct dm_target *ti = smv_held_of(bio)->target->ti;

	switch (ti->type->map(ti, bio)) {
	case DM_MAPIO_SUBMITTED:
		return;
	case DM_MAPIO_REMAPPED:
		submit_bio_noacct(bio);
		return;
	default:
		bio_io_error(bio);
	}
}

static void starved_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(to_delayed_work(work), struct smv_dev, starved_work);
	struct bio_list list;
	struct bio *bio;

	spin_lock_irq(&dev->wait_lock);
	list = dev->starved;
	bio_list_init(&dev->starved);
	spin_unlock_irq(&dev->wait_lock);
	while ((bio = bio_list_pop(&list)))
		starved_map(bio);
}

int smv_bio_pool_init(struct smv_dev *dev)
{
	bio_list_init(&dev->starved);
	INIT_DELAYED_WORK(&dev->starved_work, starved_worker);
	return mempool_init_slab_pool(&dev->bios, SMV_BIOS, bio_cache);
}

void smv_bio_pool_exit(struct smv_dev *dev)
{
	mempool_exit(&dev->bios);
}

/* ---- life ---- */

static void bio_prepare(struct smv_bio *io, struct smv_held *held, struct bio *bio)
{
	struct smv_target *target = held->target;

	io->bio = bio;
	io->held = held;
	io->vol = target->vol;
	io->first = smv_bio_first(target->dev, bio);
	io->end = smv_bio_end_chunk(target->dev, bio);
	INIT_LIST_HEAD(&io->wait.list);
	INIT_WORK(&io->wait.work, NULL);
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
	io->publish = false;
	io->gated = false;
	io->locked = false;
	io->verdict = 0;
	io->held_since = 0;
	memset(io->dropped_end, 0, sizeof(io->dropped_end));
	memset(io->dropped, 0, sizeof(io->dropped));
	bio->bi_opf &= ~REQ_POLLED;
}

/* NULL: there is no memory now. The bio has been trimmed to what is taken of it. */
struct smv_bio *smv_bio_new(struct smv_held *held, struct bio *bio)
{
	struct smv_bio *io = mempool_alloc(&held->target->dev->bios, GFP_NOWAIT | __GFP_NOWARN);

	if (io)
		bio_prepare(io, held, bio);
	return io;
}

void smv_bio_free(struct smv_bio *io)
{
	if (io->gated)
		atomic_dec(&io->vol->gated);
	mempool_free(io, &io->vol->dev->bios);
}

void smv_bio_queue(struct smv_bio *io, struct workqueue_struct *queue, work_func_t work)
{
	io->wait.work.func = work;
	queue_work(queue, &io->wait.work);
}

static void bio_range(struct smv_bio *io, work_func_t work)
{
	io->wait.work.func = work;
	io->range.node.start = io->first;
	io->range.node.last = io->end - 1;
	io->range.waiter = &io->wait;
}

/* Locks all chunks of the bio, if they are free, for work that runs later. */
bool smv_bio_trylock(struct smv_bio *io, work_func_t work)
{
	bio_range(io, work);
	io->locked = smv_range_trylock(io->vol, &io->range);
	return io->locked;
}

/* Locks all chunks of the bio; work runs when they are locked. */
void smv_bio_lock(struct smv_bio *io, work_func_t work)
{
	bio_range(io, work);
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

/* What map() returns for a bio that a worker takes over. */
int smv_bio_start(struct smv_held *held, struct bio *bio, struct workqueue_struct *queue,
		  work_func_t work)
{
	struct smv_bio *io = smv_bio_new(held, bio);

	if (unlikely(!io))
		return smv_bio_starve(held->target->dev, bio);
	smv_bio_queue(io, queue, work);
	return DM_MAPIO_SUBMITTED;
}

/* The same, with its chunks locked. */
int smv_bio_start_locked(struct smv_held *held, struct bio *bio, work_func_t work)
{
	struct smv_bio *io = smv_bio_new(held, bio);

	if (unlikely(!io))
		return smv_bio_starve(held->target->dev, bio);
	smv_bio_lock(io, work);
	return DM_MAPIO_SUBMITTED;
}

/* The bio goes to where it points by now, and ends by itself. */
void smv_bio_issue(struct smv_bio *io)
{
	struct bio *bio = io->bio;

	smv_bio_free(io);
	submit_bio_noacct(bio);
}

/* Ends a bio that is not under way. */
void smv_bio_end(struct smv_bio *io, blk_status_t status)
{
	struct bio *bio = io->bio;

	smv_bio_unlock(io);
	smv_bio_free(io);
	bio->bi_status = status;
	bio_endio(bio);
}

/* The I/O of a bio that goes on after it has ended. In end_io. */
int smv_bio_ended(struct bio *bio, blk_status_t status)
{
	struct smv_held *held = smv_held_of(bio);
	struct smv_bio *io = held->io;

	held->io = NULL;
	io->status = status;
	if (io->publish) {
		if (!status)
			smv_bio_written(io->vol);
		queue_work(io->vol->dev->gate, &io->wait.work);
	} else {
		smv_held_release(held);
		queue_work(io->vol->dev->back, &io->wait.work);
	}
	return DM_ENDIO_INCOMPLETE;
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

/* Not after an interrupted suspend: device-mapper would end it as an I/O error. */
static bool gives_back(struct smv_bio *io)
{
	return READ_ONCE(io->vol->noflush) && dm_noflush_suspending(io->held->target->ti);
}

/*
 * Waits for room in the journal, or, @may_go_back, among the marks of a rollback that may be paused.
 * true: the bio waits, or was given back; false, then only: it asks again, and will be.
 */
bool smv_bio_park_room(struct smv_bio *io, bool may_go_back)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	bool back;

	WARN_ON_ONCE(io->held->counted); /* I-ROOM-BEHIND */
	if (may_go_back && gives_back(io)) {
		smv_bio_end(io, BLK_STS_DM_REQUEUE);
		return true;
	}
	smv_lock(dev);
	smv_room_wanted(dev, vol);
	spin_lock_irq(&dev->wait_lock);
	back = may_go_back && gives_back(io);
	if (!back)
		list_add_tail(&io->wait.list, &dev->room_list);
	spin_unlock_irq(&dev->wait_lock);
	smv_unlock(dev);
	return !back;
}

/* May what waits for space, from *@since on (0: from now on), drop what needs it? By policy. */
bool smv_hold_is_over(struct smv_dev *dev, unsigned long *since)
{
	u32 timeout_s = READ_ONCE(dev->settings.hold_timeout_s);

	if (READ_ONCE(dev->settings.policy) != SMV_POLICY_HOLD)
		return true;
	if (!*since)
		*since = jiffies | 1;
	return timeout_s && time_after_eq(jiffies, *since + (unsigned long)timeout_s * HZ);
}

/*
 * The store is full. true: the bio is held for space, or was given back; false:
 * not, or not any longer: by policy, or because space has come back or the store has failed
 * meanwhile (then io->drop is false).
 */
bool smv_bio_hold(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	u32 timeout_s;
	bool retry;

	WRITE_ONCE(dev->full, true);
	smv_report_state(dev);
	if (smv_hold_is_over(dev, &io->held_since)) {
		io->drop = true;
		return false;
	}
	if (gives_back(io)) {
		smv_bio_end(io, BLK_STS_DM_REQUEUE);
		return true;
	}
	timeout_s = READ_ONCE(dev->settings.hold_timeout_s);
	io->wait.deadline = timeout_s ? (io->held_since + (unsigned long)timeout_s * HZ) | 1 : 0;
	spin_lock_irq(&dev->wait_lock);
	retry = dev->space_epoch != io->space_epoch || gives_back(io) || READ_ONCE(dev->failed);
	if (!retry)
		list_add_tail(&io->wait.list, &dev->space_list);
	spin_unlock_irq(&dev->wait_lock);
	if (!retry && timeout_s)
		mod_delayed_work(dev->meta, &dev->hold_work, 1);
	return !retry;
}

/*
 * smv_drop() for a job that has found no space, to its end. 0: wait for *lsn; -EBUSY: no room for the
 * records now; wait, and call again with the same *cursor; else the store has failed. May read metadata.
 */
int smv_space_drop(struct smv_dev *dev, struct smv_job *job, u64 *cursor, u64 *lsn)
{
	u64 miss = 0;
	int r;

	do {
		smv_lock(dev);
		r = smv_drop(dev->store, job, cursor, lsn, &miss);
		smv_unlock(dev);
		if (r == -EAGAIN && smv_host_fetch(dev, miss))
			r = -EIO;
	} while (r == 1 || r == -EAGAIN);
	if (r == -EBUSY)
		return r;
	if (r)
		smv_fail(dev, "snapshots could not be marked invalid");
	atomic64_inc(&dev->stats.dropped);
	return r;
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
	struct bio *bio = io->bio;
	struct bio *child = bio_alloc_clone(bdev, bio, GFP_NOIO, &io->vol->dev->child_bios);

	bio_trim(child, from, sectors);
	child->bi_iter.bi_sector = to;
	child->bi_opf &= ~(REQ_FUA | REQ_PREFLUSH);
	child->bi_private = io;
	child->bi_end_io = child_end_io;
	atomic_inc(&io->pending);
	submit_bio_noacct(child);
}
