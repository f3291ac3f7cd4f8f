// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making a machine: two origins of three chunks (the second one ends in a
 * partial chunk) that hold a token in each sector, and a store as small as it
 * can be, filled with junk, then formatted, the origins added. A third origin
 * that no device belongs to, with a snapshot, is there so that jobs on it can
 * hold chunks: the ballast that makes the store as full as wanted.
 *
 * The formatted disks are made once for each chunk size and cloned.
 */
#include <stdarg.h>
#include "fiber.h"
#include "rig_host.h"
#include "world.h"

#define SIZES 2u

static struct disk *formatted[SIZES]; /* stores, by chunk size */

void sim_config_init(struct sim_config *config)
{
	memset(config, 0, sizeof(*config));
	config->ops = 40;
}

void sim_lost(struct world *w, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(w->lost, sizeof(w->lost), format, list);
	va_end(list);
	if (fiber_running())
		fiber_exit();
	longjmp(w->out, 1);
}

void sim_say(struct world *w, const char *format, ...)
{
	va_list list;

	if (!w->config.verbose || w->replica)
		return;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
}

static u32 origin_sectors(u32 origin, u32 chunk_sectors)
{
	return origin ? 2 * chunk_sectors + 3 : SIM_CHUNKS * chunk_sectors;
}

/* ---- the formatted store ------------------------------------------------------- */

/* Does what the engine asks for, at once. */
static int io_now(struct disk *disk, const struct smv_io *io)
{
	struct disk_request request;

	if (io->op == SMV_IO_FLUSH || io->preflush) {
		request = disk_flush_begin(disk);
		disk_flush_end(disk, &request);
	}
	for (u32 i = 0; i < io->count; i++) {
		u64 sector = io->block[i] * SMV_BLOCK_SECTORS;

		if (io->op == SMV_IO_READ) {
			disk_read(disk, sector, SMV_BLOCK_SECTORS, io->buffer[i]);
			continue;
		}
		request = disk_write_begin(disk, sector, SMV_BLOCK_SECTORS, io->buffer[i]);
		disk_write_end(disk, &request, io->fua);
	}
	return 0;
}

static void format(struct disk **disk, u32 chunk_blocks)
{
	static u8 buffer[SMV_FORMAT_BUFFER_BYTES];
	struct smv_format plan = {
		.blocks = 1,
		.chunk_blocks = chunk_blocks,
		.uuid = "simulated store",
		.settings = { .low_water_permille = 100, .label = "sim" },
	};
	u64 step = 0, least = 0;
	struct smv_io io;
	int result;

	result = smv_store_format(&plan, buffer, &step, &least, &io);
	SMV_ASSERT(result == -ENOSPC && least);
	plan.blocks = least + 240;
	*disk = disk_new(plan.blocks * SMV_BLOCK_SECTORS, SIM_JUNK, 1);
	step = 0;
	while ((result = smv_store_format(&plan, buffer, &step, &least, &io)) == 1)
		io_now(*disk, &io);
	SMV_ASSERT(!result);
}

static void commit_now(struct smv_store *store, struct disk *disk)
{
	struct smv_io io;
	u64 miss;
	int result, error = 0;

	while (smv_commit_begin(store, &io) == 1)
		smv_commit_end(store, io_now(disk, &io));
	do {
		u8 block[SMV_BLOCK_BYTES];

		result = smv_checkpoint_step(store, true, error, &io, &miss);
		if (result == 1)
			error = io_now(disk, &io);
		if (result == -EAGAIN) {
			disk_read(disk, miss * SMV_BLOCK_SECTORS, SMV_BLOCK_SECTORS, block);
			SMV_ASSERT(!smv_store_provide(store, miss, block));
		}
	} while (result == 1 || result == -EAGAIN);
	if (result)
		fprintf(stderr, "checkpoint: %d %s\n", result, smv_store_reason(store));
	SMV_ASSERT(!result);
}

static void add_volumes(struct smv_store *store, u32 chunk_blocks)
{
	u32 chunk_sectors = chunk_blocks * SMV_BLOCK_SECTORS;
	static const char *const name[] = { "o0", "o1", "filler" };
	struct smv_snapshot_part part = { .name = "ballast", .memo = "" };
	u64 lsn;

	for (u32 i = 0; i < 3; i++) {
		struct smv_add add = {
			.name = name[i],
			.identity = name[i],
			.sectors = i < 2 ? origin_sectors(i, chunk_sectors) :
					   (u64)SIM_BALLAST * chunk_sectors,
		};
		int result = smv_add(store, &add, &lsn);

		SMV_ASSERT(!result);
	}
	part.of = smv_volume_origin(store, "filler");
	SMV_ASSERT(part.of && !smv_snapshot(store, &part, 1, 0, &lsn));
}

