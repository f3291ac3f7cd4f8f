/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One ordered map as its readers see it: the active overlay over the frozen
 * one (while a checkpoint runs) over the tree.
 */
#ifndef SMV_MAP_H
#define SMV_MAP_H

#include "overlay.h"
#include "tree.h"

struct smv_map {
	struct smv_overlay overlay[2];
	u32 active; /* which overlay takes changes */
	bool frozen; /* the other one is being merged */
	u64 merges; /* how often the tree has been replaced */
	struct smv_tree tree;
};

/* As smv_overlay_init(), for each overlay. */
int smv_map_init(struct smv_map *map, const struct smv_host *host, u32 value_bytes, u32 limit,
		 u32 usual);
void smv_map_exit(struct smv_map *map);

/* The first entry in [key, limit], the last in [limit, key]. -ENOENT, -EAGAIN, -EUCLEAN. */
int smv_map_ge(struct smv_map *map, const struct smv_key *key, const struct smv_key *limit,
	       struct smv_key *found, void *value, u64 *miss);
int smv_map_le(struct smv_map *map, const struct smv_key *key, const struct smv_key *limit,
	       struct smv_key *found, void *value, u64 *miss);
int smv_map_get(struct smv_map *map, const struct smv_key *key, void *value, u64 *miss);

/*
 * Lowers *limit to the first change of the overlays at or above @key, be it a tombstone. A search from @key
 * up to there passes one tombstone at most: a walk that goes on behind what it has seen, and so looks at nothing
 * twice when a block is missing, searches so far only.
 */
void smv_map_limit_to_change(const struct smv_map *map, const struct smv_key *key,
			     struct smv_key *limit);

/* Room for @entries changes in the active overlay: -EBUSY, -ENOMEM. */
int smv_map_reserve(struct smv_map *map, u32 entries);
void smv_map_put(struct smv_map *map, const struct smv_key *key, const void *value);
void smv_map_remove(struct smv_map *map, const struct smv_key *key);

/* The active overlay becomes the frozen one; an empty one takes its place. */
void smv_map_freeze(struct smv_map *map);
/* The merge is durable: @tree replaces tree and frozen overlay. */
void smv_map_thaw(struct smv_map *map, const struct smv_tree *tree);

static inline struct smv_overlay *smv_map_active(struct smv_map *map)
{
	return &map->overlay[map->active];
}

static inline struct smv_overlay *smv_map_frozen(struct smv_map *map)
{
	return map->frozen ? &map->overlay[!map->active] : NULL;
}

/* Has an overlay a change of @key's volume and chunk, at @key or above? No: then only the tree has entries there. */
bool smv_map_search_changes(const struct smv_map *map, const struct smv_key *key);
/* The same; mostly no, and then without a call. */
static inline bool smv_map_is_changed(const struct smv_map *map, const struct smv_key *key)
{
	if (!*smv_overlay_bucket(&map->overlay[map->active], key) &&
	    (!map->frozen || !*smv_overlay_bucket(&map->overlay[!map->active], key)))
		return false;
	return smv_map_search_changes(map, key);
}

#endif
