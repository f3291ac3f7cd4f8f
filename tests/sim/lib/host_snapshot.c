// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's data path, the other half: writes and discards of snapshots, reads
 * and flushes of both. A snapshot's write holds its place among the writes that
 * a snapshot of it drains from the gate to its end.
 *
 * Reads are checked when they end against what was true while they ran.
 */
#include "world.h"

/* ---- snapshot writes -------------------------------------------------------------------- */

/* One chunk's part of a write: sectors @from to @to of the volume. */
struct part {
	u32 slot, chunk, from, to, token;
	bool fua;
};

static int snapshot_overwrite(struct world *w, const struct part *part, const struct smv_job *job)
{
	struct volume *volume = &w->oracle.volume[part->slot];
	u32 count = part->to - part->from, generation = 0;
	u64 place = job->to.no * w->chunk_sectors + part->from % w->chunk_sectors;
	bool counted = rule_on(w, RULE_free_write);
	u8 data[SIM_CHUNK_SECTORS_MAX * SMV_SECTOR_BYTES];
	int error;

	token_fill(data, count, part->token);
	oracle_issue(volume, part->from, count, part->token, false);
	if (counted)
		generation = host_ref(w);
	error = disk_write_step(w, w->store, place, count, data, part->fua);
	if (counted)
		host_unref(w, generation);
	return error;
}

static int snapshot_new(struct world *w, const struct part *part, struct smv_job *job, bool whole)
{
	struct volume *volume = &w->oracle.volume[part->slot];
	u32 sectors = chunk_sectors_of(w, part->slot, part->chunk), generation;
	u8 data[SIM_CHUNK_SECTORS_MAX * SMV_SECTOR_BYTES];
	u64 lsn;
	int error;

	if (!whole) {
		error = place_read(w, &job->from, volume->origin, part->chunk, sectors, data);
		if (error)
			goto cancel;
	}
	token_fill(data + part->from % w->chunk_sectors * SMV_SECTOR_BYTES, part->to - part->from,
		   part->token);
	oracle_issue(volume, part->from, part->to - part->from, part->token, false);
	generation = host_ref(w);
	error = disk_write_step(w, w->store, job->to.no * w->chunk_sectors, sectors, data, false);
	host_unref(w, generation);
	if (error)
		goto cancel;
	return job_publish(w, job, &lsn);
cancel:
	smv_job_cancel(w->host.store, job);
	w->host.space++;
	return error;
}

/* The store is full: is something about to be given back? */
static bool wait_for_freed(struct world *w)
{
	struct host *h = &w->host;

	if (!h->reaping && !(smv_store_wants(h->store) & (SMV_WANT_COMMIT | SMV_WANT_REAP)))
		return false;
	if (h->want < smv_store_lsn(h->store))
		h->want = smv_store_lsn(h->store);
	WAIT(w, .kind = WAIT_SPACE, .a = h->space);
	return true;
}

static int snapshot_write_chunk(struct world *w, const struct part *part)
{
	bool whole = part->to - part->from == chunk_sectors_of(w, part->slot, part->chunk);
	struct smv_job job = { 0 };
	u32 patience = 4;
	u64 miss = 0;
	int result;

	do {
		result = smv_snapshot_write(w->host.store, host_volume(w, part->slot), part->chunk,
					    whole, &job, &miss);
		if (result == -ENOSPC && patience-- && wait_for_freed(w))
			result = 1;
		else
			result = host_again(w, result, miss);
	} while (result == 1);
	if (result)
		return result;
	sim_say(w, "        %s: sectors %u to %u as %u, store chunk %llu",
		w->oracle.volume[part->slot].name, part->from, part->to, part->token,
		(unsigned long long)job.to.no);
	if (job.todo == SMV_TODO_OVERWRITE)
		result = snapshot_overwrite(w, part, &job);
	else
		result = snapshot_new(w, part, &job, whole);
	if (!result)
		oracle_ack(&w->oracle.volume[part->slot], part->from, part->to - part->from,
			   part->token, false, false);
	return result;
}

