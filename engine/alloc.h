/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocation of the store: bitmaps of chunks in groups, and of blocks in those
 * chunks that hold metadata. A chunk is owned (by a record or as metadata),
 * held (reserved for a copy, or freed and not yet reusable), or free.
 *
 * Bitmaps are read when first needed: calls that may find one missing say so
 * (-EAGAIN and *miss, a block number).
 */
#ifndef SMV_ALLOC_H
#define SMV_ALLOC_H

#include "block.h"
#include "super.h"

struct smv_alloc_group;
struct smv_alloc_meta;
struct smv_alloc_freed;

struct smv_alloc {
	struct smv_host host;
	struct smv_blocks *blocks;
	struct smv_geometry geometry;
	u8 uuid[SMV_UUID_BYTES];
	struct smv_alloc_group *group;
	struct smv_alloc_meta *meta; /* metadata chunks, known ones */
	struct smv_alloc_freed *freed; /* ring of chunks waiting to be reusable */
	u32 freed_first, freed_count, freed_limit, freed_reaping;
	u64 cursor; /* chunk to look at next for data */
	u64 data_chunks; /* owned by records */
	u64 meta_chunks;
	u64 held_chunks;
	u64 free_chunks; /* neither owned nor held */
	u64 meta_free_blocks; /* free for nodes in metadata chunks */
	u64 reserve_blocks; /* kept back for metadata */
	bool checkpointing;
	u64 taken_blocks; /* for nodes of the running checkpoint; of the last one, if none runs */
	u64 generation; /* of the running checkpoint */
	void *private; /* see alloc_private.h */
};

/*
 * @freed_limit: chunks that may be waiting at once. Allocates 3 bits a chunk
 * in all. The group states come from directory blocks, which the caller
 * reads: smv_alloc_directory_io() says which, one call a pair.
 */
int smv_alloc_init(struct smv_alloc *alloc, const struct smv_host *host, struct smv_blocks *blocks,
		   const struct smv_geometry *geometry, const u8 *uuid, u32 freed_limit);
void smv_alloc_exit(struct smv_alloc *alloc);

/* The directory block that is current of pair @pair (bit from the superblock). */
u64 smv_alloc_directory_block(const struct smv_alloc *alloc, u64 pair, bool which);
u64 smv_alloc_directory_pairs(const struct smv_alloc *alloc); /* in use */
/* Takes in a directory block that was read. -EUCLEAN. */
int smv_alloc_load_directory(struct smv_alloc *alloc, u64 pair, bool which, const void *block);
/*
 * Counts from the superblock; to be called after the directory is loaded.
 * Allocates the table of metadata chunks. -ENOMEM; -EUCLEAN: the directory counts otherwise.
 */
int smv_alloc_load_counts(struct smv_alloc *alloc, u64 data_chunks, u64 meta_chunks);

/* Blocks to keep back for metadata, beyond what free metadata blocks cover. */
void smv_alloc_set_reserve(struct smv_alloc *alloc, u64 blocks);

/* Chunks that data may still take. */
u64 smv_alloc_available(const struct smv_alloc *alloc);
/* Blocks that metadata may still take; less while a checkpoint runs, which frees its old ones at the end. */
u64 smv_alloc_meta_room(const struct smv_alloc *alloc);

/* Is the bitmap for this chunk in memory? 0, -EAGAIN, -EUCLEAN; -EINVAL: no chunk for data or metadata. */
int smv_alloc_ready(struct smv_alloc *alloc, struct smv_store_chunk chunk, u64 *miss);

/* Could this be the number of a chunk for data or metadata? Heads and what lies outside are none. */
bool smv_alloc_is_place(const struct smv_alloc *alloc, struct smv_store_chunk chunk);
/* Is it owned, and not as metadata? Its bitmap is ready. */
bool smv_alloc_is_data(const struct smv_alloc *alloc, struct smv_store_chunk chunk);

/* Holds a free chunk, ascending from the last one. -ENOSPC, -EAGAIN, -EUCLEAN. */
int smv_alloc_hold(struct smv_alloc *alloc, struct smv_store_chunk *chunk, u64 *miss);
/* Gives back a held chunk that no record ever mentioned; its I/O has ended. */
void smv_alloc_unhold(struct smv_alloc *alloc, struct smv_store_chunk chunk);

/* A record says that the chunk is owned; it was held, or (replay) free. Its bitmap is ready. -EUCLEAN: it is owned already. */
int smv_alloc_own(struct smv_alloc *alloc, struct smv_store_chunk chunk);

/*
 * The record @lsn gave the chunk up. It becomes held, until that record is
 * durable and the host has seen the chunk's I/O end. -EUCLEAN: not owned.
 * Room in the ring of freed chunks was checked with smv_alloc_freed_room().
 * @lsn 0 (replay): it is durable and no I/O can be under way: free at once, and
 * no room in the ring is needed.
 */
int smv_alloc_disown(struct smv_alloc *alloc, struct smv_store_chunk chunk, u64 lsn);
u32 smv_alloc_freed_room(const struct smv_alloc *alloc);

/*
 * Chunks whose freeing record is durable (@durable) go on: reap_begin returns
 * how many; the host waits until all I/O it had mapped before has ended, then
 * reap_end makes these reusable. One batch at a time (0 while one is open).
 * What was freed behind the cut of a running checkpoint waits for its end: else
 * a node of that checkpoint might lie where records after the cut still say data.
 * reapable() says whether reap_begin would return any, and begins nothing.
 */
bool smv_alloc_reapable(const struct smv_alloc *alloc, u64 durable);
u32 smv_alloc_reap_begin(struct smv_alloc *alloc, u64 durable);
void smv_alloc_reap_end(struct smv_alloc *alloc);

/*
 * The checkpoint. cut() freezes what is owned as of now. Then node blocks are
 * taken and freed: taken ones count as used in the new checkpoint, freed ones
 * as unused in it, but they are not reused before done(). After the last of
 * these, write_step() yields group and directory blocks to write: 1: do @io,
 * then call it again; 0: finished. directory_current() then gives the bits
 * for the superblock. done(): that superblock is durable. There is no undo:
 * a checkpoint that cannot be finished stops the store.
 */
void smv_alloc_cut(struct smv_alloc *alloc, u64 generation);
/* -ENOSPC, -EAGAIN, -EUCLEAN, -ENOMEM. May allocate. */
int smv_alloc_take_block(struct smv_alloc *alloc, u64 *block, u64 *miss);
/* -EAGAIN if its group is not in memory. -EUCLEAN: no block of metadata in use. */
int smv_alloc_free_block(struct smv_alloc *alloc, u64 block, u64 *miss);
int smv_alloc_write_step(struct smv_alloc *alloc, struct smv_io *io, u64 *miss);
void smv_alloc_directory_current(const struct smv_alloc *alloc, u8 *bits, size_t bytes);
void smv_alloc_done(struct smv_alloc *alloc);
/* Counts as of the cut, nodes of the running checkpoint included; after write_step() was called. */
void smv_alloc_cut_counts(const struct smv_alloc *alloc, u64 *data_chunks, u64 *meta_chunks);

/* For check: is the chunk owned? a metadata block in use? Bitmaps ready. */
bool smv_alloc_is_owned(const struct smv_alloc *alloc, struct smv_store_chunk chunk);
bool smv_alloc_is_meta_block(const struct smv_alloc *alloc, u64 block);

#endif
