// SPDX-License-Identifier: GPL-2.0-only
/*
 * smv_repair() on stores with random blocks of metadata destroyed: what it puts
 * together is clean, and every snapshot reads what it did before, or an error.
 */
#include "unit.h"
#include "memory.h"
#include "repair_private.h"
#include "resolve.h"
#include "rig_host.h"

#define ROUNDS 120
#define STEPS 350
#define CHUNKS_MAX 128
#define VOLUMES_MAX 64

static struct memory memory;

/* What was read before the damage: (volume, chunk) -> where. */
struct truth {
	u64 number;
	u64 chunks;
	u32 flags;
	u64 where[CHUNKS_MAX];
};
static struct truth truth[VOLUMES_MAX];
static u32 truths;
static u64 same, errors, refused;
static u64 dropped, invalid, suspect; /* volumes, since the damage */
static bool loses_commits; /* what repair was given is not all that was committed */
static u64 unread; /* undo entries without readers */

static u64 resolve(struct smv_volume *volume, u64 chunk)
{
	u64 where = 0;
	int rc;

	do
		rc = smv_resolve(memory.store, volume, chunk, &where, &memory.miss);
	while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
	return where;
}

static void learn_truth(void)
{
	struct smv_volume_info info = { 0 };
	struct smv_volume *volume;

	truths = 0;
	EXPECT_EQ(memory_open(&memory, true, NULL), 0);
	while ((volume = smv_volume_after(memory.store, info.number))) {
		struct truth *t = &truth[truths];

		smv_volume_info(volume, &info);
		if (info.flags & (SMV_VOLUME_DEAD | SMV_VOLUME_HIDDEN))
			continue;
		EXPECT(truths++ < VOLUMES_MAX);
		t->number = info.number;
		t->flags = info.flags;
		t->chunks = smv_volume_chunks(memory.store, volume);
		EXPECT_LE(t->chunks, CHUNKS_MAX);
		for (u64 c = 0; c < t->chunks; c++)
			t->where[c] = resolve(volume, c);
	}
	memory_crash(&memory);
}

static void compare_volume(const struct truth *t)
{
	struct smv_volume *volume = smv_volume_number(memory.store, t->number);
	struct smv_volume_info info;

	if (!volume) {
		dropped++;
		return;
	}
	smv_volume_info(volume, &info);
	/* what was not to be relied on before is not to be now */
	EXPECT_EQ(t->flags & ~info.flags & (SMV_VOLUME_INVALID | SMV_VOLUME_SUSPECT), 0);
	EXPECT_EQ(smv_volume_chunks(memory.store, volume), t->chunks);
	if (info.flags & SMV_VOLUME_INVALID) {
		invalid += !(t->flags & SMV_VOLUME_INVALID);
		return;
	}
	/* a rollback may have begun in what is lost */
	if (info.flags & ~t->flags & SMV_VOLUME_SUSPECT ||
	    (loses_commits && info.flags & (SMV_VOLUME_SUSPECT | SMV_VOLUME_ORIGIN))) {
		suspect++;
		return;
	}
	for (u64 c = 0; c < t->chunks; c++) {
		u64 now = resolve(volume, c);

		if (now == t->where[c])
			same++;
		else if (smv_where_kind(now) == SMV_WHERE_LOST)
			errors++;
		else
			unit_fail(__FILE__, __LINE__, "volume %llu chunk %llu was %#llx, is %#llx",
				  (unsigned long long)t->number, (unsigned long long)c,
				  (unsigned long long)t->where[c], (unsigned long long)now);
	}
}

static void count_from_zero(void)
{
	same = errors = refused = 0;
	dropped = invalid = suspect = 0;
	loses_commits = false;
}

/* Of what was compared since then. */
static void expect_nothing_lost(void)
{
	EXPECT_EQ(errors + refused + dropped + invalid + suspect, 0);
}