/* Could it be read or written, if there were space? */
static bool is_well(struct world *w, u32 slot)
{
	struct smv_volume_info info;

	smv_volume_info(host_volume(w, slot), &info);
	return !(info.flags & SMV_VOLUME_INVALID) && !smv_store_failed(w->host.store) &&
	       !w->config.errors && !w->oracle.volume[slot].may_be_lost;
}

static void snapshot_write(struct world *w, const struct op *op)
{
	u32 first = op->sector / w->chunk_sectors, end = op->sector + op->count;
	u32 count = (end - 1) / w->chunk_sectors - first + 1, token = token_next(w);
	struct part part = { op->slot, first, op->sector, 0, token, op->fua };
	int error = 0;

	if (!gate_enter(w, op->slot, first, count))
		return;
	w->host.writers[op->slot]++;
	for (; part.from < end && !error; part.from = part.to, part.chunk++) {
		part.to = (part.chunk + 1) * w->chunk_sectors;
		part.to = part.to < end ? part.to : end;
		part.token = token + part.from - op->sector;
		error = snapshot_write_chunk(w, &part);
		if (error && error != -ENOSPC && is_well(w, op->slot))
			sim_lost(w, "write to %s: %d", w->oracle.volume[op->slot].name, error);
	}
	if (!error && op->fua && !host_durable(w, smv_store_lsn(w->host.store)))
		oracle_ack(&w->oracle.volume[op->slot], op->sector, op->count, token, false, true);
	w->host.writers[op->slot]--;
	gate_leave(w, op->slot, first, count);
}

static void snapshot_discard(struct world *w, const struct op *op)
{
	struct volume *volume = &w->oracle.volume[op->slot];
	u32 chunk = op->sector / w->chunk_sectors;
	bool gated = rule_on(w, RULE_free_write);
	u64 lsn = 0, miss = 0;
	int result;

	if (gated && !gate_enter(w, op->slot, chunk, 1))
		return;
	if (!gated) {
		WAIT(w, .kind = WAIT_THAWED, .a = 1ull << op->slot);
		if (!host_usable(w, op->slot))
			return;
		busy_begin(w, op->slot);
	}
	w->host.writers[op->slot]++;
	do {
		result = smv_snapshot_zero(w->host.store, host_volume(w, op->slot), chunk, &lsn,
					   &miss);
		result = host_again(w, result, miss);
	} while (result == 1);
	if (!result) {
		oracle_issue(volume, op->sector, op->count, 0, true);
		oracle_ack(volume, op->sector, op->count, 0, true, false);
	} else if (result != -ENOSPC && is_well(w, op->slot)) {
		sim_lost(w, "discard on %s: %d", volume->name, result);
	}
	w->host.writers[op->slot]--;
	if (gated)
		gate_leave(w, op->slot, chunk, 1);
	else
		busy_end(w, op->slot);
}

/* ---- reads ---------------------------------------------------------------------------------- */

static int read_chunk(struct world *w, u32 slot, u32 chunk, void *data)
{
	struct smv_where where = { .place = SMV_PLACE_ORIGIN };
	u32 sectors = chunk_sectors_of(w, slot, chunk);
	u64 miss = 0;
	int result;

	if (slot < SIM_ORIGINS && !smv_origin_is_rolling(host_volume(w, slot)))
		return disk_read_step(w, w->origin[slot], chunk * w->chunk_sectors, sectors, data);
	do {
		result = smv_read(w->host.store, host_volume(w, slot), chunk, &where, &miss);
		result = host_again(w, result, miss);
	} while (result == 1);
	if (result)
		return result;
	if (!rule_on(w, RULE_restart)) {
		host_step(w);
		host_step(w);
	}
	if (slot < SIM_ORIGINS && where.place == SMV_PLACE_ORIGIN)
		return disk_read_step(w, w->origin[slot], chunk * w->chunk_sectors, sectors, data);
	return place_read(w, &where, w->oracle.volume[slot].origin, chunk, sectors, data);
}

