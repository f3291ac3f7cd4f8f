// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv snapshot', `delete' and `rollback'. They promise that everything which
 * can be known beforehand is checked before anything is changed: names, memos,
 * that volumes exist, are not open, not mounted.
 *
 * The change itself is one durable operation of the backend (several deletes
 * of an inactive store: one commit). A crash leaves it done or not begun.
 */
#include <stdlib.h>
#include "commands.h"
#include "device.h"
#include "target.h"
#include "text.h"
#include "touched.h"

/* Else snapshots that may be wrong would pass for right ones, or a right one for a wrong one. */
static int check_touched(struct smv_backend *backend, struct smv_vol *origin, bool force,
			 const char *way)
{
	int rc;

	if (origin->device)
		return 0;
	if (smv_touched_in_use(backend, origin, true))
		return 1;
	if (!force)
		return smv_touched_check(backend, origin, way);
	if (!smv_touched_compare(backend, origin))
		return 0;
	rc = smv_touched_accept(backend, origin);
	return rc ? smv_backend_fail(origin->name, rc) : 0;
}

/* -- snapshot ------------------------------------------------------------------ */

static int check_memo(const char *memo)
{
	if (strlen(memo) >= SMV_MEMO_BYTES)
		return smv_fail("-m", "the memo has more than %u bytes: shorten it",
				SMV_MEMO_BYTES - 1);
	if (!smv_text_is_utf8(memo))
		return smv_fail("-m", "the memo is not plain UTF-8 text: leave out control "
				      "characters");
	return 0;
}

/* `snapshot data data@x' means the same as `snapshot data x'. */
static const char *short_name(const struct smv_vol *of, const char *name)
{
	size_t bytes = strcspn(of->name, "@");

	return name[bytes] == '@' && !strncmp(name, of->name, bytes) ? name + bytes + 1 : name;
}

/* The names given twice, or taken, within the origin. */
static int check_take(struct smv_backend *backend, const struct smv_take *take, u32 i)
{
	const struct smv_vol *of = take[i].of;
	char *full =
		smv_text_printf("%.*s@%s", (int)strcspn(of->name, "@"), of->name, take[i].name);
	int rc = 0;

	if (smv_vol_find(backend, full))
		rc = smv_fail(full, "there is a snapshot of this name: choose another, or delete "
				    "it first");
	for (u32 k = 0; k < i && !rc; k++) {
		if (take[k].of == of)
			rc = smv_fail(of->name, "is named twice: once is enough");
		else if (take[k].of->info.origin == of->info.origin &&
			 !strcmp(take[k].name, take[i].name))
			rc = smv_fail(full, "is wanted twice: choose another name");
	}
	if (!rc && (of->info.flags & SMV_VOLUME_INVALID))
		rc = smv_fail(of->name, "is invalid (the store was full): it can only be deleted");
	free(full);
	return rc;
}

static int fill_takes(struct smv_backend *backend, const struct smv_args *args,
		      struct smv_take *take, const char *memo)
{
	for (u32 i = 0; i < (u32)args->count / 2; i++) {
		int rc;

		take[i].of = smv_target_vol(backend, args->arg[2 * i]);
		if (!take[i].of)
			return 1;
		take[i].name = short_name(take[i].of, args->arg[2 * i + 1]);
		take[i].memo = memo;
		if (!smv_name_is_snapshot(take[i].name))
			return smv_fail(take[i].name, "is no legal snapshot's name: see snapmv(8), "
						      "NAMES");
		rc = check_take(backend, take, i);
		if (rc)
			return rc;
	}
	return 0;
}

