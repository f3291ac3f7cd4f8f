// SPDX-License-Identifier: GPL-2.0-only
/* An open store without memory: what it has must do. */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"

#define SECTORS (1ULL << 20)
#define WRITES 6000u

static struct memory memory;
static u64 live;

static struct smv_volume *begin(u32 chunk_blocks)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = SECTORS };
	struct smv_snapshot_part part = { .name = "a", .memo = "" };
	u64 lsn;

	live = rig_host_live();
	memory_format(&memory, 1ULL << 16, chunk_blocks, "m");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	part.of = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(smv_snapshot(memory.store, &part, 1, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	return part.of;
}

static void end(void)
{
	EXPECT_EQ(memory_close(&memory), 0);
	memory_free(&memory);
	EXPECT_EQ(rig_host_live(), live);
}

static void expect_written(u32 writes)
{
	struct smv_store_info info;

	smv_store_info(memory.store, &info);
	EXPECT(!info.failed);
	EXPECT_EQ(info.held_chunks, 0);
	EXPECT_EQ(info.exceptions, writes);
}

/* More of them than an overlay has room for that is given no more memory. */
UNIT_TEST(first_writes_go_on_when_no_allocation_succeeds)
{
	struct smv_volume *origin = begin(8);
	u32 i;

	rig_host_fail_all(true);
	for (i = 0; i < WRITES; i++)
		EXPECT_EQ(memory_first_write(&memory, origin, i), 0);
	rig_host_fail_all(false);
	expect_written(WRITES);
	end();
}

/* One block a chunk: the table of metadata chunks has to grow. */
UNIT_TEST(a_checkpoint_that_finds_no_memory_goes_on_later)
{
	struct smv_volume *origin = begin(1);
	u32 i, found = 0;

	for (i = 0; i < WRITES; i++) {
		EXPECT_EQ(memory_first_write(&memory, origin, i), 0);
		if (i % 500 != 499)
			continue;
		EXPECT_EQ(memory_commit(&memory), 0);
		smv_preserved_set(memory.store, origin, i - 499, i + 1);
		memory.patience = 1;
		rig_host_fail_at(1);
		EXPECT_EQ(memory_checkpoint(&memory, false), 0);
		found += !memory.patience;
		EXPECT_EQ(rig_host_has_failed(), !memory.patience);
		rig_host_reset();
	}
	memory.patience = 0;
	EXPECT(found);
	expect_written(WRITES);
	end();
}

/* Commands say so, and leave everything as it was. */
UNIT_TEST(commands_without_memory_change_nothing)
{
	struct smv_volume *origin = begin(1), *a = smv_volume_snapshot(memory.store, "data", "a");
	struct smv_add add = { .name = "other", .identity = "", .sectors = SECTORS };
	struct smv_snapshot_part part[2] = { { .of = origin, .name = "b", .memo = "" },
					     { .of = a, .name = "c", .memo = "" } };
	u64 lsn, before = smv_store_lsn(memory.store), now = rig_host_live();
	u32 n;

	rig_host_fail_all(true);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), -ENOMEM);
	rig_host_fail_all(false);
	for (n = 1; n <= 2; n++) {
		rig_host_fail_at(n);
		EXPECT_EQ(smv_snapshot(memory.store, part, 2, 1, &lsn), -ENOMEM);
	}
	for (n = 1; n <= 3; n++) {
		rig_host_fail_at(n);
		EXPECT_EQ(smv_rollback(memory.store, origin, a, "u", 1, &lsn), -ENOMEM);
	}
	rig_host_reset();
	EXPECT_EQ(rig_host_live(), now);
	EXPECT_EQ(smv_store_lsn(memory.store), before);
	EXPECT(!smv_volume_origin(memory.store, "other"));
	EXPECT(!smv_volume_snapshot(memory.store, "data", "b"));
	EXPECT(!smv_volume_snapshot(memory.store, "data", "u"));
	EXPECT(!smv_origin_is_rolling(origin));
	end();
}

/* An opening says so, and leaves nothing behind. */
UNIT_TEST(an_opening_of_which_any_allocation_fails_leaves_no_memory)
{
	u64 before;
	u32 n = 2; /* the first is the store itself */
	int rc;

	begin(8);
	EXPECT_EQ(memory_close(&memory), 0);
	before = rig_host_live();
	for (;; n++) {
		rig_host_fail_at(n);
		rc = memory_open(&memory, false, NULL);
		if (!rig_host_has_failed())
			break;
		EXPECT_EQ(rc, -ENOMEM);
		EXPECT_EQ(rig_host_live(), before);
		rig_host_reset();
	}
	EXPECT(n > 10);
	EXPECT_EQ(rc, 0);
	end();
}
