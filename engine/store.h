/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's one door for the kernel module, the tool and the simulator.
 *
 * The engine does no I/O, takes no lock, never waits. Its host
 *  - calls it from one thread at a time (a lock around every call here);
 *  - does the I/O it asks for (struct smv_io), outside that lock if it likes;
 *  - does all data I/O itself, at the places the engine names.
 * The one call that needs no lock is smv_preserved_test().
 *
 * Every call that may find a metadata block missing returns -EAGAIN and its
 * number: the host reads it and gives it to smv_store_provide(), then makes the
 * call again from the start (nothing was changed, nothing is remembered).
 *
 * Every call that changes something appends records, all of one call to one
 * commit, and gives the number of the last one (lsn). What it did is durable
 * when smv_store_durable() has reached that number. A call that would find no
 * room for its records returns -EBUSY and has changed nothing: the host does
 * what smv_store_wants() says and calls again.
 */
#ifndef SMV_STORE_H
#define SMV_STORE_H

#include "format.h"
#include "types.h"

struct smv_store; /* an open store */
struct smv_volume; /* stays where it is while it is in the table or open */

/* ---- settings and limits ---------------------------------------------- */

enum smv_policy { SMV_POLICY_DROP = 0, SMV_POLICY_HOLD = 1 };

#define SMV_THROTTLE_PAUSE (~0u)

struct smv_settings {
	u32 policy;
	u32 hold_timeout_s; /* 0: for ever */
	u32 low_water_permille;
	u32 throttle_mib_s; /* 0: no limit; SMV_THROTTLE_PAUSE */
	char label[SMV_LABEL_BYTES];
};

/* Of cache_blocks (engine/block.c keeps to it) and, as an upper one, of overlay_entries. */
#define SMV_LIMIT_MIN 64u
#define SMV_LIMIT_MAX (1u << 19)

/* Memory, fixed at open. 0 takes the default. */
struct smv_limits {
	u32 cache_blocks; /* metadata cache; default 2048 */
	u32 overlay_entries; /* changes between checkpoints; default 131072, or 2 * chunks + 256 */
	u32 volumes; /* default 65536 */
};

/* ---- format ----------------------------------------------------------- */

struct smv_format {
	u64 blocks; /* size of the device in 4 KiB blocks */
	u32 chunk_blocks;
	u8 uuid[SMV_UUID_BYTES];
	u64 now_s;
	struct smv_settings settings;
};

/*
 * Writes a new store: 1: do @io, then call again with the same *step (begins
 * as 0); 0: done. The last request writes the superblock: whatever happens
 * before it leaves no store. -EINVAL: chunk size or settings; -ENOSPC: the device is too
 * small, *least says how many blocks it takes. @buffer: SMV_FORMAT_BUFFER_BYTES.
 */
#define SMV_FORMAT_BUFFER_BYTES (SMV_IO_BLOCKS * SMV_BLOCK_BYTES)
int smv_store_format(const struct smv_format *format, void *buffer, u64 *step, u64 *least,
		     struct smv_io *io);

/* ---- open and close ---------------------------------------------------- */

struct smv_open {
	u64 blocks; /* size of the device now */
	bool read_only; /* writes nothing, not even at recovery */
	bool force; /* although another host has not closed it, or a superblock cannot be read */
	u8 host_id[SMV_UUID_BYTES];
	u8 boot_id[SMV_UUID_BYTES];
	struct smv_limits limits;
};

/* Allocates the object only. NULL: no memory. */
struct smv_store *smv_store_new(const struct smv_host *host);

/* SMV_UUID_BYTES; known before smv_store_open() asks for the first write, zeroes until then. */
const u8 *smv_store_uuid(const struct smv_store *store);

/*
 * Opens it: 1: do @io and call again with its result in @error (0 at first);
 * 0: open. Recovery replays the journal and then, unless read_only, ends with a
 * checkpoint under a new incarnation. May allocate. Errors:
 * -ENOENT no store here; -EUCLEAN damaged (smv_store_reason() says what);
 * -EOPNOTSUPP newer format; -EBUSY in use elsewhere (force takes it over);
 * -ENOSPC the device is smaller than recorded; -ENOMEM; an I/O error.
 */
