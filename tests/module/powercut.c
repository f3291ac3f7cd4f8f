// SPDX-License-Identifier: GPL-2.0
/*
 * Disks that lose what was not flushed: a plugin for nbdkit.
 *
 * usage: nbdkit build/powercut.so disk=NAME:BYTES:FILE... control=SOCKET
 *                                 [log=FILE [hold=MICROSECONDS]] [points=FOLDER]
 *
 * Each disk is an export. What it promises is what a disk with a volatile cache
 * promises: a read returns the newest write; a write is durable when a FLUSH
 * that began after its completion has completed, or at once if it has FUA; of
 * the others any subset, each torn at any sector, may be durable. FILE holds
 * the durable content, FILE.now what reads see; the difference is the list of
 * unflushed writes, in the order of their completion.
 *
 * All disks of one server lose power together. One line on the control socket
 * is one command, answered by one line:
 *
 *   cut MODE SEED   once no client is connected: a part of the unflushed writes
 *                   becomes durable, the rest is lost. MODE: none, all, any (of
 *                   whole writes), torn (of sectors)
 *   pretend on|off  FLUSH and FUA succeed and do nothing: to see that the tests
 *                   of the rig notice
 *   log             the log so far is in its file
 *   stat            counts
 *
 * With log= every write and flush is recorded (crashlog.h), and each is held at random
 * for up to hold= microseconds before it completes. The disk called `marks' is none: what is
 * written to a sector of it is a text, which goes into the log in its place among
 * the writes. The text `LOAD n' there gives all disks the contents of FOLDER/n/NAME, as after
 * a power cut, before that write completes.
 *
 * Weak side: the order of unflushed writes to one sector is kept among those
 * that survive, as if the cache held all of them and not the newest alone; that
 * permits more outcomes than a real disk, none that it would exclude.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "powercut_control.h"
#include "powercut_log.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define SECTOR 512u
#define MAX_DISKS CRASHLOG_DISKS
#define MAX_UNFLUSHED (256u << 20) /* bytes; the oldest become durable */

struct write {
	struct write *next;
	uint64_t number;
	uint64_t offset;
	uint32_t length;
	unsigned char data[];
};

struct disk {
	char name[64];
	char path[512];
	uint64_t size;
	unsigned char *durable;
	unsigned char *now;
	uint64_t *durable_number; /* of each sector: newest FUA write */
	struct write *first;
	struct write **last;
	uint64_t unflushed; /* bytes */
	uint64_t writes;
	uint64_t fuas;
	uint64_t flushes;
	bool marks;
};

static struct disk disks[MAX_DISKS];
static unsigned int ndisks;
static const char *control_path;
static bool pretend;
static unsigned int clients;
static uint64_t next_number = 1;
static const char *log_path;
static const char *points;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t client_gone = PTHREAD_COND_INITIALIZER;

static unsigned int disk_number(const struct disk *disk)
{
	return (unsigned int)(disk - disks);
}

static int config_disk(const char *value)
{
	struct disk *disk = &disks[ndisks];

	if (ndisks == MAX_DISKS ||
	    sscanf(value, "%63[^:]:%" SCNu64 ":%511s", disk->name, &disk->size, disk->path) != 3 ||
	    disk->size % SECTOR) {
		nbdkit_error("not NAME:BYTES:FILE: %s", value);
		return -1;
	}
	disk->last = &disk->first;
	disk->marks = !strcmp(disk->name, "marks");
	ndisks++;
	return 0;
}

static int powercut_config(const char *key, const char *value)
{
	if (!strcmp(key, "disk"))
		return config_disk(value);
	if (!strcmp(key, "control")) {
		control_path = value;
		return 0;
	}
	if (!strcmp(key, "log")) {
		log_path = value;
		return 0;
	}
	if (!strcmp(key, "points")) {
		points = value;
		return 0;
	}
	if (!strcmp(key, "hold"))
		return nbdkit_parse_unsigned(key, value, &log_hold_most);
	nbdkit_error("unknown parameter %s", key);
	return -1;
}

