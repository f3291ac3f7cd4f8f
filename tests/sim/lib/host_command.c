// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's commands: snapshot, delete, rollback. Each closes the volumes
 * concerned for writes, lets those that were issued end, flushes, records, and
 * opens them again; the rollback, when it is durable.
 *
 * Crash: a command that did not return may or may not have happened, as a
 * whole; the oracle keeps both until it sees which.
 */
#include "world.h"

static int stage_end(struct world *w, u32 origin, int error, u64 *lsn)
{
	int result;

	do {
		result = smv_stage_end(w->host.store, host_volume(w, origin), error, lsn);
		result = host_again(w, result, 0);
	} while (result == 1);
	return result;
}

int origin_settle(struct world *w, u32 origin, bool stage, bool flush, u64 *lsn)
{
	struct host *h = &w->host;
	int error = 0, result = 0;

	WAIT(w, .kind = WAIT_STAGE, .a = origin);
	h->staging[origin] = true;
	if (stage)
		result = smv_stage_begin(h->store, host_volume(w, origin));
	if (result && !smv_store_failed(h->store))
		sim_lost(w, "stage begin: %d", result);
	stage &= !result;
	if (flush)
		error = disk_flush_step(w, w->origin[origin]);
	if (stage)
		result = stage_end(w, origin, error, lsn);
	h->staging[origin] = false;
	h->room++;
	return error ? error : result;
}

static u64 mask_of(const struct op *op)
{
	u64 mask = 0;

	for (u32 i = 0; i < op->parts; i++)
		mask |= 1ull << op->of[i];
	return mask;
}

static bool all_usable(const struct world *w, const struct op *op)
{
	for (u32 i = 0; i < op->parts; i++)
		if (!host_usable(w, op->of[i]))
			return false;
	return true;
}

static void freeze(struct world *w, u64 mask, bool frozen)
{
	for (u32 slot = 0; slot < SIM_VOLUMES; slot++)
		if (mask >> slot & 1)
			w->host.frozen[slot] = frozen;
}

/* Slots that were kept for a command that made nothing. */
static void release(struct world *w, const struct op *op, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (w->oracle.volume[op->as[i]].alive == ALIVE_RESERVED)
			w->oracle.volume[op->as[i]].alive = ALIVE_NO;
}

/* Flushes, and journals the marks of, the origins among the parts. */
static int settle_origins(struct world *w, const struct op *op)
{
	if (!rule_on(w, RULE_snap_flush))
		return 0;
	for (u32 i = 0; i < op->parts; i++) {
		u64 lsn = 0;
		int error;

		if (op->of[i] >= SIM_ORIGINS)
			continue;
		error = origin_settle(w, op->of[i], rule_on(w, RULE_snap_marks), true, &lsn);
		if (error)
			return error;
	}
	return 0;
}

/* The new volume is in the table: from here on it may survive a cut. */
static void made(struct world *w, u32 of, u32 as)
{
	struct volume *volume = &w->oracle.volume[as];
	struct volume *from = &w->oracle.volume[of];
	struct smv_volume_info info, origin;
	struct smv_volume *found;

	smv_volume_info(host_volume(w, from->origin), &origin);
	found = smv_volume_snapshot(w->host.store, origin.name, volume->name);
	if (!found)
		sim_lost(w, "%s was made and is not there", volume->name);
	smv_volume_info(found, &info);
	volume->number = info.number;
	volume->group = w->group;
	volume->alive = ALIVE_MAKING;
	oracle_clone(from, volume, w->config.errors);
}

static int record_parts(struct world *w, const struct op *op, u32 first, u32 count, u64 *lsn)
{
	struct smv_snapshot_part part[2];
	int result;

	do {
		for (u32 i = 0; i < count; i++) {
			part[i].of = host_volume(w, op->of[first + i]);
			part[i].name = w->oracle.volume[op->as[first + i]].name;
			part[i].memo = "";
			if (op->of[first + i] < SIM_ORIGINS)
				w->host.stamp[op->of[first + i]]++;
		}
		result = smv_snapshot(w->host.store, part, count, 0, lsn);
		result = host_again(w, result, 0);
	} while (result == 1);
	for (u32 i = 0; i < count && !result; i++)
		made(w, op->of[first + i], op->as[first + i]);
	return result;
}

