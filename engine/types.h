/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's common types. Units are in the names: a sector has 512 bytes,
 * a block 4 KiB, a chunk is the store's unit of copying.
 */
#ifndef SMV_TYPES_H
#define SMV_TYPES_H

#include "port.h"

#define SMV_SECTOR_BYTES 512u
#define SMV_BLOCK_BYTES 4096u
#define SMV_BLOCK_SECTORS 8u
#define SMV_UUID_BYTES 16u

#define SMV_ASSERT(x)                                                                              \
	do {                                                                                       \
		if (!(x))                                                                          \
			smv_port_assert_failed(#x, __FILE__, __LINE__);                            \
	} while (0)

/* A chunk of the store, counted from the start of the store device. */
struct smv_store_chunk {
	u64 no;
};

/* Keys are ordered by volume, then chunk, then epoch. */
struct smv_key {
	u64 volume;
	u64 chunk; /* of the volume, from its start */
	u64 epoch;
};

/* What an exception says: one word, see smv_where_*(). */
struct smv_value {
	u64 where;
	u64 check; /* of an unproven record in the journal; else 0 */
};

enum smv_where_kind {
	SMV_WHERE_CHUNK = 0, /* low bits: the store chunk */
	SMV_WHERE_ZERO = 1, /* reads as zeroes, holds no store chunk */
	SMV_WHERE_LOST = 2, /* could not be preserved: reads as an error */
	SMV_WHERE_MARK = 3, /* rollback: low bits: chunks done from key.chunk on */
	SMV_WHERE_NONE = 255, /* no value (a journal record's "there was none") */
};

#define SMV_WHERE_SHIFT 56
#define SMV_WHERE_MASK ((1ULL << SMV_WHERE_SHIFT) - 1)

static inline u64 smv_where(enum smv_where_kind kind, u64 low)
{
	return (u64)kind << SMV_WHERE_SHIFT | low;
}

static inline enum smv_where_kind smv_where_kind(u64 where)
{
	return (enum smv_where_kind)(where >> SMV_WHERE_SHIFT);
}

static inline u64 smv_where_low(u64 where)
{
	return where & SMV_WHERE_MASK;
}

static inline bool smv_where_is_chunk(u64 where)
{
	return smv_where_kind(where) == SMV_WHERE_CHUNK;
}

static inline int smv_key_cmp(const struct smv_key *a, const struct smv_key *b)
{
	if (a->volume != b->volume)
		return a->volume < b->volume ? -1 : 1;
	if (a->chunk != b->chunk)
		return a->chunk < b->chunk ? -1 : 1;
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return 0;
}

static inline bool smv_key_same_chunk(const struct smv_key *a, const struct smv_key *b)
{
	return a->chunk == b->chunk && a->volume == b->volume;
}

/* The key after @key; false if there is none. */
static inline bool smv_key_next(struct smv_key *key)
{
	return ++key->epoch || ++key->chunk || ++key->volume;
}

/* The key before @key; false if there is none. */
static inline bool smv_key_prev(struct smv_key *key)
{
	return key->epoch-- || key->chunk-- || key->volume--;
}

/*
 * What the host gives: memory. alloc() returns zeroed memory or NULL and may
 * sleep; it is called only at open, and by calls whose comment says so. alloc_now()
 * does not wait for memory, which write-out through the store may be what frees.
 */
struct smv_host {
	void *(*alloc)(void *context, size_t bytes);
	void *(*alloc_now)(void *context, size_t bytes);
	void (*free)(void *context, void *memory, size_t bytes);
	void *context;
};

static inline void *smv_host_alloc(const struct smv_host *host, size_t bytes)
{
	return host->alloc(host->context, bytes);
}

static inline void *smv_host_alloc_now(const struct smv_host *host, size_t bytes)
{
	return host->alloc_now(host->context, bytes);
}

static inline void smv_host_free(const struct smv_host *host, void *memory, size_t bytes)
{
	if (memory)
		host->free(host->context, memory, bytes);
}

/*
 * What the engine asks of its host: the blocks of one request may be done in
 * any order and at once. A write with preflush starts after everything that
 * was completed before is durable; with fua it completes when it is durable.
 * The buffers stay the engine's, untouched, until the host reports the result.
 */
enum smv_io_op { SMV_IO_READ, SMV_IO_WRITE, SMV_IO_FLUSH };

#define SMV_IO_BLOCKS 64

struct smv_io {
	enum smv_io_op op;
	bool preflush;
	bool fua;
	u32 count; /* of blocks; 0 for a flush */
	u64 block[SMV_IO_BLOCKS]; /* on the store */
	/*
	 * SMV_BLOCK_BYTES each, whole blocks away from the beginning of a piece of
	 * memory that the host gave: disks take no others.
	 */
	void *buffer[SMV_IO_BLOCKS];
};

/*
 * Results, common to the engine:
 *   0         done
 *   -EAGAIN   a block is missing: read it, smv_store_provide() it, ask again
 *   -EBUSY    no room for the record now: commit, checkpoint or stage as
 *             smv_store_wants() says, then ask again
 *   -ENOSPC   the store is full
 *   -EIO      the store has failed, the volume is invalid, or the chunk lost
 *   -EUCLEAN  a block is damaged
 *   -ENOENT, -EEXIST, -EINVAL, -ENOTEMPTY, -EROFS, -ENOMEM as usual
 */

#endif
