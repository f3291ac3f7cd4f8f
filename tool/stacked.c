// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores upon stores. It promises that none is brought up on the raw device of another one's origin, or on
 * a part of that, which it would change behind that one's back, and that one whose origin is a volume of another comes after it.
 *
 * It reads only, and has every store open for that, for a moment. Weak side: a store that cannot be opened says
 * nothing of its origins; an origin that lies on another store's volume through LVM or the like is not seen.
 */
#include <stdlib.h>
#include "dm.h"
#include "origin.h"
#include "stacked.h"
#include "text.h"

struct stack {
	struct smv_store_ref *refs;
	struct smv_backend **backend; /* NULL: cannot be opened */
	u32 count;
};

/* NULL: it cannot be opened. */
static struct smv_backend *open_muted(const struct smv_store_ref *ref)
{
	struct smv_backend *backend = NULL;

	smv_text_mute(true);
	if (smv_stores_open(ref, false, &backend)) {
		smv_backend_close(backend, NULL);
		backend = NULL;
	}
	smv_text_mute(false);
	return backend;
}

static void open_all(struct stack *s)
{
	s->backend = smv_text_alloc((s->count + 1) * sizeof(*s->backend));
	for (u32 i = 0; i < s->count; i++)
		s->backend[i] = open_muted(&s->refs[i]);
}

static bool is_within_any(const struct stack *s, u32 i)
{
	struct smv_device device;
	bool within = false;

	if (s->refs[i].dm_name || smv_device_open(&device, s->refs[i].path, SMV_DEVICE_PEEK))
		return false;
	for (u32 k = 0; k < s->count && !within; k++)
		within = k != i && s->backend[k] && smv_origin_around(s->backend[k], &device);
	smv_device_close(&device);
	return within;
}

/* Is an origin of the one a volume of the other? */
static bool needs(const struct stack *s, u32 i, u32 other)
{
	static const char kind[] = "dmuuid:";
	char prefix[sizeof(kind) + SMV_DM_PREFIX_BYTES];

	strcpy(prefix, kind);
	smv_dm_prefix(s->refs[other].uuid, prefix + strlen(kind));
	for (u32 v = 0; s->backend[i] && v < s->backend[i]->vols; v++)
		if (!strncmp(s->backend[i]->vol[v].info.identity, prefix, strlen(prefix)))
			return true;
	return false;
}

static void swap(struct stack *s, u32 a, u32 b)
{
	struct smv_store_ref ref = s->refs[a];
	struct smv_backend *backend = s->backend[a];

	s->refs[a] = s->refs[b];
	s->refs[b] = ref;
	s->backend[a] = s->backend[b];
	s->backend[b] = backend;
}

/* The first of those from @from on that needs none of them; @from itself if they go round. */
static u32 next_of(const struct stack *s, u32 from)
{
	for (u32 i = from; i < s->count; i++) {
		bool free = true;

		for (u32 k = from; k < s->count && free; k++)
			free = k == i || !needs(s, i, k);
		if (free)
			return i;
	}
	return from;
}

u32 smv_stacked_order(struct smv_store_ref *refs, u32 count)
{
	struct stack s = { .refs = refs, .count = count };
	bool *within = smv_text_alloc((s.count + 1) * sizeof(*within));
	u32 kept = 0;

	open_all(&s);
	for (u32 i = 0; i < s.count; i++)
		within[i] = is_within_any(&s, i);
	for (u32 i = 0; i < s.count; i++)
		if (!within[i])
			swap(&s, i, kept++);
	s.count = kept;
	for (u32 i = 0; i < s.count; i++)
		swap(&s, i, next_of(&s, i));
	for (u32 i = 0; i < count; i++)
		smv_backend_close(s.backend[i], NULL);
	free(s.backend);
	free(within);
	return kept;
}

static bool is_at(const struct smv_store_ref *ref, const struct smv_device *device)
{
	struct smv_device at;
	bool same = ref->path && !smv_device_open(&at, ref->path, SMV_DEVICE_PEEK);

	if (same) {
		same = smv_device_same(&at, device);
		smv_device_close(&at);
	}
	return same;
}

int smv_stacked_check_target(const struct smv_device *device, const struct smv_device *own)
{
	struct smv_store_ref *refs;
	u32 count = smv_stores_list(&refs, true);
	int rc = 0;

	for (u32 i = 0; i < count && !rc; i++) {
		struct smv_backend *backend = is_at(&refs[i], own) ? NULL : open_muted(&refs[i]);
		const struct smv_vol *vol = backend ? smv_origin_around(backend, device) : NULL;

		if (vol)
			rc = smv_fail(
				device->path,
				"%s an origin of the store %s: use -f to destroy what is on it",
				smv_origin_is(device, vol->info.identity) ? "is" : "is a part of",
				backend->info.settings.label);
		smv_backend_close(backend, NULL);
	}
	smv_stores_free(refs, count);
	return rc;
}
