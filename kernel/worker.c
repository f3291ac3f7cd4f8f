// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who calls the engine, and when: the lock around it, the commit, checkpoint
 * and reap workers, and the lists of those who wait for them.
 *
 * Promises: a waiter for an lsn is woken when it is durable or the store has
 * failed, and never lost: it enters its list under the lock that its waker
 * takes. Commits and checkpoints never wait for an origin, a bio or a worker of
 * the data path: they have a workqueue of their own.
 *
 * Structure: commit_work is the only one who commits, so that one commit is in
 * flight at most. checkpoint_work does a checkpoint's I/O beside everything;
 * only its beginning needs a moment without waiting records, for which it holds
 * the lock over one commit. reap_work closes a batch of freed chunks when the
 * generation of data I/O that may still use them has ended (rule 10 of the
 * crash rules).
 *
 * Gathering: first writes kick a commit when half of those under way of late have
 * been copied, or none is being copied any more (gather()), and a timer does if neither
 * comes; everybody else who waits for an lsn kicks one at once.
 *
 * A crash anywhere here leaves what the engine promises: a commit is whole or
 * not there.
 *
 * The weak side: what waits for room in the journal is woken after every commit
 * and checkpoint, all of it; a timer wakes it too, so that a mistake in the
 * engine's wants costs time and not a hang.
 */
#include <linux/delay.h>

#include "dev.h"

#define ROOM_RETRY (HZ / 20)
#define PROVE_DELAY (HZ / 8) /* longer than a lone first write takes on a slow disk */
#define GATHER_LONGEST (HZ / 4)

void smv_lock(struct smv_dev *dev)
{
	mutex_lock(&dev->lock);
}

bool smv_trylock(struct smv_dev *dev)
{
	return mutex_trylock(&dev->lock);
}

/* Also hands out what the engine wants after what was done to it. */
void smv_unlock(struct smv_dev *dev)
{
	u32 wants = 0;

	if (unlikely(READ_ONCE(smv_assert_failed)) && !smv_store_failed(dev->store))
		smv_store_fail(dev->store, "a failed assertion");
	if (smv_store_failed(dev->store) && !dev->failed) {
		WRITE_ONCE(dev->failed, true);
		queue_work(dev->meta, &dev->commit_work);
	}
	if (!dev->failed && !dev->read_only && !dev->gone)
		wants = smv_store_wants(dev->store);
	mutex_unlock(&dev->lock);

	if (READ_ONCE(dev->suspended))
		return;
	if (wants & SMV_WANT_CHECKPOINT)
		queue_work(dev->meta, &dev->checkpoint_work);
	if (wants & SMV_WANT_REAP)
		queue_work(dev->meta, &dev->reap_work);
	if (wants & SMV_WANT_PROVE)
		queue_delayed_work(dev->meta, &dev->prove_work, PROVE_DELAY);
	if (wants & SMV_WANT_CLEAN && !READ_ONCE(dev->clean_active))
		smv_background_kick(dev);
}

/* After calls that change nothing: the engine wants nothing that it did not want before. */
void smv_unlock_unchanged(struct smv_dev *dev)
{
	if (unlikely(READ_ONCE(smv_assert_failed)))
		smv_unlock(dev);
	else
		mutex_unlock(&dev->lock);
}

/* The store can go on no longer. Takes dev->lock. */
void smv_fail(struct smv_dev *dev, const char *reason)
{
	smv_lock(dev);
	smv_store_fail(dev->store, reason);
	smv_unlock(dev);
}

void smv_commit_kick(struct smv_dev *dev)
{
	WRITE_ONCE(dev->commit_asked, true);
	queue_work(dev->meta, &dev->commit_work);
}

/* ---- waiting ---- */

static void wake_waiter(struct smv_dev *dev, struct smv_waiter *waiter)
{
	list_del_init(&waiter->list);
	queue_work(dev->gate, &waiter->work);
}

