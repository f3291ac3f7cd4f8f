// SPDX-License-Identifier: GPL-2.0-only
/* Stages of a rollback whose store fails: what is outstanding stays so, and nothing else does. */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"

static struct memory memory;

static struct smv_volume *data(void)
{
	return smv_volume_origin(memory.store, "data");
}

/* Rolling back; chunks 0 and 5 are to be moved. */
static void begin(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 1 << 12 };
	struct smv_volume *snapshot;
	u64 lsn;

	memory_format(&memory, 1 << 12, 8, "roll");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	EXPECT_EQ(memory_snapshot(&memory, data(), "a", &snapshot), 0);
	EXPECT_EQ(memory_first_write(&memory, data(), 0), 0);
	EXPECT_EQ(memory_first_write(&memory, data(), 5), 0);
	EXPECT_EQ(smv_rollback(memory.store, data(), snapshot, NULL, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
}

static void look_for(u64 chunk)
{
	u64 found, miss;

	EXPECT_EQ(smv_rollback_next(memory.store, data(), &found, &miss), 0);
	EXPECT_EQ(found, chunk);
}

static void move(u64 chunk)
{
	struct smv_job job = { 0 };
	u64 miss;

	look_for(chunk);
	EXPECT_EQ(smv_move(memory.store, data(), chunk, &job, &miss), 0);
	EXPECT_EQ(job.todo, SMV_TODO_MOVE);
	EXPECT_EQ(memory_job_done(&memory, &job), 0);
}

static int stage(int error)
{
	u64 lsn;

	EXPECT_EQ(smv_stage_begin(memory.store, data()), 0);
	return smv_stage_end(memory.store, data(), error, &lsn);
}

static void end(void)
{
	memory_crash(&memory);
	memory_free(&memory);
}

UNIT_TEST(a_store_that_has_failed_can_be_staged_again_and_again)
{
	begin();
	move(0);
	EXPECT_EQ(stage(0), 0);
	look_for(5);
	smv_store_fail(memory.store, "the test says so");
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(stage(0), -EIO);
		EXPECT(!smv_stage_wanted(data()));
	}
	EXPECT_EQ(stage(-EIO), 0);
	end();
}

UNIT_TEST(what_was_moved_stays_outstanding_when_the_store_has_failed)
{
	begin();
	move(0);
	smv_store_fail(memory.store, "the test says so");
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(stage(0), -EIO);
		EXPECT(smv_stage_wanted(data()));
	}
	end();
}
