/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device-mapper for the guest's helpers, by its ioctls: a dmsetup run takes
 * 50 ms and more there, an ioctl some microseconds. Names, uuids and nodes are
 * as the tool makes them, so that both can work on one store.
 *
 * Calls return 0 or a negative error; dm_must_...() end the program instead.
 */
#ifndef SMV_HELPERS_DM_H
#define SMV_HELPERS_DM_H

#include "common.h"

#include <linux/dm-ioctl.h>
#include <stddef.h>
#include <sys/sysmacros.h>

#define DM_ROOM 16384u
#define DM_TEXT 4096u

struct dm_call {
	struct dm_ioctl head;
	char data[DM_ROOM - sizeof(struct dm_ioctl)];
};

static inline int dm_run(unsigned long request, struct dm_call *call)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("/dev/mapper/control: %s", strerror(errno));
	return ioctl(fd, request, call) < 0 ? -errno : 0;
}

static inline void dm_prepare(struct dm_call *call, const char *name)
{
	memset(call, 0, sizeof(*call));
	call->head.version[0] = DM_VERSION_MAJOR;
	call->head.data_size = sizeof(*call);
	call->head.data_start = offsetof(struct dm_call, data);
	if (strlen(name) >= sizeof(call->head.name))
		die("%s: too long a name", name);
	strcpy(call->head.name, name);
}

static inline char *dm_path(char *path, const char *name)
{
	snprintf(path, 256, "/dev/mapper/%s", name);
	return path;
}