/* Wakes all who wait in the list now. */
void smv_wake_list(struct smv_dev *dev, struct list_head *list)
{
	struct smv_waiter *waiter, *next;
	unsigned long flags;

	spin_lock_irqsave(&dev->wait_lock, flags);
	list_for_each_entry_safe(waiter, next, list, list)
		wake_waiter(dev, waiter);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
}

/* Puts the waiter into a list, under the lock that guards what it waits for. */
void smv_wait_list(struct smv_dev *dev, struct list_head *list, struct smv_waiter *waiter)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->wait_lock, flags);
	list_add_tail(&waiter->list, list);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
}

/* true: the waiter will be woken; false: there is nothing to wait for. */
bool smv_wait_lsn(struct smv_dev *dev, struct smv_waiter *waiter, u64 lsn)
{
	unsigned long flags;
	bool wait;

	spin_lock_irqsave(&dev->wait_lock, flags);
	wait = dev->durable < lsn && !READ_ONCE(dev->failed);
	if (wait) {
		waiter->lsn = lsn;
		list_add_tail(&waiter->list, &dev->lsn_list);
	}
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	return wait;
}

static void wake_durable(struct smv_dev *dev, u64 durable)
{
	struct smv_waiter *waiter, *next;
	bool failed = READ_ONCE(dev->failed);
	unsigned long flags;

	spin_lock_irqsave(&dev->wait_lock, flags);
	/* Who comes late with an older number must not take back a newer one. */
	if (durable > dev->durable)
		dev->durable = durable;
	list_for_each_entry_safe(waiter, next, &dev->lsn_list, list) {
		if (failed || waiter->lsn <= dev->durable)
			wake_waiter(dev, waiter);
	}
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	wake_up_all(&dev->wait);
}

/* Commits, and sleeps until the lsn is durable. -EIO: the store has failed first. */
int smv_wait_durable(struct smv_dev *dev, u64 lsn)
{
	if (READ_ONCE(dev->durable) >= lsn)
		return 0;
	smv_commit_kick(dev);
	wait_event(dev->wait, READ_ONCE(dev->durable) >= lsn || READ_ONCE(dev->failed));
	return READ_ONCE(dev->durable) >= lsn ? 0 : -EIO;
}

/*
 * There was no room for a record. Called under dev->lock by whoever then waits in
 * room_list; kicks what makes room, and the timer behind it. @vol: of which volume
 * the record would be, or NULL.
 */
void smv_room_wanted(struct smv_dev *dev, struct smv_vol *vol)
{
	bool awaited = vol && smv_rollback_awaited(vol->origin->volume);
	u32 wants = smv_store_wants(dev->store);

	if (awaited) {
		WRITE_ONCE(vol->origin->crowd_asked, true);
		smv_mover_kick(vol->origin);
	}
	if (vol && smv_stage_wanted(vol->origin->volume)) {
		WRITE_ONCE(vol->origin->stage_asked, true);
		smv_mover_kick(vol->origin);
	}
	if (wants & SMV_WANT_COMMIT)
		smv_commit_kick(dev);
	if (wants & SMV_WANT_CHECKPOINT || !(awaited || wants & SMV_WANT_COMMIT)) {
		dev->checkpoint_asked = true;
		queue_work(dev->meta, &dev->checkpoint_work);
	}
	queue_delayed_work(dev->meta, &dev->room_work, ROOM_RETRY);
}

/* The same for those who sleep instead: a bounded nap, or until the next commit. */
void smv_wait_room(struct smv_dev *dev, struct smv_vol *vol)
{
	u64 durable;

	smv_lock(dev);
	durable = dev->durable;
	smv_room_wanted(dev, vol);
	smv_unlock(dev);
	wait_event_timeout(dev->wait, READ_ONCE(dev->durable) != durable || READ_ONCE(dev->failed),
			   ROOM_RETRY);
}

static void wake_room(struct smv_dev *dev)
{
	smv_wake_list(dev, &dev->room_list);
}

