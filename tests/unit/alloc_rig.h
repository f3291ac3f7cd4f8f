/* SPDX-License-Identifier: GPL-2.0-only */
/* The allocator's tests: a store without a tree, and short names for the calls. */
#ifndef SMV_ALLOC_RIG_H
#define SMV_ALLOC_RIG_H

#include "meta_rig.h"

#define GROUP_BLOCKS ((u64)SMV_GROUP_CHUNKS)

static struct smv_overlay nothing;

static void begin(u64 blocks, u32 chunk_blocks)
{
	rig_begin(blocks, chunk_blocks, 16);
	EXPECT_EQ(smv_overlay_init(&nothing, &rig_host, 16, 16, 16), 0);
}

static void end(void)
{
	smv_overlay_exit(&nothing);
	rig_end();
}

__attribute__((unused)) static void checkpoint(void)
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

__attribute__((unused)) static u64 own(void)
{
	u64 chunk = hold();

	EXPECT_EQ(smv_alloc_own(&rig.alloc, chunk_of(chunk)), 0);
	return chunk;
}

__attribute__((unused)) static void disown(u64 chunk, u64 lsn)
{
	EXPECT_EQ(ready(chunk), 0);
	EXPECT_EQ(smv_alloc_disown(&rig.alloc, chunk_of(chunk), lsn), 0);
}

static u64 usable(void)
{
	return rig.geometry.chunks - rig.geometry.first_chunk -
	       rig.geometry.groups * rig.geometry.head_chunks;
}

__attribute__((unused)) static void expect_counts(u64 data, u64 meta, u64 held)
{
	EXPECT_EQ(rig.alloc.data_chunks, data);
	EXPECT_EQ(rig.alloc.meta_chunks, meta);
	EXPECT_EQ(rig.alloc.held_chunks, held);
	EXPECT_EQ(rig.alloc.free_chunks, usable() - data - meta - held);
}

#endif
