// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backend for a store that is not active: the engine in this process. It
 * promises what the module promises: an operation that returned 0 is durable,
 * and one that touches an origin's state has the origin's device to itself.
 *
 * The store device is claimed as long as the backend is open. An origin's
 * device is claimed and flushed before a snapshot or a rollback of it is
 * recorded. A crash leaves the store as after a power cut; the next opening
 * recovers it. Weak side: background work is done only when a command waits for
 * it, otherwise by the module, once active.
 */
#include <stdlib.h>
#include "backend.h"
#include "dm.h"
#include "failed.h"
#include "host_user.h"
#include "mover.h"
#include "origin.h"
#include "scan.h"
#include "text.h"
#include "touched.h"

#define CLEAN_ENTRIES 1024

struct engine {
	struct smv_device device;
	struct smv_host_store host;
};

static struct smv_host_store *host_of(struct smv_backend *backend)
{
	return &((struct engine *)backend->private)->host;
}

static struct smv_store *store_of(struct smv_backend *backend)
{
	return host_of(backend)->store;
}

static struct smv_volume *volume_of(struct smv_backend *backend, const struct smv_vol *vol)
{
	return smv_volume_number(store_of(backend), vol->info.number);
}

static int engine_load(struct smv_backend *backend)
{
	struct smv_store *store = store_of(backend);
	struct smv_volume *volume;
	u64 number = 0;

	smv_vols_clear(backend);
	smv_store_info(store, &backend->info);
	while ((volume = smv_volume_after(store, number))) {
		struct smv_volume_info info;
		struct smv_vol *vol;

		smv_volume_info(volume, &info);
		vol = smv_vols_add(backend, &info);
		number = info.number;
		vol->rolling = info.roll_volume;
		if (vol->rolling)
			smv_rollback_progress(volume, &vol->progress);
	}
	return 0;
}

static int done(struct smv_backend *backend, int rc)
{
	return rc ? rc : smv_host_commit(host_of(backend));
}

static int engine_add(struct smv_backend *backend, const struct smv_add *add)
{
	u64 lsn;
	int rc;

	do
		rc = smv_add(store_of(backend), add, &lsn);
	while (smv_host_again(host_of(backend), &rc));
	return done(backend, rc);
}

static int engine_wait_clean(struct smv_backend *backend)
{
	struct smv_host_store *host = host_of(backend);
	u64 freed_all = 0;

	for (;;) {
		u32 freed = 0;
		int rc;

		do
			rc = smv_clean_step(host->store, CLEAN_ENTRIES, &freed, &host->miss);
		while (smv_host_again(host, &rc));
		if (rc < 0)
			return rc;
		freed_all += freed;
		smv_progress("cleaning", freed_all, backend->info.exceptions);
		if (rc)
			continue;
		rc = smv_host_commit(host);
		if (rc || !(smv_store_wants(host->store) & SMV_WANT_CLEAN))
			return rc;
	}
}

static int engine_remove(struct smv_backend *backend, struct smv_vol *origin)
{
	u64 lsn;
	int rc;

	do
		rc = smv_remove(store_of(backend), volume_of(backend, origin), &lsn);
	while (smv_host_again(host_of(backend), &rc));
	return done(backend, rc);
}

/* Claims and flushes the devices of all origins concerned; -EREMOTE: said why not. */
static int claim_origins(struct smv_backend *backend, const struct smv_take *take, u32 takes,
			 struct smv_device *claimed)
{
	for (u32 i = 0; i < takes; i++) {
		int rc;

		claimed[i].fd = -1;
		if (!smv_vol_is_origin(take[i].of))
			continue;
		if (smv_origin_claim(backend, take[i].of, &claimed[i]))
			return -EREMOTE;
		rc = smv_device_flush(&claimed[i]);
		if (!rc)
			rc = smv_touched_begin(backend, take[i].of, &claimed[i]);
		if (rc)
			return rc;
	}
	return 0;
}

