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

static void read_place(struct smv_bio *io, struct bio *bio, const struct smv_where *where)
{
	struct smv_vol *vol = io->vol;
	struct smv_dev *dev = vol->dev;
	sector_t offset = bio->bi_iter.bi_sector & (dev->chunk_sectors - 1);

	switch (where->place) {
	case SMV_PLACE_STORE:
		io->generation = smv_io_enter(dev);
		io->counted = true;
		bio_set_dev(bio, dev->bdev);
		bio->bi_iter.bi_sector = smv_store_sector(dev, where->chunk) + offset;
		break;
	case SMV_PLACE_ORIGIN:
		if (vol->origin != vol)
			smv_fall_begin(dev, &io->fall, vol->origin, io->first);
		bio_set_dev(bio, io->target->device->bdev);
		break;
	case SMV_PLACE_ZERO:
		break;
	}
}

/* Under dev->lock. */
static int read_decide(struct smv_bio *io, struct bio *bio, struct smv_where *where, u64 *miss)
{
	struct smv_vol *vol = io->vol;
	int r = smv_read(vol->dev->store, vol->volume, io->first, where, miss);

	if (!r)
		read_place(io, bio, where);
	return r;
}

static void read_worker(struct work_struct *work)
{
	struct smv_bio *io = container_of(work, struct smv_bio, wait.work);
	struct smv_dev *dev = io->vol->dev;
	struct bio *bio = smv_bio_of(io);
	struct smv_where where;
	u64 miss = 0;
	int r;

	for (;;) {
		smv_lock(dev);
		r = read_decide(io, bio, &where, &miss);
		smv_unlock(dev);
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
		submit_bio_noacct(bio);
	}
}

int smv_read_map(struct smv_bio *io, struct bio *bio)
{
	struct smv_dev *dev = io->vol->dev;
	u32 left = dev->chunk_sectors - (bio->bi_iter.bi_sector & (dev->chunk_sectors - 1));
	struct smv_where where;
	u64 miss;
	int r;

	if (bio_sectors(bio) > left)
		dm_accept_partial_bio(bio, left);
	io->end = io->first + 1;
	if (smv_trylock(dev)) {
		r = read_decide(io, bio, &where, &miss);
		smv_unlock(dev);
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
	smv_bio_queue(io, dev->gate, read_worker);
	return DM_MAPIO_SUBMITTED;
}
