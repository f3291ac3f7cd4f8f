// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tree and merge against a plain array of keys, through many checkpoints with
 * a cache too small to hold anything for long.
 */
#include "meta_rig.h"

#define KEYS 60000u
#define LEAF_ENTRIES 100u /* of 16 byte values */

static struct smv_overlay overlay;
static u32 model[KEYS]; /* version of the value; 0: no such key */
static u32 walked; /* next key of the model that a walk should meet */

static struct smv_key key_of(u32 n)
{
	return (struct smv_key){ n / 1000 + 1, n / 10 % 100, n % 10 };
}

static u32 number_of(const struct smv_key *key)
{
	return (u32)((key->volume - 1) * 1000 + key->chunk * 10 + key->epoch);
}

static void value_of(u32 n, u32 version, void *value)
{
	u64 *word = value;

	for (u32 i = 0; i < rig.tree.value_bytes / 8; i++)
		word[i] = ((u64)n << 32 | version) + i;
}

static void meet(const struct smv_key *key, const void *value)
{
	u64 expected[128];
	u32 n = number_of(key);

	while (walked < KEYS && !model[walked])
		walked++;
	EXPECT_EQ(n, walked);
	value_of(n, model[n], expected);
	EXPECT_MEM(value, expected, rig.tree.value_bytes);
	walked++;
}

static void begin_sized(u64 blocks, u32 chunk_blocks, u32 value_bytes)
{
	memset(model, 0, sizeof(model));
	rig_begin(blocks, chunk_blocks, value_bytes);
	EXPECT_EQ(smv_overlay_init(&overlay, &rig_host, value_bytes, KEYS, KEYS), 0);
}

static void begin(void)
{
	begin_sized(8000, 4, 16);
}

static void end(void)
{
	smv_overlay_exit(&overlay);
	rig_end();
}

static void put(u32 n, u32 version)
{
	u64 value[128];
	struct smv_key key = key_of(n);

	EXPECT_EQ(smv_overlay_reserve(&overlay, 1), 0);
	value_of(n, version, value);
	smv_overlay_put(&overlay, &key, version ? value : NULL);
	model[n] = version;
}

static void checkpoint(void)
{
	u64 need = smv_tree_need(&rig.tree, overlay.count);
	struct smv_tree most = rig.tree;

	smv_tree_grow(&most, overlay.count);
	walked = 0;
	rig_checkpoint(&overlay, meet);
	while (walked < KEYS && !model[walked])
		walked++;
	EXPECT_EQ(walked, KEYS);
	EXPECT_LE(rig.nodes, need);
	EXPECT_LE(rig.tree.leaves, most.leaves);
	EXPECT_LE(rig.tree.internals, most.internals);
	EXPECT_LE(rig.tree.entries, most.entries);
	EXPECT_LE(rig.tree.leaves + rig.tree.internals, smv_tree_loosest(&rig.tree));
	smv_overlay_clear(&overlay);
}

static long long ge(u32 n)
{
	struct smv_key key = key_of(n), found;
	u64 value[128], expected[128];
	int err = RETRY(smv_tree_ge(&rig.tree, &key, &found, value, &miss));

	if (err == -ENOENT)
		return -1;
	EXPECT_EQ(err, 0);
	value_of(number_of(&found), model[number_of(&found)], expected);
	EXPECT_MEM(value, expected, rig.tree.value_bytes);
	return number_of(&found);
}

static long long le(u32 n)
{
	struct smv_key key = key_of(n), found;
	u64 value[128], expected[128];
	int err = RETRY(smv_tree_le(&rig.tree, &key, &found, value, &miss));

	if (err == -ENOENT)
		return -1;
	EXPECT_EQ(err, 0);
	value_of(number_of(&found), model[number_of(&found)], expected);
	EXPECT_MEM(value, expected, rig.tree.value_bytes);
	return number_of(&found);
}

static void look_around(u32 n)
{
	long long below = n, above = n;

	while (below >= 0 && !model[below])
		below--;
	while (above < KEYS && !model[above])
		above++;
	EXPECT_EQ(le(n), below);
	EXPECT_EQ(ge(n), above < KEYS ? above : -1);
}

static u64 leaves_full(void)
{
	return (rig.tree.entries + LEAF_ENTRIES - 1) / LEAF_ENTRIES;
}

UNIT_TEST(empty_tree_has_no_entries)
{
	begin();
	EXPECT_EQ(ge(0), -1);
	EXPECT_EQ(le(KEYS - 1), -1);
	EXPECT_EQ(smv_tree_need(&rig.tree, 0), 0);
	checkpoint();
	EXPECT_EQ(rig.writes, 0);
	end();
}

