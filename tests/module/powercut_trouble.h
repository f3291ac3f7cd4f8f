/* SPDX-License-Identifier: GPL-2.0 */
/* Requests that fail or are held, as the guest asks for: a part of the plugin powercut.c. */
#ifndef SMV_POWERCUT_TROUBLE_H
#define SMV_POWERCUT_TROUBLE_H

#include <stdbool.h>

enum trouble_kind { TROUBLE_READ, TROUBLE_WRITE, TROUBLE_FLUSH, TROUBLE_KINDS };

/*
 * FAIL DISK read|write|flush N COUNT   the N-th request of the kind from now, and those
 *                                      after it, COUNT in all, fail
 * HOLD DISK read|write|flush N         the N-th is held before it is carried out
 * CALM                                 none of these any more; what is held goes on
 *
 * true: the text was one of them. Under the server's lock, as is trouble_of().
 */
bool trouble_command(const char *text);

enum trouble { TROUBLE_NONE, TROUBLE_IS_HELD, TROUBLE_FAILS };

/* What a request meets. One that is held waits until trouble_calms() has changed. */
enum trouble trouble_of(const char *disk, enum trouble_kind kind);
unsigned long trouble_calms(void);

#endif
