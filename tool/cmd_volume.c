// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv add', `remove' and `rename'. They promise that an origin's device is
 * never written to, and that names and devices are checked before the store is
 * asked: a refusal has changed nothing.
 *
 * A rename of an active volume renames the store's record first (durable),
 * then the device-mapper devices; a crash between leaves devices under their
 * former names, known by their uuid all the same, until they are activated anew.
 */
#include <stdlib.h>
#include "commands.h"
#include "dm.h"
#include "identity.h"
#include "names.h"
#include "origin.h"
#include "scan.h"
#include "target.h"
#include "text.h"

/* -- add ---------------------------------------------------------------------- */

static int add_device(struct smv_backend *backend, const struct smv_device *device,
		      const char *name)
{
	struct smv_add add = { .name = name, .sectors = device->bytes / SMV_SECTOR_BYTES };
	char identity[SMV_IDENTITY_BYTES];
	char *where;
	int rc;

	if (!add.sectors)
		return smv_fail(device->path, "is empty: name a device with a size");
	rc = smv_identity_make(device, identity);
	if (rc)
		return smv_fail(device->path, "its path is too long: use a shorter one");
	add.identity = identity;
	add.now_s = smv_now();
	rc = backend->ops->add(backend, &add);
	if (rc)
		return smv_backend_fail(name, rc);
	where = device->block ? smv_device_mounted(device->dev) : NULL;
	if (where) {
		smv_text_put(stdout, device->path);
		printf(" is mounted on ");
		smv_text_put(stdout, where);
		printf(": from now on it must be mounted through /dev/mapper/%s-%s "
		       "(unmount it, then snapmv activate %s)\n",
		       backend->info.settings.label, name, name);
	}
	free(where);
	return 0;
}

/* It would have to be used through the origin from now on, and is not: nobody expects that of a store. */
static int check_no_store(struct smv_device *device)
{
	struct smv_disk_super super;
	int rc = smv_scan_read(device, &super);

	if (rc && rc != -EUCLEAN && rc != -EOPNOTSUPP)
		return 0;
	return smv_fail(device->path,
			"holds a snapmv store, which activate -a leaves down once it is within an "
			"origin: use -f to add it all the same, and its volume as the store's "
			"device from then on");
}

static int run_add(const struct smv_args *args)
{
	const char *store = args->arg[0], *path = args->arg[1], *name = args->arg[2];
	struct smv_backend *backend = NULL;
	struct smv_device device;
	int rc;

	if (!smv_name_is_origin(name))
		return smv_fail(name, "is no legal origin's name: see snapmv(8), NAMES");
	rc = smv_device_must_open(&device, path, SMV_DEVICE_PEEK);
	if (rc)
		return rc;
	rc = smv_target_open_store(args, store, true, &backend);
	if (!rc && smv_vol_find(backend, name))
		rc = smv_fail(name, "the store has an origin of this name: choose another");
	if (!rc)
		rc = smv_origin_check(backend, &device);
	if (!rc)
		rc = smv_origin_check_new(backend, &device, NULL);
	if (!rc && !smv_args_has(args, 'f'))
		rc = check_no_store(&device);
	if (!rc)
		rc = add_device(backend, &device, name);
	smv_device_close(&device);
	return smv_backend_close(backend, store) | rc;
}

static const struct smv_option add_options[] = {
	SMV_OPTION_FORCE("even if the device holds a store"), SMV_OPTION_END
};

const struct smv_command smv_command_add = {
	.name = "add",
	.synopsis = "[-f] STORE-DEV ORIGIN-DEV NAME",
	.summary = "Registers an existing device as an origin of the store.",
	.help = "Nothing is written to it, and it may be mounted; from the first snapshot on it\n"
		"must be used only through /dev/mapper (see activate). Refuses without -f a device that\n"
		"is a store itself.\n",
	.options = add_options,
	.least = 3,
	.most = 3,
	.run = run_add,
};

/* -- remove --------------------------------------------------------------------- */

