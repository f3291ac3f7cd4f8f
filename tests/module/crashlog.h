/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log of everything that reached the disks of a power cut scenario, in one
 * order over all disks: written by powercut.c, replayed by tests/replay.
 *
 * A header, then records; a WRITE's data and a MARK's text follow their record. A write
 * is on its way from its WRITE to its DONE, a flush from FLUSH to FLUSHED, by the
 * same id. A mark is what the guest itself says, between what it had done before and
 * what it does after.
 */
#ifndef SMV_CRASHLOG_H
#define SMV_CRASHLOG_H

#include <stdint.h>

#define CRASHLOG_MAGIC 0x31474f4c48535243u
#define CRASHLOG_DISKS 16
#define CRASHLOG_SECTOR 512u

enum crashlog_type {
	CRASHLOG_WRITE = 1,
	CRASHLOG_DONE = 2,
	CRASHLOG_FLUSH = 3,
	CRASHLOG_FLUSHED = 4,
	CRASHLOG_MARK = 5,
};

struct crashlog_header {
	uint64_t magic;
	uint64_t disks;
	struct {
		char name[32];
		uint64_t bytes;
	} disk[CRASHLOG_DISKS];
};

struct crashlog_record {
	uint32_t type;
	uint16_t disk;
	uint16_t fua;
	uint64_t offset; /* bytes */
	uint64_t length; /* bytes, of what follows */
	uint64_t id;
};

#endif
