// SPDX-License-Identifier: GPL-2.0-only
/*
 * The journal's recovery: what it must find, must not find, and must refuse;
 * by hand and by random histories with power cuts.
 */
#include "journal_rig.h"

/* ---- what a recovery takes and what it refuses --------------------------------- */

UNIT_TEST(a_torn_commit_is_cut_off_whichever_of_its_blocks_landed)
{
	struct smv_io io;
	u64 before;

	for (u32 landed = 0; landed < 15; landed++) {
		begin();
		commit(2);
		before = appended;
		commit_begin(4, &io);
		for (u32 i = 0; i < 4; i++)
			if (landed >> i & 1)
				io_block(&io, i);
		EXPECT_EQ(reopen(0, 0), 0);
		expect_records(0, before);
		smv_journal_scan_end(&journal);
		EXPECT_EQ(journal.sequence, 2);
		EXPECT_EQ(journal.durable, before);
		EXPECT_EQ(journal.lsn, before);
		end();
	}
}

UNIT_TEST(a_block_torn_inside_cuts_its_commit_off)
{
	struct smv_io io;
	u64 before;

	for (u32 sectors = 0; sectors < 8; sectors++) {
		begin();
		commit(1);
		before = appended;
		commit_begin(2, &io);
		io_block(&io, 0);
		memset(disk[2], 0xff, SMV_BLOCK_BYTES);
		memcpy(disk[2], io.buffer[1], sectors * SMV_SECTOR_BYTES);
		EXPECT_EQ(reopen(0, 0), 0);
		expect_records(0, before);
		end();
	}
}

/* Tears a commit, recovers under @incarnation, tears another one over it. */
static void tear_twice(u64 incarnation)
{
	struct smv_io io;

	begin();
	commit_begin(3, &io);
	io_block(&io, 2);
	EXPECT_EQ(reopen(0, 0), 0);
	smv_journal_scan_end(&journal);
	journal.incarnation = incarnation;
	commit_begin(3, &io);
	io_block(&io, 0);
	io_block(&io, 1);
	EXPECT_EQ(reopen(incarnation, 0), 0);
}

UNIT_TEST(pieces_of_two_torn_commits_never_make_a_whole_one)
{
	tear_twice(1);
	expect_records(0, 0);
	end();
	/* The canary: without a new incarnation they would. */
	tear_twice(0);
	EXPECT_EQ(journal.scan_valid, 3);
	end();
}

UNIT_TEST(blocks_of_older_laps_are_not_taken)
{
	u64 cut, first;

	begin();
	for (u32 round = 0; round < 50; round++) {
		cut = journal.sequence;
		first = appended;
		smv_journal_release(&journal, cut);
		for (u32 i = 0; i < 3; i++)
			commit(1 + (u32)unit_below(9));
		u64 sequence = journal.sequence, incarnation = journal.incarnation;

		EXPECT_EQ(reopen(incarnation, cut), 0);
		expect_records(first, appended);
		smv_journal_scan_end(&journal);
		EXPECT_EQ(journal.sequence, sequence);
	}
	end();
}

UNIT_TEST(blocks_of_another_incarnation_or_store_are_not_taken)
{
	begin();
	commit(2);
	EXPECT_EQ(reopen(1, 0), 0);
	expect_records(0, 0);
	smv_journal_scan_end(&journal);
	for (u64 i = 0; i < 2; i++) {
		on_disk(i)->header.uuid[3] ^= 1;
		on_disk(i)->header.crc = cpu_to_le32(smv_checksum_block(on_disk(i)));
	}
	EXPECT_EQ(reopen(0, 0), 0);
	expect_records(0, 0);
	end();
}

UNIT_TEST(blocks_of_a_later_incarnation_are_refused)
{
	begin();
	journal.incarnation = 1;
	commit(2);
	EXPECT_EQ(reopen(0, 0), -EUCLEAN);
	EXPECT(journal.scan_later);
	end();
	begin();
	journal.incarnation = 1;
	commit(1);
	on_disk(0)->records[0] ^= 1;
	EXPECT_EQ(reopen(0, 0), 0);
	EXPECT(!journal.scan_later);
	expect_records(0, 0);
	end();
}

