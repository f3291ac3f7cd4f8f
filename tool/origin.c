// SPDX-License-Identifier: GPL-2.0-only
/*
 * An origin's device. It promises that it is the one that was registered: found
 * by its identity, unique, and not smaller than recorded; otherwise refused
 * with the way out.
 */
#include <stdlib.h>
#include <time.h>
#include "identity.h"
#include "origin.h"
#include "text.h"

u64 smv_now(void)
{
	return (u64)time(NULL);
}

const char *smv_origin_explain(int error)
{
	switch (-error) {
	case ENOENT:
		return "its device is not there";
	case ENOTUNIQ:
		return "several devices match its identity";
	case EFBIG:
		return "its device is smaller than recorded";
	default:
		return "its device cannot be opened";
	}
}

char *smv_origin_find(const struct smv_vol *origin, int *error)
{
	struct smv_device device;
	char *path;

	*error = smv_identity_find(origin->info.identity, &path);
	if (*error)
		return NULL;
	*error = smv_device_open(&device, path, SMV_DEVICE_PEEK);
	if (!*error && device.bytes / SMV_SECTOR_BYTES < origin->info.sectors)
		*error = -EFBIG;
	if (*error) {
		free(path);
		path = NULL;
	}
	smv_device_close(&device);
	return path;
}

/* Or the store on the device: what is preserved of it would change it. */
static bool lies_on_store(struct smv_backend *backend, const struct smv_device *device)
{
	struct smv_device store;
	bool same = false;

	if (!smv_device_open(&store, backend->device, SMV_DEVICE_PEEK)) {
		same = smv_device_same(device, &store);
		if (!same && device->block && store.block)
			same = smv_device_lies_on(device->dev, store.dev) ||
			       smv_device_lies_on(store.dev, device->dev);
	}
	smv_device_close(&store);
	return same;
}

int smv_origin_check(struct smv_backend *backend, const struct smv_device *device)
{
	/* First, for they lie on the store, too: the raw device is meant. */
	for (u32 i = 0; i < backend->vols; i++)
		if (backend->vol[i].device && device->block &&
		    backend->vol[i].device_dev == device->dev)
			return smv_fail(device->path,
					"is a volume of this store: name another device");
	if (lies_on_store(backend, device))
		return smv_fail(
			device->path,
			"is the store itself, lies on it, or it on this: name another device");
	return 0;
}

int smv_origin_check_new(struct smv_backend *backend, const struct smv_device *device,
			 const struct smv_vol *but)
{
	struct smv_device other;
	bool same;
	int rc;

	for (u32 i = 0; i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];
		char *path;

		if (vol == but || !smv_vol_is_visible(vol) || !smv_vol_is_origin(vol) ||
		    smv_identity_find(vol->info.identity, &path))
			continue;
		rc = smv_device_open(&other, path, SMV_DEVICE_PEEK);
		same = !rc && smv_device_same(device, &other);
		smv_device_close(&other);
		free(path);
		if (same)
			return smv_fail(device->path, "is registered already, as %s: use that",
					vol->name);
	}
	return 0;
}

int smv_origin_claim(struct smv_backend *backend, const struct smv_vol *origin,
		     struct smv_device *device)
{
	int rc;
	char *path = smv_origin_find(origin, &rc);

	(void)backend;
	if (!path)
		return smv_fail(origin->name, "%s (%s): attach it, or snapmv set %s device=DEV",
				smv_origin_explain(rc), origin->info.identity, origin->name);
	rc = smv_device_open(device, path, SMV_DEVICE_CLAIM);
	if (rc == -EBUSY)
		rc = smv_fail(origin->name,
			      "its device %s is in use without the module: unmount it first", path);
	else if (rc)
		rc = smv_fail(origin->name, "its device %s cannot be opened (%s): check it", path,
			      strerror(-rc));
	free(path);
	return rc;
}