static int powercut_config_complete(void)
{
	if (!ndisks || !control_path) {
		nbdkit_error("disk= and control= are needed");
		return -1;
	}
	return 0;
}

static unsigned char *map_file(const char *path, uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED) {
		nbdkit_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	return p;
}

static int start_log(void)
{
	struct crashlog_header header = { CRASHLOG_MAGIC, ndisks, {} };

	for (unsigned int i = 0; i < ndisks; i++) {
		snprintf(header.disk[i].name, sizeof(header.disk[i].name), "%.31s", disks[i].name);
		header.disk[i].bytes = disks[i].size;
	}
	return log_open(log_path, &header);
}

static int powercut_get_ready(void)
{
	if (log_path && start_log())
		return -1;
	for (unsigned int i = 0; i < ndisks; i++) {
		struct disk *disk = &disks[i];
		char now[520];

		snprintf(now, sizeof(now), "%s.now", disk->path);
		unlink(now);
		disk->durable = map_file(disk->path, disk->size);
		disk->now = map_file(now, disk->size);
		disk->durable_number = calloc(disk->size / SECTOR, 8);
		if (!disk->durable || !disk->now || !disk->durable_number)
			return -1;
		memcpy(disk->now, disk->durable, disk->size);
	}
	return 0;
}

/* Durable storage, as seen by writes. The lock is held for all of these. */

/* One sector of a write, unless a later FUA write has been there. */
static void settle_sector(struct disk *disk, const struct write *w, uint64_t at)
{
	if (disk->durable_number[(w->offset + at) / SECTOR] > w->number)
		return;
	memcpy(disk->durable + w->offset + at, w->data + at, SECTOR);
}

static void settle(struct disk *disk, const struct write *w)
{
	for (uint64_t at = 0; at < w->length; at += SECTOR)
		settle_sector(disk, w, at);
}

static void drop_first(struct disk *disk)
{
	struct write *w = disk->first;

	disk->first = w->next;
	if (!disk->first)
		disk->last = &disk->first;
	disk->unflushed -= w->length;
	free(w);
}

static void flush_all(struct disk *disk)
{
	while (disk->first) {
		settle(disk, disk->first);
		drop_first(disk);
	}
}

static int add_write(struct disk *disk, const void *buffer, uint32_t length, uint64_t offset)
{
	struct write *w = malloc(sizeof(*w) + length);

	if (!w) {
		nbdkit_error("no memory");
		errno = ENOMEM;
		return -1;
	}
	w->next = NULL;
	w->number = next_number++;
	w->offset = offset;
	w->length = length;
	memcpy(w->data, buffer, length);
	*disk->last = w;
	disk->last = &w->next;
	disk->unflushed += length;
	while (disk->unflushed > MAX_UNFLUSHED) {
		settle(disk, disk->first);
		drop_first(disk);
	}
	return 0;
}

static void write_through(struct disk *disk, const void *buffer, uint32_t length, uint64_t offset)
{
	uint64_t number = next_number++;

	memcpy(disk->durable + offset, buffer, length);
	for (uint64_t at = 0; at < length; at += SECTOR)
		disk->durable_number[(offset + at) / SECTOR] = number;
}

/* A request's end, as late as the guest can have seen it. */
static void log_end(const struct disk *disk, enum crashlog_type type, uint64_t id)
{
	if (!log_path)
		return;
	log_hold(id);
	pthread_mutex_lock(&lock);
	log_event(disk_number(disk), type, id);
	pthread_mutex_unlock(&lock);
}

/* Marks: texts of the guest, one a sector */

static int load_disk(struct disk *disk, const char *number)
{
	char path[1200];
	int fd;
	ssize_t n = -1;

	if (disk->marks)
		return 0;
	snprintf(path, sizeof(path), "%s/%s/%s", points, number, disk->name);
	while (disk->first)
		drop_first(disk);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = pread(fd, disk->durable, disk->size, 0);
		close(fd);
	}
	if (n != (ssize_t)disk->size) {
		nbdkit_error("%s: %s", path, n < 0 ? strerror(errno) : "too short");
		return -1;
	}
	memcpy(disk->now, disk->durable, disk->size);
	return 0;
}

