// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening a store, which is recovery: nothing else is done at activation, and
 * its time depends on the journal and the number of volumes, not on the number
 * of exceptions.
 *
 *   SUPER      both slots are read; the newest valid one counts. One that cannot be read may be
 *              the newest: to be written, the store has both, or is forced (SCAN notices if
 *              commits were made behind the one that is missing, not if a checkpoint was)
 *   DIRECTORY  which copy of each bitmap is current (bitmaps are read when needed)
 *   VOLUMES    the table, from its tree; then its structure is checked
 *   SCAN       the journal, behind the checkpoint's cut
 *   FLUSH      before anything acts on what was read: it may sit in a volatile
 *              cache, and a decision built on it must not outlive it (I-RECOVERY-FLUSH)
 *   REPLAY     whole commits, in order, into the overlays
 *   VERIFY     records that the last commit did not prove: is the copy there?
 *   MARKS      of rollbacks that were running
 *   CHECKPOINT past the tail, under a new incarnation, before the first journal
 *              block or origin write (I-INCARNATION)
 *
 * Crash at any point: nothing was overwritten that the old superblock names, so
 * the next opening starts from the same checkpoint and journal.
 *
 * A read-only opening stops after MARKS and has written nothing.
 */
#include "open.h"

#include "room.h"
#include "unproven.h"

enum phase {
	PHASE_SUPER,
	PHASE_DIRECTORY,
	PHASE_VOLUMES,
	PHASE_LINK,
	PHASE_SCAN,
	PHASE_FLUSH,
	PHASE_REPLAY,
	PHASE_VERIFY,
	PHASE_MARKS,
	PHASE_CHECKPOINT,
	PHASES,
};

/*
 * Of one slot: the other one's checkpoint is not a second best, its nodes may have been
 * overwritten since.
 */
#define SUPER_READS 3u

#define SCRATCH_BYTES (SMV_IO_BLOCKS * SMV_BLOCK_BYTES)

struct smv_opening {
	struct smv_open wish;
	enum phase phase;
	bool asked; /* the phase has I/O under way */
	bool fetching; /* a missing block is being read */
	u64 missing; /* which */
	u64 slot; /* being read: 1, 2 */
	u32 failures; /* to read it */
	int verdict[2]; /* -EIO: not read */
	u8 *scratch;
	u8 *super; /* the two slots */
	u64 pair;
	u32 batch;
	struct smv_key key;
	struct smv_journal_cursor cursor;
	struct smv_unproven_search search;
	struct smv_volume *volume;
};

static int refuse(struct smv_store *store, int error, const char *reason)
{
	size_t bytes = strlen(reason);

	if (bytes >= sizeof(store->reason))
		bytes = sizeof(store->reason) - 1;
	memcpy(store->reason, reason, bytes);
	store->reason[bytes] = 0;
	return error;
}

/* @super asks for something that this software has not. */
static int refuse_newer(struct smv_store *store, const struct smv_disk_super *super, bool write)
{
	char text[sizeof(store->reason)] = "the store needs ";
	u32 used = (u32)strlen(text);

	smv_super_missing(super, write, text + used, (u32)sizeof(text) - used);
	return refuse(store, -EOPNOTSUPP, text);
}

static void ask_read(struct smv_io *io, u64 block, void *buffer)
{
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_READ;
	io->count = 1;
	io->block[0] = block;
	io->buffer[0] = buffer;
}

/* ---- superblocks ----------------------------------------------------------- */

static int choose_super(struct smv_store *store, struct smv_opening *opening,
			struct smv_disk_super **chosen)
{
	struct smv_disk_super *super[2] = { (void *)opening->super,
					    (void *)(opening->super + SMV_BLOCK_BYTES) };
	const int *verdict = opening->verdict;

	*chosen = NULL;
	for (u32 i = 0; i < 2; i++) {
		if (verdict[i] == -EOPNOTSUPP)
			return refuse_newer(store, super[i], false);
		if (!verdict[i] && (!*chosen || le64_to_cpu(super[i]->header.generation) >
							le64_to_cpu((*chosen)->header.generation)))
			*chosen = super[i];
	}
	if (*chosen)
		return 0;
	if (verdict[0] == -ENOENT && verdict[1] == -ENOENT)
		return refuse(store, -ENOENT, "there is no store here");
	if (verdict[0] == -EUCLEAN || verdict[1] == -EUCLEAN)
		return refuse(store, -EUCLEAN, "both superblocks are damaged");
	return refuse(store, -EIO, "the superblocks cannot be read");
}

