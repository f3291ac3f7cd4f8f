// SPDX-License-Identifier: GPL-2.0-only
/*
 * A group lists only so many chunks for metadata, so room for that can end while there are free
 * chunks. Volumes are refused before (I-RESERVE): deletions, the cleaner and an
 * opening always find what they need, and what is deleted makes room again.
 */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"
#include "state.h"

#define CHUNKS 20000u /* of the origin that are written to */
#define SNAPSHOTS_MAX 20000u
#define ALL_CHUNKS (1u << 24) /* that it has */

static struct memory memory;
static struct smv_volume *origin;
static u32 number[SNAPSHOTS_MAX]; /* those that there are */
static u32 snapshots, named;
static bool seldom; /* checkpoints only when nothing goes without */

static void begin(u64 blocks, u32 chunk_blocks)
{
	struct smv_add add = { .name = "data",
			       .identity = "",
			       .sectors = (u64)ALL_CHUNKS * chunk_blocks * SMV_BLOCK_SECTORS };
	u64 lsn;

	memory_format(&memory, blocks, chunk_blocks, "room");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
	snapshots = 0;
	named = 0;
}

static void checkpoint_if_wanted(void)
{
	if (!seldom && smv_store_wants(memory.store) & SMV_WANT_CHECKPOINT)
		EXPECT_EQ(memory_checkpoint(&memory, false), 0);
}

static void reopen(bool clean)
{
	if (clean)
		EXPECT_EQ(memory_close(&memory), 0);
	memory_crash(&memory);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	origin = smv_volume_origin(memory.store, "data");
}

/* 0 or the engine's error. */
static int snapshot(void)
{
	char name[16];
	int rc;

	snprintf(name, sizeof(name), "s%u", named);
	rc = memory_snapshot(&memory, origin, name, NULL);
	if (rc)
		return rc;
	EXPECT_LT(snapshots, SNAPSHOTS_MAX);
	number[snapshots++] = named++;
	checkpoint_if_wanted();
	return 0;
}

/* As many as there is room for. */
static void take_all(void)
{
	int rc;

	do
		rc = snapshot();
	while (!rc);
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT(!memory.store->failed);
}

static void take_away(u32 at)
{
	struct smv_volume *volume;
	char name[16];
	u64 lsn;
	int rc;

	snprintf(name, sizeof(name), "s%u", number[at]);
	volume = smv_volume_snapshot(memory.store, "data", name);
	do
		rc = smv_delete(memory.store, volume, &lsn);
	while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	number[at] = number[--snapshots];
	checkpoint_if_wanted();
}

static void clean_all(void)
{
	struct smv_store_info info;
	u32 freed;
	int rc;

	do {
		EXPECT_EQ(memory_commit(&memory), 0);
		do {
			rc = smv_clean_step(memory.store, 16, &freed, &memory.miss);
			checkpoint_if_wanted();
		} while (rc == 1 || memory_again(&memory, &rc));
		EXPECT_EQ(rc, 0);
		smv_store_info(memory.store, &info);
	} while (info.cleaning);
}

/* The last ones first, or any; with the cleaner at the end, or now and then. */
static void take_all_away(bool any, u32 batch)
{
	while (snapshots) {
		take_away(any ? (u32)unit_below(snapshots) : snapshots - 1);
		if (snapshots % batch == 0)
			clean_all();
	}
	clean_all();
	EXPECT_EQ(memory.store->volume_count, 1);
}

/* First writes all over, until there is no chunk left for their copies. */
static void fill(void)
{
	u64 chunk = 0;
	int rc;

	do {
		struct smv_job job = { 0 };

		rc = memory_origin_write(&memory, origin, chunk, &job);
		if (!rc && job.todo == SMV_TODO_COPY)
			rc = memory_job_done(&memory, &job);
		chunk = (chunk + 7919) % CHUNKS;
		checkpoint_if_wanted();
	} while (!rc);
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT(!memory.store->failed);
}

static void come_and_go(u64 blocks, u32 chunk_blocks, u32 least)
{
	for (u32 way = 0; way < 8; way++) {
		seldom = way & 4;
		begin(blocks, chunk_blocks);
		take_all();
		EXPECT_LT(least, snapshots);
		reopen(way & 1);
		take_all_away(way & 2, way & 1 ? 100 : SNAPSHOTS_MAX);
		take_all();
		EXPECT_LT(least, snapshots);
		EXPECT_EQ(memory_close(&memory), 0);
		memory_free(&memory);
	}
}

UNIT_TEST(volumes_are_refused_while_their_deletion_finds_room)
{
	come_and_go(1 << 14, 1, 700);
	come_and_go(1 << 14, 2, 700);
}

UNIT_TEST(volumes_of_several_groups_are_refused_while_their_deletion_finds_room)
{
	come_and_go(1 << 16, 1, 2800);
}

UNIT_TEST(volumes_of_a_full_store_are_refused_while_their_deletion_finds_room)
{
	for (u32 way = 0; way < 8; way++) {
		seldom = way & 4;
		begin(1 << 14, 1);
		EXPECT_EQ(snapshot(), 0);
		if (way & 2)
			take_all();
		fill();
		reopen(way & 1);
		take_all_away(way & 2, way & 1 ? 100 : SNAPSHOTS_MAX);
		EXPECT_EQ(memory.store->exception_count, 0);
		EXPECT_EQ(memory_close(&memory), 0);
		memory_free(&memory);
	}
}

/* Exceptions that take no chunk: zeroes of a snapshot, in order or all over. */
static u64 zero_all(struct smv_volume *snapshot, u64 step)
{
	u64 chunk = 0, count = 0, lsn;
	int rc;

	for (;; count++) {
		do
			rc = smv_snapshot_zero(memory.store, snapshot, chunk, &lsn, &memory.miss);
		while (memory_again(&memory, &rc));
		checkpoint_if_wanted();
		if (rc)
			break;
		chunk = (chunk + step) % ALL_CHUNKS;
	}
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT(!memory.store->failed);
	return count;
}

static void zero_and_delete(u64 blocks, u32 chunk_blocks, u64 least)
{
	for (u32 way = 0; way < 8; way++) {
		seldom = way & 4;
		begin(blocks, chunk_blocks);
		EXPECT_EQ(snapshot(), 0);
		EXPECT_LT(least, zero_all(smv_volume_snapshot(memory.store, "data", "s0"),
					  way & 2 ? 1 : 7368787));
		reopen(way & 1);
		take_all_away(false, 1);
		EXPECT_EQ(memory.store->exception_count, 0);
		EXPECT_EQ(memory_close(&memory), 0);
		memory_free(&memory);
	}
}

UNIT_TEST(zeroes_are_refused_while_their_deletion_finds_room)
{
	zero_and_delete(1 << 14, 1, 12000);
	zero_and_delete(1 << 14, 2, 12000);
}
