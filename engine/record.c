// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each kind of record has one function that makes it (journal first, then
 * apply) and one that replays it (apply alone), so run time and recovery cannot
 * differ; but for a put whose copy is under way, which is in the journal first, and
 * in the map when that is complete (unproven.c). Records state what is, not what to
 * do: a put names what it replaced, so that replay knows which chunks it took and
 * gave without reading the tree (I-REPLAY). It is the only door to both journal and
 * map (I-ONE-LOG).
 *
 * Crash: a record is there whole or not at all, and with all the others of its
 * call, since a commit takes whatever whole calls have appended (I-ATOMIC).
 *
 * Weak side: a volume's record holds all of it, 692 bytes, even when only its
 * epoch has changed.
 */
#include "record_private.h"

#include "room.h"

#define ENTRY_BYTES ((u32)sizeof(struct smv_disk_record_rekey))
#define VOLUME_BYTES ((u32)sizeof(struct smv_disk_volume))

int smv_record_reserve(struct smv_store *store, u32 entries, u32 volumes)
{
	u32 changes;
	int error;

	if (store->failed)
		return -EIO;
	if (store->read_only)
		return -EROFS;
	error = smv_journal_reserve(&store->journal, entries + volumes,
				    volumes ? VOLUME_BYTES : ENTRY_BYTES);
	if (error)
		return error;
	changes = 2 * entries + store->unproven.count;
	if (smv_alloc_freed_room(&store->alloc) < entries ||
	    smv_map_active(&store->exceptions)->count + changes > store->overlay_limit ||
	    (volumes && smv_map_active(&store->volumes)->count + volumes > SMV_VOLUME_CHANGES))
		return -EBUSY;
	error = smv_room_for_records(store, changes, volumes);
	if (error)
		return error;
	error = smv_map_reserve(&store->exceptions, changes);
	if (!error)
		error = smv_map_reserve(&store->volumes, volumes);
	/* A checkpoint empties what there is, and each overlay has some: room comes. */
	return error == -ENOMEM ? -EBUSY : error;
}

static void damaged(struct smv_store *store, const char *what)
{
	smv_volume_fail_store(store, what);
}

/* ---- exceptions ---------------------------------------------------------- */

static void put_exception(struct smv_store *store, const struct smv_key *key,
			  const struct smv_value *value)
{
	struct smv_disk_value disk = {
		.where = cpu_to_le64(value->where),
		.check = cpu_to_le64(value->check),
	};

	smv_map_put(&store->exceptions, key, &disk);
	smv_recent_forget(&store->recent, key->chunk);
}

static void remove_exception(struct smv_store *store, const struct smv_key *key)
{
	smv_map_remove(&store->exceptions, key);
	smv_recent_forget(&store->recent, key->chunk);
}

/* Checksums say that a value is what was written, not that it can be true: I-SUPER-DISTRUST. */
static int take_out(const struct smv_store *store, int error, const struct smv_disk_value *disk,
		    struct smv_value *value)
{
	u64 where = le64_to_cpu(disk->where);
	struct smv_store_chunk chunk = { smv_where_low(where) };

	if (error || !value)
		return error;
	if (smv_where_is_chunk(where) && !smv_alloc_is_place(&store->alloc, chunk))
		return -EUCLEAN;
	value->where = where;
	value->check = le64_to_cpu(disk->check);
	return 0;
}

int smv_record_ge(struct smv_store *store, const struct smv_key *key, const struct smv_key *limit,
		  struct smv_key *found, struct smv_value *value, u64 *miss)
{
	struct smv_disk_value disk = { 0 };

	return take_out(store, smv_map_ge(&store->exceptions, key, limit, found, &disk, miss),
			&disk, value);
}

int smv_record_walk(struct smv_store *store, struct smv_key *place, const struct smv_key *last,
		    struct smv_key *found, struct smv_value *value, u64 *miss)
{
	struct smv_key limit = *last;
	int error;

	smv_map_limit_to_change(&store->exceptions, place, &limit);
	error = smv_record_ge(store, place, &limit, found, value, miss);
	if (error != -ENOENT || !smv_key_cmp(&limit, last))
		return error;
	*place = limit;
	return smv_key_next(place) ? 1 : -ENOENT;
}

int smv_record_le(struct smv_store *store, const struct smv_key *key, const struct smv_key *limit,
		  struct smv_key *found, struct smv_value *value, u64 *miss)
{
	struct smv_disk_value disk = { 0 };

	return take_out(store, smv_map_le(&store->exceptions, key, limit, found, &disk, miss),
			&disk, value);
}

