// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes and discards that are meant to exhaust the room for metadata while chunks are free
 * (I-RESERVE): what makes metadata grow is told to wait for a checkpoint, and refused when that does
 * not help. No checkpoint may find no room; the store opens again, and what is deleted makes room.
 */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"
#include "state.h"

#define PLAIN 15621u /* chunks that data may take of 64 MiB, of 4 KiB each */

static struct memory memory;
static struct smv_volume *origin, *snapshot;
static u32 waits; /* for a checkpoint, for want of room for metadata */

static void begin(u64 blocks, u32 chunk_blocks, u64 chunks, const struct smv_limits *limits)
{
	struct smv_add add = { .name = "data",
			       .identity = "",
			       .sectors = chunks * chunk_blocks * SMV_BLOCK_SECTORS };
	u64 lsn;

	memory_format(&memory, blocks, chunk_blocks, "room");
	EXPECT_EQ(memory_open(&memory, false, limits), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	origin = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(memory_snapshot(&memory, origin, "a", &snapshot), 0);
	waits = 0;
}

static void checkpoint_if_wanted(void)
{
	if (smv_store_wants(memory.store) & SMV_WANT_CHECKPOINT)
		EXPECT_EQ(memory_checkpoint(&memory, false), 0);
}

/* For a loop around an engine's call, as memory_again(). */
static bool again(int *rc)
{
	if (*rc == -EBUSY && memory.store->room_short) {
		EXPECT(smv_store_wants(memory.store) & SMV_WANT_CHECKPOINT);
		waits++;
	}
	return memory_again(&memory, rc);
}

static int zero(u64 chunk)
{
	u64 lsn;
	int rc;

	do
		rc = smv_snapshot_zero(memory.store, snapshot, chunk, &lsn, &memory.miss);
	while (again(&rc));
	checkpoint_if_wanted();
	return rc;
}

static int finish(struct smv_job *job)
{
	int rc = 0;

	if (job->todo != SMV_TODO_OVERWRITE && job->todo != SMV_TODO_GO)
		rc = memory_job_done(&memory, job);
	checkpoint_if_wanted();
	return rc;
}

static int write_to(struct smv_volume *volume, u64 chunk)
{
	struct smv_job job = { 0 };
	int rc;

	do
		rc = smv_snapshot_write(memory.store, volume, chunk, true, &job, &memory.miss);
	while (again(&rc));
	return rc ? rc : finish(&job);
}

static int write_origin(u64 chunk)
{
	struct smv_job job = { 0 };
	int rc;

	do
		rc = smv_origin_write(memory.store, origin, chunk, &job, &memory.miss);
	while (again(&rc));
	return rc ? rc : finish(&job);
}

static void clean_all(void)
{
	struct smv_store_info info;
	u32 freed;
	int rc;

	do {
		EXPECT_EQ(memory_commit(&memory), 0);
		do {
			rc = smv_clean_step(memory.store, 16, &freed, &memory.miss);
			if (rc == 1)
				memory.busy = 0;
			checkpoint_if_wanted();
		} while (rc == 1 || again(&rc));
		EXPECT_EQ(rc, 0);
		smv_store_info(memory.store, &info);
	} while (info.cleaning);
}

static struct smv_volume *any_snapshot(void)
{
	u64 number = 0;
	struct smv_volume *volume;

	while ((volume = smv_volume_after(memory.store, number))) {
		if (!smv_volume_is(volume, SMV_VOLUME_DEAD) && !smv_volume_is_origin(volume))
			return volume;
		number = volume->number;
	}
	return NULL;
}

static void delete (struct smv_volume *volume)
{
	u64 lsn;
	int rc;

	do
		rc = smv_delete(memory.store, volume, &lsn);
	while (again(&rc));
	EXPECT_EQ(rc, 0);
}

/* After a crash it opens, all can be deleted, and there is room again. */
static void end(void)
{
	struct smv_volume *volume;

	EXPECT(!memory.store->failed);
	memory_crash(&memory);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	origin = smv_volume_origin(memory.store, "data");
	while ((volume = any_snapshot())) {
		delete (volume);
		checkpoint_if_wanted();
		if (volume->number % 50 == 2)
			clean_all();
	}
	clean_all();
	EXPECT_EQ(memory.store->volume_count, 1);
	EXPECT_EQ(memory.store->exception_count, 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	EXPECT_EQ(memory_snapshot(&memory, origin, "a", &snapshot), 0);
	for (u64 chunk = 0; chunk < 1000; chunk++)
		EXPECT_EQ(write_origin(chunk), 0);
	EXPECT_EQ(memory_close(&memory), 0);
	memory_free(&memory);
}

static u32 zeroes_then_data(u64 blocks, u32 chunk_blocks, u32 stride)
{
	u64 zeroed = 0;
	u32 written = 0;
	int rc;

	begin(blocks, chunk_blocks, 1 << 22, NULL);
	while (!(rc = zero(2 * zeroed)))
		zeroed++;
	EXPECT_EQ(rc, -ENOSPC);
	for (u64 i = 0;; i++, written++) {
		u64 chunk = stride ? i * stride % (2 * zeroed) : unit_below(2 * zeroed);

		rc = write_to(snapshot, chunk | 1);
		if (rc)
			break;
	}
	EXPECT_EQ(rc, -ENOSPC);
	end();
	return written;
}

UNIT_TEST(data_after_discards_is_refused_while_a_checkpoint_finds_room)
{
	EXPECT_LT(2000, zeroes_then_data(1 << 14, 1, 0));
	EXPECT_LT(0, waits);
	EXPECT_LT(2000, zeroes_then_data(1 << 14, 1, 7919));
	EXPECT_LT(20000, zeroes_then_data(1 << 16, 1, 0));
	EXPECT_LT(6000, zeroes_then_data(1 << 15, 2, 0));
}

/* Jobs that are given find room, however many: a request that needs more of them is refused, not told to wait. */
UNIT_TEST(jobs_that_are_under_way_find_room)
{
	static struct smv_job job[1024];
	u32 jobs = 0;
	u64 chunk = 0;
	int rc;

	begin(1 << 14, 1, 1 << 22, NULL);
	while (!zero(chunk))
		chunk += 2;
	while (!waits)
		EXPECT_EQ(write_to(snapshot, unit_below(40000) | 1), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	do {
		EXPECT_LT(jobs, 1024);
		chunk = unit_below(40000) | 1;
		rc = smv_snapshot_write(memory.store, snapshot, chunk, true, &job[jobs],
					&memory.miss);
		jobs += !rc;
	} while (!rc || again(&rc));
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT_LT(100, jobs);
	while (jobs) {
		rc = finish(&job[--jobs]);
		EXPECT(!rc || rc == -ESTALE);
	}
	end();
}

/* The metadata of larger chunks is not what ends. */
UNIT_TEST(data_after_discards_takes_all_chunks_if_they_are_large)
{
	EXPECT_LT(15600, zeroes_then_data(1 << 16, 4, 0));
	EXPECT_LT(15800, zeroes_then_data(1 << 18, 16, 0));
}

static void mixture(u64 blocks, u32 chunk_blocks, u64 range, u32 extent, u32 percent)
{
	u32 refusals = 0;

	begin(blocks, chunk_blocks, range, NULL);
	for (u32 i = 0; i < 50000; i++) {
		u64 chunk = unit_below(range), left = 1 + unit_below(extent);
		bool discard = unit_below(100) < percent;

		for (; left-- && chunk < range; chunk++) {
			int rc = discard ? zero(chunk) : write_to(snapshot, chunk);

			EXPECT(!rc || rc == -ENOSPC);
			refusals += !!rc;
		}
	}
	EXPECT_LT(1000, refusals);
	end();
}

UNIT_TEST(no_mixture_of_discards_and_writes_exhausts_metadata)
{
	mixture(1 << 14, 1, 60000, 1, 50);
	mixture(1 << 14, 1, 60000, 8, 60);
	mixture(1 << 14, 1, 100000, 16, 70);
	mixture(1 << 14, 1, 200000, 64, 60);
	mixture(1 << 15, 2, 100000, 8, 60);
	mixture(1 << 16, 1, 250000, 64, 75);
}

/* As many as there is room for, and how many. */
static u32 take_many(void)
{
	char name[16];
	u32 taken = 0;
	int rc;

	begin(1 << 14, 1, 1 << 22, NULL);
	do {
		snprintf(name, sizeof(name), "s%u", taken++);
		rc = memory_snapshot(&memory, origin, name, NULL);
		checkpoint_if_wanted();
	} while (!rc);
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT_LT(700, taken);
	return taken;
}

/* Writes to the origin, or to any of the snapshots, until there is no room; and how many. */
static u32 write_beside_many(bool of_origin)
{
	u32 taken = take_many(), written = 0;
	int rc;

	do {
		struct smv_volume *volume =
			smv_volume_after(memory.store, 1 + unit_below(taken - 1));

		rc = of_origin ? write_origin(unit_below(1 << 22)) :
				 write_to(volume, unit_below(1 << 22));
		written += !rc;
	} while (!rc);
	EXPECT_EQ(rc, -ENOSPC);
	end();
	return written;
}

UNIT_TEST(first_writes_go_on_beside_many_snapshots)
{
	EXPECT_LT(13000, write_beside_many(true));
	EXPECT_LT(10000, write_beside_many(false));
}

/* What comes between the entries of a leaf, if there is room. */
static void write_between(u64 chunk)
{
	int rc = write_origin(chunk | 1);

	EXPECT(!rc || rc == -ENOSPC);
}

/* Most leaves become half full, while their neighbours rest; then one checkpoint takes two of three, and all volumes. */
UNIT_TEST(writes_and_deletions_of_many_snapshots_wait_for_checkpoints)
{
	const u32 full = 101;
	u32 taken = take_many();

	for (u64 i = 0; i < 118 * full; i++)
		EXPECT_EQ(write_origin(2 * i), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	for (u32 round = 0; round < 2; round++) {
		for (u32 leaf = round; leaf < 118; leaf += 2)
			write_between(2 * full * leaf + 140);
		EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	}
	for (u64 number = 2; number < taken; number += 5)
		delete (smv_volume_number(memory.store, number));
	for (u32 half = 0; half < 236; half++)
		if (half % 3)
			write_between(full * half + 6);
	EXPECT_EQ(memory_commit(&memory), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	EXPECT_LT(0, waits);
	end();
}

static u32 fill(u32 stride)
{
	u32 written = 0;
	u64 chunk = 0;
	int rc;

	begin(1 << 14, 1, 1 << 22, NULL);
	while (!(rc = write_origin(chunk))) {
		written++;
		chunk = stride ? (chunk + stride) % 20000 : unit_below(1 << 22);
	}
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT_EQ(waits, 0);
	end();
	return written;
}

UNIT_TEST(plain_first_writes_take_all_chunks)
{
	EXPECT_LE(PLAIN, fill(1));
	EXPECT_LE(PLAIN, fill(7919));
	EXPECT_LE(PLAIN, fill(0));
}

UNIT_TEST(lost_chunks_are_refused_while_a_checkpoint_finds_room)
{
	u64 chunk = 0, lsn;
	int rc;

	begin(1 << 14, 1, 1 << 22, NULL);
	for (;; chunk++) {
		struct smv_job job = { 0 };

		do
			rc = smv_origin_write(memory.store, origin, chunk, &job, &memory.miss);
		while (again(&rc));
		if (rc)
			break;
		do
			rc = smv_job_lost(memory.store, &job, &lsn, &memory.miss);
		while (again(&rc));
		EXPECT_EQ(rc, 0);
		checkpoint_if_wanted();
	}
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT_LT(20000, chunk);
	end();
}

/* One entry, without a checkpoint. 0; -EBUSY: an overlay is full; -ENOSPC. */
static int put(struct smv_volume *volume, u64 chunk)
{
	struct smv_job job;
	u64 lsn;
	int rc, tries = 0;

	do
		rc = smv_snapshot_write(memory.store, volume, chunk, true, &job, &memory.miss);
	while (rc == -EAGAIN && memory_again(&memory, &rc));
	if (rc)
		return rc;
	do {
		if (tries)
			EXPECT_EQ(memory_commit(&memory), 0);
		do
			rc = smv_job_done(memory.store, &job, &lsn, &memory.miss);
		while (rc == -EAGAIN && memory_again(&memory, &rc));
	} while (rc == -EBUSY && tries++ < 2);
	if (rc)
		smv_job_cancel(memory.store, &job);
	return rc;
}

static void put_all(struct smv_volume *volume, u64 first)
{
	int rc = 0;

	for (u64 chunk = first; !rc; chunk += 2)
		if (chunk % 100 != 50)
			rc = put(volume, chunk);
	EXPECT(rc == -EBUSY || rc == -ENOSPC);
	EXPECT_EQ(memory_commit(&memory), 0);
}

/* To its end; a checkpoint that had begun with @io. */
static void finish_checkpoint(struct smv_io *io)
{
	int rc;

	do {
		for (u32 i = 0; i < io->count; i++)
			EXPECT_EQ(memory_write(&memory, io->block[i], io->buffer[i]), 0);
		io->count = 0;
		do
			rc = smv_checkpoint_step(memory.store, false, 0, io, &memory.miss);
		while (rc == -EAGAIN && memory_again(&memory, &rc));
	} while (rc == 1);
	EXPECT_EQ(rc, 0);
}

/*
 * What is kept back from data is reckoned with the tree as it is: the second of two full overlays
 * meets the one that the first has made.
 */
UNIT_TEST(a_fresh_store_that_is_filled_at_once_has_room_for_two_checkpoints)
{
	const u32 each = 32768;
	struct smv_limits limits = { .overlay_entries = each };
	struct smv_volume *later;
	static struct smv_io io;
	int rc;

	begin((2 * each + 2 * each / 100 + 440) * 16, 16, 1 << 21, &limits);
	for (u64 i = 0; i < 2 * each / 100 + 200; i++)
		EXPECT_EQ(put(snapshot, i * 100 + 50), 0);
	EXPECT_EQ(memory_snapshot(&memory, snapshot, "b", &later), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	put_all(later, 0);
	do
		rc = smv_checkpoint_step(memory.store, false, 0, &io, &memory.miss);
	while (rc == -EAGAIN && memory_again(&memory, &rc));
	EXPECT_EQ(rc, 1);
	put_all(later, 1);
	finish_checkpoint(&io);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	delete (snapshot);
	clean_all();
	end();
}
