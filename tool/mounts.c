// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is mounted on a device, and writing that out. It promises to find also filesystems that report
 * another device number than one they lie on: by their source's path, and btrfs by all its
 * devices whatever they are called now and whoever mounted it; and that what the kernel does not freeze
 * for a snapshot is durable when smv_device_sync() returns.
 *
 * It only looks, and syncs: a crash leaves nothing. Weak side: of another filesystem of several devices
 * the source is all that is known; and a mount in another namespace is not, but of btrfs, and of what
 * lies on the device itself, which the kernel freezes.
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/btrfs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "device.h"
#include "text.h"

#define BTRFS "/sys/fs/btrfs/"
#define UUID_TEXT 36

/* -- /proc/self/mountinfo -------------------------------------------------------------- */

struct mounts {
	FILE *file;
	char *line;
	size_t room;
	unsigned long long id;
	dev_t fs; /* that it reports: the device it lies on, or none */
	char *where, *type, *source;
};

/* Undoes the "\040" of mountinfo. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					(text[3] - '0'));
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = 0;
}

static void free_texts(struct mounts *m)
{
	free(m->where);
	free(m->type);
	free(m->source);
	m->where = NULL;
	m->type = NULL;
	m->source = NULL;
}

static bool parse(struct mounts *m)
{
	const char *dash = strstr(m->line, " - ");
	u32 major, minor;

	free_texts(m);
	if (!dash ||
	    sscanf(m->line, "%llu %*d %u:%u %*s %ms", &m->id, &major, &minor, &m->where) != 4 ||
	    sscanf(dash, " - %ms %ms", &m->type, &m->source) != 2)
		return false;
	m->fs = makedev(major, minor);
	unescape(m->where);
	unescape(m->source);
	return true;
}

/* Of a struct of zeroes the first one; end_mounts() frees it. */
static bool next_mount(struct mounts *m)
{
	if (!m->file)
		m->file = fopen("/proc/self/mountinfo", "re");
	while (m->file && getline(&m->line, &m->room, m->file) > 0)
		if (parse(m))
			return true;
	return false;
}

static void end_mounts(struct mounts *m)
{
	free_texts(m);
	free(m->line);
	if (m->file)
		fclose(m->file);
}

static dev_t source_of(const struct mounts *m)
{
	struct stat st;

	return *m->source == '/' && !stat(m->source, &st) && S_ISBLK(st.st_mode) ? st.st_rdev : 0;
}

/* The device it lies on; 0: none that is known. */
static dev_t device_of(const struct mounts *m)
{
	return major(m->fs) ? m->fs : source_of(m);
}

static bool is_btrfs(const struct mounts *m)
{
	return !strcmp(m->type, "btrfs");
}

/* -- btrfs ------------------------------------------------------------------------------- */

struct uuid {
	char text[UUID_TEXT + 1];
};

static bool is_same(dev_t dev, dev_t other)
{
	return dev == other;
}

static bool is_syncable_on(dev_t dev, dev_t on)
{
	return smv_device_lies_on(dev, on) && !smv_device_waits(dev);
}

/* Those with a device that @on takes, beside @dev, each once; to be freed. */
static u32 find_btrfs(dev_t dev, bool (*on)(dev_t one, dev_t dev), struct uuid **found)
{
	glob_t paths;
	u32 count = 0;

	*found = NULL;
	if (glob(BTRFS "*/devices/*/dev", 0, NULL, &paths))
		return 0;
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		const char *text = paths.gl_pathv[i] + strlen(BTRFS);
		dev_t one;

		if (strcspn(text, "/") != UUID_TEXT ||
		    !smv_device_number(paths.gl_pathv[i], &one) ||
		    (count && !strncmp((*found)[count - 1].text, text, UUID_TEXT)) || !on(one, dev))
			continue;
		*found = smv_text_grow(*found, (count + 1) * sizeof(**found));
		snprintf((*found)[count++].text, sizeof((*found)->text), "%s", text);
	}
	globfree(&paths);
	return count;
}

/* Is the directory, or file, in one of them? */
static bool is_in(int fd, const struct uuid *found, u32 count)
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	char text[UUID_TEXT + 1];

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &info))
		return false;
	smv_text_uuid(info.fsid, text);
	for (u32 i = 0; i < count; i++)
		if (!strcmp(found[i].text, text))
			return true;
	return false;
}

