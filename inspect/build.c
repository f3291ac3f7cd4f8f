// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a store's metadata anew, around its data. It promises that what it
 * has written is a store as a clean close leaves one: an empty journal, every
 * chunk owned once, both trees whole; and that it writes to no chunk that an
 * exception owns.
 *
 *   superblocks  taken away (zeroes), flushed, the older one first
 *   nodes        bottom up, into the lowest free chunks
 *   groups       the blocks of those that own something, copy 0
 *   directory    copy 0 of each pair
 *   superblock   after a flush, into the slot of its generation
 *
 * Generation, incarnation and cut are larger than any the device has, so that no
 * block of an older time can be taken for one of this (I-INCARNATION).
 *
 * A crash before the superblock is written leaves no store; its data chunks are
 * as they were, and the same call can be made again. Weak side: there is no way
 * back to what was there before.
 */
#include <stdlib.h>
#include "image.h"
#include "journal.h"
#include "replay.h"
#include "tree.h"

struct child {
	struct smv_key key;
	struct smv_disk_pointer pointer;
};

struct building {
	const struct smv_build *build; /* NULL: only to see whether it fits */
	const struct smv_image *image;
	struct smv_geometry geometry;
	u8 *owned; /* by data */
	u8 *used; /* a bit a block: nodes; counted from the first group */
	u64 chunk, block; /* being filled, and its next block */
	u32 metas; /* chunks in its group */
	u64 group;
	u64 meta_chunks, data_chunks;
	u64 done, all; /* nodes */
	u8 *node;
	struct smv_disk_super *super;
};

static bool bit(const u8 *bits, u64 at)
{
	return bits[at / 8] >> (at % 8) & 1;
}

static void set(u8 *bits, u64 at)
{
	bits[at / 8] |= (u8)(1u << (at % 8));
}

static u64 first_block(const struct building *b)
{
	return b->geometry.first_chunk * b->geometry.chunk_blocks;
}

/* -- where nodes go ----------------------------------------------------------- */

static bool is_free(const struct building *b, u64 chunk)
{
	u64 at = (chunk - b->geometry.first_chunk) % SMV_GROUP_CHUNKS;

	return at >= b->geometry.head_chunks && !bit(b->owned, chunk);
}

/* The next chunk for nodes; each group's table has room for so many. */
static int next_chunk(struct building *b)
{
	for (u64 c = b->chunk + 1; c < b->geometry.chunks; c++) {
		u64 group = (c - b->geometry.first_chunk) / SMV_GROUP_CHUNKS;

		if (group != b->group)
			b->metas = 0;
		b->group = group;
		if (b->metas == smv_group_meta_max(b->geometry.chunk_blocks) || !is_free(b, c))
			continue;
		b->metas++;
		b->meta_chunks++;
		b->chunk = c;
		b->block = 0;
		return 0;
	}
	return -ENOSPC;
}

static int take_block(struct building *b, u64 *block)
{
	int rc = b->block == b->geometry.chunk_blocks ? next_chunk(b) : 0;

	if (rc)
		return rc;
	*block = b->chunk * b->geometry.chunk_blocks + b->block++;
	if (b->build)
		set(b->used, *block - first_block(b));
	return 0;
}

static int write_block(struct building *b, u64 block, const void *data)
{
	return b->build->write(b->build->context, block, data);
}

/* -- trees --------------------------------------------------------------------- */

static void put_key(void *to, const struct smv_key *key)
{
	struct smv_disk_key disk;

	smv_key_encode(key, &disk);
	memcpy(to, &disk, sizeof(disk));
}

/* Seals and writes b->node; *child: what its parent says of it. */
static int end_node(struct building *b, u32 count, u32 level, struct child *child)
{
	struct smv_disk_header *header = (void *)b->node;
	u64 block;
	int rc = take_block(b, &block);

	if (rc)
		return rc;
	header->count = cpu_to_le32(count);
	header->level = cpu_to_le32(level);
	smv_block_seal(b->node, SMV_MAGIC_NODE, b->image->super.header.uuid, block,
		       b->build->generation);
	memset(&child->pointer, 0, sizeof(child->pointer));
	child->pointer.block = cpu_to_le64(block);
	child->pointer.generation = header->generation;
	child->pointer.crc = header->crc;
	if (b->build->progress && !(++b->done & 255))
		b->build->progress(b->build->context, b->done, b->all);
	rc = write_block(b, block, b->node);
	memset(b->node, 0, SMV_BLOCK_BYTES);
	return rc;
}

/* What a leaf's entry says. */
static void put_leaf_entry(const struct building *b, bool volumes, u64 i, u8 *to,
			   struct smv_key *key)
{
	const struct smv_image *image = b->image;

