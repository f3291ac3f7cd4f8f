// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allocator alone: states of a chunk, counts, the reserve, checkpoints and
 * what a power cut leaves of them, against a byte per chunk.
 */
#include "meta_rig.h"

#define GROUP_BLOCKS ((u64)SMV_GROUP_CHUNKS)

static struct smv_overlay nothing;

static void begin(u64 blocks, u32 chunk_blocks)
{
	rig_begin(blocks, chunk_blocks, 16);
	EXPECT_EQ(smv_overlay_init(&nothing, &rig_host, 16, 16), 0);
}

static void end(void)
{
	smv_overlay_exit(&nothing);
	rig_end();
}

static void checkpoint(void)
{
	rig_checkpoint(&nothing, NULL);
}

static struct smv_store_chunk chunk_of(u64 no)
{
	return (struct smv_store_chunk){ no };
}

static int ready(u64 chunk)
{
	return RETRY(smv_alloc_ready(&rig.alloc, chunk_of(chunk), &miss));
}

static u64 hold(void)
{
	struct smv_store_chunk chunk;

	EXPECT_EQ(RETRY(smv_alloc_hold(&rig.alloc, &chunk, &miss)), 0);
	return chunk.no;
}

static u64 own(void)
{
	u64 chunk = hold();

	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(chunk)), 0);
	return chunk;
}

static void disown(u64 chunk, u64 lsn)
{
	EXPECT_EQ(ready(chunk), 0);
	EXPECT_EQ(smv_alloc_disown(&rig.alloc, chunk_of(chunk), lsn), 0);
}

static u64 usable(void)
{
	return rig.geometry.chunks - rig.geometry.first_chunk -
	       rig.geometry.groups * rig.geometry.head_chunks;
}

static void expect_counts(u64 data, u64 meta, u64 held)
{
	EXPECT_EQ(rig.alloc.data_chunks, data);
	EXPECT_EQ(rig.alloc.meta_chunks, meta);
	EXPECT_EQ(rig.alloc.held_chunks, held);
	EXPECT_EQ(rig.alloc.free_chunks, usable() - data - meta - held);
}

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

/* -- checkpoints ------------------------------------------------------------------ */

UNIT_TEST(a_checkpoint_without_changes_writes_nothing)
{
	begin(4000, 4);
	checkpoint();
	EXPECT_EQ(rig.writes, 0);
	own();
	checkpoint();
	EXPECT_EQ(rig.writes, 2); /* the group, its directory */
	checkpoint();
	EXPECT_EQ(rig.writes, 2);
	end();
}

UNIT_TEST(a_checkpoint_holds_what_was_owned_at_its_cut)
{
	u64 before, held, after, given_up, kept;

	begin(4000, 4);
	given_up = own();
	before = own();
	held = hold();
	kept = own();
	disown(given_up, 1);
	rig_checkpoint_begin(&nothing);
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(held)), 0);
	after = own();
	disown(kept, 2);
	while (rig_checkpoint_step())
		;
	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(hold())), 0);
	rig_switch(NULL);
	EXPECT_EQ(rig.image[before], 1);
	EXPECT_EQ(rig.image[kept], 1);
	EXPECT_EQ(rig.image[held], 0);
	EXPECT_EQ(rig.image[after], 0);
	EXPECT_EQ(rig.image[given_up], 0);
	EXPECT_EQ(rig.super.data_chunks, 2);
	checkpoint();
	EXPECT_EQ(rig.image[kept], 0);
	EXPECT_EQ(rig.image[held], 1);
	EXPECT_EQ(rig.image[after], 1);
	EXPECT_EQ(rig.super.data_chunks, 4);
	end();
}

UNIT_TEST(a_chunk_freed_behind_the_cut_waits_for_the_checkpoint)
{
	u64 early, late;

	begin(4000, 4);
	early = own();
	late = own();
	disown(early, 1);
	rig_checkpoint_begin(&nothing);
	disown(late, 2);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 2), 1);
	smv_alloc_reap_end(&rig.alloc);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 2), 0);
	while (rig_checkpoint_step())
		;
	EXPECT_EQ(smv_alloc_reapable(&rig.alloc, 2), 0);
	rig_switch(NULL);
	EXPECT_EQ(smv_alloc_reap_begin(&rig.alloc, 2), 1);
	smv_alloc_reap_end(&rig.alloc);
	expect_counts(0, 0, 0);
	end();
}

