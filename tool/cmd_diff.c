// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv diff': which ranges of two volumes can differ, from the exceptions;
 * data is not read. It promises to leave out nothing: of an active store it
 * reads the table of volumes before and after, and fails if what the two
 * volumes are read through has changed between (the cleaner merges deleted
 * snapshots), or is about to.
 *
 * It writes nothing. Ranges are printed as they are found, so memory does not
 * grow with their number. Weak side: an active origin that is being rolled back is
 * refused: what has been moved is known to the module alone.
 */
#include <stdlib.h>
#include <unistd.h>
#include "commands.h"
#include "diff.h"
#include "target.h"
#include "text.h"

struct printing {
	struct smv_backend *backend;
	const struct smv_vol *from, *to;
	u64 chunk_bytes;
	u64 bytes; /* of the larger of the two */
	u64 sum;
	u32 ranges;
	bool json;
	/* a fill() in progress */
	struct smv_diff_entry *entry;
	u32 room, count;
};

static bool get_volume(void *context, u64 number, struct smv_volume_info *info)
{
	struct printing *p = context;
	struct smv_vol *vol = smv_vol_number(p->backend, number);

	if (vol)
		*info = vol->info;
	return vol;
}

static int take_entry(void *context, const struct smv_key *key, const struct smv_value *value)
{
	struct printing *p = context;

	p->entry[p->count++] = (struct smv_diff_entry){ *key, value->where };
	return p->count == p->room;
}

static int fill(void *context, const struct smv_key *from, struct smv_diff_entry *entry, u32 room)
{
	struct printing *p = context;
	struct smv_walk walk = { .volume = from->volume,
				 .chunk = from->chunk,
				 .epoch = from->epoch,
				 .entry = take_entry,
				 .context = p };
	int rc;

	if (!isatty(STDOUT_FILENO))
		smv_progress("reading", from->chunk, p->bytes / p->chunk_bytes);
	p->entry = entry;
	p->room = room;
	p->count = 0;
	rc = p->backend->ops->walk(p->backend, &walk);
	return rc < 0 ? rc : (int)p->count;
}

static int print_range(void *context, u64 first, u64 count, enum smv_diff_kind kind)
{
	struct printing *p = context;
	u64 at = first * p->chunk_bytes, bytes = count * p->chunk_bytes;

	/* the last chunk may be a partial one */
	if (at + bytes > p->bytes)
		bytes = p->bytes - at;
	p->sum += bytes;
	if (p->json)
		printf("%s\n  {\"offset\": %llu, \"bytes\": %llu, \"kind\": \"%s\"}",
		       p->ranges ? "," : "", (unsigned long long)at, (unsigned long long)bytes,
		       smv_diff_kind_name(kind));
	else
		printf("%-15llu %-15llu %s\n", (unsigned long long)at, (unsigned long long)bytes,
		       smv_diff_kind_name(kind));
	p->ranges++;
	return ferror(stdout) ? -EIO : 0;
}

/* -- is the table fit to be read? --------------------------------------------- */

/* What a look-up goes by, of all volumes of the origin, as one number. */
static u64 table_sum(struct smv_backend *backend, u64 origin)
{
	u64 sum = 14695981039346656037ULL;

	for (u32 i = 0; i < backend->vols; i++) {
		const struct smv_volume_info *v = &backend->vol[i].info;
		const u64 part[] = { v->number, v->parent,	v->asof,
				     v->epoch,	v->roll_volume, v->flags & ~SMV_VOLUME_PASS };

		if (v->origin != origin)
			continue;
		for (u32 k = 0; k < sizeof(part) / sizeof(part[0]); k++)
			sum = (sum ^ part[k]) * 1099511628211ULL;
	}
	return sum;
}

/* A deleted volume with one descendant is merged into it, entry by entry. */
static bool is_merging(struct smv_backend *backend, const struct smv_vol *vol)
{
	u32 descendants = 0;

	if (!(vol->info.flags & SMV_VOLUME_DEAD))
		return false;
	for (u32 i = 0; i < backend->vols; i++)
		descendants += backend->vol[i].info.parent == vol->info.number;
	return descendants == 1;
}

static int check_active(struct smv_backend *backend, const struct smv_vol *vol)
{
	const struct smv_vol *at = vol;

	while (at && !smv_vol_is_origin(at)) {
		if (is_merging(backend, at))
			return smv_fail(vol->name, "a deleted snapshot that it is read through is "
						   "being merged into it: try again when snapmv "
						   "status shows the cleaner idle");
		at = smv_vol_number(backend, at->info.parent);
	}
	if (at && at->rolling)
		return smv_fail(at->name, "is being rolled back: try again when that has ended, or "
					  "deactivate the store");
	return 0;
}

