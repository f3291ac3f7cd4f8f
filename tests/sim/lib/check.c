// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checks: every volume against the oracle; every exception against the
 * others: no store chunk owned twice, as many as the engine counts; at rest,
 * none that nobody reads, judged by intervals of reader epochs, anew, from the
 * table of volumes alone.
 *
 * All of it at once, in no step of the simulated host.
 */
#include <stdlib.h>
#include "world.h"

#define ENTRIES_MAX 4096u

struct entry {
	struct smv_key key;
	struct smv_value value;
};

static struct entry entries[ENTRIES_MAX];

u32 sector_value(const void *sector)
{
	u32 value, other;

	memcpy(&value, sector, 4);
	for (u32 i = 1; i < SMV_SECTOR_BYTES / 4; i++) {
		memcpy(&other, (const u8 *)sector + 4 * i, 4);
		if (other != value)
			return SIM_JUNK;
	}
	return value;
}

void sector_fill(void *sector, u32 value)
{
	for (u32 i = 0; i < SMV_SECTOR_BYTES / 4; i++)
		memcpy((u8 *)sector + 4 * i, &value, 4);
}

/* Provides a missing block at once. */
static int peek_again(struct world *w, int result, u64 miss)
{
	u8 data[SMV_BLOCK_BYTES];

	if (result == -EUCLEAN)
		sim_lost(w, "damaged: %s", smv_store_reason(w->host.store));
	if (result != -EAGAIN)
		return result;
	if (disk_read(w->store, miss * SMV_BLOCK_SECTORS, SMV_BLOCK_SECTORS, data))
		return -EIO;
	if (smv_store_provide(w->host.store, miss, data))
		sim_lost(w, "block %llu is damaged: %s", (unsigned long long)miss,
			 smv_store_reason(w->host.store));
	return 1;
}

int peek_where(struct world *w, u32 slot, u32 chunk, struct smv_where *where)
{
	u64 miss = 0;
	int result;

	do {
		result = smv_read(w->host.store, host_volume(w, slot), chunk, where, &miss);
		result = peek_again(w, result, miss);
	} while (result == 1);
	return result;
}

int peek_data(struct world *w, u32 slot, u32 chunk, void *data)
{
	u32 sectors = chunk_sectors_of(w, slot, chunk);
	struct smv_where where;
	int error = peek_where(w, slot, chunk, &where);

	if (error)
		return error;
	if (where.place == SMV_PLACE_ZERO) {
		memset(data, 0, sectors * SMV_SECTOR_BYTES);
		return 0;
	}
	if (where.place == SMV_PLACE_STORE)
		return disk_read(w->store, where.chunk.no * w->chunk_sectors, sectors, data);
	return disk_read(w->origin[w->oracle.volume[slot].origin], chunk * w->chunk_sectors,
			 sectors, data);
}

/* Lost or invalid: was there a reason? */
static void check_unreadable(struct world *w, u32 slot, u32 chunk, int error)
{
	struct volume *volume = &w->oracle.volume[slot];
	struct smv_volume_info info;

	smv_volume_info(host_volume(w, slot), &info);
	if (error == -EIO && info.flags & SMV_VOLUME_INVALID && volume->may_be_invalid)
		return;
	if (error == -EIO && volume->may_be_lost >> chunk & 1)
		return;
	if (w->config.errors && smv_store_failed(w->host.store))
		return;
	sim_lost(w, "%s chunk %u cannot be read: %d%s", volume->name, chunk, error,
		 info.flags & SMV_VOLUME_INVALID ? " (invalid, for no reason)" : "");
}

static void check_chunk(struct world *w, u32 slot, u32 chunk, bool after_cut)
{
	struct volume *volume = &w->oracle.volume[slot];
	u8 data[SIM_CHUNK_SECTORS_MAX * SMV_SECTOR_BYTES];
	int error = peek_data(w, slot, chunk, data);

	w->stats.checks++;
	if (error) {
		check_unreadable(w, slot, chunk, error);
		return;
	}
	if (volume->may_be_lost >> chunk & 1 && w->config.errors)
		return;
	for (u32 i = 0; i < chunk_sectors_of(w, slot, chunk); i++) {
		u32 sector = chunk * w->chunk_sectors + i;
		u32 value = sector_value(data + i * SMV_SECTOR_BYTES);
		u32 from = oracle_first_allowed(volume, sector, after_cut);

		w->stats.sectors++;
		if (!oracle_allows(volume, sector, value, from))
			sim_lost(w, "%s: %s chunk %u sector %u is %u, wanted one of%s",
				 after_cut ? "after the cut" : "at rest", volume->name, chunk,
				 sector, value, oracle_wanted(volume, sector, from));
	}
}

void check_volumes(struct world *w, bool after_cut)
{
	for (u32 slot = 0; slot < SIM_VOLUMES; slot++) {
		struct volume *volume = &w->oracle.volume[slot];

		if (volume->alive != ALIVE_MAKING && volume->alive != ALIVE_YES)
			continue;
		for (u32 c = 0; c * w->chunk_sectors < volume->sectors; c++)
			check_chunk(w, slot, c, after_cut);
	}
}

/* ---- ownership --------------------------------------------------------------- */

static u32 walk(struct world *w)
{
	struct smv_key key = { 0, 0, 0 };
	u32 n = 0;

	for (;;) {
		struct entry *e = &entries[n];
		u64 miss = 0;
		int result;

		do {
			result = smv_exception_ge(w->host.store, &key, &e->key, &e->value, &miss);
			result = peek_again(w, result, miss);
		} while (result == 1);
		if (result == -ENOENT)
			return n;
		if (result)
			return w->config.errors ? n : (sim_lost(w, "walk: %d", result), n);
		if (n && smv_key_cmp(&entries[n - 1].key, &e->key) >= 0)
			sim_lost(w, "exceptions are out of order");
		if (++n == ENTRIES_MAX)
			sim_lost(w, "%u exceptions", n);
		key = e->key;
		if (!smv_key_next(&key))
			return n;
	}
}

