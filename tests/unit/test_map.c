// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map over allocator, tree and checkpoints, against a plain array: every
 * entry owns a chunk, checkpoints run beside changes and look-ups, power fails
 * at any step, and what came behind the durable cut is replayed.
 */
#include "meta_rig.h"

#define KEYS 6000u
#define LOG 100000u
#define NOTHING 0ULL /* the model's "no such key"; else the chunk */

struct record {
	u32 key;
	u64 chunk; /* NOTHING: a delete */
	u64 was;
};

static struct smv_map map;
static u64 model[KEYS];
static u64 cut_model[KEYS]; /* as of the running checkpoint's cut */
static u64 durable_model[KEYS]; /* as of the durable checkpoint's */
static struct record record[LOG]; /* since the durable checkpoint's cut */
static u32 records, cut_records;
static u64 lsn;
static u32 walked;
static u32 refusals; /* for want of a chunk */

static struct smv_key key_of(u32 n)
{
	return (struct smv_key){ n / 600, n / 6 % 100, n % 6 };
}

static u32 number_of(const struct smv_key *key)
{
	return (u32)(key->volume * 600 + key->chunk * 6 + key->epoch);
}

static struct smv_value value_of(u32 n, u64 chunk)
{
	return (struct smv_value){ smv_where(SMV_WHERE_CHUNK, chunk), n };
}

static void begin_map(void)
{
	EXPECT_EQ(smv_map_init(&map, &rig_host, sizeof(struct smv_value), KEYS, KEYS), 0);
	map.tree = rig.tree;
}

static void begin(u64 blocks, u32 chunk_blocks)
{
	memset(model, 0, sizeof(model));
	memset(durable_model, 0, sizeof(durable_model));
	records = 0;
	lsn = 0;
	rig_begin(blocks, chunk_blocks, sizeof(struct smv_value));
	begin_map();
}

static void end(void)
{
	smv_map_exit(&map);
	rig_end();
}

/* -- look-ups ------------------------------------------------------------------ */

static long long found_at(int err, const struct smv_key *found, const struct smv_value *value)
{
	u32 n = number_of(found);

	if (err == -ENOENT)
		return -1;
	EXPECT_EQ(err, 0);
	EXPECT_LT(n, KEYS);
	EXPECT_EQ(smv_where_low(value->where), model[n]);
	EXPECT_EQ(value->check, n);
	return n;
}

static long long ge(u32 n, u32 limit)
{
	struct smv_key key = key_of(n), last = key_of(limit), found = { 0 };
	struct smv_value value = { 0 };
	int err = RETRY(smv_map_ge(&map, &key, &last, &found, &value, &miss));

	return found_at(err, &found, &value);
}

static long long le(u32 n, u32 limit)
{
	struct smv_key key = key_of(n), last = key_of(limit), found = { 0 };
	struct smv_value value = { 0 };
	int err = RETRY(smv_map_le(&map, &key, &last, &found, &value, &miss));

	return found_at(err, &found, &value);
}

static long long get(u32 n)
{
	struct smv_key key = key_of(n);
	struct smv_value value = { 0 };
	int err = RETRY(smv_map_get(&map, &key, &value, &miss));

	return found_at(err, &key, &value);
}

static void look_around(u32 n)
{
	u32 up = n + (u32)unit_below(KEYS - n), down = (u32)unit_below(n + 1);
	long long below = n, above = n;

	while (below >= down && !model[below])
		below--;
	while (above <= up && !model[above])
		above++;
	EXPECT_EQ(le(n, down), below >= down ? below : -1);
	EXPECT_EQ(ge(n, up), above <= up ? above : -1);
	EXPECT_EQ(get(n), model[n] ? (long long)n : -1);
}

/* -- changes ---------------------------------------------------------------------- */

static int ready(u64 chunk)
{
	return RETRY(smv_alloc_ready(&rig.alloc, (struct smv_store_chunk){ chunk }, &miss));
}

