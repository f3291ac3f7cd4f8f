// SPDX-License-Identifier: GPL-2.0-only
/*
 * The overlay against a sorted array, and its promises about memory.
 */
#include "overlay.h"
#include "rig_host.h"
#include "unit.h"

#define LIMIT 3000u

struct value {
	u64 word[2];
};

static struct smv_overlay overlay;

static struct smv_key key_of(u64 n)
{
	return (struct smv_key){ n / 100, n / 10 % 10, n % 10 };
}

static void put(u64 n, u64 word)
{
	struct smv_key key = key_of(n);
	struct value value = { { word, ~word } };

	EXPECT_EQ(smv_overlay_reserve(&overlay, 1), 0);
	smv_overlay_put(&overlay, &key, word ? &value : NULL);
}

/* The number a key was made of; -1: no entry. */
static long long number_of(const struct smv_overlay_entry *entry)
{
	if (!entry)
		return -1;
	return (long long)(entry->key.volume * 100 + entry->key.chunk * 10 + entry->key.epoch);
}

static long long ge(u64 n)
{
	struct smv_key key = key_of(n);

	return number_of(smv_overlay_ge(&overlay, &key));
}

static long long le(u64 n)
{
	struct smv_key key = key_of(n);

	return number_of(smv_overlay_le(&overlay, &key));
}

static void begin(u32 limit)
{
	EXPECT_EQ(smv_overlay_init(&overlay, &rig_host, sizeof(struct value), limit, limit), 0);
}

static void end(void)
{
	smv_overlay_exit(&overlay);
	EXPECT_EQ(rig_host_live(), 0);
}

UNIT_TEST(an_empty_overlay_has_no_neighbours)
{
	begin(10);
	EXPECT_EQ(ge(0), -1);
	EXPECT_EQ(le(99999), -1);
	end();
}

UNIT_TEST(neighbours_are_inclusive_and_the_nearest)
{
	begin(10);
	put(20, 1);
	put(10, 2);
	put(30, 3);
	EXPECT_EQ(ge(10), 10);
	EXPECT_EQ(le(10), 10);
	EXPECT_EQ(ge(11), 20);
	EXPECT_EQ(le(19), 10);
	EXPECT_EQ(ge(31), -1);
	EXPECT_EQ(le(9), -1);
	end();
}

UNIT_TEST(put_replaces_value_and_tombstone_in_place)
{
	const struct smv_overlay_entry *entry;
	struct smv_key key = key_of(5);
	struct value value;

	begin(2);
	put(5, 7);
	entry = smv_overlay_ge(&overlay, &key);
	put(5, 0);
	EXPECT(smv_overlay_ge(&overlay, &key) == entry);
	EXPECT_EQ(entry->tombstone, 1);
	memcpy(&value, smv_overlay_value(entry), sizeof(value));
	EXPECT_EQ(value.word[0], 0);
	smv_overlay_put(&overlay, &key, &(struct value){ { 9, 8 } });
	EXPECT(smv_overlay_ge(&overlay, &key) == entry);
	EXPECT_EQ(entry->tombstone, 0);
	memcpy(&value, smv_overlay_value(entry), sizeof(value));
	EXPECT_EQ(value.word[0], 9);
	EXPECT_EQ(value.word[1], 8);
	EXPECT_EQ(overlay.count, 1);
	end();
}

UNIT_TEST(keys_at_both_ends_of_the_number_range_are_ordered)
{
	struct smv_key low = { 0, 0, 0 }, high = { ~0ULL, ~0ULL, ~0ULL };
	struct value value = { { 1, 2 } };

	begin(2);
	EXPECT_EQ(smv_overlay_reserve(&overlay, 2), 0);
	smv_overlay_put(&overlay, &high, &value);
	smv_overlay_put(&overlay, &low, &value);
	EXPECT(!smv_key_cmp(&smv_overlay_ge(&overlay, &low)->key, &low));
	EXPECT(!smv_key_cmp(&smv_overlay_le(&overlay, &high)->key, &high));
	EXPECT(smv_overlay_next(&overlay, smv_overlay_ge(&overlay, &low)) ==
	       smv_overlay_ge(&overlay, &high));
	end();
}

UNIT_TEST(reserve_past_the_limit_is_refused_and_below_it_granted)
{
	u32 i;

	begin(100);
	EXPECT_EQ(smv_overlay_reserve(&overlay, 100), 0);
	EXPECT_EQ(smv_overlay_reserve(&overlay, 101), -EBUSY);
	EXPECT_EQ(smv_overlay_reserve(&overlay, ~0u), -EBUSY);
	for (i = 0; i < 60; i++)
		put(i, 1);
	EXPECT_EQ(smv_overlay_reserve(&overlay, 40), 0);
	EXPECT_EQ(smv_overlay_reserve(&overlay, 41), -EBUSY);
	end();
}

