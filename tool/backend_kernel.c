// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backend for an active store: messages to its device-mapper device, as
 * docs/operating.md writes them. It promises that an operation which returned 0
 * is durable, because the message was, and that a table of volumes is one that
 * the module gave, page by page.
 *
 * A crash of the tool leaves an operation done or not begun. Weak side: the
 * table is read in pages; a volume that comes or goes meanwhile may be in it or
 * not, and one that is renamed in it under either name.
 */
#include <stdarg.h>
#include <stdlib.h>
#include "backend.h"
#include "dm.h"
#include "origin.h"
#include "text.h"
#include "touched.h"

#define LOOK_TRIES 3

static int say(struct smv_backend *backend, char **reply, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int say(struct smv_backend *backend, char **reply, const char *format, ...)
{
	va_list list;
	char *message;
	int rc;

	va_start(list, format);
	rc = vasprintf(&message, format, list);
	va_end(list);
	if (rc < 0)
		return -ENOMEM;
	rc = smv_dm_message(backend->dm_name, message, reply);
	free(message);
	return rc;
}

/* -- reading the state --------------------------------------------------------- */

/* A text that comes in pieces: "BYTES PIECE". To be freed; "" if it cannot be had. */
static char *load_text(struct smv_backend *backend, const char *what, u64 number)
{
	char *text = smv_text_printf("%s", "");
	size_t have = 0, all = 1;

	while (have < all) {
		char *reply, *space, *piece;
		size_t more;

		if (say(backend, &reply, "%s %llu %zu", what, (unsigned long long)number, have))
			break;
		space = strchr(reply, ' ');
		all = strtoul(reply, NULL, 10);
		piece = smv_dm_decode(space ? space + 1 : "%");
		more = strlen(piece);
		text = smv_text_grow(text, have + more + 1);
		memcpy(text + have, piece, more + 1);
		have += more;
		free(piece);
		free(reply);
		if (!more)
			break;
	}
	return text;
}

static u32 flags_of(const char *kind, const char *letters)
{
	u32 flags = 0;

	if (!strcmp(kind, "origin"))
		flags |= SMV_VOLUME_ORIGIN;
	if (!strcmp(kind, "hidden"))
		flags |= SMV_VOLUME_HIDDEN;
	if (!strcmp(kind, "ghost"))
		flags |= SMV_VOLUME_DEAD;
	if (strchr(letters, 'I'))
		flags |= SMV_VOLUME_INVALID;
	if (strchr(letters, 'S'))
		flags |= SMV_VOLUME_SUSPECT;
	if (strchr(letters, 'C'))
		flags |= SMV_VOLUME_PASS;
	return flags;
}

/* What was known stays if it cannot be asked, as it has another name by now. */
static void load_progress(struct smv_backend *backend, struct smv_vol *vol)
{
	unsigned long long n[6] = { 0 };
	char *name = smv_dm_encode(vol->info.name);
	char *reply;

	if (!say(backend, &reply, "rollback-status %s", name)) {
		sscanf(reply, "%llu %llu %llu %llu %llu %llu", &n[0], &n[1], &n[2], &n[3], &n[4],
		       &n[5]);
		vol->rolling = n[0];
		vol->progress = (struct smv_rollback_progress){ .done_chunks = n[1],
								.place_chunks = n[2],
								.chunks = n[3],
								.moved = n[4],
								.lost = n[5] };
		free(reply);
	}
	free(name);
}

static void load_fingerprint(struct smv_backend *backend, struct smv_vol *vol)
{
	char *reply;
	u32 byte;

	if (say(backend, &reply, "fingerprint %llu", (unsigned long long)vol->info.number))
		return;
	for (u32 i = 0; i < sizeof(vol->fingerprint); i++)
		if (strlen(reply) >= 2 * i + 2 && sscanf(reply + 2 * i, "%2x", &byte) == 1)
			vol->fingerprint[i] = (u8)byte;
	free(reply);
}

/* A row of `list'; false: it is none. */
static bool load_row(struct smv_backend *backend, const char *row, u64 *last)
{
	struct smv_volume_info info = { 0 };
	unsigned long long n[6], origin, epoch, asof, rolling;
	char kind[16], flags[16], name[512];
	struct smv_vol *vol;
	char *full, *at, *identity;

	if (sscanf(row, "%llu %15s %llu %llu %llu %llu %llu %15s %u %511s %llu %llu %llu %llu",
		   &n[0], kind, &n[1], &n[2], &n[3], &n[4], &n[5], flags, &info.opens, name,
		   &origin, &epoch, &asof, &rolling) != 14)
		return false;
	info.number = n[0];
	info.parent = n[1];
	info.taken_of = n[2];
	info.created_s = n[3];
	info.sectors = n[4];
	info.exceptions = n[5];
	info.flags = flags_of(kind, flags);
	info.origin = origin;
	info.epoch = epoch;
	info.asof = asof;
	info.roll_source = rolling;
	full = smv_dm_decode(name);
	at = strchr(full, '@');
	info.name = at ? at + 1 : full;
	identity = info.flags & SMV_VOLUME_ORIGIN ? load_text(backend, "device", info.number) :
						    NULL;
	info.identity = identity;
	vol = smv_vols_add(backend, &info);
	if (smv_vol_is_origin(vol)) {
		load_progress(backend, vol);
		load_fingerprint(backend, vol);
	}
	free(identity);
	free(full);
	*last = info.number;
	return true;
}

static char *kernel_memo(struct smv_backend *backend, const struct smv_vol *vol)
{
	return load_text(backend, "memo", vol->info.number);
}

static int load_table(struct smv_backend *backend)
{
	bool more = true;
	u64 last = 0;

	while (more) {
		char *reply, *rest, *row;
		bool any = false, end = false;
		int rc = say(backend, &reply, "list %llu", (unsigned long long)last);

		if (rc)
			return rc;
		rest = reply;
		while ((row = strsep(&rest, "\n"))) {
			end |= !strcmp(row, "end");
			any |= load_row(backend, row, &last);
		}
		free(reply);
		more = any && !end;
	}
	return 0;
}

static int kernel_load(struct smv_backend *backend)
{
	int rc;

	smv_vols_clear(backend);
	rc = smv_module_status(backend);
	return rc ? rc : load_table(backend);
}

/* -- operations ------------------------------------------------------------------ */

static int kernel_add(struct smv_backend *backend, const struct smv_add *add)
{
	char *identity = smv_dm_encode(add->identity);
	char *reply;
	int rc = say(backend, &reply, "add %s %llu %s %llu", add->name,
		     (unsigned long long)add->sectors, identity, (unsigned long long)add->now_s);

	free(reply);
	free(identity);
	return rc;
}

static int kernel_remove(struct smv_backend *backend, struct smv_vol *origin)
{
	return say(backend, NULL, "remove %s", origin->name);
}

/* Appends @text to the message. */
static void append(char **message, const char *text)
{
	char *longer = smv_text_printf("%s %s", *message, text);

	free(*message);
	*message = longer;
}

/* An origin whose device is down. */
static int look_after(struct smv_backend *backend, struct smv_vol *vol)
{
	return smv_vol_is_origin(vol) && !vol->device ? smv_touched_begin(backend, vol, NULL) : 0;
}

/* The kernel freezes only what says that it lies on the device. -EREMOTE: said what cannot be written. */
static int write_out(const struct smv_vol *vol)
{
	char *where;
	int rc = vol->device ? smv_device_sync(vol->device_dev, &where) : 0;

	if (!rc)
		return 0;
	smv_fail(vol->name,
		 "what is mounted on %s cannot be written out (%s): see dmesg, or use --no-freeze",
		 where, strerror(-rc));
	free(where);
	return -EREMOTE;
}

static int kernel_snapshot(struct smv_backend *backend, const struct smv_take *take, u32 takes,
			   bool freeze)
{
	char *message, *reply;
	int rc = 0;

	for (u32 i = 0; i < takes && !rc && freeze; i++)
		rc = write_out(take[i].of);
	for (u32 i = 0; i < takes && !rc; i++)
		rc = look_after(backend, take[i].of);
	if (rc)
		return rc;
	message = smv_text_printf("snapshot %llu %u", (unsigned long long)smv_now(), freeze);

	for (u32 i = 0; i < takes; i++) {
		char *memo = smv_dm_encode(take[i].memo);

		append(&message, take[i].of->name);
		append(&message, take[i].name);
		append(&message, memo);
		free(memo);
	}
	rc = smv_dm_message(backend->dm_name, message, &reply);
	free(reply);
	free(message);
	return rc;
}

static int kernel_delete(struct smv_backend *backend, struct smv_vol **vol, u32 vols)
{
	char *message = smv_text_printf("delete");
	int rc;

	for (u32 i = 0; i < vols; i++)
		append(&message, vol[i]->name);
	rc = smv_dm_message(backend->dm_name, message, NULL);
	free(message);
	return rc;
}

static int kernel_rollback(struct smv_backend *backend, const struct smv_roll *roll)
{
	char *reply;
	int rc = say(backend, &reply, "rollback %s %s %llu %u", roll->snapshot->name,
		     roll->undo ? roll->undo : "%", (unsigned long long)smv_now(), roll->force);

	free(reply);
	return rc;
}

static int kernel_rename(struct smv_backend *backend, struct smv_vol *vol, const char *name)
{
	return say(backend, NULL, "rename %s %s", vol->name, name);
}

static int kernel_set(struct smv_backend *backend, const struct smv_settings *settings, u32 keys)
{
	char *message = smv_text_printf("set");
	char text[64];
	int rc;

	if (keys & SMV_SET_POLICY)
		append(&message,
		       settings->policy == SMV_POLICY_HOLD ? "policy=hold" : "policy=drop");
	if (keys & SMV_SET_HOLD_TIMEOUT) {
		snprintf(text, sizeof(text), "hold-timeout=%u", settings->hold_timeout_s);
		append(&message, text);
	}
	if (keys & SMV_SET_LOW_WATER) {
		snprintf(text, sizeof(text), "low-water=%u", settings->low_water_permille);
		append(&message, text);
	}
	if (keys & SMV_SET_THROTTLE) {
		snprintf(text, sizeof(text), "throttle=%u", settings->throttle_mib_s);
		append(&message,
		       settings->throttle_mib_s == SMV_THROTTLE_PAUSE ? "throttle=pause" : text);
	}
	if (keys & SMV_SET_LABEL) {
		snprintf(text, sizeof(text), "label=%s", settings->label);
		append(&message, text);
	}
	rc = smv_dm_message(backend->dm_name, message, NULL);
	free(message);
	return rc;
}

static int kernel_identity(struct smv_backend *backend, struct smv_vol *origin,
			   const char *identity, const u8 *fingerprint)
{
	char *encoded = smv_dm_encode(identity ? identity : origin->info.identity);
	char hex[129] = "%";
	int rc;

	for (u32 i = 0; fingerprint && i < 64; i++)
		sprintf(hex + 2 * i, "%02x", fingerprint[i]);
	rc = say(backend, NULL, "identity %s %s %s", origin->name, encoded, hex);
	free(encoded);
	return rc;
}

static int kernel_suspect(struct smv_backend *backend, struct smv_vol *origin)
{
	return say(backend, NULL, "suspect %s", origin->name);
}

/* -- waiting ----------------------------------------------------------------------- */

/* The device of a volume, or of the store itself, may have been renamed since. NULL: it is gone. */
static char *name_now(struct smv_backend *backend, u64 number)
{
	const struct smv_dm_device *device;
	struct smv_dm_list list;
	char *name;

	smv_dm_list(&list);
	device = smv_dm_find(&list, backend->info.uuid, number);
	name = device ? smv_text_printf("%s", device->name) : NULL;
	smv_dm_list_free(&list);
	return name;
}

static int look(struct smv_backend *backend, u32 *event)
{
	int rc = -ENXIO;

	/* a name is good until the next rename */
	for (u32 i = 0; i < LOOK_TRIES && rc; i++) {
		char *name = name_now(backend, 0);

		if (!name)
			return -ENXIO;
		free(backend->dm_name);
		backend->dm_name = name;
		rc = smv_dm_event(name, event);
		if (!rc)
			rc = smv_module_status(backend);
	}
	return rc || !backend->info.failed ? rc : -EIO;
}

static int wait_after(struct smv_backend *backend, u32 event)
{
	int rc = smv_dm_wait(backend->dm_name, event);

	return rc == -EINTR || rc == -ENXIO ? 0 : rc;
}

static void follow_rename(struct smv_backend *backend, struct smv_vol *origin)
{
	unsigned long long number;
	char *reply, name[512];

	if (say(backend, &reply, "list %llu", (unsigned long long)origin->info.number - 1))
		return;
	if (sscanf(reply, "%llu %*s %*s %*s %*s %*s %*s %*s %*s %511s", &number, name) == 2 &&
	    number == origin->info.number) {
		free((void *)origin->info.name);
		origin->info.name = smv_dm_decode(name);
	}
	free(reply);
}

static int kernel_wait_clean(struct smv_backend *backend)
{
	const u64 all = backend->info.exceptions;
	u32 event;
	int rc;

	while (!(rc = look(backend, &event)) && backend->info.cleaning) {
		if (backend->info.exceptions <= all)
			smv_progress("cleaning", all - backend->info.exceptions, all);
		rc = wait_after(backend, event);
		if (rc)
			break;
	}
	return rc;
}

static int kernel_wait_rollback(struct smv_backend *backend, struct smv_vol *origin)
{
	char *name;
	u32 event;
	int rc;

	origin->rolling = true; /* it was begun after the table was read */
	while (!(rc = look(backend, &event))) {
		follow_rename(backend, origin);
		load_progress(backend, origin);
		if (!origin->rolling)
			return 0;
		/* looked at each second: the mover raises no event for either */
		if (origin->progress.lost &&
		    origin->progress.place_chunks >= origin->progress.chunks)
			return -ENODATA;
		name = name_now(backend, origin->info.number);
		free(name);
		if (!name)
			return -ESHUTDOWN;
		smv_progress("moving", origin->progress.place_chunks, origin->progress.chunks);
		rc = wait_after(backend, event);
		if (rc)
			break;
	}
	return rc == -ENXIO ? -ESHUTDOWN : rc;
}

/* -- walking the exceptions ----------------------------------------------------------- */

static const char *const kind_name[] = { "chunk", "zero", "lost", "mark" };

static int walk_row(const struct smv_walk *walk, const char *row, struct smv_key *key)
{
	unsigned long long chunk, epoch, low;
	struct smv_value value = { 0 };
	char kind[16];

	if (sscanf(row, "%llu %llu %15s %llu", &chunk, &epoch, kind, &low) != 4)
		return 0;
	for (u32 i = 0; i < 4; i++)
		if (!strcmp(kind, kind_name[i]))
			value.where = smv_where(i, low);
	key->chunk = chunk;
	key->epoch = epoch;
	return walk->entry(walk->context, key, &value);
}

static int walk_volume(struct smv_backend *backend, const struct smv_walk *walk, u64 volume)
{
	struct smv_key key = { volume, walk->chunk, walk->epoch };
	bool end = false;

	while (!end) {
		char *reply, *rest, *row;
		u64 chunk = key.chunk, epoch = key.epoch;
		int rc = say(backend, &reply, "exceptions %llu %llu %llu",
			     (unsigned long long)volume, (unsigned long long)key.chunk,
			     (unsigned long long)key.epoch);

		rest = reply;
		while (!rc && (row = strsep(&rest, "\n"))) {
			end |= !strcmp(row, "end");
			rc = walk_row(walk, row, &key);
		}
		free(reply);
		if (rc)
			return rc;
		end |= !end && key.chunk == chunk && key.epoch == epoch && chunk | epoch;
		smv_key_next(&key);
	}
	return 0;
}

static int kernel_walk(struct smv_backend *backend, const struct smv_walk *walk)
{
	int rc = 0;

	if (walk->volume)
		return walk_volume(backend, walk, walk->volume);
	for (u32 i = 0; i < backend->vols && !rc; i++)
		rc = walk_volume(backend, walk, backend->vol[i].info.number);
	return rc;
}

static int kernel_close(struct smv_backend *backend)
{
	(void)backend;
	return 0;
}

static const struct smv_backend_ops kernel_ops = {
	.load = kernel_load,
	.add = kernel_add,
	.remove = kernel_remove,
	.snapshot = kernel_snapshot,
	.delete = kernel_delete,
	.rollback = kernel_rollback,
	.rename = kernel_rename,
	.set = kernel_set,
	.identity = kernel_identity,
	.suspect = kernel_suspect,
	.wait_clean = kernel_wait_clean,
	.wait_rollback = kernel_wait_rollback,
	.walk = kernel_walk,
	.memo = kernel_memo,
	.close = kernel_close,
};

int smv_kernel_open(const char *path, const u8 *uuid, const char *dm_name,
		    struct smv_backend **backend)
{
	*backend = smv_text_alloc(sizeof(**backend));
	(*backend)->ops = &kernel_ops;
	(*backend)->active = true;
	(*backend)->writable = true;
	(*backend)->device = smv_text_printf("%s", path);
	(*backend)->dm_name = smv_text_printf("%s", dm_name);
	memcpy((*backend)->info.uuid, uuid, SMV_UUID_BYTES);
	return 0;
}
