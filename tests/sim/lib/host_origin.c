// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's data path, the origin's half: the gate, jobs, writes, discard. It
 * keeps the host's share of the crash rules, each of which can be switched off
 * (rule_on), which the simulator must then notice.
 *
 * An origin's write: its chunks are locked; each is made ready (preserved,
 * moved) with as many jobs as the engine asks for; then, if no snapshot or
 * rollback came in between, it is issued once, whole. Until it is issued it is
 * outside of any drain, and is decided anew.
 *
 * Crash: everything here is forgotten; what counts is what the disks hold.
 */
#include "checksum.h"
#include "world.h"

struct smv_volume *host_volume(struct world *w, u32 slot)
{
	struct smv_volume *volume = smv_volume_number(w->host.store, w->oracle.volume[slot].number);

	if (!volume)
		sim_lost(w, "volume %s is gone", w->oracle.volume[slot].name);
	return volume;
}

bool host_usable(const struct world *w, u32 slot)
{
	enum alive alive = w->oracle.volume[slot].alive;

	return alive == ALIVE_YES || alive == ALIVE_MAKING;
}

u32 chunk_sectors_of(const struct world *w, u32 slot, u32 chunk)
{
	u32 left = w->oracle.volume[slot].sectors - chunk * w->chunk_sectors;

	return left < w->chunk_sectors ? left : w->chunk_sectors;
}

/* ---- the gate --------------------------------------------------------------- */

void busy_begin(struct world *w, u32 slot)
{
	w->host.busy[slot]++;
	smv_volume_open(host_volume(w, slot));
}

void busy_end(struct world *w, u32 slot)
{
	smv_volume_close(host_volume(w, slot));
	w->host.busy[slot]--;
}

bool gate_enter(struct world *w, u32 slot, u32 first, u32 count)
{
	WAIT(w, .kind = WAIT_GATE, .a = slot, .b = first, .c = count);
	if (!host_usable(w, slot))
		return false;
	for (u32 i = 0; i < count; i++)
		w->host.lock[slot][first + i] = true;
	busy_begin(w, slot);
	return true;
}

void gate_leave(struct world *w, u32 slot, u32 first, u32 count)
{
	for (u32 i = 0; i < count; i++)
		w->host.lock[slot][first + i] = false;
	busy_end(w, slot);
}

/* ---- jobs ------------------------------------------------------------------------ */

int job_publish(struct world *w, struct smv_job *job, u64 *lsn)
{
	u64 miss = 0;
	int result;

	do {
		result = smv_job_done(w->host.store, job, lsn, &miss);
		result = host_again(w, result, miss);
	} while (result == 1);
	if (result == -ESTALE)
		w->stats.stale++;
	return result;
}

/* Who read the chunk in place may read an error from now on. */
static void allow_loss(struct world *w, u32 origin, u32 chunk, bool lost)
{
	for (u32 slot = SIM_ORIGINS; slot < SIM_VOLUMES; slot++) {
		struct volume *volume = &w->oracle.volume[slot];
		struct smv_where where;

		if (volume->alive < ALIVE_MAKING || volume->origin != origin ||
		    !smv_volume_number(w->host.store, volume->number))
			continue;
		if (peek_where(w, slot, chunk, &where) || where.place != SMV_PLACE_ORIGIN)
			continue;
		if (lost)
			volume->may_be_lost |= 1u << chunk;
		else
			volume->may_be_invalid = true;
	}
}

static int job_unreadable(struct world *w, u32 origin, struct smv_job *job, u64 *lsn)
{
	u64 miss = 0;
	int result;

	if (job->todo != SMV_TODO_COPY || job->from.place != SMV_PLACE_ORIGIN) {
		smv_job_cancel(w->host.store, job);
		return -EIO;
	}
	do {
		allow_loss(w, origin, (u32)job->chunk, true);
		result = smv_job_lost(w->host.store, job, lsn, &miss);
		result = host_again(w, result, miss);
	} while (result == 1);
	return result;
}

