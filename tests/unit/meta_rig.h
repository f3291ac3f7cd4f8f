/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A store's metadata without journal and volumes: allocator and one tree on an
 * array of blocks, a superblock that is a struct, checkpoints in steps, and a
 * check of the array that uses nothing of the engine but the disk format.
 *
 * A write to a block that the durable checkpoint uses fails the test at once.
 */
#ifndef SMV_META_RIG_H
#define SMV_META_RIG_H

#include "map.h"
#include "rig_host.h"
#include "unit.h"

#define RIG_CACHE 64u
#define RIG_DIRECTORY_BYTES (SMV_DIRECTORY_MAX / 8)

/* What a superblock would say. */
struct rig_super {
	u64 generation;
	struct smv_disk_tree tree;
	u64 data_chunks;
	u64 meta_chunks;
	u8 current[RIG_DIRECTORY_BYTES];
};

enum rig_step { RIG_IDLE, RIG_MERGE, RIG_WRITE, RIG_SWITCH };

struct rig {
	struct smv_geometry geometry;
	u8 uuid[SMV_UUID_BYTES];
	u8 *disk;
	u8 *used; /* by the durable checkpoint: what must not be written */
	u8 *image; /* a byte a chunk, as read from the bitmaps: 1 owned, 2 metadata */
	struct rig_super super; /* the durable one */
	struct smv_blocks cache;
	struct smv_alloc alloc;
	struct smv_tree tree;
	struct smv_merge *merge;
	enum rig_step step;
	struct smv_tree result;
	u64 writes, nodes; /* blocks written, nodes among them */
	u64 live; /* allocations before it began */
};

static struct rig rig;

/* The call, as often as it finds a block missing. */
#define RETRY(call)                                                                                \
	({                                                                                         \
		int retry_err = -EAGAIN;                                                           \
		for (u64 miss = 0; retry_err == -EAGAIN;) {                                        \
			if (miss)                                                                  \
				rig_provide(miss);                                                 \
			retry_err = (call);                                                        \
		}                                                                                  \
		retry_err;                                                                         \
	})

static u8 *rig_block(u64 block)
{
	EXPECT_LT(block, rig.geometry.blocks);
	return rig.disk + block * SMV_BLOCK_BYTES;
}

static void rig_provide(u64 block)
{
	EXPECT_EQ(smv_blocks_provide(&rig.cache, block, rig_block(block)), 0);
}

/* An empty cache: everything is missing. */
__attribute__((unused)) static void rig_forget(void)
{
	smv_blocks_exit(&rig.cache);
	EXPECT_EQ(smv_blocks_init(&rig.cache, &rig_host, RIG_CACHE, rig.uuid), 0);
}

static void rig_geometry(u64 blocks, u32 chunk_blocks)
{
	struct smv_geometry *g = &rig.geometry;
	u64 group_blocks = (u64)SMV_GROUP_CHUNKS * chunk_blocks;

	memset(g, 0, sizeof(*g));
	g->chunk_blocks = chunk_blocks;
	g->blocks = blocks;
	g->directory_block = 3;
	g->directory_pairs = 4;
	g->journal_block = 11;
	g->journal_blocks = 5;
	g->first_chunk = (16 + chunk_blocks - 1) / chunk_blocks;
	g->chunks = blocks / chunk_blocks;
	g->groups = (blocks - g->first_chunk * chunk_blocks + group_blocks - 1) / group_blocks;
	g->head_chunks = chunk_blocks == 1 ? 2 : 1;
}

