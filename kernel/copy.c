// SPDX-License-Identifier: GPL-2.0-only
/*
 * Units, the jobs of a store under way, and the copies they make.
 *
 * Promises: a copy reads all, then writes all (durably, if its record goes with
 * it), then calls done() in a worker; it is asynchronous throughout, and any
 * number run side by side. A unit keeps a reference on the generation of data I/O
 * from the moment the engine named its chunks until its I/O has ended, so that no
 * chunk it reads or writes is reused before. No longer (I-ROOM-BEHIND): what is
 * published then may wait for room, which may have to come from chunks that wait
 * for this generation.
 *
 * Rules: the units are allocated once, SMV_UNITS a store; whoever needs several
 * takes all or none, so that two who wait cannot hold each other's. Pages come
 * as one block (spare.c) if there is one, else from a pool, which one copy at a
 * time may draw on, and which holds enough for a chunk.
 *
 * A crash in the middle leaves a store chunk with half a copy that no exception
 * names.
 *
 * The weak side: a copy is one bio, read completely before it is written.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "checksum.h"
#include "dev.h"

static_assert(SMV_UNITS <= SMV_MOVES_MAX);

static u32 unit_bytes(const struct smv_unit *unit)
{
	return unit->sectors << SECTOR_SHIFT;
}

int smv_copy_init(struct smv_dev *dev)
{
	u32 i, pages = max_t(u32, (dev->chunk_sectors << SECTOR_SHIFT) >> PAGE_SHIFT, 1);

	INIT_LIST_HEAD(&dev->units);
	mutex_init(&dev->page_mutex);
	if (mempool_init_page_pool(&dev->pages, 2 * pages, 0))
		return -ENOMEM;
	dev->unit_array = kvcalloc(SMV_UNITS, sizeof(*dev->unit_array), GFP_KERNEL);
	if (!dev->unit_array)
		return -ENOMEM;
	for (i = 0; i < SMV_UNITS; i++) {
		struct smv_unit *unit = &dev->unit_array[i];

		unit->dev = dev;
		INIT_LIST_HEAD(&unit->pages);
		INIT_LIST_HEAD(&unit->wait.list);
		INIT_WORK(&unit->wait.work, NULL);
		list_add_tail(&unit->list, &dev->units);
	}
	return 0;
}

void smv_copy_exit(struct smv_dev *dev)
{
	kvfree(dev->unit_array);
	mempool_exit(&dev->pages);
}

static void unit_reset(struct smv_unit *unit)
{
	unit->io = NULL;
	memset(&unit->job, 0, sizeof(unit->job));
	unit->fall.origin = NULL;
	unit->counted = false;
	unit->status = BLK_STS_OK;
	unit->zero = false;
	unit->read_failed = false;
	unit->away = false;
	unit->announced = false;
	unit->read = NULL;
	unit->block = NULL;
	unit->bio = NULL;
}

/* A free unit, or NULL. */
struct smv_unit *smv_unit_get(struct smv_dev *dev)
{
	struct smv_unit *unit;
	unsigned long flags;

	spin_lock_irqsave(&dev->wait_lock, flags);
	unit = list_first_entry_or_null(&dev->units, struct smv_unit, list);
	if (unit)
		list_del_init(&unit->list);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	if (unit)
		unit_reset(unit);
	return unit;
}

/* Takes @count of them or none: 0, and the waiter will be woken when some have come back. */
u32 smv_unit_get_many(struct smv_dev *dev, struct list_head *list, u32 count,
		      struct smv_waiter *waiter)
{
	struct smv_unit *unit;
	struct list_head *end;
	unsigned long flags;
	u32 found = 0;

	spin_lock_irqsave(&dev->wait_lock, flags);
	list_for_each(end, &dev->units) {
		if (++found == count)
			break;
	}
	if (found == count)
		list_cut_position(list, &dev->units, end);
	else
		list_add_tail(&waiter->list, &dev->unit_list);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	if (found != count)
		return 0;
	list_for_each_entry(unit, list, list)
		unit_reset(unit);
	return count;
}

static void unit_free_pages(struct smv_unit *unit)
{
	struct page *page, *next;

	if (unit->block) {
		smv_spare_put(unit->dev, unit->block);
		unit->block = NULL;
	}
	list_for_each_entry_safe(page, next, &unit->pages, lru) {
		list_del(&page->lru);
		mempool_free(page, &unit->dev->pages);
	}
}

