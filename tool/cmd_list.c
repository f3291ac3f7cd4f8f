// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv list'. It promises one row for each store, origin and snapshot, ghosts
 * and hidden volumes left out, origins with their snapshots, oldest first.
 */
#include <stdlib.h>
#include "collect.h"
#include "commands.h"
#include "json.h"
#include "space.h"
#include "text.h"

struct listing {
	const struct smv_args *args;
	struct smv_backend *backend;
	const struct smv_vol *only;
	struct smv_space *space; /* NULL: not asked for */
	bool tree;
	bool several; /* stores: names need them */
};

static bool is_shown(const struct listing *l, const struct smv_vol *vol)
{
	if (!smv_vol_is_visible(vol))
		return false;
	if (!l->only || vol == l->only)
		return true;
	return smv_vol_is_origin(l->only) && vol->info.origin == l->only->info.number;
}

/* What it was taken of, or what that was taken of if it is gone. */
static const struct smv_vol *taken_of(const struct smv_backend *backend, const struct smv_vol *vol)
{
	struct smv_backend *b = (struct smv_backend *)backend;
	struct smv_vol *of = smv_vol_number(b, vol->info.taken_of);

	if (of && smv_vol_is_visible(of))
		return of;
	return NULL;
}

/* Its place in the tree: below what it was taken of, else below the origin. */
static const struct smv_vol *tree_parent(const struct smv_backend *backend,
					 const struct smv_vol *vol)
{
	const struct smv_vol *of = taken_of(backend, vol);

	if (smv_vol_is_origin(vol))
		return NULL;
	return of ? of : smv_vol_number((struct smv_backend *)backend, vol->info.origin);
}

static u32 depth_of(const struct smv_backend *backend, const struct smv_vol *vol)
{
	u32 depth = 0;

	while ((vol = tree_parent(backend, vol)) && depth <= backend->vols)
		depth++;
	return depth;
}

/* Below what a volume is printed: an origin, or in a tree what it was taken of. */
static const struct smv_vol *printed_below(const struct listing *l, const struct smv_vol *vol)
{
	if (!smv_vol_is_visible(vol) || smv_vol_is_origin(vol))
		return NULL;
	return l->tree ? tree_parent(l->backend, vol) :
			 smv_vol_number(l->backend, vol->info.origin);
}

/*
 * The volumes in the order of printing: origins with their snapshots by number,
 * or as a tree. Indexes, to be freed; *count of them.
 */
static u32 *order(const struct listing *l, u32 *count)
{
	const struct smv_backend *b = l->backend;
	u32 *out = smv_text_alloc((b->vols + 1) * sizeof(*out));
	u32 *stack = smv_text_alloc((b->vols + 1) * sizeof(*stack));
	u32 *child = smv_text_alloc((b->vols + 1) * sizeof(*child)); /* last one, + 1 */
	u32 *before = smv_text_alloc((b->vols + 1) * sizeof(*before)); /* + 1 */
	u32 stacked = 0;

	*count = 0;
	for (u32 i = 0; i < b->vols; i++) {
		const struct smv_vol *above = printed_below(l, &b->vol[i]);

		if (above && above != &b->vol[i]) {
			before[i] = child[above - b->vol];
			child[above - b->vol] = i + 1;
		}
	}
	for (u32 i = b->vols; i--;)
		if (smv_vol_is_visible(&b->vol[i]) && smv_vol_is_origin(&b->vol[i]))
			stack[stacked++] = i;
	while (stacked && *count < b->vols) {
		u32 at = stack[--stacked];

		out[(*count)++] = at;
		for (u32 i = child[at]; i && stacked < b->vols; i = before[i - 1])
			stack[stacked++] = i - 1;
	}
	free(before);
	free(child);
	free(stack);
	return out;
}

/* -- for people --------------------------------------------------------------- */

static void add_space(const struct listing *l, struct smv_columns *c, const struct smv_space *space)
{
	u64 chunk = (u64)l->backend->info.chunk_blocks * SMV_BLOCK_BYTES;

	if (!l->space)
		return;
	smv_columns_add(c, space ? smv_text_bytes(space->own_chunks * chunk) : "-");
	smv_columns_add(c, space ? smv_text_bytes(space->shared_chunks * chunk) : "-");
}

