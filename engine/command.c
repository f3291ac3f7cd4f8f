// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands: each checks everything, reserves room for all its records, and only
 * then changes anything. After that nothing can fail but the commit. All
 * records of a command go into one commit, so a crash leaves it done or not
 * done (I-ATOMIC); it is done for the user when that commit is durable. So
 * several snapshots of one command are one point (I-GROUP).
 *
 * What a snapshot command must have drained, flushed and staged before is the
 * host's duty (store.h); the record itself is the point in time.
 */
#include "command.h"

#include "preserved.h"
#include "room.h"

/* ---- names ---------------------------------------------------------------- */

static bool is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '+';
}

static bool is_name(const char *name, u32 longest, const char *more)
{
	u32 i;

	if (!name[0] || name[0] == '-' || name[0] == '.')
		return false;
	for (i = 0; name[i]; i++)
		if (i == longest || (!is_plain(name[i]) && !strchr(more, name[i])))
			return false;
	return true;
}

bool smv_name_is_label(const char *name)
{
	return is_name(name, SMV_LABEL_BYTES - 1, "");
}

bool smv_name_is_origin(const char *name)
{
	return is_name(name, SMV_ORIGIN_NAME_MAX, "-");
}

bool smv_name_is_snapshot(const char *name)
{
	return is_name(name, SMV_SNAPSHOT_NAME_MAX, "-:");
}

/* ---- what all need --------------------------------------------------------- */

static void copy_text(char *to, const char *from, size_t bytes)
{
	size_t length = strlen(from);

	memset(to, 0, bytes);
	memcpy(to, from, length < bytes ? length : bytes - 1);
}

/* A new volume, complete but for its place in the table. */
static struct smv_volume *make(struct smv_store *store, u32 flags, const char *name, u64 now_s)
{
	struct smv_volume *volume = smv_volume_new(store);

	if (!volume)
		return NULL;
	volume->flags = flags;
	volume->epoch = 1;
	volume->inherited_none = true;
	volume->created_s = now_s;
	copy_text(volume->name, name, sizeof(volume->name));
	return volume;
}

/* Gives it its number and its place. */
static void place(struct smv_store *store, struct smv_volume *volume, struct smv_volume *parent,
		  u64 asof)
{
	u32 flags = volume->flags;
	int taken;

	volume->number = store->next_volume++;
	taken = smv_volume_insert(store, volume);
	SMV_ASSERT(!taken);
	smv_volume_link(volume, parent, asof);
	smv_volume_set_flags(store, volume, flags);
	smv_volume_count(volume);
}

static int room_for_volumes(struct smv_store *store, u32 more)
{
	if (store->volume_count + more > store->limits.volumes ||
	    !smv_alloc_available(&store->alloc))
		return -ENOSPC;
	return smv_room_for_volumes(store, more);
}

/* ---- origins --------------------------------------------------------------- */

int smv_add(struct smv_store *store, const struct smv_add *add, u64 *lsn)
{
	struct smv_volume *origin;
	int error;

	if (!smv_name_is_origin(add->name) || !add->sectors ||
	    strlen(add->identity) >= SMV_IDENTITY_BYTES)
		return -EINVAL;
	if (smv_volume_origin(store, add->name))
		return -EEXIST;
	error = smv_record_reserve(store, 0, 1);
	if (!error)
		error = room_for_volumes(store, 1);
	if (error)
		return error;
	origin = make(store, SMV_VOLUME_ORIGIN, add->name, add->now_s);
	if (!origin)
		return -ENOMEM;
	origin->sectors = add->sectors;
	copy_text(origin->identity, add->identity, sizeof(origin->identity));
	place(store, origin, NULL, 0);
	*lsn = smv_record_volume(store, origin);
	smv_room_set(store);
	return 0;
}

static bool has_snapshots(const struct smv_store *store, const struct smv_volume *origin)
{
	const struct smv_volume *volume;

	for (volume = store->first; volume; volume = volume->list_next)
		if (volume->origin == origin && volume != origin &&
		    !smv_volume_is(volume, SMV_VOLUME_DEAD))
			return true;
	return false;
}

/* Dead from this record on; the cleaner does the rest. */
static u64 bury(struct smv_store *store, struct smv_volume *volume)
{
	volume->pass = ++store->pass_last;
	smv_volume_set_flags(store, volume, volume->flags | SMV_VOLUME_DEAD | SMV_VOLUME_PASS);
	memset(volume->name, 0, sizeof(volume->name));
	volume->dead_lsn = smv_record_volume(store, volume);
	if (volume->parent)
		smv_volume_end(store, volume, volume->dead_lsn);
	return volume->dead_lsn;
}

