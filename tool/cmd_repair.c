// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv repair': a damaged store's metadata, put together from what is left of
 * it. It promises to write nothing without -f or another place to write to; to
 * name, line by line, what is lost and what was put right; and that what it
 * wrote is clean by snapmv check.
 *
 * Another place gets the data chunks as well: those that the repaired metadata
 * has, at the same places. A crash in the middle leaves no store there; in place
 * (-f) it leaves the data and no metadata: the copy is the careful way.
 */
#include <stdlib.h>
#include <unistd.h>
#include "commands.h"
#include "json.h"
#include "offline.h"
#include "origin.h"
#include "repair.h"
#include "scan.h"
#include "signature.h"
#include "stacked.h"
#include "text.h"

struct repairing {
	struct smv_device device;
	struct json_object *lines; /* NULL: text */
};

static int read_block(void *context, u64 block, void *buffer)
{
	struct repairing *r = context;

	return smv_device_read_block(&r->device, block, buffer);
}

static void say(void *context, const char *name, u64 first, u64 count, const char *what)
{
	struct repairing *r = context;
	struct json_object *o;

	if (r->lines) {
		o = smv_json_append(r->lines);
		smv_json_text(o, "volume", *name ? name : NULL);
		smv_json_number(o, "chunk", first);
		smv_json_number(o, "chunks", count);
		smv_json_text(o, "text", what);
		return;
	}
	smv_text_put(stdout, *name ? name : "store");
	if (count == 1)
		printf(" chunk %llu: ", (unsigned long long)first);
	else if (count)
		printf(" chunks %llu to %llu: ", (unsigned long long)first,
		       (unsigned long long)(first + count - 1));
	else
		printf(": ");
	smv_text_put(stdout, what);
	putchar('\n');
}

static int collect(const char *path, struct repairing *r, struct smv_image *image,
		   struct smv_repair_result *result)
{
	struct smv_repair repair = { .read = read_block, .say = say, .context = r };
	int rc;

	repair.blocks = r->device.bytes / SMV_BLOCK_BYTES;
	rc = smv_repair(&repair, image, result);
	if (rc == -EUCLEAN)
		return smv_fail(path,
				"cannot be repaired (%s): restore a dump, or give it up with "
				"snapmv format",
				result->why);
	if (rc == -EOPNOTSUPP && *result->why)
		return smv_fail(path, "is of a newer format (it needs %s): use a newer snapmv",
				result->why);
	if (rc == -ENOENT || rc == -EOPNOTSUPP)
		return smv_fail(path, "%s", smv_scan_explain(rc));
	if (!rc)
		rc = smv_build_test(image);
	if (rc)
		return smv_fail(path, "cannot be repaired (%s): try again", strerror(-rc));
	return 0;
}

/* -- to another place ------------------------------------------------------------ */

static int copy_chunks(struct repairing *r, struct smv_device *to, const struct smv_image *image)
{
	size_t bytes = le32_to_cpu(image->super.chunk_blocks) * SMV_BLOCK_BYTES;
	u8 *data = smv_text_alloc(bytes);
	int rc = 0;

	for (u64 i = 0; i < image->entries && !rc; i++) {
		u64 where = image->entry[i].value.where, at = smv_where_low(where) * bytes;

		if (!smv_where_is_chunk(where))
			continue;
		rc = smv_device_read(&r->device, at, data, bytes);
		if (rc) {
			rc = smv_fail(r->device.path,
				      "chunk %llu cannot be read (%s): copy the "
				      "device with a tool that passes over bad "
				      "blocks, and repair the copy",
				      (unsigned long long)smv_where_low(where), strerror(-rc));
			break;
		}
		rc = smv_device_write(to, at, data, bytes);
		if (rc)
			rc = smv_fail(to->path, "cannot be written (%s): check the device",
				      strerror(-rc));
		smv_progress("copying", i, image->entries);
	}
	smv_progress_end();
	free(data);
	return rc;
}

/* Some may be on no store that can be found: an image file's, one whose superblocks are damaged. */
static int check_origins(const struct smv_device *to, const struct repairing *r,
			 const struct smv_image *image)
{
	for (u64 i = 0; i < image->volumes; i++) {
		const struct smv_disk_volume *vol = &image->volume[i];

		if (le32_to_cpu(vol->flags) & SMV_VOLUME_ORIGIN &&
		    smv_origin_is_within(to, vol->identity))
			return smv_fail(
				to->path,
				"is the origin %.*s/%s of the store itself, or a part of it: use another "
				"device, or -f to destroy what is on it",
				SMV_LABEL_BYTES, image->super.settings.label, vol->name);
	}
	return smv_stacked_check_target(to, &r->device);
}

