// SPDX-License-Identifier: GPL-2.0-only
/*
 * The repair's reading of the two trees. It promises to take in exactly the
 * entries of the last checkpoint: a node counts if it is the one its parent
 * names, or, where its parent is lost, if the bitmaps (themselves vouched for by
 * the superblock) say that it is in use and nothing else has reached it. Older
 * versions of nodes that lie about are never taken for current.
 *
 * What cannot be read is kept as a gap: the keys between its neighbours. Of nodes
 * without a parent the highest are taken first, for they still name what is below
 * them: a gap is `named' if a leaf that begins at its first key is known to be lost.
 * When all leaves of the tree are found or named so, no other gap holds anything.
 *
 * Weak side: with a group's block lost, leaves below a lost node in that group are
 * lost, too.
 */
#include <stdlib.h>
#include "repair_private.h"

struct frame {
	u8 node[SMV_BLOCK_BYTES];
	u32 next, level;
	struct smv_key low, high;
};

struct reading {
	struct smv_rp *rp;
	struct smv_rp_gaps *gaps;
	u32 value_bytes;
	struct frame *path;
	u32 depth;
	u64 leaves;
	struct smv_key end; /* the last one of the leaf read last */
	bool ended; /* and nothing was found lost behind it */
	bool adopting; /* what parents name may have been overwritten since */
};

void smv_rp_gap(struct smv_rp *rp, struct smv_rp_gaps *gaps, const struct smv_key *low,
		const struct smv_key *high, bool named)
{
	struct smv_rp_gap *larger;

	if (smv_key_cmp(low, high) >= 0)
		return;
	larger = realloc(gaps->gap, (gaps->gaps + 1) * sizeof(*larger));
	if (!larger) {
		rp->rc = -ENOMEM;
		return;
	}
	gaps->gap = larger;
	gaps->gap[gaps->gaps++] = (struct smv_rp_gap){ *low, *high, named };
}

static bool is_volumes(const struct reading *r)
{
	return r->value_bytes == sizeof(struct smv_disk_volume);
}

static void take_leaf(struct reading *r, const void *node)
{
	u32 count = le32_to_cpu(((const struct smv_disk_header *)node)->count);
	struct smv_disk_volume volume;
	struct smv_disk_value disk;
	struct smv_key key;

	r->leaves++;
	r->ended = true;
	smv_tree_leaf_entry(node, r->value_bytes, count - 1, &r->end, NULL);
	for (u32 i = 0; i < count && !r->rp->rc; i++) {
		if (is_volumes(r)) {
			smv_tree_leaf_entry(node, r->value_bytes, i, &key, &volume);
			if (le64_to_cpu(volume.number) == key.volume && key.volume)
				r->rp->rc = smv_image_add_volume(r->rp->image, &volume);
			continue;
		}
		smv_tree_leaf_entry(node, r->value_bytes, i, &key, &disk);
		r->rp->rc = smv_image_add_entry(r->rp->image, &key,
						&(struct smv_value){ le64_to_cpu(disk.where),
								     le64_to_cpu(disk.check) });
	}
}

static void key_at(const struct reading *r, const struct frame *f, u32 i, struct smv_key *key)
{
	struct smv_pointer child;

	if (f->level)
		smv_tree_child(f->node, i, key, &child);
	else
		smv_tree_leaf_entry(f->node, r->value_bytes, i, key, NULL);
}

/* Is what was read into @f the node that the pointer means, with keys in [low, high)? */
static bool is_sound(const struct reading *r, struct frame *f, const struct smv_pointer *pointer)
{
	const struct smv_disk_header *h = (const void *)f->node;
	struct smv_key first, last;

	if (smv_tree_verify_node(f->node, r->value_bytes, pointer->block,
				 r->rp->ck->super.header.uuid) ||
	    le64_to_cpu(h->generation) != pointer->generation ||
	    le32_to_cpu(h->crc) != pointer->crc)
		return false;
	f->level = le32_to_cpu(h->level);
	key_at(r, f, 0, &first);
	key_at(r, f, le32_to_cpu(h->count) - 1, &last);
	return smv_key_cmp(&first, &f->low) >= 0 && smv_key_cmp(&last, &f->high) < 0;
}