int smv_remove(struct smv_store *store, struct smv_volume *origin, u64 *lsn)
{
	int error;

	if (!smv_volume_is_origin(origin) || smv_volume_is(origin, SMV_VOLUME_DEAD))
		return -EINVAL;
	if (origin->opens)
		return -ETXTBSY;
	if (smv_volume_is_rolling(origin))
		return -EINPROGRESS;
	if (has_snapshots(store, origin))
		return -ENOTEMPTY;
	error = smv_record_reserve(store, 0, 1);
	if (!error)
		*lsn = bury(store, origin);
	return error;
}

/* ---- snapshots ------------------------------------------------------------- */

static bool is_visible(const struct smv_volume *volume)
{
	return !smv_volume_is(volume, SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN);
}

static int check_part(struct smv_store *store, const struct smv_snapshot_part *part, u32 index)
{
	const struct smv_volume *origin = part[index].of->origin;
	u32 i;

	if (!is_visible(part[index].of) || !smv_name_is_snapshot(part[index].name) ||
	    strlen(part[index].memo) >= SMV_MEMO_BYTES)
		return -EINVAL;
	if (smv_volume_is(part[index].of, SMV_VOLUME_INVALID))
		return -EIO;
	if (part[index].of->epoch >= SMV_EPOCH_MAX)
		return -EOVERFLOW;
	if (smv_volume_snapshot(store, origin->name, part[index].name))
		return -EEXIST;
	for (i = 0; i < index; i++) {
		if (part[i].of == part[index].of)
			return -EINVAL;
		if (part[i].of->origin == origin && !strcmp(part[i].name, part[index].name))
			return -EEXIST;
	}
	return 0;
}

static int check_parts(struct smv_store *store, const struct smv_snapshot_part *part, u32 parts)
{
	int error;
	u32 i;

	if (!parts || parts > SMV_SNAPSHOT_PARTS)
		return -EINVAL;
	for (i = 0; i < parts; i++) {
		error = check_part(store, part, i);
		if (error)
			return error;
	}
	error = smv_record_reserve(store, 0, 2 * parts);
	return error ? error : room_for_volumes(store, parts);
}

/* @volume becomes a snapshot of @of as of now. */
static u64 take(struct smv_store *store, struct smv_volume *volume, struct smv_volume *of)
{
	u64 asof;
	struct smv_volume *parent = smv_volume_attach(of, &asof);

	volume->taken_of = of->number;
	volume->sectors = of->sectors;
	volume->flags |= of->flags & SMV_VOLUME_SUSPECT;
	if (parent == of) {
		of->epoch++;
		if (smv_volume_is_origin(of))
			smv_preserved_begin(store, of, smv_volume_chunks(store, of));
		smv_record_volume(store, of);
	}
	place(store, volume, parent, asof);
	return smv_record_volume(store, volume);
}

int smv_snapshot(struct smv_store *store, const struct smv_snapshot_part *part, u32 parts,
		 u64 now_s, u64 *lsn)
{
	struct smv_volume *made[SMV_SNAPSHOT_PARTS];
	int error = check_parts(store, part, parts);
	u32 i;

	if (error)
		return error;
	for (i = 0; i < parts; i++) {
		made[i] = make(store, 0, part[i].name, now_s);
		if (!made[i])
			goto no_memory;
		copy_text(made[i]->memo, part[i].memo, sizeof(made[i]->memo));
	}
	for (i = 0; i < parts; i++)
		*lsn = take(store, made[i], part[i].of);
	smv_room_set(store);
	return 0;

no_memory:
	while (i--)
		smv_volume_free(store, made[i]);
	return -ENOMEM;
}

int smv_delete(struct smv_store *store, struct smv_volume *snapshot, u64 *lsn)
{
	int error;

	if (smv_volume_is_origin(snapshot) || !is_visible(snapshot))
		return -EINVAL;
	if (snapshot->opens)
		return -ETXTBSY;
	error = smv_record_reserve(store, 0, 1);
	if (!error)
		*lsn = bury(store, snapshot);
	return error;
}

/* ---- rollback ----------------------------------------------------------------- */

static int check_rollback(struct smv_store *store, struct smv_volume *origin,
			  struct smv_volume *snapshot, const char *undo)
{
	int error;