UNIT_TEST(put_without_room_fails_an_assertion)
{
	struct smv_key key = key_of(0);

	begin(20000);
	rig_host_fail_all(true);
	for (; !smv_overlay_reserve(&overlay, 1); key = key_of(overlay.count))
		smv_overlay_put(&overlay, &key, NULL);
	rig_host_reset();
	EXPECT_ASSERT(smv_overlay_put(&overlay, &key, NULL));
	end();
}

UNIT_TEST(a_failed_allocation_leaves_the_overlay_whole)
{
	u32 i;

	for (i = 1; i <= 3; i++) {
		rig_host_fail_at(i);
		EXPECT_EQ(smv_overlay_init(&overlay, &rig_host, 16, 100, 100), -ENOMEM);
		EXPECT_EQ(rig_host_live(), 0);
	}
	begin(20000);
	put(1, 1);
	rig_host_fail_at(2);
	EXPECT_EQ(smv_overlay_reserve(&overlay, 19000), -ENOMEM);
	EXPECT(rig_host_has_failed());
	rig_host_reset();
	EXPECT_EQ(smv_overlay_reserve(&overlay, 19000), 0);
	for (i = 2; i < 19000; i++)
		put(i, 1);
	EXPECT_EQ(le(99999), 18999);
	EXPECT_EQ(overlay.count, 18999);
	end();
}

/* However many it may come to hold: a slab, the slabs' table, and the index of what is usual. */
UNIT_TEST(an_overlay_begins_small)
{
	EXPECT_EQ(smv_overlay_init(&overlay, &rig_host, 16, 1u << 22, 1u << 12), 0);
	EXPECT(rig_host_live_bytes() < 300u * 1024 + (1u << 22) / 1000 * sizeof(void *));
	end();
}

/* One reserve for many puts: whatever the heights, none of them may fail. */
UNIT_TEST(what_was_reserved_always_fits)
{
	u32 value_bytes, entries, i;
	u8 value[688] = { 1 };

	for (value_bytes = 16; value_bytes <= 688; value_bytes += 672) {
		EXPECT_EQ(smv_overlay_init(&overlay, &rig_host, value_bytes, 40000, 300), 0);
		while (overlay.count < 40000) {
			entries = 1 + (u32)unit_below(40000 - overlay.count);
			EXPECT_EQ(smv_overlay_reserve(&overlay, entries), 0);
			for (i = 0; i < entries; i++) {
				struct smv_key key = { 1, overlay.count, unit_random() };

				smv_overlay_put(&overlay, &key, value);
			}
		}
		EXPECT_EQ(smv_overlay_reserve(&overlay, 1), -EBUSY);
		end();
	}
}

UNIT_TEST(clear_forgets_the_entries_and_keeps_the_memory)
{
	u64 bytes;
	u32 i;

	begin(LIMIT);
	for (i = 0; i < LIMIT; i++)
		put(i, 1);
	bytes = rig_host_live_bytes();
	smv_overlay_clear(&overlay);
	EXPECT_EQ(ge(0), -1);
	EXPECT_EQ(le(LIMIT), -1);
	EXPECT_EQ(overlay.count, 0);
	for (i = 0; i < LIMIT; i++)
		put(LIMIT - i, 2);
	EXPECT_EQ(rig_host_live_bytes(), bytes);
	EXPECT_EQ(ge(0), 1);
	end();
}

/* ---- against a sorted array ------------------------------------------------- */

/* model[n]: 0: no entry; 1: a tombstone; else the value + 2. */
static u64 model[LIMIT];

static void check_walk(void)
{
	const struct smv_overlay_entry *entry;
	struct smv_key first = key_of(0);
	struct value value;
	u32 n, count = 0;

	entry = smv_overlay_ge(&overlay, &first);
	for (n = 0; n < LIMIT; n++) {
		if (!model[n])
			continue;
		EXPECT_EQ(number_of(entry), n);
		EXPECT_EQ(entry->tombstone, model[n] == 1);
		memcpy(&value, smv_overlay_value(entry), sizeof(value));
		EXPECT_EQ(value.word[0], model[n] == 1 ? 0 : model[n] - 2);
		EXPECT_EQ(value.word[1], model[n] == 1 ? 0 : ~(model[n] - 2));
		entry = smv_overlay_next(&overlay, entry);
		count++;
	}
	EXPECT(!entry);
	EXPECT_EQ(overlay.count, count);
}

/* The same entry as the search finds, if it is of the same chunk. */
static void check_chunk(const struct smv_key *key)
{
	const struct smv_overlay_entry *entry = smv_overlay_ge(&overlay, key);

	if (entry && !smv_key_same_chunk(&entry->key, key))
		entry = NULL;
	EXPECT(smv_overlay_chunk_ge(&overlay, key) == entry);
	entry = smv_overlay_le(&overlay, key);
	if (entry && !smv_key_same_chunk(&entry->key, key))
		entry = NULL;
	EXPECT(smv_overlay_chunk_le(&overlay, key) == entry);
}

