// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load of direct I/O on one device, at a fixed queue depth, and how long it took.
 *
 * usage: load [OPTION...] DEV
 *
 *   --op write|read   default write
 *   --bytes N         of one I/O; default 4K
 *   --step N          from the beginning of one to that of the next; default 64K
 *   --first N         number of the first step; default 0
 *   --count N         how many of them, each once; default 256
 *   --order up|random default up; --seed N changes the order
 *   --depth N         I/Os under way at once; default 1
 *   --times N         all of it so often; default 1
 *   --sync            an fdatasync after each (depth 1)
 *   --seconds N       over and over until so many seconds are up
 *   --copy STORE      the limit of a first write, as a chain of raw requests: read the
 *                     step, write it to STORE at the same place, write the I/O
 *
 * Prints one line: ops=, ns= (of all), mean=, p50=, p90=, p99=, p999=, max= in ns of
 * one I/O from submission to completion.
 *
 * One thread and the kernel's own asynchronous I/O: the least that a machine with
 * a slow CPU can spend on asking.
 */
#include "../../tests/module/helpers/common.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <time.h>

#define DEPTH_MAX 256u

struct slot {
	struct iocb iocb;
	uint64_t begun;
	uint64_t at; /* bytes */
	unsigned int stage;
	char *buffer;
};

static struct {
	bool read, random, sync;
	uint64_t bytes, step, first, count, depth, times, seconds, seed;
	const char *path, *copy;
} option = { .bytes = 4096, .step = 65536, .count = 256, .depth = 1, .times = 1, .seed = 1 };

static struct device device, store;
static aio_context_t context;
static struct slot slot[DEPTH_MAX];
static uint32_t *order;
static uint64_t *taken; /* ns of each */
static uint64_t issued, ended, wanted, until;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void parse_flag(int argc, char **argv, int *i)
{
	const char *name = argv[*i];
	static const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = { { "--bytes", &option.bytes },	  { "--step", &option.step },
			{ "--first", &option.first },	  { "--count", &option.count },
			{ "--depth", &option.depth },	  { "--times", &option.times },
			{ "--seconds", &option.seconds }, { "--seed", &option.seed } };

	for (unsigned int n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		if (!strcmp(name, numbers[n].name)) {
			*numbers[n].value = number(option_value(argc, argv, i));
			return;
		}
	}
	if (!strcmp(name, "--op"))
		option.read = !strcmp(option_value(argc, argv, i), "read");
	else if (!strcmp(name, "--order"))
		option.random = !strcmp(option_value(argc, argv, i), "random");
	else if (!strcmp(name, "--sync"))
		option.sync = true;
	else if (!strcmp(name, "--copy"))
		option.copy = option_value(argc, argv, i);
	else
		die("load: unknown option %s", name);
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--", 2))
			parse_flag(argc, argv, &i);
		else
			option.path = argv[i];
	}
	if (!option.path || !option.count || !option.depth || option.depth > DEPTH_MAX ||
	    (option.sync && option.depth != 1))
		die("usage: load [OPTION...] DEV");
}

static void make_order(void)
{
	struct rng rng = { option.seed };

	order = calloc(option.count, sizeof(*order));
	if (!order)
		die("no memory");
	for (uint32_t i = 0; i < option.count; i++)
		order[i] = i;
	for (uint64_t i = option.count; option.random && i > 1; i--) {
		uint64_t j = rng_below(&rng, i);
		uint32_t other = order[j];

		order[j] = order[i - 1];
		order[i - 1] = other;
	}
}

static bool has_more(void)
{
	if (!option.seconds)
		return issued < wanted;
	return now_ns() < until;
}

