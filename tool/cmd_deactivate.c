// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv deactivate'. It promises to look first whether anything is open or in
 * mid-rollback, and then to take nothing down.
 *
 * Order: snapshots; then origin by origin its device is taken down, what it is on flushed and its
 * fingerprint recorded, durably, through the store that is still up; then the store. A signal that
 * ends it does so between two of these steps; a crash, or SIGKILL, leaves some devices up, and at most one
 * origin that is down without a fingerprint: that it is changed then nobody notices. What somebody else takes down at the same time is no error. Weak
 * side: what is opened after the look makes the removal fail half-way.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include "commands.h"
#include "device.h"
#include "dm.h"
#include "target.h"
#include "text.h"
#include "touched.h"

struct taking_down {
	struct smv_backend *backend;
	bool *chosen; /* by index of the volume */
	bool store; /* with all */
	bool force;
};

static u32 active_volumes(const struct smv_backend *backend)
{
	u32 count = 0;

	for (u32 i = 0; i < backend->vols; i++)
		count += !!backend->vol[i].device;
	return count;
}

static int check_volume(const struct taking_down *t, const struct smv_vol *vol)
{
	char *where = smv_device_mounted(vol->device_dev);
	int rc = 0;

	if (where)
		rc = smv_fail(vol->name, "%s is mounted on %s: unmount it first", vol->device,
			      where);
	else if (smv_vol_stays_open(vol))
		rc = smv_fail(vol->name, "%s is open: close what uses it first", vol->device);
	else if (vol->rolling && !t->force)
		rc = smv_fail(vol->name, "a rollback is running, until it is done the raw device "
					 "is a mix: wait, see snapmv status, or use -f");
	free(where);
	return rc;
}

static int check(const struct taking_down *t)
{
	struct smv_backend *b = t->backend;
	int rc = 0;

	for (u32 i = 0; i < b->vols && !rc; i++)
		if (t->chosen[i] && b->vol[i].device)
			rc = check_volume(t, &b->vol[i]);
	/* an origin whose device is down may be in mid-rollback, too */
	for (u32 i = 0; i < b->vols && !rc && t->store && !t->force; i++)
		if (b->vol[i].rolling)
			rc = smv_fail(b->vol[i].name, "a rollback is running, until it is done the "
						      "raw device is a mix: wait, see snapmv "
						      "status, or use -f");
	if (!rc && t->store && smv_dm_stays_open(b->dm_name, active_volumes(b)))
		rc = smv_fail(b->info.settings.label,
			      "/dev/mapper/%s is open: close what uses it "
			      "first",
			      b->dm_name);
	return rc;
}

/* What is not there any more has been taken down by somebody else. */
static int remove_device(const char *name)
{
	int rc = smv_dm_remove(name);

	return rc == -ENXIO ? 0 : rc;
}

/*
 * Written once nothing can change the origin any more, a power cut included: what was
 * written last may not have been flushed. In mid-rollback, and where it cannot be made, there is
 * none: nothing is compared then, least of all with an older one, which whoever activates by
 * dmsetup has left there. One that was down keeps its own, and gets one if it has none: somebody
 * else has taken it down.
 */
static void record_fingerprint(struct smv_backend *b, struct smv_vol *vol, dev_t raw)
{
	int rc;

	if (b->info.failed || b->info.read_only)
		return;
	if (!vol->device)
		rc = smv_touched_begin(b, vol, NULL);
	else if (!vol->rolling)
		rc = smv_touched_record_on(b, vol, raw);
	else
		rc = smv_touched_forget(b, vol);
	if (rc && smv_vol_snapshots(b, vol))
		smv_warn(vol->name,
			 "what it holds cannot be recorded (%s): if it is changed without the "
			 "module, nobody notices that its snapshots are wrong",
			 strerror(-rc));
}

/* What its device lies on, by the table: "STORE NAME MAJOR:MINOR". 0: not known. */
static dev_t raw_of(const struct smv_vol *vol)
{
	char *table = vol->device ? smv_dm_table(vol->device + strlen("/dev/mapper/")) : NULL;
	u32 major = 0, minor = 0;

	if (table)
		sscanf(table, "%*s %*s %u:%u", &major, &minor);
	free(table);
	return makedev(major, minor);
}

static int take_one_down(const struct smv_vol *vol)
{
	int rc = remove_device(vol->device + strlen("/dev/mapper/"));

	return rc ? smv_fail(vol->name, "%s cannot be taken down (%s): close what uses it",
			     vol->device, strerror(-rc)) :
		    0;
}

static int take_snapshots(const struct taking_down *t)
{
	struct smv_backend *b = t->backend;
	int rc = 0;

	for (u32 i = 0; i < b->vols && !rc; i++)
		if (t->chosen[i] && b->vol[i].device && !smv_vol_is_origin(&b->vol[i]))
			rc = take_one_down(&b->vol[i]);
	return rc;
}