/* -- looking ------------------------------------------------------------------------------- */

/* Not what waits, or does something, when it is opened. -ESTALE: something else is mounted over it. */
static int open_mount(const struct mounts *m)
{
	struct statx st;
	int fd;

	if (statx(AT_FDCWD, m->where, AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID, &st))
		return -errno;
	if ((st.stx_mask & STATX_MNT_ID && st.stx_mnt_id != m->id) ||
	    (!S_ISDIR(st.stx_mode) && !S_ISREG(st.stx_mode)))
		return -ESTALE;
	fd = open(m->where, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool is_mounted_in(const struct mounts *m, const struct uuid *found, u32 count)
{
	int fd = count && is_btrfs(m) ? open_mount(m) : -1;
	bool in = fd >= 0 && is_in(fd, found, count);

	if (fd >= 0)
		close(fd);
	return in;
}

static char *mounted(dev_t dev, bool (*on)(dev_t one, dev_t dev))
{
	struct mounts m = { 0 };
	char *where = NULL;
	struct uuid *found;
	u32 count = find_btrfs(dev, on, &found);

	while (!where && next_mount(&m))
		if (on(device_of(&m), dev) || is_mounted_in(&m, found, count))
			where = smv_text_printf("%s", m.where);
	end_mounts(&m);
	if (!where && count)
		where = smv_text_printf("a place not seen from here, as btrfs %s", found->text);
	free(found);
	return where;
}

char *smv_device_mounted(dev_t dev)
{
	return mounted(dev, is_same);
}

char *smv_device_mounted_upon(dev_t dev)
{
	return mounted(dev, smv_device_lies_on);
}

/* -- writing out ------------------------------------------------------------------------------ */

struct sync {
	dev_t dev;
	struct uuid *btrfs;
	u32 count;
	u32 filesystems;
	struct {
		dev_t fs;
		bool is_btrfs, done;
	} * fs;
};

/* Not on the device itself, with which the kernel freezes it. */
static bool is_upon(const struct sync *s, const struct mounts *m)
{
	dev_t on = device_of(m);

	return m->fs != s->dev && on && is_syncable_on(on, s->dev);
}

/* The filesystem's place in the list, where it is once however often it is mounted. */
static u32 place_of(struct sync *s, const struct mounts *m)
{
	for (u32 i = 0; i < s->filesystems; i++)
		if (s->fs[i].fs == m->fs)
			return i;
	s->fs = smv_text_grow(s->fs, (s->filesystems + 1) * sizeof(*s->fs));
	memset(&s->fs[s->filesystems], 0, sizeof(*s->fs));
	s->fs[s->filesystems].fs = m->fs;
	s->fs[s->filesystems].is_btrfs = is_btrfs(m);
	return s->filesystems++;
}

static int sync_mount(struct sync *s, const struct mounts *m)
{
	int fd, rc = 0;
	u32 i;

	if (is_btrfs(m) ? !s->count : !is_upon(s, m))
		return 0;
	fd = open_mount(m);
	if (!is_btrfs(m) || (fd >= 0 && is_in(fd, s->btrfs, s->count))) {
		i = place_of(s, m);
		if (fd >= 0 && !s->fs[i].done)
			rc = syncfs(fd) ? -errno : 0;
		s->fs[i].done |= fd >= 0;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* One that cannot be reached through any mount, as it is hidden, or in another namespace. */
static bool is_any_left(const struct sync *s)
{
	u32 btrfs = 0;

	for (u32 i = 0; i < s->filesystems; i++) {
		if (!s->fs[i].done)
			return true;
		btrfs += s->fs[i].is_btrfs;
	}
	return btrfs < s->count;
}

int smv_device_sync(dev_t dev, char **where)
{
	struct sync s = { .dev = dev };
	struct mounts m = { 0 };
	int rc = 0;

	*where = NULL;
	if (smv_device_is_suspended(dev))
		return 0;
	s.count = find_btrfs(dev, is_syncable_on, &s.btrfs);
	while (!rc && next_mount(&m)) {
		rc = sync_mount(&s, &m);
		if (rc)
			*where = smv_text_printf("%s", m.where);
	}
	end_mounts(&m);
	if (!rc && is_any_left(&s))
		sync();
	free(s.btrfs);
	free(s.fs);
	return rc;
}