	if (volumes) {
		*key = (struct smv_key){ .volume = le64_to_cpu(image->volume[i].number) };
		memcpy(to + sizeof(struct smv_disk_key), &image->volume[i],
		       sizeof(struct smv_disk_volume));
	} else {
		struct smv_disk_value value = { .where = cpu_to_le64(image->entry[i].value.where),
						.check = cpu_to_le64(image->entry[i].value.check) };

		*key = image->entry[i].key;
		memcpy(to + sizeof(struct smv_disk_key), &value, sizeof(value));
	}
	put_key(to, key);
}

static int build_leaves(struct building *b, bool volumes, u32 value_bytes, struct child *child)
{
	u32 capacity = smv_tree_capacity(value_bytes, 0), count = 0;
	u32 bytes = sizeof(struct smv_disk_key) + value_bytes;
	u64 entries = volumes ? b->image->volumes : b->image->entries;
	int rc = 0;

	for (u64 i = 0; i < entries && !rc; i++) {
		struct smv_key key;

		put_leaf_entry(b, volumes, i,
			       b->node + sizeof(struct smv_disk_header) + count * bytes, &key);
		if (!count++)
			child->key = key;
		if (count == capacity || i + 1 == entries) {
			rc = end_node(b, count, 0, child++);
			count = 0;
		}
	}
	return rc;
}

/* One level above @child[@children], which its nodes replace. */
static int build_level(struct building *b, struct child *child, u64 children, u32 level)
{
	u32 capacity = smv_tree_capacity(0, level), count = 0;
	struct child *to = child;
	int rc = 0;

	for (u64 i = 0; i < children && !rc; i++) {
		u8 *at = b->node + sizeof(struct smv_disk_header) +
			 count * (sizeof(struct smv_disk_key) + sizeof(child->pointer));
		struct child from = child[i];

		put_key(at, &from.key);
		memcpy(at + sizeof(struct smv_disk_key), &from.pointer, sizeof(from.pointer));
		if (!count++)
			to->key = from.key;
		if (count == capacity || i + 1 == children) {
			rc = end_node(b, count, level, to++);
			count = 0;
		}
	}
	return rc;
}

static u64 divide_up(u64 a, u64 b)
{
	return a / b + !!(a % b);
}

static u64 leaves_of(u64 entries, u32 value_bytes)
{
	return divide_up(entries, smv_tree_capacity(value_bytes, 0));
}

static int build_tree(struct building *b, bool volumes, struct smv_disk_tree *tree)
{
	u32 value_bytes = volumes ? sizeof(struct smv_disk_volume) : sizeof(struct smv_disk_value);
	u64 entries = volumes ? b->image->volumes : b->image->entries, internals = 0;
	u64 leaves = leaves_of(entries, value_bytes), nodes = leaves;
	struct child *child = calloc(leaves + 1, sizeof(*child));
	int rc = child ? 0 : -ENOMEM;

	memset(tree, 0, sizeof(*tree));
	if (!rc)
		rc = build_leaves(b, volumes, value_bytes, child);
	for (u32 level = 1; nodes > 1 && !rc; level++) {
		rc = build_level(b, child, nodes, level);
		nodes = divide_up(nodes, smv_tree_capacity(0, level));
		internals += nodes;
	}
	if (!rc && entries) {
		tree->root = child->pointer;
		tree->entries = cpu_to_le64(entries);
		tree->leaves = cpu_to_le64(leaves);
		tree->internals = cpu_to_le64(internals);
	}
	free(child);
	return rc;
}

static u64 nodes_of(u64 entries, u32 value_bytes)
{
	u64 nodes = leaves_of(entries, value_bytes), sum = nodes;

	while (nodes > 1) {
		nodes = divide_up(nodes, smv_tree_capacity(0, 1));
		sum += nodes;
	}
	return sum;
}

/* -- groups and directory ------------------------------------------------------------- */

static u32 group_size(const struct building *b, u64 group)
{
	u64 left = b->geometry.chunks - b->geometry.first_chunk - group * SMV_GROUP_CHUNKS;

	return left < SMV_GROUP_CHUNKS ? (u32)left : SMV_GROUP_CHUNKS;
}

/* The chunk's blocks that are nodes, as the group's table has them; false: none. */
static bool put_meta(const struct building *b, u64 chunk, u32 at, u8 *entry)
{
	u64 first = chunk * b->geometry.chunk_blocks - first_block(b);
	bool any = false;

	for (u32 i = 0; i < b->geometry.chunk_blocks; i++) {
		if (!bit(b->used, first + i))
			continue;
		if (!any)
			memset(entry, 0, 2 + smv_group_meta_bitmap(b->geometry.chunk_blocks));
		any = true;
		set(entry + 2, i);
	}
	if (any) {
		entry[0] = (u8)at;
		entry[1] = (u8)(at >> 8);
	}
	return any;
}