static void check_read(struct world *w, u32 slot, u32 chunk, const struct marks *marks,
		       const u8 *data)
{
	struct volume *volume = &w->oracle.volume[slot];

	if (volume->may_be_lost >> chunk & 1 && w->config.errors)
		return;
	for (u32 i = 0; i < chunk_sectors_of(w, slot, chunk); i++) {
		u32 sector = chunk * w->chunk_sectors + i;
		u32 value = sector_value(data + i * SMV_SECTOR_BYTES);

		if (!oracle_allows(volume, sector, value, marks->at[sector]))
			sim_lost(w, "read of %s sector %u: %u, wanted one of%s", volume->name,
				 sector, value, oracle_wanted(volume, sector, marks->at[sector]));
	}
}

static void volume_read(struct world *w, const struct op *op)
{
	u32 first = op->sector / w->chunk_sectors;
	u32 last = (op->sector + op->count - 1) / w->chunk_sectors;
	u8 data[SIM_CHUNK_SECTORS_MAX * SMV_SECTOR_BYTES];
	struct marks marks;

	if (!host_usable(w, op->slot))
		return;
	busy_begin(w, op->slot);
	for (u32 chunk = first; chunk <= last; chunk++) {
		int error;

		oracle_acked(&w->oracle.volume[op->slot], &marks);
		error = read_chunk(w, op->slot, chunk, data);
		if (error && is_well(w, op->slot))
			sim_lost(w, "read of %s chunk %u: %d", w->oracle.volume[op->slot].name,
				 chunk, error);
		if (!error)
			check_read(w, op->slot, chunk, &marks, data);
	}
	busy_end(w, op->slot);
}

/* ---- flushes ---------------------------------------------------------------------------------- */

static void origin_flush(struct world *w, const struct op *op)
{
	bool stage = rule_on(w, RULE_flush_marks);
	struct marks marks;
	u64 lsn = 0;

	busy_begin(w, op->slot);
	oracle_acked(&w->oracle.volume[op->slot], &marks);
	if (!origin_settle(w, op->slot, stage, true, &lsn)) {
		u64 all = smv_origin_flush_lsn(host_volume(w, op->slot));

		if (stage && all > lsn)
			lsn = all;
		if (!rule_on(w, RULE_flush_fin) && !smv_origin_is_rolling(host_volume(w, op->slot)))
			lsn = 0;
		if (!lsn || !host_durable(w, lsn))
			oracle_promise(&w->oracle.volume[op->slot], &marks);
	}
	busy_end(w, op->slot);
}

static void snapshot_flush(struct world *w, const struct op *op)
{
	struct marks marks;
	u64 lsn = smv_store_lsn(w->host.store);

	if (!host_usable(w, op->slot))
		return;
	busy_begin(w, op->slot);
	oracle_acked(&w->oracle.volume[op->slot], &marks);
	if (!disk_flush_step(w, w->store) && !host_durable(w, lsn))
		oracle_promise(&w->oracle.volume[op->slot], &marks);
	busy_end(w, op->slot);
}

void op_run(struct world *w, const struct op *op)
{
	bool origin = op->slot < SIM_ORIGINS;

	switch (op->kind) {
	case OP_WRITE:
		return origin ? host_origin_write(w, op) : snapshot_write(w, op);
	case OP_READ:
		return volume_read(w, op);
	case OP_FLUSH:
		return origin ? origin_flush(w, op) : snapshot_flush(w, op);
	case OP_DISCARD:
		return origin ? host_origin_discard(w, op) : snapshot_discard(w, op);
	case OP_SNAPSHOT:
		return op_snapshot(w, op);
	case OP_DELETE:
		return op_delete(w, op);
	case OP_ROLLBACK:
		return op_rollback(w, op);
	}
}
