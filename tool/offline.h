/* SPDX-License-Identifier: GPL-2.0-only */
/* What the offline tools share: check, dump, restore, repair. */
#ifndef SMV_OFFLINE_H
#define SMV_OFFLINE_H

#include "device.h"
#include "image.h"
#include "replay.h"

/* Opens a store's device; refuses an active store by name. 0, or 1: said why not. */
int smv_offline_open(const char *path, struct smv_device *device, enum smv_device_mode mode);

/* The device's blocks for the engine; it stays the caller's. */
struct smv_reader smv_offline_reader(struct smv_device *device);

/* Writes the image (see inspect/image.h), then checks the device. 0, or 1: said why not. */
int smv_offline_write(struct smv_device *device, const struct smv_image *image);

#endif
