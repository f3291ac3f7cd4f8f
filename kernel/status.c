// SPDX-License-Identifier: GPL-2.0-only
/* Status lines; docs/operating.md numbers their fields. */
#include "dev.h"

static u64 passed_writes(struct smv_dev *dev)
{
	u64 passed = 0;
	struct smv_vol *vol;

	if (!mutex_trylock(&dev->command))
		return 0;
	list_for_each_entry(vol, &dev->vols, list) {
		if (vol->origin == vol)
			passed += smv_vol_passed(vol);
	}
	mutex_unlock(&dev->command);
	return passed;
}

static u32 count_rolling(struct smv_dev *dev)
{
	struct smv_volume *volume;
	struct smv_volume_info info;
	u64 number = 0;
	u32 rolling = 0;

	while ((volume = smv_volume_after(dev->store, number))) {
		smv_volume_info(volume, &info);
		number = info.number;
		rolling += !!info.roll_volume;
	}
	return rolling;
}

static u32 count_waiting(struct smv_dev *dev)
{
	struct list_head *waiter;
	u32 count = 0;

	spin_lock_irq(&dev->wait_lock);
	list_for_each(waiter, &dev->space_list)
		count++;
	spin_unlock_irq(&dev->wait_lock);
	return count;
}

static unsigned int status_settings(struct smv_dev *dev, const struct smv_store_info *i,
				    char *result, unsigned int maxlen, unsigned int sz)
{
	DMEMIT(" %s %u %u ", i->settings.policy == SMV_POLICY_HOLD ? "hold" : "drop",
	       i->settings.hold_timeout_s, i->settings.low_water_permille);
	if (i->settings.throttle_mib_s == SMV_THROTTLE_PAUSE)
		DMEMIT("pause");
	else
		DMEMIT("%u", i->settings.throttle_mib_s);
	DMEMIT(" %d %d %u", i->low, READ_ONCE(dev->full), count_waiting(dev));
	return sz;
}

static unsigned int status_counters(struct smv_dev *dev, const struct smv_store_info *i,
				    char *result, unsigned int maxlen, unsigned int sz)
{
	struct smv_stats *s = &dev->stats;

	DMEMIT(" %llu %llu %llu", i->generation, i->journal_blocks, i->journal_used);
	DMEMIT(" %llu %llu %llu %llu %llu", i->commits, i->commit_blocks, i->record_bytes,
	       i->checkpoints, i->checkpoint_blocks);
	DMEMIT(" %llu %llu", i->cache_hits, i->cache_misses);
	DMEMIT(" %lld %lld %lld %lld %llu", atomic64_read(&s->copies), atomic64_read(&s->moves),
	       atomic64_read(&s->snapshot_copies), atomic64_read(&s->gated), passed_writes(dev));
	DMEMIT(" %lld %lld %lld", atomic64_read(&s->dropped), atomic64_read(&s->lost),
	       atomic64_read(&s->events));
	return sz;
}

void smv_status_store(struct smv_dev *dev, char *result, unsigned int maxlen)
{
	struct smv_store_info i;
	char text[3 * SMV_LABEL_BYTES + 128];
	unsigned int sz = 0;
	u32 rolling;

	smv_lock(dev);
	smv_store_info(dev->store, &i);
	rolling = count_rolling(dev);
	smv_unlock(dev);
	smv_text_encode(text, sizeof(text), i.settings.label);
	DMEMIT("%s %s %*phN %u %llu",
	       i.failed	   ? "failed" :
	       i.read_only ? "read-only" :
			     "ok",
	       text, (int)SMV_UUID_BYTES, i.uuid, dev->chunk_sectors, i.chunks);
	DMEMIT(" %llu %llu %llu %llu %llu %llu", i.data_chunks, i.meta_chunks, i.free_chunks,
	       i.reserved_chunks, i.available_chunks, i.held_chunks);
	DMEMIT(" %llu %llu %llu %llu %llu %u", i.exceptions, i.origins, i.snapshots, i.ghosts,
	       i.cleaning, rolling);
	sz = status_settings(dev, &i, result, maxlen, sz);
	sz = status_counters(dev, &i, result, maxlen, sz);
	smv_text_encode(text, sizeof(text), i.failed ? smv_store_reason(dev->store) : "");
	DMEMIT(" %s", text);
}

static void status_origin(struct smv_target *target, char *result, unsigned int maxlen)
{
	struct smv_vol *vol = target->vol;
	struct smv_rollback_progress p;
	struct smv_volume_info i;
	unsigned int sz = 0;

	smv_lock(vol->dev);
	smv_volume_info(vol->volume, &i);
	smv_rollback_progress(vol->volume, &p);
	smv_unlock(vol->dev);
	DMEMIT("%s %llu %llu %llu %llu %d %llu %llu %llu %llu %d",
	       READ_ONCE(vol->dev->failed) ? "failed" : "ok", i.number, i.sectors, vol->chunks,
	       i.exceptions, !!i.roll_volume, p.done_chunks, p.place_chunks, p.moved, p.lost,
	       atomic_read(&vol->gated));
}

static const char *snapshot_state(struct smv_dev *dev, u32 flags)
{
	if (flags & SMV_VOLUME_INVALID)
		return "invalid";
	if (READ_ONCE(dev->failed))
		return "failed";
	return flags & SMV_VOLUME_SUSPECT ? "suspect" : "ok";
}

void smv_status_volume(struct smv_target *target, char *result, unsigned int maxlen)
{
	struct smv_vol *vol = target->vol;
	struct smv_volume_info i;
	unsigned int sz = 0;

	if (vol->origin == vol) {
		status_origin(target, result, maxlen);
		return;
	}
	smv_lock(vol->dev);
	smv_volume_info(vol->volume, &i);
	smv_unlock(vol->dev);
	DMEMIT("%s %llu %llu %llu %llu %llu %llu", snapshot_state(vol->dev, i.flags), i.number,
	       i.sectors, i.exceptions, i.taken_of, i.parent, i.epoch);
}
