// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a store of any size with millions of exceptions, without the I/O that would
 * have led to it: only the metadata is written, the data chunks stay holes. For
 * tests and benchmarks of what happens with much metadata.
 *
 *	bigstore FILE|DEV [KEY=VALUE]...
 *	  size=1T	of the store; a file becomes as long
 *	  chunk=64K
 *	  origin=512G	size of the one origin, `data'
 *	  snapshots=100	s1 ... sN, each taken of the origin
 *	  exceptions=10M	in all: plain numbers, K and M are powers of ten here
 *	  redo=10	percent of them that are snapshots' own
 *	  each=1	epochs for each snapshot: those of the others were deleted and cleaned
 *	  gone=0	so many of the first snapshots have left the table, and the cleaner has yet
 *			to free what they held; with redo=0
 *	  label=big
 *	  identity=	of the origin's device; "path:/nowhere"
 *	  seed=1	of the store's uuid
 *
 * The same arguments make the same store. Exceptions are spread evenly over the
 * origin's chunks and over the epochs; neighbours lie far apart in the store, as after a
 * long random history. What is made is checked by nobody here: run `snapmv check'.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "image.h"

struct options {
	u64 size, chunk, origin, snapshots, exceptions, redo, each, gone, seed;
	const char *label, *identity;
};

static struct options options = { .size = 1ULL << 40,
				  .chunk = 64 << 10,
				  .origin = 512ULL << 30,
				  .snapshots = 100,
				  .exceptions = 10000000,
				  .redo = 10,
				  .each = 1,
				  .seed = 1,
				  .label = "big",
				  .identity = "path:/nowhere" };
static struct smv_image image;
static struct smv_geometry geometry;
static u64 per_group; /* chunks for data in each group */
static u64 step; /* through the places, prime to their number */
static u64 made;
static int fd;

static void die(const char *what)
{
	fprintf(stderr, "bigstore: %s\n", what);
	exit(1);
}

/* -- options ------------------------------------------------------------------ */

static u64 number(const char *text, bool decimal)
{
	const char *unit = "KMGT", *found;
	char *end;
	u64 value = strtoull(text, &end, 10);

	if (end == text || (*end && end[1]))
		die("a number is wrong");
	if (!*end)
		return value;
	found = strchr(unit, *end);
	if (!found)
		die("a unit is wrong");
	for (long i = 0; i <= found - unit; i++)
		value *= decimal ? 1000 : 1024;
	return value;
}

static void take_option(const char *arg)
{
	const struct {
		const char *name;
		u64 *value;
		bool decimal;
	} table[] = { { "size=", &options.size, false },
		      { "chunk=", &options.chunk, false },
		      { "origin=", &options.origin, false },
		      { "snapshots=", &options.snapshots, true },
		      { "exceptions=", &options.exceptions, true },
		      { "redo=", &options.redo, true },
		      { "each=", &options.each, true },
		      { "gone=", &options.gone, true },
		      { "seed=", &options.seed, true } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strncmp(arg, table[i].name, strlen(table[i].name)))
			continue;
		*table[i].value = number(arg + strlen(table[i].name), table[i].decimal);
		return;
	}
	if (!strncmp(arg, "label=", 6))
		options.label = arg + 6;
	else if (!strncmp(arg, "identity=", 9))
		options.identity = arg + 9;
	else
		die(arg);
}

/* -- what the store says ----------------------------------------------------------- */

static void must(int rc)
{
	if (rc)
		die(strerror(-rc));
}

static void make_super(void)
{
	struct smv_disk_super *super = &image.super;
	u64 least;

	if (smv_super_plan(options.size / SMV_BLOCK_BYTES, (u32)(options.chunk / SMV_BLOCK_BYTES),
			   &geometry, &least))
		die("no store can have this size and chunk");
	smv_super_put_geometry(super, &geometry);
	snprintf((char *)super->header.uuid, SMV_UUID_BYTES, "big-%llu",
		 (unsigned long long)options.seed);
	super->created_s = cpu_to_le64(1000000000);
	super->next_volume = cpu_to_le64(options.snapshots + 2);
	super->settings.hold_timeout_s = cpu_to_le32(60);
	super->settings.low_water_permille = cpu_to_le32(100);
	snprintf(super->settings.label, SMV_LABEL_BYTES, "%s", options.label);
}

/* Volume 1 is the origin; snapshot k is volume k + 1, taken as of its epoch k, if there is one for each. */
static void make_volumes(void)
{
	u32 origin_flags = SMV_VOLUME_ORIGIN | (options.gone ? SMV_VOLUME_PASS : 0);

	for (u64 k = 0; k <= options.snapshots; k++) {
		struct smv_disk_volume v = {
			.number = cpu_to_le64(k + 1),
			.parent = cpu_to_le64(!!k),
			.asof = cpu_to_le64(k * options.each),
			.epoch = cpu_to_le64(k ? 1 : (options.snapshots + 1) * options.each),
			.origin = cpu_to_le64(1),
			.taken_of = cpu_to_le64(!!k),
			.created_s = cpu_to_le64(1000000000 + k),
			.sectors = cpu_to_le64(options.origin >> 9),
			.flags = cpu_to_le32(k ? 0 : origin_flags)
		};

		if (k && k <= options.gone)
			continue;
		if (k) {
			snprintf(v.name, sizeof(v.name), "s%llu", (unsigned long long)k);
		} else {
			strcpy(v.name, "data");
			snprintf(v.identity, sizeof(v.identity), "%s", options.identity);
		}
		must(smv_image_add_volume(&image, &v));
	}
}

