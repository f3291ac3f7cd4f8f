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
	u64 chunks; /* end of the last group: [first_chunk, chunks) are in groups */
	u64 groups; /* the last one may be shorter */
	u32 head_chunks; /* at the head of each group */
};

#define SMV_CHUNK_BLOCKS_MAX 256u /* 1 MiB */

/* What a superblock may say of the ring. */
#define SMV_JOURNAL_BLOCKS_MIN 64u /* two full commits */
#define SMV_JOURNAL_BLOCKS_MAX 16384u /* recovery holds the whole ring in memory */

/* Blocks that metadata may take at least: with less, room.c leaves none for a first write. */
#define SMV_LEAST_META_BLOCKS 152u
#define SMV_LEAST_DATA_CHUNKS 8u

/*
 * Computes the geometry for a new store of @blocks blocks. *least is set but
 * for -EINVAL: the number of blocks that the smallest store of these chunks takes.
 * -EINVAL: @chunk_blocks is no power of two from 1 to 256.
 * -ENOSPC: the device is too small.
 * -EFBIG: it has more chunks than a store can describe: take larger ones.
 */
int smv_super_plan(u64 blocks, u32 chunk_blocks, struct smv_geometry *geometry, u64 *least);

/* Stores the geometry into @super and takes it out again. */
void smv_super_put_geometry(struct smv_disk_super *super, const struct smv_geometry *geometry);
void smv_super_get_geometry(const struct smv_disk_super *super, struct smv_geometry *geometry);

/* -EUCLEAN: no settings that could have been written. */
int smv_super_verify_settings(const struct smv_disk_settings *settings);

/*
 * Is this block (aligned to 8 bytes) a superblock that was meant for @slot (1 or 2)?
 * -ENOENT: no signature: something else lies here.
 * -EUCLEAN: it is one, but damaged or misplaced, or its geometry impossible.
 * -EOPNOTSUPP: sound, but of a newer version or with unknown incompatible features.
 */
int smv_super_verify(const void *block, u64 slot);

/*
 * What a superblock needs that smv_super_verify() says -EOPNOTSUPP of, or, with
 * @write, that forbids writing: "format version 2", "incompatible features 3 5" (the
 * numbers of the bits: features that this software does not know have no other name).
 * Always ends within @bytes.
 */
void smv_super_missing(const struct smv_disk_super *super, bool write, char *text, u32 bytes);

/*
 * Fills in signature, version, checksum and the header, but for its uuid:
 * that and everything else is the caller's. @super begins a whole block.
 */
void smv_super_seal(struct smv_disk_super *super, u64 generation);

#endif