static void enter(struct reading *r, const struct smv_pointer *pointer, const struct smv_key *low,
		  const struct smv_key *high, s64 level)
{
	struct frame *f = &r->path[r->depth];
	struct smv_ck *ck = r->rp->ck;
	struct smv_ck_meta *meta = smv_ck_find_meta(ck, pointer->block / ck->geometry.chunk_blocks);

	f->low = *low;
	f->high = *high;
	f->next = 0;
	/* from the root on it is this version or lost: another one there is of before */
	if (meta && !r->adopting)
		smv_ck_set(meta->reached, pointer->block % ck->geometry.chunk_blocks);
	if (pointer->block >= ck->geometry.blocks || !smv_ck_read(ck, pointer->block, f->node) ||
	    !is_sound(r, f, pointer) || (level >= 0 && f->level != (u32)level)) {
		smv_rp_gap(r->rp, r->gaps, low, high, !level);
		r->ended = false;
		return;
	}
	if (meta)
		smv_ck_set(meta->reached, pointer->block % ck->geometry.chunk_blocks);
	if (f->level)
		r->depth++;
	else
		take_leaf(r, f->node);
}

static void walk(struct reading *r)
{
	while (r->depth && !r->rp->rc) {
		struct frame *f = &r->path[r->depth - 1];
		u32 count = le32_to_cpu(((struct smv_disk_header *)f->node)->count);
		struct smv_key low, high = f->high;
		struct smv_pointer child, ignored;

		if (f->next == count) {
			r->depth--;
			continue;
		}
		smv_tree_child(f->node, f->next++, &low, &child);
		if (f->next < count)
			smv_tree_child(f->node, f->next, &high, &ignored);
		/* levels descend, so the path is long enough */
		enter(r, &child, &low, &high, (s64)f->level - 1);
	}
}

/* -- nodes whose parents are lost --------------------------------------------------- */

struct orphan {
	u64 block;
	u32 level;
	struct smv_key first;
};

struct orphans {
	struct orphan *orphan;
	u64 orphans;
};

static bool is_current(const struct reading *r, const u8 *node, u64 block)
{
	const struct smv_disk_super *super = &r->rp->ck->super;
	const struct smv_disk_header *h = (const void *)node;

	return !smv_block_verify(node, SMV_MAGIC_NODE, super->header.uuid, block) &&
	       le64_to_cpu(h->generation) <= le64_to_cpu(super->header.generation);
}

/*
 * Nothing in a leaf says of which tree it is. An exception may have a volume's key (a mark, or
 * what a merge left), and the number for its value. But exceptions as few as the volumes
 * of a leaf end before the last volume's origin, and behind them is nothing.
 */
static bool is_of_volumes(const u8 *node)
{
	u32 count = le32_to_cpu(((const struct smv_disk_header *)node)->count);
	struct smv_disk_volume volume;
	struct smv_key key;

	if (!count || count > smv_tree_capacity(sizeof(volume), 0))
		return false;
	for (u32 i = 0; i < count; i++) {
		smv_tree_leaf_entry(node, sizeof(volume), i, &key, &volume);
		if (key.chunk || key.epoch || le64_to_cpu(volume.number) != key.volume ||
		    !volume.origin)
			return false;
	}
	return true;
}

/* A leaf of this tree, not of the other one. */
static bool is_leaf(const struct reading *r, const u8 *node)
{
	return !((const struct smv_disk_header *)node)->level &&
	       is_of_volumes(node) == is_volumes(r) && !smv_tree_check_node(node, r->value_bytes);
}

/* Reads into the frame below @f the first child of @f's node that is whole. */
static bool first_child(const struct reading *r, struct frame *f)
{
	const struct smv_disk_header *h = (const void *)f->node, *below = (const void *)f[1].node;
	struct smv_pointer child;
	struct smv_key key;

	for (u32 i = 0; i < le32_to_cpu(h->count); i++) {
		smv_tree_child(f->node, i, &key, &child);
		if (child.block < r->rp->ck->geometry.blocks &&
		    smv_ck_read(r->rp->ck, child.block, f[1].node) &&
		    is_current(r, f[1].node, child.block) &&
		    le64_to_cpu(below->generation) == child.generation &&
		    le32_to_cpu(below->crc) == child.crc &&
		    le32_to_cpu(below->level) + 1 == le32_to_cpu(h->level))
			return true;
	}
	return false;
}