/* The store chunk of the exception that was the @place-th to be made. */
static u64 chunk_at(u64 place)
{
	return geometry.first_chunk + place / per_group * SMV_GROUP_CHUNKS + geometry.head_chunks +
	       place % per_group;
}

static void add_exception(u64 volume, u64 chunk, u64 epoch)
{
	struct smv_key key = { volume, chunk, epoch };
	u64 place = (u64)((__uint128_t)made++ * step % options.exceptions);
	struct smv_value value = { .where = smv_where(SMV_WHERE_CHUNK, chunk_at(place)) };
	struct smv_disk_volume *v = &image.volume[volume - 1];

	must(smv_image_add_entry(&image, &key, &value));
	v->exceptions = cpu_to_le64(le64_to_cpu(v->exceptions) + 1);
}

/* Of @all things in @parts equal parts, how many are in the parts before @part? */
static u64 before(u64 all, u64 parts, u64 part)
{
	return (u64)((__uint128_t)all * part / parts);
}

/* A chunk's undo entries are read by different snapshots, spread evenly. */
static void make_undo(u64 count, u64 chunks)
{
	for (u64 c = 0; c < chunks; c++) {
		u64 n = before(count, chunks, c + 1) - before(count, chunks, c);
		u64 shift = c * 0x9e3779b97f4a7c15ULL >> 40;

		if (n > options.snapshots)
			die("more exceptions than the origin can have: more snapshots, or larger");
		for (u64 i = 0; i < n; i++) {
			u64 low = before(options.snapshots, n, i);
			u64 width = before(options.snapshots, n, i + 1) - low;

			add_exception(1, c,
				      (1 + low + shift % width) * options.each + 1 +
					      shift % options.each);
		}
	}
}

static void make_redo(u64 count, u64 chunks)
{
	for (u64 k = 0; k < options.snapshots; k++) {
		u64 n = before(count, options.snapshots, k + 1) -
			before(count, options.snapshots, k);

		if (n > chunks)
			die("more exceptions than a snapshot can have: more snapshots, or larger");
		for (u64 i = 0; i < n; i++)
			add_exception(k + 2, before(chunks, n, i), 1);
	}
}

static u64 common(u64 a, u64 b)
{
	return b ? common(b, a % b) : a;
}

static void make_exceptions(void)
{
	u64 chunks = (options.origin + options.chunk - 1) / options.chunk;
	u64 redo = options.exceptions * options.redo / 100, whole = geometry.groups;

	/* the last group may be short */
	if (whole > 1)
		whole--;
	if (!options.exceptions)
		return;
	per_group = (options.exceptions + whole - 1) / whole;
	if (chunk_at(options.exceptions - 1) >= geometry.chunks ||
	    per_group > SMV_GROUP_CHUNKS - geometry.head_chunks)
		die("the store is too small for so many exceptions");
	step = (u64)((double)options.exceptions * 0.6180339887) | 1;
	while (common(step, options.exceptions) != 1)
		step += 2;
	make_undo(options.exceptions - redo, chunks);
	make_redo(redo, chunks);
}

/* -- writing ------------------------------------------------------------------------- */

static int write_block(void *context, u64 block, const void *data)
{
	(void)context;
	return pwrite(fd, data, SMV_BLOCK_BYTES, (off_t)(block * SMV_BLOCK_BYTES)) ==
			       SMV_BLOCK_BYTES ?
		       0 :
		       -EIO;
}

static int flush(void *context)
{
	(void)context;
	return fsync(fd) ? -EIO : 0;
}

int main(int argc, char **argv)
{
	struct smv_build build = { .write = write_block,
				   .flush = flush,
				   .generation = 1,
				   .incarnation = 1,
				   .cut = 1 };
	struct stat st;

	if (argc < 2)
		die("usage: bigstore FILE [KEY=VALUE]..., see its source");
	for (int i = 2; i < argc; i++)
		take_option(argv[i]);
	fd = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || fstat(fd, &st) || (S_ISREG(st.st_mode) && ftruncate(fd, (off_t)options.size)))
		die(strerror(errno));
	if (options.gone && options.redo)
		die("gone= needs redo=0");
	make_super();
	make_volumes();
	make_exceptions();
	must(smv_build_write(&build, &image));
	printf("%s: %llu volumes, %llu exceptions\n", argv[1], (unsigned long long)image.volumes,
	       (unsigned long long)image.entries);
	smv_image_free(&image);
	return 0;
}
