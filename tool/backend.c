// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the two backends share: choosing one, the table of volumes, and what
 * errors mean. It promises that a store which is active is never opened
 * directly, and that a failed operation is told with a way out.
 *
 * The choice is made by the store's uuid: a device-mapper device with it and
 * volume number 0 means active. Should the store be activated in between, the
 * claim on its device fails, and nothing has happened.
 */
#include <stdlib.h>
#include "backend.h"
#include "dm.h"
#include "scan.h"
#include "text.h"

static int open_either(const char *path, bool write, bool force, struct smv_backend **backend)
{
	const struct smv_dm_device *device;
	struct smv_dm_list list;
	struct smv_found found;
	int rc = smv_scan_peek(path, &found);

	*backend = NULL;
	if (rc) {
		const char *why = rc == -ENODEV ? smv_device_explain(-ENOENT) :
				  rc == -ENOENT ? smv_scan_explain(rc) :
						  smv_device_explain(rc);

		return smv_fail(path, "%s", why ? why : smv_scan_explain(rc));
	}
	smv_dm_list(&list);
	device = smv_dm_find(&list, found.uuid, 0);
	if (device && smv_scan_is_copy(&found, device->name))
		rc = smv_fail(path,
			      "is a copy of the active store %s, with the same uuid: take it off "
			      "this machine, erase -f it, or give it a uuid of its own (see "
			      "snapmv(8), COPIES)",
			      device->name);
	else if (device)
		rc = smv_kernel_open(path, found.uuid, device->name, backend);
	else
		rc = smv_engine_open(path, write, force, backend);
	smv_dm_list_free(&list);
	free(found.path);
	return rc ? rc : smv_backend_start(backend, found.created_s);
}

int smv_backend_open(const char *path, bool write, struct smv_backend **backend)
{
	return open_either(path, write, false, backend);
}

int smv_backend_force(const char *path, struct smv_backend **backend)
{
	return open_either(path, true, true, backend);
}

int smv_backend_start(struct smv_backend **backend, u64 created_s)
{
	int rc = smv_backend_load(*backend);

	if (rc) {
		smv_backend_close(*backend, NULL);
		*backend = NULL;
		return rc;
	}
	(*backend)->info.created_s = created_s;
	return 0;
}

int smv_backend_load(struct smv_backend *backend)
{
	int rc = backend->ops->load(backend);

	if (rc)
		return smv_backend_fail(backend->device, rc);
	smv_vols_finish(backend);
	return 0;
}

int smv_backend_close(struct smv_backend *backend, const char *object)
{
	int rc;

	if (!backend)
		return 0;
	rc = backend->ops->close(backend);
	smv_vols_clear(backend);
	if (rc)
		rc = smv_fail(object ? object : backend->device,
			      "the store could not be closed (%s): run snapmv check",
			      strerror(-rc));
	free(backend->device);
	free(backend->dm_name);
	free(backend);
	return rc;
}

/* -- the table ------------------------------------------------------------ */

bool smv_vol_is_origin(const struct smv_vol *vol)
{
	return vol->info.flags & SMV_VOLUME_ORIGIN;
}

bool smv_vol_stays_open(const struct smv_vol *vol)
{
	return vol->device_opens && smv_dm_stays_open(vol->device + strlen("/dev/mapper/"), 0);
}

bool smv_vol_is_visible(const struct smv_vol *vol)
{
	return !(vol->info.flags & (SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD));
}

struct smv_vol *smv_vol_number(struct smv_backend *backend, u64 number)
{
	u32 low = 0, high = backend->vols;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (backend->vol[middle].info.number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < backend->vols && backend->vol[low].info.number == number ? &backend->vol[low] :
										NULL;
}

struct smv_vol *smv_vol_find(struct smv_backend *backend, const char *name)
{
	for (u32 i = 0; i < backend->vols; i++)
		if (smv_vol_is_visible(&backend->vol[i]) && !strcmp(backend->vol[i].name, name))
			return &backend->vol[i];
	return NULL;
}

u32 smv_vol_snapshots(const struct smv_backend *backend, const struct smv_vol *origin)
{
	u32 count = 0;

	for (u32 i = 0; i < backend->vols; i++) {
		const struct smv_vol *vol = &backend->vol[i];

		count += smv_vol_is_visible(vol) && !smv_vol_is_origin(vol) &&
			 vol->info.origin == origin->info.number;
	}
	return count;
}

const char *smv_vol_short(const struct smv_vol *vol)
{
	return vol->info.name;
}

const char *smv_vol_memo(struct smv_backend *backend, struct smv_vol *vol)
{
	if (!vol->info.memo)
		vol->info.memo = backend->ops->memo(backend, vol);
	return vol->info.memo;
}

void smv_vols_clear(struct smv_backend *backend)
{
	for (u32 i = 0; i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];

		free((void *)vol->info.name);
		free((void *)vol->info.memo);
		free((void *)vol->info.identity);
		free(vol->name);
		free(vol->device);
	}
	free(backend->vol);
	backend->vol = NULL;
	backend->vols = 0;
}