static void room_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(to_delayed_work(work), struct smv_dev, room_work);

	if (READ_ONCE(dev->checkpoint_asked))
		queue_work(dev->meta, &dev->checkpoint_work);
	wake_room(dev);
}

/* There may be space again, or it may not be needed any more: those held for it look again. */
void smv_space_look(struct smv_dev *dev)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->wait_lock, flags);
	WRITE_ONCE(dev->space_epoch, dev->space_epoch + 1);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	smv_wake_list(dev, &dev->space_list);
}

/* Space has come back, or the policy has changed. */
void smv_space_back(struct smv_dev *dev)
{
	WRITE_ONCE(dev->full, false);
	smv_space_look(dev);
}

static void hold_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(to_delayed_work(work), struct smv_dev, hold_work);
	struct smv_waiter *waiter, *next;
	unsigned long flags, soonest = 0;

	spin_lock_irqsave(&dev->wait_lock, flags);
	list_for_each_entry_safe(waiter, next, &dev->space_list, list) {
		if (!waiter->deadline)
			continue;
		if (time_after_eq(jiffies, waiter->deadline))
			wake_waiter(dev, waiter);
		else if (!soonest || time_before(waiter->deadline, soonest))
			soonest = waiter->deadline;
	}
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	if (soonest)
		mod_delayed_work(dev->meta, &dev->hold_work, soonest - jiffies);
}

/* ---- commit ---- */

/* Under dev->lock: a first write begins to be copied. */
void smv_gather_begin(struct smv_dev *dev)
{
	dev->copying++;
	dev->depth = max(dev->depth, dev->copying + dev->copied + dev->committing);
}

static bool gather_is_ripe(struct smv_dev *dev)
{
	return dev->copied && (!dev->copying || 2 * dev->copied >= dev->depth);
}

static void gather(struct smv_dev *dev)
{
	if (gather_is_ripe(dev))
		queue_work(dev->meta, &dev->commit_work);
	else if (dev->copied && queue_delayed_work(dev->meta, &dev->gather_work, GATHER_LONGEST))
		dev->gathers_seen = dev->gathers;
}

/* What is being copied may come from another origin, whose disk hangs: nobody waits longer for that. */
static void gather_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(to_delayed_work(work), struct smv_dev, gather_work);
	bool late;

	smv_lock(dev);
	late = dev->copied && dev->gathers == dev->gathers_seen && !dev->failed;
	if (!late && !dev->failed)
		gather(dev);
	smv_unlock(dev);
	if (late)
		smv_commit_kick(dev);
}

/* Under dev->lock: a first write's copy was published (or announced), or given up. */
void smv_gather_copied(struct smv_dev *dev, bool published)
{
	dev->copying--;
	dev->copied += published;
	gather(dev);
}

/* A commit has ended: those it served may come back, and count as long as they may. */
static void gather_end(struct smv_dev *dev)
{
	unsigned int now = dev->copying + dev->copied + dev->committing;

	dev->committing = 0;
	if (dev->depth > now)
		dev->depth -= DIV_ROUND_UP(dev->depth - now, 4);
	gather(dev);
}

/*
 * One commit; the lock is held on return as it was at the call. 1: there was one.
 * @keep: hold the lock over the I/O too.
 */
static int commit_once(struct smv_dev *dev, bool keep)
{
	u64 written = atomic64_read(&dev->written), start;
	int r = smv_commit_begin(dev->store, &dev->commit_io);

	if (r != 1)
		return r;
	dev->committing = dev->copied;
	dev->copied = 0;
	dev->gathers++;
	if (!keep)
		smv_unlock(dev);
	start = ktime_get_ns();
	r = smv_host_io(dev, &dev->commit_io);
	WRITE_ONCE(dev->commit_ns, (3 * dev->commit_ns + ktime_get_ns() - start) / 4);
	if (!keep)
		smv_lock(dev);
	smv_commit_end(dev->store, r);
	gather_end(dev);
	if (r)
		DMERR("%s: a commit could not be written: %d", dev->name, r);
	else if (written > dev->flushed)
		dev->flushed = written;
	return 1;
}

