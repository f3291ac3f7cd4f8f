// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the fuzz target on kept inputs: a line for each, by the file's name.
 *
 *	fuzz-store INPUT...
 *	fuzz-store --write DIR INPUT...		writes the images that they stand for
 *	fuzz-store --random DIR SEED COUNT	writes inputs made of random bytes: DIR/random-SEED
 */
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
	return "abort_on_error=1:quarantine_size_mb=2:max_allocation_size_mb=16:"
	       "hard_rss_limit_mb=128";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

static size_t read_input(const char *path, u8 *data, size_t room)
{
	FILE *file = fopen(path, "re");
	size_t bytes;

	if (!file) {
		perror(path);
		exit(1);
	}
	bytes = fread(data, 1, room, file);
	fclose(file);
	return bytes;
}

static void write_file(const char *folder, const char *name, const void *data, size_t bytes)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (!file || fwrite(data, 1, bytes, file) != bytes || fclose(file)) {
		perror(path);
		exit(1);
	}
}

static void write_image(const char *folder, const char *input, const u8 *data, size_t bytes)
{
	struct memory memory;

	if (!bytes)
		return;
	fuzz_mutate(fuzz_base(data[0] & 0x7f), &memory, data, bytes);
	write_file(folder, short_name(input), memory.image, memory.blocks * SMV_BLOCK_BYTES);
	memory_free(&memory);
}

/* One to eight changes of a base image; the checksums fit. */
static int write_random(const char *folder, u64 seed, u64 count)
{
	for (u64 i = seed; i < seed + count; i++) {
		struct random random;
		u8 data[65];
		char name[64];
		size_t bytes;

		random_seed(&random, i);
		bytes = 1 + 8 * (1 + random_below(&random, 8));
		for (size_t k = 0; k < bytes; k++)
			data[k] = (u8)random_u64(&random);
		data[0] &= 0x7f;
		snprintf(name, sizeof(name), "random-%llu", (unsigned long long)i);
		write_file(folder, name, data, bytes);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static u8 data[1 << 16];
	const char *folder = NULL;

	if (argc == 5 && !strcmp(argv[1], "--random"))
		return write_random(argv[2], strtoull(argv[3], NULL, 10),
				    strtoull(argv[4], NULL, 10));
	if (argc > 2 && !strcmp(argv[1], "--write")) {
		folder = argv[2];
		argc -= 2;
		argv += 2;
	}
	program = argv[0];
	signal(SIGABRT, failed);
	signal(SIGALRM, failed);
	for (int i = 1; i < argc; i++) {
		size_t bytes = read_input(argv[i], data, sizeof(data));

		if (folder) {
			write_image(folder, argv[i], data, bytes);
			continue;
		}
		running = argv[i];
		alarm(60); /* a hang is a failure, too */
		LLVMFuzzerTestOneInput(data, bytes);
		printf("ok fuzz_store_%s\n", short_name(argv[i]));
		fflush(stdout);
	}
	return argc < 2;
}