static void expect_clean(void)
{
	struct smv_check check = { .read = memory_read,
				   .context = &memory,
				   .host = &rig_host,
				   .blocks = memory.blocks };
	struct smv_check_result result;

	EXPECT_EQ(smv_check(&check, &result), 0);
	if (result.damages)
		unit_fail(__FILE__, __LINE__, "%s", result.first);
}

static bool is_read(const struct smv_image *image, u64 volume, u64 from, u64 to)
{
	for (u64 i = 0; i < image->volumes; i++) {
		u64 asof = le64_to_cpu(image->volume[i].asof);

		if (le64_to_cpu(image->volume[i].parent) == volume && asof >= from && asof < to)
			return true;
	}
	return false;
}

/* What repair_room.c relies on: an undo entry that nobody reads belongs to an origin that waits for a pass. */
static void expect_readers(const struct smv_image *image)
{
	for (u64 i = 0; i < image->entries; i++) {
		const struct smv_key *key = &image->entry[i].key, *last = NULL;
		const struct smv_disk_volume *v = image->volume;
		u64 from = 0;

		while (le64_to_cpu(v->number) != key->volume)
			v++;
		if (i)
			last = &image->entry[i - 1].key;
		if (last && last->volume == key->volume && last->chunk == key->chunk)
			from = last->epoch;
		if (!(le32_to_cpu(v->flags) & SMV_VOLUME_ORIGIN) ||
		    is_read(image, key->volume, from, key->epoch))
			continue;
		unread++;
		EXPECT(le32_to_cpu(v->flags) & SMV_VOLUME_PASS);
	}
}

static int flush(void *context)
{
	(void)context;
	return 0;
}

static int repair(struct smv_repair_result *result)
{
	struct smv_repair repair = { .read = memory_read,
				     .context = &memory,
				     .blocks = memory.blocks };
	struct smv_build build = { .write = memory_write, .flush = flush, .context = &memory };
	struct smv_reader reader = memory_reader(&memory);
	struct smv_image image = { 0 };
	int rc = smv_repair(&repair, &image, result);

	if (!rc) {
		expect_readers(&image);
		smv_build_prepare(&build, &image, &reader);
		rc = smv_build_write(&build, &image);
		EXPECT_EQ(rc, 0);
	} else {
		EXPECT_EQ(rc, -EUCLEAN);
		EXPECT(*result->why);
	}
	smv_image_free(&image);
	return rc;
}

/* Destroys a block of nodes, groups or directory; old versions are hit as well. */
static void destroy_one(void)
{
	static const u32 kinds[] = { SMV_MAGIC_NODE, SMV_MAGIC_NODE, SMV_MAGIC_GROUP,
				     SMV_MAGIC_DIRECTORY };
	u32 kind = kinds[unit_below(4)], seen = 0;
	u64 chosen = 0;

	for (u64 b = 3; b < memory.blocks; b++) {
		const struct smv_disk_header *h = (void *)(memory.image + b * SMV_BLOCK_BYTES);

		if (le32_to_cpu(h->magic) == kind && !unit_below(++seen))
			chosen = b;
	}
	if (chosen)
		memset(memory.image + chosen * SMV_BLOCK_BYTES + 100, 0x5a, 64);
}

static void make_history(struct memory_history *history, bool rollbacks, u64 chunks, u32 steps)
{
	memory_format(&memory, 4096, 1, "repair");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	memory_history_begin(history, &memory, unit_random());
	history->announces = true;
	history->sectors = chunks * 8 - 3;
	history->rollbacks = rollbacks;
	for (u32 i = 0; i < steps; i++)
		memory_history_step(history);
	if (unit_below(2)) {
		EXPECT_EQ(memory_close(&memory), 0);
	} else {
		EXPECT_EQ(memory_commit(&memory), 0);
		memory_crash(&memory);
	}
}

