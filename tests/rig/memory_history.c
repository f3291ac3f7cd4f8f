// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random histories: origins, snapshots of them and of snapshots, writes,
 * discards, lost chunks, deletions, the cleaner, rollbacks left at any point, new names and
 * settings, commits, checkpoints. Everything the metadata can say comes up; the data is
 * not looked at (the simulator does that).
 */
#include <stdlib.h>
#include "checksum.h"
#include "memory.h"
#include "rig_host.h"

static struct smv_store *store_of(struct memory_history *h)
{
	return h->memory->store;
}

static u32 below(struct memory_history *h, u32 n)
{
	return random_below(&h->random, n);
}

/* What the operation may say: it could be done or not. */
static void settle(struct memory_history *h, int rc)
{
	if (h->forgive)
		return;
	if (rc && rc != -ENOSPC && rc != -EALREADY && rc != -EINPROGRESS && rc != -ENOENT &&
	    rc != -EIO && rc != -ESTALE && rc != -ENOTEMPTY)
		abort();
	if (rc == -EIO && smv_store_failed(store_of(h)))
		abort();
}

static struct smv_volume *pick(struct memory_history *h, bool origins, bool snapshots)
{
	struct smv_volume *volume, *chosen = NULL;
	u64 number = 0;
	u32 seen = 0;

	while ((volume = smv_volume_after(store_of(h), number))) {
		struct smv_volume_info info;
		bool origin;

		smv_volume_info(volume, &info);
		number = info.number;
		origin = info.flags & SMV_VOLUME_ORIGIN;
		if (info.flags & (SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN) ||
		    !(origin ? origins : snapshots))
			continue;
		if (!below(h, ++seen))
			chosen = volume;
	}
	return chosen;
}

static u64 pick_chunk(struct memory_history *h, struct smv_volume *volume)
{
	u64 chunks = smv_volume_chunks(store_of(h), volume);

	if (!chunks) /* of a damaged store only */
		return 0;
	/* mostly few chunks, so that entries meet */
	return below(h, 4) ? random_u64(&h->random) % (chunks < 24 ? chunks : 24) :
			     random_u64(&h->random) % chunks;
}

/* Some copies' records go with them. What lies in the chunk by chance is the copy. */
static void announce(struct memory_history *h, struct smv_job *job)
{
	u32 sectors = smv_volume_chunk_sectors(store_of(h), job->volume, job->chunk);
	u64 at = job->to.no * smv_store_chunk_sectors(store_of(h)) * SMV_SECTOR_BYTES, lsn;
	u64 check = smv_checksum_data(h->memory->image + at, sectors * SMV_SECTOR_BYTES);

	if (!smv_job_announce(store_of(h), job, check, &lsn) && below(h, 2))
		memory_commit(h->memory);
}

static int job_end(struct memory_history *h, struct smv_job *job, bool lost)
{
	u64 lsn;
	int rc;

	if (h->announces && !lost && job->todo == SMV_TODO_COPY && below(h, 2))
		announce(h, job);
	do
		rc = lost ? smv_job_lost(store_of(h), job, &lsn, &h->memory->miss) :
			    smv_job_done(store_of(h), job, &lsn, &h->memory->miss);
	while (memory_again(h->memory, &rc));
	if (!rc)
		rc = memory_commit(h->memory);
	return rc == -ESTALE ? 0 : rc;
}

static bool is_preserved(struct memory_history *h, struct smv_volume *volume, u64 chunk)
{
	const struct smv_preserved *preserved;

	return !smv_origin_preserved(store_of(h), volume, &preserved) &&
	       smv_preserved_test(preserved, chunk, chunk + 1);
}

static int write_origin(struct memory_history *h, struct smv_volume *volume, u64 chunk)
{
	bool preserved = is_preserved(h, volume, chunk);
	struct smv_job job = { 0 };
	int rc;

	for (u32 i = 0; i < 8; i++) {
		do
			rc = smv_origin_write(store_of(h), volume, chunk, &job, &h->memory->miss);
		while (memory_again(h->memory, &rc));
		if (preserved && (rc || job.todo != SMV_TODO_GO) && !h->forgive)
			abort();
		/* some writes do not come */
		if (!rc && job.todo == SMV_TODO_GO && chunk % 3)
			smv_write_issue(store_of(h), volume, chunk, chunk + 1);
		if (rc || job.todo == SMV_TODO_GO)
			return rc;
		rc = job_end(h, &job,
			     job.todo == SMV_TODO_COPY && job.from.place == SMV_PLACE_ORIGIN &&
				     !below(h, 40));
		if (rc)
			return rc;
	}
	if (!h->forgive)
		abort();
	return -EIO;
}

