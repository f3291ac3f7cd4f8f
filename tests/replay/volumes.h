/* SPDX-License-Identifier: GPL-2.0-only */
/* The volumes of a store as a power cut left it, through the engine in user space. */
#ifndef SMV_REPLAY_VOLUMES_H
#define SMV_REPLAY_VOLUMES_H

#include "disks.h"
#include "memory.h"

struct cut_store {
	struct disks *disks;
	struct memory memory; /* over the store's disk as it was cut */
	const char *wrong; /* of the last call that said so; a buffer of this file */
	u8 *buffer; /* one chunk */
	struct found *found; /* by the check that runs */
	u64 chunk_bytes;
};

/* Activates: `snapmv check', recovery, `snapmv check' again. false: store->wrong says why not. */
bool store_up(struct cut_store *store, struct disks *disks);
/* Runs the cleaner to its end, and a checkpoint. */
bool store_settle(struct cut_store *store);
void store_down(struct cut_store *store);

/* ORIGIN@SNAPSHOT, or ORIGIN; NULL: none such. */
struct smv_volume *store_volume(struct cut_store *store, const char *name);
/* The visible volume with the smallest number above *@number, which becomes its; its name. NULL: no more. */
struct smv_volume *store_next(struct cut_store *store, u64 *number, const char **name);
u64 volume_bytes(const struct smv_volume *volume);
/* One chunk into store->buffer, the last one as far as it goes: *bytes. */
bool store_read(struct cut_store *store, struct smv_volume *volume, u64 chunk, u64 *bytes);

#endif
