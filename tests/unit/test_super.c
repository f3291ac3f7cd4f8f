// SPDX-License-Identifier: GPL-2.0-only
/*
 * The superblock: what is planned is accepted, what was tampered with is not,
 * sealed or unsealed; and the geometry's promises for stores of all sizes.
 */
#include "checksum.h"
#include "super.h"
#include "unit.h"

#define GIB (1ULL << 18) /* in blocks */

static union {
	struct smv_disk_super super;
	u8 byte[SMV_BLOCK_BYTES];
	u64 word[SMV_BLOCK_BYTES / 8];
} block;

/* A sound superblock with two small trees in it. */
static void make(u64 blocks, u32 chunk_blocks, u64 generation)
{
	struct smv_geometry geometry;
	struct smv_disk_super *super = &block.super;
	u64 least;

	EXPECT_EQ(smv_super_plan(blocks, chunk_blocks, &geometry, &least), 0);
	memset(&block, 0, sizeof(block));
	memset(super->header.uuid, 0x5a, SMV_UUID_BYTES);
	smv_super_put_geometry(super, &geometry);
	super->incarnation = cpu_to_le64(1);
	super->next_volume = cpu_to_le64(1);
	super->exceptions.root.block = cpu_to_le64(geometry.first_chunk * chunk_blocks + 2);
	super->exceptions.root.generation = cpu_to_le64(generation);
	super->exceptions.entries = cpu_to_le64(7);
	super->exceptions.leaves = cpu_to_le64(1);
	super->settings.low_water_permille = cpu_to_le32(100);
	memcpy(super->settings.label, "snapmv0", 8);
	smv_super_seal(super, generation);
}

static void reseal(void)
{
	smv_super_seal(&block.super, le64_to_cpu(block.super.header.generation));
}

static void check_geometry(const struct smv_geometry *g)
{
	u64 groups, rest;

	EXPECT_LT(2, g->directory_block);
	EXPECT_EQ(g->directory_block, 4);
	EXPECT_LE(16, g->directory_pairs);
	EXPECT_LE(g->directory_pairs, SMV_DIRECTORY_MAX);
	EXPECT_EQ(g->journal_block, g->directory_block + 2 * g->directory_pairs);
	EXPECT_LE(64, g->journal_blocks);
	EXPECT_LE(g->journal_blocks, 16384);
	EXPECT_LE(g->journal_block + g->journal_blocks, g->first_chunk * g->chunk_blocks);
	EXPECT_LT(g->first_chunk * g->chunk_blocks,
		  g->journal_block + g->journal_blocks + g->chunk_blocks);
	EXPECT_LE(g->chunks * g->chunk_blocks, g->blocks);
	EXPECT_LE(2, g->head_chunks * g->chunk_blocks);
	EXPECT_LE(g->groups, g->directory_pairs * SMV_DIRECTORY_GROUPS);
	groups = (g->chunks - g->first_chunk + SMV_GROUP_CHUNKS - 1) / SMV_GROUP_CHUNKS;
	EXPECT_EQ(g->groups, groups);
	rest = (g->chunks - g->first_chunk) % SMV_GROUP_CHUNKS;
	EXPECT(!rest || rest > g->head_chunks);
	EXPECT_LE(g->blocks / g->chunk_blocks - g->chunks, g->head_chunks);
}

UNIT_TEST(geometry_is_sound_for_random_sizes_and_all_chunk_sizes)
{
	struct smv_geometry geometry, again;
	u64 least, blocks;
	u32 accepted = 0;

	for (u32 round = 0; round < 20000; round++) {
		u32 chunk_blocks = 1u << unit_below(9);

		blocks = unit_random() >> (26 + unit_below(24));
		int result = smv_super_plan(blocks, chunk_blocks, &geometry, &least);

		if (result) {
			EXPECT_EQ(result, blocks < least ? -ENOSPC : -EFBIG);
			continue;
		}
		check_geometry(&geometry);
		make(blocks, chunk_blocks, 1 + unit_below(1000));
		memset(&again, 0, sizeof(again));
		smv_super_get_geometry(&block.super, &again);
		EXPECT_MEM(&geometry, &again, sizeof(geometry));
		EXPECT_EQ(smv_super_verify(&block, le64_to_cpu(block.super.header.block)), 0);
		accepted++;
	}
	EXPECT_LT(10000, accepted);
}

