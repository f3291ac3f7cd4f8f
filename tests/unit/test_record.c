// SPDX-License-Identifier: GPL-2.0-only
/* Records of volumes that contradict what is there: replay refuses them. */
#include "unit.h"
#include "memory.h"
#include "record.h"

static struct memory memory;
static struct smv_volume *one, *other, *a;

static struct smv_volume *add(const char *name)
{
	struct smv_add add = { .name = name, .identity = "", .sectors = 4096 };
	u64 lsn;

	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	return smv_volume_origin(memory.store, name);
}

static struct smv_volume *snapshot(struct smv_volume *of, const char *name)
{
	struct smv_snapshot_part part = { .of = of, .name = name, .memo = "" };
	u64 lsn;

	EXPECT_EQ(smv_snapshot(memory.store, &part, 1, 1, &lsn), 0);
	return smv_volume_snapshot(memory.store, smv_volume_origin_of(of)->name, name);
}

/* Replays @volume's record as if it were below @parent (0: nobody) as of @asof. */
static int replay_below(struct smv_volume *volume, u64 parent, u64 asof)
{
	struct smv_disk_volume disk;
	u64 miss;

	smv_volume_encode(volume, &disk);
	disk.parent = cpu_to_le64(parent);
	disk.asof = cpu_to_le64(asof);
	if (!parent) {
		disk.origin = disk.number;
		disk.flags |= cpu_to_le32(SMV_VOLUME_ORIGIN);
	} else {
		disk.flags &= ~cpu_to_le32(SMV_VOLUME_ORIGIN);
	}
	return smv_record_replay(memory.store, SMV_RECORD_VOLUME, &disk, sizeof(disk), &miss);
}

static void begin(void)
{
	memory_format(&memory, 1 << 12, 8, "record");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	one = add("one");
	other = add("other");
	a = snapshot(one, "a");
}

static void end(void)
{
	memory_crash(&memory);
	memory_free(&memory);
}

/* As at the end of a merge. */
UNIT_TEST(a_record_may_move_a_snapshot_to_another_epoch)
{
	struct smv_volume *b, *c;

	begin();
	b = snapshot(one, "b");
	c = snapshot(one, "c");
	EXPECT_EQ(replay_below(b, one->number, b->asof), 0);
	EXPECT(one->child_first->sibling_next == b);
	EXPECT_EQ(replay_below(c, one->number, 0), 0);
	EXPECT(one->child_first == c && one->child_last == b);
	EXPECT(smv_volume_child_from(one, 0) == c && smv_volume_child_from(one, 1) == a);
	EXPECT_EQ(one->children, 3);
	end();
}

UNIT_TEST(a_record_that_moves_a_snapshot_to_another_origin_is_refused)
{
	begin();
	EXPECT_EQ(replay_below(a, other->number, 1), -EUCLEAN);
	end();
}

UNIT_TEST(a_record_that_makes_a_snapshot_an_origin_is_refused)
{
	begin();
	EXPECT_EQ(replay_below(a, 0, 1), -EUCLEAN);
	end();
}

UNIT_TEST(a_record_that_makes_an_origin_a_snapshot_is_refused)
{
	begin();
	EXPECT_EQ(replay_below(other, one->number, 1), -EUCLEAN);
	end();
}
