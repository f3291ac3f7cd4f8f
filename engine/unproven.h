/* SPDX-License-Identifier: GPL-2.0-only */
/* Exceptions that are recorded while their copies are under way. */
#ifndef SMV_UNPROVEN_H
#define SMV_UNPROVEN_H

#include "record.h"

/* Writes the exception's record into the journal. 0: *place and *lsn; -EBUSY: not now. May allocate. */
int smv_unproven_announce(struct smv_store *store, struct smv_volume *origin,
			  const struct smv_key *key, u64 where, u64 check, u32 *place, u64 *lsn);
/* The copy is durable: the exception is there from now on. @place is free again. */
void smv_unproven_prove(struct smv_store *store, const struct smv_key *key, u64 where, u32 place);
/* The copy has failed, and with it the store. */
void smv_unproven_fail(struct smv_store *store, u32 place);

/* May a checkpoint cut now? If not, no more are announced until one has. */
bool smv_unproven_may_cut(struct smv_store *store);
/* All copies have ended, and no commit says so: would a recovery have to look at one? */
bool smv_unproven_is_owed(const struct smv_store *store);
/* A checkpoint waited for copies that have ended. */
bool smv_unproven_cut_is_due(const struct smv_store *store);

/*
 * Could this put be announced, if it is? @origin: its volume is one. All others are possible.
 * Undo entries are announced, never a value that is no chunk, and none in place of another.
 */
bool smv_unproven_is_possible(const struct smv_disk_record_put *put, bool origin);
/*
 * Recovery, before it replays a record: false: it is an announced put that cannot be one. A volume
 * that does not exist is left to the replay.
 */
bool smv_unproven_may_be(struct smv_store *store, enum smv_record_type type, const void *payload);

/*
 * Recovery, after the replay and before the journal's scan ends. Zeroed at first. step: 1: do
 * @io, call again with its result; 0: all are judged; -EAGAIN, -EUCLEAN.
 * @scratch: SMV_IO_BLOCKS blocks, the caller's own again after each return.
 */
struct smv_unproven_search {
	struct smv_journal_cursor cursor; /* of the record looked at */
	struct smv_journal_cursor next;
	struct smv_key key;
	struct smv_port_hash hash;
	u64 where, check;
	u64 block; /* of the store, to be read next */
	u64 bytes; /* of the copy, still to be read */
	u32 asked; /* bytes of the copy being read */
	u32 failures; /* to read it */
	enum { SMV_UNPROVEN_FIND, SMV_UNPROVEN_READ, SMV_UNPROVEN_RETRACT } phase;
};
int smv_unproven_step(struct smv_store *store, struct smv_unproven_search *search, void *scratch,
		      int error, struct smv_io *io, u64 *miss);

#endif
