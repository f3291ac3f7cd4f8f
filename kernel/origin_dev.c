// SPDX-License-Identifier: GPL-2.0-only
/*
 * The origin target: the device in place, with what its snapshots need
 * preserved before it is overwritten.
 *
 * The fast path, in map() and without a lock: reads while no rollback runs;
 * writes while no snapshot reads the origin in place; writes to chunks whose
 * preserved bit is set. A write counts itself in flight before it looks at any
 * of this, and stays counted to its end, so that whoever has closed the gate and
 * seen the counters empty may change it.
 *
 * FLUSH and FUA go to the origin as they are. While a rollback runs, more has to
 * be durable than the origin's own cache (smv_origin_sync()): they end in a
 * worker.
 */
#include "dev.h"

static void flush_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);

	smv_bio_end(io, errno_to_blk_status(smv_origin_sync(io->vol, io->target->device->bdev)));
}

static int origin_flush(struct smv_bio *io)
{
	struct smv_vol *vol = io->vol;

	if (likely(!READ_ONCE(vol->rolling)))
		return DM_MAPIO_REMAPPED;
	smv_bio_queue(io, vol->dev->back, flush_worker);
	return DM_MAPIO_SUBMITTED;
}

static bool origin_may_go(struct smv_bio *io, struct bio *bio)
{
	struct smv_vol *vol = io->vol;

	if (unlikely(READ_ONCE(vol->rolling))) {
		if (!smv_preserved_test(vol, io->first, io->end))
			return false;
		if (bio->bi_opf & REQ_FUA) {
			bio->bi_opf &= ~REQ_FUA;
			io->fua = true;
		}
		return true;
	}
	return !READ_ONCE(vol->readers) || smv_preserved_test(vol, io->first, io->end);
}

static int origin_write(struct smv_bio *io, struct bio *bio)
{
	if (smv_bio_enter(io)) {
		if (origin_may_go(io, bio))
			return DM_MAPIO_REMAPPED;
		smv_bio_leave(io);
	}
	if (bio_op(bio) == REQ_OP_WRITE_ZEROES && io->end - io->first > SMV_BIO_CHUNKS) {
		io->end = io->first + SMV_BIO_CHUNKS;
		dm_accept_partial_bio(bio, (io->end << io->vol->dev->chunk_shift) -
						   bio->bi_iter.bi_sector);
	}
	smv_gate_write(io);
	return DM_MAPIO_SUBMITTED;
}

static int origin_map(struct dm_target *ti, struct bio *bio)
{
	struct smv_target *target = ti->private;
	struct smv_bio *io = dm_per_bio_data(bio, sizeof(*io));

	smv_bio_init(io, target, bio);
	bio_set_dev(bio, target->device->bdev);
	if (bio->bi_opf & REQ_PREFLUSH)
		return origin_flush(io);
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		if (likely(!READ_ONCE(io->vol->rolling)))
			return DM_MAPIO_REMAPPED;
		return smv_read_map(io, bio);
	case REQ_OP_WRITE:
	case REQ_OP_WRITE_ZEROES:
		return origin_write(io, bio);
	case REQ_OP_DISCARD:
		return smv_discard_origin(io, bio);
	default:
		return DM_MAPIO_KILL;
	}
}

static int origin_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	return smv_target_new(ti, argc, argv, false);
}

static int origin_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct smv_target *target = ti->private;

	return fn(ti, target->device, 0, ti->len, data);
}

static void origin_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct smv_target *target = ti->private;
	u32 block = bdev_logical_block_size(target->dev->bdev);

	limits->logical_block_size = max_t(u32, limits->logical_block_size, block);
	limits->physical_block_size = max_t(u32, limits->physical_block_size, block);
}

struct target_type smv_origin_target = {
	.name = "snap-mv-origin",
	.version = { 2, 0, 0 },
	.features = DM_TARGET_SINGLETON,
	.module = THIS_MODULE,
	.ctr = origin_ctr,
	.dtr = smv_target_free,
	.map = origin_map,
	.end_io = smv_target_end_io,
	.presuspend = smv_target_presuspend,
	.postsuspend = smv_target_postsuspend,
	.resume = smv_target_resume,
	.status = smv_target_status,
	.iterate_devices = origin_iterate_devices,
	.io_hints = origin_io_hints,
};
