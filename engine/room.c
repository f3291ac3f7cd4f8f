// SPDX-License-Identifier: GPL-2.0-only
/*
 * Room for metadata. A group lists only so many chunks for metadata, and what is kept back from data
 * is reckoned with the tree as it is: so nodes may find no room although chunks are free.
 *
 * I-RESERVE: whatever the overlays hold, the checkpoint that takes it in finds room. Every change
 * is held to that before it is recorded (for_records), with what the trees need at most for as
 * many changes as there are. Who is refused waits for a checkpoint: that makes the overlay's need small.
 *
 * What makes metadata grow is refused earlier, so that what must go on (deletions, the cleaner, a
 * rollback's marks, the ends of jobs) always finds room for a few changes at a time:
 *  - KEPT changes of each tree fit beside all there are and those of the jobs under way;
 *  - so do the nodes of a tree whose leaves have all become half empty, which is what re-keying
 *    and deleting can make of the exceptions there are. The other tree grows at its end only.
 * Who asks waits for a checkpoint as long as there is something to merge; when there is nothing, and
 * JOBS_LEAST exceptions would not fit even so, there is no space. So a checkpoint serves as many at least.
 *
 * While a checkpoint runs, its nodes are counted beside those of the next one, whose tree may be as large as
 * smv_tree_grow() says; what the first one frees is not counted on. Recovery merges both at
 * once, and needs no more.
 *
 * Cheap: where there is more room than anything can need (room_enough), that is one comparison.
 *
 * Crash: memory only.
 *
 * Weak side: the bounds are those of the worst order, some 100 blocks of them whatever the tree's size, so in a
 * store of one group with chunks of 4 KiB space ends earlier than it had to. Separate marks of a
 * rollback are held to the room there is, but nothing is kept for them beyond KEPT; a store
 * that an older engine has filled may have less than that, and deletions go on all the same.
 */
#include "room.h"

#define KEPT 4u
#define JOBS_LEAST 64u
#define JOBS_OWN 512u /* that one request may have */
#define JOBS_MOST 4096u /* of all; jobs beyond are counted, but not in room_enough */
#define VOLUMES_LEAST 16u /* that JOBS_LEAST jobs may be of, and whose counts they change */

struct changes {
	u64 exceptions;
	u64 volumes;
};

static u64 merge_need(struct smv_tree *tree, u64 records)
{
	u64 need = smv_tree_need(tree, records);

	smv_tree_grow(tree, records);
	return need;
}

/* Blocks that two checkpoints take at most, one after the other. @growing: and what is kept then. */
static u64 need(const struct smv_store *store, const struct changes *first,
		const struct changes *second, bool growing)
{
	struct smv_tree exceptions = store->exceptions.tree, volumes = store->volumes.tree;
	u64 kept = smv_tree_need(&exceptions, KEPT) + smv_tree_need(&volumes, KEPT) +
		   store->geometry.chunk_blocks;
	u64 now = exceptions.leaves + exceptions.internals, loosest, all;

	all = merge_need(&exceptions, first->exceptions) + merge_need(&volumes, first->volumes);
	all += merge_need(&exceptions, second->exceptions) + merge_need(&volumes, second->volumes);
	if (!growing)
		return all;
	loosest = smv_tree_loosest(&exceptions);
	return kept + (loosest > now && loosest - now > all ? loosest - now : all);
}

static u64 count(const struct smv_map *map, bool active)
{
	if (!active && !map->frozen)
		return 0;
	return map->overlay[active ? map->active : !map->active].count;
}

/* Is there room for what the overlays hold, and this? */
static bool fits(const struct smv_store *store, u64 exceptions, u64 volumes, bool growing)
{
	const struct smv_alloc *alloc = &store->alloc;
	struct changes frozen = { count(&store->exceptions, false), count(&store->volumes, false) };
	struct changes active = {
		count(&store->exceptions, true) + exceptions,
		count(&store->volumes, true) + store->counts_dirty + volumes,
	};
	u64 room = smv_alloc_meta_room(alloc) + (alloc->checkpointing ? alloc->taken_blocks : 0);

	return room >= need(store, &frozen, &active, growing);
}