static int engine_snapshot(struct smv_backend *backend, const struct smv_take *take, u32 takes,
			   bool freeze)
{
	struct smv_snapshot_part part[SMV_SNAPSHOT_PARTS];
	struct smv_device claimed[SMV_SNAPSHOT_PARTS];
	u64 lsn;
	int rc;

	(void)freeze; /* nothing is mounted: the devices are claimed */
	for (u32 i = 0; i < SMV_SNAPSHOT_PARTS; i++)
		claimed[i] = (struct smv_device){ .fd = -1, .lock_fd = -1 };
	for (u32 i = 0; i < takes; i++)
		part[i] = (struct smv_snapshot_part){ .of = volume_of(backend, take[i].of),
						      .name = take[i].name,
						      .memo = take[i].memo };
	rc = claim_origins(backend, take, takes, claimed);
	if (!rc) {
		do
			rc = smv_snapshot(store_of(backend), part, takes, smv_now(), &lsn);
		while (smv_host_again(host_of(backend), &rc));
		rc = done(backend, rc);
	}
	for (u32 i = 0; i < takes; i++)
		if (claimed[i].fd >= 0)
			smv_device_close(&claimed[i]);
	return rc;
}

static int engine_delete(struct smv_backend *backend, struct smv_vol **vol, u32 vols)
{
	int rc = 0;

	for (u32 i = 0; i < vols && !rc; i++) {
		struct smv_volume *volume = volume_of(backend, vol[i]);
		u64 lsn;

		do
			rc = volume ? smv_delete(store_of(backend), volume, &lsn) : -ENOENT;
		while (smv_host_again(host_of(backend), &rc));
	}
	return done(backend, rc);
}

static int engine_rollback(struct smv_backend *backend, const struct smv_roll *roll)
{
	struct smv_device origin;
	u64 lsn;
	int rc;

	if (smv_origin_claim(backend, roll->origin, &origin))
		return -EREMOTE;
	rc = smv_device_flush(&origin);
	if (!rc) {
		do
			rc = smv_rollback(store_of(backend), volume_of(backend, roll->origin),
					  volume_of(backend, roll->snapshot), roll->undo, smv_now(),
					  &lsn);
		while (smv_host_again(host_of(backend), &rc));
		rc = done(backend, rc);
	}
	smv_device_close(&origin);
	return rc;
}

static int engine_wait_rollback(struct smv_backend *backend, struct smv_vol *origin)
{
	struct smv_device device;
	int rc;

	if (smv_origin_claim(backend, origin, &device))
		return -EREMOTE;
	rc = smv_touched_forget(backend, origin);
	if (!rc)
		rc = smv_mover_run(host_of(backend), volume_of(backend, origin), &device);
	if (!rc)
		rc = smv_touched_record(backend, origin, &device);
	smv_device_close(&device);
	return rc;
}

static int engine_rename(struct smv_backend *backend, struct smv_vol *vol, const char *name)
{
	u64 lsn;
	int rc;

	do
		rc = smv_rename(store_of(backend), volume_of(backend, vol), name, &lsn);
	while (smv_host_again(host_of(backend), &rc));
	return done(backend, rc);
}

static int engine_set(struct smv_backend *backend, const struct smv_settings *settings, u32 keys)
{
	u64 lsn;
	int rc;

	(void)keys;
	do
		rc = smv_set_settings(store_of(backend), settings, &lsn);
	while (smv_host_again(host_of(backend), &rc));
	return done(backend, rc);
}

static int engine_identity(struct smv_backend *backend, struct smv_vol *origin,
			   const char *identity, const u8 *fingerprint)
{
	u64 lsn;
	int rc;

	do
		rc = smv_set_identity(store_of(backend), volume_of(backend, origin), identity,
				      fingerprint, &lsn);
	while (smv_host_again(host_of(backend), &rc));
	return done(backend, rc);
}

static int engine_suspect(struct smv_backend *backend, struct smv_vol *origin)
{
	u64 lsn;
	int rc;

	do
		rc = smv_set_suspect(store_of(backend), volume_of(backend, origin), &lsn);
	while (smv_host_again(host_of(backend), &rc));
	return done(backend, rc);
}

static int engine_walk(struct smv_backend *backend, const struct smv_walk *walk)
{
	struct smv_host_store *host = host_of(backend);
	struct smv_key at = { walk->volume, walk->chunk, walk->epoch };
	struct smv_value value;
	struct smv_key found;
	int rc;

	for (;;) {
		do
			rc = smv_exception_ge(host->store, &at, &found, &value, &host->miss);
		while (smv_host_again(host, &rc));
		if (rc)
			return rc == -ENOENT ? 0 : rc;
		if (walk->volume && found.volume != walk->volume)
			return 0;
		rc = walk->entry(walk->context, &found, &value);
		if (rc)
			return rc;
		at = found;
		if (!smv_key_next(&at))
			return 0;
	}
}

