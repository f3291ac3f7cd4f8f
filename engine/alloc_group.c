// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allocator's lowest part: the bitmaps of groups as they are in memory and
 * on disk, and the table of metadata chunks.
 *
 * Promises: a group's bitmap is taken from disk only if it is exactly the copy
 * that the durable checkpoint wrote (I-CURRENT-COPY: generation and checksum
 * are those of the directory), and sound in itself: head owned, nothing owned
 * beyond the end, as many free as the directory says, metadata chunks
 * ascending, owned and not empty.
 *
 * Structure: three bits a chunk (owned, hold, frozen), allocated at init in
 * slabs of many groups. A group that no checkpoint ever wrote needs no reading.
 * Metadata chunks are entries of one table, found by a hash of the chunk
 * and chained, ascending, by group. The table has room for as many as the
 * superblock counts, so that loading a group never allocates; only taking
 * another one does.
 *
 * A crash leaves nothing here: memory only. What is written, and when, is
 * decided in alloc_meta.c.
 *
 * Weak side: memory grows with the store (6 KiB for each 16384 chunks), loaded
 * or not; adding a chunk to a group walks the group's chain.
 */
#include "alloc_private.h"

#define SLAB_GROUPS 256u
#define TABLE_HEADROOM 64u

static u32 bits_count(const u8 *bits, u32 bytes)
{
	u32 count = 0;

	for (u32 i = 0; i < bytes; i++)
		for (u32 left = bits[i]; left; left &= left - 1)
			count++;
	return count;
}

u64 smv_alloc_group_block(const struct smv_alloc *alloc, u64 number, u32 copy)
{
	return smv_alloc_chunk_at(alloc, number, 0) * alloc->geometry.chunk_blocks + copy;
}

/* -- counts ------------------------------------------------------------ */

u32 smv_alloc_group_room(const struct smv_alloc *alloc, const struct smv_alloc_group *group)
{
	u32 most = smv_alloc_private(alloc)->meta_max;

	return group->metas < most ? most - group->metas : 0;
}

static u32 group_capacity(const struct smv_alloc *alloc, const struct smv_alloc_group *group)
{
	u32 room = smv_alloc_group_room(alloc, group);

	return group->free < room ? group->free : room;
}

void smv_alloc_group_count(struct smv_alloc *alloc, struct smv_alloc_group *group, int free,
			   int metas)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	p->capacity -= group_capacity(alloc, group);
	group->free += free;
	group->metas += metas;
	p->capacity += group_capacity(alloc, group);
	alloc->free_chunks += (s64)free;
}

/* -- memory -------------------------------------------------------------- */

static void group_init(struct smv_alloc *alloc, u64 number, u8 *bitmaps)
{
	struct smv_alloc_group *group = &alloc->group[number];
	u64 left = alloc->geometry.chunks - smv_alloc_chunk_at(alloc, number, 0);

	group->owned = bitmaps;
	group->hold = bitmaps + SMV_GROUP_BITMAP_BYTES;
	group->frozen = bitmaps + 2 * SMV_GROUP_BITMAP_BYTES;
	group->chunks = left < SMV_GROUP_CHUNKS ? (u32)left : SMV_GROUP_CHUNKS;
	group->meta_first = SMV_ALLOC_NONE;
	group->loaded = true;
	for (u32 i = 0; i < alloc->geometry.head_chunks; i++)
		smv_alloc_bit_set(group->owned, i);
	for (u32 i = group->chunks; i < SMV_GROUP_CHUNKS; i++)
		smv_alloc_bit_set(group->hold, i);
	smv_alloc_group_count(alloc, group, (int)(group->chunks - alloc->geometry.head_chunks), 0);
}

int smv_alloc_groups_init(struct smv_alloc *alloc)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);
	u64 groups = alloc->geometry.groups;
	u32 bytes = 3 * SMV_GROUP_BITMAP_BYTES;

	p->meta_max = smv_group_meta_max(alloc->geometry.chunk_blocks);
	p->table_unused = SMV_ALLOC_NONE;
	p->slabs = (groups + SLAB_GROUPS - 1) / SLAB_GROUPS;
	alloc->group = smv_host_alloc(&alloc->host, groups * sizeof(*alloc->group));
	p->slab = smv_host_alloc(&alloc->host, p->slabs * sizeof(*p->slab));
	if (!alloc->group || !p->slab)
		return -ENOMEM;
	for (u64 i = 0; i < groups; i++) {
		u8 **slab = &p->slab[i / SLAB_GROUPS];

		if (!*slab)
			*slab = smv_host_alloc(&alloc->host, (size_t)SLAB_GROUPS * bytes);
		if (!*slab)
			return -ENOMEM;
		group_init(alloc, i, *slab + i % SLAB_GROUPS * bytes);
	}
	return 0;
}

