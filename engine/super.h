/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The superblock: seal, verify, and the store's geometry. Two slots, blocks 1
 * and 2, written alternately: SMV_SUPER_SLOT(generation).
 */
#ifndef SMV_SUPER_H
#define SMV_SUPER_H

#include "format.h"

/* Where everything is, from a verified superblock. */
struct smv_geometry {
	u32 chunk_blocks;
	u64 blocks; /* of the store */
	u64 directory_block;
	u64 directory_pairs; /* room */
	u64 journal_block;
	u64 journal_blocks;
	u64 first_chunk;
	u64 chunks; /* of the store device; the last whole one ends it */
	u64 groups;
	u32 head_chunks; /* at the head of each group */
};

#define SMV_CHUNK_BLOCKS_MAX 256u /* 1 MiB */

/*
 * Computes the geometry for a new store of @blocks blocks.
 * -EINVAL: @chunk_blocks is no power of two from 1 to 256.
 * -ENOSPC: the device is too small; *least is the number of blocks it takes.
 */
int smv_super_plan(u64 blocks, u32 chunk_blocks, struct smv_geometry *geometry, u64 *least);

/* Stores the geometry into @super and takes it out again. */
void smv_super_put_geometry(struct smv_disk_super *super, const struct smv_geometry *geometry);
void smv_super_get_geometry(const struct smv_disk_super *super, struct smv_geometry *geometry);

/*
 * Is this block a superblock that was meant for @slot (1 or 2)?
 * -ENOENT: no signature: something else lies here.
 * -EUCLEAN: it is one, but damaged or misplaced, or its geometry impossible.
 * -EOPNOTSUPP: sound, but of a newer version or with unknown incompatible features.
 */
int smv_super_verify(const void *block, u64 slot);

/* Fills in header and checksum; everything else is the caller's. */
void smv_super_seal(struct smv_disk_super *super, u64 generation);

#endif
