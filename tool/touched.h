/* SPDX-License-Identifier: GPL-2.0-only */
/* Origins that were written, or are in use, without the module while they have snapshots. */
#ifndef SMV_TOUCHED_H
#define SMV_TOUCHED_H

#include "backend.h"
#include "device.h"

/*
 * Is the origin, whose device is down, as it was when its fingerprint was recorded? 0: it is, or there
 * is nothing to compare; -EUCLEAN: it is not; else it cannot be read.
 */
int smv_touched_compare(struct smv_backend *backend, const struct smv_vol *origin);
/* The same, refused: 0, or 1: said why and that @way accepts it. */
int smv_touched_check(struct smv_backend *backend, const struct smv_vol *origin, const char *way);
/* Marks its snapshots suspect, then records what is there now. 0 or a negative error. */
int smv_touched_accept(struct smv_backend *backend, struct smv_vol *origin);
/*
 * Records what is on the device (NULL: on the origin's) now, flushed; none if it cannot be read, with
 * a warning if it has snapshots.
 */
int smv_touched_record(struct smv_backend *backend, struct smv_vol *origin,
		       struct smv_device *device);
/* The same of the device that its own one lay on, whatever else has its identity by now; 0: not known. */
int smv_touched_record_on(struct smv_backend *backend, struct smv_vol *origin, dev_t dev);
/* It is about to be changed, by its own device or a rollback's move. 0 or a negative error. */
int smv_touched_forget(struct smv_backend *backend, struct smv_vol *origin);
/*
 * Before its first snapshot is taken, or if none is there: from now on the origin must not be
 * changed. What was recorded while it has snapshots stays: it has been compared.
 */
int smv_touched_begin(struct smv_backend *backend, struct smv_vol *origin,
		      struct smv_device *device);

/*
 * Does anything but the store's own volumes use the device of an origin that is down: mounted, or
 * under another device? The kernel lets all of device-mapper share a claim. And, with @claims, claimed
 * by anything else, which the kernel would refuse itself if a volume were to come up. 0, or 1: said what.
 */
int smv_touched_in_use(struct smv_backend *backend, const struct smv_vol *origin, bool claims);

#endif
