/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records: the only way to change exceptions, volumes and settings. A record
 * joins the journal's buffer and the maps in one call, so that the order of
 * the journal is the order of the map.
 */
#ifndef SMV_RECORD_H
#define SMV_RECORD_H

#include "volume.h"

/*
 * Room for records on @entries exceptions and @volumes volumes, all of one
 * commit. -EBUSY: commit, reap or checkpoint first, which also makes up for memory
 * that is not to be had; -EROFS; -EIO: the store has failed. May allocate.
 */
int smv_record_reserve(struct smv_store *store, u32 entries, u32 volumes);

/*
 * Exceptions of @volume. @was: what the key held (SMV_WHERE_NONE: nothing);
 * a chunk given up becomes reusable when the record is durable. The bitmaps of
 * all chunks concerned are in memory (smv_alloc_ready()). Each returns its lsn.
 */
u64 smv_record_put(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		   u64 where, u64 was);
u64 smv_record_delete(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		      u64 was);
/*
 * A put in two halves: announce() is the journal's, with the checksum of the copy that
 * is under way (room as ever; the key is new), prove() the map's, when that is there. Between
 * them no checkpoint begins, and smv_record_reserve() leaves prove() its room.
 * retract() is recovery's verdict, and confirm() its opposite: the map holds what announce()
 * said; the chunk's bitmap is in memory.
 */
u64 smv_record_announce(struct smv_store *store, struct smv_volume *volume,
			const struct smv_key *key, u64 where, u64 check);
void smv_record_prove(struct smv_store *store, const struct smv_key *key, u64 where);
int smv_record_retract(struct smv_store *store, struct smv_volume *volume,
		       const struct smv_key *key, u64 where);
void smv_record_confirm(struct smv_store *store, const struct smv_key *key, u64 where);
/* For a commit that has nothing but its watermark to say. */
u64 smv_record_proven(struct smv_store *store);
u64 smv_record_rekey(struct smv_store *store, struct smv_volume *from_volume,
		     const struct smv_key *from, struct smv_volume *to_volume,
		     const struct smv_key *to, u64 where);

/* Exceptions as all records so far say: smv_map_ge() and its like, in the host's byte order. */
int smv_record_ge(struct smv_store *store, const struct smv_key *key, const struct smv_key *limit,
		  struct smv_key *found, struct smv_value *value, u64 *miss);
/*
 * A step of a walk: the first in [*place, last], as far as the overlays' next change. 1: none up to that, and *place is
 * behind it, so that what was passed is not passed again when a block is missing. -ENOENT: none at all.
 */
int smv_record_walk(struct smv_store *store, struct smv_key *place, const struct smv_key *last,
		    struct smv_key *found, struct smv_value *value, u64 *miss);
int smv_record_le(struct smv_store *store, const struct smv_key *key, const struct smv_key *limit,
		  struct smv_key *found, struct smv_value *value, u64 *miss);
int smv_record_get(struct smv_store *store, const struct smv_key *key, struct smv_value *value,
		   u64 *miss);

/* The volume as it is now in memory: made, or changed. */
u64 smv_record_volume(struct smv_store *store, struct smv_volume *volume);
/* The volume leaves the table; it is freed. */
u64 smv_record_gone(struct smv_store *store, struct smv_volume *volume);
/* New flags, in memory and journal. */
u64 smv_record_flags(struct smv_store *store, struct smv_volume *volume, u32 flags);
/* A rollback's watermark, in memory and journal. */
u64 smv_record_done(struct smv_store *store, struct smv_volume *origin, u64 chunk);
u64 smv_record_settings(struct smv_store *store, const struct smv_settings *settings);

void smv_record_encode_settings(const struct smv_settings *settings,
				struct smv_disk_settings *disk);
void smv_record_decode_settings(const struct smv_disk_settings *disk,
				struct smv_settings *settings);

/* Asks for the cleaner's pass over a volume: one flags record. */
u64 smv_record_want_pass(struct smv_store *store, struct smv_volume *volume);

/*
 * Replays one record of the journal. -EAGAIN: a bitmap is missing, nothing was
 * done; -EUCLEAN: it contradicts what is there; -ENOMEM.
 */
int smv_record_replay(struct smv_store *store, enum smv_record_type type, const void *payload,
		      u32 bytes, u64 *miss);

/* Puts the volumes whose exception counts changed into the volumes' map, for the checkpoint. -EBUSY, -ENOMEM. */
int smv_record_counts(struct smv_store *store);

#endif
