/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Metadata blocks: sealing, verifying, and the store's own cache of them, of
 * a size given at open. The cache does no I/O: a block it lacks is reported
 * missing, fetched by the host and provided.
 */
#ifndef SMV_BLOCK_H
#define SMV_BLOCK_H

#include "checksum.h"
#include "types.h"

/* Fills in the header's crc, magic, uuid, block and generation; count and level are the caller's. */
void smv_block_seal(void *block, u32 magic, const u8 *uuid, u64 number, u64 generation);

/*
 * Is this the block @number of the store @uuid, of kind @magic (0: any)?
 * -EUCLEAN if its checksum, magic, uuid or address is wrong.
 */
int smv_block_verify(const void *block, u32 magic, const u8 *uuid, u64 number);

struct smv_cached_block;

struct smv_blocks {
	struct smv_host host;
	u8 uuid[SMV_UUID_BYTES];
	u32 capacity;
	u32 buckets;
	u32 hand; /* of the clock that chooses whom to replace */
	struct smv_cached_block *slot;
	u32 *bucket;
	u64 hits, misses, evictions;
};

/* @capacity: blocks kept, 64 to 1 << 19, else -EINVAL. Allocates. -ENOMEM. */
int smv_blocks_init(struct smv_blocks *blocks, const struct smv_host *host, u32 capacity,
		    const u8 *uuid);
void smv_blocks_exit(struct smv_blocks *blocks);

/* The block, if cached, else NULL. Valid until the next provide or insert. */
const void *smv_blocks_get(struct smv_blocks *blocks, u64 number);

/* Takes in what the host read (copied). Verifies it: -EUCLEAN. */
int smv_blocks_provide(struct smv_blocks *blocks, u64 number, const void *data);

/* Takes in a sealed block just made (copied), replacing what was cached for this address. */
void smv_blocks_insert(struct smv_blocks *blocks, u64 number, const void *data);

/* Forgets a block, if cached. */
void smv_blocks_drop(struct smv_blocks *blocks, u64 number);

#endif
