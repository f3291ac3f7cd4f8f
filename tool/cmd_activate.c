// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv activate'. It promises that a store's device comes up before its
 * volumes', that an origin which was changed without the module is noticed
 * before it or a snapshot of it is activated (its fingerprint, written at a clean
 * deactivation, does not fit), that a store of which a copy is there is refused, and that what can be brought up is, with what is
 * missing named.
 *
 * The fingerprint is taken away durably before an origin comes up: a crash while
 * it is active leaves none, and nothing to compare, nor does one, or SIGKILL, just before that, with the
 * origin down. Weak side: see touched.c.
 */
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "commands.h"
#include "device.h"
#include "dm.h"
#include "fingerprint.h"
#include "host_user.h"
#include "meet.h"
#include "names.h"
#include "origin.h"
#include "scan.h"
#include "stacked.h"
#include "target.h"
#include "text.h"
#include "touched.h"

struct activation {
	bool force;
	bool read_only;
	bool quiet; /* prints no paths */
	u64 origin; /* of the one volume wanted; 0: of all */
	bool compared; /* the store was just brought up, what is wanted has been looked at */
};

static void print_path(const struct activation *a, const char *dm_name)
{
	if (!a->quiet)
		printf("/dev/mapper/%s\n", dm_name);
}

/* -- the store --------------------------------------------------------------------- */

static bool is_wanted(const struct activation *a, const struct smv_vol *vol)
{
	return smv_vol_is_visible(vol) && smv_vol_is_origin(vol) &&
	       (!a->origin || a->origin == vol->info.number);
}

/* If none of what is to come up may, the store stays down, too. */
static int check_origins(struct smv_backend *backend, struct activation *a)
{
	u32 refused = 0, passed = 0;
	int rc = 0;

	for (u32 i = 0; i < backend->vols && !a->force; i++) {
		if (!is_wanted(a, &backend->vol[i]))
			continue;
		if (smv_touched_compare(backend, &backend->vol[i]))
			refused++;
		else
			passed++;
	}
	a->compared = !a->force && !refused;
	if (passed || !refused)
		return 0;
	/* Compared once more, each says why; or can be read by now. */
	for (u32 i = 0; i < backend->vols; i++)
		if (is_wanted(a, &backend->vol[i]))
			rc |= smv_touched_check(backend, &backend->vol[i], "activate -f");
	a->compared = !rc;
	return rc;
}