/* Its I/O has ended, or has not begun: of what was freed nothing waits for it any more. */
void smv_unit_leave(struct smv_unit *unit)
{
	if (!unit->counted)
		return;
	unit->counted = false;
	smv_io_leave(unit->dev, unit->generation);
}

void smv_unit_put(struct smv_unit *unit)
{
	struct smv_dev *dev = unit->dev;
	unsigned long flags;
	bool awaited;

	smv_unit_leave(unit);
	smv_fall_end(dev, &unit->fall);
	spin_lock_irqsave(&dev->wait_lock, flags);
	list_add_tail(&unit->list, &dev->units);
	awaited = !list_empty(&dev->unit_list);
	spin_unlock_irqrestore(&dev->wait_lock, flags);
	if (awaited)
		smv_wake_list(dev, &dev->unit_list);
}

void smv_unit_queue(struct smv_unit *unit, work_func_t work)
{
	unit->wait.work.func = work;
	queue_work(unit->dev->copy, &unit->wait.work);
}

/* Where the job reads and writes. Under dev->lock, with the job just given. */
void smv_unit_places(struct smv_unit *unit, struct smv_vol *vol, struct block_device *origin)
{
	const struct smv_job *job = &unit->job;
	struct smv_dev *dev = unit->dev;
	sector_t start = (sector_t)job->chunk << dev->chunk_shift;

	unit->sectors = min_t(u64, dev->chunk_sectors, vol->sectors - start);
	unit->generation = smv_io_enter(dev);
	unit->counted = true;
	unit->zero = job->from.place == SMV_PLACE_ZERO;
	if (job->from.place == SMV_PLACE_ORIGIN) {
		unit->from = origin;
		unit->from_sector = start;
	} else {
		unit->from = dev->bdev;
		unit->from_sector = smv_store_sector(dev, job->from.chunk);
	}
	if (job->todo == SMV_TODO_MOVE) {
		unit->to = origin;
		unit->to_sector = start;
	} else {
		unit->to = dev->bdev;
		unit->to_sector = smv_store_sector(dev, job->to);
	}
}

/* ---- the copy ---- */

static void copy_get_pages(struct smv_unit *unit)
{
	u32 bytes = unit_bytes(unit), i, pages = DIV_ROUND_UP(bytes, PAGE_SIZE);
	struct smv_dev *dev = unit->dev;

	unit->block = smv_spare_get(dev);
	if (unit->block)
		return;
	mutex_lock(&dev->page_mutex);
	for (i = 0; i < pages; i++) {
		struct page *page = mempool_alloc(&dev->pages, GFP_NOIO);

		list_add_tail(&page->lru, &unit->pages);
	}
	mutex_unlock(&dev->page_mutex);
}

static void copy_fill_bio(struct smv_unit *unit)
{
	u32 left = unit_bytes(unit);
	struct page *page;

	if (unit->block) {
		__bio_add_page(unit->bio, unit->block, left, 0);
		return;
	}
	list_for_each_entry(page, &unit->pages, lru) {
		u32 bytes = min_t(u32, left, PAGE_SIZE);

		__bio_add_page(unit->bio, page, bytes, 0);
		left -= bytes;
	}
}

static void copy_zero_pages(struct smv_unit *unit)
{
	u32 i, pages = DIV_ROUND_UP(unit_bytes(unit), PAGE_SIZE);
	struct page *page;

	if (unit->block) {
		for (i = 0; i < pages; i++)
			clear_highpage(unit->block + i);
		return;
	}
	list_for_each_entry(page, &unit->pages, lru)
		clear_highpage(page);
}

static u64 copy_checksum(struct smv_unit *unit)
{
	u32 left = unit_bytes(unit), bytes;
	struct smv_port_hash hash;
	struct page *page;
	void *data;

	smv_checksum_data_begin(&hash);
	page = unit->block ? unit->block : list_first_entry(&unit->pages, struct page, lru);
	for (;; page = unit->block ? page + 1 : list_next_entry(page, lru)) {
		bytes = min_t(u32, left, PAGE_SIZE);
		data = kmap_local_page(page);
		smv_checksum_data_add(&hash, data, bytes);
		kunmap_local(data);
		left -= bytes;
		if (!left)
			return smv_checksum_data_end(&hash);
	}
}