int smv_record_get(struct smv_store *store, const struct smv_key *key, struct smv_value *value,
		   u64 *miss)
{
	struct smv_disk_value disk = { 0 };

	return take_out(store, smv_map_get(&store->exceptions, key, &disk, miss), &disk, value);
}

static void count(struct smv_store *store, struct smv_volume *volume, u64 by)
{
	volume->exceptions += by;
	store->counts_dirty += !volume->count_dirty;
	volume->count_dirty = true;
	store->exception_count += by;
}

static int take_and_give(struct smv_store *store, u64 take, u64 give, u64 lsn)
{
	struct smv_store_chunk chunk;
	int error = 0;

	if (take == give)
		return 0;
	if (smv_where_is_chunk(take)) {
		chunk.no = smv_where_low(take);
		error = smv_alloc_own(&store->alloc, chunk);
	}
	if (!error && smv_where_is_chunk(give)) {
		chunk.no = smv_where_low(give);
		error = smv_alloc_disown(&store->alloc, chunk, lsn);
	}
	return error;
}

int smv_apply_put(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		  const struct smv_value *value, u64 was)
{
	int error = take_and_give(store, value->where, was, store->journal.lsn);

	if (error)
		return error;
	put_exception(store, key, value);
	if (smv_where_kind(was) == SMV_WHERE_NONE)
		count(store, volume, 1);
	return 0;
}

int smv_apply_delete(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		     u64 was)
{
	int error = take_and_give(store, smv_where(SMV_WHERE_NONE, 0), was, store->journal.lsn);

	if (error || !volume->exceptions)
		return error ? error : -EUCLEAN;
	remove_exception(store, key);
	count(store, volume, -1);
	return 0;
}

int smv_apply_rekey(struct smv_store *store, struct smv_volume *from_volume,
		    const struct smv_key *from, struct smv_volume *to_volume,
		    const struct smv_key *to, const struct smv_value *value)
{
	if (!from_volume->exceptions)
		return -EUCLEAN;
	remove_exception(store, from);
	put_exception(store, to, value);
	to_volume->inherited_none = false;
	count(store, from_volume, -1);
	count(store, to_volume, 1);
	return 0;
}

u64 smv_record_put(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		   u64 where, u64 was)
{
	struct smv_disk_record_put disk = { .was = cpu_to_le64(was) };
	struct smv_value value = { .where = where };
	u64 lsn;

	smv_key_encode(key, &disk.key);
	disk.value.where = cpu_to_le64(where);
	lsn = smv_journal_append(&store->journal, SMV_RECORD_PUT, &disk, sizeof(disk));
	if (smv_apply_put(store, volume, key, &value, was))
		damaged(store, "a chunk was allocated twice or given up twice");
	return lsn;
}

u64 smv_record_announce(struct smv_store *store, struct smv_volume *volume,
			const struct smv_key *key, u64 where, u64 check)
{
	struct smv_disk_record_put disk = {
		.value = { .where = cpu_to_le64(where), .check = cpu_to_le64(check) },
		.was = cpu_to_le64(smv_where(SMV_WHERE_NONE, 0)),
	};

	smv_key_encode(key, &disk.key);
	count(store, volume, 1);
	return smv_journal_append(&store->journal, SMV_RECORD_PUT, &disk, sizeof(disk));
}

void smv_record_prove(struct smv_store *store, const struct smv_key *key, u64 where)
{
	struct smv_value value = { .where = where };

	if (take_and_give(store, where, smv_where(SMV_WHERE_NONE, 0), store->journal.lsn))
		damaged(store, "a chunk was allocated twice");
	put_exception(store, key, &value);
}

int smv_record_retract(struct smv_store *store, struct smv_volume *volume,
		       const struct smv_key *key, u64 where)
{
	return smv_apply_delete(store, volume, key, where);
}

void smv_record_confirm(struct smv_store *store, const struct smv_key *key, u64 where)
{
	struct smv_value value = { .where = where };

	put_exception(store, key, &value);
}

u64 smv_record_proven(struct smv_store *store)
{
	__le64 nothing = 0;

	return smv_journal_append(&store->journal, SMV_RECORD_PROVEN, &nothing, sizeof(nothing));
}

u64 smv_record_delete(struct smv_store *store, struct smv_volume *volume, const struct smv_key *key,
		      u64 was)
{
	struct smv_disk_record_delete disk = { .was = cpu_to_le64(was) };
	u64 lsn;

	smv_key_encode(key, &disk.key);
	lsn = smv_journal_append(&store->journal, SMV_RECORD_DELETE, &disk, sizeof(disk));
	if (smv_apply_delete(store, volume, key, was))
		damaged(store, "a chunk was given up that nobody owned");
	return lsn;
}

