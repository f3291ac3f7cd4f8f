// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fingerprint of an origin's contents. It promises that mounting any of the
 * usual filesystems read-write and changing anything in it, or making a new one,
 * changes it: their superblocks lie in the first 128 KiB and are written (ext4 at
 * each mount, btrfs and XFS once anything was changed, FAT once anything was
 * allocated). So for a filesystem in a partition (MBR without logical ones, GPT),
 * and for one that begins at a power of two from 1 MiB to 1 GiB, as what lies first
 * in an LVM group or in a LUKS container does. XFS logs to its journal before it
 * writes a superblock: where its head is, and what is around it, is in it, too;
 * and evenly spread samples (I-FINGERPRINT).
 *
 * Layout: version, size, then 64-bit hashes: heads, tail, XFS journal, and three
 * groups of samples. Not crc32c: these filesystems end their superblocks with
 * one, and a crc over data with its own crc is the same whatever the data. Weak
 * side: a program that overwrites some blocks in the middle of a device (a database,
 * a swap area, a further volume of an LVM group, a file on FAT in its place) is
 * noticed only by chance.
 */
#include <stdlib.h>
#include "fingerprint.h"
#include "text.h"

#define HEAD_BYTES (128u << 10)
#define TAIL_BYTES (64u << 10)
#define GROUPS 3u
#define GROUP_SAMPLES 100u
#define VERSION 2u
#define WITHIN_FIRST (1ULL << 20)
#define WITHIN_LAST (1ULL << 30)
#define PARTITIONS 128u
#define LOG_MARGIN_BYTES (2u << 20) /* what XFS has under way at a time, and more */

struct fingerprint {
	__le32 version;
	__le32 pad;
	__le64 bytes;
	__le64 heads;
	__le64 tail;
	__le64 journal;
	__le64 samples[GROUPS];
};
SMV_STATIC_ASSERT(sizeof(struct fingerprint) == SMV_FINGERPRINT_BYTES);

/* @bytes: a multiple of 8. */
static void mix(u64 *hash, const u8 *data, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		__le64 word;

		memcpy(&word, data + i, 8);
		*hash = (*hash ^ le64_to_cpu(word)) * 0xff51afd7ed558ccdULL;
		*hash ^= *hash >> 32;
	}
}

/* Adds bytes of the device to a hash; @offset and @bytes are whole sectors. */
static int add(struct smv_device *device, u64 offset, u64 bytes, u64 *hash)
{
	u8 *buffer = smv_text_alloc(HEAD_BYTES);
	int rc = 0;

	while (bytes && !rc) {
		size_t part = bytes < HEAD_BYTES ? (size_t)bytes : HEAD_BYTES;

		rc = smv_device_read(device, offset, buffer, part);
		mix(hash, buffer, part);
		offset += part;
		bytes -= part;
	}
	free(buffer);
	return rc;
}

static u64 be(const u8 *p, u32 bytes)
{
	u64 n = 0;

	while (bytes--)
		n = n << 8 | *p++;
	return n;
}

static u64 le(const u8 *p, u32 bytes)
{
	u64 n = 0;

	while (bytes--)
		n = n << 8 | p[bytes];
	return n;
}

/* -- where a filesystem may begin ------------------------------------------------ */

/* From a whole block on: a disk may take nothing smaller. */
static int add_head(struct smv_device *device, u64 size, u64 offset, u64 *hash)
{
	offset &= ~(u64)(SMV_BLOCK_BYTES - 1);
	if (offset >= size)
		return 0;
	return add(device, offset, size - offset < HEAD_BYTES ? size - offset : HEAD_BYTES, hash);
}

/* A table whose sectors have @sector bytes; @table: its second one. */
static int add_gpt(struct smv_device *device, u64 size, u32 sector, const u8 *table, u64 *hash)
{
	u64 at = le(table + 72, 8), count = le(table + 80, 4), bytes = le(table + 84, 4);
	u8 *entries = smv_text_alloc(PARTITIONS * 128);
	int rc = 0;

	if (bytes != 128 || at >= size / sector || size - at * sector < PARTITIONS * 128)
		count = 0;
	if (count > PARTITIONS)
		count = PARTITIONS;
	if (count)
		rc = smv_device_read(device, at * sector, entries, PARTITIONS * 128);
	for (u64 i = 0; i < count && !rc; i++) {
		u64 first = le(entries + 128 * i + 32, 8);

		if (first && first < size / sector)
			rc = add_head(device, size, first * sector, hash);
	}
	free(entries);
	return rc;
}

static int add_partitions(struct smv_device *device, u64 size, u64 *hash)
{
	u8 *table = smv_text_alloc(2 * SMV_BLOCK_BYTES);
	int rc = size < 2 * SMV_BLOCK_BYTES ?
			 0 :
			 smv_device_read(device, 0, table, 2 * SMV_BLOCK_BYTES);

	if (rc || table[510] != 0x55 || table[511] != 0xaa)
		goto out;
	for (u32 i = 0; i < 4 && !rc; i++) {
		u64 first = le(table + 446 + 16 * i + 8, 4);

		if (first > 1)
			rc = add_head(device, size, first * SMV_SECTOR_BYTES, hash);
	}
	for (u32 sector = 512; sector <= SMV_BLOCK_BYTES && !rc; sector *= 8)
		if (!memcmp(table + sector, "EFI PART", 8))
			rc = add_gpt(device, size, sector, table + sector, hash);
out:
	free(table);
	return rc;
}

