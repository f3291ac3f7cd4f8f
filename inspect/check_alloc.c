// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check's part for allocation: directory and group blocks, then ownership.
 * It promises to take for current only what the superblock and the directory
 * name (generation and checksum), never what merely looks newer.
 */
#include <stdlib.h>
#include "check_private.h"

struct state {
	u64 generation;
	u32 crc;
	u32 free;
	u32 current;
	u32 meta;
};

static u64 group_chunk(const struct smv_ck *ck, u64 group)
{
	return ck->geometry.first_chunk + group * SMV_GROUP_CHUNKS;
}

/* Chunks of the group that exist; the last group may be partial. */
static u32 group_size(const struct smv_ck *ck, u64 group)
{
	u64 left = ck->geometry.chunks - group_chunk(ck, group);

	return left < SMV_GROUP_CHUNKS ? (u32)left : SMV_GROUP_CHUNKS;
}

bool smv_ck_is_head(const struct smv_ck *ck, u64 chunk)
{
	return chunk < ck->geometry.first_chunk ||
	       (chunk - ck->geometry.first_chunk) % SMV_GROUP_CHUNKS < ck->geometry.head_chunks;
}

struct smv_ck_meta *smv_ck_find_meta(struct smv_ck *ck, u64 chunk)
{
	u64 low = 0, high = ck->metas;

