/* SPDX-License-Identifier: GPL-2.0-only */
/* The checkpoint: smv_checkpoint_step() in store.h. */
#ifndef SMV_CHECKPOINT_H
#define SMV_CHECKPOINT_H

#include "command.h"

/* The maps, with room for what is changed between checkpoints, or found in the journal. -ENOMEM. */
int smv_checkpoint_init_maps(struct smv_store *store);
/* Allocates. @super: the superblock that the store was opened with. -ENOMEM. */
int smv_checkpoint_init(struct smv_store *store, const struct smv_disk_super *super);
void smv_checkpoint_exit(struct smv_store *store);

/* The next checkpoint ends a recovery: it raises the incarnation. */
void smv_checkpoint_begin_incarnation(struct smv_store *store);

/* More than half of what a checkpoint frees is in use. */
bool smv_checkpoint_wanted(const struct smv_store *store);

#endif
