// SPDX-License-Identifier: GPL-2.0-only
/* A store opened read-only: origins are written where no snapshot needs a copy, and nothing else is. */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"

static struct memory memory;

/* What a write of the origin's chunk is told; 0: todo. */
static int ask(u64 chunk, struct smv_job *job)
{
	return memory_origin_write(&memory, smv_volume_origin(memory.store, "data"), chunk, job);
}

static void first_write(u64 chunk)
{
	struct smv_job job = { 0 };

	EXPECT_EQ(ask(chunk, &job), 0);
	EXPECT_EQ(job.todo, SMV_TODO_COPY);
	EXPECT_EQ(memory_job_done(&memory, &job), 0);
}

/* An origin with a snapshot that has a copy of chunk 3. */
static struct smv_volume *begin(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 1 << 12 };
	struct smv_snapshot_part part = { .name = "a", .memo = "" };
	u64 lsn;

	memory_format(&memory, 1 << 12, 8, "ro");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	part.of = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(smv_snapshot(memory.store, &part, 1, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	first_write(3);
	return smv_volume_snapshot(memory.store, "data", "a");
}

/* Closed, and opened again for reading alone. */
static u8 *reopen(bool clean)
{
	u64 bytes = memory.blocks * SMV_BLOCK_BYTES;
	u8 *was = malloc(bytes);

	EXPECT(was);
	if (clean) {
		EXPECT_EQ(memory_close(&memory), 0);
	} else {
		EXPECT_EQ(memory_commit(&memory), 0);
		memory_crash(&memory);
	}
	memcpy(was, memory.image, bytes);
	EXPECT_EQ(memory_open(&memory, true, NULL), 0);
	return was;
}

static void end(u8 *was)
{
	memory_crash(&memory);
	EXPECT(!memcmp(was, memory.image, memory.blocks * SMV_BLOCK_BYTES));
	free(was);
	memory_free(&memory);
}

UNIT_TEST(a_write_goes_where_the_snapshot_has_its_copy_and_nowhere_else)
{
	for (u32 clean = 0; clean < 2; clean++) {
		struct smv_job job = { 0 }, other = { 0 };
		u8 *was;

		begin();
		was = reopen(clean);
		EXPECT_EQ(ask(3, &job), 0);
		EXPECT_EQ(job.todo, SMV_TODO_GO);
		EXPECT_EQ(ask(4, &other), -EROFS);
		end(was);
	}
}

UNIT_TEST(a_write_does_not_go_to_a_chunk_that_a_rollback_has_not_moved)
{
	struct smv_job job = { 0 };
	struct smv_volume *a = begin(), *origin = smv_volume_origin(memory.store, "data");
	u64 lsn;
	u8 *was;

	EXPECT_EQ(smv_rollback(memory.store, origin, a, NULL, 1, &lsn), 0);
	was = reopen(true);
	EXPECT_EQ(ask(3, &job), -EROFS);
	end(was);
}