static int write_snapshot(struct memory_history *h, struct smv_volume *volume, u64 chunk)
{
	struct smv_job job = { 0 };
	int rc;

	do
		rc = smv_snapshot_write(store_of(h), volume, chunk, below(h, 2), &job,
					&h->memory->miss);
	while (memory_again(h->memory, &rc));
	return rc || job.todo != SMV_TODO_NEW ? rc : job_end(h, &job, false);
}

static int zero(struct memory_history *h)
{
	struct smv_volume *volume = pick(h, false, true);
	u64 lsn, chunk;
	int rc;

	if (!volume)
		return 0;
	chunk = pick_chunk(h, volume);
	do
		rc = smv_snapshot_zero(store_of(h), volume, chunk, &lsn, &h->memory->miss);
	while (memory_again(h->memory, &rc));
	return rc;
}

static int add(struct memory_history *h)
{
	struct smv_store_info info;
	struct smv_add add = { .identity = "path:/dev/nothing", .now_s = 1000000001 };
	char name[32];
	u64 lsn;
	int rc;

	smv_store_info(store_of(h), &info);
	if (info.origins >= h->origins)
		return 0;
	snprintf(name, sizeof(name), "o%u", h->name++);
	add.name = name;
	add.sectors = h->sectors;
	do
		rc = smv_add(store_of(h), &add, &lsn);
	while (memory_again(h->memory, &rc));
	return rc;
}

static int snapshot(struct memory_history *h)
{
	struct smv_snapshot_part part = { .memo = below(h, 3) ? "" : "a memo: 100%" };
	struct smv_store_info info;
	char name[32];
	u64 lsn;
	int rc;

	smv_store_info(store_of(h), &info);
	part.of = pick(h, true, below(h, 2));
	if (!part.of || info.snapshots >= h->snapshots)
		return 0;
	snprintf(name, sizeof(name), "s%u", h->name++);
	part.name = name;
	do
		rc = smv_snapshot(store_of(h), &part, 1, 1000000002, &lsn);
	while (memory_again(h->memory, &rc));
	return rc;
}

static int delete (struct memory_history *h)
{
	struct smv_volume *volume = pick(h, false, true);
	u64 lsn;
	int rc = 0;

	if (!volume)
		return 0;
	do
		rc = smv_delete(store_of(h), volume, &lsn);
	while (memory_again(h->memory, &rc));
	return rc ? rc : memory_commit(h->memory);
}

static int settings(struct memory_history *h)
{
	struct smv_settings settings = { .policy = below(h, 2),
					 .hold_timeout_s = below(h, 100),
					 .low_water_permille = below(h, 1001),
					 .throttle_mib_s = below(h, 2) ? SMV_THROTTLE_PAUSE : 0 };
	u64 lsn;

	snprintf(settings.label, sizeof(settings.label), "label%u", h->name++);
	return smv_set_settings(store_of(h), &settings, &lsn);
}

/* What changes no exception. */
static int manage(struct memory_history *h)
{
	struct smv_volume *volume = pick(h, true, true);
	struct smv_volume *origin = pick(h, true, false);
	u8 fingerprint[64] = { (u8)below(h, 2) };
	u32 choice = below(h, 5);
	char name[32];
	u64 lsn;
	int rc;

	snprintf(name, sizeof(name), "n%u", h->name++);
	do {
		if (!volume || !origin || !choice)
			rc = settings(h);
		else if (choice == 1)
			rc = smv_remove(store_of(h), origin, &lsn);
		else if (choice == 2)
			rc = smv_rename(store_of(h), volume, name, &lsn);
		else if (choice == 3)
			rc = smv_set_identity(store_of(h), origin, name, fingerprint, &lsn);
		else
			rc = smv_set_suspect(store_of(h), origin, &lsn);
	} while (memory_again(h->memory, &rc));
	return rc;
}

