// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which task takes the next step. Tasks say what they wait for; of those that
 * can go on one is drawn by chance, or, in half of the histories, the one of
 * the highest priority, priorities changing now and then: that leaves single
 * tasks behind for long, which plain chance does not.
 */
#include "fiber.h"
#include "state.h"
#include "world.h"

static struct task *running;

static void task_main(void *argument)
{
	struct task *task = argument;

	task->run(task->world, &task->op);
}

void task_start(struct world *w, void (*run)(struct world *w, const struct op *op),
		const struct op *op, bool background)
{
	static const struct op none;
	struct task *task = NULL;

	for (u32 i = 0; i < SIM_TASKS && !task; i++)
		if (!w->task[i].fiber)
			task = &w->task[i];
	SMV_ASSERT(task);
	task->world = w;
	task->run = run;
	task->op = op ? *op : none;
	task->wait = (struct wait){ .kind = WAIT_NONE };
	task->priority = random_below(&w->random, 1000);
	task->background = background;
	task->fiber = fiber_new(task_main, task);
	w->tasks++;
}

static void task_end(struct world *w, struct task *task)
{
	fiber_delete(task->fiber);
	task->fiber = NULL;
	w->tasks--;
}

void tasks_abandon(struct world *w)
{
	for (u32 i = 0; i < SIM_TASKS; i++)
		if (w->task[i].fiber)
			task_end(w, &w->task[i]);
}

u32 world_ops_running(const struct world *w)
{
	u32 n = 0;

	for (u32 i = 0; i < SIM_TASKS; i++)
		n += w->task[i].fiber && !w->task[i].background;
	return n;
}

void host_wait(struct world *w, struct wait wait)
{
	(void)w;
	if (!fiber_running())
		return;
	running->wait = wait;
	fiber_yield();
}

void host_step(struct world *w)
{
	WAIT(w, .kind = WAIT_NONE);
}

void host_latency(struct world *w)
{
	if (random_chance(&w->random, 900))
		host_step(w);
	else
		WAIT(w, .kind = WAIT_CLOCK, .a = w->clock + random_below(&w->random, 60));
}

static bool locked(const struct host *h, const struct wait *wait)
{
	for (u32 i = 0; i < wait->c; i++)
		if (h->lock[wait->a][wait->b + i])
			return true;
	return false;
}

static bool read_in_place(const struct world *w, u32 origin, u32 first, u32 count)
{
	if (!rule_on(w, RULE_inplace_wait))
		return false;
	for (u32 i = 0; i < count; i++)
		if (w->host.inplace[origin][first + i])
			return true;
	return false;
}

static bool any(const struct world *w, u64 mask, bool drained)
{
	for (u32 slot = 0; slot < SIM_VOLUMES; slot++) {
		if (!(mask >> slot & 1))
			continue;
		if (drained ? w->host.writers[slot] : w->host.frozen[slot])
			return true;
	}
	return false;
}

static bool unusable(const struct world *w, u64 mask)
{
	for (u32 slot = 0; slot < SIM_VOLUMES; slot++)
		if (mask >> slot & 1 && !host_usable(w, slot))
			return true;
	return false;
}

/* Conditions on volumes, chunks and what is under way there. */
static bool volume_ready(const struct world *w, const struct wait *wait)
{
	const struct host *h = &w->host;

	switch (wait->kind) {
	case WAIT_GATE:
		return !host_usable(w, wait->a) || (!h->frozen[wait->a] && !locked(h, wait));
	case WAIT_LOCK:
		return !locked(h, wait);
	case WAIT_ISSUE:
		return (!h->frozen[wait->a] || !rule_on(w, RULE_snap_drain)) &&
		       !read_in_place(w, wait->a, wait->b, wait->c);
	case WAIT_INPLACE:
		return !read_in_place(w, wait->a, wait->b, 1);
	case WAIT_THAWED:
		return unusable(w, wait->a) || !any(w, wait->a, false);
	case WAIT_DRAINED:
		return !rule_on(w, RULE_snap_drain) || !any(w, wait->a, true);
	case WAIT_IDLE:
		return !h->busy[wait->a] && !h->frozen[wait->a];
	case WAIT_STAGE:
		return !h->staging[wait->a];
	default:
		return true;
	}
}

