/* SPDX-License-Identifier: GPL-2.0-only */
/* Moves a rollback's data while the store is not active. */
#ifndef SMV_MOVER_H
#define SMV_MOVER_H

#include "host_user.h"

/*
 * Runs the rollback of @origin, whose device is claimed, to its end. 0 or a negative error;
 * -ENODATA: chunks that the source has lost are pending.
 */
int smv_mover_run(struct smv_host_store *host, struct smv_volume *origin,
		  struct smv_device *device);

#endif
