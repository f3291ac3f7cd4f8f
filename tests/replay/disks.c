// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disks of a crash log. A write must be durable when a flush that began after
 * its end has ended, or when it has ended and has FUA; until then it may be there,
 * whole or in any part of its sectors, from its arrival on. Where two writes overlap, the
 * later one to arrive is what reads have seen, so it wins among those that are there.
 *
 * The durable content is a file in memory, the cut one a private mapping of it: mending is
 * forgetting its pages.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "disks.h"

#define SECTOR CRASHLOG_SECTOR

struct pending {
	const struct event *event;
	u32 done_at; /* the event behind its end; 0: on its way */
};

enum keep { KEEP_NONE, KEEP_ALL, KEEP_ANY, KEEP_TORN, KEEP_ONE, KEEP_BUT_ONE, KEEPS };

static void disk_begin(struct replay_disk *disk, u64 bytes)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	disk->bytes = bytes;
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		die("replay: no memory for a disk");
	disk->durable = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	disk->cut = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (disk->durable == MAP_FAILED || disk->cut == MAP_FAILED)
		die("replay: no memory for a disk");
	close(fd);
	disk->newest = must_alloc(bytes / SECTOR * sizeof(*disk->newest));
}

void disks_begin(struct disks *disks, const struct crash_log *log)
{
	memset(disks, 0, sizeof(*disks));
	disks->log = log;
	disks->count = (u32)log->header->disks;
	disks->store = log_disk(log, "store");
	for (u32 i = 0; i < disks->count; i++)
		disk_begin(&disks->disk[i], log->header->disk[i].bytes);
}

void disks_end(struct disks *disks)
{
	for (u32 i = 0; i < disks->count; i++) {
		struct replay_disk *disk = &disks->disk[i];

		munmap(disk->durable, disk->bytes);
		munmap(disk->cut, disk->bytes);
		free(disk->newest);
		free(disk->pending);
	}
}

static struct pending *find_pending(struct replay_disk *disk, u64 id)
{
	for (u32 i = disk->pendings; i-- > 0;) {
		if (disk->pending[i].event->record->id == id)
			return &disk->pending[i];
	}
	die("replay: write %llu ends, but never began", (unsigned long long)id);
}

static void write_arrives(struct replay_disk *disk, const struct event *event)
{
	if (disk->pendings == disk->room) {
		disk->room = disk->room ? 2 * disk->room : 64;
		disk->pending = realloc(disk->pending, disk->room * sizeof(*disk->pending));
		if (!disk->pending)
			die("replay: no memory");
	}
	disk->pending[disk->pendings++] = (struct pending){ .event = event };
}

/* One sector of a write reaches @to, unless a later one is durable there. */
static void put_sector(struct replay_disk *disk, u8 *to, const struct event *event, u64 at)
{
	u64 place = event->record->offset + at;

	if (disk->newest[place / SECTOR] < event->record->id)
		memcpy(to + place, event->data + at, SECTOR);
}

static void put(struct replay_disk *disk, u8 *to, const struct event *event)
{
	for (u64 at = 0; at < event->record->length; at += SECTOR)
		put_sector(disk, to, event, at);
}

static void settle(struct replay_disk *disk, const struct event *event)
{
	const struct crashlog_record *record = event->record;

	put(disk, disk->durable, event);
	for (u64 at = 0; at < record->length; at += SECTOR) {
		u64 *newest = &disk->newest[(record->offset + at) / SECTOR];

		if (*newest < record->id)
			*newest = record->id;
	}
}

static void write_ends(struct disks *disks, struct replay_disk *disk, u64 id)
{
	struct pending *pending = find_pending(disk, id);

	pending->done_at = disks->at + 1;
	if (!pending->event->record->fua || (disks->lie == LIE_FUA && disks->at >= disks->lie_from))
		return;
	settle(disk, pending->event);
	memmove(pending, pending + 1,
		(size_t)(&disk->pending[--disk->pendings] - pending) * sizeof(*pending));
}

static void flush_ends(struct disks *disks, u32 number, u64 id)
{
	struct replay_disk *disk = &disks->disk[number];
	u32 flush = disks->at;
	u32 left = 0;

	do {
		if (!flush)
			die("replay: flush %llu ends, but never began", (unsigned long long)id);
		flush--;
	} while (disks->log->event[flush].record->type != CRASHLOG_FLUSH ||
		 disks->log->event[flush].record->id != id);
	for (u32 i = 0; i < disk->pendings; i++) {
		const struct pending *pending = &disk->pending[i];

		if (pending->done_at && pending->done_at <= flush)
			settle(disk, pending->event);
		else
			disk->pending[left++] = *pending;
	}
	disk->pendings = left;
}

static bool flush_counts(const struct disks *disks, u32 disk)
{
	if (disks->at < disks->lie_from)
		return true;
	switch (disks->lie) {
	case LIE_FLUSH:
		return false;
	case LIE_STORE_FLUSH:
		return disk != disks->store;
	case LIE_ORIGIN_FLUSH:
		return disk == disks->store;
	default:
		return true;
	}
}

static void happens(struct disks *disks, const struct event *event)
{
	u32 number = event->record->disk;
	struct replay_disk *disk = &disks->disk[number];

	switch (event->record->type) {
	case CRASHLOG_WRITE:
		write_arrives(disk, event);
		break;
	case CRASHLOG_DONE:
		write_ends(disks, disk, event->record->id);
		break;
	case CRASHLOG_FLUSHED:
		if (flush_counts(disks, number))
			flush_ends(disks, number, event->record->id);
		break;
	default:
		break;
	}
}

void disks_advance(struct disks *disks, u32 at)
{
	for (; disks->at < at; disks->at++)
		happens(disks, &disks->log->event[disks->at]);
}

static bool is_kept(enum keep keep, u32 part, u32 one, u32 i, struct random *random)
{
	switch (keep) {
	case KEEP_NONE:
	case KEEP_TORN:
		return false;
	case KEEP_ALL:
		return true;
	case KEEP_ONE:
		return i == one;
	case KEEP_BUT_ONE:
		return i != one;
	default:
		return random_below(random, 256) < part;
	}
}

static void cut_disk(struct replay_disk *disk, struct random *random)
{
	static const u32 parts[] = { 8, 64, 128, 192, 248 };
	enum keep keep = random ? (enum keep)random_below(random, KEEPS) : KEEP_ALL;
	u32 part = random ? parts[random_below(random, 5)] : 0;
	u32 one = random && disk->pendings ? (u32)random_below(random, disk->pendings) : 0;

	for (u32 i = 0; i < disk->pendings; i++) {
		const struct event *event = disk->pending[i].event;

		if (is_kept(keep, part, one, i, random))
			put(disk, disk->cut, event);
		for (u64 at = 0; keep == KEEP_TORN && at < event->record->length; at += SECTOR) {
			if (random_below(random, 256) < part)
				put_sector(disk, disk->cut, event, at);
		}
	}
}

void disks_cut(struct disks *disks, struct random *random)
{
	for (u32 i = 0; i < disks->count; i++)
		cut_disk(&disks->disk[i], random);
}

void disks_mend(struct disks *disks)
{
	for (u32 i = 0; i < disks->count; i++) {
		if (madvise(disks->disk[i].cut, disks->disk[i].bytes, MADV_DONTNEED))
			die("replay: madvise");
	}
}

u64 disks_pending(const struct disks *disks)
{
	u64 count = 0;

	for (u32 i = 0; i < disks->count; i++)
		count += disks->disk[i].pendings;
	return count;
}
