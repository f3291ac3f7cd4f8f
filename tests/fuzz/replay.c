// SPDX-License-Identifier: GPL-2.0-only
/* Runs the fuzz target on kept inputs: a line for each, by the file's name. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "store.h"

static const char *running, *program;

static const char *short_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void failed(int number)
{
	printf("not ok fuzz_store_%s - signal %d, see stderr (replay: %s %s)\n",
	       short_name(running), number, program, running);
	fflush(stdout);
	_exit(1);
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

int main(int argc, char **argv)
{
	static u8 data[1 << 16];

	program = argv[0];
	signal(SIGABRT, failed);
	signal(SIGALRM, failed);
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "re");
		size_t bytes;

		running = argv[i];
		if (!file) {
			perror(argv[i]);
			return 1;
		}
		bytes = fread(data, 1, sizeof(data), file);
		fclose(file);
		alarm(60); /* a hang is a failure, too */
		LLVMFuzzerTestOneInput(data, bytes);
		printf("ok fuzz_store_%s\n", short_name(argv[i]));
		fflush(stdout);
	}
	return argc < 2;
}