static int mark(const struct disk *disk, const char *text)
{
	size_t length = strnlen(text, SECTOR);
	char number[16];

	if (!length)
		return 0;
	if (points && sscanf(text, "LOAD %15[0-9]", number) == 1) {
		for (unsigned int i = 0; i < ndisks; i++) {
			if (load_disk(&disks[i], number))
				return -1;
		}
	}
	if (log_path)
		log_mark(disk_number(disk), text, length);
	return 0;
}

static int write_marks(const struct disk *disk, const char *buffer, uint32_t count)
{
	int result = 0;

	pthread_mutex_lock(&lock);
	for (uint32_t at = 0; at < count && !result; at += SECTOR)
		result = mark(disk, buffer + at);
	pthread_mutex_unlock(&lock);
	errno = EIO;
	return result;
}

/* What nbdkit calls */

static void *powercut_open(int readonly)
{
	const char *name = nbdkit_export_name();

	(void)readonly;
	for (unsigned int i = 0; name && i < ndisks; i++) {
		if (strcmp(disks[i].name, name))
			continue;
		pthread_mutex_lock(&lock);
		clients++;
		pthread_mutex_unlock(&lock);
		return &disks[i];
	}
	nbdkit_error("no disk %s", name ? name : "(none)");
	return NULL;
}

static void powercut_close(void *handle)
{
	(void)handle;
	pthread_mutex_lock(&lock);
	clients--;
	pthread_cond_broadcast(&client_gone);
	pthread_mutex_unlock(&lock);
}

static int64_t powercut_get_size(void *handle)
{
	const struct disk *disk = handle;

	return (int64_t)disk->size;
}

static int powercut_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
			       uint32_t *maximum)
{
	(void)handle;
	*minimum = SECTOR;
	*preferred = 4096;
	*maximum = 32u << 20;
	return 0;
}

static int powercut_can_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int powercut_pread(void *handle, void *buffer, uint32_t count, uint64_t offset,
			  uint32_t flags)
{
	struct disk *disk = handle;

	(void)flags;
	pthread_mutex_lock(&lock);
	memcpy(buffer, disk->now + offset, count);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int powercut_pwrite(void *handle, const void *buffer, uint32_t count, uint64_t offset,
			   uint32_t flags)
{
	struct disk *disk = handle;
	uint64_t id = 0;
	int result = 0;

	if (disk->marks)
		return write_marks(disk, buffer, count);
	pthread_mutex_lock(&lock);
	disk->writes++;
	if (log_path)
		id = log_write(disk_number(disk), buffer, count, offset, flags & NBDKIT_FLAG_FUA);
	memcpy(disk->now + offset, buffer, count);
	if (flags & NBDKIT_FLAG_FUA)
		disk->fuas++;
	if ((flags & NBDKIT_FLAG_FUA) && !pretend)
		write_through(disk, buffer, count, offset);
	else
		result = add_write(disk, buffer, count, offset);
	pthread_mutex_unlock(&lock);
	log_end(disk, CRASHLOG_DONE, id);
	return result;
}

static int powercut_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	void *zeroes = calloc(1, count);
	int result;

	if (!zeroes) {
		nbdkit_error("no memory");
		errno = ENOMEM;
		return -1;
	}
	result = powercut_pwrite(handle, zeroes, count, offset, flags);
	free(zeroes);
	return result;
}

static int powercut_flush(void *handle, uint32_t flags)
{
	struct disk *disk = handle;
	uint64_t id = 0;

	(void)flags;
	pthread_mutex_lock(&lock);
	disk->flushes++;
	if (log_path)
		id = log_event(disk_number(disk), CRASHLOG_FLUSH, 0);
	if (!pretend)
		flush_all(disk);
	pthread_mutex_unlock(&lock);
	log_end(disk, CRASHLOG_FLUSHED, id);
	return 0;
}

