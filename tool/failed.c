// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores that failed while their origins were up. These went on, and what they were written from
 * then on is not preserved, which the failed store could not record. It promises
 * that before such a store is activated again in the same boot the snapshots of each origin that
 * was up are marked suspect (I-FAILED-SUSPECT).
 *
 * Known by the superblock: it says that this boot has the store in use, and nobody has. Whoever takes
 * a store down says otherwise there, unless it has failed. An origin that was down then has
 * a fingerprint, by which it is judged as ever. A crash here leaves the store as it was, or in
 * use by this boot.
 *
 * Weak side: after a reboot a store that had failed looks like one that was up in a crash.
 */
#include <stdlib.h>
#include "backend.h"
#include "failed.h"
#include "fingerprint.h"
#include "scan.h"
#include "text.h"

bool smv_failed_is(const char *path)
{
	struct smv_disk_super super;
	struct smv_device device;
	struct smv_found found;
	int rc = smv_scan_peek(path, &found);

	if (rc)
		return false;
	free(found.path);
	if (!(found.state & SMV_SUPER_IN_USE))
		return false;
	rc = smv_device_open(&device, path, SMV_DEVICE_CLAIM_READ);
	if (!rc)
		rc = smv_scan_read(&device, &super);
	smv_device_close(&device);
	return !rc && smv_scan_is_left(&super);
}

static bool is_concerned(const struct smv_backend *backend, const struct smv_vol *vol)
{
	return smv_vol_is_visible(vol) && smv_vol_is_origin(vol) &&
	       smv_vol_snapshots(backend, vol) && !smv_fingerprint_is_set(vol->fingerprint);
}

int smv_failed_mark(const char *path)
{
	struct smv_backend *backend;
	int rc = smv_backend_open(path, true, &backend);

	for (u32 i = 0; !rc && i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];

		if (is_concerned(backend, vol))
			rc = backend->ops->suspect(backend, vol);
		if (rc)
			rc = smv_backend_fail(vol->name, rc);
	}
	return smv_backend_close(backend, path) | rc;
}