static int check_target(const struct smv_args *args, struct smv_device *to,
			const struct repairing *r, const struct smv_image *image)
{
	u64 bytes = le64_to_cpu(image->super.blocks) * SMV_BLOCK_BYTES;
	char *known;
	int rc = 0;

	if (to->bytes < bytes)
		return smv_fail(to->path, "is smaller than the store: use a device of at least %s",
				smv_text_bytes(bytes));
	known = smv_args_has(args, 'f') ? NULL : smv_signature_known(to);
	if (known)
		rc = smv_fail(to->path, "holds %s: use another device, or -f to overwrite it",
			      known);
	free(known);
	if (!rc && !smv_args_has(args, 'f'))
		rc = check_origins(to, r, image);
	return rc;
}

/* What was there is gone before the first of its chunks is written over. */
static int clear_target(struct smv_device *to)
{
	int rc = smv_signature_wipe(to, to->bytes);

	return rc ? smv_fail(to->path, "cannot be written (%s): check the device", strerror(-rc)) :
		    0;
}

static int write_other(const struct smv_args *args, struct repairing *r,
		       const struct smv_image *image)
{
	struct smv_device to;
	int rc = smv_device_open(&to, args->arg[1], SMV_DEVICE_PEEK);
	bool same = !rc && smv_device_same(&to, &r->device);

	smv_device_close(&to);
	if (same)
		return smv_fail(args->arg[1],
				"is the store itself: use -f alone to repair in place");
	rc = smv_offline_open(args->arg[1], &to, SMV_DEVICE_CLAIM);
	if (rc)
		return rc;
	rc = check_target(args, &to, r, image);
	if (!rc)
		rc = clear_target(&to);
	if (!rc)
		rc = copy_chunks(r, &to, image);
	if (!rc)
		rc = smv_offline_write(&to, image);
	smv_device_close(&to);
	return rc;
}

/* -- the command --------------------------------------------------------------------- */

static void report(struct json_object *root, bool written, const struct smv_image *image,
		   const struct smv_repair_result *result)
{
	if (root) {
		smv_json_bool(root, "written", written);
		smv_json_number(root, "losses", result->losses);
		smv_json_number(root, "changes", result->changes);
		smv_json_number(root, "volumes", image->volumes);
		smv_json_number(root, "exceptions", image->entries);
		smv_json_print(json_object_get(root));
		return;
	}
	printf("%s: %llu volumes, %llu exceptions; %llu losses\n",
	       written ? "repaired" : "can be repaired", (unsigned long long)image->volumes,
	       (unsigned long long)image->entries, (unsigned long long)result->losses);
}

static bool is_elsewhere(struct repairing *r)
{
	struct smv_disk_super super;

	return !smv_scan_read(&r->device, &super) && smv_scan_is_elsewhere(&super);
}

static int run_opened(const struct smv_args *args, struct repairing *r, struct json_object *root)
{
	bool force = smv_args_has(args, 'f'), other = args->count == 2;
	struct smv_repair_result result;
	struct smv_image image = { 0 };
	int rc = collect(args->arg[0], r, &image, &result);

	if (!rc && other)
		rc = write_other(args, r, &image);
	else if (!rc && force)
		rc = smv_offline_write(&r->device, &image);
	if (!rc)
		report(root, other || force, &image, &result);
	if (!rc && !other && !force)
		rc = smv_fail(args->arg[0],
			      "nothing was written: name a device or file to write to, or use -f "
			      "to repair it in place%s",
			      is_elsewhere(r) ?
				      " if nobody uses it, another host has not closed it" :
				      "");
	smv_image_free(&image);
	return rc;
}

static int run_repair(const struct smv_args *args)
{
	struct json_object *root = smv_args_has(args, 'J') ? json_object_new_object() : NULL;
	bool write = smv_args_has(args, 'f') && args->count == 1;
	struct repairing r = { 0 };
	int rc = smv_offline_open(args->arg[0], &r.device,
				  write ? SMV_DEVICE_CLAIM : SMV_DEVICE_CLAIM_READ);

	if (root)
		r.lines = smv_json_array(root, "found");
	if (!rc) {
		rc = run_opened(args, &r, root);
		smv_device_close(&r.device);
	}
	json_object_put(root);
	return rc;
}

static const struct smv_option repair_options[] = {
	SMV_OPTION_FORCE("repair in place, or over what OUT-DEV holds, or an origin"),
	SMV_OPTION_JSON, SMV_OPTION_END
};

const struct smv_command smv_command_repair = {
	.name = "repair",
	.synopsis = "[-f] [--json] STORE-DEV [OUT-DEV]",
	.summary = "Puts a damaged store together again from what is left of it.",
	.help = "Writes to OUT-DEV (a device, or a file of the store's size: metadata and data), or\n"
		"with -f in place; with neither it only tells what would come of it. Where it is not\n"
		"certain any more what a snapshot held, it reads as an error from then on; each such\n"
		"range is listed. A rollback whose record is damaged is refused.\n",
	.options = repair_options,
	.least = 1,
	.most = 2,
	.run = run_repair,
};
