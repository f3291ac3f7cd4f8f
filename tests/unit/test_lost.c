// SPDX-License-Identifier: GPL-2.0-only
/* A rollback to a snapshot that has lost a chunk (the origin could not be read when it was needed). */
#include "unit.h"
#include "memory.h"
#include "state.h"

#define CHUNKS 12000u /* pending ones; no two of them are neighbours; the first is lost */

static struct memory memory;
static struct smv_volume *origin;

static void lose(u64 chunk)
{
	struct smv_job job = { 0 };
	u64 lsn;
	int rc;

	EXPECT_EQ(memory_origin_write(&memory, origin, chunk, &job), 0);
	EXPECT_EQ(job.todo, SMV_TODO_COPY);
	do {
		rc = smv_job_lost(memory.store, &job, &lsn, &memory.miss);
	} while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
}

static void format(u64 chunks)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 2 * chunks * 8 };
	u64 lsn;

	memory_format(&memory, 1ULL << 16, 1, "lost");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
}

/* First writes of every second chunk from @from on, below @end. */
static void write_chunks(u64 from, u64 end)
{
	for (u64 chunk = from; chunk < end; chunk += 2) {
		struct smv_job job = { 0 };

		EXPECT_EQ(memory_origin_write(&memory, origin, chunk, &job), 0);
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
	}
	EXPECT_EQ(memory_commit(&memory), 0);
}

