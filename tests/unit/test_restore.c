// SPDX-License-Identifier: GPL-2.0-only
/* dump -> restore -> dump, over random histories; and dumps that are none. */
#include "unit.h"
#include "memory.h"
#include "repair.h"
#include "restore.h"
#include "rig_host.h"

#define ROUNDS 25
#define STEPS 300

static struct memory memory;

static char *dump(struct memory *m, bool json)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	EXPECT(out);
	EXPECT_EQ(memory_dump(m, json, out), 0);
	fclose(out);
	return text;
}

static int read_text(const char *text, size_t bytes, struct smv_image *image, char *why)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, bytes, "r");
	int rc;

	memset(image, 0, sizeof(*image));
	EXPECT(in);
	rc = smv_restore_read(in, image, why, 200);
	fclose(in);
	return rc;
}

static int flush(void *context)
{
	(void)context;
	return 0;
}

static void build(struct memory *m, struct smv_image *image)
{
	struct smv_build build = { .write = memory_write, .flush = flush, .context = m };
	struct smv_reader reader = memory_reader(m);
	struct smv_check_result result;
	struct smv_geometry geometry;
	u64 least;

	EXPECT_EQ(smv_super_plan(le64_to_cpu(image->super.blocks),
				 le32_to_cpu(image->super.chunk_blocks), &geometry, &least),
		  0);
	smv_super_put_geometry(&image->super, &geometry);
	EXPECT_EQ(smv_image_judge(image, NULL, NULL, &result), 0);
	if (result.damages)
		unit_fail(__FILE__, __LINE__, "%s", result.first);
	smv_build_prepare(&build, image, &reader);
	EXPECT_EQ(smv_build_write(&build, image), 0);
}

static void expect_clean(struct memory *m)
{
	struct smv_check check = { .read = memory_read,
				   .context = m,
				   .host = &rig_host,
				   .blocks = m->blocks };
	struct smv_check_result result;

	EXPECT_EQ(smv_check(&check, &result), 0);
	if (result.damages)
		unit_fail(__FILE__, __LINE__, "%s", result.first);
}

static void make_history(u32 chunk_blocks, struct memory_history *history)
{
	memory_format(&memory, chunk_blocks == 1 ? 4096 : 65536, chunk_blocks, "restore");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	memory_history_begin(history, &memory, unit_random());
	history->announces = true;
	history->sectors = 100ull * chunk_blocks * SMV_BLOCK_SECTORS - 3;
	for (u32 i = 0; i < STEPS; i++)
		memory_history_step(history);
	/* one in two with a journal to be replayed */
	if (unit_below(2)) {
		EXPECT_EQ(memory_close(&memory), 0);
	} else {
		EXPECT_EQ(memory_commit(&memory), 0);
		memory_crash(&memory);
	}
}

/* @blank: onto a device of zeroes, else over the store itself. */
static void round_trip(bool json, bool blank, u32 chunk_blocks)
{
	struct memory_history history;
	struct smv_image image;
	char *before, *after, why[200];

	make_history(chunk_blocks, &history);
	before = dump(&memory, json);
	EXPECT_EQ(read_text(before, strlen(before), &image, why), 0);
	if (blank)
		memset(memory.image, 0, memory.blocks * SMV_BLOCK_BYTES);
	build(&memory, &image);
	expect_clean(&memory);
	after = dump(&memory, json);
	if (strcmp(before, after))
		unit_fail(__FILE__, __LINE__, "the dumps differ");
	/* the engine goes on with it */
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	for (u32 i = 0; i < STEPS / 3; i++)
		memory_history_step(&history);
	EXPECT_EQ(memory_close(&memory), 0);
	expect_clean(&memory);
	smv_image_free(&image);
	memory_free(&memory);
	free(before);
	free(after);
}

UNIT_TEST(dump_restore_dump_is_identical_as_text)
{
	for (u32 i = 0; i < ROUNDS; i++)
		round_trip(false, i & 1, i & 2 ? 1 : 16);
}