u64 smv_record_rekey(struct smv_store *store, struct smv_volume *from_volume,
		     const struct smv_key *from, struct smv_volume *to_volume,
		     const struct smv_key *to, u64 where)
{
	struct smv_value value = { .where = where };
	struct smv_disk_record_rekey disk = { .value.where = cpu_to_le64(where) };
	u64 lsn;

	smv_key_encode(from, &disk.from);
	smv_key_encode(to, &disk.to);
	lsn = smv_journal_append(&store->journal, SMV_RECORD_REKEY, &disk, sizeof(disk));
	if (smv_apply_rekey(store, from_volume, from, to_volume, to, &value))
		damaged(store, "a volume's count of exceptions is wrong");
	return lsn;
}

/* ---- volumes --------------------------------------------------------------- */

void smv_apply_volume(struct smv_store *store, struct smv_volume *volume,
		      struct smv_disk_volume *disk)
{
	struct smv_key key = smv_volume_key(volume->number);

	smv_volume_encode(volume, disk);
	smv_map_put(&store->volumes, &key, disk);
	smv_recent_forget_all(&store->recent);
	store->counts_dirty -= volume->count_dirty;
	volume->count_dirty = false;
}

u64 smv_record_volume(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_disk_volume disk;

	smv_apply_volume(store, volume, &disk);
	return smv_journal_append(&store->journal, SMV_RECORD_VOLUME, &disk, sizeof(disk));
}

u64 smv_record_gone(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_key key = smv_volume_key(volume->number);
	__le64 number = cpu_to_le64(volume->number);

	smv_map_remove(&store->volumes, &key);
	smv_recent_forget_all(&store->recent);
	smv_volume_remove(store, volume);
	return smv_journal_append(&store->journal, SMV_RECORD_GONE, &number, sizeof(number));
}

u64 smv_record_flags(struct smv_store *store, struct smv_volume *volume, u32 flags)
{
	struct smv_disk_record_flags record = {
		.volume = cpu_to_le64(volume->number),
		.flags = cpu_to_le32(flags),
	};
	struct smv_disk_volume disk;

	smv_volume_set_flags(store, volume, flags);
	smv_apply_volume(store, volume, &disk);
	return smv_journal_append(&store->journal, SMV_RECORD_FLAGS, &record, sizeof(record));
}

u64 smv_record_want_pass(struct smv_store *store, struct smv_volume *volume)
{
	volume->pass = ++store->pass_last;
	return smv_record_flags(store, volume, volume->flags | SMV_VOLUME_PASS);
}

u64 smv_record_done(struct smv_store *store, struct smv_volume *origin, u64 chunk)
{
	struct smv_disk_record_done record = {
		.origin = cpu_to_le64(origin->number),
		.chunk = cpu_to_le64(chunk),
	};
	struct smv_disk_volume disk;

	origin->roll_done = chunk;
	smv_apply_volume(store, origin, &disk);
	return smv_journal_append(&store->journal, SMV_RECORD_DONE, &record, sizeof(record));
}

int smv_record_counts(struct smv_store *store)
{
	struct smv_disk_volume disk;
	struct smv_volume *volume;
	int error = smv_map_reserve(&store->volumes, store->counts_dirty);

	if (error)
		return error;
	for (volume = store->first; volume; volume = volume->list_next)
		if (volume->count_dirty)
			smv_apply_volume(store, volume, &disk);
	return 0;
}

/* ---- settings ----------------------------------------------------------------- */

void smv_record_encode_settings(const struct smv_settings *settings, struct smv_disk_settings *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->policy = cpu_to_le32(settings->policy);
	disk->hold_timeout_s = cpu_to_le32(settings->hold_timeout_s);
	disk->low_water_permille = cpu_to_le32(settings->low_water_permille);
	disk->throttle_mib_s = cpu_to_le32(settings->throttle_mib_s);
	memcpy(disk->label, settings->label, sizeof(disk->label));
}

void smv_record_decode_settings(const struct smv_disk_settings *disk, struct smv_settings *settings)
{
	settings->policy = le32_to_cpu(disk->policy);
	settings->hold_timeout_s = le32_to_cpu(disk->hold_timeout_s);
	settings->low_water_permille = le32_to_cpu(disk->low_water_permille);
	settings->throttle_mib_s = le32_to_cpu(disk->throttle_mib_s);
	memcpy(settings->label, disk->label, sizeof(settings->label));
	settings->label[SMV_LABEL_BYTES - 1] = 0;
}

u64 smv_record_settings(struct smv_store *store, const struct smv_settings *settings)
{
	struct smv_disk_settings disk;

	store->settings = *settings;
	smv_record_encode_settings(settings, &disk);
	return smv_journal_append(&store->journal, SMV_RECORD_SETTINGS, &disk, sizeof(disk));
}