static bool is_ample(const struct smv_store *store)
{
	return smv_alloc_meta_room(&store->alloc) >= store->room_enough;
}

static bool is_merged(const struct smv_store *store)
{
	return !count(&store->exceptions, true) && !count(&store->volumes, true);
}

/* Volumes that there are, in the tree, in the overlays or both. */
static u64 volumes_most(const struct smv_store *store)
{
	return store->volumes.tree.entries + store->volume_count + count(&store->volumes, false) +
	       count(&store->volumes, true) + SMV_SNAPSHOT_PARTS;
}

/* Blocks that one checkpoint takes at most. */
static u64 need_once(const struct smv_store *store, u64 exceptions, u64 volumes)
{
	return smv_tree_need(&store->exceptions.tree, exceptions) +
	       smv_tree_need(&store->volumes.tree, volumes);
}

void smv_room_set(struct smv_store *store)
{
	u64 once = need_once(store, store->overlay_limit, store->volume_count + SMV_SNAPSHOT_PARTS);
	struct changes most = { store->overlay_limit + JOBS_MOST, volumes_most(store) };

	smv_alloc_set_reserve(&store->alloc, 2 * once);
	store->room_enough = need(store, &most, &most, true);
}

bool smv_room_cut_is_due(const struct smv_store *store)
{
	return store->room_short && !store->alloc.checkpointing && !is_merged(store);
}

/* To be told when a checkpoint would help: when the running one has ended, all ask again anyway. */
static void want_cut(struct smv_store *store)
{
	if (!store->alloc.checkpointing)
		store->room_short = true;
}

int smv_room_for_records(struct smv_store *store, u32 exceptions, u32 volumes)
{
	if (is_ample(store) || (is_merged(store) && !store->alloc.checkpointing) ||
	    fits(store, exceptions, volumes, false))
		return 0;
	want_cut(store);
	return -EBUSY;
}

/* Exceptions, and counts of volumes, that so many jobs change at most. */
static bool jobs_fit(const struct smv_store *store, u64 jobs)
{
	u64 volumes = jobs <= JOBS_LEAST ? VOLUMES_LEAST : VOLUMES_LEAST + jobs - JOBS_LEAST;

	if (volumes > store->volume_count)
		volumes = store->volume_count;
	return fits(store, jobs, volumes, true);
}

int smv_room_for_exception(struct smv_store *store)
{
	bool idle = !store->alloc.checkpointing && is_merged(store);
	u64 jobs = 1 + store->alloc.held_chunks - store->alloc.freed_count;

	if (is_ample(store) || jobs_fit(store, idle && jobs < JOBS_LEAST ? JOBS_LEAST : jobs))
		return 0;
	want_cut(store);
	return !idle || (jobs > JOBS_OWN && jobs_fit(store, JOBS_OWN)) ? -EBUSY : -ENOSPC;
}

/* Changes of exceptions that a checkpoint may have to take: what the overlay and the ring can hold. */
static u64 most_exceptions(const struct smv_store *store)
{
	/* A re-keying is one record and two changes. */
	size_t each = (sizeof(struct smv_disk_record) + sizeof(struct smv_disk_record_rekey)) / 2;
	u64 ring = store->geometry.journal_blocks * (SMV_JOURNAL_RECORD_BYTES / each);

	return ring < store->overlay_limit ? ring : store->overlay_limit;
}

static int room_for(const struct smv_store *store, u64 exceptions, u64 volumes)
{
	if (smv_alloc_meta_room(&store->alloc) >= need_once(store, exceptions, volumes))
		return 0;
	return store->volumes.frozen ? -EBUSY : -ENOSPC;
}

int smv_room_for_volumes(const struct smv_store *store, u32 more)
{
	return room_for(store, most_exceptions(store), store->volume_count + more);
}

int smv_room_for_zero(struct smv_store *store)
{
	u64 most = most_exceptions(store), chunks = smv_alloc_available(&store->alloc);
	int error = room_for(store, most < chunks ? chunks : most, store->volume_count);

	return error ? error : smv_room_for_exception(store);
}