/* The group's block; how many of its chunks are owned, head included. */
static u32 fill_group(const struct building *b, u64 group, struct smv_disk_group *disk)
{
	u64 first = b->geometry.first_chunk + group * SMV_GROUP_CHUNKS;
	u32 width = 2 + smv_group_meta_bitmap(b->geometry.chunk_blocks), owned = 0, metas = 0;

	memset(disk, 0, sizeof(*disk));
	for (u32 i = 0; i < group_size(b, group); i++) {
		u8 entry[2 + SMV_CHUNK_BLOCKS_MAX / 8];
		bool meta = put_meta(b, first + i, i, entry);

		if (!meta && i >= b->geometry.head_chunks && !bit(b->owned, first + i))
			continue;
		set(disk->owned, i);
		owned++;
		if (meta)
			memcpy(disk->meta + width * metas++, entry, width);
	}
	disk->header.count = cpu_to_le32(metas);
	return owned;
}

static int build_group(struct building *b, u64 group, struct smv_disk_group_state *state)
{
	struct smv_disk_group *disk = (void *)b->node;
	u64 block = first_block(b) + group * SMV_GROUP_CHUNKS * b->geometry.chunk_blocks;
	u32 owned = fill_group(b, group, disk), metas = le32_to_cpu(disk->header.count);
	int rc;

	state->free = cpu_to_le16((u16)(group_size(b, group) - owned));
	if (owned == b->geometry.head_chunks) {
		memset(state, 0, sizeof(*state));
		return 0;
	}
	smv_block_seal(disk, SMV_MAGIC_GROUP, b->image->super.header.uuid, block,
		       b->build->generation);
	state->generation = cpu_to_le64(b->build->generation);
	state->crc = disk->header.crc;
	state->meta = (u8)((metas * 255 + smv_group_meta_max(b->geometry.chunk_blocks) - 1) /
			   smv_group_meta_max(b->geometry.chunk_blocks));
	rc = write_block(b, block, disk);
	return rc;
}

static int build_directory(struct building *b)
{
	u64 pairs = divide_up(b->geometry.groups, SMV_DIRECTORY_GROUPS);
	struct smv_disk_directory *disk = calloc(1, sizeof(*disk));
	int rc = disk ? 0 : -ENOMEM;

	for (u64 pair = 0; pair < pairs && !rc; pair++) {
		u64 block = b->geometry.directory_block + 2 * pair;
		u32 count = 0;

		memset(disk, 0, sizeof(*disk));
		for (; count < SMV_DIRECTORY_GROUPS && !rc; count++) {
			u64 group = pair * SMV_DIRECTORY_GROUPS + count;

			if (group == b->geometry.groups)
				break;
			rc = build_group(b, group, &disk->group[count]);
		}
		disk->header.count = cpu_to_le32(count);
		smv_block_seal(disk, SMV_MAGIC_DIRECTORY, b->image->super.header.uuid, block,
			       b->build->generation);
		if (!rc)
			rc = write_block(b, block, disk);
	}
	free(disk);
	return rc;
}

/* -- all of it ---------------------------------------------------------------------------- */

static int begin(struct building *b)
{
	smv_super_get_geometry(&b->image->super, &b->geometry);
	b->owned = calloc(1, b->geometry.chunks / 8 + 1);
	b->used = calloc(1, b->geometry.chunks * b->geometry.chunk_blocks / 8 + 1);
	b->node = calloc(1, SMV_BLOCK_BYTES);
	b->super = calloc(1, SMV_BLOCK_BYTES);
	if (!b->owned || !b->used || !b->node || !b->super)
		return -ENOMEM;
	for (u64 i = 0; i < b->image->entries; i++) {
		u64 where = b->image->entry[i].value.where, chunk = smv_where_low(where);

		if (!smv_where_is_chunk(where))
			continue;
		if (chunk < b->geometry.first_chunk || chunk >= b->geometry.chunks)
			return -EINVAL;
		set(b->owned, chunk);
		b->data_chunks++;
	}
	b->chunk = b->geometry.first_chunk - 1;
	b->block = b->geometry.chunk_blocks;
	b->group = ~0ULL;
	b->all = nodes_of(b->image->volumes, sizeof(struct smv_disk_volume)) +
		 nodes_of(b->image->entries, sizeof(struct smv_disk_value));
	return 0;
}

static void end(struct building *b)
{
	free(b->owned);
	free(b->used);
	free(b->node);
	free(b->super);
}