static void fill(struct slot *s)
{
	bool read = option.read, whole = false;

	if (option.copy) {
		read = s->stage == 0;
		whole = s->stage < 2;
	}
	s->iocb.aio_data = (uintptr_t)s;
	s->iocb.aio_lio_opcode = read ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
	s->iocb.aio_fildes = (uint32_t)(option.copy && s->stage == 1 ? store.fd : device.fd);
	s->iocb.aio_buf = (uintptr_t)s->buffer;
	s->iocb.aio_nbytes = whole ? option.step : option.bytes;
	s->iocb.aio_offset = (int64_t)s->at;
}

static void begin(struct slot *s)
{
	s->at = (option.first + order[issued++ % option.count]) * option.step;
	s->stage = 0;
	s->begun = now_ns();
	fill(s);
}

/* true: the slot has another request to submit. */
static bool next(struct slot *s)
{
	if (option.copy && s->stage < 2) {
		s->stage++;
		fill(s);
		return true;
	}
	if (option.sync && fdatasync(device.fd))
		die("%s: fdatasync: %s", device.path, strerror(errno));
	if (ended < wanted)
		taken[ended] = now_ns() - s->begun;
	ended++;
	if (!has_more())
		return false;
	begin(s);
	return true;
}

static void submit(struct iocb **list, long count)
{
	while (count) {
		long n = syscall(SYS_io_submit, context, count, list);

		if (n <= 0)
			die("%s: io_submit: %s", device.path, strerror(errno));
		list += n;
		count -= n;
	}
}

static void run(void)
{
	struct io_event event[DEPTH_MAX];
	struct iocb *list[DEPTH_MAX];
	long count = 0;

	for (uint64_t i = 0; i < option.depth && has_more(); i++) {
		begin(&slot[i]);
		list[count++] = &slot[i].iocb;
	}
	for (uint64_t under_way = (uint64_t)count; under_way;) {
		long n;

		submit(list, count);
		count = 0;
		n = syscall(SYS_io_getevents, context, 1, DEPTH_MAX, event, NULL);
		if (n < 1)
			die("%s: io_getevents: %s", device.path, strerror(errno));
		for (long i = 0; i < n; i++) {
			struct slot *s = (struct slot *)(uintptr_t)event[i].data;

			if (event[i].res != (int64_t)s->iocb.aio_nbytes)
				die("%s: an I/O failed: %" PRId64, device.path,
				    (int64_t)event[i].res);
			if (next(s))
				list[count++] = &s->iocb;
			else
				under_way--;
		}
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report(uint64_t ns)
{
	uint64_t count = ended < wanted ? ended : wanted, sum = 0;

	for (uint64_t i = 0; i < count; i++)
		sum += taken[i];
	qsort(taken, count, sizeof(*taken), by_size);
	printf("ops=%" PRIu64 " ns=%" PRIu64 " mean=%" PRIu64 " p50=%" PRIu64 " p90=%" PRIu64
	       " p99=%" PRIu64 " p999=%" PRIu64 " max=%" PRIu64 "\n",
	       ended, ns, sum / count, taken[count / 2], taken[count * 9 / 10],
	       taken[count * 99 / 100], taken[count * 999 / 1000], taken[count - 1]);
}

int main(int argc, char **argv)
{
	uint64_t begun, room;

	parse(argc, argv);
	device_open(&device, option.path, O_RDWR);
	if (option.copy)
		device_open(&store, option.copy, O_RDWR);
	make_order();
	wanted = option.seconds ? 1u << 20 : option.count * option.times;
	taken = buffer_new(wanted * sizeof(*taken));
	memset(taken, 0, wanted * sizeof(*taken)); /* no page fault while it counts */
	room = option.step > option.bytes ? option.step : option.bytes;
	for (uint64_t i = 0; i < option.depth; i++) {
		slot[i].buffer = buffer_new(room);
		memset(slot[i].buffer, (int)i + 1, room);
	}
	if (syscall(SYS_io_setup, DEPTH_MAX, &context))
		die("io_setup: %s", strerror(errno));
	begun = now_ns();
	until = begun + option.seconds * 1000000000u;
	run();
	report(now_ns() - begun);
	return 0;
}
