// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allocator's chunks: who has them, the counts, the reserve.
 */
#include "alloc_rig.h"

/* -- chunks --------------------------------------------------------------- */

UNIT_TEST(chunks_come_in_ascending_runs)
{
	u64 last;

	begin(4000, 2);
	last = hold();
	EXPECT_EQ(last, rig.geometry.first_chunk + rig.geometry.head_chunks);
	for (u32 i = 0; i < 100; i++)
		EXPECT_EQ(hold(), ++last);
	smv_alloc_unhold(&rig.alloc, chunk_of(last - 50));
	EXPECT_EQ(hold(), last + 1);
	expect_counts(0, 0, 101);
	end();
}

UNIT_TEST(a_full_store_gives_each_chunk_once_and_then_refuses)
{
	struct smv_store_chunk chunk;
	u64 miss;
	u8 *seen;

	begin(3000, 1);
	seen = calloc(rig.geometry.chunks, 1);
	rig.alloc.cursor = rig.geometry.chunks - 5;
	for (u64 i = usable(); i; i--) {
		u64 at = own();

		EXPECT(at >= rig.geometry.first_chunk + 2 && at < rig.geometry.chunks);
		EXPECT(!seen[at]);
		seen[at] = 1;
	}
	free(seen);
	EXPECT_EQ(smv_alloc_available(&rig.alloc), 0);
	EXPECT_EQ(smv_alloc_hold(&rig.alloc, &chunk, &miss), -ENOSPC);
	expect_counts(usable(), 0, 0);
	end();
}

UNIT_TEST(a_freed_chunk_waits_until_its_record_is_durable_and_its_io_has_ended)
{
	u64 chunk;

	begin(4000, 4);
	chunk = own();
	disown(chunk, 7);
	expect_counts(0, 0, 1);
	EXPECT_EQ(smv_alloc_reapable(&rig.alloc, 6), 0);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 6), 0);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 7), 1);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 7), 0);
	rig.alloc.cursor = chunk;
	EXPECT_EQ(hold(), chunk + 1);
	smv_alloc_reap_end(&rig.alloc);
	expect_counts(0, 0, 1);
	rig.alloc.cursor = chunk;
	EXPECT_EQ(hold(), chunk);
	end();
}

UNIT_TEST(freed_chunks_go_on_in_the_order_of_their_records)
{
	u64 chunk[10];

	begin(4000, 4);
	for (u32 i = 0; i < 10; i++)
		chunk[i] = own();
	for (u32 i = 0; i < 10; i++)
		disown(chunk[i], i / 2 + 1);
	EXPECT_EQ(smv_alloc_freed_room(&rig.alloc), rig.alloc.freed_limit - 10);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 3), 6);
	smv_alloc_reap_end(&rig.alloc);
	expect_counts(0, 0, 4);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 5), 4);
	smv_alloc_reap_end(&rig.alloc);
	expect_counts(0, 0, 0);
	end();
}

UNIT_TEST(the_ring_of_freed_chunks_goes_round)
{
	begin(70000, 1);
	for (u64 lsn = 1; lsn < 3000; lsn++) {
		u64 chunk[7];

		for (u32 i = 0; i < 7; i++)
			chunk[i] = own();
		for (u32 i = 0; i < 7; i++)
			disown(chunk[i], lsn);
		if (lsn % 400 == 0) {
			EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, lsn - 1),
				  rig.alloc.freed_count - 7);
			smv_alloc_reap_end(&rig.alloc);
		}
	}
	end();
}