static int check_pair(const struct printing *p)
{
	const struct smv_vol *vol[2] = { p->from, p->to };

	if (p->from->info.origin != p->to->info.origin)
		return smv_fail(p->to->name,
				"is of another origin than %s: compare volumes of one "
				"origin",
				p->from->name);
	for (u32 i = 0; i < 2; i++) {
		if (vol[i]->info.flags & SMV_VOLUME_INVALID)
			return smv_fail(vol[i]->name, "is invalid, its data is lost: delete it");
		if (p->backend->active && check_active(p->backend, vol[i]))
			return 1;
	}
	return 0;
}

/* -- the command ----------------------------------------------------------------- */

static void print_begin(const struct printing *p)
{
	if (p->json)
		printf("{ \"from\": \"%s\", \"to\": \"%s\", \"chunk_bytes\": %llu, \"ranges\": [",
		       p->from->name, p->to->name, (unsigned long long)p->chunk_bytes);
	else
		printf("%-15s %-15s %s\n", "OFFSET", "BYTES", "KIND");
}

static void print_end(const struct printing *p)
{
	if (p->json)
		printf("%s], \"bytes\": %llu }\n", p->ranges ? "\n" : "",
		       (unsigned long long)p->sum);
}

static int compare(struct printing *p)
{
	struct smv_backend *b = p->backend;
	struct smv_diff diff = { .volume = get_volume,
				 .fill = fill,
				 .range = print_range,
				 .context = p,
				 .chunk_sectors = b->info.chunk_blocks * SMV_BLOCK_SECTORS };
	const u64 from = p->from->info.number, to = p->to->info.number;
	const u64 origin = p->to->info.origin, sum = table_sum(b, origin);
	int rc;

	print_begin(p);
	rc = smv_diff(&diff, from, to);
	if (rc)
		return smv_fail(p->to->name, "cannot be compared (%s): %s", strerror(-rc),
				b->active ? "see snapmv status" : "run snapmv check");
	print_end(p);
	if (!b->active)
		return 0;
	/* p->from and p->to are of the table that this replaces */
	rc = smv_backend_load(b);
	if (!rc && table_sum(b, origin) != sum)
		rc = smv_fail(NULL,
			      "snapshots were made, deleted or merged meanwhile, the list may "
			      "not be whole: try again");
	return rc;
}

static int run_opened(const struct smv_args *args, struct smv_backend *backend)
{
	struct printing p = { .backend = backend, .json = smv_args_has(args, 'J') };
	u64 from, to;

	p.from = smv_target_vol(backend, args->arg[0]);
	p.to = p.from;
	if (p.from && args->count == 2)
		p.to = smv_target_vol(backend, args->arg[1]);
	else if (p.from)
		p.to = smv_vol_number(backend, p.from->info.origin);
	if (!p.from || !p.to)
		return 1;
	if (p.from == p.to && args->count == 1)
		return smv_fail(p.from->name, "is an origin: name a snapshot to compare it with");
	if (check_pair(&p))
		return 1;
	from = p.from->info.sectors;
	to = p.to->info.sectors;
	p.bytes = (from > to ? from : to) * SMV_SECTOR_BYTES;
	p.chunk_bytes = (u64)backend->info.chunk_blocks * SMV_BLOCK_BYTES;
	return compare(&p);
}

static int run_diff(const struct smv_args *args)
{
	struct smv_backend *backend;
	int rc = smv_target_open(args, args->arg, (u32)args->count, false, &backend);

	if (!rc)
		rc = run_opened(args, backend);
	if (smv_backend_close(backend, args->arg[0]))
		rc = 1;
	return rc;
}

static const struct smv_option diff_options[] = { SMV_OPTION_STORE, SMV_OPTION_JSON,
						  SMV_OPTION_END };

const struct smv_command smv_command_diff = {
	.name = "diff",
	.synopsis = "[-S STORE-DEV] [--json] [VOLUME] VOLUME",
	.summary = "Lists the ranges in which two volumes of an origin can differ.",
	.help = "With one snapshot: from it to its origin. In whole chunks, from the metadata: what\n"
		"was written again with what it held before is listed, too. KIND is what the second\n"
		"volume holds: data; zero: zeroes; lost: one of the two, or both, read as an error there.\n",
	.options = diff_options,
	.least = 1,
	.most = 2,
	.run = run_diff,
};
