// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of volumes, all of it in memory: by number (hash and ascending
 * list), by name (visible ones), and as a tree of who was taken of whom
 * (volume_children.c). A parent's number is always smaller than its children's, so
 * there are no loops.
 *
 * Readers (I-READERS): what makes an origin's data unneeded counts only when
 * durable, what makes it needed counts at once. So a snapshot counts from the
 * moment it is in the table; one that was deleted or became invalid goes on a
 * list, in the order of records, and ceases to count when smv_volume_settle()
 * finds its record durable.
 *
 * Crash: nothing here is on disk; open rebuilds it from the volumes' tree and
 * the journal. Weak side: memory and the time to open grow with the number of
 * volumes (not of exceptions), and a snapshot of a deep chain counts in every
 * volume above it.
 */
#include "volume.h"

#include "preserved.h"

void smv_volume_fail_store(struct smv_store *store, const char *reason)
{
	size_t bytes = strlen(reason);

	if (!store->failed) {
		if (bytes >= sizeof(store->reason))
			bytes = sizeof(store->reason) - 1;
		memcpy(store->reason, reason, bytes);
		store->reason[bytes] = 0;
	}
	store->failed = true;
	store->journal.failed = true;
}

/* ---- the two indices ------------------------------------------------ */

int smv_volume_table_init(struct smv_store *store)
{
	store->by_number =
		smv_host_alloc(&store->host, SMV_NUMBER_BUCKETS * sizeof(*store->by_number));
	store->by_name = smv_host_alloc(&store->host, SMV_NAME_BUCKETS * sizeof(*store->by_name));
	return store->by_number && store->by_name ? 0 : -ENOMEM;
}

void smv_volume_table_exit(struct smv_store *store)
{
	struct smv_volume *volume = store->first, *next;

	for (; volume; volume = next) {
		next = volume->list_next;
		smv_volume_free(store, volume);
	}
	store->first = NULL;
	smv_host_free(&store->host, store->by_number,
		      SMV_NUMBER_BUCKETS * sizeof(*store->by_number));
	smv_host_free(&store->host, store->by_name, SMV_NAME_BUCKETS * sizeof(*store->by_name));
	store->by_number = NULL;
	store->by_name = NULL;
}

struct smv_volume *smv_volume_new(struct smv_store *store)
{
	return smv_host_alloc(&store->host, sizeof(struct smv_volume));
}

void smv_volume_free(struct smv_store *store, struct smv_volume *volume)
{
	if (!volume)
		return;
	smv_preserved_free(store, volume);
	smv_host_free(&store->host, volume->roll, sizeof(*volume->roll));
	smv_host_free(&store->host, volume, sizeof(*volume));
}

struct smv_volume *smv_volume_number(struct smv_store *store, u64 number)
{
	struct smv_volume *volume = store->by_number[number % SMV_NUMBER_BUCKETS];

	while (volume && volume->number != number)
		volume = volume->number_next;
	return volume;
}

struct smv_volume *smv_volume_after(struct smv_store *store, u64 number)
{
	struct smv_volume *volume = number ? smv_volume_number(store, number) : NULL;

	if (volume)
		return volume->list_next;
	for (volume = store->first; volume && volume->number <= number; volume = volume->list_next)
		;
	return volume;
}

/* Origins are named among all, snapshots within their origin. */
static u64 name_scope(const struct smv_volume *volume)
{
	return smv_volume_is_origin(volume) || !volume->origin ? 0 : volume->origin->number;
}

static u32 name_bucket(u64 scope, const char *name)
{
	u32 hash = (u32)scope * 2654435761u;

	for (; *name; name++)
		hash = (hash ^ (u8)*name) * 16777619u; /* FNV-1a */
	return hash % SMV_NAME_BUCKETS;
}

static bool is_named(const struct smv_volume *volume)
{
	return volume->name[0] && !smv_volume_is(volume, SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN);
}

static void name_insert(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_volume **bucket;

	if (!is_named(volume))
		return;
	bucket = &store->by_name[name_bucket(name_scope(volume), volume->name)];
	volume->name_next = *bucket;
	*bucket = volume;
}

static void name_remove(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_volume **at;

	if (!is_named(volume))
		return;
	at = &store->by_name[name_bucket(name_scope(volume), volume->name)];
	while (*at && *at != volume)
		at = &(*at)->name_next;
	if (*at)
		*at = volume->name_next;
}

static struct smv_volume *by_name(struct smv_store *store, u64 scope, const char *name)
{
	struct smv_volume *volume = store->by_name[name_bucket(scope, name)];

	while (volume && (name_scope(volume) != scope || strcmp(volume->name, name)))
		volume = volume->name_next;
	return volume;
}

struct smv_volume *smv_volume_origin(struct smv_store *store, const char *origin)
{
	return by_name(store, 0, origin);
}

struct smv_volume *smv_volume_snapshot(struct smv_store *store, const char *origin,
				       const char *snapshot)
{
	struct smv_volume *volume = smv_volume_origin(store, origin);

	return volume ? by_name(store, volume->number, snapshot) : NULL;
}

