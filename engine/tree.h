/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A copy-on-write B+tree of keys with values of a fixed size. Between
 * checkpoints it does not change; a checkpoint merges an overlay into it in
 * one ascending pass, writing every changed node anew, elsewhere.
 */
#ifndef SMV_TREE_H
#define SMV_TREE_H

#include "alloc.h"
#include "block.h"
#include "overlay.h"

#define SMV_TREE_DEPTH_MAX 10

struct smv_pointer {
	u64 block; /* 0: none */
	u64 generation;
	u32 crc;
};

struct smv_tree {
	struct smv_blocks *blocks;
	u32 value_bytes; /* a multiple of 8 */
	struct smv_pointer root;
	u64 entries;
	u64 leaves;
	u64 internals;
	u64 doubted; /* a block that was not the one meant, and was to be read again */
	u32 doubts; /* how many since the tree is this one */
};

void smv_tree_load(struct smv_tree *tree, struct smv_blocks *blocks, u32 value_bytes,
		   const struct smv_disk_tree *disk);
void smv_tree_store(const struct smv_tree *tree, struct smv_disk_tree *disk);

/*
 * The first entry at or above @key, the last at or below. @value may be NULL.
 * 0; -ENOENT; -EAGAIN (*miss); -EUCLEAN: a node is not the one its parent
 * points to, or its entries are out of order.
 */
int smv_tree_ge(struct smv_tree *tree, const struct smv_key *key, struct smv_key *found,
		void *value, u64 *miss);
int smv_tree_le(struct smv_tree *tree, const struct smv_key *key, struct smv_key *found,
		void *value, u64 *miss);

/* Nodes that merging @records records can write at most: see tree.c for why. */
u64 smv_tree_need(const struct smv_tree *tree, u64 records);
/* Makes leaves, internals and entries of @tree the most that merging @records records can leave. */
void smv_tree_grow(struct smv_tree *tree, u64 records);
/* Nodes that a tree of as many entries has at most, in whatever order they came and others went. */
u64 smv_tree_loosest(const struct smv_tree *tree);

/*
 * The node that @pointer means: 0, -EAGAIN (*miss), -EUCLEAN. Valid until the next
 * provide or insert.
 */
int smv_tree_node(struct smv_tree *tree, const struct smv_pointer *pointer, const void **node,
		  u64 *miss);
/* Are level, count and order of the entries sound? -EUCLEAN. */
int smv_tree_check_node(const void *node, u32 value_bytes);

/* Structure of a node, for check and dump: capacity and access, key by key. */
u32 smv_tree_capacity(u32 value_bytes, u32 level);
int smv_tree_verify_node(const void *node, u32 value_bytes, u64 number, const u8 *uuid);
void smv_tree_leaf_entry(const void *node, u32 value_bytes, u32 index, struct smv_key *key,
			 void *value);
void smv_tree_child(const void *node, u32 index, struct smv_key *key, struct smv_pointer *child);

/*
 * The merge. step(): 1: write @io, then call it again (nodes are in builder
 * memory until then, and in the cache); 0: finished, *result is the new tree;
 * -EAGAIN: *miss; else it has failed and the checkpoint with it.
 * The tree itself is not changed. Blocks of replaced nodes are freed to alloc.
 */
struct smv_merge;
struct smv_merge *smv_merge_new(const struct smv_host *host);
void smv_merge_delete(struct smv_merge *merge);
void smv_merge_begin(struct smv_merge *merge, const struct smv_tree *tree,
		     const struct smv_overlay *changes, struct smv_alloc *alloc, u64 generation);
int smv_merge_step(struct smv_merge *merge, struct smv_io *io, u64 *miss, struct smv_tree *result);
/* The next change to be merged: those before it have been; NULL: all have. */
const struct smv_overlay_entry *smv_merge_place(const struct smv_merge *merge);

#endif