UNIT_TEST(tombstones_for_missing_keys_leave_an_empty_tree)
{
	begin();
	for (u32 i = 0; i < 500; i++)
		put(i * 7, 0);
	checkpoint();
	EXPECT_EQ(rig.tree.root.block, 0);
	EXPECT_EQ(rig.alloc.meta_chunks, 0);
	end();
}

UNIT_TEST(an_empty_overlay_writes_nothing)
{
	struct smv_pointer root;

	begin();
	for (u32 i = 0; i < 1000; i++)
		put(i, 1);
	checkpoint();
	root = rig.tree.root;
	rig.writes = 0;
	checkpoint();
	EXPECT_EQ(rig.writes, 0);
	EXPECT_EQ(rig.tree.root.block, root.block);
	EXPECT_EQ(rig.tree.root.generation, root.generation);
	end();
}

UNIT_TEST(keys_in_order_make_full_leaves)
{
	u32 n = 0;

	begin();
	for (u32 round = 0; round < 40; round++) {
		u32 more = 1 + (u32)unit_below(1000);

		for (u32 i = 0; i < more && n < KEYS; i++)
			put(n++, 1);
		checkpoint();
		EXPECT_LE(rig.tree.leaves, leaves_full());
	}
	end();
}

UNIT_TEST(keys_in_order_in_front_of_others_make_nearly_full_leaves)
{
	begin();
	for (u32 i = 0; i < 3000; i++)
		put(40000 + i, 1);
	checkpoint();
	for (u32 n = 0; n < 20000; n++) {
		put(n, 1);
		if (n % 2500 == 2499)
			checkpoint();
	}
	EXPECT_LE(rig.tree.leaves, leaves_full() * 5 / 4);
	end();
}

UNIT_TEST(random_keys_fill_leaves_to_half_at_least)
{
	begin();
	for (u32 round = 0; round < 100; round++) {
		for (u32 i = 0; i < 200; i++)
			put((u32)unit_below(KEYS), round + 1);
		checkpoint();
	}
	EXPECT_LE(rig.tree.leaves, leaves_full() * 2);
	end();
}

UNIT_TEST(deleting_nearly_all_leaves_a_small_tree)
{
	begin();
	for (u32 i = 0; i < 20000; i++)
		put(i, 1);
	checkpoint();
	for (u32 left = 20000; left > 20; left -= left / 5) {
		for (u32 i = 0; i < left / 4; i++)
			put((u32)unit_below(20000), 0);
		checkpoint();
	}
	for (u32 i = 0; i < 20000; i++)
		if (i % 1000)
			put(i, 0);
	checkpoint();
	EXPECT_LE(rig.tree.entries, 20);
	EXPECT_LE(rig.tree.leaves, 3);
	for (u32 i = 0; i < 20000; i++)
		put(i, 0);
	checkpoint();
	EXPECT_EQ(rig.tree.root.block, 0);
	EXPECT_EQ(rig.alloc.meta_chunks, 0);
	EXPECT_EQ(rig.alloc.meta_free_blocks, 0);
	end();
}

/* 100 and 60 entries in turn; what is left of the 100 goes to its neighbour. */
UNIT_TEST(leaves_that_shrink_are_joined)
{
	begin();
	for (u32 i = 0; i < 40000; i++)
		put(i, 1);
	checkpoint();
	for (u32 leaf = 1; leaf < 400; leaf += 2)
		for (u32 i = 0; i < 40; i++)
			put(leaf * 100 + i, 0);
	checkpoint();
	EXPECT_EQ(rig.tree.leaves, 400);
	for (u32 leaf = 0; leaf < 400; leaf += 2)
		for (u32 i = 0; i < 90; i++)
			put(leaf * 100 + 10 + i, 0);
	checkpoint();
	EXPECT_LE(rig.tree.leaves, 200 + rig.tree.internals);
	end();
}

UNIT_TEST(a_tree_that_shrinks_to_one_leaf_loses_its_upper_levels)
{
	begin();
	for (u32 keep = 0; keep < 20000; keep += 3333) {
		for (u32 i = 0; i < 20000; i++)
			put(i, 1);
		checkpoint();
		EXPECT_LE(4, rig.tree.internals);
		for (u32 i = 0; i < 20000; i++)
			if (i / 10 != keep / 10)
				put(i, 0);
		checkpoint();
		EXPECT_EQ(rig.tree.leaves, 1);
		EXPECT_EQ(rig.tree.internals, 0);
		look_around(keep);
	}
	end();
}

UNIT_TEST(changes_all_over_the_tree_pack_its_leaves)
{
	begin();
	for (u32 i = 0; i < 4000; i++)
		put((u32)unit_below(KEYS), 1);
	checkpoint();
	for (u32 round = 0; round < 10; round++) {
		for (u32 i = 0; i < 1000; i++)
			put((u32)unit_below(KEYS), 2);
		checkpoint();
		EXPECT_LE(rig.tree.leaves, leaves_full() * 11 / 10 + 1);
	}
	end();
}

