// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation of the store's chunks to data. (Metadata and the checkpoint are
 * in alloc_meta.c, above this; bitmaps in alloc_group.c, below.)
 *
 * Promises
 *  - I-ONE-OWNER: a chunk is given out only if nothing owns or holds it.
 *  - I-FREED-WAITS: a chunk that a record gave up is given out again only when
 *    that record is durable and the host has seen the I/O to it end; and, if it
 *    was given up behind the cut of a running checkpoint, when that one is
 *    durable. (Else a node of that checkpoint could lie in it while records
 *    behind the cut still make it data, then free, at every replay.)
 *  - I-RESERVE: data leaves as many chunks free as metadata may still need,
 *    where metadata can take them: a group's block lists only so many metadata
 *    chunks, so free chunks beyond that in one group do not count.
 *
 * Structure: bitmaps by group, read when first needed. Data is taken next-fit,
 * ascending, so that copies are sequential; metadata from a group's end, so
 * that it does not cut the runs. Freed chunks wait in a ring ordered by lsn.
 * All counts are exact at all times.
 *
 * Crash: all of this is memory; replay of the journal makes it anew from the
 * checkpoint's bitmaps.
 *
 * Weak side: when the store is nearly full, next-fit looks at every group.
 */
#include "alloc_private.h"

/* -- open and close -------------------------------------------------------- */

u64 smv_alloc_directory_pairs(const struct smv_alloc *alloc)
{
	return smv_port_div(alloc->geometry.groups + SMV_DIRECTORY_GROUPS - 1,
			    SMV_DIRECTORY_GROUPS);
}

int smv_alloc_init(struct smv_alloc *alloc, const struct smv_host *host, struct smv_blocks *blocks,
		   const struct smv_geometry *geometry, const u8 *uuid, u32 freed_limit)
{
	struct smv_alloc_private *p;

	memset(alloc, 0, sizeof(*alloc));
	alloc->host = *host;
	alloc->blocks = blocks;
	alloc->geometry = *geometry;
	memcpy(alloc->uuid, uuid, SMV_UUID_BYTES);
	alloc->cursor = geometry->first_chunk;
	p = smv_host_alloc(host, sizeof(*p));
	if (!p)
		return -ENOMEM;
	alloc->private = p;
	alloc->freed_limit = freed_limit;
	alloc->freed = smv_host_alloc(host, freed_limit * sizeof(*alloc->freed));
	p->directory_now = smv_host_alloc(host, smv_alloc_directory_bytes(alloc));
	p->directory_next = smv_host_alloc(host, smv_alloc_directory_bytes(alloc));
	p->buffer = smv_host_alloc(host, (size_t)SMV_IO_BLOCKS * SMV_BLOCK_BYTES);
	if (smv_alloc_groups_init(alloc) || !alloc->freed || !p->directory_now ||
	    !p->directory_next || !p->buffer) {
		smv_alloc_exit(alloc);
		return -ENOMEM;
	}
	return 0;
}

void smv_alloc_exit(struct smv_alloc *alloc)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	if (!p)
		return;
	smv_alloc_groups_exit(alloc);
	smv_host_free(&alloc->host, alloc->freed, alloc->freed_limit * sizeof(*alloc->freed));
	smv_host_free(&alloc->host, p->directory_now, smv_alloc_directory_bytes(alloc));
	smv_host_free(&alloc->host, p->directory_next, smv_alloc_directory_bytes(alloc));
	smv_host_free(&alloc->host, p->buffer, (size_t)SMV_IO_BLOCKS * SMV_BLOCK_BYTES);
	smv_host_free(&alloc->host, p, sizeof(*p));
	memset(alloc, 0, sizeof(*alloc));
}

/* At least as many as there are: each group's share in the directory is rounded up. */
static u64 metas_most(const struct smv_alloc *alloc)
{
	u64 metas = 0;

	for (u64 i = 0; i < alloc->geometry.groups; i++)
		metas += alloc->group[i].metas;
	return metas;
}

int smv_alloc_load_counts(struct smv_alloc *alloc, u64 data_chunks, u64 meta_chunks)
{
	const struct smv_geometry *geometry = &alloc->geometry;
	u64 all =
		geometry->chunks - geometry->first_chunk - geometry->groups * geometry->head_chunks;

	if (data_chunks > all || meta_chunks > metas_most(alloc) ||
	    data_chunks + meta_chunks + alloc->free_chunks != all)
		return -EUCLEAN;
	alloc->data_chunks = data_chunks;
	alloc->meta_chunks = meta_chunks;
	return smv_alloc_table_grow(alloc, meta_chunks + 1);
}

/* -- space ------------------------------------------------------------------------ */

void smv_alloc_set_reserve(struct smv_alloc *alloc, u64 blocks)
{
	alloc->reserve_blocks = blocks;
}

