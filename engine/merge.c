// SPDX-License-Identifier: GPL-2.0-only
/*
 * The merge of an overlay into a tree: one ascending pass that writes every
 * changed node anew, elsewhere, and leaves the old tree as it was.
 *
 * Promises
 *  - The result is the tree's entries with the changes laid over them: a value
 *    replaces or is added, a tombstone removes. Its separators are exact.
 *  - I-TREE-IMMUTABLE: blocks of the old tree are freed to the allocator, which
 *    does not give them out before the checkpoint is durable.
 *  - Whatever is missing (-EAGAIN), no work is lost and none done twice: each
 *    turn of the loop in smv_merge_step() gets all it needs before it changes
 *    anything.
 *  - All nodes are written when step() has returned 0.
 *
 * Structure: for each level the copy of one source node with a place in it,
 * and a builder: entries of the new tree for which there is no node yet, at most
 * twice a node's capacity. A source node is opened (and freed) only if changes
 * lie below it, or if the nodes opened before it left so few entries, less than
 * half a node's, that they are better joined with it. Opening one after another at the same level makes
 * a run, and a run shares one builder. Children without changes pass
 * through as they are. A full builder emits a node of full capacity, at the run's end the
 * rest as one node or two; each emitted node is one entry for the builder above.
 * The end of the tree has no right neighbour to be fair to: keys appended
 * there make full leaves. At the end the top levels are closed upwards until one node is
 * left; a top node with one child gives way to the child.
 *
 * States: START -> RUN by opening the root; RUN -> TOP when its entries are used
 * up; TOP -> COLLAPSE when one pointer is left; COLLAPSE -> DONE when that is no
 * node with a single child. Within RUN a level is `closing' while its
 * builder empties.
 *
 * Crash: what is written lies in blocks that the durable checkpoint does not use.
 *
 * Weak side: the last child of a node has no right neighbour below the same
 * parent to be joined with, so it may be small until its parent is joined.
 */
#include "tree.h"

#define INTERNAL_ENTRY (sizeof(struct smv_disk_key) + sizeof(struct smv_disk_pointer))
#define BUILDER_BYTES (2 * SMV_PAYLOAD_BYTES)

enum merge_state { MERGE_START, MERGE_RUN, MERGE_TOP, MERGE_COLLAPSE, MERGE_DONE };

struct merge_level {
	u8 source[SMV_BLOCK_BYTES]; /* both first, so that words in them are aligned */
	u8 builder[BUILDER_BYTES];
	u32 at; /* next entry of the source */
	u32 count; /* entries of the source */
	bool bounded; /* keys of the source are below upper */
	bool closing; /* the run has ended, its builder empties */
	struct smv_key upper;
	u32 built; /* entries in the builder */
	u32 capacity;
	u32 bytes; /* of an entry */
};

struct smv_merge {
	u8 buffer[SMV_IO_BLOCKS][SMV_BLOCK_BYTES]; /* first: see struct smv_io */
	struct smv_host host;
	struct smv_tree source;
	struct smv_tree result;
	const struct smv_overlay *changes;
	const struct smv_overlay_entry *change; /* next to be merged; NULL: none left */
	struct smv_alloc *alloc;
	u64 generation;
	enum merge_state state;
	u32 level; /* that the work is at */
	u32 root_level;
	u32 queued; /* nodes in buffer */
	u64 block[SMV_IO_BLOCKS];
	struct merge_level levels[SMV_TREE_DEPTH_MAX];
};

struct smv_merge *smv_merge_new(const struct smv_host *host)
{
	struct smv_merge *merge = smv_host_alloc(host, sizeof(*merge));

	if (merge)
		merge->host = *host;
	return merge;
}

void smv_merge_delete(struct smv_merge *merge)
{
	struct smv_host host;

	if (!merge)
		return;
	host = merge->host;
	smv_host_free(&host, merge, sizeof(*merge));
}

void smv_merge_begin(struct smv_merge *merge, const struct smv_tree *tree,
		     const struct smv_overlay *changes, struct smv_alloc *alloc, u64 generation)
{
	struct smv_key first = { 0, 0, 0 };

	merge->source = *tree;
	merge->result = *tree;
	merge->result.doubted = 0;
	merge->result.doubts = 0;
	merge->changes = changes;
	merge->change = smv_overlay_ge(changes, &first);
	merge->alloc = alloc;
	merge->generation = generation;
	merge->state = merge->change ? MERGE_START : MERGE_DONE;
	merge->level = 0;
	merge->root_level = 0;
	merge->queued = 0;
	for (u32 i = 0; i < SMV_TREE_DEPTH_MAX; i++) {
		struct merge_level *level = &merge->levels[i];

		level->at = 0;
		level->count = 0;
		level->bounded = false;
		level->closing = false;
		level->built = 0;
		level->capacity = smv_tree_capacity(tree->value_bytes, i);
		level->bytes = i ? (u32)INTERNAL_ENTRY :
				   (u32)sizeof(struct smv_disk_key) + tree->value_bytes;
	}
}