UNIT_TEST(dump_restore_dump_is_identical_as_json)
{
	for (u32 i = 0; i < ROUNDS; i++)
		round_trip(true, i & 1, i & 2 ? 1 : 16);
}

/* No commit of the store before can be replayed on top of what was restored. */
UNIT_TEST(restore_over_a_store_leaves_its_journal_behind)
{
	struct memory_history history;
	struct smv_image image;
	char *before, *after, why[200];

	for (u32 i = 0; i < 10; i++) {
		make_history(1, &history);
		before = dump(&memory, false);
		EXPECT_EQ(read_text(before, strlen(before), &image, why), 0);
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		for (u32 k = 0; k < 60; k++)
			memory_history_step(&history);
		EXPECT_EQ(memory_commit(&memory), 0);
		memory_crash(&memory);
		build(&memory, &image);
		expect_clean(&memory);
		after = dump(&memory, false);
		if (strcmp(before, after))
			unit_fail(__FILE__, __LINE__, "the dumps differ");
		smv_image_free(&image);
		memory_free(&memory);
		free(before);
		free(after);
	}
}

static void expect_same(char *before, const char *what)
{
	char *after = dump(&memory, false);

	if (strcmp(before, after))
		unit_fail(__FILE__, __LINE__, "%s differs", what);
	free(before);
	free(after);
}

static void expect_repaired_next_volume(void)
{
	struct smv_repair repair = { .read = memory_read,
				     .context = &memory,
				     .blocks = memory.blocks };
	struct smv_repair_result result;
	struct smv_image image = { 0 };
	struct smv_store_info info;

	EXPECT_EQ(memory_open(&memory, true, NULL), 0);
	smv_store_info(memory.store, &info);
	memory_crash(&memory);
	EXPECT_EQ(smv_repair(&repair, &image, &result), 0);
	EXPECT_EQ(le64_to_cpu(image.super.next_volume), info.next_volume);
	smv_image_free(&image);
}

/* A volume's number that was given out and given up since the checkpoint is used up, too. */
UNIT_TEST(a_dump_is_the_same_before_recovery_and_after)
{
	u32 rounds = 0; /* in which there was room for the snapshot */

	for (u32 i = 0; i < ROUNDS; i++) {
		struct memory_history history;
		struct smv_volume *snapshot;
		char *before;
		u64 lsn;
		int rc;

		make_history(1, &history);
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		if (memory_snapshot(&memory, smv_volume_after(memory.store, 0), "passing",
				    &snapshot)) {
			memory_crash(&memory);
			memory_free(&memory);
			continue;
		}
		do
			rc = smv_delete(memory.store, snapshot, &lsn);
		while (memory_again(&memory, &rc));
		EXPECT_EQ(rc, 0);
		EXPECT_EQ(memory_commit(&memory), 0);
		for (rc = 1; rc == 1 || smv_store_wants(memory.store) & SMV_WANT_CLEAN;) {
			u32 freed;

			do
				rc = smv_clean_step(memory.store, 1024, &freed, &memory.miss);
			while (memory_again(&memory, &rc));
			EXPECT(rc >= 0);
			EXPECT_EQ(memory_commit(&memory), 0);
		}
		memory_crash(&memory);
		expect_repaired_next_volume();
		before = dump(&memory, false);
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		EXPECT_EQ(memory_close(&memory), 0);
		expect_same(before, "the dump after recovery");
		memory_free(&memory);
		rounds++;
	}
	EXPECT_LT(0, rounds);
}

/* -- trees of several levels ---------------------------------------------------- */