UNIT_TEST(a_freed_node_is_not_given_out_before_the_checkpoint_is_durable)
{
	u64 first, block, miss = 0;

	begin(4000, 4);
	smv_alloc_cut(&rig.alloc, 1);
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &first, &miss), 0);
	while (smv_alloc_write_step(&rig.alloc, &(struct smv_io){ 0 }, &miss))
		;
	smv_alloc_done(&rig.alloc);
	smv_alloc_cut(&rig.alloc, 2);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, first, &miss), 0);
	EXPECT(!smv_alloc_is_meta_block(&rig.alloc, first));
	for (u32 i = 0; i < 40; i++) {
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
		EXPECT_NE(block, first);
		EXPECT(smv_alloc_is_meta_block(&rig.alloc, block));
	}
	while (smv_alloc_write_step(&rig.alloc, &(struct smv_io){ 0 }, &miss))
		;
	smv_alloc_done(&rig.alloc);
	smv_alloc_cut(&rig.alloc, 3);
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	EXPECT_EQ(block, first);
	end();
}

UNIT_TEST(an_emptied_metadata_chunk_is_free_when_the_checkpoint_is_durable)
{
	u64 block[12], miss = 0, data, meta;

	begin(4000, 4);
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < 12; i++)
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block[i], &miss), 0);
	while (smv_alloc_write_step(&rig.alloc, &(struct smv_io){ 0 }, &miss))
		;
	smv_alloc_done(&rig.alloc);
	expect_counts(0, 3, 0);
	smv_alloc_cut(&rig.alloc, 2);
	for (u32 i = 0; i < 10; i++)
		EXPECT_EQ(smv_alloc_free_block(&rig.alloc, block[i], &miss), 0);
	while (smv_alloc_write_step(&rig.alloc, &(struct smv_io){ 0 }, &miss))
		;
	expect_counts(0, 3, 0);
	smv_alloc_cut_counts(&rig.alloc, &data, &meta);
	EXPECT_EQ(meta, 1);
	rig.alloc.cursor = block[0] / 4;
	EXPECT_NE(hold(), block[0] / 4);
	smv_alloc_done(&rig.alloc);
	expect_counts(0, 1, 1);
	EXPECT_EQ(rig.alloc.meta_free_blocks, 2);
	rig.alloc.cursor = block[0] / 4;
	EXPECT_EQ(hold(), block[0] / 4);
	end();
}

UNIT_TEST(metadata_fills_its_chunks_before_it_takes_another)
{
	u64 block, miss = 0;

	begin(4000, 16);
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < 33; i++) {
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
		EXPECT_EQ(rig.alloc.meta_chunks, i / 16 + 1);
		EXPECT_EQ(rig.alloc.meta_free_blocks, 15 - i % 16);
	}
	end();
}

UNIT_TEST(metadata_takes_no_held_chunk)
{
	u64 block, miss = 0, last;

	begin(4000, 1);
	last = rig.geometry.chunks - 1;
	rig.alloc.cursor = last;
	EXPECT_EQ(hold(), last);
	smv_alloc_cut(&rig.alloc, 1);
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	EXPECT_EQ(block, last - 1);
	end();
}

/* -- loading --------------------------------------------------------------------------- */

static void three_groups(void)
{
	begin(16 + 2 * GROUP_BLOCKS + 5000, 1);
	EXPECT_EQ(rig.geometry.groups, 3);
}

