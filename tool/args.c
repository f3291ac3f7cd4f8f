// SPDX-License-Identifier: GPL-2.0-only
/*
 * The commands' arguments. It promises that -h and --help work everywhere,
 * that an unknown option, a missing or superfluous argument and an option
 * given twice are wrong usage (exit status 2) before anything is touched, and
 * that the help lists exactly the options that are taken: both come from one
 * table. Weak side: option names cannot be abbreviated.
 */
#include <stdlib.h>
#include "args.h"
#include "text.h"

static const struct smv_option *find_long(const struct smv_command *command, const char *name,
					  size_t bytes)
{
	const struct smv_option *o = command->options;

	for (; o && o->name; o++)
		if (strlen(o->name) == bytes && !strncmp(o->name, name, bytes))
			return o;
	return NULL;
}

static const struct smv_option *find_short(const struct smv_command *command, char letter)
{
	const struct smv_option *o = command->options;

	for (; o && o->name; o++)
		if (!o->long_only && o->letter == letter)
			return o;
	return NULL;
}

static int take(struct smv_args *args, const struct smv_option *o, const char *value)
{
	if (args->option[(u8)o->letter] && o->argument)
		return smv_usage("--%s given twice", o->name);
	args->option[(u8)o->letter] = o->argument ? value : "";
	return 0;
}

/* argv[*at] begins with "--". */
static int parse_long(const struct smv_command *command, char **argv, int *at,
		      struct smv_args *args)
{
	const char *name = argv[*at] + 2;
	size_t bytes = strcspn(name, "=");
	const struct smv_option *o = find_long(command, name, bytes);
	const char *value = name[bytes] ? name + bytes + 1 : NULL;

	if (!o)
		return smv_usage("unknown option %s", argv[*at]);
	if (!o->argument && value)
		return smv_usage("--%s takes no argument", o->name);
	if (o->argument && !value)
		value = argv[++*at];
	if (o->argument && !value)
		return smv_usage("--%s needs %s", o->name, o->argument);
	return take(args, o, value);
}

/* argv[*at] is a "-" and letters. */
static int parse_short(const struct smv_command *command, char **argv, int *at,
		       struct smv_args *args)
{
	for (const char *p = argv[*at] + 1; *p; p++) {
		const struct smv_option *o = find_short(command, *p);
		const char *value = NULL;
		int rc;

		if (!o)
			return smv_usage("unknown option -%c", *p);
		if (o->argument) {
			value = p[1] ? p + 1 : argv[++*at];
			if (!value)
				return smv_usage("-%c needs %s", *p, o->argument);
		}
		rc = take(args, o, value);
		if (rc || o->argument)
			return rc;
	}
	return 0;
}

static int check_count(const struct smv_command *command, const struct smv_args *args)
{
	if (args->count < command->least)
		return smv_usage("missing argument: %s %s", command->name, command->synopsis);
	if (command->most >= 0 && args->count > command->most)
		return smv_usage("superfluous argument %s", args->arg[command->most]);
	for (int i = 0; i < args->count; i++)
		if (!*args->arg[i])
			return smv_usage("an argument is empty");
	return 0;
}

/* Is @arg --help, or -h among others? *next: the word behind it is its argument. */
static bool asks_help(const struct smv_command *command, const char *arg, bool *next)
{
	const struct smv_option *o;

	*next = false;
	if (!strncmp(arg, "--", 2)) {
		o = find_long(command, arg + 2, strlen(arg + 2));
		*next = o && o->argument;
		return !strcmp(arg, "--help");
	}
	for (const char *p = arg + 1; *arg == '-' && *p; p++) {
		if (*p == 'h')
			return true;
		o = find_short(command, *p);
		if (o && o->argument) {
			*next = !p[1];
			break;
		}
	}
	return false;
}

static bool wants_help(const struct smv_command *command, int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++) {
		bool next;

		if (asks_help(command, argv[i], &next))
			return true;
		i += next;
	}
	return false;
}

int smv_args_parse(const struct smv_command *command, int argc, char **argv, struct smv_args *args)
{
	memset(args, 0, sizeof(*args));
	args->arg = smv_text_alloc((argc + 1) * sizeof(char *));
	if (wants_help(command, argc, argv)) {
		smv_args_help(command);
		return 1;
	}
	for (int i = 0; i < argc; i++) {
		int rc = 0;

		if (!strcmp(argv[i], "--")) {
			while (++i < argc)
				args->arg[args->count++] = argv[i];
		} else if (argv[i][0] == '-' && argv[i][1] == '-') {
			rc = parse_long(command, argv, &i, args);
		} else if (argv[i][0] == '-' && argv[i][1]) {
			rc = parse_short(command, argv, &i, args);
		} else {
			args->arg[args->count++] = argv[i];
		}
		if (rc)
			return rc;
	}
	return check_count(command, args);
}

static void print_option(const struct smv_option *o)
{
	char text[64];

	if (o->long_only)
		snprintf(text, sizeof(text), "    --%s%s%s", o->name, o->argument ? " " : "",
			 o->argument ? o->argument : "");
	else
		snprintf(text, sizeof(text), "-%c, --%s%s%s", o->letter, o->name,
			 o->argument ? " " : "", o->argument ? o->argument : "");
	printf("  %-26s %s\n", text, o->help);
}

void smv_args_help(const struct smv_command *command)
{
	const struct smv_option *o = command->options;

	printf("usage: snapmv %s %s\n%s\n", command->name, command->synopsis, command->summary);
	if (command->help)
		printf("\n%s", command->help);
	printf("\noptions:\n");
	for (; o && o->name; o++)
		print_option(o);
	printf("  %-26s %s\n", "-h, --help", "print this");
}