static int run_remove(const struct smv_args *args)
{
	const char *name = args->arg[0];
	struct smv_backend *backend = NULL;
	struct smv_vol *vol = NULL;
	u32 snapshots;
	int rc = smv_target_open(args, args->arg, 1, true, &backend);

	if (!rc) {
		vol = smv_target_origin(backend, name);
		rc = vol ? 0 : 1;
	}
	if (!rc && vol->device)
		rc = smv_fail(name, "is active: snapmv deactivate %s first", name);
	snapshots = rc ? 0 : smv_vol_snapshots(backend, vol);
	if (snapshots)
		rc = smv_fail(name, "has %u snapshots: delete them first", snapshots);
	if (!rc) {
		rc = backend->ops->remove(backend, vol);
		if (rc)
			rc = smv_backend_fail(name, rc);
	}
	return smv_backend_close(backend, name) | rc;
}

static const struct smv_option store_options[] = { SMV_OPTION_STORE, SMV_OPTION_END };

const struct smv_command smv_command_remove = {
	.name = "remove",
	.synopsis = "[-S STORE-DEV] ORIGIN",
	.summary = "Unregisters an origin that has no snapshots.",
	.help = "Its device may be present or not; it is left as it is. Refuses one that is active or\n"
		"in mid-rollback.\n",
	.options = store_options,
	.least = 1,
	.most = 1,
	.run = run_remove,
};

/* -- rename ----------------------------------------------------------------------- */

static int check_new_name(struct smv_backend *backend, const struct smv_vol *vol, const char *name)
{
	bool origin = smv_vol_is_origin(vol);
	char *full;
	int rc = 0;

	if (origin ? !smv_name_is_origin(name) : !smv_name_is_snapshot(name))
		return smv_fail(name, "is no legal %s's name: see snapmv(8), NAMES",
				origin ? "origin" : "snapshot");
	full = origin ? smv_text_printf("%s", name) :
			smv_text_printf("%.*s@%s", (int)(strchr(vol->name, '@') - vol->name),
					vol->name, name);
	if (smv_vol_find(backend, full))
		rc = smv_fail(vol->name, "there is a volume %s already: choose another name", full);
	free(full);
	return rc;
}

/* `rename data@a data@b' means the same as `rename data@a b'. */
static const char *new_short_name(const struct smv_vol *vol, const char *name)
{
	const char *at = strchr(vol->name, '@');
	size_t bytes = at ? (size_t)(at - vol->name) + 1 : 0;

	return at && !strncmp(name, vol->name, bytes) ? name + bytes : name;
}

static int run_rename(const struct smv_args *args)
{
	struct smv_backend *backend = NULL;
	struct smv_vol *vol = NULL;
	const char *name = args->arg[1];
	struct smv_renames renames = { 0 };
	int rc = smv_target_open(args, args->arg, 1, true, &backend);

	if (!rc) {
		vol = smv_target_vol(backend, args->arg[0]);
		rc = vol ? 0 : 1;
	}
	if (!rc) {
		name = new_short_name(vol, name);
		rc = check_new_name(backend, vol, name);
	}
	if (!rc)
		rc = smv_renames_plan(&renames, backend, vol, name);
	if (!rc) {
		rc = backend->ops->rename(backend, vol, name);
		if (rc)
			rc = smv_backend_fail(args->arg[0], rc);
	}
	if (!rc)
		rc = smv_renames_do(&renames, args->arg[0]);
	smv_renames_free(&renames);
	return smv_backend_close(backend, args->arg[0]) | rc;
}

const struct smv_command smv_command_rename = {
	.name = "rename",
	.synopsis = "[-S STORE-DEV] VOLUME NEW",
	.summary = "Gives an origin or a snapshot another name.",
	.help = "NEW is the name alone, without STORE/ or ORIGIN@. Active devices are renamed\n"
		"under /dev/mapper, too. A store's label: snapmv set STORE label=NEW.\n",
	.options = store_options,
	.least = 2,
	.most = 2,
	.run = run_rename,
};
