// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which chunks of an origin are preserved: what the engine answers must not depend
 * on which bits are set, on what checkpoints have moved into the tree, or on there being memory
 * for bits; how much it reads may.
 */
#include "unit.h"
#include "memory.h"
#include "ranges.h"
#include "rig_host.h"

#define CHUNK_BLOCKS 1u
#define CHUNKS (1u << 15)
#define SECTORS (CHUNKS * CHUNK_BLOCKS * SMV_BLOCK_SECTORS)
#define STORE_BLOCKS (1u << 15)

static struct memory memory;
static struct smv_volume *origin;
static u32 names;
static u64 live;

static void take_snapshot(void)
{
	char name[32];

	snprintf(name, sizeof(name), "s%u", names++);
	EXPECT_EQ(memory_snapshot(&memory, origin, name, NULL), 0);
}

static void begin(u32 cache_blocks)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = SECTORS };
	struct smv_limits limits = { .cache_blocks = cache_blocks };
	u64 lsn;

	names = 0;
	live = rig_host_live();
	memory_format(&memory, STORE_BLOCKS, CHUNK_BLOCKS, "p");
	EXPECT_EQ(memory_open(&memory, false, &limits), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
	take_snapshot();
}

static void end(void)
{
	EXPECT_EQ(memory_close(&memory), 0);
	memory_free(&memory);
	EXPECT_EQ(rig_host_live(), live);
}

static void reopen(u32 cache_blocks)
{
	struct smv_limits limits = { .cache_blocks = cache_blocks };

	EXPECT_EQ(memory_close(&memory), 0);
	EXPECT_EQ(memory_open(&memory, false, &limits), 0);
	origin = smv_volume_origin(memory.store, "data");
}

/* What a write of the chunk needs. */
static enum smv_todo needs(u64 chunk)
{
	struct smv_job job = { 0 };
	enum smv_todo todo;

	EXPECT_EQ(memory_origin_write(&memory, origin, chunk, &job), 0);
	todo = job.todo;
	smv_job_cancel(memory.store, &job);
	return todo;
}

/* The chunk is preserved and that recorded; its write does not come. */
static void preserve(u64 chunk)
{
	EXPECT_EQ(memory_first_write(&memory, origin, chunk), 0);
}

static bool is_set(u64 first, u64 end)
{
	const struct smv_preserved *preserved;

	EXPECT_EQ(smv_origin_preserved(memory.store, origin, &preserved), 0);
	return smv_preserved_test(preserved, first, end);
}

static void set(u64 first, u64 end)
{
	smv_preserved_set(memory.store, origin, first, end);
}

