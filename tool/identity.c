// SPDX-License-Identifier: GPL-2.0-only
/*
 * By what an origin's device is recognised. It promises that two devices never
 * answer to one identity unnoticed, and that a filesystem's own uuid is never
 * looked at: snapshots carry the same one.
 *
 * An identity is made of what lies around the data: the uuid of a
 * device-mapper device, of a partition, the WWID or serial number of a disk;
 * a path if there is nothing better. Our own devices are skipped when
 * searching. Weak side: a path means whatever is there now.
 */
#include <blkid/blkid.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "identity.h"
#include "text.h"

static bool dm_uuid(dev_t dev, char *text, size_t bytes)
{
	return smv_device_attribute(dev, "dm/uuid", text, bytes);
}

static bool is_partition(dev_t dev)
{
	char text[32];

	return smv_device_attribute(dev, "partition", text, sizeof(text));
}

/* From the partition table itself, so that it needs no udev. */
static bool partition_uuid(int fd, char *text, size_t bytes)
{
	blkid_probe probe = blkid_new_probe();
	const char *value = NULL;

	*text = 0;
	if (!probe)
		return false;
	if (!blkid_probe_set_device(probe, fd, 0, 0)) {
		blkid_probe_enable_superblocks(probe, 0);
		blkid_probe_enable_partitions(probe, 1);
		blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
		if (blkid_do_fullprobe(probe) >= 0 &&
		    !blkid_probe_lookup_value(probe, "PART_ENTRY_UUID", &value, NULL))
			snprintf(text, bytes, "%s", value);
	}
	blkid_free_probe(probe);
	return *text;
}

static bool disk_wwid(dev_t dev, char *text, size_t bytes)
{
	return smv_device_attribute(dev, "wwid", text, bytes) ||
	       smv_device_attribute(dev, "device/wwid", text, bytes);
}

/* The serial number page of a SCSI disk: a head of 4 bytes, then the text, padded. */
static bool scsi_serial(dev_t dev, char *text, size_t bytes)
{
	char path[64], page[4 + 252];
	size_t n, used = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/device/vpd_pg80", major(dev),
		 minor(dev));
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(page, 1, sizeof(page), f);
	fclose(f);
	for (size_t i = 4; i < n && used + 1 < bytes; i++)
		if (page[i] > ' ' && page[i] < 127)
			text[used++] = page[i];
	text[used] = 0;
	return used;
}

static bool disk_serial(dev_t dev, char *text, size_t bytes)
{
	return smv_device_attribute(dev, "serial", text, bytes) ||
	       smv_device_attribute(dev, "device/serial", text, bytes) ||
	       scsi_serial(dev, text, bytes);
}

static const char *of_block(const struct smv_device *device, char *text, size_t bytes)
{
	if (dm_uuid(device->dev, text, bytes))
		return "dmuuid";
	if (is_partition(device->dev))
		return partition_uuid(device->lock_fd, text, bytes) ? "partuuid" : NULL;
	if (disk_wwid(device->dev, text, bytes))
		return "wwid";
	if (disk_serial(device->dev, text, bytes))
		return "serial";
	return NULL;
}

static bool begins(const char *path, const char *with)
{
	return !strncmp(path, with, strlen(with));
}

/* The last component as it was given, in the directory that it really is in; NULL: there is none. */
static char *in_real_directory(const char *path)
{
	const char *base = strrchr(path, '/');
	char *directory, *real, *whole = NULL;

	directory = base ? smv_text_printf("%.*s/", (int)(base - path), path) :
			   smv_text_printf("./");
	base = base ? base + 1 : path;
	real = realpath(directory, NULL);
	if (real && *base && strcmp(base, ".") && strcmp(base, ".."))
		whole = smv_text_printf("%s/%s", strcmp(real, "/") ? real : "", base);
	free(directory);
	free(real);
	return whole;
}

/* By a number, which another device may have after a reboot, or by what a process has open. */
static bool is_fleeting(const char *path)
{
	return begins(path, "/dev/dm-") || begins(path, "/dev/block/") || begins(path, "/dev/std");
}

/* /dev/md/home and the like stay, what they lead to does not. */
static char *stable_path(const struct smv_device *device)
{
	char *path = in_real_directory(device->path), *node;

	if (path && begins(path, "/dev/") && !is_fleeting(path))
		return path;
	free(path);
	path = realpath(device->path, NULL);
	if (!path)
		return smv_text_printf("%s", device->path);
	node = begins(path, "/dev/dm-") ? smv_identity_node(device->dev) : NULL;
	if (!node)
		return path;
	free(path);
	return node;
}

