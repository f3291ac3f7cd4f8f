/* SPDX-License-Identifier: GPL-2.0-only */
/* By what an origin's device is recognised: "kind:text". */
#ifndef SMV_IDENTITY_H
#define SMV_IDENTITY_H

#include "device.h"
#include "format.h"

/*
 * The identity of an open device: dmuuid, else partuuid, else wwid, else
 * serial, else path. @text: SMV_IDENTITY_BYTES. -ENAMETOOLONG.
 */
int smv_identity_make(const struct smv_device *device, char *text);

/*
 * The path of the one device that has this identity (to be freed).
 * -ENOENT: none; -ENOTUNIQ: several.
 */
int smv_identity_find(const char *identity, char **path);

/* "/dev/sda" for a block device's number; to be freed; NULL: unknown. */
char *smv_identity_node(dev_t dev);

#endif
