/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a chunk of a volume is: look-ups only, nothing changes. */
#ifndef SMV_RESOLVE_H
#define SMV_RESOLVE_H

#include "record.h"

#define SMV_NOWHERE smv_where(SMV_WHERE_NONE, 0)

/*
 * Where chunk @chunk of @volume is read from: *where as in an exception, or of
 * kind SMV_WHERE_NONE: in place on the origin. -EAGAIN, -EUCLEAN.
 */
int smv_resolve(struct smv_store *store, struct smv_volume *volume, u64 chunk, u64 *where,
		u64 *miss);

/* Is the origin's chunk still to be moved by its rollback, and from where? -ENOENT: no. */
int smv_resolve_pending(struct smv_store *store, struct smv_volume *origin, u64 chunk, u64 *where,
			u64 *miss);

/* As above, leaving aside what has been moved but is not in the journal. */
bool smv_resolve_is_marked(const struct smv_volume *origin, u64 chunk);

/*
 * Would a snapshot as of an epoch in [low, below) read the origin's chunk in
 * place, so that a copy labelled @below must be made before it changes?
 */
int smv_resolve_need(struct smv_store *store, struct smv_volume *origin, u64 chunk, u64 low,
		     u64 below, bool *need, u64 *miss);

#endif