static int run_snapshot(const struct smv_args *args)
{
	const char *memo = smv_args_get(args, 'm') ? smv_args_get(args, 'm') : "";
	struct smv_take take[SMV_SNAPSHOT_PARTS] = { 0 };
	struct smv_backend *backend = NULL;
	u32 takes = (u32)args->count / 2;
	char *names[SMV_SNAPSHOT_PARTS];
	int rc;

	if (args->count % 2)
		return smv_usage("%s has no new name beside it", args->arg[args->count - 1]);
	if (takes > SMV_SNAPSHOT_PARTS)
		return smv_usage("more than %u snapshots at once", SMV_SNAPSHOT_PARTS);
	rc = check_memo(memo);
	if (rc)
		return rc;
	for (u32 i = 0; i < takes; i++)
		names[i] = args->arg[2 * i];
	rc = smv_target_open(args, names, takes, true, &backend);
	if (!rc)
		rc = fill_takes(backend, args, take, memo);
	for (u32 i = 0; i < takes && !rc; i++)
		if (smv_vol_is_origin(take[i].of))
			rc = check_touched(backend, take[i].of, smv_args_has(args, 'f'),
					   "snapshot -f");
	if (!rc) {
		rc = backend->ops->snapshot(backend, take, takes, !smv_args_has(args, 'n'));
		if (rc)
			rc = smv_backend_fail(names[0], rc);
	}
	return smv_backend_close(backend, names[0]) | rc;
}

static const struct smv_option snapshot_options[] = {
	{ 'm', false, "memo", "MEMO", "a note kept with it, up to 255 bytes" },
	{ 'n', true, "no-freeze", NULL, "do not freeze mounted filesystems around it" },
	SMV_OPTION_FORCE("even if the origin was changed without the module"),
	SMV_OPTION_STORE,
	SMV_OPTION_END
};

const struct smv_command smv_command_snapshot = {
	.name = "snapshot",
	.synopsis = "[-m MEMO] [--no-freeze] [-f] [-S STORE-DEV] VOLUME NEW [VOLUME NEW]...",
	.summary = "Takes one or several snapshots, at one point in time.",
	.help = "VOLUME is an origin or a snapshot, NEW the name of the new snapshot, unique\n"
		"within the origin. Several must be of one store; they are one atomic point.\n"
		"With -f the snapshots there are of an origin that was changed without the module\n"
		"while it was down are marked suspect; the new one is not.\n",
	.options = snapshot_options,
	.least = 2,
	.most = -1,
	.run = run_snapshot,
};

/* -- delete ----------------------------------------------------------------------- */

static int find_deletes(struct smv_backend *backend, const struct smv_args *args,
			struct smv_vol **vol)
{
	for (int i = 0; i < args->count; i++) {
		vol[i] = smv_target_snapshot(backend, args->arg[i]);
		if (!vol[i])
			return 1;
		if (vol[i]->device || vol[i]->info.opens)
			return smv_fail(args->arg[i], "is active: snapmv deactivate %s first",
					args->arg[i]);
		for (int k = 0; k < i; k++)
			if (vol[k] == vol[i])
				return smv_fail(args->arg[i], "is named twice: once is enough");
	}
	return 0;
}

/* The module deletes one after the other: the first that is left, with what became of the others. */
static char *first_left(struct smv_backend *backend, const struct smv_args *args, const u64 *number)
{
	int i = 0;

	while (i < args->count) {
		const struct smv_vol *vol = smv_vol_number(backend, number[i]);

		if (vol && smv_vol_is_visible(vol))
			break;
		i++;
	}
	if (!i || i == args->count)
		return smv_text_printf("%s", args->arg[0]);
	return smv_text_printf("%s (those named before it are deleted)", args->arg[i]);
}

static int delete_failed(struct smv_backend *backend, const struct smv_args *args,
			 const u64 *number, int error)
{
	char *object = backend->active && !backend->ops->load(backend) ?
			       first_left(backend, args, number) :
			       smv_text_printf("%s", args->arg[0]);

	if (error == -EBUSY)
		smv_fail(object, "the store is too busy to make room for it: try again");
	else
		smv_backend_fail(object, error);
	free(object);
	return 1;
}