static void add_store(const struct listing *l, struct smv_columns *c)
{
	const struct smv_backend *b = l->backend;
	const char *health = smv_store_health(b);
	char *name = smv_text_printf("%s/", b->info.settings.label);
	char *state = smv_text_printf("%s%s%s", strcmp(health, "ok") ? health : "",
				      strcmp(health, "ok") ? "," : "",
				      b->active ? "active" : "inactive");

	smv_columns_add(c, name);
	smv_columns_add(c, b->info.created_s ? smv_text_time(b->info.created_s) : "-");
	smv_columns_add(c, "-");
	smv_columns_add(c, state);
	smv_columns_add_number(c, b->info.exceptions);
	add_space(l, c, NULL);
	smv_columns_add(c, b->device);
	smv_columns_add(c, "");
	free(state);
	free(name);
}

static void add_volume(const struct listing *l, struct smv_columns *c, u32 i)
{
	struct smv_vol *vol = &l->backend->vol[i];
	const struct smv_vol *of = taken_of(l->backend, vol);
	u32 depth = l->tree ? depth_of(l->backend, vol) : 0;
	char *state = smv_vol_state(l->backend, vol);
	char *name = smv_text_printf("%*s%s", 2 * (int)depth, "", vol->name);

	smv_columns_add(c, name);
	smv_columns_add(c, smv_text_time(vol->info.created_s));
	smv_columns_add(c, smv_vol_is_origin(vol) ? "-" : of ? of->name : "(deleted)");
	smv_columns_add(c, state);
	smv_columns_add_number(c, vol->info.exceptions);
	add_space(l, c, smv_vol_is_origin(vol) ? NULL : &l->space[i]);
	smv_columns_add(c, vol->device ? vol->device : "-");
	smv_columns_add(c, smv_vol_memo(l->backend, vol));
	free(name);
	free(state);
}

static struct smv_columns *new_table(bool space)
{
	struct smv_columns *c = smv_columns_new(space ? 9 : 7);

	smv_columns_add(c, "NAME");
	smv_columns_add(c, "CREATED");
	smv_columns_add(c, "TAKEN OF");
	smv_columns_add(c, "STATE");
	smv_columns_add(c, "EXCEPTIONS");
	if (space) {
		smv_columns_add(c, "OWN");
		smv_columns_add(c, "SHARED");
	}
	smv_columns_add(c, "DEVICE");
	smv_columns_add(c, "MEMO");
	return c;
}

static void add_rows(const struct listing *l, struct smv_columns *c)
{
	u32 count, *index = order(l, &count);

	if (!l->only)
		add_store(l, c);
	for (u32 i = 0; i < count; i++)
		if (is_shown(l, &l->backend->vol[index[i]]))
			add_volume(l, c, index[i]);
	free(index);
}

static void print_names(const struct listing *l)
{
	const struct smv_backend *b = l->backend;

	for (u32 i = 0; i < b->vols; i++) {
		if (!is_shown(l, &b->vol[i]))
			continue;
		if (l->several) {
			smv_text_put(stdout, b->info.settings.label);
			putchar('/');
		}
		smv_text_put(stdout, b->vol[i].name);
		putchar('\n');
	}
}

/* -- JSON ------------------------------------------------------------------------ */

static void json_rollback(struct json_object *object, const struct listing *l,
			  const struct smv_vol *vol)
{
	const struct smv_vol *source = smv_vol_number(l->backend, vol->info.roll_source);
	struct json_object *o = smv_json_object(object, "rollback");

	smv_json_text(o, "source", source && smv_vol_is_visible(source) ? source->name : NULL);
	smv_json_number(o, "chunks", vol->progress.chunks);
	smv_json_number(o, "done_chunks", vol->progress.done_chunks);
	smv_json_number(o, "place_chunks", vol->progress.place_chunks);
	smv_json_number(o, "lost_chunks", vol->progress.lost);
}

