/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts what a power cut left into files: for the judges, and for a virtual machine. */
#ifndef SMV_REPLAY_EXPORT_H
#define SMV_REPLAY_EXPORT_H

#include "promises.h"

/* FOLDER/said: the marks before event @at, a line each. */
void export_marks(const struct crash_log *log, u32 at, const char *folder);
/* FOLDER/VOLUME for each visible volume of the store: its whole content. */
bool export_volumes(struct cut_store *store, const char *folder);
/* FOLDER/DISK for each disk as it was cut, before any activation. */
void export_disks(const struct disks *disks, const char *folder);
/*
 * FOLDER/expect: a line `must|may NAME SUM' for each snapshot promised, SUM as of helpers/sumdev
 * or - if it may have changed.
 */
bool export_expected(const struct promises *promises, struct cut_store *store, u32 at,
		     const char *folder);

#endif