/* The ring was full at a checkpoint, and is again; the superblock of that checkpoint is lost. */
UNIT_TEST(blocks_of_a_later_round_are_refused)
{
	begin();
	while (journal.sequence < journal.ring_blocks)
		commit(1);
	smv_journal_release(&journal, journal.sequence);
	while (journal.sequence < 2 * journal.ring_blocks)
		commit(1);
	EXPECT_EQ(reopen(0, 0), -EUCLEAN);
	EXPECT(journal.scan_later);
	end();
}

/* Commits of blocks [0,2), [2,5), [5,6); every single block destroyed in turn. */
UNIT_TEST(a_damaged_block_before_a_valid_commit_is_refused_not_truncated)
{
	u64 second;

	for (u64 bad = 0; bad < 6; bad++) {
		begin();
		commit(2);
		commit(3);
		second = appended;
		commit(1);
		on_disk(bad)->records[9] ^= 0x10;
		if (bad < 5) {
			EXPECT_EQ(reopen(0, 0), -EUCLEAN);
		} else {
			EXPECT_EQ(reopen(0, 0), 0);
			expect_records(0, second);
		}
		end();
	}
}

UNIT_TEST(a_gap_is_found_across_the_end_of_the_ring)
{
	begin();
	commit(30);
	commit(30);
	smv_journal_release(&journal, 60);
	commit(3);
	commit(3);
	EXPECT_EQ(reopen(0, 60), 0);
	EXPECT_EQ(journal.scan_valid, 6);
	smv_journal_scan_end(&journal);
	on_disk(61)->header.crc ^= cpu_to_le32(1);
	EXPECT_EQ(reopen(0, 60), -EUCLEAN);
	end();
}

static void set_type(struct smv_disk_journal *block, u16 type, u16 bytes)
{
	struct smv_disk_record record = { cpu_to_le16(type), cpu_to_le16(bytes) };

	memcpy(block->records, &record, sizeof(record));
}

UNIT_TEST(sealed_blocks_with_impossible_contents_are_refused)
{
	struct smv_disk_journal *block = on_disk(1);

	for (u32 what = 0; what < 11; what++) {
		begin();
		commit(3);
		switch (what) {
		case 0:
			block->header.count = 0;
			break;
		case 1:
			block->header.count = cpu_to_le32(SMV_JOURNAL_RECORD_BYTES + 4);
			break;
		case 2:
			block->header.count = cpu_to_le32(le32_to_cpu(block->header.count) - 4);
			break;
		case 3:
			block->header.count = cpu_to_le32(le32_to_cpu(block->header.count) + 2);
			break;
		case 4:
			set_type(block, 0, 688);
			break;
		case 5:
			set_type(block, 9, 688);
			break;
		case 6:
			set_type(block, SMV_RECORD_PUT, 688);
			break;
		case 7:
			set_type(block, SMV_RECORD_VOLUME, 0xffff);
			break;
		case 8:
			block->first = cpu_to_le64(1);
			break;
		case 9:
			block->blocks = cpu_to_le32(2);
			break;
		default:
			on_disk(0)->blocks = cpu_to_le32(SMV_COMMIT_BLOCKS + 1);
			reseal(0);
			break;
		}
		reseal(1);
		EXPECT_EQ(reopen(0, 0), -EUCLEAN);
		end();
	}
}

static void set_watermark(u64 sequence, u64 watermark)
{
	on_disk(sequence)->watermark = cpu_to_le64(watermark);
	reseal(sequence);
}

