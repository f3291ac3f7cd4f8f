// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host is told: events on the store's dm device, each condition once,
 * and a line in the log that names the object.
 */
#include "dev.h"

/* Raises an event on the store's device: it is time to look at its status. */
void smv_event(struct smv_dev *dev)
{
	struct dm_table *table;

	atomic64_inc(&dev->stats.events);
	spin_lock_irq(&dev->wait_lock);
	table = dev->table;
	if (table)
		dev->eventing++;
	spin_unlock_irq(&dev->wait_lock);
	if (!table)
		return;
	dm_table_event(table);
	spin_lock_irq(&dev->wait_lock);
	dev->eventing--;
	spin_unlock_irq(&dev->wait_lock);
	wake_up_all(&dev->wait);
}

/* The name of a volume, as people write it. Under dev->lock. */
const char *smv_vol_name(struct smv_dev *dev, struct smv_volume *volume, char *buffer)
{
	struct smv_volume_info info, top;

	smv_volume_info(volume, &info);
	if (info.flags & (SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN)) {
		snprintf(buffer, SMV_VOL_NAME_BYTES, "%%");
	} else if (info.flags & SMV_VOLUME_ORIGIN) {
		snprintf(buffer, SMV_VOL_NAME_BYTES, "%s", info.name);
	} else {
		smv_volume_info(smv_volume_origin_of(volume), &top);
		snprintf(buffer, SMV_VOL_NAME_BYTES, "%s@%s", top.name, info.name);
	}
	return buffer;
}

/* Snapshots that have become invalid and were not reported yet (without memory: once more). true: there were. */
static bool report_invalid(struct smv_dev *dev)
{
	struct smv_volume *volume;
	struct smv_volume_info info;
	char name[SMV_VOL_NAME_BYTES];
	bool news = false;
	u64 number = 0;

	smv_lock(dev);
	while ((volume = smv_volume_after(dev->store, number))) {
		smv_volume_info(volume, &info);
		number = info.number;
		if (!(info.flags & SMV_VOLUME_INVALID) || xa_load(&dev->reported, number))
			continue;
		xa_store(&dev->reported, number, xa_mk_value(1), GFP_NOWAIT | __GFP_NOWARN);
		smv_vol_name(dev, volume, name);
		DMWARN("%s: snapshot %s is invalid: the store was full", dev->name, name);
		news = true;
	}
	smv_unlock(dev);
	return news;
}

static bool report_failure(struct smv_dev *dev)
{
	if (!READ_ONCE(dev->failed) || dev->failure_reported)
		return false;
	dev->failure_reported = true;
	DMERR("%s: the store has failed (%s): snapshots read as errors until it is activated again",
	      dev->name, smv_store_reason(dev->store));
	return true;
}

/* Compares the store's state with what was reported last. Takes dev->lock. */
void smv_report_state(struct smv_dev *dev)
{
	struct smv_store_info info;
	bool news;
	u64 dropped = atomic64_read(&dev->stats.dropped);

	smv_lock(dev);
	smv_store_info(dev->store, &info);
	news = report_failure(dev);
	if (info.low != dev->low) {
		dev->low = info.low;
		if (info.low) {
			news = true;
			DMWARN("%s: below the low-water mark: %llu chunks left for data", dev->name,
			       info.available_chunks);
		}
	}
	if (READ_ONCE(dev->full) != dev->full_reported) {
		dev->full_reported = READ_ONCE(dev->full);
		if (dev->full_reported) {
			news = true;
			DMWARN("%s: the store is full", dev->name);
		}
	}
	if (!!info.cleaning != dev->cleaning) {
		dev->cleaning = !!info.cleaning;
		news |= !dev->cleaning;
	}
	if (dropped == dev->dropped_reported)
		dropped = 0;
	else
		dev->dropped_reported = dropped;
	smv_unlock(dev);
	if (dropped)
		news |= report_invalid(dev);
	if (news)
		smv_event(dev);
}
