// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check's walk over a tree. It promises to read each node once, however many
 * pointers name it, in key order, and to accept only the node its parent points to:
 * address, generation, checksum, level, first key; and keys that ascend over the
 * whole tree.
 *
 * The path from the root is an array, one node a level, bounded by
 * SMV_TREE_DEPTH_MAX; a damaged child is reported and passed over.
 */
#include <stdlib.h>
#include "check_private.h"

struct level {
	u8 node[SMV_BLOCK_BYTES];
	u32 next; /* child to visit */
	u32 level;
};

struct walk {
	struct smv_ck *ck;
	u32 value_bytes;
	smv_ck_entry entry;
	struct level *path; /* SMV_TREE_DEPTH_MAX */
	u32 depth;
	struct smv_key last;
	bool has_last;
	u64 entries, leaves, internals;
	int rc;
};

static const struct smv_disk_header *header_of(const struct level *l)
{
	return (const void *)l->node;
}

/* -- what has been met ------------------------------------------------------ */

/* Where the block is, or would be; the table has room. */
static u64 *stray_slot(const struct smv_ck *ck, u64 block)
{
	u64 at = (block * 0x9e3779b97f4a7c15ULL) >> 32;

	do
		at = (at + 1) & (ck->stray_room - 1);
	while (ck->stray[at] && ck->stray[at] != block);
	return &ck->stray[at];
}

static int grow_strays(struct smv_ck *ck)
{
	u64 *old = ck->stray, room = ck->stray_room;

	ck->stray = calloc(room ? 2 * room : 64, sizeof(*ck->stray));
	if (!ck->stray) {
		ck->stray = old;
		return -ENOMEM;
	}
	ck->stray_room = room ? 2 * room : 64;
	for (u64 i = 0; i < room; i++)
		if (old[i])
			*stray_slot(ck, old[i]) = old[i];
	free(old);
	return 0;
}

/* The block of a node in no metadata that is known: -EEXIST: met before. */
static int meet_stray(struct smv_ck *ck, u64 block)
{
	u64 *slot;

	if (2 * ck->strays >= ck->stray_room && grow_strays(ck))
		return -ENOMEM;
	slot = stray_slot(ck, block);
	if (*slot)
		return -EEXIST;
	*slot = block;
	ck->strays++;
	return 0;
}

/* The place should be one that the bitmaps call metadata in use. As meet_stray(). */
static int meet(struct smv_ck *ck, u64 block)
{
	struct smv_ck_meta *meta = smv_ck_find_meta(ck, block / ck->geometry.chunk_blocks);
	u32 at = (u32)(block % ck->geometry.chunk_blocks);
	int rc;

	if (!meta || !smv_ck_bit(meta->used, at)) {
		rc = meet_stray(ck, block);
		if (!rc && !ck->incomplete)
			smv_ck_damage(ck, SMV_DAMAGE_NODE_PLACE, block, "%s", "");
		return rc;
	}
	if (smv_ck_bit(meta->reached, at))
		return -EEXIST;
	smv_ck_set(meta->reached, at);
	return 0;
}

/* -- the walk ------------------------------------------------------------------ */

static const char *judge(struct walk *w, const struct level *l, const struct smv_pointer *pointer,
			 s64 level)
{
	const struct smv_disk_header *h = header_of(l);

	if (smv_block_verify(l->node, SMV_MAGIC_NODE, w->ck->super.header.uuid, pointer->block))
		return "its checksum, kind, store or address is wrong";
	if (le64_to_cpu(h->generation) != pointer->generation ||
	    le32_to_cpu(h->crc) != pointer->crc)
		return "an older or newer version than its parent names";
	if (smv_tree_verify_node(l->node, w->value_bytes, pointer->block, w->ck->super.header.uuid))
		return "its structure or order is wrong";
	if (level >= 0 && le32_to_cpu(h->level) != (u32)level)
		return "of another level than its parent expects";
	return NULL;
}

/* Reads the node into path[depth]; false: reported, or no memory. @level: -1: the root's, any. */
static bool enter(struct walk *w, const struct smv_pointer *pointer, s64 level)
{
	struct level *l = &w->path[w->depth];
	const char *why;

	if (!pointer->block || pointer->block >= w->ck->geometry.blocks) {
		smv_ck_damage(w->ck, SMV_DAMAGE_NODE, pointer->block, "no place of a node");
		w->ck->incomplete = true;
		return false;
	}
	w->rc = meet(w->ck, pointer->block);
	if (w->rc == -EEXIST) {
		w->rc = 0;
		w->ck->incomplete = true;
		smv_ck_damage(w->ck, SMV_DAMAGE_NODE_TWICE, pointer->block, "%s", "");
		return false;
	}
	if (w->rc || !smv_ck_read(w->ck, pointer->block, l->node))
		return false;
	why = judge(w, l, pointer, level);
	if (why) {
		smv_ck_damage(w->ck, SMV_DAMAGE_NODE, pointer->block, "%s", why);
		w->ck->incomplete = true;
		return false;
	}
	l->level = le32_to_cpu(header_of(l)->level);
	l->next = 0;
	w->depth++;
	w->ck->result->nodes++;
	return true;
}

