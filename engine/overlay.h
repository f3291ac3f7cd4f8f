/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ordered map in memory of what changed since a checkpoint: a skip list in
 * an arena that is emptied as a whole, with an index of its chunks. Deleted keys
 * stay as tombstones.
 */
#ifndef SMV_OVERLAY_H
#define SMV_OVERLAY_H

#include "types.h"

#define SMV_OVERLAY_LEVELS 12

struct smv_overlay_entry {
	struct smv_key key;
	u32 ref; /* of the next in its bucket; 0: none, or not the first of its chunk */
	u16 levels;
	bool tombstone; /* there is no such key, whatever lies below says */
	/* followed by the value (value_bytes, a multiple of 8), then the links */
};

struct smv_overlay_slab;

struct smv_overlay {
	struct smv_host host;
	u32 value_bytes;
	u32 count; /* entries, tombstones among them */
	u32 limit; /* entries it may ever hold */
	u32 slabs; /* allocated */
	u32 seed;
	struct smv_overlay_slab **slab;
	u32 slab_now;
	u32 slab_used;
	u32 *bucket; /* refs: the first entries of chunks, by a hash of volume and chunk */
	u32 bucket_bits;
	struct smv_overlay_entry *head[SMV_OVERLAY_LEVELS];
	/* The last entries below what was put last, one a level. */
	const struct smv_overlay_entry *finger[SMV_OVERLAY_LEVELS];
};

/*
 * @limit entries at most, usually up to @usual: for these the index is. Memory for the first comes at
 * once, more with smv_overlay_reserve().
 */
int smv_overlay_init(struct smv_overlay *overlay, const struct smv_host *host, u32 value_bytes,
		     u32 limit, u32 usual);
void smv_overlay_exit(struct smv_overlay *overlay);

/* Makes sure that @entries more can be put. -EBUSY: past the limit; -ENOMEM. May allocate. */
int smv_overlay_reserve(struct smv_overlay *overlay, u32 entries);

/* Sets the entry of @key; NULL value: a tombstone. Room was reserved. */
void smv_overlay_put(struct smv_overlay *overlay, const struct smv_key *key, const void *value);

/* The first entry at or above, the last at or below, tombstones included; NULL: none. */
const struct smv_overlay_entry *smv_overlay_ge(const struct smv_overlay *overlay,
					       const struct smv_key *key);
const struct smv_overlay_entry *smv_overlay_le(const struct smv_overlay *overlay,
					       const struct smv_key *key);
/* The same among the entries of @key's volume and chunk; mostly without a search. */
const struct smv_overlay_entry *smv_overlay_chunk_ge(const struct smv_overlay *overlay,
						     const struct smv_key *key);
const struct smv_overlay_entry *smv_overlay_chunk_le(const struct smv_overlay *overlay,
						     const struct smv_key *key);
/* The entry after this one; NULL: none. */
const struct smv_overlay_entry *smv_overlay_next(const struct smv_overlay *overlay,
						 const struct smv_overlay_entry *entry);

/*
 * The index's bucket of a volume and chunk; 0 in it: the overlay has no change of them.
 * Multiplicative hashing (Knuth 3, 6.4), with 2^64 by the golden ratio.
 */
static inline u32 *smv_overlay_bucket(const struct smv_overlay *overlay, const struct smv_key *key)
{
	u64 hash = (key->chunk + (key->volume << 40 | key->volume >> 24)) * 0x9e3779b97f4a7c15ULL;

	return overlay->bucket + (hash >> 32 >> (32 - overlay->bucket_bits));
}

static inline const void *smv_overlay_value(const struct smv_overlay_entry *entry)
{
	return entry + 1;
}

/* Forgets everything, keeps the memory. */
void smv_overlay_clear(struct smv_overlay *overlay);

#endif