/* As a record of the journal would: chunk and map together. */
static void apply(u32 n, u64 chunk, u64 was, u64 at)
{
	struct smv_value value = value_of(n, chunk);
	struct smv_key key = key_of(n);

	if (chunk) {
		EXPECT_EQ(ready(chunk), 0);
		EXPECT_EQ(smv_alloc_own(&rig.alloc, (struct smv_store_chunk){ chunk }), 0);
	}
	if (was) {
		EXPECT_EQ(ready(was), 0);
		EXPECT_EQ(smv_alloc_disown(&rig.alloc, (struct smv_store_chunk){ was }, at), 0);
	}
	EXPECT_EQ(smv_map_reserve(&map, 1), 0);
	if (chunk)
		smv_map_put(&map, &key, &value);
	else
		smv_map_remove(&map, &key);
	model[n] = chunk;
}

static void change(u32 n, bool put)
{
	struct smv_store_chunk chunk = { NOTHING };

	if (records == LOG || !smv_alloc_freed_room(&rig.alloc) || (!put && !model[n]))
		return;
	if (map.overlay[map.active].count == KEYS)
		return;
	if (put) {
		int err = RETRY(smv_alloc_hold(&rig.alloc, &chunk, &miss));

		if (err == -ENOSPC) {
			refusals++;
			return;
		}
		EXPECT_EQ(err, 0);
	}
	record[records++] = (struct record){ n, chunk.no, model[n] };
	apply(n, chunk.no, model[n], ++lsn);
}

static void change_at_random(u32 count)
{
	u32 from = (u32)unit_below(KEYS), range = 1 + (u32)unit_below(KEYS - from);
	u32 puts = (u32)unit_below(5);

	while (count--) {
		change(from + (u32)unit_below(range), unit_below(4) < puts);
		if (!unit_below(50)) {
			if (smv_alloc_reap_begin(&rig.alloc, lsn))
				smv_alloc_reap_end(&rig.alloc);
		}
	}
}

/* -- checkpoints ---------------------------------------------------------------------- */

static void meet(const struct smv_key *key, const void *value)
{
	u32 n = number_of(key);
	const struct smv_value *held = value;

	while (walked < KEYS && !cut_model[walked])
		walked++;
	EXPECT_EQ(n, walked);
	EXPECT_EQ(smv_where_low(held->where), cut_model[n]);
	EXPECT_EQ(rig.image[cut_model[n]], 3); /* see mark_owners() */
	walked++;
}

/* All that the disk says at the superblock: entries as of the cut, each chunk owned by one of them. */
static void check_disk(const struct rig_super *super, const u64 *expected)
{
	u8 *used = calloc(rig.geometry.blocks, 1);
	u64 owned = 0;

	rig_check(super, used, NULL);
	for (u32 n = 0; n < KEYS; n++) {
		if (!expected[n])
			continue;
		EXPECT_EQ(rig.image[expected[n]], 1);
		rig.image[expected[n]] = 3;
		owned++;
	}
	EXPECT_EQ(owned, super->data_chunks);
	walked = 0;
	memset(used, 0, rig.geometry.blocks);
	memcpy(cut_model, expected, sizeof(cut_model));
	walk_tree(super, used, meet);
	EXPECT_EQ(owned, le64_to_cpu(super->tree.entries));
	free(used);
}

static void crash(void)
{
	smv_map_exit(&map);
	rig_crash();
	begin_map();
	memcpy(model, durable_model, sizeof(model));
	for (u32 i = 0; i < records; i++) {
		/* A record freed by waiting in the ring, or at once: both are right in replay. */
		bool wait = i % 2 && smv_alloc_freed_room(&rig.alloc);

		apply(record[i].key, record[i].chunk, record[i].was, wait ? lsn : 0);
	}
}

static void log_forget(u32 count)
{
	records -= count;
	memmove(record, record + count, records * sizeof(*record));
}

/* The superblock is durable; @seen: and we live to know it. */
static void switch_over(bool seen)
{
	struct rig_super super;
	u64 saved[KEYS];

	memcpy(saved, cut_model, sizeof(saved));
	/* The old one is whole to the last moment. */
	check_disk(&rig.super, durable_model);
	rig_super_make(&super);
	check_disk(&super, saved);
	memcpy(durable_model, saved, sizeof(saved));
	log_forget(cut_records);
	if (!seen) {
		rig.super = super;
		memset(rig.used, 0, rig.geometry.blocks);
		rig_check(&super, rig.used, NULL);
		crash();
		return;
	}
	rig_switch(NULL);
	smv_map_thaw(&map, &rig.result);
}