/* Chunks that metadata may need beyond the blocks it has. */
static u64 reserve_chunks(const struct smv_alloc *alloc)
{
	u32 size = alloc->geometry.chunk_blocks;

	if (alloc->reserve_blocks <= alloc->meta_free_blocks)
		return 0;
	return smv_port_div(alloc->reserve_blocks - alloc->meta_free_blocks + size - 1, size);
}

u64 smv_alloc_available(const struct smv_alloc *alloc)
{
	u64 capacity = smv_alloc_private(alloc)->capacity;
	u64 reserve = reserve_chunks(alloc);

	return alloc->free_chunks - capacity + (capacity > reserve ? capacity - reserve : 0);
}

u64 smv_alloc_meta_room(const struct smv_alloc *alloc)
{
	return alloc->meta_free_blocks +
	       smv_alloc_private(alloc)->capacity * alloc->geometry.chunk_blocks;
}

/* May data take a chunk of this group? */
static bool group_has_data(const struct smv_alloc *alloc, const struct smv_alloc_group *group)
{
	if (!group->free)
		return false;
	return group->free > smv_alloc_group_room(alloc, group) ||
	       smv_alloc_private(alloc)->capacity > reserve_chunks(alloc);
}

/* The group and place of a chunk that can be allocated. NULL: there is none such. */
static struct smv_alloc_group *group_find(const struct smv_alloc *alloc, u64 chunk, u32 *at)
{
	u64 number;

	if (chunk < alloc->geometry.first_chunk || chunk >= alloc->geometry.chunks)
		return NULL;
	number = smv_alloc_group_of(alloc, chunk, at);
	if (number >= alloc->geometry.groups || *at < alloc->geometry.head_chunks)
		return NULL;
	return &alloc->group[number];
}

int smv_alloc_ready(struct smv_alloc *alloc, struct smv_store_chunk chunk, u64 *miss)
{
	u32 at;
	struct smv_alloc_group *group = group_find(alloc, chunk.no, &at);

	if (!group)
		return -EINVAL;
	return smv_alloc_group_load(alloc, (u64)(group - alloc->group), miss);
}

/* As group_find(), for callers that have made sure that it is in memory. */
static struct smv_alloc_group *group_ready(const struct smv_alloc *alloc, u64 chunk, u32 *at)
{
	struct smv_alloc_group *group = group_find(alloc, chunk, at);

	if (!group)
		return NULL;
	SMV_ASSERT(group->loaded);
	return group->loaded ? group : NULL;
}

bool smv_alloc_is_place(const struct smv_alloc *alloc, struct smv_store_chunk chunk)
{
	u32 at;

	return group_find(alloc, chunk.no, &at);
}

bool smv_alloc_is_data(const struct smv_alloc *alloc, struct smv_store_chunk chunk)
{
	u32 at;
	const struct smv_alloc_group *group = group_ready(alloc, chunk.no, &at);

	return group && smv_alloc_bit(group->owned, at) && !smv_alloc_table_find(alloc, chunk.no);
}

/* -- data -------------------------------------------------------------------------- */

int smv_alloc_hold(struct smv_alloc *alloc, struct smv_store_chunk *chunk, u64 *miss)
{
	u32 at;
	u64 number = smv_alloc_group_of(alloc, alloc->cursor, &at);

	if (!smv_alloc_available(alloc))
		return -ENOSPC;
	/* The group of the cursor comes twice: its end, and at last its beginning. */
	for (u64 i = 0; i <= alloc->geometry.groups; i++, number++, at = 0) {
		struct smv_alloc_group *group;
		int err;

		if (number >= alloc->geometry.groups)
			number = 0;
		group = &alloc->group[number];
		if (!group_has_data(alloc, group))
			continue;
		err = smv_alloc_group_load(alloc, number, miss);
		if (err)
			return err;
		/* Now that it is loaded, there may turn out to be less room for metadata. */
		if (!group_has_data(alloc, group) || !smv_alloc_group_first(group, at, &at))
			continue;
		smv_alloc_bit_set(group->hold, at);
		smv_alloc_group_count(alloc, group, -1, 0);
		alloc->held_chunks++;
		chunk->no = smv_alloc_chunk_at(alloc, number, at);
		alloc->cursor = chunk->no + 1 < alloc->geometry.chunks ?
					chunk->no + 1 :
					alloc->geometry.first_chunk;
		return 0;
	}
	return -ENOSPC;
}

/* A held chunk is free again. */
static void release(struct smv_alloc *alloc, u64 chunk)
{
	u32 at;
	struct smv_alloc_group *group = group_ready(alloc, chunk, &at);

	SMV_ASSERT(group && smv_alloc_bit(group->hold, at) && !smv_alloc_bit(group->owned, at));
	if (!group)
		return;
	smv_alloc_bit_clear(group->hold, at);
	smv_alloc_group_count(alloc, group, 1, 0);
	alloc->held_chunks--;
}

