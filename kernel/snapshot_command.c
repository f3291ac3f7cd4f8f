// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two commands that need an exact point: snapshot and rollback.
 *
 * Promises (crash rule 3): filesystems are frozen if wanted; the gates of all
 * volumes concerned are closed and their writes drained; then every origin
 * concerned is flushed and, if it is being rolled back, its marks are staged;
 * then the record is made and committed; then the gates open. A write is on
 * one side whole (I-EXACT-POINT). Whatever happens, gates open and filesystems thaw before the
 * message returns.
 *
 * Rules: freezing writes, and held writes may have to wait for a delete: so it
 * comes before dev->command is taken. It needs the volumes' I/O, which the store's suspension would
 * stop and then wait for this message: dev->freezing keeps it out. Preserved bits are cleared, and what the
 * fast path knows is renewed, while the gates are closed.
 *
 * A crash before the commit leaves no snapshot; after it, all of the group.
 */
#include <linux/slab.h>

#include "command.h"

#define DRAIN_SECONDS 60u

struct point {
	struct smv_dev *dev;
	u32 parts;
	struct smv_snapshot_part part[SMV_SNAPSHOT_PARTS];
	struct smv_vol *vol[SMV_SNAPSHOT_PARTS + 1]; /* in use, of those concerned */
	u32 vols;
	struct mapped_device *frozen[SMV_SNAPSHOT_PARTS];
	u32 frozen_count;
	struct smv_vol *rolled; /* the origin, if it is in use */
	unsigned long end; /* of the time for what has to end first */
	bool force;
};

/* ---- freezing ---- */

static void point_thaw(struct point *point)
{
	while (point->frozen_count) {
		struct mapped_device *md = point->frozen[--point->frozen_count];

		smv_compat_thaw(dm_disk(md)->part0);
		dm_put(md);
	}
}

/* The dm device that the volume is active on, held; or NULL. */
static struct mapped_device *point_device(struct smv_dev *dev, const char *name)
{
	struct mapped_device *md = NULL;
	struct smv_volume_info info;
	struct smv_volume *volume;
	struct smv_vol *vol = NULL;

	mutex_lock(&dev->command);
	smv_lock(dev);
	volume = smv_find_volume(dev, name);
	if (volume)
		smv_volume_info(volume, &info);
	smv_unlock(dev);
	if (volume)
		vol = smv_vol_find(dev, info.number);
	if (vol && vol->md && READ_ONCE(vol->running) && !dm_hold(vol->md))
		md = vol->md;
	mutex_unlock(&dev->command);
	return md;
}

static int point_freeze(struct point *point, char **names)
{
	struct mapped_device *md;
	u32 i;
	int r;

	for (i = 0; i < point->parts; i++) {
		md = point_device(point->dev, names[3 * i]);
		if (!md)
			continue;
		r = smv_compat_freeze(dm_disk(md)->part0);
		if (r) {
			DMERR("%s: the filesystem on %s cannot be frozen: %d", point->dev->name,
			      dm_device_name(md), r);
			dm_put(md);
			return r;
		}
		point->frozen[point->frozen_count++] = md;
	}
	return 0;
}

/* ---- gates ---- */

static void point_add_vol(struct point *point, struct smv_volume *volume)
{
	struct smv_volume_info info;
	struct smv_vol *vol;
	u32 i;

	smv_lock(point->dev);
	smv_volume_info(volume, &info);
	smv_unlock(point->dev);
	vol = smv_vol_find(point->dev, info.number);
	for (i = 0; i < point->vols; i++) {
		if (point->vol[i] == vol)
			return;
	}
	if (vol)
		point->vol[point->vols++] = vol;
}

static int point_close(struct point *point)
{
	u32 i;

	point->end = jiffies + DRAIN_SECONDS * HZ;
	for (i = 0; i < point->vols; i++)
		smv_vol_close_gate(point->vol[i]);
	for (i = 0; i < point->vols; i++) {
		long left = max_t(long, point->end - jiffies, 1);

		if (!smv_vol_drain(point->vol[i], left))
			return -ETIMEDOUT;
	}
	return 0;
}

