// SPDX-License-Identifier: GPL-2.0-only
/*
 * The store target: opens the store, takes messages, tells its state. I/O to
 * its device fails.
 *
 * Suspending the store suspends its volumes first, while commits still run, so
 * that no I/O of theirs needs the store afterwards; resuming resumes them. dm then waits
 * for the messages that are under way, so none may wait for a volume's I/O: one that is freezing a
 * filesystem ends first.
 *
 * The last to come up is suspended first: an origin may lie on another volume, loaded by hand
 * (the tool refuses it), and its I/O ends only while that one runs. The weak side: what lies below
 * it may have been exchanged since.
 */
#include <linux/slab.h>

#include "dev.h"

struct store_target {
	struct smv_dev *dev;
	struct dm_dev *ddev;
	struct smv_features features;
};

static int parse_id(const char *text, u8 *id)
{
	return strlen(text) == 2 * SMV_UUID_BYTES && !hex2bin(id, text, SMV_UUID_BYTES) ? 0 :
											  -EINVAL;
}

static int parse_number(struct dm_target *ti, const char *value, u32 *number)
{
	int r = kstrtou32(value, 10, number);

	if (!r && *number >= SMV_LIMIT_MIN && *number <= SMV_LIMIT_MAX)
		return 0;
	ti->error = "cache_blocks and overlay_entries are numbers from 64 to 524288";
	return -EINVAL;
}

/* Features with an argument. */
static int parse_value(struct dm_target *ti, const char *name, const char *value,
		       struct smv_features *features)
{
	if (!value)
		return -EINVAL;
	if (!strcmp(name, "host"))
		return parse_id(value, features->host);
	if (!strcmp(name, "boot"))
		return parse_id(value, features->boot);
	if (!strcmp(name, "cache_blocks"))
		return parse_number(ti, value, &features->cache_blocks);
	if (!strcmp(name, "overlay_entries"))
		return parse_number(ti, value, &features->overlay_entries);
	return -EINVAL;
}

static int parse_feature(struct dm_target *ti, struct dm_arg_set *args,
			 struct smv_features *features)
{
	const char *name = dm_shift_arg(args);

	ti->error = "unknown feature, or a wrong argument of one";
	if (!strcmp(name, "read_only"))
		features->read_only = true;
	else if (!strcmp(name, "force"))
		features->force = true;
	else
		return parse_value(ti, name, dm_shift_arg(args), features);
	return 0;
}

static int parse_features(struct dm_target *ti, struct dm_arg_set *args,
			  struct smv_features *features)
{
	unsigned int count;

	if (!args->argc)
		return 0;
	if (kstrtouint(dm_shift_arg(args), 10, &count) || count != args->argc) {
		ti->error = "the number of feature words is wrong";
		return -EINVAL;
	}
	while (args->argc) {
		if (parse_feature(ti, args, features))
			return -EINVAL;
	}
	return 0;
}

static int store_open(struct dm_target *ti, struct store_target *target)
{
	int r;

	if (ti->begin || ti->len > bdev_nr_sectors(target->ddev->bdev)) {
		ti->error = "the table's length is more than the store's device has";
		return -EINVAL;
	}
	mutex_lock(&smv_stores_mutex);
	r = smv_dev_get(ti, target->ddev->bdev, &target->features, &target->dev);
	mutex_unlock(&smv_stores_mutex);
	return r;
}

static void store_features(struct dm_target *ti)
{
	ti->num_flush_bios = 1;
	ti->flush_supported = true;
	ti->num_write_zeroes_bios = 1; /* so that dm lets snapshots have them, if the disk does */
}

static int store_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dm_arg_set args = { .argc = argc, .argv = argv };
	struct store_target *target;
	smv_mode_t mode = SMV_MODE_READ;
	const char *path;
	int r;

	path = dm_shift_arg(&args);
	if (!path) {
		ti->error = "which device?";
		return -EINVAL;
	}
	target = kzalloc(sizeof(*target), GFP_KERNEL);
	if (!target) {
		ti->error = "no memory";
		return -ENOMEM;
	}
	r = parse_features(ti, &args, &target->features);
	if (r)
		goto free;
	if (!target->features.read_only)
		mode |= SMV_MODE_WRITE;
	r = dm_get_device(ti, path, mode, &target->ddev);
	if (r) {
		ti->error = "the store's device cannot be opened";
		goto free;
	}
	r = store_open(ti, target);
	if (r)
		goto put;
	ti->private = target;
	store_features(ti);
	return 0;
