// SPDX-License-Identifier: GPL-2.0-only
/*
 * The allocator's checkpoints: what they hold, what they keep back, and how
 * their bitmaps are read again, damaged ones and stale ones included.
 */
#include "alloc_rig.h"

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

UNIT_TEST(a_checkpoint_that_only_frees_a_node_says_so)
{
	u64 block[3], miss = 0;
	struct smv_io io;

	begin(4000, 4);
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < 3; i++)
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block[i], &miss), 0);
	while (smv_alloc_write_step(&rig.alloc, &io, &miss))
		;
	smv_alloc_done(&rig.alloc);
	smv_alloc_cut(&rig.alloc, 2);
	EXPECT_EQ(smv_alloc_free_block(&rig.alloc, block[1], &miss), 0);
	EXPECT_EQ(smv_alloc_write_step(&rig.alloc, &io, &miss), 1);
	EXPECT_EQ(io.count, 2);
	EXPECT_EQ(((struct smv_disk_group *)io.buffer[0])->meta[2], 5);
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

/* What is said of a bitmap that was changed and sealed again; its directory agrees with that if @state_too. */
static int changed(void (*change)(struct smv_disk_group *), bool state_too)
{
	struct smv_disk_directory *directory;
	struct smv_disk_group *group;
	u64 place;
	int rc;

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
	rc = ready(100);
	end();
	return rc;
}

static void damage(void (*change)(struct smv_disk_group *), bool state_too)
{
	EXPECT_EQ(changed(change, state_too), -EUCLEAN);
}

static void change_nothing(struct smv_disk_group *group)
{
	(void)group;
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
	EXPECT_EQ(changed(change_nothing, true), 0);
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
	smv_block_seal(&directory, SMV_MAGIC_DIRECTORY, rig.uuid, block, 1);
	EXPECT_EQ(smv_alloc_load_directory(&rig.alloc, 0, false, &directory), 0);
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, 1, 0), -EUCLEAN);
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, ~0ULL, 1), -EUCLEAN);
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, 0, 0), 0);
	end();
}

/* What a checkpoint wrote that took a chunk for data and @metas of one block for nodes. */
static void write_metas(u32 metas)
{
	u64 block, miss = 0;

	begin(4000, 1);
	own();
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < metas; i++)
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	rig.step = RIG_WRITE;
	memset(&rig.result, 0, sizeof(rig.result));
	while (rig_checkpoint_step())
		;
	rig_super_make(&rig.super);
}

UNIT_TEST(more_metadata_chunks_than_the_superblock_counts_are_damage)
{
	u64 block;

	for (u32 count = 0; count < 64; count += 63) {
		write_metas(64);
		EXPECT_EQ(rig.super.meta_chunks, 64);
		rig.super.data_chunks += 64 - count;
		rig.super.meta_chunks = count;
		rig_crash();
		smv_alloc_cut(&rig.alloc, 2);
		EXPECT_EQ(RETRY(smv_alloc_take_block(&rig.alloc, &block, &miss)), -EUCLEAN);
		end();
	}
}

/* Memory for them is allocated when the store is opened. */
UNIT_TEST(more_metadata_chunks_than_the_directory_can_mean_are_damage)
{
	write_metas(64);
	rig_crash();
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, 0, 65), -EUCLEAN);
	EXPECT_EQ(smv_alloc_load_counts(&rig.alloc, 1, 64), 0);
	end();
}

/* The directory's share of a group is never less than the group has. */
UNIT_TEST(any_number_of_metadata_chunks_is_counted_again)
{
	for (u32 metas = 0; metas <= 661; metas++) {
		write_metas(metas);
		rig_crash();
		expect_counts(1, metas, 0);
		EXPECT_EQ(ready(100), 0);
		end();
	}
}

UNIT_TEST(a_full_table_of_metadata_chunks_grows_whatever_was_counted)
{
	u64 block, miss = 0;

	begin(4000, 1);
	smv_alloc_cut(&rig.alloc, 1);
	for (u32 i = 0; i < 64; i++)
		EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	rig.alloc.meta_chunks = 0;
	EXPECT_EQ(smv_alloc_take_block(&rig.alloc, &block, &miss), 0);
	EXPECT(smv_alloc_is_meta_block(&rig.alloc, block));
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
