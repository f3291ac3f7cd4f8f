// SPDX-License-Identifier: GPL-2.0-only
/*
 * Base images for the fuzzer, and their mutation. An input is one byte (which
 * image; its top bit: leave the checksums alone) and then changes of eight bytes
 * each: which metadata block, where in it, how wide, what. After the changes all
 * checksums are made to fit again, from the leaves up to the superblock, so that
 * the changes reach the code behind them.
 */
#include <stdlib.h>
#include "checksum.h"
#include "store.h"
#include "super.h"
#include "tree.h"

#define STEP_BYTES 8

static struct fuzz_base base[FUZZ_BASES];

/* -- finding the metadata of an image -------------------------------------- */

static u8 *at(const struct fuzz_base *b, u64 block)
{
	return b->image + block * SMV_BLOCK_BYTES;
}

static void note(struct fuzz_base *b, u64 block, u64 parent, size_t crc_at)
{
	if (b->count == FUZZ_BLOCKS)
		abort();
	b->block[b->count++] = (struct fuzz_block){ block, parent, (u32)crc_at };
}

/* A node and all below it; @parent points to it at @pointer_at. */
static void note_tree(struct fuzz_base *b, u64 root, u64 super, size_t crc_at)
{
	u32 next = b->count;

	if (!root)
		return;
	note(b, root, super, crc_at);
	for (; next < b->count; next++) {
		u64 parent = b->block[next].block;
		const struct smv_disk_header *h = (void *)at(b, parent);

		for (u32 i = 0; le32_to_cpu(h->level) && i < le32_to_cpu(h->count); i++) {
			size_t entry = sizeof(*h) + i * (sizeof(struct smv_disk_key) +
							 sizeof(struct smv_disk_pointer));
			struct smv_pointer child;
			struct smv_key key;

			smv_tree_child(h, i, &key, &child);
			note(b, child.block, parent,
			     entry + sizeof(struct smv_disk_key) +
				     offsetof(struct smv_disk_pointer, crc));
		}
	}
}

static void note_groups(struct fuzz_base *b, const struct smv_geometry *geometry, u64 super)
{
	const struct smv_disk_super *s = (void *)at(b, super);
	u64 directory = geometry->directory_block + (s->directory_current[0] & 1);
	const struct smv_disk_directory *d = (void *)at(b, directory);

	note(b, directory, 0, 0);
	for (u64 g = 0; g < geometry->groups && g < SMV_DIRECTORY_GROUPS; g++) {
		u64 chunk = geometry->first_chunk + g * SMV_GROUP_CHUNKS;
		size_t entry =
			sizeof(struct smv_disk_header) + g * sizeof(struct smv_disk_group_state);

		if (d->group[g].generation)
			note(b, chunk * geometry->chunk_blocks + d->group[g].which, directory,
			     entry + offsetof(struct smv_disk_group_state, crc));
	}
}

static void note_all(struct fuzz_base *b)
{
	u64 super = 0, newest = 0;
	struct smv_geometry geometry;
	const struct smv_disk_super *s;

	for (u64 slot = 1; slot <= 2; slot++) {
		s = (void *)at(b, slot);
		if (smv_super_verify(s, slot) || le64_to_cpu(s->header.generation) < newest)
			continue;
		newest = le64_to_cpu(s->header.generation);
		super = slot;
	}
	s = (void *)at(b, super);
	smv_super_get_geometry(s, &geometry);
	note(b, super, 0, 0);
	note(b, 3 - super, 0, 0);
	note_groups(b, &geometry, super);
	for (u64 i = 0; i < geometry.journal_blocks; i++)
		if (!smv_block_verify(at(b, geometry.journal_block + i), SMV_MAGIC_JOURNAL,
				      s->header.uuid, geometry.journal_block + i))
			note(b, geometry.journal_block + i, 0, 0);
	note_tree(b, le64_to_cpu(s->volumes.root.block), super,
		  offsetof(struct smv_disk_super, volumes.root.crc));
	note_tree(b, le64_to_cpu(s->exceptions.root.block), super,
		  offsetof(struct smv_disk_super, exceptions.root.crc));
}

/* -- the images ---------------------------------------------------------------- */

