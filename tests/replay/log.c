// SPDX-License-Identifier: GPL-2.0-only
/* Reads a crash log: maps it, and remembers where each record is. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "log.h"

void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

void *must_alloc(size_t bytes)
{
	void *memory = calloc(1, bytes ? bytes : 1);

	if (!memory)
		die("replay: no memory");
	return memory;
}

static void add_event(struct crash_log *log, const struct crashlog_record *record)
{
	if (!(log->events & (log->events - 1))) {
		u32 room = log->events ? 2 * log->events : 1;

		log->event = realloc(log->event, room * sizeof(*log->event));
		if (!log->event)
			die("replay: no memory");
	}
	log->event[log->events++] = (struct event){ record, (const u8 *)(record + 1) };
}

static bool is_sound(const struct crash_log *log, const struct crashlog_record *record)
{
	if (record->type < CRASHLOG_WRITE || record->type > CRASHLOG_MARK ||
	    record->disk >= log->header->disks)
		return false;
	return record->type != CRASHLOG_WRITE ||
	       record->offset + record->length <= log->header->disk[record->disk].bytes;
}

void log_read(struct crash_log *log, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const u8 *map = MAP_FAILED;
	struct stat st;
	u64 at = sizeof(struct crashlog_header);

	memset(log, 0, sizeof(*log));
	if (fd >= 0 && !fstat(fd, &st) && st.st_size)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		die("replay: %s cannot be read", path);
	close(fd);
	log->header = (const struct crashlog_header *)map;
	if (at > (u64)st.st_size || log->header->magic != CRASHLOG_MAGIC ||
	    log->header->disks > CRASHLOG_DISKS)
		die("replay: %s is no crash log", path);
	while (at + sizeof(struct crashlog_record) <= (u64)st.st_size) {
		/* records are as long as what they hold: copy, they may lie unaligned */
		struct crashlog_record *record = must_alloc(sizeof(*record));

		memcpy(record, map + at, sizeof(*record));
		if (!is_sound(log, record))
			die("replay: %s is damaged at byte %llu", path, (unsigned long long)at);
		if (record->length > (u64)st.st_size - at - sizeof(*record)) {
			free(record);
			break;
		}
		add_event(log, record);
		log->event[log->events - 1].data = map + at + sizeof(*record);
		at += sizeof(*record) + record->length;
	}
}

u32 log_disk(const struct crash_log *log, const char *name)
{
	for (u32 i = 0; i < log->header->disks; i++) {
		if (!strcmp(log->header->disk[i].name, name))
			return i;
	}
	die("replay: no disk %s in the log", name);
}

const char *log_text(const struct event *event)
{
	static char text[CRASHLOG_SECTOR + 1];

	memcpy(text, event->data, event->record->length);
	text[event->record->length] = '\0';
	return text;
}