static void rig_open(void)
{
	EXPECT_EQ(smv_blocks_init(&rig.cache, &rig_host, RIG_CACHE, rig.uuid), 0);
	EXPECT_EQ(smv_alloc_init(&rig.alloc, &rig_host, &rig.cache, &rig.geometry, rig.uuid, 4096),
		  0);
	for (u64 i = 0; i < smv_alloc_directory_pairs(&rig.alloc); i++) {
		bool current = rig.super.current[i / 8] >> (i % 8) & 1;
		u64 block = smv_alloc_directory_block(&rig.alloc, i, current);

		EXPECT_EQ(smv_alloc_load_directory(&rig.alloc, i, current, rig_block(block)), 0);
	}
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, rig.super.data_chunks, rig.super.meta_chunks),
		  0);
	smv_tree_load(&rig.tree, &rig.cache, rig.tree.value_bytes, &rig.super.tree);
	rig.merge = smv_merge_new(&rig_host);
	EXPECT(rig.merge);
	rig.step = RIG_IDLE;
}

static void rig_close(void)
{
	smv_merge_delete(rig.merge);
	smv_alloc_exit(&rig.alloc);
	smv_blocks_exit(&rig.cache);
}

/* A new store in memory, opened. */
static void rig_begin(u64 blocks, u32 chunk_blocks, u32 value_bytes)
{
	u8 zero[SMV_BLOCK_BYTES] = { 0 };

	free(rig.disk);
	free(rig.used);
	free(rig.image);
	memset(&rig, 0, sizeof(rig));
	rig.live = rig_host_live();
	memcpy(rig.uuid, "0123456789abcdef", SMV_UUID_BYTES);
	rig_geometry(blocks, chunk_blocks);
	rig.disk = calloc(blocks, SMV_BLOCK_BYTES);
	rig.used = calloc(blocks, 1);
	rig.image = calloc(rig.geometry.chunks, 1);
	rig.tree.value_bytes = value_bytes;
	for (u64 i = 0; i < rig.geometry.directory_pairs * 2; i++) {
		u64 block = rig.geometry.directory_block + i;

		smv_block_seal(zero, SMV_MAGIC_DIRECTORY, rig.uuid, block, 0);
		memcpy(rig_block(block), zero, sizeof(zero));
		memset(zero, 0, sizeof(zero));
	}
	rig_open();
}

static void rig_end(void)
{
	rig_close();
	free(rig.disk);
	free(rig.used);
	free(rig.image);
	EXPECT_EQ(rig_host_live(), rig.live);
	memset(&rig, 0, sizeof(rig));
}

/* ---- what is on the disk, without the engine ------------------------------ */

static u64 disk_u64(const void *at)
{
	__le64 value;

	memcpy(&value, at, sizeof(value));
	return le64_to_cpu(value);
}

/* Called with each leaf entry, ascending. */
typedef void (*rig_entry)(const struct smv_key *key, const void *value);

struct rig_walk {
	u32 value_bytes;
	u64 entries, leaves, internals;
	bool any;
	struct smv_key last;
	rig_entry entry;
	u8 *used;
};

static void walk_leaf(struct rig_walk *walk, const void *node)
{
	const struct smv_disk_header *header = node;
	u8 value[1024];
	struct smv_key key;

	for (u32 i = 0; i < le32_to_cpu(header->count); i++) {
		smv_tree_leaf_entry(node, walk->value_bytes, i, &key, value);
		EXPECT(!walk->any || smv_key_cmp(&walk->last, &key) < 0);
		walk->any = true;
		walk->last = key;
		walk->entries++;
		if (walk->entry)
			walk->entry(&key, value);
	}
	walk->leaves++;
}

/* Recursive, as the engine must not be. */
static void walk_node(struct rig_walk *walk, const struct smv_pointer *at, u32 level,
		      const struct smv_key *first)
{
	const void *node = rig_block(at->block);
	const struct smv_disk_header *header = node;
	struct smv_key key;

	EXPECT_EQ(smv_tree_verify_node(node, walk->value_bytes, at->block, rig.uuid), 0);
	EXPECT_EQ(le64_to_cpu(header->generation), at->generation);
	EXPECT_EQ(le32_to_cpu(header->crc), at->crc);
	EXPECT(level == ~0u || le32_to_cpu(header->level) == level);
	EXPECT(!walk->used[at->block]);
	walk->used[at->block] = 1;
	level = le32_to_cpu(header->level);
	key = (struct smv_key){ disk_u64(header + 1), disk_u64((u8 *)(header + 1) + 8),
				disk_u64((u8 *)(header + 1) + 16) };
	EXPECT(!first || !smv_key_cmp(first, &key));
	if (!level) {
		walk_leaf(walk, node);
		return;
	}
	walk->internals++;
	EXPECT(first || le32_to_cpu(header->count) > 1); /* the root */
	for (u32 i = 0; i < le32_to_cpu(header->count); i++) {
		struct smv_pointer child;

		smv_tree_child(node, i, &key, &child);
		walk_node(walk, &child, level - 1, &key);
	}
}

