// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an active store.
 *
 * One smv_dev for one store device, found by its dm device; the tables of a
 * reload share it. It is closed, with a clean checkpoint, when its last store
 * target goes. If volumes are still up then (somebody has loaded another
 * target over the store), the engine is kept, failed, until the last of them
 * goes: their devices stay, and read as errors what needs the store. Such a
 * store is not closed: its superblock stays in use by this boot, from which the
 * tool knows that its origins may have been written without it
 * (I-FAILED-SUSPECT).
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include "dev.h"

#define CLOSE_PAUSE_MS 50 /* for memory to come back */

DEFINE_MUTEX(smv_stores_mutex); /* the list of stores, their volumes, their references */
static LIST_HEAD(stores);
static bool hibernating;

/* A reference on the store whose dm device this is, or NULL. */
struct smv_dev *smv_dev_find(struct block_device *dm_bdev)
{
	struct smv_dev *dev, *found = NULL;

	mutex_lock(&smv_stores_mutex);
	list_for_each_entry(dev, &stores, list) {
		if (!dev->gone && dm_disk(dev->md) == dm_bdev->bd_disk)
			found = dev;
	}
	if (found)
		found->references++;
	mutex_unlock(&smv_stores_mutex);
	return found;
}

static void dev_free(struct smv_dev *dev)
{
	smv_worker_exit(dev);
	if (dev->store)
		smv_store_delete(dev->store);
	smv_copy_exit(dev);
	smv_host_exit(dev);
	xa_destroy(&dev->reported);
	kvfree(dev);
}

static void dev_open_args(struct smv_dev *dev, const struct smv_features *features,
			  struct smv_open *open)
{
	memset(open, 0, sizeof(*open));
	open->blocks = bdev_nr_sectors(dev->bdev) / SMV_BLOCK_SECTORS;
	open->read_only = features->read_only;
	open->force = features->force;
	memcpy(open->host_id, features->host, SMV_UUID_BYTES);
	memcpy(open->boot_id, features->boot, SMV_UUID_BYTES);
	open->limits.cache_blocks = features->cache_blocks;
	open->limits.overlay_entries = features->overlay_entries;
}

/* I-ONE-UUID: is a copy of this store active? Both at once would share names, uuids and origins. */
static bool dev_is_twin(const struct smv_dev *dev)
{
	const u8 *uuid = smv_store_uuid(dev->store);
	const struct smv_dev *other;

	list_for_each_entry(other, &stores, list) {
		if (!other->gone && !memcmp(smv_store_uuid(other->store), uuid, SMV_UUID_BYTES))
			return true;
	}
	return false;
}

static int dev_open_engine(struct smv_dev *dev, const struct smv_features *features)
{
	struct smv_open open;
	int r = 0, error;

	dev_open_args(dev, features, &open);
	dev->store = smv_store_new(&dev->host);
	if (!dev->store)
		return -ENOMEM;
	do {
		if (r == 1 && dev->commit_io.op == SMV_IO_WRITE && dev_is_twin(dev))
			return -EEXIST; /* nothing has been written yet */
		error = r == 1 ? smv_host_io(dev, &dev->commit_io) : 0;
		mutex_lock(&dev->lock);
		r = smv_store_open(dev->store, &open, error, &dev->commit_io);
		mutex_unlock(&dev->lock);
	} while (r == 1);
	if (r < 0)
		DMERR("%s: the store cannot be opened: %s", dev->name,
		      smv_store_reason(dev->store));
	return r ? r : dev_is_twin(dev) ? -EEXIST : 0;
}

static const char *open_error(int r)
{
	switch (r) {
	case -ENOENT:
		return "the device holds no store";
	case -EUCLEAN:
		return "the store is damaged";
	case -EOPNOTSUPP:
		return "the store has a format this module does not know";
	case -EBUSY:
		return "the store is in use elsewhere";
	case -EEXIST:
		return "a store of the same uuid is active: one is a copy of the other";
	case -ENOSPC:
		return "the device is smaller than the store";
	default:
		return "the store cannot be opened";
	}
}

static void dev_geometry(struct smv_dev *dev)
{
	struct smv_store_info info;

	dev->chunk_sectors = smv_store_chunk_sectors(dev->store);
	dev->chunk_shift = ilog2(dev->chunk_sectors);
	smv_store_info(dev->store, &info);
	dev->settings = info.settings;
	dev->low = info.low;
	dev->cleaning = !!info.cleaning;
	dev->durable = smv_store_durable(dev->store);
}

static int dev_setup(struct smv_dev *dev, const struct smv_features *features)
{
	int r = smv_worker_init(dev);

	if (!r)
		r = dev_open_engine(dev, features);
	if (r)
		return r;
	dev_geometry(dev);
	return smv_copy_init(dev);
}

static struct smv_dev *dev_alloc(struct mapped_device *md, struct block_device *bdev)
{
	struct smv_dev *dev = kvzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return NULL;
	if (smv_host_init(dev)) {
		kvfree(dev);
		return NULL;
	}
	strscpy(dev->name, dm_device_name(md), sizeof(dev->name));
	dev->md = md;
	dev->bdev = bdev;
	dev->block_bytes = bdev_logical_block_size(bdev);
	dev->references = 1;
	dev->targets = 1;
	dev->suspended = true;
	INIT_LIST_HEAD(&dev->vols);
	INIT_LIST_HEAD(&dev->units);
	spin_lock_init(&dev->fall_lock);
	xa_init(&dev->reported);
	init_rwsem(&dev->freezing);
	mutex_init(&dev->command);
	return dev;
}