static int add_heads(struct smv_device *device, u64 size, u64 *hash)
{
	int rc = add_head(device, size, 0, hash);

	for (u64 at = WITHIN_FIRST; at <= WITHIN_LAST && !rc; at *= 2)
		rc = add_head(device, size, at, hash);
	return rc ? rc : add_partitions(device, size, hash);
}

/* -- the journal of XFS ------------------------------------------------------------ */

/* The pass in which a block of the journal was written last: each sector begins with it. */
static int log_cycle(struct smv_device *device, u64 offset, u64 *cycle)
{
	u8 block[SMV_BLOCK_BYTES];
	int rc = smv_device_read(device, offset, block, sizeof(block));

	*cycle = be(block, 4);
	if (*cycle == 0xfeedbabe) /* a record's first one */
		*cycle = be(block + 4, 4);
	return rc;
}

/* Whatever is logged goes to the head, where the passes differ: that, and what is around it. */
static int add_log(struct smv_device *device, u64 offset, u64 bytes, u64 *hash)
{
	u64 low = 0, high = bytes / SMV_BLOCK_BYTES, first, cycle, from, to;
	int rc = high ? log_cycle(device, offset, &first) : 0;

	while (!rc && high - low > 1) {
		u64 middle = low + (high - low) / 2;

		rc = log_cycle(device, offset + middle * SMV_BLOCK_BYTES, &cycle);
		if (cycle == first)
			low = middle;
		else
			high = middle;
	}
	if (rc)
		return rc;
	*hash ^= low;
	from = low * SMV_BLOCK_BYTES < LOG_MARGIN_BYTES ? 0 :
							  low * SMV_BLOCK_BYTES - LOG_MARGIN_BYTES;
	to = low * SMV_BLOCK_BYTES + LOG_MARGIN_BYTES;
	return add(device, offset + from, (to < bytes ? to : bytes) - from, hash);
}

static int add_xfs_journal(struct smv_device *device, u64 size, u64 *hash)
{
	u8 *sb = smv_text_alloc(SMV_BLOCK_BYTES);
	u64 block, start, length, offset, agblklog;
	int rc = size < SMV_BLOCK_BYTES ? 0 : smv_device_read(device, 0, sb, SMV_BLOCK_BYTES);

	if (rc || memcmp(sb, "XFSB", 4))
		goto out;
	block = be(sb + 4, 4); /* sb_blocksize */
	start = be(sb + 48, 8); /* sb_logstart, an fsblock: group and block in it */
	length = be(sb + 96, 4) * block; /* sb_logblocks */
	agblklog = sb[124];
	if (!start || agblklog > 63 || block < 512 || block > 65536 || block & (block - 1))
		goto out;
	offset =
		((start >> agblklog) * be(sb + 84, 4) + (start & ((1ULL << agblklog) - 1))) * block;
	if (offset < size && length <= size - offset)
		rc = add_log(device, offset, length, hash);
out:
	free(sb);
	return rc;
}

int smv_fingerprint_make(struct smv_device *device, u64 sectors, u8 *out)
{
	struct fingerprint f = { .version = cpu_to_le32(VERSION) };
	u64 size = sectors * SMV_SECTOR_BYTES, blocks = size / SMV_BLOCK_BYTES;
	u64 heads = 1, tail = 1, journal = 1;
	int rc;

	f.bytes = cpu_to_le64(size);
	rc = add_heads(device, size, &heads);
	if (!rc && size > TAIL_BYTES)
		rc = add(device, size - TAIL_BYTES, TAIL_BYTES, &tail);
	if (!rc)
		rc = add_xfs_journal(device, size, &journal);
	for (u32 g = 0; g < GROUPS && !rc; g++) {
		u64 hash = 1;

		for (u32 i = 0; i < GROUP_SAMPLES && !rc && blocks; i++) {
			u64 n = g * GROUP_SAMPLES + i, all = GROUPS * GROUP_SAMPLES;
			u64 block = blocks / all * n + blocks % all * n / all;

			rc = add(device, block * SMV_BLOCK_BYTES, SMV_BLOCK_BYTES, &hash);
		}
		f.samples[g] = cpu_to_le64(hash);
	}
	f.heads = cpu_to_le64(heads);
	f.tail = cpu_to_le64(tail);
	f.journal = cpu_to_le64(journal);
	memcpy(out, &f, sizeof(f));
	return rc;
}

bool smv_fingerprint_is_set(const u8 *fingerprint)
{
	for (u32 i = 0; i < SMV_FINGERPRINT_BYTES; i++)
		if (fingerprint[i])
			return true;
	return false;
}