/* Every other leaf is full and takes one more: the most that so few changes can write. */
UNIT_TEST(the_bound_holds_when_each_change_splits_a_leaf)
{
	begin();
	for (u32 i = 0; i < 25000; i++)
		put(i * 2, 1);
	checkpoint();
	EXPECT_EQ(rig.tree.leaves, 250);
	for (u32 i = 0; i < 250; i += 2)
		put(i * 200 + 101, 1);
	checkpoint();
	EXPECT_EQ(rig.tree.leaves, 250 + 125);
	EXPECT_LE(250, rig.nodes);
	end();
}

static void change_at_random(u32 round)
{
	u32 from = (u32)unit_below(KEYS);
	u32 range = 1 + (u32)unit_below(unit_below(4) ? 300 : KEYS - from);
	u32 count = (u32)unit_below(unit_below(3) ? 50 : 3000);
	u32 deletes = (u32)unit_below(5);

	for (u32 i = 0; i < count; i++) {
		u32 n = unit_below(2) ? from + i : from + (u32)unit_below(range);

		if (n < KEYS)
			put(n, unit_below(4) < deletes ? 0 : round + 1);
	}
}

UNIT_TEST(random_histories_equal_a_plain_array)
{
	begin();
	for (u32 round = 0; round < 400; round++) {
		change_at_random(round);
		checkpoint();
		rig_forget();
		for (u32 i = 0; i < 20; i++)
			look_around((u32)unit_below(KEYS));
	}
	end();
}

UNIT_TEST(large_values_equal_a_plain_array)
{
	begin_sized(30000, 2, 688);
	for (u32 round = 0; round < 60; round++) {
		u32 from = (u32)unit_below(1500);

		for (u32 i = 0; i < 100; i++)
			put((from + (u32)unit_below(i + 1)) % 2000, unit_below(3) ? round + 1 : 0);
		checkpoint();
		for (u32 i = 0; i < 20; i++)
			look_around((u32)unit_below(2000));
	}
	end();
}

UNIT_TEST(one_isolated_change_rewrites_one_path)
{
	begin();
	for (u32 i = 0; i < 20000; i++)
		put(i, 1);
	checkpoint();
	EXPECT_EQ(rig.tree.internals, 4); /* 200 leaves below 3, and a root */
	put(10000, 2);
	checkpoint();
	EXPECT_EQ(rig.nodes, 3);
	end();
}

UNIT_TEST(freed_nodes_are_used_again)
{
	u64 most = 0;

	begin();
	for (u32 i = 0; i < 5000; i++)
		put(i * 12, 1);
	checkpoint();
	for (u32 round = 0; round < 1000; round++) {
		for (u32 i = 0; i < 20; i++)
			put((u32)unit_below(5000) * 12, unit_below(8) ? round + 2 : 0);
		checkpoint();
		if (round == 200)
			most = rig.alloc.meta_chunks;
	}
	EXPECT_LE(rig.alloc.meta_chunks, most + most / 8);
	end();
}

/* -- damage --------------------------------------------------------------------- */

static struct smv_pointer first_child(const struct smv_pointer *at)
{
	struct smv_pointer child;
	struct smv_key key;

	smv_tree_child(rig_block(at->block), 0, &key, &child);
	return child;
}

UNIT_TEST(a_lost_write_of_a_node_is_found)
{
	static u8 old[SMV_BLOCK_BYTES];
	struct smv_key key = key_of(0), found;
	struct smv_pointer leaf;

	begin();
	for (u32 i = 0; i < 300; i++)
		put(i, 1);
	checkpoint();
	leaf = first_child(&rig.tree.root);
	/* Another leaf of the same address, sound in itself: older, or of a checkpoint lost. */
	for (u32 i = 0; i < 2; i++) {
		memcpy(old, rig_block(leaf.block), sizeof(old));
		old[SMV_BLOCK_BYTES - 1] = 1;
		smv_block_seal(old, SMV_MAGIC_NODE, rig.uuid, leaf.block, leaf.generation - i);
		memcpy(rig_block(leaf.block), old, sizeof(old));
		rig_forget();
		EXPECT_EQ(RETRY(smv_tree_ge(&rig.tree, &key, &found, NULL, &miss)), -EUCLEAN);
		EXPECT_EQ(RETRY(smv_tree_le(&rig.tree, &key, &found, NULL, &miss)), -EUCLEAN);
	}
	put(5, 2);
	rig_checkpoint_begin(&overlay);
	EXPECT_EQ(RETRY(smv_merge_step(rig.merge, &(struct smv_io){ 0 }, &miss, &rig.result)),
		  -EUCLEAN);
	end();
}

