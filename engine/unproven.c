// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy and commit together: an exception whose record is written to the journal
 * while its copy is on its way to the store. So a first write takes three
 * round trips instead of four: read, copy and commit, write.
 *
 *   announced   its record is in the journal, with the copy's checksum
 *   proven      the copy is durable: the exception joins the map
 *   settled     a commit's watermark, or a checkpoint, says so
 *
 * I-UNPROVEN: only undo entries are announced: an origin's chunk is in place as
 * long as its write waits, for the record *and* the copy to be durable. So a copy that is not
 * there is not missed: whoever needs the chunk finds it in place.
 * I-UNPROVEN-UNSEEN: the map has the exception only when it is proven; meanwhile the
 * cleaner judges nothing, and no rollback begins.
 * I-UNPROVEN-CUT: no checkpoint begins while one is under way, so that none is in a tree.
 *
 * Crash: recovery replays the record like any other, then reads the copies of all
 * that the last commit's watermark leaves open, after a flush. One whose checksum is another
 * is retracted: its origin's write was never issued. One that cannot be read, and not in
 * further tries either, is kept: it may
 * have been, so the chunk reads as an error, never as something else. The
 * checkpoint that ends recovery makes the verdicts durable. A record announced for a snapshot,
 * or in place of another, is damage: to retract it would take away what is nowhere else.
 *
 * Weak side: a copy that goes bad before the next watermark, which is at most a
 * second away, is taken for one that never was.
 */
#include "unproven.h"

#include "checksum.h"

#define READS_MAX 3u /* of one copy */

/* ---- while the store is open --------------------------------------------- */

static u32 free_place(const struct smv_unproven *unproven)
{
	u32 place = 0;

	while (place < SMV_UNPROVEN_MAX && unproven->block[place])
		place++;
	return place;
}

/* The commits' watermark is the first block that has a record under way. */
static void set_watermark(struct smv_store *store)
{
	struct smv_unproven *unproven = &store->unproven;
	u64 first = 0;

	for (u32 i = 0; i < SMV_UNPROVEN_MAX; i++)
		if (unproven->block[i] && (!first || unproven->block[i] < first))
			first = unproven->block[i];
	store->journal.unproven = first;
}

int smv_unproven_announce(struct smv_store *store, struct smv_volume *origin,
			  const struct smv_key *key, u64 where, u64 check, u32 *place, u64 *lsn)
{
	struct smv_unproven *unproven = &store->unproven;
	int error;

	*place = free_place(unproven);
	if (*place == SMV_UNPROVEN_MAX || unproven->cut_waits)
		return -EBUSY;
	error = smv_record_reserve(store, 1, 0);
	if (error)
		return error;
	*lsn = smv_record_announce(store, origin, key, where, check);
	unproven->last_block = smv_journal_last_block(&store->journal);
	unproven->block[*place] = unproven->last_block;
	unproven->count++;
	set_watermark(store);
	return 0;
}

static void leave(struct smv_store *store, u32 place)
{
	SMV_ASSERT(store->unproven.count && store->unproven.block[place]);
	store->unproven.block[place] = 0;
	store->unproven.count--;
	set_watermark(store);
}

void smv_unproven_prove(struct smv_store *store, const struct smv_key *key, u64 where, u32 place)
{
	smv_record_prove(store, key, where);
	leave(store, place);
}

void smv_unproven_fail(struct smv_store *store, u32 place)
{
	leave(store, place);
	smv_volume_fail_store(store, "a copy could not be written");
}

bool smv_unproven_may_cut(struct smv_store *store)
{
	store->unproven.cut_waits = store->unproven.count != 0;
	return !store->unproven.count;
}

bool smv_unproven_cut_is_due(const struct smv_store *store)
{
	return store->unproven.cut_waits && !store->unproven.count;
}

bool smv_unproven_is_owed(const struct smv_store *store)
{
	const struct smv_journal *journal = &store->journal;
	u64 last = store->unproven.last_block;

	return !store->unproven.count && last && last >= journal->tail &&
	       last >= journal->watermark;
}

u64 smv_store_prove(struct smv_store *store)
{
	struct smv_journal *journal = &store->journal;

	if (store->failed || !smv_unproven_is_owed(store) || journal->in_flight)
		return 0;
	if (!smv_journal_is_quiet(journal))
		return journal->lsn;
	return smv_record_reserve(store, 1, 0) ? 0 : smv_record_proven(store);
}

/* ---- recovery ------------------------------------------------------------- */

bool smv_unproven_is_possible(const struct smv_disk_record_put *put, bool origin)
{
	return !put->value.check || (origin && smv_where_is_chunk(le64_to_cpu(put->value.where)) &&
				     smv_where_kind(le64_to_cpu(put->was)) == SMV_WHERE_NONE);
}