static void point_open(struct point *point)
{
	u32 i;

	for (i = 0; i < point->vols; i++)
		smv_vol_open_gate(point->vol[i]);
}

/* Flushes the origins concerned, with the marks of those being rolled back. */
static int point_flush(struct point *point)
{
	u32 i;
	int r;

	for (i = 0; i < point->vols; i++) {
		struct smv_vol *vol = point->vol[i];

		if (vol->origin != vol || !vol->bdev)
			continue;
		r = smv_flush_origin_until(vol, point->end);
		if (!r && vol->rolling)
			r = smv_origin_sync(vol, vol->bdev);
		if (r)
			return r;
	}
	return 0;
}

/* The point has been made: what the fast path knew is void. */
static void point_renew(struct point *point)
{
	u32 i;

	for (i = 0; i < point->vols; i++) {
		if (point->vol[i]->origin != point->vol[i])
			continue;
		smv_vol_readers(point->vol[i]);
	}
}

/* ---- snapshot ---- */

static int snapshot_resolve(struct point *point, char **names)
{
	struct smv_dev *dev = point->dev;
	u32 i;

	for (i = 0; i < point->parts; i++) {
		struct smv_snapshot_part *part = &point->part[i];

		smv_lock(dev);
		part->of = smv_find_volume(dev, names[3 * i]);
		smv_unlock(dev);
		if (!part->of)
			return -ENOENT;
		part->name = names[3 * i + 1];
		part->memo = names[3 * i + 2];
		point_add_vol(point, part->of);
	}
	return 0;
}

static int snapshot_make(struct point *point, u64 now, u64 *lsn)
{
	unsigned long end = jiffies + SMV_ROOM_TIME;
	struct smv_dev *dev = point->dev;
	int r;

	do {
		smv_lock(dev);
		r = smv_snapshot(dev->store, point->part, point->parts, now, lsn);
		smv_unlock(dev);
	} while (r == -EBUSY && smv_wait_room_until(dev, end));
	return r;
}

static int snapshot_locked(struct point *point, char **names, u64 now)
{
	u64 lsn = 0;
	int r = snapshot_resolve(point, names);

	if (r)
		return r;
	r = point_close(point);
	if (!r)
		r = point_flush(point);
	if (!r)
		r = snapshot_make(point, now, &lsn);
	if (!r) {
		point_renew(point);
		r = smv_wait_durable(point->dev, lsn);
	}
	point_open(point);
	return r;
}

static void snapshot_reply(struct smv_command *command, struct point *point)
{
	struct smv_dev *dev = command->dev;
	char name[2 * SMV_NAME_BYTES];
	struct smv_volume_info top;
	struct smv_volume *made;
	u32 i;

	smv_lock(dev);
	for (i = 0; i < point->parts && command->length < SMV_REPLY_BYTES - 24; i++) {
		smv_volume_info(smv_volume_origin_of(point->part[i].of), &top);
		snprintf(name, sizeof(name), "%s@%s", top.name, point->part[i].name);
		made = smv_find_volume(dev, name);
		if (!made)
			break;
		smv_volume_info(made, &top);
		smv_reply(command, i ? " %llu" : "%llu", top.number);
	}
	smv_unlock(dev);
}

/* `snapshot NOW FREEZE OF NEW MEMO [OF NEW MEMO]...' */
int smv_command_snapshot(struct smv_command *command)
{
	struct point *point;
	unsigned int freeze;
	u64 now;
	int r = 0;

	if (command->argc < 5 || (command->argc - 2) % 3 ||
	    (command->argc - 2) / 3 > SMV_SNAPSHOT_PARTS || kstrtou64(command->argv[0], 10, &now) ||
	    kstrtouint(command->argv[1], 10, &freeze) || freeze > 1)
		return -EINVAL;
	point = kzalloc(sizeof(*point), GFP_NOIO);
	if (!point)
		return -ENOMEM;
	point->dev = command->dev;
	point->parts = (command->argc - 2) / 3;
	down_read(&point->dev->freezing);
	if (freeze)
		r = point_freeze(point, command->argv + 2);
	if (!r) {
		mutex_lock(&point->dev->command);
		r = snapshot_locked(point, command->argv + 2, now);
		if (!r)
			snapshot_reply(command, point);
		mutex_unlock(&point->dev->command);
	}
	point_thaw(point);
	up_read(&point->dev->freezing);
	kfree(point);
	return r;
}