UNIT_TEST(trees_of_three_levels_are_built_and_merged_into)
{
	struct smv_disk_volume origin = { .number = cpu_to_le64(1),
					  .epoch = cpu_to_le64(2),
					  .origin = cpu_to_le64(1),
					  .sectors = cpu_to_le64(1u << 24),
					  .flags = cpu_to_le32(SMV_VOLUME_ORIGIN),
					  .name = "big" };
	struct smv_disk_volume snapshot = { .number = cpu_to_le64(2),
					    .parent = cpu_to_le64(1),
					    .asof = cpu_to_le64(1),
					    .epoch = cpu_to_le64(1),
					    .origin = cpu_to_le64(1),
					    .taken_of = cpu_to_le64(1),
					    .sectors = cpu_to_le64(1u << 24),
					    .name = "s" };
	struct smv_image image = { .super.blocks = cpu_to_le64(65536),
				   .super.chunk_blocks = cpu_to_le32(1),
				   .super.next_volume = cpu_to_le64(3) };
	const u64 entries = 20000; /* two thirds of them zeroes, which hold no chunk */
	u64 chunk = 2000;
	struct smv_volume *volume;
	struct smv_store_info info;

	memory_format(&memory, 65536, 1, "levels");
	memcpy(image.super.header.uuid, "levels", 6);
	snapshot.exceptions = cpu_to_le64(entries);
	EXPECT_EQ(smv_image_add_volume(&image, &origin), 0);
	EXPECT_EQ(smv_image_add_volume(&image, &snapshot), 0);
	for (u64 i = 0; i < entries; i++) {
		struct smv_key key = { 2, 7 * i, 1 };
		struct smv_value value = { .where = smv_where(SMV_WHERE_ZERO, 0) };

		if (chunk == 16384 + 1000)
			chunk += 2000; /* past the second group's head */
		if (!(i % 3))
			value.where = smv_where(SMV_WHERE_CHUNK, chunk++);
		EXPECT_EQ(smv_image_add_entry(&image, &key, &value), 0);
	}
	build(&memory, &image);
	expect_clean(&memory);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	smv_store_info(memory.store, &info);
	EXPECT_EQ(info.exceptions, entries);
	volume = smv_volume_number(memory.store, 2);
	for (u64 i = 0; i < 500; i++) {
		u64 lsn;
		int rc;

		do
			rc = smv_snapshot_zero(memory.store, volume, 60 * i + 1, &lsn,
					       &memory.miss);
		while (memory_again(&memory, &rc));
		EXPECT_EQ(rc, 0);
	}
	EXPECT_EQ(memory_close(&memory), 0);
	expect_clean(&memory);
	smv_image_free(&image);
	memory_free(&memory);
}

/* -- what is no dump ----------------------------------------------------------------- */

/* Cut off anywhere it is refused; a changed byte never does harm. */
static void maltreat(bool json)
{
	struct memory_history history;
	struct smv_check_result result;
	struct smv_image image;
	char *text, why[200];
	size_t bytes;

	make_history(1, &history);
	text = dump(&memory, json);
	bytes = strlen(text);
	for (size_t cut = 1; cut < bytes; cut += 1 + unit_below(bytes / 200)) {
		/* the last newline may be missing from JSON */
		if (json && cut + 1 == bytes)
			break;
		EXPECT_EQ(read_text(text, cut, &image, why), -EINVAL);
		EXPECT(*why);
		smv_image_free(&image);
	}
	for (u32 i = 0; i < 600; i++) {
		size_t at = unit_below(bytes);
		char was = text[at];

		text[at] = (char)unit_random();
		if (!read_text(text, bytes, &image, why)) {
			struct smv_geometry geometry;
			u64 least;

			if (!smv_super_plan(le64_to_cpu(image.super.blocks) & 0xffffff,
					    le32_to_cpu(image.super.chunk_blocks), &geometry,
					    &least)) {
				smv_super_put_geometry(&image.super, &geometry);
				EXPECT_EQ(smv_image_judge(&image, NULL, NULL, &result), 0);
			}
		} else {
			EXPECT(*why);
		}
		smv_image_free(&image);
		text[at] = was;
	}
	free(text);
	memory_free(&memory);
}

UNIT_TEST(texts_that_are_no_whole_dump_are_refused)
{
	maltreat(false);
}

UNIT_TEST(json_that_is_no_whole_dump_is_refused)
{
	maltreat(true);
}
