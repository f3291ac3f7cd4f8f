// SPDX-License-Identifier: GPL-2.0-only
/*
 * What walks past the tombstones of a large deletion reads each block once, or nearly so: a walk
 * that began anew at each block it misses would not end once they are more than the cache holds.
 */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"
#include "state.h"

#define CHUNKS 16000u /* some 80 leaves and more */

static const struct smv_limits small_cache = { .cache_blocks = 64 };
static struct memory memory;

static struct smv_volume *data(void)
{
	return smv_volume_origin(memory.store, "data");
}

/* All entries but those of the last chunk are in the tree, and tombstones over them. */
static void begin(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 1 << 24 };
	struct smv_volume *large, *small;
	u64 lsn, done;

	memory_format(&memory, 1 << 18, 8, "tombs");
	EXPECT_EQ(memory_open(&memory, false, &small_cache), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	EXPECT_EQ(memory_snapshot(&memory, data(), "large", &large), 0);
	for (u64 chunk = 0; chunk < CHUNKS; chunk++)
		EXPECT_EQ(memory_first_write(&memory, data(), chunk), 0);
	EXPECT_EQ(memory_snapshot(&memory, data(), "small", &small), 0);
	EXPECT_EQ(memory_first_write(&memory, data(), CHUNKS), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	done = memory.store->checkpoint.done;
	EXPECT_EQ(smv_delete(memory.store, large, &lsn), 0);
	EXPECT_EQ(memory_clean(&memory, 64), 0);
	EXPECT_EQ(memory.store->checkpoint.done, done);
	EXPECT_EQ(data()->exceptions, 1);
	memory.reads = 0;
}

/* Each leaf once, and the nodes above them, which come and go. */
static void end(void)
{
	EXPECT_LT(memory.reads, 2 * CHUNKS / 150);
	EXPECT_LT(64, memory.reads); /* or the cache would have done */
	memory_crash(&memory);
	memory_free(&memory);
}

UNIT_TEST(a_walk_of_all_exceptions_reads_each_block_once)
{
	struct smv_key at = { 0 }, found;
	struct smv_value value;
	int rc;

	begin();
	do
		rc = smv_exception_ge(memory.store, &at, &found, &value, &memory.miss);
	while (memory.reads < 1000 && memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(found.chunk, CHUNKS);
	end();
}

UNIT_TEST(a_rollback_looks_for_what_is_to_be_moved_and_reads_each_block_once)
{
	struct smv_volume *small;
	u64 chunk, lsn, looked;
	int rc;

	begin();
	small = smv_volume_snapshot(memory.store, "data", "small");
	EXPECT_EQ(smv_rollback(memory.store, data(), small, NULL, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	looked = memory.store->blocks.hits + memory.store->blocks.misses;
	do
		rc = smv_rollback_next(memory.store, data(), &chunk, &memory.miss);
	while (memory.reads < 1000 && (memory_again(&memory, &rc) || rc == 1));
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(chunk, CHUNKS);
	looked = memory.store->blocks.hits + memory.store->blocks.misses - looked;
	EXPECT_LT(looked, 20 * CHUNKS);
	end();
}
