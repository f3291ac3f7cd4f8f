/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The open store's state, shared by the engine's upper layers. Its host sees
 * it only through store.h.
 */
#ifndef SMV_STATE_H
#define SMV_STATE_H

#include "alloc.h"
#include "journal.h"
#include "map.h"
#include "ranges.h"
#include "recent.h"
#include "store.h"
#include "super.h"
#include "tree.h"

/* A running rollback's memory. */
struct smv_roll {
	u64 chunks; /* of the origin */
	u64 place; /* no chunk below is pending */
	u64 place_staging; /* what place was when the flush began */
	u64 first_lost; /* pending for ever: its data is lost; ~0: none */
	u64 moved_chunks;
	u64 lost_chunks;
	bool passed; /* some of these may be read one day */
	bool crowded; /* a write has been told to wait until the mover has gone on */
	bool staging;
	struct smv_ranges
		zeroed; /* lost ones with zeroes in place, whose write has not been issued */
	struct smv_ranges moved; /* in place, not known durable */
	struct smv_ranges flushing; /* the origin's flush for these is under way */
	struct smv_ranges marked; /* marks that the journal holds, above the watermark */
};

struct smv_volume {
	u64 number;
	u64 asof;
	u64 epoch;
	u64 taken_of;
	u64 created_s;
	u64 sectors;
	u64 exceptions;
	u64 roll_volume;
	u64 roll_epoch;
	u64 roll_done;
	u64 roll_source;
	u32 flags;
	u32 opens;
	char name[SMV_NAME_BYTES];
	char memo[SMV_MEMO_BYTES];
	char identity[SMV_IDENTITY_BYTES];
	u8 fingerprint[64];

	u64 parent_number; /* parent is NULL only until the table is linked */
	struct smv_volume *parent;
	struct smv_volume *origin;
	struct smv_volume *child_first, *child_last; /* ascending by asof and number */
	struct smv_volume *sibling_prev, *sibling_next;
	struct smv_volume *child_top; /* the tree of the children */
	struct smv_volume *tree_before, *tree_after;
	struct smv_volume *list_prev, *list_next; /* ascending by number */
	struct smv_volume *number_next; /* hash chains */
	struct smv_volume *name_next;
	u32 children;

	/*
	 * Readers: a snapshot that is visible, alive and valid counts, in itself
	 * and in every volume above it, until the record that ends it is durable.
	 */
	u32 readers;
	bool counted;
	u64 ending_lsn; /* 0: none */
	u64 dead_lsn; /* of the record that deleted it */
	struct smv_volume *ending_next;

	bool inherited_none; /* made since the opening, and has no entry of a deleted parent's (epoch 0) */
	bool count_dirty; /* exceptions changed since it was last recorded */
	u64 pass; /* ordinal of the request for the cleaner's pass */
	struct smv_volume *pass_prev,
		*pass_next; /* those with SMV_VOLUME_PASS, in the order of their flags */
	u64 flush_lsn; /* of the last mark or end of a rollback */
	u64 roll_lsn; /* of the record that began the rollback */
	struct smv_roll *roll; /* an origin in mid-rollback */

	struct smv_preserved *preserved; /* an origin's, see preserved.c; NULL: nothing is known */
};

/* Records whose copies are under way. */
struct smv_unproven {
	u64 block[SMV_UNPROVEN_MAX]; /* of the journal, that the record is in; 0: free */
	u32 count;
	u64 last_block; /* of the youngest ever */
	bool cut_waits; /* a checkpoint waits for them to end */
};

enum smv_clean_phase { SMV_CLEAN_CHOOSE, SMV_CLEAN_JUDGE, SMV_CLEAN_END, SMV_CLEAN_MERGE };

struct smv_cleaning {
	enum smv_clean_phase phase;
	struct smv_volume *volume;
	struct smv_key place; /* next entry to look at */
	u64 pass; /* the request that is being served */
	u64 epoch; /* of the volume when the pass began; ~0: it was dead */
};

enum smv_checkpoint_phase {
	SMV_CHECKPOINT_IDLE,
	SMV_CHECKPOINT_EXCEPTIONS,
	SMV_CHECKPOINT_VOLUMES,
	SMV_CHECKPOINT_ALLOC,
	SMV_CHECKPOINT_SUPER,
};

struct smv_checkpointing {
	enum smv_checkpoint_phase phase;
	struct smv_merge *merge;
	u64 generation;
	u64 cut;
	u64 lsn; /* last record it covers */
	u64 incarnation;
	struct smv_tree exceptions;
	struct smv_tree volumes;
	struct smv_disk_super *super;
	bool merging; /* smv_merge_begin() was called for this phase */
	const struct smv_overlay_entry *unseen; /* the first that smv_preserved_leave() is to see */
	bool writing; /* the superblock is on its way */
	bool clean; /* the last one begun is that of a clean close */
	u64 done_lsn; /* covered by the durable one */
	u64 done, blocks; /* statistics */
};

struct smv_opening; /* store.c */

/* Volumes changed between checkpoints, but for their counts of exceptions. */
#define SMV_VOLUME_CHANGES 4096u

/* Bits of preserved chunks, of all origins: 2 MiB a TiB of 64 KiB chunks. */
#define SMV_PRESERVED_BYTES (32u << 20)

#define SMV_NUMBER_BUCKETS 4096u
#define SMV_NAME_BUCKETS 4096u

struct smv_store {
	struct smv_host host;
	struct smv_geometry geometry;
	u8 uuid[SMV_UUID_BYTES];
	u8 host_id[SMV_UUID_BYTES];
	u8 boot_id[SMV_UUID_BYTES];
	struct smv_limits limits;
	struct smv_settings settings;
	u32 overlay_limit; /* exceptions changed between checkpoints */
	u64 created_s;
	u64 generation; /* of the durable checkpoint */

	bool open;
	bool replaying;
	bool read_only;
	bool failed;
	bool settings_dirty;
	char reason[160];

	struct smv_blocks blocks;
	u32 doubts; /* blocks provided since the last checkpoint that were damaged, and to be read again */
	struct smv_journal journal;
	struct smv_alloc alloc;
	struct smv_map exceptions; /* values: struct smv_value */
	struct smv_map volumes; /* values: struct smv_disk_volume */
	struct smv_recent recent;

	struct smv_volume **by_number;
	struct smv_volume **by_name;
	struct smv_volume *first, *last;
	struct smv_volume *ending_first, *ending_last; /* ascending by ending_lsn */
	u64 next_volume;
	u64 exception_count;
	u32 volume_count;
	u32 counts_dirty; /* volumes with count_dirty */
	u64 room_enough; /* for metadata, whatever may change: see room.c */
	bool room_short; /* somebody was refused a change for want of it since the last cut */
	u32 origins, snapshots, ghosts;
	u32 passes; /* volumes with SMV_VOLUME_PASS */
	struct smv_volume *pass_first, *pass_end;
	u64 pass_last;
	u64 preserved_bytes; /* bits of all origins */

	struct smv_unproven unproven;
	struct smv_cleaning clean;
	struct smv_checkpointing checkpoint;
	struct smv_opening *opening;
};

static inline bool smv_volume_is(const struct smv_volume *volume, u32 flags)
{
	return volume->flags & flags;
}

static inline bool smv_volume_is_origin(const struct smv_volume *volume)
{
	return smv_volume_is(volume, SMV_VOLUME_ORIGIN);
}

static inline bool smv_volume_is_rolling(const struct smv_volume *origin)
{
	return origin->roll_volume != 0;
}

#endif