UNIT_TEST(owning_twice_and_giving_up_what_is_not_owned_are_damage)
{
	u64 chunk, meta, miss = 0;

	begin(4000, 4);
	chunk = own();
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(chunk)), -EUCLEAN);
	EXPECT_EQ(smv_alloc_disown(&rig.alloc, chunk_of(chunk + 1), 1), -EUCLEAN);
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(rig.geometry.first_chunk)), -EUCLEAN);
	EXPECT_EQ(smv_alloc_disown(&rig.alloc, chunk_of(rig.geometry.first_chunk), 1), -EUCLEAN);
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(rig.geometry.first_chunk - 1)), -EUCLEAN);
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(rig.geometry.chunks)), -EUCLEAN);
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(~0ULL >> 8)), -EUCLEAN);
	EXPECT_EQ(ready(rig.geometry.chunks), -EINVAL);
	EXPECT_EQ(ready(rig.geometry.first_chunk), -EINVAL);
	smv_alloc_cut(&rig.alloc, 1);
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &meta, &miss), 0);
	EXPECT_EQ(smv_alloc_disown(&rig.alloc, chunk_of(meta / 4), 1), -EUCLEAN);
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(meta / 4)), -EUCLEAN);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, chunk * 4, &miss), -EUCLEAN);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, meta ^ 1, &miss), -EUCLEAN);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, meta, &miss), 0);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, meta, &miss), -EUCLEAN);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, 1, &miss), -EUCLEAN);
	end();
}

UNIT_TEST(replay_owns_a_chunk_again_that_an_earlier_record_gave_up)
{
	struct smv_store_chunk chunk = { 0 };

	begin(4000, 4);
	for (u32 round = 1; round < 5; round++) {
		for (u32 i = 0; i < 9; i++) {
			chunk.no = rig.geometry.first_chunk + 10 + i;
			EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk), 0);
		}
		for (u32 i = 0; i < 9; i++) {
			chunk.no = rig.geometry.first_chunk + 10 + i * 4 % 9;
			EXPECT_EQ(smv_alloc_disown(&rig.alloc, chunk, round), 0);
		}
		expect_counts(0, 0, 9);
		EXPECT_EQ(rig.alloc.freed_count, 9);
	}
	chunk.no = rig.geometry.first_chunk + 14;
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk), 0);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 4), 8);
	smv_alloc_reap_end(&rig.alloc);
	expect_counts(1, 0, 0);
	EXPECT(smv_alloc_is_owned(&rig.alloc, chunk));
	end();
}

UNIT_TEST(replay_of_a_durable_freeing_needs_no_waiting)
{
	u64 chunk;

	begin(4000, 4);
	chunk = own();
	disown(chunk, 0);
	expect_counts(0, 0, 0);
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(chunk)), 0);
	expect_counts(1, 0, 0);
	end();
}

/* -- the reserve -------------------------------------------------------------- */

UNIT_TEST(data_leaves_what_metadata_may_need)
{
	struct smv_store_chunk chunk;
	u64 block, miss = 0, all;

	begin(4000, 4);
	smv_alloc_set_reserve(&rig.alloc, 101);
	all = usable() - 26;
	EXPECT_EQ(smv_alloc_available(&rig.alloc), all);
	while (all--)
		own();
	EXPECT_EQ(smv_alloc_hold(&rig.alloc, &chunk, &miss), -ENOSPC);
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < 26 * 4; i++)
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), -ENOSPC);
	end();
}

UNIT_TEST(free_metadata_blocks_count_for_the_reserve)
{
	u64 block, miss = 0;

	begin(4000, 8);
	smv_alloc_set_reserve(&rig.alloc, 80);
	EXPECT_EQ(smv_alloc_available(&rig.alloc), usable() - 10);
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < 9; i++)
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	/* 2 chunks taken, 7 blocks free in them: 73 more need 10 chunks. */
	EXPECT_EQ(smv_alloc_available(&rig.alloc), usable() - 2 - 10);
	end();
}

/* A group's block lists 661 metadata chunks of one block: free chunks in one group are not enough. */
UNIT_TEST(the_reserve_lies_where_metadata_can_take_it)
{
	struct smv_store_chunk chunk;
	u64 block, miss = 0, taken = 0;

	begin(16 + 2 * GROUP_BLOCKS, 1);
	smv_alloc_set_reserve(&rig.alloc, 1000);
	EXPECT_EQ(smv_alloc_available(&rig.alloc), usable() - 1000);
	while (!smv_alloc_hold(&rig.alloc, &chunk, &miss))
		EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk), 0);
	expect_counts(usable() - 1000, 0, 0);
	smv_alloc_cut(&rig.alloc, 1);
	while (!smv_alloc_take_block(&rig.alloc, &block, &miss))
		taken++;
	EXPECT_EQ(taken, 1000);
	end();
}
