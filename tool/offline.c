// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the offline tools share. It promises that none of them touches a store
 * that is active (but a copy of it, which is told by lying elsewhere, they do), and that what was written anew is checked as a whole before
 * it is called done.
 */
#include <stdlib.h>
#include "dm.h"
#include "host_user.h"
#include "offline.h"
#include "scan.h"
#include "text.h"

int smv_offline_open(const char *path, struct smv_device *device, enum smv_device_mode mode)
{
	const struct smv_dm_device *active;
	struct smv_dm_list list;
	struct smv_found found;
	int rc = smv_scan_peek(path, &found);

	if (!rc) {
		smv_dm_list(&list);
		active = smv_dm_find(&list, found.uuid, 0);
		if (active && !smv_scan_is_copy(&found, active->name))
			rc = smv_fail(path, "the store %s is active: snapmv deactivate %s first",
				      active->name, active->name);
		smv_dm_list_free(&list);
		free(found.path);
		if (rc)
			return rc;
	}
	return smv_device_must_open(device, path, mode);
}

static int read_block(void *context, u64 block, void *buffer)
{
	return smv_device_read_block(context, block, buffer);
}

static int write_block(void *context, u64 block, const void *data)
{
	return smv_device_write(context, block * SMV_BLOCK_BYTES, data, SMV_BLOCK_BYTES);
}

static int flush(void *context)
{
	return smv_device_flush(context);
}

static void progress(void *context, u64 done, u64 all)
{
	(void)context;
	smv_progress("writing", done, all);
}

static void check_progress(void *context, u64 done, u64 all)
{
	(void)context;
	smv_progress("check", done, all);
}

struct smv_reader smv_offline_reader(struct smv_device *device)
{
	return (struct smv_reader){ .read = read_block,
				    .context = device,
				    .host = &smv_host_user,
				    .blocks = device->bytes / SMV_BLOCK_BYTES };
}

static int check_written(struct smv_device *device)
{
	struct smv_check check = { .read = read_block,
				   .progress = check_progress,
				   .context = device,
				   .host = &smv_host_user,
				   .blocks = device->bytes / SMV_BLOCK_BYTES };
	struct smv_check_result result;
	int rc = smv_check(&check, &result);

	smv_progress_end();
	if (rc)
		return smv_fail(device->path,
				"was written, but cannot be checked (%s): run snapmv "
				"check",
				strerror(-rc));
	if (result.damages)
		return smv_fail(device->path, "was written, but is damaged (%s): check the device",
				result.first);
	return 0;
}

int smv_offline_write(struct smv_device *device, const struct smv_image *image)
{
	struct smv_build build = { .write = write_block,
				   .flush = flush,
				   .progress = progress,
				   .context = device };
	struct smv_reader reader = smv_offline_reader(device);
	int rc;

	/* one that failed in this boot: what has to be marked is, when it is next opened */
	build.in_use = smv_scan_is_left(&image->super);
	smv_build_prepare(&build, image, &reader);
	rc = smv_build_write(&build, image);
	smv_progress_end();
	if (rc == -ENOSPC)
		return smv_fail(device->path, "has no room for the metadata beside the data: use a "
					      "larger device");
	if (rc == -EINVAL)
		return smv_fail(device->path,
				"was left as it is: no store can say that (%s): use "
				"what snapmv dump printed",
				strerror(-rc));
	if (rc)
		return smv_fail(device->path,
				"cannot be written (%s), it holds no store now: check "
				"the device, then try again",
				strerror(-rc));
	return check_written(device);
}
