// SPDX-License-Identifier: GPL-2.0-only
/*
 * A rollback's background work: chunk by chunk, as slowly as the history wants
 * it; marks now and then; the end.
 */
#include "world.h"

/* 0; -ENOENT: nothing is pending. */
static int next_chunk(struct world *w, u32 origin, u64 *chunk)
{
	u64 miss = 0;
	int result;

	do {
		result = smv_rollback_next(w->host.store, host_volume(w, origin), chunk, &miss);
		if (result == 1)
			host_step(w);
		else
			result = host_again(w, result, miss);
	} while (result == 1);
	return result;
}

/* Off: the mover gives a snapshot up as a user's write would. */
static int mover_drop(struct world *w, struct smv_job *job)
{
	u64 cursor = 0, lsn = 0, miss = 0;
	int result;

	do {
		result = smv_drop(w->host.store, job, &cursor, &lsn, &miss);
		if (result < 0)
			result = host_again(w, result, miss);
	} while (result == 1);
	return result ? result : host_durable(w, lsn);
}

static int move_chunk(struct world *w, u32 origin, u32 chunk)
{
	struct smv_job job = { 0 };

	for (;;) {
		u64 miss = 0;
		int result = smv_move(w->host.store, host_volume(w, origin), chunk, &job, &miss);

		if (!result && job.todo == SMV_TODO_GO)
			return 0;
		if (!result) {
			result = job_run(w, origin, &job);
		} else if (result == -ENOSPC) {
			if (rule_on(w, RULE_mover_waits))
				WAIT(w, .kind = WAIT_SPACE, .a = w->host.space);
			else
				result = mover_drop(w, &job);
			if (result == -ENOSPC && w->host.hold_expired)
				return result;
			continue;
		} else {
			result = host_again(w, result, miss);
		}
		if (result < 0 && result != -ESTALE)
			return result;
	}
}

static int finish(struct world *w, u32 origin)
{
	u64 lsn = 0, miss = 0;
	int result;

	result = origin_settle(w, origin, true, rule_on(w, RULE_fin_flush), &lsn);
	if (result)
		return result;
	do {
		result = smv_rollback_finish(w->host.store, host_volume(w, origin), &lsn, &miss);
		result = host_again(w, result, miss);
	} while (result == 1);
	if (!result)
		sim_say(w, "        rollback of origin %u has finished", origin);
	return result;
}

static int mover_turn(struct world *w, u32 origin)
{
	struct host *h = &w->host;
	u64 chunk = 0, lsn;
	int result;

	WAIT(w, .kind = WAIT_CHANCE, .a = w->mover_permille);
	result = next_chunk(w, origin, &chunk);
	if (result == -ENOENT)
		return finish(w, origin);
	if (result)
		return result;
	WAIT(w, .kind = WAIT_LOCK, .a = origin, .b = (u32)chunk, .c = 1);
	h->lock[origin][chunk] = true;
	result = move_chunk(w, origin, (u32)chunk);
	h->lock[origin][chunk] = false;
	if (!result && random_chance(&w->random, 300))
		result = origin_settle(w, origin, true, true, &lsn);
	return result;
}

/* What is left cannot be moved: it waits for a write over the whole chunk. */
static bool nothing_but_lost(struct world *w, u32 origin)
{
	struct smv_rollback_progress progress;

	smv_rollback_progress(host_volume(w, origin), &progress);
	return progress.lost && w->config.errors;
}

void host_mover(struct world *w, const struct op *op)
{
	u32 origin = op->origin;

	while (smv_origin_is_rolling(host_volume(w, origin))) {
		int result = mover_turn(w, origin);

		if (result == -EINPROGRESS && nothing_but_lost(w, origin))
			break;
		if (result == -EINPROGRESS || result == -ENOSPC) {
			host_step(w);
			continue;
		}
		if (result && !w->config.errors)
			sim_lost(w, "the mover of origin %u: %d", origin, result);
		if (smv_store_failed(w->host.store))
			break;
		if (result)
			WAIT(w, .kind = WAIT_CHANCE, .a = 50);
	}
	w->host.moving[origin] = false;
}

void mover_start(struct world *w, u32 origin)
{
	struct op op = { .origin = origin };

	if (w->host.moving[origin] || !smv_origin_is_rolling(host_volume(w, origin)))
		return;
	w->host.moving[origin] = true;
	task_start(w, host_mover, &op, true);
}