static void hex(char *text, const u8 *id)
{
	for (u32 i = 0; i < SMV_UUID_BYTES; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
}

static char *store_parameters(const struct smv_device *device, bool force, bool read_only)
{
	u8 host[SMV_UUID_BYTES], boot[SMV_UUID_BYTES];
	char host_text[33], boot_text[33];

	smv_host_ids(host, boot);
	hex(host_text, host);
	hex(boot_text, boot);
	return smv_text_printf("%u:%u %u host %s boot %s%s%s", major(device->dev),
			       minor(device->dev), 4 + force + read_only, host_text, boot_text,
			       force ? " force" : "", read_only ? " read_only" : "");
}

static int create(const struct smv_dm_table *table, const char *object)
{
	char *why;
	int rc = 0;

	if (smv_dm_exists(table->name))
		return smv_meet_is_up(table) ?
			       0 :
			       smv_fail(object,
					"the device-mapper name %s is taken by something else: "
					"rename one of them",
					table->name);
	rc = smv_dm_create(table, &why);
	if (rc && smv_meet_is_up(table))
		rc = 0;
	if (rc == -ENODEV)
		rc = smv_fail(object, "device-mapper is not available: load dm_mod");
	else if (rc == -EINVAL && !why)
		rc = smv_fail(object, "the kernel refuses it: is the module dm-snap-mv loaded? See "
				      "dmesg");
	else if (rc)
		rc = smv_fail(object, "the kernel refuses it (%s): see dmesg",
			      why ? why : strerror(-rc));
	free(why);
	return rc;
}

/* Of a store and its copy nobody can tell which one is meant. */
static int check_alone(const char *path)
{
	struct smv_found found;
	char *twin = NULL;
	int rc = 0;

	if (!smv_scan_peek(path, &found)) {
		twin = smv_scan_twin(&found);
		free(found.path);
	}
	if (twin)
		rc = smv_fail(path,
			      "%s has the same uuid, one is a copy of the other: take one off "
			      "this machine, erase -f it, or give it a uuid of its own (see "
			      "snapmv(8), COPIES)",
			      twin);
	free(twin);
	return rc;
}

static bool is_read_only(const struct smv_device *device)
{
	int read_only = 0;

	return device->block && !ioctl(device->fd, BLKROGET, &read_only) && read_only;
}

static int create_store(const char *path, const struct smv_store_info *info,
			const struct activation *a)
{
	struct smv_dm_table table = { .name = info->settings.label,
				      .uuid = info->uuid,
				      .target = "snap-mv-store" };
	struct smv_device device;
	char *parameters;
	bool read_only;
	int rc;

	if (smv_device_open(&device, path, SMV_DEVICE_CLAIM_READ)) {
		if (smv_meet_is_up(&table))
			return 0;
		rc = smv_device_must_open(&device, path, SMV_DEVICE_CLAIM_READ);
		if (rc)
			return rc;
	}
	if (!device.block) {
		smv_device_close(&device);
		return smv_fail(path, "is a file: attach it with losetup, then activate that");
	}
	read_only = is_read_only(&device);
	parameters = store_parameters(&device, a->force, read_only);
	table.sectors = device.bytes / SMV_SECTOR_BYTES;
	table.parameters = parameters;
	table.read_only = read_only;
	/* the module claims it now */
	smv_device_close(&device);
	rc = create(&table, path);
	free(parameters);
	return rc;
}

/* For writing: that marks what has to be marked. *@backend is NULL. */
static int open_left(const char *path, const struct activation *a, struct smv_backend **backend)
{
	struct smv_device device;
	bool read_only = !smv_device_open(&device, path, SMV_DEVICE_PEEK) && is_read_only(&device);

	smv_device_close(&device);
	if (!read_only)
		return a->force ? smv_backend_force(path, backend) :
				  smv_backend_open(path, true, backend);
	if (a->force)
		return smv_backend_open(path, false, backend);
	return smv_fail(path, "failed while its origins were in use, and is read-only: its "
			      "snapshots may be wrong and cannot be marked so; make it writable, "
			      "or activate -f takes them as they are");
}

static int open_anew(const char *path, const struct activation *a, struct smv_backend **backend)
{
	int rc;

	smv_backend_close(*backend, path);
	rc = smv_backend_open(path, false, backend);
	if (rc || !(*backend)->left)
		return rc;
	smv_backend_close(*backend, path);
	*backend = NULL;
	return open_left(path, a, backend);
}

/* Again if the store cannot be read while another activates it; a lock has been waited for by then. */
static int open_store(const char *path, const struct activation *a, struct smv_backend **backend)
{
	const u64 until_ms = smv_meet_now_ms() + SMV_MEET_MS;
	int rc;

	smv_meet_clear_store(path);
	smv_text_mute(true);
	rc = open_anew(path, a, backend);
	while (rc && smv_meet_now_ms() < until_ms && smv_meet_is_in_use(path)) {
		usleep(SMV_MEET_PAUSE_US);
		rc = open_anew(path, a, backend);
	}
	smv_text_mute(false);
	return rc ? open_anew(path, a, backend) : 0;
}

/*
 * Brings the store's own device up, if it is not; *backend is the active store
 * then. 0, or 1: said why not.
 */
static int activate_store(const char *path, struct activation *a, struct smv_backend **backend)
{
	struct smv_backend *before = NULL;
	int rc;

	*backend = NULL;
	a->compared = false;
	rc = open_store(path, a, &before);
	if (!rc && before->active) {
		*backend = before;
		return 0;
	}
	if (!rc)
		rc = check_alone(path);
	if (!rc)
		rc = check_origins(before, a);
	if (!rc) {
		struct smv_store_info info = before->info;

		/* lets go of the device, keeps the table */
		rc = before->ops->close(before);
		before->ops = NULL;
		rc = rc ? smv_backend_fail(path, rc) : create_store(path, &info, a);
	}
	if (!rc)
		rc = smv_backend_open(path, true, backend);
	if (before && before->ops) {
		smv_backend_close(before, path);
	} else if (before) {
		smv_vols_clear(before);
		free(before->device);
		free(before);
	}
	return rc;
}

/* -- volumes -------------------------------------------------------------------------- */

static bool is_active(struct smv_backend *backend, const struct smv_vol *vol)
{
	struct smv_dm_list list;
	bool active;

	smv_dm_list(&list);
	active = smv_dm_find(&list, backend->info.uuid, vol->info.number);
	smv_dm_list_free(&list);
	return active;
}

/*
 * An origin that was down while the store is up may have been changed, too. One that another
 * activation has brought up meanwhile is written to.
 */
static int check_down(struct smv_backend *backend, struct smv_vol *origin,
		      const struct activation *a)
{
	int rc;

	if (smv_meet_has_device(backend, origin))
		return 0;
	if (smv_touched_in_use(backend, origin, false))
		return 1;
	rc = a->compared ? 0 : smv_touched_compare(backend, origin);
	if (!rc || is_active(backend, origin))
		return 0;
	if (!a->force)
		return smv_touched_check(backend, origin, "activate -f");
	rc = smv_touched_accept(backend, origin);
	return rc ? smv_backend_fail(origin->name, rc) : 0;
}

/* "LABEL ORIGIN[@SNAPSHOT] DEVICE"; the store by its device number. */
static char *volume_parameters(struct smv_backend *backend, const struct smv_vol *vol,
			       const char *origin_path)
{
	struct smv_dm_device store;

	if (smv_dm_info(backend->dm_name, &store))
		return NULL;
	return smv_text_printf("%u:%u %s %s", major(store.dev), minor(store.dev), vol->name,
			       origin_path);
}

static int create_volume(struct smv_backend *backend, struct smv_vol *vol, const char *path,
			 const struct activation *a, const sigset_t *release)
{
	bool origin = smv_vol_is_origin(vol);
	char *name = smv_names_dm(backend->info.settings.label, vol->name);
	struct smv_dm_table table = { .name = name,
				      .uuid = backend->info.uuid,
				      .number = vol->info.number,
				      .sectors = vol->info.sectors,
				      .target = origin ? "snap-mv-origin" : "snap-mv",
				      .read_only = a->read_only,
				      .release = release };
	struct smv_device device;
	char number[32], *parameters;
	int rc = smv_device_must_open(&device, path, SMV_DEVICE_PEEK);

	if (!rc) {
		snprintf(number, sizeof(number), "%u:%u", major(device.dev), minor(device.dev));
		rc = device.block ? 0 :
				    smv_fail(vol->name,
					     "its device %s is a file: attach it with "
					     "losetup, then snapmv set %s "
					     "device=LOOP",
					     path, vol->name);
		smv_device_close(&device);
	}
	parameters = rc ? NULL : volume_parameters(backend, vol, number);
	if (!rc && !parameters)
		rc = smv_fail(vol->name, "the store %s is gone: activate it anew",
			      backend->dm_name);
	table.parameters = parameters;
	if (!rc)
		rc = create(&table, vol->name);
	if (!rc)
		print_path(a, name);
	free(parameters);
	free(name);
	return rc;
}

/*
 * Its fingerprint is no measure while it is up, written or moved; it is again if it does not come up. No
 * signal comes between, until it is up.
 */
static int bring_up(struct smv_backend *backend, struct smv_vol *vol, const char *path,
		    const struct activation *a)
{
	bool drop = smv_vol_is_origin(vol) && (!a->read_only || vol->rolling) &&
		    !backend->info.read_only;
	u8 was[SMV_FINGERPRINT_BYTES];
	sigset_t all, before;
	int rc;

	memcpy(was, vol->fingerprint, sizeof(was));
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	rc = drop ? smv_touched_forget(backend, vol) : 0;
	if (rc)
		rc = smv_backend_fail(vol->name, rc);
	else
		rc = create_volume(backend, vol, path, a, &before);
	if (rc && drop && smv_fingerprint_is_set(was) && !is_active(backend, vol)) {
		memcpy(vol->fingerprint, was, sizeof(was));
		backend->ops->identity(backend, vol, vol->info.identity, was);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* What the device lies on may have become another since it was added. */
static int check_place(struct smv_backend *backend, const char *path)
{
	struct smv_device device;
	int rc = smv_device_must_open(&device, path, SMV_DEVICE_PEEK);

	if (!rc)
		rc = smv_origin_check(backend, &device);
	smv_device_close(&device);
	return rc;
}

static int activate_volume(struct smv_backend *backend, struct smv_vol *vol, struct activation *a)
{
	struct smv_vol *origin = smv_vol_number(backend, vol->info.origin);
	char *path;
	int rc;

	if (smv_meet_has_device(backend, vol)) {
		print_path(a, vol->device + strlen("/dev/mapper/"));
		return 0;
	}
	if (!origin)
		return smv_fail(vol->name, "its origin is missing: run snapmv check");
	path = smv_origin_find(origin, &rc);
	if (!path)
		return smv_fail(vol->name, "%s (%s), snapmv set %s device=DEV if it is elsewhere",
				smv_origin_explain(rc), origin->info.identity, origin->name);
	rc = check_place(backend, path);
	if (!rc)
		rc = check_down(backend, origin, a);
	if (!rc)
		rc = bring_up(backend, vol, path, a);
	free(path);
	return rc;
}

static int activate_origins(struct smv_backend *backend, struct activation *a)
{
	int rc = 0;

	for (u32 i = 0; i < backend->vols; i++) {
		struct smv_vol *vol = &backend->vol[i];

		if (smv_vol_is_visible(vol) && smv_vol_is_origin(vol))
			rc |= activate_volume(backend, vol, a);
	}
	return rc;
}

static int activate_whole(const char *path, struct activation *a)
{
	struct smv_backend *backend;
	int rc;

	a->origin = 0;
	rc = activate_store(path, a, &backend);
	if (!rc)
		rc = activate_origins(backend, a);
	return smv_backend_close(backend, path) | rc;
}

/* A volume of a store that may have to be brought up first. */
static int activate_named(const struct smv_args *args, char *name, struct activation *a)
{
	struct smv_backend *backend = NULL, *active = NULL;
	struct smv_vol *vol = NULL;
	char *path = NULL;
	int rc = smv_target_open(args, &name, 1, false, &backend);

	a->compared = false;
	if (!rc)
		vol = smv_target_vol(backend, name);
	rc = rc || !vol;
	if (!rc) {
		a->origin = vol->info.origin;
		path = smv_text_printf("%s", backend->device);
	}
	if (!rc && backend->active) {
		active = backend;
		backend = NULL;
	}
	rc |= smv_backend_close(backend, name);
	if (!rc && !active)
		rc = activate_store(path, a, &active);
	if (!rc)
		vol = smv_target_vol(active, name);
	if (!rc)
		rc = vol ? activate_volume(active, vol, a) : 1;
	free(path);
	return smv_backend_close(active, name) | rc;
}

/* The device of the store that a label names, to be freed; NULL: said that there is none. */
static char *path_of_store(const struct smv_args *args, const char *name)
{
	struct smv_backend *backend = NULL;
	char *path = NULL;

	if (*name == '/' || *name == '.')
		return smv_text_printf("%s", name);
	if (!smv_target_open_store(args, name, false, &backend))
		path = smv_text_printf("%s", backend->device);
	smv_backend_close(backend, name);
	return path;
}

static bool is_store(const char *name)
{
	return *name == '/' || *name == '.' || name[strlen(name) - 1] == '/';
}

static int activate_all(struct activation *a)
{
	struct smv_store_ref *refs;
	u32 count, ordered;
	int rc = smv_stores_denied();

	if (rc)
		return rc;
	count = smv_stores_list(&refs, true);
	ordered = smv_stacked_order(refs, count);
	for (u32 i = 0; i < ordered; i++) {
		bool told = false; /* a copy is refused once, with the one it is a copy of */

		for (u32 k = 0; k < i; k++)
			told |= !memcmp(refs[k].uuid, refs[i].uuid, SMV_UUID_BYTES);
		if (refs[i].path && !told)
			rc |= activate_whole(refs[i].path, a);
	}
	smv_stores_free(refs, count);
	return rc;
}

static int run_activate(const struct smv_args *args)
{
	struct activation a = { .force = smv_args_has(args, 'f'),
				.read_only = smv_args_has(args, 'r') };
	bool all = smv_args_has(args, 'a');
	int rc = 0;

	if (all == !!args->count)
		return smv_usage(all ? "-a takes no argument" :
				       "missing argument: a store's device, "
				       "a volume, or -a");
	for (int i = 0; i < args->count; i++)
		if (a.read_only && is_store(args->arg[i]))
			return smv_usage("-r is for volumes");
	smv_text_gather();
	if (all)
		rc = activate_all(&a);
	for (int i = 0; i < args->count; i++) {
		char *path = is_store(args->arg[i]) ? path_of_store(args, args->arg[i]) : NULL;

		if (is_store(args->arg[i]))
			rc |= path ? activate_whole(path, &a) : 1;
		else
			rc |= activate_named(args, args->arg[i], &a);
		free(path);
	}
	return smv_text_tell() | rc;
}

static const struct smv_option options[] = {
	{ 'a', false, "all", NULL, "all stores that can be found (for boot)" },
	{ 'r', false, "read-only", NULL, "volumes: read-only" },
	SMV_OPTION_FORCE("accept an origin changed without the module, or another host's use"),
	SMV_OPTION_STORE,
	SMV_OPTION_END
};

const struct smv_command smv_command_activate = {
	.name = "activate",
	.synopsis = "[-f] STORE-DEV... | [-f] [-r] [-S STORE-DEV] VOLUME... | [-f] -a",
	.summary = "Brings up a store with its origins, or single volumes.",
	.help = "Prints the devices' paths, one a line; what is active already is fine. Snapshots\n"
		"come up only when named. With -f the snapshots of an origin that was changed\n"
		"without the module are marked suspect.\n",
	.options = options,
	.least = 0,
	.most = -1,
	.run = run_activate,
};
