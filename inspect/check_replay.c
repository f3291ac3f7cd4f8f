// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check's part for the journal. It promises that the journal can be read
 * to its end, that the engine accepts every record on top of the checkpoint, and
 * that the state after it has each chunk owned once, volumes that fit
 * together, and counts that are what is there.
 *
 * The engine replays; the judging is the same as for the checkpoint.
 */
#include <stdlib.h>
#include "check_private.h"
#include "journal.h"
#include "replay.h"
#include "unproven.h"

static int do_reads(struct smv_ck *ck, const struct smv_io *io)
{
	for (u32 i = 0; i < io->count; i++)
		if (!smv_ck_read(ck, io->block[i], io->buffer[i]))
			return -EIO;
	return 0;
}

static int scan(struct smv_ck *ck, struct smv_journal *journal)
{
	struct smv_io *io = malloc(sizeof(*io));
	int rc = io ? smv_journal_scan_begin(journal, le64_to_cpu(ck->super.incarnation),
					     le64_to_cpu(ck->super.cut)) :
		      -ENOMEM;

	while (!rc && (rc = smv_journal_scan_step(journal, io)) == 1)
		rc = do_reads(ck, io);
	free(io);
	return rc;
}

/* A volume never becomes an origin, or ceases to be one: any record of it will do. */
static bool is_origin(struct smv_ck *ck, struct smv_journal *journal, u64 number)
{
	const struct smv_ck_volume *v = smv_ck_find_volume(ck, number);
	struct smv_journal_cursor cursor = { 0 };
	struct smv_disk_volume disk = { 0 };
	enum smv_record_type type;
	const void *payload;
	u32 bytes;

	while (!v && smv_journal_scan_next(journal, &cursor, &type, &payload, &bytes)) {
		if (type == SMV_RECORD_VOLUME)
			memcpy(&disk, payload, sizeof(disk));
		if (le64_to_cpu(disk.number) == number)
			break;
	}
	return v ? v->flags & SMV_VOLUME_ORIGIN :
		   le64_to_cpu(disk.number) == number &&
			       le32_to_cpu(disk.flags) & SMV_VOLUME_ORIGIN;
}

static void check_announced(struct smv_ck *ck, struct smv_journal *journal,
			    enum smv_record_type type, const void *payload)
{
	struct smv_disk_record_put put;

	if (type != SMV_RECORD_PUT)
		return;
	memcpy(&put, payload, sizeof(put));
	if (put.value.check &&
	    !smv_unproven_is_possible(&put, is_origin(ck, journal, le64_to_cpu(put.key.volume))))
		smv_ck_damage(ck, SMV_DAMAGE_ANNOUNCED, le64_to_cpu(put.key.volume),
			      "chunk %llu epoch %llu",
			      (unsigned long long)le64_to_cpu(put.key.chunk),
			      (unsigned long long)le64_to_cpu(put.key.epoch));
}

static bool is_of_unproven(enum smv_record_type type, const void *payload)
{
	struct smv_disk_record_put put;

	if (type != SMV_RECORD_PUT)
		return type == SMV_RECORD_PROVEN;
	memcpy(&put, payload, sizeof(put));
	return put.value.check;
}

/* A superblock is written as in use, with the feature's bit, before the first record, and closed behind the last. */
static void check_announcing(struct smv_ck *ck, bool unproven)
{
	const struct smv_disk_super *super = &ck->super;

	if (ck->result->records && !(le32_to_cpu(super->state) & SMV_SUPER_IN_USE))
		smv_ck_damage(ck, SMV_DAMAGE_SUPER_FIELD, le64_to_cpu(super->header.block),
			      "closed, but %llu records lie behind",
			      (unsigned long long)ck->result->records);
	if (unproven && !(le64_to_cpu(super->incompat) & SMV_INCOMPAT_UNPROVEN))
		smv_ck_damage(ck, SMV_DAMAGE_SUPER_FIELD, le64_to_cpu(super->header.block),
			      "the journal needs incompatible feature 0");
}