/* Writes the copy to its place; the job's I/O on the store is counted. */
static int job_write(struct world *w, u32 origin, struct smv_job *job, const void *data)
{
	u32 chunk = (u32)job->chunk, sectors = chunk_sectors_of(w, origin, chunk);
	u32 generation;
	int error;

	if (job->todo == SMV_TODO_MOVE) {
		w->stats.moves++;
		WAIT(w, .kind = WAIT_INPLACE, .a = origin, .b = chunk);
		return disk_write_step(w, w->origin[origin], chunk * w->chunk_sectors, sectors,
				       data, false);
	}
	w->stats.copies++;
	generation = host_ref(w);
	error = disk_write_step(w, w->store, job->to.no * w->chunk_sectors, sectors, data, false);
	host_unref(w, generation);
	return error;
}

/* As job_write() and job_publish(), but the other way round. */
static int job_write_late(struct world *w, u32 origin, struct smv_job *job, const void *data,
			  u64 *lsn)
{
	u32 sectors = chunk_sectors_of(w, origin, (u32)job->chunk);
	struct disk_request request =
		disk_write_begin(w->store, job->to.no * w->chunk_sectors, sectors, data);
	int error = job_publish(w, job, lsn);

	if (!error)
		error = host_durable(w, *lsn);
	host_step(w);
	disk_write_end(w->store, &request, false);
	return error;
}

/* The origin comes first: if its chunk cannot be preserved, the store has failed. */
static int job_failed(struct world *w, struct smv_job *job, int error)
{
	bool copy = job->todo == SMV_TODO_COPY;

	smv_job_cancel(w->host.store, job);
	w->host.space++;
	if (copy)
		smv_store_fail(w->host.store, "a copy cannot be written");
	return error;
}

/* As job_write() and job_publish(), but the record is written beside the copy. -EBUSY: not now. */
static int job_write_together(struct world *w, u32 origin, struct smv_job *job, const void *data,
			      u64 *lsn)
{
	u32 sectors = chunk_sectors_of(w, origin, (u32)job->chunk), generation;
	u64 none;
	int error;

	if (job->todo != SMV_TODO_COPY || !random_chance(&w->random, w->together_permille))
		return -EBUSY;
	error = smv_job_announce(w->host.store, job,
				 smv_checksum_data(data, sectors * SMV_SECTOR_BYTES), lsn);
	if (error)
		return error;
	w->stats.announced++;
	if (w->host.want < *lsn)
		w->host.want = *lsn;
	generation = host_ref(w);
	error = disk_write_step(w, w->store, job->to.no * w->chunk_sectors, sectors, data,
				rule_on(w, RULE_announce_fua));
	host_unref(w, generation);
	return error ? job_failed(w, job, error) : job_publish(w, job, &none);
}

static int job_write_first(struct world *w, u32 origin, struct smv_job *job, const void *data,
			   u64 *lsn)
{
	bool moved = job->todo == SMV_TODO_MOVE;
	int error = job_write(w, origin, job, data);

	if (error)
		return job_failed(w, job, error);
	error = job_publish(w, job, lsn);
	if (!error && moved && !rule_on(w, RULE_mark_flush))
		origin_settle(w, origin, true, false, lsn);
	return error;
}

int job_run(struct world *w, u32 origin, struct smv_job *job)
{
	u32 chunk = (u32)job->chunk;
	u8 data[SIM_CHUNK_SECTORS_MAX * SMV_SECTOR_BYTES];
	u64 lsn = 0;
	int error;

	if (job->todo == SMV_TODO_MOVE)
		WAIT(w, .kind = WAIT_INPLACE, .a = origin, .b = chunk);
	error = place_read(w, &job->from, origin, chunk, chunk_sectors_of(w, origin, chunk), data);
	if (error) {
		error = job_unreadable(w, origin, job, &lsn);
	} else if (!rule_on(w, RULE_copy_first) && job->todo == SMV_TODO_COPY) {
		error = job_write_late(w, origin, job, data, &lsn);
	} else {
		error = job_write_together(w, origin, job, data, &lsn);
		if (error == -EBUSY)
			error = job_write_first(w, origin, job, data, &lsn);
	}
	w->host.space++;
	if (error || !lsn || !rule_on(w, RULE_commit_first))
		return error;
	return host_durable(w, lsn);
}

