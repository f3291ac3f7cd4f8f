// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random operations on a store's volumes, compared with plain copies.
 *
 * usage: differ [OPTION...] STORE-LABEL ORIGIN...
 *
 *   --count N        operations (default 1000)
 *   --seed N         default 1: the history is a function of it
 *   --tool PERCENT   of the commands go through snapmv, the others are ioctls
 *                    (default 4)
 *   --limit N        snapshots of an origin at a time (default 10)
 *
 * The store and its origins are active, no snapshot exists, and what the
 * origins hold was written by stamp (or is zeroes). Reads, writes (single ones,
 * and up to 24 in flight at once on any volumes), flushes, zeroes, discards,
 * snapshots of anything, singly and in groups, deletes, rollbacks with and
 * without an undo point, renames, volumes and the whole store going down and
 * coming up (checked by snapmv in between), suspends, reloads, background work
 * slowed and paused. Every read is compared at once; now and then whole volumes
 * are, and the list of volumes. At the end all volumes are compared, every
 * snapshot is deleted, and the store must hold nothing any more.
 *
 * A failure prints the last operations. The plain copies are of tags, see
 * volumes.h. Only the outcome of discards (nothing or zeroes) is not foreseen.
 */
#include "differ_io.h"

static void op_snapshot(void)
{
	const struct volume *of = pick(ANY);
	char name[64];

	if (snapshots_of(of->origin) >= o.limit)
		return;
	snprintf(name, sizeof(name), "%s@s%u", volumes[of->origin].name, ++last_name);
	note("snapshot of %s: %s", of->name, name);
	if (chance(o.tool)) {
		tool("snapshot %s %s", of->name, strchr(name, '@') + 1);
		add_volume(of, name, number_of(name));
		return;
	}
	message(0, reply, "snapshot %ld %d %s %s %%", (long)time(NULL), chance(10), of->name,
		strchr(name, '@') + 1);
	add_volume(of, name, number(reply));
}

static void op_group(void)
{
	const struct volume *of[4];
	char names[4][64];
	char line[1024];
	char *at = reply;
	unsigned int n = (unsigned int)rng_between(&rng, 2, 4);
	int used = snprintf(line, sizeof(line), "snapshot %ld 0", (long)time(NULL));

	for (unsigned int i = 0; i < n; i++) {
		of[i] = pick(ANY);
		for (unsigned int k = 0; k < i; k++)
			if (of[k] == of[i])
				return;
		if (snapshots_of(of[i]->origin) + n > o.limit + 2)
			return;
		snprintf(names[i], 64, "%s@s%u", volumes[of[i]->origin].name, ++last_name);
		used += snprintf(line + used, sizeof(line) - (size_t)used, " %s %s %%", of[i]->name,
				 strchr(names[i], '@') + 1);
	}
	note("%s", line);
	message(0, reply, "%s", line);
	for (unsigned int i = 0; i < n; i++)
		add_volume(of[i], names[i], strtoull(at, &at, 10));
}

static void forget(struct volume *vol)
{
	map_free(vol);
	vol->name[0] = '\0';
}

static void op_delete(void)
{
	struct volume *doomed[3];
	unsigned int n = 0;
	unsigned int wanted = chance(70) ? 1 : 3;
	char line[512];
	int used = 0;

	for (unsigned int i = 0; i < wanted; i++) {
		struct volume *vol = pick(SNAPSHOT);

		if (!vol || (n && doomed[0] == vol) || (n > 1 && doomed[1] == vol))
			continue;
		doomed[n++] = vol;
		used += snprintf(line + used, sizeof(line) - (size_t)used, " %s", vol->name);
	}
	if (!n)
		return;
	note("delete%s", line);
	if (doomed[n - 1]->active && message(ETXTBSY, reply, "delete%s", line))
		die("deleted although %s is active", doomed[n - 1]->name);
	for (unsigned int i = 0; i < n; i++)
		volume_down(&store, doomed[i]);
	if (chance(o.tool))
		tool("delete%s", line);
	else
		message(0, reply, "delete%s", line);
	for (unsigned int i = 0; i < n; i++)
		forget(doomed[i]);
}

static void op_rename(void)
{
	struct volume *vol = pick(SNAPSHOT);
	char name[64];

	if (!vol)
		return;
	snprintf(name, sizeof(name), "%s@s%u", volumes[vol->origin].name, ++last_name);
	note("rename %s %s", vol->name, name);
	if (chance(o.tool)) {
		tool("rename %s %s", vol->name, strchr(name, '@') + 1);
	} else {
		/* The device would have to be renamed as well. */
		volume_down(&store, vol);
		message(0, reply, "rename %s %s", vol->name, strchr(name, '@') + 1);
	}
	strcpy(vol->name, name);
}

