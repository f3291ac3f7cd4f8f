/* SPDX-License-Identifier: GPL-2.0-only */
/* A running rollback: its marks, its mover, its end. store.h has the public half. */
#ifndef SMV_ROLLBACK_H
#define SMV_ROLLBACK_H

#include "write.h"

/* Memory for a rollback that begins, or was found at open. Allocates. -ENOMEM. */
int smv_rollback_prepare(struct smv_store *store, struct smv_volume *origin);
void smv_rollback_release(struct smv_store *store, struct smv_volume *origin);

/* Open: takes the journalled marks in. Restartable. -EAGAIN, -EUCLEAN. */
int smv_rollback_load(struct smv_store *store, struct smv_volume *origin, u64 *miss);

#endif
