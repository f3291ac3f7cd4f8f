// SPDX-License-Identifier: GPL-2.0-only
/*
 * Volumes in use: their life, the counters of writes in flight, and the gate's
 * door, which a snapshot command closes for an exact point.
 *
 * Promises: when smv_vol_drain() returns true, every write that entered has
 * left, and none can enter until smv_vol_open_gate(); writes that come meanwhile
 * lie in closed_list and are decided anew.
 *
 * The counters: each CPU counts those who enter and those who leave apart. A
 * drain adds up the leavers first, then the comers: if the sums are equal,
 * nobody was inside when it began to look, since whoever comes after the door
 * was closed sees that and leaves.
 *
 * An origin's smv_vol exists while its own device or one of a snapshot of it is
 * up; fast path state, ranges and falls are shared between them.
 */
#include <linux/slab.h>

#include "dev.h"

/* Under dev->command. */
struct smv_vol *smv_vol_find(struct smv_dev *dev, u64 number)
{
	struct smv_vol *vol;

	list_for_each_entry(vol, &dev->vols, list) {
		if (vol->number == number)
			return vol;
	}
	return NULL;
}

static void vol_free(struct smv_vol *vol)
{
	free_percpu(vol->flight);
	kfree(vol);
}

static struct smv_vol *vol_alloc(struct smv_dev *dev, const struct smv_volume_info *info)
{
	struct smv_vol *vol = kzalloc(sizeof(*vol), GFP_KERNEL);

	if (!vol)
		return NULL;
	vol->dev = dev;
	vol->references = 1;
	vol->number = info->number;
	vol->sectors = info->sectors;
	vol->chunks = (info->sectors + dev->chunk_sectors - 1) >> dev->chunk_shift;
	init_waitqueue_head(&vol->drained);
	INIT_LIST_HEAD(&vol->users);
	INIT_LIST_HEAD(&vol->closed_list);
	spin_lock_init(&vol->range_lock);
	vol->ranges = RB_ROOT_CACHED;
	mutex_init(&vol->stage_lock);
	init_completion(&vol->flushed);
	complete_all(&vol->flushed);
	smv_mover_init(vol);
	vol->flight = alloc_percpu(struct smv_flight);
	if (!vol->flight) {
		vol_free(vol);
		return NULL;
	}
	return vol;
}

/* What the fast path may know; after a durable deletion, a snapshot, a rollback. */
void smv_vol_readers(struct smv_vol *vol)
{
	struct smv_dev *dev = vol->dev;
	bool readers;

	smv_lock(dev);
	readers = smv_origin_has_readers(dev->store, vol->volume);
	/* A fall that began under a snapshot that has since lost its claim still reads in place. */
	if (readers || !atomic_read(&vol->falls))
		WRITE_ONCE(vol->readers, readers);
	WRITE_ONCE(vol->rolling, vol->finishing || smv_origin_is_rolling(vol->volume));
	smv_unlock(dev);
}

/* The first FLUSH is for what was written when the snapshot was in use before, too. */
static void vol_inherit(struct smv_vol *vol)
{
	struct smv_dev *dev = vol->dev;

	smv_lock(dev);
	vol->lsn = smv_store_lsn(dev->store);
	atomic64_set(&vol->written, atomic64_read(&dev->written));
	smv_unlock(dev);
}

static int vol_new(struct smv_dev *dev, struct smv_volume *volume, struct smv_vol **found)
{
	struct smv_volume_info info;
	struct smv_volume *top;
	struct smv_vol *vol;
	int r;

	smv_lock(dev);
	smv_volume_info(volume, &info);
	top = smv_volume_origin_of(volume);
	smv_unlock(dev);
	vol = vol_alloc(dev, &info);
	if (!vol)
		return -ENOMEM;
	vol->volume = volume;
	if (info.flags & SMV_VOLUME_ORIGIN) {
		vol->origin = vol;
		smv_lock(dev);
		r = smv_origin_preserved(dev->store, volume, &vol->preserved);
		smv_unlock(dev);
	} else {
		vol_inherit(vol);
		r = smv_vol_get(dev, top, &vol->origin);
	}
	if (r) {
		vol_free(vol);
		return r;
	}
	list_add_tail(&vol->list, &dev->vols);
	if (vol->origin == vol)
		smv_vol_readers(vol);
	*found = vol;
	return 0;
}