static void json_volume(struct json_object *array, const struct listing *l, u32 i)
{
	struct smv_vol *vol = &l->backend->vol[i];
	const struct smv_vol *of = taken_of(l->backend, vol);
	struct json_object *o = smv_json_append(array);
	bool origin = smv_vol_is_origin(vol);
	u64 chunk = (u64)l->backend->info.chunk_blocks * SMV_BLOCK_BYTES;
	char *state = smv_vol_state(l->backend, vol);

	smv_json_text(o, "name", vol->name);
	smv_json_text(o, "kind", origin ? "origin" : "snapshot");
	smv_json_number(o, "number", vol->info.number);
	smv_json_number(o, "created", vol->info.created_s);
	smv_json_text(o, "taken_of", of ? of->name : NULL);
	smv_json_text(o, "state", state);
	smv_json_bool(o, "active", vol->device);
	smv_json_bool(o, "invalid", vol->info.flags & SMV_VOLUME_INVALID);
	smv_json_bool(o, "suspect", vol->info.flags & SMV_VOLUME_SUSPECT);
	smv_json_number(o, "bytes", vol->info.sectors * SMV_SECTOR_BYTES);
	smv_json_number(o, "exceptions", vol->info.exceptions);
	if (l->space && !origin) {
		smv_json_number(o, "own_bytes", l->space[i].own_chunks * chunk);
		smv_json_number(o, "shared_bytes", l->space[i].shared_chunks * chunk);
	}
	smv_json_text(o, "device", vol->device);
	if (origin)
		smv_json_text(o, "identity", vol->info.identity);
	if (vol->rolling)
		json_rollback(o, l, vol);
	smv_json_text(o, "memo", smv_vol_memo(l->backend, vol));
	free(state);
}

static void json_store(struct json_object *array, const struct listing *l)
{
	const struct smv_backend *b = l->backend;
	struct json_object *o = smv_json_append(array), *volumes;
	u32 count, *index = order(l, &count);
	char uuid[37];

	smv_text_uuid(b->info.uuid, uuid);
	smv_json_text(o, "label", b->info.settings.label);
	smv_json_text(o, "uuid", uuid);
	smv_json_text(o, "device", b->device);
	smv_json_bool(o, "active", b->active);
	smv_json_text(o, "health", smv_store_health(b));
	smv_json_number(o, "created", b->info.created_s);
	smv_json_number(o, "exceptions", b->info.exceptions);
	volumes = smv_json_array(o, "volumes");
	for (u32 i = 0; i < count; i++)
		if (is_shown(l, &b->vol[index[i]]))
			json_volume(volumes, l, index[i]);
	free(index);
}

/* -- the command ------------------------------------------------------------------- */

static int list_stores(const struct smv_args *args, const struct smv_collect *collect)
{
	struct json_object *root = smv_args_has(args, 'J') ? json_object_new_object() : NULL;
	struct json_object *stores = root ? smv_json_array(root, "stores") : NULL;
	bool quiet = smv_args_has(args, 'q'), space = smv_args_has(args, 's');
	struct smv_columns *table = root || quiet ? NULL : new_table(space);
	int rc = 0;

	for (u32 i = 0; i < collect->count && !rc; i++) {
		struct listing l = { .args = args,
				     .backend = collect->backend[i],
				     .only = collect->only,
				     .tree = smv_args_has(args, 't'),
				     .several = collect->count > 1 };

		if (space) {
			l.space = smv_space_compute(l.backend, &rc);
			if (rc)
				rc = smv_backend_fail(l.backend->info.settings.label, rc);
		}
		if (!rc && root)
			json_store(stores, &l);
		else if (!rc && quiet)
			print_names(&l);
		else if (!rc)
			add_rows(&l, table);
		free(l.space);
	}
	if (root && !rc)
		smv_json_print(root);
	else if (root)
		json_object_put(root);
	if (table)
		smv_columns_print(table);
	return rc;
}

static int run_list(const struct smv_args *args)
{
	struct smv_collect collect;
	int rc = smv_collect(args, args->count ? args->arg[0] : NULL, true, &collect);

	if (!rc)
		rc = list_stores(args, &collect);
	return smv_collect_free(&collect) | rc;
}

static const struct smv_option options[] = {
	{ 't', false, "tree", NULL, "as a tree of what was taken of what" },
	{ 's', false, "space", NULL, "also space: own (freed if deleted alone) and shared" },
	{ 'q', false, "quiet", NULL, "names only, oldest first" },
	SMV_OPTION_JSON,
	SMV_OPTION_STORE,
	SMV_OPTION_END
};

const struct smv_command smv_command_list = {
	.name = "list",
	.synopsis = "[-t] [-s] [-q] [--json] [-S STORE-DEV] [VOLUME or STORE]",
	.summary = "Lists stores, origins and snapshots.",
	.help = "Without an argument: everything on this machine. With an origin: it and its\n"
		"snapshots. With -q and several stores, names begin with STORE/.\n",
	.options = options,
	.least = 0,
	.most = 1,
	.run = run_list,
};
