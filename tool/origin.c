// SPDX-License-Identifier: GPL-2.0-only
/*
 * An origin's device. It promises that it is the one that was registered: found
 * by its identity, unique, and not smaller than recorded; otherwise refused
 * with the way out.
 */
#include <stdlib.h>
#include <time.h>
#include "dm.h"
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

/* Looked up anew: another volume may have come up since the table was read. */
static int check_volumes(struct smv_backend *backend, const struct smv_device *device)
{
	struct smv_dm_list list;
	int rc = 0;

	smv_dm_list(&list);
	for (u32 i = 0; i < list.count && !rc; i++) {
		const struct smv_dm_device *volume = &list.device[i];

		if (!volume->number || memcmp(volume->uuid, backend->info.uuid, SMV_UUID_BYTES))
			continue;
		if (volume->dev == device->dev)
			rc = smv_fail(device->path,
				      "is a volume of this store: name another device");
		else if (smv_device_lies_on(device->dev, volume->dev))
			rc = smv_fail(device->path,
				      "lies on /dev/mapper/%s, a volume of the same store, and the "
				      "two would wait for each other: add it to another store",
				      volume->name);
	}
	smv_dm_list_free(&list);
	return rc;
}

int smv_origin_check(struct smv_backend *backend, const struct smv_device *device)
{
	if (!lies_on_store(backend, device))
		return 0;
	/* First, for they lie on the store, too: the raw device is meant. */
	if (device->block && check_volumes(backend, device))
		return 1;
	return smv_fail(device->path,
			"is the store itself, lies on it, or it on this: name another device");
}

bool smv_origin_is(const struct smv_device *device, const char *identity)
{
	struct smv_device other;
	char *path;
	bool same;

	if (smv_identity_find(identity, &path))
		return false;
	same = !smv_device_open(&other, path, SMV_DEVICE_PEEK) && smv_device_same(device, &other);
	smv_device_close(&other);
	free(path);
	return same;
}

bool smv_origin_is_within(const struct smv_device *device, const char *identity)
{
	char *path;
	bool within;

	if (!device->block)
		return smv_origin_is(device, identity);
	if (smv_identity_find(identity, &path))
		return false;
	within = smv_device_is_within(device->dev, path);
	free(path);
	return within;
}

const struct smv_vol *smv_origin_around(struct smv_backend *backend,
					const struct smv_device *device)
{
	for (u32 i = 0; i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];

		if (smv_vol_is_visible(vol) && smv_vol_is_origin(vol) &&
		    smv_origin_is_within(device, vol->info.identity))
			return vol;
	}
	return NULL;
}

int smv_origin_check_new(struct smv_backend *backend, const struct smv_device *device,
			 const struct smv_vol *but)
{
	for (u32 i = 0; i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];

		if (vol != but && smv_vol_is_visible(vol) && smv_vol_is_origin(vol) &&
		    smv_origin_is(device, vol->info.identity))
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
	else if (rc == -EWOULDBLOCK)
		rc = smv_fail(
			origin->name,
			"its device %s is in use, locked by another process: wait for that, or end it",
			path);
	else if (rc)
		rc = smv_fail(origin->name, "its device %s cannot be opened (%s): check it", path,
			      strerror(-rc));
	free(path);
	return rc;
}