static void run_rounds(bool rollbacks, u32 blocks)
{
	struct smv_repair_result result;
	struct memory_history history;

	count_from_zero();
	for (u32 i = 0; i < ROUNDS; i++) {
		make_history(&history, rollbacks, 100, STEPS);
		learn_truth();
		for (u32 k = 0; k < blocks; k++)
			destroy_one();
		if (repair(&result)) {
			refused++;
			memory_free(&memory);
			continue;
		}
		expect_clean();
		EXPECT_EQ(memory_open(&memory, true, NULL), 0);
		for (u32 k = 0; k < truths; k++)
			compare_volume(&truth[k]);
		memory_crash(&memory);
		/* and it can be worked with */
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		for (u32 k = 0; k < 30; k++)
			memory_history_step(&history);
		EXPECT_EQ(memory_close(&memory), 0);
		expect_clean();
		memory_free(&memory);
	}
}

UNIT_TEST(repair_of_an_undamaged_store_loses_nothing)
{
	run_rounds(true, 0);
	expect_nothing_lost();
	EXPECT_LT(1000, same);
	EXPECT_LT(100, unread);
}

UNIT_TEST(repair_never_makes_a_snapshot_read_anothers_data)
{
	run_rounds(false, 1);
	EXPECT_LT(1000, same);
	EXPECT_LT(100, errors);
	EXPECT_EQ(refused, 0);
}

UNIT_TEST(repair_of_much_damage_reads_right_or_as_an_error)
{
	run_rounds(false, 12);
	EXPECT_LT(1000, same);
	EXPECT_LT(100, errors);
}

UNIT_TEST(repair_in_mid_rollback_is_right_or_refused)
{
	run_rounds(true, 4);
	EXPECT_LT(1000, same);
	EXPECT_LT(0, refused);
}

/* With the node above lost, the leaves are found by the bitmaps: nothing is lost. */
UNIT_TEST(leaves_below_a_lost_node_are_all_found)
{
	struct smv_repair_result result;
	struct memory_history history;
	u64 rounds = 0;

	count_from_zero();
	for (u32 i = 0; i < 40; i++) {
		const struct smv_disk_super *super;
		u64 slot = 1, root;

		make_history(&history, false, 120, 1200);
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		EXPECT_EQ(memory_close(&memory), 0);
		learn_truth();
		for (u64 s = 1; s <= 2; s++) {
			const struct smv_disk_header *h =
				(void *)(memory.image + s * SMV_BLOCK_BYTES);
			const struct smv_disk_header *best =
				(void *)(memory.image + slot * SMV_BLOCK_BYTES);

			if (le64_to_cpu(h->generation) > le64_to_cpu(best->generation))
				slot = s;
		}
		super = (void *)(memory.image + slot * SMV_BLOCK_BYTES);
		root = le64_to_cpu(super->exceptions.root.block);
		if (super->exceptions.internals) {
			rounds++;
			memset(memory.image + root * SMV_BLOCK_BYTES, 0, SMV_BLOCK_BYTES);
			EXPECT_EQ(repair(&result), 0);
			EXPECT_EQ(result.losses, 0);
			expect_clean();
			EXPECT_EQ(memory_open(&memory, true, NULL), 0);
			for (u32 k = 0; k < truths; k++)
				compare_volume(&truth[k]);
			memory_crash(&memory);
			expect_nothing_lost();
		}
		memory_free(&memory);
	}
	EXPECT_LT(5, rounds);
}

/* ---- what says what is the newest ------------------------------------------- */

/* A history of two sessions; the second one is never closed. */
static void make_sessions(struct memory_history *history, bool rollbacks)
{
	make_history(history, rollbacks, 100, STEPS);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	for (u32 i = 0, steps = 1 + unit_below(60); i < steps; i++)
		memory_history_step(history);
	EXPECT_EQ(memory_commit(&memory), 0);
	memory_crash(&memory);
	learn_truth();
}

