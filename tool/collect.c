// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stores a reporting command speaks of. It promises that one store which
 * cannot be read does not hide the others: it is named at the end. When all are
 * asked for, one that goes down or comes up meanwhile is shown as it is then, or
 * was, and one that has gone is not one of them.
 */
#include <stdlib.h>
#include "collect.h"
#include "text.h"

static void take(struct smv_collect *c, struct smv_backend *backend)
{
	c->backend = smv_text_grow(c->backend, (c->count + 1) * sizeof(*c->backend));
	c->backend[c->count++] = backend;
}

static void collect_one(struct smv_collect *c, const struct smv_store_ref *ref)
{
	struct smv_backend *backend;

	if (smv_stores_open_listed(ref, &backend)) {
		smv_backend_close(backend, NULL);
		c->partly = true;
	} else if (backend) {
		take(c, backend);
	}
}

static int collect_all(struct smv_collect *c)
{
	struct smv_store_ref *refs;
	u32 count;
	int rc = smv_stores_denied();

	if (rc)
		return rc;
	count = smv_stores_list(&refs, true);
	for (u32 i = 0; i < count; i++)
		collect_one(c, &refs[i]);
	smv_stores_free(refs, count);
	return 0;
}

/* A plain word, not found as what it is taken for at first. */
static int open_word(const struct smv_args *args, const char *name, bool volume,
		     struct smv_backend **backend)
{
	char *names[1] = { (char *)name };
	int rc = volume ? smv_target_open(args, names, 1, false, backend) :
			  smv_target_open_store(args, name, false, backend);

	if (!rc && volume && !smv_vol_find(*backend, name))
		rc = 1;
	if (rc) {
		smv_backend_close(*backend, NULL);
		*backend = NULL;
	}
	return rc;
}

static bool is_plain(const char *name)
{
	return *name != '.' && !strchr(name, '/') && !strchr(name, '@');
}

static int collect_named(const struct smv_args *args, const char *name, bool volumes,
			 struct smv_collect *c)
{
	struct smv_backend *backend = NULL;
	char *names[1] = { (char *)name };
	struct smv_target target;
	int rc = 1;

	if (is_plain(name)) {
		smv_text_mute(true);
		rc = open_word(args, name, volumes, &backend);
		if (rc) {
			volumes = !volumes;
			rc = open_word(args, name, volumes, &backend);
		}
		smv_text_mute(false);
		if (rc)
			volumes = !volumes; /* to say it as it was meant */
	}
	if (rc)
		rc = !is_plain(name) || volumes ?
			     smv_target_open(args, names, 1, false, &backend) :
			     smv_target_open_store(args, name, false, &backend);
	if (rc) {
		smv_backend_close(backend, NULL);
		return rc;
	}
	take(c, backend);
	smv_target_parse(name, &target);
	if (!target.is_store && (!is_plain(name) || volumes)) {
		c->only = smv_target_vol(backend, name);
		rc = c->only ? 0 : 1;
	}
	smv_target_free(&target);
	return rc;
}

int smv_collect(const struct smv_args *args, const char *name, bool volumes,
		struct smv_collect *collect)
{
	struct smv_backend *backend = NULL;
	int rc = 0;

	memset(collect, 0, sizeof(*collect));
	if (name)
		return collect_named(args, name, volumes, collect);
	if (!smv_args_has(args, 'S'))
		return collect_all(collect);
	rc = smv_backend_open(smv_args_get(args, 'S'), false, &backend);
	if (rc)
		smv_backend_close(backend, NULL);
	else
		take(collect, backend);
	return rc;
}

int smv_collect_free(struct smv_collect *collect)
{
	for (u32 i = 0; i < collect->count; i++)
		smv_backend_close(collect->backend[i], NULL);
	free(collect->backend);
	return collect->partly;
}

const char *smv_store_health(const struct smv_backend *backend)
{
	if (backend->info.failed)
		return "failed";
	if (backend->module.full || !backend->info.available_chunks)
		return "full";
	if (backend->info.low)
		return "low";
	return backend->active && backend->info.read_only ? "read-only" : "ok";
}

char *smv_vol_state(const struct smv_backend *backend, const struct smv_vol *vol)
{
	const char *up = vol->device ? "active" : "inactive";

	if (vol->rolling) {
		const struct smv_rollback_progress *p = &vol->progress;
		u64 done = p->place_chunks > p->done_chunks ? p->place_chunks : p->done_chunks;

		return smv_text_printf("rolling-back:%u%%,%s",
				       p->chunks ? (u32)(done * 100.0 / p->chunks) : 0, up);
	}
	if (vol->info.flags & SMV_VOLUME_INVALID)
		return smv_text_printf("invalid,%s", up);
	if (backend->info.failed && !smv_vol_is_origin(vol))
		return smv_text_printf("failed,%s", up);
	if (vol->info.flags & SMV_VOLUME_SUSPECT)
		return smv_text_printf("suspect,%s", up);
	return smv_text_printf("%s", up);
}