/* No signal comes between: it may be seconds until the fingerprint is made. */
static int take_origin_down(struct smv_backend *b, struct smv_vol *vol)
{
	const dev_t raw = raw_of(vol);
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	rc = vol->device ? take_one_down(vol) : 0;
	if (!rc)
		record_fingerprint(b, vol, raw);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Each has its fingerprint before the next one is touched, which may not come down. */
static int take_origins(const struct taking_down *t)
{
	struct smv_backend *b = t->backend;
	int rc = 0;

	for (u32 i = 0; i < b->vols && !rc; i++) {
		struct smv_vol *vol = &b->vol[i];

		if (t->chosen[i] && smv_vol_is_visible(vol) && smv_vol_is_origin(vol))
			rc = take_origin_down(b, vol);
	}
	return rc;
}

static int run(const struct taking_down *t)
{
	struct smv_backend *b = t->backend;
	int rc = check(t);

	if (!rc)
		rc = take_snapshots(t);
	if (!rc)
		rc = take_origins(t);
	if (rc || !t->store)
		return rc;
	rc = remove_device(b->dm_name);
	return rc ? smv_fail(b->info.settings.label,
			     "/dev/mapper/%s cannot be taken down (%s): "
			     "close what uses it",
			     b->dm_name, strerror(-rc)) :
		    0;
}

/* -- what the arguments name ----------------------------------------------------- */

static int choose_volume(struct taking_down *t, const char *name)
{
	struct smv_vol *vol = smv_target_vol(t->backend, name);

	if (!vol)
		return 1;
	if (!vol->device)
		return smv_fail(name, "is not active: there is nothing to do");
	t->chosen[vol - t->backend->vol] = true;
	return 0;
}

static void choose_all(struct taking_down *t)
{
	t->store = true;
	for (u32 i = 0; i < t->backend->vols; i++)
		t->chosen[i] = true;
}

static int take_store(struct smv_backend *backend, bool force, const char *name)
{
	struct taking_down t = { .backend = backend, .force = force };
	int rc;

	if (!backend->active)
		return smv_fail(name, "is not active: there is nothing to do");
	t.chosen = smv_text_alloc(backend->vols + 1);
	choose_all(&t);
	rc = run(&t);
	free(t.chosen);
	return rc;
}

/* Is the one argument a store: a device, LABEL/, or a label that is no volume's name? */
static bool is_store(const struct smv_args *args, char *name, struct smv_backend **backend)
{
	bool plain = *name != '/' && *name != '.' && !strchr(name, '/') && !strchr(name, '@');

	*backend = NULL;
	if (!plain)
		return *name == '/' || *name == '.' || name[strlen(name) - 1] == '/';
	smv_text_mute(true);
	if (smv_target_open(args, &name, 1, false, backend) || !smv_vol_find(*backend, name)) {
		smv_backend_close(*backend, name);
		if (smv_target_open_store(args, name, false, backend)) {
			smv_backend_close(*backend, name);
			*backend = NULL;
		}
		plain = false;
	}
	smv_text_mute(false);
	if (plain) {
		smv_backend_close(*backend, name);
		*backend = NULL;
	}
	return *backend;
}

static int take_volumes(const struct smv_args *args, bool force)
{
	struct taking_down t = { .force = force };
	int rc = smv_target_open(args, args->arg, (u32)args->count, false, &t.backend);

	if (!rc) {
		t.chosen = smv_text_alloc(t.backend->vols + 1);
		for (int i = 0; i < args->count && !rc; i++)
			rc = choose_volume(&t, args->arg[i]);
		if (!rc)
			rc = run(&t);
		free(t.chosen);
	}
	return smv_backend_close(t.backend, args->arg[0]) | rc;
}

/* One that somebody else takes down meanwhile, or has taken down, is as it should be. */
static int take_listed(const struct smv_store_ref *ref, bool force)
{
	struct smv_backend *backend;
	int rc = smv_stores_open_listed(ref, &backend);

	if (!rc && backend && backend->active)
		rc = take_store(backend, force, ref->label);
	return smv_backend_close(backend, ref->label) | rc;
}

/* Those that do not come down, maybe as another one is upon them, are the first then: how many. */
static u32 take_some(struct smv_store_ref *refs, u32 count, bool force)
{
	u32 left = 0;

	for (u32 i = 0; i < count; i++) {
		struct smv_store_ref ref = refs[i];

		if (!take_listed(&ref, force))
			continue;
		refs[i] = refs[left];
		refs[left++] = ref;
	}
	return left;
}

static int take_all(bool force)
{
	struct smv_store_ref *refs;
	u32 count, left, before;
	int rc = smv_stores_denied();

	if (rc)
		return rc;
	count = smv_stores_list(&refs, false);
	left = count;
	smv_text_mute(true);
	do {
		before = left;
		left = take_some(refs, left, force);
	} while (left && left < before);
	smv_text_mute(false);
	for (u32 i = 0; i < left; i++)
		rc |= take_listed(&refs[i], force);
	smv_stores_free(refs, count);
	return rc;
}

static int run_deactivate(const struct smv_args *args)
{
	bool force = smv_args_has(args, 'f');
	struct smv_backend *backend;
	int rc;

	if (smv_args_has(args, 'a') == !!args->count)
		return smv_usage("name volumes, a store, or give -a");
	if (smv_args_has(args, 'a'))
		return take_all(force);
	if (args->count > 1 || !is_store(args, args->arg[0], &backend))
		return take_volumes(args, force);
	rc = backend ? 0 : smv_target_open_store(args, args->arg[0], false, &backend);
	if (!rc)
		rc = take_store(backend, force, args->arg[0]);
	return smv_backend_close(backend, args->arg[0]) | rc;
}

static const struct smv_option options[] = {
	{ 'a', false, "all", NULL, "all active stores (for shutdown)" },
	SMV_OPTION_FORCE("even in mid-rollback"),
	{ 'S', false, "store", "STORE-DEV", "the active store that is meant" },
	SMV_OPTION_END
};

const struct smv_command smv_command_deactivate = {
	.name = "deactivate",
	.synopsis = "[-f] [-S STORE-DEV] VOLUME... | [-f] STORE | [-f] -a",
	.summary = "Takes volumes down, or a store with all its volumes.",
	.help = "STORE is a label (LABEL/ if an origin has the same name) or a device. Refuses\n"
		"what is open or in mid-rollback (until -f), and then takes nothing down.\n",
	.options = options,
	.least = 0,
	.most = -1,
	.run = run_deactivate,
};