static u64 newest_super(void)
{
	const struct smv_disk_header *one = (void *)(memory.image + 1 * SMV_BLOCK_BYTES);
	const struct smv_disk_header *two = (void *)(memory.image + 2 * SMV_BLOCK_BYTES);

	return le64_to_cpu(one->generation) > le64_to_cpu(two->generation) ? 1 : 2;
}

static void compare_all(void)
{
	EXPECT_EQ(memory_open(&memory, true, NULL), 0);
	for (u32 k = 0; k < truths; k++)
		compare_volume(&truth[k]);
	memory_crash(&memory);
}

static u64 opened;

/* The engine and repair: what they take the store for is right, or suspect, or refused. */
static void expect_right_or_refused(void)
{
	struct smv_repair_result result;

	loses_commits = false;
	if (!memory_open(&memory, true, NULL)) {
		memory_crash(&memory);
		opened++;
		compare_all();
	}
	if (repair(&result)) {
		refused++;
		return;
	}
	memory.unreadable = 0;
	expect_clean();
	loses_commits = true;
	compare_all();
}

UNIT_TEST(an_older_superblock_is_no_store_that_has_been_used_since)
{
	struct memory_history history;

	count_from_zero();
	opened = 0;
	for (u32 i = 0; i < ROUNDS; i++) {
		make_sessions(&history, i % 4 == 3);
		memset(memory.image + newest_super() * SMV_BLOCK_BYTES, 0, SMV_BLOCK_BYTES);
		expect_right_or_refused();
		memory_free(&memory);
	}
	EXPECT_LT(0, refused);
	EXPECT_LT(0, suspect);
}

/* A block of the journal that counts. */
static u64 journal_block(void)
{
	const struct smv_disk_super *super =
		(void *)(memory.image + newest_super() * SMV_BLOCK_BYTES);
	u64 first = le64_to_cpu(super->journal_block), chosen = 0;
	u32 seen = 0;

	for (u64 b = first; b < first + le64_to_cpu(super->journal_blocks); b++) {
		const struct smv_disk_journal *j = (void *)(memory.image + b * SMV_BLOCK_BYTES);

		if (j->header.generation == super->incarnation &&
		    le64_to_cpu(j->sequence) >= le64_to_cpu(super->cut) && !unit_below(++seen))
			chosen = b;
	}
	return chosen;
}

UNIT_TEST(a_block_of_the_journal_that_cannot_be_read_is_not_its_end)
{
	struct memory_history history;
	u64 rounds = 0;

	count_from_zero();
	opened = 0;
	for (u32 i = 0; i < ROUNDS; i++) {
		make_sessions(&history, i % 4 == 3);
		memory.unreadable = journal_block();
		if (memory.unreadable) {
			rounds++;
			expect_right_or_refused();
		}
		memory.unreadable = 0;
		memory_free(&memory);
	}
	EXPECT_EQ(opened, 0);
	EXPECT_LT(ROUNDS / 2, rounds);
	EXPECT_LT(0, refused);
	EXPECT_LT(0, suspect);
}

/* ---- what is read through what -------------------------------------------------- */

static void add_volume(struct smv_image *image, u64 parent, u32 flags)
{
	struct smv_disk_volume volume = { .number = cpu_to_le64(image->volumes + 1),
					  .parent = cpu_to_le64(parent),
					  .origin = cpu_to_le64(1),
					  .flags = cpu_to_le32(flags) };

	EXPECT_EQ(smv_image_add_volume(image, &volume), 0);
}