bool smv_unproven_may_be(struct smv_store *store, enum smv_record_type type, const void *payload)
{
	const struct smv_volume *volume;
	struct smv_disk_record_put put;

	if (type != SMV_RECORD_PUT)
		return true;
	memcpy(&put, payload, sizeof(put));
	volume = smv_volume_number(store, le64_to_cpu(put.key.volume));
	return !volume || smv_unproven_is_possible(&put, smv_volume_is(volume, SMV_VOLUME_ORIGIN));
}

/* Is it a record with a checksum? It goes into search->key and so on. */
static bool is_announced(struct smv_unproven_search *search, enum smv_record_type type,
			 const void *payload)
{
	struct smv_disk_record_put disk;

	if (type != SMV_RECORD_PUT)
		return false;
	memcpy(&disk, payload, sizeof(disk));
	smv_key_decode(&disk.key, &search->key);
	search->where = le64_to_cpu(disk.value.where);
	search->check = le64_to_cpu(disk.value.check);
	return search->check && smv_where_is_chunk(search->where);
}

/* Where the copy lies, and how long it is. */
static int prepare_reading(struct smv_store *store, struct smv_unproven_search *search)
{
	const struct smv_volume *volume = smv_volume_number(store, search->key.volume);

	if (!volume || search->key.chunk >= smv_volume_chunks(store, volume))
		return -EUCLEAN;
	search->bytes =
		(u64)SMV_SECTOR_BYTES * smv_volume_chunk_sectors(store, volume, search->key.chunk);
	search->block = smv_where_low(search->where) * store->geometry.chunk_blocks;
	search->asked = 0;
	smv_checksum_data_begin(&search->hash);
	search->phase = SMV_UNPROVEN_READ;
	return 0;
}

/* The next record that has to be judged: 0; -ENOENT: there is none. */
static int find(struct smv_store *store, struct smv_unproven_search *search, u64 *miss)
{
	enum smv_record_type type;
	struct smv_value value;
	const void *payload;
	u32 bytes;
	int error;

	for (;; search->cursor = search->next) {
		search->next = search->cursor;
		if (!smv_journal_scan_next(&store->journal, &search->next, &type, &payload, &bytes))
			return -ENOENT;
		if (!is_announced(search, type, payload))
			continue;
		error = smv_record_get(store, &search->key, &value, miss);
		if (error && error != -ENOENT)
			return error;
		/* Deleted since, or (its key) made anew. */
		if (error || value.where != search->where || value.check != search->check)
			continue;
		if (smv_journal_scan_unproven(&store->journal, &search->cursor))
			return prepare_reading(store, search);
		smv_record_confirm(store, &search->key, search->where);
	}
}

static void judged(struct smv_unproven_search *search)
{
	search->cursor = search->next;
	search->failures = 0;
	search->phase = SMV_UNPROVEN_FIND;
}

static void ask(struct smv_unproven_search *search, u8 *scratch, struct smv_io *io)
{
	u32 most = SMV_IO_BLOCKS * SMV_BLOCK_BYTES;

	search->asked = search->bytes < most ? (u32)search->bytes : most;
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_READ;
	for (u32 at = 0; at < search->asked; at += SMV_BLOCK_BYTES) {
		io->block[io->count] = search->block++;
		io->buffer[io->count++] = scratch + at;
	}
	search->bytes -= search->asked;
}

static int read_copy(struct smv_store *store, struct smv_unproven_search *search, void *scratch,
		     int error, struct smv_io *io)
{
	if (error && ++search->failures < READS_MAX)
		return prepare_reading(store, search);
	if (!error && search->asked)
		smv_checksum_data_add(&search->hash, scratch, search->asked);
	if (!error && search->bytes) {
		ask(search, scratch, io);
		return 1;
	}
	if (!error && smv_checksum_data_end(&search->hash) != search->check) {
		search->phase = SMV_UNPROVEN_RETRACT;
		return 0;
	}
	smv_record_confirm(store, &search->key, search->where);
	judged(search);
	return 0;
}

static int retract(struct smv_store *store, struct smv_unproven_search *search, u64 *miss)
{
	struct smv_store_chunk chunk = { smv_where_low(search->where) };
	int error = smv_alloc_ready(&store->alloc, chunk, miss);

	if (!error)
		error = smv_record_retract(store, smv_volume_number(store, search->key.volume),
					   &search->key, search->where);
	if (!error)
		judged(search);
	return error;
}

int smv_unproven_step(struct smv_store *store, struct smv_unproven_search *search, void *scratch,
		      int error, struct smv_io *io, u64 *miss)
{
	int ret;

	do {
		if (search->phase == SMV_UNPROVEN_FIND)
			ret = find(store, search, miss);
		else if (search->phase == SMV_UNPROVEN_READ)
			ret = read_copy(store, search, scratch, error, io);
		else
			ret = retract(store, search, miss);
		error = 0;
	} while (!ret);
	return ret == -ENOENT ? 0 : ret;
}
