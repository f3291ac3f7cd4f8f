// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshot target. Reads may be split into chunks freely; a write is
 * decided whole.
 */
#include "dev.h"

static int snapshot_map(struct dm_target *ti, struct bio *bio)
{
	struct smv_target *target = ti->private;
	struct smv_held *held = smv_held_init(bio, target);

	if (bio->bi_opf & REQ_PREFLUSH)
		return smv_snapshot_flush_map(held, bio);
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		return smv_read_map(held, bio);
	case REQ_OP_WRITE:
		return smv_snapshot_write_map(held, bio);
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		return smv_discard_snapshot(held, bio);
	default:
		return DM_MAPIO_KILL;
	}
}

static int snapshot_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	int r = smv_target_new(ti, argc, argv, true);

	if (!r)
		ti->discards_supported = true;
	return r;
}

static int snapshot_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct smv_target *target = ti->private;
	int r = fn(ti, target->device, 0, ti->len, data);

	if (r)
		return r;
	return fn(ti, target->store, 0, bdev_nr_sectors(target->store->bdev), data);
}

static void snapshot_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct smv_target *target = ti->private;
	struct smv_dev *dev = target->dev;
	u32 bytes = dev->chunk_sectors << SECTOR_SHIFT;

	smv_compat_discard_limits(limits, SMV_BIO_CHUNKS * dev->chunk_sectors, bytes);
	limits->io_opt = bytes;
}

struct target_type smv_snapshot_target = {
	.name = "snap-mv",
	.version = { 2, 0, 0 },
	.features = DM_TARGET_SINGLETON,
	.module = THIS_MODULE,
	.ctr = snapshot_ctr,
	.dtr = smv_target_free,
	.map = snapshot_map,
	.end_io = smv_target_end_io,
	.presuspend = smv_target_presuspend,
	.presuspend_undo = smv_target_presuspend_undo,
	.postsuspend = smv_target_postsuspend,
	.resume = smv_target_resume,
	.status = smv_target_status,
	.iterate_devices = snapshot_iterate_devices,
	.io_hints = snapshot_io_hints,
};
