/* SPDX-License-Identifier: GPL-2.0-only */
/* Which chunks of an origin are preserved in its present epoch, in memory: see also store.h. */
#ifndef SMV_PRESERVED_H
#define SMV_PRESERVED_H

#include "state.h"

/* Sees to it that @origin, of @chunks chunks, has bits. May allocate. -ENOMEM. */
int smv_preserved_make(struct smv_store *store, struct smv_volume *origin, u64 chunks);
void smv_preserved_free(struct smv_store *store, struct smv_volume *volume);

/*
 * The origin's epoch has just begun: no chunk is preserved. Nobody is in smv_preserved_test()
 * for this origin. May allocate, and does without if it cannot.
 */
void smv_preserved_begin(struct smv_store *store, struct smv_volume *origin, u64 chunks);

/* The exception @key of @volume is about to be found in the tree and in no overlay. May allocate. */
void smv_preserved_leave(struct smv_store *store, struct smv_volume *volume,
			 const struct smv_key *key);

/* Is it certain that the tree has no exception of (@origin, @chunk) above @epoch? */
bool smv_preserved_not_in_tree(const struct smv_volume *origin, u64 chunk, u64 epoch);

#endif