UNIT_TEST(bitmaps_are_read_when_they_are_needed)
{
	struct smv_store_chunk chunk;
	u64 miss = 0, place;

	three_groups();
	place = rig.geometry.first_chunk + GROUP_BLOCKS;
	rig.alloc.cursor = place + 100;
	EXPECT_EQ(own(), place + 100);
	checkpoint();
	rig_crash();
	expect_counts(1, 0, 0);
	/* Never written: nothing to read. */
	EXPECT_EQ(smv_alloc_ready(&rig.alloc, chunk_of(100), &miss), 0);
	EXPECT_EQ(smv_alloc_ready(&rig.alloc, chunk_of(place + 7), &miss), -EAGAIN);
	EXPECT_EQ(miss, place + 1); /* the second copy, since the first was current */
	rig.alloc.cursor = place + 100;
	EXPECT_EQ(smv_alloc_hold(&rig.alloc, &chunk, &miss), -EAGAIN);
	rig_provide(miss);
	EXPECT_EQ(smv_alloc_hold(&rig.alloc, &chunk, &miss), 0);
	EXPECT_EQ(chunk.no, place + 101);
	EXPECT(smv_alloc_is_owned(&rig.alloc, chunk_of(place + 100)));
	end();
}

UNIT_TEST(a_node_in_a_bitmap_not_read_yet_is_freed_when_it_is_there)
{
	u64 block, miss = 0;

	begin(4000, 4);
	smv_alloc_cut(&rig.alloc, 1);
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	rig.step = RIG_WRITE;
	memset(&rig.result, 0, sizeof(rig.result));
	while (rig_checkpoint_step())
		;
	rig_super_make(&rig.super);
	rig_crash();
	smv_alloc_cut(&rig.alloc, 2);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, block, &miss), -EAGAIN);
	rig_provide(miss);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, block, &miss), 0);
	end();
}

/*
 * Two checkpoints begin and do not reach their superblock. The newest valid
 * copy of the bitmap is then one that no superblock names.
 */
UNIT_TEST(a_stale_copy_of_a_bitmap_is_never_taken)
{
	u64 place, miss = 0;
	u8 *stale;

	begin(4000, 4);
	own();
	checkpoint();
	for (u32 i = 0; i < 2; i++) {
		own();
		own();
		rig_checkpoint_begin(&nothing);
		while (rig_checkpoint_step())
			;
		rig_crash(); /* and nothing is replayed */
		EXPECT_EQ(rig.alloc.data_chunks, 1);
		EXPECT_EQ(ready(100), 0);
	}
	/* Newer and sound in itself, but not what the directory says. */
	place = rig.geometry.first_chunk * 4;
	stale = rig_block(place);
	EXPECT_EQ(smv_block_verify(stale, SMV_MAGIC_GROUP, rig.uuid, place), 0);
	EXPECT_EQ(disk_u64(stale + 32), 2);
	rig_crash();
	/* A disk that lost the write of the current copy shows an older one there. */
	memcpy(rig_block(place + 1), stale, SMV_BLOCK_BYTES);
	smv_block_seal(rig_block(place + 1), SMV_MAGIC_GROUP, rig.uuid, place + 1, 1);
	EXPECT_EQ(ready(100), -EUCLEAN);
	EXPECT_EQ(smv_alloc_ready(&rig.alloc, chunk_of(100), &miss), -EAGAIN);
	end();
}

static void damage(void (*change)(struct smv_disk_group *), bool state_too)
{
	struct smv_disk_directory *directory;
	struct smv_disk_group *group;
	u64 place;

	begin(4000, 4);
	own();
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < 9; i++) {
		u64 block, miss = 0;

		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	}
	rig.step = RIG_WRITE;
	memset(&rig.result, 0, sizeof(rig.result));
	while (rig_checkpoint_step())
		;
	rig_super_make(&rig.super);
	place = rig.geometry.first_chunk * 4 + 1;
	group = (struct smv_disk_group *)rig_block(place);
	change(group);
	smv_block_seal(group, SMV_MAGIC_GROUP, rig.uuid, place, 1);
	directory = (struct smv_disk_directory *)rig_block(rig.geometry.directory_block + 1);
	if (state_too)
		directory->group[0].crc = group->header.crc;
	smv_block_seal(directory, SMV_MAGIC_DIRECTORY, rig.uuid, rig.geometry.directory_block + 1,
		       1);
	rig_crash();
	EXPECT_EQ(ready(100), -EUCLEAN);
	end();
}