	while (low < high) {
		u64 middle = low + (high - low) / 2;

		if (ck->meta[middle].chunk < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ck->metas && ck->meta[low].chunk == chunk ? &ck->meta[low] : NULL;
}

static struct smv_ck_meta *new_meta(struct smv_ck *ck)
{
	if (!(ck->metas & (ck->metas + 1)) || !ck->meta) {
		u64 room = 2 * (ck->metas + 1);
		void *larger = realloc(ck->meta, room * sizeof(*ck->meta));

		if (!larger)
			return NULL;
		ck->meta = larger;
	}
	memset(&ck->meta[ck->metas], 0, sizeof(*ck->meta));
	return &ck->meta[ck->metas++];
}

/* The group block's list of metadata chunks. */
static int take_metas(struct smv_ck *ck, u64 group, u64 block, const struct smv_disk_group *disk)
{
	u32 count = le32_to_cpu(disk->header.count), blocks = ck->geometry.chunk_blocks;
	u32 bytes = smv_group_meta_bitmap(blocks);
	u32 last = ck->geometry.head_chunks - 1;

	if (count > smv_group_meta_max(blocks)) {
		smv_ck_damage(ck, SMV_DAMAGE_GROUP_META, block, "%u chunks", count);
		ck->incomplete = true;
		return 0;
	}
	for (u32 i = 0; i < count; i++) {
		const u8 *entry = &disk->meta[i * (2 + bytes)];
		u32 at = entry[0] | (u32)entry[1] << 8, used = 0;
		struct smv_ck_meta *meta;

		for (u32 b = 0; b < bytes; b++)
			used += !!entry[2 + b];
		if (at <= last || at >= group_size(ck, group) || !smv_ck_bit(disk->owned, at) ||
		    !used || (blocks < 8 && entry[2] >> blocks))
			smv_ck_damage(ck, SMV_DAMAGE_GROUP_META, block, "chunk %u of the group",
				      at);
		if (at <= last || at >= group_size(ck, group)) {
			ck->incomplete = true;
			return 0;
		}
		last = at;
		meta = new_meta(ck);
		if (!meta)
			return -ENOMEM;
		meta->chunk = group_chunk(ck, group) + at;
		memcpy(meta->used, entry + 2, bytes);
	}
	return 0;
}

static void take_bitmap(struct smv_ck *ck, u64 group, u64 block, const u8 *owned)
{
	u32 chunks = group_size(ck, group);

	for (u32 i = 0; i < SMV_GROUP_CHUNKS; i++) {
		bool bit = smv_ck_bit(owned, i);

		if (bit && i >= chunks)
			smv_ck_damage(ck, SMV_DAMAGE_GROUP, block,
				      "chunk %u of the group lies behind the end", i);
		else if (bit)
			smv_ck_set(ck->owned, group_chunk(ck, group) + i);
		else if (i < ck->geometry.head_chunks)
			smv_ck_damage(ck, SMV_DAMAGE_GROUP, block, "its own place is marked free");
	}
}

static void check_free(struct smv_ck *ck, u64 group, u64 block, const struct state *state)
{
	u32 free = 0;

	for (u32 i = 0; i < group_size(ck, group); i++)
		free += !smv_ck_bit(ck->owned, group_chunk(ck, group) + i);
	if (free != state->free)
		smv_ck_damage(ck, SMV_DAMAGE_GROUP_FREE, block, "says %u, there are %u",
			      state->free, free);
}

/* The engine goes by it as long as it has not read the group's block. */
static void check_meta_share(struct smv_ck *ck, u64 group, u32 count, const struct state *state)
{
	u32 most = smv_group_meta_max(ck->geometry.chunk_blocks);
	u32 share = (count * 255 + most - 1) / most;

	if (count <= most && share != state->meta)
		smv_ck_damage(ck, SMV_DAMAGE_GROUP_META,
			      group_chunk(ck, group) * ck->geometry.chunk_blocks + state->current,
			      "the directory says %u of 255 are taken, it is %u", state->meta,
			      share);
}

static int check_group(struct smv_ck *ck, u64 group, const struct state *state)
{
	struct smv_disk_group *disk;
	u64 block = group_chunk(ck, group) * ck->geometry.chunk_blocks + state->current;
	int rc = 0;

	if (!state->generation) {
		for (u32 i = 0; i < ck->geometry.head_chunks; i++)
			smv_ck_set(ck->owned, group_chunk(ck, group) + i);
		return 0;
	}
	disk = malloc(sizeof(*disk));
	if (!disk)
		return -ENOMEM;
	if (!smv_ck_read(ck, block, disk)) {
		free(disk);
		return 0;
	}
	if (smv_block_verify(disk, SMV_MAGIC_GROUP, ck->super.header.uuid, block) ||
	    le32_to_cpu(disk->header.crc) != state->crc ||
	    le64_to_cpu(disk->header.generation) != state->generation) {
		smv_ck_damage(ck, SMV_DAMAGE_GROUP, block, "group %llu", (unsigned long long)group);
		ck->incomplete = true;
	} else {
		take_bitmap(ck, group, block, disk->owned);
		rc = take_metas(ck, group, block, disk);
		check_free(ck, group, block, state);
		check_meta_share(ck, group, le32_to_cpu(disk->header.count), state);
	}
	free(disk);
	return rc;
}

static int check_directory(struct smv_ck *ck, u64 pair, struct smv_disk_directory *disk)
{
	bool current = smv_ck_bit(ck->super.directory_current, pair);
	u64 block = ck->geometry.directory_block + 2 * pair + current;
	u64 first = pair * SMV_DIRECTORY_GROUPS;
	int rc = 0;

	if (!smv_ck_read(ck, block, disk))
		return 0;
	if (smv_block_verify(disk, SMV_MAGIC_DIRECTORY, ck->super.header.uuid, block) ||
	    le64_to_cpu(disk->header.generation) > le64_to_cpu(ck->super.header.generation)) {
		smv_ck_damage(ck, SMV_DAMAGE_DIRECTORY, block, "%s", "");
		ck->incomplete = true;
		return 0;
	}
	for (u32 i = 0; i < SMV_DIRECTORY_GROUPS && first + i < ck->geometry.groups && !rc; i++) {
		const struct smv_disk_group_state *from = &disk->group[i];
		struct state state = { .generation = le64_to_cpu(from->generation),
				       .crc = le32_to_cpu(from->crc),
				       .free = le16_to_cpu(from->free),
				       .current = from->which,
				       .meta = from->meta };

		if (state.current > 1 || state.generation > le64_to_cpu(disk->header.generation)) {
			smv_ck_damage(ck, SMV_DAMAGE_DIRECTORY, block, "group %llu",
				      (unsigned long long)(first + i));
			ck->incomplete = true;
			continue;
		}
		rc = check_group(ck, first + i, &state);
	}
	return rc;
}

int smv_ck_groups(struct smv_ck *ck)
{
	u64 pairs = (ck->geometry.groups + SMV_DIRECTORY_GROUPS - 1) / SMV_DIRECTORY_GROUPS;
	struct smv_disk_directory *disk = malloc(sizeof(*disk));
	int rc = disk ? 0 : -ENOMEM;

	for (u64 pair = 0; pair < pairs && !rc; pair++)
		rc = check_directory(ck, pair, disk);
	free(disk);
	return rc;
}

/* -- ownership -------------------------------------------------------------- */

static void check_meta(struct smv_ck *ck, const struct smv_ck_meta *meta)
{
	for (u32 i = 0; i < ck->geometry.chunk_blocks; i++)
		if (smv_ck_bit(meta->used, i) && !smv_ck_bit(meta->reached, i))
			smv_ck_damage(ck, SMV_DAMAGE_NODE_LEAK,
				      meta->chunk * ck->geometry.chunk_blocks + i, "%s", "");
}

void smv_ck_ownership(struct smv_ck *ck)
{
	u64 next = 0;

	for (u64 c = ck->geometry.first_chunk; c < ck->chunks; c++) {
		bool owned = smv_ck_bit(ck->owned, c), seen = smv_ck_bit(ck->seen, c);
		bool meta = next < ck->metas && ck->meta[next].chunk == c;

		if (seen && !owned)
			smv_ck_damage(ck, SMV_DAMAGE_CHUNK_FREE, c, "%s", "");
		/* with entries missing nobody can be called without an owner */
		if (!ck->incomplete && owned && !seen && !meta && !smv_ck_is_head(ck, c))
			smv_ck_damage(ck, SMV_DAMAGE_CHUNK_LEAK, c, "%s", "");
		if (!meta)
			continue;
		if (!ck->incomplete)
			check_meta(ck, &ck->meta[next]);
		next++;
	}
}
