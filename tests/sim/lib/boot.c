// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power cuts, reboots and recovery. After each recovery: commands that had not
 * returned happened as a whole or not at all; every volume holds what was
 * promised or something issued later; every store chunk has one owner. What is
 * read then is what the volumes hold from there on.
 *
 * A probe does that on copies of the disks, for several ways in which the same
 * cut can turn out, and leaves the running machine alone.
 */
#include "rig_host.h"
#include "super.h"
#include "world.h"

static void cut_disk(struct world *w, struct disk *disk, enum disk_cut how)
{
	u32 unflushed = disk_unflushed(disk);

	disk_cut(disk, how, unflushed ? random_below(&w->random, unflushed) : 0);
}

static void cut_disks(struct world *w)
{
	enum disk_cut how = random_below(&w->random, DISK_CUTS);

	for (u32 o = 0; o < SIM_ORIGINS; o++)
		cut_disk(w, w->origin[o], how);
	if (random_chance(&w->random, 200))
		how = random_below(&w->random, DISK_CUTS);
	cut_disk(w, w->store, how);
}

static void reboot_disks(struct world *w)
{
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		disk_reboot(w->origin[o]);
	disk_reboot(w->store);
}

#define RECOVERY_STEPS 10000u

/* ---- recovery ------------------------------------------------------------------ */

/* The last I/O before a cut in mid-recovery: writes issued, not completed. */
static void io_cut_short(struct world *w, const struct smv_io *io)
{
	struct disk_request request;

	if (io->op != SMV_IO_WRITE)
		return;
	if (io->preflush) {
		if (random_chance(&w->random, 500))
			return;
		request = disk_flush_begin(w->store);
		if (disk_flush_end(w->store, &request))
			return;
	}
	for (u32 i = 0; i < io->count; i++)
		if (random_chance(&w->random, 700))
			disk_write_begin(w->store, io->block[i] * SMV_BLOCK_SECTORS,
					 SMV_BLOCK_SECTORS, io->buffer[i]);
}

/*
 * A request of the recovery fails, once or (a write, a flush) for ever. A chunk that cannot
 * be read for as long as the recovery lasts, but afterwards, is not to be told from one that is bad.
 */
static void fail_recovery(struct world *w)
{
	static const u32 most[DISK_KINDS] = { 8, 8, 3 };
	u32 kind = random_below(&w->random, DISK_KINDS);
	u32 nth = 1 + random_below(&w->random, most[kind]);

	/* before the journal's ring, or behind it */
	if (kind == DISK_READ && random_chance(&w->random, 500))
		nth += SMV_JOURNAL_BLOCKS_MIN;
	disk_fail(w->store, kind, nth, kind != DISK_READ && random_chance(&w->random, 500));
}

/* Did it? The disk is repaired. */
static bool has_recovery_failed(struct world *w)
{
	bool failed = disk_has_failed(w->store);

	for (u32 kind = 0; kind < DISK_KINDS; kind++)
		disk_fail(w->store, kind, 0, false);
	w->stats.failures += failed;
	return failed;
}

/* 1: the power failed again at I/O number @cut_at. */
static int open_store(struct world *w, u32 cut_at)
{
	struct smv_open open = {
		.blocks = disk_sectors(w->store) / SMV_BLOCK_SECTORS,
		.host_id = "simulated host",
		.boot_id = "simulated boot",
		.limits = { .cache_blocks = 64,
			    .overlay_entries = w->overlay_entries,
			    .volumes = 64 },
	};
	bool wrote = false;
	struct smv_io io;
	int error = 0, result;
	u32 n = 0;

	while ((result = smv_store_open(w->host.store, &open, error, &io)) == 1) {
		if (cut_at && n + 1 == cut_at) {
			io_cut_short(w, &io);
			return 1;
		}
		if (++n > RECOVERY_STEPS)
			sim_lost(w, "open: does not end");
		wrote |= io.op == SMV_IO_WRITE;
		if (io.op == SMV_IO_FLUSH && !wrote && !rule_on(w, RULE_recover_flush))
			error = 0;
		else
			error = host_io(w, &io);
	}
	if (result && !(w->config.errors && result == -EIO) &&
	    !(result == -EUCLEAN && disk_has_failed(w->store)))
		sim_lost(w, "open: %d (%s)", result, smv_store_reason(w->host.store));
	return result;
}

static void close_store(struct world *w)
{
	if (w->host.store)
		smv_store_delete(w->host.store);
	w->host.store = NULL;
}

