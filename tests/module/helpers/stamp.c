// SPDX-License-Identifier: GPL-2.0
/*
 * Writes sectors that say what they are, and checks them.
 *
 * usage: stamp write|check|zero|discard DEV [OPTION...]
 *        stamp new MAP SECTORS      a map of SECTORS sectors, all of them zeroes
 *
 *   --tag N          what a sector carries (1 or more; 0 means zeroes)
 *   --map FILE       the tag of each sector, kept up by write, zero and discard;
 *                    check compares with it. A file copy of it is the map of a
 *                    snapshot taken now. Made, of zeroes, if it is not there.
 *   --from SECTOR    the range worked on; default the whole device
 *   --count SECTORS
 *   --random N       N pieces within the range instead of all of it
 *   --sectors K[-L]  of this many sectors each (default 1)
 *   --chunk SIZE     what --at is about (default 64K)
 *   --at WHERE       of a chunk: any (default), start, end, border (as much on
 *                    each side of one, the first sector on the left), whole
 *   --io SIZE        largest single I/O (default 512K)
 *   --seed N         of the random choice (default 1)
 *   --sync           an fsync at the end
 *   --or-from TAG    check: tags of TAG and more pass, too
 *   --or-map FILE    check: the tags of this map pass, too
 *   --readable       check: sectors that cannot be read are passed over, and counted
 *   --or-other       check: what is no stamp of this program (but hammer's, or a
 *                    filesystem's) passes; zeroes do not
 *
 * A write without --random covers the range whole. check without --map expects
 * --tag everywhere in the range. Sectors whose tag is not known (after discard,
 * which sets --tag if that is given) are not compared. Exits with 1 on the
 * first failure or after naming the first five wrong sectors.
 */
#include "common.h"

#define UNKNOWN UINT32_MAX
#define KIND 0x706d617473766d73u

enum verb { WRITE, CHECK, ZERO, DISCARD };
enum at { ANY, START, END, BORDER, WHOLE };

static const char *const verbs[] = { "write", "check", "zero", "discard" };
static const char *const places[] = { "any", "start", "end", "border", "whole" };

static struct {
	enum verb verb;
	enum at at;
	struct device dev;
	const char *map_path;
	uint32_t *map;
	const char *or_path;
	uint32_t *or_map;
	bool tagged;
	uint32_t tag;
	uint64_t from;
	uint64_t count;
	uint64_t pieces;
	uint64_t low; /* sectors of a piece */
	uint64_t high;
	uint64_t chunk; /* sectors */
	uint64_t io; /* sectors */
	uint64_t seed;
	bool sync;
	bool or_other;
	bool readable;
	uint64_t or_from;
	uint64_t unread;
	uint64_t *buffer;
	uint64_t wrong;
} o = {
	.low = 1,
	.high = 1,
	.chunk = 128,
	.io = 1024,
	.seed = 1,
};

static int word_index(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++) {
		if (!strcmp(word, words[i]))
			return i;
	}
	die("stamp: unknown word '%s'", word);
}

static uint32_t *map_open(const char *path, uint64_t sectors)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	struct stat st;
	uint32_t *map;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("stamp: %s: %s", path, strerror(errno));
	if (st.st_size == 0 && ftruncate(fd, (off_t)(sectors * 4)) < 0)
		die("stamp: %s: %s", path, strerror(errno));
	if (st.st_size && (uint64_t)st.st_size != sectors * 4)
		die("stamp: %s is not a map of %" PRIu64 " sectors", path, sectors);
	map = mmap(NULL, sectors * 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("stamp: %s: %s", path, strerror(errno));
	close(fd);
	return map;
}

