// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checkpoint: writes both trees and the bitmaps out, so that the journal
 * before its cut is no longer needed. It runs in steps beside everything else.
 *
 *   IDLE -> EXCEPTIONS     cut: the journal is quiet; overlays and bitmaps freeze
 *   EXCEPTIONS -> VOLUMES  the frozen overlays are merged into new tree nodes
 *   VOLUMES -> ALLOC       bitmaps, then their directory, to the copies not in use
 *   ALLOC -> SUPER         preflush, then the superblock, to the slot not in use
 *   SUPER -> IDLE          durable: old nodes, ring before the cut are free again
 *
 * I-CUT: the cut is a commit boundary; a record is in the checkpoint or behind
 * the cut, never both. I-SUPER-LAST: the superblock is written when everything
 * it names is durable. I-OLD-INTACT: nothing that the durable superblock names
 * is overwritten before the next one is durable. I-KNOWN: what goes from the overlay
 * into the tree is shown to preserved.c on the way.
 *
 * Crash: before the superblock is durable, the old one with its whole journal
 * counts; after, the new one. When its write fails nobody knows which: nothing is
 * released, and the host stops, or writes the same one again if it knows that what it
 * names is durable (kernel/worker.c does not: the preflush may be what failed).
 *
 * Weak side: a failed write of a node stops the store, although the data path
 * could have gone on with the journal until that is full.
 */
#include "checkpoint.h"

#include "preserved.h"
#include "room.h"
#include "unproven.h"

#define OVERLAY_DEFAULT 131072u
#define OVERLAY_LEAST 64u

/*
 * Changes between checkpoints at run time. A small store gets by with few, since
 * what one checkpoint may write has to be kept back from it.
 */
static u32 overlay_limit(const struct smv_store *store)
{
	u64 limit = store->limits.overlay_entries;
	u64 chunks = 2 * store->geometry.chunks + 256;

	if (!limit)
		limit = chunks < OVERLAY_DEFAULT ? chunks : OVERLAY_DEFAULT;
	return limit < OVERLAY_LEAST ? OVERLAY_LEAST : (u32)limit;
}

/* Recovery takes in whatever the ring holds: @bytes of records for each change at least. */
static u32 ring_entries(const struct smv_store *store, size_t bytes)
{
	return (u32)(store->geometry.journal_blocks * (SMV_JOURNAL_RECORD_BYTES / bytes));
}

int smv_checkpoint_init_maps(struct smv_store *store)
{
	const size_t head = sizeof(struct smv_disk_record);
	/* One record, two changes: less for each than a deletion takes. */
	u32 exceptions = ring_entries(store, (head + sizeof(struct smv_disk_record_rekey)) / 2);
	u32 volumes = store->limits.volumes + ring_entries(store, head + sizeof(__le64));
	int error;

	store->overlay_limit = overlay_limit(store);
	if (exceptions < store->overlay_limit)
		exceptions = store->overlay_limit;
	error = smv_map_init(&store->exceptions, &store->host, sizeof(struct smv_disk_value),
			     exceptions, store->overlay_limit);
	return error ? error :
		       smv_map_init(&store->volumes, &store->host, sizeof(struct smv_disk_volume),
				    volumes, SMV_VOLUME_CHANGES);
}

int smv_checkpoint_init(struct smv_store *store, const struct smv_disk_super *super)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;

	checkpoint->merge = smv_merge_new(&store->host);
	checkpoint->super = smv_host_alloc(&store->host, SMV_BLOCK_BYTES);
	if (!checkpoint->merge || !checkpoint->super)
		return -ENOMEM;
	memcpy(checkpoint->super, super, SMV_BLOCK_BYTES);
	checkpoint->incarnation = le64_to_cpu(super->incarnation);
	return 0;
}

void smv_checkpoint_exit(struct smv_store *store)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;

	if (checkpoint->merge)
		smv_merge_delete(checkpoint->merge);
	smv_host_free(&store->host, checkpoint->super, SMV_BLOCK_BYTES);
	checkpoint->merge = NULL;
	checkpoint->super = NULL;
}

void smv_checkpoint_begin_incarnation(struct smv_store *store)
{
	store->checkpoint.incarnation = store->journal.incarnation + 1;
}

