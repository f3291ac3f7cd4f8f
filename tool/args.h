/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands' table, and their arguments. */
#ifndef SMV_ARGS_H
#define SMV_ARGS_H

#include "types.h"

#define SMV_VERSION "0.1.0"

struct smv_option {
	char letter; /* short option; upper-case ones with long_only are only a key */
	bool long_only;
	const char *name;
	const char *argument; /* NULL: a flag */
	const char *help;
};

struct smv_args {
	int count;
	char **arg;
	const char *option[128]; /* by letter: the argument, "" for a flag, NULL: not given */
};

struct smv_command {
	const char *name;
	const char *synopsis; /* after the name */
	const char *summary;
	const char *help; /* paragraphs */
	const struct smv_option *options; /* ends with name NULL; may be NULL */
	int least, most; /* arguments; most -1: any number */
	int (*run)(const struct smv_args *args);
};

extern const struct smv_command *const smv_commands[]; /* ends with NULL */

/* 0: go on; 1: help was printed; 2: wrong usage, said so. */
int smv_args_parse(const struct smv_command *command, int argc, char **argv, struct smv_args *args);
void smv_args_help(const struct smv_command *command);

static inline bool smv_args_has(const struct smv_args *args, char letter)
{
	return args->option[(u8)letter];
}

static inline const char *smv_args_get(const struct smv_args *args, char letter)
{
	return args->option[(u8)letter];
}

#define SMV_OPTION_JSON                                                                            \
	{                                                                                          \
		'J', true, "json", NULL, "print JSON"                                              \
	}
#define SMV_OPTION_STORE                                                                           \
	{                                                                                          \
		'S', false, "store", "STORE-DEV", "the inactive store that is meant"               \
	}
#define SMV_OPTION_FORCE(what)                                                                     \
	{                                                                                          \
		'f', false, "force", NULL, what                                                    \
	}
#define SMV_OPTION_END                                                                             \
	{                                                                                          \
		0, false, NULL, NULL, NULL                                                         \
	}

#endif
