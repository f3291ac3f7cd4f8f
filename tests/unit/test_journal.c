// SPDX-License-Identifier: GPL-2.0-only
/*
 * The journal while it runs: commits, what is durable when, and room.
 */
#include "journal_rig.h"

/* ---- what commits promise ---------------------------------------------------- */

UNIT_TEST(an_empty_ring_has_no_records)
{
	begin();
	EXPECT_EQ(scan(1, 0), 0);
	expect_records(0, 0);
	smv_journal_scan_end(&journal);
	EXPECT_EQ(journal.sequence, 0);
	EXPECT(smv_journal_is_quiet(&journal));
	end();
}

UNIT_TEST(a_commit_is_one_preflushed_forced_write_in_ring_order)
{
	struct smv_io io;

	begin();
	for (u64 round = 0; round < 10; round++) {
		commit_begin(20, &io);
		EXPECT_EQ(io.op, SMV_IO_WRITE);
		EXPECT(io.preflush && io.fua);
		for (u32 i = 0; i < io.count; i++)
			EXPECT_EQ(io.block[i], RING_BLOCK + (round * 20 + i) % RING);
		io_all(&io);
		smv_journal_commit_end(&journal, 0);
		smv_journal_release(&journal, journal.sequence);
	}
	end();
}

UNIT_TEST(records_are_durable_when_their_commit_has_ended_and_not_before)
{
	struct smv_io io;

	begin();
	append(SMV_RECORD_PUT);
	append(SMV_RECORD_GONE);
	EXPECT(!smv_journal_is_quiet(&journal));
	EXPECT_EQ(smv_journal_commit_begin(&journal, &io), 1);
	append(SMV_RECORD_SETTINGS);
	EXPECT_EQ(smv_journal_commit_begin(&journal, &(struct smv_io){ 0 }), 0);
	EXPECT_EQ(journal.durable, 0);
	io_all(&io);
	smv_journal_commit_end(&journal, 0);
	EXPECT_EQ(journal.durable, 2);
	EXPECT(!smv_journal_is_quiet(&journal));
	EXPECT_EQ(reopen(0, 0), 0);
	expect_records(0, 2);
	end();
}

UNIT_TEST(a_commit_without_records_is_none)
{
	struct smv_io io;

	begin();
	EXPECT_EQ(smv_journal_commit_begin(&journal, &io), 0);
	commit(1);
	EXPECT_EQ(smv_journal_commit_begin(&journal, &io), 0);
	end();
}

UNIT_TEST(after_a_failed_commit_none_follows)
{
	struct smv_io io;

	begin();
	commit(1);
	u64 durable = journal.durable;

	commit_begin(1, &io);
	append(SMV_RECORD_GONE);
	smv_journal_commit_end(&journal, -EIO);
	EXPECT_EQ(journal.durable, durable);
	EXPECT_EQ(smv_journal_commit_begin(&journal, &io), -EIO);
	EXPECT_EQ(smv_journal_reserve(&journal, 1, 8), -EIO);
	end();
}

UNIT_TEST(all_types_of_records_come_back_unchanged)
{
	struct smv_disk_record_rekey rekey = { .from = { .volume = 5 }, .to = { .chunk = 6 } };
	struct smv_disk_settings settings = { .label = "it" };
	struct smv_journal_cursor cursor = { 0, 0 };
	enum smv_record_type type;
	const void *payload;
	struct smv_io io;
	u32 bytes;

	begin();
	smv_journal_append(&journal, SMV_RECORD_REKEY, &rekey, sizeof(rekey));
	smv_journal_append(&journal, SMV_RECORD_SETTINGS, &settings, sizeof(settings));
	EXPECT_EQ(smv_journal_commit_begin(&journal, &io), 1);
	io_all(&io);
	EXPECT_EQ(reopen(0, 0), 0);
	EXPECT(smv_journal_scan_next(&journal, &cursor, &type, &payload, &bytes));
	EXPECT_EQ(type, SMV_RECORD_REKEY);
	EXPECT_EQ(bytes, sizeof(rekey));
	EXPECT_MEM(payload, &rekey, bytes);
	EXPECT(smv_journal_scan_next(&journal, &cursor, &type, &payload, &bytes));
	EXPECT_EQ(type, SMV_RECORD_SETTINGS);
	EXPECT_EQ(bytes, sizeof(settings));
	EXPECT_MEM(payload, &settings, bytes);
	EXPECT(!smv_journal_scan_next(&journal, &cursor, &type, &payload, &bytes));
	end();
}

/* ---- room ------------------------------------------------------------------- */