void smv_alloc_groups_exit(struct smv_alloc *alloc)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);
	size_t slab = (size_t)SLAB_GROUPS * 3 * SMV_GROUP_BITMAP_BYTES;

	for (u64 i = 0; p->slab && i < p->slabs; i++)
		smv_host_free(&alloc->host, p->slab[i], slab);
	smv_host_free(&alloc->host, p->slab, p->slabs * sizeof(*p->slab));
	smv_host_free(&alloc->host, alloc->group, alloc->geometry.groups * sizeof(*alloc->group));
	smv_host_free(&alloc->host, alloc->meta, p->table_size * sizeof(*alloc->meta));
	smv_host_free(&alloc->host, p->bucket, p->table_size * sizeof(*p->bucket));
}

/* -- the table of metadata chunks ------------------------------------------ */

static u32 table_hash(const struct smv_alloc *alloc, u64 chunk)
{
	u64 mixed = chunk * 0x9e3779b97f4a7c15ULL;

	return (u32)(mixed >> 32) & (smv_alloc_private(alloc)->table_size - 1);
}

static void table_hash_add(struct smv_alloc *alloc, u32 index)
{
	u32 *bucket = smv_alloc_private(alloc)->bucket;
	u32 hash = table_hash(alloc, alloc->meta[index].chunk);

	alloc->meta[index].hash_next = bucket[hash];
	bucket[hash] = index;
}

static void table_fill(struct smv_alloc *alloc, u32 from)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	for (u32 i = p->table_size; i-- > from;) {
		alloc->meta[i].next = p->table_unused;
		p->table_unused = i;
	}
	for (u32 i = 0; i < p->table_size; i++)
		p->bucket[i] = SMV_ALLOC_NONE;
	for (u32 i = 0; i < from; i++)
		if (alloc->meta[i].live)
			table_hash_add(alloc, i);
}

int smv_alloc_table_grow(struct smv_alloc *alloc, u64 entries)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);
	u32 old = p->table_size;
	u64 size = old ? old : TABLE_HEADROOM;
	struct smv_alloc_meta *meta;
	u32 *bucket;

	if (entries <= old && p->table_live < old)
		return 0;
	while (size < entries || size <= p->table_live)
		size *= 2;
	if (size >= SMV_ALLOC_NONE)
		return -ENOMEM;
	meta = smv_host_alloc(&alloc->host, size * sizeof(*meta));
	bucket = smv_host_alloc(&alloc->host, size * sizeof(*bucket));
	if (!meta || !bucket) {
		smv_host_free(&alloc->host, meta, size * sizeof(*meta));
		smv_host_free(&alloc->host, bucket, size * sizeof(*bucket));
		return -ENOMEM;
	}
	if (old)
		memcpy(meta, alloc->meta, old * sizeof(*meta));
	smv_host_free(&alloc->host, alloc->meta, old * sizeof(*meta));
	smv_host_free(&alloc->host, p->bucket, old * sizeof(*bucket));
	alloc->meta = meta;
	p->bucket = bucket;
	p->table_size = (u32)size;
	table_fill(alloc, old);
	return 0;
}

struct smv_alloc_meta *smv_alloc_table_find(const struct smv_alloc *alloc, u64 chunk)
{
	const struct smv_alloc_private *p = smv_alloc_private(alloc);
	u32 index;

	if (!p->table_size)
		return NULL;
	index = p->bucket[table_hash(alloc, chunk)];
	while (index != SMV_ALLOC_NONE && alloc->meta[index].chunk != chunk)
		index = alloc->meta[index].hash_next;
	return index == SMV_ALLOC_NONE ? NULL : &alloc->meta[index];
}

/* The link of the group's chain at which @chunk is or would be. */
static u32 *table_link(struct smv_alloc *alloc, u64 chunk)
{
	u32 at;
	u32 *link = &alloc->group[smv_alloc_group_of(alloc, chunk, &at)].meta_first;

	while (*link != SMV_ALLOC_NONE && alloc->meta[*link].chunk < chunk)
		link = &alloc->meta[*link].next;
	return link;
}