/* ---- rollback ---- */

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static const char *throttle = "0";

static void set_throttle(const char *value)
{
	throttle = value;
	message(0, reply, "set throttle=%s", value);
}

static void wait_until_not_rolling(const struct volume *origin)
{
	const char *before = throttle;
	char field[256];

	set_throttle("0");
	for (int i = 0;; i++) {
		message(0, reply, "rollback-status %s", origin->name);
		dm_field(reply, 1, field);
		if (!strcmp(field, "0"))
			break;
		if (i == 12000)
			die("the rollback of %s does not end: %s", origin->name, reply);
		sleep_ms(5);
	}
	set_throttle(before);
}

static uint64_t rollback_by_message(struct volume *origin, const struct volume *to,
				    const char *undo)
{
	bool force = chance(50);
	bool open = origin->active;

	if (open && !force)
		volume_close(&store, origin);
	while (!message(EALREADY, reply, "rollback %s %s %ld %d", to->name, undo ? undo : "%",
			(long)time(NULL), force)) {
		note("%s is being rolled back already", origin->name);
		wait_until_not_rolling(origin);
	}
	if (open && !force)
		volume_open(&store, origin);
	return number(reply);
}

static void op_rollback(void)
{
	const struct volume *to = pick(SNAPSHOT);
	struct volume *origin;
	char name[64];
	uint64_t undo = 0;
	bool keep = chance(60);

	if (!to)
		return;
	origin = &volumes[to->origin];
	if (!origin->active || snapshots_of(to->origin) >= o.limit)
		return;
	snprintf(name, sizeof(name), "%s@u%u", origin->name, ++last_name);
	note("rollback to %s, undo %s", to->name, keep ? name : "none");
	if (chance(o.tool)) {
		wait_until_not_rolling(origin);
		volume_close(&store, origin);
		if (keep)
			tool("rollback --undo %s %s", strchr(name, '@') + 1, to->name);
		else
			tool("rollback --no-undo %s", to->name);
		volume_open(&store, origin);
		undo = keep ? number_of(name) : 0;
	} else {
		undo = rollback_by_message(origin, to, keep ? strchr(name, '@') + 1 : NULL);
	}
	if (keep)
		add_volume(origin, name, undo);
	else if (undo)
		die("an undo snapshot that nobody asked for");
	memcpy(origin->map, to->map, origin->sectors * sizeof(uint32_t));
}

/* ---- up and down ---- */

static void op_activate(void)
{
	struct volume *vol = pick(IDLE_SNAPSHOT);

	for (unsigned int i = 0; i < norigins; i++)
		if (!volumes[i].active)
			vol = &volumes[i];
	if (!vol)
		return;
	note("activate %s", vol->name);
	if (!chance(o.tool)) {
		volume_up(&store, vol, origin_device[vol->origin]);
		return;
	}
	tool("activate %s", vol->name);
	volume_open(&store, vol);
}

static void op_deactivate(void)
{
	struct volume *vol = chance(10) ? pick(ACTIVE) : pick(ACTIVE_SNAPSHOT);

	if (!vol)
		return;
	note("deactivate %s", vol->name);
	if (!chance(o.tool)) {
		volume_down(&store, vol);
		return;
	}
	volume_close(&store, vol);
	tool("deactivate -f %s", vol->name);
}

static void restart_by_ioctls(void)
{
	bool up[MAX_VOLUMES];
	char text[128];
	struct dm_table table = { .target = "snap-mv-store", .parameters = text };

	for (unsigned int i = 0; i < MAX_VOLUMES; i++) {
		up[i] = volumes[i].name[0] && chance(volumes[i].active ? 80 : 20);
		volume_down(&store, &volumes[i]);
	}
	dm_must(dm_remove(store.label), "deactivating", store.label);
	if (chance(30))
		tool("check %s", store_path);
	snprintf(text, sizeof(text), "%s%s", store.device,
		 chance(50) ? "" : " 4 cache_blocks 64 overlay_entries 1000");
	note("activate %s: %s", store.label, text);
	table.sectors = store.sectors;
	dm_must(dm_store_create(&store, store.label, 0, &table), "activating", store.label);
	for (unsigned int i = 0; i < MAX_VOLUMES; i++)
		if (up[i])
			volume_up(&store, &volumes[i], origin_device[volumes[i].origin]);
}