static void change_nothing_visible(struct smv_disk_group *group)
{
	group->header.pad[3] = 1;
}

static void change_head(struct smv_disk_group *group)
{
	group->owned[0] ^= 1 | 1 << 7;
}

static void change_count(struct smv_disk_group *group)
{
	group->owned[20] ^= 1;
}

static void change_end(struct smv_disk_group *group)
{
	group->owned[SMV_GROUP_BITMAP_BYTES - 1] |= 0x80;
	group->owned[0] &= ~2;
}

static void change_order(struct smv_disk_group *group)
{
	memcpy(group->meta + 3, group->meta, 3);
}

static void change_owner(struct smv_disk_group *group)
{
	group->meta[0] = 50;
	group->meta[1] = 0;
}

static void change_empty(struct smv_disk_group *group)
{
	group->meta[2] = 0;
}

static void change_wide(struct smv_disk_group *group)
{
	group->meta[2] |= 0x10;
}

static void change_many(struct smv_disk_group *group)
{
	group->header.count = cpu_to_le32(4);
}

static void change_endless(struct smv_disk_group *group)
{
	group->header.count = cpu_to_le32(~0u);
}

UNIT_TEST(a_bitmap_that_is_not_what_the_directory_says_is_damage)
{
	damage(change_nothing_visible, false);
	damage(change_head, true);
	damage(change_count, true);
	damage(change_end, true);
	damage(change_order, true);
	damage(change_owner, true);
	damage(change_empty, true);
	damage(change_wide, true);
	damage(change_many, true);
	damage(change_endless, true);
}

UNIT_TEST(a_directory_that_is_impossible_is_damage)
{
	struct smv_disk_directory directory = { 0 };
	u64 block;

	begin(4000, 4);
	block = rig.geometry.directory_block;
	directory.group[0].which = 2;
	smv_block_seal(&directory, SMV_MAGIC_DIRECTORY, rig.uuid, block, 1);
	EXPECT_EQ(smv_alloc_load_directory(&rig.alloc, 0, false, &directory), -EUCLEAN);
	directory.group[0].which = 0;
	directory.group[0].free = cpu_to_le16(16384);
	smv_block_seal(&directory, SMV_MAGIC_DIRECTORY, rig.uuid, block, 1);
	EXPECT_EQ(smv_alloc_load_directory(&rig.alloc, 0, false, &directory), -EUCLEAN);
	directory.group[0].free = 0;
	smv_block_seal(&directory, SMV_MAGIC_DIRECTORY, rig.uuid, block + 1, 1);
	EXPECT_EQ(smv_alloc_load_directory(&rig.alloc, 0, false, &directory), -EUCLEAN);
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, 1, 0), -EUCLEAN);
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, ~0ULL, 1), -EUCLEAN);
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, 0, 0), 0);
	end();
}

UNIT_TEST(without_memory_nothing_is_opened_and_nothing_leaks)
{
	struct smv_alloc alloc;
	struct smv_blocks blocks = { 0 };
	u64 live, failures = 0;

	three_groups();
	live = rig_host_live();
	for (u64 n = 1;; n++) {
		int err;

		rig_host_fail_at(n);
		err = smv_alloc_init(&alloc, &rig_host, &blocks, &rig.geometry, rig.uuid, 16);
		if (!err)
			err = smv_alloc_load_counts(&alloc, 0, 0);
		if (!rig_host_has_failed()) {
			EXPECT_EQ(err, 0);
			break;
		}
		EXPECT_EQ(err, -ENOMEM);
		smv_alloc_exit(&alloc);
		EXPECT_EQ(rig_host_live(), live);
		failures++;
	}
	EXPECT_LE(6, failures);
	smv_alloc_exit(&alloc);
	rig_host_reset();
	end();
}

UNIT_TEST(without_memory_no_metadata_chunk_is_taken)
{
	u64 block, miss = 0;
	int err = 0;

	begin(4000, 1);
	smv_alloc_cut(&rig.alloc, 1);
	rig_host_fail_at(1);
	for (u32 i = 0; i < 1000 && !err; i++)
		err = smv_alloc_take_block(&rig.alloc, &block, &miss);
	EXPECT_EQ(err, -ENOMEM);
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	rig_host_reset();
	end();
}

