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
 * FLUSH and FUA go to the origin as they are (but see flush.c). While a rollback runs, more has to
 * be durable than the origin's own cache (smv_origin_sync()): they end in a
 * worker.
 */
#include "dev.h"

static void flush_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);

	int r = smv_flush_told(io->vol, smv_origin_sync(io->vol, smv_bio_origin(io)));

	smv_bio_end(io, errno_to_blk_status(r));
}

static int origin_flush(struct smv_held *held, struct bio *bio)
{
	struct smv_vol *vol = held->target->vol;

	if (likely(!READ_ONCE(vol->rolling)))
		return smv_flush_told(vol, 0) ? DM_MAPIO_KILL : DM_MAPIO_REMAPPED;
	return smv_bio_start(held, bio, vol->dev->back, flush_worker);
}

static bool origin_is_preserved(struct smv_vol *vol, struct bio *bio)
{
	return smv_preserved_test(vol->preserved, smv_bio_first(vol->dev, bio),
				  smv_bio_end_chunk(vol->dev, bio));
}

static bool origin_may_go(struct smv_vol *vol, struct bio *bio)
{
	/* What FUA needs then is the gate's business. */
	if (unlikely(READ_ONCE(vol->rolling)))
		return !(bio->bi_opf & REQ_FUA) && origin_is_preserved(vol, bio);
	return !READ_ONCE(vol->readers) || origin_is_preserved(vol, bio);
}

static void origin_trim_zeroes(struct smv_dev *dev, struct bio *bio)
{
	u64 first = smv_bio_first(dev, bio);

	if (smv_bio_end_chunk(dev, bio) - first > SMV_BIO_CHUNKS)
		dm_accept_partial_bio(bio, ((first + SMV_BIO_CHUNKS) << dev->chunk_shift) -
						   bio->bi_iter.bi_sector);
}

static int origin_write(struct smv_held *held, struct bio *bio)
{
	struct smv_vol *vol = held->target->vol;

	if (smv_held_enter(held)) {
		if (origin_may_go(vol, bio))
			return DM_MAPIO_REMAPPED;
		smv_held_leave(held);
	}
	atomic64_inc(&vol->late);
	if (bio_op(bio) == REQ_OP_WRITE_ZEROES)
		origin_trim_zeroes(vol->dev, bio);
	return smv_gate_write(held, bio);
}

static int origin_map(struct dm_target *ti, struct bio *bio)
{
	struct smv_target *target = ti->private;
	struct smv_held *held = smv_held_init(bio, target);

	bio_set_dev(bio, target->device->bdev);
	if (bio->bi_opf & REQ_PREFLUSH)
		return origin_flush(held, bio);
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		if (likely(!READ_ONCE(target->vol->rolling)))
			return DM_MAPIO_REMAPPED;
		return smv_read_map(held, bio);
	case REQ_OP_WRITE:
	case REQ_OP_WRITE_ZEROES:
		return origin_write(held, bio);
	case REQ_OP_DISCARD:
		return smv_discard_origin(held, bio);
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
	u32 block = target->dev->block_bytes;

	limits->logical_block_size = max_t(u32, limits->logical_block_size, block);
	limits->physical_block_size = max_t(u32, limits->physical_block_size, block);
	/* While a rollback runs it is read from the store, too. */
	limits->dma_alignment =
		max_t(u32, limits->dma_alignment, bdev_dma_alignment(target->dev->bdev));
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
	.presuspend_undo = smv_target_presuspend_undo,
	.postsuspend = smv_target_postsuspend,
	.resume = smv_target_resume,
	.status = smv_target_status,
	.iterate_devices = origin_iterate_devices,
	.io_hints = origin_io_hints,
};
