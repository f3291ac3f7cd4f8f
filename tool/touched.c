// SPDX-License-Identifier: GPL-2.0-only
/*
 * Origins and those who use them without the module. It promises that an origin
 * with snapshots has a fingerprint whenever its device is down and nothing is
 * known to have gone wrong: recorded when it is deactivated and when a snapshot is
 * taken while it is down; that what was recorded is compared before the
 * origin, or a snapshot of it, comes up; and that an older one outlives a refusal.
 *
 * There is none once a rollback has begun to move, and none after a crash while the origin was up.
 * Weak side: see fingerprint.c; and the device may be changed between the look at it
 * and the kernel's claim.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "dm.h"
#include "fingerprint.h"
#include "identity.h"
#include "origin.h"
#include "text.h"
#include "touched.h"

#define CLAIM_TRIES 50
#define CLAIM_PAUSE_US 10000

int smv_touched_compare(struct smv_backend *backend, const struct smv_vol *origin)
{
	u8 now[SMV_FINGERPRINT_BYTES];
	struct smv_device device;
	char *path;
	int rc;

	if (!smv_fingerprint_is_set(origin->fingerprint) || !smv_vol_snapshots(backend, origin))
		return 0;
	path = smv_origin_find(origin, &rc);
	if (!path)
		return 0; /* told when it is to be brought up */
	rc = smv_device_open(&device, path, SMV_DEVICE_PEEK);
	if (!rc)
		rc = smv_fingerprint_make(&device, origin->info.sectors, now);
	if (!rc && memcmp(now, origin->fingerprint, sizeof(now)))
		rc = -EUCLEAN;
	smv_device_close(&device);
	free(path);
	return rc;
}

int smv_touched_check(struct smv_backend *backend, const struct smv_vol *origin, const char *way)
{
	int rc = smv_touched_compare(backend, origin);

	if (rc == -EUCLEAN)
		return smv_fail(origin->name,
				"was changed without the module since it was deactivated: its "
				"snapshots may be wrong; %s accepts it and marks them suspect",
				way);
	if (rc)
		return smv_fail(origin->name,
				"cannot be compared with what it was (%s), its snapshots may be "
				"wrong: check its device; %s accepts it and marks them suspect",
				strerror(-rc), way);
	return 0;
}

static int make(const struct smv_vol *origin, struct smv_device *device, u8 *fingerprint)
{
	int rc = smv_device_flush(device);

	return rc ? rc : smv_fingerprint_make(device, origin->info.sectors, fingerprint);
}

static int open_and_make(const struct smv_vol *origin, const char *path, u8 *fingerprint)
{
	struct smv_device device;
	int rc = smv_device_open(&device, path, SMV_DEVICE_PEEK);

	if (!rc)
		rc = make(origin, &device, fingerprint);
	smv_device_close(&device);
	return rc;
}

static int find_and_make(const struct smv_vol *origin, u8 *fingerprint)
{
	int rc;
	char *path = smv_origin_find(origin, &rc);

	if (path)
		rc = open_and_make(origin, path, fingerprint);
	free(path);
	return rc;
}

/* @error: of making it. */
static int record(struct smv_backend *backend, struct smv_vol *origin, u8 *fingerprint, int error,
		  bool warn)
{
	int rc;

	if (error) {
		memset(fingerprint, 0, SMV_FINGERPRINT_BYTES);
		if (warn)
			smv_warn(origin->name,
				 "its device cannot be read (%s): if it is changed without the "
				 "module, nobody notices that its snapshots are wrong",
				 strerror(-error));
	}
	if (!memcmp(fingerprint, origin->fingerprint, SMV_FINGERPRINT_BYTES))
		return 0;
	rc = backend->ops->identity(backend, origin, origin->info.identity, fingerprint);
	if (!rc)
		memcpy(origin->fingerprint, fingerprint, SMV_FINGERPRINT_BYTES);
	return rc;
}

static int record_found(struct smv_backend *backend, struct smv_vol *origin,
			struct smv_device *device, bool warn)
{
	u8 fingerprint[SMV_FINGERPRINT_BYTES];
	int rc = device ? make(origin, device, fingerprint) : find_and_make(origin, fingerprint);

	return record(backend, origin, fingerprint, rc, warn);
}

