// SPDX-License-Identifier: GPL-2.0-only
/*
 * snapmv. It promises the exit status: 0 done, 1 refused or failed with one line
 * on stderr, 2 wrong usage; and that output which could not be written (a
 * full disk, a closed pipe) does not pass for done.
 *
 * SIGPIPE is held back while a command runs, so that a reader that goes away
 * does not stop it half-way, and raised again at the end. Standard descriptors that are
 * closed are filled first: a device opened as number 2 would get what is said on stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "commands.h"
#include "text.h"

const struct smv_command *const smv_commands[] = {
	&smv_command_format,
	&smv_command_erase,
	&smv_command_add,
	&smv_command_remove,
	&smv_command_activate,
	&smv_command_deactivate,
	&smv_command_snapshot,
	&smv_command_delete,
	&smv_command_rollback,
	&smv_command_rename,
	&smv_command_list,
	&smv_command_status,
	&smv_command_set,
	&smv_command_check,
	&smv_command_dump,
	&smv_command_restore,
	&smv_command_repair,
	&smv_command_diff,
	NULL,
};

static void print_help(void)
{
	printf("usage: snapmv COMMAND [options] ARGS\n"
	       "Snapshots of existing block devices, kept in a store.\n\ncommands:\n");
	for (u32 i = 0; smv_commands[i]; i++)
		printf("  %-12s%s\n", smv_commands[i]->name, smv_commands[i]->summary);
	printf("\nA volume is [STORE/]ORIGIN or [STORE/]ORIGIN@SNAPSHOT. An argument that begins\n"
	       "with / or . is a device or an image file, one that ends in / a store.\n"
	       "snapmv COMMAND --help tells more, snapmv(8) everything.\n");
}

static const struct smv_command *find_command(const char *name)
{
	for (u32 i = 0; smv_commands[i]; i++)
		if (!strcmp(smv_commands[i]->name, name))
			return smv_commands[i];
	return NULL;
}

static bool is(const char *arg, const char *a, const char *b)
{
	return !strcmp(arg, a) || !strcmp(arg, b);
}

/* `snapmv help [COMMAND]' */
static int help(int argc, char **argv)
{
	const struct smv_command *command = argc > 2 ? find_command(argv[2]) : NULL;

	if (argc > 2 && !command)
		return smv_usage("unknown command %s", argv[2]);
	if (command)
		smv_args_help(command);
	else
		print_help();
	return 0;
}

static int run(int argc, char **argv)
{
	const struct smv_command *command;
	struct smv_args args;
	int rc;

	if (argc < 2)
		return smv_usage("missing command");
	if (is(argv[1], "-h", "--help") || !strcmp(argv[1], "help"))
		return help(argc, argv);
	if (is(argv[1], "-V", "--version")) {
		puts("snapmv " SMV_VERSION);
		return 0;
	}
	command = find_command(argv[1]);
	if (!command)
		return smv_usage("unknown %s %s", *argv[1] == '-' ? "option" : "command", argv[1]);
	smv_text_command(command->name);
	if (argc == 3 && !strcmp(argv[2], "--version")) {
		puts("snapmv " SMV_VERSION);
		return 0;
	}
	rc = smv_args_parse(command, argc - 2, argv + 2, &args);
	if (!rc)
		rc = command->run(&args);
	else if (rc == 1)
		rc = 0;
	free(args.arg);
	return rc;
}

/* For reading: what is written to one that was closed goes on failing. */
static bool fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd >= 0 && !close(fd);
}

int main(int argc, char **argv)
{
	int rc;

	if (!fill_standard_descriptors())
		return 1;
	setlocale(LC_TIME, "");
	signal(SIGPIPE, SIG_IGN);
	rc = run(argc, argv);
	smv_progress_end();
	if (fflush(stdout) || ferror(stdout)) {
		if (errno == EPIPE) {
			signal(SIGPIPE, SIG_DFL);
			raise(SIGPIPE);
		}
		return smv_fail("standard output", "cannot be written (%s): check where it goes",
				strerror(errno));
	}
	return rc;
}
