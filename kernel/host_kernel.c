// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine's host in the kernel: memory, and metadata blocks on the store.
 *
 * Promises: smv_host_io() returns when the whole request has ended; a preflush
 * is over before any block of the request is written, and if it fails none is. It
 * is a request of its own: device-mapper writes what goes with a REQ_PREFLUSH also when that
 * has failed, and does not say so (6.1, dm_io_complete()). Nothing here takes dev->lock but
 * smv_host_fetch(), which gives the block to the engine.
 *
 * Rules: no allocation waits for write-out (NOIO; bios and fetch buffers come
 * from pools), since commits are what write-out waits for. Metadata, copies and
 * parts of bios have a pool each: the one waits for none of the others to end.
 *
 * The weak side: two workers that miss the same block both read it; the engine
 * keeps one.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dev.h"

/*
 * What may hold blocks begins on a page: disks take no other buffers. The engine does without what it
 * does not get, or says so: no stack trace beside it.
 */
static void *host_alloc(void *context, size_t bytes)
{
	gfp_t gfp = GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_ZERO | __GFP_NOWARN;
	unsigned int flags = memalloc_noio_save();
	void *memory = bytes < SMV_BLOCK_BYTES ? kmalloc(bytes, gfp) : __vmalloc(bytes, gfp);

	memalloc_noio_restore(flags);
	return memory;
}

static void *host_alloc_now(void *context, size_t bytes)
{
	return kzalloc(bytes, GFP_NOWAIT | __GFP_NOWARN);
}

static void host_free(void *context, void *memory, size_t bytes)
{
	kvfree(memory);
}

int smv_host_init(struct smv_dev *dev)
{
	int r;

	dev->host.alloc = host_alloc;
	dev->host.alloc_now = host_alloc_now;
	dev->host.free = host_free;
	dev->host.context = dev;
	r = bioset_init(&dev->meta_bios, 64, 0, BIOSET_NEED_BVECS);
	if (!r)
		r = bioset_init(&dev->copy_bios, 64, 0, BIOSET_NEED_BVECS);
	if (!r)
		r = bioset_init(&dev->child_bios, 64, 0, 0);
	if (!r)
		r = mempool_init_kmalloc_pool(&dev->blocks, 8, SMV_BLOCK_BYTES);
	if (!r)
		r = smv_bio_pool_init(dev);
	if (r)
		smv_host_exit(dev);
	return r;
}

void smv_host_exit(struct smv_dev *dev)
{
	smv_bio_pool_exit(dev);
	mempool_exit(&dev->blocks);
	bioset_exit(&dev->child_bios);
	bioset_exit(&dev->copy_bios);
	bioset_exit(&dev->meta_bios);
}

struct host_wait {
	atomic_t pending;
	blk_status_t status;
	struct completion done;
};

static void host_put(struct host_wait *wait)
{
	if (atomic_dec_and_test(&wait->pending))
		complete(&wait->done);
}

static void host_end_io(struct bio *bio)
{
	struct host_wait *wait = bio->bi_private;

	if (bio->bi_status)
		WRITE_ONCE(wait->status, bio->bi_status);
	bio_put(bio);
	host_put(wait);
}

static struct page *host_page(void *address)
{
	return is_vmalloc_addr(address) ? vmalloc_to_page(address) : virt_to_page(address);
}

/* Adds one block's buffer, which may lie across two pages. */
static bool host_add(struct bio *bio, void *buffer)
{
	u32 left = SMV_BLOCK_BYTES;

	while (left) {
		u32 bytes = min_t(u32, left, PAGE_SIZE - offset_in_page(buffer));

		if (bio_add_page(bio, host_page(buffer), bytes, offset_in_page(buffer)) != bytes)
			return false;
		buffer += bytes;
		left -= bytes;
	}
	return true;
}

static u32 host_run(const struct smv_io *io, u32 first)
{
	u32 i = first + 1;

	while (i < io->count && io->block[i] == io->block[i - 1] + 1)
		i++;
	return i - first;
}

