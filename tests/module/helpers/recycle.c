// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshots whose chunks are given back and taken again all the time, while
 * others read them.
 *
 * usage: recycle [OPTION...] DEV DEV...
 *
 *   --chunk SIZE     of the store (default 64K)
 *   --chunks N       of each device that are used, the first ones (default 32)
 *   --time SECONDS   default 5
 *   --readers N      for each device (default 2)
 *   --seed N         default 1
 *
 * One thread for each device discards its chunks and writes them again, whole,
 * so that a chunk of the store goes from one device to another; readers read
 * all the while. A sector must be zeroes or carry the device's own mark and its
 * own number, whatever happens: a mark of another device shows a chunk that was
 * used again under a read's feet. Exits with 1 at the first such read.
 */
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define KIND 0x656c637963657273u
#define MAX_DEVICES 16

static struct {
	uint64_t chunk; /* sectors */
	uint64_t chunks;
	uint64_t seconds;
	uint64_t readers;
	uint64_t seed;
} o = { .chunk = 128, .chunks = 32, .seconds = 5, .readers = 2, .seed = 1 };

static struct device devices[MAX_DEVICES];
static uint64_t ndevices;
static _Atomic uint64_t reads;
static _Atomic uint64_t writes;
static time_t deadline;

static bool time_is_up(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec >= deadline;
}

static void write_chunk(uint64_t index, uint64_t *buffer, uint64_t at)
{
	for (uint64_t i = 0; i < o.chunk; i++) {
		struct stamp s = { KIND, at + i, index + 1, 0 };

		stamp_fill(buffer + i * WORDS, &s);
	}
	write_sectors(&devices[index], buffer, at, o.chunk);
	atomic_fetch_add(&writes, 1);
}

static void *writer(void *arg)
{
	uint64_t index = (uint64_t)(uintptr_t)arg;
	uint64_t *buffer = buffer_new(o.chunk * SECTOR);
	struct rng rng = { mix(o.seed) ^ mix(index + 1) };

	while (!time_is_up()) {
		uint64_t at = rng_below(&rng, o.chunks) * o.chunk;
		uint64_t range[2] = { at * SECTOR, o.chunk * SECTOR };

		if (rng_below(&rng, 2)) {
			write_chunk(index, buffer, at);
			continue;
		}
		if (ioctl(devices[index].fd, BLKDISCARD, range) < 0)
			die("recycle: %s: discard: %s", devices[index].path, strerror(errno));
	}
	return NULL;
}

static void judge(uint64_t index, uint64_t sector, const uint64_t *words)
{
	struct stamp s;

	if (is_zero(words))
		return;
	if (!stamp_read(words, &s) || s.kind != KIND)
		die("recycle: %s: sector %" PRIu64 " is no stamp of ours (%016" PRIx64 "...)",
		    devices[index].path, sector, words[0]);
	if (s.a != index + 1 || s.sector != sector)
		die("recycle: %s: sector %" PRIu64 " holds sector %" PRIu64 " of %s",
		    devices[index].path, sector, s.sector,
		    s.a - 1 < ndevices ? devices[s.a - 1].path : "?");
}

static void *reader(void *arg)
{
	uint64_t id = (uint64_t)(uintptr_t)arg;
	uint64_t index = id % ndevices;
	uint64_t *buffer = buffer_new(2 * o.chunk * SECTOR);
	struct rng rng = { mix(o.seed) ^ mix(id + 1000) };

	while (!time_is_up()) {
		uint64_t at = rng_below(&rng, (o.chunks - 1) * o.chunk);
		uint64_t count = rng_between(&rng, 1, o.chunk);

		read_sectors(&devices[index], buffer, at, count);
		for (uint64_t i = 0; i < count; i++)
			judge(index, at + i, buffer + i * WORDS);
		atomic_fetch_add(&reads, 1);
	}
	return NULL;
}

static void option(const char *name, const char *value)
{
	if (!strcmp(name, "--chunk"))
		o.chunk = number(value) / SECTOR;
	else if (!strcmp(name, "--chunks"))
		o.chunks = number(value);
	else if (!strcmp(name, "--time"))
		o.seconds = number(value);
	else if (!strcmp(name, "--readers"))
		o.readers = number(value);
	else if (!strcmp(name, "--seed"))
		o.seed = number(value);
	else
		die("recycle: unknown option %s", name);
}

static void run_threads(void)
{
	uint64_t n = ndevices * (o.readers + 1);
	pthread_t *threads = calloc(n, sizeof(*threads));

	for (uint64_t i = 0; i < n; i++) {
		void *(*run)(void *) = i < ndevices ? writer : reader;

		if (!threads || pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i))
			die("recycle: no thread");
	}
	for (uint64_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

int main(int argc, char **argv)
{
	struct timespec now;

	for (int i = 1; i < argc; i++) {
		const char *name = argv[i];

		if (!strncmp(name, "--", 2))
			option(name, option_value(argc, argv, &i));
		else if (ndevices < MAX_DEVICES)
			device_open(&devices[ndevices++], name, O_RDWR);
	}
	if (!ndevices || o.chunks < 2)
		die("usage: recycle [OPTION...] DEV DEV...");
	for (uint64_t d = 0; d < ndevices; d++) {
		uint64_t *buffer = buffer_new(o.chunk * SECTOR);

		if (devices[d].sectors < o.chunks * o.chunk)
			die("recycle: %s is too small", devices[d].path);
		for (uint64_t c = 0; c < o.chunks; c++)
			write_chunk(d, buffer, c * o.chunk);
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	deadline = now.tv_sec + (time_t)o.seconds;
	run_threads();
	printf("recycle: %" PRIu64 " writes, %" PRIu64 " reads\n", atomic_load(&writes),
	       atomic_load(&reads));
	return 0;
}