/* ---- origin writes ----------------------------------------------------------------- */

static int drop(struct world *w, u32 origin, struct smv_job *job, u32 chunk)
{
	u64 cursor = 0, lsn = 0, miss = 0;
	int result;

	w->stats.drops++;
	sim_say(w, "        full: chunk %u of origin %u is dropped", chunk, origin);
	do {
		allow_loss(w, origin, chunk, false);
		result = smv_drop(w->host.store, job, &cursor, &lsn, &miss);
		if (result < 0)
			result = host_again(w, result, miss);
		else if (result == 1)
			host_step(w);
	} while (result == 1);
	if (result || !rule_on(w, RULE_inval_durable))
		return result;
	return host_durable(w, lsn);
}

static int no_space(struct world *w, u32 origin, struct smv_job *job, u32 chunk)
{
	struct host *h = &w->host;

	if (w->policy == SMV_POLICY_HOLD && !h->hold_expired && !random_chance(&w->random, 100)) {
		w->stats.holds++;
		WAIT(w, .kind = WAIT_SPACE, .a = h->space);
		return 0;
	}
	return drop(w, origin, job, chunk);
}

/* The store has failed: the origin comes first. */
static int store_failed(struct world *w, u32 origin, u32 chunk)
{
	bool go = false;
	u64 miss = 0;
	int result;

	if (!smv_store_failed(w->host.store))
		return -EIO;
	do {
		result = smv_write_failed(w->host.store, host_volume(w, origin), chunk, &go, &miss);
		result = host_again(w, result, miss);
	} while (result == 1);
	if (result || !go)
		return -EIO;
	allow_loss(w, origin, chunk, false);
	allow_loss(w, origin, chunk, true);
	for (u32 slot = SIM_ORIGINS; slot < SIM_VOLUMES; slot++)
		if (w->oracle.volume[slot].origin == origin)
			w->oracle.volume[slot].may_be_lost |= 1u << chunk;
	return 0;
}

static bool is_preserved(struct world *w, u32 origin, u32 chunk)
{
	const struct smv_preserved *preserved;

	return !smv_origin_preserved(w->host.store, host_volume(w, origin), &preserved) &&
	       smv_preserved_test(preserved, chunk, chunk + 1);
}

/* 0: the chunk can be overwritten in place. */
static int chunk_prepare(struct world *w, u32 origin, u32 chunk, bool whole)
{
	struct smv_job job = { .whole = whole };

	for (;;) {
		u64 miss = 0;
		int result;

		if (is_preserved(w, origin, chunk))
			return 0;
		result =
			smv_origin_write(w->host.store, host_volume(w, origin), chunk, &job, &miss);
		if (!result && job.todo == SMV_TODO_GO)
			return 0;
		if (!result)
			result = job_run(w, origin, &job);
		else if (result == -ENOSPC)
			result = no_space(w, origin, &job, chunk);
		else
			result = host_again(w, result, miss);
		if (result == -EIO)
			return store_failed(w, origin, chunk);
		if (result < 0 && result != -ESTALE) {
			if (!w->config.errors)
				sim_lost(w, "write to origin %u chunk %u: %d", origin, chunk,
					 result);
			return result;
		}
	}
}

/* Ends with the write counted among those that a snapshot drains. */
static int origin_prepare(struct world *w, const struct op *op, u32 first, u32 count)
{
	u32 end = op->sector + op->count, origin = op->slot;
	struct host *h = &w->host;
	u64 stamp;

	do {
		stamp = h->stamp[origin];
		for (u32 i = 0; i < count; i++) {
			u32 from = (first + i) * w->chunk_sectors;
			u32 to = from + chunk_sectors_of(w, origin, first + i);
			int error = chunk_prepare(w, origin, first + i,
						  op->sector <= from && end >= to);

			if (error)
				return error;
		}
		WAIT(w, .kind = WAIT_ISSUE, .a = origin, .b = first, .c = count);
	} while (h->stamp[origin] != stamp && rule_on(w, RULE_snap_drain));
	h->writers[origin]++;
	if (h->stamp[origin] == stamp)
		smv_write_issue(h->store, host_volume(w, origin), first, first + count);
	return 0;
}

