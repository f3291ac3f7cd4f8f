// SPDX-License-Identifier: GPL-2.0-only
/*
 * docs/format.md against engine/format.h: every row of its tables of structures
 * and constants, in both directions. Run from the repository's root.
 */
#include "journal.h"
#include "store.h"
#include "super.h"
#include "tree.h"
#include "unit.h"

#define DOCUMENT "docs/format.md"

struct field {
	const char *structure;
	const char *name;
	size_t offset;
	size_t bytes;
	bool seen;
};

#define FIELD(s, f)                                                                                \
	{                                                                                          \
		.structure = #s, .name = #f, .offset = offsetof(struct s, f),                      \
		.bytes = sizeof(((struct s *)0)->f)                                                \
	}

static struct field field[] = {
	FIELD(smv_disk_header, crc),
	FIELD(smv_disk_header, magic),
	FIELD(smv_disk_header, uuid),
	FIELD(smv_disk_header, block),
	FIELD(smv_disk_header, generation),
	FIELD(smv_disk_header, count),
	FIELD(smv_disk_header, level),
	FIELD(smv_disk_header, pad),
	FIELD(smv_disk_pointer, block),
	FIELD(smv_disk_pointer, generation),
	FIELD(smv_disk_pointer, crc),
	FIELD(smv_disk_pointer, pad),
	FIELD(smv_disk_key, volume),
	FIELD(smv_disk_key, chunk),
	FIELD(smv_disk_key, epoch),
	FIELD(smv_disk_value, where),
	FIELD(smv_disk_value, check),
	FIELD(smv_disk_settings, policy),
	FIELD(smv_disk_settings, hold_timeout_s),
	FIELD(smv_disk_settings, low_water_permille),
	FIELD(smv_disk_settings, throttle_mib_s),
	FIELD(smv_disk_settings, label),
	FIELD(smv_disk_tree, root),
	FIELD(smv_disk_tree, entries),
	FIELD(smv_disk_tree, leaves),
	FIELD(smv_disk_tree, internals),
	FIELD(smv_disk_super, header),
	FIELD(smv_disk_super, signature),
	FIELD(smv_disk_super, version),
	FIELD(smv_disk_super, chunk_blocks),
	FIELD(smv_disk_super, compat),
	FIELD(smv_disk_super, ro_compat),
	FIELD(smv_disk_super, incompat),
	FIELD(smv_disk_super, created_s),
	FIELD(smv_disk_super, blocks),
	FIELD(smv_disk_super, directory_block),
	FIELD(smv_disk_super, directory_pairs),
	FIELD(smv_disk_super, journal_block),
	FIELD(smv_disk_super, journal_blocks),
	FIELD(smv_disk_super, first_chunk),
	FIELD(smv_disk_super, groups),
	FIELD(smv_disk_super, incarnation),
	FIELD(smv_disk_super, cut),
	FIELD(smv_disk_super, next_volume),
	FIELD(smv_disk_super, exceptions),
	FIELD(smv_disk_super, volumes),
	FIELD(smv_disk_super, data_chunks),
	FIELD(smv_disk_super, meta_chunks),
	FIELD(smv_disk_super, state),
	FIELD(smv_disk_super, pad),
	FIELD(smv_disk_super, host_id),
	FIELD(smv_disk_super, boot_id),
	FIELD(smv_disk_super, settings),
	FIELD(smv_disk_super, reserved),
	FIELD(smv_disk_super, directory_current),
	FIELD(smv_disk_group, header),
	FIELD(smv_disk_group, owned),
	FIELD(smv_disk_group, meta),
	FIELD(smv_disk_group_state, generation),
	FIELD(smv_disk_group_state, crc),
	FIELD(smv_disk_group_state, free),
	FIELD(smv_disk_group_state, which),
	FIELD(smv_disk_group_state, meta),
	FIELD(smv_disk_directory, header),
	FIELD(smv_disk_directory, group),
	FIELD(smv_disk_volume, number),
	FIELD(smv_disk_volume, parent),
	FIELD(smv_disk_volume, asof),
	FIELD(smv_disk_volume, epoch),
	FIELD(smv_disk_volume, origin),
	FIELD(smv_disk_volume, taken_of),
	FIELD(smv_disk_volume, created_s),
	FIELD(smv_disk_volume, sectors),
	FIELD(smv_disk_volume, exceptions),
	FIELD(smv_disk_volume, roll_volume),
	FIELD(smv_disk_volume, roll_epoch),
	FIELD(smv_disk_volume, roll_done),
	FIELD(smv_disk_volume, roll_source),
	FIELD(smv_disk_volume, flags),
	FIELD(smv_disk_volume, pad),
	FIELD(smv_disk_volume, name),
	FIELD(smv_disk_volume, memo),
	FIELD(smv_disk_volume, identity),
	FIELD(smv_disk_volume, fingerprint),
	FIELD(smv_disk_journal, header),
	FIELD(smv_disk_journal, sequence),
	FIELD(smv_disk_journal, first),
	FIELD(smv_disk_journal, blocks),
	FIELD(smv_disk_journal, pad),
	FIELD(smv_disk_journal, watermark),
	FIELD(smv_disk_record, type),
	FIELD(smv_disk_record, bytes),
	FIELD(smv_disk_record_put, key),
	FIELD(smv_disk_record_put, value),
	FIELD(smv_disk_record_put, was),
	FIELD(smv_disk_record_delete, key),
	FIELD(smv_disk_record_delete, was),
	FIELD(smv_disk_record_rekey, from),
	FIELD(smv_disk_record_rekey, to),
	FIELD(smv_disk_record_rekey, value),
	FIELD(smv_disk_record_flags, volume),
	FIELD(smv_disk_record_flags, flags),
	FIELD(smv_disk_record_flags, pad),
	FIELD(smv_disk_record_done, origin),
	FIELD(smv_disk_record_done, chunk),
	{ "smv_disk_journal", "records", offsetof(struct smv_disk_journal, records), 0, false },
};