static int delete_all(struct smv_backend *backend, const struct smv_args *args,
		      struct smv_vol **vol)
{
	u64 *number = smv_text_alloc((u32)args->count * sizeof(*number));
	int rc;

	for (int i = 0; i < args->count; i++)
		number[i] = vol[i]->info.number;
	rc = backend->ops->delete (backend, vol, (u32)args->count);
	if (rc)
		rc = delete_failed(backend, args, number, rc);
	free(number);
	return rc;
}

static int run_delete(const struct smv_args *args)
{
	struct smv_vol **vol = smv_text_alloc((u32)args->count * sizeof(*vol));
	struct smv_backend *backend = NULL;
	int rc = smv_target_open(args, args->arg, (u32)args->count, true, &backend);

	if (!rc)
		rc = find_deletes(backend, args, vol);
	if (!rc)
		rc = delete_all(backend, args, vol);
	if (!rc && smv_args_has(args, 'w')) {
		rc = backend->ops->wait_clean(backend);
		if (rc)
			rc = smv_backend_fail(args->arg[0], rc);
	}
	free(vol);
	return smv_backend_close(backend, args->arg[0]) | rc;
}

static const struct smv_option delete_options[] = { { 'w', true, "wait", NULL,
						      "wait until the space has come back" },
						    SMV_OPTION_STORE,
						    SMV_OPTION_END };

const struct smv_command smv_command_delete = {
	.name = "delete",
	.synopsis = "[--wait] [-S STORE-DEV] ORIGIN@SNAPSHOT...",
	.summary = "Deletes snapshots, at once; others are not affected.",
	.help = "Refuses active ones, and then deletes none. The space comes back in the\n"
		"background while the store is active; of an inactive store, with --wait or at\n"
		"the next activation.\n",
	.options = delete_options,
	.least = 1,
	.most = -1,
	.run = run_delete,
};

/* -- rollback ----------------------------------------------------------------------- */

/* "undo-1" and so on, one that is free. To be freed. */
static char *undo_name(struct smv_backend *backend, const struct smv_vol *origin)
{
	for (u64 n = 1;; n++) {
		char *full = smv_text_printf("%s@undo-%llu", origin->name, (unsigned long long)n);
		bool taken = smv_vol_find(backend, full);
		char *name = smv_text_printf("%s", strchr(full, '@') + 1);

		free(full);
		if (!taken)
			return name;
		free(name);
	}
}

static int check_undo(struct smv_backend *backend, const struct smv_vol *origin, const char *undo)
{
	char *full;
	int rc = 0;

	if (!smv_name_is_snapshot(undo))
		return smv_fail(undo, "is no legal snapshot's name: see snapmv(8), NAMES");
	full = smv_text_printf("%s@%s", origin->name, undo);
	if (smv_vol_find(backend, full))
		rc = smv_fail(full, "there is a snapshot of this name: choose another with --undo");
	free(full);
	return rc;
}

static int check_rollback(struct smv_backend *backend, const struct smv_args *args,
			  const struct smv_roll *roll)
{
	const char *name = args->arg[0];
	const struct smv_vol *origin = roll->origin;
	char *where;
	int rc;

	if (origin->rolling)
		return smv_fail(name,
				"a rollback of %s is running: wait until it is done, see "
				"snapmv status",
				origin->name);
	if (roll->snapshot->info.flags & SMV_VOLUME_INVALID)
		return smv_fail(name, "is invalid (the store was full): it can only be deleted");
	if (!origin->device && backend->active && smv_args_has(args, 'w'))
		return smv_fail(name,
				"the data moves only while %s is active: activate it first, or "
				"leave --wait away",
				origin->name);
	if (!origin->device)
		return 0;
	where = smv_device_mounted_upon(origin->device_dev);
	rc = where ? smv_fail(name, "%s, or what lies on it, is mounted on %s: unmount it",
			      origin->device, where) :
		     0;
	free(where);
	if (!rc && !roll->force && smv_vol_stays_open(origin))
		rc = smv_fail(name, "%s is open: close what uses it, or use -f", origin->device);
	return rc;
}