bool smv_checkpoint_running(const struct smv_store *store)
{
	return store->checkpoint.phase != SMV_CHECKPOINT_IDLE;
}

bool smv_checkpoint_wanted(const struct smv_store *store)
{
	const struct smv_overlay *exceptions = &store->exceptions.overlay[store->exceptions.active];
	const struct smv_overlay *volumes = &store->volumes.overlay[store->volumes.active];

	return smv_journal_used(&store->journal) > store->geometry.journal_blocks / 2 ||
	       exceptions->count > store->overlay_limit / 2 ||
	       volumes->count > SMV_VOLUME_CHANGES / 2 || smv_unproven_cut_is_due(store) ||
	       smv_room_cut_is_due(store);
}

/* ---- the cut ----------------------------------------------------------- */

static void fill_super_at_cut(struct smv_store *store, bool clean)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	struct smv_disk_super *super = checkpoint->super;

	super->incarnation = cpu_to_le64(checkpoint->incarnation);
	super->cut = cpu_to_le64(checkpoint->cut);
	super->next_volume = cpu_to_le64(store->next_volume);
	super->state = cpu_to_le32(clean ? 0 : SMV_SUPER_IN_USE);
	super->incompat &= cpu_to_le64(~SMV_INCOMPAT_UNPROVEN);
	if (!clean)
		super->incompat |= cpu_to_le64(SMV_INCOMPAT_UNPROVEN);
	memcpy(super->host_id, store->host_id, sizeof(super->host_id));
	memcpy(super->boot_id, store->boot_id, sizeof(super->boot_id));
	smv_record_encode_settings(&store->settings, &super->settings);
}

static int begin(struct smv_store *store, bool clean)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	int error;

	if (checkpoint->done_lsn == store->journal.lsn && !clean &&
	    checkpoint->incarnation == store->journal.incarnation)
		return -ENOENT;
	if (!smv_unproven_may_cut(store) || !smv_journal_is_quiet(&store->journal))
		return -EBUSY;
	error = smv_record_counts(store);
	if (error)
		return error;
	checkpoint->generation = store->generation + 1;
	checkpoint->cut = store->journal.sequence;
	checkpoint->lsn = store->journal.lsn;
	checkpoint->merging = false;
	checkpoint->writing = false;
	checkpoint->clean = clean;
	store->room_short = false;
	fill_super_at_cut(store, clean);
	smv_map_freeze(&store->exceptions);
	smv_map_freeze(&store->volumes);
	smv_alloc_cut(&store->alloc, checkpoint->generation);
	checkpoint->phase = SMV_CHECKPOINT_EXCEPTIONS;
	return 0;
}

/* ---- the steps: 1: do the I/O; 0: on to the next phase -------------------- */

static int merge(struct smv_store *store, struct smv_map *map, struct smv_tree *result,
		 struct smv_io *io, u64 *miss)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	int ret;

	if (!checkpoint->merging) {
		smv_merge_begin(checkpoint->merge, &map->tree, smv_map_frozen(map), &store->alloc,
				checkpoint->generation);
		checkpoint->unseen = smv_merge_place(checkpoint->merge);
	}
	checkpoint->merging = true;
	ret = smv_merge_step(checkpoint->merge, io, miss, result);
	if (!ret)
		checkpoint->merging = false;
	return ret;
}

/* Shows what has been merged up to @end, another exception of the frozen overlay or NULL. */
static void show_merged(struct smv_store *store, const struct smv_overlay_entry *end)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	const struct smv_overlay *frozen = smv_map_frozen(&store->exceptions);
	const struct smv_overlay_entry *entry;
	struct smv_volume *volume = NULL;

	for (entry = checkpoint->unseen; entry != end; entry = smv_overlay_next(frozen, entry)) {
		if (!volume || volume->number != entry->key.volume)
			volume = smv_volume_number(store, entry->key.volume);
		if (volume && !entry->tombstone)
			smv_preserved_leave(store, volume, &entry->key);
	}
	checkpoint->unseen = end;
}

static int merge_exceptions(struct smv_store *store, struct smv_io *io, u64 *miss)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	int ret = merge(store, &store->exceptions, &checkpoint->exceptions, io, miss);

	show_merged(store, ret ? smv_merge_place(checkpoint->merge) : NULL);
	return ret;
}

