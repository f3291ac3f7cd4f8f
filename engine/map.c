// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map as its readers see it: active overlay over frozen overlay over tree.
 *
 * Promises
 *  - Of several layers that have a key, the topmost decides; a tombstone there
 *    means that there is no such key.
 *  - Freezing and thawing change nothing that a reader sees: the merged tree
 *    holds what tree and frozen overlay held, and replaces them at once
 *    (I-CUT: a change is in the frozen overlay or in the active one, never both).
 *
 * Structure: a look-up asks all three layers for their nearest entry, takes the
 * nearest of these, and goes on behind it if it is a tombstone. The tree is not
 * asked if an overlay has the very key looked for. A search that ends within the
 * chunk it begins in is answered by the overlays' index.
 *
 * Crash: memory only.
 *
 * Weak side: many tombstones in a row cost a look-up each; a limit keeps such a
 * search within what the caller is interested in, or up to the next of them (smv_map_limit_to_change()).
 */
#include "map.h"

int smv_map_init(struct smv_map *map, const struct smv_host *host, u32 value_bytes, u32 limit,
		 u32 usual)
{
	int err;

	memset(map, 0, sizeof(*map));
	err = smv_overlay_init(&map->overlay[0], host, value_bytes, limit, usual);
	if (err)
		return err;
	err = smv_overlay_init(&map->overlay[1], host, value_bytes, limit, usual);
	if (err)
		smv_overlay_exit(&map->overlay[0]);
	return err;
}

void smv_map_exit(struct smv_map *map)
{
	smv_overlay_exit(&map->overlay[0]);
	smv_overlay_exit(&map->overlay[1]);
}

/* One direction of search: +1 upwards, -1 downwards. */
static int compare(int direction, const struct smv_key *a, const struct smv_key *b)
{
	return direction * smv_key_cmp(a, b);
}

static const struct smv_overlay_entry *overlay_search(const struct smv_overlay *overlay,
						      int direction, const struct smv_key *key,
						      const struct smv_key *limit)
{
	if (smv_key_same_chunk(key, limit))
		return direction > 0 ? smv_overlay_chunk_ge(overlay, key) :
				       smv_overlay_chunk_le(overlay, key);
	return direction > 0 ? smv_overlay_ge(overlay, key) : smv_overlay_le(overlay, key);
}

/*
 * The nearest entry of the overlays up to @limit, maybe one beyond; the topmost of
 * two with the same key.
 */
static const struct smv_overlay_entry *overlays_search(const struct smv_map *map, int direction,
						       const struct smv_key *key,
						       const struct smv_key *limit)
{
	const struct smv_overlay_entry *top, *below;

	top = overlay_search(&map->overlay[map->active], direction, key, limit);
	if (!map->frozen || (top && !smv_key_cmp(&top->key, key)))
		return top;
	below = overlay_search(&map->overlay[!map->active], direction, key, limit);
	if (!top || (below && compare(direction, &below->key, &top->key) < 0))
		return below;
	return top;
}

static int tree_search(struct smv_map *map, int direction, const struct smv_key *key,
		       struct smv_key *found, void *value, u64 *miss)
{
	return direction > 0 ? smv_tree_ge(&map->tree, key, found, value, miss) :
			       smv_tree_le(&map->tree, key, found, value, miss);
}

static void take(const struct smv_map *map, const struct smv_overlay_entry *entry,
		 struct smv_key *found, void *value)
{
	*found = entry->key;
	if (value)
		memcpy(value, smv_overlay_value(entry), map->overlay[0].value_bytes);
}

static int search(struct smv_map *map, int direction, const struct smv_key *key,
		  const struct smv_key *limit, struct smv_key *found, void *value, u64 *miss)
{
	struct smv_key from = *key;

	/* Each turn but the last passes a tombstone. */
	while (compare(direction, &from, limit) <= 0) {
		const struct smv_overlay_entry *entry =
			overlays_search(map, direction, &from, limit);

		if (!entry || smv_key_cmp(&entry->key, &from)) {
			int err = tree_search(map, direction, &from, found, value, miss);

			if (err && err != -ENOENT)
				return err;
			if (!err && (!entry || compare(direction, found, &entry->key) < 0))
				return compare(direction, found, limit) <= 0 ? 0 : -ENOENT;
			if (!entry || compare(direction, &entry->key, limit) > 0)
				return -ENOENT;
		}
		if (!entry->tombstone) {
			take(map, entry, found, value);
			return 0;
		}
		from = entry->key;
		if (!(direction > 0 ? smv_key_next(&from) : smv_key_prev(&from)))
			return -ENOENT;
	}
	return -ENOENT;
}

int smv_map_ge(struct smv_map *map, const struct smv_key *key, const struct smv_key *limit,
	       struct smv_key *found, void *value, u64 *miss)
{
	return search(map, 1, key, limit, found, value, miss);
}

int smv_map_le(struct smv_map *map, const struct smv_key *key, const struct smv_key *limit,
	       struct smv_key *found, void *value, u64 *miss)
{
	return search(map, -1, key, limit, found, value, miss);
}

int smv_map_get(struct smv_map *map, const struct smv_key *key, void *value, u64 *miss)
{
	struct smv_key found;

	return search(map, 1, key, key, &found, value, miss);
}

void smv_map_limit_to_change(const struct smv_map *map, const struct smv_key *key,
			     struct smv_key *limit)
{
	for (u32 i = 0; i < 2; i++) {
		const struct smv_overlay_entry *change = smv_overlay_ge(&map->overlay[i], key);

		if (change && smv_key_cmp(&change->key, limit) < 0)
			*limit = change->key;
	}
}

bool smv_map_search_changes(const struct smv_map *map, const struct smv_key *key)
{
	return smv_overlay_chunk_ge(&map->overlay[map->active], key) ||
	       (map->frozen && smv_overlay_chunk_ge(&map->overlay[!map->active], key));
}

int smv_map_reserve(struct smv_map *map, u32 entries)
{
	return smv_overlay_reserve(smv_map_active(map), entries);
}

void smv_map_put(struct smv_map *map, const struct smv_key *key, const void *value)
{
	smv_overlay_put(smv_map_active(map), key, value);
}

void smv_map_remove(struct smv_map *map, const struct smv_key *key)
{
	smv_overlay_put(smv_map_active(map), key, NULL);
}

void smv_map_freeze(struct smv_map *map)
{
	SMV_ASSERT(!map->frozen);
	map->active = !map->active;
	map->frozen = true;
	SMV_ASSERT(!smv_map_active(map)->count);
}

void smv_map_thaw(struct smv_map *map, const struct smv_tree *tree)
{
	SMV_ASSERT(map->frozen);
	map->merges++;
	smv_overlay_clear(&map->overlay[!map->active]);
	map->frozen = false;
	map->tree = *tree;
}