static int clean(struct memory_history *h)
{
	u32 freed;
	int rc;

	do
		rc = smv_clean_step(store_of(h), 1 + below(h, 16), &freed, &h->memory->miss);
	while (memory_again(h->memory, &rc));
	return rc == 1 ? 0 : rc;
}

/* ---- rollbacks ------------------------------------------------------------ */

static int roll(struct memory_history *h)
{
	struct smv_volume *volume = pick(h, false, true);
	char name[32];
	u64 lsn;
	int rc;

	if (!volume || !h->rollbacks)
		return 0;
	snprintf(name, sizeof(name), "u%u", h->name++);
	do
		rc = smv_rollback(store_of(h), smv_volume_origin_of(volume), volume,
				  below(h, 2) ? name : NULL, 1000000003, &lsn);
	while (memory_again(h->memory, &rc));
	return rc ? rc : memory_commit(h->memory);
}

static int move(struct memory_history *h, struct smv_volume *origin)
{
	struct smv_job job = { 0 };
	u64 chunk;
	int rc;

	do
		rc = smv_rollback_next(store_of(h), origin, &chunk, &h->memory->miss);
	while (rc == 1 || memory_again(h->memory, &rc));
	for (u32 i = 0; !rc && i < 8; i++) {
		do
			rc = smv_move(store_of(h), origin, chunk, &job, &h->memory->miss);
		while (memory_again(h->memory, &rc));
		if (rc || job.todo == SMV_TODO_GO)
			return rc;
		rc = job_end(h, &job, false);
	}
	return rc;
}

static int stage(struct memory_history *h, struct smv_volume *origin)
{
	u64 lsn;
	int rc = smv_stage_begin(store_of(h), origin);

	if (rc)
		return rc;
	do
		rc = smv_stage_end(store_of(h), origin, 0, &lsn);
	while (memory_again(h->memory, &rc));
	return rc ? rc : memory_commit(h->memory);
}

static int go_on_rolling(struct memory_history *h)
{
	struct smv_volume *origin = pick(h, true, false);
	u64 lsn;
	int rc;

	if (!origin || !smv_origin_is_rolling(origin))
		return 0;
	rc = move(h, origin);
	if (!rc && !below(h, 4))
		rc = stage(h, origin);
	if (rc != -ENOENT)
		return rc;
	rc = stage(h, origin);
	if (rc)
		return rc;
	do
		rc = smv_rollback_finish(store_of(h), origin, &lsn, &h->memory->miss);
	while (memory_again(h->memory, &rc));
	return rc;
}

/* ---- all together ------------------------------------------------------------ */

void memory_history_begin(struct memory_history *h, struct memory *memory, u64 seed)
{
	memset(h, 0, sizeof(*h));
	h->memory = memory;
	h->sectors = 100 * 8 - 3; /* the last chunk is a partial one */
	h->origins = 2;
	h->snapshots = 12;
	h->rollbacks = true;
	random_seed(&h->random, seed);
}

static int write_any(struct memory_history *h)
{
	bool origin = below(h, 8) < 5;
	struct smv_volume *volume = pick(h, origin, !origin);

	if (!volume)
		return 0;
	return origin ? write_origin(h, volume, pick_chunk(h, volume)) :
			write_snapshot(h, volume, pick_chunk(h, volume));
}

void memory_history_step(struct memory_history *h)
{
	static int (*const some[])(struct memory_history *) = {
		add,   snapshot, snapshot, delete,	  clean,  clean,
		clean, zero,	 roll,	   go_on_rolling, manage,
	};
	u32 choice = below(h, 40);
	int rc;

	if (choice < sizeof(some) / sizeof(some[0]))
		rc = some[choice](h);
	else if (choice < 14)
		rc = go_on_rolling(h);
	else if (choice == 39)
		rc = memory_checkpoint(h->memory, false);
	else if (choice == 38)
		rc = memory_commit(h->memory);
	else
		rc = write_any(h);
	settle(h, rc);
}
