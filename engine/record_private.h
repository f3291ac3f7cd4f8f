/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What making a record and replaying it share: how it changes the maps, the
 * bitmaps and the counts. Room and bitmaps are there. -EUCLEAN: it contradicts them.
 */
#ifndef SMV_RECORD_PRIVATE_H
#define SMV_RECORD_PRIVATE_H

#include "record.h"

static inline struct smv_key smv_volume_key(u64 number)
{
	return (struct smv_key){ .volume = number };
}

int smv_apply_put(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		  const struct smv_value *value, u64 was);
int smv_apply_delete(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		     u64 was);
int smv_apply_rekey(struct smv_store *store, struct smv_volume *from_volume,
		    const struct smv_key *from, struct smv_volume *to_volume,
		    const struct smv_key *to, const struct smv_value *value);
void smv_apply_volume(struct smv_store *store, struct smv_volume *volume,
		      struct smv_disk_volume *disk);

#endif
