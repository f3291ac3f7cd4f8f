// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated disk's own promises: what a flush, a fua write and a power cut
 * mean, what a read beside a write in flight may see, and that the failures
 * asked for happen, and no other.
 */
#include "disk.h"
#include "unit.h"

#define FILL 7u

static struct disk *disk;

static void fresh(void)
{
	disk_delete(disk);
	disk = disk_new(64, FILL, unit_random());
}

static struct disk_request issue(u64 sector, u32 count, u32 token)
{
	u32 data[8 * DISK_SECTOR / 4];

	for (u32 i = 0; i < sizeof(data) / 4; i++)
		data[i] = token;
	return disk_write_begin(disk, sector, count, data);
}

static int write_sectors(u64 sector, u32 count, u32 token, bool fua)
{
	struct disk_request request = issue(sector, count, token);

	return disk_write_end(disk, &request, fua);
}

static int flush(void)
{
	struct disk_request request = disk_flush_begin(disk);

	return disk_flush_end(disk, &request);
}

static u32 sector_of(struct disk *d, u64 sector)
{
	u32 data[DISK_SECTOR / 4];

	EXPECT_EQ(disk_read(d, sector, 1, data), 0);
	for (u32 i = 1; i < DISK_SECTOR / 4; i++)
		EXPECT_EQ(data[i], data[0]);
	return data[0];
}

UNIT_TEST(unwritten_sectors_hold_the_fill)
{
	fresh();
	EXPECT_EQ(sector_of(disk, 0), FILL);
	EXPECT_EQ(sector_of(disk, 63), FILL);
	EXPECT_EQ(disk_unflushed(disk), 0);
}

UNIT_TEST(cut_keeping_none_loses_completed_writes)
{
	fresh();
	write_sectors(3, 2, 100, false);
	EXPECT_EQ(sector_of(disk, 4), 100);
	EXPECT_EQ(disk_unflushed(disk), 1);
	disk_cut(disk, DISK_CUT_NONE, 0);
	EXPECT_EQ(sector_of(disk, 3), FILL);
	EXPECT_EQ(sector_of(disk, 4), FILL);
	EXPECT_EQ(disk_unflushed(disk), 0);
}

UNIT_TEST(cut_keeping_all_keeps_even_what_was_in_flight)
{
	fresh();
	write_sectors(3, 1, 100, false);
	issue(4, 1, 101);
	disk_cut(disk, DISK_CUT_ALL, 0);
	EXPECT_EQ(sector_of(disk, 3), 100);
	EXPECT_EQ(sector_of(disk, 4), 101);
}

UNIT_TEST(flush_makes_durable_what_completed_before_it_was_issued)
{
	struct disk_request late, request;

	fresh();
	write_sectors(1, 1, 100, false);
	late = issue(2, 1, 101);
	request = disk_flush_begin(disk);
	write_sectors(1, 1, 102, false);
	disk_write_end(disk, &late, false);
	EXPECT_EQ(disk_flush_end(disk, &request), 0);
	EXPECT_EQ(sector_of(disk, 1), 102);
	disk_cut(disk, DISK_CUT_NONE, 0);
	EXPECT_EQ(sector_of(disk, 1), 100);
	EXPECT_EQ(sector_of(disk, 2), FILL);
}

UNIT_TEST(fua_write_is_durable_when_it_completes_and_alone)
{
	fresh();
	write_sectors(1, 1, 100, false);
	write_sectors(2, 1, 101, true);
	write_sectors(2, 1, 102, false);
	disk_cut(disk, DISK_CUT_NONE, 0);
	EXPECT_EQ(sector_of(disk, 1), FILL);
	EXPECT_EQ(sector_of(disk, 2), 101);
}

UNIT_TEST(cut_keeps_each_single_request)
{
	for (u32 pick = 0; pick < 3; pick++) {
		fresh();
		for (u32 i = 0; i < 3; i++)
			write_sectors(8 * i, 8, 100 + i, false);
		EXPECT_EQ(disk_unflushed(disk), 3);
		disk_cut(disk, DISK_CUT_ONE, pick);
		for (u32 i = 0; i < 3; i++)
			EXPECT_EQ(sector_of(disk, 8 * i + 5), i == pick ? 100 + i : FILL);
	}
}

UNIT_TEST(cut_loses_each_single_request_or_keeps_a_prefix)
{
	for (u32 pick = 0; pick < 3; pick++) {
		struct disk *copy;

		fresh();
		for (u32 i = 0; i < 3; i++)
			write_sectors(8 * i, 8, 100 + i, false);
		copy = disk_clone(disk);
		disk_cut(disk, DISK_CUT_BUT_ONE, pick);
		disk_cut(copy, DISK_CUT_PREFIX, pick);
		for (u32 i = 0; i < 3; i++) {
			EXPECT_EQ(sector_of(disk, 8 * i), i != pick ? 100 + i : FILL);
			EXPECT_EQ(sector_of(copy, 8 * i), i < pick ? 100 + i : FILL);
		}
		disk_delete(copy);
	}
}

