// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv restore': the metadata that a dump describes, written over a store.
 * It promises that the whole dump has been read and judged, and found to fit the
 * device, before the first block is written; and that no chunk that the dump calls
 * data is written to.
 *
 * A dump holds no data: the store's data chunks must still be where they were,
 * so without -f only the very store that was dumped is accepted. A crash in
 * the middle leaves no store; the dump can be restored again. Weak side: what
 * changed in the store since the dump was made is forgotten.
 */
#include <stdlib.h>
#include "commands.h"
#include "offline.h"
#include "restore.h"
#include "scan.h"
#include "signature.h"
#include "stacked.h"
#include "text.h"

static int read_dump(const char *path, struct smv_image *image)
{
	bool is_stdin = !strcmp(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "re");
	char why[200];
	int rc;

	if (!in)
		return smv_fail(path, "cannot be opened (%s): name a dump", strerror(errno));
	rc = smv_restore_read(in, image, why, sizeof(why));
	if (!is_stdin)
		fclose(in);
	if (rc == -EINVAL)
		return smv_fail(path,
				"is no dump that can be restored (%s): use what snapmv dump "
				"printed",
				why);
	if (rc)
		return smv_fail(path, "cannot be read (%s): try again", strerror(-rc));
	return 0;
}

static bool same_store(const struct smv_disk_super *a, const struct smv_disk_super *b)
{
	return !memcmp(a->header.uuid, b->header.uuid, SMV_UUID_BYTES) && a->blocks == b->blocks &&
	       a->chunk_blocks == b->chunk_blocks;
}

/* As `format' lays a store of this size out. */
static int plan(const char *path, struct smv_image *image)
{
	struct smv_geometry geometry;
	u64 least;

	if (smv_super_plan(le64_to_cpu(image->super.blocks), le32_to_cpu(image->super.chunk_blocks),
			   &geometry, &least))
		return smv_fail(path, "is of a store of an impossible size: use what snapmv dump "
				      "printed");
	smv_super_put_geometry(&image->super, &geometry);
	return 0;
}

static void put_use(struct smv_disk_super *super, const struct smv_disk_super *from)
{
	super->state = from->state;
	memcpy(super->host_id, from->host_id, SMV_UUID_BYTES);
	memcpy(super->boot_id, from->boot_id, SMV_UUID_BYTES);
}

/* The geometry of the store that is there, or, forced, of one newly formatted. */
static int choose_geometry(const struct smv_args *args, struct smv_device *device,
			   struct smv_image *image, bool *same)
{
	const char *path = args->arg[1];
	struct smv_disk_super super;
	struct smv_geometry geometry;
	int rc = smv_scan_read(device, &super);

	*same = !rc && same_store(&super, &image->super);
	/* that it failed stays true of a store that only gets another uuid */
	if (*same || (!rc && super.blocks == image->super.blocks &&
		      super.chunk_blocks == image->super.chunk_blocks))
		put_use(&image->super, &super);
	if (!rc && smv_scan_is_elsewhere(&super) && !smv_args_has(args, 'f'))
		return smv_fail(path, "in use by another host or not closed by it: deactivate it "
				      "there, or use -f if nobody has it any more");
	if (*same) {
		smv_super_get_geometry(&super, &geometry);
		smv_super_put_geometry(&image->super, &geometry);
		rc = 0;
	} else if (!smv_args_has(args, 'f')) {
		return smv_fail(path,
				"%s, and a dump holds no data: name the store that was dumped, "
				"or use -f",
				rc ? "holds no store that can be recognised" :
				     "holds another store");
	} else {
		rc = plan(args->arg[0], image);
	}
	if (!rc && le64_to_cpu(image->super.blocks) > device->bytes / SMV_BLOCK_BYTES)
		rc = smv_fail(path,
			      "is smaller than the store that was dumped: use a device of at "
			      "least %s",
			      smv_text_bytes(le64_to_cpu(image->super.blocks) * SMV_BLOCK_BYTES));
	return rc;
}

static int judge(const char *path, const struct smv_image *image)
{
	struct smv_check_result result;
	int rc = smv_image_judge(image, NULL, NULL, &result);

	if (rc)
		return smv_fail(path, "cannot be judged (%s): try again", strerror(-rc));
	if (result.damages)
		return smv_fail(path,
				"does not fit together, %llu findings (%s): use what snapmv "
				"dump printed",
				(unsigned long long)result.damages, result.first);
	rc = smv_build_test(image);
	if (rc)
		return smv_fail(path,
				"does not fit on the device beside its data (%s): use a "
				"larger one",
				strerror(-rc));
	return 0;
}

/* What else the device was is not found any more. Where data may be, nothing is touched. */
static int wipe(struct smv_device *device, const struct smv_image *image)
{
	u64 blocks = le64_to_cpu(image->super.first_chunk) * le32_to_cpu(image->super.chunk_blocks);
	int rc = smv_signature_wipe(device, blocks * SMV_BLOCK_BYTES);

	return rc ? smv_fail(device->path, "cannot be written (%s): check the device",
			     strerror(-rc)) :
		    0;
}

static int restore(const struct smv_args *args, struct smv_image *image)
{
	struct smv_device device;
	bool same;
	int rc = smv_offline_open(args->arg[1], &device, SMV_DEVICE_CLAIM);

	if (rc)
		return rc;
	rc = choose_geometry(args, &device, image, &same);
	if (!rc && !smv_args_has(args, 'f'))
		rc = smv_stacked_check_target(&device, &device);
	if (!rc)
		rc = judge(args->arg[0], image);
	if (!rc && !same)
		rc = wipe(&device, image);
	if (!rc)
		rc = smv_offline_write(&device, image);
	smv_device_close(&device);
	if (!rc)
		printf("restored: %llu volumes, %llu exceptions\n",
		       (unsigned long long)image->volumes, (unsigned long long)image->entries);
	return rc;
}

static int run_restore(const struct smv_args *args)
{
	struct smv_image image = { 0 };
	int rc = read_dump(args->arg[0], &image);

	if (!rc)
		rc = restore(args, &image);
	smv_image_free(&image);
	return rc;
}

static const struct smv_option restore_options[] = {
	SMV_OPTION_FORCE(
		"onto one that holds another store or none, is in use elsewhere, or is an origin"),
	SMV_OPTION_END
};

const struct smv_command smv_command_restore = {
	.name = "restore",
	.synopsis = "[-f] DUMP STORE-DEV",
	.summary = "Writes the metadata that a dump describes over an inactive store.",
	.help = "DUMP is what snapmv dump printed, as text or JSON; - is standard input. A dump\n"
		"holds no data: the store's data chunks are used as they are, and without -f the\n"
		"device must hold the very store that was dumped, and be no origin of another one, nor\n"
		"a part of one. What was changed since the dump was made is forgotten: only restore a\n"
		"dump of the state the data is in.\n",
	.options = restore_options,
	.least = 2,
	.most = 2,
	.run = run_restore,
};
