// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves a rollback's data while the store is not active, chunk by chunk. It
 * promises the order of engine/rollback.c: a preserve is durable before the
 * chunk is overwritten, a done mark enters the journal only after the origin
 * was flushed, and the rollback ends when everything is in place and flushed.
 *
 * A crash at any point leaves a rollback that goes on from its last durable
 * mark. A chunk whose data the source has lost stays pending, and the rollback
 * does not end (-ENODATA). What cannot be read in place is lost to the snapshots that need it, unless
 * nothing of the origin can be read (I-AWAY): then that is the error. Weak side: one chunk at a time.
 */
#include <stdlib.h>
#include "mover.h"
#include "text.h"

#define STAGE_CHUNKS 256 /* moved between two flushes of the origin */

struct mover {
	struct smv_host_store *host;
	struct smv_volume *origin;
	struct smv_device *device;
	u64 origin_bytes;
	u32 chunk_bytes;
	u8 *data;
	u32 unstaged;
	bool unread; /* by the last copy: what is in place */
};

/* The last chunk of an origin may be partial. */
static size_t bytes_of(const struct mover *m, u64 chunk)
{
	u64 left = m->origin_bytes - chunk * m->chunk_bytes;

	return left < m->chunk_bytes ? (size_t)left : m->chunk_bytes;
}

static int copy(struct mover *m, const struct smv_job *job)
{
	size_t bytes = bytes_of(m, job->chunk);
	u64 in_place = job->chunk * m->chunk_bytes;
	int rc = 0;

	memset(m->data, 0, m->chunk_bytes);
	if (job->from.place == SMV_PLACE_STORE)
		rc = smv_device_read(m->host->device, job->from.chunk.no * m->chunk_bytes, m->data,
				     m->chunk_bytes);
	else if (job->from.place == SMV_PLACE_ORIGIN)
		rc = smv_device_read(m->device, in_place, m->data, bytes);
	m->unread = rc != 0;
	if (rc)
		return rc;
	if (job->todo == SMV_TODO_MOVE)
		return smv_device_write(m->device, in_place, m->data, bytes);
	return smv_device_write(m->host->device, job->to.no * m->chunk_bytes, m->data,
				m->chunk_bytes);
}

static bool can_read(const struct mover *m, u64 offset)
{
	u8 sector[SMV_SECTOR_BYTES];

	return !smv_device_read(m->device, offset, sector, sizeof(sector));
}

/* I-AWAY, as smv_copy_answers() of the module: can anything be read where the copy could not? */
static bool answers(const struct mover *m, const struct smv_job *job)
{
	u64 last = m->origin_bytes / SMV_SECTOR_BYTES - 1;

	if (job->from.place != SMV_PLACE_ORIGIN)
		return true;
	return can_read(m, last * SMV_SECTOR_BYTES) || can_read(m, 0) ||
	       can_read(m, last / 2 * SMV_SECTOR_BYTES);
}

/* Does a job, which is then one no more; a preserve is durable when it returns. -ESTALE: ask again. */
static int do_job(struct mover *m, struct smv_job *job)
{
	bool move = job->todo == SMV_TODO_MOVE, preserve = job->todo == SMV_TODO_COPY;
	int rc = copy(m, job);
	bool away = preserve && m->unread && !answers(m, job);
	bool lost = preserve && m->unread && !away;
	u64 lsn;

	if (rc && !lost) {
		smv_job_cancel(m->host->store, job);
		if (away)
			return -EHOSTDOWN;
		if (!move || !m->unread)
			return rc;
		smv_rollback_pass(m->origin, job->chunk);
		return -ENODATA;
	}
	do
		rc = lost ? smv_job_lost(m->host->store, job, &lsn, &m->host->miss) :
			    smv_job_done(m->host->store, job, &lsn, &m->host->miss);
	while (smv_host_again(m->host, &rc));
	if (rc)
		return rc;
	m->unstaged += move;
	return preserve ? smv_host_commit(m->host) : 0;
}

static int move_chunk(struct mover *m, u64 chunk)
{
	struct smv_job job = { 0 };
	int rc;

	for (;;) {
		do
			rc = smv_move(m->host->store, m->origin, chunk, &job, &m->host->miss);
		while (smv_host_again(m->host, &rc));
		if (rc || job.todo == SMV_TODO_GO)
			return rc;
		rc = do_job(m, &job);
		if (rc && rc != -ESTALE)
			return rc == -ENODATA ? 0 : rc;
	}
}

static int stage(struct mover *m)
{
	u64 lsn;
	int flushed, rc = smv_stage_begin(m->host->store, m->origin);

	if (rc)
		return rc;
	flushed = smv_device_flush(m->device);
	do
		rc = smv_stage_end(m->host->store, m->origin, flushed, &lsn);
	while (smv_host_again(m->host, &rc));
	m->unstaged = 0;
	if (flushed || rc)
		return flushed ? flushed : rc;
	return smv_host_commit(m->host);
}

static int finish(struct mover *m)
{
	u64 lsn;
	int rc = stage(m);

	if (rc)
		return rc;
	do
		rc = smv_rollback_finish(m->host->store, m->origin, &lsn, &m->host->miss);
	while (smv_host_again(m->host, &rc));
	if (rc == -EINPROGRESS)
		return -ENODATA;
	return rc ? rc : smv_host_commit(m->host);
}

static int run(struct mover *m)
{
	struct smv_rollback_progress progress;
	u64 chunk;
	int rc;

	for (;;) {
		do
			rc = smv_rollback_next(m->host->store, m->origin, &chunk, &m->host->miss);
		while (smv_host_again(m->host, &rc));
		if (rc == -ENOENT)
			return finish(m);
		if (rc < 0)
			return rc;
		if (!rc) {
			rc = move_chunk(m, chunk);
			if (!rc && m->unstaged >= STAGE_CHUNKS)
				rc = stage(m);
			if (rc)
				return rc;
		}
		smv_rollback_progress(m->origin, &progress);
		smv_progress("moving", progress.place_chunks, progress.chunks);
	}
}

int smv_mover_run(struct smv_host_store *host, struct smv_volume *origin, struct smv_device *device)
{
	struct mover m = { .host = host, .origin = origin, .device = device };
	struct smv_volume_info info;
	int rc;

	smv_volume_info(origin, &info);
	if (!info.roll_volume)
		return 0;
	m.origin_bytes = info.sectors * SMV_SECTOR_BYTES;
	m.chunk_bytes = smv_store_chunk_sectors(host->store) * SMV_SECTOR_BYTES;
	m.data = smv_text_alloc(m.chunk_bytes);
	rc = run(&m);
	free(m.data);
	return rc;
}