/* Its snapshots have just been marked, which nobody has been told. */
static int check_left(const struct smv_backend *backend, const struct smv_roll *roll)
{
	if (!backend->left || roll->force || !(roll->snapshot->info.flags & SMV_VOLUME_SUSPECT))
		return 0;
	return smv_fail(
		roll->snapshot->name,
		"may be wrong, and is marked suspect: the store failed while its origin was in "
		"use; rollback -f takes it all the same");
}

static int roll(struct smv_backend *backend, const struct smv_args *args)
{
	struct smv_roll roll = { .force = smv_args_has(args, 'f') };
	char *automatic = NULL;
	int rc;

	roll.snapshot = smv_target_snapshot(backend, args->arg[0]);
	if (!roll.snapshot)
		return 1;
	roll.origin = smv_vol_number(backend, roll.snapshot->info.origin);
	if (!roll.origin)
		return smv_fail(args->arg[0], "its origin is missing: run snapmv check");
	rc = check_rollback(backend, args, &roll);
	if (rc)
		return rc;
	if (smv_args_has(args, 'u'))
		roll.undo = smv_args_get(args, 'u');
	else if (!smv_args_has(args, 'N'))
		roll.undo = automatic = undo_name(backend, roll.origin);
	if (roll.undo)
		rc = check_undo(backend, roll.origin, roll.undo);
	if (!rc)
		rc = check_left(backend, &roll);
	if (!rc)
		rc = check_touched(backend, roll.origin, roll.force, "rollback -f");
	if (!rc) {
		/* one that is active read-only has its fingerprint still */
		rc = backend->active && roll.origin->device ?
			     smv_touched_forget(backend, roll.origin) :
			     0;
		if (!rc)
			rc = backend->ops->rollback(backend, &roll);
		if (!rc && roll.undo)
			printf("%s@%s\n", roll.origin->name, roll.undo);
		if (!rc && smv_args_has(args, 'w')) {
			/* whoever ends the wait wants to know it */
			fflush(stdout);
			rc = backend->ops->wait_rollback(backend, roll.origin);
		}
		if (rc)
			rc = smv_backend_fail(args->arg[0], rc);
	}
	free(automatic);
	return rc;
}

static int run_rollback(const struct smv_args *args)
{
	struct smv_backend *backend = NULL;
	int rc;

	if (smv_args_has(args, 'u') && smv_args_has(args, 'N'))
		return smv_usage("--undo and --no-undo exclude each other");
	rc = smv_target_open(args, args->arg, 1, true, &backend);
	if (!rc)
		rc = roll(backend, args);
	return smv_backend_close(backend, args->arg[0]) | rc;
}

static const struct smv_option rollback_options[] = {
	{ 'w', true, "wait", NULL, "wait until the data has moved" },
	{ 'N', true, "no-undo", NULL, "do not keep the present state" },
	{ 'u', true, "undo", "NAME", "the snapshot that keeps the present state (default undo-N)" },
	SMV_OPTION_FORCE("even if the origin is open (never if mounted), or was changed"),
	SMV_OPTION_STORE,
	SMV_OPTION_END
};

const struct smv_command smv_command_rollback = {
	.name = "rollback",
	.synopsis = "[--wait] [--no-undo] [--undo NAME] [-f] [-S STORE-DEV] ORIGIN@SNAPSHOT",
	.summary = "Makes the origin read as the snapshot from now on.",
	.help = "The present state is kept as a new snapshot, whose name is printed. The data\n"
		"moves in the background while the origin is active; until it has, the raw device\n"
		"is a mix. Of an inactive store it moves with --wait or once activated. --wait is\n"
		"refused while the store is active and the origin is not, and fails if chunks are lost\n"
		"or cannot be read, or if the origin is deactivated.\n",
	.options = rollback_options,
	.least = 1,
	.most = 1,
	.run = run_rollback,
};