/* A reference on the volume, in use from now on. Under dev->command. Two levels deep at most. */
int smv_vol_get(struct smv_dev *dev, struct smv_volume *volume, struct smv_vol **found)
{
	struct smv_volume_info info;
	struct smv_vol *vol;

	smv_lock(dev);
	smv_volume_info(volume, &info);
	smv_unlock(dev);
	vol = smv_vol_find(dev, info.number);
	if (!vol)
		return vol_new(dev, volume, found);
	vol->references++;
	*found = vol;
	return 0;
}

/* Under dev->command. */
void smv_vol_put(struct smv_vol *vol)
{
	struct smv_vol *origin = vol->origin == vol ? NULL : vol->origin;

	if (--vol->references)
		return;
	list_del(&vol->list);
	smv_mover_stop(vol); /* kicked when its device was down already */
	vol_free(vol);
	if (origin)
		smv_vol_put(origin);
}

/*
 * One dm device a volume (-EBUSY); its own reload comes with the same one. One
 * device is the origin for all (-EXDEV), those included whose table is loaded and not, or not
 * yet, in use. Under dev->command.
 */
int smv_vol_claim(struct smv_vol *vol, struct smv_target *target)
{
	struct mapped_device *md = dm_table_get_md(target->ti->table);
	struct smv_target *other;

	if (vol->targets && vol->md != md)
		return -EBUSY;
	list_for_each_entry(other, &vol->origin->users, list) {
		if (other->vol != vol && other->device->bdev != target->device->bdev)
			return -EXDEV;
	}
	list_add(&target->list, &vol->origin->users);
	target->vol = vol;
	vol->md = md;
	vol->targets++;
	return 0;
}

void smv_vol_release(struct smv_target *target)
{
	struct smv_vol *vol = target->vol;

	list_del(&target->list);
	if (--vol->targets)
		return;
	/* Its device goes on with another table: nobody else would resume it. */
	smv_vol_resume(vol);
	vol->md = NULL;
	WRITE_ONCE(vol->bdev, NULL);
}

/*
 * The store suspends its volumes with itself, and resumes them. Under dev->command.
 *
 * lockdep takes the suspend_lock of a store's dm device, which device-mapper holds
 * here, and that of a volume's for one lock, and dev->command, which is between them, for
 * a circle. The order is always store, command, volume: nothing that runs under a
 * volume's suspend_lock (smv_target_presuspend(), _postsuspend(), _resume()) takes dev->command.
 */
void smv_vol_suspend(struct smv_vol *vol)
{
	if (!vol->md)
		return;
	vol->internal = true;
	lockdep_off();
	dm_internal_suspend_noflush(vol->md);
	lockdep_on();
}

void smv_vol_resume(struct smv_vol *vol)
{
	if (!vol->internal)
		return;
	vol->internal = false;
	lockdep_off();
	dm_internal_resume(vol->md);
	lockdep_on();
}

/* ---- the door ---- */

void smv_vol_close_gate(struct smv_vol *vol)
{
	struct smv_dev *dev = vol->dev;

	spin_lock_irq(&dev->wait_lock);
	WRITE_ONCE(vol->closed, vol->closed + 1);
	spin_unlock_irq(&dev->wait_lock);
	smp_mb(); /* pairs with smv_enter(), smv_leave(): the flag, then the sums */
}

static bool vol_is_empty(struct smv_vol *vol)
{
	u64 ins = 0, outs = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		outs += READ_ONCE(per_cpu_ptr(vol->flight, cpu)->outs);
	smp_mb(); /* the leavers first */
	for_each_possible_cpu(cpu)
		ins += READ_ONCE(per_cpu_ptr(vol->flight, cpu)->ins);
	return ins == outs;
}

/* The door is closed: waits until everybody is out. false: not within @timeout. */
bool smv_vol_drain(struct smv_vol *vol, unsigned long timeout)
{
	return wait_event_timeout(vol->drained, vol_is_empty(vol), timeout) > 0;
}

void smv_vol_open_gate(struct smv_vol *vol)
{
	struct smv_dev *dev = vol->dev;
	bool open;

	spin_lock_irq(&dev->wait_lock);
	smp_store_release(&vol->closed, vol->closed - 1); /* pairs with smv_enter() */
	open = !vol->closed;
	spin_unlock_irq(&dev->wait_lock);
	if (open)
		smv_wake_list(dev, &vol->closed_list);
}

/* How many writes to the origin went at once, for the statistics. */
u64 smv_vol_passed(struct smv_vol *vol)
{
	u64 ins = 0, late = atomic64_read(&vol->late);
	int cpu;

	for_each_possible_cpu(cpu)
		ins += READ_ONCE(per_cpu_ptr(vol->flight, cpu)->ins);
	return ins > late ? ins - late : 0;
}