static void op_restart(void)
{
	note("restart");
	if (!chance(o.tool)) {
		restart_by_ioctls();
		return;
	}
	for (unsigned int i = 0; i < MAX_VOLUMES; i++)
		volume_close(&store, &volumes[i]);
	tool("deactivate -f %s", store.label);
	tool("check %s", store_path);
	tool("activate %s", store_path);
	for (unsigned int i = 0; i < norigins; i++)
		volume_open(&store, &volumes[i]);
}

/* Suspended and resumed, perhaps with the same table loaded anew. */
static void op_suspend(void)
{
	static const unsigned int how[] = { DM_SUSPEND_FLAG, DM_SUSPEND_FLAG | DM_NOFLUSH_FLAG };
	const struct volume *vol = pick(ACTIVE);
	struct dm_table table = { 0 };
	char name[DM_NAME_LEN];
	char text[DM_TEXT];

	if (!vol)
		return;
	volume_dm_name(&store, vol, name);
	note("suspend and resume %s", vol->name);
	if (chance(50)) {
		volume_parameters(&store, vol, origin_device[vol->origin], &table, text);
		table.name = name;
		dm_must(dm_load(&table), "loading the table of", name);
	}
	dm_must(dm_suspend(name, how[chance(50)]), "suspending", name);
	dm_must(dm_suspend(name, 0), "resuming", name);
}

static void op_background(void)
{
	static const char *const values[] = { "pause", "0", "0", "1", "40" };

	switch (rng_below(&rng, 4)) {
	case 0:
		message(0, reply, "checkpoint");
		break;
	case 1:
		message(0, reply, "sync");
		break;
	default:
		set_throttle(values[rng_below(&rng, 5)]);
		note("throttle=%s", throttle);
	}
}

/* ---- comparing ---- */

static void op_compare(void)
{
	const struct volume *vol = pick(ACTIVE);

	if (vol)
		volume_compare(vol);
}

static void compare_all(void)
{
	note("compare everything");
	for (unsigned int i = 0; i < MAX_VOLUMES; i++) {
		struct volume *vol = &volumes[i];
		bool active = vol->active;

		if (!vol->name[0])
			continue;
		if (!active)
			volume_up(&store, vol, origin_device[vol->origin]);
		volume_compare(vol);
		if (!active)
			volume_down(&store, vol);
	}
}

/* One row of the list: false if it is the last one. */
static bool compare_row(const char *row, uint64_t *after, unsigned int *seen)
{
	char field[256];
	const struct volume *vol = volumes;

	if (!strncmp(row, "end", 3))
		return false;
	dm_field(row, 1, field);
	*after = number(field);
	dm_field(row, 10, field);
	if (!strcmp(field, "%"))
		return true;
	while (vol < volumes + MAX_VOLUMES && strcmp(vol->name, field))
		vol++;
	if (vol == volumes + MAX_VOLUMES || vol->number != *after)
		die("a volume that should not be: %.200s", row);
	dm_field(row, 4, field);
	if (number(field) != vol->taken_of)
		die("taken of %" PRIu64 ": %.200s", vol->taken_of, row);
	dm_field(row, 9, field);
	if (number(field) != vol->active)
		die("active %d: %.200s", vol->active, row);
	++*seen;
	return true;
}

static void op_list(void)
{
	unsigned int count = 0;
	unsigned int seen = 0;
	uint64_t after = 0;
	bool more = true;

	for (unsigned int i = 0; i < MAX_VOLUMES; i++)
		count += volumes[i].name[0] != '\0';
	while (more) {
		char *row;
		char *rest = reply;

		message(0, reply, "list %" PRIu64, after);
		while (more && (row = strsep(&rest, "\n")) && *row && strncmp(row, "more", 4))
			more = compare_row(row, &after, &seen);
	}
	if (seen != count)
		die("%u volumes are listed, there are %u", seen, count);
}

/* ---- the whole ---- */

static const struct {
	unsigned int weight;
	void (*run)(void);
} operations[] = {
	{ 180, op_write },
	{ 120, op_burst },
	{ 120, op_read },
	{ 30, op_flush },
	{ 50, op_zero_or_discard },
	{ 60, op_snapshot },
	{ 8, op_group },
	{ 36, op_delete },
	{ 10, op_rollback },
	{ 10, op_rename },
	{ 60, op_activate },
	{ 30, op_deactivate },
	{ 4, op_restart },
	{ 10, op_suspend },
	{ 16, op_background },
	{ 10, op_compare },
	{ 8, op_list },
};