UNIT_TEST(the_least_size_is_accepted_and_one_block_less_refused)
{
	struct smv_geometry geometry;
	u64 least, same, meta;

	for (u32 chunk_blocks = 1; chunk_blocks <= SMV_CHUNK_BLOCKS_MAX; chunk_blocks *= 2) {
		EXPECT_EQ(smv_super_plan(0, chunk_blocks, &geometry, &least), -ENOSPC);
		EXPECT_EQ(smv_super_plan(least - 1, chunk_blocks, &geometry, &same), -ENOSPC);
		EXPECT_EQ(same, least);
		EXPECT_EQ(smv_super_plan(least, chunk_blocks, &geometry, &same), 0);
		check_geometry(&geometry);
		EXPECT_EQ(geometry.groups, 1);
		/* Room for the metadata and eight chunks of data; not for nine. */
		meta = (SMV_LEAST_META_BLOCKS + chunk_blocks - 1) / chunk_blocks;
		EXPECT_EQ(geometry.chunks - geometry.first_chunk - geometry.head_chunks, meta + 8);
	}
}

UNIT_TEST(every_size_above_the_least_is_accepted_up_to_the_largest)
{
	struct smv_geometry geometry;
	u64 least, most, blocks;

	for (u32 chunk_blocks = 1; chunk_blocks <= SMV_CHUNK_BLOCKS_MAX; chunk_blocks *= 2) {
		smv_super_plan(0, chunk_blocks, &geometry, &least);
		for (blocks = least; blocks < least + 40000; blocks += 1 + unit_below(5)) {
			EXPECT_EQ(smv_super_plan(blocks, chunk_blocks, &geometry, &least), 0);
			check_geometry(&geometry);
		}
		most = (u64)SMV_DIRECTORY_MAX * SMV_DIRECTORY_GROUPS * SMV_GROUP_CHUNKS *
		       chunk_blocks;
		EXPECT_EQ(smv_super_plan(most, chunk_blocks, &geometry, &least), 0);
		check_geometry(&geometry);
		EXPECT_EQ(smv_super_plan(most + 1, chunk_blocks, &geometry, &least), -EFBIG);
		EXPECT_EQ(smv_super_plan(~0ULL, chunk_blocks, &geometry, &least), -EFBIG);
	}
}

UNIT_TEST(chunk_sizes_but_powers_of_two_to_1_mib_are_refused)
{
	struct smv_geometry geometry;
	u64 least;

	for (u32 chunk_blocks = 0; chunk_blocks < 2000; chunk_blocks++) {
		bool power = chunk_blocks && !(chunk_blocks & (chunk_blocks - 1));
		int expected = power && chunk_blocks <= 256 ? 0 : -EINVAL;

		EXPECT_EQ(smv_super_plan(GIB, chunk_blocks, &geometry, &least), expected);
	}
	EXPECT_EQ(smv_super_plan(GIB, ~0u, &geometry, &least), -EINVAL);
}

UNIT_TEST(the_directory_leaves_room_to_grow_sixteenfold)
{
	struct smv_geometry geometry;
	u64 least;

	for (u64 blocks = GIB; blocks < GIB << 16; blocks *= 2) {
		EXPECT_EQ(smv_super_plan(blocks, 1, &geometry, &least), 0);
		EXPECT(geometry.directory_pairs == SMV_DIRECTORY_MAX ||
		       geometry.directory_pairs * SMV_DIRECTORY_GROUPS * SMV_GROUP_CHUNKS >=
			       16 * blocks);
	}
}

UNIT_TEST(generations_alternate_between_the_slots)
{
	for (u64 generation = 0; generation < 6; generation++) {
		make(GIB, 16, generation);
		EXPECT_EQ(smv_super_verify(&block, 1 + generation % 2), 0);
		EXPECT_EQ(smv_super_verify(&block, 2 - generation % 2), -EUCLEAN);
		EXPECT_EQ(le64_to_cpu(block.super.header.block), 1 + generation % 2);
	}
}

UNIT_TEST(any_one_byte_changed_is_refused)
{
	make(GIB, 16, 5);
	for (u32 i = 0; i < SMV_BLOCK_BYTES; i++) {
		static const u8 flip[] = { 0x01, 0x80, 0xff };
		bool signature = i >= offsetof(struct smv_disk_super, signature) &&
				 i < offsetof(struct smv_disk_super, version);

		for (u32 k = 0; k < sizeof(flip); k++) {
			block.byte[i] ^= flip[k];
			EXPECT_EQ(smv_super_verify(&block, 2), signature ? -ENOENT : -EUCLEAN);
			block.byte[i] ^= flip[k];
		}
	}
	EXPECT_EQ(smv_super_verify(&block, 2), 0);
}

