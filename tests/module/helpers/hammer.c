// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that write numbered stamps one after the other, so that a snapshot
 * can be proved to be an exact point, and a power cut to have lost nothing
 * that was flushed.
 *
 * usage: hammer run STATE [OPTION...] DEV [DEV2]
 *        hammer mark STATE LABEL     prints how far each thread is
 *        hammer stop STATE           ends the run and waits for it
 *        hammer check [OPTION...] SNAPSHOT [SNAPSHOT2]
 *
 * Options that say what is written; the same for run and check:
 *
 *   --threads N      default 4
 *   --sectors K-L    of a write, default 1-16
 *   --align N        sectors that writes are aligned to, default 1
 *   --seed N         default 1; also tells one run from another
 *
 * Of run: --time SECONDS, --count N (writes of each thread), --flush-every N
 * (an fsync after N writes, printing `F thread number'), --dsync PERCENT
 * (writes with O_DSYNC), --pause MICROSECONDS, --notes DEV (each F line also as a mark
 * `F<seed> thread number' in a crash log, see logmark).
 *
 * Of check: --marks FILE --before LABEL --after LABEL, the printed lines of two
 * marks, made before the snapshot command and after it; or --durable FILE, with
 * printed F lines; or --count N, of a run that has ended: all its writes. Without any
 * of them there must be some.
 *
 * Each thread owns a part of the device (with two devices: of both, its writes
 * going to one or the other). Its n-th write is a function of the options and
 * n. A snapshot is an exact point if, for each thread, it holds a prefix of its
 * writes, 1 to p: no sector older, none newer; with p not below what was
 * acknowledged at --before, and not above what was begun at --after. With
 * --durable, each sector holds what it had when the last printed flush began,
 * or a later write.
 */
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <time.h>

#define KIND 0x72656d6d61686d73u
#define MAX_THREADS 64

struct progress {
	_Atomic uint64_t begun;
	_Atomic uint64_t acknowledged;
	char pad[48];
};

struct state {
	_Atomic int stop;
	_Atomic int ended;
	uint64_t threads;
	struct progress progress[MAX_THREADS];
};

static struct {
	uint64_t threads;
	uint64_t low;
	uint64_t high;
	uint64_t align;
	uint64_t seed;
	uint64_t seconds;
	uint64_t count;
	uint64_t flush_every;
	uint64_t dsync;
	uint64_t pause;
	const char *notes;
	const char *marks;
	const char *before;
	const char *after;
	const char *durable;
} o = { .threads = 4, .low = 1, .high = 16, .align = 1, .seed = 1 };

static struct device devs[2];
static unsigned int ndevs;
static struct device notes;
static struct state *state;
static uint64_t slice; /* sectors of a thread on each device */

static void option(const char *name, const char *value)
{
	if (!strcmp(name, "--threads"))
		o.threads = number(value);
	else if (!strcmp(name, "--sectors"))
		number_range(value, &o.low, &o.high);
	else if (!strcmp(name, "--align"))
		o.align = number(value);
	else if (!strcmp(name, "--seed"))
		o.seed = number(value);
	else if (!strcmp(name, "--time"))
		o.seconds = number(value);
	else if (!strcmp(name, "--count"))
		o.count = number(value);
	else if (!strcmp(name, "--flush-every"))
		o.flush_every = number(value);
	else if (!strcmp(name, "--dsync"))
		o.dsync = number(value);
	else if (!strcmp(name, "--pause"))
		o.pause = number(value);
	else if (!strcmp(name, "--notes"))
		o.notes = value;
	else if (!strcmp(name, "--marks"))
		o.marks = value;
	else if (!strcmp(name, "--before"))
		o.before = value;
	else if (!strcmp(name, "--after"))
		o.after = value;
	else if (!strcmp(name, "--durable"))
		o.durable = value;
	else
		die("hammer: unknown option %s", name);
}

static void options(int argc, char **argv, int i, int flags)
{
	uint64_t sectors = UINT64_MAX;

	for (; i < argc; i++) {
		if (!strncmp(argv[i], "--", 2)) {
			const char *name = argv[i];

			option(name, option_value(argc, argv, &i));
		} else if (ndevs < 2) {
			device_open(&devs[ndevs++], argv[i], flags);
		} else {
			die("hammer: two devices at most");
		}
	}
	if (!ndevs || !o.threads || o.threads > MAX_THREADS)
		die("hammer: no device, or not 1 to %d threads", MAX_THREADS);
	for (unsigned int d = 0; d < ndevs; d++) {
		if (devs[d].sectors < sectors)
			sectors = devs[d].sectors;
	}
	slice = sectors / o.threads / o.align * o.align;
	if (!o.low || o.high > slice)
		die("hammer: the device is too small");
}

/* Where the n-th write of a thread goes. */
struct place {
	unsigned int dev;
	uint64_t from; /* sectors, in the thread's slice */
	uint64_t count;
};

static struct place place_of(uint64_t thread, uint64_t n)
{
	struct rng rng = { mix(o.seed) ^ mix(thread + 1) ^ n };
	struct place p;

	p.dev = (unsigned int)rng_below(&rng, ndevs);
	p.count = rng_between(&rng, o.low, o.high);
	p.count = (p.count + o.align - 1) / o.align * o.align;
	p.from = rng_below(&rng, (slice - p.count) / o.align + 1) * o.align;
	return p;
}

static uint64_t kind_of_run(void)
{
	return KIND ^ mix(o.seed);
}

/* Running */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void note(uint64_t thread, uint64_t n, char *sector)
{
	snprintf(sector, SECTOR, "F%" PRIu64 " %" PRIu64 " %" PRIu64, o.seed, thread, n);
	write_sectors(&notes, sector, (o.seed * MAX_THREADS + thread) % notes.sectors, 1);
}

static void flush(uint64_t thread, uint64_t n, char *sector)
{
	char line[64];
	int length;

	for (unsigned int d = 0; d < ndevs; d++) {
		if (fsync(devs[d].fd) < 0)
			die("hammer: %s: fsync: %s", devs[d].path, strerror(errno));
	}
	length = snprintf(line, sizeof(line), "F %" PRIu64 " %" PRIu64 "\n", thread, n);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		die("hammer: cannot print");
	if (o.notes)
		note(thread, n, sector);
}

static void write_number(uint64_t thread, uint64_t n, uint64_t *buffer)
{
	struct place p = place_of(thread, n);
	uint64_t from = thread * slice + p.from;
	struct iovec iov = { buffer, p.count * SECTOR };
	int flags = (mix(n ^ o.seed) % 100 < o.dsync) ? RWF_DSYNC : 0;

	for (uint64_t i = 0; i < p.count; i++) {
		struct stamp s = { kind_of_run(), from + i, thread, n };

		stamp_fill(buffer + i * WORDS, &s);
	}
	atomic_store(&state->progress[thread].begun, n);
	if (pwritev2(devs[p.dev].fd, &iov, 1, (off_t)(from * SECTOR), flags) !=
	    (ssize_t)iov.iov_len)
		die("hammer: %s: write at %" PRIu64 ": %s", devs[p.dev].path, from,
		    strerror(errno));
	atomic_store(&state->progress[thread].acknowledged, n);
}

static void *run_thread(void *arg)
{
	uint64_t thread = (uint64_t)(uintptr_t)arg;
	uint64_t *buffer = buffer_new((o.high + o.align) * SECTOR);
	char *sector = buffer_new(SECTOR);
	uint64_t end = now() + o.seconds * 1000000;

	for (uint64_t n = 1; !o.count || n <= o.count; n++) {
		if (atomic_load(&state->stop) || (o.seconds && now() > end))
			break;
		write_number(thread, n, buffer);
		if (o.flush_every && n % o.flush_every == 0)
			flush(thread, n, sector);
		if (o.pause)
			usleep((useconds_t)o.pause);
	}
	return NULL;
}

static void state_open(const char *path, bool create)
{
	int fd = open(path, O_RDWR | (create ? O_CREAT | O_TRUNC : 0), 0644);

	if (fd < 0 || (create && ftruncate(fd, sizeof(*state)) < 0))
		die("hammer: %s: %s", path, strerror(errno));
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (state == MAP_FAILED)
		die("hammer: %s: %s", path, strerror(errno));
}

static int run(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];

	options(argc, argv, 3, O_RDWR);
	state_open(argv[2], true);
	if (o.notes)
		device_open(&notes, o.notes, O_WRONLY);
	state->threads = o.threads;
	for (uint64_t t = 0; t < o.threads; t++) {
		if (pthread_create(&threads[t], NULL, run_thread, (void *)(uintptr_t)t))
			die("hammer: no thread");
	}
	for (uint64_t t = 0; t < o.threads; t++)
		pthread_join(threads[t], NULL);
	atomic_store(&state->ended, 1);
	return 0;
}