void smv_alloc_unhold(struct smv_alloc *alloc, struct smv_store_chunk chunk)
{
	release(alloc, chunk.no);
}

static struct smv_alloc_freed *freed_at(const struct smv_alloc *alloc, u32 index)
{
	u64 place = (u64)alloc->freed_first + index;

	return &alloc->freed[place < alloc->freed_limit ? place : place - alloc->freed_limit];
}

/*
 * A record being replayed owns a chunk that an earlier one gave up. Outside of
 * replay a held chunk is held by a job, so not all that are held are in the ring.
 */
static void freed_take_back(struct smv_alloc *alloc, u64 chunk)
{
	u32 i = 0;

	if (alloc->held_chunks != alloc->freed_count)
		return;
	while (i < alloc->freed_count && freed_at(alloc, i)->chunk != chunk)
		i++;
	if (i == alloc->freed_count)
		return;
	for (; i + 1 < alloc->freed_count; i++)
		*freed_at(alloc, i) = *freed_at(alloc, i + 1);
	alloc->freed_count--;
}

int smv_alloc_own(struct smv_alloc *alloc, struct smv_store_chunk chunk)
{
	u32 at;
	struct smv_alloc_group *group = group_ready(alloc, chunk.no, &at);

	if (!group || smv_alloc_bit(group->owned, at))
		return -EUCLEAN;
	smv_alloc_group_preserve(alloc, group);
	if (smv_alloc_bit(group->hold, at)) {
		freed_take_back(alloc, chunk.no);
		smv_alloc_bit_clear(group->hold, at);
		alloc->held_chunks--;
	} else {
		smv_alloc_group_count(alloc, group, -1, 0);
	}
	smv_alloc_bit_set(group->owned, at);
	group->dirty = true;
	alloc->data_chunks++;
	return 0;
}

int smv_alloc_disown(struct smv_alloc *alloc, struct smv_store_chunk chunk, u64 lsn)
{
	u32 at;
	struct smv_alloc_group *group = group_ready(alloc, chunk.no, &at);

	if (!group || !smv_alloc_bit(group->owned, at) || smv_alloc_table_find(alloc, chunk.no))
		return -EUCLEAN;
	SMV_ASSERT(!lsn || alloc->freed_count < alloc->freed_limit);
	if (lsn && alloc->freed_count >= alloc->freed_limit)
		return -EBUSY;
	smv_alloc_group_preserve(alloc, group);
	smv_alloc_bit_clear(group->owned, at);
	group->dirty = true;
	alloc->data_chunks--;
	if (!lsn) {
		smv_alloc_group_count(alloc, group, 1, 0);
		return 0;
	}
	smv_alloc_bit_set(group->hold, at);
	alloc->held_chunks++;
	*freed_at(alloc, alloc->freed_count++) = (struct smv_alloc_freed){ chunk.no, lsn };
	return 0;
}

u32 smv_alloc_freed_room(const struct smv_alloc *alloc)
{
	return alloc->freed_limit - alloc->freed_count;
}

/* The number of freed chunks that the running checkpoint, if any, does not hold back. */
static u32 freed_most(const struct smv_alloc *alloc)
{
	return alloc->checkpointing ? smv_alloc_private(alloc)->freed_cut : alloc->freed_count;
}

bool smv_alloc_reapable(const struct smv_alloc *alloc, u64 durable)
{
	return !alloc->freed_reaping && freed_most(alloc) && freed_at(alloc, 0)->lsn <= durable;
}

u32 smv_alloc_reap_begin(struct smv_alloc *alloc, u64 durable)
{
	u32 most = freed_most(alloc), count = 0;

	if (alloc->freed_reaping)
		return 0;
	while (count < most && freed_at(alloc, count)->lsn <= durable)
		count++;
	if (count)
		alloc->freed_reaping = count;
	return count;
}

void smv_alloc_reap_end(struct smv_alloc *alloc)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);
	u32 count = alloc->freed_reaping;

	for (u32 i = 0; i < count; i++)
		release(alloc, freed_at(alloc, i)->chunk);
	alloc->freed_first = (u32)(freed_at(alloc, count) - alloc->freed);
	alloc->freed_count -= count;
	alloc->freed_reaping = 0;
	if (alloc->checkpointing)
		p->freed_cut -= count;
}

bool smv_alloc_is_owned(const struct smv_alloc *alloc, struct smv_store_chunk chunk)
{
	u32 at;
	struct smv_alloc_group *group = group_ready(alloc, chunk.no, &at);

	return group && smv_alloc_bit(group->owned, at);
}
