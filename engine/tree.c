// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree between checkpoints: look-ups in blocks that do not change.
 *
 * Promises
 *  - I-TREE-IMMUTABLE: nothing here writes; what a root reaches stays as it is
 *    until the checkpoint after the one that replaced it.
 *  - I-CHILD-PROVEN: a node is used only if its checksum and generation are
 *    those of the pointer it was reached by, its level is one below, its first
 *    key is its separator. A lost write, an older version of the block, a
 *    misplaced one are reported, never read as data.
 *
 * Structure: an internal entry is the exact first key of a child and its
 * pointer; a leaf entry a key and its value. A descent for the first entry at
 * or above a key that falls off its leaf goes down a second time, for the
 * smallest separator it saw to the right; exact separators make a third
 * needless.
 *
 * The most nodes that a merge of r changes writes, smv_tree_need(): call a run
 * the source nodes of one level that a merge opens one after another (see
 * merge.c). With c nodes opened because of changes, and i entries coming
 * in, a run emits at most c + ceil((cap/2 + i)/cap) nodes: all but the last two
 * emitted are full, and nodes opened only because too few entries were left
 * add less than one node and a half (that happens only while less
 * than cap/2 entries have come together, the first node's included). So each
 * run adds at most 1 + 2 i/cap to the c nodes it replaces. Two runs below one
 * parent have an untouched node between them; so runs, with the changed nodes,
 * are at most the level's nodes plus the nodes above, and at most 2 r.
 *    leaves:     L = min(2 r, leaves + internals + 1)
 *    new leaves: S = 2 r / cap + 1
 * Or, by what they hold: a run of n entries emits ceil(n/cap) nodes, and runs are
 * at most half of the leaves and the nodes above, and at most r.
 *    L + S = min(r, (leaves + internals)/2 + 1) + (entries + r)/cap
 *    internals:  I = 2 (internals + depth), or 2 r for each level
 *    above them: 2/cap(internal) of the growth of each level below, in all
 *                less than (L + I + S)/32, and one a level for a new top.
 * What is left of that behind the merge, smv_tree_grow(): a run of n entries had ceil(n/cap) nodes
 * at least before its i entries came in, so that each run adds at most one, and all of them r/cap.
 *
 * The most nodes that a tree comes to, smv_tree_loosest(): what a merge writes or leaves beside what it
 * has written is half full, but for the last child of a node, one of 43 at most if its parent
 * is half full; a sixteenth more has room for those, for parents that were joined, and for the nodes above.
 *
 * Crash: nothing is written here.
 *
 * A read of the host's may have taken so long that the block was freed and
 * given out anew meanwhile; so a node that is not the one meant is dropped from the
 * cache and asked for once more before it counts as damaged. The number of
 * such doubts is bounded, for two damaged blocks asked for in turn.
 *
 * Weak side: the order of entries within a node is checked by merge and check
 * only, not at look-up.
 */
#include "tree.h"

#define DESCENTS_MAX 2
#define DOUBTS_MAX 16

/* -- nodes -------------------------------------------------------------- */

static u32 entry_bytes(u32 value_bytes, u32 level)
{
	return (u32)sizeof(struct smv_disk_key) +
	       (level ? (u32)sizeof(struct smv_disk_pointer) : value_bytes);
}

u32 smv_tree_capacity(u32 value_bytes, u32 level)
{
	return SMV_PAYLOAD_BYTES / entry_bytes(value_bytes, level);
}

static const u8 *node_entry(const void *node, u32 bytes, u32 index)
{
	return (const u8 *)node + sizeof(struct smv_disk_header) + (size_t)index * bytes;
}

static void entry_key(const u8 *entry, struct smv_key *key)
{
	smv_key_decode((const struct smv_disk_key *)entry, key);
}

void smv_tree_leaf_entry(const void *node, u32 value_bytes, u32 index, struct smv_key *key,
			 void *value)
{
	const u8 *entry = node_entry(node, entry_bytes(value_bytes, 0), index);

	entry_key(entry, key);
	if (value)
		memcpy(value, entry + sizeof(struct smv_disk_key), value_bytes);
}

static void pointer_from_disk(const struct smv_disk_pointer *disk, struct smv_pointer *pointer)
{
	pointer->block = le64_to_cpu(disk->block);
	pointer->generation = le64_to_cpu(disk->generation);
	pointer->crc = le32_to_cpu(disk->crc);
}

void smv_tree_child(const void *node, u32 index, struct smv_key *key, struct smv_pointer *child)
{
	const u8 *entry = node_entry(node, entry_bytes(0, 1), index);

	entry_key(entry, key);
	pointer_from_disk((const void *)(entry + sizeof(struct smv_disk_key)), child);
}

static u32 node_level(const void *node)
{
	return le32_to_cpu(((const struct smv_disk_header *)node)->level);
}

static u32 node_count(const void *node)
{
	return le32_to_cpu(((const struct smv_disk_header *)node)->count);
}

int smv_tree_check_node(const void *node, u32 value_bytes)
{
	u32 level = node_level(node);
	u32 count = node_count(node);
	u32 bytes = entry_bytes(value_bytes, level);
	struct smv_key last, key;

	if (level >= SMV_TREE_DEPTH_MAX || !count || count > SMV_PAYLOAD_BYTES / bytes)
		return -EUCLEAN;
	entry_key(node_entry(node, bytes, 0), &last);
	for (u32 i = 1; i < count; i++, last = key) {
		entry_key(node_entry(node, bytes, i), &key);
		if (smv_key_cmp(&last, &key) >= 0)
			return -EUCLEAN;
	}
	return 0;
}

int smv_tree_verify_node(const void *node, u32 value_bytes, u64 number, const u8 *uuid)
{
	int err = smv_block_verify(node, SMV_MAGIC_NODE, uuid, number);

	return err ? err : smv_tree_check_node(node, value_bytes);
}

/* -- load and store -------------------------------------------------------- */

void smv_tree_load(struct smv_tree *tree, struct smv_blocks *blocks, u32 value_bytes,
		   const struct smv_disk_tree *disk)
{
	memset(tree, 0, sizeof(*tree));
	tree->blocks = blocks;
	tree->value_bytes = value_bytes;
	pointer_from_disk(&disk->root, &tree->root);
	tree->entries = le64_to_cpu(disk->entries);
	tree->leaves = le64_to_cpu(disk->leaves);
	tree->internals = le64_to_cpu(disk->internals);
}

void smv_tree_store(const struct smv_tree *tree, struct smv_disk_tree *disk)
{
	memset(disk, 0, sizeof(*disk));
	disk->root.block = cpu_to_le64(tree->root.block);
	disk->root.generation = cpu_to_le64(tree->root.generation);
	disk->root.crc = cpu_to_le32(tree->root.crc);
	disk->entries = cpu_to_le64(tree->entries);
	disk->leaves = cpu_to_le64(tree->leaves);
	disk->internals = cpu_to_le64(tree->internals);
}

/* -- look-up ------------------------------------------------------------------ */

/* Is this the node that the pointer means, and usable? */
static bool node_is_sound(const struct smv_tree *tree, const void *node,
			  const struct smv_pointer *pointer)
{
	const struct smv_disk_header *header = node;
	u32 count = node_count(node);

	return le32_to_cpu(header->magic) == SMV_MAGIC_NODE &&
	       le64_to_cpu(header->generation) == pointer->generation &&
	       le32_to_cpu(header->crc) == pointer->crc && node_level(node) < SMV_TREE_DEPTH_MAX &&
	       count && count <= smv_tree_capacity(tree->value_bytes, node_level(node));
}

int smv_tree_node(struct smv_tree *tree, const struct smv_pointer *pointer, const void **node,
		  u64 *miss)
{
	if (!pointer->block)
		return -EUCLEAN; /* an internal entry: an empty tree is not descended into */
	*node = smv_blocks_get(tree->blocks, pointer->block);
	if (!*node) {
		*miss = pointer->block;
		return -EAGAIN;
	}
	if (node_is_sound(tree, *node, pointer))
		return 0;
	smv_blocks_drop(tree->blocks, pointer->block);
	if (tree->doubted == pointer->block || tree->doubts >= DOUBTS_MAX)
		return -EUCLEAN;
	/* The host may have read it before it was given out anew: once more. */
	tree->doubted = pointer->block;
	tree->doubts++;
	*miss = pointer->block;
	return -EAGAIN;
}

/* Most entries of a node differ in their chunk: no more of them is decoded than decides. */
static bool entry_is_above(const u8 *entry, const struct smv_key *key)
{
	const struct smv_disk_key *disk = (const void *)entry;
	u64 volume = le64_to_cpu(disk->volume), chunk = le64_to_cpu(disk->chunk);

	if (volume != key->volume)
		return volume > key->volume;
	if (chunk != key->chunk)
		return chunk > key->chunk;
	return le64_to_cpu(disk->epoch) > key->epoch;
}

/* How many of the node's entries are at or below @key. */
static u32 node_search(const struct smv_tree *tree, const void *node, const struct smv_key *key)
{
	u32 bytes = entry_bytes(tree->value_bytes, node_level(node));
	u32 low = 0, high = node_count(node);

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (entry_is_above(node_entry(node, bytes, middle), key))
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* A leaf, and how many of its entries are at or below the key. */
struct place {
	const void *leaf;
	u32 below;
	bool has_right;
	struct smv_key right; /* the smallest separator to the right of the leaf */
};

/* From an internal node to the child where @key is or would be. */
static int child_of(const void *node, u32 below, struct place *place, struct smv_key *separator,
		    struct smv_pointer *child)
{
	struct smv_pointer ignored;

	if (below < node_count(node)) {
		smv_tree_child(node, below, &place->right, &ignored);
		place->has_right = true;
	}
	smv_tree_child(node, below ? below - 1 : 0, separator, child);
	return child->block ? 0 : -EUCLEAN;
}

static int descend(struct smv_tree *tree, const struct smv_key *key, struct place *place, u64 *miss)
{
	struct smv_pointer pointer = tree->root;
	struct smv_key separator, first;
	u32 level = 0;
	int err;

	place->has_right = false;
	for (u32 depth = 0; depth < SMV_TREE_DEPTH_MAX; depth++) {
		const void *node;

		err = smv_tree_node(tree, &pointer, &node, miss);
		if (err)
			return err;
		if (depth) {
			entry_key(node_entry(node, 0, 0), &first);
			if (node_level(node) != level - 1 || smv_key_cmp(&first, &separator))
				return -EUCLEAN;
		}
		level = node_level(node);
		place->leaf = node;
		place->below = node_search(tree, node, key);
		if (!level)
			return 0;
		err = child_of(node, place->below, place, &separator, &pointer);
		if (err)
			return err;
	}
	return -EUCLEAN;
}

int smv_tree_ge(struct smv_tree *tree, const struct smv_key *key, struct smv_key *found,
		void *value, u64 *miss)
{
	struct smv_key from = *key;

	if (!tree->root.block)
		return -ENOENT;
	for (u32 i = 0; i < DESCENTS_MAX; i++) {
		struct place place;
		u32 at;
		int err = descend(tree, &from, &place, miss);

		if (err)
			return err;
		at = place.below;
		if (at) {
			smv_tree_leaf_entry(place.leaf, tree->value_bytes, at - 1, found, NULL);
			if (!smv_key_cmp(found, &from))
				at--;
		}
		if (at < node_count(place.leaf)) {
			smv_tree_leaf_entry(place.leaf, tree->value_bytes, at, found, value);
			return 0;
		}
		if (!place.has_right)
			return -ENOENT;
		from = place.right;
	}
	return -EUCLEAN;
}

int smv_tree_le(struct smv_tree *tree, const struct smv_key *key, struct smv_key *found,
		void *value, u64 *miss)
{
	struct place place;
	int err;

	if (!tree->root.block)
		return -ENOENT;
	err = descend(tree, key, &place, miss);
	if (err)
		return err;
	/* Separators are exact: only left of the whole tree is nothing below. */
	if (!place.below)
		return -ENOENT;
	smv_tree_leaf_entry(place.leaf, tree->value_bytes, place.below - 1, found, value);
	return 0;
}

/* -- the merge's bound ------------------------------------------------------------- */

static u64 least(u64 a, u64 b)
{
	return a < b ? a : b;
}

u64 smv_tree_need(const struct smv_tree *tree, u64 records)
{
	u32 capacity = smv_tree_capacity(tree->value_bytes, 0);
	u64 nodes = tree->leaves + tree->internals;
	u64 by_nodes = least(2 * records, nodes + 1) + smv_port_div(2 * records, capacity) + 1;
	u64 by_entries = least(records, nodes / 2 + 1) + smv_port_div(tree->entries, capacity) +
			 smv_port_div(records, capacity) + 2;
	u64 internals =
		least(2 * records * SMV_TREE_DEPTH_MAX, 2 * (tree->internals + SMV_TREE_DEPTH_MAX));
	u64 all = least(by_nodes, by_entries) + internals;

	return records ? all + all / 32 + SMV_TREE_DEPTH_MAX : 0;
}

void smv_tree_grow(struct smv_tree *tree, u64 records)
{
	u64 nodes = tree->leaves + tree->internals;
	u64 leaves = least(records, nodes / 2 + 1) +
		     smv_port_div(records, smv_tree_capacity(tree->value_bytes, 0)) + 1;

	if (!records)
		return;
	tree->internals += least(records, tree->internals / 2) + leaves / 32 + SMV_TREE_DEPTH_MAX;
	tree->leaves += leaves;
	tree->entries += records;
}

u64 smv_tree_loosest(const struct smv_tree *tree)
{
	u64 leaves = smv_port_div(tree->entries, smv_tree_capacity(tree->value_bytes, 0) / 2);

	return leaves + leaves / 16 + 2;
}