static int mark(const char *path, const char *label)
{
	state_open(path, false);
	for (uint64_t t = 0; t < state->threads; t++) {
		uint64_t acknowledged = atomic_load(&state->progress[t].acknowledged);

		printf("M %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", label, t, acknowledged,
		       atomic_load(&state->progress[t].begun));
	}
	return 0;
}

static int stop(const char *path)
{
	state_open(path, false);
	atomic_store(&state->stop, 1);
	for (int i = 0; i < 6000 && !atomic_load(&state->ended); i++)
		usleep(10000);
	if (!atomic_load(&state->ended))
		die("hammer: it does not end");
	return 0;
}

/* Checking */

struct limits {
	uint64_t low;
	uint64_t high;
};

static void read_marks(struct limits *limits)
{
	FILE *f = fopen(o.marks, "r");
	char line[256];
	char label[128];
	uint64_t t;
	uint64_t acknowledged;
	uint64_t begun;
	unsigned int found = 0;

	if (!f)
		die("hammer: %s: %s", o.marks, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "M %127s %" SCNu64 " %" SCNu64 " %" SCNu64, label, &t,
			   &acknowledged, &begun) != 4 ||
		    t >= o.threads)
			continue;
		if (o.before && !strcmp(label, o.before)) {
			limits[t].low = acknowledged;
			found |= 1;
		}
		if (o.after && !strcmp(label, o.after)) {
			limits[t].high = begun;
			found |= 2;
		}
	}
	fclose(f);
	if ((o.before && !(found & 1)) || (o.after && !(found & 2)))
		die("hammer: %s: a mark is missing", o.marks);
}

