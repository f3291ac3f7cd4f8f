/* SPDX-License-Identifier: GPL-2.0-only */
/* A crash log (tests/module/crashlog.h), as an array of events. */
#ifndef SMV_REPLAY_LOG_H
#define SMV_REPLAY_LOG_H

#include "../module/crashlog.h"
#include "types.h"

struct event {
	const struct crashlog_record *record;
	const u8 *data;
};

struct crash_log {
	const struct crashlog_header *header;
	struct event *event;
	u32 events;
};

/* Dies if there is no log, or one that is damaged; a last record cut short is left out. */
void log_read(struct crash_log *log, const char *path);
/* The number of a disk; dies if there is none. */
u32 log_disk(const struct crash_log *log, const char *name);
/* A mark's text, in a buffer of its own until the next call. */
const char *log_text(const struct event *event);

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* calloc(), or death. */
void *must_alloc(size_t bytes);

#endif