UNIT_TEST(cut_by_sectors_tears_writes_and_takes_older_values)
{
	u32 torn = 0, older = 0;

	for (u32 n = 0; n < 200; n++) {
		u32 kept = 0;

		fresh();
		write_sectors(0, 8, 100, false);
		write_sectors(0, 8, 101, false);
		disk_cut(disk, DISK_CUT_SECTORS, 0);
		for (u32 i = 0; i < 8; i++) {
			u32 token = sector_of(disk, i);

			EXPECT(token == FILL || token == 100 || token == 101);
			kept += token == 101;
			older += token == 100;
		}
		torn += kept && kept < 8;
	}
	EXPECT_LT(150, torn);
	EXPECT_LT(400, older);
}

UNIT_TEST(read_beside_a_write_in_flight_sees_old_or_new)
{
	u32 old = 0;

	for (u32 n = 0; n < 200; n++) {
		u32 token;

		fresh();
		write_sectors(0, 1, 100, false);
		issue(0, 1, 101);
		token = sector_of(disk, 0);
		EXPECT(token == 100 || token == 101);
		old += token == 100;
	}
	EXPECT_LT(50, old);
	EXPECT_LT(old, 150);
}

UNIT_TEST(overlapping_writes_land_in_any_order_and_then_stay)
{
	u32 first = 0;

	for (u32 n = 0; n < 200; n++) {
		struct disk_request a, b;
		u32 token;

		fresh();
		a = issue(0, 1, 100);
		b = issue(0, 1, 101);
		disk_write_end(disk, &b, false);
		disk_write_end(disk, &a, false);
		token = sector_of(disk, 0);
		EXPECT_EQ(sector_of(disk, 0), token);
		EXPECT_EQ(flush(), 0);
		disk_cut(disk, DISK_CUT_NONE, 0);
		EXPECT_EQ(sector_of(disk, 0), token);
		first += token == 100;
	}
	EXPECT_LT(50, first);
	EXPECT_LT(first, 150);
}

UNIT_TEST(reboot_keeps_the_cache_unflushed)
{
	fresh();
	write_sectors(0, 1, 100, false);
	disk_reboot(disk);
	EXPECT_EQ(sector_of(disk, 0), 100);
	disk_cut(disk, DISK_CUT_NONE, 0);
	EXPECT_EQ(sector_of(disk, 0), FILL);
}

UNIT_TEST(clone_and_original_do_not_see_each_other)
{
	struct disk *copy;

	fresh();
	write_sectors(0, 1, 100, true);
	write_sectors(1, 1, 101, false);
	copy = disk_clone(disk);
	write_sectors(0, 1, 102, true);
	EXPECT_EQ(sector_of(copy, 0), 100);
	EXPECT_EQ(sector_of(copy, 1), 101);
	disk_cut(copy, DISK_CUT_NONE, 0);
	EXPECT_EQ(sector_of(copy, 1), FILL);
	EXPECT_EQ(sector_of(disk, 1), 101);
	EXPECT_EQ(sector_of(disk, 0), 102);
	disk_delete(copy);
}

UNIT_TEST(nth_request_fails_once)
{
	u8 data[DISK_SECTOR];

	fresh();
	disk_fail(disk, DISK_READ, 2, false);
	EXPECT_EQ(disk_read(disk, 0, 1, data), 0);
	EXPECT(!disk_has_failed(disk));
	EXPECT_EQ(disk_read(disk, 0, 1, data), -EIO);
	EXPECT(disk_has_failed(disk));
	EXPECT_EQ(disk_read(disk, 0, 1, data), 0);
	EXPECT_EQ(write_sectors(0, 1, 100, false), 0);
	EXPECT_EQ(flush(), 0);
}

UNIT_TEST(nth_request_and_all_after_it_fail)
{
	fresh();
	disk_fail(disk, DISK_FLUSH, 1, true);
	disk_fail(disk, DISK_WRITE, 2, true);
	EXPECT_EQ(write_sectors(0, 1, 100, false), 0);
	for (u32 i = 0; i < 3; i++) {
		EXPECT_EQ(write_sectors(1, 1, 101, true), -EIO);
		EXPECT_EQ(flush(), -EIO);
	}
	disk_cut(disk, DISK_CUT_NONE, 0);
	EXPECT_EQ(sector_of(disk, 0), FILL);
	EXPECT_EQ(sector_of(disk, 1), FILL);
}

UNIT_TEST(failed_write_may_have_arrived_in_part)
{
	u32 arrived = 0;

	for (u32 n = 0; n < 100; n++) {
		fresh();
		disk_fail(disk, DISK_WRITE, 1, false);
		EXPECT_EQ(write_sectors(0, 8, 100, false), -EIO);
		for (u32 i = 0; i < 8; i++)
			arrived += sector_of(disk, i) == 100;
	}
	EXPECT_LT(300, arrived);
	EXPECT_LT(arrived, 500);
}