static void commit_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(work, struct smv_dev, commit_work);
	u64 durable;

	mutex_lock(&dev->commit_mutex);
	smv_lock(dev);
	if (dev->commit_asked || gather_is_ripe(dev)) {
		WRITE_ONCE(dev->commit_asked, false);
		commit_once(dev, false);
	}
	durable = smv_store_durable(dev->store);
	smv_unlock(dev);
	mutex_unlock(&dev->commit_mutex);
	wake_durable(dev, durable);
	wake_room(dev);
	if (READ_ONCE(dev->failed)) {
		smv_wake_list(dev, &dev->space_list);
		smv_wake_list(dev, &dev->unit_list);
	}
	smv_report_state(dev);
}

/* A store that has come to rest says that all copies are there; while there is a load its commits do. */
static void prove_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(to_delayed_work(work), struct smv_dev, prove_work);
	u64 lsn = 0;

	smv_lock(dev);
	if (dev->announced == dev->announced_seen)
		lsn = smv_store_prove(dev->store);
	dev->announced_seen = dev->announced;
	smv_unlock(dev);
	if (lsn)
		smv_commit_kick(dev);
}

/* ---- checkpoint ---- */

/*
 * A checkpoint begins between two commits, with no record waiting: one commit is
 * made here with the lock held throughout. Under commit_mutex.
 */
static int checkpoint_begin(struct smv_dev *dev, u64 *miss)
{
	int r, tries;

	for (tries = 0; tries < 4; tries++) {
		r = smv_checkpoint_step(dev->store, false, 0, &dev->checkpoint_io, miss);
		if (r != -EBUSY)
			return r;
		r = commit_once(dev, true);
		if (r != 1)
			return r ? r : -EBUSY;
	}
	return -EBUSY;
}

/* No superblock is tried again: its preflush may be what failed. */
static int checkpoint_steps(struct smv_dev *dev, int r, u64 miss)
{
	int error;

	while (r == 1 || r == -EAGAIN) {
		error = r == 1 ? smv_host_io(dev, &dev->checkpoint_io) : smv_host_fetch(dev, miss);
		if (error)
			return error;
		smv_lock(dev);
		r = smv_checkpoint_step(dev->store, false, 0, &dev->checkpoint_io, &miss);
		smv_unlock(dev);
	}
	return r;
}

static void checkpoint_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(work, struct smv_dev, checkpoint_work);
	u64 durable, miss = 0;
	bool wanted;
	int r;

	mutex_lock(&dev->commit_mutex);
	smv_lock(dev);
	wanted = dev->checkpoint_asked || smv_store_wants(dev->store) & SMV_WANT_CHECKPOINT;
	if (!wanted || dev->failed || dev->read_only || dev->gone) {
		smv_unlock(dev);
		mutex_unlock(&dev->commit_mutex);
		return;
	}
	r = checkpoint_begin(dev, &miss);
	durable = smv_store_durable(dev->store);
	if (r != -EBUSY)
		dev->checkpoint_asked = false;
	smv_unlock(dev);
	mutex_unlock(&dev->commit_mutex);
	wake_durable(dev, durable);
	if (r == -EBUSY) {
		queue_delayed_work(dev->meta, &dev->room_work, ROOM_RETRY);
		return;
	}
	r = checkpoint_steps(dev, r, miss);
	if (r == -EBUSY || r == -ENOMEM) {
		/* For want of memory it had not begun, or rests: commits go on. */
		WRITE_ONCE(dev->checkpoint_asked, true);
		queue_delayed_work(dev->meta, &dev->room_work, ROOM_RETRY);
	} else if (r < 0) {
		DMERR("%s: a checkpoint failed: %d", dev->name, r);
		smv_fail(dev, "a checkpoint could not be written");
	}
	wake_room(dev);
	smv_space_look(dev);
	smv_report_state(dev);
}