int smv_store_open(struct smv_store *store, const struct smv_open *open, int error,
		   struct smv_io *io);

/* What was wrong, in words, for the last -EUCLEAN, -EOPNOTSUPP or assertion; never NULL. */
const char *smv_store_reason(const struct smv_store *store);

/* Frees everything. A clean close is a checkpoint with clean=true before it. */
void smv_store_delete(struct smv_store *store);

/* ---- commits, checkpoints, freed chunks, missing blocks ------------------ */

#define SMV_WANT_COMMIT 1u /* records wait to be made durable */
#define SMV_WANT_CHECKPOINT 2u /* ring or overlay more than half full */
#define SMV_WANT_REAP 4u /* durably freed chunks wait for their I/O to end */
#define SMV_WANT_CLEAN 8u /* smv_clean_step() has work */
#define SMV_WANT_PROVE 16u /* smv_store_prove(), within a second */
u32 smv_store_wants(const struct smv_store *store);

u64 smv_store_lsn(const struct smv_store *store); /* of the last record */
u64 smv_store_durable(const struct smv_store *store);

/* 1: do @io, then smv_commit_end(); 0: nothing to do, or a commit is in flight; -EIO. */
int smv_commit_begin(struct smv_store *store, struct smv_io *io);
/* After an error the store has failed: no commit follows until it is opened again. */
void smv_commit_end(struct smv_store *store, int error);

/*
 * Sees to it that a commit says of all announced jobs that end now that their copies are
 * there (smv_job_announce()), so that no recovery has to look at them any more. The lsn to
 * commit, 0: not now, or nothing to say.
 */
u64 smv_store_prove(struct smv_store *store);

/*
 * One checkpoint at a time, beside commits and everything else. Call step with
 * the result of the I/O it asked for last (0 at first): 1: do @io, call again;
 * 0: done (or there was nothing to do); -EAGAIN: provide *miss, call again;
 * -EBUSY: it can begin only when no commit waits or is in flight: commit, call
 * again; -ENOMEM: not now: call again later. -EIO, -EUCLEAN, -ENOSPC: the store has failed.
 * @clean records a clean close.
 * A failed superblock write is asked for again: its outcome is unknown.
 */
int smv_checkpoint_step(struct smv_store *store, bool clean, int error, struct smv_io *io,
			u64 *miss);
bool smv_checkpoint_running(const struct smv_store *store);

/*
 * Freed chunks: begin returns how many (0: none, or a batch is open). The host
 * waits until every data I/O on the store mapped before this call has ended.
 */
u32 smv_reap_begin(struct smv_store *store);
void smv_reap_end(struct smv_store *store);

/* A block that was missing, as read; the call may find it missing again. -EUCLEAN: it is damaged: fail the request with -EIO. */
int smv_store_provide(struct smv_store *store, u64 block, const void *data);

/* The host could not go on (dead device, failed assertion): commits stop. */
void smv_store_fail(struct smv_store *store, const char *reason);
bool smv_store_failed(const struct smv_store *store);

/* ---- state ---------------------------------------------------------------- */

struct smv_store_info {
	u8 uuid[SMV_UUID_BYTES];
	struct smv_settings settings;
	u64 created_s;
	u32 chunk_blocks;
	u64 blocks;
	u64 chunks; /* for data and metadata in all */
	u64 data_chunks;
	u64 meta_chunks;
	u64 free_chunks;
	u64 held_chunks;
	u64 reserved_chunks; /* of the free ones, kept back for metadata */
	u64 available_chunks; /* that data may still take */
	u64 exceptions;
	u64 snapshots; /* visible */
	u64 origins;
	u64 ghosts;
	u64 cleaning; /* volumes whose entries are still to be judged */
	u64 generation; /* checkpoints */
	u64 next_volume; /* the number that the next one gets */
	u64 journal_blocks, journal_used;
	u64 commits, commit_blocks, record_bytes, checkpoints, checkpoint_blocks;
	u64 cache_hits, cache_misses;
	bool low; /* below the low-water mark */
	bool failed;
	bool read_only;
};
void smv_store_info(const struct smv_store *store, struct smv_store_info *info);

