/* SPDX-License-Identifier: GPL-2.0 */
/* The writing of a crash log: a part of the plugin powercut.c. The caller serialises. */
#ifndef SMV_POWERCUT_LOG_H
#define SMV_POWERCUT_LOG_H

#include <stddef.h>
#include "crashlog.h"

/* Microseconds that a request is held at most before it ends; 0: not at all. */
extern unsigned int log_hold_most;

/* 0, or -1 and nbdkit has been told. */
int log_open(const char *path, const struct crashlog_header *header);
/* A log that cannot be written ends everything. The ids given back are never 0. */
uint64_t log_write(unsigned int disk, const void *data, uint32_t length, uint64_t offset, int fua);
uint64_t log_event(unsigned int disk, enum crashlog_type type, uint64_t id); /* 0: a new id */
void log_mark(unsigned int disk, const char *text, size_t length);
int log_flush(void);

/* The time between a request's arrival and its end. Without any lock. */
void log_hold(uint64_t id);

#endif
