// SPDX-License-Identifier: GPL-2.0-only
/*
 * Activation, cleaning and reading as the module does them, with the same engine, over
 * memory: what is found wrong here is wrong on disk.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "check.h"
#include "rig_host.h"
#include "volumes.h"

static bool wrong(struct cut_store *store, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool wrong(struct cut_store *store, const char *format, ...)
{
	static char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	store->wrong = text;
	return false;
}

/* What check found that is more than a superblock torn on its way, which the next opening mends. */
struct found {
	u64 damages;
	bool torn_is_fine;
	char first[256];
};

static void report(void *context, const struct smv_damage *damage)
{
	struct cut_store *store = context;
	struct found *found = store->found;

	if (found->torn_is_fine && damage->kind == SMV_DAMAGE_SUPER_ONE)
		return;
	if (!found->damages++)
		snprintf(found->first, sizeof(found->first), "%s", damage->text);
}

static int read_block(void *context, u64 block, void *buffer)
{
	struct cut_store *store = context;

	return memory_read(&store->memory, block, buffer);
}

static bool check(struct cut_store *store, const char *when, bool torn_is_fine)
{
	struct found found = { .torn_is_fine = torn_is_fine };
	struct smv_check_result result;
	struct smv_check smv_check_of = { .read = read_block,
					  .report = report,
					  .context = store,
					  .host = &rig_host,
					  .blocks = store->memory.blocks };
	int rc;

	store->found = &found;
	rc = smv_check(&smv_check_of, &result);
	store->found = NULL;
	if (rc)
		return wrong(store, "check %s: %s", when, strerror(-rc));
	if (found.damages)
		return wrong(store, "check %s: %llu damages, first: %s", when,
			     (unsigned long long)found.damages, found.first);
	return true;
}

bool store_up(struct cut_store *store, struct disks *disks)
{
	struct replay_disk *disk = &disks->disk[disks->store];
	int rc;

	memset(store, 0, sizeof(*store));
	store->disks = disks;
	store->memory.image = disk->cut;
	store->memory.blocks = disk->bytes / SMV_BLOCK_BYTES;
	if (!check(store, "before activation", true))
		return false;
	rc = memory_open(&store->memory, false, NULL);
	if (rc)
		return wrong(store, "activation: %s", strerror(-rc));
	store->chunk_bytes = smv_store_chunk_sectors(store->memory.store) * SMV_SECTOR_BYTES;
	store->buffer = must_alloc(store->chunk_bytes);
	return check(store, "after activation", false);
}

bool store_settle(struct cut_store *store)
{
	struct memory *memory = &store->memory;
	u32 freed;
	int rc;

	do {
		do
			rc = smv_clean_step(memory->store, 256, &freed, &memory->miss);
		while (memory_again(memory, &rc));
		if (rc < 0 || memory_commit(memory))
			return wrong(store, "cleaning: %s", strerror(-rc));
	} while (rc || smv_store_wants(memory->store) & SMV_WANT_CLEAN);
	rc = memory_checkpoint(memory, false);
	if (rc)
		return wrong(store, "checkpoint: %s", strerror(-rc));
	return check(store, "after cleaning", false);
}

void store_down(struct cut_store *store)
{
	memory_crash(&store->memory);
	free(store->buffer);
	store->buffer = NULL;
}

struct smv_volume *store_volume(struct cut_store *store, const char *name)
{
	char origin[SMV_NAME_BYTES];
	const char *at = strchr(name, '@');

	snprintf(origin, sizeof(origin), "%.*s", (int)strcspn(name, "@"), name);
	return at ? smv_volume_snapshot(store->memory.store, origin, at + 1) :
		    smv_volume_origin(store->memory.store, origin);
}

static const char *volume_name(struct smv_volume *volume, const struct smv_volume_info *info)
{
	static char name[2 * SMV_NAME_BYTES];
	struct smv_volume_info origin;

	smv_volume_info(smv_volume_origin_of(volume), &origin);
	snprintf(name, sizeof(name), info->flags & SMV_VOLUME_ORIGIN ? "%s" : "%s@%s", origin.name,
		 info->name);
	return name;
}

struct smv_volume *store_next(struct cut_store *store, u64 *number, const char **name)
{
	struct smv_volume *volume;
	struct smv_volume_info info;

	while ((volume = smv_volume_after(store->memory.store, *number))) {
		smv_volume_info(volume, &info);
		*number = info.number;
		if (info.flags & (SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD))
			continue;
		*name = volume_name(volume, &info);
		return volume;
	}
	return NULL;
}

u64 volume_bytes(const struct smv_volume *volume)
{
	struct smv_volume_info info;

	smv_volume_info(volume, &info);
	return info.sectors * SMV_SECTOR_BYTES;
}

/* The disk of the origin that the volume is of: they have one name. */
static const struct replay_disk *origin_disk(struct cut_store *store, struct smv_volume *volume)
{
	struct smv_volume_info info;

	smv_volume_info(smv_volume_origin_of(volume), &info);
	return &store->disks->disk[log_disk(store->disks->log, info.name)];
}

bool store_read(struct cut_store *store, struct smv_volume *volume, u64 chunk, u64 *bytes)
{
	u64 from = chunk * store->chunk_bytes, end = volume_bytes(volume);
	struct memory *memory = &store->memory;
	struct smv_where where;
	int rc;

	*bytes = end - from < store->chunk_bytes ? end - from : store->chunk_bytes;
	do
		rc = smv_read(memory->store, volume, chunk, &where, &memory->miss);
	while (memory_again(memory, &rc));
	if (rc)
		return wrong(store, "chunk %llu cannot be read: %s", (unsigned long long)chunk,
			     strerror(-rc));
	if (where.place == SMV_PLACE_ORIGIN)
		memcpy(store->buffer, origin_disk(store, volume)->cut + from, *bytes);
	else if (where.place == SMV_PLACE_STORE)
		memcpy(store->buffer, memory->image + where.chunk.no * store->chunk_bytes, *bytes);
	else
		memset(store->buffer, 0, *bytes);
	return true;
}
