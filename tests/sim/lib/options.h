/* SPDX-License-Identifier: GPL-2.0-only */
/* What the simulator's programs share: options, results, replay lines. */
#ifndef SMV_SIM_OPTIONS_H
#define SMV_SIM_OPTIONS_H

#include "world.h"

struct options {
	const char *program;
	const char *name; /* of the test */
	struct sim_config config;
	u64 seeds; /* histories to run */
	u64 first; /* seed */
	u32 seconds; /* 0: no limit */
	bool expect_loss; /* -X: a loss must be found */
	const char *off; /* as given */
	const char *rest[8];
	u32 rests;
};

/* Exits with the usage on anything it does not know. */
void options_parse(struct options *options, int argc, char **argv, const char *usage);
/* What an assertion prints when it ends the program: the replay line. */
void options_guard(const struct options *options, const char *replay);
const char *options_replay(const struct options *options, u64 seed);
/* The test's line; the program's exit status. */
int options_result(const struct options *options, const char *lost, const char *replay);
void options_report(const struct sim_stats *stats, double seconds);
double options_now(void);

#endif