static struct disk *formatted_store(u32 chunk_blocks)
{
	struct disk **disk = &formatted[chunk_blocks - 1];
	struct smv_store *store;
	struct smv_open open = {
		.host_id = "simulated host",
		.boot_id = "simulated boot",
		.limits = { .cache_blocks = 64, .overlay_entries = 64, .volumes = 64 }
	};
	struct smv_io io;
	int result, error = 0;

	if (*disk)
		return *disk;
	format(disk, chunk_blocks);
	open.blocks = disk_sectors(*disk) / SMV_BLOCK_SECTORS;
	store = smv_store_new(&rig_host);
	while ((result = smv_store_open(store, &open, error, &io)) == 1)
		error = io_now(*disk, &io);
	if (result)
		fprintf(stderr, "open: %d %s\n", result, smv_store_reason(store));
	SMV_ASSERT(!result);
	add_volumes(store, chunk_blocks);
	commit_now(store, *disk);
	smv_store_delete(store);
	return *disk;
}

/* ---- a machine -------------------------------------------------------------------- */

static void origin_make(struct world *w, u32 o)
{
	struct volume *volume = &w->oracle.volume[o];
	u8 data[SMV_SECTOR_BYTES];

	volume->alive = ALIVE_YES;
	snprintf(volume->name, sizeof(volume->name), "o%u", o);
	volume->origin = o;
	volume->sectors = origin_sectors(o, w->chunk_sectors);
	w->origin[o] = disk_new(volume->sectors, SIM_JUNK, random_u64(&w->random));
	for (u32 s = 0; s < volume->sectors; s++) {
		struct disk_request request;
		u32 value = 1000 * (o + 1) + s;

		sector_fill(data, value);
		request = disk_write_begin(w->origin[o], s, 1, data);
		disk_write_end(w->origin[o], &request, true);
		volume->cell[s].value[0] = value;
		volume->cell[s].count = 1;
	}
}

/* What the configuration leaves open follows from the seed. */
static void choose(struct world *w)
{
	struct sim_config *c = &w->config;
	static const u32 permille[] = { 1000, 300, 100, 10, 2 };
	static const u32 together[] = { 0, 300, 700, 1000 };
	static const u32 delay[] = { 0, 0, 0, 0, 100, 600 };

	random_seed(&w->random, c->seed);
	w->by_priority = random_chance(&w->random, 500);
	w->reuse = random_chance(&w->random, 800);
	w->policy = random_chance(&w->random, 300) ? SMV_POLICY_HOLD : SMV_POLICY_DROP;
	w->mover_permille = permille[random_below(&w->random, 5)];
	w->together_permille = together[random_below(&w->random, 4)];
	w->commit_delay = delay[random_below(&w->random, 6)] / 4;
	w->checkpoint_delay = delay[random_below(&w->random, 6)];
	w->overlay_entries = 32 << random_below(&w->random, 4);
	if (!c->chunk_blocks)
		c->chunk_blocks = random_chance(&w->random, 800) ? 1 : 2;
	if (!c->free_chunks)
		c->free_chunks = random_chance(&w->random, 300) ? SIM_ALL_FREE :
								  4 + random_below(&w->random, 16);
	w->chunk_sectors = c->chunk_blocks * SMV_BLOCK_SECTORS;
}

void world_begin(struct world *w, const struct sim_config *config)
{
	w->config = *config;
	choose(w);
	w->token = 10000;
	w->name = 0;
	w->group = 0;
	w->clock = 0;
	w->cut_recovery = false;
	w->replica = false;
	memset(&w->oracle, 0, sizeof(w->oracle));
	memset(&w->host, 0, sizeof(w->host));
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		origin_make(w, o);
	w->store = disk_clone(formatted_store(w->config.chunk_blocks));
	world_start(w);
}

void world_end(struct world *w)
{
	tasks_abandon(w);
	if (w->host.store)
		smv_store_delete(w->host.store);
	w->host.store = NULL;
	for (u32 o = 0; o < SIM_ORIGINS; o++) {
		disk_delete(w->origin[o]);
		w->origin[o] = NULL;
	}
	disk_delete(w->store);
	w->store = NULL;
}

u32 slot_reserve(struct world *w, u32 of)
{
	for (u32 slot = SIM_ORIGINS; slot < SIM_VOLUMES; slot++) {
		struct volume *volume = &w->oracle.volume[slot];

		if (volume->alive != ALIVE_NO)
			continue;
		memset(volume, 0, sizeof(*volume));
		volume->alive = ALIVE_RESERVED;
		volume->origin = w->oracle.volume[of].origin;
		snprintf(volume->name, sizeof(volume->name), "s%u", ++w->name);
		return slot;
	}
	return ~0u;
}