static int engine_close(struct smv_backend *backend)
{
	struct engine *engine = backend->private;
	int rc = smv_host_close(&engine->host);

	smv_device_close(&engine->device);
	free(engine);
	return rc;
}

static const struct smv_backend_ops engine_ops = {
	.load = engine_load,
	.add = engine_add,
	.remove = engine_remove,
	.snapshot = engine_snapshot,
	.delete = engine_delete,
	.rollback = engine_rollback,
	.rename = engine_rename,
	.set = engine_set,
	.identity = engine_identity,
	.suspect = engine_suspect,
	.wait_clean = engine_wait_clean,
	.wait_rollback = engine_wait_rollback,
	.walk = engine_walk,
	.close = engine_close,
};

static int open_failed(const char *path, int rc, const char *reason)
{
	switch (-rc) {
	case ENOENT:
		return smv_fail(path, "%s", smv_scan_explain(rc));
	case EOPNOTSUPP:
		return smv_fail(path, "%s: use a newer snapmv", reason);
	case EUCLEAN:
		return smv_fail(path, "the store is damaged (%s): run snapmv check", reason);
	case EBUSY:
		return smv_fail(path, "in use by another host or not closed by it: deactivate it "
				      "there, or activate it here with -f");
	case EPERM:
		return smv_fail(path, "permission denied: run as root");
	case ENOSPC:
		return smv_fail(path, "the device is smaller than the store on it: attach the "
				      "whole device");
	case EIO:
		if (reason && *reason)
			return smv_fail(path, "%s", reason);
		/* fallthrough */
	default:
		return smv_fail(path, "cannot be opened (%s): check the device", strerror(-rc));
	}
}

static int open_host(struct engine *engine, const struct smv_host_open *how)
{
	int rc = smv_host_open(&engine->host, &engine->device, how);

	return rc ? open_failed(engine->device.path, rc, engine->host.reason) : 0;
}

/* Marked while this boot has it in use: whoever is killed or fails here leaves it as it was. */
static int open_left(struct smv_backend *backend, struct smv_host_open how)
{
	struct engine *engine = backend->private;
	int rc;

	how.boot = true;
	rc = open_host(engine, &how);
	if (rc)
		return rc;
	rc = smv_failed_mark(backend);
	if (rc) {
		smv_store_delete(engine->host.store);
		return rc;
	}
	rc = smv_host_close(&engine->host);
	if (rc)
		return open_failed(backend->device, rc, NULL);
	how.boot = false;
	return open_host(engine, &how);
}

static struct smv_backend *new_backend(struct engine *engine, const char *path, bool write)
{
	struct smv_backend *backend = smv_text_alloc(sizeof(*backend));

	backend->ops = &engine_ops;
	backend->writable = write;
	backend->device = smv_text_printf("%s", path);
	backend->private = engine;
	return backend;
}

static void drop_backend(struct smv_backend *backend)
{
	struct engine *engine = backend->private;

	smv_vols_clear(backend);
	smv_device_close(&engine->device);
	free(engine);
	free(backend->device);
	free(backend);
}

int smv_engine_open(const char *path, bool write, bool force, struct smv_backend **backend)
{
	struct smv_host_open how = { .read_only = !write, .force = force };
	struct engine *engine = smv_text_alloc(sizeof(*engine));
	struct smv_backend *b = new_backend(engine, path, write);
	int rc = smv_device_must_open(&engine->device, path,
				      write ? SMV_DEVICE_CLAIM : SMV_DEVICE_SHARED);

	/* it may be active for all that is known */
	if (!rc && engine->device.block && smv_dm_is_denied())
		rc = open_failed(path, -EPERM, NULL);
	b->left = !rc && smv_failed_is(&engine->device);
	if (!rc)
		rc = write && b->left ? open_left(b, how) : open_host(engine, &how);
	if (rc) {
		drop_backend(b);
		return rc;
	}
	*backend = b;
	return 0;
}