struct smv_volume *smv_volume_origin_of(struct smv_volume *volume)
{
	return volume->origin;
}

u32 smv_store_chunk_sectors(const struct smv_store *store)
{
	return store->geometry.chunk_blocks * SMV_BLOCK_SECTORS;
}

u64 smv_volume_chunks(const struct smv_store *store, const struct smv_volume *volume)
{
	u32 chunk_sectors = smv_store_chunk_sectors(store);

	return smv_port_div(volume->sectors + chunk_sectors - 1, chunk_sectors);
}

u32 smv_volume_chunk_sectors(const struct smv_store *store, const struct smv_volume *volume,
			     u64 chunk)
{
	u32 sectors = smv_store_chunk_sectors(store);
	u64 left = volume->sectors - chunk * sectors;

	return left < sectors ? (u32)left : sectors;
}

/* ---- counters by flags ------------------------------------------------ */

static void pass_enter(struct smv_store *store, struct smv_volume *volume)
{
	volume->pass_prev = store->pass_end;
	volume->pass_next = NULL;
	*(store->pass_end ? &store->pass_end->pass_next : &store->pass_first) = volume;
	store->pass_end = volume;
	store->passes++;
}

static void pass_leave(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_volume *prev = volume->pass_prev, *next = volume->pass_next;

	*(prev ? &prev->pass_next : &store->pass_first) = next;
	*(next ? &next->pass_prev : &store->pass_end) = prev;
	store->passes--;
}

static void tally(struct smv_store *store, struct smv_volume *volume, u32 by)
{
	if (smv_volume_is(volume, SMV_VOLUME_PASS) && by == 1)
		pass_enter(store, volume);
	else if (smv_volume_is(volume, SMV_VOLUME_PASS))
		pass_leave(store, volume);
	if (smv_volume_is(volume, SMV_VOLUME_DEAD))
		store->ghosts += by;
	else if (smv_volume_is_origin(volume))
		store->origins += by;
	else if (!smv_volume_is(volume, SMV_VOLUME_HIDDEN))
		store->snapshots += by;
}

void smv_volume_set_flags(struct smv_store *store, struct smv_volume *volume, u32 flags)
{
	tally(store, volume, -1);
	if (volume->origin)
		name_remove(store, volume);
	volume->flags = flags;
	if (volume->origin)
		name_insert(store, volume);
	tally(store, volume, 1);
}

void smv_volume_set_name(struct smv_store *store, struct smv_volume *volume, const char *name)
{
	name_remove(store, volume);
	memset(volume->name, 0, sizeof(volume->name));
	memcpy(volume->name, name, strlen(name));
	name_insert(store, volume);
}

/* ---- into and out of the table --------------------------------------- */

int smv_volume_insert(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_volume **bucket = &store->by_number[volume->number % SMV_NUMBER_BUCKETS];
	struct smv_volume *before = store->last;

	if (smv_volume_number(store, volume->number))
		return -EUCLEAN;
	while (before && before->number > volume->number)
		before = before->list_prev;
	volume->list_prev = before;
	volume->list_next = before ? before->list_next : store->first;
	*(before ? &before->list_next : &store->first) = volume;
	*(volume->list_next ? &volume->list_next->list_prev : &store->last) = volume;
	volume->number_next = *bucket;
	*bucket = volume;
	store->volume_count++;
	tally(store, volume, 1);
	return 0;
}

static void number_remove(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_volume **at = &store->by_number[volume->number % SMV_NUMBER_BUCKETS];

	while (*at != volume)
		at = &(*at)->number_next;
	*at = volume->number_next;
	*(volume->list_prev ? &volume->list_prev->list_next : &store->first) = volume->list_next;
	*(volume->list_next ? &volume->list_next->list_prev : &store->last) = volume->list_prev;
}

void smv_volume_remove(struct smv_store *store, struct smv_volume *volume)
{
	SMV_ASSERT(!volume->children && !volume->counted && !volume->opens);
	name_remove(store, volume);
	tally(store, volume, -1);
	if (volume->parent)
		smv_volume_unlink(volume);
	number_remove(store, volume);
	store->volume_count--;
	store->counts_dirty -= volume->count_dirty;
	store->exception_count -= volume->exceptions;
	smv_volume_free(store, volume);
}

struct smv_volume *smv_volume_attach(struct smv_volume *of, u64 *asof)
{
	*asof = of->epoch;
	while (of->parent && !of->exceptions) {
		*asof = of->asof;
		of = of->parent;
	}
	return of;
}

/* ---- readers ----------------------------------------------------------- */

static void count_upwards(struct smv_volume *volume, u32 by)
{
	for (; volume; volume = volume->parent)
		volume->readers += by;
}

void smv_volume_count(struct smv_volume *volume)
{
	if (volume->counted || !volume->parent ||
	    smv_volume_is(volume, SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD | SMV_VOLUME_INVALID))
		return;
	volume->counted = true;
	count_upwards(volume, 1);
}