/* Texts that would not survive as one line are no identity. */
static bool is_plain(const char *text)
{
	return smv_text_is_utf8(text);
}

int smv_identity_make(const struct smv_device *device, char *text)
{
	char value[160];
	const char *kind = device->block ? of_block(device, value, sizeof(value)) : NULL;
	char *path, *found;
	int rc;

	if (kind && is_plain(value)) {
		snprintf(text, SMV_IDENTITY_BYTES, "%s:%s", kind, value);
		/* a serial number two disks share recognises neither */
		rc = smv_identity_find(text, &found);
		free(found);
		if (rc != -ENOTUNIQ)
			return 0;
	}
	path = stable_path(device);
	rc = strlen(path) + 6 > SMV_IDENTITY_BYTES ? -ENAMETOOLONG : 0;
	if (!rc)
		sprintf(text, "path:%s", path);
	free(path);
	return rc;
}

char *smv_identity_node(dev_t dev)
{
	char name[256], link[PATH_MAX], path[64];
	char *base, *node;
	struct stat st;
	ssize_t n;

	if (smv_device_attribute(dev, "dm/name", name, sizeof(name))) {
		snprintf(link, sizeof(link), "/dev/mapper/%s", name);
		if (!stat(link, &st) && S_ISBLK(st.st_mode) && st.st_rdev == dev)
			return smv_text_printf("%s", link);
	}
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return NULL;
	link[n] = 0;
	base = strrchr(link, '/');
	base = base ? base + 1 : link;
	for (char *p = base; *p; p++)
		if (*p == '!')
			*p = '/';
	node = smv_text_printf("/dev/%s", base);
	if (stat(node, &st) || !S_ISBLK(st.st_mode) || st.st_rdev != dev) {
		free(node);
		return NULL;
	}
	return node;
}

/* Has the device the identity @kind:@wanted? */
static bool matches(dev_t dev, const char *kind, const char *wanted)
{
	struct smv_device device;
	char value[160] = "";
	char *node;

	if (!strcmp(kind, "dmuuid")) {
		dm_uuid(dev, value, sizeof(value));
	} else if (!strcmp(kind, "wwid")) {
		if (!is_partition(dev))
			disk_wwid(dev, value, sizeof(value));
	} else if (!strcmp(kind, "serial")) {
		if (!is_partition(dev))
			disk_serial(dev, value, sizeof(value));
	} else if (!strcmp(kind, "partuuid") && is_partition(dev)) {
		node = smv_identity_node(dev);
		if (node && !smv_device_open(&device, node, SMV_DEVICE_PEEK)) {
			partition_uuid(device.lock_fd, value, sizeof(value));
			smv_device_close(&device);
		}
		free(node);
	}
	return *value && !strcmp(value, wanted);
}

static u32 search(const char *kind, const char *wanted, dev_t *found)
{
	DIR *dir = opendir("/sys/class/block");
	struct dirent *entry;
	u32 count = 0;

	while (dir && (entry = readdir(dir))) {
		char path[300], text[64];
		u32 major, minor;

		snprintf(path, sizeof(path), "/sys/class/block/%s/dev", entry->d_name);
		if (entry->d_name[0] == '.' || !smv_device_sysfs(path, text, sizeof(text)) ||
		    sscanf(text, "%u:%u", &major, &minor) != 2)
			continue;
		dev_t dev = makedev(major, minor);

		/* an origin may itself be a volume of another store: by dm uuid only */
		if ((strcmp(kind, "dmuuid") && smv_device_is_ours(dev)) ||
		    !matches(dev, kind, wanted))
			continue;
		*found = dev;
		count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

int smv_identity_find(const char *identity, char **path)
{
	const char *colon = strchr(identity, ':');
	char kind[16];
	dev_t dev;
	u32 count;

	*path = NULL;
	if (!colon || colon - identity >= (int)sizeof(kind))
		return -ENOENT;
	snprintf(kind, sizeof(kind), "%.*s", (int)(colon - identity), identity);
	if (!strcmp(kind, "path")) {
		if (access(colon + 1, F_OK))
			return -ENOENT;
		*path = smv_text_printf("%s", colon + 1);
		return 0;
	}
	count = search(kind, colon + 1, &dev);
	if (count != 1)
		return count ? -ENOTUNIQ : -ENOENT;
	*path = smv_identity_node(dev);
	return *path ? 0 : -ENOENT;
}
