// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fingerprint of an origin's contents. It promises that mounting any of the
 * usual filesystems read-write, or a new one, changes it: their superblocks lie
 * in the first 128 KiB and are written at each mount (ext4, btrfs, XFS once
 * anything was changed); XFS's journal and evenly spread samples are in it, too
 * (I-FINGERPRINT).
 *
 * Layout: version, size, then 64-bit hashes: head, tail, XFS journal, and three
 * groups of samples. Not crc32c: these filesystems end their superblocks with
 * one, and a crc over data with its own crc is the same whatever the data. Weak side: a program that overwrites a few blocks in the
 * middle of a device is noticed only by chance.
 */
#include <stdlib.h>
#include "fingerprint.h"
#include "text.h"

#define HEAD_BYTES (128u << 10)
#define TAIL_BYTES (64u << 10)
#define GROUPS 3u
#define GROUP_SAMPLES 100u
#define VERSION 1u
#define LOG_BYTES_MAX (16u << 20)

struct fingerprint {
	__le32 version;
	__le32 pad;
	__le64 bytes;
	__le64 head;
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

/* XFS's internal journal; a lazy XFS may write nothing else for a while. */
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
	if (length > LOG_BYTES_MAX)
		length = LOG_BYTES_MAX;
	if (offset < size && length <= size - offset)
		rc = add(device, offset, length, hash);
out:
	free(sb);
	return rc;
}

int smv_fingerprint_make(struct smv_device *device, u64 sectors, u8 *out)
{
	struct fingerprint f = { .version = cpu_to_le32(VERSION) };
	u64 size = sectors * SMV_SECTOR_BYTES, blocks = size / SMV_BLOCK_BYTES;
	u64 head = 1, tail = 1, journal = 1;
	int rc;

	f.bytes = cpu_to_le64(size);
	rc = add(device, 0, size < HEAD_BYTES ? size : HEAD_BYTES, &head);
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
	f.head = cpu_to_le64(head);
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
