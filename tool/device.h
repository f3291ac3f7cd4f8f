/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices and image files: opening, claiming, reading and writing blocks. */
#ifndef SMV_DEVICE_H
#define SMV_DEVICE_H

#include <sys/types.h>
#include "types.h"

enum smv_device_mode {
	SMV_DEVICE_PEEK, /* reads, claims nothing */
	SMV_DEVICE_SHARED, /* reads, beside other readers */
	SMV_DEVICE_CLAIM_READ, /* reads, nobody else may have it open for use */
	SMV_DEVICE_CLAIM, /* reads and writes, nobody else may */
};

struct smv_device {
	int fd;
	int lock_fd; /* holds the lock; read through the page cache, for libblkid */
	char *path; /* as given */
	bool block; /* a block device, else an image file */
	dev_t dev; /* of a block device: its number; of a file: where it lies */
	ino_t ino; /* of a file */
	u64 bytes;
	void *bounce; /* aligned, SMV_IO_BLOCKS blocks */
};

/* -EBUSY: in use; -EWOULDBLOCK: locked, for three seconds; -EISDIR, -ENOTBLK, -ENOENT, -EACCES, ... */
int smv_device_open(struct smv_device *device, const char *path, enum smv_device_mode mode);
void smv_device_close(struct smv_device *device);
/* The same, and says what was wrong: 0 or 1. */
int smv_device_must_open(struct smv_device *device, const char *path, enum smv_device_mode mode);
/* What an error of opening means and what to do about it. */
const char *smv_device_explain(int error);

bool smv_device_same(const struct smv_device *a, const struct smv_device *b);

/* One block, or what the engine asks for. 0 or a negative error. */
int smv_device_read_block(struct smv_device *device, u64 block, void *buffer);
int smv_device_io(struct smv_device *device, const struct smv_io *io);
/*
 * Bytes at any place in whole sectors; @buffer need not be aligned. Read are the whole blocks around
 * them, as a disk may take nothing smaller.
 */
int smv_device_read(struct smv_device *device, u64 offset, void *buffer, size_t bytes);
int smv_device_write(struct smv_device *device, u64 offset, const void *buffer, size_t bytes);
int smv_device_flush(struct smv_device *device);

/* Where the device is mounted, NULL: nowhere. To be freed. */
char *smv_device_mounted(dev_t dev);
/* The same, of it or of what lies on it. */
char *smv_device_mounted_upon(dev_t dev);
/*
 * Makes durable what is mounted on the device, or on one upon it, and is not frozen with the device: see
 * mounts.c. 0, or a negative error: *@where, to be freed, is the mount. Nothing that lies on a suspended device.
 */
int smv_device_sync(dev_t dev, char **where);
/*
 * Who uses the device itself: where it is mounted, or what lies on it, but device-mapper devices whose
 * uuid @is_own takes. To be freed; NULL: nobody.
 */
char *smv_device_user(dev_t dev, bool (*is_own)(void *context, const char *uuid), void *context);
/* Is the file, or block device, attached to any loop device? Not known: true. */
bool smv_device_has_loop(const char *path);
/* Does @dev lie on @on: as a partition of it, or through device-mapper, md or loop? */
bool smv_device_lies_on(dev_t dev, dev_t on);
/*
 * The same, block by block: not through a filesystem, as a loop device's file, nor a snapshot.
 * Of a file that cannot be looked at: true.
 */
bool smv_device_maps(dev_t dev, dev_t to);
bool smv_device_maps_file(dev_t dev, const char *path);
/* Is @dev what @path leads to, a device or a file, or mapped to it block by block, not through a volume of ours? */
bool smv_device_is_within(dev_t dev, const char *path);
bool smv_device_is_suspended(dev_t dev);
/* Is it, or anything it lies on? */
bool smv_device_waits(dev_t dev);
/* The first line of a file in sysfs or procfs without blanks at its ends; false: none. */
bool smv_device_sysfs(const char *path, char *text, size_t bytes);
/* A file that holds "8:1"; false: it does not. */
bool smv_device_number(const char *path, dev_t *dev);
/* Is it a device of ours: a store's, or a volume's? */
bool smv_device_is_ours(dev_t dev);
/* "/sys/dev/block/8:1/@name" */
bool smv_device_attribute(dev_t dev, const char *name, char *text, size_t bytes);

#endif