static void check_order(struct walk *w, const struct smv_key *key, u64 block)
{
	if (w->has_last && smv_key_cmp(&w->last, key) >= 0)
		smv_ck_damage(w->ck, SMV_DAMAGE_NODE_ORDER, block, "%s", "");
	w->last = *key;
	w->has_last = true;
}

static void visit_leaf(struct walk *w, const struct level *l)
{
	u32 count = le32_to_cpu(header_of(l)->count);
	u64 block = le64_to_cpu(header_of(l)->block);
	u8 *value = malloc(w->value_bytes);

	w->leaves++;
	for (u32 i = 0; value && i < count; i++) {
		struct smv_key key;

		smv_tree_leaf_entry(l->node, w->value_bytes, i, &key, value);
		check_order(w, &key, block);
		w->entries++;
		w->entry(w->ck, &key, value);
	}
	free(value);
}

static void first_key(const struct level *l, u32 value_bytes, struct smv_key *key)
{
	struct smv_pointer child;

	if (l->level)
		smv_tree_child(l->node, 0, key, &child);
	else
		smv_tree_leaf_entry(l->node, value_bytes, 0, key, NULL);
}

/* Goes on at the deepest node of the path: into its next child, or up. */
static void step(struct walk *w)
{
	struct level *l = &w->path[w->depth - 1];
	struct smv_pointer child;
	struct smv_key key, first;
	u64 block = le64_to_cpu(header_of(l)->block);

	if (!l->level || l->next == le32_to_cpu(header_of(l)->count)) {
		if (l->level)
			w->internals++;
		else
			visit_leaf(w, l);
		w->depth--;
		return;
	}
	smv_tree_child(l->node, l->next++, &key, &child);
	if (w->depth == SMV_TREE_DEPTH_MAX || !enter(w, &child, (s64)l->level - 1))
		return;
	first_key(&w->path[w->depth - 1], w->value_bytes, &first);
	if (smv_key_cmp(&key, &first)) {
		smv_ck_damage(w->ck, SMV_DAMAGE_NODE_ORDER, block,
			      "its key for a child is not the child's first");
		w->ck->incomplete = true;
	}
}

static void check_counts(struct walk *w, const struct smv_disk_tree *tree, const char *what)
{
	const struct {
		const char *name;
		u64 said, found;
	} count[] = {
		{ "entries", le64_to_cpu(tree->entries), w->entries },
		{ "leaves", le64_to_cpu(tree->leaves), w->leaves },
		{ "internal nodes", le64_to_cpu(tree->internals), w->internals },
	};

	for (u32 i = 0; i < 3 && !w->ck->incomplete; i++)
		if (count[i].said != count[i].found)
			smv_ck_damage(w->ck, SMV_DAMAGE_TREE_COUNT,
				      le64_to_cpu(w->ck->super.header.block),
				      "%s of %s: says %llu, there are %llu", count[i].name, what,
				      (unsigned long long)count[i].said,
				      (unsigned long long)count[i].found);
}

int smv_ck_tree(struct smv_ck *ck, const struct smv_disk_tree *tree, u32 value_bytes,
		smv_ck_entry entry)
{
	struct walk w = { .ck = ck, .value_bytes = value_bytes, .entry = entry };
	struct smv_pointer root = { .block = le64_to_cpu(tree->root.block),
				    .generation = le64_to_cpu(tree->root.generation),
				    .crc = le32_to_cpu(tree->root.crc) };
	u64 nodes = le64_to_cpu(tree->leaves) + le64_to_cpu(tree->internals);

	w.path = calloc(SMV_TREE_DEPTH_MAX, sizeof(*w.path));
	if (!w.path)
		return -ENOMEM;
	if (root.block)
		enter(&w, &root, -1);
	while (w.depth && !w.rc) {
		step(&w);
		if (ck->check->progress && !(w.leaves & 255))
			ck->check->progress(ck->check->context, w.leaves + w.internals, nodes);
	}
	check_counts(&w, tree,
		     value_bytes == sizeof(struct smv_disk_value) ? "the exceptions" :
								    "the volumes");
	free(w.path);
	return w.rc;
}