#define UNREAD(block)                                                                              \
	"the superblock in block " block " cannot be read and may be the newest: try again; "      \
	"or open the store read-only, by force, or repair it to another device"

/*
 * I-UNREAD-SUPER. A torn slot is as the power's failure left it: nothing was built on it. One that cannot be read
 * just now may be whole, and the newest: what the other one names may be overwritten already, and
 * it would be itself.
 */
static int check_read(struct smv_store *store, const struct smv_opening *opening)
{
	static const char *const reason[] = { UNREAD("1"), UNREAD("2") };

	if (opening->wish.read_only || opening->wish.force)
		return 0;
	for (u32 i = 0; i < 2; i++)
		if (opening->verdict[i] == -EIO)
			return refuse(store, -EIO, reason[i]);
	return 0;
}

static bool is_zero(const u8 *bytes, u32 count)
{
	while (count && !bytes[count - 1])
		count--;
	return !count;
}

static int check_use(struct smv_store *store, const struct smv_opening *opening,
		     const struct smv_disk_super *super)
{
	const struct smv_open *wish = &opening->wish;

	if (wish->blocks < le64_to_cpu(super->blocks))
		return refuse(store, -ENOSPC, "the device is smaller than the store on it");
	if (!wish->read_only && le64_to_cpu(super->ro_compat) & ~SMV_RO_COMPAT_KNOWN)
		return refuse_newer(store, super, true);
	if (wish->read_only || wish->force || !(le32_to_cpu(super->state) & SMV_SUPER_IN_USE))
		return 0;
	if (is_zero(super->host_id, SMV_UUID_BYTES) || is_zero(wish->host_id, SMV_UUID_BYTES) ||
	    !memcmp(super->host_id, wish->host_id, SMV_UUID_BYTES))
		return 0;
	return refuse(store, -EBUSY, "the store is in use on another host");
}

static int set_up_layers(struct smv_store *store, const struct smv_disk_super *super)
{
	const struct smv_geometry *geometry = &store->geometry;
	int error = smv_checkpoint_init_maps(store);

	if (!error)
		error = smv_recent_init(&store->recent, &store->host);
	if (!error)
		error = smv_blocks_init(&store->blocks, &store->host, store->limits.cache_blocks,
					store->uuid);
	if (error == -EINVAL)
		refuse(store, error, "the metadata cache cannot be of so many blocks");
	if (!error)
		error = smv_alloc_init(&store->alloc, &store->host, &store->blocks, geometry,
				       store->uuid, store->overlay_limit);
	if (!error)
		error = smv_journal_init(&store->journal, &store->host, store->uuid,
					 geometry->journal_block, geometry->journal_blocks);
	if (!error)
		error = smv_volume_table_init(store);
	if (!error)
		error = smv_checkpoint_init(store, super);
	if (error)
		return error;
	store->journal.incarnation = le64_to_cpu(super->incarnation);
	smv_tree_load(&store->exceptions.tree, &store->blocks, sizeof(struct smv_disk_value),
		      &super->exceptions);
	smv_tree_load(&store->volumes.tree, &store->blocks, sizeof(struct smv_disk_volume),
		      &super->volumes);
	return 0;
}

static int set_up(struct smv_store *store, struct smv_opening *opening)
{
	const struct smv_open *wish = &opening->wish;
	struct smv_disk_super *super;
	int error = choose_super(store, opening, &super);

	if (!error)
		error = check_read(store, opening);
	if (!error)
		error = check_use(store, opening, super);
	if (error)
		return error;
	smv_super_get_geometry(super, &store->geometry);
	memcpy(store->uuid, super->header.uuid, SMV_UUID_BYTES);
	memcpy(store->host_id, wish->host_id, SMV_UUID_BYTES);
	memcpy(store->boot_id, wish->boot_id, SMV_UUID_BYTES);
	store->read_only = wish->read_only;
	store->limits = wish->limits;
	if (store->limits.overlay_entries > SMV_LIMIT_MAX)
		return refuse(store, -EINVAL, "so many changes between checkpoints cannot be");
	if (!store->limits.cache_blocks)
		store->limits.cache_blocks = 2048;
	if (!store->limits.volumes)
		store->limits.volumes = 65536;
	store->created_s = le64_to_cpu(super->created_s);
	store->generation = le64_to_cpu(super->header.generation);
	store->next_volume = le64_to_cpu(super->next_volume);
	smv_record_decode_settings(&super->settings, &store->settings);
	return set_up_layers(store, super);
}

