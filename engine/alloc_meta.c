// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation, the upper part: blocks for tree nodes, and the checkpoint of
 * bitmaps and directory.
 *
 * Promises
 *  - I-CUT: what a checkpoint writes is what was owned at its cut, changed only
 *    by the nodes it took and freed itself. A chunk held at the cut and owned
 *    behind it belongs to the next one.
 *  - I-NOT-IN-PLACE: a group's or directory's block is written where the
 *    durable superblock does not look; nothing that the durable checkpoint uses
 *    (nodes freed in the running one among them) is given out before done().
 *  - I-CURRENT-COPY: the directory names each group's current copy, generation
 *    and checksum; the superblock, each directory pair's current block.
 *
 * Structure: cut() marks what is dirty; the first change of a group after that
 * keeps a frozen copy. take_block() and free_block() change frozen and running
 * state alike; a freed block is `dying': unused in what is written, used in
 * memory. write_step() first finds the metadata chunks left empty, then builds
 * group blocks and directory blocks. The states that the running checkpoint
 * will have are kept apart (next) until done(), since a group not loaded yet
 * must be read as the durable checkpoint wrote it.
 *
 * Crash: before the superblock is durable, all that was written is in places
 * nobody looks at; after it, done() changes memory only.
 *
 * Weak side: a metadata chunk with one used block holds the whole chunk; known
 * metadata chunks are those of loaded groups, so right after activation nodes
 * may begin a new chunk although others have room. All others are loaded before there is none.
 */
#include "alloc_private.h"

/* -- the directory ----------------------------------------------------------- */

u64 smv_alloc_directory_block(const struct smv_alloc *alloc, u64 pair, bool which)
{
	return alloc->geometry.directory_block + 2 * pair + which;
}

/* The groups of a directory pair, half open. */
static u64 pair_groups(const struct smv_alloc *alloc, u64 pair, u64 *first)
{
	u64 end = (pair + 1) * SMV_DIRECTORY_GROUPS;

	*first = pair * SMV_DIRECTORY_GROUPS;
	return end < alloc->geometry.groups ? end : alloc->geometry.groups;
}

int smv_alloc_load_directory(struct smv_alloc *alloc, u64 pair, bool which, const void *block)
{
	const struct smv_disk_directory *disk = block;
	u64 first;
	u64 end = pair_groups(alloc, pair, &first);
	int err;

	err = smv_block_verify(block, SMV_MAGIC_DIRECTORY, alloc->uuid,
			       smv_alloc_directory_block(alloc, pair, which));
	if (err)
		return err;
	for (u64 i = first; i < end; i++) {
		const struct smv_disk_group_state *from = &disk->group[i - first];
		struct smv_alloc_state state = {
			.generation = le64_to_cpu(from->generation),
			.crc = le32_to_cpu(from->crc),
			.free = le16_to_cpu(from->free),
			.which = from->which,
			.meta = from->meta,
		};

		err = smv_alloc_group_set_state(alloc, i, &state);
		if (err)
			return err;
	}
	if (which)
		smv_alloc_bit_set(smv_alloc_private(alloc)->directory_now, (u32)pair);
	return 0;
}

static void directory_build(struct smv_alloc *alloc, u64 pair, struct smv_disk_directory *disk)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);
	bool copy = !smv_alloc_bit(p->directory_now, (u32)pair);
	u64 first;
	u64 end = pair_groups(alloc, pair, &first);

	memset(disk, 0, sizeof(*disk));
	for (u64 i = first; i < end; i++) {
		const struct smv_alloc_group *group = &alloc->group[i];
		const struct smv_alloc_state *state = group->written ? &group->next : &group->now;
		struct smv_disk_group_state *to = &disk->group[i - first];

		to->generation = cpu_to_le64(state->generation);
		to->crc = cpu_to_le32(state->crc);
		to->free = cpu_to_le16(state->free);
		to->which = state->which;
		to->meta = state->meta;
	}
	disk->header.count = cpu_to_le32((u32)(end - first));
	smv_block_seal(disk, SMV_MAGIC_DIRECTORY, alloc->uuid,
		       smv_alloc_directory_block(alloc, pair, copy), alloc->generation);
	if (copy)
		smv_alloc_bit_set(p->directory_next, (u32)pair);
	else
		smv_alloc_bit_clear(p->directory_next, (u32)pair);
}

/* -- metadata blocks ------------------------------------------------------------------ */

static struct smv_alloc_meta *meta_of(const struct smv_alloc *alloc, u64 block, u32 *at)
{
	u32 size = alloc->geometry.chunk_blocks;

	*at = (u32)smv_port_mod(block, size);
	return smv_alloc_table_find(alloc, smv_port_div(block, size));
}

bool smv_alloc_is_meta_block(const struct smv_alloc *alloc, u64 block)
{
	u32 at;
	const struct smv_alloc_meta *meta = meta_of(alloc, block, &at);

	return meta && (meta->used[at / 64] & ~meta->dying[at / 64]) >> (at % 64) & 1;
}

static void meta_changed(struct smv_alloc *alloc, const struct smv_alloc_meta *meta)
{
	u32 at;

	alloc->group[smv_alloc_group_of(alloc, meta->chunk, &at)].frozen_dirty = true;
}

/* The first block of the chunk that is not used; there is one. */
static u64 meta_take(struct smv_alloc *alloc, struct smv_alloc_meta *meta)
{
	u32 at = 0;

	while (meta->used[at / 64] >> (at % 64) & 1)
		at++;
	meta->used[at / 64] |= 1ULL << (at % 64);
	meta->used_count++;
	alloc->meta_free_blocks--;
	alloc->taken_blocks++;
	meta_changed(alloc, meta);
	return meta->chunk * alloc->geometry.chunk_blocks + at;
}

/* A metadata chunk with a free block. NULL: none. */
static struct smv_alloc_meta *meta_with_room(struct smv_alloc *alloc)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	if (!alloc->meta_free_blocks)
		return NULL;
	for (u32 i = 0; i < p->table_size; i++) {
		struct smv_alloc_meta *meta = &alloc->meta[p->table_scan];

		if (meta->live && meta->used_count < alloc->geometry.chunk_blocks)
			return meta;
		if (++p->table_scan == p->table_size)
			p->table_scan = 0;
	}
	return NULL;
}

/* The number of a group with a chunk for metadata; @loaded ones only, or any. */
static bool meta_group(struct smv_alloc *alloc, bool loaded, u64 *number)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	*number = p->group_scan;
	for (u64 i = 0; i < alloc->geometry.groups; i++) {
		const struct smv_alloc_group *group = &alloc->group[*number];

		if (group->free && smv_alloc_group_room(alloc, group) &&
		    (group->loaded || !loaded)) {
			p->group_scan = *number;
			return true;
		}
		if (++*number == alloc->geometry.groups)
			*number = 0;
	}
	return false;
}

/* One that is not in memory may have free blocks, or room for more chunks than its share says. */
static bool unknown_group(const struct smv_alloc *alloc, u64 *number)
{
	for (*number = 0; *number < alloc->geometry.groups; ++*number)
		if (!alloc->group[*number].loaded)
			return true;
	return false;
}

static void meta_make(struct smv_alloc *alloc, u64 number)
{
	struct smv_alloc_group *group = &alloc->group[number];
	u32 at;

	if (!smv_alloc_group_last(group, &at))
		return;
	smv_alloc_bit_set(group->owned, at);
	if (group->frozen_valid)
		smv_alloc_bit_set(group->frozen, at);
	smv_alloc_group_count(alloc, group, -1, 1);
	alloc->meta_chunks++;
	smv_alloc_table_add(alloc, smv_alloc_chunk_at(alloc, number, at));
}

int smv_alloc_take_block(struct smv_alloc *alloc, u64 *block, u64 *miss)
{
	struct smv_alloc_meta *meta = meta_with_room(alloc);
	u64 number;
	int err;

	SMV_ASSERT(alloc->checkpointing && !smv_alloc_private(alloc)->writing);
	while (!meta) {
		if (!meta_group(alloc, true, &number) && !meta_group(alloc, false, &number) &&
		    !unknown_group(alloc, &number))
			return -ENOSPC;
		err = smv_alloc_group_load(alloc, number, miss);
		if (!err)
			err = smv_alloc_table_grow(alloc, alloc->meta_chunks + 1);
		if (err)
			return err;
		/* Just loaded, it may have blocks, or no room for a chunk after all. */
		meta = meta_with_room(alloc);
		if (meta || !smv_alloc_group_room(alloc, &alloc->group[number]))
			continue;
		meta_make(alloc, number);
		meta = meta_with_room(alloc);
	}
	*block = meta_take(alloc, meta);
	return 0;
}

int smv_alloc_free_block(struct smv_alloc *alloc, u64 block, u64 *miss)
{
	struct smv_store_chunk chunk = { smv_port_div(block, alloc->geometry.chunk_blocks) };
	struct smv_alloc_meta *meta;
	u64 bit;
	u32 at;
	int err;

	SMV_ASSERT(alloc->checkpointing && !smv_alloc_private(alloc)->writing);
	err = smv_alloc_ready(alloc, chunk, miss);
	if (err)
		return err == -EINVAL ? -EUCLEAN : err;
	meta = meta_of(alloc, block, &at);
	bit = 1ULL << (at % 64);
	if (!meta || !(meta->used[at / 64] & ~meta->dying[at / 64] & bit))
		return -EUCLEAN;
	meta->dying[at / 64] |= bit;
	meta->dying_count++;
	meta_changed(alloc, meta);
	return 0;
}

/* -- the checkpoint --------------------------------------------------------------------- */

void smv_alloc_cut(struct smv_alloc *alloc, u64 generation)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	SMV_ASSERT(!alloc->checkpointing);
	for (u64 i = 0; i < alloc->geometry.groups; i++) {
		struct smv_alloc_group *group = &alloc->group[i];

		group->frozen_dirty = group->dirty;
		group->dirty = false;
		group->frozen_valid = false;
		group->written = false;
	}
	p->cut_data = alloc->data_chunks;
	p->emptied = 0;
	p->freed_cut = alloc->freed_count;
	p->writing = false;
	p->table_scan = 0;
	alloc->taken_blocks = 0;
	alloc->generation = generation;
	alloc->checkpointing = true;
}

/* Metadata chunks without a used block are not owned in what is written. */
static void write_begin(struct smv_alloc *alloc)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	for (u32 i = 0; i < p->table_size; i++) {
		struct smv_alloc_meta *meta = &alloc->meta[i];
		struct smv_alloc_group *group;
		u32 at;

		if (!meta->live || meta->used_count != meta->dying_count)
			continue;
		group = &alloc->group[smv_alloc_group_of(alloc, meta->chunk, &at)];
		smv_alloc_group_preserve(alloc, group);
		smv_alloc_bit_clear(group->frozen, at);
		group->frozen_dirty = true;
		meta->emptied = true;
		p->emptied++;
	}
	memcpy(p->directory_next, p->directory_now, smv_alloc_directory_bytes(alloc));
	p->write_group = 0;
	p->write_pair = 0;
	p->writing = true;
}

static bool pair_is_written(const struct smv_alloc *alloc, u64 pair)
{
	u64 first;
	u64 end = pair_groups(alloc, pair, &first);

	for (u64 i = first; i < end; i++)
		if (alloc->group[i].written)
			return true;
	return false;
}

/* Builds the next block to write. False: there is none. */
static bool write_next(struct smv_alloc *alloc, void *buffer, u64 *block)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	while (p->write_group < alloc->geometry.groups) {
		u64 number = p->write_group++;
		struct smv_alloc_group *group = &alloc->group[number];

		if (!group->frozen_dirty)
			continue;
		smv_alloc_group_build(alloc, number, buffer);
		*block = smv_alloc_group_block(alloc, number, group->next.which);
		return true;
	}
	while (p->write_pair < smv_alloc_directory_pairs(alloc)) {
		u64 pair = p->write_pair++;

		if (!pair_is_written(alloc, pair))
			continue;
		directory_build(alloc, pair, buffer);
		*block = smv_alloc_directory_block(alloc, pair,
						   smv_alloc_bit(p->directory_next, (u32)pair));
		return true;
	}
	return false;
}

int smv_alloc_write_step(struct smv_alloc *alloc, struct smv_io *io, u64 *miss)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	(void)miss; /* what has changed is in memory */
	SMV_ASSERT(alloc->checkpointing);
	if (!p->writing)
		write_begin(alloc);
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_WRITE;
	while (io->count < SMV_IO_BLOCKS) {
		u8 *buffer = p->buffer + (size_t)io->count * SMV_BLOCK_BYTES;

		if (!write_next(alloc, buffer, &io->block[io->count]))
			break;
		/* A copy cached when the group was last read is now an old one. */
		smv_blocks_drop(alloc->blocks, io->block[io->count]);
		io->buffer[io->count++] = buffer;
	}
	return io->count ? 1 : 0;
}

void smv_alloc_directory_current(const struct smv_alloc *alloc, u8 *bits, size_t bytes)
{
	const struct smv_alloc_private *p = smv_alloc_private(alloc);
	size_t count = smv_alloc_directory_bytes(alloc);

	SMV_ASSERT(count <= bytes);
	memset(bits, 0, bytes);
	memcpy(bits, p->writing ? p->directory_next : p->directory_now,
	       count <= bytes ? count : bytes);
}

void smv_alloc_cut_counts(const struct smv_alloc *alloc, u64 *data_chunks, u64 *meta_chunks)
{
	const struct smv_alloc_private *p = smv_alloc_private(alloc);

	*data_chunks = p->cut_data;
	*meta_chunks = alloc->meta_chunks - p->emptied;
}

/* The blocks freed in the checkpoint are free, and so are the chunks left empty. */
static void meta_done(struct smv_alloc *alloc, struct smv_alloc_meta *meta)
{
	struct smv_alloc_group *group;
	u32 at;

	for (u32 i = 0; i < SMV_ALLOC_META_WORDS; i++) {
		meta->used[i] &= ~meta->dying[i];
		meta->dying[i] = 0;
	}
	meta->used_count -= meta->dying_count;
	alloc->meta_free_blocks += meta->dying_count;
	meta->dying_count = 0;
	if (!meta->emptied)
		return;
	group = &alloc->group[smv_alloc_group_of(alloc, meta->chunk, &at)];
	smv_alloc_table_remove(alloc, meta);
	smv_alloc_bit_clear(group->owned, at);
	smv_alloc_group_count(alloc, group, 1, -1);
	alloc->meta_chunks--;
}

void smv_alloc_done(struct smv_alloc *alloc)
{
	struct smv_alloc_private *p = smv_alloc_private(alloc);

	SMV_ASSERT(alloc->checkpointing && p->writing);
	for (u32 i = 0; i < p->table_size; i++)
		if (alloc->meta[i].live)
			meta_done(alloc, &alloc->meta[i]);
	for (u64 i = 0; i < alloc->geometry.groups; i++) {
		struct smv_alloc_group *group = &alloc->group[i];

		if (group->written)
			group->now = group->next;
		group->written = false;
	}
	memcpy(p->directory_now, p->directory_next, smv_alloc_directory_bytes(alloc));
	p->writing = false;
	p->emptied = 0;
	alloc->checkpointing = false;
}