struct smv_volume_info {
	u64 number, parent, asof, epoch, origin, taken_of, created_s, sectors, exceptions;
	u64 roll_volume, roll_epoch, roll_done, roll_source; /* a rollback: roll_volume != 0 */
	u32 flags; /* SMV_VOLUME_* */
	u32 opens;
	u32 descendants; /* snapshots taken of it that are in the table */
	const char *name; /* valid under the host's lock */
	const char *memo;
	const char *identity;
	const u8 *fingerprint; /* 64 bytes */
};
void smv_volume_info(const struct smv_volume *volume, struct smv_volume_info *info);

/* Look-ups; NULL: none. The names are not searched for hidden and dead volumes. */
struct smv_volume *smv_volume_origin(struct smv_store *store, const char *origin);
struct smv_volume *smv_volume_snapshot(struct smv_store *store, const char *origin,
				       const char *snapshot);
struct smv_volume *smv_volume_number(struct smv_store *store, u64 number);
/* The volume with the smallest number above @number (0: the first), ghosts and hidden ones included. */
struct smv_volume *smv_volume_after(struct smv_store *store, u64 number);
struct smv_volume *smv_volume_origin_of(struct smv_volume *volume);

/* An open volume can be neither deleted nor removed. */
void smv_volume_open(struct smv_volume *volume);
void smv_volume_close(struct smv_volume *volume);

/* Is the name legal (docs/snapmv.8, NAMES)? */
bool smv_name_is_label(const char *name);
bool smv_name_is_origin(const char *name);
bool smv_name_is_snapshot(const char *name);

/* ---- commands ------------------------------------------------------------- */
/*
 * All: 0 and *lsn, or an error and nothing changed: -EINVAL bad name or
 * argument, -EEXIST, -ENOENT, -EBUSY no room for records now, -EROFS, -EIO
 * failed, -ENOSPC no room for metadata, -ENOMEM. May allocate.
 */

struct smv_add {
	const char *name;
	const char *identity;
	u64 sectors;
	u64 now_s;
};
int smv_add(struct smv_store *store, const struct smv_add *add, u64 *lsn);
/* -ENOTEMPTY: it has snapshots; -EINPROGRESS: a rollback runs; -ETXTBSY: open. */
int smv_remove(struct smv_store *store, struct smv_volume *origin, u64 *lsn);

struct smv_snapshot_part {
	struct smv_volume *of; /* an origin or a snapshot; no volume twice */
	const char *name;
	const char *memo; /* "" for none */
};
#define SMV_SNAPSHOT_PARTS 32
/*
 * Takes them all at one point. For each origin concerned the host has drained
 * writes, flushed the origin, and staged its rollback's marks before
 * (smv_stage_begin/end); writes go on when the lsn is durable. For snapshots of
 * snapshots it has drained their writes and flushed the store's data (the
 * commit's preflush does that). -EIO: @of is invalid.
 */
int smv_snapshot(struct smv_store *store, const struct smv_snapshot_part *part, u32 parts,
		 u64 now_s, u64 *lsn);

/* -ETXTBSY: open. */
int smv_delete(struct smv_store *store, struct smv_volume *snapshot, u64 *lsn);
int smv_rename(struct smv_store *store, struct smv_volume *volume, const char *name, u64 *lsn);
int smv_set_settings(struct smv_store *store, const struct smv_settings *settings, u64 *lsn);
int smv_set_identity(struct smv_store *store, struct smv_volume *origin, const char *identity,
		     const u8 *fingerprint, u64 *lsn);
/*
 * Sets SMV_VOLUME_SUSPECT on all snapshots of an origin. *lsn: 0 if all were. After an error
 * some may be; it can be called again.
 */
int smv_set_suspect(struct smv_store *store, struct smv_volume *origin, u64 *lsn);

/*
 * Rolls the origin back to @snapshot. The host has drained the origin's and the
 * source's writes, flushed the origin; it lets no write in and moves nothing
 * until the lsn is durable. @undo: name of the snapshot that keeps the present
 * state, NULL: none. -EALREADY: a rollback is running; -EIO: the source is invalid.
 */
int smv_rollback(struct smv_store *store, struct smv_volume *origin, struct smv_volume *snapshot,
		 const char *undo, u64 now_s, u64 *lsn);

