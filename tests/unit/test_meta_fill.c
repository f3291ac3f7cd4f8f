// SPDX-License-Identifier: GPL-2.0-only
/*
 * First writes that are meant to exhaust the room for metadata: with chunks of 4 KiB a group lists 661
 * of 16,384. They come between the entries of full leaves, which split; then those of every other
 * leaf that a deleted snapshot alone needed go; and at last one checkpoint changes every other leaf, or
 * two of three. No write is refused, for a merge joins what has shrunk, and no checkpoint may find no
 * room (I-RESERVE).
 */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"
#include "state.h"

#define REGION 200u /* chunks of the origin that a leaf's 100 entries are of, every other one */
#define LEAVES_MAX 2000u

static struct memory memory;
static struct smv_volume *origin;
static struct {
	u32 count;
	u64 chunk[100];
} leaf[LEAVES_MAX];
static u32 leaves;

static void checkpoint(void)
{
	EXPECT_EQ(memory_commit(&memory), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
}

static void checkpoint_if_wanted(void)
{
	if (smv_store_wants(memory.store) & SMV_WANT_CHECKPOINT)
		checkpoint();
}

static void write_chunk(u64 chunk)
{
	struct smv_job job = { 0 };

	EXPECT_EQ(memory_origin_write(&memory, origin, chunk, &job), 0);
	if (job.todo == SMV_TODO_COPY)
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
}

/* Entries @from, @from + 2, ... of each region. */
static void write_regions(u64 base, u32 regions, u32 from, u32 end, u32 step, u32 batch)
{
	for (u32 i = 0; i < regions; i++) {
		for (u32 k = from; k < end; k += step)
			write_chunk(base + i * REGION + 2 * k);
		if (i % batch == batch - 1)
			checkpoint();
	}
	checkpoint();
}

/* Recursive, as the engine must not be. */
static void learn_node(u64 block)
{
	const u8 *node = memory.image + block * SMV_BLOCK_BYTES;
	const struct smv_disk_header *header = (const void *)node;
	struct smv_pointer child;
	struct smv_key key;

	if (le32_to_cpu(header->level)) {
		for (u32 i = 0; i < le32_to_cpu(header->count); i++) {
			smv_tree_child(node, i, &key, &child);
			learn_node(child.block);
		}
		return;
	}
	EXPECT_LT(leaves, LEAVES_MAX);
	leaf[leaves].count = le32_to_cpu(header->count);
	for (u32 i = 0; i < leaf[leaves].count; i++) {
		smv_tree_leaf_entry(node, sizeof(struct smv_disk_value), i, &key, NULL);
		leaf[leaves].chunk[i] = key.chunk;
	}
	leaves++;
}

static void learn_leaves(void)
{
	leaves = 0;
	if (memory.store->exceptions.tree.root.block)
		learn_node(memory.store->exceptions.tree.root.block);
}

/* One more for each full leaf from @base on, in its second half, while its neighbours rest. */
static void split_leaves(u64 base)
{
	for (u32 round = 0; round < 2; round++) {
		learn_leaves();
		for (u32 i = 0, last = ~0u - 1; i < leaves; i++) {
			if (leaf[i].count < 100 || leaf[i].chunk[0] < base || i == last + 1)
				continue;
			write_chunk(leaf[i].chunk[70] + 1);
			last = i;
		}
		checkpoint();
	}
}

static void take(const char *name)
{
	EXPECT_EQ(memory_snapshot(&memory, origin, name, NULL), 0);
}

static void take_away(const char *name)
{
	struct smv_volume *volume = smv_volume_snapshot(memory.store, "data", name);
	struct smv_store_info info;
	u32 freed;
	u64 lsn;
	int rc;

	do
		rc = smv_delete(memory.store, volume, &lsn);
	while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	do {
		EXPECT_EQ(memory_commit(&memory), 0);
		do {
			rc = smv_clean_step(memory.store, 16, &freed, &memory.miss);
			checkpoint_if_wanted();
		} while (rc == 1 || memory_again(&memory, &rc));
		EXPECT_EQ(rc, 0);
		smv_store_info(memory.store, &info);
	} while (info.cleaning);
	checkpoint();
}

/* Of every @of leaves one rests. */
static void touch_leaves(u32 of)
{
	learn_leaves();
	for (u32 i = 0; i < leaves; i++)
		if (i % of && leaf[i].count > 3)
			write_chunk(leaf[i].chunk[3] + 1);
	checkpoint();
}

static void begin(u32 snapshots)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 8ULL << 24 };
	char name[16];
	u64 lsn;

	memory_format(&memory, 1 << 14, 1, "fill");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
	for (u32 i = 0; i < snapshots; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		take(name);
		checkpoint_if_wanted();
	}
	take("a");
}

static void end(void)
{
	EXPECT(!memory.store->failed);
	EXPECT_EQ(memory_close(&memory), 0);
	memory_free(&memory);
}

UNIT_TEST(checkpoints_find_room_when_every_other_leaf_has_shrunk)
{
	for (u32 of = 2; of <= 3; of++) {
		begin(0);
		write_regions(0, 150, 1, 50, 2, 40);
		take("b");
		write_regions(0, 150, 51, 100, 2, 40);
		take("c");
		write_regions(0, 150, 0, 100, 2, 40);
		split_leaves(0);
		take_away("a");
		take_away("b");
		write_regions(1 << 20, 74, 0, 100, 1, 20);
		split_leaves(1 << 20);
		for (u32 i = 0; i < 3; i++)
			touch_leaves(of);
		end();
	}
}