/* "8:0" -> "/dev/sda": there is no udev to make /dev/block. */
static inline char *dm_path_of_number(char *path, const char *device)
{
	char link[128];
	char target[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/block/%.64s", device);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		die("%s: %s", link, strerror(errno));
	target[n] = '\0';
	snprintf(path, 256, "/dev/%.200s", strrchr(target, '/') + 1);
	return path;
}

struct dm_table {
	const char *name;
	const char *uuid;
	const char *target;
	const char *parameters;
	uint64_t sectors;
};

static inline int dm_load(const struct dm_table *table)
{
	struct dm_call call;
	struct dm_target_spec *spec = (struct dm_target_spec *)call.data;

	dm_prepare(&call, table->name);
	call.head.target_count = 1;
	spec->length = table->sectors;
	snprintf(spec->target_type, sizeof(spec->target_type), "%s", table->target);
	snprintf((char *)(spec + 1), DM_TEXT, "%s", table->parameters);
	return dm_run(DM_TABLE_LOAD, &call);
}

/* flags: DM_SUSPEND_FLAG, with DM_NOFLUSH_FLAG perhaps; 0 resumes */
static inline int dm_suspend(const char *name, unsigned int flags)
{
	struct dm_call call;

	dm_prepare(&call, name);
	call.head.flags = flags;
	return dm_run(DM_DEV_SUSPEND, &call);
}

static inline int dm_remove(const char *name)
{
	struct dm_call call;
	char path[256];
	int rc;

	dm_prepare(&call, name);
	rc = dm_run(DM_DEV_REMOVE, &call);
	if (!rc)
		unlink(dm_path(path, name));
	return rc;
}

static inline int dm_opens(const char *name)
{
	struct dm_call call;
	int rc;

	dm_prepare(&call, name);
	rc = dm_run(DM_DEV_STATUS, &call);
	return rc ? rc : call.head.open_count;
}

static inline int dm_create(const struct dm_table *table)
{
	struct dm_call call;
	char path[256];
	int rc;

	dm_prepare(&call, table->name);
	snprintf(call.head.uuid, sizeof(call.head.uuid), "%s", table->uuid);
	rc = dm_run(DM_DEV_CREATE, &call);
	if (rc)
		return rc;
	unlink(dm_path(path, table->name));
	if (mknod(path, S_IFBLK | 0600, (dev_t)call.head.dev) < 0)
		die("%s: %s", path, strerror(errno));
	rc = dm_load(table);
	if (!rc)
		rc = dm_suspend(table->name, 0);
	if (rc)
		dm_remove(table->name);
	return rc;
}

/* The reply, "" if there is none, is put into text (DM_TEXT bytes). */
static inline int dm_message(const char *name, const char *message, char *text)
{
	struct dm_call call;
	struct dm_target_msg *msg = (struct dm_target_msg *)call.data;
	int rc;

	dm_prepare(&call, name);
	snprintf(msg->message, DM_TEXT, "%s", message);
	rc = dm_run(DM_TARGET_MSG, &call);
	*text = '\0';
	if (!rc && call.head.flags & DM_DATA_OUT_FLAG)
		snprintf(text, DM_TEXT, "%s", (char *)&call + call.head.data_start);
	return rc;
}

/* The status line (or, with DM_STATUS_TABLE_FLAG, the table's parameters). */
static inline int dm_status(const char *name, unsigned int flags, char *text)
{
	struct dm_call call;
	int rc;

	dm_prepare(&call, name);
	call.head.flags = flags;
	rc = dm_run(DM_TABLE_STATUS, &call);
	if (!rc && call.head.target_count != 1)
		rc = -ENXIO;
	if (!rc)
		snprintf(text, DM_TEXT, "%s",
			 (char *)&call + call.head.data_start + sizeof(struct dm_target_spec));
	return rc;
}

static inline void dm_must(int rc, const char *what, const char *name)
{
	if (rc)
		die("%s %s: %s", what, name, strerror(-rc));
}

/* Field `number' (from 1) of a line of fields. */
static inline void dm_field(const char *line, unsigned int number, char *field)
{
	size_t bytes;

	while (--number) {
		line = strchr(line, ' ');
		if (!line)
			die("too few fields in a status line");
		line++;
	}
	bytes = strcspn(line, "\n ");
	if (bytes >= 256)
		die("too long a field");
	memcpy(field, line, bytes);
	field[bytes] = '\0';
}

/* What is needed of an active store to make its volumes' devices. */
struct dm_store {
	char label[64];
	char uuid[40]; /* as dm uuids have it */
	char device[64]; /* MAJOR:MINOR */
	uint64_t sectors;
	uint64_t chunk_sectors;
	uint64_t data; /* the last status read */
	uint64_t held;
	uint64_t exceptions;
	uint64_t ghosts;
	uint64_t cleaning;
	uint64_t rolling;
};

static inline void dm_store_status(struct dm_store *store)
{
	static const unsigned char number_of[] = { 4, 6, 11, 12, 15, 16, 17 };
	uint64_t *const value[] = { &store->chunk_sectors, &store->data,   &store->held,
				    &store->exceptions,	   &store->ghosts, &store->cleaning,
				    &store->rolling };
	char text[DM_TEXT];
	char field[256];

	dm_must(dm_status(store->label, DM_NOFLUSH_FLAG, text), "status of", store->label);
	dm_field(text, 1, field);
	if (strcmp(field, "ok"))
		die("%s is %s", store->label, field);
	for (unsigned int i = 0; i < sizeof(number_of); i++) {
		dm_field(text, number_of[i], field);
		*value[i] = number(field);
	}
}

/* `label' is active. */
static inline void dm_store_find(struct dm_store *store, const char *label)
{
	struct device dev;
	char text[DM_TEXT];
	char field[256];
	char *uuid = store->uuid;

	memset(store, 0, sizeof(*store));
	snprintf(store->label, sizeof(store->label), "%s", label);
	dm_store_status(store);
	dm_must(dm_status(label, DM_NOFLUSH_FLAG, text), "status of", label);
	dm_field(text, 3, field);
	for (int i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*uuid++ = '-';
		*uuid++ = field[i];
	}
	dm_must(dm_status(label, DM_STATUS_TABLE_FLAG, text), "table of", label);
	dm_field(text, 1, field);
	snprintf(store->device, sizeof(store->device), "%.63s", field);
	device_open(&dev, dm_path(text, label), O_RDONLY);
	store->sectors = dev.sectors;
	close(dev.fd);
}

/* A volume's device: number 0 is the store itself. */
static inline int dm_store_create(const struct dm_store *store, const char *name, uint64_t volume,
				  struct dm_table *table)
{
	char uuid[128];

	snprintf(uuid, sizeof(uuid), "SNAPMV-%s-%" PRIu64, store->uuid, volume);
	table->name = name;
	table->uuid = uuid;
	return dm_create(table);
}

/* Whether the message succeeds; ends the program on any error but `allowed'. */
static inline bool dm_store_message(const struct dm_store *store, const char *message, int allowed,
				    char *reply)
{
	int rc = dm_message(store->label, message, reply);

	if (rc && rc != -allowed)
		die("message %s: %s", message, strerror(-rc));
	return !rc;
}

#endif