/* ---- the data path ----------------------------------------------------------- */

enum smv_place {
	SMV_PLACE_ORIGIN, /* in place on the origin device */
	SMV_PLACE_STORE, /* in a chunk of the store */
	SMV_PLACE_ZERO, /* reads as zeroes */
};

struct smv_where {
	enum smv_place place;
	struct smv_store_chunk chunk; /* for SMV_PLACE_STORE */
};

/*
 * Where chunk @chunk of the volume is read from now. -EAGAIN; -EIO: the volume is
 * invalid, the chunk lost, or the store failed (an origin without a pending
 * chunk there is still SMV_PLACE_ORIGIN); -EUCLEAN.
 */
int smv_read(struct smv_store *store, struct smv_volume *volume, u64 chunk, struct smv_where *where,
	     u64 *miss);

/* True while an origin's reads need smv_read() (a rollback is running). */
bool smv_origin_is_rolling(const struct smv_volume *origin);
/* False: no snapshot would read the origin in place: writes need no smv_write(). Deletions count when durable. */
bool smv_origin_has_readers(struct smv_store *store, struct smv_volume *origin);

/*
 * What a write to a chunk needs first, and one job of it. The host keeps the
 * job; at most one for a (volume, chunk) at a time.
 */
enum smv_todo {
	SMV_TODO_GO, /* nothing: issue the write (origin: in place) */
	SMV_TODO_COPY, /* read @from, write it to store chunk @to, then smv_job_done() and ask again */
	SMV_TODO_MOVE, /* read @from, write it in place on the origin, then smv_job_done() and ask again */
	SMV_TODO_OVERWRITE, /* snapshot: write to store chunk @to; no job to end */
	SMV_TODO_NEW, /* snapshot: write to @to: the whole chunk, laid over @from; then smv_job_done() */
};

struct smv_job {
	enum smv_todo todo;
	struct smv_volume *volume;
	u64 chunk;
	struct smv_where from; /* SMV_PLACE_ZERO: zeroes */
	struct smv_store_chunk to; /* held for this job */
	struct smv_key key; /* of the exception to be made */
	u64 dropped; /* smv_drop() has seen to this epoch; 0 in a fresh job */
	u64 merges; /* NEW: of the map when it had no entry of this key, and one more; or 0 */
	u32 unproven; /* its record is in the journal: one more than its place in a table */
	bool whole; /* set by the host: the write covers the chunk, so a lost one may be moved as zeroes */
	bool lost; /* MOVE: it is, and with it what snapshots taken since the rollback began read there */
};

/* MOVE: jobs of one origin at once, the mover's among them: their marks have to find room. */
#define SMV_MOVES_MAX 1024u

/*
 * Prepares a write to one chunk of an origin. The host zeroes the job before
 * the first call for a write and then keeps it. todo is GO, COPY (of what is in
 * place: preserve it) or MOVE (the chunk is pending in a rollback; COPY may come
 * first). After GO: wait for fall-through reads of the chunk, then issue.
 * -ENOSPC: full, of data or of metadata: hold the write, or smv_drop(); -EBUSY: stage, commit or
 * checkpoint, call again; -EAGAIN; -EUCLEAN.
 * -EROFS: it would need one of these. -EIO: the store has failed. Then the origin goes on
 * (smv_write_failed()).
 */
int smv_origin_write(struct smv_store *store, struct smv_volume *origin, u64 chunk,
		     struct smv_job *job, u64 *miss);

/*
 * Chunks of an origin whose writes need nothing of smv_origin_write() until a snapshot
 * of it is taken or a rollback begins. set: the write of [first, end) is about to be issued: the
 * engine has just said GO for each chunk, with what it rests on durable and the
 * fall-through reads ended. Allocates without waiting, and does without if it cannot. test: has set been called
 * for all of [first, end), which is not empty, and nothing taken or begun since? It is called without a lock, but not while
 * smv_snapshot() and smv_rollback() are, nor when their record is made and not yet durable.
 * The host of a store that sets none goes on as well, with more look-ups.
 */
