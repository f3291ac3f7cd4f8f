/* SPDX-License-Identifier: GPL-2.0-only */
/* What the disks of a crash log may hold when the power is cut behind any of its events. */
#ifndef SMV_REPLAY_DISKS_H
#define SMV_REPLAY_DISKS_H

#include "log.h"
#include "random.h"

struct pending; /* a write that need not have become durable */

struct replay_disk {
	u64 bytes;
	u8 *durable; /* what the disk must hold */
	u8 *cut; /* one thing it may hold: valid between disks_cut() and disks_mend() */
	u64 *newest; /* of each sector: the id of the write that is durable there */
	struct pending *pending; /* in the order of their arrival */
	u32 pendings, room;
};

/* A bug planted into the disks, as if they did not honour what they are asked. */
enum disks_lie { LIE_NONE, LIE_FLUSH, LIE_FUA, LIE_STORE_FLUSH, LIE_ORIGIN_FLUSH };

struct disks {
	const struct crash_log *log;
	u32 count;
	u32 store; /* whose flushes LIE_STORE_FLUSH forgets */
	enum disks_lie lie;
	u32 lie_from; /* event */
	u32 at; /* events that have happened */
	struct replay_disk disk[CRASHLOG_DISKS];
};

void disks_begin(struct disks *disks, const struct crash_log *log);
void disks_end(struct disks *disks);
/* Lets the events up to @at, not included, happen. */
void disks_advance(struct disks *disks, u32 at);
/*
 * Cuts the power: each disk keeps what it must, and a part of the rest: nothing,
 * everything, any writes, any sectors of them, one write, all but one; chosen for each disk
 * alone. @random NULL: everything.
 */
void disks_cut(struct disks *disks, struct random *random);
/* Forgets the cut and what was written since. */
void disks_mend(struct disks *disks);
u64 disks_pending(const struct disks *disks);

#endif