/* I-WATERMARK: blocks 0 to 2 are a commit, block 3 is one. */
UNIT_TEST(watermarks_that_cannot_be_are_refused)
{
	static const struct {
		u64 watermark[4];
		int rc;
	} table[] = {
		{ { 3, 3, 3, 4 }, 0 },
		{ { 0, 0, 0, 0 }, 0 }, /* of older software */
		{ { 1, 1, 1, 1 }, 0 },
		{ { 3, 2, 3, 4 }, -EUCLEAN }, /* what does the commit say? */
		{ { 4, 4, 4, 4 }, -EUCLEAN }, /* of a block that comes later */
		{ { 3, 3, 3, 5 }, -EUCLEAN },
		{ { 3, 3, 3, 2 }, -EUCLEAN }, /* takes back what was said */
		{ { 3, 3, 3, 0 }, -EUCLEAN },
	};

	for (u32 i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		begin();
		commit(3);
		commit(1);
		for (u32 k = 0; k < 4; k++)
			set_watermark(k, table[i].watermark[k]);
		EXPECT_EQ(reopen(0, 0), table[i].rc);
		EXPECT_EQ(journal.scan_overstates, table[i].rc != 0);
		end();
	}
}

/* ---- random histories with power cuts --------------------------------------------- */

struct history {
	u64 cut; /* of the durable checkpoint, */
	u64 after; /* which covers the records up to this one */
	u64 flown; /* last record of the commit in flight */
	struct smv_io io;
};

static void random_append(void)
{
	static const enum smv_record_type type[] = { SMV_RECORD_GONE, SMV_RECORD_PUT,
						     SMV_RECORD_SETTINGS, SMV_RECORD_VOLUME };
	u32 records = (u32)unit_below(30);

	while (records-- && !smv_journal_reserve(&journal, 1, sizeof(struct smv_disk_volume)))
		append(type[unit_below(4)]);
}

/* The power fails: a random part of the write in flight has landed. */
static void random_cut(struct history *h, u64 durable)
{
	u64 incarnation = journal.incarnation;
	u32 landed = 0, sectors;

	for (u32 i = 0; journal.in_flight && i < h->io.count; i++) {
		u8 *block = disk[h->io.block[i] - RING_BLOCK];

		sectors = unit_below(4) ? 8 : (u32)unit_below(9);
		memcpy(block, h->io.buffer[i], (size_t)sectors * SMV_SECTOR_BYTES);
		landed += !memcmp(block, h->io.buffer[i], SMV_BLOCK_BYTES);
	}
	if (journal.in_flight && landed == h->io.count)
		durable = h->flown;
	EXPECT_EQ(reopen(incarnation, h->cut), 0);
	expect_records(h->after, durable);
	if (!unit_below(4)) /* and again before the checkpoint is durable */
		EXPECT_EQ((smv_journal_scan_end(&journal), reopen(incarnation, h->cut)), 0);
	smv_journal_scan_end(&journal);
	EXPECT_EQ(journal.lsn, durable - h->after);
	h->cut = journal.sequence;
	h->after = durable;
	smv_journal_release(&journal, h->cut);
	journal.incarnation++;
	appended = durable;
}

UNIT_TEST(random_histories_with_power_cuts_keep_every_durable_record)
{
	struct history h = { 0 };
	u64 durable = 0, cuts = 0;

	begin();
	for (u32 step = 0; step < 4000; step++) {
		switch (unit_below(10)) {
		case 0:
			random_cut(&h, durable);
			durable = h.after;
			cuts++;
			break;
		case 1: /* a checkpoint */
			if (!smv_journal_is_quiet(&journal))
				break;
			h.cut = journal.sequence;
			h.after = appended;
			smv_journal_release(&journal, h.cut);
			break;
		case 2:
		case 3:
		case 4:
			if (smv_journal_commit_begin(&journal, &h.io) == 1)
				h.flown = appended;
			break;
		case 5:
		case 6:
		case 7:
			if (!journal.in_flight)
				break;
			io_all(&h.io);
			smv_journal_commit_end(&journal, 0);
			durable = h.flown;
			break;
		default:
			random_append();
		}
	}
	EXPECT_LT(200, cuts);
	EXPECT_LT(1000, appended);
	end();
}
