// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random histories: operations begin at random moments and run beside each
 * other; power cuts and reboots between any two steps; now and then everything
 * comes to rest and must then be exact; at the end all snapshots are deleted
 * and nothing may be left over.
 */
#include "world.h"

#define SPARE_VALUES 12u

static u32 pick_snapshot(struct world *w)
{
	u32 n = 0, slot = ~0u;

	for (u32 i = SIM_ORIGINS; i < SIM_VOLUMES; i++)
		if (w->oracle.volume[i].alive == ALIVE_YES && !random_below(&w->random, ++n))
			slot = i;
	return slot;
}

static u32 pick_origin(struct world *w)
{
	return random_chance(&w->random, 700) ? 0 : 1;
}

/* Sectors of a volume: half of the time whole chunks, else anything. */
static void pick_range(struct world *w, struct op *op)
{
	struct volume *volume = &w->oracle.volume[op->slot];
	u32 chunks = (volume->sectors + w->chunk_sectors - 1) / w->chunk_sectors;
	u32 chunk = random_below(&w->random, chunks);

	if (op->kind == OP_DISCARD || random_chance(&w->random, 500)) {
		op->sector = chunk * w->chunk_sectors;
		op->count = chunk_sectors_of(w, op->slot, chunk);
		return;
	}
	op->sector = random_below(&w->random, volume->sectors);
	op->count = 1 + random_below(&w->random,
				     random_chance(&w->random, 200) ? w->chunk_sectors * 2 : 4);
	if (op->count > volume->sectors - op->sector)
		op->count = volume->sectors - op->sector;
}

bool op_start(struct world *w, const struct op *op)
{
	static const char *const name[] = { "write",	"read",	  "flush",   "discard",
					    "snapshot", "delete", "rollback" };
	struct op run = *op;

	if (world_ops_running(w) >= 20)
		return false;
	if (op->kind == OP_WRITE && !oracle_room(&w->oracle.volume[op->slot], SPARE_VALUES))
		run.kind = OP_FLUSH;
	w->stats.ops++;
	sim_say(w, "%s %s sectors %u+%u%s%s %s %s", name[run.kind], w->oracle.volume[run.slot].name,
		run.sector, run.count, run.fua ? " FUA" : "",
		run.kind == OP_ROLLBACK ? (run.origin ? " o1" : " o0") : "",
		run.parts || run.undo ? w->oracle.volume[run.as[0]].name : "",
		run.parts > 1 ? w->oracle.volume[run.as[1]].name : "");
	task_start(w, op_run, &run, false);
	return true;
}

static void start_data(struct world *w, enum op_kind kind, u32 slot)
{
	struct op op = { .kind = kind, .slot = slot };

	if (slot == ~0u)
		return;
	if (kind != OP_FLUSH)
		pick_range(w, &op);
	op.fua = kind == OP_WRITE && random_chance(&w->random, 200);
	op_start(w, &op);
}

static void start_snapshot(struct world *w)
{
	struct op op = { .kind = OP_SNAPSHOT, .parts = 1 };
	u32 snapshot = pick_snapshot(w), other;

	op.of[0] = snapshot == ~0u || random_chance(&w->random, 550) ? pick_origin(w) : snapshot;
	op.slot = op.of[0];
	other = random_chance(&w->random, 500) ? pick_origin(w) : pick_snapshot(w);
	op.as[0] = slot_reserve(w, op.of[0]);
	if (op.as[0] == ~0u)
		return;
	if (random_chance(&w->random, 250) && other != ~0u && other != op.of[0]) {
		op.of[1] = other;
		op.as[1] = slot_reserve(w, other);
		op.parts += op.as[1] != ~0u;
	}
	if (op_start(w, &op))
		return;
	for (u32 i = 0; i < op.parts; i++)
		w->oracle.volume[op.as[i]].alive = ALIVE_NO;
}

static void start_rollback(struct world *w, u32 slot)
{
	struct op op = { .kind = OP_ROLLBACK, .slot = slot };

	if (slot == ~0u)
		return;
	op.origin = w->oracle.volume[slot].origin;
	if (random_chance(&w->random, 600)) {
		op.as[0] = slot_reserve(w, op.origin);
		op.undo = op.as[0] != ~0u;
	}
	if (!op_start(w, &op) && op.undo)
		w->oracle.volume[op.as[0]].alive = ALIVE_NO;
}

static void start_any(struct world *w)
{
	u32 x = random_below(&w->random, 100), snapshot = pick_snapshot(w);
	u32 either = snapshot == ~0u || random_chance(&w->random, 300) ? pick_origin(w) : snapshot;

	if (x < 26)
		return start_data(w, OP_WRITE, pick_origin(w));
	if (x < 41)
		return start_data(w, OP_WRITE, snapshot);
	if (x < 48)
		return start_data(w, OP_FLUSH, pick_origin(w));
	if (x < 52)
		return start_data(w, OP_FLUSH, snapshot);
	if (x < 62)
		return start_snapshot(w);
	if (x < 70) {
		struct op op = { .kind = OP_DELETE, .slot = snapshot };

		if (snapshot != ~0u)
			op_start(w, &op);
		return;
	}
	if (x < 77)
		return start_rollback(w, snapshot);
	if (x < 82)
		return start_data(w, OP_DISCARD, snapshot);
	if (x < 84)
		return start_data(w, OP_DISCARD, pick_origin(w));
	start_data(w, OP_READ, either);
}

