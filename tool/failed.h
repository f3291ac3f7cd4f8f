/* SPDX-License-Identifier: GPL-2.0-only */
/* Stores that failed in this boot, while their origins went on. */
#ifndef SMV_FAILED_H
#define SMV_FAILED_H

#include <stdbool.h>

struct smv_backend;
struct smv_device;

/* Is the store on the device, which is not active, one that was up in this boot and was not closed? */
bool smv_failed_is(struct smv_device *device);
/*
 * Marks the snapshots of its origins that were up suspect, durably. @backend: the engine's, in use by
 * this boot still. 0, or 1: said why not.
 */
int smv_failed_mark(struct smv_backend *backend);

#endif