	if (!smv_volume_is_origin(origin) || snapshot->origin != origin || snapshot == origin ||
	    !is_visible(snapshot) || !is_visible(origin))
		return -EINVAL;
	if (smv_volume_is_rolling(origin))
		return -EALREADY;
	if (smv_volume_is(snapshot, SMV_VOLUME_INVALID))
		return -EIO;
	if (origin->epoch >= SMV_EPOCH_MAX || snapshot->epoch >= SMV_EPOCH_MAX)
		return -EOVERFLOW;
	if (undo && !smv_name_is_snapshot(undo))
		return -EINVAL;
	if (undo && smv_volume_snapshot(store, origin->name, undo))
		return -EEXIST;
	error = smv_record_reserve(store, 0, 5);
	return error ? error : room_for_volumes(store, 2);
}

int smv_rollback(struct smv_store *store, struct smv_volume *origin, struct smv_volume *snapshot,
		 const char *undo, u64 now_s, u64 *lsn)
{
	struct smv_volume *held, *kept = NULL;
	int error = check_rollback(store, origin, snapshot, undo);

	if (error)
		return error;
	if (store->unproven.count)
		return -EBUSY;
	error = smv_rollback_prepare(store, origin);
	if (error)
		return error;
	held = make(store, SMV_VOLUME_HIDDEN, "", now_s);
	if (undo)
		kept = make(store, 0, undo, now_s);
	if (!held || (undo && !kept)) {
		smv_volume_free(store, held);
		smv_volume_free(store, kept);
		smv_rollback_release(store, origin);
		return -ENOMEM;
	}
	if (kept) {
		take(store, kept, origin);
	} else {
		origin->epoch++;
		smv_preserved_begin(store, origin, smv_volume_chunks(store, origin));
	}
	take(store, held, snapshot);
	origin->roll_volume = held->number;
	origin->roll_epoch = origin->epoch;
	origin->roll_done = 0;
	origin->roll_source = snapshot->number;
	origin->roll_lsn = smv_record_volume(store, origin);
	*lsn = origin->roll_lsn;
	smv_room_set(store);
	return 0;
}

/* ---- the rest -------------------------------------------------------------------- */

int smv_rename(struct smv_store *store, struct smv_volume *volume, const char *name, u64 *lsn)
{
	int error;

	if (!is_visible(volume))
		return -EINVAL;
	if (smv_volume_is_origin(volume)) {
		if (!smv_name_is_origin(name))
			return -EINVAL;
		if (smv_volume_origin(store, name))
			return -EEXIST;
	} else {
		if (!smv_name_is_snapshot(name))
			return -EINVAL;
		if (smv_volume_snapshot(store, volume->origin->name, name))
			return -EEXIST;
	}
	error = smv_record_reserve(store, 0, 1);
	if (error)
		return error;
	smv_volume_set_name(store, volume, name);
	*lsn = smv_record_volume(store, volume);
	return 0;
}

bool smv_command_is_possible(const struct smv_settings *settings)
{
	return settings->policy <= SMV_POLICY_HOLD && settings->low_water_permille <= 1000 &&
	       smv_name_is_label(settings->label);
}

int smv_set_settings(struct smv_store *store, const struct smv_settings *settings, u64 *lsn)
{
	int error;

	if (!smv_command_is_possible(settings))
		return -EINVAL;
	error = smv_record_reserve(store, 1, 0);
	if (!error)
		*lsn = smv_record_settings(store, settings);
	return error;
}

int smv_set_identity(struct smv_store *store, struct smv_volume *origin, const char *identity,
		     const u8 *fingerprint, u64 *lsn)
{
	int error;

	if (!smv_volume_is_origin(origin) || !is_visible(origin) ||
	    (identity && strlen(identity) >= SMV_IDENTITY_BYTES))
		return -EINVAL;
	error = smv_record_reserve(store, 0, 1);
	if (error)
		return error;
	if (identity)
		copy_text(origin->identity, identity, sizeof(origin->identity));
	if (fingerprint)
		memcpy(origin->fingerprint, fingerprint, sizeof(origin->fingerprint));
	*lsn = smv_record_volume(store, origin);
	return 0;
}

int smv_set_suspect(struct smv_store *store, struct smv_volume *origin, u64 *lsn)
{
	struct smv_volume *volume;
	int error;

	*lsn = 0;
	for (volume = store->first; volume; volume = volume->list_next) {
		if (volume->origin != origin || volume == origin || !is_visible(volume) ||
		    smv_volume_is(volume, SMV_VOLUME_SUSPECT))
			continue;
		error = smv_record_reserve(store, 0, 1);
		if (error)
			return error;
		*lsn = smv_record_flags(store, volume, volume->flags | SMV_VOLUME_SUSPECT);
	}
	return 0;
}
