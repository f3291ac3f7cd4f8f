// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cleaner's worker: bounded steps, as long as the engine has work and the
 * throttle is not on pause. What it frees comes back when its records are
 * durable and the I/O of before has ended (worker.c).
 *
 * A crash loses nothing but its place: the engine judges the rest again.
 *
 * The weak side: the throttle's rate does not slow the cleaner, which reads and
 * writes metadata only; pause stops it.
 */
#include "dev.h"

#define CLEAN_ENTRIES 64
#define CLEAN_STEPS 64

static bool clean_may_run(struct smv_dev *dev)
{
	return !READ_ONCE(dev->suspended) && !READ_ONCE(dev->failed) && !dev->read_only &&
	       READ_ONCE(dev->settings.throttle_mib_s) != SMV_THROTTLE_PAUSE;
}

/* 1: there is more; 0: not now; or an error. */
static int clean_step(struct smv_dev *dev)
{
	u64 miss = 0;
	u32 freed;
	int r;

	smv_lock(dev);
	r = smv_clean_step(dev->store, CLEAN_ENTRIES, &freed, &miss);
	smv_unlock(dev);
	if (r == -EAGAIN)
		return smv_host_fetch(dev, miss) ? -EIO : 1;
	if (r == -EBUSY) {
		smv_wait_room(dev, NULL);
		return 1;
	}
	return r;
}

static void clean_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(to_delayed_work(work), struct smv_dev, clean_work);
	unsigned long delay = 0;
	int r = 0, steps;
	bool more;

	WRITE_ONCE(dev->clean_active, true);
	for (steps = 0; steps < CLEAN_STEPS && clean_may_run(dev); steps++) {
		r = clean_step(dev);
		if (r != 1)
			break;
	}
	if (steps)
		smv_commit_kick(dev);
	smv_report_state(dev);
	if (r < 0)
		DMERR_LIMIT("%s: the cleaner cannot go on: %d", dev->name, r);
	if (r != 1)
		delay = HZ;
	smv_lock(dev);
	more = r || smv_store_wants(dev->store) & SMV_WANT_CLEAN;
	smv_unlock(dev);
	if (more && clean_may_run(dev))
		queue_delayed_work(dev->back, &dev->clean_work, delay);
	WRITE_ONCE(dev->clean_active, false);
}

void smv_background_init(struct smv_dev *dev)
{
	INIT_DELAYED_WORK(&dev->clean_work, clean_worker);
}

void smv_background_kick(struct smv_dev *dev)
{
	if (clean_may_run(dev))
		queue_delayed_work(dev->back, &dev->clean_work, 0);
}

/* There is new work, also if the worker is taking a pause. */
void smv_background_hurry(struct smv_dev *dev)
{
	if (clean_may_run(dev))
		mod_delayed_work(dev->back, &dev->clean_work, 0);
}
