/* SPDX-License-Identifier: GPL-2.0-only */
/* What others have left on a device that is to become a store. */
#ifndef SMV_SIGNATURE_H
#define SMV_SIGNATURE_H

#include "device.h"

/* What is on the device, in words; to be freed; NULL: nothing known. */
char *smv_signature_known(struct smv_device *device);
/*
 * Takes away what is known within the first @bytes, and whatever is on block 0; a store's superblocks
 * too, the newest one last, so that an older one is never taken for the store. 0, or a negative error.
 */
int smv_signature_wipe(struct smv_device *device, u64 bytes);
/* The superblocks alone. */
int smv_signature_wipe_store(struct smv_device *device);

#endif
