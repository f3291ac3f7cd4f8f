// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a device-mapper message takes.
 *
 * usage: ask NAME TIMES MESSAGE     sends it TIMES times, %d in it being 1 to TIMES
 *        ask --run COMMAND...      the same of a command, once
 *
 * Prints ops=, p50=, p90=, max= in ns. What the command prints is thrown away.
 */
#include "../../tests/module/helpers/dm.h"

#include <sys/wait.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t send_one(const char *name, const char *message, uint64_t n)
{
	const char *mark = strstr(message, "%d");
	char text[DM_TEXT], reply[DM_TEXT];
	uint64_t begun;

	if (mark)
		snprintf(text, sizeof(text), "%.*s%" PRIu64 "%s", (int)(mark - message), message, n,
			 mark + 2);
	else
		snprintf(text, sizeof(text), "%s", message);
	begun = now_ns();
	dm_must(dm_message(name, text, reply), text, name);
	return now_ns() - begun;
}

static int run(char **command)
{
	uint64_t begun = now_ns(), took;
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (!freopen("/dev/null", "w", stdout))
			_exit(127);
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("ask: %s failed", command[0]);
	took = now_ns() - begun;
	printf("ops=1 p50=%" PRIu64 " p90=%" PRIu64 " max=%" PRIu64 "\n", took, took, took);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t count, *taken;

	if (argc > 2 && !strcmp(argv[1], "--run"))
		return run(argv + 2);
	if (argc != 4)
		die("usage: ask NAME TIMES MESSAGE");
	count = number(argv[2]);
	taken = calloc(count, sizeof(*taken));
	if (!count || !taken)
		die("usage: ask NAME TIMES MESSAGE");
	for (uint64_t i = 0; i < count; i++)
		taken[i] = send_one(argv[1], argv[3], i + 1);
	qsort(taken, count, sizeof(*taken), by_size);
	printf("ops=%" PRIu64 " p50=%" PRIu64 " p90=%" PRIu64 " max=%" PRIu64 "\n", count,
	       taken[count / 2], taken[count * 9 / 10], taken[count - 1]);
	return 0;
}
