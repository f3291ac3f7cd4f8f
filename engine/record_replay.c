// SPDX-License-Identifier: GPL-2.0-only
/*
 * The replay of records, by recovery: each is applied as it was when it was
 * made (record_private.h). What it says is checked first: a journal whose checksums are right
 * may contradict the checkpoint all the same, and is refused then.
 *
 * Crash: nothing is written here; the next recovery begins anew.
 */
#include "record_private.h"

static int ready(struct smv_store *store, u64 where, u64 *miss)
{
	struct smv_store_chunk chunk = { smv_where_low(where) };

	return smv_where_is_chunk(where) ? smv_alloc_ready(&store->alloc, chunk, miss) : 0;
}

static int replay_put(struct smv_store *store, const void *payload, u64 *miss)
{
	struct smv_disk_record_put disk;
	struct smv_volume *volume;
	struct smv_value value;
	struct smv_key key;
	u64 was;
	int error;

	memcpy(&disk, payload, sizeof(disk));
	smv_key_decode(&disk.key, &key);
	value.where = le64_to_cpu(disk.value.where);
	value.check = le64_to_cpu(disk.value.check);
	was = le64_to_cpu(disk.was);
	volume = smv_volume_number(store, key.volume);
	if (!volume)
		return -EUCLEAN;
	error = ready(store, value.where, miss);
	if (!error)
		error = ready(store, was, miss);
	if (!error)
		error = smv_map_reserve(&store->exceptions, 1);
	return error ? error : smv_apply_put(store, volume, &key, &value, was);
}

static int replay_delete(struct smv_store *store, const void *payload, u64 *miss)
{
	struct smv_disk_record_delete disk;
	struct smv_volume *volume;
	struct smv_key key;
	u64 was;
	int error;

	memcpy(&disk, payload, sizeof(disk));
	smv_key_decode(&disk.key, &key);
	was = le64_to_cpu(disk.was);
	volume = smv_volume_number(store, key.volume);
	if (!volume)
		return -EUCLEAN;
	error = ready(store, was, miss);
	if (!error)
		error = smv_map_reserve(&store->exceptions, 1);
	return error ? error : smv_apply_delete(store, volume, &key, was);
}

static int replay_rekey(struct smv_store *store, const void *payload)
{
	struct smv_disk_record_rekey disk;
	struct smv_volume *from_volume, *to_volume;
	struct smv_value value;
	struct smv_key from, to;
	int error;

	memcpy(&disk, payload, sizeof(disk));
	smv_key_decode(&disk.from, &from);
	smv_key_decode(&disk.to, &to);
	value.where = le64_to_cpu(disk.value.where);
	value.check = le64_to_cpu(disk.value.check);
	from_volume = smv_volume_number(store, from.volume);
	to_volume = smv_volume_number(store, to.volume);
	if (!from_volume || !to_volume)
		return -EUCLEAN;
	error = smv_map_reserve(&store->exceptions, 2);
	return error ? error : smv_apply_rekey(store, from_volume, &from, to_volume, &to, &value);
}

static int replay_new_volume(struct smv_store *store, const struct smv_disk_volume *disk)
{
	struct smv_volume *volume = smv_volume_new(store), *parent;
	int error;

	if (!volume)
		return -ENOMEM;
	error = smv_volume_decode(volume, disk);
	parent = smv_volume_number(store, volume->parent_number);
	if (!error && !parent != !volume->parent_number)
		error = -EUCLEAN;
	if (!error)
		error = smv_volume_insert(store, volume);
	if (error) {
		smv_volume_free(store, volume);
		return error;
	}
	smv_volume_link(volume, parent, volume->asof);
	smv_volume_set_flags(store, volume, volume->flags);
	if (volume->number >= store->next_volume)
		store->next_volume = volume->number + 1;
	return 0;
}

/* The count of exceptions is kept by the records of exceptions; both say the same. */
static int replay_old_volume(struct smv_store *store, struct smv_volume *volume,
			     const struct smv_disk_volume *disk)
{
	struct smv_volume *parent;
	u64 exceptions = volume->exceptions;
	u32 flags = le32_to_cpu(disk->flags);
	int error;

	smv_volume_set_name(store, volume, "");
	smv_volume_set_flags(store, volume, flags);
	if (volume->parent)
		smv_volume_unlink(volume);
	error = smv_volume_decode(volume, disk);
	parent = smv_volume_number(store, volume->parent_number);
	if (error || !parent != !volume->parent_number || exceptions != volume->exceptions ||
	    volume->origin != (parent ? parent->origin : volume))
		return -EUCLEAN;
	smv_volume_link(volume, parent, volume->asof);
	smv_volume_set_name(store, volume, disk->name);
	return 0;
}

