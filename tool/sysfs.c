// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says about devices in /sys: what lies on what, and who uses it. It promises only
 * to look. What a loop device lies on it is asked itself, as a name may be cut, changed or gone. Weak
 * side: where that may not be asked, or has no node, the name is all there is.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "device.h"
#include "dm.h"
#include "identity.h"
#include "text.h"

#define DEPTH_MAX 16

bool smv_device_sysfs(const char *path, char *text, size_t bytes)
{
	FILE *file = fopen(path, "re");
	char line[512];
	size_t from, to;

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	from = strspn(line, " \t\n");
	to = strlen(line);
	while (to > from && strchr(" \t\n", line[to - 1]))
		to--;
	line[to] = 0;
	snprintf(text, bytes, "%s", line + from);
	return *text;
}

bool smv_device_attribute(dev_t dev, const char *name, char *text, size_t bytes)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), name);
	return smv_device_sysfs(path, text, bytes);
}

bool smv_device_is_ours(dev_t dev)
{
	char uuid[256];

	return smv_device_attribute(dev, "dm/uuid", uuid, sizeof(uuid)) &&
	       !strncmp(uuid, SMV_DM_PREFIX, strlen(SMV_DM_PREFIX));
}

bool smv_device_is_suspended(dev_t dev)
{
	char text[8];

	return smv_device_attribute(dev, "dm/suspended", text, sizeof(text)) && *text == '1';
}

bool smv_device_number(const char *path, dev_t *dev)
{
	char text[64];
	u32 major, minor;

	if (!smv_device_sysfs(path, text, sizeof(text)) ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return false;
	*dev = makedev(major, minor);
	return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode))
		return S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool ask_loop(dev_t dev, struct stat *st)
{
	struct loop_info64 info;
	char *node = smv_identity_node(dev);
	int fd = node ? open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	bool known = fd >= 0 && !ioctl(fd, LOOP_GET_STATUS64, &info);

	if (fd >= 0)
		close(fd);
	free(node);
	memset(st, 0, sizeof(*st));
	if (!known)
		return false;
	st->st_mode = info.lo_rdevice ? S_IFBLK : S_IFREG;
	st->st_rdev = info.lo_rdevice;
	st->st_dev = info.lo_device;
	st->st_ino = info.lo_inode;
	return true;
}

/* What the loop device lies on; false: it is none, or on nothing that is known. */
static bool backing_file(dev_t dev, struct stat *st)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop", major(dev), minor(dev));
	if (access(path, F_OK))
		return false;
	if (ask_loop(dev, st))
		return true;
	return smv_device_attribute(dev, "loop/backing_file", text, sizeof(text)) &&
	       !stat(text, st);
}

static bool disk_of(dev_t dev, dev_t *disk)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(dev), minor(dev));
	if (access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(dev), minor(dev));
	return smv_device_number(path, disk);
}

/* A snapshot's table names ORIGIN@SNAPSHOT behind the store; an origin is mapped block by block. */
static bool is_snapshot(dev_t dev)
{
	char name[256], volume[512] = "";
	char *table;

	if (!smv_device_is_ours(dev) || !smv_device_attribute(dev, "dm/name", name, sizeof(name)))
		return false;
	table = smv_dm_table(name);
	if (table)
		sscanf(table, "%*s %511s", volume);
	free(table);
	return strchr(volume, '@');
}

/* What is looked for below a device. */
struct below {
	struct stat what; /* a block device, or a file; zeroes: none */
	bool suspended; /* or whatever is */
	bool blocks; /* by mapping of blocks alone: not through filesystems and snapshots */
	bool raw; /* nor through an origin's device */
};

static bool lies_on(dev_t dev, const struct below *on, int depth);

static bool loop_lies_on(dev_t dev, const struct below *on, int depth)
{
	struct stat file;

	if (!backing_file(dev, &file))
		return false;
	if (same_file(&file, &on->what))
		return true;
	if (S_ISBLK(file.st_mode))
		return lies_on(file.st_rdev, on, depth + 1);
	return !on->blocks && lies_on(file.st_dev, on, depth + 1);
}

static bool lies_on(dev_t dev, const struct below *on, int depth)
{
	char path[512];
	struct dirent *entry;
	bool found = false;
	dev_t below;
	DIR *dir;

	if ((S_ISBLK(on->what.st_mode) && dev == on->what.st_rdev) ||
	    (on->suspended && smv_device_is_suspended(dev)))
		return true;
	if (depth == DEPTH_MAX || (on->raw && smv_device_is_ours(dev)) ||
	    (on->blocks && is_snapshot(dev)))
		return false;
	if (disk_of(dev, &below) ? lies_on(below, on, depth + 1) : loop_lies_on(dev, on, depth))
		return true;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major(dev), minor(dev));
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves/%s/dev", major(dev),
			 minor(dev), entry->d_name);
		found = smv_device_number(path, &below) && lies_on(below, on, depth + 1);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool smv_device_lies_on(dev_t dev, dev_t on)
{
	struct below below = { .what = { .st_mode = S_IFBLK, .st_rdev = on } };

	return lies_on(dev, &below, 0);
}

bool smv_device_waits(dev_t dev)
{
	struct below below = { .suspended = true };

	return lies_on(dev, &below, 0);
}

bool smv_device_maps(dev_t dev, dev_t to)
{
	struct below below = { .what = { .st_mode = S_IFBLK, .st_rdev = to }, .blocks = true };

	return lies_on(dev, &below, 0);
}

bool smv_device_maps_file(dev_t dev, const char *path)
{
	struct below below = { .blocks = true };

	return stat(path, &below.what) || lies_on(dev, &below, 0);
}

bool smv_device_is_within(dev_t dev, const char *path)
{
	struct below below = { .blocks = true, .raw = true };

	return !stat(path, &below.what) && lies_on(dev, &below, 0);
}

/* The device that lies on @dev, other than those that @is_own takes: its name. */
static bool find_holder(dev_t dev, bool (*is_own)(void *context, const char *uuid), void *context,
			char *name, size_t bytes)
{
	char path[512], uuid[256];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/block/%s/dm/uuid", entry->d_name);
		found = !smv_device_sysfs(path, uuid, sizeof(uuid)) || !is_own(context, uuid);
		snprintf(path, sizeof(path), "/sys/class/block/%s/dm/name", entry->d_name);
		if (found && !smv_device_sysfs(path, name, bytes))
			snprintf(name, bytes, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool smv_device_has_loop(const char *path)
{
	DIR *dir = opendir("/sys/class/block");
	struct stat file, backing;
	struct dirent *entry;
	bool attached = false;

	if (stat(path, &file))
		attached = true;
	while (dir && !attached && (entry = readdir(dir))) {
		char path[300];
		dev_t dev;

		snprintf(path, sizeof(path), "/sys/class/block/%s/dev", entry->d_name);
		attached = entry->d_name[0] != '.' && smv_device_number(path, &dev) &&
			   backing_file(dev, &backing) && same_file(&file, &backing);
	}
	if (dir)
		closedir(dir);
	return attached;
}

char *smv_device_user(dev_t dev, bool (*is_own)(void *context, const char *uuid), void *context)
{
	char *where = smv_device_mounted(dev), *user = NULL;
	char name[256];

	if (where)
		user = smv_text_printf("mounted on %s", where);
	else if (find_holder(dev, is_own, context, name, sizeof(name)))
		user = smv_text_printf("by the device %s", name);
	free(where);
	return user;
}