void smv_volume_end(struct smv_store *store, struct smv_volume *volume, u64 lsn)
{
	if (volume->ending_lsn) {
		/* invalid and now dead: it is on the list already, and dead later */
		return;
	}
	volume->ending_lsn = lsn;
	volume->ending_next = NULL;
	*(store->ending_last ? &store->ending_last->ending_next : &store->ending_first) = volume;
	store->ending_last = volume;
}

void smv_volume_settle(struct smv_store *store)
{
	struct smv_volume *volume;

	while ((volume = store->ending_first) && volume->ending_lsn <= store->journal.durable) {
		store->ending_first = volume->ending_next;
		if (!store->ending_first)
			store->ending_last = NULL;
		volume->ending_lsn = 0;
		volume->ending_next = NULL;
		if (volume->counted) {
			volume->counted = false;
			count_upwards(volume, -1);
		}
	}
}

bool smv_volume_is_dead(const struct smv_store *store, const struct smv_volume *volume)
{
	return smv_volume_is(volume, SMV_VOLUME_DEAD) &&
	       volume->dead_lsn <= store->journal.durable && !volume->ending_lsn;
}

bool smv_volume_newest_reader(struct smv_store *store, const struct smv_volume *origin, u64 low,
			      u64 below, u64 *epoch)
{
	const struct smv_volume *child;

	smv_volume_settle(store);
	for (child = origin->child_last; child && child->asof >= low; child = child->sibling_prev) {
		if (child->asof < below && child->readers) {
			*epoch = child->asof;
			return true;
		}
	}
	return false;
}

/* ---- on disk --------------------------------------------------------- */

void smv_volume_encode(const struct smv_volume *volume, struct smv_disk_volume *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->number = cpu_to_le64(volume->number);
	disk->parent = cpu_to_le64(volume->parent ? volume->parent->number : 0);
	disk->asof = cpu_to_le64(volume->asof);
	disk->epoch = cpu_to_le64(volume->epoch);
	disk->origin = cpu_to_le64(volume->origin->number);
	disk->taken_of = cpu_to_le64(volume->taken_of);
	disk->created_s = cpu_to_le64(volume->created_s);
	disk->sectors = cpu_to_le64(volume->sectors);
	disk->exceptions = cpu_to_le64(volume->exceptions);
	disk->roll_volume = cpu_to_le64(volume->roll_volume);
	disk->roll_epoch = cpu_to_le64(volume->roll_epoch);
	disk->roll_done = cpu_to_le64(volume->roll_done);
	disk->roll_source = cpu_to_le64(volume->roll_source);
	disk->flags = cpu_to_le32(volume->flags);
	memcpy(disk->name, volume->name, sizeof(disk->name));
	memcpy(disk->memo, volume->memo, sizeof(disk->memo));
	memcpy(disk->identity, volume->identity, sizeof(disk->identity));
	memcpy(disk->fingerprint, volume->fingerprint, sizeof(disk->fingerprint));
}

static bool is_possible(const struct smv_disk_volume *disk)
{
	u64 number = le64_to_cpu(disk->number), parent = le64_to_cpu(disk->parent);
	bool origin = le32_to_cpu(disk->flags) & SMV_VOLUME_ORIGIN;

	if (!number || parent >= number || origin != !parent || !disk->epoch ||
	    le64_to_cpu(disk->epoch) > SMV_EPOCH_MAX)
		return false;
	if (origin && le64_to_cpu(disk->origin) != number)
		return false;
	if (!origin && disk->roll_volume)
		return false;
	return !disk->name[SMV_NAME_BYTES - 1] && !disk->memo[SMV_MEMO_BYTES - 1] &&
	       !disk->identity[SMV_IDENTITY_BYTES - 1];
}

int smv_volume_decode(struct smv_volume *volume, const struct smv_disk_volume *disk)
{
	if (!is_possible(disk))
		return -EUCLEAN;
	volume->number = le64_to_cpu(disk->number);
	volume->parent_number = le64_to_cpu(disk->parent);
	volume->asof = le64_to_cpu(disk->asof);
	volume->epoch = le64_to_cpu(disk->epoch);
	volume->taken_of = le64_to_cpu(disk->taken_of);
	volume->created_s = le64_to_cpu(disk->created_s);
	volume->sectors = le64_to_cpu(disk->sectors);
	volume->exceptions = le64_to_cpu(disk->exceptions);
	volume->roll_volume = le64_to_cpu(disk->roll_volume);
	volume->roll_epoch = le64_to_cpu(disk->roll_epoch);
	volume->roll_done = le64_to_cpu(disk->roll_done);
	volume->roll_source = le64_to_cpu(disk->roll_source);
	volume->flags = le32_to_cpu(disk->flags);
	memcpy(volume->name, disk->name, sizeof(volume->name));
	memcpy(volume->memo, disk->memo, sizeof(volume->memo));
	memcpy(volume->identity, disk->identity, sizeof(volume->identity));
	memcpy(volume->fingerprint, disk->fingerprint, sizeof(volume->fingerprint));
	return 0;
}