/* Conditions on the engine, and chance. */
static bool engine_ready(struct world *w, const struct wait *wait)
{
	struct host *h = &w->host;
	u32 wants = smv_store_wants(h->store);
	bool failed = smv_store_failed(h->store);

	switch (wait->kind) {
	case WAIT_DURABLE:
		return failed || smv_store_durable(h->store) >= wait->a;
	case WAIT_ROOM:
		return failed || h->room != wait->a;
	case WAIT_SPACE:
		return failed || h->space != wait->a || h->hold_expired;
	case WAIT_REFS:
		return !h->refs[wait->a];
	case WAIT_COMMIT:
		return !failed && wants & SMV_WANT_COMMIT &&
		       (h->urgent || h->checkpoint_waits || h->want > smv_store_durable(h->store) ||
			random_chance(&w->random, 50));
	case WAIT_CHECKPOINT:
		return !failed && (h->want_checkpoint || wants & SMV_WANT_CHECKPOINT ||
				   (!h->urgent && random_chance(&w->random, 10)));
	case WAIT_REAP:
		return !failed && wants & SMV_WANT_REAP;
	case WAIT_PROVE:
		return !failed && wants & SMV_WANT_PROVE &&
		       (h->urgent || random_chance(&w->random, 20));
	case WAIT_CLEAN:
		return !failed && wants & SMV_WANT_CLEAN &&
		       (h->urgent || random_chance(&w->random, 200));
	case WAIT_CLOCK:
		return w->clock > wait->a;
	case WAIT_CHANCE:
		return h->urgent || random_chance(&w->random, (u32)wait->a);
	default:
		return true;
	}
}

static bool ready(struct world *w, const struct task *task)
{
	if (task->wait.kind == WAIT_NONE)
		return true;
	return volume_ready(w, &task->wait) && engine_ready(w, &task->wait);
}

/* The order in which tasks are looked at. */
static u32 order(struct world *w, u32 *index)
{
	u32 n = 0;

	for (u32 i = 0; i < SIM_TASKS; i++) {
		struct task *task = &w->task[i];
		u32 at = n;

		if (!task->fiber)
			continue;
		if (!w->by_priority || random_chance(&w->random, 60))
			task->priority = random_below(&w->random, 1000);
		for (; at && w->task[index[at - 1]].priority < task->priority; at--)
			index[at] = index[at - 1];
		index[at] = i;
		n++;
	}
	return n;
}

/*
 * The one look inside the engine: chunks are taken from the lowest one on again,
 * so that freed ones are reused as soon as they may be.
 */
static void rewind_cursor(struct world *w)
{
	struct smv_alloc *alloc = &w->host.store->alloc;

	if (w->reuse && random_chance(&w->random, 500))
		alloc->cursor = alloc->geometry.first_chunk;
}

bool world_step(struct world *w)
{
	u32 index[SIM_TASKS];
	u32 n = order(w, index);

	w->clock++;
	rewind_cursor(w);
	for (u32 i = 0; i < n; i++) {
		struct task *task = &w->task[index[i]];

		if (!ready(w, task))
			continue;
		w->stats.steps++;
		running = task;
		fiber_resume(task->fiber);
		if (w->lost[0])
			longjmp(w->out, 1);
		/* the engine lets it fail where it finds two owners of a chunk, say */
		if (!w->config.errors && smv_store_failed(w->host.store))
			sim_lost(w, "the store has failed: %s", smv_store_reason(w->host.store));
		if (fiber_is_done(task->fiber))
			task_end(w, task);
		if (w->stepped)
			w->stepped(w);
		return true;
	}
	return false;
}

static bool at_rest(struct world *w)
{
	struct host *h = &w->host;

	if (world_ops_running(w) || smv_store_failed(h->store))
		return !world_ops_running(w);
	if (smv_store_wants(h->store) & ~SMV_WANT_CHECKPOINT || smv_checkpoint_running(h->store) ||
	    smv_store_durable(h->store) < smv_store_lsn(h->store))
		return false;
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		if (h->moving[o])
			return false;
	return !h->reaping && !h->refs[0] && !h->refs[1];
}

static bool full(const struct world *w)
{
	struct smv_store_info info;

	smv_store_info(w->host.store, &info);
	return !info.available_chunks;
}

bool world_settle(struct world *w, const char *what)
{
	struct host *h = &w->host;
	bool came = false;
	u32 idle = 0; /* steps for which nothing could go on: I/O takes less */

	h->urgent = true;
	for (u32 n = 0; n < 60000 && !came; n++) {
		idle = world_step(w) ? 0 : idle + 1;
		came = at_rest(w);
		if (came || (idle < 700 && (n < 3000 || !full(w))))
			continue;
		if (h->hold_expired && (idle >= 1400 || n > 6000))
			break;
		h->hold_expired = true; /* those who hold give up */
	}
	h->urgent = false;
	h->hold_expired = false;
	if (!came && !full(w))
		sim_lost(w, "%s: does not come to rest", what);
	return came;
}