static void checkpoint(u32 busy, u32 stop)
{
	smv_map_freeze(&map);
	memcpy(cut_model, model, sizeof(model));
	cut_records = records;
	rig_checkpoint_begin(smv_map_frozen(&map));
	while (rig_checkpoint_step()) {
		if (busy)
			change_at_random((u32)unit_below(busy));
		look_around((u32)unit_below(KEYS));
		if (!unit_below(4))
			rig_forget();
		if (!stop--) {
			crash();
			return;
		}
	}
	switch_over(stop % 8 != 0);
}

/* -- tests -------------------------------------------------------------------------------- */

UNIT_TEST(an_empty_map_has_nothing)
{
	struct smv_key first = { 0, 0, 0 }, last = { ~0ULL, ~0ULL, ~0ULL }, found;
	u64 miss = 0;

	begin(4000, 4);
	EXPECT_EQ(smv_map_ge(&map, &first, &last, &found, NULL, &miss), -ENOENT);
	EXPECT_EQ(smv_map_le(&map, &last, &first, &found, NULL, &miss), -ENOENT);
	EXPECT_EQ(smv_map_get(&map, &first, NULL, &miss), -ENOENT);
	end();
}

static void put_all_layers(u32 n, u32 tree, u32 frozen, u32 active)
{
	for (u32 i = 0; i < 3; i++) {
		u32 what = i == 0 ? tree : i == 1 ? frozen : active;

		if (what)
			change(n, what == 1);
		if (i == 0)
			checkpoint(0, ~0u - 1);
		else if (i == 1)
			smv_map_freeze(&map);
	}
}

/* 0: the layer has no entry, 1: a value, 2: a tombstone. */
UNIT_TEST(the_topmost_layer_decides)
{
	for (u32 i = 0; i < 27; i++) {
		u32 layer[3] = { i / 9, i / 3 % 3, i % 3 };
		long long n = 40 + i;

		begin(4000, 4);
		put_all_layers((u32)n, layer[0], layer[1], layer[2]);
		for (u32 at = 39 + i; at <= 41 + i; at++) {
			EXPECT_EQ(ge(at, KEYS - 1), model[n] && at <= n ? n : -1);
			EXPECT_EQ(le(at, 0), model[n] && at >= n ? n : -1);
			EXPECT_EQ(get(at), model[n] && at == n ? n : -1);
		}
		end();
	}
}

UNIT_TEST(nothing_beyond_the_limit_is_found)
{
	begin(4000, 4);
	change(100, true);
	change(200, true);
	checkpoint(0, ~0u - 1);
	change(150, true);
	change(150, false);
	change(120, true);
	EXPECT_EQ(ge(121, 199), -1);
	EXPECT_EQ(ge(121, 200), 200);
	EXPECT_EQ(le(199, 121), -1);
	EXPECT_EQ(le(199, 120), 120);
	EXPECT_EQ(le(119, 101), -1);
	EXPECT_EQ(le(119, 100), 100);
	EXPECT_EQ(ge(101, 100), -1);
	EXPECT_EQ(le(100, 101), -1);
	end();
}

UNIT_TEST(the_first_and_the_last_key_of_all_are_keys)
{
	struct smv_key first = { 0, 0, 0 }, last = { ~0ULL, ~0ULL, ~0ULL }, found;
	struct smv_value value = value_of(1, 1);
	u64 miss = 0;

	begin(4000, 4);
	EXPECT_EQ(smv_map_reserve(&map, 2), 0);
	smv_map_put(&map, &first, &value);
	smv_map_put(&map, &last, &value);
	EXPECT_EQ(smv_map_ge(&map, &first, &last, &found, NULL, &miss), 0);
	EXPECT(!smv_key_cmp(&found, &first));
	EXPECT_EQ(smv_map_le(&map, &last, &first, &found, NULL, &miss), 0);
	EXPECT(!smv_key_cmp(&found, &last));
	smv_map_remove(&map, &first);
	smv_map_remove(&map, &last);
	EXPECT_EQ(smv_map_ge(&map, &first, &last, &found, NULL, &miss), -ENOENT);
	EXPECT_EQ(smv_map_le(&map, &last, &first, &found, NULL, &miss), -ENOENT);
	end();
}

