// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs of a snapshot's writes: they carry nothing of what was in the host's memory, and one
 * that is published finds the entry that came after it was given, wherever that is by then.
 */
#include "unit.h"
#include "memory.h"
#include "volume.h"
#include "write.h"

static struct memory memory;
static struct smv_volume *snapshot;

static void open_store(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 8 * 8 };
	u64 lsn;

	memory_format(&memory, 1 << 12, 8, "write");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	EXPECT_EQ(memory_snapshot(&memory, smv_volume_origin(memory.store, "data"), "a", &snapshot),
		  0);
}

static void close_store(void)
{
	memory_crash(&memory);
	memory_free(&memory);
}

static void give(struct smv_job *job, u64 chunk, enum smv_todo todo)
{
	int rc;

	memset(job, 0xa5, sizeof(*job));
	do
		rc = smv_snapshot_write(memory.store, snapshot, chunk, true, job, &memory.miss);
	while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(job->todo, todo);
}

UNIT_TEST(a_job_has_nothing_of_what_was_in_its_memory)
{
	struct smv_job job;

	open_store();
	for (u64 chunk = 0; chunk < 8; chunk++) {
		give(&job, chunk, SMV_TODO_NEW);
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
		give(&job, chunk, SMV_TODO_OVERWRITE);
	}
	give(&job, 0, SMV_TODO_OVERWRITE);
	smv_job_cancel(memory.store, &job);
	close_store();
}

/* Two jobs for one chunk; the first is published, and @between happens. */
static void second_is_stale(u64 chunk, int (*between)(void))
{
	struct smv_job first, second;
	u64 before;

	give(&first, chunk, SMV_TODO_NEW);
	give(&second, chunk, SMV_TODO_NEW);
	EXPECT_EQ(memory_job_done(&memory, &first), 0);
	EXPECT_EQ(between(), 0);
	before = smv_alloc_available(&memory.store->alloc);
	EXPECT_EQ(memory_job_done(&memory, &second), -ESTALE);
	EXPECT_EQ(smv_alloc_available(&memory.store->alloc), before + 1);
	give(&second, chunk, SMV_TODO_OVERWRITE);
	EXPECT_EQ(second.to.no, first.to.no);
}

static int nothing(void)
{
	return 0;
}

static int commit(void)
{
	return memory_commit(&memory);
}

static int checkpoint(void)
{
	return memory_checkpoint(&memory, false);
}

/* The entry is in the frozen overlay. */
static int begin_checkpoint(void)
{
	struct smv_io io;
	int rc;

	EXPECT_EQ(memory_commit(&memory), 0);
	rc = smv_checkpoint_step(memory.store, false, 0, &io, &memory.miss);
	EXPECT(memory.store->exceptions.frozen);
	return rc == 1 ? 0 : rc;
}

UNIT_TEST(a_job_finds_what_was_published_after_it_was_given)
{
	open_store();
	second_is_stale(0, nothing);
	second_is_stale(1, commit);
	second_is_stale(2, checkpoint);
	second_is_stale(3, begin_checkpoint);
	close_store();
}

/* A zero that came between is replaced, not left beside. */
UNIT_TEST(a_job_replaces_a_zero_that_came_after_it_was_given)
{
	struct smv_job job;
	u64 lsn;

	open_store();
	for (u64 chunk = 0; chunk < 2; chunk++) {
		give(&job, chunk, SMV_TODO_NEW);
		EXPECT_EQ(smv_snapshot_zero(memory.store, snapshot, chunk, &lsn, &memory.miss), 0);
		if (chunk)
			EXPECT_EQ(checkpoint(), 0);
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
		EXPECT_EQ(snapshot->exceptions, chunk + 1);
		give(&job, chunk, SMV_TODO_OVERWRITE);
	}
	close_store();
}
