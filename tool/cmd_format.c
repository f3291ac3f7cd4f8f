// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv format' and `snapmv erase'. They promise that nothing is written to a
 * device that is in use, or (without -f) to one that holds anything known.
 *
 * Order of a format: block 0 is zeroed, old signatures are wiped (with -f),
 * then the engine writes the store, its superblock last. A crash before that
 * leaves a device without a store; with -f also without what was on it. An erase
 * zeroes both superblocks. Weak side: what libblkid does not know is not seen.
 */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include "args.h"
#include "commands.h"
#include "dm.h"
#include "host_user.h"
#include "origin.h"
#include "scan.h"
#include "signature.h"
#include "stacked.h"
#include "super.h"
#include "target.h"
#include "text.h"

#define DEFAULT_CHUNK_BYTES 65536

static int check_format(struct smv_device *device, const char *known)
{
	if (known)
		return smv_fail(device->path, "holds %s: use -f to destroy it", known);
	return smv_stacked_check_target(device, device);
}

static bool label_taken(const char *label, const struct smv_store_ref *refs, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (!strcmp(refs[i].label, label))
			return true;
	return smv_dm_exists(label);
}

static void next_label(char *label)
{
	struct smv_store_ref *refs;
	u32 count = smv_stores_list(&refs, true);

	for (u32 n = 0;; n++) {
		snprintf(label, SMV_LABEL_BYTES, "snapmv%u", n);
		if (!label_taken(label, refs, count))
			break;
	}
	smv_stores_free(refs, count);
}

static int new_uuid(u8 *uuid)
{
	if (getrandom(uuid, SMV_UUID_BYTES, 0) != SMV_UUID_BYTES)
		return -errno;
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}

static int parse_format(const struct smv_args *args, struct smv_format *format)
{
	const char *chunk = smv_args_get(args, 'c'), *label = smv_args_get(args, 'l');
	u64 bytes = DEFAULT_CHUNK_BYTES;

	if (chunk && smv_text_size(chunk, &bytes))
		return smv_fail(args->arg[0], "%s is not a size: a number, and K or M", chunk);
	if (bytes < SMV_BLOCK_BYTES || bytes > SMV_CHUNK_BLOCKS_MAX * SMV_BLOCK_BYTES ||
	    (bytes & (bytes - 1)))
		return smv_fail(args->arg[0],
				"chunks of %s are not possible: use a power of two from "
				"4K to 1M",
				chunk);
	format->chunk_blocks = (u32)(bytes / SMV_BLOCK_BYTES);
	if (label && !smv_name_is_label(label))
		return smv_fail(args->arg[0],
				"%s is no legal label: use 1 to 31 of A-Z a-z 0-9 "
				"_ . +, not beginning with .",
				label);
	snprintf(format->settings.label, SMV_LABEL_BYTES, "%s", label ? label : "");
	format->settings.policy = SMV_POLICY_DROP;
	format->settings.hold_timeout_s = 60;
	format->settings.low_water_permille = 100;
	return 0;
}

static int write_store(struct smv_device *device, struct smv_format *format, bool wipe)
{
	u8 *buffer = smv_text_alloc(SMV_FORMAT_BUFFER_BYTES);
	u64 step = 0, least = 0;
	bool begun = false;
	struct smv_io io;
	int rc;

	for (;;) {
		rc = smv_store_format(format, buffer, &step, &least, &io);
		if (rc != 1)
			break;
		if (!begun) {
			/* only now is it known that a store fits */
			begun = true;
			rc = smv_signature_wipe(device, wipe ? device->bytes : 0);
			if (rc)
				break;
		}
		rc = smv_device_io(device, &io);
		if (rc)
			break;
		smv_progress("format", io.block[0], format->blocks);
	}
	smv_progress_end();
	free(buffer);
	if (rc == -ENOSPC)
		return smv_fail(device->path,
				"too small: a store with these chunks takes at "
				"least %s: use a larger device or smaller chunks",
				smv_text_bytes(least * SMV_BLOCK_BYTES));
	if (rc)
		return smv_fail(device->path, "cannot be formatted (%s): check the device",
				strerror(-rc));
	return 0;
}

static int format_device(struct smv_device *device, struct smv_format *format, bool force)
{
	char *known = smv_signature_known(device);
	char uuid[37];
	int rc = force ? 0 : check_format(device, known);

	if (!rc && new_uuid(format->uuid))
		rc = smv_fail(device->path, "there are no random numbers: try again");
	if (!rc) {
		format->blocks = device->bytes / SMV_BLOCK_BYTES;
		format->now_s = smv_now();
		rc = write_store(device, format, known);
	}
	free(known);
	if (rc)
		return rc;
	smv_text_uuid(format->uuid, uuid);
	printf("store %s on ", format->settings.label);
	smv_text_put(stdout, device->path);
	printf(": %s, chunks of %s, uuid %s\n", smv_text_bytes(device->bytes),
	       smv_text_bytes((u64)format->chunk_blocks * SMV_BLOCK_BYTES), uuid);
	return 0;
}

