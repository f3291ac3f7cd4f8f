/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The journal: logical records, made durable a commit at a time, in a ring.
 * A record's number (lsn) counts records since open; it is never on disk.
 */
#ifndef SMV_JOURNAL_H
#define SMV_JOURNAL_H

#include "block.h"
#include "super.h"

#define SMV_COMMIT_BLOCKS 32u /* of one commit at most; two buffers of this size */

struct smv_journal_buffer {
	u8 *memory; /* SMV_COMMIT_BLOCKS blocks */
	u32 blocks; /* begun */
	u32 used; /* record bytes in the last one */
	u64 last_lsn; /* of the last record */
	u32 records;
};

struct smv_journal {
	struct smv_host host;
	u8 uuid[SMV_UUID_BYTES];
	u64 ring_block; /* its first block on the store */
	u64 ring_blocks;
	u64 incarnation;
	u64 sequence; /* of the next block to be written */
	u64 tail; /* first block that a recovery would replay */
	u64 lsn; /* of the last record appended */
	u64 durable; /* records up to here are durable */
	struct smv_journal_buffer buffer[2];
	u32 filling; /* buffer[filling] takes records, the other is in flight or empty */
	bool in_flight;
	bool failed; /* a commit failed: none follows */
	u64 in_flight_blocks;
	u64 unproven; /* the first block that holds an unproven record; 0: none does */
	u64 watermark; /* of the last commit begun */
	/* while recovering */
	u8 *scan; /* the ring as read, block by block in its places */
	u64 scan_read; /* blocks asked for */
	u64 scan_valid; /* blocks from tail on that belong to whole commits */
	u64 scan_records; /* in these */
	u64 scan_watermark; /* of the last whole commit */
	bool scan_overstates; /* the scan was refused for a watermark that cannot be */
	bool scan_later; /* or for blocks of a later incarnation */
	u64 commits, blocks_written, record_bytes; /* statistics */
};

/* Allocates the buffers: -ENOMEM. smv_journal_scan_begin() says where the ring stands. */
int smv_journal_init(struct smv_journal *journal, const struct smv_host *host, const u8 *uuid,
		     u64 ring_block, u64 ring_blocks);
void smv_journal_exit(struct smv_journal *journal);

/*
 * Is there room for @records records of at most @bytes payload each, in the
 * buffer and in the ring? -EBUSY: commit (buffer) or checkpoint (ring) first;
 * -EIO: commits have stopped.
 */
int smv_journal_reserve(struct smv_journal *journal, u32 records, u32 bytes);

/* Appends; room was reserved. Returns its lsn. */
u64 smv_journal_append(struct smv_journal *journal, enum smv_record_type type, const void *payload,
		       u32 bytes);

/* The sequence number of the block that the last record appended is in. */
u64 smv_journal_last_block(const struct smv_journal *journal);

/*
 * Seals what has been appended and says what to write: one flush-first,
 * force-unit-access write, consecutive in the ring. Returns 1: do @io, then
 * smv_journal_commit_end(); 0: nothing to commit or one is in flight; -EIO.
 */
int smv_journal_commit_begin(struct smv_journal *journal, struct smv_io *io);

/* The result of that write. After an error no commit follows. */
void smv_journal_commit_end(struct smv_journal *journal, int error);

/* Nothing appended waits and no commit is in flight. */
bool smv_journal_is_quiet(const struct smv_journal *journal);

/* A checkpoint is durable that needs nothing before @cut. */
void smv_journal_release(struct smv_journal *journal, u64 cut);

/* Blocks of the ring, written or being written, that a recovery would look for. */
u64 smv_journal_used(const struct smv_journal *journal);

/*
 * Recovery. begin() takes where the checkpoint says the ring begins, and
 * allocates: -ENOMEM. Then for each step: 1: read @io (into engine memory),
 * call step again; 0: the whole ring has been read and judged; -EUCLEAN: a
 * valid block lies behind a gap, contradicts the others, holds a record
 * that is none, or (.scan_overstates) a watermark that cannot be; or
 * (.scan_later) some block is later than the checkpoint can know. The ring's
 * blocks stay in memory until scan_end().
 */
int smv_journal_scan_begin(struct smv_journal *journal, u64 incarnation, u64 cut);
int smv_journal_scan_step(struct smv_journal *journal, struct smv_io *io);
/* Why it said -EUCLEAN, in words. */
const char *smv_journal_scan_reason(const struct smv_journal *journal);

/*
 * Can this be the watermark of a commit that ends before block @end, behind one with the watermark
 * @before (0: none)? It speaks of no later block, and takes nothing back.
 */
static inline bool smv_journal_is_watermark(u64 watermark, u64 before, u64 end)
{
	return watermark >= before && watermark <= end;
}

/*
 * Iterates over the records of whole commits in order: false at the end.
 * *cursor begins as zeroes. @payload points into the scan's memory, unaligned.
 */
struct smv_journal_cursor {
	u64 block; /* from the cut */
	u32 offset;
};
bool smv_journal_scan_next(struct smv_journal *journal, struct smv_journal_cursor *cursor,
			   enum smv_record_type *type, const void **payload, u32 *bytes);

/*
 * Is the record at @cursor in a block that the last commit's watermark leaves unproven?
 */
bool smv_journal_scan_unproven(const struct smv_journal *journal,
			       const struct smv_journal_cursor *cursor);

/*
 * Frees the scan's memory; the journal goes on behind the last whole commit,
 * with all records found counted and durable. The caller raises .incarnation
 * when its checkpoint past them is durable, and appends nothing before.
 */
void smv_journal_scan_end(struct smv_journal *journal);

#endif