/* The host reads a node, is slow, and gives it when another lies there. */
UNIT_TEST(a_read_that_came_too_late_is_read_again)
{
	static u8 late[SMV_BLOCK_BYTES];
	struct smv_key key = key_of(0), found;
	struct smv_pointer leaf;
	u64 miss = 0;

	begin();
	for (u32 i = 0; i < 300; i++)
		put(i, 1);
	checkpoint();
	leaf = first_child(&rig.tree.root);
	memcpy(late, rig_block(leaf.block), sizeof(late));
	smv_block_seal(late, SMV_MAGIC_NODE, rig.uuid, leaf.block, leaf.generation - 1);
	rig_forget();
	rig_provide(rig.tree.root.block);
	EXPECT_EQ(smv_blocks_provide(&rig.cache, leaf.block, late), 0);
	EXPECT_EQ(smv_tree_ge(&rig.tree, &key, &found, NULL, &miss), -EAGAIN);
	EXPECT_EQ(miss, leaf.block);
	rig_provide(miss);
	EXPECT_EQ(smv_tree_ge(&rig.tree, &key, &found, NULL, &miss), 0);
	EXPECT_EQ(number_of(&found), 0);
	end();
}

UNIT_TEST(two_damaged_nodes_asked_for_in_turn_are_found_damaged)
{
	struct smv_key found, key[2] = { key_of(0), key_of(299) };
	u64 miss = 0;
	u32 asked = 0;
	int err = -EAGAIN;

	begin();
	for (u32 i = 0; i < 300; i++)
		put(i, 1);
	checkpoint();
	for (u32 i = 0; i < 2; i++) {
		struct smv_pointer leaf;
		struct smv_key first;

		smv_tree_child(rig_block(rig.tree.root.block), i * 2, &first, &leaf);
		smv_block_seal(rig_block(leaf.block), SMV_MAGIC_NODE, rig.uuid, leaf.block,
			       leaf.generation - 1);
	}
	rig_forget();
	while (err == -EAGAIN && asked < 1000) {
		err = smv_tree_ge(&rig.tree, &key[asked++ % 2], &found, NULL, &miss);
		if (err == -EAGAIN)
			rig_provide(miss);
	}
	EXPECT_EQ(err, -EUCLEAN);
	end();
}

UNIT_TEST(a_node_out_of_order_is_refused_by_check_and_merge)
{
	struct smv_key key;
	u8 *node;

	begin();
	for (u32 i = 0; i < 50; i++)
		put(i, 1);
	checkpoint();
	node = rig_block(rig.tree.root.block);
	memcpy(node + 64 + 40 * 7, node + 64 + 40 * 9, 24);
	smv_block_seal(node, SMV_MAGIC_NODE, rig.uuid, rig.tree.root.block,
		       rig.tree.root.generation);
	rig.tree.root.crc = le32_to_cpu(((struct smv_disk_header *)node)->crc);
	EXPECT_EQ(smv_tree_verify_node(node, 16, rig.tree.root.block, rig.uuid), -EUCLEAN);
	rig_forget();
	key = key_of(5);
	put(number_of(&key), 2);
	rig_checkpoint_begin(&overlay);
	EXPECT_EQ(RETRY(smv_merge_step(rig.merge, &(struct smv_io){ 0 }, &miss, &rig.result)),
		  -EUCLEAN);
	end();
}

UNIT_TEST(nodes_with_impossible_counts_are_refused)
{
	struct smv_key key = key_of(5), found;
	struct smv_disk_header *header;

	begin();
	for (u32 i = 0; i < 50; i++)
		put(i, 1);
	checkpoint();
	header = (struct smv_disk_header *)rig_block(rig.tree.root.block);
	for (u32 count = 0; count <= 101; count += 101) {
		header->count = cpu_to_le32(count);
		smv_block_seal(header, SMV_MAGIC_NODE, rig.uuid, rig.tree.root.block,
			       rig.tree.root.generation);
		rig.tree.root.crc = le32_to_cpu(header->crc);
		rig_forget();
		EXPECT_EQ(RETRY(smv_tree_ge(&rig.tree, &key, &found, NULL, &miss)), -EUCLEAN);
	}
	end();
}

/* Not "missing": whoever is to fetch block 0 would ask for ever. */
UNIT_TEST(a_child_at_block_0_is_damage)
{
	struct smv_pointer none = { 0 };
	const void *node;
	u64 miss;

	begin();
	EXPECT_EQ(smv_tree_node(&rig.tree, &none, &node, &miss), -EUCLEAN);
	end();
}

UNIT_TEST(a_merge_without_memory_is_not_made)
{
	rig_host_fail_at(1);
	EXPECT(!smv_merge_new(&rig_host));
	rig_host_reset();
	smv_merge_delete(NULL);
}
