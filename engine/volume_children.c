// SPDX-License-Identifier: GPL-2.0-only
/*
 * A volume's children: a list in the order of the epochs that they were taken as of
 * (of their numbers, where these are the same), and a search tree in the same order. So
 * who reads the volume as of some epochs is found in a few steps, and a child comes and
 * goes in a few, however many there are.
 *
 * The tree is a treap: a child's rank is its number, mixed, and nobody is above one of a
 * higher rank. So its shape follows from who is in it, and it is as deep as a tree
 * that was filled in random order.
 *
 * Rule: neither asof nor number of a child changes while it is linked.
 *
 * Crash: it is memory only, made again as volume.c says. Weak side: ranks can be
 * foreseen, so somebody who chooses numbers could make a deep tree, but no wrong one.
 */
#include "volume.h"

static bool comes_before(const struct smv_volume *a, const struct smv_volume *b)
{
	return a->asof != b->asof ? a->asof < b->asof : a->number < b->number;
}

/* No two numbers have the same. */
static u64 rank(const struct smv_volume *volume)
{
	u64 mixed = volume->number * 0x9e3779b97f4a7c15ULL;

	return (mixed ^ mixed >> 32) * 0x9e3779b97f4a7c15ULL;
}

/* ---- the tree --------------------------------------------------------- */

/* What is in @tree goes below @volume. */
static void split(struct smv_volume *tree, struct smv_volume *volume)
{
	struct smv_volume **before = &volume->tree_before, **after = &volume->tree_after;

	while (tree) {
		if (comes_before(tree, volume)) {
			*before = tree;
			before = &tree->tree_after;
			tree = *before;
		} else {
			*after = tree;
			after = &tree->tree_before;
			tree = *after;
		}
	}
	*before = NULL;
	*after = NULL;
}

static void tree_insert(struct smv_volume *parent, struct smv_volume *volume)
{
	struct smv_volume **at = &parent->child_top;

	while (*at && rank(*at) > rank(volume))
		at = comes_before(*at, volume) ? &(*at)->tree_after : &(*at)->tree_before;
	split(*at, volume);
	*at = volume;
}

static void tree_remove(struct smv_volume *parent, struct smv_volume *volume)
{
	struct smv_volume **at = &parent->child_top;
	struct smv_volume *before = volume->tree_before, *after = volume->tree_after;

	while (*at != volume)
		at = comes_before(*at, volume) ? &(*at)->tree_after : &(*at)->tree_before;
	while (before && after) {
		if (rank(before) > rank(after)) {
			*at = before;
			at = &before->tree_after;
			before = *at;
		} else {
			*at = after;
			at = &after->tree_before;
			after = *at;
		}
	}
	*at = before ? before : after;
}

/* The last child that comes before @volume. */
static struct smv_volume *last_before(const struct smv_volume *parent,
				      const struct smv_volume *volume)
{
	struct smv_volume *at = parent->child_top, *found = NULL;

	while (at) {
		if (comes_before(at, volume)) {
			found = at;
			at = at->tree_after;
		} else {
			at = at->tree_before;
		}
	}
	return found;
}

const struct smv_volume *smv_volume_child_from(const struct smv_volume *volume, u64 asof)
{
	const struct smv_volume *at = volume->child_top, *found = NULL;

	while (at) {
		if (at->asof < asof) {
			at = at->tree_after;
		} else {
			found = at;
			at = at->tree_before;
		}
	}
	return found;
}

/* ---- below a parent, and out --------------------------------------------- */

static void list_insert(struct smv_volume *parent, struct smv_volume *volume,
			struct smv_volume *before)
{
	volume->sibling_prev = before;
	volume->sibling_next = before ? before->sibling_next : parent->child_first;
	*(before ? &before->sibling_next : &parent->child_first) = volume;
	*(volume->sibling_next ? &volume->sibling_next->sibling_prev : &parent->child_last) =
		volume;
}

static void list_remove(struct smv_volume *parent, struct smv_volume *volume)
{
	struct smv_volume *prev = volume->sibling_prev, *next = volume->sibling_next;

	*(prev ? &prev->sibling_next : &parent->child_first) = next;
	*(next ? &next->sibling_prev : &parent->child_last) = prev;
	volume->sibling_prev = NULL;
	volume->sibling_next = NULL;
}

void smv_volume_link(struct smv_volume *volume, struct smv_volume *parent, u64 asof)
{
	volume->parent = parent;
	volume->parent_number = parent ? parent->number : 0;
	volume->asof = asof;
	volume->origin = parent ? parent->origin : volume;
	if (!parent)
		return;
	list_insert(parent, volume, last_before(parent, volume));
	tree_insert(parent, volume);
	parent->children++;
}

void smv_volume_unlink(struct smv_volume *volume)
{
	struct smv_volume *parent = volume->parent;

	list_remove(parent, volume);
	tree_remove(parent, volume);
	volume->parent = NULL;
	parent->children--;
}

void smv_volume_adopt(struct smv_volume *volume)
{
	struct smv_volume *ghost = volume->parent, *parent = ghost->parent;
	u64 asof = ghost->asof;

	smv_volume_unlink(volume);
	smv_volume_unlink(ghost);
	smv_volume_link(volume, parent, asof);
}
