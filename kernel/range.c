// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may touch a chunk now.
 *
 * Range locks: a write that must wait, a move, a discard locks all its chunks of
 * its volume at once, as one range. A range waits for all overlapping ones that
 * came before it and for no later one, so that nobody starves, and two ranges
 * cannot wait for each other. A range knows how many it waits for; the last
 * that ends queues its waiter.
 *
 * Falls: reads of an origin in place on behalf of a snapshot. They are
 * registered under dev->lock, with the engine's answer that sent them there, and
 * end when the read has completed (I-FALL-THROUGH). A write to the chunk waits for them after the
 * engine has said GO: later reads find the exception.
 *
 * The weak side: the end of any awaited fall wakes all who wait for falls of
 * the store.
 */
#include <linux/hash.h>

#include "dev.h"

static struct smv_range *range_of(struct interval_tree_node *node)
{
	return container_of(node, struct smv_range, node);
}

static unsigned int overlapping(struct smv_vol *vol, struct smv_range *range)
{
	struct interval_tree_node *node;
	unsigned int count = 0;

	for (node = interval_tree_iter_first(&vol->ranges, range->node.start, range->node.last);
	     node; node = interval_tree_iter_next(node, range->node.start, range->node.last))
		count++;
	return count;
}

/* true: locked; false: range->waiter will be queued when it is. Sets start and last before. */
bool smv_range_lock(struct smv_vol *vol, struct smv_range *range)
{
	unsigned long flags;
	bool granted;

	spin_lock_irqsave(&vol->range_lock, flags);
	range->blockers = overlapping(vol, range);
	range->sequence = vol->range_sequence++;
	granted = !range->blockers;
	interval_tree_insert(&range->node, &vol->ranges);
	spin_unlock_irqrestore(&vol->range_lock, flags);
	return granted;
}

bool smv_range_trylock(struct smv_vol *vol, struct smv_range *range)
{
	unsigned long flags;
	bool granted;

	spin_lock_irqsave(&vol->range_lock, flags);
	granted = !overlapping(vol, range);
	if (granted) {
		range->blockers = 0;
		range->sequence = vol->range_sequence++;
		interval_tree_insert(&range->node, &vol->ranges);
	}
	spin_unlock_irqrestore(&vol->range_lock, flags);
	return granted;
}

void smv_range_unlock(struct smv_vol *vol, struct smv_range *range)
{
	unsigned long start = range->node.start, last = range->node.last, flags;
	struct interval_tree_node *node;

	spin_lock_irqsave(&vol->range_lock, flags);
	interval_tree_remove(&range->node, &vol->ranges);
	for (node = interval_tree_iter_first(&vol->ranges, start, last); node;
	     node = interval_tree_iter_next(node, start, last)) {
		struct smv_range *later = range_of(node);

		if (later->sequence > range->sequence && !--later->blockers)
			queue_work(vol->dev->gate, &later->waiter->work);
	}
	spin_unlock_irqrestore(&vol->range_lock, flags);
}

static struct hlist_head *fall_bucket(struct smv_dev *dev, u64 number, u64 chunk)
{
	return &dev->falls[hash_64(number ^ chunk << 1, ilog2(SMV_FALL_BUCKETS))];
}

/* Under dev->lock. */
void smv_fall_begin(struct smv_dev *dev, struct smv_fall *fall, struct smv_vol *origin, u64 chunk)
{
	unsigned long flags;

	fall->origin = origin;
	fall->chunk = chunk;
	spin_lock_irqsave(&dev->fall_lock, flags);
	hlist_add_head(&fall->node, fall_bucket(dev, origin->number, chunk));
	atomic_inc(&origin->falls);
	spin_unlock_irqrestore(&dev->fall_lock, flags);
}

void smv_fall_end(struct smv_dev *dev, struct smv_fall *fall)
{
	unsigned long flags;
	bool awaited;

	if (!fall->origin)
		return;
	spin_lock_irqsave(&dev->fall_lock, flags);
	hlist_del(&fall->node);
	atomic_dec(&fall->origin->falls);
	fall->origin = NULL;
	awaited = !list_empty(&dev->fall_list);
	spin_unlock_irqrestore(&dev->fall_lock, flags);
	if (awaited)
		smv_wake_list(dev, &dev->fall_list);
}

static bool fall_in_bucket(struct hlist_head *head, struct smv_vol *origin, u64 first, u64 end)
{
	struct smv_fall *fall;

	hlist_for_each_entry(fall, head, node) {
		if (fall->origin == origin && fall->chunk >= first && fall->chunk < end)
			return true;
	}
	return false;
}

static bool fall_exists(struct smv_vol *origin, u64 first, u64 end)
{
	struct smv_dev *dev = origin->dev;
	u64 i;

	if (!atomic_read(&origin->falls))
		return false;
	if (end - first < SMV_FALL_BUCKETS) {
		for (i = first; i < end; i++) {
			if (fall_in_bucket(fall_bucket(dev, origin->number, i), origin, i, i + 1))
				return true;
		}
		return false;
	}
	for (i = 0; i < SMV_FALL_BUCKETS; i++) {
		if (fall_in_bucket(&dev->falls[i], origin, first, end))
			return true;
	}
	return false;
}

/*
 * Are chunks [first, end) of the origin being read in place? true: the waiter (if
 * there is one) will be woken when one such read has ended. Under dev->lock.
 */
bool smv_fall_wait(struct smv_vol *origin, u64 first, u64 end, struct smv_waiter *waiter)
{
	struct smv_dev *dev = origin->dev;
	unsigned long flags;
	bool exists;

	spin_lock_irqsave(&dev->fall_lock, flags);
	exists = fall_exists(origin, first, end);
	if (exists && waiter) {
		spin_lock(&dev->wait_lock);
		list_add_tail(&waiter->list, &dev->fall_list);
		spin_unlock(&dev->wait_lock);
	}
	spin_unlock_irqrestore(&dev->fall_lock, flags);
	return exists;
}