static void read_durable(struct limits *limits)
{
	FILE *f = fopen(o.durable, "r");
	char line[256];
	uint64_t t;
	uint64_t n;

	if (!f)
		die("hammer: %s: %s", o.durable, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "F %" SCNu64 " %" SCNu64, &t, &n) == 2 && t < o.threads)
			limits[t].low = n;
	}
	fclose(f);
}

/* What one thread's slices hold: the number in each sector, 0 for none. */
struct found {
	uint64_t *numbers[2];
	uint64_t newest;
};

static void read_slices(uint64_t thread, struct found *found, uint64_t *buffer)
{
	found->newest = 0;
	for (unsigned int d = 0; d < ndevs; d++) {
		for (uint64_t at = 0; at < slice; at += 1024) {
			uint64_t count = slice - at < 1024 ? slice - at : 1024;
			uint64_t from = thread * slice + at;

			read_sectors(&devs[d], buffer, from, count);
			for (uint64_t i = 0; i < count; i++) {
				struct stamp s;
				bool whole = stamp_read(buffer + i * WORDS, &s);

				found->numbers[d][at + i] = 0;
				if (s.kind != kind_of_run())
					continue;
				if (!whole || s.sector != from + i || s.a != thread)
					die("hammer: %s: sector %" PRIu64
					    ": damaged or misplaced stamp",
					    devs[d].path, from + i);
				found->numbers[d][at + i] = s.b;
				if (s.b > found->newest)
					found->newest = s.b;
			}
		}
	}
}