static void options(int argc, char **argv)
{
	for (int i = 3; i < argc; i++) {
		const char *name = argv[i];

		if (!strcmp(name, "--sync")) {
			o.sync = true;
			continue;
		}
		if (!strcmp(name, "--or-other")) {
			o.or_other = true;
			continue;
		}
		if (!strcmp(name, "--readable")) {
			o.readable = true;
			continue;
		}
		const char *value = option_value(argc, argv, &i);

		if (!strcmp(name, "--or-from")) {
			o.or_from = number(value);
		} else if (!strcmp(name, "--tag")) {
			o.tag = (uint32_t)number(value);
			o.tagged = true;
		} else if (!strcmp(name, "--map")) {
			o.map_path = value;
		} else if (!strcmp(name, "--or-map")) {
			o.or_path = value;
		} else if (!strcmp(name, "--from")) {
			o.from = number(value);
		} else if (!strcmp(name, "--count")) {
			o.count = number(value);
		} else if (!strcmp(name, "--random")) {
			o.pieces = number(value);
		} else if (!strcmp(name, "--sectors")) {
			number_range(value, &o.low, &o.high);
		} else if (!strcmp(name, "--chunk")) {
			o.chunk = number(value) / SECTOR;
		} else if (!strcmp(name, "--at")) {
			o.at = (enum at)word_index(value, places, 5);
		} else if (!strcmp(name, "--io")) {
			o.io = number(value) / SECTOR;
		} else if (!strcmp(name, "--seed")) {
			o.seed = number(value);
		} else {
			die("stamp: unknown option %s", name);
		}
	}
}

static void complain(uint64_t sector, const uint64_t *words, uint32_t want)
{
	struct stamp is;
	const char *whole = stamp_read(words, &is) ? "" : "damaged ";

	if (o.wrong++ >= 5)
		return;
	fprintf(stderr, "stamp: %s: sector %" PRIu64 ", should be ", o.dev.path, sector);
	if (want)
		fprintf(stderr, "tag %u, ", want);
	else
		fprintf(stderr, "zeroes, ");
	if (is_zero(words))
		fprintf(stderr, "is zeroes\n");
	else if (is.kind == KIND)
		fprintf(stderr, "is %stag %" PRIu64 " of sector %" PRIu64 "\n", whole, is.a,
			is.sector);
	else
		fprintf(stderr, "is no stamp (%016" PRIx64 "...)\n", words[0]);
}

static bool is_stamp(uint64_t sector, const uint64_t *words, struct stamp *is)
{
	return stamp_read(words, is) && is->kind == KIND && is->sector == sector;
}

static bool is_tagged(uint64_t sector, const uint64_t *words, uint32_t tag)
{
	struct stamp is;

	return tag ? is_stamp(sector, words, &is) && is.a == tag : is_zero(words);
}

static void check_sector(uint64_t sector, const uint64_t *words)
{
	uint32_t want = o.map ? o.map[sector] : o.tag;
	struct stamp is;

	if (want == UNKNOWN || is_tagged(sector, words, want))
		return;
	if (o.or_map && is_tagged(sector, words, o.or_map[sector]))
		return;
	if (o.or_from && is_stamp(sector, words, &is) && is.a >= o.or_from)
		return;
	stamp_read(words, &is);
	if (want && o.or_other && is.kind != KIND && !is_zero(words))
		return;
	complain(sector, words, want);
}

static void whole_range(uint64_t from, uint64_t count)
{
	uint64_t range[2] = { from * SECTOR, count * SECTOR };
	unsigned long request = o.verb == ZERO ? BLKZEROOUT : BLKDISCARD;

	if (ioctl(o.dev.fd, request, range) < 0)
		die("stamp: %s: %s of %" PRIu64 " sectors at %" PRIu64 ": %s", o.dev.path,
		    verbs[o.verb], count, from, strerror(errno));
}

static void one_io(uint64_t from, uint64_t count);

/* false: it cannot be read as one; its parts have been checked apart, as far as they can be. */
static bool read_piece(uint64_t from, uint64_t count)
{
	if (pread(o.dev.fd, o.buffer, count * SECTOR, (off_t)(from * SECTOR)) ==
	    (ssize_t)(count * SECTOR))
		return true;
	if (count <= o.dev.unit) {
		o.unread += count;
		return false;
	}
	for (uint64_t at = 0; at < count; at += o.dev.unit)
		one_io(from + at, o.dev.unit);
	return false;
}

