/* SPDX-License-Identifier: GPL-2.0-only */
/* Activations of one store that meet, or were killed half way. */
#ifndef SMV_MEET_H
#define SMV_MEET_H

#include "backend.h"
#include "dm.h"

/* Another activation is waited for: two seconds. */
#define SMV_MEET_TRIES 200
#define SMV_MEET_PAUSE_US 10000
#define SMV_MEET_MS (SMV_MEET_TRIES * SMV_MEET_PAUSE_US / 1000)

/* Has another activated it meanwhile, or is about to? Waits for that. */
bool smv_meet_is_up(const struct smv_dm_table *table);
/* Milliseconds of a clock that nobody sets. */
u64 smv_meet_now_ms(void);
/* Has somebody the store on the device in use? */
bool smv_meet_is_in_use(const char *path);
/* Takes away the store's device if a killed activation has left it without a table. */
void smv_meet_clear_store(const char *path);
/* Is the volume's device up? One without a table is taken away, and the volume has none then. */
bool smv_meet_has_device(struct smv_backend *backend, struct smv_vol *vol);

#endif
