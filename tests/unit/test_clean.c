// SPDX-License-Identifier: GPL-2.0-only
/* The cleaner: what it leaves is what some snapshot reads. */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"
#include "state.h"

#define SECTORS 4096u
#define CHUNKS 40u
#define SNAPSHOTS 120u

static struct memory memory;
static struct smv_volume *origin;
static bool there[SNAPSHOTS]; /* snapshot i is as of epoch i + 1 */
static u32 taken;
static u32 label[CHUNKS][SNAPSHOTS]; /* epochs, ascending, whose entries some snapshot reads */
static u32 labels[CHUNKS];

static void begin(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = SECTORS };
	u64 lsn;

	memset(there, 0, sizeof(there));
	memset(labels, 0, sizeof(labels));
	taken = 0;
	memory_format(&memory, 1 << 14, 8, "clean");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
}

static void end(void)
{
	EXPECT_EQ(memory_close(&memory), 0);
	memory_free(&memory);
}

static void snapshot(void)
{
	char name[16];
	struct smv_snapshot_part part = { .of = origin, .name = name, .memo = "" };
	u64 lsn;
	int rc;

	snprintf(name, sizeof(name), "s%u", taken);
	do
		rc = smv_snapshot(memory.store, &part, 1, 1, &lsn);
	while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	there[taken++] = true;
}

static void write_chunk(u32 chunk)
{
	struct smv_job job = { 0 };

	EXPECT_EQ(memory_origin_write(&memory, origin, chunk, &job), 0);
	if (job.todo == SMV_TODO_COPY) {
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
		label[chunk][labels[chunk]++] = taken + 1;
	}
}

static void take_away(u32 which)
{
	struct smv_volume *volume;
	char name[16];
	u64 lsn;
	int rc;

	snprintf(name, sizeof(name), "s%u", which);
	volume = smv_volume_snapshot(memory.store, "data", name);
	do
		rc = smv_delete(memory.store, volume, &lsn);
	while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	there[which] = false;
}

static bool is_read(u32 from, u32 end)
{
	for (u32 i = 0; i < taken; i++)
		if (there[i] && i + 1 >= from && i + 1 < end)
			return true;
	return false;
}

/* What the cleaner is to leave, and no more; taken one by one as it does. */
static u32 entries_read(void)
{
	u32 count = 0;

	for (u32 chunk = 0; chunk < CHUNKS; chunk++) {
		u32 from = 0, kept = 0;

		for (u32 i = 0; i < labels[chunk]; i++) {
			u32 end = label[chunk][i];

			if (!is_read(from, end))
				continue;
			label[chunk][kept++] = end;
			from = end;
		}
		labels[chunk] = kept;
		count += kept;
	}
	return count;
}

/* 0: it has nothing to do now. */
static int clean(u32 entries)
{
	u32 freed;
	int rc;

	do
		rc = smv_clean_step(memory.store, entries, &freed, &memory.miss);
	while (memory_again(&memory, &rc));
	EXPECT(rc == 0 || rc == 1);
	return rc;
}

static void clean_all(void)
{
	struct smv_store_info info;

	EXPECT_EQ(memory_clean(&memory, 16), 0);
	smv_store_info(memory.store, &info);
	EXPECT_EQ(info.ghosts, 0);
	EXPECT_EQ(info.exceptions, entries_read());
}

static void write_some(u32 writes)
{
	while (writes--)
		write_chunk((u32)unit_below(CHUNKS));
}

static void delete_one(void)
{
	u32 which = (u32)unit_below(taken), i;

	for (i = 0; i < taken && !there[which]; i++)
		which = (which + 1) % taken;
	if (there[which])
		take_away(which);
}

UNIT_TEST(deletions_in_any_order_leave_what_the_others_read_and_nothing_else)
{
	begin();
	while (taken < SNAPSHOTS) {
		snapshot();
		write_some(8);
	}
	for (u32 left = SNAPSHOTS; left;) {
		u32 some = 1 + (u32)unit_below(left < 9 ? left : 9);

		for (left -= some; some; some--)
			delete_one();
		clean_all();
	}
	EXPECT_EQ(entries_read(), 0);
	end();
}

/* Each pass is under way while others come: their entries are not the pass's to judge. */
UNIT_TEST(snapshots_taken_while_a_pass_is_under_way_lose_nothing)
{
	begin();
	while (taken < SNAPSHOTS) {
		snapshot();
		write_some(8);
		if (taken % 3 == 0)
			delete_one();
		EXPECT_EQ(memory_commit(&memory), 0);
		for (u32 steps = (u32)unit_below(40); steps; steps--)
			clean(1);
	}
	/* once more over all, since what is made during a pass is left to the next */
	delete_one();
	clean_all();
	end();
}

UNIT_TEST(the_cleaner_needs_no_memory)
{
	begin();
	while (taken < SNAPSHOTS) {
		snapshot();
		write_some(2);
	}
	rig_host_fail_all(true);
	for (u32 i = 0; i < SNAPSHOTS; i += 1 + i % 2)
		take_away(i);
	clean_all();
	rig_host_fail_all(false);
	end();
}