static int open_super(struct smv_store *store, struct smv_opening *opening, int error,
		      struct smv_io *io)
{
	u8 *block = opening->super + (opening->slot - 1) * SMV_BLOCK_BYTES;
	bool again = error && ++opening->failures < SUPER_READS;

	if (opening->asked && !again) {
		opening->verdict[opening->slot - 1] =
			error ? -EIO : smv_super_verify(block, opening->slot);
		opening->failures = 0;
		if (++opening->slot > 2) {
			opening->asked = false;
			return set_up(store, opening);
		}
		block += SMV_BLOCK_BYTES;
	}
	ask_read(io, opening->slot, block);
	opening->asked = true;
	return 1;
}

/* ---- directory --------------------------------------------------------------- */

static bool is_current(const struct smv_store *store, u64 pair)
{
	return store->checkpoint.super->directory_current[pair / 8] >> (pair % 8) & 1;
}

static int load_directory(struct smv_store *store, struct smv_opening *opening)
{
	for (u32 i = 0; i < opening->batch; i++, opening->pair++) {
		if (smv_alloc_load_directory(&store->alloc, opening->pair,
					     is_current(store, opening->pair),
					     opening->scratch + i * SMV_BLOCK_BYTES))
			return refuse(store, -EUCLEAN, "a directory block is damaged");
	}
	opening->batch = 0;
	return 0;
}

static int open_directory(struct smv_store *store, struct smv_opening *opening, int error,
			  struct smv_io *io)
{
	const struct smv_disk_super *super = store->checkpoint.super;
	u64 left;

	if (!error)
		error = load_directory(store, opening);
	if (error)
		return error;
	left = smv_alloc_directory_pairs(&store->alloc) - opening->pair;
	if (!left) {
		error = smv_alloc_load_counts(&store->alloc, le64_to_cpu(super->data_chunks),
					      le64_to_cpu(super->meta_chunks));
		if (error == -EUCLEAN)
			refuse(store, error, "the directory and the superblock count differently");
		return error;
	}
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_READ;
	for (; io->count < SMV_IO_BLOCKS && io->count < left; io->count++) {
		u64 pair = opening->pair + io->count;

		io->block[io->count] =
			smv_alloc_directory_block(&store->alloc, pair, is_current(store, pair));
		io->buffer[io->count] = opening->scratch + io->count * SMV_BLOCK_BYTES;
	}
	opening->batch = io->count;
	return 1;
}

/* ---- volumes ------------------------------------------------------------------- */

static int take_volume(struct smv_store *store, const struct smv_key *key,
		       const struct smv_disk_volume *disk)
{
	struct smv_volume *volume;
	int error;

	if (store->volume_count == store->limits.volumes)
		return refuse(store, -ENOMEM, "the store has more volumes than the limit allows");
	volume = smv_volume_new(store);
	if (!volume)
		return -ENOMEM;
	error = smv_volume_decode(volume, disk);
	if (error || volume->number != key->volume || volume->number >= store->next_volume)
		error = refuse(store, -EUCLEAN, "a volume's record is impossible");
	if (!error)
		error = smv_volume_insert(store, volume);
	if (error)
		smv_volume_free(store, volume);
	return error;
}

static int open_volumes(struct smv_store *store, struct smv_opening *opening, u64 *miss)
{
	struct smv_disk_volume disk;
	struct smv_key found;
	int error;

	for (;;) {
		error = smv_tree_ge(&store->volumes.tree, &opening->key, &found, &disk, miss);
		if (error)
			return error == -ENOENT ? 0 : error;
		error = take_volume(store, &found, &disk);
		if (error)
			return error;
		opening->key = found;
		if (!smv_key_next(&opening->key))
			return 0;
	}
}