void world_ballast(struct world *w, u32 free_chunks)
{
	struct host *h = &w->host;
	struct smv_volume *filler = smv_volume_snapshot(h->store, "filler", "ballast");
	u64 miss = 0;
	int result = 0;

	if (free_chunks == SIM_ALL_FREE)
		return;
	while (h->ballasts < SIM_BALLAST) {
		struct smv_job *job = &h->ballast[h->ballasts];

		memset(job, 0, sizeof(*job));
		result = smv_snapshot_write(h->store, filler, h->ballasts, true, job, &miss);
		if (result == -EAGAIN)
			result = host_again(w, result, miss);
		else if (!result)
			h->ballasts++;
		if (result < 0)
			break;
	}
	for (u32 n = 0; n < free_chunks && h->ballasts; n++) {
		u32 pick = random_below(&w->random, h->ballasts);

		smv_job_cancel(h->store, &h->ballast[pick]);
		h->ballast[pick] = h->ballast[--h->ballasts];
	}
}

static void start_background(struct world *w)
{
	task_start(w, host_committer, NULL, true);
	task_start(w, host_checkpointer, NULL, true);
	task_start(w, host_reaper, NULL, true);
	task_start(w, host_cleaner, NULL, true);
	task_start(w, host_prover, NULL, true);
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		mover_start(w, o);
}

void world_boot(struct world *w)
{
	u32 cut_at = w->cut_recovery ? 1 + random_below(&w->random, 24) : 0;

	w->cut_recovery = false;
	for (;;) {
		int result;

		close_store(w);
		memset(&w->host, 0, sizeof(w->host));
		w->host.store = smv_store_new(&rig_host);
		if (w->config.errors && random_chance(&w->random, 300))
			fail_recovery(w);
		result = open_store(w, cut_at);
		if (has_recovery_failed(w) && result < 0) {
			sim_say(w, "recovery: %d (%s)", result, smv_store_reason(w->host.store));
			continue;
		}
		if (result != 1)
			break;
		sim_say(w, "POWER CUT in recovery, at I/O %u", cut_at);
		w->stats.nested++;
		cut_disks(w);
		cut_at = random_chance(&w->random, 300) ? 1 + random_below(&w->random, 24) : 0;
	}
}

/* ---- what happened, and what did not ----------------------------------------------- */

static bool exists(struct world *w, u32 slot)
{
	const struct volume *volume = &w->oracle.volume[slot];

	return smv_volume_snapshot(w->host.store, w->oracle.volume[volume->origin].name,
				   volume->name) != NULL;
}

static void resolve_group(struct world *w, u32 slot)
{
	u64 group = w->oracle.volume[slot].group;
	u32 in = 0, out = 0;

	for (u32 i = slot; i < SIM_VOLUMES; i++)
		if (w->oracle.volume[i].alive == ALIVE_MAKING && w->oracle.volume[i].group == group)
			*(exists(w, i) ? &in : &out) += 1;
	if (in && out)
		sim_lost(w, "after the cut: half a group: %u of %u", in, in + out);
}

static void resolve_volume(struct world *w, u32 slot)
{
	struct volume *volume = &w->oracle.volume[slot];

	switch (volume->alive) {
	case ALIVE_NO:
		break;
	case ALIVE_RESERVED:
		volume->alive = ALIVE_NO;
		break;
	case ALIVE_MAKING:
		volume->alive = exists(w, slot) ? ALIVE_YES : ALIVE_NO;
		break;
	case ALIVE_DELETING:
		volume->alive = exists(w, slot) ? ALIVE_YES : ALIVE_NO;
		break;
	case ALIVE_YES:
		if (!exists(w, slot))
			sim_lost(w, "after the cut: %s is gone", volume->name);
	}
}

static void resolve(struct world *w)
{
	struct smv_volume_info info;

	for (u32 slot = SIM_ORIGINS; slot < SIM_VOLUMES; slot++)
		if (w->oracle.volume[slot].alive == ALIVE_MAKING)
			resolve_group(w, slot);
	for (u32 slot = SIM_ORIGINS; slot < SIM_VOLUMES; slot++)
		resolve_volume(w, slot);
	for (u32 o = 0; o < SIM_ORIGINS; o++) {
		smv_volume_info(host_volume(w, o), &info);
		oracle_roll_resolve(&w->oracle, o, info.epoch > w->oracle.roll[o].epoch);
	}
}

static void observe(struct world *w, bool hard)
{
	u8 data[SIM_CHUNK_SECTORS_MAX * SMV_SECTOR_BYTES];

	for (u32 slot = 0; slot < SIM_VOLUMES; slot++) {
		struct volume *volume = &w->oracle.volume[slot];

		if (volume->alive != ALIVE_YES)
			continue;
		for (u32 c = 0; c * w->chunk_sectors < volume->sectors; c++) {
			if (peek_data(w, slot, c, data))
				continue;
			for (u32 i = 0; i < chunk_sectors_of(w, slot, c); i++)
				oracle_observed(volume, c * w->chunk_sectors + i,
						sector_value(data + i * SMV_SECTOR_BYTES), hard);
		}
	}
}

