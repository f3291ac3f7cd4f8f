// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks of a chunk's size for copies, kept from one to the next.
 *
 * A kernel that clears what it allocates (init_on_alloc, Debian's default) would
 * clear each block, only for a read to fill it: that costs as much as the copy
 * of a chunk in memory does.
 *
 * Promises: at most SMV_SPARE_BYTES of a store lie idle, or one block if that is
 * more, and none that no copy has asked for in SPARE_SECONDS.
 *
 * Rules: what is kept holds data of some chunk. A copy writes only what it has
 * read or cleared.
 */
#include <linux/mm.h>

#include "dev.h"

#define SPARE_SECONDS 2

static u32 block_bytes(const struct smv_dev *dev)
{
	return dev->chunk_sectors << SECTOR_SHIFT;
}

static void block_free(struct smv_dev *dev, struct page *block)
{
	__free_pages(block, get_order(block_bytes(dev)));
}

static struct page *spare_take(struct smv_dev *dev)
{
	struct page *block;
	unsigned long flags;

	spin_lock_irqsave(&dev->spare_lock, flags);
	block = list_first_entry_or_null(&dev->spares, struct page, lru);
	if (block) {
		list_del(&block->lru);
		dev->spare_count--;
	}
	spin_unlock_irqrestore(&dev->spare_lock, flags);
	return block;
}

/* A block of a chunk's size, whatever is in it, or NULL. */
struct page *smv_spare_get(struct smv_dev *dev)
{
	struct page *block = spare_take(dev);

	WRITE_ONCE(dev->spare_used, true);
	if (block)
		return block;
	return alloc_pages(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN | __GFP_COMP,
			   get_order(block_bytes(dev)));
}

void smv_spare_put(struct smv_dev *dev, struct page *block)
{
	u32 limit = max_t(u32, SMV_SPARE_BYTES / block_bytes(dev), 1);
	bool keep, first;
	unsigned long flags;

	spin_lock_irqsave(&dev->spare_lock, flags);
	keep = dev->spare_count < limit;
	first = !dev->spare_count;
	if (keep) {
		list_add(&block->lru, &dev->spares);
		dev->spare_count++;
	}
	spin_unlock_irqrestore(&dev->spare_lock, flags);
	if (!keep)
		block_free(dev, block);
	else if (first)
		queue_delayed_work(dev->meta, &dev->spare_work, SPARE_SECONDS * HZ);
}

static void spare_free_all(struct smv_dev *dev)
{
	struct page *block;

	while ((block = spare_take(dev)))
		block_free(dev, block);
}

static void spare_worker(struct work_struct *work)
{
	struct smv_dev *dev = container_of(to_delayed_work(work), struct smv_dev, spare_work);

	if (READ_ONCE(dev->spare_used)) {
		WRITE_ONCE(dev->spare_used, false);
		queue_delayed_work(dev->meta, &dev->spare_work, SPARE_SECONDS * HZ);
		return;
	}
	spare_free_all(dev);
}

void smv_spare_init(struct smv_dev *dev)
{
	spin_lock_init(&dev->spare_lock);
	INIT_LIST_HEAD(&dev->spares);
	INIT_DELAYED_WORK(&dev->spare_work, spare_worker);
}

/* No copy runs any more. */
void smv_spare_drop(struct smv_dev *dev)
{
	cancel_delayed_work_sync(&dev->spare_work);
	spare_free_all(dev);
}
