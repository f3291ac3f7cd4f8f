// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a store says to be available: all of it can be used as long as no checkpoint
 * falls between the look and the last write. A checkpoint takes what its nodes need, and
 * what is kept back for a larger tree (I-RESERVE), and no more; then it can be used to the
 * last chunk again.
 */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"
#include "super.h"

static const u32 chunk_sizes[] = { 1, 4, 16 }; /* in blocks */

static struct memory memory;
static u64 written; /* chunks of the origin */
static u64 step; /* from one to the next; chunks of the origin are prime to it */

static struct smv_store_info info(void)
{
	struct smv_store_info now;

	smv_store_info(memory.store, &now);
	return now;
}

/* An empty store of some 1800 chunks, and an origin with a snapshot that is larger. */
static void begin(u32 chunk_blocks, bool scattered)
{
	struct smv_add add = { .name = "data",
			       .identity = "",
			       .sectors = 4099ull * chunk_blocks * SMV_BLOCK_SECTORS };
	struct smv_snapshot_part part = { .name = "a", .memo = "" };
	u64 lsn;

	memory_format(&memory, 1800ull * chunk_blocks, chunk_blocks, "available");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	part.of = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(smv_snapshot(memory.store, &part, 1, 1, &lsn), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	written = 0;
	step = scattered ? 1597 : 1;
}

/* A first write to another chunk: 0 or the engine's error. */
static int first_write(void)
{
	struct smv_volume *origin = smv_volume_origin(memory.store, "data");
	struct smv_job job = { 0 };
	int rc = memory_origin_write(&memory, origin, written * step % 4099, &job);

	if (rc)
		return rc;
	EXPECT_EQ(job.todo, SMV_TODO_COPY);
	EXPECT_EQ(memory_job_done(&memory, &job), 0);
	written++;
	return 0;
}

static void write_some(u64 count)
{
	while (count--)
		EXPECT_EQ(first_write(), 0);
}

/* Does it fit exactly: @count first writes, and not one more? */
static void expect_room(u64 count)
{
	write_some(count);
	EXPECT_EQ(info().available_chunks, 0);
	EXPECT_EQ(first_write(), -ENOSPC);
}

UNIT_TEST(what_is_available_can_be_used_if_no_checkpoint_falls_between)
{
	for (u32 i = 0; i < 3; i++) {
		for (u64 leave = 1; leave < 400; leave += 37) {
			begin(chunk_sizes[i], leave & 1);
			while (info().available_chunks > leave) {
				write_some(1);
				if (written % 300 == 0)
					EXPECT_EQ(memory_checkpoint(&memory, false), 0);
			}
			expect_room(info().available_chunks);
			memory_free(&memory);
		}
	}
}

/* Fills it to the last chunk, with a checkpoint after each @batch. How much these took of what was available. */
static u64 fill(u64 batch)
{
	u64 first = info().available_chunks, taken = 0, before;

	do {
		before = info().available_chunks;
		write_some(before < batch ? before : batch);
		before = info().available_chunks;
		EXPECT_EQ(memory_checkpoint(&memory, false), 0);
		taken += before - info().available_chunks;
	} while (info().available_chunks);
	EXPECT_EQ(written + taken, first);
	EXPECT_EQ(first_write(), -ENOSPC);
	return taken;
}

/*
 * A leaf has room for 100 entries and, in the long run, a quarter of them at least; each takes a block,
 * and twice its share of what a merge can need is kept back: 3 blocks and a little. Besides
 * there are a few nodes above the leaves.
 */
static void expect_fair(u64 taken, u32 chunk_blocks)
{
	EXPECT_LT(3 * written / 100, (taken + 1) * chunk_blocks);
	EXPECT_LT(taken * chunk_blocks, 4 * written / 25 + 2 * chunk_blocks + 40);
}

UNIT_TEST(checkpoints_take_of_what_is_available_what_their_nodes_need)
{
	for (u32 i = 0; i < 3; i++) {
		for (u64 batch = 1; batch < 500; batch *= 3) {
			begin(chunk_sizes[i], false);
			expect_fair(fill(batch), chunk_sizes[i]);
			memory_free(&memory);
			begin(chunk_sizes[i], true);
			expect_fair(fill(batch), chunk_sizes[i]);
			memory_free(&memory);
		}
	}
}

/* Of all sizes from the smallest on: a first write, and an origin, find room. */
UNIT_TEST(the_smallest_stores_take_first_writes)
{
	struct smv_geometry geometry;
	u64 least, lsn;

	for (u32 chunk_blocks = 1; chunk_blocks <= SMV_CHUNK_BLOCKS_MAX; chunk_blocks *= 2) {
		struct smv_add add = { .name = "data",
				       .identity = "",
				       .sectors = 8 * chunk_blocks };

		EXPECT_EQ(smv_super_plan(1, chunk_blocks, &geometry, &least), -ENOSPC);
		for (u32 i = 0; i < 60; i++) {
			struct smv_job job = { 0 };
			struct smv_volume *origin;

			memory_format(&memory, least + i * chunk_blocks, chunk_blocks, "least");
			EXPECT_EQ(memory_open(&memory, false, NULL), 0);
			EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
			origin = smv_volume_origin(memory.store, "data");
			EXPECT_EQ(memory_snapshot(&memory, origin, "a", NULL), 0);
			EXPECT_EQ(memory_origin_write(&memory, origin, 0, &job), 0);
			EXPECT_EQ(memory_job_done(&memory, &job), 0);
			EXPECT_EQ(memory_close(&memory), 0);
			memory_free(&memory);
		}
	}
}