/* A snapshot that a full store made invalid long ago may have valid ones below it. */
UNIT_TEST(only_what_is_read_through_an_invalidated_snapshot_becomes_invalid)
{
	static const char expected[] = "oiviiiiv"; /* origin, invalid, valid */
	struct smv_repair_result result = { 0 };
	struct smv_repair repair = { 0 };
	struct smv_image image = { 0 };
	struct smv_rp rp = { .repair = &repair, .result = &result, .image = &image };

	add_volume(&image, 0, SMV_VOLUME_ORIGIN);
	add_volume(&image, 1, SMV_VOLUME_INVALID);
	add_volume(&image, 2, 0);
	add_volume(&image, 1, 0); /* this one */
	add_volume(&image, 4, SMV_VOLUME_INVALID);
	add_volume(&image, 5, SMV_VOLUME_DEAD);
	add_volume(&image, 6, 0);
	add_volume(&image, 3, 0);
	smv_rp_invalidate(&rp, &image.volume[3], "of a test");
	for (u64 i = 0; i < image.volumes; i++) {
		u32 flags = le32_to_cpu(image.volume[i].flags);

		EXPECT_EQ(flags & SMV_VOLUME_ORIGIN  ? 'o' :
			  flags & SMV_VOLUME_INVALID ? 'i' :
						       'v',
			  expected[i]);
	}
	EXPECT_EQ(result.losses, 2);
	EXPECT_EQ(rp.rc, 0);
	smv_image_free(&image);
}

/* ---- power cuts while it is written -------------------------------------------- */

#define UNFLUSHED 256

static struct {
	u64 left; /* writes until the power is cut */
	u32 count; /* not flushed yet */
	u64 block[UNFLUSHED];
	u8 data[UNFLUSHED][SMV_BLOCK_BYTES];
} cache;

static int write_cached(void *context, u64 block, const void *data)
{
	(void)context;
	EXPECT(cache.count < UNFLUSHED);
	cache.block[cache.count] = block;
	memcpy(cache.data[cache.count++], data, SMV_BLOCK_BYTES);
	return cache.left-- ? 0 : -EIO;
}

static void lose_some(u32 of)
{
	for (u32 i = 0; i < cache.count; i++)
		if (!of || unit_below(of))
			memory_write(&memory, cache.block[i], cache.data[i]);
	cache.count = 0;
}

static int flush_cached(void *context)
{
	(void)context;
	lose_some(0);
	return 0;
}

static int put_together(struct smv_image *image, struct smv_repair_result *result)
{
	struct smv_repair repair = { .read = memory_read,
				     .context = &memory,
				     .blocks = memory.blocks };

	return smv_repair(&repair, image, result);
}

/* The power is cut at the @at-th write; any of what was not flushed is there. */
static int write_until(u64 at)
{
	struct smv_build build = { .write = write_cached, .flush = flush_cached };
	struct smv_reader reader = memory_reader(&memory);
	struct smv_repair_result result;
	struct smv_image image = { 0 };
	int rc = put_together(&image, &result);

	EXPECT_EQ(rc, 0);
	cache.left = at;
	smv_build_prepare(&build, &image, &reader);
	rc = smv_build_write(&build, &image);
	lose_some(2);
	smv_image_free(&image);
	return rc;
}

static void expect_no_store(void)
{
	struct smv_repair_result result;
	struct smv_image image = { 0 };

	EXPECT_EQ(put_together(&image, &result), -ENOENT);
	smv_image_free(&image);
}

/* Never is it a store of an older time. */
UNIT_TEST(what_is_written_anew_is_the_store_or_none_at_any_power_cut)
{
	u8 *image = malloc(4096 * SMV_BLOCK_BYTES);
	struct memory_history history;
	u64 whole = 0, none = 0;

	count_from_zero();
	for (u32 i = 0; i < 10; i++) {
		u64 at = 0;
		int rc = -EIO;

		make_sessions(&history, false);
		memcpy(image, memory.image, memory.blocks * SMV_BLOCK_BYTES);
		while (rc) {
			memcpy(memory.image, image, memory.blocks * SMV_BLOCK_BYTES);
			rc = write_until(at++ / 4);
			if (memory_open(&memory, true, NULL)) {
				EXPECT(rc);
				expect_no_store();
				none++;
			} else {
				memory_crash(&memory);
				whole++;
				compare_all();
				expect_nothing_lost();
			}
		}
		memory_free(&memory);
	}
	free(image);
	EXPECT_LT(10, whole);
	EXPECT_LT(100, none);
}
