// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sealed blocks: every field and every byte counts. The cache: against an
 * array that remembers what each address holds.
 */
#include "block.h"
#include "rig_host.h"
#include "unit.h"

#define CAPACITY 64u

static const u8 uuid[SMV_UUID_BYTES] = "a store's uuid.";
static const u8 other[SMV_UUID_BYTES] = "another store's";

static struct smv_blocks blocks;
static u64 made[SMV_BLOCK_BYTES / 8];

/* A sealed block for @number with @content in its payload. */
static const void *make(u64 number, u64 content)
{
	memset(made, 0, sizeof(made));
	made[8] = content;
	smv_block_seal(made, SMV_MAGIC_NODE, uuid, number, 3);
	return made;
}

/* The content of the cached block; 0: not cached. */
static u64 content_of(u64 number)
{
	const u64 *block = smv_blocks_get(&blocks, number);

	return block ? block[8] : 0;
}

static void begin(u32 capacity)
{
	EXPECT_EQ(smv_blocks_init(&blocks, &rig_host, capacity, uuid), 0);
}

static void end(void)
{
	smv_blocks_exit(&blocks);
	EXPECT_EQ(rig_host_live(), 0);
}

UNIT_TEST(seal_fills_in_the_header_and_leaves_count_and_level)
{
	struct smv_disk_header header;
	u8 block[SMV_BLOCK_BYTES];

	memset(&header, 0, sizeof(header));
	header.count = cpu_to_le32(17);
	header.level = cpu_to_le32(4);
	memset(block, 0xa5, sizeof(block));
	memcpy(block, &header, sizeof(header));
	smv_block_seal(block, SMV_MAGIC_GROUP, uuid, 0x123456789abcULL, 99);
	memcpy(&header, block, sizeof(header));
	EXPECT_EQ(le32_to_cpu(header.magic), SMV_MAGIC_GROUP);
	EXPECT_EQ(le64_to_cpu(header.block), 0x123456789abcULL);
	EXPECT_EQ(le64_to_cpu(header.generation), 99);
	EXPECT_EQ(le32_to_cpu(header.count), 17);
	EXPECT_EQ(le32_to_cpu(header.level), 4);
	EXPECT_EQ(le32_to_cpu(header.crc), smv_checksum_block(block));
	EXPECT_MEM(header.uuid, uuid, SMV_UUID_BYTES);
}

UNIT_TEST(a_block_of_another_kind_store_or_address_is_refused)
{
	make(7, 1);
	EXPECT_EQ(smv_block_verify(made, SMV_MAGIC_NODE, uuid, 7), 0);
	EXPECT_EQ(smv_block_verify(made, 0, uuid, 7), 0);
	EXPECT_EQ(smv_block_verify(made, SMV_MAGIC_GROUP, uuid, 7), -EUCLEAN);
	EXPECT_EQ(smv_block_verify(made, SMV_MAGIC_NODE, other, 7), -EUCLEAN);
	EXPECT_EQ(smv_block_verify(made, SMV_MAGIC_NODE, uuid, 8), -EUCLEAN);
}

UNIT_TEST(a_block_with_any_one_bit_flipped_is_refused)
{
	u8 *byte = (u8 *)made;
	u32 bit;

	make(7, 0x1234);
	for (bit = 0; bit < SMV_BLOCK_BYTES * 8; bit++) {
		byte[bit / 8] ^= (u8)(1 << bit % 8);
		EXPECT_EQ(smv_block_verify(made, SMV_MAGIC_NODE, uuid, 7), -EUCLEAN);
		byte[bit / 8] ^= (u8)(1 << bit % 8);
	}
	EXPECT_EQ(smv_block_verify(made, SMV_MAGIC_NODE, uuid, 7), 0);
}

UNIT_TEST(a_block_torn_at_any_sector_is_refused)
{
	u64 old[SMV_BLOCK_BYTES / 8], mixed[SMV_BLOCK_BYTES / 8];
	u32 sectors;

	for (u32 i = 8; i < SMV_BLOCK_BYTES / 8; i++)
		made[i] = i;
	smv_block_seal(made, SMV_MAGIC_NODE, uuid, 7, 1);
	memcpy(old, made, sizeof(old));
	for (u32 i = 8; i < SMV_BLOCK_BYTES / 8; i++)
		made[i] = i * 3;
	smv_block_seal(made, SMV_MAGIC_NODE, uuid, 7, 2);
	for (sectors = 1; sectors < 8; sectors++) {
		memcpy(mixed, old, sizeof(mixed));
		memcpy(mixed, made, sectors * SMV_SECTOR_BYTES);
		EXPECT_EQ(smv_block_verify(mixed, SMV_MAGIC_NODE, uuid, 7), -EUCLEAN);
	}
}

