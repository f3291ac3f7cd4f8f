// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile store images: whatever the metadata says, check, a read-only opening
 * with all look-ups, diff, dump, and an opening for writing with some work never
 * crash, hang, fail an assertion, read outside or allocate without bound. What they
 * answer does not matter here, but for two things: what check calls clean can be
 * opened and read to the end, and what repair makes of it check calls clean.
 *
 * libFuzzer calls LLVMFuzzerTestOneInput(); replay.c does for kept inputs. Both end
 * it at an allocation of more than 16 MiB, and at more memory than a small multiple of that.
 */
#include <stdlib.h>
#include "check.h"
#include "repair.h"
#include "resolve.h"
#include "rig_host.h"
#include "store.h"

#define WALK_MAX 20000
#define VOLUMES_MAX 300
#define CHUNKS_MAX 40
#define WORK_STEPS 60
#define LIVE_BYTES_MAX (32u << 20) /* of the engine, for a store of 8 MiB at most */

/* Small, so that an execution is quick. */
static const struct smv_limits limits = { .cache_blocks = 64, .volumes = 256 };

static void die(const char *what)
{
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

static void check_memory(void)
{
	if (rig_host_live_bytes() > LIVE_BYTES_MAX)
		die("too much memory");
}

static bool check_image(struct memory *memory)
{
	struct smv_check check = { .read = memory_read,
				   .context = memory,
				   .host = &rig_host,
				   .blocks = memory->blocks };
	struct smv_check_result result;

	return !smv_check(&check, &result) && !result.damages;
}

/* false: something could not be read. */
static bool walk(struct memory *memory)
{
	struct smv_key key = { 0 }, found, last = { 0 };
	struct smv_value value;
	int rc;

	for (u32 i = 0; i < WALK_MAX; i++) {
		do
			rc = smv_exception_ge(memory->store, &key, &found, &value, &memory->miss);
		while (memory_again(memory, &rc));
		if (rc)
			return rc == -ENOENT;
		if (i && smv_key_cmp(&last, &found) >= 0)
			die("the walk does not ascend");
		last = key = found;
		if (!smv_key_next(&key))
			return true;
	}
	return true;
}

static bool look_up(struct memory *memory, struct smv_volume *volume)
{
	u64 chunks = smv_volume_chunks(memory->store, volume);
	bool well = true;

	for (u64 c = 0; c < chunks && c < CHUNKS_MAX; c++) {
		struct smv_where where;
		int rc;

		do
			rc = smv_read(memory->store, volume, c, &where, &memory->miss);
		while (memory_again(memory, &rc));
		well &= !rc || rc == -EIO;
		if (!rc && where.place == SMV_PLACE_STORE &&
		    (where.chunk.no + 1) * smv_store_chunk_sectors(memory->store) >
			    memory->blocks * SMV_BLOCK_SECTORS)
			well = false;
	}
	return well;
}

static bool look_at_all(struct memory *memory)
{
	struct smv_volume_info info = { 0 };
	struct smv_store_info store;
	struct smv_volume *volume;
	bool well = true;

	smv_store_info(memory->store, &store);
	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		volume = smv_volume_after(memory->store, info.number);
		if (!volume)
			break;
		smv_volume_info(volume, &info);
		if (strlen(info.name) >= SMV_NAME_BYTES || strlen(info.memo) >= SMV_MEMO_BYTES)
			die("a text without an end");
		if (!(info.flags & (SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD)))
			well &= look_up(memory, volume);
	}
	return well && walk(memory);
}

static int take_range(void *context, u64 first, u64 count, enum smv_diff_kind kind)
{
	u64 *after = context;

	if (!count || first < *after || first + count < first || !smv_diff_kind_name(kind))
		die("ranges of a diff that make no sense");
	*after = first + count;
	return 0;
}

/* Each volume against the one before it: of one origin or not. */
static bool diff_all(struct memory *memory)
{
	struct smv_volume_info last, info = { 0 };
	struct smv_volume *volume;
	bool well = true;

	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		u64 after = 0;
		int rc;

		last = info;
		volume = smv_volume_after(memory->store, info.number);
		if (!volume)
			break;
		smv_volume_info(volume, &info);
		if (!last.number)
			continue;
		rc = memory_diff(memory, last.number, info.number, take_range, &after);
		well &= !rc || rc == -EINVAL || rc == -EIO;
	}
	return well;
}

/* As the tool writes it; where does not matter. */
static bool dump(struct memory *memory)
{
	static FILE *nowhere;
	bool well = true;

	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (!nowhere)
		die("no /dev/null");
	for (int json = 0; json < 2; json++)
		well &= !memory_dump(memory, json, nowhere);
	return well;
}

static bool read_only(struct memory *memory)
{
	bool well = !memory_open(memory, true, &limits) && look_at_all(memory) && diff_all(memory);

	check_memory();
	memory_crash(memory);
	return dump(memory) && well;
}

/* Some of everything that a user could do next. */
static void work(struct memory *memory, u64 seed, bool clean)
{
	struct memory_history history;

	int rc = memory_open(memory, false, &limits);

	if (rc) {
		/* features with which it may only be read; more volumes than the limit */
		if (clean && rc != -EOPNOTSUPP && rc != -ENOMEM) {
			fprintf(stderr, "fuzz: cannot be opened: %s\n", strerror(-rc));
			die("check says clean");
		}
		return;
	}
	memory_history_begin(&history, memory, seed);
	history.name = 1000; /* none that is taken */
	history.forgive = !clean;
	for (u32 i = 0; i < WORK_STEPS && !smv_store_failed(memory->store); i++)
		memory_history_step(&history);
	check_memory();
	if (!smv_store_failed(memory->store))
		memory_close(memory);
	memory_crash(memory);
}

static int flush(void *context)
{
	(void)context;
	return 0;
}

/* Whatever it is: what repair writes is clean. */
static void repair(struct memory *memory)
{
	struct smv_repair repair = { .read = memory_read,
				     .context = memory,
				     .blocks = memory->blocks };
	struct smv_build build = { .write = memory_write, .flush = flush, .context = memory };
	struct smv_reader reader = memory_reader(memory);
	struct smv_repair_result result;
	struct smv_image image = { 0 };
	int rc = smv_repair(&repair, &image, &result);

	if (!rc) {
		smv_build_prepare(&build, &image, &reader);
		rc = smv_build_write(&build, &image);
		if (rc && rc != -ENOSPC)
			die("repair cannot be written");
		if (!rc && !check_image(memory))
			die("repair is not clean");
	}
	smv_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct memory memory;
	bool clean;

	if (!bytes)
		return 0;
	fuzz_mutate(fuzz_base(data[0] & 0x7f), &memory, data, bytes);
	clean = check_image(&memory);
	if (!read_only(&memory) && clean)
		die("check says clean, but it cannot be read");
	work(&memory, bytes, clean);
	memory_free(&memory);
	fuzz_mutate(fuzz_base(data[0] & 0x7f), &memory, data, bytes);
	repair(&memory);
	memory_free(&memory);
	return 0;
}