/* Counts the records behind the checkpoint. 0, or -ENOMEM. */
int smv_ck_journal(struct smv_ck *ck)
{
	struct smv_journal *journal = calloc(1, sizeof(*journal));
	struct smv_journal_cursor cursor = { 0 };
	enum smv_record_type type;
	const void *payload;
	bool unproven = false;
	u32 bytes;
	int rc;

	if (!journal)
		return -ENOMEM;
	rc = smv_journal_init(journal, ck->check->host, ck->super.header.uuid,
			      ck->geometry.journal_block, ck->geometry.journal_blocks);
	if (!rc) {
		rc = scan(ck, journal);
		if (rc == -EUCLEAN && journal->scan_overstates)
			smv_ck_damage(ck, SMV_DAMAGE_WATERMARK, ck->geometry.journal_block,
				      "of the journal");
		else if (rc == -EUCLEAN)
			smv_ck_damage(
				ck, SMV_DAMAGE_JOURNAL, ck->geometry.journal_block, "%s",
				journal->scan_later ?
					"it goes on behind the newest superblock, which is lost" :
					"a valid commit lies behind a gap");
		while (!rc && smv_journal_scan_next(journal, &cursor, &type, &payload, &bytes)) {
			check_announced(ck, journal, type, payload);
			unproven |= is_of_unproven(type, payload);
			ck->result->records++;
		}
		check_announcing(ck, unproven);
		smv_journal_scan_end(journal);
		smv_journal_exit(journal);
	}
	free(journal);
	return rc == -ENOMEM ? rc : 0;
}

/* -- the state after replaying ------------------------------------------------- */

static void take_volumes(struct smv_ck *ck, struct smv_store *store)
{
	struct smv_volume *volume;
	u64 number = 0;

	while ((volume = smv_volume_after(store, number))) {
		struct smv_volume_info info;
		struct smv_ck_volume v = { 0 };

		smv_volume_info(volume, &info);
		number = info.number;
		v.number = info.number;
		v.parent = info.parent;
		v.asof = info.asof;
		v.epoch = info.epoch;
		v.origin = info.origin;
		v.sectors = info.sectors;
		v.exceptions = info.exceptions;
		v.roll_volume = info.roll_volume;
		v.roll_epoch = info.roll_epoch;
		v.roll_done = info.roll_done;
		v.flags = info.flags;
		snprintf(v.name, sizeof(v.name), "%s", info.name ? info.name : "");
		smv_ck_volume_add(ck, &v);
	}
}

static int take_exception(void *context, const struct smv_key *key, const struct smv_value *value)
{
	smv_ck_exception(context, key, value);
	return 0;
}

static void check_space(struct smv_ck *ck, struct smv_store *store)
{
	struct smv_store_info info;
	u64 sum;

	smv_store_info(store, &info);
	sum = info.data_chunks + info.meta_chunks + info.free_chunks + info.held_chunks;
	if (info.data_chunks != ck->data_chunks)
		smv_ck_damage(ck, SMV_DAMAGE_REPLAY, info.data_chunks,
			      "data chunks counted; %llu are owned",
			      (unsigned long long)ck->data_chunks);
	if (info.exceptions != ck->exceptions)
		smv_ck_damage(ck, SMV_DAMAGE_REPLAY, info.exceptions,
			      "exceptions counted; there are %llu",
			      (unsigned long long)ck->exceptions);
	if (sum != info.chunks)
		smv_ck_damage(ck, SMV_DAMAGE_REPLAY, sum,
			      "chunks in use, held and free; the store has %llu",
			      (unsigned long long)info.chunks);
}

/* Metadata stays where the checkpoint put it; everything else is judged anew. */
static void forget(struct smv_ck *ck)
{
	memset(ck->seen, 0, ck->chunks / 8 + 1);
	ck->volumes = 0;
	ck->exceptions = 0;
	ck->data_chunks = 0;
}

static int read_block(void *context, u64 block, void *buffer)
{
	struct smv_ck *ck = context;

	return smv_ck_read(ck, block, buffer) ? 0 : -EIO;
}

int smv_ck_replay(struct smv_ck *ck)
{
	struct smv_reader reader = { .read = read_block,
				     .context = ck,
				     .host = ck->check->host,
				     .blocks = ck->check->blocks };
	struct smv_store *store;
	int rc = smv_replay_open(&reader, &store);

	if (rc == -ENOMEM)
		return rc;
	if (rc) {
		smv_ck_damage(ck, SMV_DAMAGE_REPLAY, ck->result->records, "records: %s",
			      smv_replay_reason());
		return 0;
	}
	if (ck->result->records) {
		forget(ck);
		take_volumes(ck, store);
		smv_ck_volumes(ck);
		rc = smv_replay_walk(&reader, store, take_exception, ck);
		if (rc)
			smv_ck_damage(ck, SMV_DAMAGE_REPLAY, ck->exceptions, "exceptions read: %s",
				      strerror(-rc));
		smv_ck_counts(ck);
		check_space(ck, store);
		ck->result->volumes = ck->volumes;
		ck->result->exceptions = ck->exceptions;
		ck->result->data_chunks = ck->data_chunks;
	}
	smv_store_delete(store);
	return 0;
}
