/* SPDX-License-Identifier: GPL-2.0-only */
/* A fingerprint of an origin's contents, to notice that it was changed without us. */
#ifndef SMV_FINGERPRINT_H
#define SMV_FINGERPRINT_H

#include "device.h"

#define SMV_FINGERPRINT_BYTES 64

/* Of the first @sectors of the device. 0 or a negative error. */
int smv_fingerprint_make(struct smv_device *device, u64 sectors, u8 *fingerprint);
/* All zeroes: none was recorded. */
bool smv_fingerprint_is_set(const u8 *fingerprint);

#endif
