// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hundreds of snapshots of one origin of an active store, each with a plain
 * copy (volumes.h) in the file STATE, so that it can be used by several runs.
 *
 * usage: many take STATE [OPTION...] LABEL ORIGIN
 *        many up|down|write|verify|delete STATE [OPTION...] LABEL ORIGIN
 *
 *   take      N snapshots s1, s2, ..., each after some writes to the origin; with
 *             --chain each is one of the one before, to which is written, too.
 *             STATE is made if it is not there; what the origin holds then must
 *             have been written by stamp
 *   up, down  activates, deactivates them
 *   write     writes to the origin and to all of them that are active, in turn
 *   verify    compares the origin and each snapshot, activating it if need be
 *   delete    N of them that are left
 *
 *   --count N        default: for take 100, otherwise all
 *   --writes N       before each snapshot; by `write' to each volume (default 4)
 *   --every N        take: writes before each N-th snapshot only (default 1)
 *   --sectors N      largest write (default 40)
 *   --chain
 *   --order WORD     for verify and delete: oldest (default), newest, random
 *   --max N          STATE has room for N snapshots (default: --count)
 *   --seed N         default 1
 */
#include "volumes.h"

#include <time.h>

struct entry {
	char name[64];
	uint64_t number; /* 0: none, or deleted */
	uint64_t taken_of;
};

/* STATE: this, then the entries, the origin's first, then their maps. */
struct header {
	uint64_t entries; /* in use */
	uint64_t room;
	uint64_t sectors;
	uint64_t last_tag;
};

enum order { OLDEST, NEWEST, RANDOM };

static struct {
	uint64_t count;
	uint64_t writes;
	uint64_t every;
	uint64_t sectors;
	bool chain;
	enum order order;
	uint64_t max;
	uint64_t seed;
} o = { .writes = 4, .every = 1, .sectors = 40, .seed = 1 };

static struct dm_store store;
static char device[64]; /* the origin's, MAJOR:MINOR */
static struct header *header;
static struct entry *entries;
static uint32_t *maps;
static struct volume *volumes;
static struct rng rng;

static void state_map(const char *path, uint64_t room, uint64_t sectors)
{
	uint64_t bytes = sizeof(*header) + room * (sizeof(*entries) + sectors * 4);
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		die("many: %s: %s", path, strerror(errno));
	header = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		die("many: %s: %s", path, strerror(errno));
	close(fd);
	header->room = room;
	header->sectors = sectors;
	entries = (struct entry *)(header + 1);
	maps = (uint32_t *)(entries + room);
}

static void state_open(const char *path)
{
	struct header head;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, &head, sizeof(head)) != sizeof(head))
		die("many: %s: %s", path, strerror(errno));
	close(fd);
	state_map(path, head.room, head.sectors);
}

static bool is_active(const struct volume *vol)
{
	char name[DM_NAME_LEN];
	char text[DM_TEXT];

	volume_dm_name(&store, vol, name);
	return !dm_status(name, DM_NOFLUSH_FLAG, text);
}

static struct volume *volume_load(uint64_t i)
{
	struct volume *vol = &volumes[i];

	snprintf(vol->name, sizeof(vol->name), "%s", entries[i].name);
	vol->number = entries[i].number;
	vol->taken_of = entries[i].taken_of;
	vol->sectors = header->sectors;
	vol->map = maps + i * header->sectors;
	return vol;
}

/* The origin is active. */
static void origin_find(const char *state, const char *name)
{
	struct volume origin = { 0 };
	struct stat st;
	char dm[DM_NAME_LEN];
	char text[DM_TEXT];
	char field[256];
	bool new = stat(state, &st) < 0;

	snprintf(origin.name, sizeof(origin.name), "%s", name);
	volume_dm_name(&store, &origin, dm);
	dm_must(dm_status(dm, DM_STATUS_TABLE_FLAG, text), "table of", dm);
	dm_field(text, 3, field);
	snprintf(device, sizeof(device), "%.63s", field);
	device_open(&origin.dev, dm_path(text, dm), O_RDWR);
	if (new)
		state_map(state, (o.max ? o.max : o.count) + 1, origin.dev.sectors);
	else
		state_open(state);
	volumes = calloc(header->room, sizeof(*volumes));
	if (!volumes)
		die("no memory");
	if (new) {
		snprintf(entries[0].name, sizeof(entries[0].name), "%s", name);
		header->entries = 1;
		header->last_tag = 1u << 20;
	}
	volume_load(0);
	volumes[0].dev = origin.dev;
	volumes[0].dev.path = volumes[0].name;
	volumes[0].active = true;
	if (new)
		volume_learn(&volumes[0]);
	for (uint64_t i = 1; i < header->entries; i++)
		volume_load(i);
}

static void write_some(struct volume *vol)
{
	for (uint64_t i = 0; i < o.writes; i++) {
		uint64_t count = rng_between(&rng, 1, o.sectors);
		uint64_t from = rng_below(&rng, vol->sectors);

		if (count > vol->sectors - from)
			count = vol->sectors - from;
		volume_write(vol, from, count, (uint32_t)++header->last_tag);
	}
}

static void take_one(void)
{
	uint64_t i = header->entries;
	uint64_t of = o.chain ? i - 1 : 0;
	bool writes = o.writes && i % o.every == 0;
	struct entry *entry = &entries[i];
	char line[512];
	char reply[DM_TEXT];

	if (i == header->room)
		die("many: no room for another snapshot");
	if (writes)
		write_some(&volumes[0]);
	if (writes && of) {
		volume_up(&store, &volumes[of], device);
		write_some(&volumes[of]);
	}
	snprintf(entry->name, sizeof(entry->name), "%.31s@s%" PRIu64, volumes[0].name, i);
	snprintf(line, sizeof(line), "snapshot %ld 0 %s s%" PRIu64 " %%", (long)time(NULL),
		 volumes[of].name, i);
	dm_store_message(&store, line, 0, reply);
	entry->number = number(reply);
	if (entry->number <= entries[i - 1].number)
		die("the number %" PRIu64 " is not above the one before", entry->number);
	if (writes && of)
		volume_down(&store, &volumes[of]);
	memcpy(maps + i * header->sectors, volumes[of].map, header->sectors * 4);
	volume_load(i);
	header->entries++;
}

/* The n-th of the snapshots that are left, by the order asked for; or NULL. */
static struct volume **ordered(uint64_t *count)
{
	struct volume **list = calloc(header->entries, sizeof(struct volume *));
	uint64_t n = 0;

	if (!list)
		die("no memory");
	for (uint64_t i = 1; i < header->entries; i++)
		if (volumes[i].number)
			list[n++] = &volumes[i];
	for (uint64_t i = 0; i < n && o.order != OLDEST; i++) {
		uint64_t with = o.order == RANDOM ? rng_between(&rng, i, n - 1) :
				i < n / 2	  ? n - 1 - i :
						    i;
		struct volume *vol = list[i];

		list[i] = list[with];
		list[with] = vol;
	}
	*count = o.count && o.count < n ? o.count : n;
	return list;
}

static void verify_one(struct volume *vol)
{
	bool active = is_active(vol);

	if (active)
		volume_open(&store, vol);
	else
		volume_up(&store, vol, device);
	volume_compare(vol);
	if (active)
		volume_close(&store, vol);
	else
		volume_down(&store, vol);
}

static void write_one(struct volume *vol)
{
	if (!is_active(vol))
		return;
	volume_open(&store, vol);
	write_some(vol);
	volume_close(&store, vol);
	write_some(&volumes[0]);
}

static void delete_one(struct volume *vol)
{
	char line[128];
	char reply[DM_TEXT];

	snprintf(line, sizeof(line), "delete %s", vol->name);
	dm_store_message(&store, line, 0, reply);
	entries[vol - volumes].number = 0;
}

static void up_one(struct volume *vol)
{
	volume_up(&store, vol, device);
	volume_close(&store, vol);
}

static void down_one(struct volume *vol)
{
	volume_open(&store, vol);
	volume_down(&store, vol);
}

static void for_each(void (*run)(struct volume *vol))
{
	uint64_t n;
	struct volume **list = ordered(&n);

	for (uint64_t i = 0; i < n; i++)
		run(list[i]);
	free(list);
}

static void option(int argc, char **argv, int *i)
{
	static const char *const orders[] = { "oldest", "newest", "random" };
	const char *name = argv[*i];
	const char *value;

	if (!strcmp(name, "--chain")) {
		o.chain = true;
		return;
	}
	value = option_value(argc, argv, i);
	if (!strcmp(name, "--count")) {
		o.count = number(value);
	} else if (!strcmp(name, "--writes")) {
		o.writes = number(value);
	} else if (!strcmp(name, "--every")) {
		o.every = number(value);
	} else if (!strcmp(name, "--sectors")) {
		o.sectors = number(value);
	} else if (!strcmp(name, "--max")) {
		o.max = number(value);
	} else if (!strcmp(name, "--seed")) {
		o.seed = number(value);
	} else if (!strcmp(name, "--order")) {
		while (strcmp(orders[o.order], value))
			if (++o.order > RANDOM)
				die("many: no order %s", value);
	} else {
		die("many: unknown option %s", name);
	}
}

static void run(const char *verb)
{
	if (!strcmp(verb, "take")) {
		for (uint64_t i = 0; i < o.count; i++)
			take_one();
	} else if (!strcmp(verb, "up")) {
		for_each(up_one);
	} else if (!strcmp(verb, "down")) {
		for_each(down_one);
	} else if (!strcmp(verb, "write")) {
		for_each(write_one);
	} else if (!strcmp(verb, "verify")) {
		volume_compare(&volumes[0]);
		for_each(verify_one);
	} else if (!strcmp(verb, "delete")) {
		for_each(delete_one);
	} else {
		die("many: unknown verb %s", verb);
	}
}

int main(int argc, char **argv)
{
	const char *word[2] = { NULL, NULL };
	unsigned int words = 0;
	uint64_t left = 0;

	if (argc < 5)
		die("usage: many VERB STATE [OPTION...] LABEL ORIGIN");
	for (int i = 3; i < argc; i++) {
		if (!strncmp(argv[i], "--", 2))
			option(argc, argv, &i);
		else if (words < 2)
			word[words++] = argv[i];
	}
	if (words != 2)
		die("many: a label and an origin are needed");
	if (!o.count && !strcmp(argv[1], "take"))
		o.count = 100;
	if (o.sectors > IO_SECTORS)
		die("many: --sectors is at most %u", IO_SECTORS);
	rng.state = mix(o.seed) ^ mix(strlen(argv[1]));
	dm_store_find(&store, word[0]);
	origin_find(argv[2], word[1]);
	run(argv[1]);
	for (uint64_t i = 1; i < header->entries; i++)
		left += entries[i].number != 0;
	printf("many: %s: of %" PRIu64 " snapshots %" PRIu64 " are left\n", argv[1],
	       header->entries - 1, left);
	return 0;
}
