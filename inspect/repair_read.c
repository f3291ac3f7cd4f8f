// SPDX-License-Identifier: GPL-2.0-only
/*
 * The repair's reading of the two trees. It promises to take in exactly the
 * entries of the last checkpoint: a node counts if it is the one its parent
 * names, or, where its parent is lost, if the bitmaps (themselves vouched for by
 * the superblock) say that it is in use and nothing else has reached it. Older
 * versions of nodes that lie about are never taken for current.
 *
 * What cannot be read is kept as a gap: the keys between its neighbours. Weak
 * side: with a group's block lost, leaves below a lost node in that group are
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
};

void smv_rp_gap(struct smv_rp *rp, struct smv_rp_gaps *gaps, const struct smv_key *low,
		const struct smv_key *high)
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
	gaps->gap[gaps->gaps++] = (struct smv_rp_gap){ *low, *high };
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
	if (pointer->block >= ck->geometry.blocks || !smv_ck_read(ck, pointer->block, f->node) ||
	    !is_sound(r, f, pointer) || (level >= 0 && f->level != (u32)level)) {
		smv_rp_gap(r->rp, r->gaps, low, high);
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

/* -- leaves whose parents are lost -------------------------------------------------- */

/* A leaf of this tree, not of the other one. */
static bool is_leaf(const struct reading *r, const u8 *node, u64 block)
{
	const struct smv_disk_header *h = (const void *)node;
	struct smv_disk_volume volume;
	struct smv_key key;
	bool volumes;

	if (smv_block_verify(node, SMV_MAGIC_NODE, r->rp->ck->super.header.uuid, block) ||
	    h->level ||
	    le64_to_cpu(h->generation) > le64_to_cpu(r->rp->ck->super.header.generation))
		return false;
	smv_tree_leaf_entry(node, sizeof(volume), 0, &key, &volume);
	/* only a mark could have such a key, and a mark's value is no number of a volume */
	volumes = !key.chunk && !key.epoch && le64_to_cpu(volume.number) == key.volume;
	return volumes == is_volumes(r) && !smv_tree_check_node(node, r->value_bytes);
}

/* Takes the leaf in if it fits into a gap whole, and takes its keys out of the gap. */
static void adopt(struct reading *r, struct frame *f, u64 block)
{
	u32 last = le32_to_cpu(((struct smv_disk_header *)f->node)->count) - 1;
	struct smv_key first, end, high;

	if (!is_leaf(r, f->node, block))
		return;
	f->level = 0;
	key_at(r, f, 0, &first);
	key_at(r, f, last, &end);
	for (u64 i = 0; i < r->gaps->gaps; i++) {
		struct smv_rp_gap *gap = &r->gaps->gap[i];

		if (smv_key_cmp(&first, &gap->low) < 0 || smv_key_cmp(&end, &gap->high) >= 0)
			continue;
		high = gap->high;
		gap->high = first;
		take_leaf(r, f->node);
		if (smv_key_next(&end))
			smv_rp_gap(r->rp, r->gaps, &end, &high);
		return;
	}
}

static void adopt_all(struct reading *r)
{
	struct smv_ck *ck = r->rp->ck;

	for (u64 i = 0; i < ck->metas && r->gaps->gaps && !r->rp->rc; i++) {
		for (u32 b = 0; b < ck->geometry.chunk_blocks; b++) {
			u64 block = ck->meta[i].chunk * ck->geometry.chunk_blocks + b;

			if (smv_ck_bit(ck->meta[i].used, b) &&
			    !smv_ck_bit(ck->meta[i].reached, b) &&
			    smv_ck_read(ck, block, r->path->node))
				adopt(r, r->path, block);
		}
	}
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
	adopt_all(&r);
	/* every leaf that there was has been found */
	if (r.leaves == le64_to_cpu(tree->leaves))
		gaps->gaps = 0;
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