static int link_volume(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_volume *parent = smv_volume_number(store, volume->parent_number);

	if (!parent != !volume->parent_number || (parent && volume->asof > parent->epoch))
		return refuse(store, -EUCLEAN, "a volume's parent does not exist");
	smv_volume_link(volume, parent, volume->asof);
	smv_volume_set_flags(store, volume, volume->flags);
	store->exception_count += volume->exceptions;
	return 0;
}

/* Parents have smaller numbers, so they are linked before their children. */
static int open_link(struct smv_store *store)
{
	struct smv_volume *volume;
	int error = 0;

	for (volume = store->first; volume && !error; volume = volume->list_next)
		error = link_volume(store, volume);
	if (store->exception_count != store->exceptions.tree.entries)
		error = refuse(store, -EUCLEAN, "the volumes' counts of exceptions are wrong");
	return error;
}

/* ---- journal ---------------------------------------------------------------------- */

static int open_scan(struct smv_store *store, struct smv_opening *opening, int error,
		     struct smv_io *io)
{
	const struct smv_disk_super *super = store->checkpoint.super;

	if (!error && !opening->asked)
		error = smv_journal_scan_begin(&store->journal, store->journal.incarnation,
					       le64_to_cpu(super->cut));
	if (error)
		return error;
	opening->asked = true;
	error = smv_journal_scan_step(&store->journal, io);
	if (error == -EUCLEAN)
		return refuse(store, error, smv_journal_scan_reason(&store->journal));
	if (!error)
		opening->asked = false;
	return error;
}

static int open_flush(struct smv_store *store, struct smv_opening *opening, int error,
		      struct smv_io *io)
{
	if (error || store->read_only || opening->asked) {
		opening->asked = false;
		return error;
	}
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_FLUSH;
	opening->asked = true;
	return 1;
}

/* What replay frees is durably free, and nobody reads it. */
static void reap_replayed(struct smv_store *store)
{
	if (smv_alloc_freed_room(&store->alloc) < 8 && smv_alloc_reap_begin(&store->alloc, ~0ULL))
		smv_alloc_reap_end(&store->alloc);
}

static int open_replay(struct smv_store *store, struct smv_opening *opening, u64 *miss)
{
	struct smv_journal_cursor next;
	enum smv_record_type type;
	const void *payload;
	u32 bytes;
	int error;

	for (;;) {
		next = opening->cursor;
		if (!smv_journal_scan_next(&store->journal, &next, &type, &payload, &bytes))
			break;
		if (!smv_unproven_may_be(store, type, payload))
			return refuse(store, -EUCLEAN, "a record announces a copy that cannot be");
		reap_replayed(store);
		error = smv_record_replay(store, type, payload, bytes, miss);
		if (error == -EUCLEAN)
			return refuse(store, error, "the journal contradicts the checkpoint");
		if (error)
			return error;
		opening->cursor = next;
	}
	return 0;
}

static int open_verify(struct smv_store *store, struct smv_opening *opening, int error,
		       struct smv_io *io, u64 *miss)
{
	int ret = smv_unproven_step(store, &opening->search, opening->scratch, error, io, miss);

	if (ret == -EUCLEAN)
		return refuse(store, ret, "an unproven record contradicts the rest");
	if (!ret)
		smv_journal_scan_end(&store->journal);
	return ret;
}

/* ---- the end ---------------------------------------------------------------------- */

static int open_rolling(struct smv_store *store, struct smv_volume *origin, u64 *miss)
{
	const struct smv_volume *held = smv_volume_number(store, origin->roll_volume);
	int error;

	if (!held || !smv_volume_is(held, SMV_VOLUME_HIDDEN) || held->origin != origin ||
	    smv_volume_is(held, SMV_VOLUME_DEAD))
		return refuse(store, -EUCLEAN, "a rollback's source does not exist");
	if (!origin->roll_epoch || origin->roll_epoch > origin->epoch ||
	    origin->roll_done > smv_volume_chunks(store, origin))
		return refuse(store, -EUCLEAN, "a rollback's record is impossible");
	error = origin->roll ? 0 : smv_rollback_prepare(store, origin);
	return error ? error : smv_rollback_load(store, origin, miss);
}

