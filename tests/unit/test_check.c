// SPDX-License-Identifier: GPL-2.0-only
/* smv_check() on stores made to cost it time: it reads no node more than once. */
#include "unit.h"
#include "check.h"
#include "memory.h"
#include "rig_host.h"
#include "tree.h"

#define BLOCKS (1u << 14)
#define LEVELS 6u /* above the leaf */
#define STRAY (BLOCKS / 2) /* the nodes of a small store lie at its end */

static struct memory memory;
static struct smv_disk_super *super; /* the one that counts, in the image */
static u32 reads[BLOCKS];
static u64 found[SMV_DAMAGE_KINDS];

static u8 *at(u64 block)
{
	return memory.image + block * SMV_BLOCK_BYTES;
}

static void learn_super(void)
{
	for (u64 slot = 1; slot <= 2; slot++) {
		struct smv_disk_super *s = (void *)at(slot);

		if (!smv_super_verify(s, slot) &&
		    (!super ||
		     le64_to_cpu(s->header.generation) > le64_to_cpu(super->header.generation)))
			super = s;
	}
}

/* A snapshot with @count zero entries; the store is closed. */
static void begin(u64 count)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = 8 << 14 };
	struct smv_volume *snapshot;
	u64 lsn;
	int rc;

	memory_format(&memory, BLOCKS, 1, "check");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	EXPECT_EQ(memory_snapshot(&memory, smv_volume_origin(memory.store, "data"), "s", &snapshot),
		  0);
	for (u64 chunk = 0; chunk < count; chunk++) {
		do
			rc = smv_snapshot_zero(memory.store, snapshot, chunk, &lsn, &memory.miss);
		while (memory_again(&memory, &rc));
		EXPECT_EQ(rc, 0);
	}
	EXPECT_EQ(memory_close(&memory), 0);
	memory_crash(&memory);
	super = NULL;
	learn_super();
}

static int counted_read(void *context, u64 block, void *buffer)
{
	reads[block]++;
	return memory_read(context, block, buffer);
}

static void note(void *context, const struct smv_damage *damage)
{
	(void)context;
	found[damage->kind]++;
}

static void check(void)
{
	struct smv_check check = { .read = counted_read,
				   .report = note,
				   .context = &memory,
				   .host = &rig_host,
				   .blocks = memory.blocks };
	struct smv_check_result result;

	memset(reads, 0, sizeof(reads));
	memset(found, 0, sizeof(found));
	EXPECT_EQ(smv_check(&check, &result), 0);
}

static void expect_nodes_read_once(void)
{
	const struct smv_disk_header *h;

	for (u64 block = 0; block < BLOCKS; block++) {
		h = (const void *)at(block);
		if (le32_to_cpu(h->magic) == SMV_MAGIC_NODE)
			EXPECT_LE(reads[block], 1u);
	}
}

/* Every entry of a node that is laid at @block, of @level, points to what the superblock's tree begins with. */
static void point_all(u64 block, u32 level)
{
	u32 count = smv_tree_capacity(sizeof(struct smv_disk_value), 1);
	struct smv_disk_header *h = (void *)at(block);
	u8 *entry = (u8 *)(h + 1);

	memset(h, 0, SMV_BLOCK_BYTES);
	for (u32 i = 0; i < count; i++) {
		smv_key_encode(&(struct smv_key){ 2, 0, i }, (void *)entry);
		memcpy(entry + sizeof(struct smv_disk_key), &super->exceptions.root,
		       sizeof(struct smv_disk_pointer));
		entry += sizeof(struct smv_disk_key) + sizeof(struct smv_disk_pointer);
	}
	h->count = cpu_to_le32(count);
	h->level = cpu_to_le32(level);
	smv_block_seal(h, SMV_MAGIC_NODE, super->header.uuid, block,
		       le64_to_cpu(super->header.generation));
	super->exceptions.root.block = h->block;
	super->exceptions.root.generation = h->generation;
	super->exceptions.root.crc = h->crc;
}

static void save_super(void)
{
	smv_super_seal(super, le64_to_cpu(super->header.generation));
}

/* 84 times the node below, which names that below it 84 times, and so on. */
UNIT_TEST(nodes_beside_all_metadata_that_name_one_node_many_times_are_read_once)
{
	begin(50);
	for (u32 level = 1; level <= LEVELS; level++)
		point_all(STRAY + level, level);
	save_super();
	check();
	expect_nodes_read_once();
	EXPECT_LT(0u, found[SMV_DAMAGE_NODE_TWICE]);
	EXPECT_EQ(found[SMV_DAMAGE_NODE_PLACE], LEVELS);
	memory_free(&memory);
}

UNIT_TEST(a_root_that_names_one_leaf_many_times_has_it_read_once)
{
	u64 root;

	begin(2000);
	root = le64_to_cpu(super->exceptions.root.block);
	EXPECT_EQ(le32_to_cpu(((struct smv_disk_header *)at(root))->level), 1);
	memcpy(&super->exceptions.root,
	       at(root) + sizeof(struct smv_disk_header) + sizeof(struct smv_disk_key),
	       sizeof(super->exceptions.root));
	point_all(root, 1);
	save_super();
	check();
	expect_nodes_read_once();
	EXPECT_LT(0u, found[SMV_DAMAGE_NODE_TWICE]);
	EXPECT_EQ(found[SMV_DAMAGE_NODE_PLACE], 0u);
	memory_free(&memory);
}