static void checkpoint(void)
{
	EXPECT_EQ(memory_commit(&memory), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
}

UNIT_TEST(bits_are_those_that_were_set)
{
	begin(0);
	EXPECT(!is_set(0, 1));
	set(16380, 16390); /* two pages */
	EXPECT(is_set(16380, 16390));
	EXPECT(!is_set(16379, 16381));
	EXPECT(!is_set(16389, 16391));
	set(1ULL << 60, (1ULL << 60) + 1); /* none has room for it */
	EXPECT(!is_set(1ULL << 60, (1ULL << 60) + 1));
	end();
}

UNIT_TEST(a_preserved_chunk_is_known_before_and_after_its_bit_is_set)
{
	begin(0);
	for (u32 sets = 0; sets < 2; sets++) {
		preserve(sets);
		EXPECT_EQ(needs(sets), SMV_TODO_GO);
		if (sets)
			set(sets, sets + 1);
		for (u32 i = 0; i < 3; i++) {
			checkpoint();
			EXPECT_EQ(needs(sets), SMV_TODO_GO);
			EXPECT_EQ(needs(2), SMV_TODO_COPY);
			preserve(10 * sets + 10 + i); /* or nothing is to be written */
		}
	}
	end();
}

UNIT_TEST(a_snapshot_clears_what_is_preserved)
{
	begin(0);
	for (u32 i = 0; i < 4; i++) {
		preserve(1);
		preserve(2);
		set(1, 2);
		if (i % 2)
			checkpoint();
		EXPECT(is_set(1, 2));
		take_snapshot();
		EXPECT(!is_set(1, 2));
		EXPECT_EQ(needs(1), SMV_TODO_COPY);
		EXPECT_EQ(needs(2), SMV_TODO_COPY);
	}
	end();
}

UNIT_TEST(a_rollback_clears_what_is_preserved)
{
	for (u32 undo = 0; undo < 2; undo++) {
		u64 lsn;

		begin(0);
		preserve(1);
		set(1, 2);
		set(7, 8);
		EXPECT_EQ(memory_commit(&memory), 0);
		EXPECT_EQ(smv_rollback(memory.store, origin,
				       smv_volume_snapshot(memory.store, "data", "s0"),
				       undo ? "u" : NULL, 1, &lsn),
			  0);
		EXPECT_EQ(memory_commit(&memory), 0);
		EXPECT(!is_set(1, 2));
		EXPECT(!is_set(7, 8));
		EXPECT_NE(needs(1), SMV_TODO_GO);
		EXPECT_EQ(needs(7), SMV_TODO_COPY); /* for s0 */
		end();
	}
}

/* Blocks read for first writes to chunks that nobody has looked at. */
static u64 reads_of_first_writes(u64 first)
{
	u64 reads = memory.reads;

	for (u64 i = 0; i < 100; i++)
		EXPECT_EQ(needs(first + i * 80), SMV_TODO_COPY);
	return memory.reads - reads;
}

UNIT_TEST(first_writes_read_no_tree_in_an_epoch_that_began_while_the_store_was_open)
{
	begin(64);
	for (u64 i = 0; i < 8000; i++) {
		preserve(2 * i);
		if (i % 32 != 31)
			continue;
		EXPECT_EQ(memory_commit(&memory), 0);
		/* the others' writes come when a checkpoint has begun, or not at all */
		for (u64 j = i - 31; j < i; j++)
			set(2 * j, 2 * j + 1);
		if (i % 2000 < 32)
			checkpoint();
	}
	checkpoint();
	EXPECT_EQ(reads_of_first_writes(1), 0);
	EXPECT_EQ(needs(0), SMV_TODO_GO);
	EXPECT_EQ(needs(62), SMV_TODO_GO);
	reopen(64);
	EXPECT_LT(20, reads_of_first_writes(1));
	EXPECT(!is_set(1, 2));
	set(1, 2);
	EXPECT(is_set(1, 2)); /* that is known in any epoch */
	take_snapshot();
	EXPECT_EQ(reads_of_first_writes(1), 0);
	EXPECT_EQ(reads_of_first_writes(0), 0);
	end();
}

/* Chunks that were preserved and not written are found, however many they are. */
UNIT_TEST(more_strays_than_fit_are_found_all_the_same)
{
	u64 most = SMV_RANGES_MAX + 1000;

	begin(0);
	for (u64 i = 0; i < most; i++) {
		preserve(2 * i);
		if (i % 1024 == 1023)
			checkpoint();
		if (i == 1500) /* half of the strays are none any more */
			for (u64 j = 0; j < 512; j++)
				set(2 * j, 2 * j + 1);
	}
	checkpoint();
	for (u64 i = 0; i < most; i++) {
		EXPECT_EQ(needs(2 * i), SMV_TODO_GO);
		EXPECT_EQ(needs(2 * i + 1), SMV_TODO_COPY);
	}
	take_snapshot();
	EXPECT_EQ(needs(0), SMV_TODO_COPY);
	EXPECT_EQ(needs(4096), SMV_TODO_COPY);
	end();
}

UNIT_TEST(without_memory_for_bits_preserved_chunks_are_found)
{
	begin(0);
	for (u32 i = 0; i < 2; i++) {
		preserve(1);
		preserve(20000);
		set(20000, 20001);
		rig_host_fail_all(true);
		set(1, 2); /* has no page in the first round */
		rig_host_fail_all(false);
		EXPECT_EQ(is_set(1, 2), i);
		EXPECT(is_set(20000, 20001));
		EXPECT_EQ(memory_commit(&memory), 0);
		rig_host_fail_all(true);
		memory.patience = 1;
		EXPECT_EQ(memory_checkpoint(&memory, false), 0);
		rig_host_fail_all(false);
		EXPECT_EQ(needs(1), SMV_TODO_GO);
		EXPECT_EQ(needs(2), SMV_TODO_COPY);
		EXPECT_EQ(needs(20000), SMV_TODO_GO);
		set(1, 2);
		take_snapshot();
	}
	end();
}

/* ---- at random ------------------------------------------------------------------ */

#define FEW 40u

struct model {
	bool recorded[FEW]; /* in the present epoch */
	bool set[FEW];
};

/* One request of a checkpoint, so that much comes to lie in the middle of one. */
static void step_checkpoint(void)
{
	static struct smv_io io;
	int rc;

	do {
		rc = smv_checkpoint_step(memory.store, false, 0, &io, &memory.miss);
	} while (memory_again(&memory, &rc));
	for (u32 i = 0; rc == 1 && i < io.count; i++)
		EXPECT_EQ(memory_write(&memory, io.block[i], io.buffer[i]), 0);
	EXPECT(!rc || rc == 1);
}

static void write_at_random(struct model *model)
{
	u64 chunk = unit_below(FEW);

	EXPECT_EQ(is_set(chunk, chunk + 1), model->set[chunk]);
	EXPECT_EQ(needs(chunk), model->recorded[chunk] ? SMV_TODO_GO : SMV_TODO_COPY);
	if (!model->recorded[chunk])
		preserve(chunk);
	model->recorded[chunk] = true;
	if (unit_below(2))
		return;
	EXPECT_EQ(memory_commit(&memory), 0);
	set(chunk, chunk + 1);
	model->set[chunk] = true;
}

UNIT_TEST(what_is_preserved_is_known_at_random)
{
	struct model model = { 0 };

	begin(0);
	for (u32 i = 0; i < 20000; i++) {
		u64 choice = unit_below(100);

		if (choice < 55) {
			write_at_random(&model);
		} else if (choice < 96) {
			step_checkpoint();
		} else if (choice < 99 || i % 8) {
			take_snapshot();
			memset(&model, 0, sizeof(model));
		} else {
			reopen(0);
			memset(model.set, 0, sizeof(model.set));
		}
	}
	end();
}