/* -- entries --------------------------------------------------------------- */

static void *source_entry(struct merge_level *level, u32 index)
{
	return level->source + sizeof(struct smv_disk_header) + (size_t)index * level->bytes;
}

static void source_key(struct merge_level *level, u32 index, struct smv_key *key)
{
	smv_key_decode(source_entry(level, index), key);
}

static u8 *builder_next(struct merge_level *level)
{
	SMV_ASSERT(level->built < 2 * level->capacity);
	return level->builder + (size_t)level->built++ * level->bytes;
}

/* The source's next entry goes into the builder as it is. */
static void pass_entry(struct merge_level *level)
{
	memcpy(builder_next(level), source_entry(level, level->at), level->bytes);
	level->at++;
}

static bool change_below(const struct smv_merge *merge, bool bounded, const struct smv_key *upper)
{
	return merge->change && (!bounded || smv_key_cmp(&merge->change->key, upper) < 0);
}

/* -- reading the source -------------------------------------------------------- */

/* Copies the node into its level's source and frees its block. */
static int open_node(struct smv_merge *merge, const struct smv_pointer *pointer, u32 expected,
		     u64 *miss)
{
	const struct smv_disk_header *header;
	struct merge_level *level;
	const void *node;
	u32 number;
	int err;

	err = smv_tree_node(&merge->source, pointer, &node, miss);
	if (err)
		return err;
	header = node;
	number = le32_to_cpu(header->level);
	if (expected < SMV_TREE_DEPTH_MAX && number != expected)
		return -EUCLEAN;
	err = smv_tree_check_node(node, merge->source.value_bytes);
	if (err)
		return err;
	/* The node stays valid: freeing provides no block. */
	err = smv_alloc_free_block(merge->alloc, pointer->block, miss);
	if (err)
		return err;
	level = &merge->levels[number];
	memcpy(level->source, node, SMV_BLOCK_BYTES);
	level->at = 0;
	level->count = le32_to_cpu(header->count);
	level->bounded = false;
	merge->level = number;
	if (number)
		merge->result.internals--;
	else
		merge->result.leaves--;
	return 0;
}

/* Opens the next child of @parent. */
static int open_child(struct smv_merge *merge, struct merge_level *parent, u64 *miss)
{
	u32 number = (u32)(parent - merge->levels) - 1;
	struct merge_level *level = &merge->levels[number];
	struct smv_key separator, first;
	struct smv_pointer child;
	int err;

	smv_tree_child(parent->source, parent->at, &separator, &child);
	err = open_node(merge, &child, number, miss);
	if (err)
		return err;
	source_key(level, 0, &first);
	if (smv_key_cmp(&first, &separator))
		return -EUCLEAN;
	parent->at++;
	level->bounded = parent->bounded;
	level->upper = parent->upper;
	if (parent->at < parent->count) {
		level->bounded = true;
		source_key(parent, parent->at, &level->upper);
	}
	return 0;
}

/* Are there changes below the parent's next child? */
static bool child_changes(const struct smv_merge *merge, struct merge_level *parent)
{
	struct smv_key upper;

	if (parent->at + 1 == parent->count)
		return change_below(merge, parent->bounded, &parent->upper);
	source_key(parent, parent->at + 1, &upper);
	return change_below(merge, true, &upper);
}

/* -- writing nodes ------------------------------------------------------------------ */

static void node_build(struct smv_merge *merge, u32 number, u32 count, u64 block)
{
	struct merge_level *level = &merge->levels[number];
	u8 *node = merge->buffer[merge->queued];
	struct smv_disk_header *header = (struct smv_disk_header *)node;
	size_t bytes = (size_t)count * level->bytes;

	memset(node, 0, SMV_BLOCK_BYTES);
	memcpy(node + sizeof(*header), level->builder, bytes);
	header->count = cpu_to_le32(count);
	header->level = cpu_to_le32(number);
	smv_block_seal(node, SMV_MAGIC_NODE, merge->alloc->uuid, block, merge->generation);
	smv_blocks_insert(merge->source.blocks, block, node);
	merge->block[merge->queued++] = block;
	level->built -= count;
	memmove(level->builder, level->builder + bytes, (size_t)level->built * level->bytes);
	if (number)
		merge->result.internals++;
	else
		merge->result.leaves++;
}