static struct {
	const char *name;
	size_t bytes;
} structure[] = {
	{ "smv_disk_header", sizeof(struct smv_disk_header) },
	{ "smv_disk_pointer", sizeof(struct smv_disk_pointer) },
	{ "smv_disk_key", sizeof(struct smv_disk_key) },
	{ "smv_disk_value", sizeof(struct smv_disk_value) },
	{ "smv_disk_settings", sizeof(struct smv_disk_settings) },
	{ "smv_disk_tree", sizeof(struct smv_disk_tree) },
	{ "smv_disk_super", sizeof(struct smv_disk_super) },
	{ "smv_disk_group", sizeof(struct smv_disk_group) },
	{ "smv_disk_group_state", sizeof(struct smv_disk_group_state) },
	{ "smv_disk_directory", sizeof(struct smv_disk_directory) },
	{ "smv_disk_volume", sizeof(struct smv_disk_volume) },
	{ "smv_disk_journal", sizeof(struct smv_disk_journal) },
	{ "smv_disk_record", sizeof(struct smv_disk_record) },
	{ "smv_disk_record_put", sizeof(struct smv_disk_record_put) },
	{ "smv_disk_record_delete", sizeof(struct smv_disk_record_delete) },
	{ "smv_disk_record_rekey", sizeof(struct smv_disk_record_rekey) },
	{ "smv_disk_record_flags", sizeof(struct smv_disk_record_flags) },
	{ "smv_disk_record_done", sizeof(struct smv_disk_record_done) },
};

#define NUMBER(x)                                                                                  \
	{                                                                                          \
		.name = #x, .value = x                                                             \
	}

