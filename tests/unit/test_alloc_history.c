// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random histories of the allocator with checkpoints and power cuts, against a
 * byte per chunk.
 */
#include "alloc_rig.h"

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

/* Metadata chunks that a group's block can list. */
static u64 table_room(void)
{
	u32 size = rig.geometry.chunk_blocks;

	return SMV_GROUP_META_BYTES / (2 + (size < 8 ? 1 : size / 8));
}

static void change_nodes(void)
{
	u64 block;

	if (model.metas < 3900 && unit_below(2)) {
		int err = RETRY(smv_alloc_take_block(&rig.alloc, &block, &miss));

		if (err == -ENOSPC) {
			EXPECT_EQ(rig.alloc.meta_free_blocks, 0);
			EXPECT(!rig.alloc.free_chunks || rig.alloc.meta_chunks >= table_room());
			return;
		}
		EXPECT_EQ(err, 0);
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
