/* SPDX-License-Identifier: GPL-2.0 */
/* Requests that fail or are held, as the guest asks for: a part of the plugin powercut.c. */
#ifndef SMV_POWERCUT_TROUBLE_H
#define SMV_POWERCUT_TROUBLE_H

#include <stdbool.h>

enum trouble_kind { TROUBLE_READ, TROUBLE_WRITE, TROUBLE_FLUSH, TROUBLE_KINDS };

/*
 * FAIL DISK read|write|flush N COUNT   the N-th request of the kind from now, and those
 *                                      after it, COUNT in all, fail
 * HOLD DISK read|write|flush N MS      the N-th is held so long before it is carried out
 * CALM                                 none of these any more
 *
 * true: the text was one of them. Under the server's lock, as is trouble_of().
 */
bool trouble_command(const char *text);

/* What a request meets: milliseconds that it is held, or -1: it fails. */
int trouble_of(const char *disk, enum trouble_kind kind);

#endif
