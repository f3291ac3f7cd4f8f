// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metadata blocks and the store's cache of them.
 *
 * A sealed block says what it is (magic), whose it is (uuid), where it belongs
 * (its address) and of which checkpoint it is (generation), under a checksum
 * (I-CHECKSUM): a block that is torn, damaged or misplaced, or that another
 * store left behind, is told from a good one by itself. A whole block that is
 * too old is not: for that the pointer to it carries generation and checksum
 * (I-POINTER), and journal blocks their sequence.
 *
 * The cache is two arrays of a size fixed at open: slots, which hold a block
 * each, and hash buckets, each the head of a chain of slot numbers. A clock
 * hand looks for the slot to replace: it passes a block that was used since
 * its last round and takes the next one that was not, so it stops after two
 * rounds at most. A block comes in behind the hand and unused: it has a whole
 * round to be looked at, and blocks looked at once do not drive out those in
 * constant use. Nothing in the cache is dirty: a block enters it when it is
 * on disk, or is being written from a buffer of its maker's, so a slot can be
 * taken at any time and a crash loses nothing here.
 *
 * Weak side: a pointer into the cache lives only until the next block enters.
 */
#include "block.h"

#define SLOT_NONE (~0u)
#define CAPACITY_MIN 64u
#define CAPACITY_MAX (1u << 19) /* 2 GiB */

struct smv_cached_block {
	u8 data[SMV_BLOCK_BYTES];
	u64 number; /* 0: the slot is empty */
	u32 next; /* in the bucket's chain */
	bool used; /* since the hand passed */
};

void smv_block_seal(void *block, u32 magic, const u8 *uuid, u64 number, u64 generation)
{
	struct smv_disk_header header;

	memcpy(&header, block, sizeof(header));
	header.magic = cpu_to_le32(magic);
	memcpy(header.uuid, uuid, SMV_UUID_BYTES);
	header.block = cpu_to_le64(number);
	header.generation = cpu_to_le64(generation);
	memcpy(block, &header, sizeof(header));
	header.crc = cpu_to_le32(smv_checksum_block(block));
	memcpy(block, &header.crc, sizeof(header.crc));
}

int smv_block_verify(const void *block, u32 magic, const u8 *uuid, u64 number)
{
	struct smv_disk_header header;

	memcpy(&header, block, sizeof(header));
	if (le32_to_cpu(header.crc) != smv_checksum_block(block) ||
	    (magic && le32_to_cpu(header.magic) != magic) ||
	    memcmp(header.uuid, uuid, SMV_UUID_BYTES) || le64_to_cpu(header.block) != number)
		return -EUCLEAN;
	return 0;
}

static u32 *bucket_of(const struct smv_blocks *blocks, u64 number)
{
	u64 hash = number * 0x9e3779b97f4a7c15ULL;

	return &blocks->bucket[hash >> 32 & (blocks->buckets - 1)];
}

/* The link that names the block's slot, or the one at the chain's end. */
static u32 *link_to(const struct smv_blocks *blocks, u64 number)
{
	u32 *link = bucket_of(blocks, number);

	while (*link != SLOT_NONE && blocks->slot[*link].number != number)
		link = &blocks->slot[*link].next;
	return link;
}

int smv_blocks_init(struct smv_blocks *blocks, const struct smv_host *host, u32 capacity,
		    const u8 *uuid)
{
	memset(blocks, 0, sizeof(*blocks));
	blocks->host = *host;
	if (capacity < CAPACITY_MIN || capacity > CAPACITY_MAX)
		return -EINVAL;
	memcpy(blocks->uuid, uuid, SMV_UUID_BYTES);
	blocks->capacity = capacity;
	blocks->buckets = CAPACITY_MIN;
	while (blocks->buckets < capacity)
		blocks->buckets *= 2;
	blocks->slot = smv_host_alloc(host, (size_t)capacity * sizeof(*blocks->slot));
	blocks->bucket = smv_host_alloc(host, (size_t)blocks->buckets * sizeof(*blocks->bucket));
	if (!blocks->slot || !blocks->bucket) {
		smv_blocks_exit(blocks);
		return -ENOMEM;
	}
	memset(blocks->bucket, 0xff, (size_t)blocks->buckets * sizeof(*blocks->bucket));
	return 0;
}

void smv_blocks_exit(struct smv_blocks *blocks)
{
	smv_host_free(&blocks->host, blocks->slot,
		      (size_t)blocks->capacity * sizeof(*blocks->slot));
	smv_host_free(&blocks->host, blocks->bucket,
		      (size_t)blocks->buckets * sizeof(*blocks->bucket));
	blocks->slot = NULL;
	blocks->bucket = NULL;
}

const void *smv_blocks_get(struct smv_blocks *blocks, u64 number)
{
	u32 at = *link_to(blocks, number);

	if (at == SLOT_NONE) {
		blocks->misses++;
		return NULL;
	}
	blocks->hits++;
	blocks->slot[at].used = true;
	return blocks->slot[at].data;
}

/* An empty slot; makes one if need be. */
static u32 slot_take(struct smv_blocks *blocks)
{
	struct smv_cached_block *slot;
	u32 at;

	for (;;) {
		at = blocks->hand;
		slot = &blocks->slot[at];
		blocks->hand = at + 1 < blocks->capacity ? at + 1 : 0;
		if (!slot->number)
			return at;
		if (!slot->used)
			break;
		slot->used = false;
	}
	smv_blocks_drop(blocks, slot->number);
	blocks->evictions++;
	return at;
}

static void slot_fill(struct smv_blocks *blocks, u64 number, const void *data)
{
	u32 at = slot_take(blocks);
	struct smv_cached_block *slot = &blocks->slot[at];
	u32 *bucket = bucket_of(blocks, number);

	memcpy(slot->data, data, SMV_BLOCK_BYTES);
	slot->number = number;
	slot->used = false;
	slot->next = *bucket;
	*bucket = at;
}

int smv_blocks_provide(struct smv_blocks *blocks, u64 number, const void *data)
{
	if (!number || smv_block_verify(data, 0, blocks->uuid, number))
		return -EUCLEAN;
	/* What is cached may have been made after the host began to read. */
	if (*link_to(blocks, number) == SLOT_NONE)
		slot_fill(blocks, number, data);
	return 0;
}

void smv_blocks_insert(struct smv_blocks *blocks, u64 number, const void *data)
{
	u32 at = *link_to(blocks, number);

	SMV_ASSERT(number);
	if (at != SLOT_NONE)
		memcpy(blocks->slot[at].data, data, SMV_BLOCK_BYTES);
	else if (number)
		slot_fill(blocks, number, data);
}

void smv_blocks_drop(struct smv_blocks *blocks, u64 number)
{
	u32 *link = link_to(blocks, number);
	u32 at = *link;

	if (at == SLOT_NONE)
		return;
	*link = blocks->slot[at].next;
	blocks->slot[at].number = 0;
}