UNIT_TEST(a_block_that_is_no_superblock_is_none)
{
	memset(&block, 0, sizeof(block));
	EXPECT_EQ(smv_super_verify(&block, 1), -ENOENT);
	for (u32 round = 0; round < 100; round++) {
		for (u32 i = 0; i < SMV_BLOCK_BYTES / 8; i++)
			block.word[i] = unit_random();
		EXPECT_EQ(smv_super_verify(&block, 1), -ENOENT);
	}
}

/* Seals @version and @incompat as a later version of this program would. */
static int verify_version(u32 version, u64 compat, u64 ro_compat, u64 incompat)
{
	make(GIB, 16, 1);
	block.super.version = cpu_to_le32(version);
	block.super.compat = cpu_to_le64(compat);
	block.super.ro_compat = cpu_to_le64(ro_compat);
	block.super.incompat = cpu_to_le64(incompat);
	block.super.header.crc = cpu_to_le32(smv_checksum_block(&block));
	return smv_super_verify(&block, 2);
}

UNIT_TEST(newer_versions_and_incompatible_features_are_told_from_damage)
{
	EXPECT_EQ(verify_version(1, 0, 0, 0), 0);
	EXPECT_EQ(verify_version(0, 0, 0, 0), -EUCLEAN);
	EXPECT_EQ(verify_version(2, 0, 0, 0), -EOPNOTSUPP);
	EXPECT_EQ(verify_version(~0u, 0, 0, 0), -EOPNOTSUPP);
	EXPECT_EQ(verify_version(1, ~0ULL, 0, 0), 0);
	EXPECT_EQ(verify_version(1, 0, 1, 0), 0);
	EXPECT_EQ(verify_version(1, 0, 0, SMV_INCOMPAT_UNPROVEN), 0);
	for (u32 bit = 1; bit < 64; bit++)
		EXPECT_EQ(verify_version(1, 0, 0, 1ULL << bit), -EOPNOTSUPP);
}

/* ---- sealed by somebody hostile ----------------------------------------------- */

#define FIELD(name)                                                                                \
	{                                                                                          \
		offsetof(struct smv_disk_super, name), sizeof(block.super.name)                    \
	}

static const struct field {
	size_t offset;
	size_t bytes;
} geometry_field[] = {
	FIELD(chunk_blocks),  FIELD(blocks),	     FIELD(directory_block), FIELD(directory_pairs),
	FIELD(journal_block), FIELD(journal_blocks), FIELD(first_chunk),     FIELD(groups),
};

#define FIELDS (sizeof(geometry_field) / sizeof(geometry_field[0]))

static void set_field(const struct field *field, u64 value)
{
	__le32 small = cpu_to_le32((u32)value);
	__le64 large = cpu_to_le64(value);

	if (field->bytes == sizeof(small))
		memcpy(&block.byte[field->offset], &small, sizeof(small));
	else
		memcpy(&block.byte[field->offset], &large, sizeof(large));
}

/* Whatever is accepted obeys the rules that the rest of the engine relies on. */
static void expect_safe(void)
{
	struct smv_geometry g;

	reseal();
	if (smv_super_verify(&block, le64_to_cpu(block.super.header.block)))
		return;
	smv_super_get_geometry(&block.super, &g);
	EXPECT(g.chunk_blocks && g.chunk_blocks <= 256 && !(g.chunk_blocks & (g.chunk_blocks - 1)));
	EXPECT_LT(g.blocks, 1ULL << 51);
	EXPECT_LT(2, g.directory_block);
	EXPECT_LT(g.directory_block, g.blocks);
	EXPECT(g.directory_pairs && g.directory_pairs <= SMV_DIRECTORY_MAX);
	EXPECT_LE(g.directory_block + 2 * g.directory_pairs, g.journal_block);
	EXPECT_LT(g.journal_block, g.blocks);
	EXPECT(g.journal_blocks >= 64 && g.journal_blocks <= 16384);
	EXPECT_LE(g.journal_block + g.journal_blocks, g.first_chunk * g.chunk_blocks);
	EXPECT_LT(g.first_chunk, g.chunks);
	EXPECT_LE(g.chunks * g.chunk_blocks, g.blocks);
	EXPECT(g.groups && g.groups <= g.directory_pairs * SMV_DIRECTORY_GROUPS);
}