/* -- random histories ----------------------------------------------------------------------- */

/* What the test thinks of a chunk. */
enum fate { FREE, HELD, OWNED, WAITING, META };

struct model {
	u8 *fate;
	u8 *cut; /* at the running checkpoint's cut */
	u8 *durable; /* at the durable one's */
	u64 lsn;
	u64 meta[4000]; /* node blocks in use */
	u32 metas;
	u64 meta_durable[4000];
	u32 metas_durable;
};

static struct model model;

static u64 pick(enum fate fate)
{
	u64 from = unit_below(rig.geometry.chunks);

	for (u64 i = 0; i < rig.geometry.chunks; i++) {
		u64 at = (from + i) % rig.geometry.chunks;

		if (model.fate[at] == fate)
			return at;
	}
	return 0;
}

static void change_data(void)
{
	u64 at;

	switch (unit_below(6)) {
	case 0:
	case 1:
		if (!smv_alloc_available(&rig.alloc))
			break;
		rig.alloc.cursor = rig.geometry.first_chunk +
				   unit_below(rig.geometry.chunks - rig.geometry.first_chunk);
		at = hold();
		EXPECT_EQ(model.fate[at], FREE);
		model.fate[at] = HELD;
		break;
	case 2:
		at = pick(HELD);
		if (at)
			smv_alloc_unhold(&rig.alloc, chunk_of(at));
		model.fate[at] = FREE;
		break;
	case 3:
		at = pick(HELD);
		if (!at)
			break;
		EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(at)), 0);
		model.fate[at] = OWNED;
		break;
	case 4:
		at = pick(OWNED);
		if (!at || !smv_alloc_freed_room(&rig.alloc))
			break;
		disown(at, ++model.lsn);
		model.fate[at] = WAITING;
		break;
	default:
		if (!smv_alloc_reap_begin(&rig.alloc, model.lsn - unit_below(3)))
			break;
		for (u32 i = 0; i < rig.alloc.freed_reaping; i++) {
			u32 place = (rig.alloc.freed_first + i) % rig.alloc.freed_limit;

			/* The ring's entries begin with the chunk. */
			at = *(u64 *)((u8 *)rig.alloc.freed + (size_t)place * 16);
			EXPECT_EQ(model.fate[at], WAITING);
			model.fate[at] = FREE;
		}
		smv_alloc_reap_end(&rig.alloc);
	}
}

static void change_nodes(void)
{
	u64 block;

	if (model.metas < 3900 && unit_below(2)) {
		EXPECT_EQ(RETRY(smv_alloc_take_block(&rig.alloc, &block, &miss)), 0);
		for (u32 i = 0; i < model.metas; i++)
			EXPECT_NE(model.meta[i], block);
		for (u32 i = 0; i < model.metas_durable; i++)
			EXPECT_NE(model.meta_durable[i], block);
		EXPECT(model.fate[block / rig.geometry.chunk_blocks] == FREE ||
		       model.fate[block / rig.geometry.chunk_blocks] == META);
		model.fate[block / rig.geometry.chunk_blocks] = META;
		model.meta[model.metas++] = block;
	} else if (model.metas) {
		u32 at = (u32)unit_below(model.metas);

		EXPECT_EQ(RETRY(smv_alloc_free_block(&rig.alloc, model.meta[at], &miss)), 0);
		model.meta[at] = model.meta[--model.metas];
	}
}

/* The bitmaps on disk say what the model says of the cut. */
static void check_image(const u8 *fates)
{
	struct rig_super super;
	u8 *used = calloc(rig.geometry.blocks, 1);

	rig_super_make(&super);
	for (u32 i = 0; i < model.metas; i++)
		used[model.meta[i]] = 1;
	walk_directory(&super, used);
	for (u64 i = 0; i < rig.geometry.blocks; i++)
		EXPECT_NE(used[i], 1);
	for (u64 i = rig.geometry.first_chunk; i < rig.geometry.chunks; i++) {
		u64 at = (i - rig.geometry.first_chunk) % SMV_GROUP_CHUNKS;

		if (at >= rig.geometry.head_chunks && rig.image[i] != 2)
			EXPECT_EQ(rig.image[i], fates[i] == OWNED);
	}
	memcpy(rig.used, used, rig.geometry.blocks);
	rig.super = super;
	free(used);
}

