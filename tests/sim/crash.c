// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random histories with power cuts: crash [SEEDS [OPS [FIRST]]]. The first
 * history that loses anything ends it, with the line that replays it.
 */
#include <stdlib.h>
#include "options.h"

static struct world world;

#define USAGE                                                                                      \
	"[SEEDS [OPS [FIRST-SEED]]] [-s SEED] [-n SEEDS] [-o OPS] [-t SECONDS]\n"                  \
	"  [-c CHUNK-BLOCKS]\n"                                                                    \
	"  [-x RULE,...] [-X] [-p] [-v] [-l] [-N NAME]\n"                                          \
	"  -x switches rules off (-l lists them), -X: and that must be found\n"                    \
	"  -p tries several cuts on copies at each cut, -v tells what happens"

static int run(struct options *o)
{
	double start = options_now();
	const char *idle = NULL;
	int failed = 0;

	for (u64 i = 0; i < o->seeds; i++) {
		const char *replay = options_replay(o, o->first + i);

		o->config.seed = o->first + i;
		options_guard(o, replay);
		if (!history_run(&world, &o->config)) {
			failed = options_result(o, world.lost, replay);
			goto out;
		}
		if (o->seconds && options_now() - start > o->seconds)
			break;
	}
	if (world.stats.histories > 20 && !world.stats.cuts)
		idle = "the power was never cut";
	failed = options_result(o, idle, options_replay(o, o->first));
out:
	options_report(&world.stats, options_now() - start);
	return failed;
}

int main(int argc, char **argv)
{
	struct options o = { .name = "random_histories_lose_nothing", .seeds = 1000, .first = 1 };

	sim_config_init(&o.config);
	options_parse(&o, argc, argv, USAGE);
	if (o.rests > 0)
		o.seeds = strtoull(o.rest[0], NULL, 0);
	if (o.rests > 1)
		o.config.ops = (u32)strtoul(o.rest[1], NULL, 0);
	if (o.rests > 2)
		o.first = strtoull(o.rest[2], NULL, 0);
	return run(&o);
}