static void recovered(struct world *w)
{
	resolve(w);
	check_volumes(w, true);
	check_ownership(w);
}

void world_cut(struct world *w, enum sim_cut how)
{
	bool hard = how == SIM_CUT_POWER;

	if (how == SIM_CUT_RANDOM)
		hard = random_chance(&w->random, 650);
	w->stats.cuts++;
	w->stats.reboots += !hard;
	sim_say(w, hard ? "POWER CUT" : "reboot, the caches survive");
	tasks_abandon(w);
	if (hard)
		cut_disks(w);
	else
		reboot_disks(w);
	w->cut_recovery |= random_chance(&w->random, 150);
	if (random_chance(&w->random, 250))
		check_image(w, "after the cut");
	world_boot(w);
	if (random_chance(&w->random, 100))
		check_image(w, "after the recovery");
	recovered(w);
	observe(w, hard);
	world_ballast(w, w->config.free_chunks);
	start_background(w);
}

/* ---- probes --------------------------------------------------------------------------- */

static struct world replica;

static void replica_make(struct world *w)
{
	memset(&replica.host, 0, sizeof(replica.host));
	replica.config = w->config;
	replica.config.verbose = false;
	replica.chunk_sectors = w->chunk_sectors;
	replica.overlay_entries = w->overlay_entries;
	replica.policy = w->policy;
	replica.random = w->random;
	replica.oracle = w->oracle;
	replica.replica = true;
	replica.lost[0] = 0;
	memset(&replica.stats, 0, sizeof(replica.stats));
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		replica.origin[o] = disk_clone(w->origin[o]);
	replica.store = disk_clone(w->store);
}

static void replica_drop(void)
{
	close_store(&replica);
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		disk_delete(replica.origin[o]);
	disk_delete(replica.store);
}

static void replica_recover(void)
{
	if (setjmp(replica.out))
		return;
	if (random_chance(&replica.random, 60))
		check_image(&replica, "after the cut");
	world_boot(&replica);
	recovered(&replica);
}

/* One way: of all unflushed requests of all disks number @pick is the one. */
static void probe_one(struct world *w, enum disk_cut how, u32 pick)
{
	u32 left = pick;

	w->stats.probes++;
	replica_make(w);
	for (u32 o = 0; o <= SIM_ORIGINS; o++) {
		struct disk *disk = o < SIM_ORIGINS ? replica.origin[o] : replica.store;
		u32 n = disk_unflushed(disk);

		if (how == DISK_CUT_ONE && left >= n)
			disk_cut(disk, DISK_CUT_NONE, 0);
		else if (how == DISK_CUT_BUT_ONE && left >= n)
			disk_cut(disk, DISK_CUT_ALL, 0);
		else
			disk_cut(disk, how, left);
		left = left >= n ? left - n : ~0u;
	}
	replica_recover();
	replica_drop();
	w->stats.checks += replica.stats.checks;
	w->stats.images += replica.stats.images;
	if (replica.lost[0])
		sim_lost(w, "cut %s %u: %s",
			 how == DISK_CUT_NONE ? "keeping none of" :
			 how == DISK_CUT_ALL  ? "keeping all of" :
			 how == DISK_CUT_ONE  ? "keeping only request" :
						"losing only request",
			 pick, replica.lost);
}

void world_probe(struct world *w, u32 limit)
{
	u32 n = disk_unflushed(w->store);

	for (u32 o = 0; o < SIM_ORIGINS; o++)
		n += disk_unflushed(w->origin[o]);
	probe_one(w, DISK_CUT_NONE, 0);
	if (n)
		probe_one(w, DISK_CUT_ALL, 0);
	for (u32 i = 0; n > 1 && i < n && i < limit; i++)
		probe_one(w, DISK_CUT_ONE, n <= limit ? i : random_below(&w->random, n));
	for (u32 i = 0; n > 2 && i < n && i < limit / 2; i++)
		probe_one(w, DISK_CUT_BUT_ONE, n <= limit ? i : random_below(&w->random, n));
}

/* ---- the first start --------------------------------------------------------------------- */

void world_start(struct world *w)
{
	world_boot(w);
	for (u32 o = 0; o < SIM_ORIGINS; o++) {
		struct volume *volume = &w->oracle.volume[o];
		struct smv_volume *v = smv_volume_origin(w->host.store, volume->name);
		struct smv_volume_info info;

		SMV_ASSERT(v);
		smv_volume_info(v, &info);
		volume->number = info.number;
	}
	recovered(w);
	world_ballast(w, w->config.free_chunks);
	start_background(w);
}
