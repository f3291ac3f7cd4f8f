// SPDX-License-Identifier: GPL-2.0-only
/*
 * All histories of a few operations on a few chunks: exhaustive [LENGTH]. Each
 * operation runs to its end, then the next begins; during the last one every
 * write and every flush, issued or completed, is a place at which the power
 * may fail: keeping nothing of what is not flushed, all of it, each single
 * request, all but each single one. What happens during the operations before
 * was tried with the shorter histories: a history's schedule depends only on
 * the seed and what came before.
 */
#include <stdlib.h>
#include "options.h"

#define LENGTH_MAX 6u
#define EACH 64u

static struct world world;
static u64 events; /* of all disks, at the last probe */

/* A snapshot 2 of origin 0 is there. */
static const char *const items[] = {
	"W 0 0 a", "W 0 0 0", "W 0 1 a F", "w 2 0 a",	"w 2 0 1 F", "w 3 0 a", "F 0",
	"F 2",	   "S 0 3",   "S 2 3",	   "S 0,2 4,5", "D 2",	     "D 3",	"R 0 2 -",
	"R 0 3 6", "x 2 0",   "X 0 0",	   "C",		".",	     "REBOOT",
};

#define ITEMS (sizeof(items) / sizeof(items[0]))

static void stepped(struct world *w)
{
	u64 now = disk_events(w->store);

	for (u32 o = 0; o < SIM_ORIGINS; o++)
		now += disk_events(w->origin[o]);
	if (now == events)
		return;
	events = now;
	world_probe(w, EACH);
}

static void do_item(struct script_player *player, const char *item, bool last)
{
	struct world *w = player->w;

	w->stepped = last ? stepped : NULL;
	events = 0;
	script_item(player, item);
	for (u32 n = 0; n < 3000 && world_ops_running(w); n++)
		world_step(w);
	if (world_ops_running(w))
		sim_lost(w, "%s does not end", item);
	for (u32 n = 0; n < 12; n++)
		world_step(w);
	w->stepped = NULL;
}

/* false: an operation of it would do nothing. */
static bool play(struct world *w, const struct sim_config *config, const u32 *choice, u32 length)
{
	struct script_player player;
	volatile bool sense = true;

	w->lost[0] = 0;
	if (!setjmp(w->out)) {
		world_begin(w, config);
		script_begin(&player, w);
		do_item(&player, "S 0 2", length == 0);
		for (u32 i = 0; i < length && sense; i++) {
			sense = script_can(&player, items[choice[i]]);
			if (sense)
				do_item(&player, items[choice[i]], i + 1 == length);
		}
	}
	w->stepped = NULL;
	w->stats.histories += sense;
	world_end(w);
	return sense;
}

static const char *replay_of(const struct options *o, const u32 *choice, u32 length)
{
	static char text[300];
	int used = snprintf(text, sizeof(text), "%s -s %llu -v", o->program,
			    (unsigned long long)o->first);

	for (u32 i = 0; i < length; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " %u", choice[i]);
	return text;
}

static bool one(struct options *o, const u32 *choice, u32 length)
{
	options_guard(o, replay_of(o, choice, length));
	return play(&world, &o->config, choice, length);
}

/* All histories of this length; what makes no sense is not made longer. */
static int all(struct options *o, u32 length)
{
	u32 choice[LENGTH_MAX] = { 0 };

	for (;;) {
		u32 at = length;
		bool sense = one(o, choice, length);

		if (world.lost[0])
			return options_result(o, world.lost, replay_of(o, choice, length));
		(void)sense;
		while (at && ++choice[at - 1] == ITEMS)
			choice[--at] = 0;
		if (!at)
			return 0;
	}
}

static int replay(struct options *o)
{
	u32 choice[LENGTH_MAX];

	for (u32 i = 0; i < o->rests && i < LENGTH_MAX; i++)
		choice[i] = (u32)strtoul(o->rest[i], NULL, 10) % ITEMS;
	for (u32 i = 0; i < o->rests; i++)
		printf("%s|", items[choice[i]]);
	putchar('\n');
	one(o, choice, o->rests);
	return options_result(o, world.lost[0] ? world.lost : NULL, replay_of(o, choice, o->rests));
}

int main(int argc, char **argv)
{
	struct options o = { .name = "all_histories_of_few_operations_lose_nothing", .first = 1 };
	double start = options_now();
	int failed = 0;

	sim_config_init(&o.config);
	o.seeds = 0;
	options_parse(&o, argc, argv, "[LENGTH | -s SEED ITEM...] [-v] [-N NAME]\n");
	o.config.seed = o.first;
	o.config.chunk_blocks = 1;
	o.config.free_chunks = SIM_ALL_FREE;
	if (o.seeds) {
		failed = replay(&o);
	} else {
		u32 length = o.rests ? (u32)strtoul(o.rest[0], NULL, 10) : 2;

		for (u32 n = 0; n <= length && n <= LENGTH_MAX && !failed; n++)
			failed = all(&o, n);
		if (!failed)
			options_result(&o, NULL, NULL);
	}
	options_report(&world.stats, options_now() - start);
	return failed;
}