/*
 * The builder's first @count entries become a node, and that an entry of the
 * level above. 1: the nodes queued must be written first.
 */
static int emit(struct smv_merge *merge, u32 number, u32 count, u64 *miss)
{
	struct smv_disk_pointer *pointer;
	const struct smv_disk_header *header;
	u64 block;
	u8 *entry;
	int err;

	if (number + 1 >= SMV_TREE_DEPTH_MAX)
		return -EUCLEAN;
	if (merge->queued == SMV_IO_BLOCKS)
		return 1;
	err = smv_alloc_take_block(merge->alloc, &block, miss);
	if (err)
		return err;
	entry = builder_next(&merge->levels[number + 1]);
	memcpy(entry, merge->levels[number].builder, sizeof(struct smv_disk_key));
	node_build(merge, number, count, block);
	header = (const struct smv_disk_header *)merge->buffer[merge->queued - 1];
	pointer = (struct smv_disk_pointer *)(entry + sizeof(struct smv_disk_key));
	pointer->block = header->block;
	pointer->generation = header->generation;
	pointer->crc = header->crc;
	pointer->pad = 0;
	return 0;
}

/* The entries of the next node of a builder that empties. @end: of the tree. */
static u32 closing_count(const struct merge_level *level, bool end)
{
	if (level->built <= level->capacity)
		return level->built;
	return end ? level->capacity : level->built / 2;
}

/* -- merging ------------------------------------------------------------------------- */

/* Takes the next change: over the source's next entry if @same, else before it. */
static void take_change(struct smv_merge *merge, bool same)
{
	struct merge_level *leaf = &merge->levels[0];
	const struct smv_overlay_entry *change = merge->change;

	if (same) {
		leaf->at++;
		merge->result.entries--;
	}
	if (!change->tombstone) {
		u8 *entry = builder_next(leaf);

		smv_key_encode(&change->key, (struct smv_disk_key *)entry);
		memcpy(entry + sizeof(struct smv_disk_key), smv_overlay_value(change),
		       merge->source.value_bytes);
		merge->result.entries++;
	}
	merge->change = smv_overlay_next(merge->changes, change);
}

/* Until the builder is full, or the source and its changes are used up. */
static void merge_leaf(struct smv_merge *merge)
{
	struct merge_level *leaf = &merge->levels[0];

	while (leaf->built < 2 * leaf->capacity) {
		bool changed = change_below(merge, leaf->bounded, &leaf->upper);
		struct smv_key key;
		int order;

		if (leaf->at == leaf->count) {
			if (!changed)
				break;
			take_change(merge, false);
			continue;
		}
		source_key(leaf, leaf->at, &key);
		order = changed ? smv_key_cmp(&merge->change->key, &key) : 1;
		if (order > 0)
			pass_entry(leaf);
		else
			take_change(merge, order == 0);
	}
}

static bool leaf_is_merged(const struct smv_merge *merge)
{
	const struct merge_level *leaf = &merge->levels[0];

	return leaf->at == leaf->count && !change_below(merge, leaf->bounded, &leaf->upper);
}

/* Children without changes pass. Then the next is opened, if any is left. */
static int merge_internal(struct smv_merge *merge, struct merge_level *level, u64 *miss)
{
	while (level->at < level->count && level->built < 2 * level->capacity) {
		if (child_changes(merge, level))
			return open_child(merge, level, miss);
		pass_entry(level);
	}
	return 0;
}

/* The source at this level is used up: the run goes on, or ends. */
static int end_source(struct smv_merge *merge, struct merge_level *level, u64 *miss)
{
	struct merge_level *parent = level + 1;

	if (merge->level == merge->root_level) {
		merge->state = MERGE_TOP;
		return 0;
	}
	if (parent->at < parent->count &&
	    (child_changes(merge, parent) || (level->built && level->built < level->capacity / 2)))
		return open_child(merge, parent, miss);
	level->closing = true;
	return 0;
}

static int close_level(struct smv_merge *merge, struct merge_level *level, u64 *miss)
{
	if (level->built)
		return emit(merge, merge->level, closing_count(level, !level->bounded), miss);
	level->closing = false;
	merge->level++;
	return 0;
}

