/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's memory in tests: every allocation is counted, its size checked
 * when it is freed, and the n-th can be made to fail.
 */
#ifndef RIG_HOST_H
#define RIG_HOST_H

#include "types.h"

extern const struct smv_host rig_host;

/* Forgets the failure asked for; the counters of what is allocated stand. */
void rig_host_reset(void);

/* The @n-th allocation from now fails (1: the next one), once; 0: none. */
void rig_host_fail_at(u64 n);

/* Every allocation fails from now on, until it is called with false. */
void rig_host_fail_all(bool fail);

/* Has the failure asked for happened? */
bool rig_host_has_failed(void);

/* Allocations since the start; what is allocated now, in pieces and in bytes. */
u64 rig_host_allocations(void);
u64 rig_host_live(void);
u64 rig_host_live_bytes(void);

#endif
