// SPDX-License-Identifier: GPL-2.0-only
/*
 * What origin and snapshot targets share: construction, suspension, the end of
 * their bios, status.
 *
 *   <store dm device> <origin>[@<snapshot>] <origin device>
 *
 * Rules: a volume belongs to one dm device; a reload of that device shares the
 * smv_vol. The dm device of the store is held open by every target, so that it
 * cannot be removed under them. A store on whose node the origin lies is refused.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dev.h"

static int target_devices(struct smv_target *target, char **argv, bool snapshot)
{
	smv_mode_t mode = snapshot ? SMV_MODE_READ : dm_table_get_mode(target->ti->table);
	struct dm_target *ti = target->ti;
	struct smv_dev *dev;
	int r;

	/*
	 * The origin's first: should it be the store's own, to be written, dm would free what it
	 * has given us for reading. A mode that is there already is not raised.
	 */
	r = dm_get_device(ti, argv[2], mode, &target->device);
	if (r) {
		ti->error = "the origin's device cannot be opened";
		return r;
	}
	r = dm_get_device(ti, argv[0], SMV_MODE_READ, &target->store);
	if (r) {
		ti->error = "the store's dm device cannot be opened";
		return r;
	}
	dev = smv_dev_find(target->store->bdev);
	if (!dev) {
		ti->error = "that is no active store";
		return -ENODEV;
	}
	target->dev = dev;
	if (target->device->bdev == dev->bdev || target->device->bdev == target->store->bdev) {
		ti->error = "an origin cannot lie on its own store";
		return -EINVAL;
	}
	if (dev->block_bytes > bdev_logical_block_size(target->device->bdev)) {
		ti->error = "the store's logical block is larger than the origin's";
		return -EINVAL;
	}
	return 0;
}

/* Looks up and opens the volume in one go: it cannot be deleted from then on. */
static struct smv_volume *target_volume(struct smv_dev *dev, char *name, bool snapshot)
{
	char *at = strchr(name, '@');
	struct smv_volume *volume;

	if (snapshot != !!at)
		return NULL;
	smv_lock(dev);
	if (at) {
		*at = 0;
		volume = smv_volume_snapshot(dev->store, name, at + 1);
		*at = '@';
	} else {
		volume = smv_volume_origin(dev->store, name);
	}
	if (volume)
		smv_volume_open(volume);
	smv_unlock(dev);
	return volume;
}

static int target_check_size(struct smv_target *target, struct smv_vol *vol)
{
	struct dm_target *ti = target->ti;

	if (ti->begin || ti->len != vol->sectors) {
		ti->error = "the table's length is not the volume's";
		return -EINVAL;
	}
	if (bdev_nr_sectors(target->device->bdev) < vol->sectors) {
		ti->error = "the origin's device is smaller than recorded";
		return -EINVAL;
	}
	return 0;
}

static int target_claim(struct smv_target *target, struct smv_vol *vol)
{
	struct dm_target *ti = target->ti;
	int r = smv_vol_claim(vol, target);

	if (r)
		ti->error = r == -EXDEV ? "another device is in use as that origin" :
					  "another device is active for this volume";
	return r;
}

/* Under dev->command. */
static int target_open(struct smv_target *target, char *name, bool snapshot)
{
	struct dm_target *ti = target->ti;
	struct smv_vol *vol;
	int r;

	if (target->dev->suspended) {
		ti->error = "the store is suspended";
		return -EBUSY;
	}
	target->volume = target_volume(target->dev, name, snapshot);
	if (!target->volume) {
		ti->error = "the store has no such volume";
		return -ENOENT;
	}
	r = smv_vol_get(target->dev, target->volume, &vol);
	if (r) {
		ti->error = "no memory for the volume";
		return r;
	}
	r = target_check_size(target, vol);
	if (!r)
		r = target_claim(target, vol);
	if (r)
		smv_vol_put(vol);
	return r;
}

static void target_close(struct smv_target *target)
{
	struct dm_target *ti = target->ti;
	struct smv_dev *dev = target->dev;

	if (dev)
		mutex_lock(&dev->command);
	if (target->vol)
		smv_flush_rest(target->vol);
	if (target->volume) {
		smv_lock(target->dev);
		smv_volume_close(target->volume);
		smv_unlock(target->dev);
	}
	if (target->vol) {
		smv_vol_release(target);
		smv_vol_put(target->vol);
	}
	if (dev) {
		mutex_unlock(&dev->command);
		smv_dev_put(dev);
	}
	if (target->device)
		dm_put_device(ti, target->device);
	if (target->store)
		dm_put_device(ti, target->store);
	kfree(target);
}

