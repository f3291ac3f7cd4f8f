/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * differ's state: the volumes with their plain copies, what has been done, random
 * choices, and the two ways to give a command.
 */
#ifndef SMV_HELPERS_DIFFER_H
#define SMV_HELPERS_DIFFER_H

#include "volumes.h"

#include <sys/wait.h>
#include <time.h>

#define MAX_ORIGINS 4
#define MAX_VOLUMES 64
#define HISTORY 40
#define BURST 24
#define BURST_SECTORS 96u

static struct {
	uint64_t count;
	uint64_t seed;
	uint64_t tool;
	uint64_t limit;
} o = { .count = 1000, .seed = 1, .tool = 4, .limit = 10 };

static struct dm_store store;
static char store_path[256];
static char origin_device[MAX_ORIGINS][64]; /* MAJOR:MINOR */
static unsigned int norigins;
static struct volume volumes[MAX_VOLUMES]; /* the origins first */
static struct rng rng;
static uint32_t last_tag = 1u << 20; /* above those of stamp */
static uint64_t last_number;
static unsigned int last_name;
static char reply[DM_TEXT];

/* ---- what has been done ---- */

static char history[HISTORY][200];
static uint64_t operation;
static bool passed;

static __attribute__((format(printf, 1, 2))) void note(const char *format, ...)
{
	static uint64_t notes;
	char *line = history[notes++ % HISTORY];
	va_list args;
	int n = snprintf(line, 200, "%" PRIu64 ": ", operation);

	va_start(args, format);
	vsnprintf(line + n, 200 - (size_t)n, format, args);
	va_end(args);
	/* the ring's oldest line comes next */
	history[notes % HISTORY][0] = '\0';
}

static void print_history(void)
{
	int first = 0;

	if (passed)
		return;
	while (first < HISTORY && history[first][0])
		first++;
	for (int i = 1; i <= HISTORY; i++) {
		const char *line = history[(first + i) % HISTORY];

		if (*line)
			printf("differ: %s\n", line);
	}
	printf("differ: seed %" PRIu64 ", operation %" PRIu64 "; replay: differ --seed %" PRIu64
	       " --count %" PRIu64 " --tool %" PRIu64 " --limit %" PRIu64 " ...\n",
	       o.seed, operation, o.seed, o.count, o.tool, o.limit);
	fflush(stdout);
}

/* ---- choosing ---- */

static bool chance(uint64_t percent)
{
	return rng_below(&rng, 100) < percent;
}

enum wanted { ANY, ACTIVE, SNAPSHOT, ACTIVE_SNAPSHOT, IDLE_SNAPSHOT };

static bool suits(const struct volume *vol, enum wanted wanted)
{
	if (!vol->name[0])
		return false;
	switch (wanted) {
	case ANY:
		return true;
	case ACTIVE:
		return vol->active;
	case SNAPSHOT:
		return volume_is_snapshot(vol);
	case ACTIVE_SNAPSHOT:
		return volume_is_snapshot(vol) && vol->active;
	case IDLE_SNAPSHOT:
		return volume_is_snapshot(vol) && !vol->active;
	}
	return false;
}

static struct volume *pick(enum wanted wanted)
{
	struct volume *found[MAX_VOLUMES];
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAX_VOLUMES; i++)
		if (suits(&volumes[i], wanted))
			found[n++] = &volumes[i];
	return n ? found[rng_below(&rng, n)] : NULL;
}

/* Small ones, whole chunks, across borders, at both ends, long ones. */
static void pick_range(const struct volume *vol, uint64_t max, uint64_t *from, uint64_t *count)
{
	uint64_t chunk = store.chunk_sectors;
	uint64_t chunks = (vol->sectors + chunk - 1) / chunk;
	uint64_t at = rng_below(&rng, chunks) * chunk;

	switch (rng_below(&rng, 6)) {
	case 0:
		*from = at;
		*count = chunk * rng_between(&rng, 1, 3);
		break;
	case 1:
		*from = at ? at - 1 : 0;
		*count = 2;
		break;
	case 2:
		*from = at;
		*count = vol->sectors; /* to the end, or as much as may be */
		if (chance(80))
			*count = 1;
		break;
	case 3:
		*from = vol->sectors - rng_between(&rng, 1, 5);
		*count = 5;
		break;
	default:
		*from = at + rng_below(&rng, chunk);
		*count = rng_between(&rng, 1, chance(70) ? 9 : max);
	}
	if (*from >= vol->sectors)
		*from = vol->sectors - 1;
	if (*count > max)
		*count = max;
	if (*count > vol->sectors - *from)
		*count = vol->sectors - *from;
}

static uint64_t snapshots_of(unsigned int origin)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < MAX_VOLUMES; i++)
		n += suits(&volumes[i], SNAPSHOT) && volumes[i].origin == origin;
	return n;
}

/* ---- commands ---- */

static __attribute__((format(printf, 3, 4))) bool message(int allowed, char *text,
							  const char *format, ...)
{
	char line[DM_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	return dm_store_message(&store, line, allowed, text);
}

static __attribute__((format(printf, 1, 2))) void tool(const char *format, ...)
{
	char line[DM_TEXT] = "exec snapmv ";
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(line + 12, sizeof(line) - 12, format, args);
	va_end(args);
	strncat(line, " >.differ 2>&1", sizeof(line) - strlen(line) - 1);
	note("%s", line + 5);
	status = system(line);
	if (status)
		die("exit status %d from: %s: %s", WEXITSTATUS(status), line,
		    system("cat .differ") ? "" : "see above");
}

static struct volume *add_volume(const struct volume *of, const char *name, uint64_t number)
{
	struct volume *vol = volumes;

	while (vol->name[0])
		if (++vol == volumes + MAX_VOLUMES)
			die("too many volumes");
	if (number <= last_number)
		die("number %" PRIu64 " of %s was used before", number, name);
	last_number = number;
	memset(vol, 0, sizeof(*vol));
	snprintf(vol->name, sizeof(vol->name), "%s", name);
	vol->number = number;
	vol->taken_of = of->number;
	vol->origin = of->origin;
	vol->sectors = of->sectors;
	vol->map = map_new(vol->sectors);
	memcpy(vol->map, of->map, vol->sectors * sizeof(uint32_t));
	return vol;
}

/* What the tool has made has its number in the list. */
static uint64_t number_of(const char *name)
{
	char field[256];
	uint64_t after = 0;

	for (;;) {
		char *rest = reply;
		char *row;

		message(0, reply, "list %" PRIu64, after);
		while ((row = strsep(&rest, "\n")) && *row && strncmp(row, "more", 4)) {
			if (!strncmp(row, "end", 3))
				die("%s is not in the list", name);
			dm_field(row, 1, field);
			after = number(field);
			dm_field(row, 10, field);
			if (!strcmp(field, name))
				return after;
		}
	}
}

#endif