static int record_snapshot(struct world *w, const struct op *op, u64 *lsn)
{
	int error;

	w->group++;
	if (rule_on(w, RULE_group_record) || op->parts < 2)
		return record_parts(w, op, 0, op->parts, lsn);
	error = record_parts(w, op, 0, 1, lsn);
	if (!error)
		error = host_durable(w, *lsn);
	return error ? error : record_parts(w, op, 1, 1, lsn);
}

static void acknowledge(struct world *w, const u32 *slots, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (w->oracle.volume[slots[i]].alive == ALIVE_MAKING)
			w->oracle.volume[slots[i]].alive = ALIVE_YES;
}

void op_snapshot(struct world *w, const struct op *op)
{
	bool early = random_chance(&w->random, 500);
	u64 lsn = 0;
	int error;

	WAIT(w, .kind = WAIT_THAWED, .a = mask_of(op));
	if (!all_usable(w, op)) {
		release(w, op, op->parts);
		return;
	}
	freeze(w, mask_of(op), true);
	WAIT(w, .kind = WAIT_DRAINED, .a = mask_of(op));
	error = settle_origins(w, op);
	if (!error)
		error = record_snapshot(w, op, &lsn);
	if (error || early)
		freeze(w, mask_of(op), false);
	if (!error && !host_durable(w, lsn))
		acknowledge(w, op->as, op->parts);
	if (!early)
		freeze(w, mask_of(op), false);
	release(w, op, op->parts);
}

void op_delete(struct world *w, const struct op *op)
{
	struct volume *volume = &w->oracle.volume[op->slot];
	u64 lsn = 0;
	int result;

	if (volume->alive != ALIVE_YES)
		return;
	volume->alive = ALIVE_DELETING;
	do {
		WAIT(w, .kind = WAIT_IDLE, .a = op->slot);
		result = smv_delete(w->host.store, host_volume(w, op->slot), &lsn);
		result = host_again(w, result, 0);
	} while (result == 1);
	if (result && !smv_store_failed(w->host.store))
		sim_lost(w, "delete of %s: %d", volume->name, result);
	w->host.space++;
	if (!result && !host_durable(w, lsn))
		volume->alive = ALIVE_NO;
}

static int record_rollback(struct world *w, const struct op *op, u64 *lsn)
{
	const char *undo = op->undo ? w->oracle.volume[op->as[0]].name : NULL;
	int result;

	do {
		w->host.stamp[op->origin]++;
		result = smv_rollback(w->host.store, host_volume(w, op->origin),
				      host_volume(w, op->slot), undo, 0, lsn);
		result = host_again(w, result, 0);
	} while (result == 1);
	return result;
}

static void rolled(struct world *w, const struct op *op, u64 epoch)
{
	w->group++;
	if (op->undo)
		made(w, op->origin, op->as[0]);
	oracle_roll(&w->oracle, op->origin, &w->oracle.volume[op->slot], epoch, w->config.errors);
}

void op_rollback(struct world *w, const struct op *op)
{
	u64 mask = 1ull << op->origin | 1ull << op->slot, lsn = 0;
	struct smv_volume_info info;
	int error;

	WAIT(w, .kind = WAIT_THAWED, .a = mask);
	smv_volume_info(host_volume(w, op->origin), &info);
	if (!host_usable(w, op->slot) || info.roll_volume || w->oracle.roll[op->origin].pending) {
		release(w, op, op->undo);
		return;
	}
	freeze(w, mask, true);
	WAIT(w, .kind = WAIT_DRAINED, .a = mask);
	error = rule_on(w, RULE_snap_flush) ? origin_settle(w, op->origin, true, true, &lsn) : 0;
	smv_volume_info(host_volume(w, op->origin), &info);
	if (!error)
		error = record_rollback(w, op, &lsn);
	if (!error)
		rolled(w, op, info.epoch);
	if (!error && rule_on(w, RULE_roll_wait))
		error = host_durable(w, lsn);
	freeze(w, mask, false);
	if (!error)
		mover_start(w, op->origin);
	if (!error && !host_durable(w, lsn)) {
		oracle_roll_acked(&w->oracle, op->origin);
		acknowledge(w, op->as, op->undo);
	}
	release(w, op, op->undo);
}
