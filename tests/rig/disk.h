/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An emulated block device with a volatile write cache.
 *
 * A write is issued, and later completes; what has completed lies in the cache
 * until a flush issued after that has ended (or it was written with fua). A read
 * beside a write in flight may see either. Two writes to one sector in flight at
 * once land in any order. Sectors (512 bytes) are never torn, everything larger
 * can be. A power cut keeps any choice of what had not been flushed.
 */
#ifndef SMV_RIG_DISK_H
#define SMV_RIG_DISK_H

#include "random.h"

#define DISK_SECTOR 512u

struct disk;

struct disk_request {
	u64 id;
	u64 sector;
	u32 count;
	int error; /* what it will end with */
};

enum disk_kind { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_KINDS };

/* Which of the unflushed writes a power cut keeps. */
enum disk_cut {
	DISK_CUT_NONE,
	DISK_CUT_ALL,
	DISK_CUT_ONE, /* only request number @pick */
	DISK_CUT_BUT_ONE, /* all others */
	DISK_CUT_PREFIX, /* those issued before request number @pick */
	DISK_CUT_REQUESTS, /* each request or not, by chance */
	DISK_CUT_SECTORS, /* each sector, any of its values, by chance */
	DISK_CUTS
};

struct disk_stats {
	u64 requests[DISK_KINDS];
	u64 sectors[DISK_KINDS];
	u64 fua;
	u64 errors;
	u64 cuts;
};

/* Every sector begins as @fill repeated. Aborts without memory. */
struct disk *disk_new(u64 sectors, u32 fill, u64 seed);
/* Its cache too; what is in flight can be cut in the copy, but not completed. */
struct disk *disk_clone(const struct disk *disk);
void disk_delete(struct disk *disk);
u64 disk_sectors(const struct disk *disk);

int disk_read(struct disk *disk, u64 sector, u32 count, void *data);

/* Takes the data at once. */
struct disk_request disk_write_begin(struct disk *disk, u64 sector, u32 count, const void *data);
/* An error: any part of it may have arrived. */
int disk_write_end(struct disk *disk, const struct disk_request *request, bool fua);

/* What completed before begin is durable after end. */
struct disk_request disk_flush_begin(struct disk *disk);
int disk_flush_end(struct disk *disk, const struct disk_request *request);

/* Changes whenever a request is issued or completes. */
u64 disk_events(const struct disk *disk);

/* Requests that a power cut now could keep or lose. */
u32 disk_unflushed(const struct disk *disk);
void disk_cut(struct disk *disk, enum disk_cut how, u32 pick);
/* The machine restarts, the cache stays: what was in flight arrived or not. */
void disk_reboot(struct disk *disk);

/*
 * The @nth request of this kind from now on (1: the next) fails, and, if
 * @forever, all after it. 0: none.
 */
void disk_fail(struct disk *disk, enum disk_kind kind, u64 nth, bool forever);
/* Has that failure happened? */
bool disk_has_failed(const struct disk *disk);

const struct disk_stats *disk_stats(const struct disk *disk);

#endif