put:
	dm_put_device(ti, target->ddev);
free:
	kfree(target);
	return r;
}

static void store_dtr(struct dm_target *ti)
{
	struct store_target *target = ti->private;

	smv_dev_put_target(target->dev);
	dm_put_device(ti, target->ddev);
	kfree(target);
}

static int store_map(struct dm_target *ti, struct bio *bio)
{
	return DM_MAPIO_KILL;
}

/* ---- suspension ---- */

static void store_presuspend(struct dm_target *ti)
{
	struct store_target *target = ti->private;
	struct smv_dev *dev = target->dev;
	struct smv_vol *vol;

	down_write(&dev->freezing);
	mutex_lock(&dev->command);
	if (!dev->suspended) {
		list_for_each_entry_reverse(vol, &dev->vols, list)
			smv_vol_suspend(vol);
		smv_worker_stop(dev);
	}
	mutex_unlock(&dev->command);
	up_write(&dev->freezing);
}

static void store_postsuspend(struct dm_target *ti)
{
	struct store_target *target = ti->private;
	struct smv_dev *dev = target->dev;

	smv_wait_durable(dev, smv_store_lsn(dev->store));
	flush_workqueue(dev->meta);
	spin_lock_irq(&dev->wait_lock);
	dev->table = NULL;
	spin_unlock_irq(&dev->wait_lock);
	wait_event(dev->wait, !READ_ONCE(dev->eventing));
}

static void store_resume(struct dm_target *ti)
{
	struct store_target *target = ti->private;
	struct smv_dev *dev = target->dev;
	struct smv_vol *vol;

	mutex_lock(&dev->command);
	spin_lock_irq(&dev->wait_lock);
	dev->table = ti->table;
	spin_unlock_irq(&dev->wait_lock);
	WRITE_ONCE(dev->suspended, false);
	smv_lock(dev);
	smv_unlock(dev); /* hands out what waits to be done */
	list_for_each_entry(vol, &dev->vols, list)
		smv_vol_resume(vol);
	mutex_unlock(&dev->command);
}

/* Its node could not be written out, so that it is not suspended. */
static void store_presuspend_undo(struct dm_target *ti)
{
	store_resume(ti);
}

static int store_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			 unsigned int maxlen)
{
	struct store_target *target = ti->private;

	return smv_message(target->dev, argc, argv, result, maxlen);
}

/* ---- status ---- */

static bool id_given(const u8 *id)
{
	return !!memchr_inv(id, 0, SMV_UUID_BYTES);
}

static void store_table(struct store_target *target, char *result, unsigned int maxlen)
{
	struct smv_features *f = &target->features;
	unsigned int sz = 0, words;

	words = f->read_only + f->force + 2 * (id_given(f->host) + id_given(f->boot)) +
		2 * (!!f->cache_blocks + !!f->overlay_entries);
	DMEMIT("%s", target->ddev->name);
	if (words)
		DMEMIT(" %u", words);
	if (f->read_only)
		DMEMIT(" read_only");
	if (f->force)
		DMEMIT(" force");
	if (id_given(f->host))
		DMEMIT(" host %*phN", (int)SMV_UUID_BYTES, f->host);
	if (id_given(f->boot))
		DMEMIT(" boot %*phN", (int)SMV_UUID_BYTES, f->boot);
	if (f->cache_blocks)
		DMEMIT(" cache_blocks %u", f->cache_blocks);
	if (f->overlay_entries)
		DMEMIT(" overlay_entries %u", f->overlay_entries);
}

static void store_status(struct dm_target *ti, status_type_t type, unsigned int flags, char *result,
			 unsigned int maxlen)
{
	struct store_target *target = ti->private;

	switch (type) {
	case STATUSTYPE_INFO:
		smv_status_store(target->dev, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		store_table(target, result, maxlen);
		break;
	case STATUSTYPE_IMA:
		*result = 0;
		break;
	}
}

static int store_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct store_target *target = ti->private;

	return fn(ti, target->ddev, 0, ti->len, data);
}

struct target_type smv_store_target = {
	.name = "snap-mv-store",
	.version = { 2, 0, 0 },
	.features = DM_TARGET_SINGLETON,
	.module = THIS_MODULE,
	.ctr = store_ctr,
	.dtr = store_dtr,
	.map = store_map,
	.presuspend = store_presuspend,
	.presuspend_undo = store_presuspend_undo,
	.postsuspend = store_postsuspend,
	.resume = store_resume,
	.message = store_message,
	.status = store_status,
	.iterate_devices = store_iterate_devices,
};
