// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of device-mapper devices. It promises that a rename is refused before
 * anything was changed if a name is taken. A crash in the middle leaves some
 * devices under their former names; they are known by their uuid.
 */
#include <stdlib.h>
#include "dm.h"
#include "names.h"
#include "text.h"

char *smv_names_dm(const char *label, const char *volume)
{
	return smv_text_printf("%s-%s", label, volume);
}

static int plan_one(struct smv_renames *r, const char *object, const char *from, char *to)
{
	if (!strcmp(from, to)) {
		free(to);
		return 0;
	}
	r->from = smv_text_grow(r->from, (r->count + 1) * sizeof(char *));
	r->to = smv_text_grow(r->to, (r->count + 1) * sizeof(char *));
	r->from[r->count] = smv_text_printf("%s", from);
	r->to[r->count++] = to;
	if (smv_dm_exists(to))
		return smv_fail(object, "the device-mapper name %s is taken: choose another", to);
	return 0;
}

/* The name that @v gets when @vol is called @name. */
static char *new_name(const char *label, const struct smv_vol *vol, const struct smv_vol *v,
		      const char *name)
{
	const char *at = strchr(v->name, '@');

	if (!smv_vol_is_origin(vol))
		return smv_text_printf("%s-%.*s@%s", label, (int)(at - v->name), v->name, name);
	return smv_text_printf("%s-%s%s", label, name, at ? at : "");
}

int smv_renames_plan(struct smv_renames *r, struct smv_backend *backend, const struct smv_vol *vol,
		     const char *name)
{
	const char *label = backend->info.settings.label;
	int rc = 0;

	if (!vol && backend->dm_name)
		rc = plan_one(r, label, backend->dm_name, smv_text_printf("%s", name));
	for (u32 i = 0; i < backend->vols && !rc; i++) {
		const struct smv_vol *v = &backend->vol[i];
		bool concerned = !vol || v == vol ||
				 (smv_vol_is_origin(vol) && v->info.origin == vol->info.number);

		if (!v->device || !concerned)
			continue;
		rc = plan_one(r, vol ? vol->name : label, v->device + strlen("/dev/mapper/"),
			      vol ? new_name(label, vol, v, name) : smv_names_dm(name, v->name));
	}
	return rc;
}

int smv_renames_do(struct smv_renames *r, const char *object)
{
	for (u32 i = 0; i < r->count; i++) {
		int rc = smv_dm_rename(r->from[i], r->to[i]);

		if (rc)
			return smv_fail(object,
					"renamed in the store, but the device %s is not (%s): "
					"use dmsetup rename",
					r->from[i], strerror(-rc));
	}
	return 0;
}

void smv_renames_free(struct smv_renames *r)
{
	for (u32 i = 0; i < r->count; i++) {
		free(r->from[i]);
		free(r->to[i]);
	}
	free(r->from);
	free(r->to);
}