static int replay_volume(struct smv_store *store, const void *payload)
{
	struct smv_disk_volume disk;
	struct smv_volume *volume;
	struct smv_key key;
	int error = smv_map_reserve(&store->volumes, 1);

	if (error)
		return error;
	memcpy(&disk, payload, sizeof(disk));
	volume = smv_volume_number(store, le64_to_cpu(disk.number));
	error = volume ? replay_old_volume(store, volume, &disk) : replay_new_volume(store, &disk);
	if (error)
		return error;
	key = smv_volume_key(le64_to_cpu(disk.number));
	smv_map_put(&store->volumes, &key, &disk);
	return 0;
}

static int replay_gone(struct smv_store *store, const void *payload)
{
	struct smv_volume *volume;
	struct smv_key key;
	__le64 number;
	int error = smv_map_reserve(&store->volumes, 1);

	if (error)
		return error;
	memcpy(&number, payload, sizeof(number));
	volume = smv_volume_number(store, le64_to_cpu(number));
	if (!volume || volume->children || volume->exceptions)
		return -EUCLEAN;
	key = smv_volume_key(volume->number);
	smv_map_remove(&store->volumes, &key);
	smv_volume_remove(store, volume);
	return 0;
}

static int replay_flags(struct smv_store *store, const void *payload)
{
	struct smv_disk_record_flags record;
	struct smv_disk_volume disk;
	struct smv_volume *volume;
	int error = smv_map_reserve(&store->volumes, 1);

	if (error)
		return error;
	memcpy(&record, payload, sizeof(record));
	volume = smv_volume_number(store, le64_to_cpu(record.volume));
	if (!volume || ((volume->flags ^ le32_to_cpu(record.flags)) & SMV_VOLUME_ORIGIN))
		return -EUCLEAN;
	smv_volume_set_flags(store, volume, le32_to_cpu(record.flags));
	smv_apply_volume(store, volume, &disk);
	return 0;
}

static int replay_done(struct smv_store *store, const void *payload)
{
	struct smv_disk_record_done record;
	struct smv_disk_volume disk;
	struct smv_volume *volume;
	int error = smv_map_reserve(&store->volumes, 1);

	if (error)
		return error;
	memcpy(&record, payload, sizeof(record));
	volume = smv_volume_number(store, le64_to_cpu(record.origin));
	if (!volume || !smv_volume_is_rolling(volume))
		return -EUCLEAN;
	volume->roll_done = le64_to_cpu(record.chunk);
	smv_apply_volume(store, volume, &disk);
	return 0;
}

static int replay_settings(struct smv_store *store, const void *payload)
{
	struct smv_disk_settings disk;

	memcpy(&disk, payload, sizeof(disk));
	if (smv_super_verify_settings(&disk))
		return -EUCLEAN;
	smv_record_decode_settings(&disk, &store->settings);
	return 0;
}

int smv_record_replay(struct smv_store *store, enum smv_record_type type, const void *payload,
		      u32 bytes, u64 *miss)
{
	(void)bytes; /* the journal's scan has checked that it fits the type */
	switch (type) {
	case SMV_RECORD_PUT:
		return replay_put(store, payload, miss);
	case SMV_RECORD_DELETE:
		return replay_delete(store, payload, miss);
	case SMV_RECORD_REKEY:
		return replay_rekey(store, payload);
	case SMV_RECORD_VOLUME:
		return replay_volume(store, payload);
	case SMV_RECORD_GONE:
		return replay_gone(store, payload);
	case SMV_RECORD_FLAGS:
		return replay_flags(store, payload);
	case SMV_RECORD_DONE:
		return replay_done(store, payload);
	case SMV_RECORD_SETTINGS:
		return replay_settings(store, payload);
	case SMV_RECORD_PROVEN:
		return 0;
	}
	return -EUCLEAN;
}