/* Is the node at the top of the path one of this tree? It is if a leaf below is. */
static bool is_above_leaves(const struct reading *r)
{
	struct frame *f = r->path;

	for (u32 level = le32_to_cpu(((struct smv_disk_header *)f->node)->level); level; level--) {
		if (smv_tree_check_node(f->node, r->value_bytes) || !first_child(r, f))
			return false;
		f++;
	}
	return is_leaf(r, f->node);
}

/* The gap that keys from @first to @last fit into; NULL: none. */
static struct smv_rp_gap *gap_of(const struct reading *r, const struct smv_key *first,
				 const struct smv_key *last)
{
	for (u64 i = 0; i < r->gaps->gaps; i++) {
		struct smv_rp_gap *gap = &r->gaps->gap[i];

		if (smv_key_cmp(first, &gap->low) >= 0 && smv_key_cmp(last, &gap->high) < 0)
			return gap;
	}
	return NULL;
}

/* What is left of the gap before @first; the lost leaf that it is named for begins there. */
static void cut_gap(struct smv_rp_gap *gap, const struct smv_key *first, struct smv_key *high)
{
	*high = gap->high;
	gap->high = *first;
	gap->named &= smv_key_cmp(&gap->low, first) < 0;
}

/* What is behind the last leaf that was read, up to @high, may be missing. */
static void gap_behind(struct reading *r, const struct smv_key *high)
{
	struct smv_key low = r->end;

	if (r->ended && smv_key_next(&low))
		smv_rp_gap(r->rp, r->gaps, &low, high, false);
}

static void adopt_leaf(struct reading *r, u64 block)
{
	struct frame *f = r->path;
	struct smv_rp_gap *gap;
	struct smv_key first, last, high;

	if (!is_current(r, f->node, block) || !is_leaf(r, f->node))
		return;
	f->level = 0;
	key_at(r, f, 0, &first);
	key_at(r, f, le32_to_cpu(((struct smv_disk_header *)f->node)->count) - 1, &last);
	gap = gap_of(r, &first, &last);
	if (!gap)
		return;
	cut_gap(gap, &first, &high);
	take_leaf(r, f->node);
	gap_behind(r, &high);
}

/* @next: the first key of the next node of this level, or NULL. */
static void adopt_internal(struct reading *r, const struct orphan *o, const struct smv_key *next)
{
	const struct smv_disk_header *h = (const void *)r->path->node;
	struct smv_rp_gap *gap = gap_of(r, &o->first, &o->first);
	struct smv_pointer pointer = { .block = o->block };
	struct smv_key high;

	if (!gap || !smv_ck_read(r->rp->ck, o->block, r->path->node))
		return;
	pointer.generation = le64_to_cpu(h->generation);
	pointer.crc = le32_to_cpu(h->crc);
	cut_gap(gap, &o->first, &high);
	if (next && smv_key_cmp(next, &high) < 0) {
		smv_rp_gap(r->rp, r->gaps, next, &high, false);
		high = *next;
	}
	enter(r, &pointer, &o->first, &high, o->level);
	walk(r);
	gap_behind(r, &high);
}

static void add_orphan(struct reading *r, struct orphans *list, u64 block)
{
	const struct smv_disk_header *h = (const void *)r->path->node;
	struct orphan *larger;
	struct smv_pointer ignored;

	if (!is_current(r, r->path->node, block) || !h->level || !is_above_leaves(r))
		return;
	larger = realloc(list->orphan, (list->orphans + 1) * sizeof(*larger));
	if (!larger) {
		r->rp->rc = -ENOMEM;
		return;
	}
	list->orphan = larger;
	larger += list->orphans++;
	larger->block = block;
	larger->level = le32_to_cpu(h->level);
	smv_tree_child(r->path->node, 0, &larger->first, &ignored);
}

