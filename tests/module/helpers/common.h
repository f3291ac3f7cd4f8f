/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest's helpers share: errors, numbers, devices opened for direct
 * I/O, random numbers that depend on a seed alone.
 */
#ifndef SMV_HELPERS_COMMON_H
#define SMV_HELPERS_COMMON_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512
#define WORDS (SECTOR / 8)

static inline __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

/* "64K", "1M", "2G", "7" -> bytes, or a plain number */
static inline uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (end == text)
		die("'%s' is not a number", text);
	switch (*end) {
	case 'K':
		return n << 10;
	case 'M':
		return n << 20;
	case 'G':
		return n << 30;
	case '\0':
		return n;
	}
	die("'%s' is not a number", text);
}

/* "3-9" or "3" -> both ends */
static inline void number_range(const char *text, uint64_t *low, uint64_t *high)
{
	char copy[64];
	char *dash;

	snprintf(copy, sizeof(copy), "%s", text);
	dash = strchr(copy, '-');
	if (dash)
		*dash++ = '\0';
	*low = number(copy);
	*high = dash ? number(dash) : *low;
}

struct device {
	const char *path;
	int fd;
	uint64_t sectors;
	uint64_t unit; /* logical block, in sectors */
};

static inline void device_open(struct device *dev, const char *path, int flags)
{
	struct stat st;
	uint64_t bytes = 0;
	int block = SECTOR;

	dev->path = path;
	dev->fd = open(path, flags | O_DIRECT | O_CLOEXEC);
	if (dev->fd < 0 && errno == EINVAL)
		dev->fd = open(path, flags | O_CLOEXEC);
	if (dev->fd < 0 || fstat(dev->fd, &st) < 0)
		die("%s: %s", path, strerror(errno));
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(dev->fd, BLKGETSIZE64, &bytes) < 0 ||
		    ioctl(dev->fd, BLKSSZGET, &block) < 0)
			die("%s: %s", path, strerror(errno));
	} else {
		bytes = (uint64_t)st.st_size;
	}
	dev->sectors = bytes / SECTOR;
	dev->unit = (uint64_t)block / SECTOR;
}

static inline void *buffer_new(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("no memory");
	return p;
}

static inline void read_sectors(const struct device *dev, void *buffer, uint64_t from,
				uint64_t count)
{
	ssize_t n = pread(dev->fd, buffer, count * SECTOR, (off_t)(from * SECTOR));

	if (n != (ssize_t)(count * SECTOR))
		die("%s: reading %" PRIu64 " sectors at %" PRIu64 ": %s", dev->path, count, from,
		    n < 0 ? strerror(errno) : "short");
}

static inline void write_sectors(const struct device *dev, const void *buffer, uint64_t from,
				 uint64_t count)
{
	ssize_t n = pwrite(dev->fd, buffer, count * SECTOR, (off_t)(from * SECTOR));

	if (n != (ssize_t)(count * SECTOR))
		die("%s: writing %" PRIu64 " sectors at %" PRIu64 ": %s", dev->path, count, from,
		    n < 0 ? strerror(errno) : "short");
}

static inline uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	return mix(rng->state += 0x9e3779b97f4a7c15u);
}

/* 0 .. below - 1 */
static inline uint64_t rng_below(struct rng *rng, uint64_t below)
{
	return below ? rng_next(rng) % below : 0;
}

static inline uint64_t rng_between(struct rng *rng, uint64_t low, uint64_t high)
{
	return low + rng_below(rng, high - low + 1);
}

/*
 * A stamped sector: four words that say what it is, the rest following from
 * them, so that a sector of two halves is no valid stamp.
 */
struct stamp {
	uint64_t kind; /* which program and run */
	uint64_t sector;
	uint64_t a;
	uint64_t b;
};

static inline void stamp_fill(uint64_t *words, const struct stamp *stamp)
{
	uint64_t seed;
	int i;

	memcpy(words, stamp, sizeof(*stamp));
	seed = mix(stamp->kind ^ mix(stamp->sector ^ mix(stamp->a ^ mix(stamp->b))));
	for (i = 4; i < WORDS; i++)
		words[i] = seed += 0x9e3779b97f4a7c15u;
}

/* whether the sector is a whole stamp; *stamp is what it claims anyway */
static inline bool stamp_read(const uint64_t *words, struct stamp *stamp)
{
	uint64_t seed;
	int i;

	memcpy(stamp, words, sizeof(*stamp));
	seed = mix(stamp->kind ^ mix(stamp->sector ^ mix(stamp->a ^ mix(stamp->b))));
	for (i = 4; i < WORDS; i++) {
		seed += 0x9e3779b97f4a7c15u;
		if (words[i] != seed)
			return false;
	}
	return true;
}

static inline bool is_zero(const uint64_t *words)
{
	int i;

	for (i = 0; i < WORDS; i++) {
		if (words[i])
			return false;
	}
	return true;
}

/* The value of option ARGV[*i], which is then stepped over. */
static inline const char *option_value(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc)
		die("%s needs a value", argv[*i]);
	return argv[++*i];
}

#endif
