// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices and image files. It promises that a device opened to be changed is
 * this process's alone (O_EXCL for block devices: whatever is mounted or under
 * a device-mapper device refuses; so does a loop device on it, which claims
 * nothing itself; a lock on the file besides, which other runs of the tool wait
 * for), and that no page cache lies between us and the device (the module's own
 * writes do not pass through it).
 *
 * All transfers go through one aligned buffer. A crash leaves what was
 * written and flushed; the order is the engine's. Weak side: an image file on a
 * file system without O_DIRECT is written through the page cache.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>
#include "device.h"
#include "text.h"

#define LOCK_TRIES 60 /* of 50 ms: udev's probing holds a lock for a moment */

static int lock_file(int fd, int how)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, how | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		usleep(50000);
	}
	return -EWOULDBLOCK;
}

static int check_kind(struct smv_device *device, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return -ENOTBLK;
	device->block = S_ISBLK(st.st_mode);
	device->dev = device->block ? st.st_rdev : st.st_dev;
	device->ino = device->block ? 0 : st.st_ino;
	device->bytes = (u64)st.st_size;
	if (device->block && ioctl(fd, BLKGETSIZE64, &device->bytes))
		return -errno;
	return 0;
}

static int open_direct(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_fds(struct smv_device *device, const char *path, enum smv_device_mode mode)
{
	bool claim = mode >= SMV_DEVICE_CLAIM_READ;
	int rc;

	/* O_NONBLOCK: opening a FIFO must not wait for its other end */
	device->lock_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (device->lock_fd < 0)
		return -errno;
	rc = check_kind(device, device->lock_fd);
	if (!rc && mode != SMV_DEVICE_PEEK)
		rc = lock_file(device->lock_fd, claim ? LOCK_EX : LOCK_SH);
	if (!rc && claim && smv_device_has_loop(path))
		rc = -EBUSY;
	if (rc)
		return rc;
	rc = open_direct(path, (mode == SMV_DEVICE_CLAIM ? O_RDWR : O_RDONLY) |
				       (claim && device->block ? O_EXCL : 0));
	if (rc < 0)
		return rc;
	device->fd = rc;
	return check_kind(device, device->fd);
}

int smv_device_open(struct smv_device *device, const char *path, enum smv_device_mode mode)
{
	int rc;

	memset(device, 0, sizeof(*device));
	device->fd = -1;
	device->lock_fd = -1;
	rc = open_fds(device, path, mode);
	device->path = smv_text_printf("%s", path);
	if (!rc &&
	    posix_memalign(&device->bounce, SMV_BLOCK_BYTES, SMV_IO_BLOCKS * SMV_BLOCK_BYTES))
		rc = -ENOMEM;
	if (rc)
		smv_device_close(device);
	return rc;
}

void smv_device_close(struct smv_device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	if (device->lock_fd >= 0)
		close(device->lock_fd);
	free(device->bounce);
	free(device->path);
	memset(device, 0, sizeof(*device));
	device->fd = -1;
	device->lock_fd = -1;
}

const char *smv_device_explain(int error)
{
	switch (-error) {
	case EBUSY:
		return "in use: unmount it, or deactivate what is on it, and try again";
	case EWOULDBLOCK:
		return "in use, locked by another process: wait for that, or end it (see fuser), "
		       "and try again";
	case ENOENT:
	case ENOTDIR:
		return "no such device or file: check the path";
	case EISDIR:
		return "is a directory: name a device or an image file";
	case ENOTBLK:
		return "is neither a block device nor a file: name a device or an image file";
	case EACCES:
	case EPERM:
		return "permission denied: run as root";
	case EROFS:
		return "is read-only: make it writable";
	case ENXIO:
	case ENODEV:
	case ENOMEDIUM:
		return "there is no device behind it: check the path";
	default:
		return NULL;
	}
}

int smv_device_must_open(struct smv_device *device, const char *path, enum smv_device_mode mode)
{
	int rc = smv_device_open(device, path, mode);
	const char *why = smv_device_explain(rc);

	if (!rc)
		return 0;
	return why ? smv_fail(path, "%s", why) :
		     smv_fail(path, "cannot be opened (%s): check the device", strerror(-rc));
}

bool smv_device_same(const struct smv_device *a, const struct smv_device *b)
{
	return a->block == b->block && a->dev == b->dev && a->ino == b->ino;
}

/* -- transfers ---------------------------------------------------------- */

/* @least of @bytes will do: the device may end before them. */
static int transfer(struct smv_device *device, bool write, u64 offset, size_t bytes, size_t least)
{
	u8 *p = device->bounce;
	size_t done = 0;

	while (done < least) {
		off_t at = (off_t)(offset + done);
		ssize_t n = write ? pwrite(device->fd, p + done, bytes - done, at) :
				    pread(device->fd, p + done, bytes - done, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int smv_device_read(struct smv_device *device, u64 offset, void *buffer, size_t bytes)
{
	u8 *out = buffer;

	while (bytes) {
		size_t skip = offset % SMV_BLOCK_BYTES;
		size_t part = SMV_IO_BLOCKS * SMV_BLOCK_BYTES - skip;
		size_t least, whole;
		int rc;

		if (part > bytes)
			part = bytes;
		least = skip + part;
		whole = (least + SMV_BLOCK_BYTES - 1) / SMV_BLOCK_BYTES * SMV_BLOCK_BYTES;
		rc = transfer(device, false, offset - skip, whole, least);
		if (rc)
			return rc;
		memcpy(out, (u8 *)device->bounce + skip, part);
		out += part;
		offset += part;
		bytes -= part;
	}
	return 0;
}

int smv_device_write(struct smv_device *device, u64 offset, const void *buffer, size_t bytes)
{
	const u8 *in = buffer;

	while (bytes) {
		size_t part = SMV_IO_BLOCKS * SMV_BLOCK_BYTES;
		int rc;

		if (part > bytes)
			part = bytes;
		memcpy(device->bounce, in, part);
		rc = transfer(device, true, offset, part, part);
		if (rc)
			return rc;
		in += part;
		offset += part;
		bytes -= part;
	}
	return 0;
}

int smv_device_read_block(struct smv_device *device, u64 block, void *buffer)
{
	return smv_device_read(device, block * SMV_BLOCK_BYTES, buffer, SMV_BLOCK_BYTES);
}

int smv_device_flush(struct smv_device *device)
{
	return fdatasync(device->fd) ? -errno : 0;
}

/* The blocks from @i on that lie side by side on the device. */
static u32 run_of(const struct smv_io *io, u32 i)
{
	u32 n = 1;

	while (i + n < io->count && io->block[i + n] == io->block[i] + n)
		n++;
	return n;
}

static int do_run(struct smv_device *device, const struct smv_io *io, u32 first, u32 count)
{
	bool write = io->op == SMV_IO_WRITE;
	u8 *p = device->bounce;
	int rc;

	for (u32 i = 0; write && i < count; i++)
		memcpy(p + i * SMV_BLOCK_BYTES, io->buffer[first + i], SMV_BLOCK_BYTES);
	rc = transfer(device, write, io->block[first] * SMV_BLOCK_BYTES, count * SMV_BLOCK_BYTES,
		      count * SMV_BLOCK_BYTES);
	for (u32 i = 0; !rc && !write && i < count; i++)
		memcpy(io->buffer[first + i], p + i * SMV_BLOCK_BYTES, SMV_BLOCK_BYTES);
	return rc;
}

int smv_device_io(struct smv_device *device, const struct smv_io *io)
{
	int rc = 0;

	if (io->op == SMV_IO_FLUSH || io->preflush)
		rc = smv_device_flush(device);
	for (u32 i = 0; !rc && io->op != SMV_IO_FLUSH && i < io->count;) {
		u32 n = run_of(io, i);

		rc = do_run(device, io, i, n);
		i += n;
	}
	if (!rc && io->op == SMV_IO_WRITE && io->fua)
		rc = smv_device_flush(device);
	return rc;
}
