/* SPDX-License-Identifier: GPL-2.0 */
/* The control socket of the plugin powercut.c: one line a connection, one line in answer. */
#ifndef SMV_POWERCUT_CONTROL_H
#define SMV_POWERCUT_CONTROL_H

#include <stddef.h>

/* Answers every line by @obey, in a thread. 0, or -1 and nbdkit has been told. */
int control_start(const char *path, void (*obey)(const char *line, char *answer, size_t size));

#endif
