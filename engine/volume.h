/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of volumes: who there is, who was taken of whom, who reads whom. */
#ifndef SMV_VOLUME_H
#define SMV_VOLUME_H

#include "state.h"

/* Stops commits; what the store says of it is @reason (the first one stays). */
void smv_volume_fail_store(struct smv_store *store, const char *reason);

int smv_volume_table_init(struct smv_store *store);
void smv_volume_table_exit(struct smv_store *store);

/* A zeroed volume that is in no table. Allocates. NULL: no memory. */
struct smv_volume *smv_volume_new(struct smv_store *store);
void smv_volume_free(struct smv_store *store, struct smv_volume *volume);

/* Into the table, by number and (visible ones) by name; not yet below its parent. -EUCLEAN: the number is taken. */
int smv_volume_insert(struct smv_store *store, struct smv_volume *volume);
/* Out of the table and from below its parent; frees it. It has no children. */
void smv_volume_remove(struct smv_store *store, struct smv_volume *volume);

/* Below @parent as of @asof (parent NULL: an origin), among its children in the order of epochs. */
void smv_volume_link(struct smv_volume *volume, struct smv_volume *parent, u64 asof);
void smv_volume_unlink(struct smv_volume *volume);
/* @volume takes the place of its parent, a ghost, among the grandparent's children. */
void smv_volume_adopt(struct smv_volume *volume);
/* The first child as of epoch @asof or a later one, in a few steps; sibling_next has the others. NULL: none. */
const struct smv_volume *smv_volume_child_from(const struct smv_volume *volume, u64 asof);

/* Changes name or flags, keeping index and counters right. */
void smv_volume_set_name(struct smv_store *store, struct smv_volume *volume, const char *name);
void smv_volume_set_flags(struct smv_store *store, struct smv_volume *volume, u32 flags);

void smv_volume_encode(const struct smv_volume *volume, struct smv_disk_volume *disk);
/* -EUCLEAN: impossible values. Fills in everything but the links. */
int smv_volume_decode(struct smv_volume *volume, const struct smv_disk_volume *disk);

/* Readers. count: @volume begins to count. end: it ceases to when @lsn is durable. */
void smv_volume_count(struct smv_volume *volume);
void smv_volume_end(struct smv_store *store, struct smv_volume *volume, u64 lsn);
/* Lets those cease whose end is durable. */
void smv_volume_settle(struct smv_store *store);
/* Is it dead, durably? */
bool smv_volume_is_dead(const struct smv_store *store, const struct smv_volume *volume);

/* Greatest epoch in [low, below) as of which a counted snapshot reads the origin: false: none. */
bool smv_volume_newest_reader(struct smv_store *store, const struct smv_volume *origin, u64 low,
			      u64 below, u64 *epoch);

/* The volume and epoch that a snapshot of @of, taken now, belongs below. */
struct smv_volume *smv_volume_attach(struct smv_volume *of, u64 *asof);

#endif