struct smv_alloc_meta *smv_alloc_table_add(struct smv_alloc *alloc, u64 chunk)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);
	u32 index = p->table_unused;
	struct smv_alloc_meta *meta = &alloc->meta[index];
	u32 *link = table_link(alloc, chunk);

	SMV_ASSERT(index != SMV_ALLOC_NONE);
	p->table_unused = meta->next;
	memset(meta, 0, sizeof(*meta));
	meta->chunk = chunk;
	meta->live = true;
	meta->next = *link;
	*link = index;
	table_hash_add(alloc, index);
	p->table_live++;
	alloc->meta_free_blocks += alloc->geometry.chunk_blocks;
	return meta;
}

void smv_alloc_table_remove(struct smv_alloc *alloc, struct smv_alloc_meta *meta)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);
	u32 index = (u32)(meta - alloc->meta);
	u32 *link = &p->bucket[table_hash(alloc, meta->chunk)];

	while (*link != index)
		link = &alloc->meta[*link].hash_next;
	*link = meta->hash_next;
	*table_link(alloc, meta->chunk) = meta->next;
	alloc->meta_free_blocks -= alloc->geometry.chunk_blocks - meta->used_count;
	meta->live = false;
	meta->next = p->table_unused;
	p->table_unused = index;
	p->table_live--;
}

/* -- a group's block ---------------------------------------------------------- */

/* Rounded up: a group that is not loaded has room for at least so many. */
static u8 metas_to_disk(u32 metas, u32 most)
{
	return (u8)((metas * 255 + most - 1) / most);
}

int smv_alloc_group_set_state(struct smv_alloc *alloc, u64 number,
			      const struct smv_alloc_state *state)
{
	struct smv_alloc_group *group = &alloc->group[number];
	u32 most = group->chunks - alloc->geometry.head_chunks;

	if (state->which > 1 || state->free > most)
		return -EUCLEAN;
	group->now = *state;
	if (!state->generation)
		return 0;
	group->loaded = false;
	smv_alloc_group_count(alloc, group, (int)state->free - (int)group->free,
			      (int)(state->meta * smv_alloc_private(alloc)->meta_max / 255));
	return 0;
}

static bool bitmap_is_sound(const struct smv_alloc *alloc, const struct smv_alloc_group *group,
			    const u8 *owned)
{
	for (u32 i = 0; i < alloc->geometry.head_chunks; i++)
		if (!smv_alloc_bit(owned, i))
			return false;
	for (u32 i = group->chunks; i < SMV_GROUP_CHUNKS; i++)
		if (smv_alloc_bit(owned, i))
			return false;
	return group->chunks - bits_count(owned, SMV_GROUP_BITMAP_BYTES) == group->now.free;
}

static u32 meta_at(const struct smv_disk_group *disk, u32 size, u32 index)
{
	return disk->meta[index * size] | (u32)disk->meta[index * size + 1] << 8;
}

static bool metas_are_sound(const struct smv_alloc *alloc, const struct smv_alloc_group *group,
			    const struct smv_disk_group *disk, u32 count)
{
	u32 bytes = smv_group_meta_bitmap(alloc->geometry.chunk_blocks);
	u32 blocks = alloc->geometry.chunk_blocks;
	u32 last = alloc->geometry.head_chunks - 1;

	if (count > smv_alloc_private(alloc)->meta_max)
		return false;
	for (u32 i = 0; i < count; i++) {
		const u8 *used = &disk->meta[i * (2 + bytes) + 2];
		u32 at = meta_at(disk, 2 + bytes, i);

		if (at <= last || at >= group->chunks || !smv_alloc_bit(disk->owned, at))
			return false;
		if (!bits_count(used, bytes) || (blocks < 8 && used[0] >> blocks))
			return false;
		last = at;
	}
	return true;
}

static void metas_load(struct smv_alloc *alloc, u64 number, const struct smv_disk_group *disk,
		       u32 count)
{
	u32 bytes = smv_group_meta_bitmap(alloc->geometry.chunk_blocks);

	/* From the last one: each goes to the head of the group's chain. */
	while (count--) {
		const u8 *used = &disk->meta[count * (2 + bytes) + 2];
		u32 at = meta_at(disk, 2 + bytes, count);
		struct smv_alloc_meta *meta;

		meta = smv_alloc_table_add(alloc, smv_alloc_chunk_at(alloc, number, at));
		for (u32 i = 0; i < bytes; i++)
			meta->used[i / 8] |= (u64)used[i] << (i % 8 * 8);
		meta->used_count = bits_count(used, bytes);
		alloc->meta_free_blocks -= meta->used_count;
	}
}