/* Rolling back to a; of @chunks pending ones, each the second, the first is lost. */
static void begin(u64 chunks)
{
	struct smv_volume *a;
	u64 lsn;

	format(chunks);
	EXPECT_EQ(memory_snapshot(&memory, origin, "a", &a), 0);
	lose(0);
	write_chunks(2, 2 * chunks);
	EXPECT_EQ(smv_rollback(memory.store, origin, a, NULL, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
}

/* As many commits and checkpoints make room as it takes, within reason. */
static void stage(void)
{
	u32 tries = 0;
	u64 lsn;
	int rc;

	EXPECT_EQ(smv_stage_begin(memory.store, origin), 0);
	do {
		rc = smv_stage_end(memory.store, origin, 0, &lsn);
		EXPECT_EQ(memory_commit(&memory), 0);
		EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	} while (rc == -EBUSY && ++tries < 1000);
	EXPECT_EQ(rc, 0);
}

static int next(u64 *chunk)
{
	int rc;

	do {
		rc = smv_rollback_next(memory.store, origin, chunk, &memory.miss);
	} while (rc == 1 || memory_again(&memory, &rc));
	return rc;
}

static void move(u64 chunk)
{
	struct smv_job job = { 0 };
	int rc;

	do {
		rc = smv_move(memory.store, origin, chunk, &job, &memory.miss);
	} while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(job.todo, SMV_TODO_MOVE);
	EXPECT_EQ(memory_job_done(&memory, &job), 0);
}

/* Until nothing is left that can be moved; returns how many have been. */
static u64 move_all(void)
{
	u64 chunk, moved = 0;
	int rc;

	while (!(rc = next(&chunk))) {
		move(chunk);
		if (!(++moved % 500))
			stage();
	}
	EXPECT_EQ(rc, -ENOENT);
	stage();
	return moved;
}

/* Chunk 0 having zeroes in its place, the write of the whole of it goes on. */
static void overwrite_on(void)
{
	struct smv_job job = { .whole = true };

	EXPECT_EQ(memory_commit(&memory), 0);
	EXPECT_EQ(memory_origin_write(&memory, origin, 0, &job), 0);
	EXPECT_EQ(job.todo, SMV_TODO_GO);
	smv_write_issue(memory.store, origin, 0, 1);
}

/* Writes the whole of chunk 0, which is lost. */
static void overwrite(void)
{
	struct smv_job job = { .whole = true };

	EXPECT_EQ(memory_origin_write(&memory, origin, 0, &job), 0);
	EXPECT_EQ(job.todo, SMV_TODO_MOVE);
	EXPECT_EQ(job.from.place, SMV_PLACE_ZERO);
	EXPECT_EQ(memory_job_done(&memory, &job), 0);
	overwrite_on();
}

static int finish(void)
{
	u64 lsn;
	int rc;

	do {
		rc = smv_rollback_finish(memory.store, origin, &lsn, &memory.miss);
	} while (memory_again(&memory, &rc));
	return rc;
}

UNIT_TEST(what_is_moved_behind_a_lost_chunk_is_one_range)
{
	u64 chunk;

	begin(CHUNKS);
	EXPECT_EQ(move_all(), CHUNKS - 1);
	EXPECT_EQ(origin->roll->marked.count, 1);
	EXPECT_EQ(finish(), -EINPROGRESS);
	overwrite();
	EXPECT_EQ(next(&chunk), -ENOENT);
	stage();
	EXPECT_EQ(finish(), 0);
	memory_free(&memory);
}

/* An older snapshot has an entry for every second chunk: the mover looks at all of them. */
UNIT_TEST(what_needs_no_move_behind_a_lost_chunk_is_one_range_with_it)
{
	struct smv_volume *o, *a;
	u64 lsn, chunk;

	format(CHUNKS);
	EXPECT_EQ(memory_snapshot(&memory, origin, "o", &o), 0);
	write_chunks(2, 2 * CHUNKS);
	EXPECT_EQ(memory_snapshot(&memory, origin, "a", &a), 0);
	lose(0);
	write_chunks(2 * CHUNKS - 6, 2 * CHUNKS);
	EXPECT_EQ(smv_rollback(memory.store, origin, a, NULL, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	EXPECT_EQ(move_all(), 3);
	EXPECT_EQ(origin->roll->marked.count, 1);
	overwrite();
	EXPECT_EQ(next(&chunk), -ENOENT);
	stage();
	EXPECT_EQ(finish(), 0);
	memory_free(&memory);
}

static int read_lost(struct smv_volume *volume)
{
	struct smv_where where;
	int rc;

	do {
		rc = smv_read(memory.store, volume, 0, &where, &memory.miss);
	} while (memory_again(&memory, &rc));
	return rc;
}

UNIT_TEST(a_lost_chunk_stays_lost_to_snapshots_taken_before_it_is_overwritten)
{
	struct smv_volume *t, *u;

	begin(4);
	EXPECT_EQ(memory_snapshot(&memory, origin, "t", &t), 0);
	EXPECT_EQ(read_lost(origin), -EIO);
	EXPECT_EQ(read_lost(t), -EIO);
	overwrite();
	EXPECT_EQ(memory_snapshot(&memory, origin, "u", &u), 0);
	EXPECT_EQ(read_lost(origin), 0);
	EXPECT_EQ(read_lost(u), 0);
	EXPECT_EQ(read_lost(t), -EIO);
	memory_free(&memory);
}

/* The snapshot comes when the zeroes are in place and the write has not gone: it waits for space, say. */
UNIT_TEST(nor_does_one_taken_between_the_zeroes_and_the_write)
{
	struct smv_job job = { .whole = true };
	struct smv_volume *t;

	begin(4);
	EXPECT_EQ(memory_origin_write(&memory, origin, 0, &job), 0);
	EXPECT_EQ(job.todo, SMV_TODO_MOVE);
	EXPECT_EQ(memory_job_done(&memory, &job), 0);
	EXPECT_EQ(read_lost(origin), -EIO);
	EXPECT_EQ(memory_snapshot(&memory, origin, "t", &t), 0);
	EXPECT_EQ(read_lost(t), -EIO);
	overwrite();
	EXPECT_EQ(read_lost(origin), 0);
	EXPECT_EQ(read_lost(t), -EIO);
	memory_free(&memory);
}

/* The snapshot comes while the zeroes are being moved, and sees the chunk as it was then. */
UNIT_TEST(nor_does_one_taken_while_it_is_moved_see_zeroes)
{
	struct smv_job job = { .whole = true };
	struct smv_volume *t;

	begin(4);
	EXPECT_EQ(memory_origin_write(&memory, origin, 0, &job), 0);
	EXPECT_EQ(job.todo, SMV_TODO_MOVE);
	EXPECT_EQ(memory_snapshot(&memory, origin, "t", &t), 0);
	EXPECT_EQ(memory_job_done(&memory, &job), 0);
	EXPECT_EQ(read_lost(t), -EIO);
	overwrite_on();
	EXPECT_EQ(read_lost(t), -EIO);
	EXPECT_EQ(read_lost(origin), 0);
	memory_free(&memory);
}

/* What lies between them needed no move: what is marked then touches more marks than a commit has records. */
UNIT_TEST(any_number_of_marks_are_taken_up_by_one)
{
	const struct smv_limits small = { .overlay_entries = 64 };
	u64 chunk;

	begin(CHUNKS);
	EXPECT_EQ(memory_commit(&memory), 0);
	for (u32 i = 1; i <= 2500; i++) {
		struct smv_job job = { .whole = true };

		EXPECT_EQ(memory_origin_write(&memory, origin, 2 * i, &job), 0);
		EXPECT_EQ(job.todo, SMV_TODO_MOVE);
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
		if (!(i % 500))
			stage();
	}
	EXPECT_EQ(memory_close(&memory), 0);
	EXPECT_EQ(memory_open(&memory, false, &small), 0);
	origin = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(origin->roll->marked.count, 2500);
	EXPECT_EQ(next(&chunk), 0);
	EXPECT_EQ(chunk, 5002);
	stage();
	EXPECT_EQ(origin->roll->marked.count, 1);
	memory_free(&memory);
}

/* A chunk that cannot be read is passed as one that is lost, until the mover looks again. */
UNIT_TEST(what_cannot_be_read_is_passed_and_looked_at_again)
{
	struct smv_rollback_progress progress;
	u64 chunk;

	begin(4);
	overwrite();
	EXPECT_EQ(next(&chunk), 0);
	EXPECT_EQ(chunk, 2);
	smv_rollback_pass(origin, chunk);
	EXPECT_EQ(move_all(), 2);
	smv_rollback_progress(origin, &progress);
	EXPECT_EQ(progress.lost, 1);
	EXPECT_EQ(finish(), -EINPROGRESS);
	smv_rollback_look_again(origin);
	EXPECT_EQ(move_all(), 1);
	EXPECT_EQ(finish(), 0);
	memory_free(&memory);
}
