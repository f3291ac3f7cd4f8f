// SPDX-License-Identifier: GPL-2.0-only
/*
 * The open store as its host sees it: making, formatting, state, and the small
 * doors to the layers below. What the calls promise is said in store.h.
 */
#include "open.h"

#include "preserved.h"
#include "unproven.h"

#define DOUBTS_MAX 16u

struct smv_store *smv_store_new(const struct smv_host *host)
{
	struct smv_store *store = smv_host_alloc(host, sizeof(*store));

	if (store)
		store->host = *host;
	return store;
}

void smv_store_delete(struct smv_store *store)
{
	struct smv_host host = store->host;

	smv_open_exit(store);
	smv_checkpoint_exit(store);
	smv_volume_table_exit(store);
	smv_journal_exit(&store->journal);
	smv_map_exit(&store->exceptions);
	smv_map_exit(&store->volumes);
	smv_recent_exit(&store->recent, &host);
	smv_alloc_exit(&store->alloc);
	smv_blocks_exit(&store->blocks);
	smv_host_free(&host, store, sizeof(*store));
}

const u8 *smv_store_uuid(const struct smv_store *store)
{
	return store->uuid;
}

const char *smv_store_reason(const struct smv_store *store)
{
	return store->reason;
}

void smv_store_fail(struct smv_store *store, const char *reason)
{
	smv_volume_fail_store(store, reason);
}

bool smv_store_failed(const struct smv_store *store)
{
	return store->failed;
}

/* ---- format --------------------------------------------------------------- */

/* Directory pairs in use: copy 0 of each is written. */
static u64 directory_pairs(const struct smv_geometry *geometry)
{
	return smv_port_div(geometry->groups + SMV_DIRECTORY_GROUPS - 1, SMV_DIRECTORY_GROUPS);
}

static void format_directory(const struct smv_format *format, const struct smv_geometry *geometry,
			     void *buffer, u64 first, struct smv_io *io)
{
	u64 pairs = directory_pairs(geometry);

	memset(buffer, 0, SMV_FORMAT_BUFFER_BYTES);
	io->op = SMV_IO_WRITE;
	for (; io->count < SMV_IO_BLOCKS && first + io->count < pairs; io->count++) {
		u64 block = geometry->directory_block + 2 * (first + io->count);
		void *data = (u8 *)buffer + io->count * SMV_BLOCK_BYTES;

		smv_block_seal(data, SMV_MAGIC_DIRECTORY, format->uuid, block, 1);
		io->block[io->count] = block;
		io->buffer[io->count] = data;
	}
}

/* Neither an older store's superblock nor a half of this one is left, whatever comes between. */
static void format_clear(void *buffer, struct smv_io *io)
{
	memset(buffer, 0, SMV_BLOCK_BYTES);
	io->op = SMV_IO_WRITE;
	io->fua = true;
	io->count = 2;
	io->block[0] = SMV_SUPER_SLOT(1);
	io->block[1] = SMV_SUPER_SLOT(2);
	io->buffer[0] = buffer;
	io->buffer[1] = buffer;
}

static void format_super(const struct smv_format *format, const struct smv_geometry *geometry,
			 void *buffer, struct smv_io *io)
{
	struct smv_disk_super *super = buffer;

	memset(buffer, 0, SMV_BLOCK_BYTES);
	memcpy(super->header.uuid, format->uuid, SMV_UUID_BYTES);
	smv_super_put_geometry(super, geometry);
	super->created_s = cpu_to_le64(format->now_s);
	super->incarnation = cpu_to_le64(1);
	super->cut = cpu_to_le64(1);
	super->next_volume = cpu_to_le64(1);
	smv_record_encode_settings(&format->settings, &super->settings);
	smv_super_seal(super, 1);
	io->op = SMV_IO_WRITE;
	io->preflush = true;
	io->fua = true;
	io->count = 1;
	io->block[0] = SMV_SUPER_SLOT(1);
	io->buffer[0] = buffer;
}

int smv_store_format(const struct smv_format *format, void *buffer, u64 *step, u64 *least,
		     struct smv_io *io)
{
	struct smv_geometry geometry;
	u64 directories;
	int error = smv_super_plan(format->blocks, format->chunk_blocks, &geometry, least);

	if (error)
		return error;
	if (!smv_command_is_possible(&format->settings))
		return -EINVAL;
	directories = smv_port_div(directory_pairs(&geometry) + SMV_IO_BLOCKS - 1, SMV_IO_BLOCKS);
	memset(io, 0, sizeof(*io));
	if (!*step)
		format_clear(buffer, io);
	else if (*step <= directories)
		format_directory(format, &geometry, buffer, (*step - 1) * SMV_IO_BLOCKS, io);
	else if (*step == directories + 1)
		format_super(format, &geometry, buffer, io);
	else
		return 0;
	++*step;
	return 1;
}

/* ---- commits, freed chunks, missing blocks ----------------------------------- */

u32 smv_store_wants(const struct smv_store *store)
{
	u32 wants = 0;

	if (!store->open || store->read_only || store->failed)
		return 0;
	if (!smv_journal_is_quiet(&store->journal) && !store->journal.in_flight)
		wants |= SMV_WANT_COMMIT;
	if (smv_checkpoint_wanted(store))
		wants |= SMV_WANT_CHECKPOINT;
	if (smv_alloc_reapable(&store->alloc, store->journal.durable))
		wants |= SMV_WANT_REAP;
	if (!store->unproven.count && smv_clean_wanted(store))
		wants |= SMV_WANT_CLEAN;
	if (smv_unproven_is_owed(store))
		wants |= SMV_WANT_PROVE;
	return wants;
}