int smv_build_test(const struct smv_image *image)
{
	struct building b = { .image = image };
	int rc = begin(&b);
	u64 block;

	for (u64 i = 0; i < b.all && !rc; i++)
		rc = take_block(&b, &block);
	end(&b);
	return rc;
}

static int clear_super(struct building *b, u64 slot)
{
	int rc = write_block(b, slot, b->node);

	return rc ? rc : b->build->flush(b->build->context);
}

/* The newest one, which is not where the next one goes, last: an older one is no store. */
static int clear_supers(struct building *b)
{
	int rc = clear_super(b, SMV_SUPER_SLOT(b->build->generation));

	return rc ? rc : clear_super(b, SMV_SUPER_SLOT(b->build->generation + 1));
}

static void make_super(struct building *b)
{
	struct smv_disk_super *super = b->super;

	super->data_chunks = cpu_to_le64(b->data_chunks);
	super->meta_chunks = cpu_to_le64(b->meta_chunks);
	super->incarnation = cpu_to_le64(b->build->incarnation);
	super->cut = cpu_to_le64(b->build->cut);
	super->incompat &= cpu_to_le64(~SMV_INCOMPAT_UNPROVEN);
	if (!b->build->in_use) {
		super->state = 0;
		memset(super->host_id, 0, SMV_UUID_BYTES);
		memset(super->boot_id, 0, SMV_UUID_BYTES);
	}
	memset(super->directory_current, 0, sizeof(super->directory_current));
	super->header.count = 0;
	super->header.level = 0;
	smv_super_seal(super, b->build->generation);
}

static int write_all(struct building *b)
{
	u64 slot = SMV_SUPER_SLOT(b->build->generation);
	int rc;

	memcpy(b->super, &b->image->super, sizeof(*b->super));
	memset(&b->super->volumes, 0, sizeof(b->super->volumes));
	memset(&b->super->exceptions, 0, sizeof(b->super->exceptions));
	make_super(b);
	/* what no superblock can say is found before anything is lost */
	if (smv_super_verify(b->super, slot))
		return -EINVAL;
	rc = clear_supers(b);
	if (!rc)
		rc = build_tree(b, true, &b->super->volumes);
	if (!rc)
		rc = build_tree(b, false, &b->super->exceptions);
	if (!rc)
		rc = build_directory(b);
	if (!rc)
		rc = b->build->flush(b->build->context);
	if (rc)
		return rc;
	make_super(b);
	rc = smv_super_verify(b->super, slot);
	if (!rc)
		rc = write_block(b, slot, b->super);
	return rc ? rc : b->build->flush(b->build->context);
}

int smv_build_write(const struct smv_build *build, const struct smv_image *image)
{
	struct building b = { .build = build, .image = image };
	int rc = smv_build_test(image);

	if (rc)
		return rc;
	rc = begin(&b);
	if (!rc)
		rc = write_all(&b);
	end(&b);
	return rc;
}

/* -- what the device holds already ----------------------------------------------------------- */

/* Numbers beyond any that could have been reached were never counted up to. */
static u64 larger(u64 a, u64 b)
{
	return b < SMV_INCARNATION_MAX && b > a ? b : a;
}

void smv_build_prepare(struct smv_build *build, const struct smv_image *image,
		       const struct smv_reader *reader)
{
	const u8 *uuid = image->super.header.uuid;
	u64 ring = le64_to_cpu(image->super.journal_block);
	u64 blocks = le64_to_cpu(image->super.journal_blocks);
	u8 *data = calloc(1, SMV_BLOCK_BYTES);

	build->generation = 0;
	build->incarnation = 0;
	build->cut = 0;
	for (u64 slot = 1; data && slot <= 2; slot++) {
		const struct smv_disk_super *super = (void *)data;

		if (reader->read(reader->context, slot, data) || smv_super_verify(data, slot))
			continue;
		build->generation =
			larger(build->generation, le64_to_cpu(super->header.generation));
		build->incarnation = larger(build->incarnation, le64_to_cpu(super->incarnation));
		build->cut = larger(build->cut, le64_to_cpu(super->cut));
	}
	for (u64 i = 0; data && i < blocks; i++) {
		const struct smv_disk_journal *journal = (void *)data;

		if (reader->read(reader->context, ring + i, data) ||
		    smv_block_verify(data, SMV_MAGIC_JOURNAL, uuid, ring + i))
			continue;
		build->incarnation =
			larger(build->incarnation, le64_to_cpu(journal->header.generation));
		build->cut = larger(build->cut, le64_to_cpu(journal->sequence));
	}
	free(data);
	build->generation++;
	build->incarnation++;
	build->cut++;
}
