// SPDX-License-Identifier: GPL-2.0-only
/*
 * The superblock and the store's geometry.
 *
 *	block 0		unused: what others put on a device's first block may lie there
 *	block 1, 2	superblock slots
 *	block 4 on	directory pairs, room for sixteen times what is needed
 *	then		the journal's ring
 *	then		from the next chunk border on, groups of SMV_GROUP_CHUNKS chunks
 *
 * What is fixed when a store is formatted is written into the superblock and
 * taken from there; this file alone knows how it was computed. The end of the
 * last group follows from the number of blocks, so that growing changes
 * 'blocks' and 'groups' and nothing else.
 *
 * Rules that keep it true:
 *  - I-SUPER-ALTERNATE: a superblock is written to the slot that its generation
 *    names, so never over the durable one. A crash while it is written leaves
 *    the other; the newer valid one is the store.
 *  - I-SUPER-DISTRUST: whoever reads the geometry has verified it: every region
 *    lies inside the device, in this order, and none overlaps another; no later
 *    arithmetic on it can overflow. The checksum says that a superblock is as
 *    it was written, not that it was written by us.
 *
 * Weak side: the directory's room bounds growth to sixteenfold and the store to
 * SMV_DIRECTORY_MAX pairs, 138 TB with chunks of 4 KiB.
 */
#include "checksum.h"
#include "super.h"

#define DIRECTORY_BLOCK 4u
#define DIRECTORY_PAIRS_LEAST 16u
#define DIRECTORY_GROWTH 16u
#define POLICY_MAX 1u
#define PERMILLE_MAX 1000u
#define NUMBER_MAX (1ULL << 62) /* no count on disk ever gets there */

static const u8 signature[16] = { 'd', 'm', '-', 's', 'n', 'a', 'p', '-',
				  'm', 'v', ' ', 's', 't', 'o', 'r', 'e' };

static u64 divide_up(u64 a, u64 b)
{
	return smv_port_div(a + b - 1, b);
}

static u64 clamp_u64(u64 x, u64 low, u64 high)
{
	return x < low ? low : x > high ? high : x;
}

static bool chunk_blocks_ok(u32 chunk_blocks)
{
	return chunk_blocks && chunk_blocks <= SMV_CHUNK_BLOCKS_MAX &&
	       !(chunk_blocks & (chunk_blocks - 1));
}

/* The chunks that a pair of group blocks takes. */
static u32 head_chunks(u32 chunk_blocks)
{
	return chunk_blocks == 1 ? 2 : 1;
}

/*
 * Ends the last group: a rest too short for a head and one more chunk is left
 * out. @blocks and .first_chunk are known.
 */
static void count_groups(struct smv_geometry *geometry)
{
	u64 whole = smv_port_div(geometry->blocks, geometry->chunk_blocks), span, rest;

	geometry->head_chunks = head_chunks(geometry->chunk_blocks);
	span = whole > geometry->first_chunk ? whole - geometry->first_chunk : 0;
	geometry->groups = smv_port_div(span, SMV_GROUP_CHUNKS);
	rest = span - geometry->groups * SMV_GROUP_CHUNKS;
	if (rest > geometry->head_chunks)
		geometry->groups++;
	else
		span -= rest;
	geometry->chunks = geometry->first_chunk + span;
}

/* Chunks but heads that the smallest store has. */
static u32 least_chunks(u32 chunk_blocks)
{
	return (SMV_LEAST_META_BLOCKS + chunk_blocks - 1) / chunk_blocks + SMV_LEAST_DATA_CHUNKS;
}

static u64 least_blocks(u32 chunk_blocks)
{
	u64 fixed = DIRECTORY_BLOCK + 2 * DIRECTORY_PAIRS_LEAST + SMV_JOURNAL_BLOCKS_MIN;
	u64 chunks = divide_up(fixed, chunk_blocks) + head_chunks(chunk_blocks) +
		     least_chunks(chunk_blocks);

	return chunks * chunk_blocks;
}

