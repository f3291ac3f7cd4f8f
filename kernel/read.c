// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads that need the map: of snapshots, and of origins being rolled back.
 *
 * Promises: a read is answered from where the engine says, and what it reads
 * stays what it is until it has ended: a store chunk by the generation counted
 * (rule 10 of the crash rules), a chunk in place by its fall; both are taken
 * under the lock under which the engine answered.
 *
 * Structure: map() takes one chunk's worth, and tries the lock and the cache;
 * what would sleep goes to a worker, which reads the metadata that is missing.
 *
 * The weak side: one bio per chunk.
 */
#include "dev.h"

static void read_place(struct smv_held *held, struct bio *bio, const struct smv_where *where)
{
	struct smv_target *target = held->target;
	struct smv_vol *vol = target->vol;
	struct smv_dev *dev = target->dev;
	sector_t offset = bio->bi_iter.bi_sector & (dev->chunk_sectors - 1);

	switch (where->place) {
	case SMV_PLACE_STORE:
		held->generation = smv_io_enter(dev);
		held->counted = true;
		bio_set_dev(bio, dev->bdev);
		bio->bi_iter.bi_sector = smv_store_sector(dev, where->chunk) + offset;
		break;
	case SMV_PLACE_ORIGIN:
		if (vol->origin != vol)
			smv_fall_begin(dev, &held->fall, vol->origin, smv_bio_first(dev, bio));
		bio_set_dev(bio, target->device->bdev);
		break;
	case SMV_PLACE_ZERO:
		break;
	}
}

/* Under dev->lock. */
static int read_decide(struct smv_held *held, struct bio *bio, struct smv_where *where, u64 *miss)
{
	struct smv_dev *dev = held->target->dev;
	int r = smv_read(dev->store, held->target->vol->volume, smv_bio_first(dev, bio), where,
			 miss);

	if (!r)
		read_place(held, bio, where);
	return r;
}

static void read_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);
	struct smv_dev *dev = io->vol->dev;
	struct bio *bio = io->bio;
	struct smv_where where;
	u64 miss = 0;
	int r;

	for (;;) {
		smv_lock(dev);
		r = read_decide(io->held, bio, &where, &miss);
		smv_unlock_unchanged(dev);
		if (r != -EAGAIN)
			break;
		r = smv_host_fetch(dev, miss);
		if (r)
			break;
	}
	if (r) {
		smv_bio_end(io, BLK_STS_IOERR);
	} else if (where.place == SMV_PLACE_ZERO) {
		zero_fill_bio(bio);
		smv_bio_end(io, BLK_STS_OK);
	} else {
		smv_bio_issue(io);
	}
}

int smv_read_map(struct smv_held *held, struct bio *bio)
{
	struct smv_dev *dev = held->target->dev;
	u32 left = dev->chunk_sectors - (bio->bi_iter.bi_sector & (dev->chunk_sectors - 1));
	struct smv_where where;
	u64 miss;
	int r;

	if (bio_sectors(bio) > left)
		dm_accept_partial_bio(bio, left);
	if (smv_trylock(dev)) {
		r = read_decide(held, bio, &where, &miss);
		smv_unlock_unchanged(dev);
		if (!r && where.place != SMV_PLACE_ZERO)
			return DM_MAPIO_REMAPPED;
		if (!r) {
			zero_fill_bio(bio);
			bio_endio(bio);
			return DM_MAPIO_SUBMITTED;
		}
		if (r != -EAGAIN)
			return DM_MAPIO_KILL;
	}
	return smv_bio_start(held, bio, dev->gate, read_worker);
}
