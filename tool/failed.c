// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores that failed while their origins were up. These went on, and what they were written from
 * then on is not preserved, which the failed store could not record. It promises
 * that before such a store is written by any command, or activated again, in the same boot the snapshots
 * of each origin that was up are marked suspect (I-FAILED-SUSPECT).
 *
 * Known by the superblock: it says that this boot has the store in use, and nobody has. Whoever takes
 * a store down says otherwise there, unless it has failed; a command that works on one which is not active
 * names no boot, so that one which was killed is not taken for a failed store. An origin that was
 * down then has a fingerprint, by which it is judged as ever. A crash here leaves the store
 * in use by this boot, to be marked once more.
 *
 * Weak side: after a reboot a store that had failed looks like one that was up in a crash.
 */
#include "backend.h"
#include "device.h"
#include "failed.h"
#include "fingerprint.h"
#include "scan.h"

bool smv_failed_is(struct smv_device *device)
{
	struct smv_disk_super super;

	return !smv_scan_read(device, &super) && smv_scan_is_left(&super);
}

static bool is_concerned(const struct smv_backend *backend, const struct smv_vol *vol)
{
	return smv_vol_is_visible(vol) && smv_vol_is_origin(vol) &&
	       smv_vol_snapshots(backend, vol) && !smv_fingerprint_is_set(vol->fingerprint);
}

int smv_failed_mark(struct smv_backend *backend)
{
	int rc = smv_backend_load(backend);

	for (u32 i = 0; !rc && i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];

		if (is_concerned(backend, vol))
			rc = backend->ops->suspect(backend, vol);
		if (rc)
			rc = smv_backend_fail(vol->name, rc);
	}
	return rc;
}
