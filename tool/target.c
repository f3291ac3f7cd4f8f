// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an argument names. It promises that an ambiguous name is refused by
 * name, and that illegal names are refused before any store is opened.
 *
 * `/...' and `./...' are devices or image files, `LABEL/' is a store, all else
 * `[LABEL/]ORIGIN[@SNAPSHOT]'. A volume without a label is looked for in -S's store
 * if given, else in the active stores, else in all stores that can be found.
 * Weak side: finding an inactive store by a volume's name opens each one.
 */
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "dm.h"
#include "identity.h"
#include "scan.h"
#include "target.h"
#include "text.h"

static int check_volume(const char *arg, const char *name)
{
	const char *at = strchr(name, '@');
	char origin[SMV_NAME_BYTES];
	size_t bytes = at ? (size_t)(at - name) : strlen(name);

	if (bytes >= sizeof(origin))
		return smv_fail(arg, "an origin's name has at most %u characters: choose another",
				SMV_ORIGIN_NAME_MAX);
	memcpy(origin, name, bytes);
	origin[bytes] = 0;
	if (!smv_name_is_origin(origin))
		return smv_fail(arg, "%s is no legal origin's name: see snapmv(8), NAMES", origin);
	if (at && !smv_name_is_snapshot(at + 1))
		return smv_fail(arg, "%s is no legal snapshot's name: see snapmv(8), NAMES",
				at + 1);
	return 0;
}

int smv_target_parse(const char *arg, struct smv_target *target)
{
	const char *slash = strchr(arg, '/');

	memset(target, 0, sizeof(*target));
	if (*arg == '/' || *arg == '.') {
		target->path = smv_text_printf("%s", arg);
		target->is_store = true;
		return 0;
	}
	if (slash) {
		target->store = smv_text_printf("%.*s", (int)(slash - arg), arg);
		if (!smv_name_is_label(target->store))
			return smv_fail(arg,
					"%s is no legal label of a store: see snapmv(8), NAMES",
					target->store);
		target->is_store = !slash[1];
	}
	if (target->is_store)
		return 0;
	target->volume = smv_text_printf("%s", slash ? slash + 1 : arg);
	return check_volume(arg, target->volume);
}

void smv_target_free(struct smv_target *target)
{
	free(target->path);
	free(target->store);
	free(target->volume);
	memset(target, 0, sizeof(*target));
}

/* -- the stores there are --------------------------------------------------- */

static struct smv_store_ref *add_ref(struct smv_store_ref **refs, u32 *count)
{
	*refs = smv_text_grow(*refs, (*count + 1) * sizeof(**refs));
	memset(&(*refs)[*count], 0, sizeof(**refs));
	return &(*refs)[(*count)++];
}

/* The store's device, from its table line: "MAJOR:MINOR ...". */
static char *device_of(const char *dm_name)
{
	char *table = smv_dm_table(dm_name);
	char *node = NULL;
	u32 major, minor;

	if (table && sscanf(table, "%u:%u", &major, &minor) == 2)
		node = smv_identity_node(makedev(major, minor));
	free(table);
	return node;
}

u32 smv_stores_list(struct smv_store_ref **refs, bool inactive)
{
	struct smv_dm_list list;
	struct smv_scan scan;
	u32 count = 0;

	*refs = NULL;
	smv_dm_list(&list);
	for (u32 i = 0; i < list.count; i++) {
		struct smv_store_ref *ref;
		struct smv_found found;

		if (list.device[i].number)
			continue;
		ref = add_ref(refs, &count);
		ref->dm_name = smv_text_printf("%s", list.device[i].name);
		ref->label = smv_text_printf("%s", list.device[i].name);
		ref->path = device_of(ref->dm_name);
		memcpy(ref->uuid, list.device[i].uuid, SMV_UUID_BYTES);
		if (ref->path && !smv_scan_peek(ref->path, &found)) {
			ref->created_s = found.created_s;
			free(found.path);
		}
	}
	if (inactive)
		smv_scan_all(&scan);
	for (u32 i = 0; inactive && i < scan.count; i++) {
		struct smv_store_ref *ref;

		if (scan.found[i].is_origin || smv_dm_find(&list, scan.found[i].uuid, 0))
			continue;
		ref = add_ref(refs, &count);
		ref->path = smv_text_printf("%s", scan.found[i].path);
		ref->label = smv_text_printf("%s", scan.found[i].label);
		ref->created_s = scan.found[i].created_s;
		memcpy(ref->uuid, scan.found[i].uuid, SMV_UUID_BYTES);
	}
	if (inactive)
		smv_scan_free(&scan);
	smv_dm_list_free(&list);
	return count;
}

void smv_stores_free(struct smv_store_ref *refs, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		free(refs[i].path);
		free(refs[i].label);
		free(refs[i].dm_name);
	}
	free(refs);
}

int smv_stores_open(const struct smv_store_ref *ref, bool write, struct smv_backend **backend)
{
	int rc;

	*backend = NULL;
	if (ref->dm_name)
		rc = smv_kernel_open(ref->path ? ref->path : "-", ref->uuid, ref->dm_name, backend);
	else
		rc = smv_engine_open(ref->path, write, false, backend);
	return rc ? rc : smv_backend_start(backend, ref->created_s);
}

/* Is the device there no more, or not with this store? One that cannot be read is there. */
static bool has_gone(const struct smv_store_ref *ref)
{
	struct smv_found found;
	int rc = smv_scan_peek(ref->path, &found);
	bool gone = rc == -ENODEV || rc == -ENXIO || rc == -ENOENT;

	if (!rc)
		gone = memcmp(found.uuid, ref->uuid, SMV_UUID_BYTES);
	free(found.path);
	return gone;
}

/* Is it not as it was listed, any more? */
static bool has_changed(const struct smv_store_ref *ref)
{
	const struct smv_dm_device *device;
	struct smv_dm_list list;
	bool changed;

	smv_dm_list(&list);
	device = smv_dm_find(&list, ref->uuid, 0);
	if (ref->dm_name)
		changed = !device || strcmp(device->name, ref->dm_name);
	else
		changed = device || has_gone(ref);
	smv_dm_list_free(&list);
	return changed;
}

/* As it was listed, or (@anew) as it is now, saying nothing. NULL: it cannot be opened. */
static struct smv_backend *open_muted(const struct smv_store_ref *ref, bool anew)
{
	struct smv_backend *backend = NULL;
	int rc;

	smv_text_mute(true);
	rc = anew ? smv_backend_open(ref->path, false, &backend) :
		    smv_stores_open(ref, false, &backend);
	if (rc) {
		smv_backend_close(backend, NULL);
		backend = NULL;
	}
	smv_text_mute(false);
	return backend;
}

int smv_stores_open_listed(const struct smv_store_ref *ref, struct smv_backend **backend)
{
	*backend = open_muted(ref, false);
	if (*backend)
		return 0;
	if (!has_changed(ref))
		return smv_stores_open(ref, false, backend);
	*backend = ref->path ? open_muted(ref, true) : NULL;
	if (*backend)
		(*backend)->info.created_s = ref->created_s;
	return 0;
}

int smv_stores_denied(void)
{
	if (!smv_dm_is_denied())
		return 0;
	return smv_fail(NULL, "permission denied: run as root, only it sees active stores");
}

/* -- choosing one -------------------------------------------------------------- */

/* Who may not ask device-mapper sees no active store. */
static const char *way_out(void)
{
	return geteuid() ? "run as root, only it sees active stores" :
			   "see snapmv list, or name an inactive store with -S";
}

static int open_label(const char *arg, const char *label, bool write, struct smv_backend **backend)
{
	struct smv_store_ref *refs, *found = NULL;
	u32 count = smv_stores_list(&refs, true);
	int rc = 0;

	for (u32 i = 0; i < count && !rc; i++) {
		if (strcmp(refs[i].label, label))
			continue;
		if (found)
			rc = smv_fail(arg,
				      "two stores are labelled %s (%s and %s): name one by "
				      "its device, or with -S",
				      label, found->path ? found->path : "?", refs[i].path);
		found = &refs[i];
	}
	if (!rc && !found)
		rc = smv_fail(arg, "there is no store labelled %s: %s", label, way_out());
	if (!rc)
		rc = smv_stores_open(found, write, backend);
	smv_stores_free(refs, count);
	return rc;
}

static bool has_volume(const struct smv_store_ref *ref, const char *name)
{
	struct smv_backend *backend;
	bool found;

	/* one that cannot be opened is no candidate, and no reason to fail */
	smv_text_mute(true);
	found = !smv_stores_open(ref, false, &backend) && smv_vol_find(backend, name);
	smv_backend_close(backend, NULL);
	smv_text_mute(false);
	return found;
}

static bool has_label(const struct smv_store_ref *refs, u32 count, const char *label)
{
	for (u32 i = 0; i < count; i++)
		if (!strcmp(refs[i].label, label))
			return true;
	return false;
}

static int open_by_volume(const char *arg, const char *volume, bool write,
			  struct smv_backend **backend)
{
	struct smv_store_ref *refs, *found = NULL;
	u32 count, hits = 0;
	int rc;

	for (int inactive = 0; inactive < 2 && !found; inactive++) {
		if (inactive)
			smv_stores_free(refs, count);
		count = smv_stores_list(&refs, inactive);
		for (u32 i = 0; i < count; i++) {
			if (inactive && refs[i].dm_name)
				continue;
			/* the only store there is: let it say what is missing */
			if ((inactive && count == 1 && strcmp(refs[i].label, volume)) ||
			    has_volume(&refs[i], volume)) {
				found = &refs[i];
				hits++;
			}
		}
	}
	if (hits > 1)
		rc = smv_fail(arg, "several stores have this volume: write STORE/%s", volume);
	else if (!found && has_label(refs, count, volume))
		rc = smv_fail(arg, "is a store: write %s/, or name a volume", volume);
	else if (!found)
		rc = smv_fail(arg, "%s: %s",
			      count ? "no store has this volume" : "there is no store", way_out());
	else
		rc = smv_stores_open(found, write, backend);
	smv_stores_free(refs, count);
	return rc;
}

/* @device: -S's, or NULL. */
static int open_one(const char *device, const char *arg, const struct smv_target *target,
		    bool write, struct smv_backend **backend)
{
	int rc;

	if (target->path)
		rc = smv_backend_open(target->path, write, backend);
	else if (device)
		rc = smv_backend_open(device, write, backend);
	else if (target->store)
		rc = open_label(arg, target->store, write, backend);
	else
		rc = open_by_volume(arg, target->volume, write, backend);
	if (!rc && target->store && strcmp(target->store, (*backend)->info.settings.label))
		rc = smv_fail(arg, "the store %s is labelled %s: correct one of them",
			      (*backend)->device, (*backend)->info.settings.label);
	return rc;
}

static int open_target(const struct smv_args *args, const char *arg, bool store, bool write,
		       struct smv_backend **backend)
{
	struct smv_target target;
	int rc = smv_target_parse(arg, &target);

	if (!rc && store && target.volume)
		rc = smv_fail(arg, "is a volume: write %s/ for the store that it is in",
			      target.store);
	if (!rc)
		rc = open_one(smv_args_get(args, 'S'), arg, &target, write, backend);
	smv_target_free(&target);
	return rc;
}

int smv_target_open(const struct smv_args *args, char *const *names, u32 count, bool write,
		    struct smv_backend **backend)
{
	struct smv_target target;

	*backend = NULL;
	for (u32 i = 0; i < count; i++) {
		int rc = smv_target_parse(names[i], &target);

		smv_target_free(&target);
		if (rc)
			return rc;
	}
	return open_target(args, names[0], false, write, backend);
}

int smv_target_open_store(const struct smv_args *args, const char *name, bool write,
			  struct smv_backend **backend)
{
	struct smv_target target = { .store = (char *)name, .is_store = true };

	*backend = NULL;
	if (*name == '/' || *name == '.' || strchr(name, '/'))
		return open_target(args, name, true, write, backend);
	if (!smv_name_is_label(name))
		return smv_fail(name, "is no legal label of a store: see snapmv(8), NAMES");
	return open_one(smv_args_get(args, 'S'), name, &target, write, backend);
}

struct smv_vol *smv_target_vol(struct smv_backend *backend, const char *name)
{
	struct smv_target target;
	struct smv_vol *vol = NULL;
	const char *label = backend->info.settings.label;

	if (smv_target_parse(name, &target)) {
		smv_target_free(&target);
		return NULL;
	}
	if (!target.volume)
		smv_fail(name, "is a store: name a volume, ORIGIN or ORIGIN@SNAPSHOT");
	else if (target.store && strcmp(target.store, label))
		smv_fail(name, "is in another store than %s: use one store at a time", label);
	else
		vol = smv_vol_find(backend, target.volume);
	if (!vol)
		smv_fail(name, "the store %s has no such volume: see snapmv list", label);
	smv_target_free(&target);
	return vol;
}

struct smv_vol *smv_target_origin(struct smv_backend *backend, const char *name)
{
	struct smv_vol *vol = smv_target_vol(backend, name);

	if (vol && !smv_vol_is_origin(vol)) {
		smv_fail(name, "is a snapshot: name an origin");
		vol = NULL;
	}
	return vol;
}

struct smv_vol *smv_target_snapshot(struct smv_backend *backend, const char *name)
{
	struct smv_vol *vol = smv_target_vol(backend, name);

	if (vol && smv_vol_is_origin(vol)) {
		smv_fail(name, "is an origin: name a snapshot, ORIGIN@SNAPSHOT");
		vol = NULL;
	}
	return vol;
}
