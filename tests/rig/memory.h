/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A store in memory with the engine over it, for tests of what reads and
 * rewrites stores; and random histories that fill it. No data is written:
 * only metadata.
 */
#ifndef SMV_RIG_MEMORY_H
#define SMV_RIG_MEMORY_H

#include <stdio.h>
#include "diff.h"
#include "random.h"
#include "replay.h"
#include "store.h"

struct memory {
	u8 *image;
	u64 blocks;
	struct smv_store *store; /* NULL: not open */
	u64 miss;
	u32 busy;
	u32 patience; /* how often a checkpoint may say -ENOMEM */
	u64 reads, writes; /* blocks */
	u64 unreadable; /* a block; 0: none */
};

/* A formatted store, not open. @label also makes the uuid. Aborts without memory. */
void memory_format(struct memory *memory, u64 blocks, u32 chunk_blocks, const char *label);
/* As smv_store_open(). */
int memory_open(struct memory *memory, bool read_only, const struct smv_limits *limits);
/* for (;;) around an engine's call, as smv_host_again(). */
bool memory_again(struct memory *memory, int *rc);
/* smv_origin_write() and smv_job_done(), as often as it takes. */
int memory_origin_write(struct memory *memory, struct smv_volume *origin, u64 chunk,
			struct smv_job *job);
int memory_job_done(struct memory *memory, struct smv_job *job);
/* A first write that preserves its chunk. -EEXIST: there was nothing to be preserved. */
int memory_first_write(struct memory *memory, struct smv_volume *origin, u64 chunk);
int memory_commit(struct memory *memory);
/* Commits and cleans, @entries a step, until all is clean. */
int memory_clean(struct memory *memory, u32 entries);
/* Marks what a rollback has moved, and commits it. */
int memory_stage(struct memory *memory, struct smv_volume *origin);
/* smv_snapshot() of one volume, and its commit. @snapshot: it, or NULL if nobody wants to know. */
int memory_snapshot(struct memory *memory, struct smv_volume *of, const char *name,
		    struct smv_volume **snapshot);
int memory_checkpoint(struct memory *memory, bool clean);
/* Closes it in order; or as a power cut with nothing lost. */
int memory_close(struct memory *memory);
void memory_crash(struct memory *memory);
void memory_free(struct memory *memory);

/* For check, dump, replay: one block. @context: the memory. */
int memory_read(void *context, u64 block, void *buffer);
int memory_write(void *context, u64 block, const void *buffer);
struct smv_reader memory_reader(struct memory *memory);

/* smv_dump() of what is on the disk; it need not be open. -EUCLEAN: no superblock is whole. */
int memory_dump(struct memory *memory, bool json, FILE *out);
/* smv_diff() of the open store. */
typedef int (*memory_range)(void *context, u64 first, u64 count, enum smv_diff_kind kind);
int memory_diff(struct memory *memory, u64 from, u64 to, memory_range range, void *context);

/* ---- histories ------------------------------------------------------------ */

struct memory_history {
	struct memory *memory;
	struct random random;
	u64 sectors; /* of each origin */
	u32 origins; /* at most */
	u32 snapshots; /* about as many at once */
	u32 name; /* of the next volume */
	bool rollbacks;
	bool announces; /* records of some copies go with them */
	bool forgive; /* the store is damaged: any error will do */
};

void memory_history_begin(struct memory_history *history, struct memory *memory, u64 seed);
/* One random operation; it may turn out to be impossible. Aborts if one fails that must not. */
void memory_history_step(struct memory_history *history);

#endif