struct smv_preserved;
/* What test needs; stays as long as the origin. May allocate. -ENOMEM. */
int smv_origin_preserved(struct smv_store *store, struct smv_volume *origin,
			 const struct smv_preserved **preserved);
bool smv_preserved_test(const struct smv_preserved *preserved, u64 first, u64 end);
void smv_preserved_set(struct smv_store *store, struct smv_volume *origin, u64 first, u64 end);
/*
 * A write to these chunks goes to the origin, now that smv_origin_write() has said GO to all of
 * them: sets their bits, and of a running rollback those it covers that were lost are moved. With
 * gate and lock held since.
 */
void smv_write_issue(struct smv_store *store, struct smv_volume *origin, u64 first, u64 end);

/* After the store has failed: may this write go to the origin all the same? false: the chunk is (or may be) pending. -EAGAIN. */
int smv_write_failed(struct smv_store *store, struct smv_volume *origin, u64 chunk, bool *go,
		     u64 *miss);

/*
 * Prepares a write to a snapshot's chunk: OVERWRITE or NEW. Sets all of the job. @whole: the write covers
 * the chunk (or all of it up to the volume's end): from is then meaningless.
 * -ENOSPC; -EIO: invalid, failed, or the source chunk is lost and the write partial.
 */
int smv_snapshot_write(struct smv_store *store, struct smv_volume *snapshot, u64 chunk, bool whole,
		       struct smv_job *job, u64 *miss);

/* Announced jobs at once; more go without. */
#define SMV_UNPROVEN_MAX 16u

/*
 * COPY, NEW: the data is in @to, completed: publish the exception; *lsn. What
 * waits on it: an origin's write waits for the lsn to be durable, then asks
 * smv_origin_write() again; a snapshot's write completes at once (a FLUSH or FUA
 * waits for the lsn). A preserve looks again whether it is still needed.
 * MOVE: the data is in place, completed; *lsn = 0, or of what a lost chunk takes.
 * -EBUSY: no room for the record now, the job stands, call again; -EAGAIN;
 * -ESTALE: the epoch has changed meanwhile: the job is cancelled, ask again.
 * -EIO: the store has failed; -EUCLEAN; the job is cancelled.
 */
int smv_job_done(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss);
/* MOVE for a write of a whole chunk: what was to be moved cannot be read. Move zeroes instead. */
void smv_job_overwrite(struct smv_job *job);
/*
 * COPY for an origin's write, whose data has been read: records the exception before the
 * copy is written, so that commit and copy go together. @check: smv_checksum_data_*()
 * of the data; recovery compares it with what is in @to. After this the host writes the copy so that
 * it is durable when it completes (FUA), then calls smv_job_done(); the origin's write waits for both,
 * the lsn and the copy. Nobody sees the exception before smv_job_done(). If the copy fails
 * smv_job_cancel() fails the store.
 * 0: *lsn; -EBUSY or another error: not now, do without: the job stands as it was.
 */
int smv_job_announce(struct smv_store *store, struct smv_job *job, u64 check, u64 *lsn);

/* The copy was not or could not be made; its I/O has ended. The held chunk is free again. */
void smv_job_cancel(struct smv_store *store, struct smv_job *job);
/* COPY for an origin: its data cannot be read: the chunk is lost to the snapshots that need it. As smv_job_done(). */
int smv_job_lost(struct smv_store *store, struct smv_job *job, u64 *lsn, u64 *miss);

/*
 * smv_origin_write() has just said -ENOSPC for this job and the policy is drop:
 * marks every snapshot that would need the chunk invalid. In steps: *cursor and
 * *lsn begin as 0; 1: call again; 0: all are marked: wait for *lsn to be durable,
 * then call smv_origin_write() again with the same job: it goes without the copy.
 */
int smv_drop(struct smv_store *store, struct smv_job *job, u64 *cursor, u64 *lsn, u64 *miss);

/* May a discard of this whole chunk be passed down to the origin? */
int smv_origin_discard(struct smv_store *store, struct smv_volume *origin, u64 chunk, bool *pass,
		       u64 *miss);
/* Discard or write zeroes of a whole chunk of a snapshot: a zero entry. Its writes are kept out meanwhile. */
int smv_snapshot_zero(struct smv_store *store, struct smv_volume *snapshot, u64 chunk, u64 *lsn,
		      u64 *miss);

