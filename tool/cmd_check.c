// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv check' and `snapmv dump'. They promise to write nothing to the store,
 * and to refuse one that is in use: what changes while it is read looks damaged.
 *
 * Exit status of check: 0 clean, 1 damaged (the damages on stdout, one line
 * each, the sum on stderr) or not checkable.
 */
#include <stdlib.h>
#include <unistd.h>
#include "check.h"
#include "commands.h"
#include "dump.h"
#include "host_user.h"
#include "json.h"
#include "offline.h"
#include "scan.h"
#include "text.h"

#define DAMAGES_SHOWN 1000

/* -- check ------------------------------------------------------------------- */

struct checking {
	struct smv_device device;
	struct json_object *damages; /* NULL: lines */
	u64 shown;
	bool quiet;
};

static int read_checked(void *context, u64 block, void *buffer)
{
	struct checking *c = context;

	return smv_device_read_block(&c->device, block, buffer);
}

static void report(void *context, const struct smv_damage *damage)
{
	struct checking *c = context;
	struct json_object *o;

	if (c->shown++ >= DAMAGES_SHOWN)
		return;
	if (!c->damages) {
		smv_progress_end();
		if (!c->quiet)
			printf("%s: %s\n", smv_damage_name(damage->kind), damage->text);
		return;
	}
	o = smv_json_append(c->damages);
	smv_json_text(o, "kind", smv_damage_name(damage->kind));
	smv_json_text(o, "where", smv_damage_where(damage->kind));
	smv_json_number(o, "number", damage->where);
	smv_json_text(o, "text", damage->text);
}

static void show_progress(void *context, u64 done, u64 all)
{
	(void)context;
	smv_progress("check", done, all);
}

static void json_result(struct json_object *root, const struct smv_check_result *r)
{
	smv_json_bool(root, "clean", !r->damages);
	smv_json_number(root, "damage_count", r->damages);
	smv_json_number(root, "generation", r->generation);
	smv_json_number(root, "journal_records", r->records);
	smv_json_number(root, "volumes", r->volumes);
	smv_json_number(root, "exceptions", r->exceptions);
	smv_json_number(root, "data_chunks", r->data_chunks);
	smv_json_number(root, "metadata_chunks", r->meta_chunks);
	smv_json_number(root, "nodes", r->nodes);
}

static int say_result(const struct checking *c, const char *path, const struct smv_check_result *r)
{
	if (c->shown > DAMAGES_SHOWN && !c->damages && !c->quiet)
		printf("and %llu more\n", (unsigned long long)(c->shown - DAMAGES_SHOWN));
	if (r->damages)
		return smv_fail(path,
				"the store is damaged, %llu findings (%s): copy what can be "
				"read, do not activate it",
				(unsigned long long)r->damages, r->first);
	if (!c->damages && !c->quiet)
		printf("clean: %llu volumes, %llu exceptions, %llu data chunks, %llu metadata "
		       "chunks, %llu journal records\n",
		       (unsigned long long)r->volumes, (unsigned long long)r->exceptions,
		       (unsigned long long)r->data_chunks, (unsigned long long)r->meta_chunks,
		       (unsigned long long)r->records);
	return 0;
}

static int run_check(const struct smv_args *args)
{
	struct json_object *root = smv_args_has(args, 'J') ? json_object_new_object() : NULL;
	struct checking c = { .quiet = smv_args_has(args, 'q') };
	struct smv_check check = { .read = read_checked,
				   .report = report,
				   .progress = show_progress,
				   .context = &c,
				   .host = &smv_host_user };
	const char *path = args->arg[0];
	struct smv_check_result result;
	int rc = smv_offline_open(path, &c.device, SMV_DEVICE_CLAIM_READ);

	if (root)
		c.damages = smv_json_array(root, "damages");
	if (!rc) {
		check.blocks = c.device.bytes / SMV_BLOCK_BYTES;
		rc = smv_check(&check, &result);
		smv_progress_end();
		if (rc == -ENOENT || rc == -EOPNOTSUPP) {
			rc = smv_fail(path, "%s", smv_scan_explain(rc));
		} else if (rc) {
			rc = smv_fail(path, "cannot be checked (%s): try again", strerror(-rc));
		} else {
			rc = say_result(&c, path, &result);
			if (root)
				json_result(root, &result);
			if (root)
				smv_json_print(json_object_get(root));
		}
		smv_device_close(&c.device);
	}
	json_object_put(root);
	return rc;
}

static const struct smv_option check_options[] = {
	{ 'q', false, "quiet", NULL, "print nothing but the one line of a failure" },
	SMV_OPTION_JSON,
	SMV_OPTION_END
};

const struct smv_command smv_command_check = {
	.name = "check",
	.synopsis = "[-q] [--json] STORE-DEV",
	.summary = "Checks an inactive store, read-only.",
	.help = "Reads all metadata: checksums, both trees, the bitmaps, the journal and what\n"
		"replaying it gives; proves that each chunk has exactly one owner. Exit status 0:\n"
		"clean; 1: damaged.\n",
	.options = check_options,
	.least = 1,
	.most = 1,
	.run = run_check,
};

/* -- dump ---------------------------------------------------------------------- */

static void dump_progress(u64 done, u64 all)
{
	if (!isatty(STDOUT_FILENO))
		smv_progress("dump", done, all);
}

static int dump_device(const struct smv_args *args, struct smv_device *device)
{
	struct smv_reader reader = smv_offline_reader(device);
	struct smv_dump dump = { .out = stdout,
				 .json = smv_args_has(args, 'J'),
				 .progress = dump_progress };
	const char *path = args->arg[0];
	struct smv_disk_super super;
	struct smv_store *store;
	int rc = smv_scan_read(device, &super);

	dump.super = &super;
	if (!rc)
		rc = smv_replay_open(&reader, &store);
	if (rc == -EUCLEAN)
		return smv_fail(path, "the store is damaged (%s): run snapmv check",
				*smv_replay_reason() ? smv_replay_reason() : "both superblocks");
	if (rc)
		return smv_fail(path, "%s", smv_scan_explain(rc));
	rc = smv_dump(&dump, &reader, store);
	smv_store_delete(store);
	if (rc && !ferror(stdout))
		return smv_fail(path,
				"the store is damaged (%s), the dump is not whole: run "
				"snapmv check",
				strerror(-rc));
	return 0;
}

static int run_dump(const struct smv_args *args)
{
	struct smv_device device;
	int rc = smv_offline_open(args->arg[0], &device, SMV_DEVICE_CLAIM_READ);

	if (rc)
		return rc;
	rc = dump_device(args, &device);
	smv_device_close(&device);
	return rc;
}

static const struct smv_option dump_options[] = { SMV_OPTION_JSON, SMV_OPTION_END };

const struct smv_command smv_command_dump = {
	.name = "dump",
	.synopsis = "[--json] STORE-DEV",
	.summary = "Prints all metadata of an inactive store as text, read-only.",
	.help = "One line for the store, its settings, each volume and each exception, then end.\n",
	.options = dump_options,
	.least = 1,
	.most = 1,
	.run = run_dump,
};