static void expect(const uint64_t *const *wanted, const struct found *found, uint64_t thread)
{
	for (unsigned int d = 0; d < ndevs; d++) {
		for (uint64_t i = 0; i < slice; i++) {
			if (found->numbers[d][i] == wanted[d][i])
				continue;
			die("hammer: %s: thread %" PRIu64 ": newest write there is %" PRIu64
			    ", but sector %" PRIu64 " holds %" PRIu64 " and not %" PRIu64
			    ": no prefix of its writes",
			    devs[d].path, thread, found->newest, thread * slice + i,
			    found->numbers[d][i], wanted[d][i]);
		}
	}
}

static void replay(uint64_t **last, uint64_t thread, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n <= to; n++) {
		struct place p = place_of(thread, n);

		for (uint64_t i = 0; i < p.count; i++)
			last[p.dev][p.from + i] = n;
	}
}

static void check_prefix(uint64_t thread, const struct limits *limits, const struct found *found,
			 uint64_t **last)
{
	if (found->newest > limits->high)
		die("hammer: thread %" PRIu64 ": the snapshot holds write %" PRIu64
		    ", begun after it was taken (%" PRIu64 ")",
		    thread, found->newest, limits->high);
	/* The last write of a prefix shows whole; so p is the newest found. */
	replay(last, thread, 1, found->newest > limits->low ? found->newest : limits->low);
	expect((const uint64_t *const *)last, found, thread);
}

static void check_durable(uint64_t thread, const struct limits *limits, const struct found *found,
			  uint64_t **last)
{
	replay(last, thread, 1, limits->low);
	for (unsigned int d = 0; d < ndevs; d++) {
		for (uint64_t i = 0; i < slice; i++) {
			uint64_t n = found->numbers[d][i];
			struct place p;

			if (n == last[d][i])
				continue;
			p = place_of(thread, n);
			if (n > limits->low && p.dev == d && i >= p.from && i - p.from < p.count)
				continue;
			die("hammer: %s: thread %" PRIu64 " had flushed up to %" PRIu64
			    ", but sector %" PRIu64 " holds write %" PRIu64 " and not %" PRIu64
			    " or later",
			    devs[d].path, thread, limits->low, thread * slice + i, n, last[d][i]);
		}
	}
}

static int check(int argc, char **argv)
{
	struct limits limits[MAX_THREADS];
	struct found found;
	uint64_t *last[2];
	uint64_t *buffer = buffer_new(1024 * SECTOR);
	uint64_t total = 0;

	options(argc, argv, 2, O_RDONLY);
	for (int t = 0; t < MAX_THREADS; t++)
		limits[t] = (struct limits){ o.count, o.count ? o.count : UINT64_MAX };
	if (o.marks)
		read_marks(limits);
	if (o.durable)
		read_durable(limits);
	for (unsigned int d = 0; d < ndevs; d++) {
		found.numbers[d] = buffer_new(slice * 8);
		last[d] = buffer_new(slice * 8);
	}
	for (uint64_t t = 0; t < o.threads; t++) {
		for (unsigned int d = 0; d < ndevs; d++)
			memset(last[d], 0, slice * 8);
		read_slices(t, &found, buffer);
		if (o.durable)
			check_durable(t, &limits[t], &found, last);
		else
			check_prefix(t, &limits[t], &found, last);
		total += found.newest;
	}
	if (!total && !o.marks && !o.durable)
		die("hammer: %s: no write of this run is there", devs[0].path);
	printf("hammer: %s: %s, %" PRIu64 " writes\n", devs[0].path,
	       o.durable ? "everything flushed is there" : "an exact point", total);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "run"))
		return run(argc, argv);
	if (argc == 4 && !strcmp(argv[1], "mark"))
		return mark(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "stop"))
		return stop(argv[2]);
	if (argc >= 3 && !strcmp(argv[1], "check"))
		return check(argc, argv);
	die("usage: hammer run|mark|stop|check ...");
}
