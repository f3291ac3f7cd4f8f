// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records that go with their copies: what recovery, check and repair make of one
 * whose copy is there, is not there, is there by half, or cannot be read.
 */
#include "unit.h"
#include "checksum.h"
#include "image.h"
#include "memory.h"
#include "repair.h"

#define CHUNK_BLOCKS 8u
#define CHUNK_BYTES (CHUNK_BLOCKS * SMV_BLOCK_BYTES)
#define SECTORS 4001u /* the last chunk has one sector and a half block besides */

static struct memory memory;
static u8 data[CHUNK_BYTES];

static void begin(void)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = SECTORS };
	struct smv_snapshot_part part = { .name = "a", .memo = "" };
	u64 lsn;

	memory_format(&memory, 1 << 12, CHUNK_BLOCKS, "unproven");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	part.of = smv_volume_origin(memory.store, "data");
	EXPECT_EQ(smv_snapshot(memory.store, &part, 1, 1, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	for (u32 i = 0; i < CHUNK_BYTES; i++)
		data[i] = (u8)(i * 7 + i / 251);
}

static u32 bytes_of(u64 chunk)
{
	u64 left = (u64)SECTORS * SMV_SECTOR_BYTES - chunk * CHUNK_BYTES;

	return left < CHUNK_BYTES ? (u32)left : CHUNK_BYTES;
}

/* The copy's first @bytes reach the disk. */
static void write_copy(const struct smv_job *job, u32 bytes)
{
	memcpy(memory.image + job->to.no * CHUNK_BYTES, data, bytes);
}

/* A first write's job, its record made and committed; no copy. */
static void announce(u64 chunk, struct smv_job *job)
{
	struct smv_volume *origin = smv_volume_origin(memory.store, "data");
	u64 lsn;

	memset(job, 0, sizeof(*job));
	EXPECT_EQ(memory_origin_write(&memory, origin, chunk, job), 0);
	EXPECT_EQ(job->todo, SMV_TODO_COPY);
	EXPECT_EQ(smv_job_announce(memory.store, job, smv_checksum_data(data, bytes_of(chunk)),
				   &lsn),
		  0);
	EXPECT(lsn);
	EXPECT_EQ(memory_commit(&memory), 0);
}

static void done(struct smv_job *job)
{
	EXPECT_EQ(memory_job_done(&memory, job), 0);
	EXPECT_EQ(job->todo, SMV_TODO_GO);
}

static enum smv_place place_of(u64 chunk)
{
	struct smv_volume *snapshot = smv_volume_snapshot(memory.store, "data", "a");
	struct smv_where where;
	int rc;

	do {
		rc = smv_read(memory.store, snapshot, chunk, &where, &memory.miss);
	} while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	return where.place;
}

static u64 exceptions(void)
{
	struct smv_store_info info;

	smv_store_info(memory.store, &info);
	EXPECT_EQ(info.data_chunks, info.exceptions);
	return info.exceptions;
}

/* How many exceptions repair finds in the store as it lies there. */
static u64 repaired(void)
{
	struct smv_repair repair = { .read = memory_read,
				     .context = &memory,
				     .blocks = memory.blocks };
	struct smv_repair_result result = { 0 };
	struct smv_image image = { 0 };
	u64 entries;

	EXPECT_EQ(smv_repair(&repair, &image, &result), 0);
	entries = image.entries;
	smv_image_free(&image);
	return entries;
}

/* The power fails; what recovery, for reading alone and for writing, and repair find. */
static void expect_after_cut(u64 chunk, bool there)
{
	memory_crash(&memory);
	EXPECT_EQ(repaired(), there);
	for (u32 write = 0; write < 2; write++) {
		EXPECT_EQ(memory_open(&memory, !write, NULL), 0);
		EXPECT_EQ(exceptions(), there);
		EXPECT_EQ(place_of(chunk), there ? SMV_PLACE_STORE : SMV_PLACE_ORIGIN);
		if (!write)
			memory_crash(&memory);
	}
	EXPECT_EQ(memory_close(&memory), 0);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(exceptions(), there);
	memory_free(&memory);
}

UNIT_TEST(a_copy_that_is_there_is_kept_and_one_that_is_not_is_dropped)
{
	const u64 last = (SECTORS * SMV_SECTOR_BYTES) / CHUNK_BYTES;
	static const u64 chunks[] = { 3, last };
	struct smv_job job;

	for (u32 i = 0; i < 2; i++) {
		begin();
		announce(chunks[i], &job);
		write_copy(&job, bytes_of(chunks[i]));
		expect_after_cut(chunks[i], true);
		begin();
		announce(chunks[i], &job);
		write_copy(&job, bytes_of(chunks[i]) - 1);
		expect_after_cut(chunks[i], false);
	}
}

UNIT_TEST(a_copy_that_cannot_be_read_is_kept)
{
	struct smv_job job;

	begin();
	announce(3, &job);
	memory.unreadable = job.to.no * CHUNK_BLOCKS + 5;
	expect_after_cut(3, true);
	memory.unreadable = 0;
}

UNIT_TEST(an_exception_is_not_seen_before_its_copy_is_there)
{
	struct smv_job job;

	begin();
	announce(3, &job);
	EXPECT_EQ(place_of(3), SMV_PLACE_ORIGIN);
	write_copy(&job, CHUNK_BYTES);
	done(&job);
	EXPECT_EQ(place_of(3), SMV_PLACE_STORE);
	memory_free(&memory);
}

UNIT_TEST(no_checkpoint_begins_while_a_copy_is_under_way)
{
	struct smv_job job, other;
	struct smv_io io;
	u64 lsn;

	begin();
	announce(3, &job);
	EXPECT_EQ(smv_checkpoint_step(memory.store, false, 0, &io, &memory.miss), -EBUSY);
	memset(&other, 0, sizeof(other));
	EXPECT_EQ(smv_origin_write(memory.store, smv_volume_origin(memory.store, "data"), 4, &other,
				   &memory.miss),
		  0);
	EXPECT_EQ(smv_job_announce(memory.store, &other, 1, &lsn), -EBUSY);
	smv_job_cancel(memory.store, &other);
	EXPECT(!(smv_store_wants(memory.store) & SMV_WANT_CHECKPOINT));
	write_copy(&job, CHUNK_BYTES);
	done(&job);
	EXPECT(smv_store_wants(memory.store) & SMV_WANT_CHECKPOINT);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	EXPECT(!(smv_store_wants(memory.store) & SMV_WANT_CHECKPOINT));
	memory_free(&memory);
}

/* What a commit has proven is not looked at again, whatever becomes of its chunk. */
UNIT_TEST(a_proven_copy_is_not_read_by_recovery)
{
	struct smv_job job;

	for (u32 prove = 0; prove < 2; prove++) {
		begin();
		announce(3, &job);
		write_copy(&job, CHUNK_BYTES);
		EXPECT(!(smv_store_wants(memory.store) & SMV_WANT_PROVE));
		done(&job);
		EXPECT(smv_store_wants(memory.store) & SMV_WANT_PROVE);
		if (prove) {
			EXPECT(smv_store_prove(memory.store));
			EXPECT_EQ(memory_commit(&memory), 0);
			EXPECT(!(smv_store_wants(memory.store) & SMV_WANT_PROVE));
		}
		memory.image[job.to.no * CHUNK_BYTES] ^= 1;
		expect_after_cut(3, prove);
	}
}

/* Changes the announced put in the journal. */
static void change_announced(void (*change)(struct smv_disk_record_put *put))
{
	for (u64 b = 0; b < memory.blocks; b++) {
		struct smv_disk_journal *block = (void *)(memory.image + b * SMV_BLOCK_BYTES);
		bool journal = le32_to_cpu(block->header.magic) == SMV_MAGIC_JOURNAL;
		u32 bytes = journal ? le32_to_cpu(block->header.count) : 0;
		struct smv_disk_record record;
		struct smv_disk_record_put put;

		for (u32 at = 0; at < bytes; at += le16_to_cpu(record.bytes)) {
			memcpy(&record, block->records + at, sizeof(record));
			at += (u32)sizeof(record);
			memcpy(&put, block->records + at, sizeof(put));
			if (le16_to_cpu(record.type) != SMV_RECORD_PUT || !put.value.check)
				continue;
			change(&put);
			memcpy(block->records + at, &put, sizeof(put));
			block->header.crc = cpu_to_le32(smv_checksum_block(block));
			return;
		}
	}
	unit_fail(__FILE__, __LINE__, "there is no announced put");
}

static void to_the_snapshot(struct smv_disk_record_put *put)
{
	EXPECT_EQ(le64_to_cpu(put->key.volume), 1);
	put->key.volume = cpu_to_le64(2);
	put->key.epoch = cpu_to_le64(1);
}

static void of_no_chunk(struct smv_disk_record_put *put)
{
	put->value.where = cpu_to_le64(smv_where(SMV_WHERE_ZERO, 0));
}

static void in_place_of_another(struct smv_disk_record_put *put)
{
	put->was = cpu_to_le64(smv_where(SMV_WHERE_ZERO, 0));
}

/* To retract a snapshot's own data, or what took another's place, would lose what is nowhere else. */
UNIT_TEST(announced_records_that_cannot_be_are_refused)
{
	static void (*const change[])(struct smv_disk_record_put *) = { to_the_snapshot,
									of_no_chunk,
									in_place_of_another };
	struct smv_job job;

	for (u32 i = 0; i < 3; i++) {
		begin();
		announce(3, &job);
		write_copy(&job, CHUNK_BYTES);
		memory_crash(&memory);
		change_announced(change[i]);
		EXPECT_EQ(memory_open(&memory, true, NULL), -EUCLEAN);
		EXPECT_EQ(memory_open(&memory, false, NULL), -EUCLEAN);
		EXPECT_EQ(repaired(), 1); /* as lost */
		memory_free(&memory);
	}
}

UNIT_TEST(a_copy_that_fails_fails_the_store)
{
	struct smv_job job;

	begin();
	announce(3, &job);
	smv_job_cancel(memory.store, &job);
	EXPECT(smv_store_failed(memory.store));
	expect_after_cut(3, false);
}
