// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gives the module a store that may say anything, and uses whatever of it comes up:
 * lists, reads and writes all volumes, takes, rolls back and deletes snapshots. Any of it
 * may be refused; what may not happen (a warning, a hang, a crash, something left
 * behind) is for the harness to see.
 *
 * usage: hostile STORE-DEV ORIGIN-DEV
 *
 * Prints one line: how far it came.
 */
#include "dm.h"

#define VOLUMES_MAX 40
#define PIECE 4096

static const char *const store = "hostile";
static const char *store_device, *origin_device;
static uint64_t messages, refused, reads, writes, errors;

static struct row {
	uint64_t number;
	uint64_t sectors;
	char kind[16];
	char name[128];
} row[VOLUMES_MAX];
static unsigned int rows;

static int tell(char *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int tell(char *reply, const char *format, ...)
{
	char text[DM_TEXT];
	va_list list;
	int rc;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	messages++;
	rc = dm_message(store, text, reply);
	refused += !!rc;
	return rc;
}

static bool bring_up(bool read_only)
{
	char parameters[256];
	struct device dev;
	struct dm_table table = { .name = store,
				  .uuid = "TEST-hostile",
				  .target = "snap-mv-store",
				  .parameters = parameters };

	device_open(&dev, store_device, O_RDONLY);
	table.sectors = dev.sectors;
	close(dev.fd);
	snprintf(parameters, sizeof(parameters), "%s %s", store_device,
		 read_only ? "2 force read_only" : "1 force");
	return !dm_create(&table);
}

/* "NUMBER KIND PARENT TAKEN_OF CREATED SECTORS EXCEPTIONS FLAGS OPENS NAME ..." */
static bool take_row(const char *line, uint64_t *after)
{
	struct row *r = &row[rows];

	if (sscanf(line, "%" SCNu64 " %15s %*s %*s %*s %" SCNu64 " %*s %*s %*s %127s", &r->number,
		   r->kind, &r->sectors, r->name) != 4)
		return false;
	*after = r->number;
	if (!strcmp(r->kind, "origin") || !strcmp(r->kind, "snapshot"))
		rows++;
	return true;
}

static void list(void)
{
	char reply[DM_TEXT];
	uint64_t after = 0;
	bool more = true;

	rows = 0;
	for (unsigned int page = 0; more && page < 200; page++) {
		char *line = reply;

		if (tell(reply, "list %" PRIu64, after))
			return;
		more = strstr(reply, "more");
		for (; line && *line && rows < VOLUMES_MAX; line = strchr(line, '\n')) {
			line += *line == '\n';
			if (!take_row(line, &after))
				break;
		}
	}
}

static void ask_all(const struct row *r)
{
	char reply[DM_TEXT];

	tell(reply, "memo %" PRIu64 " 0", r->number);
	tell(reply, "device %" PRIu64 " 0", r->number);
	tell(reply, "fingerprint %" PRIu64, r->number);
	tell(reply, "exceptions %" PRIu64 " 0 0", r->number);
	tell(reply, "exceptions %" PRIu64 " 7 18446744073709551615", r->number);
	tell(reply, "rollback-status %s", r->name);
}

static void use_device(const char *path, uint64_t sectors)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	void *data;

	if (fd < 0 || posix_memalign(&data, PIECE, PIECE)) {
		errors++;
		return;
	}
	for (unsigned int i = 0; i < 24; i++) {
		off_t at = (off_t)(i * (sectors / 24) / 8 * PIECE);

		memset(data, (int)i, PIECE);
		reads++;
		errors += pread(fd, data, PIECE, at) != PIECE;
		if (i % 3)
			continue;
		writes++;
		errors += pwrite(fd, data, PIECE, at) != PIECE;
	}
	errors += !!fsync(fd);
	free(data);
	close(fd);
}

static void use_volume(const struct row *r)
{
	bool origin = !strcmp(r->kind, "origin");
	char name[64], uuid[64], parameters[512], path[256];
	struct dm_table table = { .name = name,
				  .uuid = uuid,
				  .target = origin ? "snap-mv-origin" : "snap-mv",
				  .parameters = parameters,
				  .sectors = r->sectors };

	snprintf(name, sizeof(name), "hostile-%" PRIu64, r->number);
	snprintf(uuid, sizeof(uuid), "TEST-hostile-%" PRIu64, r->number);
	snprintf(parameters, sizeof(parameters), "/dev/mapper/%s %s %s", store, r->name,
		 origin_device);
	if (dm_create(&table)) {
		errors++;
		return;
	}
	use_device(dm_path(path, name), r->sectors);
	if (!origin) {
		dm_must(dm_remove(name), "remove", name);
		return;
	}
}

static void change_things(void)
{
	char reply[DM_TEXT];

	for (unsigned int i = 0; i < rows; i++) {
		const struct row *r = &row[i];

		tell(reply, "snapshot 1000000000 0 %s fresh-%u memo", r->name, i);
		tell(reply, "rename %s renamed-%u", r->name, i);
		tell(reply, "rollback %s undo-%u 1000000000 1", r->name, i);
		if (strchr(r->name, '@'))
			tell(reply, "delete %s", r->name);
	}
	tell(reply, "set policy=drop throttle=0 low-water=200");
	tell(reply, "add another 2048 path:/nowhere 1000000000");
	tell(reply, "checkpoint");
	tell(reply, "sync");
}

static void take_down(void)
{
	char name[64];

	for (unsigned int i = 0; i < VOLUMES_MAX; i++) {
		snprintf(name, sizeof(name), "hostile-%" PRIu64, row[i].number);
		if (row[i].number)
			dm_remove(name);
	}
	dm_must(dm_remove(store), "remove", store);
}

int main(int argc, char **argv)
{
	char text[DM_TEXT] = "";

	if (argc != 3)
		die("usage: hostile STORE-DEV ORIGIN-DEV");
	store_device = argv[1];
	origin_device = argv[2];
	if (bring_up(true)) {
		list();
		for (unsigned int i = 0; i < rows; i++)
			ask_all(&row[i]);
		dm_must(dm_remove(store), "remove", store);
	}
	memset(row, 0, sizeof(row));
	if (!bring_up(false)) {
		printf("refused\n");
		return 0;
	}
	list();
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < rows; i++)
			use_volume(&row[i]);
		if (!pass)
			change_things();
	}
	if (dm_status(store, DM_NOFLUSH_FLAG, text))
		snprintf(text, sizeof(text), "no status");
	printf("%u volumes, %" PRIu64 " messages (%" PRIu64 " refused), %" PRIu64 " reads, %" PRIu64
	       " writes (%" PRIu64 " errors), state %.*s\n",
	       rows, messages, refused, reads, writes, errors, (int)strcspn(text, " "), text);
	take_down();
	return 0;
}