static int run(struct smv_merge *merge, u64 *miss)
{
	struct merge_level *level = &merge->levels[merge->level];

	if (level->closing)
		return close_level(merge, level, miss);
	if (merge->level) {
		if (level->at < level->count)
			return merge_internal(merge, level, miss);
	} else if (!leaf_is_merged(merge)) {
		merge_leaf(merge);
		return 0;
	}
	return end_source(merge, level, miss);
}

/* -- the top of the tree -------------------------------------------------------------- */

static bool is_top(const struct smv_merge *merge, u32 number)
{
	while (++number < SMV_TREE_DEPTH_MAX)
		if (merge->levels[number].built)
			return false;
	return true;
}

static int top(struct smv_merge *merge, u64 *miss)
{
	struct merge_level *level = &merge->levels[merge->level];
	struct smv_key ignored;

	if (!level->built) {
		if (!is_top(merge, merge->level)) {
			merge->level++;
			return 0;
		}
		merge->result.root = (struct smv_pointer){ 0, 0, 0 };
		merge->state = MERGE_DONE;
		return 0;
	}
	if (!merge->level || level->built > 1 || !is_top(merge, merge->level))
		return emit(merge, merge->level, closing_count(level, true), miss);
	memcpy(level->source + sizeof(struct smv_disk_header), level->builder, level->bytes);
	smv_tree_child(level->source, 0, &ignored, &merge->result.root);
	level->built = 0;
	merge->state = MERGE_COLLAPSE;
	return 0;
}

/* A root with one child gives way to it. */
static int collapse(struct smv_merge *merge, u64 *miss)
{
	const struct smv_disk_header *header;
	struct smv_pointer child;
	struct smv_key ignored;
	const void *node;
	int err;

	if (merge->level == 1) {
		merge->state = MERGE_DONE;
		return 0;
	}
	/* A node that is still queued may have left the cache: it must be on disk to be read. */
	if (merge->queued)
		return 1;
	err = smv_tree_node(&merge->source, &merge->result.root, &node, miss);
	if (err)
		return err;
	header = node;
	if (le32_to_cpu(header->level) != merge->level - 1)
		return -EUCLEAN;
	if (le32_to_cpu(header->count) > 1) {
		merge->state = MERGE_DONE;
		return 0;
	}
	smv_tree_child(node, 0, &ignored, &child);
	err = smv_alloc_free_block(merge->alloc, merge->result.root.block, miss);
	if (err)
		return err;
	merge->result.internals--;
	merge->result.root = child;
	merge->level--;
	return 0;
}

/* -- the state machine --------------------------------------------------------------------- */

static int start(struct smv_merge *merge, u64 *miss)
{
	if (merge->source.root.block) {
		int err = open_node(merge, &merge->source.root, SMV_TREE_DEPTH_MAX, miss);

		if (err)
			return err;
	}
	merge->root_level = merge->level;
	merge->state = MERGE_RUN;
	return 0;
}

/* The highest level whose builder is full: emitting below it needs room there. */
static bool full_level(const struct smv_merge *merge, u32 *number)
{
	for (u32 i = SMV_TREE_DEPTH_MAX; i-- > 0;) {
		if (merge->levels[i].built < 2 * merge->levels[i].capacity)
			continue;
		*number = i;
		return true;
	}
	return false;
}

static int turn(struct smv_merge *merge, u64 *miss)
{
	u32 number;

	if (full_level(merge, &number))
		return emit(merge, number, merge->levels[number].capacity, miss);
	switch (merge->state) {
	case MERGE_START:
		return start(merge, miss);
	case MERGE_RUN:
		return run(merge, miss);
	case MERGE_TOP:
		return top(merge, miss);
	case MERGE_COLLAPSE:
		return collapse(merge, miss);
	case MERGE_DONE:
		break;
	}
	return merge->queued ? 1 : 0;
}

static void hand_out(struct smv_merge *merge, struct smv_io *io)
{
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_WRITE;
	io->count = merge->queued;
	for (u32 i = 0; i < merge->queued; i++) {
		io->block[i] = merge->block[i];
		io->buffer[i] = merge->buffer[i];
	}
	merge->queued = 0;
}

int smv_merge_step(struct smv_merge *merge, struct smv_io *io, u64 *miss, struct smv_tree *result)
{
	/* Each turn uses up an entry, a change, a node or a state. */
	for (;;) {
		bool done = merge->state == MERGE_DONE;
		int err = turn(merge, miss);

		if (err == 1)
			hand_out(merge, io);
		if (err)
			return err;
		if (done) {
			*result = merge->result;
			return 0;
		}
	}
}

const struct smv_overlay_entry *smv_merge_place(const struct smv_merge *merge)
{
	return merge->change;
}