static void walk_tree(const struct rig_super *super, u8 *used, rig_entry entry)
{
	struct rig_walk walk = { .value_bytes = rig.tree.value_bytes,
				 .entry = entry,
				 .used = used };
	struct smv_pointer root = { le64_to_cpu(super->tree.root.block),
				    le64_to_cpu(super->tree.root.generation),
				    le32_to_cpu(super->tree.root.crc) };

	if (root.block)
		walk_node(&walk, &root, ~0u, NULL);
	EXPECT_EQ(walk.entries, le64_to_cpu(super->tree.entries));
	EXPECT_EQ(walk.leaves, le64_to_cpu(super->tree.leaves));
	EXPECT_EQ(walk.internals, le64_to_cpu(super->tree.internals));
}

/* A group's bitmap and its metadata chunks, whose blocks must be those used. */
static void walk_metas(u64 first, const struct smv_disk_group *disk, u8 *used)
{
	u32 size = rig.geometry.chunk_blocks;
	u32 bytes = 2 + (size < 8 ? 1 : size / 8);

	for (u32 i = 0; i < le32_to_cpu(disk->header.count); i++) {
		const u8 *entry = &disk->meta[i * bytes];
		u64 chunk = first + (entry[0] | entry[1] << 8);

		EXPECT_EQ(rig.image[chunk], 1);
		rig.image[chunk] = 2;
		for (u32 b = 0; b < size; b++) {
			u8 *block = &used[chunk * size + b];

			EXPECT_EQ(entry[2 + b / 8] >> (b % 8) & 1, *block);
			*block *= 2; /* seen */
		}
	}
}

static void walk_group(u64 number, const struct smv_disk_group_state *state, u8 *used)
{
	u64 first = rig.geometry.first_chunk + number * SMV_GROUP_CHUNKS;
	u64 place = first * rig.geometry.chunk_blocks + state->which;
	const struct smv_disk_group *disk = (const void *)rig_block(place);
	u32 free_chunks = 0;

	for (u32 i = 0; i < SMV_GROUP_CHUNKS && first + i < rig.geometry.chunks; i++)
		rig.image[first + i] = i < rig.geometry.head_chunks;
	if (!state->generation)
		return;
	EXPECT_EQ(smv_block_verify(disk, SMV_MAGIC_GROUP, rig.uuid, place), 0);
	EXPECT_EQ(le64_to_cpu(disk->header.generation), le64_to_cpu(state->generation));
	EXPECT_EQ(le32_to_cpu(disk->header.crc), le32_to_cpu(state->crc));
	for (u32 i = 0; i < SMV_GROUP_CHUNKS && first + i < rig.geometry.chunks; i++) {
		rig.image[first + i] = disk->owned[i / 8] >> (i % 8) & 1;
		free_chunks += !rig.image[first + i];
	}
	EXPECT_EQ(free_chunks, le16_to_cpu(state->free));
	walk_metas(first, disk, used);
	used[place] = 2;
}