UNIT_TEST(a_full_ring_refuses_records_commits_what_it_has_and_recovers_all)
{
	struct smv_io io;
	int result;

	begin();
	for (;;) {
		result = smv_journal_reserve(&journal, 1, sizeof(struct smv_disk_volume));
		if (!result) {
			append(SMV_RECORD_VOLUME);
			continue;
		}
		EXPECT_EQ(result, -EBUSY);
		if (!smv_journal_commit_begin(&journal, &io))
			break;
		io_all(&io);
		smv_journal_commit_end(&journal, 0);
	}
	EXPECT_EQ(smv_journal_used(&journal), RING);
	EXPECT_EQ(journal.durable, appended);
	EXPECT_EQ(smv_journal_reserve(&journal, 1, 8), -EBUSY);
	EXPECT_EQ(reopen(0, 0), 0);
	expect_records(0, appended);
	smv_journal_scan_end(&journal);
	EXPECT_EQ(smv_journal_used(&journal), RING);
	EXPECT_EQ(journal.lsn, appended);
	EXPECT_EQ(journal.durable, appended);
	EXPECT_EQ(smv_journal_reserve(&journal, 1, 8), -EBUSY);
	smv_journal_release(&journal, SMV_COMMIT_BLOCKS);
	EXPECT_EQ(smv_journal_reserve(&journal, 1, 8), 0);
	commit(SMV_COMMIT_BLOCKS);
	EXPECT_EQ(smv_journal_used(&journal), RING);
	end();
}

UNIT_TEST(blocks_in_flight_and_waiting_count_against_the_ring)
{
	struct smv_io io;

	begin();
	commit(SMV_COMMIT_BLOCKS);
	commit_begin(SMV_COMMIT_BLOCKS - 1, &io);
	append(SMV_RECORD_GONE);
	EXPECT_EQ(smv_journal_reserve(&journal, 6, sizeof(struct smv_disk_volume)), -EBUSY);
	EXPECT_EQ(smv_journal_reserve(&journal, 5, sizeof(struct smv_disk_volume)), 0);
	io_all(&io);
	smv_journal_commit_end(&journal, 0);
	EXPECT_EQ(smv_journal_reserve(&journal, 6, sizeof(struct smv_disk_volume)), -EBUSY);
	smv_journal_release(&journal, 1);
	EXPECT_EQ(smv_journal_reserve(&journal, 6, sizeof(struct smv_disk_volume)), 0);
	end();
}

UNIT_TEST(append_without_room_fails_an_assertion)
{
	u64 volume[sizeof(struct smv_disk_volume) / 8] = { 0 };

	begin();
	for (u32 i = 0; i < SMV_COMMIT_BLOCKS * 5; i++)
		append(SMV_RECORD_VOLUME);
	EXPECT_EQ(smv_journal_reserve(&journal, 1, sizeof(volume)), -EBUSY);
	EXPECT_ASSERT(smv_journal_append(&journal, SMV_RECORD_VOLUME, volume, sizeof(volume)));
	end();
}

UNIT_TEST(append_of_a_wrong_length_fails_an_assertion)
{
	begin();
	EXPECT_ASSERT(smv_journal_append(&journal, SMV_RECORD_GONE, disk, 16));
	EXPECT_ASSERT(smv_journal_append(&journal, (enum smv_record_type)10, disk, 8));
	end();
}

/* Sizes mixed at random below the size reserved for: append asserts otherwise. */
UNIT_TEST(what_was_reserved_always_fits)
{
	static const enum smv_record_type type[] = { SMV_RECORD_GONE, SMV_RECORD_PUT,
						     SMV_RECORD_VOLUME };
	static const u32 bytes[] = { 8, sizeof(struct smv_disk_record_put),
				     sizeof(struct smv_disk_volume) };
	u64 payload[sizeof(struct smv_disk_volume) / 8] = { 0 };
	struct smv_io io;
	u32 records, most, i, one, granted = 0;

	begin();
	for (u32 round = 0; round < 20000; round++) {
		records = 1 + (u32)unit_below(unit_below(8) ? 12 : 300);
		most = (u32)unit_below(3);
		if (!smv_journal_reserve(&journal, records, bytes[most])) {
			for (i = 0; i < records; i++) {
				one = (u32)unit_below(most + 1);
				smv_journal_append(&journal, type[one], payload, bytes[one]);
			}
			granted++;
		} else if (smv_journal_commit_begin(&journal, &io)) {
			smv_journal_commit_end(&journal, 0);
		} else {
			smv_journal_release(&journal, journal.sequence);
		}
	}
	EXPECT_LT(5000, granted);
	end();
}

UNIT_TEST(failed_allocations_leak_nothing)
{
	u64 n;

	for (n = 1; n <= 2; n++) {
		rig_host_fail_at(n);
		EXPECT_EQ(smv_journal_init(&journal, &rig_host, uuid, RING_BLOCK, RING), -ENOMEM);
		EXPECT_EQ(rig_host_live(), 0);
	}
	begin();
	rig_host_fail_at(1);
	EXPECT_EQ(smv_journal_scan_begin(&journal, 1, 0), -ENOMEM);
	EXPECT_EQ(smv_journal_scan_begin(&journal, 1, 0), 0);
	end();
}
