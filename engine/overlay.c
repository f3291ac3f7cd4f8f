// SPDX-License-Identifier: GPL-2.0-only
/*
 * The overlay: an ordered map of what changed since a checkpoint.
 *
 * A skip list of at most SMV_OVERLAY_LEVELS levels, a quarter of the entries of
 * each also on the next. Entries lie one behind the other in slabs of one size,
 * in the order they came, and leave only all together: an entry stays where it
 * is, so a pointer to one holds until the overlay is cleared. A key deleted
 * stays as a tombstone, since the tree below may have it.
 *
 * Rules that keep it true:
 *  - the list on every level ascends strictly; level 0 has all entries;
 *  - an entry never crosses a slab's end: a slab takes entries while one of the
 *    largest kind still fits. So a slab holds at least per_slab() entries
 *    whatever their heights, and reserve() can count on that (I-RESERVED: after
 *    a reserve of n, n puts cannot fail);
 *  - the heights come from a generator with a fixed seed: the same puts make
 *    the same list, so a history replays exactly.
 *
 * One slab is there from the beginning, and a cleared overlay keeps what it has: who
 * finds no memory for more finds room after a checkpoint.
 *
 * It is memory only: a crash takes it and the journal's replay makes it again.
 *
 * Weak side: heights can be foreseen, so somebody who chooses keys could make
 * a slow list, but not a wrong one.
 */
#include "overlay.h"

#define SLAB_BYTES (256u * 1024)

struct smv_overlay_slab {
	u64 word[SLAB_BYTES / sizeof(u64)];
};

static u32 entry_bytes(const struct smv_overlay *overlay, u32 levels)
{
	return (u32)sizeof(struct smv_overlay_entry) + overlay->value_bytes +
	       levels * (u32)sizeof(struct smv_overlay_entry *);
}

static u32 per_slab(const struct smv_overlay *overlay)
{
	return SLAB_BYTES / entry_bytes(overlay, SMV_OVERLAY_LEVELS);
}

static u32 slabs_max(const struct smv_overlay *overlay)
{
	return overlay->limit / per_slab(overlay) + 1;
}

int smv_overlay_init(struct smv_overlay *overlay, const struct smv_host *host, u32 value_bytes,
		     u32 limit)
{
	int err;

	memset(overlay, 0, sizeof(*overlay));
	SMV_ASSERT(value_bytes % sizeof(u64) == 0 && value_bytes <= SLAB_BYTES / 4);
	overlay->host = *host;
	overlay->value_bytes = value_bytes;
	overlay->limit = limit;
	overlay->seed = 2463534242u;
	overlay->slab = smv_host_alloc(host, slabs_max(overlay) * sizeof(*overlay->slab));
	if (!overlay->slab)
		return -ENOMEM;
	err = smv_overlay_reserve(overlay, 1);
	if (err)
		smv_overlay_exit(overlay);
	return err;
}

void smv_overlay_exit(struct smv_overlay *overlay)
{
	if (!overlay->slab)
		return;
	while (overlay->slabs)
		smv_host_free(&overlay->host, overlay->slab[--overlay->slabs], SLAB_BYTES);
	smv_host_free(&overlay->host, overlay->slab, slabs_max(overlay) * sizeof(*overlay->slab));
	overlay->slab = NULL;
}

/* Entries that fit for certain into the memory there is. */
static u32 room(const struct smv_overlay *overlay)
{
	u32 bytes = entry_bytes(overlay, SMV_OVERLAY_LEVELS);

	if (overlay->slab_now >= overlay->slabs)
		return 0;
	return (SLAB_BYTES - overlay->slab_used) / bytes +
	       (overlay->slabs - overlay->slab_now - 1) * per_slab(overlay);
}

int smv_overlay_reserve(struct smv_overlay *overlay, u32 entries)
{
	struct smv_overlay_slab *slab;

	if (entries > overlay->limit || overlay->count > overlay->limit - entries)
		return -EBUSY;
	while (room(overlay) < entries) {
		SMV_ASSERT(overlay->slabs < slabs_max(overlay));
		slab = smv_host_alloc(&overlay->host, sizeof(*slab));
		if (!slab)
			return -ENOMEM;
		overlay->slab[overlay->slabs++] = slab;
	}
	return 0;
}