static void one_operation(void)
{
	unsigned int n = sizeof(operations) / sizeof(operations[0]);
	uint64_t all = 0;

	for (unsigned int i = 0; i < n; i++)
		all += operations[i].weight;
	all = rng_below(&rng, all);
	for (unsigned int i = 0; i < n; i++) {
		if (all < operations[i].weight) {
			operations[i].run();
			return;
		}
		all -= operations[i].weight;
	}
}

static void add_origin(const char *name)
{
	struct volume *vol = &volumes[norigins];
	char text[DM_TEXT];
	char dm[DM_NAME_LEN];
	char field[256];

	snprintf(vol->name, sizeof(vol->name), "%s", name);
	vol->origin = norigins;
	vol->number = number_of(name);
	if (vol->number > last_number)
		last_number = vol->number;
	volume_dm_name(&store, vol, dm);
	dm_must(dm_status(dm, DM_STATUS_TABLE_FLAG, text), "table of", dm);
	dm_field(text, 3, field);
	snprintf(origin_device[norigins], 64, "%.63s", field);
	device_open(&vol->dev, dm_path(text, dm), O_RDONLY);
	vol->sectors = vol->dev.sectors;
	close(vol->dev.fd);
	volume_open(&store, vol);
	vol->map = map_new(vol->sectors);
	volume_learn(vol);
	norigins++;
}

/* Nothing is left, and the raw origins hold what the volumes did. */
static void finish(void)
{
	set_throttle("0");
	for (unsigned int i = 0; i < norigins; i++) {
		if (!volumes[i].active) /* nothing of it moves */
			volume_up(&store, &volumes[i], origin_device[i]);
		wait_until_not_rolling(&volumes[i]);
	}
	op_list();
	compare_all();
	for (struct volume *vol = pick(SNAPSHOT); vol; vol = pick(SNAPSHOT)) {
		volume_down(&store, vol);
		message(0, reply, "delete %s", vol->name);
		forget(vol);
	}
	for (int i = 0;; i++) {
		message(0, reply, "checkpoint");
		dm_store_status(&store);
		if (!store.data && !store.held && !store.ghosts && !store.exceptions)
			break;
		if (i == 6000)
			die("without snapshots: data %" PRIu64 ", held %" PRIu64
			    ", exceptions %" PRIu64 ", ghosts %" PRIu64 ", cleaning %" PRIu64,
			    store.data, store.held, store.exceptions, store.ghosts, store.cleaning);
		sleep_ms(10);
	}
	for (unsigned int i = 0; i < norigins; i++) {
		char path[256];

		volume_down(&store, &volumes[i]);
		device_open(&volumes[i].dev, dm_path_of_number(path, origin_device[i]), O_RDONLY);
		volume_compare(&volumes[i]);
		close(volumes[i].dev.fd);
	}
}

static void option(const char *name, const char *value)
{
	if (!strcmp(name, "--count"))
		o.count = number(value);
	else if (!strcmp(name, "--seed"))
		o.seed = number(value);
	else if (!strcmp(name, "--tool"))
		o.tool = number(value);
	else if (!strcmp(name, "--limit"))
		o.limit = number(value);
	else
		die("differ: unknown option %s", name);
}

int main(int argc, char **argv)
{
	int first = 1;

	while (first < argc && !strncmp(argv[first], "--", 2)) {
		const char *name = argv[first];

		option(name, option_value(argc, argv, &first));
		first++;
	}
	if (argc < first + 2 || argc > first + 1 + MAX_ORIGINS)
		die("usage: differ [OPTION...] STORE-LABEL ORIGIN...");
	atexit(print_history);
	rng.state = mix(o.seed);
	dm_store_find(&store, argv[first]);
	dm_path_of_number(store_path, store.device);
	for (int i = first + 1; i < argc; i++)
		add_origin(argv[i]);
	for (operation = 1; operation <= o.count; operation++) {
		one_operation();
		if (operation % (o.count / 8 + 1) == 0)
			compare_all();
	}
	finish();
	passed = true;
	printf("differ: %" PRIu64 " operations, %u snapshots, %u writes\n", o.count, last_name,
	       last_tag - (1u << 20));
	return 0;
}