u32 token_next(struct world *w)
{
	w->token += 64;
	return w->token;
}

void token_fill(void *data, u32 count, u32 token)
{
	for (u32 i = 0; i < count; i++)
		sector_fill((u8 *)data + i * SMV_SECTOR_BYTES, token + i);
}

/* What FUA takes beyond the write itself while a rollback runs. */
static int origin_fua(struct world *w, u32 origin)
{
	struct smv_volume *volume = host_volume(w, origin);
	u64 lsn = 0;
	int error;

	if (!rule_on(w, RULE_fua_marks))
		return 0;
	if (!smv_stage_wanted(volume) &&
	    smv_origin_flush_lsn(volume) <= smv_store_durable(w->host.store))
		return 0;
	error = origin_settle(w, origin, true, true, &lsn);
	if (!error && smv_origin_flush_lsn(volume) > lsn)
		lsn = smv_origin_flush_lsn(volume);
	return error || !lsn ? error : host_durable(w, lsn);
}

void host_origin_write(struct world *w, const struct op *op)
{
	u32 first = op->sector / w->chunk_sectors;
	u32 count = (op->sector + op->count - 1) / w->chunk_sectors - first + 1;
	struct volume *volume = &w->oracle.volume[op->slot];
	u8 data[SIM_SECTORS_MAX * SMV_SECTOR_BYTES];
	u32 token;
	int error;

	if (!gate_enter(w, op->slot, first, count))
		return;
	if (!origin_prepare(w, op, first, count)) {
		token = token_next(w);
		token_fill(data, op->count, token);
		oracle_issue(volume, op->sector, op->count, token, false);
		sim_say(w, "        origin %u: %u sectors from %u issued as %u", op->slot,
			op->count, op->sector, token);
		error = disk_write_step(w, w->origin[op->slot], op->sector, op->count, data,
					op->fua);
		if (!error && op->fua)
			error = origin_fua(w, op->slot);
		if (!error)
			oracle_ack(volume, op->sector, op->count, token, false, op->fua);
		w->host.writers[op->slot]--;
	}
	gate_leave(w, op->slot, first, count);
}

/* Passed down where nothing needs what is there, else without effect. */
void host_origin_discard(struct world *w, const struct op *op)
{
	u32 chunk = op->sector / w->chunk_sectors;
	struct volume *volume = &w->oracle.volume[op->slot];
	u8 zeroes[SIM_CHUNK_SECTORS_MAX * SMV_SECTOR_BYTES] = { 0 };
	struct host *h = &w->host;
	bool pass = false;
	u64 stamp, miss = 0;
	int result;

	if (!gate_enter(w, op->slot, chunk, 1))
		return;
	do {
		stamp = h->stamp[op->slot];
		result =
			smv_origin_discard(h->store, host_volume(w, op->slot), chunk, &pass, &miss);
		result = host_again(w, result, miss);
		if (!result && pass)
			WAIT(w, .kind = WAIT_ISSUE, .a = op->slot, .b = chunk, .c = 1);
	} while (result == 1 || (!result && stamp != h->stamp[op->slot]));
	if (!result && pass) {
		h->writers[op->slot]++;
		oracle_issue(volume, op->sector, op->count, 0, true);
		result = disk_write_step(w, w->origin[op->slot], op->sector, op->count, zeroes,
					 false);
		if (!result)
			oracle_ack(volume, op->sector, op->count, 0, true, false);
		h->writers[op->slot]--;
	}
	gate_leave(w, op->slot, chunk, 1);
}