static void ask_for_super(struct smv_store *store, struct smv_io *io)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;

	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_WRITE;
	io->preflush = true;
	io->fua = true;
	io->count = 1;
	io->block[0] = SMV_SUPER_SLOT(checkpoint->generation);
	io->buffer[0] = checkpoint->super;
}

static void seal_super(struct smv_store *store)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	struct smv_disk_super *super = checkpoint->super;
	u64 data_chunks, meta_chunks;

	smv_alloc_cut_counts(&store->alloc, &data_chunks, &meta_chunks);
	super->data_chunks = cpu_to_le64(data_chunks);
	super->meta_chunks = cpu_to_le64(meta_chunks);
	smv_tree_store(&checkpoint->exceptions, &super->exceptions);
	smv_tree_store(&checkpoint->volumes, &super->volumes);
	smv_alloc_directory_current(&store->alloc, super->directory_current,
				    sizeof(super->directory_current));
	smv_super_seal(super, checkpoint->generation);
}

static void finish(struct smv_store *store)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;

	store->generation = checkpoint->generation;
	store->journal.incarnation = checkpoint->incarnation;
	smv_map_thaw(&store->exceptions, &checkpoint->exceptions);
	smv_map_thaw(&store->volumes, &checkpoint->volumes);
	smv_alloc_done(&store->alloc);
	smv_journal_release(&store->journal, checkpoint->cut);
	smv_room_set(store);
	store->doubts = 0;
	checkpoint->done_lsn = checkpoint->lsn;
	checkpoint->done++;
	checkpoint->phase = SMV_CHECKPOINT_IDLE;
}

static int super_step(struct smv_store *store, int error, struct smv_io *io)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;

	if (checkpoint->writing && !error) {
		finish(store);
		return 0;
	}
	if (!checkpoint->writing)
		seal_super(store);
	checkpoint->writing = true;
	ask_for_super(store, io);
	return 1;
}

static int phase_step(struct smv_store *store, int error, struct smv_io *io, u64 *miss)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	int ret;

	switch (checkpoint->phase) {
	case SMV_CHECKPOINT_EXCEPTIONS:
		ret = merge_exceptions(store, io, miss);
		break;
	case SMV_CHECKPOINT_VOLUMES:
		ret = merge(store, &store->volumes, &checkpoint->volumes, io, miss);
		break;
	case SMV_CHECKPOINT_ALLOC:
		ret = smv_alloc_write_step(&store->alloc, io, miss);
		break;
	default:
		return super_step(store, error, io);
	}
	if (!ret)
		checkpoint->phase++;
	return ret;
}

static int failed(struct smv_store *store, int error, const char *reason)
{
	smv_volume_fail_store(store, reason);
	return error;
}

static int run(struct smv_store *store, int error, struct smv_io *io, u64 *miss)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	int ret;

	do {
		ret = phase_step(store, error, io, miss);
	} while (!ret && checkpoint->phase != SMV_CHECKPOINT_IDLE);
	if (ret == 1)
		checkpoint->blocks += io->count;
	if (ret < 0 && ret != -EAGAIN && ret != -ENOMEM)
		return failed(store, ret,
			      ret == -EUCLEAN ? "a checkpoint found a damaged metadata block" :
						"a checkpoint found no room for metadata");
	return ret;
}

int smv_checkpoint_step(struct smv_store *store, bool clean, int error, struct smv_io *io,
			u64 *miss)
{
	struct smv_checkpointing *checkpoint = &store->checkpoint;
	int ret;

	if (store->failed)
		return -EIO;
	if (store->read_only)
		return 0;
	if (error && checkpoint->phase != SMV_CHECKPOINT_SUPER)
		return failed(store, -EIO, "a checkpoint could not write its blocks");
	/* One that was running already may end here; a clean close needs one of its own. */
	do {
		if (checkpoint->phase == SMV_CHECKPOINT_IDLE) {
			ret = begin(store, clean);
			if (ret)
				return ret == -ENOENT ? 0 : ret;
		}
		ret = run(store, error, io, miss);
		error = 0;
	} while (!ret && clean && !checkpoint->clean);
	return ret;
}
