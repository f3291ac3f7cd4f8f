// SPDX-License-Identifier: GPL-2.0
/*
 * Overlapping direct reads and writes of odd sizes from many threads at once,
 * on one or several devices, with every read judged.
 *
 * usage: overlap [OPTION...] DEV...
 *
 *   --threads N      for each device, default 4
 *   --count N        operations of each thread (default 1000), or
 *   --time SECONDS
 *   --max SECTORS    largest I/O, default 300
 *   --from SECTOR    the range used, default the whole device
 *   --span SECTORS
 *   --align N        sectors that I/O is aligned to, default 1
 *   --writes PERCENT default 60
 *   --flush PERCENT  fsync, default 1
 *   --seed N
 *   --map FILE       for stamp: the tags of a range that holds stamps (of one
 *                    device only) are not known any more
 *
 * Each write has a number, which all its sectors carry. A read of a sector must
 * find it whole: either a write to that sector of that device which has begun
 * and was not followed by another that began after it had ended and itself
 * ended before the read began; or, as long as no write has ended there before
 * the read began, what the sector held at first. At the end everything is read
 * once more. Exits with 1 at the first read that cannot be.
 */
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define KIND 0x70616c7265766f73u
#define MAX_DEVICES 40
#define MAX_WRITES (1u << 24) /* some hours of them */

static struct {
	uint64_t threads;
	uint64_t count;
	uint64_t seconds;
	uint64_t max;
	uint64_t from;
	uint64_t span;
	uint64_t align;
	uint64_t writes;
	uint64_t flush;
	uint64_t seed;
	const char *map;
} o = {
	.threads = 4,
	.max = 300,
	.align = 1,
	.writes = 60,
	.flush = 1,
	.seed = 1,
};

/* One device. Times are counts of a clock that each begin and end advances. */
struct target {
	struct device dev;
	unsigned int index;
	uint64_t span;
	uint64_t *first; /* of each sector: sum of what it held at first */
	_Atomic uint64_t *floor; /* newest begin of a write that has ended */
	_Atomic uint64_t *ended; /* by write number; 0 while it runs */
	_Atomic uint64_t next; /* number of the last write */
};

static struct target targets[MAX_DEVICES];
static unsigned int ntargets;
static _Atomic uint64_t clock_now = 1;
static _Atomic uint64_t reads_done;
static _Atomic uint64_t writes_done;
static uint64_t deadline;

static void option(const char *name, const char *value)
{
	if (!strcmp(name, "--threads"))
		o.threads = number(value);
	else if (!strcmp(name, "--count"))
		o.count = number(value);
	else if (!strcmp(name, "--time"))
		o.seconds = number(value);
	else if (!strcmp(name, "--max"))
		o.max = number(value);
	else if (!strcmp(name, "--from"))
		o.from = number(value);
	else if (!strcmp(name, "--span"))
		o.span = number(value);
	else if (!strcmp(name, "--align"))
		o.align = number(value);
	else if (!strcmp(name, "--writes"))
		o.writes = number(value);
	else if (!strcmp(name, "--flush"))
		o.flush = number(value);
	else if (!strcmp(name, "--seed"))
		o.seed = number(value);
	else if (!strcmp(name, "--map"))
		o.map = value;
	else
		die("overlap: unknown option %s", name);
}

static uint64_t sum_of(const uint64_t *words)
{
	uint64_t sum = 7;

	for (int i = 0; i < WORDS; i++)
		sum = mix(sum ^ words[i]);
	return sum;
}

static uint64_t kind_of_run(const struct target *target)
{
	return KIND ^ mix(o.seed * MAX_DEVICES + target->index);
}

/*
 * Whether a sector, read after `floor' had been noted, can be what it is.
 * Returns NULL or what is wrong.
 */
static const char *judge(const struct target *target, uint64_t sector, const uint64_t *words,
			 uint64_t floor)
{
	struct stamp s;
	uint64_t ended;

	if (!stamp_read(words, &s) || s.kind != kind_of_run(target)) {
		if (sum_of(words) != target->first[sector])
			return "neither a write of ours nor what was there";
		return floor ? "what was there before a write" : NULL;
	}
	if (s.sector != o.from + sector)
		return "a write to another sector";
	if (s.b == 0 || s.b > atomic_load(&target->next))
		return "a write that has not begun";
	ended = atomic_load(&target->ended[s.b]);
	if (ended && ended < floor)
		return "a write that another had replaced";
	return NULL;
}

static void pick(struct rng *rng, uint64_t span, uint64_t *from, uint64_t *count)
{
	uint64_t units = span / o.align;
	uint64_t max = o.max / o.align ? o.max / o.align : 1;

	/* Many small ones, and some large. */
	if (rng_below(rng, 3))
		max = max < 16 ? max : 16;
	*count = rng_between(rng, 1, max);
	*from = rng_below(rng, units);
	if (*count > units - *from)
		*count = units - *from;
	*count *= o.align;
	*from *= o.align;
}

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
	uint64_t old = atomic_load(value);

	while (old < to && !atomic_compare_exchange_weak(value, &old, to))
		;
}

static bool do_write(struct target *target, struct rng *rng, uint64_t *buffer)
{
	uint64_t from;
	uint64_t count;
	uint64_t begun;
	uint64_t n = atomic_fetch_add(&target->next, 1) + 1;

	if (n >= MAX_WRITES) {
		atomic_fetch_sub(&target->next, 1);
		return false;
	}
	pick(rng, target->span, &from, &count);
	for (uint64_t i = 0; i < count; i++) {
		struct stamp s = { kind_of_run(target), o.from + from + i, 0, n };

		stamp_fill(buffer + i * WORDS, &s);
	}
	begun = atomic_fetch_add(&clock_now, 1);
	write_sectors(&target->dev, buffer, o.from + from, count);
	atomic_store(&target->ended[n], atomic_fetch_add(&clock_now, 1));
	for (uint64_t i = 0; i < count; i++)
		raise_to(&target->floor[from + i], begun);
	atomic_fetch_add(&writes_done, 1);
	return true;
}