static int group_take_in(struct smv_alloc *alloc, u64 number, const struct smv_disk_group *disk)
{
	struct smv_alloc_group *group = &alloc->group[number];
	u32 count = le32_to_cpu(disk->header.count);

	if (le32_to_cpu(disk->header.magic) != SMV_MAGIC_GROUP ||
	    le64_to_cpu(disk->header.generation) != group->now.generation ||
	    le32_to_cpu(disk->header.crc) != group->now.crc)
		return -EUCLEAN;
	if (!bitmap_is_sound(alloc, group, disk->owned) ||
	    !metas_are_sound(alloc, group, disk, count))
		return -EUCLEAN;
	/* The table has room for as many as the superblock counts. */
	if (smv_alloc_private(alloc)->table_live + (u64)count > alloc->meta_chunks)
		return -EUCLEAN;
	memcpy(group->owned, disk->owned, SMV_GROUP_BITMAP_BYTES);
	metas_load(alloc, number, disk, count);
	smv_alloc_group_count(alloc, group, 0, (int)count - (int)group->metas);
	group->loaded = true;
	return 0;
}

int smv_alloc_group_load(struct smv_alloc *alloc, u64 number, u64 *miss)
{
	struct smv_alloc_group *group = &alloc->group[number];
	const void *block;
	u64 place;
	int err;

	if (group->loaded)
		return 0;
	place = smv_alloc_group_block(alloc, number, group->now.which);
	block = smv_blocks_get(alloc->blocks, place);
	if (!block) {
		*miss = place;
		return -EAGAIN;
	}
	err = group_take_in(alloc, number, block);
	/* Taken in, it is not needed again; damaged, it is better read again. */
	smv_blocks_drop(alloc->blocks, place);
	return err;
}

void smv_alloc_group_preserve(struct smv_alloc *alloc, struct smv_alloc_group *group)
{
	if (!alloc->checkpointing || group->frozen_valid)
		return;
	memcpy(group->frozen, group->owned, SMV_GROUP_BITMAP_BYTES);
	group->frozen_valid = true;
}

static u32 metas_build(const struct smv_alloc *alloc, u64 number, u8 *out)
{
	u32 bytes = smv_group_meta_bitmap(alloc->geometry.chunk_blocks);
	u32 count = 0;

	for (u32 i = alloc->group[number].meta_first; i != SMV_ALLOC_NONE;
	     i = alloc->meta[i].next) {
		const struct smv_alloc_meta *meta = &alloc->meta[i];
		u32 at;

		if (meta->emptied)
			continue;
		smv_alloc_group_of(alloc, meta->chunk, &at);
		*out++ = (u8)at;
		*out++ = (u8)(at >> 8);
		for (u32 b = 0; b < bytes; b++)
			*out++ = (u8)((meta->used[b / 8] & ~meta->dying[b / 8]) >> (b % 8 * 8));
		count++;
	}
	return count;
}

void smv_alloc_group_build(struct smv_alloc *alloc, u64 number, struct smv_disk_group *disk)
{
	struct smv_alloc_group *group = &alloc->group[number];
	const u8 *owned = group->frozen_valid ? group->frozen : group->owned;
	struct smv_alloc_state *next = &group->next;
	u32 count;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->owned, owned, SMV_GROUP_BITMAP_BYTES);
	count = metas_build(alloc, number, disk->meta);
	next->which = !group->now.which;
	disk->header.count = cpu_to_le32(count);
	smv_block_seal(disk, SMV_MAGIC_GROUP, alloc->uuid,
		       smv_alloc_group_block(alloc, number, next->which), alloc->generation);
	next->generation = alloc->generation;
	next->crc = le32_to_cpu(disk->header.crc);
	next->free = (u16)(group->chunks - bits_count(owned, SMV_GROUP_BITMAP_BYTES));
	next->meta = metas_to_disk(count, smv_alloc_private(alloc)->meta_max);
	group->written = true;
}

/* -- search -------------------------------------------------------------------- */

bool smv_alloc_group_first(const struct smv_alloc_group *group, u32 from, u32 *at)
{
	u32 taken_below = (1u << (from % 8)) - 1;

	for (u32 i = from / 8; i < SMV_GROUP_BITMAP_BYTES; i++) {
		u32 taken = group->owned[i] | group->hold[i] | taken_below;

		taken_below = 0;
		if (taken == 0xff)
			continue;
		for (*at = i * 8; taken & 1; taken >>= 1)
			++*at;
		return true;
	}
	return false;
}

bool smv_alloc_group_last(const struct smv_alloc_group *group, u32 *at)
{
	for (u32 i = SMV_GROUP_BITMAP_BYTES; i-- > 0;) {
		u32 taken = group->owned[i] | group->hold[i];

		if (taken == 0xff)
			continue;
		for (*at = i * 8 + 7; taken & 0x80; taken <<= 1)
			--*at;
		return true;
	}
	return false;
}