int smv_touched_record(struct smv_backend *backend, struct smv_vol *origin,
		       struct smv_device *device)
{
	return record_found(backend, origin, device, smv_vol_snapshots(backend, origin));
}

int smv_touched_record_on(struct smv_backend *backend, struct smv_vol *origin, dev_t dev)
{
	u8 fingerprint[SMV_FINGERPRINT_BYTES];
	char *path = dev ? smv_identity_node(dev) : NULL;
	int rc = path ? open_and_make(origin, path, fingerprint) : -ENODEV;

	free(path);
	return record(backend, origin, fingerprint, rc, smv_vol_snapshots(backend, origin));
}

int smv_touched_forget(struct smv_backend *backend, struct smv_vol *origin)
{
	if (!smv_fingerprint_is_set(origin->fingerprint))
		return 0;
	memset(origin->fingerprint, 0, sizeof(origin->fingerprint));
	return backend->ops->identity(backend, origin, origin->info.identity, origin->fingerprint);
}

int smv_touched_begin(struct smv_backend *backend, struct smv_vol *origin,
		      struct smv_device *device)
{
	if (origin->rolling ||
	    (smv_fingerprint_is_set(origin->fingerprint) && smv_vol_snapshots(backend, origin)))
		return 0;
	return record_found(backend, origin, device, true);
}

int smv_touched_accept(struct smv_backend *backend, struct smv_vol *origin)
{
	int rc = backend->ops->suspect(backend, origin);

	return rc ? rc : smv_touched_record(backend, origin, NULL);
}

struct own {
	struct smv_backend *backend;
	const struct smv_vol *origin;
	bool held; /* one of them lies on it */
};

/* The origin's own volumes lie on it, of this store; one that is not in the table is new. */
static bool is_own(void *context, const char *uuid)
{
	struct own *own = context;
	char prefix[SMV_DM_PREFIX_BYTES];
	struct smv_vol *vol;
	u64 number;

	smv_dm_prefix(own->backend->info.uuid, prefix);
	if (strncmp(uuid, prefix, strlen(prefix)) ||
	    smv_text_number(uuid + strlen(prefix), &number) || !number)
		return false;
	vol = smv_vol_number(own->backend, number);
	if (vol && vol->info.origin != own->origin->info.number)
		return false;
	own->held = true;
	return true;
}

static bool is_claimed(const char *path)
{
	int fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	bool busy = fd < 0 && errno == EBUSY;

	if (fd >= 0)
		close(fd);
	return busy;
}

/*
 * What neither is mounted from the device nor lies on it has claimed it all the same: partitions of
 * it, swap, a journal, a pool's member. Not asked under a volume of ours, whose claim lets none of
 * them in. Another command may ask the same at this moment.
 */
static char *find_user(const struct smv_device *device, struct own *own, bool claims)
{
	bool claimed = true;
	char *user = NULL, *where;

	for (u32 i = 0; i < CLAIM_TRIES && claimed; i++) {
		if (i)
			usleep(CLAIM_PAUSE_US);
		own->held = false;
		user = smv_device_user(device->dev, is_own, own);
		claimed = claims && !user && !own->held && is_claimed(device->path);
	}
	if (!claimed)
		return user;
	where = smv_device_mounted_upon(device->dev);
	user = where ? smv_text_printf("what lies on it is mounted on %s", where) :
		       smv_text_printf("claimed by something, as swap or a journal");
	free(where);
	return user;
}

int smv_touched_in_use(struct smv_backend *backend, const struct smv_vol *origin, bool claims)
{
	struct own own = { .backend = backend, .origin = origin };
	struct smv_device device;
	char *user = NULL, *path;
	int rc;

	path = smv_origin_find(origin, &rc);
	if (!path)
		return 0;
	if (!smv_device_open(&device, path, SMV_DEVICE_PEEK) && device.block)
		user = find_user(&device, &own, claims);
	if (device.block && !user && smv_device_has_loop(path))
		user = smv_text_printf("by a loop device");
	smv_device_close(&device);
	if (user)
		rc = smv_fail(origin->name,
			      "its device %s is in use without the module, or as another origin "
			      "(%s): take that away first",
			      path, user);
	free(user);
	free(path);
	return rc;
}
