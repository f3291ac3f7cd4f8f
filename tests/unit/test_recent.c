// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where chunks were found of late: what a read is told is always what the look-up
 * rule says now, whatever has happened since it was remembered; and sets that are full.
 */
#include "unit.h"
#include "memory.h"
#include "recent.h"
#include "resolve.h"
#include "write.h"

#define CHUNKS 24u /* in these the histories' entries meet */

static struct memory memory;
static u64 compared, remembered;

static int read_place(struct smv_volume *volume, u64 chunk, struct smv_where *where)
{
	int rc;

	do {
		rc = smv_read(memory.store, volume, chunk, where, &memory.miss);
	} while (memory_again(&memory, &rc));
	return rc;
}

static int resolve_place(struct smv_volume *volume, u64 chunk, struct smv_where *where)
{
	u64 found;
	int rc;

	do {
		rc = smv_resolve(memory.store, volume, chunk, &found, &memory.miss);
	} while (memory_again(&memory, &rc));
	return rc ? rc : smv_write_place(found, where);
}

static void compare_chunk(struct smv_volume *volume, u64 chunk)
{
	struct smv_where read, rule;
	u64 found;
	int rc;

	remembered += smv_recent_get(&memory.store->recent, volume->number, chunk, &found);
	rc = read_place(volume, chunk, &read);
	EXPECT_EQ(rc, resolve_place(volume, chunk, &rule));
	compared++;
	if (rc)
		return;
	EXPECT_EQ(read.place, rule.place);
	EXPECT_EQ(read.chunk.no, rule.chunk.no);
}

static void compare_all(void)
{
	for (struct smv_volume *volume = memory.store->first; volume; volume = volume->list_next) {
		u64 chunks = smv_volume_chunks(memory.store, volume);

		if (smv_volume_is_origin(volume) ||
		    smv_volume_is(volume, SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN | SMV_VOLUME_INVALID))
			continue;
		for (u64 chunk = 0; chunk < CHUNKS && chunk < chunks; chunk++)
			compare_chunk(volume, chunk);
	}
}

static void history(u64 seed)
{
	struct memory_history history;

	memory_format(&memory, 1 << 12, 8, "recent");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	memory_history_begin(&history, &memory, seed);
	history.announces = true;
	for (u32 i = 0; i < 400; i++) {
		memory_history_step(&history);
		compare_all();
	}
	EXPECT_EQ(memory_close(&memory), 0);
	memory_free(&memory);
}

UNIT_TEST(what_is_remembered_is_what_the_rule_says)
{
	for (u64 seed = 1; seed <= 20; seed++)
		history(seed);
	/* Or it has shown nothing. */
	EXPECT(compared > 100000);
	EXPECT(remembered > compared / 20);
}

static void do_job(struct smv_job *job)
{
	EXPECT_EQ(memory_job_done(&memory, job), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
}

static void write_chunk(struct smv_volume *origin, u64 chunk)
{
	struct smv_job job = { 0 };

	EXPECT_EQ(memory_origin_write(&memory, origin, chunk, &job), 0);
	EXPECT_EQ(job.todo, SMV_TODO_COPY);
	do_job(&job);
}

static void move_chunk(struct smv_volume *origin, u64 chunk)
{
	struct smv_job job = { 0 };
	int rc;

	do {
		rc = smv_move(memory.store, origin, chunk, &job, &memory.miss);
	} while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(job.todo, SMV_TODO_MOVE);
	do_job(&job);
}

/* A snapshot of then reads what is pending from the rollback's source, what was moved in place. */
UNIT_TEST(nothing_is_remembered_while_an_origin_rolls_back)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 8 * 8 };
	struct smv_volume *origin, *a, *b;
	struct smv_where where;
	u64 lsn;

	memory_format(&memory, 1 << 12, 8, "recent");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(memory_snapshot(&memory, origin, "a", &a), 0);
	for (u64 chunk = 0; chunk < 8; chunk++)
		write_chunk(origin, chunk);
	EXPECT_EQ(read_place(origin, 0, &where), 0);
	EXPECT_EQ(where.place, SMV_PLACE_ORIGIN);
	EXPECT_EQ(smv_rollback(memory.store, origin, a, NULL, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	EXPECT_EQ(read_place(origin, 0, &where), 0);
	EXPECT_EQ(where.place, SMV_PLACE_STORE);
	EXPECT_EQ(memory_snapshot(&memory, origin, "b", &b), 0);
	for (u64 chunk = 0; chunk < 8; chunk++) {
		EXPECT_EQ(read_place(b, chunk, &where), 0);
		EXPECT_EQ(where.place, SMV_PLACE_STORE);
		move_chunk(origin, chunk);
		EXPECT_EQ(read_place(b, chunk, &where), 0);
		EXPECT_EQ(where.place, SMV_PLACE_ORIGIN);
		compare_all();
	}
	memory_crash(&memory);
	memory_free(&memory);
}

UNIT_TEST(a_full_set_forgets_one_and_a_changed_chunk_all_of_its)
{
	struct smv_recent *recent;
	u64 where, known = 0;

	memory_format(&memory, 1 << 12, 8, "recent");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	recent = &memory.store->recent;
	for (u64 volume = 1; volume <= SMV_RECENT_WAYS + 1; volume++)
		smv_recent_put(recent, volume, 5, 100 + volume);
	for (u64 volume = 1; volume <= SMV_RECENT_WAYS + 1; volume++)
		if (smv_recent_get(recent, volume, 5, &where)) {
			EXPECT_EQ(where, 100 + volume);
			known++;
		}
	EXPECT_EQ(known, SMV_RECENT_WAYS);
	smv_recent_put(recent, 1, 6, 200);
	smv_recent_forget(recent, 5);
	for (u64 volume = 1; volume <= SMV_RECENT_WAYS + 1; volume++)
		EXPECT(!smv_recent_get(recent, volume, 5, &where));
	EXPECT(smv_recent_get(recent, 1, 6, &where));
	EXPECT(!smv_recent_get(recent, 2, 6, &where));
	smv_recent_put(recent, 1, 5, 300);
	EXPECT(smv_recent_get(recent, 1, 5, &where));
	smv_recent_forget_all(recent);
	EXPECT(!smv_recent_get(recent, 1, 5, &where));
	EXPECT(!smv_recent_get(recent, 1, 6, &where));
	memory_crash(&memory);
	memory_free(&memory);
}