static int compare_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

void check_ownership(struct world *w)
{
	static u64 owned[ENTRIES_MAX];
	struct smv_store_info info;
	u32 n = walk(w), count = 0;

	smv_store_info(w->host.store, &info);
	for (u32 i = 0; i < n; i++) {
		const struct entry *e = &entries[i];

		if (!smv_volume_number(w->host.store, e->key.volume))
			sim_lost(w, "an exception of volume %llu, which does not exist",
				 (unsigned long long)e->key.volume);
		if (smv_where_is_chunk(e->value.where))
			owned[count++] = smv_where_low(e->value.where);
	}
	qsort(owned, count, sizeof(owned[0]), compare_u64);
	for (u32 i = 1; i < count; i++)
		if (owned[i] == owned[i - 1])
			sim_lost(w, "store chunk %llu has two owners",
				 (unsigned long long)owned[i]);
	if (info.data_chunks != count)
		sim_lost(w, "%u store chunks are owned, %llu counted", count,
			 (unsigned long long)info.data_chunks);
	if (info.exceptions != n)
		sim_lost(w, "%u exceptions, %llu counted", n, (unsigned long long)info.exceptions);
	if (info.data_chunks + info.meta_chunks + info.free_chunks + info.held_chunks !=
	    info.chunks)
		sim_lost(w, "chunks: %llu data, %llu metadata, %llu free, %llu held of %llu",
			 (unsigned long long)info.data_chunks, (unsigned long long)info.meta_chunks,
			 (unsigned long long)info.free_chunks, (unsigned long long)info.held_chunks,
			 (unsigned long long)info.chunks);
}

/* ---- at rest -------------------------------------------------------------------- */

/* Is the volume read as of an epoch in [low, high)? */
static bool is_read(struct world *w, const struct smv_volume_info *volume, u64 low, u64 high)
{
	struct smv_volume_info child;
	struct smv_volume *v;

	if (!(volume->flags & (SMV_VOLUME_ORIGIN | SMV_VOLUME_DEAD)) && low <= volume->epoch &&
	    volume->epoch < high)
		return true;
	for (u64 n = 0; (v = smv_volume_after(w->host.store, n)); n = child.number) {
		smv_volume_info(v, &child);
		if (child.parent == volume->number && low <= child.asof && child.asof < high)
			return true;
	}
	return false;
}

static bool same_chunk(const struct entry *a, const struct entry *b)
{
	return a->key.volume == b->key.volume && a->key.chunk == b->key.chunk;
}

static void check_entry(struct world *w, u32 i, u32 n)
{
	const struct entry *e = &entries[i];
	struct smv_volume_info info;
	u64 low, high;

	smv_volume_info(smv_volume_number(w->host.store, e->key.volume), &info);
	/* A rollback that waits for lost chunks to be overwritten keeps its marks. */
	if (w->config.errors && info.flags & SMV_VOLUME_HIDDEN)
		return;
	if (smv_where_kind(e->value.where) == SMV_WHERE_MARK || info.flags & SMV_VOLUME_HIDDEN)
		sim_lost(w, "at rest: a rollback's mark is left over");
	if (info.flags & SMV_VOLUME_ORIGIN) {
		low = i && same_chunk(e - 1, e) ? e[-1].key.epoch : 0;
		high = e->key.epoch;
	} else {
		low = e->key.epoch;
		high = i + 1 < n && same_chunk(e, e + 1) ? e[1].key.epoch : ~0ull;
	}
	if (!is_read(w, &info, low, high))
		sim_lost(w, "at rest: volume %llu chunk %llu epoch %llu is kept for nobody",
			 (unsigned long long)e->key.volume, (unsigned long long)e->key.chunk,
			 (unsigned long long)e->key.epoch);
}

void check_rest(struct world *w)
{
	struct smv_store_info info;
	u32 n;

	if (smv_store_failed(w->host.store))
		return;
	check_ownership(w);
	smv_store_info(w->host.store, &info);
	n = walk(w);
	for (u32 i = 0; i < n; i++)
		check_entry(w, i, n);
	if (info.held_chunks != w->host.ballasts)
		sim_lost(w, "at rest: %llu chunks are held, %u by the ballast",
			 (unsigned long long)info.held_chunks, w->host.ballasts);
}

void check_empty(struct world *w)
{
	u8 data[SMV_SECTOR_BYTES];
	struct smv_store_info info;

	if (smv_store_failed(w->host.store))
		return;
	smv_store_info(w->host.store, &info);
	if (info.exceptions || info.data_chunks || info.ghosts || info.snapshots != 1)
		sim_lost(w, "left over: %llu exceptions, %llu chunks, %llu ghosts, %llu snapshots",
			 (unsigned long long)info.exceptions, (unsigned long long)info.data_chunks,
			 (unsigned long long)info.ghosts, (unsigned long long)info.snapshots);
	for (u32 o = 0; o < SIM_ORIGINS; o++)
		for (u32 s = 0; s < w->oracle.volume[o].sectors; s++) {
			struct volume *volume = &w->oracle.volume[o];

			if (disk_read(w->origin[o], s, 1, data))
				sim_lost(w, "raw origin %u sector %u cannot be read", o, s);
			if (!oracle_allows(volume, s, sector_value(data), volume->cell[s].acked))
				sim_lost(w, "raw origin %u sector %u is %u, wanted%s", o, s,
					 sector_value(data),
					 oracle_wanted(volume, s, volume->cell[s].acked));
		}
}