UNIT_TEST(one_geometry_field_off_by_one_or_extreme_is_refused_or_safe)
{
	static const u64 extreme[] = { 0,	   1,	       2,	   3,
				       1ULL << 31, 1ULL << 32, 1ULL << 50, 1ULL << 51,
				       1ULL << 62, 1ULL << 63, ~0ULL - 1,  ~0ULL };
	u64 was;

	for (u32 i = 0; i < FIELDS; i++) {
		make(GIB, 16, 1);
		was = 0;
		memcpy(&was, &block.byte[geometry_field[i].offset], geometry_field[i].bytes);
		set_field(&geometry_field[i], was + 1);
		expect_safe();
		set_field(&geometry_field[i], was - 1);
		expect_safe();
		for (u32 k = 0; k < sizeof(extreme) / sizeof(extreme[0]); k++) {
			set_field(&geometry_field[i], extreme[k]);
			expect_safe();
			if (extreme[k] == ~0ULL || !extreme[k])
				EXPECT_EQ(smv_super_verify(&block, 2), -EUCLEAN);
		}
	}
}

/* Mostly near what it was, so that much of it is accepted. */
static void random_field(const struct field *field)
{
	u64 was = 0;

	memcpy(&was, &block.byte[field->offset], field->bytes);
	if (unit_below(4))
		set_field(field, was + unit_below(200) - 100);
	else
		set_field(field, unit_random() >> unit_below(64));
}

UNIT_TEST(random_geometry_is_refused_or_safe)
{
	u32 accepted = 0;

	for (u32 round = 0; round < 30000; round++) {
		if (!(round % 4))
			make(GIB + unit_below(GIB), 1u << unit_below(9), 1);
		random_field(&geometry_field[unit_below(FIELDS)]);
		expect_safe();
		accepted += !smv_super_verify(&block, 2);
	}
	EXPECT_LT(1000, accepted);
	EXPECT_LT(accepted, 29000);
}

/* Each breaks one rule of make(GIB, 16, 5): chunks 67 to 16383 are in groups. */
#define RULE(name, value)                                                                          \
	{                                                                                          \
		FIELD(name), value                                                                 \
	}

static const struct rule {
	struct field field;
	u64 value;
} rule[] = {
	RULE(exceptions.root.block, 67 * 16 - 1),
	RULE(exceptions.root.block, 16384 * 16),
	RULE(exceptions.root.block, 0),
	RULE(exceptions.root.generation, 6),
	RULE(exceptions.entries, ~0ULL),
	RULE(exceptions.leaves, 0),
	RULE(exceptions.leaves, ~0ULL),
	RULE(exceptions.internals, 1ULL << 40),
	RULE(volumes.root.block, ~0ULL),
	RULE(volumes.entries, 1),
	RULE(volumes.leaves, 1),
	RULE(data_chunks, 16384),
	RULE(meta_chunks, ~0ULL),
	RULE(next_volume, 0),
	RULE(next_volume, ~0ULL),
	RULE(cut, ~0ULL),
	RULE(incarnation, ~0ULL),
	RULE(settings.policy, 2),
	RULE(settings.low_water_permille, 1001),
};

UNIT_TEST(a_sealed_superblock_that_breaks_a_rule_is_refused)
{
	for (u32 i = 0; i < sizeof(rule) / sizeof(rule[0]); i++) {
		make(GIB, 16, 5);
		EXPECT_EQ(le64_to_cpu(block.super.first_chunk), 67);
		EXPECT_EQ(smv_super_verify(&block, 2), 0);
		set_field(&rule[i].field, rule[i].value);
		reseal();
		if (smv_super_verify(&block, 2) != -EUCLEAN)
			unit_fail(__FILE__, __LINE__, "rule %u may be broken", i);
	}
}

UNIT_TEST(labels_that_could_not_name_a_device_are_refused)
{
	static const char bad[][SMV_LABEL_BYTES] = {
		"a/b", "..", ".a", "a b", "-a", "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	};

	for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make(GIB, 16, 5);
		memcpy(block.super.settings.label, bad[i], SMV_LABEL_BYTES);
		reseal();
		EXPECT_EQ(smv_super_verify(&block, 2), -EUCLEAN);
	}
}

UNIT_TEST(labels_of_every_legal_character_are_accepted)
{
	static const char legal[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+";
	struct smv_disk_settings settings;

	for (u32 c = 1; c < 256; c++) {
		memset(&settings, 0, sizeof(settings));
		settings.label[0] = 'x';
		settings.label[1] = (char)c;
		EXPECT_EQ(smv_super_verify_settings(&settings),
			  strchr(legal, (int)c) ? 0 : -EUCLEAN);
	}
	memset(settings.label, 'x', SMV_LABEL_BYTES - 1);
	settings.label[SMV_LABEL_BYTES - 1] = 0;
	EXPECT_EQ(smv_super_verify_settings(&settings), 0);
}