static void target_features(struct dm_target *ti)
{
	ti->num_flush_bios = 1;
	ti->flush_supported = true;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	ti->per_io_data_size = sizeof(struct smv_held);
}

int smv_target_new(struct dm_target *ti, unsigned int argc, char **argv, bool snapshot)
{
	struct smv_target *target;
	unsigned int noio;
	int r;

	if (argc != 3) {
		ti->error = "three arguments: store, volume, origin device";
		return -EINVAL;
	}
	target = kzalloc(sizeof(*target), GFP_KERNEL);
	if (!target) {
		ti->error = "no memory";
		return -ENOMEM;
	}
	target->ti = ti;
	r = target_devices(target, argv, snapshot);
	if (!r) {
		/* What is written out may be held for space, until a delete, which takes this lock. */
		mutex_lock(&target->dev->command);
		noio = memalloc_noio_save();
		r = target_open(target, argv[1], snapshot);
		memalloc_noio_restore(noio);
		mutex_unlock(&target->dev->command);
	}
	if (r) {
		target_close(target);
		return r;
	}
	ti->private = target;
	target_features(ti);
	return 0;
}

void smv_target_free(struct dm_target *ti)
{
	target_close(ti->private);
}

/* ---- suspension ---- */

void smv_target_resume(struct dm_target *ti)
{
	struct smv_target *target = ti->private;
	struct smv_vol *vol = target->vol;

	WRITE_ONCE(vol->noflush, false);
	WRITE_ONCE(vol->running, true);
	if (vol->origin != vol)
		return;
	WRITE_ONCE(vol->bdev, target->device->bdev);
	smv_vol_readers(vol);
	smv_mover_kick(vol);
}

/* Bios that wait for space, or for room among marks, are given back to dm, if it is going to keep them. */
void smv_target_presuspend(struct dm_target *ti)
{
	struct smv_target *target = ti->private;
	struct smv_vol *vol = target->vol;

	if (!dm_noflush_suspending(ti))
		return;
	spin_lock_irq(&vol->dev->wait_lock);
	WRITE_ONCE(vol->noflush, true);
	spin_unlock_irq(&vol->dev->wait_lock);
	smv_wake_list(vol->dev, &vol->dev->space_list);
	smv_wake_list(vol->dev, &vol->dev->room_list);
}

/* The suspend was interrupted. */
void smv_target_presuspend_undo(struct dm_target *ti)
{
	struct smv_target *target = ti->private;

	WRITE_ONCE(target->vol->noflush, false);
}

/*
 * No bio of the target is under way any more, and the origin may be down from here
 * on. A snapshot taken of it then finds durable what was written; and what a running
 * rollback has moved, and what was written over it, stays: it is marked. A suspend
 * without flush is for an origin that may not answer.
 */
void smv_target_postsuspend(struct dm_target *ti)
{
	struct smv_target *target = ti->private;
	struct smv_vol *vol = target->vol;

	WRITE_ONCE(vol->running, false);
	if (vol->origin != vol)
		return;
	smv_mover_stop(vol);
	if (READ_ONCE(vol->rolling)) {
		if (smv_origin_sync(vol, target->device->bdev))
			DMERR("%s: the marks of a rollback are not durable: what was moved or written over it since the last flush is moved again",
			      vol->dev->name);
		return;
	}
	if (!READ_ONCE(vol->noflush))
		smv_flush_origin(vol, target->device->bdev);
}

/* ---- the end of a bio ---- */

int smv_target_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error)
{
	struct smv_held *held = smv_held_of(bio);

	if (unlikely(held->io))
		return smv_bio_ended(bio, *error);
	if (held->counted && bio_op(bio) == REQ_OP_WRITE)
		smv_bio_written(held->target->vol);
	smv_held_release(held);
	return DM_ENDIO_DONE;
}

void smv_target_status(struct dm_target *ti, status_type_t type, unsigned int flags, char *result,
		       unsigned int maxlen)
{
	struct smv_target *target = ti->private;
	char name[SMV_VOL_NAME_BYTES];
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		smv_status_volume(target, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		smv_lock(target->dev);
		smv_vol_name(target->dev, target->vol->volume, name);
		smv_unlock(target->dev);
		DMEMIT("%s %s %s", target->store->name, name, target->device->name);
		break;
	case STATUSTYPE_IMA:
		*result = 0;
		break;
	}
}