/* ---- freed chunks ---- */

static void reap_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(work, struct smv_dev, reap_work);
	bool back = false;

	smv_lock(dev);
	for (;;) {
		if (!dev->reaping) {
			if (dev->read_only || dev->failed || !smv_reap_begin(dev->store))
				break;
			WRITE_ONCE(dev->reaping, true);
			dev->generation ^= 1;
			smp_mb(); /* the flag before the look: smv_io_leave() does the reverse */
		}
		/* The generation before this one holds what was mapped before the batch. */
		if (atomic_read(&dev->ios[dev->generation ^ 1]))
			break;
		smv_reap_end(dev->store);
		WRITE_ONCE(dev->reaping, false);
		back = true;
	}
	smv_unlock(dev);
	if (back) {
		smv_space_back(dev);
		smv_report_state(dev);
	}
}

/* ---- life ---- */

static int worker_queues(struct smv_dev *dev)
{
	const char *name = dev->name;

	dev->meta = alloc_workqueue("smv_meta/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, name);
	dev->gate = alloc_workqueue("smv_gate/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, name);
	dev->copy = alloc_workqueue("smv_copy/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, name);
	dev->back = alloc_workqueue("smv_back/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, name);
	return dev->meta && dev->gate && dev->copy && dev->back ? 0 : -ENOMEM;
}

int smv_worker_init(struct smv_dev *dev)
{
	mutex_init(&dev->lock);
	mutex_init(&dev->commit_mutex);
	spin_lock_init(&dev->wait_lock);
	init_waitqueue_head(&dev->wait);
	INIT_LIST_HEAD(&dev->lsn_list);
	INIT_LIST_HEAD(&dev->room_list);
	INIT_LIST_HEAD(&dev->space_list);
	INIT_LIST_HEAD(&dev->unit_list);
	INIT_LIST_HEAD(&dev->fall_list);
	INIT_WORK(&dev->commit_work, commit_worker);
	INIT_WORK(&dev->checkpoint_work, checkpoint_worker);
	INIT_WORK(&dev->reap_work, reap_worker);
	INIT_DELAYED_WORK(&dev->room_work, room_worker);
	INIT_DELAYED_WORK(&dev->hold_work, hold_worker);
	INIT_DELAYED_WORK(&dev->prove_work, prove_worker);
	INIT_DELAYED_WORK(&dev->gather_work, gather_worker);
	smv_spare_init(dev);
	smv_background_init(dev);
	return worker_queues(dev);
}

static void cancel_timers(struct smv_dev *dev)
{
	cancel_delayed_work_sync(&dev->clean_work);
	cancel_delayed_work_sync(&dev->room_work);
	cancel_delayed_work_sync(&dev->hold_work);
	cancel_delayed_work_sync(&dev->prove_work);
	cancel_delayed_work_sync(&dev->gather_work);
}

/* Nothing of a store runs when this returns; the volumes are down or suspended. */
void smv_worker_stop(struct smv_dev *dev)
{
	WRITE_ONCE(dev->suspended, true);
	cancel_delayed_work_sync(&dev->clean_work);
	flush_workqueue(dev->gate);
	flush_workqueue(dev->copy);
	cancel_timers(dev);
	flush_workqueue(dev->meta);
}

void smv_worker_exit(struct smv_dev *dev)
{
	/* A worker that was flushed last may have set one. */
	cancel_timers(dev);
	cancel_delayed_work_sync(&dev->starved_work);
	smv_spare_drop(dev);
	if (dev->meta)
		destroy_workqueue(dev->meta);
	if (dev->gate)
		destroy_workqueue(dev->gate);
	if (dev->copy)
		destroy_workqueue(dev->copy);
	if (dev->back)
		destroy_workqueue(dev->back);
}