static void host_submit_run(struct smv_dev *dev, const struct smv_io *io, u32 first, u32 count,
			    struct host_wait *wait)
{
	blk_opf_t opf = io->op == SMV_IO_READ ? REQ_OP_READ : REQ_OP_WRITE;
	struct bio *bio;
	u32 i;

	opf |= REQ_META | REQ_SYNC | REQ_IDLE;
	if (io->fua)
		opf |= REQ_FUA;
	bio = bio_alloc_bioset(dev->bdev, min_t(u32, 2 * count, BIO_MAX_VECS), opf, GFP_NOIO,
			       &dev->meta_bios);
	bio->bi_iter.bi_sector = io->block[first] * SMV_BLOCK_SECTORS;
	bio->bi_private = wait;
	bio->bi_end_io = host_end_io;
	for (i = first; i < first + count; i++) {
		if (WARN_ON_ONCE(!host_add(bio, io->buffer[i]))) {
			bio_io_error(bio);
			return;
		}
	}
	submit_bio(bio);
}

static void host_sync_buffers(const struct smv_io *io, bool after_read)
{
	u32 i;

	for (i = 0; i < io->count; i++) {
		if (!is_vmalloc_addr(io->buffer[i]))
			continue;
		if (after_read)
			invalidate_kernel_vmap_range(io->buffer[i], SMV_BLOCK_BYTES);
		else
			flush_kernel_vmap_range(io->buffer[i], SMV_BLOCK_BYTES);
	}
}

/* Does one request and waits for it. May sleep; dev->lock need not be held. */
int smv_host_io(struct smv_dev *dev, const struct smv_io *io)
{
	struct host_wait wait = { .pending = ATOMIC_INIT(1) };
	u32 first, count;
	int r;

	if (READ_ONCE(dev->gone))
		return -EIO;
	if (io->op == SMV_IO_FLUSH)
		return blkdev_issue_flush(dev->bdev);
	if (WARN_ON_ONCE(!io->count || io->count > SMV_IO_BLOCKS))
		return -EINVAL;
	if (io->preflush) {
		r = blkdev_issue_flush(dev->bdev);
		if (r)
			return r;
	}
	init_completion(&wait.done);
	host_sync_buffers(io, false);
	for (first = 0; first < io->count; first += count) {
		count = host_run(io, first);
		atomic_inc(&wait.pending);
		host_submit_run(dev, io, first, count, &wait);
	}
	host_put(&wait);
	wait_for_completion_io(&wait.done);
	if (io->op == SMV_IO_READ)
		host_sync_buffers(io, true);
	return blk_status_to_errno(wait.status);
}

static int fetch_read(struct smv_dev *dev, u64 block, void *buffer)
{
	struct host_wait wait = { .pending = ATOMIC_INIT(1) };
	struct bio *bio;

	init_completion(&wait.done);
	bio = bio_alloc_bioset(dev->bdev, 2, REQ_OP_READ | REQ_META | REQ_PRIO, GFP_NOIO,
			       &dev->meta_bios);
	bio->bi_iter.bi_sector = block * SMV_BLOCK_SECTORS;
	bio->bi_private = &wait;
	bio->bi_end_io = host_end_io;
	if (WARN_ON_ONCE(!host_add(bio, buffer)))
		bio_io_error(bio);
	else
		submit_bio(bio);
	wait_for_completion_io(&wait.done);
	return blk_status_to_errno(wait.status);
}

/* Reads a missing block and gives it to the engine. Sleeps; takes dev->lock. */
int smv_host_fetch(struct smv_dev *dev, u64 block)
{
	void *buffer;
	int r;

	if (READ_ONCE(dev->gone))
		return -EIO;
	buffer = mempool_alloc(&dev->blocks, GFP_NOIO);
	r = fetch_read(dev, block, buffer);
	if (r) {
		DMERR_LIMIT("%s: metadata block %llu cannot be read: %d", dev->name, block, r);
	} else {
		smv_lock(dev);
		r = smv_store_provide(dev->store, block, buffer);
		smv_unlock(dev);
		if (r)
			DMERR_LIMIT("%s: metadata block %llu is damaged", dev->name, block);
	}
	mempool_free(buffer, &dev->blocks);
	return r ? -EIO : 0;
}
