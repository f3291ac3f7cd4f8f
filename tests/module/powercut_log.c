// SPDX-License-Identifier: GPL-2.0
/*
 * The log of what reaches the disks, see crashlog.h. It promises that the order of records
 * is one in which things can have happened: a request's first record is written before
 * anything of it is visible, its last one before its sender hears of its end.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "powercut_log.h"

unsigned int log_hold_most;

static FILE *file;
static uint64_t next_id = 1;

static void put(const void *data, size_t length)
{
	if (!length || fwrite(data, length, 1, file) == 1)
		return;
	nbdkit_error("the log: %s", strerror(errno));
	abort();
}

int log_open(const char *path, const struct crashlog_header *header)
{
	file = fopen(path, "we");
	if (!file) {
		nbdkit_error("%s: %s", path, strerror(errno));
		return -1;
	}
	put(header, sizeof(*header));
	return 0;
}

uint64_t log_write(unsigned int disk, const void *data, uint32_t length, uint64_t offset, int fua)
{
	struct crashlog_record record = { .type = CRASHLOG_WRITE,
					  .disk = (uint16_t)disk,
					  .fua = !!fua,
					  .offset = offset,
					  .length = length,
					  .id = next_id++ };

	put(&record, sizeof(record));
	put(data, length);
	return record.id;
}

uint64_t log_event(unsigned int disk, enum crashlog_type type, uint64_t id)
{
	struct crashlog_record record = { .type = type,
					  .disk = (uint16_t)disk,
					  .id = id ? id : next_id++ };

	put(&record, sizeof(record));
	return record.id;
}

void log_mark(unsigned int disk, const char *text, size_t length)
{
	struct crashlog_record record = { .type = CRASHLOG_MARK,
					  .disk = (uint16_t)disk,
					  .length = length,
					  .id = next_id++ };

	put(&record, sizeof(record));
	put(text, length);
}

int log_flush(void)
{
	return fflush(file);
}

void log_hold(uint64_t id)
{
	uint64_t z = id * 0x9e3779b97f4a7c15u;

	if (log_hold_most)
		usleep((useconds_t)((z ^ z >> 29) >> 16) % log_hold_most);
}