static int dev_new(struct dm_target *ti, struct block_device *bdev,
		   const struct smv_features *features, struct smv_dev **found)
{
	struct smv_dev *dev = dev_alloc(dm_table_get_md(ti->table), bdev);
	int r;

	if (!dev) {
		ti->error = "no memory";
		return -ENOMEM;
	}
	dev->read_only = features->read_only;
	r = dev_setup(dev, features);
	if (r) {
		ti->error = (char *)open_error(r);
		dev_free(dev);
		return r;
	}
	list_add_tail(&dev->list, &stores);
	*found = dev;
	return 0;
}

/*
 * The store on @bdev for a store target: the one that the same dm device has open
 * already, or a new one. Under smv_stores_mutex.
 */
int smv_dev_get(struct dm_target *ti, struct block_device *bdev,
		const struct smv_features *features, struct smv_dev **found)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct smv_dev *dev;

	list_for_each_entry(dev, &stores, list) {
		if (dev->gone || (dev->bdev != bdev && dev->md != md))
			continue;
		if (dev->bdev != bdev || dev->md != md) {
			ti->error = dev->md == md ? "another store is active in this device" :
						    "the store is active in another device";
			return -EBUSY;
		}
		if (dev->read_only != features->read_only) {
			ti->error = "read_only cannot be changed by a reload";
			return -EINVAL;
		}
		dev->references++;
		dev->targets++;
		*found = dev;
		return 0;
	}
	if (hibernating && !features->read_only) {
		ti->error = "the system is hibernating";
		return -EBUSY;
	}
	return dev_new(ti, bdev, features, found);
}

/*
 * An image of memory is made, or taken back, from now on, or (false) no more. -EBUSY: a store could be
 * written meanwhile, which that memory would not know of. Sleeps.
 */
int smv_hibernate(bool begin)
{
	struct smv_dev *dev;
	int r = 0;

	mutex_lock(&smv_stores_mutex);
	list_for_each_entry(dev, &stores, list) {
		if (!begin || dev->read_only || READ_ONCE(dev->failed))
			continue;
		DMERR("%s: no hibernation while the store is active: deactivate it first",
		      dev->name);
		r = -EBUSY;
	}
	hibernating = begin && !r;
	mutex_unlock(&smv_stores_mutex);
	return r;
}

/* Under smv_stores_mutex. */
static void dev_put(struct smv_dev *dev)
{
	if (--dev->references)
		return;
	list_del(&dev->list);
	dev_free(dev);
}

void smv_dev_put(struct smv_dev *dev)
{
	mutex_lock(&smv_stores_mutex);
	dev_put(dev);
	mutex_unlock(&smv_stores_mutex);
}

/* A last checkpoint that records a clean close. */
static int dev_close_engine(struct smv_dev *dev)
{
	u64 miss = 0;
	int r, error;

	smv_lock(dev);
	r = smv_checkpoint_step(dev->store, true, 0, &dev->checkpoint_io, &miss);
	smv_unlock(dev);
	while (r == 1 || r == -EAGAIN) {
		error = r == 1 ? smv_host_io(dev, &dev->checkpoint_io) : smv_host_fetch(dev, miss);
		if (error)
			return error;
		smv_lock(dev);
		r = smv_checkpoint_step(dev->store, true, 0, &dev->checkpoint_io, &miss);
		smv_unlock(dev);
	}
	return r;
}

/* What has been said to be done is durable. */
static void dev_settle(struct smv_dev *dev)
{
	if (!dev->read_only && !dev->failed)
		smv_wait_durable(dev, smv_store_lsn(dev->store));
}

static void dev_close(struct smv_dev *dev)
{
	int r = -EBUSY, tries;

	smv_worker_stop(dev);
	for (tries = 0; tries < 16 && (r == -EBUSY || r == -ENOMEM); tries++) {
		if (dev->read_only || dev->failed)
			break;
		if (r == -ENOMEM)
			msleep(CLOSE_PAUSE_MS);
		dev_settle(dev);
		r = dev_close_engine(dev);
	}
	flush_workqueue(dev->meta);
	if (r && !dev->read_only)
		DMWARN("%s: the store is not closed cleanly: %d", dev->name, r);
}

/* The volumes that the store has suspended and that no store will resume. */
static void dev_abandon(struct smv_dev *dev)
{
	struct smv_vol *vol;

	DMERR("%s: the store's table was taken away with volumes active", dev->name);
	smv_worker_stop(dev);
	dev_settle(dev);
	flush_workqueue(dev->meta);
	smv_fail(dev, "its table was taken away");
	WRITE_ONCE(dev->gone, true);
	mutex_lock(&dev->command);
	list_for_each_entry(vol, &dev->vols, list)
		smv_vol_resume(vol);
	mutex_unlock(&dev->command);
}

/* A store target goes. */
void smv_dev_put_target(struct smv_dev *dev)
{
	mutex_lock(&smv_stores_mutex);
	if (!--dev->targets) {
		if (dev->references > 1)
			dev_abandon(dev);
		else
			dev_close(dev);
	}
	dev_put(dev);
	mutex_unlock(&smv_stores_mutex);
}
