/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the allocator's parts share. Each calls only those before it:
 * alloc_group.c (bitmaps of a group, the table of metadata chunks), alloc.c
 * (chunks for data), alloc_meta.c (blocks for nodes, the checkpoint).
 */
#ifndef SMV_ALLOC_PRIVATE_H
#define SMV_ALLOC_PRIVATE_H

#include "alloc.h"

#define SMV_ALLOC_NONE (~0u) /* no entry of the table of metadata chunks */
#define SMV_ALLOC_META_WORDS (SMV_CHUNK_BLOCKS_MAX / 64)

/* Of a group's copy on disk, as the directory has it. */
struct smv_alloc_state {
	u64 generation;
	u32 crc;
	u16 free;
	u8 which;
	u8 meta;
};

struct smv_alloc_group {
	u8 *owned; /* by the newest record, or as metadata, or the head */
	u8 *hold; /* not owned, but not to be given out; set beyond the store's end */
	u8 *frozen; /* owned, as the running checkpoint writes it */
	struct smv_alloc_state now; /* of the durable checkpoint */
	struct smv_alloc_state next; /* of the running one, if written */
	u32 chunks; /* the store's last group may be a part of one */
	u32 free; /* neither owned nor held */
	u32 metas; /* metadata chunks; an upper bound until it is loaded */
	u32 meta_first; /* in the table, ascending; SMV_ALLOC_NONE */
	bool loaded;
	bool dirty; /* changed since the last cut */
	bool frozen_dirty; /* to be written by the running checkpoint */
	bool frozen_valid; /* frozen is what it writes; else owned is */
	bool written; /* by the running checkpoint */
};

/* A metadata chunk. Not allocatable: used. In the running checkpoint: used and not dying. */
struct smv_alloc_meta {
	u64 chunk;
	u64 used[SMV_ALLOC_META_WORDS];
	u64 dying[SMV_ALLOC_META_WORDS];
	u32 used_count;
	u32 dying_count;
	u32 next; /* of its group, ascending; or of the unused entries */
	u32 hash_next;
	bool live; /* the entry is in use */
	bool emptied; /* leaves with the running checkpoint */
};

struct smv_alloc_freed {
	u64 chunk;
	u64 lsn;
};

struct smv_alloc_private {
	u8 **slab; /* bitmaps of SMV_ALLOC_SLAB_GROUPS groups each */
	u64 slabs;
	u64 capacity; /* chunks that metadata could take: the sum over the groups */
	u32 meta_max; /* metadata chunks a group's table has room for */
	/* the table of metadata chunks */
	u32 *bucket;
	u32 table_size; /* entries, and buckets */
	u32 table_unused; /* first of the unused ones */
	u32 table_live; /* how many are in use: at most meta_chunks, all when all groups are loaded */
	u32 table_scan; /* where the search for a free block goes on */
	u64 group_scan; /* the same for a chunk to be made metadata */
	/* the running checkpoint */
	u64 cut_data;
	u64 emptied;
	u32 freed_cut; /* of the ring's entries, those before the cut */
	bool writing;
	u64 write_group;
	u64 write_pair;
	u8 *directory_now; /* a bit a pair: which is current */
	u8 *directory_next;
	u8 *buffer; /* SMV_IO_BLOCKS blocks */
};

static inline struct smv_alloc_private *smv_alloc_private(const struct smv_alloc *alloc)
{
	return alloc->private;
}

static inline bool smv_alloc_bit(const u8 *bits, u32 at)
{
	return bits[at / 8] >> (at % 8) & 1;
}

static inline void smv_alloc_bit_set(u8 *bits, u32 at)
{
	bits[at / 8] |= (u8)(1u << (at % 8));
}

static inline void smv_alloc_bit_clear(u8 *bits, u32 at)
{
	bits[at / 8] &= (u8) ~(1u << (at % 8));
}

/* The group of a chunk (at or behind the first group's start), and its place there. */
static inline u64 smv_alloc_group_of(const struct smv_alloc *alloc, u64 chunk, u32 *at)
{
	u64 offset = chunk - alloc->geometry.first_chunk;

	*at = (u32)(offset % SMV_GROUP_CHUNKS);
	return offset / SMV_GROUP_CHUNKS;
}

static inline u64 smv_alloc_chunk_at(const struct smv_alloc *alloc, u64 group, u32 at)
{
	return alloc->geometry.first_chunk + group * SMV_GROUP_CHUNKS + at;
}

/* Of the bits that say which of each directory pair is current. */
static inline size_t smv_alloc_directory_bytes(const struct smv_alloc *alloc)
{
	return (size_t)(smv_alloc_directory_pairs(alloc) + 7) / 8;
}

/* -- groups ------------------------------------------------------------ */

int smv_alloc_groups_init(struct smv_alloc *alloc);
void smv_alloc_groups_exit(struct smv_alloc *alloc);

/* Takes in a group's state from the directory. -EUCLEAN: it is impossible. */
int smv_alloc_group_set_state(struct smv_alloc *alloc, u64 number,
			      const struct smv_alloc_state *state);
/* Its bitmap comes into memory. -EAGAIN (*miss), -EUCLEAN. */
int smv_alloc_group_load(struct smv_alloc *alloc, u64 number, u64 *miss);
/* @free more (or fewer) of its chunks are free, @metas more hold metadata. */
void smv_alloc_group_count(struct smv_alloc *alloc, struct smv_alloc_group *group, int free,
			   int metas);
/* Chunks that its table of metadata has room for. */
u32 smv_alloc_group_room(const struct smv_alloc *alloc, const struct smv_alloc_group *group);
/* Before owned changes: the running checkpoint keeps what it was. */
void smv_alloc_group_preserve(struct smv_alloc *alloc, struct smv_alloc_group *group);
/* A free chunk: the first at or above @from; the last. False: none. */
bool smv_alloc_group_first(const struct smv_alloc_group *group, u32 from, u32 *at);
bool smv_alloc_group_last(const struct smv_alloc_group *group, u32 *at);
/* Makes the block that the running checkpoint writes, and group->next. */
void smv_alloc_group_build(struct smv_alloc *alloc, u64 number, struct smv_disk_group *disk);
/* Its place on the store: copy 0 or 1. */
u64 smv_alloc_group_block(const struct smv_alloc *alloc, u64 number, u32 copy);

/* -- the table of metadata chunks ---------------------------------------- */

/* Room for @entries in all, and for one more than are in use. -ENOMEM. Allocates. */
int smv_alloc_table_grow(struct smv_alloc *alloc, u64 entries);
struct smv_alloc_meta *smv_alloc_table_find(const struct smv_alloc *alloc, u64 chunk);
/* Adds a chunk without used blocks; there is room. */
struct smv_alloc_meta *smv_alloc_table_add(struct smv_alloc *alloc, u64 chunk);
void smv_alloc_table_remove(struct smv_alloc *alloc, struct smv_alloc_meta *meta);

#endif
