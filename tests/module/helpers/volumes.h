/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Volumes of an active store, each with a plain copy of what it must hold: the
 * tag of every sector, as stamp writes and checks them (0: zeroes). Each write
 * has a tag of its own, so that a sector tells which write it comes from.
 */
#ifndef SMV_HELPERS_VOLUMES_H
#define SMV_HELPERS_VOLUMES_H

#include <time.h>
#include "dm.h"

#define STAMP_KIND 0x706d617473766d73u /* stamp.c's */
#define IO_SECTORS 512u

struct volume {
	char name[64]; /* ORIGIN or ORIGIN@SNAPSHOT; "" if there is none */
	uint64_t number;
	uint64_t taken_of;
	unsigned int origin; /* its index */
	bool active;
	struct device dev; /* open while it is active */
	uint64_t sectors;
	uint32_t *map;
};

static inline bool volume_is_snapshot(const struct volume *vol)
{
	return strchr(vol->name, '@');
}

static inline void volume_dm_name(const struct dm_store *store, const struct volume *vol,
				  char *name)
{
	snprintf(name, DM_NAME_LEN, "%.40s-%.80s", store->label, vol->name);
}

static inline void volume_open(const struct dm_store *store, struct volume *vol)
{
	char name[DM_NAME_LEN];
	char path[256];

	volume_dm_name(store, vol, name);
	device_open(&vol->dev, dm_path(path, name), O_RDWR);
	vol->dev.path = vol->name;
	vol->active = true;
	if (vol->dev.sectors != vol->sectors)
		die("%s has %" PRIu64 " sectors, should have %" PRIu64, vol->name, vol->dev.sectors,
		    vol->sectors);
}

/* device: MAJOR:MINOR of the origin's */
static inline void volume_parameters(const struct dm_store *store, const struct volume *vol,
				     const char *device, struct dm_table *table, char *text)
{
	snprintf(text, DM_TEXT, "/dev/mapper/%s %s %s", store->label, vol->name, device);
	table->target = volume_is_snapshot(vol) ? "snap-mv" : "snap-mv-origin";
	table->parameters = text;
	table->sectors = vol->sectors;
}

static inline void volume_up(const struct dm_store *store, struct volume *vol, const char *device)
{
	struct dm_table table;
	char name[DM_NAME_LEN];
	char text[DM_TEXT];

	volume_dm_name(store, vol, name);
	volume_parameters(store, vol, device, &table, text);
	dm_must(dm_store_create(store, name, vol->number, &table), "activating", vol->name);
	volume_open(store, vol);
}

/* AIO lets go of a file some time after its requests have ended. */
static inline void volume_close(const struct dm_store *store, struct volume *vol)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	char name[DM_NAME_LEN];

	if (!vol->active)
		return;
	vol->active = false;
	close(vol->dev.fd);
	volume_dm_name(store, vol, name);
	for (int tries = 0; dm_opens(name) > 0 && tries < 30000; tries++)
		nanosleep(&pause, NULL);
}

static inline void volume_down(const struct dm_store *store, struct volume *vol)
{
	char name[DM_NAME_LEN];

	if (!vol->active)
		return;
	volume_close(store, vol);
	volume_dm_name(store, vol, name);
	dm_must(dm_remove(name), "deactivating", vol->name);
}

static inline uint32_t *map_new(uint64_t sectors)
{
	return buffer_new(sectors * sizeof(uint32_t));
}

static inline void map_free(struct volume *vol)
{
	munmap(vol->map, vol->sectors * sizeof(uint32_t));
	vol->map = NULL;
}

static inline void sectors_fill(uint64_t *words, uint64_t from, uint64_t count, uint32_t tag)
{
	for (uint64_t i = 0; i < count; i++) {
		struct stamp s = { STAMP_KIND, from + i, tag, 0 };

		stamp_fill(words + i * WORDS, &s);
	}
}

/* The tag of a sector as read; ends the program if it is none. */
static inline uint32_t sector_tag(const char *name, uint64_t sector, const uint64_t *words)
{
	struct stamp s;

	if (is_zero(words))
		return 0;
	if (!stamp_read(words, &s) || s.kind != STAMP_KIND || !s.a)
		die("%s: sector %" PRIu64 " is no stamp (%016" PRIx64 "...)", name, sector,
		    words[0]);
	if (s.sector != sector)
		die("%s: sector %" PRIu64 " holds tag %" PRIu64 " of sector %" PRIu64, name, sector,
		    s.a, s.sector);
	return (uint32_t)s.a;
}

static inline void sectors_compare(const struct volume *vol, const uint64_t *words, uint64_t from,
				   uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint32_t tag = sector_tag(vol->name, from + i, words + i * WORDS);

		if (tag != vol->map[from + i])
			die("%s: sector %" PRIu64 " holds tag %u, should hold %u", vol->name,
			    from + i, tag, vol->map[from + i]);
	}
}

static inline uint64_t *io_buffer(void)
{
	static uint64_t *buffer;

	if (!buffer)
		buffer = buffer_new(IO_SECTORS * SECTOR);
	return buffer;
}

static inline void volume_compare_range(const struct volume *vol, uint64_t from, uint64_t count)
{
	for (uint64_t end = from + count; from < end; from += count) {
		count = end - from < IO_SECTORS ? end - from : IO_SECTORS;
		read_sectors(&vol->dev, io_buffer(), from, count);
		sectors_compare(vol, io_buffer(), from, count);
	}
}

static inline void volume_compare(const struct volume *vol)
{
	volume_compare_range(vol, 0, vol->sectors);
}

/* At most IO_SECTORS at once. */
static inline void volume_write(struct volume *vol, uint64_t from, uint64_t count, uint32_t tag)
{
	sectors_fill(io_buffer(), from, count, tag);
	write_sectors(&vol->dev, io_buffer(), from, count);
	for (uint64_t i = 0; i < count; i++)
		vol->map[from + i] = tag;
}

/* The plain copy becomes what the device holds. */
static inline void volume_learn(struct volume *vol)
{
	for (uint64_t at = 0; at < vol->sectors; at += IO_SECTORS) {
		uint64_t n = vol->sectors - at < IO_SECTORS ? vol->sectors - at : IO_SECTORS;

		read_sectors(&vol->dev, io_buffer(), at, n);
		for (uint64_t i = 0; i < n; i++)
			vol->map[at + i] = sector_tag(vol->name, at + i, io_buffer() + i * WORDS);
	}
}

#endif