int smv_super_plan(u64 blocks, u32 chunk_blocks, struct smv_geometry *geometry, u64 *least)
{
	u64 group_blocks = (u64)SMV_GROUP_CHUNKS * chunk_blocks, pairs;

	if (!chunk_blocks_ok(chunk_blocks))
		return -EINVAL;
	*least = least_blocks(chunk_blocks);
	if (blocks < *least)
		return -ENOSPC;
	if (blocks > SMV_DIRECTORY_MAX * SMV_DIRECTORY_GROUPS * group_blocks)
		return -EFBIG;
	/* As if the groups began at block 0: at most one pair more than needed. */
	pairs = divide_up(divide_up(blocks, group_blocks), SMV_DIRECTORY_GROUPS);
	memset(geometry, 0, sizeof(*geometry));
	geometry->chunk_blocks = chunk_blocks;
	geometry->blocks = blocks;
	geometry->directory_block = DIRECTORY_BLOCK;
	geometry->directory_pairs =
		clamp_u64(pairs * DIRECTORY_GROWTH, DIRECTORY_PAIRS_LEAST, SMV_DIRECTORY_MAX);
	geometry->journal_block = DIRECTORY_BLOCK + 2 * geometry->directory_pairs;
	geometry->journal_blocks =
		clamp_u64(blocks / 256, SMV_JOURNAL_BLOCKS_MIN, SMV_JOURNAL_BLOCKS_MAX);
	geometry->first_chunk =
		divide_up(geometry->journal_block + geometry->journal_blocks, chunk_blocks);
	count_groups(geometry);
	return 0;
}

void smv_super_put_geometry(struct smv_disk_super *super, const struct smv_geometry *geometry)
{
	super->chunk_blocks = cpu_to_le32(geometry->chunk_blocks);
	super->blocks = cpu_to_le64(geometry->blocks);
	super->directory_block = cpu_to_le64(geometry->directory_block);
	super->directory_pairs = cpu_to_le64(geometry->directory_pairs);
	super->journal_block = cpu_to_le64(geometry->journal_block);
	super->journal_blocks = cpu_to_le64(geometry->journal_blocks);
	super->first_chunk = cpu_to_le64(geometry->first_chunk);
	super->groups = cpu_to_le64(geometry->groups);
}

void smv_super_get_geometry(const struct smv_disk_super *super, struct smv_geometry *geometry)
{
	geometry->chunk_blocks = le32_to_cpu(super->chunk_blocks);
	geometry->blocks = le64_to_cpu(super->blocks);
	geometry->directory_block = le64_to_cpu(super->directory_block);
	geometry->directory_pairs = le64_to_cpu(super->directory_pairs);
	geometry->journal_block = le64_to_cpu(super->journal_block);
	geometry->journal_blocks = le64_to_cpu(super->journal_blocks);
	geometry->first_chunk = le64_to_cpu(super->first_chunk);
	count_groups(geometry);
}

static int verify_geometry(const struct smv_disk_super *super)
{
	u32 chunk_blocks = le32_to_cpu(super->chunk_blocks);
	u64 blocks = le64_to_cpu(super->blocks);
	u64 directory = le64_to_cpu(super->directory_block);
	u64 pairs = le64_to_cpu(super->directory_pairs);
	u64 journal = le64_to_cpu(super->journal_block);
	u64 ring = le64_to_cpu(super->journal_blocks);
	u64 first_chunk = le64_to_cpu(super->first_chunk);
	struct smv_geometry geometry;

	/* Each line bounds what the next ones add and multiply. */
	if (!chunk_blocks_ok(chunk_blocks) ||
	    blocks > (u64)SMV_DIRECTORY_MAX * SMV_DIRECTORY_GROUPS * SMV_GROUP_CHUNKS *
			     SMV_CHUNK_BLOCKS_MAX ||
	    !pairs || pairs > SMV_DIRECTORY_MAX || ring < SMV_JOURNAL_BLOCKS_MIN ||
	    ring > SMV_JOURNAL_BLOCKS_MAX || directory <= SMV_SUPER_SLOT(1) ||
	    directory >= blocks || journal < directory + 2 * pairs || journal >= blocks ||
	    first_chunk > smv_port_div(blocks, chunk_blocks) ||
	    first_chunk * chunk_blocks < journal + ring)
		return -EUCLEAN;
	smv_super_get_geometry(super, &geometry);
	if (!geometry.groups || geometry.groups != le64_to_cpu(super->groups) ||
	    geometry.groups > pairs * SMV_DIRECTORY_GROUPS)
		return -EUCLEAN;
	return 0;
}

static int verify_tree(const struct smv_disk_super *super, const struct smv_disk_tree *tree)
{
	u64 block = le64_to_cpu(tree->root.block), nodes;
	struct smv_geometry geometry;

	if (le64_to_cpu(tree->entries) > NUMBER_MAX || le64_to_cpu(tree->leaves) > NUMBER_MAX ||
	    le64_to_cpu(tree->internals) > NUMBER_MAX)
		return -EUCLEAN;
	nodes = le64_to_cpu(tree->leaves) + le64_to_cpu(tree->internals);
	if (!block)
		return le64_to_cpu(tree->entries) || nodes ? -EUCLEAN : 0;
	smv_super_get_geometry(super, &geometry);
	if (block < geometry.first_chunk * geometry.chunk_blocks ||
	    block >= geometry.chunks * geometry.chunk_blocks || !le64_to_cpu(tree->leaves) ||
	    nodes > geometry.chunks * geometry.chunk_blocks ||
	    le64_to_cpu(tree->root.generation) > le64_to_cpu(super->header.generation))
		return -EUCLEAN;
	return 0;
}

