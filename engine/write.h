/* SPDX-License-Identifier: GPL-2.0-only */
/* What writes need first, and the jobs that provide it. store.h has the public half. */
#ifndef SMV_WRITE_H
#define SMV_WRITE_H

#include "resolve.h"

/*
 * Chunks moved ahead of the mover are marked one by one, and all that are under way find room
 * for their marks when they end (I-MOVES-FIT). Writers leave room for
 * the mover, whose marks merge into the watermark and give room back.
 */
#define SMV_MOVER_RANGES (SMV_RANGES_MAX - SMV_MOVES_MAX)
#define SMV_WRITERS_RANGES (SMV_MOVER_RANGES - SMV_MOVES_MAX - 512u)

static inline u32 smv_write_marks(const struct smv_roll *roll)
{
	return roll->zeroed.count + roll->moved.count + roll->flushing.count + roll->marked.count;
}

/* Turns an exception's where into a place. -EIO: the chunk is lost. */
int smv_write_place(u64 where, struct smv_where *place);

/*
 * Prepares the copy of what is in place at the origin's chunk, labelled @epoch,
 * if a snapshot needs it: todo COPY, else GO. -ENOSPC, -EAGAIN, -EUCLEAN.
 */
int smv_write_preserve(struct smv_store *store, struct smv_volume *origin, u64 chunk, u64 epoch,
		       struct smv_job *job, u64 *miss);

/* Value of exactly this key; SMV_WHERE_NONE if there is none. Its chunk's bitmap is in memory then. -EAGAIN, -EUCLEAN. */
int smv_write_get(struct smv_store *store, const struct smv_key *key, u64 *where, u64 *miss);

/*
 * Records an exception of a chunk written, with what it ends. The entry that @was there, if any, and the
 * bitmap of its chunk are known. -EBUSY: no room for the record now; -EAGAIN, -EUCLEAN.
 */
int smv_write_put(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		  u64 where, u64 was, u64 *lsn, u64 *miss);

/* The next job for a chunk that is pending: COPY, then MOVE; GO: it is not pending. */
int smv_write_pending(struct smv_store *store, struct smv_volume *origin, u64 chunk,
		      struct smv_job *job, u64 *miss);

#endif