struct smv_vol *smv_vols_add(struct smv_backend *backend, const struct smv_volume_info *info)
{
	struct smv_vol *vol;

	if (!(backend->vols & (backend->vols - 1)))
		backend->vol = smv_text_grow(backend->vol, (backend->vols ? 2 * backend->vols : 1) *
								   sizeof(*vol));
	vol = &backend->vol[backend->vols++];
	memset(vol, 0, sizeof(*vol));
	vol->info = *info;
	vol->info.name = smv_text_printf("%s", info->name ? info->name : "");
	vol->info.memo = info->memo ? smv_text_printf("%s", info->memo) : NULL;
	vol->info.identity = smv_text_printf("%s", info->identity ? info->identity : "");
	if (info->fingerprint)
		memcpy(vol->fingerprint, info->fingerprint, sizeof(vol->fingerprint));
	vol->info.fingerprint = NULL;
	return vol;
}

static void find_devices(struct smv_backend *backend)
{
	struct smv_dm_list list;

	smv_dm_list(&list);
	for (u32 i = 0; i < list.count; i++) {
		const struct smv_dm_device *device = &list.device[i];
		struct smv_vol *vol = smv_vol_number(backend, device->number);

		if (!vol || memcmp(device->uuid, backend->info.uuid, SMV_UUID_BYTES))
			continue;
		free(vol->device);
		vol->device = smv_dm_path(device->name);
		vol->device_opens = device->opens;
		vol->device_dev = device->dev;
	}
	smv_dm_list_free(&list);
}

void smv_vols_finish(struct smv_backend *backend)
{
	for (u32 i = 0; i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];
		struct smv_vol *origin = smv_vol_number(backend, vol->info.origin);

		free(vol->name);
		if (!smv_vol_is_visible(vol))
			vol->name = smv_text_printf("%s", "");
		else if (smv_vol_is_origin(vol) || !origin)
			vol->name = smv_text_printf("%s", vol->info.name);
		else
			vol->name = smv_text_printf("%s@%s", origin->info.name, vol->info.name);
	}
	if (backend->active)
		find_devices(backend);
}

/* -- errors ----------------------------------------------------------------- */

static const struct {
	int error;
	const char *text;
} meaning[] = {
	{ ENOENT, "there is no such volume: see snapmv list" },
	{ EEXIST, "the name is taken: choose another one" },
	{ EINVAL, "the store does not accept it: see dmesg" },
	{ ENOTEMPTY, "has snapshots: delete them first" },
	{ EINPROGRESS, "a rollback of it is running: wait until it is done, see snapmv status" },
	{ ETXTBSY, "is active: deactivate it first" },
	{ EBUSY, "is in use: close what uses it and try again" },
	{ EALREADY,
	  "a rollback of this origin is running: wait until it is done, see snapmv status" },
	{ ENODATA, "chunks are lost or cannot be read: write them anew on the origin to end it" },
	{ EHOSTDOWN,
	  "nothing of the origin can be read: once it can, activate it, and the rollback goes on" },
	{ ESHUTDOWN, "was deactivated, its data moves on when it is active again: activate it" },
	{ EROFS, "the store is read-only: make its device writable" },
	{ EIO,
	  "a device or the store failed, or the volume is invalid: see snapmv status and dmesg" },
	{ ENOSPC, "the store has no space left: delete snapshots" },
	{ ENOMEM, "out of memory: free some and try again" },
	{ EUCLEAN, "the store's metadata is damaged: run snapmv check" },
	{ ETIMEDOUT, "writes in flight, or a flush, did not end in time: try again" },
	{ EOVERFLOW, "the volume's epochs are used up: take no more snapshots of it" },
	{ EPERM, "permission denied: run as root" },
	{ EACCES, "permission denied: run as root" },
	{ ENODEV, "device-mapper is not available: load dm_mod" },
	{ ENXIO, "the store's device is gone: see dmesg" },
};

int smv_backend_fail(const char *object, int error)
{
	for (u32 i = 0; i < sizeof(meaning) / sizeof(meaning[0]); i++)
		if (meaning[i].error == -error)
			return smv_fail(object, "%s", meaning[i].text);
	return smv_fail(object, "failed (%s): see dmesg", strerror(-error));
}