static int run_format(const struct smv_args *args)
{
	struct smv_format format = { 0 };
	struct smv_device device;
	int rc = parse_format(args, &format);

	if (rc)
		return rc;
	rc = smv_device_must_open(&device, args->arg[0], SMV_DEVICE_CLAIM);
	if (rc)
		return rc;
	if (!*format.settings.label)
		next_label(format.settings.label);
	rc = format_device(&device, &format, smv_args_has(args, 'f'));
	smv_device_close(&device);
	return rc;
}

static const struct smv_option format_options[] = {
	{ 'c', false, "chunk", "SIZE", "unit of copying, a power of two, 4K to 1M (default 64K)" },
	{ 'l', false, "label", "LABEL",
	  "the store's label (default snapmv0, the next free number)" },
	SMV_OPTION_FORCE("even if the device holds something, or is an origin"),
	SMV_OPTION_END
};

const struct smv_command smv_command_format = {
	.name = "format",
	.synopsis = "[-c SIZE] [-l LABEL] [-f] DEV",
	.summary = "Makes a device, or an image file, a store.",
	.help = "Refuses a device that is in use, and without -f one that holds a store, a\n"
		"filesystem or a partition table, or that is an origin, or a part of one, of a store.\n"
		"Sizes take K, M, G, T (powers of 1024).\n",
	.options = format_options,
	.least = 1,
	.most = 1,
	.run = run_format,
};

/* -- erase ------------------------------------------------------------------ */

/* Does the store hold snapshots, or data on its way to an origin? A store that cannot be opened counts as one that does. */
static int check_empty(const char *path, bool force)
{
	struct smv_backend *backend = NULL;
	u64 snapshots = 0;
	int rc;

	if (force)
		return 0;
	rc = smv_backend_open(path, false, &backend);
	if (!rc)
		snapshots = backend->info.snapshots;
	if (!rc && backend->active)
		rc = smv_fail(path, "the store %s is active: deactivate it first",
			      backend->info.settings.label);
	else if (!rc && snapshots)
		rc = smv_fail(path, "the store has %llu snapshots: delete them first, or use -f",
			      (unsigned long long)snapshots);
	for (u32 i = 0; !rc && i < backend->vols; i++)
		if (backend->vol[i].rolling)
			rc = smv_fail(path,
				      "a rollback of %s is running, its raw device is a mix that "
				      "the store alone can complete: wait, see snapmv status, or "
				      "use -f",
				      backend->vol[i].name);
	if (smv_backend_close(backend, path) && !rc)
		rc = 1;
	return rc;
}

/* The superblock as it was before the store was looked at: whoever has written since, has written that, too. */
static int check_erase(struct smv_device *device, const struct smv_disk_super *before, bool force)
{
	struct smv_disk_super super;
	int rc = smv_scan_read(device, &super);

	if (rc && rc != -EUCLEAN && rc != -EOPNOTSUPP)
		return smv_fail(device->path, "%s", smv_scan_explain(rc));
	if (!rc && !force && smv_scan_is_elsewhere(&super))
		return smv_fail(device->path, "in use by another host or not closed by it: "
					      "deactivate it there, or use -f");
	if (!force && (rc || memcmp(&super, before, sizeof(super))))
		return smv_fail(device->path, "was changed at this moment: try again");
	return 0;
}

static int peek(const char *path, struct smv_disk_super *super)
{
	struct smv_device device;
	int rc = smv_device_must_open(&device, path, SMV_DEVICE_PEEK);

	memset(super, 0, sizeof(*super));
	if (!rc)
		smv_scan_read(&device, super);
	smv_device_close(&device);
	return rc;
}

static int run_erase(const struct smv_args *args)
{
	const char *path = args->arg[0];
	bool force = smv_args_has(args, 'f');
	struct smv_disk_super before;
	struct smv_device device;
	int rc = peek(path, &before);

	if (!rc)
		rc = check_empty(path, force);
	if (rc)
		return rc;
	rc = smv_device_must_open(&device, path, SMV_DEVICE_CLAIM);
	if (rc)
		return rc;
	rc = check_erase(&device, &before, force);
	if (!rc) {
		rc = smv_signature_wipe_store(&device);
		if (rc)
			rc = smv_fail(path, "cannot be written (%s): check the device",
				      strerror(-rc));
	}
	smv_device_close(&device);
	return rc;
}

static const struct smv_option erase_options[] = {
	SMV_OPTION_FORCE(
		"even if it has snapshots, a rollback runs, it is damaged or in use elsewhere"),
	SMV_OPTION_END
};

const struct smv_command smv_command_erase = {
	.name = "erase",
	.synopsis = "[-f] STORE-DEV",
	.summary = "Takes a store's signature away: it is no store any more.",
	.help = "Refuses an active store, and without -f one that has snapshots. Origins are\n"
		"left as they are.\n",
	.options = erase_options,
	.least = 1,
	.most = 1,
	.run = run_erase,
};