static void do_read(struct target *target, uint64_t *buffer, uint64_t *floors, uint64_t from,
		    uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		floors[i] = atomic_load(&target->floor[from + i]);
	read_sectors(&target->dev, buffer, o.from + from, count);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t *words = buffer + i * WORDS;
		const char *wrong = judge(target, from + i, words, floors[i]);
		struct stamp s;

		if (!wrong)
			continue;
		stamp_read(words, &s);
		die("overlap: %s: sector %" PRIu64 " of a read of %" PRIu64 " at %" PRIu64
		    " holds %s (write %" PRIu64 " of sector %" PRIu64 ")",
		    target->dev.path, o.from + from + i, count, o.from + from, wrong, s.b,
		    s.sector);
	}
	atomic_fetch_add(&reads_done, 1);
}

static uint64_t seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

static void *worker(void *arg)
{
	uint64_t id = (uint64_t)(uintptr_t)arg;
	struct target *target = &targets[id % ntargets];
	struct rng rng = { mix(o.seed) ^ mix(id + 1) };
	/* Buffers begin at any logical block of a page. */
	uint64_t *memory = buffer_new((o.max + o.align + 16) * SECTOR);
	uint64_t *floors = buffer_new((o.max + o.align) * 8);

	for (uint64_t n = 0; !o.count || n < o.count; n++) {
		uint64_t skip = rng_below(&rng, 8);
		uint64_t *buffer = memory + (skip - skip % target->dev.unit) * WORDS;
		uint64_t from;
		uint64_t count;

		if (deadline && seconds_now() >= deadline)
			break;
		if (rng_below(&rng, 100) < o.flush && fsync(target->dev.fd) < 0)
			die("overlap: %s: fsync: %s", target->dev.path, strerror(errno));
		if (rng_below(&rng, 100) < o.writes) {
			if (!do_write(target, &rng, buffer))
				break;
			continue;
		}
		pick(&rng, target->span, &from, &count);
		do_read(target, buffer, floors, from, count);
	}
	return NULL;
}

static void target_open(struct target *target, const char *path)
{
	uint64_t *buffer = buffer_new(1024 * SECTOR);

	target->index = ntargets;
	device_open(&target->dev, path, O_RDWR);
	if (o.from >= target->dev.sectors)
		die("overlap: %s is too small", path);
	target->span = target->dev.sectors - o.from;
	if (o.span && o.span < target->span)
		target->span = o.span;
	target->first = buffer_new(target->span * 8);
	target->floor = buffer_new(target->span * 8);
	target->ended = buffer_new((size_t)MAX_WRITES * 8);
	for (uint64_t at = 0; at < target->span; at += 1024) {
		uint64_t n = target->span - at;

		if (n > 1024)
			n = 1024;
		read_sectors(&target->dev, buffer, o.from + at, n);
		for (uint64_t i = 0; i < n; i++)
			target->first[at + i] = sum_of(buffer + i * WORDS);
	}
	munmap(buffer, 1024 * SECTOR);
}

static void forget_tags(void)
{
	struct target *target = &targets[0];
	int fd = open(o.map, O_RDWR);
	uint32_t unknown = UINT32_MAX;

	if (fd < 0)
		die("overlap: %s: %s", o.map, strerror(errno));
	for (uint64_t i = 0; i < target->span; i++) {
		if (pwrite(fd, &unknown, 4, (off_t)((o.from + i) * 4)) != 4)
			die("overlap: %s: %s", o.map, strerror(errno));
	}
	close(fd);
}

static void read_everything(void)
{
	uint64_t *buffer = buffer_new(256 * SECTOR);
	uint64_t floors[256];

	for (unsigned int t = 0; t < ntargets; t++) {
		for (uint64_t at = 0; at < targets[t].span; at += 256) {
			uint64_t n = targets[t].span - at;

			do_read(&targets[t], buffer, floors, at, n < 256 ? n : 256);
		}
	}
}

int main(int argc, char **argv)
{
	pthread_t *threads;
	const char *paths[MAX_DEVICES];
	unsigned int npaths = 0;
	uint64_t n;

	for (int i = 1; i < argc; i++) {
		const char *name = argv[i];

		if (!strncmp(name, "--", 2))
			option(name, option_value(argc, argv, &i));
		else if (npaths < MAX_DEVICES)
			paths[npaths++] = name;
	}
	if (!npaths)
		die("usage: overlap [OPTION...] DEV...");
	if (!o.count && !o.seconds)
		o.count = 1000;
	for (; ntargets < npaths; ntargets++)
		target_open(&targets[ntargets], paths[ntargets]);
	deadline = o.seconds ? seconds_now() + o.seconds : 0;
	n = o.threads * ntargets;
	threads = calloc(n, sizeof(*threads));
	for (uint64_t i = 0; i < n; i++) {
		if (!threads || pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)i))
			die("overlap: no thread");
	}
	for (uint64_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	read_everything();
	if (o.map)
		forget_tags();
	printf("overlap: %u devices, %" PRIu64 " writes, %" PRIu64 " reads, all of them possible\n",
	       ntargets, atomic_load(&writes_done), atomic_load(&reads_done));
	free(threads);
	return 0;
}
