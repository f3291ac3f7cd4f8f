// SPDX-License-Identifier: GPL-2.0-only
/* A volume's children: in order, and found in few steps, however they come and go. */
#include "unit.h"
#include "volume.h"

#define CHILDREN 300u
#define MANY 10000u
#define STEPS 60u /* a random tree of MANY is some 35 deep, and hardly ever 50 */

static struct smv_volume parent, child[MANY];

static void begin(u64 stride)
{
	memset(&parent, 0, sizeof(parent));
	memset(child, 0, sizeof(child));
	parent.number = 1;
	parent.origin = &parent;
	for (u32 i = 0; i < MANY; i++)
		child[i].number = 2 + i * stride;
}

/* By looking at them all. */
static const struct smv_volume *first_from(u64 asof)
{
	const struct smv_volume *found = NULL;

	for (u32 i = 0; i < CHILDREN; i++)
		if (child[i].parent && child[i].asof >= asof &&
		    (!found || child[i].asof < found->asof ||
		     (child[i].asof == found->asof && child[i].number < found->number)))
			found = &child[i];
	return found;
}

static void expect_order(void)
{
	const struct smv_volume *at, *before = NULL;
	u32 seen = 0;

	for (at = parent.child_first; at; before = at, at = at->sibling_next, seen++) {
		EXPECT(at->sibling_prev == before);
		EXPECT(!before || before->asof < at->asof ||
		       (before->asof == at->asof && before->number < at->number));
	}
	EXPECT(parent.child_last == before);
	EXPECT_EQ(seen, parent.children);
	for (u64 asof = 0; asof <= CHILDREN / 2 + 1; asof++)
		EXPECT(smv_volume_child_from(&parent, asof) == first_from(asof));
}

UNIT_TEST(children_are_found_by_their_epochs_however_they_come_and_go)
{
	u32 linked = 0;

	begin(1);
	for (u32 i = 0; i < 4000; i++) {
		struct smv_volume *one = &child[unit_below(CHILDREN)];

		if (one->parent)
			smv_volume_unlink(one);
		else
			smv_volume_link(one, &parent, unit_below(CHILDREN / 2));
		linked += one->parent ? 1 : -1;
		EXPECT_EQ(parent.children, linked);
		expect_order();
	}
}

UNIT_TEST(a_child_takes_the_place_of_the_ghost_above_it)
{
	begin(1);
	for (u32 i = 0; i < 9; i++)
		smv_volume_link(&child[i], &parent, 10 * i);
	smv_volume_link(&child[9], &child[4], 99);
	smv_volume_adopt(&child[9]);
	EXPECT(child[9].parent == &parent && !child[4].parent && !child[4].children);
	EXPECT_EQ(child[9].asof, 40);
	EXPECT(smv_volume_child_from(&parent, 31) == &child[9]);
	expect_order();
}

static u32 depth_of(const struct smv_volume *one)
{
	const struct smv_volume *at = parent.child_top;
	u32 depth = 1;

	for (; at != one; depth++) {
		EXPECT(at);
		at = at->asof < one->asof ? at->tree_after : at->tree_before;
	}
	return depth;
}

static void expect_flat(void)
{
	for (u32 i = 0; i < MANY; i++)
		if (child[i].parent)
			EXPECT_LE(depth_of(&child[i]), STEPS);
}

/* As snapshots come, of one origin or of several in turn: in ascending order. */
UNIT_TEST(one_of_ten_thousand_children_is_found_in_few_steps)
{
	static const u64 strides[] = { 1, 2, 8, 13, 6765, 1u << 20, 1ULL << 40 };

	for (u32 s = 0; s < sizeof(strides) / sizeof(strides[0]); s++) {
		begin(strides[s]);
		for (u32 i = 0; i < MANY; i++)
			smv_volume_link(&child[i], &parent, i);
		expect_flat();
		for (u32 i = 0; i < MANY; i += 1 + (u32)unit_below(2))
			smv_volume_unlink(&child[i]);
		expect_flat();
	}
}