/* One I/O. The map is changed after it: a failed write leaves it alone. */
static void one_io(uint64_t from, uint64_t count)
{
	uint32_t tag = o.tag;

	switch (o.verb) {
	case WRITE:
		for (uint64_t i = 0; i < count; i++) {
			struct stamp s = { KIND, from + i, tag, 0 };

			stamp_fill(o.buffer + i * WORDS, &s);
		}
		write_sectors(&o.dev, o.buffer, from, count);
		break;
	case CHECK:
		if (o.readable && !read_piece(from, count))
			return;
		if (!o.readable)
			read_sectors(&o.dev, o.buffer, from, count);
		for (uint64_t i = 0; i < count; i++)
			check_sector(from + i, o.buffer + i * WORDS);
		return;
	case ZERO:
		whole_range(from, count);
		tag = 0;
		break;
	case DISCARD:
		whole_range(from, count);
		if (!o.tagged)
			tag = UNKNOWN;
		break;
	}
	for (uint64_t i = 0; o.map && i < count; i++)
		o.map[from + i] = tag;
}

static void piece(uint64_t from, uint64_t count)
{
	uint64_t end = from + count;

	/* to whole logical blocks, on 4Kn disks */
	from -= from % o.dev.unit;
	end += (o.dev.unit - end % o.dev.unit) % o.dev.unit;
	if (o.verb == ZERO || o.verb == DISCARD) {
		one_io(from, end - from);
		return;
	}
	while (from < end) {
		uint64_t n = end - from < o.io ? end - from : o.io;

		one_io(from, n);
		from += n;
	}
}

static void random_piece(struct rng *rng)
{
	uint64_t count = rng_between(rng, o.low, o.high);
	uint64_t end = o.from + o.count;
	uint64_t from = o.from + rng_below(rng, o.count);
	uint64_t start = from - from % o.chunk;

	switch (o.at) {
	case ANY:
		break;
	case START:
		from = start;
		break;
	case END:
		from = start + o.chunk - count;
		break;
	case BORDER:
		if (start == 0)
			start = o.chunk;
		from = start - (count + 1) / 2;
		break;
	case WHOLE:
		from = start;
		count = o.chunk;
		break;
	}
	if (from < o.from)
		from = o.from;
	if (from >= end)
		from = end - 1;
	if (count > end - from)
		count = end - from;
	piece(from, count);
}

int main(int argc, char **argv)
{
	struct rng rng;

	if (argc == 4 && !strcmp(argv[1], "new")) {
		unlink(argv[2]);
		map_open(argv[2], number(argv[3]));
		return 0;
	}
	if (argc < 3)
		die("usage: stamp write|check|zero|discard DEV [OPTION...]");
	o.verb = (enum verb)word_index(argv[1], verbs, 4);
	device_open(&o.dev, argv[2], o.verb == CHECK ? O_RDONLY : O_RDWR);
	options(argc, argv);
	if (o.verb == WRITE && !o.tag)
		die("stamp: write needs --tag of 1 or more");
	if (!o.count)
		o.count = o.dev.sectors - o.from;
	if (o.from + o.count > o.dev.sectors)
		die("stamp: %s: the range ends past the device", o.dev.path);
	if (o.map_path)
		o.map = map_open(o.map_path, o.dev.sectors);
	if (o.or_path)
		o.or_map = map_open(o.or_path, o.dev.sectors);
	o.buffer = buffer_new((o.io + o.dev.unit) * SECTOR);
	rng.state = mix(o.seed);
	if (!o.pieces)
		piece(o.from, o.count);
	for (uint64_t i = 0; i < o.pieces; i++)
		random_piece(&rng);
	if (o.sync && fsync(o.dev.fd) < 0)
		die("stamp: %s: fsync: %s", o.dev.path, strerror(errno));
	if (o.unread)
		printf("stamp: %s: %" PRIu64 " sectors cannot be read\n", o.dev.path, o.unread);
	if (o.wrong)
		die("stamp: %s: %" PRIu64 " wrong sectors", o.dev.path, o.wrong);
	return 0;
}