/* ---- rollback ---- */

static bool rollback_is_used(const struct point *point)
{
	struct block_device *bdev;

	if (!point->rolled || !point->rolled->md)
		return false;
	bdev = dm_disk(point->rolled->md)->part0;
	return smv_compat_is_mounted(bdev) || (!point->force && atomic_read(&bdev->bd_openers));
}

static int rollback_make(struct point *point, const char *undo, u64 now, u64 *lsn)
{
	unsigned long end = jiffies + SMV_ROOM_TIME;
	struct smv_dev *dev = point->dev;
	bool used;
	int r;

	do {
		r = -EBUSY;
		smv_lock(dev);
		/* Who opens it later is not seen, and may have read some of it as it was before. */
		used = rollback_is_used(point);
		if (!used)
			r = smv_rollback(dev->store, smv_volume_origin_of(point->part[0].of),
					 point->part[0].of, *undo ? undo : NULL, now, lsn);
		smv_unlock(dev);
	} while (r == -EBUSY && !used && smv_wait_room_until(dev, end));
	return r;
}

static int rollback_locked(struct point *point, const char *undo, u64 now)
{
	u64 lsn = 0;
	int r = point_close(point);

	if (!r)
		r = point_flush(point);
	if (!r)
		r = rollback_make(point, undo, now, &lsn);
	if (!r) {
		point_renew(point);
		r = smv_wait_durable(point->dev, lsn);
	}
	point_open(point);
	return r;
}

static void rollback_reply(struct smv_command *command, struct point *point, const char *undo)
{
	struct smv_volume_info info = { 0 };
	struct smv_volume *made;
	char name[2 * SMV_NAME_BYTES];

	smv_lock(command->dev);
	smv_volume_info(smv_volume_origin_of(point->part[0].of), &info);
	snprintf(name, sizeof(name), "%s@%s", info.name, undo);
	made = *undo ? smv_find_volume(command->dev, name) : NULL;
	info.number = 0;
	if (made)
		smv_volume_info(made, &info);
	smv_unlock(command->dev);
	smv_reply(command, "%llu", info.number);
}

static int rollback_run(struct smv_command *command, struct point *point, u64 now)
{
	struct smv_dev *dev = command->dev;
	struct smv_volume_info info;
	struct smv_volume *origin = NULL;
	struct smv_vol *vol;
	int r;

	smv_lock(dev);
	point->part[0].of = smv_find_volume(dev, command->argv[0]);
	if (point->part[0].of) {
		origin = smv_volume_origin_of(point->part[0].of);
		smv_volume_info(origin, &info);
	}
	smv_unlock(dev);
	if (!origin)
		return -ENOENT;
	if (origin == point->part[0].of)
		return -EINVAL;
	vol = smv_vol_find(dev, info.number);
	point->rolled = vol;
	if (rollback_is_used(point))
		return -EBUSY;
	point_add_vol(point, origin);
	point_add_vol(point, point->part[0].of);
	r = rollback_locked(point, command->argv[1], now);
	if (r)
		return r;
	if (vol && vol->md)
		invalidate_bdev(dm_disk(vol->md)->part0);
	if (vol)
		smv_mover_kick(vol);
	rollback_reply(command, point, command->argv[1]);
	return 0;
}

/* `rollback ORIGIN@SNAPSHOT UNDO NOW FORCE'. Under dev->command. */
int smv_command_rollback(struct smv_command *command)
{
	struct point *point;
	unsigned int force;
	u64 now;
	int r;

	if (kstrtou64(command->argv[2], 10, &now) || kstrtouint(command->argv[3], 10, &force) ||
	    force > 1)
		return -EINVAL;
	point = kzalloc(sizeof(*point), GFP_NOIO);
	if (!point)
		return -ENOMEM;
	point->dev = command->dev;
	point->force = force;
	r = rollback_run(command, point, now);
	kfree(point);
	return r;
}
