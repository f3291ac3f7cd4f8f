// SPDX-License-Identifier: GPL-2.0-only
/* smv_diff() against smv_resolve() of every chunk, over random histories. */
#include "unit.h"
#include "memory.h"
#include "resolve.h"

#define ROUNDS 60
#define STEPS 400
#define CHUNKS_MAX 128

static struct memory memory;

/* What a comparison came to. */
struct found {
	u8 kind[CHUNKS_MAX];
	u64 after;
	enum smv_diff_kind last;
	u32 ranges;
};
static struct found found;

static int take_range(void *context, u64 first, u64 count, enum smv_diff_kind kind)
{
	(void)context;
	EXPECT(count && first + count <= CHUNKS_MAX);
	/* ascending; neighbours of one kind are one range */
	EXPECT(!found.ranges || first > found.after ||
	       (first == found.after && kind != found.last));
	memset(found.kind + first, kind, count);
	found.after = first + count;
	found.last = kind;
	found.ranges++;
	return 0;
}

static int run_diff(u64 from, u64 to)
{
	memset(&found, 0, sizeof(found));
	return memory_diff(&memory, from, to, take_range, NULL);
}

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

static u32 kind_of(u64 from, u64 to)
{
	if (smv_where_kind(from) == SMV_WHERE_LOST || smv_where_kind(to) == SMV_WHERE_LOST)
		return SMV_DIFF_LOST;
	if (from == to)
		return SMV_DIFF_NONE;
	return smv_where_kind(to) == SMV_WHERE_ZERO ? SMV_DIFF_ZERO : SMV_DIFF_DATA;
}

static u64 compared, differing;

static void check_pair(struct smv_volume *a, struct smv_volume *b)
{
	struct smv_volume_info from, to;
	int rc;

	smv_volume_info(a, &from);
	smv_volume_info(b, &to);
	rc = run_diff(from.number, to.number);
	if (from.origin != to.origin) {
		EXPECT_EQ(rc, -EINVAL);
		return;
	}
	EXPECT_EQ(rc, 0);
	for (u64 c = 0; c < smv_volume_chunks(memory.store, a); c++) {
		u32 want = kind_of(resolve(a, c), resolve(b, c));

		EXPECT_EQ(found.kind[c], want);
		compared++;
		differing += !!want;
	}
	for (u64 c = smv_volume_chunks(memory.store, a); c < CHUNKS_MAX; c++)
		EXPECT_EQ(found.kind[c], SMV_DIFF_NONE);
}

static bool is_readable(struct smv_volume *volume)
{
	struct smv_volume_info info;

	smv_volume_info(volume, &info);
	return !(info.flags & (SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD | SMV_VOLUME_INVALID));
}

static void check_all_pairs(void)
{
	struct smv_volume *a, *b;
	struct smv_volume_info i, k;
	u64 first = 0, second;

	for (; (a = smv_volume_after(memory.store, first)); first = i.number) {
		smv_volume_info(a, &i);
		for (second = 0; (b = smv_volume_after(memory.store, second)); second = k.number) {
			smv_volume_info(b, &k);
			if (is_readable(a) && is_readable(b))
				check_pair(a, b);
		}
	}
}

static void run_histories(bool rollbacks)
{
	struct memory_history history;

	compared = differing = 0;
	for (u32 round = 0; round < ROUNDS; round++) {
		memory_format(&memory, 4096, 1, "diff");
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		memory_history_begin(&history, &memory, unit_random());
		history.announces = true;
		history.rollbacks = rollbacks;
		for (u32 i = 0; i < STEPS; i++)
			memory_history_step(&history);
		/* what a process that opens it finds: moves that were not marked are pending */
		EXPECT_EQ(memory_close(&memory), 0);
		EXPECT_EQ(memory_open(&memory, true, NULL), 0);
		check_all_pairs();
		memory_free(&memory);
	}
	EXPECT_LT(1000, differing);
	EXPECT_LT(1000, compared - differing);
}

UNIT_TEST(diff_names_exactly_the_chunks_read_from_different_places)
{
	run_histories(false);
}

UNIT_TEST(diff_is_exact_in_the_middle_of_rollbacks)
{
	run_histories(true);
}

UNIT_TEST(diff_refuses_volumes_of_different_origins_and_unknown_ones)
{
	struct smv_add add = { .name = "a", .identity = "path:a", .sectors = 80, .now_s = 1 };
	u64 lsn;

	memory_format(&memory, 4096, 1, "diff");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	add.name = "b";
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	EXPECT_EQ(run_diff(1, 2), -EINVAL);
	EXPECT_EQ(run_diff(1, 3), -EINVAL);
	EXPECT_EQ(run_diff(1, 1), 0);
	EXPECT_EQ(found.ranges, 0);
	memory_free(&memory);
}