UNIT_TEST(a_missing_node_is_reported_and_changes_nothing)
{
	struct smv_key key = key_of(7), last = key_of(KEYS - 1), found;
	struct smv_value value;
	u64 miss = 0;
	u32 missed = 0;
	int err;

	begin(9000, 4);
	for (u32 n = 0; n < 2000; n += 2)
		change(n, true);
	checkpoint(0, ~0u - 1);
	rig_forget();
	while ((err = smv_map_ge(&map, &key, &last, &found, &value, &miss)) == -EAGAIN) {
		rig_provide(miss);
		missed++;
	}
	EXPECT_EQ(err, 0);
	EXPECT_EQ(missed, 2);
	EXPECT_EQ(number_of(&found), 8);
	end();
}

static void random_history(u64 blocks, u32 chunk_blocks, u32 rounds)
{
	begin(blocks, chunk_blocks);
	for (u32 round = 0; round < rounds; round++) {
		u32 stop = unit_below(3) ? (u32)unit_below(~0u) | 0x100000 : (u32)unit_below(60);

		smv_alloc_set_reserve(&rig.alloc, 3 * smv_tree_need(&rig.tree, KEYS));
		change_at_random((u32)unit_below(unit_below(3) ? 60 : 1500));
		checkpoint((u32)unit_below(3) * 10, stop);
		for (u32 i = 0; i < 10; i++)
			look_around((u32)unit_below(KEYS));
		if (!unit_below(10))
			crash();
	}
	end();
}

UNIT_TEST(random_histories_with_power_cuts_equal_a_plain_array)
{
	random_history(24000, 4, 300);
	random_history(12000, 1, 300);
	random_history(120000, 16, 200);
}

UNIT_TEST(a_full_store_still_checkpoints)
{
	refusals = 0;
	random_history(6000, 2, 300);
	EXPECT_LT(100, refusals);
	refusals = 0;
	random_history(3000, 1, 300);
	EXPECT_LT(100, refusals);
}

UNIT_TEST(a_thousand_checkpoints_leak_no_chunk)
{
	begin(30000, 4);
	for (u32 round = 0; round < 1000; round++) {
		change_at_random(40);
		smv_map_freeze(&map);
		memcpy(cut_model, model, sizeof(model));
		rig_checkpoint_begin(smv_map_frozen(&map));
		while (rig_checkpoint_step())
			;
		rig_switch(NULL);
		smv_map_thaw(&map, &rig.result);
		records = 0;
		memcpy(durable_model, model, sizeof(model));
	}
	check_disk(&rig.super, model);
	for (u32 n = 0; n < KEYS; n++)
		change(n, false);
	for (u32 i = 0; i < 2; i++) {
		memcpy(cut_model, model, sizeof(model));
		checkpoint(0, ~0u - 1);
		while (smv_alloc_reap_begin(&rig.alloc, lsn))
			smv_alloc_reap_end(&rig.alloc);
	}
	EXPECT_EQ(rig.alloc.data_chunks, 0);
	EXPECT_EQ(rig.alloc.meta_chunks, 0);
	EXPECT_EQ(rig.alloc.held_chunks, 0);
	EXPECT_EQ(rig.alloc.free_chunks,
		  rig.geometry.chunks - rig.geometry.first_chunk - rig.geometry.head_chunks);
	end();
}

UNIT_TEST(without_memory_no_map_is_made)
{
	u64 live = rig_host_live();

	for (u64 n = 1; n <= 4; n++) {
		rig_host_fail_at(n);
		EXPECT_EQ(smv_map_init(&map, &rig_host, 16, 100, 100), -ENOMEM);
		EXPECT_EQ(rig_host_live(), live);
	}
	rig_host_reset();
}
