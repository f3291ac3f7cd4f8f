/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A journal on a ring in memory, for its tests. Every record carries a number;
 * numbers ascend.
 */
#ifndef JOURNAL_RIG_H
#define JOURNAL_RIG_H

#include "journal.h"
#include "rig_host.h"
#include "unit.h"

#define RING SMV_JOURNAL_BLOCKS_MIN
#define RING_BLOCK 1000u

static const u8 uuid[SMV_UUID_BYTES] = "a store's uuid.";
static u8 disk[RING][SMV_BLOCK_BYTES] __attribute__((aligned(8)));
static struct smv_journal journal;
static u64 appended; /* number of the last record */

/* ---- a device and its use -------------------------------------------------- */

static void begin(void)
{
	memset(disk, 0, sizeof(disk));
	memset(&journal, 0, sizeof(journal));
	appended = 0;
	EXPECT_EQ(smv_journal_init(&journal, &rig_host, uuid, RING_BLOCK, RING), 0);
}

static void end(void)
{
	smv_journal_exit(&journal);
	EXPECT_EQ(rig_host_live(), 0);
}

/* Does the @index-th block of the request. */
static void io_block(const struct smv_io *io, u32 index)
{
	u64 place = io->block[index] - RING_BLOCK;

	EXPECT_LT(place, RING);
	if (io->op == SMV_IO_READ)
		memcpy(io->buffer[index], disk[place], SMV_BLOCK_BYTES);
	else
		memcpy(disk[place], io->buffer[index], SMV_BLOCK_BYTES);
}

static void io_all(const struct smv_io *io)
{
	for (u32 i = 0; i < io->count; i++)
		io_block(io, i);
}

/* Appends the next number in a record of this type. */
static void append(enum smv_record_type type)
{
	static u64 payload[sizeof(struct smv_disk_volume) / 8];
	u32 bytes = type == SMV_RECORD_VOLUME	? sizeof(struct smv_disk_volume) :
		    type == SMV_RECORD_PUT	? sizeof(struct smv_disk_record_put) :
		    type == SMV_RECORD_SETTINGS ? sizeof(struct smv_disk_settings) :
						  sizeof(__le64);

	EXPECT_EQ(smv_journal_reserve(&journal, 1, bytes), 0);
	payload[0] = ++appended;
	smv_journal_append(&journal, type, payload, bytes);
}

/* A commit of @blocks blocks, sealed; the caller does the write. */
static void commit_begin(u32 blocks, struct smv_io *io)
{
	while (journal.buffer[journal.filling].blocks < blocks)
		append(SMV_RECORD_VOLUME);
	EXPECT_EQ(smv_journal_commit_begin(&journal, io), 1);
	EXPECT_EQ(io->count, blocks);
}

__attribute__((unused)) static void commit(u32 blocks)
{
	struct smv_io io;

	commit_begin(blocks, &io);
	io_all(&io);
	smv_journal_commit_end(&journal, 0);
}

static int scan(u64 incarnation, u64 cut)
{
	struct smv_io io;
	int result, steps = 0;

	EXPECT_EQ(smv_journal_scan_begin(&journal, incarnation, cut), 0);
	while ((result = smv_journal_scan_step(&journal, &io)) == 1) {
		EXPECT_EQ(io.op, SMV_IO_READ);
		EXPECT_LT(steps++, 2);
		io_all(&io);
	}
	return result;
}

/* Opens the ring anew and scans it. */
__attribute__((unused)) static int reopen(u64 incarnation, u64 cut)
{
	smv_journal_exit(&journal);
	EXPECT_EQ(smv_journal_init(&journal, &rig_host, uuid, RING_BLOCK, RING), 0);
	return scan(incarnation, cut);
}

/* The records found are exactly those numbered (after, last]. */
__attribute__((unused)) static void expect_records(u64 after, u64 last)
{
	struct smv_journal_cursor cursor = { 0, 0 };
	enum smv_record_type type;
	const void *payload;
	u64 number;
	u32 bytes;

	while (smv_journal_scan_next(&journal, &cursor, &type, &payload, &bytes)) {
		memcpy(&number, payload, sizeof(number));
		EXPECT_EQ(number, ++after);
	}
	EXPECT_EQ(after, last);
}

__attribute__((unused)) static struct smv_disk_journal *on_disk(u64 sequence)
{
	return (struct smv_disk_journal *)disk[sequence % RING];
}

__attribute__((unused)) static void reseal(u64 sequence)
{
	smv_block_seal(on_disk(sequence), SMV_MAGIC_JOURNAL, uuid, RING_BLOCK + sequence % RING,
		       le64_to_cpu(on_disk(sequence)->header.generation));
}

#endif