static void make_base(u32 number)
{
	/* blocks, blocks of a chunk, seed, steps, closed in order, records that go with copies */
	static const struct {
		u64 blocks;
		u32 chunk_blocks;
		u64 seed;
		u32 steps;
		bool close;
		bool announces;
	} kind[FUZZ_BASES] = { { 1024, 1, 1, 300, false, false },
			       { 1024, 16, 2, 120, false, true },
			       { 1024, 1, 7, 500, true, false },
			       { 2048, 1, 4, 900, true, false } };
	struct memory memory;
	struct memory_history history;

	memory_format(&memory, kind[number].blocks, kind[number].chunk_blocks, "fuzz");
	if (memory_open(&memory, false, NULL))
		abort();
	memory_history_begin(&history, &memory, kind[number].seed);
	history.announces = kind[number].announces;
	history.sectors = 90ull * kind[number].chunk_blocks * SMV_BLOCK_SECTORS - 3;
	for (u32 i = 0; i < kind[number].steps; i++)
		memory_history_step(&history);
	if (kind[number].close ? memory_close(&memory) : memory_commit(&memory))
		abort();
	memory_crash(&memory);
	base[number].image = memory.image;
	base[number].blocks = memory.blocks;
	note_all(&base[number]);
}

const struct fuzz_base *fuzz_base(u32 number)
{
	number %= FUZZ_BASES;
	if (!base[number].image)
		make_base(number);
	return &base[number];
}

/* -- changes ------------------------------------------------------------------------ */

static void poke(u8 *block, u32 offset, u32 width, u64 value)
{
	__le64 le = cpu_to_le64(value);

	if (offset + width > SMV_BLOCK_BYTES)
		offset = SMV_BLOCK_BYTES - width;
	memcpy(block + offset, &le, width);
}

static u64 peek(const u8 *block, u32 offset, u32 width)
{
	__le64 le = 0;

	if (offset + width > SMV_BLOCK_BYTES)
		offset = SMV_BLOCK_BYTES - width;
	memcpy(&le, block + offset, width);
	return le64_to_cpu(le);
}

/* block, block, offset, offset, how, value, value, value */
static void change(const struct fuzz_base *b, u8 *image, const u8 *step)
{
	u64 number = b->block[(step[0] | step[1] << 8) % b->count].block;
	u8 *block = image + number * SMV_BLOCK_BYTES;
	u32 offset = (step[2] | step[3] << 8) % SMV_BLOCK_BYTES, width = 1u << (step[4] & 3);
	u64 value = step[5] | step[6] << 8 | (u64)step[7] << 16, was;

	offset &= ~(width - 1);
	was = peek(block, offset, width);
	switch (step[4] >> 2 & 7) {
	case 0:
		poke(block, offset, width, value);
		break;
	case 1:
		poke(block, offset, width, was + value);
		break;
	case 2:
		poke(block, offset, width, was - value);
		break;
	case 3:
		poke(block, offset, width, was ^ 1ull << value % 64);
		break;
	case 4:
		poke(block, offset, width, ~0ull - value);
		break;
	case 5: /* what lies elsewhere in it */
		poke(block, offset, width, peek(block, value % SMV_BLOCK_BYTES, width));
		break;
	case 6: /* another block's contents, in this place */
		memcpy(block, image + b->block[value % b->count].block * SMV_BLOCK_BYTES,
		       SMV_BLOCK_BYTES);
		poke(block, offsetof(struct smv_disk_header, block), 8, number);
		break;
	default: /* a long field at once: names, memos, bitmaps */
		width = SMV_BLOCK_BYTES - offset < 64 ? SMV_BLOCK_BYTES - offset : 64;
		memset(block + offset, (int)value, width);
	}
}

/* Children before parents: each checksum is made when all it covers is. */
static void seal_all(const struct fuzz_base *b, u8 *image)
{
	for (u32 i = b->count; i--;) {
		u8 *block = image + b->block[i].block * SMV_BLOCK_BYTES;
		__le32 crc = cpu_to_le32(smv_checksum_block(block));

		memcpy(block, &crc, sizeof(crc));
		if (b->block[i].parent)
			memcpy(image + b->block[i].parent * SMV_BLOCK_BYTES + b->block[i].crc_at,
			       &crc, sizeof(crc));
	}
}

void fuzz_mutate(const struct fuzz_base *b, struct memory *memory, const u8 *data, size_t bytes)
{
	memset(memory, 0, sizeof(*memory));
	memory->blocks = b->blocks;
	memory->image = malloc(b->blocks * SMV_BLOCK_BYTES);
	if (!memory->image)
		abort();
	memcpy(memory->image, b->image, b->blocks * SMV_BLOCK_BYTES);
	for (size_t i = 1; i + STEP_BYTES <= bytes; i += STEP_BYTES)
		change(b, memory->image, data + i);
	if (!(data[0] & 0x80))
		seal_all(b, memory->image);
}