static void walk_directory(const struct rig_super *super, u8 *used)
{
	u64 data = 0, meta = 0;

	for (u64 i = 0; i < rig.geometry.groups; i++) {
		u64 pair = i / SMV_DIRECTORY_GROUPS;
		u64 place = rig.geometry.directory_block + 2 * pair +
			    (super->current[pair / 8] >> (pair % 8) & 1);
		const struct smv_disk_directory *disk = (const void *)rig_block(place);

		EXPECT_EQ(smv_block_verify(disk, SMV_MAGIC_DIRECTORY, rig.uuid, place), 0);
		walk_group(i, &disk->group[i % SMV_DIRECTORY_GROUPS], used);
		used[place] = 2;
	}
	for (u64 i = rig.geometry.first_chunk; i < rig.geometry.chunks; i++) {
		u64 at = (i - rig.geometry.first_chunk) % SMV_GROUP_CHUNKS;

		data += at >= rig.geometry.head_chunks && rig.image[i] == 1;
		meta += rig.image[i] == 2;
	}
	EXPECT_EQ(data, super->data_chunks);
	EXPECT_EQ(meta, super->meta_chunks);
}

/*
 * Checks all that a superblock reaches: nodes, order, separators, counts, each
 * node's block used once and marked so in its chunk, bitmaps as the directory says.
 */
static void rig_check(const struct rig_super *super, u8 *used, rig_entry entry)
{
	memset(used, 0, rig.geometry.blocks);
	walk_tree(super, used, entry);
	walk_directory(super, used);
	for (u64 i = 0; i < rig.geometry.blocks; i++)
		EXPECT_NE(used[i], 1);
}

/* ---- checkpoints ------------------------------------------------------------ */

static void rig_write(const struct smv_io *io)
{
	EXPECT_EQ(io->op, SMV_IO_WRITE);
	EXPECT(io->count && io->count <= SMV_IO_BLOCKS);
	for (u32 i = 0; i < io->count; i++) {
		EXPECT(!rig.used[io->block[i]]);
		memcpy(rig_block(io->block[i]), io->buffer[i], SMV_BLOCK_BYTES);
	}
	rig.writes += io->count;
}

static void rig_checkpoint_begin(const struct smv_overlay *changes)
{
	EXPECT_EQ(rig.step, RIG_IDLE);
	smv_alloc_cut(&rig.alloc, rig.super.generation + 1);
	smv_merge_begin(rig.merge, &rig.tree, changes, &rig.alloc, rig.super.generation + 1);
	rig.nodes = 0;
	rig.step = RIG_MERGE;
}

static void rig_super_make(struct rig_super *super)
{
	super->generation = rig.super.generation + 1;
	smv_tree_store(&rig.result, &super->tree);
	smv_alloc_cut_counts(&rig.alloc, &super->data_chunks, &super->meta_chunks);
	smv_alloc_directory_current(&rig.alloc, super->current, sizeof(super->current));
}

/* The superblock becomes durable. */
static void rig_switch(rig_entry entry)
{
	struct rig_super super;

	rig_super_make(&super);
	rig_check(&super, rig.used, entry);
	rig.super = super;
	rig.tree = rig.result;
	smv_alloc_done(&rig.alloc);
	rig.step = RIG_IDLE;
}

/* One step; false: it stands before the switch, or there is none. One missing block is a step. */
static bool rig_checkpoint_step(void)
{
	struct smv_io io;
	u64 miss = 0;
	int err = 0;

	if (rig.step == RIG_MERGE)
		err = smv_merge_step(rig.merge, &io, &miss, &rig.result);
	else if (rig.step == RIG_WRITE)
		err = smv_alloc_write_step(&rig.alloc, &io, &miss);
	else
		return false;
	if (err == -EAGAIN) {
		rig_provide(miss);
	} else if (err == 1) {
		rig.nodes += rig.step == RIG_MERGE ? io.count : 0;
		rig_write(&io);
	} else {
		EXPECT_EQ(err, 0);
		rig.step++;
	}
	return true;
}

__attribute__((unused)) static void rig_checkpoint(const struct smv_overlay *changes,
						   rig_entry entry)
{
	rig_checkpoint_begin(changes);
	while (rig_checkpoint_step())
		;
	rig_switch(entry);
}

/* Power fails: what was not switched to is forgotten, and all memory. */
__attribute__((unused)) static void rig_crash(void)
{
	rig_close();
	rig_open();
}

#endif