static int verify_counts(const struct smv_disk_super *super)
{
	u64 data = le64_to_cpu(super->data_chunks), meta = le64_to_cpu(super->meta_chunks);
	u64 next_volume = le64_to_cpu(super->next_volume), chunks;
	struct smv_geometry geometry;

	smv_super_get_geometry(super, &geometry);
	chunks = geometry.chunks - geometry.first_chunk - geometry.groups * geometry.head_chunks;
	if (data > chunks || meta > chunks - data || !next_volume || next_volume > NUMBER_MAX ||
	    le64_to_cpu(super->cut) > NUMBER_MAX || le64_to_cpu(super->incarnation) > NUMBER_MAX ||
	    le64_to_cpu(super->header.generation) > NUMBER_MAX)
		return -EUCLEAN;
	return 0;
}

static bool label_char_ok(u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '+';
}

/* Device names are made of it: a store without a label has an empty one. */
static bool label_ok(const char *label)
{
	u32 i;

	for (i = 0; i < SMV_LABEL_BYTES && label[i]; i++)
		if (!label_char_ok((u8)label[i]))
			return false;
	return i < SMV_LABEL_BYTES && label[0] != '.';
}

int smv_super_verify_settings(const struct smv_disk_settings *settings)
{
	if (le32_to_cpu(settings->policy) > POLICY_MAX ||
	    le32_to_cpu(settings->low_water_permille) > PERMILLE_MAX || !label_ok(settings->label))
		return -EUCLEAN;
	return 0;
}

static int verify_header(const struct smv_disk_header *header, u64 slot)
{
	if (le32_to_cpu(header->crc) != smv_checksum_block(header) ||
	    le32_to_cpu(header->magic) != SMV_MAGIC_SUPER || le64_to_cpu(header->block) != slot ||
	    SMV_SUPER_SLOT(le64_to_cpu(header->generation)) != slot)
		return -EUCLEAN;
	return 0;
}

int smv_super_verify(const void *block, u64 slot)
{
	const struct smv_disk_super *super = block;
	u32 version = le32_to_cpu(super->version);

	if (memcmp(super->signature, signature, sizeof(signature)))
		return -ENOENT;
	if (verify_header(&super->header, slot) || !version)
		return -EUCLEAN;
	if (version > SMV_FORMAT_VERSION || le64_to_cpu(super->incompat) & ~SMV_INCOMPAT_KNOWN)
		return -EOPNOTSUPP;
	if (verify_geometry(super) || verify_counts(super) ||
	    verify_tree(super, &super->exceptions) || verify_tree(super, &super->volumes) ||
	    smv_super_verify_settings(&super->settings))
		return -EUCLEAN;
	return 0;
}

struct text {
	char *at, *end; /* the last byte's place */
};

static void put_text(struct text *to, const char *text)
{
	while (*text && to->at < to->end)
		*to->at++ = *text++;
	*to->at = 0;
}

static void put_number(struct text *to, u32 number)
{
	char digits[12];
	u32 at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put_text(to, digits + at);
}

static void put_features(struct text *to, const char *kind, u64 bits)
{
	if (!bits)
		return;
	put_text(to, kind);
	for (u32 bit = 0; bit < 64; bit++) {
		if (!(bits >> bit & 1))
			continue;
		put_text(to, " ");
		put_number(to, bit);
	}
}

void smv_super_missing(const struct smv_disk_super *super, bool write, char *text, u32 bytes)
{
	struct text to = { text, text + bytes - 1 };
	u32 version = le32_to_cpu(super->version);

	*text = 0;
	if (version > SMV_FORMAT_VERSION) {
		put_text(&to, "format version ");
		put_number(&to, version);
		return; /* what else such a one means, nobody here knows */
	}
	put_features(&to, "incompatible features",
		     le64_to_cpu(super->incompat) & ~SMV_INCOMPAT_KNOWN);
	if (write && !*text)
		put_features(&to, "read-only compatible features",
			     le64_to_cpu(super->ro_compat) & ~SMV_RO_COMPAT_KNOWN);
}

void smv_super_seal(struct smv_disk_super *super, u64 generation)
{
	memcpy(super->signature, signature, sizeof(signature));
	super->version = cpu_to_le32(SMV_FORMAT_VERSION);
	super->header.magic = cpu_to_le32(SMV_MAGIC_SUPER);
	super->header.block = cpu_to_le64(SMV_SUPER_SLOT(generation));
	super->header.generation = cpu_to_le64(generation);
	super->header.crc = cpu_to_le32(smv_checksum_block(super));
}