/* Metadata chunks of the model that hold no node any more are free. */
static void forget_emptied(void)
{
	for (u64 i = 0; i < rig.geometry.chunks; i++)
		if (model.fate[i] == META)
			model.fate[i] = FREE;
	for (u32 i = 0; i < model.metas; i++)
		model.fate[model.meta[i] / rig.geometry.chunk_blocks] = META;
}

static void expect_fates(void)
{
	u64 count[META + 1] = { 0 };

	for (u64 i = 0; i < rig.geometry.chunks; i++)
		count[model.fate[i]]++;
	expect_counts(count[OWNED], count[META], count[HELD] + count[WAITING]);
}

/* The machine stops: the bitmaps are those of the durable checkpoint. */
static void crash(void)
{
	rig_crash();
	memcpy(model.fate, model.durable, rig.geometry.chunks);
	for (u64 i = 0; i < rig.geometry.chunks; i++)
		if (model.fate[i] != OWNED)
			model.fate[i] = FREE;
	memcpy(model.meta, model.meta_durable, sizeof(model.meta));
	model.metas = model.metas_durable;
	forget_emptied();
	expect_fates();
}

static void random_checkpoint(void)
{
	u32 stop = unit_below(4) ? ~0u : (u32)unit_below(120);

	smv_alloc_cut(&rig.alloc, rig.super.generation + 1);
	memcpy(model.cut, model.fate, rig.geometry.chunks);
	memset(&rig.result, 0, sizeof(rig.result));
	for (u32 i = (u32)unit_below(100); i--;) {
		change_nodes();
		change_data();
		if (!stop--) {
			crash();
			return;
		}
	}
	rig.step = RIG_WRITE;
	while (rig_checkpoint_step()) {
		for (u32 i = (u32)unit_below(20); i--;)
			change_data();
		if (!stop--) {
			crash();
			return;
		}
	}
	check_image(model.cut);
	if (!unit_below(8)) { /* the superblock's write has just been durable, or not */
		memcpy(model.durable, model.cut, rig.geometry.chunks);
		memcpy(model.meta_durable, model.meta, sizeof(model.meta));
		model.metas_durable = model.metas;
		crash();
		return;
	}
	smv_alloc_done(&rig.alloc);
	rig.step = RIG_IDLE;
	memcpy(model.durable, model.cut, rig.geometry.chunks);
	memcpy(model.meta_durable, model.meta, sizeof(model.meta));
	model.metas_durable = model.metas;
	forget_emptied();
	expect_fates();
}

static void random_history(u64 blocks, u32 chunk_blocks, u32 rounds, u32 reserve)
{
	begin(blocks, chunk_blocks);
	memset(&model, 0, sizeof(model));
	model.fate = calloc(rig.geometry.chunks, 1);
	model.cut = calloc(rig.geometry.chunks, 1);
	model.durable = calloc(rig.geometry.chunks, 1);
	for (u32 round = 0; round < rounds; round++) {
		smv_alloc_set_reserve(&rig.alloc, reserve);
		for (u32 i = (u32)unit_below(200); i--;)
			change_data();
		random_checkpoint();
		if (!unit_below(5))
			rig_forget();
	}
	free(model.fate);
	free(model.cut);
	free(model.durable);
	end();
}

UNIT_TEST(random_histories_with_power_cuts_equal_a_byte_per_chunk)
{
	random_history(500 * 4, 4, 1500, 300);
	random_history(3000, 1, 1500, 300);
	random_history(200 * 256, 256, 300, 600);
	random_history(300 * 16, 16, 1500, 300);
}

UNIT_TEST(random_histories_in_several_groups_equal_a_byte_per_chunk)
{
	random_history(16 + 2 * GROUP_BLOCKS + 300, 1, 150, 300);
}
