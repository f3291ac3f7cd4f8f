// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scripts with their schedules searched: scripts [NAME...]. Each script is a
 * test; with a rule switched off (-x RULE -X), or in a mutant of the engine,
 * the named scripts, and random histories between them, must lose something.
 */
#include <stdlib.h>
#include "options.h"

static struct world world;

#define USAGE                                                                                      \
	"[NAME...] [-s SEED] [-n SCHEDULES] [-t SECONDS] [-x RULE,...] [-X] [-p] [-v]"             \
	" [-N NAME] [-l]\n"                                                                        \
	"  -X: one test: with the rules off something must be lost within the time\n"

static const char *replay_of(const struct options *o, const char *script, u64 seed)
{
	static char text[400];

	snprintf(text, sizeof(text), "%s %s -s %llu%s%s%s -v", o->program, script,
		 (unsigned long long)seed, o->config.probe ? " -p" : "", o->off ? " -x " : "",
		 o->off ? o->off : "");
	return text;
}

static bool one(struct options *o, const struct sim_script *script, u64 seed)
{
	o->config.seed = seed;
	options_guard(o, replay_of(o, script->name, seed));
	return script_run(&world, &o->config, script);
}

static int search(struct options *o, const struct sim_script *script)
{
	char name[100];

	snprintf(name, sizeof(name), "script_%s_loses_nothing", script->name);
	o->name = name;
	for (u64 i = 0; i < o->seeds; i++)
		if (!one(o, script, o->first + i))
			return options_result(o, world.lost,
					      replay_of(o, script->name, o->first + i));
	return options_result(o, NULL, NULL);
}

/* Until something is lost, or the time is over. */
static int hunt(struct options *o)
{
	double start = options_now();

	for (u64 i = 0; options_now() - start < o->seconds; i++) {
		u64 seed = o->first + i;

		for (u32 n = 0; n < o->rests; n++)
			for (u32 k = 0; k < 4; k++)
				if (!one(o, script_find(o->rest[n]), 4 * seed + k))
					return options_result(o, world.lost,
							      replay_of(o, o->rest[n],
									4 * seed + k));
		if (o->rests && seed % 4)
			continue;
		if (!one(o, script_find("history"), seed))
			return options_result(o, world.lost, replay_of(o, "history", seed));
	}
	return options_result(o, NULL, replay_of(o, o->rests ? o->rest[0] : "", o->first));
}

int main(int argc, char **argv)
{
	struct options o = { .name = "canary", .seeds = 300, .first = 1, .seconds = 120 };
	double start = options_now();
	int failed = 0;

	sim_config_init(&o.config);
	o.config.ops = 60;
	options_parse(&o, argc, argv, USAGE);
	for (u32 i = 0; i < o.rests; i++)
		if (!script_find(o.rest[i])) {
			fprintf(stderr, "%s: no script %s\n", argv[0], o.rest[i]);
			return 2;
		}
	if (o.expect_loss) {
		failed = hunt(&o);
	} else if (o.rests) {
		for (u32 i = 0; i < o.rests; i++)
			failed |= search(&o, script_find(o.rest[i]));
	} else {
		for (u32 i = 0; script_number(i); i++)
			failed |= search(&o, script_number(i));
	}
	options_report(&world.stats, options_now() - start);
	return failed;
}
