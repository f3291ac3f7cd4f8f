/* SPDX-License-Identifier: GPL-2.0-only */
/* An origin's device: finding it by what `add' recorded, claiming it. */
#ifndef SMV_ORIGIN_H
#define SMV_ORIGIN_H

#include "backend.h"
#include "device.h"

/* The path of the origin's device, to be freed; NULL: said why not, -1 in *missing if it is only missing. */
char *smv_origin_find(const struct smv_vol *origin, int *error);
/* What smv_origin_find()'s error means and what to do about it. */
const char *smv_origin_explain(int error);

/* Can the device be an origin of the store: neither the store, nor on it, nor its volume? 0 or 1. */
int smv_origin_check(struct smv_backend *backend, const struct smv_device *device);

/* Is it the device that @identity names? */
bool smv_origin_is(const struct smv_device *device, const char *identity);
/* The same, or a part of that one, as a partition of it is: not one that lies on it through a volume of ours. */
bool smv_origin_is_within(const struct smv_device *device, const char *identity);
/* The origin of the store that the device is, or is a part of; NULL: none. */
const struct smv_vol *smv_origin_around(struct smv_backend *backend,
					const struct smv_device *device);
/* Is the device an origin of the store already, of another than @but? 0, or 1: said so. */
int smv_origin_check_new(struct smv_backend *backend, const struct smv_device *device,
			 const struct smv_vol *but);

/* Opens it, claimed, to be read and written; checks its size. 0, or 1: said why not. */
int smv_origin_claim(struct smv_backend *backend, const struct smv_vol *origin,
		     struct smv_device *device);

/* Now, in Unix time. */
u64 smv_now(void);

#endif
