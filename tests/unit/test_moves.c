// SPDX-License-Identifier: GPL-2.0-only
/* A rollback whose origin is written at many places ahead of the mover, at once. */
#include "unit.h"
#include "memory.h"

#define CHUNKS 6000u /* pending ones; no two of them are neighbours */

static struct memory memory;
static struct smv_volume *origin;
static struct smv_job jobs[SMV_MOVES_MAX];

static void begin(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 2ULL * CHUNKS * 8 };
	struct smv_volume *a;
	u64 lsn;

	memory_format(&memory, 1ULL << 16, 1, "rollback");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(memory_snapshot(&memory, origin, "a", &a), 0);
	for (u64 i = 0; i < CHUNKS; i++)
		EXPECT_EQ(memory_first_write(&memory, origin, 2 * i), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	EXPECT_EQ(smv_rollback(memory.store, origin, a, NULL, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
}

/* Begins to move the chunk; false: there are too many marks. */
static bool start(u64 chunk, struct smv_job *job)
{
	int rc;

	memset(job, 0, sizeof(*job));
	do {
		rc = smv_origin_write(memory.store, origin, chunk, job, &memory.miss);
	} while (rc == -EAGAIN && memory_again(&memory, &rc));
	if (rc == -EBUSY)
		return false;
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(job->todo, SMV_TODO_MOVE);
	return true;
}

/* The mover, until there are too many marks; true: it is at the end. */
static bool mover(void)
{
	struct smv_job job;
	u64 chunk;
	int rc;

	for (;;) {
		rc = smv_rollback_next(memory.store, origin, &chunk, &memory.miss);
		if (rc == 1 || (rc == -EAGAIN && memory_again(&memory, &rc)))
			continue;
		if (rc == -ENOENT)
			return true;
		EXPECT_EQ(rc, 0);
		if (!start(chunk, &job))
			return false;
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
	}
}

/* Writes from the end on, as many at once as may be, until there are too many marks; how many are under way. */
static u32 write_ahead(bool staged)
{
	u64 chunk = 2ULL * CHUNKS;
	u32 n = 0;

	while (start(chunk -= 2, &jobs[n % SMV_MOVES_MAX])) {
		if (++n < SMV_MOVES_MAX)
			continue;
		EXPECT_EQ(memory_job_done(&memory, &jobs[n % SMV_MOVES_MAX]), 0);
		if (staged && n % 500 == 0)
			EXPECT_EQ(memory_stage(&memory, origin), 0);
	}
	EXPECT_LT(SMV_MOVES_MAX, n);
	for (u32 i = 1; i < SMV_MOVES_MAX; i++)
		jobs[i - 1] = jobs[(n + i) % SMV_MOVES_MAX];
	return SMV_MOVES_MAX - 1;
}

UNIT_TEST(marks_have_room_for_all_writes_that_are_under_way)
{
	struct smv_store_info info;
	u64 lsn;

	for (u32 staged = 0; staged < 2; staged++) {
		u32 n;

		begin();
		n = write_ahead(staged);
		EXPECT(!mover());
		while (n--)
			EXPECT_EQ(memory_job_done(&memory, &jobs[n]), 0);
		EXPECT_EQ(memory_stage(&memory, origin), 0);
		while (!mover())
			EXPECT_EQ(memory_stage(&memory, origin), 0);
		EXPECT_EQ(memory_stage(&memory, origin), 0);
		EXPECT_EQ(smv_rollback_finish(memory.store, origin, &lsn, &memory.miss), 0);
		EXPECT_EQ(memory_close(&memory), 0);
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		smv_store_info(memory.store, &info);
		EXPECT_LE(CHUNKS, info.exceptions);
		memory_free(&memory);
	}
}
