/* SPDX-License-Identifier: GPL-2.0-only */
/* Room for metadata: may something change that the next checkpoint will have to write? */
#ifndef SMV_ROOM_H
#define SMV_ROOM_H

#include "volume.h"

/* Recomputes what is kept back for metadata; after whatever adds volumes or nodes. */
void smv_room_set(struct smv_store *store);

/*
 * For what makes metadata grow. 0; -EBUSY: perhaps behind the next checkpoint, which is wanted then
 * (or runs); -ENOSPC.
 * exception: of a job, its chunk, and what all jobs under way will add, so that these find room;
 * zero, volumes: even if by its cut all volumes and @more new ones have changed, and as many exceptions as can;
 * zero: and there is room for one of each free chunk, for data comes first.
 */
int smv_room_for_exception(struct smv_store *store);
int smv_room_for_zero(struct smv_store *store);
int smv_room_for_volumes(const struct smv_store *store, u32 more);

/*
 * For any records: changes of so many exceptions and volumes. 0, or -EBUSY as above; never when
 * nothing has changed since a checkpoint: what gives room back must always be possible.
 */
int smv_room_for_records(struct smv_store *store, u32 exceptions, u32 volumes);

/* Would a checkpoint help somebody who was refused a change? */
bool smv_room_cut_is_due(const struct smv_store *store);

#endif