/* ---- merging a ghost ------------------------------------------------------- */

static struct smv_limits small_cache = { .cache_blocks = 64 };

/* Entries of a snapshot that need no chunk: zeroes. */
static void zero(struct smv_volume *snapshot, u64 first, u64 count)
{
	u64 lsn;
	int rc;

	for (u64 i = first; i < first + count; i++) {
		do
			rc = smv_snapshot_zero(memory.store, snapshot, i, &lsn, &memory.miss);
		while (memory_again(&memory, &rc));
		EXPECT_EQ(rc, 0);
	}
}

/* An origin with a snapshot; an opening's store large enough for all that follows without a checkpoint. */
static struct smv_volume *begin_ghost(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 1 << 24 };
	struct smv_volume *ghost;
	u64 lsn;

	memory_format(&memory, 1 << 18, 8, "ghost");
	EXPECT_EQ(memory_open(&memory, false, &small_cache), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(memory_snapshot(&memory, origin, "ghost", &ghost), 0);
	return ghost;
}

/* From here on it is one, with the snapshot "heir" below it; all it has is in the tree. */
static void make_ghost(struct smv_volume *ghost)
{
	u64 lsn;

	EXPECT_EQ(smv_delete(memory.store, ghost, &lsn), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
}

static u64 looked_at(void)
{
	return memory.store->blocks.hits + memory.store->blocks.misses;
}

/* One step; it must not need more than @most blocks that are not in memory. */
static int clean_step_within(u32 most)
{
	u64 reads = memory.reads;
	u32 freed;
	int rc;

	do {
		rc = smv_clean_step(memory.store, 1, &freed, &memory.miss);
		EXPECT_LT(memory.reads - reads, most + 1);
	} while (memory_again(&memory, &rc));
	return rc;
}

/* Cleans all, without a checkpoint; how many blocks were looked at. */
static u64 clean_without_checkpoint(u32 most)
{
	u64 looked = looked_at(), done = memory.store->checkpoint.done;
	struct smv_store_info info;

	do {
		EXPECT_EQ(memory_commit(&memory), 0);
		while (clean_step_within(most) == 1)
			;
		smv_store_info(memory.store, &info);
	} while (info.cleaning);
	EXPECT_EQ(info.ghosts, 0);
	EXPECT_EQ(memory.store->checkpoint.done, done);
	return looked_at() - looked;
}

static u64 merge_ghost(u64 entries)
{
	struct smv_volume *ghost = begin_ghost(), *heir;
	u64 looked;

	zero(ghost, 0, entries);
	EXPECT_EQ(memory_snapshot(&memory, ghost, "heir", &heir), 0);
	make_ghost(ghost);
	looked = clean_without_checkpoint(16);
	EXPECT_EQ(heir->exceptions, entries);
	EXPECT_EQ(heir->parent, origin);
	end();
	return looked;
}

UNIT_TEST(a_ghost_is_merged_without_looking_at_what_was_merged)
{
	u64 once = merge_ghost(1000), twice = merge_ghost(2000);

	EXPECT_LT(once, 20 * 1000);
	EXPECT_LT(twice, 2 * once + once / 4);
}

/* More than fits into the cache: each step must get on with what is in there. */
UNIT_TEST(a_ghost_with_more_leaves_than_the_cache_has_blocks_is_merged)
{
	merge_ghost(8000);
}

/* Should the merge's place ever be behind an entry, that one is not lost. */
UNIT_TEST(a_ghost_does_not_go_before_its_last_entry)
{
	struct smv_volume *ghost = begin_ghost(), *heir;

	zero(ghost, 0, 100);
	EXPECT_EQ(memory_snapshot(&memory, ghost, "heir", &heir), 0);
	make_ghost(ghost);
	while (memory.store->clean.phase != SMV_CLEAN_MERGE || heir->exceptions < 50)
		EXPECT_EQ(clean_step_within(16), 1);
	memory.store->clean.place.chunk = 90;
	clean_without_checkpoint(16);
	EXPECT_EQ(heir->exceptions, 100);
	EXPECT_EQ(memory.store->exception_count, 100);
	end();
}

/* The pass frees many entries in a row; the merge that follows has to get past them. */
UNIT_TEST(a_merge_gets_past_what_the_pass_before_has_freed)
{
	struct smv_volume *ghost = begin_ghost(), *heir;

	zero(ghost, 0, 1);
	zero(ghost, 8001, 1);
	EXPECT_EQ(memory_snapshot(&memory, ghost, "heir", &heir), 0);
	zero(ghost, 1, 8000);
	make_ghost(ghost);
	clean_without_checkpoint(16);
	EXPECT_EQ(heir->exceptions, 2);
	EXPECT_EQ(memory.store->exception_count, 2);
	end();
}
