// SPDX-License-Identifier: GPL-2.0-only
/*
 * FLUSH of the devices below. There is storage that drops what it could not write,
 * says so once, to whoever asked, and answers the next FLUSH as if nothing had been.
 *
 * Promises (I-FLUSH-FAILED): a store of which any FLUSH has failed takes no commit any
 * more, since it could record copies that are gone. What a FLUSH of an origin that nobody
 * above had asked for could not write, the next one from above says. A command waits for an
 * origin's FLUSH no longer than it said it would.
 *
 * The weak side: what a rollback had moved and the origin's disk dropped is not moved
 * again; the log, an event and that FLUSH tell of it.
 */
#include <linux/blkdev.h>

#include "dev.h"

/* Makes @written data writes to the store durable; a commit does it by the way. Sleeps. */
int smv_flush_data(struct smv_dev *dev, u64 written)
{
	u64 now;
	int r;

	smv_lock(dev);
	r = dev->flushed >= written;
	smv_unlock(dev);
	if (r)
		return 0;
	if (READ_ONCE(dev->gone))
		return -EIO;
	now = atomic64_read(&dev->written);
	r = blkdev_issue_flush(dev->bdev);
	if (r) {
		smv_fail(dev, "it could not be flushed");
		return r;
	}
	smv_lock(dev);
	if (now > dev->flushed)
		dev->flushed = now;
	smv_unlock(dev);
	return 0;
}

/* ---- origins ---- */

static int origin_flushed(struct smv_vol *vol, struct block_device *bdev, int r)
{
	if (r) {
		DMERR_LIMIT("%s: the origin on %pg cannot be flushed: %d", vol->dev->name, bdev, r);
		smv_event(vol->dev);
	}
	return r;
}

/* A FLUSH of the origin on @bdev. If it fails, so does the next one from above. Sleeps. */
int smv_flush_origin(struct smv_vol *vol, struct block_device *bdev)
{
	int r = blkdev_issue_flush(bdev);

	if (r)
		WRITE_ONCE(vol->flush_failed, true);
	return origin_flushed(vol, bdev, r);
}

static void flush_end(struct bio *bio)
{
	struct smv_vol *vol = container_of(bio, struct smv_vol, flush);

	if (bio->bi_status)
		WRITE_ONCE(vol->flush_failed, true);
	complete_all(&vol->flushed);
}

/*
 * The same, of vol->bdev, until @end (jiffies); -ETIMEDOUT: it may end later, and the next one waits for
 * it. Under dev->command.
 */
int smv_flush_origin_until(struct smv_vol *vol, unsigned long end)
{
	struct bio *bio = &vol->flush;
	long left = max_t(long, end - jiffies, 1);

	left = wait_for_completion_io_timeout(&vol->flushed, left);
	if (left) {
		reinit_completion(&vol->flushed);
		bio_init(bio, vol->bdev, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH);
		bio->bi_end_io = flush_end;
		submit_bio(bio);
		left = wait_for_completion_io_timeout(&vol->flushed, left);
	}
	return origin_flushed(vol, vol->bdev,
			      left ? blk_status_to_errno(bio->bi_status) : -ETIMEDOUT);
}

/* Nothing of smv_flush_origin_until() is under way. Under dev->command, which it gives back and takes. */
void smv_flush_rest(struct smv_vol *vol)
{
	while (!completion_done(&vol->flushed)) {
		mutex_unlock(&vol->dev->command);
		wait_for_completion_io(&vol->flushed);
		mutex_lock(&vol->dev->command);
	}
}

/* What a FLUSH from above that came to @r is told. */
int smv_flush_told(struct smv_vol *vol, int r)
{
	if (likely(!READ_ONCE(vol->flush_failed)))
		return r;
	return xchg(&vol->flush_failed, false) && !r ? -EIO : r;
}