/* Each block of a node in use that no parent has named so far: to the list, or adopted. */
static void each_orphan(struct reading *r, struct orphans *list)
{
	struct smv_ck *ck = r->rp->ck;

	for (u64 i = 0; i < ck->metas && r->gaps->gaps && !r->rp->rc; i++) {
		for (u32 b = 0; b < ck->geometry.chunk_blocks && !r->rp->rc; b++) {
			u64 block = ck->meta[i].chunk * ck->geometry.chunk_blocks + b;

			if (!smv_ck_bit(ck->meta[i].used, b) ||
			    smv_ck_bit(ck->meta[i].reached, b) ||
			    !smv_ck_read(ck, block, r->path->node))
				continue;
			if (list)
				add_orphan(r, list, block);
			else
				adopt_leaf(r, block);
		}
	}
}

/* The highest first; each is bounded by the next one of its level. */
static int by_level(const void *a, const void *b)
{
	const struct orphan *x = a, *y = b;

	return x->level != y->level ? (x->level < y->level ? 1 : -1) :
				      smv_key_cmp(&x->first, &y->first);
}

static void adopt_internals(struct reading *r, const struct orphans *list)
{
	u32 blocks = r->rp->ck->geometry.chunk_blocks;

	for (u64 i = 0; i < list->orphans && !r->rp->rc; i++) {
		const struct orphan *o = &list->orphan[i];
		bool last = i + 1 == list->orphans || o[1].level != o->level;

		if (!smv_ck_bit(smv_ck_find_meta(r->rp->ck, o->block / blocks)->reached,
				o->block % blocks))
			adopt_internal(r, o, last ? NULL : &o[1].first);
	}
}

static void adopt_all(struct reading *r)
{
	struct orphans list = { 0 };

	r->adopting = true;
	each_orphan(r, &list);
	if (list.orphans)
		qsort(list.orphan, list.orphans, sizeof(*list.orphan), by_level);
	adopt_internals(r, &list);
	free(list.orphan);
	each_orphan(r, NULL);
}

/* Which gaps hold anything: all of them, unless it is known where every lost leaf was. */
static void judge_gaps(struct reading *r, u64 leaves)
{
	struct smv_rp_gaps *gaps = r->gaps;
	u64 named = 0, kept = 0;

	for (u64 i = 0; i < gaps->gaps; i++)
		named += gaps->gap[i].named;
	if (r->leaves == leaves)
		gaps->gaps = 0;
	gaps->lost = leaves - r->leaves;
	if (r->leaves + named != leaves)
		return;
	for (u64 i = 0; i < gaps->gaps; i++)
		if (gaps->gap[i].named)
			gaps->gap[kept++] = gaps->gap[i];
	gaps->gaps = kept;
}

static void read_tree(struct smv_rp *rp, const struct smv_disk_tree *tree, u32 value_bytes,
		      struct smv_rp_gaps *gaps)
{
	struct reading r = { .rp = rp, .gaps = gaps, .value_bytes = value_bytes };
	struct smv_pointer root = { .block = le64_to_cpu(tree->root.block),
				    .generation = le64_to_cpu(tree->root.generation),
				    .crc = le32_to_cpu(tree->root.crc) };
	static const struct smv_key low, high = { ~0ULL, ~0ULL, ~0ULL };

	if (!root.block || rp->rc)
		return;
	r.path = calloc(SMV_TREE_DEPTH_MAX + 1, sizeof(*r.path));
	if (!r.path) {
		rp->rc = -ENOMEM;
		return;
	}
	enter(&r, &root, &low, &high, -1);
	walk(&r);
	if (gaps->gaps)
		adopt_all(&r);
	judge_gaps(&r, le64_to_cpu(tree->leaves));
	free(r.path);
}

void smv_rp_read(struct smv_rp *rp)
{
	rp->rc = smv_ck_groups(rp->ck);
	read_tree(rp, &rp->ck->super.volumes, sizeof(struct smv_disk_volume), &rp->volumes);
	read_tree(rp, &rp->ck->super.exceptions, sizeof(struct smv_disk_value), &rp->exceptions);
	if (!rp->rc)
		rp->rc = smv_rp_sort(rp->image);
}