static struct {
	const char *name;
	u64 value;
	bool seen;
} constant[] = {
	NUMBER(SMV_FORMAT_VERSION),	NUMBER(SMV_BLOCK_BYTES),
	NUMBER(SMV_MAGIC_SUPER),	NUMBER(SMV_MAGIC_JOURNAL),
	NUMBER(SMV_MAGIC_NODE),		NUMBER(SMV_MAGIC_GROUP),
	NUMBER(SMV_MAGIC_DIRECTORY),	NUMBER(SMV_GROUP_CHUNKS),
	NUMBER(SMV_DIRECTORY_GROUPS),	NUMBER(SMV_DIRECTORY_MAX),
	NUMBER(SMV_JOURNAL_BLOCKS_MIN), NUMBER(SMV_JOURNAL_BLOCKS_MAX),
	NUMBER(SMV_COMMIT_BLOCKS),	NUMBER(SMV_JOURNAL_RECORD_BYTES),
	NUMBER(SMV_PAYLOAD_BYTES),	NUMBER(SMV_CHUNK_BLOCKS_MAX),
	NUMBER(SMV_TREE_DEPTH_MAX),	NUMBER(SMV_SUPER_IN_USE),
	NUMBER(SMV_VOLUME_ORIGIN),	NUMBER(SMV_VOLUME_HIDDEN),
	NUMBER(SMV_VOLUME_DEAD),	NUMBER(SMV_VOLUME_INVALID),
	NUMBER(SMV_VOLUME_SUSPECT),	NUMBER(SMV_VOLUME_PASS),
	NUMBER(SMV_WHERE_CHUNK),	NUMBER(SMV_WHERE_ZERO),
	NUMBER(SMV_WHERE_LOST),		NUMBER(SMV_WHERE_MARK),
	NUMBER(SMV_WHERE_NONE),		NUMBER(SMV_RECORD_PUT),
	NUMBER(SMV_RECORD_DELETE),	NUMBER(SMV_RECORD_REKEY),
	NUMBER(SMV_RECORD_VOLUME),	NUMBER(SMV_RECORD_GONE),
	NUMBER(SMV_RECORD_FLAGS),	NUMBER(SMV_RECORD_DONE),
	NUMBER(SMV_RECORD_SETTINGS),	NUMBER(SMV_RECORD_PROVEN),
	NUMBER(SMV_POLICY_DROP),	NUMBER(SMV_POLICY_HOLD),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static FILE *document;
static char line[2000];

static void open_document(void)
{
	document = fopen(DOCUMENT, "r");
	if (!document)
		unit_fail(__FILE__, __LINE__,
			  "no " DOCUMENT ": run this from the repository's root");
}

static bool next_line(void)
{
	if (fgets(line, sizeof(line), document))
		return true;
	fclose(document);
	return false;
}

static size_t structure_bytes(const char *name)
{
	for (size_t i = 0; i < COUNT(structure); i++)
		if (!strcmp(structure[i].name, name))
			return structure[i].bytes;
	unit_fail(__FILE__, __LINE__, DOCUMENT " describes %s, which is not known here", name);
}

static void check_field(const char *name, const char *field_name, size_t offset, size_t bytes)
{
	for (size_t i = 0; i < COUNT(field); i++) {
		if (strcmp(field[i].structure, name) || strcmp(field[i].name, field_name))
			continue;
		if (field[i].offset != offset || field[i].bytes != bytes)
			unit_fail(__FILE__, __LINE__,
				  "%s.%s is at %zu, %zu bytes; " DOCUMENT " says %zu, %zu", name,
				  field_name, field[i].offset, field[i].bytes, offset, bytes);
		field[i].seen = true;
		return;
	}
	unit_fail(__FILE__, __LINE__, DOCUMENT " describes %s.%s, which is none", name, field_name);
}

UNIT_TEST(every_offset_and_size_in_the_document_is_the_compilers)
{
	char name[64] = "", field_name[64];
	size_t offset, bytes, rows = 0;

	open_document();
	while (next_line()) {
		if (sscanf(line, "### `struct %63[a-z_]`, %zu bytes", name, &bytes) == 2) {
			if (structure_bytes(name) != bytes)
				unit_fail(__FILE__, __LINE__, "%s has %zu bytes, not %zu", name,
					  structure_bytes(name), bytes);
		} else if (!strncmp(line, "##", 2)) {
			name[0] = 0;
		} else if (sscanf(line, "| %zu | %zu | `%63[a-z_]` |", &offset, &bytes,
				  field_name) == 3) {
			EXPECT(name[0]);
			check_field(name, field_name, offset, bytes);
			rows++;
		}
	}
	EXPECT_EQ(rows, COUNT(field));
	for (size_t i = 0; i < COUNT(field); i++)
		if (!field[i].seen)
			unit_fail(__FILE__, __LINE__, DOCUMENT " does not describe %s.%s",
				  field[i].structure, field[i].name);
}

/* A field added to a structure and not to this test's table leaves a gap in it. */
UNIT_TEST(every_byte_of_every_structure_is_described)
{
	for (size_t s = 0; s < COUNT(structure); s++) {
		size_t end = 0;

		for (size_t i = 0; i < COUNT(field); i++) {
			if (strcmp(field[i].structure, structure[s].name))
				continue;
			if (field[i].offset != end)
				unit_fail(__FILE__, __LINE__, "%s: nothing at %zu",
					  structure[s].name, end);
			end += field[i].bytes;
		}
		if (end != structure[s].bytes)
			unit_fail(__FILE__, __LINE__, "%s: nothing at %zu", structure[s].name, end);
	}
}

/* And a structure added to the format, and not to the document, is found here. */
UNIT_TEST(every_structure_of_the_format_is_described)
{
	char text[200], name[64];
	FILE *header = fopen("engine/format.h", "r");
	size_t found = 0;

	EXPECT(header);
	while (fgets(text, sizeof(text), header)) {
		if (sscanf(text, "struct %63[a-z_] {", name) != 1 || !strchr(text, '{'))
			continue;
		structure_bytes(name);
		found++;
	}
	fclose(header);
	EXPECT_EQ(found, COUNT(structure));
}

UNIT_TEST(every_constant_in_the_document_is_the_compilers)
{
	char name[64];
	long long value;
	size_t i;

	open_document();
	while (next_line()) {
		int end = 0;

		if (sscanf(line, "| `SMV_%59[A-Z_]` | %lli |%n", name, &value, &end) != 2 || !end)
			continue;
		for (i = 0; i < COUNT(constant); i++)
			if (!strcmp(constant[i].name + strlen("SMV_"), name))
				break;
		if (i == COUNT(constant))
			unit_fail(__FILE__, __LINE__, DOCUMENT " has SMV_%s, which is none", name);
		if (constant[i].value != (u64)value)
			unit_fail(__FILE__, __LINE__, "SMV_%s is %llu, not %lld", name,
				  (unsigned long long)constant[i].value, value);
		constant[i].seen = true;
	}
	for (i = 0; i < COUNT(constant); i++)
		if (!constant[i].seen)
			unit_fail(__FILE__, __LINE__, DOCUMENT " lacks %s", constant[i].name);
}

/* "SMV_RECORD_X = n" and its like: no kind may be missing from the document. */
UNIT_TEST(every_kind_of_record_and_place_is_described)
{
	static const char *const file[] = { "engine/format.h", "engine/types.h" };
	char text[200], name[64];
	size_t found = 0, i;

	for (size_t f = 0; f < COUNT(file); f++) {
		FILE *header = fopen(file[f], "r");

		EXPECT(header);
		while (fgets(text, sizeof(text), header)) {
			int end = 0;

			if (sscanf(text, " SMV_%59[A-Z_] = %*d,%n", name, &end) != 1 || !end)
				continue;
			for (i = 0; i < COUNT(constant); i++)
				if (!strcmp(constant[i].name + strlen("SMV_"), name))
					break;
			if (i == COUNT(constant))
				unit_fail(__FILE__, __LINE__, "SMV_%s is not described", name);
			found++;
		}
		fclose(header);
	}
	EXPECT_EQ(found, 14);
}

UNIT_TEST(numbers_said_in_prose_hold)
{
	EXPECT_EQ(smv_tree_capacity(sizeof(struct smv_disk_value), 0), 100);
	EXPECT_EQ(smv_tree_capacity(sizeof(struct smv_disk_volume), 0), 5);
	EXPECT_EQ(smv_tree_capacity(sizeof(struct smv_disk_value), 1), 84);
	EXPECT_EQ(SMV_GROUP_META_BYTES / (2 + 1), 661);
	EXPECT_EQ(SMV_GROUP_META_BYTES / (2 + 256 / 8), 58);
	EXPECT_EQ(SMV_SUPER_SLOT(1), 2);
	EXPECT_EQ(SMV_SUPER_SLOT(2), 1);
	EXPECT_EQ(SMV_INCOMPAT_KNOWN, 1);
	EXPECT_EQ(SMV_RO_COMPAT_KNOWN, 0);
}