UNIT_TEST(provide_takes_good_blocks_and_refuses_bad_ones)
{
	begin(CAPACITY);
	EXPECT_EQ(content_of(7), 0);
	EXPECT_EQ(smv_blocks_provide(&blocks, 7, make(7, 42)), 0);
	EXPECT_EQ(content_of(7), 42);
	EXPECT_EQ(smv_blocks_provide(&blocks, 8, make(9, 1)), -EUCLEAN);
	make(8, 1);
	made[100] ^= 1;
	EXPECT_EQ(smv_blocks_provide(&blocks, 8, made), -EUCLEAN);
	EXPECT_EQ(smv_blocks_provide(&blocks, 0, make(0, 1)), -EUCLEAN);
	EXPECT_EQ(content_of(8), 0);
	end();
}

UNIT_TEST(provide_never_replaces_what_was_inserted_meanwhile)
{
	u64 stale[SMV_BLOCK_BYTES / 8];

	begin(CAPACITY);
	memcpy(stale, make(7, 1), sizeof(stale));
	smv_blocks_insert(&blocks, 7, make(7, 2));
	EXPECT_EQ(smv_blocks_provide(&blocks, 7, stale), 0);
	EXPECT_EQ(content_of(7), 2);
	smv_blocks_insert(&blocks, 7, make(7, 3));
	EXPECT_EQ(content_of(7), 3);
	end();
}

UNIT_TEST(a_dropped_block_is_missing_and_its_neighbours_stay)
{
	u64 n;

	begin(CAPACITY);
	for (n = 1; n <= CAPACITY; n++)
		smv_blocks_insert(&blocks, n, make(n, n));
	for (n = 2; n <= CAPACITY; n += 2)
		smv_blocks_drop(&blocks, n);
	smv_blocks_drop(&blocks, 1000);
	for (n = 1; n <= CAPACITY; n++)
		EXPECT_EQ(content_of(n), n % 2 ? n : 0);
	for (n = 2; n <= CAPACITY; n += 2)
		smv_blocks_insert(&blocks, n, make(n, n + 1));
	EXPECT_EQ(blocks.evictions, 0);
	for (n = 1; n <= CAPACITY; n++)
		EXPECT_EQ(content_of(n), n % 2 ? n : n + 1);
	end();
}

UNIT_TEST(a_block_in_use_outlives_a_stream_of_others)
{
	u64 n;

	begin(CAPACITY);
	smv_blocks_insert(&blocks, 1, make(1, 77));
	for (n = 2; n < 2000; n++) {
		EXPECT_EQ(content_of(1), 77);
		smv_blocks_insert(&blocks, n, make(n, n));
	}
	EXPECT_EQ(blocks.evictions, 1999 - CAPACITY);
	end();
}

UNIT_TEST(memory_is_what_was_given_at_open)
{
	u64 allocations, n;

	begin(100);
	allocations = rig_host_allocations();
	for (n = 1; n < 1000; n++)
		smv_blocks_insert(&blocks, n, make(n, n));
	EXPECT_EQ(rig_host_allocations(), allocations);
	end();
}

/* 2^31 is the last number to which a power of two can be found in 32 bits. */
UNIT_TEST(a_size_out_of_bounds_is_refused)
{
	static const u32 sizes[] = { 0, 1, 63, (1u << 19) + 1, (1u << 31) + 1, ~0u };

	for (u32 i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		EXPECT_EQ(smv_blocks_init(&blocks, &rig_host, sizes[i], uuid), -EINVAL);
		smv_blocks_exit(&blocks);
		EXPECT_EQ(rig_host_live(), 0);
	}
}

UNIT_TEST(a_failed_allocation_at_open_leaks_nothing)
{
	u64 n;

	for (n = 1; n <= 2; n++) {
		rig_host_fail_at(n);
		EXPECT_EQ(smv_blocks_init(&blocks, &rig_host, CAPACITY, uuid), -ENOMEM);
		EXPECT(rig_host_has_failed());
		EXPECT_EQ(rig_host_live(), 0);
	}
	rig_host_reset();
}

/* The cache may forget a block, never change or confuse one. */
UNIT_TEST(random_use_returns_the_last_content_or_nothing)
{
	u64 last[300] = { 0 }, n, got;
	u32 step, cached = 0;

	begin(CAPACITY + 7);
	for (step = 1; step < 60000; step++) {
		n = 1 + unit_below(unit_below(2) ? 299 : 40);
		switch (unit_below(8)) {
		case 0:
			smv_blocks_drop(&blocks, n);
			EXPECT_EQ(content_of(n), 0);
			break;
		case 1:
			last[n] = step;
			smv_blocks_insert(&blocks, n, make(n, step));
			EXPECT_EQ(content_of(n), step);
			break;
		case 2:
			if (last[n])
				EXPECT_EQ(smv_blocks_provide(&blocks, n, make(n, last[n])), 0);
			EXPECT_EQ(content_of(n), last[n]);
			break;
		default:
			got = content_of(n);
			EXPECT(!got || got == last[n]);
		}
	}
	for (n = 1; n < 300; n++)
		cached += content_of(n) != 0;
	EXPECT_LE(cached, CAPACITY + 7);
	EXPECT_LT(CAPACITY / 2, cached);
	EXPECT_LT(0, blocks.evictions);
	end();
}