/* Of what has been read: smv_checksum_data_*(). It takes as long as the fastest took: others were interrupted. */
u64 smv_copy_checksum(struct smv_unit *unit)
{
	u64 start = ktime_get_ns(), check = copy_checksum(unit), took = ktime_get_ns() - start;
	struct smv_dev *dev = unit->dev;

	if (!READ_ONCE(dev->checksum_ns) || took < READ_ONCE(dev->checksum_ns))
		WRITE_ONCE(dev->checksum_ns, max_t(u64, took, 1));
	return check;
}

static void copy_ended(struct work_struct *work)
{
	struct smv_unit *unit = container_of(work, struct smv_unit, wait.work);

	bio_put(unit->bio);
	unit->bio = NULL;
	unit_free_pages(unit);
	unit->done(unit);
}

static void copy_write_end(struct bio *bio)
{
	struct smv_unit *unit = bio->bi_private;

	unit->status = bio->bi_status;
	smv_unit_queue(unit, copy_ended);
}

static void copy_write(struct work_struct *work)
{
	struct smv_unit *unit = container_of(work, struct smv_unit, wait.work);

	if (unit->read)
		unit->read(unit);
	bio_reset(unit->bio, unit->to, unit->announced ? REQ_OP_WRITE | REQ_FUA : REQ_OP_WRITE);
	unit->bio->bi_iter.bi_sector = unit->to_sector;
	unit->bio->bi_private = unit;
	unit->bio->bi_end_io = copy_write_end;
	copy_fill_bio(unit);
	submit_bio_noacct(unit->bio);
}

static void copy_read_end(struct bio *bio)
{
	struct smv_unit *unit = bio->bi_private;

	unit->status = bio->bi_status;
	unit->read_failed = bio->bi_status != BLK_STS_OK;
	smv_unit_queue(unit, unit->read_failed ? copy_ended : copy_write);
}

/* Copies as smv_unit_places() said; done() is called in a worker. May sleep for memory. */
void smv_copy_start(struct smv_unit *unit, void (*done)(struct smv_unit *unit))
{
	struct smv_dev *dev = unit->dev;
	u32 pages;

	unit->done = done;
	copy_get_pages(unit);
	pages = unit->block ? 1 : DIV_ROUND_UP(unit_bytes(unit), PAGE_SIZE);
	unit->bio = bio_alloc_bioset(unit->from, pages, REQ_OP_READ, GFP_NOIO, &dev->copy_bios);
	if (unit->zero) {
		copy_zero_pages(unit);
		copy_write(&unit->wait.work);
		return;
	}
	unit->bio->bi_iter.bi_sector = unit->from_sector;
	unit->bio->bi_private = unit;
	unit->bio->bi_end_io = copy_read_end;
	copy_fill_bio(unit);
	submit_bio_noacct(unit->bio);
}

/* A copy that could not read, in done() or after it: writes zeroes instead, to the same end. May sleep for memory. */
void smv_copy_zeroes(struct smv_unit *unit)
{
	unit->read_failed = false;
	unit->status = BLK_STS_OK;
	unit->zero = true;
	smv_copy_start(unit, unit->done);
}

/* ---- is it the chunk, or the device? ---- */

static int copy_probe(struct smv_unit *unit, sector_t sector)
{
	unsigned int bytes = unit->dev->block_bytes;
	struct page *page = alloc_page(GFP_NOIO | __GFP_NOFAIL);
	struct bio *bio =
		bio_alloc_bioset(unit->from, 1, REQ_OP_READ, GFP_NOIO, &unit->dev->copy_bios);
	int r;

	bio->bi_iter.bi_sector = round_down(sector, bytes >> SECTOR_SHIFT);
	__bio_add_page(bio, page, bytes, 0);
	r = submit_bio_wait(bio);
	bio_put(bio);
	__free_page(page);
	return r;
}

/*
 * I-AWAY. A copy that could not read its chunk: can anything be read where it is? Asked are both ends of
 * an origin and its middle, unless the path to it is known to be down. Sleeps.
 */
bool smv_copy_answers(struct smv_unit *unit)
{
	u64 last = unit->io->vol->origin->sectors - 1;

	if (unit->from == unit->dev->bdev || unit->status == BLK_STS_MEDIUM)
		return true;
	if (unit->status == BLK_STS_OFFLINE || unit->status == BLK_STS_TRANSPORT ||
	    unit->status == BLK_STS_TIMEOUT)
		return false;
	return !copy_probe(unit, last) || !copy_probe(unit, 0) || !copy_probe(unit, last / 2);
}