static int open_marks(struct smv_store *store, struct smv_opening *opening, u64 *miss)
{
	struct smv_volume *volume = opening->volume ? opening->volume : store->first;
	int error;

	for (; volume; volume = volume->list_next) {
		opening->volume = volume;
		error = smv_volume_is_rolling(volume) ? open_rolling(store, volume, miss) : 0;
		if (error)
			return error;
	}
	for (volume = store->first; volume; volume = volume->list_next)
		smv_volume_count(volume);
	smv_room_set(store);
	smv_checkpoint_begin_incarnation(store);
	return 0;
}

/* At run time a superblock is asked for again; here nothing rests on whether it arrived. */
static int open_checkpoint(struct smv_store *store, int error, struct smv_io *io, u64 *miss)
{
	if (error)
		return refuse(store, -EIO, "a checkpoint could not write its blocks");
	return smv_checkpoint_step(store, false, 0, io, miss);
}

static int open_phase(struct smv_store *store, struct smv_opening *opening, int error,
		      struct smv_io *io, u64 *miss)
{
	switch (opening->phase) {
	case PHASE_SUPER:
		return open_super(store, opening, error, io);
	case PHASE_DIRECTORY:
		return open_directory(store, opening, error, io);
	case PHASE_VOLUMES:
		return open_volumes(store, opening, miss);
	case PHASE_LINK:
		return open_link(store);
	case PHASE_SCAN:
		return open_scan(store, opening, error, io);
	case PHASE_FLUSH:
		return open_flush(store, opening, error, io);
	case PHASE_REPLAY:
		return open_replay(store, opening, miss);
	case PHASE_VERIFY:
		return open_verify(store, opening, error, io, miss);
	case PHASE_MARKS:
		return open_marks(store, opening, miss);
	default:
		return open_checkpoint(store, error, io, miss);
	}
}

static int fetched(struct smv_store *store, struct smv_opening *opening, int error)
{
	opening->fetching = false;
	if (error)
		return error;
	if (smv_blocks_provide(&store->blocks, opening->missing, opening->scratch))
		return refuse(store, -EUCLEAN, "a metadata block is damaged");
	return 0;
}

static int advance(struct smv_store *store, int error, struct smv_io *io)
{
	struct smv_opening *opening = store->opening;
	int ret;

	if (opening->fetching) {
		error = fetched(store, opening, error);
		if (error)
			return error;
	}
	while (opening->phase < PHASES) {
		ret = open_phase(store, opening, error, io, &opening->missing);
		error = 0;
		if (ret == -EAGAIN) {
			opening->fetching = true;
			ask_read(io, opening->missing, opening->scratch);
			return 1;
		}
		if (ret)
			return ret;
		opening->phase++;
	}
	return 0;
}

static int begin(struct smv_store *store, const struct smv_open *open)
{
	struct smv_opening *opening;

	if (store->open)
		return -EINVAL;
	opening = smv_host_alloc(&store->host, sizeof(*opening));
	if (!opening)
		return -ENOMEM;
	store->opening = opening;
	opening->wish = *open;
	opening->slot = 1;
	opening->scratch = smv_host_alloc(&store->host, SCRATCH_BYTES);
	opening->super = smv_host_alloc(&store->host, 2 * SMV_BLOCK_BYTES);
	return opening->scratch && opening->super ? 0 : -ENOMEM;
}

int smv_store_open(struct smv_store *store, const struct smv_open *open, int error,
		   struct smv_io *io)
{
	int ret = store->opening ? 0 : begin(store, open);

	if (!ret)
		ret = advance(store, error, io);
	if (ret == 1)
		return 1;
	smv_open_exit(store);
	if (ret == -EUCLEAN && !store->reason[0])
		refuse(store, ret, "a metadata block is damaged");
	store->open = !ret;
	return ret;
}

void smv_open_exit(struct smv_store *store)
{
	struct smv_opening *opening = store->opening;

	if (!opening)
		return;
	smv_host_free(&store->host, opening->scratch, SCRATCH_BYTES);
	smv_host_free(&store->host, opening->super, 2 * SMV_BLOCK_BYTES);
	smv_host_free(&store->host, opening, sizeof(*opening));
	store->opening = NULL;
}
