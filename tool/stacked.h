/* SPDX-License-Identifier: GPL-2.0-only */
/* Stores upon stores. */
#ifndef SMV_STACKED_H
#define SMV_STACKED_H

#include "device.h"
#include "target.h"

/*
 * For bringing all up: each store after those whose volumes are its origins. Returns how many those are;
 * behind them come those that lie on an origin of another, and are stores only through that.
 */
u32 smv_stacked_order(struct smv_store_ref *refs, u32 count);
/*
 * Is the device, which is to be written over, an origin of a store that can be found, but of the one on
 * @own, which the caller has open? 0, or 1: said so.
 */
int smv_stacked_check_target(const struct smv_device *device, const struct smv_device *own);

#endif