/* The links that leave an entry, one a level; NULL: those of the head. */
static struct smv_overlay_entry *const *links_of(const struct smv_overlay *overlay,
						 const struct smv_overlay_entry *entry)
{
	if (!entry)
		return overlay->head;
	return (struct smv_overlay_entry *const *)((const u8 *)(entry + 1) + overlay->value_bytes);
}

/* The last entry below @key of each level, NULL where there is none. */
static void search(const struct smv_overlay *overlay, const struct smv_key *key,
		   const struct smv_overlay_entry **before)
{
	const struct smv_overlay_entry *entry = NULL, *next, *beyond = NULL;
	struct smv_overlay_entry *const *links = overlay->head;
	u32 level = SMV_OVERLAY_LEVELS;

	while (level--) {
		/* The first one beyond on this level may be known to be from the level above. */
		while ((next = links[level]) && next != beyond) {
			if (smv_key_cmp(&next->key, key) >= 0) {
				beyond = next;
				break;
			}
			entry = next;
			links = links_of(overlay, entry);
		}
		before[level] = entry;
	}
}

const struct smv_overlay_entry *smv_overlay_ge(const struct smv_overlay *overlay,
					       const struct smv_key *key)
{
	const struct smv_overlay_entry *before[SMV_OVERLAY_LEVELS];

	search(overlay, key, before);
	return links_of(overlay, before[0])[0];
}

const struct smv_overlay_entry *smv_overlay_le(const struct smv_overlay *overlay,
					       const struct smv_key *key)
{
	const struct smv_overlay_entry *before[SMV_OVERLAY_LEVELS], *at;

	search(overlay, key, before);
	at = links_of(overlay, before[0])[0];
	return at && !smv_key_cmp(&at->key, key) ? at : before[0];
}

const struct smv_overlay_entry *smv_overlay_next(const struct smv_overlay *overlay,
						 const struct smv_overlay_entry *entry)
{
	return links_of(overlay, entry)[0];
}

static u32 random_levels(struct smv_overlay *overlay)
{
	u32 levels = 1, bits;

	overlay->seed ^= overlay->seed << 13;
	overlay->seed ^= overlay->seed >> 17;
	overlay->seed ^= overlay->seed << 5;
	for (bits = overlay->seed; levels < SMV_OVERLAY_LEVELS && !(bits & 3); bits >>= 2)
		levels++;
	return levels;
}

/* Memory for an entry; NULL if none was reserved. */
static struct smv_overlay_entry *take(struct smv_overlay *overlay, u32 levels)
{
	struct smv_overlay_entry *entry;

	SMV_ASSERT(room(overlay) && overlay->count < overlay->limit);
	if (!room(overlay))
		return NULL;
	if (overlay->slab_used + entry_bytes(overlay, SMV_OVERLAY_LEVELS) > SLAB_BYTES) {
		overlay->slab_now++;
		overlay->slab_used = 0;
	}
	entry = (struct smv_overlay_entry *)((u8 *)overlay->slab[overlay->slab_now] +
					     overlay->slab_used);
	overlay->slab_used += entry_bytes(overlay, levels);
	overlay->count++;
	entry->levels = levels;
	return entry;
}

static void set_value(struct smv_overlay *overlay, struct smv_overlay_entry *entry,
		      const void *value)
{
	entry->tombstone = !value;
	if (value)
		memcpy(entry + 1, value, overlay->value_bytes);
	else
		memset(entry + 1, 0, overlay->value_bytes);
}

void smv_overlay_put(struct smv_overlay *overlay, const struct smv_key *key, const void *value)
{
	const struct smv_overlay_entry *before[SMV_OVERLAY_LEVELS];
	struct smv_overlay_entry *entry, **link;
	u32 level;

	search(overlay, key, before);
	entry = links_of(overlay, before[0])[0];
	if (entry && !smv_key_cmp(&entry->key, key)) {
		set_value(overlay, entry, value);
		return;
	}
	entry = take(overlay, random_levels(overlay));
	if (!entry)
		return;
	entry->key = *key;
	set_value(overlay, entry, value);
	for (level = 0; level < entry->levels; level++) {
		link = (struct smv_overlay_entry **)links_of(overlay, before[level]) + level;
		((struct smv_overlay_entry **)links_of(overlay, entry))[level] = *link;
		*link = entry;
	}
}

void smv_overlay_clear(struct smv_overlay *overlay)
{
	memset(overlay->head, 0, sizeof(overlay->head));
	overlay->count = 0;
	overlay->slab_now = 0;
	overlay->slab_used = 0;
}
