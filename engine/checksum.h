/* SPDX-License-Identifier: GPL-2.0-only */
/* Checksums: crc32c of metadata blocks, xxh64 of copies. */
#ifndef SMV_CHECKSUM_H
#define SMV_CHECKSUM_H

#include "format.h"

/* The crc32c of a 4 KiB block but its first four bytes, seeded with ~0. */
u32 smv_checksum_block(const void *block);

/* Of a copied chunk, in pieces of any size. It is never 0. */
static inline void smv_checksum_data_begin(struct smv_port_hash *hash)
{
	smv_port_hash_begin(hash);
}

static inline void smv_checksum_data_add(struct smv_port_hash *hash, const void *data, u32 bytes)
{
	smv_port_hash_add(hash, data, bytes);
}

static inline u64 smv_checksum_data_end(struct smv_port_hash *hash)
{
	u64 sum = smv_port_hash_end(hash);

	return sum ? sum : 1;
}

/* The same of data in one piece. */
static inline u64 smv_checksum_data(const void *data, u32 bytes)
{
	struct smv_port_hash hash;

	smv_checksum_data_begin(&hash);
	smv_checksum_data_add(&hash, data, bytes);
	return smv_checksum_data_end(&hash);
}

#endif