u64 smv_store_lsn(const struct smv_store *store)
{
	return store->journal.lsn;
}

u64 smv_store_durable(const struct smv_store *store)
{
	return store->journal.durable;
}

int smv_commit_begin(struct smv_store *store, struct smv_io *io)
{
	if (store->failed)
		return -EIO;
	return store->read_only ? 0 : smv_journal_commit_begin(&store->journal, io);
}

void smv_commit_end(struct smv_store *store, int error)
{
	smv_journal_commit_end(&store->journal, error);
	if (error)
		smv_volume_fail_store(store, "a commit could not be written");
	smv_volume_settle(store);
}

u32 smv_reap_begin(struct smv_store *store)
{
	return smv_alloc_reap_begin(&store->alloc, store->journal.durable);
}

void smv_reap_end(struct smv_store *store)
{
	smv_alloc_reap_end(&store->alloc);
}

/*
 * A read may have taken so long that a checkpoint ended meanwhile, and the block was being written
 * anew: so one that is damaged is asked for again, if anybody still needs it, but not for ever.
 */
int smv_store_provide(struct smv_store *store, u64 block, const void *data)
{
	int error = smv_blocks_provide(&store->blocks, block, data);

	if (!error || store->doubts == DOUBTS_MAX)
		return error;
	store->doubts++;
	return 0;
}

/* ---- state ------------------------------------------------------------------- */

static u64 low_water_chunks(const struct smv_store *store)
{
	return smv_port_div(store->geometry.chunks * store->settings.low_water_permille, 1000);
}

static void count_chunks(const struct smv_store *store, struct smv_store_info *info)
{
	const struct smv_alloc *alloc = &store->alloc;

	info->data_chunks = alloc->data_chunks;
	info->meta_chunks = alloc->meta_chunks;
	info->free_chunks = alloc->free_chunks;
	info->held_chunks = alloc->held_chunks;
	info->available_chunks = smv_alloc_available(alloc);
	info->reserved_chunks = info->free_chunks - info->available_chunks;
	info->chunks =
		info->data_chunks + info->meta_chunks + info->free_chunks + info->held_chunks;
	info->low = info->available_chunks <= low_water_chunks(store);
}

static void count_work(const struct smv_store *store, struct smv_store_info *info)
{
	info->journal_blocks = store->geometry.journal_blocks;
	info->journal_used = smv_journal_used(&store->journal);
	info->commits = store->journal.commits;
	info->commit_blocks = store->journal.blocks_written;
	info->record_bytes = store->journal.record_bytes;
	info->checkpoints = store->checkpoint.done;
	info->checkpoint_blocks = store->checkpoint.blocks;
	info->cache_hits = store->blocks.hits;
	info->cache_misses = store->blocks.misses;
}

void smv_store_info(const struct smv_store *store, struct smv_store_info *info)
{
	memset(info, 0, sizeof(*info));
	memcpy(info->uuid, store->uuid, SMV_UUID_BYTES);
	info->settings = store->settings;
	info->created_s = store->created_s;
	info->chunk_blocks = store->geometry.chunk_blocks;
	info->blocks = store->geometry.blocks;
	info->exceptions = store->exception_count;
	info->next_volume = store->next_volume;
	info->snapshots = store->snapshots;
	info->origins = store->origins;
	info->ghosts = store->ghosts;
	info->cleaning = store->passes;
	info->generation = store->generation;
	info->failed = store->failed;
	info->read_only = store->read_only;
	count_chunks(store, info);
	count_work(store, info);
}

void smv_volume_info(const struct smv_volume *volume, struct smv_volume_info *info)
{
	memset(info, 0, sizeof(*info));
	info->number = volume->number;
	info->parent = volume->parent_number;
	info->asof = volume->asof;
	info->epoch = volume->epoch;
	info->origin = volume->origin->number;
	info->taken_of = volume->taken_of;
	info->created_s = volume->created_s;
	info->sectors = volume->sectors;
	info->exceptions = volume->exceptions;
	info->roll_volume = volume->roll_volume;
	info->roll_epoch = volume->roll_epoch;
	info->roll_done = volume->roll_done;
	info->roll_source = volume->roll_source;
	info->flags = volume->flags;
	info->opens = volume->opens;
	info->descendants = volume->children;
	info->name = volume->name;
	info->memo = volume->memo;
	info->identity = volume->identity;
	info->fingerprint = volume->fingerprint;
}

void smv_volume_open(struct smv_volume *volume)
{
	volume->opens++;
}

void smv_volume_close(struct smv_volume *volume)
{
	SMV_ASSERT(volume->opens);
	volume->opens--;
}

int smv_origin_preserved(struct smv_store *store, struct smv_volume *origin,
			 const struct smv_preserved **preserved)
{
	int error = smv_preserved_make(store, origin, smv_volume_chunks(store, origin));

	*preserved = origin->preserved;
	return error;
}

int smv_exception_ge(struct smv_store *store, struct smv_key *key, struct smv_key *found,
		     struct smv_value *value, u64 *miss)
{
	static const struct smv_key last = { ~0ULL, ~0ULL, ~0ULL };
	int error;

	do
		error = smv_record_walk(store, key, &last, found, value, miss);
	while (error == 1);
	return error;
}