/* ---- a running rollback --------------------------------------------------------- */

/*
 * The next pending chunk at or above the mover's place: 0: *chunk (not yet a
 * job: lock the chunk, then smv_move()); 1: some range was passed, call again;
 * -ENOENT: nothing is pending any more: stage, then smv_rollback_finish(). -EAGAIN.
 */
int smv_rollback_next(struct smv_store *store, struct smv_volume *origin, u64 *chunk, u64 *miss);

/*
 * Like smv_origin_write(), for the mover: COPY, MOVE, or GO: the chunk is not
 * pending (any more). -ENOSPC: wait for space. -EIO with job->from unreadable
 * (lost): the chunk stays pending; the mover passes it.
 */
int smv_move(struct smv_store *store, struct smv_volume *origin, u64 chunk, struct smv_job *job,
	     u64 *miss);

/*
 * Done marks. begin() closes the set of chunks moved (and completed) so far;
 * the host flushes the origin; end() journals their marks: *lsn. One at a time
 * per origin (-EALREADY). end with an error: the marks stay outstanding.
 * end may return -EBUSY: commit or checkpoint and call end again.
 * Both do nothing when no rollback runs.
 */
int smv_stage_begin(struct smv_store *store, struct smv_volume *origin);
int smv_stage_end(struct smv_store *store, struct smv_volume *origin, int error, u64 *lsn);
/* Are there moved chunks whose marks are not journalled? */
bool smv_stage_wanted(const struct smv_volume *origin);
/* Have writes ahead of the mover to wait until it has passed some of the chunks moved for others? */
bool smv_rollback_crowded(const struct smv_volume *origin);
/* Has one been told to, since this was asked last? */
bool smv_rollback_awaited(struct smv_volume *origin);
/* What must be durable before a FLUSH of the origin (after stage) completes; 0: nothing. */
u64 smv_origin_flush_lsn(const struct smv_volume *origin);

/*
 * The data of a chunk that was to be moved cannot be read (its job is cancelled): the mover passes
 * it, as one whose data is lost; it stays pending until it is overwritten as a whole, or read by
 * the mover that looks again, if it has passed any such one.
 */
void smv_rollback_pass(struct smv_volume *origin, u64 chunk);
void smv_rollback_look_again(struct smv_volume *origin);

/* Everything is in place, flushed and staged: ends the rollback. -EAGAIN, -EBUSY; -EINPROGRESS: something is still pending or outstanding. */
int smv_rollback_finish(struct smv_store *store, struct smv_volume *origin, u64 *lsn, u64 *miss);

struct smv_rollback_progress {
	u64 done_chunks; /* durable watermark */
	u64 place_chunks; /* the mover's place */
	u64 chunks; /* of the origin */
	u64 moved; /* since activation */
	u64 lost; /* pending chunks whose data is lost */
};
void smv_rollback_progress(const struct smv_volume *origin, struct smv_rollback_progress *progress);

/* ---- the cleaner ----------------------------------------------------------------- */

/*
 * One bounded step: judges up to @entries entries. 1: there is more; 0: nothing
 * to do (now); -EAGAIN, -EBUSY as always. *freed: chunks given up.
 */
int smv_clean_step(struct smv_store *store, u32 entries, u32 *freed, u64 *miss);

/* ---- walking the exceptions (check, dump, diff, list -s) ---------------------------- */

/*
 * The first exception at or above @key. -ENOENT, -EAGAIN, -EUCLEAN. What was passed to no avail *key is
 * moved past, also with -EAGAIN: asked again, it goes on there.
 */
int smv_exception_ge(struct smv_store *store, struct smv_key *key, struct smv_key *found,
		     struct smv_value *value, u64 *miss);

/* Geometry in sectors and chunks. */
u32 smv_store_chunk_sectors(const struct smv_store *store);
u64 smv_volume_chunks(const struct smv_store *store, const struct smv_volume *volume);
/* Of one of its chunks: the last one may be shorter. */
u32 smv_volume_chunk_sectors(const struct smv_store *store, const struct smv_volume *volume,
			     u64 chunk);

#endif