static void check_neighbours(u32 n)
{
	struct smv_key key = key_of(n);

	long long below = (long long)n, above = n;

	while (below >= 0 && !model[below])
		below--;
	while (above < LIMIT && !model[above])
		above++;
	EXPECT_EQ(le(n), below);
	EXPECT_EQ(ge(n), above < LIMIT ? above : -1);
	check_chunk(&key);
}

/* More entries of a chunk than a look-up passes, put in any order, and chunks without any beside. */
UNIT_TEST(chunks_of_many_entries_are_found_in_any_order)
{
	struct smv_key key = { 3, 0, 0 };
	u64 i, chunk, epoch;

	begin(LIMIT);
	EXPECT_EQ(smv_overlay_reserve(&overlay, LIMIT), 0);
	for (i = 0; i < LIMIT; i++) {
		key.chunk = unit_below(50) * 2;
		key.epoch = 1 + unit_below(200);
		smv_overlay_put(&overlay, &key, NULL);
		check_chunk(&key);
	}
	for (chunk = 0; chunk < 101; chunk++)
		for (epoch = 0; epoch < 203; epoch++)
			check_chunk(&(struct smv_key){ 3, chunk, epoch });
	end();
}

/* All in one bucket: multiples of the inverse of what bucket_of() multiplies with. */
UNIT_TEST(chunks_that_share_a_bucket_are_found)
{
	struct smv_key key = { 0, 0, 2 };
	u64 i;

	begin(LIMIT);
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(smv_overlay_reserve(&overlay, 2), 0);
		key.chunk = i * 0xf1de83e19937733dULL;
		key.epoch = 2;
		smv_overlay_put(&overlay, &key, NULL);
		key.epoch = 1;
		smv_overlay_put(&overlay, &key, NULL);
	}
	for (i = 1; i >> overlay.bucket_bits == 0; i++)
		EXPECT(!overlay.bucket[i]);
	for (i = 0; i < 400; i++) {
		key.chunk = i / 2 * 0xf1de83e19937733dULL;
		key.epoch = i % 2 ? 3 : 0;
		check_chunk(&key);
	}
	end();
}

/* The entry after @entry on a level; after the head where that is NULL. */
static const struct smv_overlay_entry *after(const struct smv_overlay *of,
					     const struct smv_overlay_entry *entry, u32 level)
{
	struct smv_overlay_entry *const *links = of->head;

	if (entry)
		links = (struct smv_overlay_entry *const *)((const u8 *)(entry + 1) +
							    of->value_bytes);
	return links[level];
}

static void expect_same_lists(const struct smv_overlay *a, const struct smv_overlay *b)
{
	const struct smv_overlay_entry *of_a, *of_b;

	for (u32 level = 0; level < SMV_OVERLAY_LEVELS; level++) {
		of_a = after(a, NULL, level);
		of_b = after(b, NULL, level);
		for (; of_a && of_b; of_a = after(a, of_a, level), of_b = after(b, of_b, level))
			EXPECT(!smv_key_cmp(&of_a->key, &of_b->key));
		EXPECT(!of_a && !of_b);
	}
}

/* Steps forth and back, repeats and jumps: the finger puts each where a search does. */
UNIT_TEST(the_finger_makes_the_list_that_searches_make)
{
	static struct smv_overlay other;
	u64 n = 0, i;

	begin(LIMIT);
	EXPECT_EQ(smv_overlay_init(&other, &rig_host, sizeof(struct value), LIMIT, LIMIT), 0);
	EXPECT_EQ(smv_overlay_reserve(&other, LIMIT), 0);
	for (i = 0; i < 20 * LIMIT; i++) {
		struct smv_key key;

		if (!unit_below(1000)) {
			smv_overlay_clear(&overlay);
			smv_overlay_clear(&other);
		}
		n = unit_below(8) ? n + LIMIT + unit_below(7) - 3 : unit_below(LIMIT);
		n %= LIMIT;
		key = key_of(n);
		put(n, 0);
		memset(other.finger, 0, sizeof(other.finger)); /* at the head: a search */
		smv_overlay_put(&other, &key, NULL);
		if (!unit_below(50))
			expect_same_lists(&overlay, &other);
	}
	expect_same_lists(&overlay, &other);
	smv_overlay_exit(&other);
	end();
}

UNIT_TEST(random_histories_equal_a_sorted_array)
{
	u32 round, step, n, range;

	begin(LIMIT);
	for (round = 0; round < 40; round++) {
		range = 1 + (u32)unit_below(LIMIT);
		for (step = 0; step < 1500; step++) {
			n = (u32)unit_below(range);
			if (unit_below(3)) {
				model[n] = unit_below(4) ? 3 + unit_below(1000) : 1;
				put(n, model[n] == 1 ? 0 : model[n] - 2);
			} else {
				check_neighbours((u32)unit_below(LIMIT));
			}
		}
		check_walk();
		smv_overlay_clear(&overlay);
		memset(model, 0, sizeof(model));
	}
	end();
}