/* Cutting the power */

static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* What part of 256 of the writes to one disk survives: mostly, half, hardly. */
static unsigned int survival(uint64_t *rng)
{
	static const unsigned int parts[] = { 8, 64, 128, 192, 248 };

	return parts[random_next(rng) % 5];
}

static void cut_disk(struct disk *disk, const char *mode, uint64_t *rng, uint64_t *kept,
		     uint64_t *lost)
{
	unsigned int part = survival(rng);

	for (struct write *w = disk->first; w; w = w->next) {
		bool keep = (random_next(rng) & 255) < part;

		if (!strcmp(mode, "all") || (!strcmp(mode, "any") && keep)) {
			settle(disk, w);
			++*kept;
			continue;
		}
		++*lost;
		for (uint64_t at = 0; !strcmp(mode, "torn") && at < w->length; at += SECTOR) {
			if ((random_next(rng) & 255) < part)
				settle_sector(disk, w, at);
		}
	}
	while (disk->first) {
		struct write *w = disk->first;

		memcpy(disk->now + w->offset, disk->durable + w->offset, w->length);
		drop_first(disk);
	}
	msync(disk->durable, disk->size, MS_ASYNC);
}

static void cut(const char *mode, uint64_t seed, char *answer, size_t size)
{
	uint64_t kept = 0;
	uint64_t lost = 0;

	while (clients)
		pthread_cond_wait(&client_gone, &lock);
	for (unsigned int i = 0; i < ndisks; i++)
		cut_disk(&disks[i], mode, &seed, &kept, &lost);
	snprintf(answer, size,
		 "ok cut %s, of the unflushed writes %" PRIu64 " kept, %" PRIu64 " lost\n", mode,
		 kept, lost);
}

static void stat_line(char *answer, size_t size)
{
	size_t used = (size_t)snprintf(answer, size, "ok");

	for (unsigned int i = 0; i < ndisks && used < size; i++)
		used += (size_t)snprintf(answer + used, size - used,
					 " %s writes=%" PRIu64 " fua=%" PRIu64 " flushes=%" PRIu64
					 " unflushed=%" PRIu64,
					 disks[i].name, disks[i].writes, disks[i].fuas,
					 disks[i].flushes, disks[i].unflushed);
	if (used < size)
		snprintf(answer + used, size - used, "\n");
}

static void obey(const char *line, char *answer, size_t size)
{
	char mode[16];
	uint64_t seed;

	pthread_mutex_lock(&lock);
	if (sscanf(line, "cut %15s %" SCNu64, mode, &seed) == 2) {
		cut(mode, seed, answer, size);
	} else if (sscanf(line, "pretend %15s", mode) == 1) {
		pretend = !strcmp(mode, "on");
		snprintf(answer, size, "ok\n");
	} else if (!strncmp(line, "log", 3)) {
		snprintf(answer, size, !log_path || log_flush() ? "no\n" : "ok\n");
	} else if (!strncmp(line, "stat", 4)) {
		stat_line(answer, size);
	} else {
		snprintf(answer, size, "unknown command\n");
	}
	pthread_mutex_unlock(&lock);
}

static int powercut_after_fork(void)
{
	return control_start(control_path, obey);
}

static struct nbdkit_plugin plugin = {
	.name = "powercut",
	.longname = "disks that lose what was not flushed",
	.config = powercut_config,
	.config_complete = powercut_config_complete,
	.get_ready = powercut_get_ready,
	.after_fork = powercut_after_fork,
	.open = powercut_open,
	.close = powercut_close,
	.get_size = powercut_get_size,
	.block_size = powercut_block_size,
	.can_fua = powercut_can_fua,
	.pread = powercut_pread,
	.pwrite = powercut_pwrite,
	.trim = powercut_trim,
	.flush = powercut_flush,
};

NBDKIT_REGISTER_PLUGIN(plugin)