void history_rest(struct world *w, const char *what)
{
	if (!world_settle(w, what))
		return;
	check_volumes(w, false);
	check_rest(w);
	sim_say(w, "at rest");
}

void history_delete_all(struct world *w)
{
	for (u32 slot = SIM_ORIGINS; slot < SIM_VOLUMES; slot++) {
		struct op op = { .kind = OP_DELETE, .slot = slot };

		if (w->oracle.volume[slot].alive == ALIVE_YES)
			task_start(w, op_run, &op, false);
	}
	if (!world_settle(w, "deleting all"))
		sim_lost(w, "deleting all does not empty the store");
	check_volumes(w, false);
	check_rest(w);
	check_empty(w);
}

static void run(struct world *w)
{
	static const u32 rates[] = { 6, 18, 45 }, eagers[] = { 75, 200, 350 };
	static const u32 bursts[] = { 1, 1, 2, 5, 20 };
	u32 rate = rates[random_below(&w->random, 3)];
	u32 eager = eagers[random_below(&w->random, 3)];

	for (u32 left = w->config.ops; left;) {
		u32 x = random_below(&w->random, 1000);

		if (x < eager) {
			start_any(w);
			left--;
		} else if (x < eager + rate) {
			if (w->config.probe)
				world_probe(w, 6);
			world_cut(w, SIM_CUT_RANDOM);
		} else {
			u32 steps = bursts[random_below(&w->random, 5)];

			while (steps--)
				world_step(w);
		}
		if (random_chance(&w->random, 20))
			history_rest(w, "quiet");
	}
	if (random_chance(&w->random, 500))
		world_cut(w, SIM_CUT_RANDOM);
	history_rest(w, "end");
	history_delete_all(w);
}

/* ---- with disks that fail ---------------------------------------------------- */

static const char *const kind_name[] = { "read", "write", "flush" };

static void fail_one(struct world *w)
{
	u32 which = random_below(&w->random, 4), kind = random_below(&w->random, DISK_KINDS);
	struct disk *disk = which < SIM_ORIGINS ? w->origin[which] : w->store;
	u32 nth = 1 + random_below(&w->random, kind == DISK_FLUSH ? 12 : 60);
	bool forever = random_chance(&w->random, 400);

	sim_say(w, "%s number %u of %s will fail %s", kind_name[kind], nth,
		which < SIM_ORIGINS ? w->oracle.volume[which].name : "the store",
		forever ? "for ever" : "once");
	disk_fail(disk, kind, nth, forever);
}

static bool repair(struct world *w)
{
	bool failed = disk_has_failed(w->store);

	for (u32 o = 0; o < SIM_ORIGINS; o++)
		failed |= disk_has_failed(w->origin[o]);
	for (u32 kind = 0; kind < DISK_KINDS; kind++) {
		disk_fail(w->store, kind, 0, false);
		for (u32 o = 0; o < SIM_ORIGINS; o++)
			disk_fail(w->origin[o], kind, 0, false);
	}
	return failed;
}

static void steps(struct world *w, u32 most)
{
	for (u32 n = random_below(&w->random, most); n; n--)
		world_step(w);
}

/* Lost chunks of a rollback that has not ended are healed by being overwritten. */
static void overwrite_origins(struct world *w)
{
	for (u32 o = 0; o < SIM_ORIGINS; o++) {
		struct op op = { .kind = OP_WRITE,
				 .slot = o,
				 .count = w->oracle.volume[o].sectors };

		op_start(w, &op);
	}
	world_settle(w, "overwriting the origins");
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		mover_start(w, o);
}

static void run_errors(struct world *w)
{
	for (u32 turn = 0; turn < 3; turn++) {
		fail_one(w);
		for (u32 left = w->config.ops / 3; left; left--) {
			start_any(w);
			steps(w, 30);
		}
		steps(w, 200);
		w->stats.failures += repair(w);
		sim_say(w, "repaired; the store has%s failed: %s",
			smv_store_failed(w->host.store) ? "" : " not",
			smv_store_reason(w->host.store));
		history_rest(w, "after an error");
		world_cut(w, SIM_CUT_RANDOM);
		history_rest(w, "after the restart");
	}
	overwrite_origins(w);
	history_rest(w, "end");
	history_delete_all(w);
}

bool history_run(struct world *w, const struct sim_config *config)
{
	w->lost[0] = 0;
	w->stats.histories++;
	if (!setjmp(w->out)) {
		world_begin(w, config);
		if (config->errors)
			run_errors(w);
		else
			run(w);
	}
	world_end(w);
	return !w->lost[0];
}
