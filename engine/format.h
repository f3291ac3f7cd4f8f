/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store on disk. All numbers are little-endian; everything not named is
 * zero. docs/format.md describes it byte by byte.
 */
#ifndef SMV_FORMAT_H
#define SMV_FORMAT_H

#include "types.h"

#define SMV_FORMAT_VERSION 1

#define SMV_MAGIC_SUPER 0x53766d73u /* "smvS" */
#define SMV_MAGIC_JOURNAL 0x4a766d73u /* "smvJ" */
#define SMV_MAGIC_NODE 0x4e766d73u /* "smvN" */
#define SMV_MAGIC_GROUP 0x47766d73u /* "smvG" */
#define SMV_MAGIC_DIRECTORY 0x44766d73u /* "smvD" */

/* Every block begins with this. */
struct smv_disk_header {
	__le32 crc; /* crc32c, seed ~0, of bytes 4 to the end of the block */
	__le32 magic;
	u8 uuid[SMV_UUID_BYTES]; /* of the store */
	__le64 block; /* its own address */
	__le64 generation; /* of the checkpoint; of a journal block: incarnation */
	__le32 count; /* of entries */
	__le32 level; /* of a tree node; 0 is a leaf */
	u8 pad[16];
};
SMV_STATIC_ASSERT(sizeof(struct smv_disk_header) == 64);

#define SMV_PAYLOAD_BYTES (SMV_BLOCK_BYTES - (u32)sizeof(struct smv_disk_header))

/* A pointer to a tree node; block 0: an empty tree. */
struct smv_disk_pointer {
	__le64 block;
	__le64 generation;
	__le32 crc;
	__le32 pad;
};

struct smv_disk_key {
	__le64 volume;
	__le64 chunk;
	__le64 epoch;
};

static inline void smv_key_decode(const struct smv_disk_key *disk, struct smv_key *key)
{
	key->volume = le64_to_cpu(disk->volume);
	key->chunk = le64_to_cpu(disk->chunk);
	key->epoch = le64_to_cpu(disk->epoch);
}

static inline void smv_key_encode(const struct smv_key *key, struct smv_disk_key *disk)
{
	disk->volume = cpu_to_le64(key->volume);
	disk->chunk = cpu_to_le64(key->chunk);
	disk->epoch = cpu_to_le64(key->epoch);
}

struct smv_disk_value {
	__le64 where;
	__le64 check;
};

/* -- superblock ------------------------------------------------------- */

#define SMV_SUPER_SLOT(generation) (1 + ((generation)&1))
#define SMV_LABEL_BYTES 32
#define SMV_DIRECTORY_MAX 8192 /* directory pairs a superblock can name */

/*
 * Feature bits. An unknown incompatible bit is refused by name. UNPROVEN is set from
 * an opening to a clean close: the journal may hold records whose copies recovery has to verify.
 */
#define SMV_INCOMPAT_UNPROVEN 1ULL
#define SMV_INCOMPAT_KNOWN SMV_INCOMPAT_UNPROVEN
#define SMV_RO_COMPAT_KNOWN 0ULL

#define SMV_SUPER_IN_USE 1u /* not closed since: host and boot say by whom */

struct smv_disk_settings {
	__le32 policy; /* enum smv_policy */
	__le32 hold_timeout_s;
	__le32 low_water_permille;
	__le32 throttle_mib_s; /* 0: no limit, ~0: paused */
	char label[SMV_LABEL_BYTES]; /* zero terminated */
};

struct smv_disk_tree {
	struct smv_disk_pointer root;
	__le64 entries;
	__le64 leaves;
	__le64 internals;
};

struct smv_disk_super {
	struct smv_disk_header header; /* generation: of the checkpoint */
	u8 signature[16]; /* "dm-snap-mv store" */
	__le32 version;
	__le32 chunk_blocks;
	__le64 compat;
	__le64 ro_compat;
	__le64 incompat;
	__le64 created_s; /* Unix time */
	/* layout, in blocks, fixed when formatted but for blocks and groups */
	__le64 blocks; /* of the store in all */
	__le64 directory_block;
	__le64 directory_pairs; /* room */
	__le64 journal_block;
	__le64 journal_blocks;
	__le64 first_chunk; /* first chunk of group 0 */
	__le64 groups;
	/* the checkpoint */
	__le64 incarnation;
	__le64 cut; /* first journal block to replay, by its sequence number */
	__le64 next_volume;
	struct smv_disk_tree exceptions;
	struct smv_disk_tree volumes;
	__le64 data_chunks; /* owned by exceptions */
	__le64 meta_chunks; /* holding tree nodes */
	/* who uses it */
	__le32 state; /* SMV_SUPER_* */
	__le32 pad;
	u8 host_id[SMV_UUID_BYTES];
	u8 boot_id[SMV_UUID_BYTES];
	struct smv_disk_settings settings;
	u8 reserved[512];
	u8 directory_current[SMV_DIRECTORY_MAX / 8]; /* which of each pair */
};
SMV_STATIC_ASSERT(sizeof(struct smv_disk_super) <= SMV_BLOCK_BYTES);

/* -- allocation ------------------------------------------------------- */

/*
 * A group is SMV_GROUP_CHUNKS chunks; its first chunks (its head) begin with a
 * pair of group blocks, written alternately.
 */
#define SMV_GROUP_CHUNKS 16384u
#define SMV_GROUP_BITMAP_BYTES (SMV_GROUP_CHUNKS / 8)
#define SMV_GROUP_META_BYTES (SMV_PAYLOAD_BYTES - SMV_GROUP_BITMAP_BYTES)

/*
 * header.count metadata chunks are listed in meta[], ascending, each as
 * __le16 chunk within the group and the bitmap of its blocks in use
 * (chunk_blocks bits, at least one byte).
 */
struct smv_disk_group {
	struct smv_disk_header header;
	u8 owned[SMV_GROUP_BITMAP_BYTES]; /* 1: head, data or metadata */
	u8 meta[SMV_GROUP_META_BYTES];
};
SMV_STATIC_ASSERT(sizeof(struct smv_disk_group) == SMV_BLOCK_BYTES);

/* Of the bitmap in an entry of meta[]. */
static inline u32 smv_group_meta_bitmap(u32 chunk_blocks)
{
	return chunk_blocks < 8 ? 1 : chunk_blocks / 8;
}

/* How many entries meta[] takes. */
static inline u32 smv_group_meta_max(u32 chunk_blocks)
{
	return SMV_GROUP_META_BYTES / (2 + smv_group_meta_bitmap(chunk_blocks));
}

/* generation 0: never written, only the head is owned. */
struct smv_disk_group_state {
	__le64 generation;
	__le32 crc;
	__le16 free; /* chunks neither data nor metadata nor head */
	u8 which; /* which of the pair */
	u8 meta; /* metadata chunks, in 255ths of what meta[] has room for, rounded up */
};
SMV_STATIC_ASSERT(sizeof(struct smv_disk_group_state) == 16);

#define SMV_DIRECTORY_GROUPS (SMV_PAYLOAD_BYTES / (u32)sizeof(struct smv_disk_group_state))

struct smv_disk_directory {
	struct smv_disk_header header;
	struct smv_disk_group_state group[SMV_DIRECTORY_GROUPS];
};
SMV_STATIC_ASSERT(sizeof(struct smv_disk_directory) == SMV_BLOCK_BYTES);

/* -- volumes ---------------------------------------------------------- */

#define SMV_NAME_BYTES 64 /* zero terminated */
#define SMV_ORIGIN_NAME_MAX 31
#define SMV_SNAPSHOT_NAME_MAX 60
#define SMV_MEMO_BYTES 256 /* zero terminated */
#define SMV_IDENTITY_BYTES 192 /* zero terminated, "kind:text" */

#define SMV_INCARNATION_MAX (1ULL << 60) /* no store has been opened as often: beyond is no block */
#define SMV_EPOCH_MAX (1ULL << 62) /* I-EPOCH: no volume gets beyond */

#define SMV_VOLUME_ORIGIN 1u
#define SMV_VOLUME_HIDDEN 2u /* holds a rollback's source */
#define SMV_VOLUME_DEAD 4u /* deleted: a ghost */
#define SMV_VOLUME_INVALID 8u /* lost a chunk to a full store */
#define SMV_VOLUME_SUSPECT 16u /* its origin was written without us */
#define SMV_VOLUME_PASS 32u /* its entries are to be judged by the cleaner */

struct smv_disk_volume {
	__le64 number; /* never used again */
	__le64 parent; /* structural; 0: none */
	__le64 asof; /* epoch of the parent */
	__le64 epoch;
	__le64 origin; /* the origin at the end of the chain, or itself */
	__le64 taken_of; /* shown to people */
	__le64 created_s;
	__le64 sectors;
	__le64 exceptions; /* entries in the map */
	__le64 roll_volume; /* an origin's rollback: the hidden snapshot, or 0 */
	__le64 roll_epoch;
	__le64 roll_done; /* chunks below are done */
	__le64 roll_source; /* shown to people */
	__le32 flags; /* SMV_VOLUME_* */
	__le32 pad;
	char name[SMV_NAME_BYTES];
	char memo[SMV_MEMO_BYTES];
	char identity[SMV_IDENTITY_BYTES]; /* of an origin's device */
	u8 fingerprint[64]; /* of an origin's contents, made by the tool; zeroes: none */
};
SMV_STATIC_ASSERT(sizeof(struct smv_disk_volume) == 688);

/* -- journal ---------------------------------------------------------- */

/* header.count: bytes of records. Records do not cross blocks. */
struct smv_disk_journal {
	struct smv_disk_header header; /* generation: the incarnation */
	__le64 sequence; /* of this block; never repeats; place = sequence mod ring */
	__le64 first; /* sequence of the commit's first block */
	__le32 blocks; /* of the commit */
	__le32 pad;
	__le64 watermark; /* records in blocks before this sequence number are proven */
	u8 records[];
};

#define SMV_JOURNAL_RECORD_BYTES (SMV_BLOCK_BYTES - (u32)sizeof(struct smv_disk_journal))

enum smv_record_type {
	SMV_RECORD_PUT = 1, /* smv_disk_record_put */
	SMV_RECORD_DELETE = 2, /* smv_disk_record_delete */
	SMV_RECORD_REKEY = 3, /* smv_disk_record_rekey */
	SMV_RECORD_VOLUME = 4, /* smv_disk_volume: made or changed */
	SMV_RECORD_GONE = 5, /* __le64 number: left the table */
	SMV_RECORD_FLAGS = 6, /* smv_disk_record_flags */
	SMV_RECORD_DONE = 7, /* smv_disk_record_done */
	SMV_RECORD_SETTINGS = 8, /* smv_disk_settings */
	SMV_RECORD_PROVEN = 9, /* __le64 0: changes nothing; for its commit's watermark */
};

struct smv_disk_record {
	__le16 type;
	__le16 bytes; /* of the payload, a multiple of 4 */
};

/*
 * was: what the entry held before, SMV_WHERE_NONE if it is new. value.check: 0, or
 * the record was written beside the copy and counts if that has this checksum
 * (smv_checksum_data()).
 */
struct smv_disk_record_put {
	struct smv_disk_key key;
	struct smv_disk_value value;
	__le64 was;
};

struct smv_disk_record_delete {
	struct smv_disk_key key;
	__le64 was;
};

struct smv_disk_record_rekey {
	struct smv_disk_key from;
	struct smv_disk_key to;
	struct smv_disk_value value;
};

struct smv_disk_record_flags {
	__le64 volume;
	__le32 flags; /* all of them, as they are from now on */
	__le32 pad;
};

struct smv_disk_record_done {
	__le64 origin;
	__le64 chunk; /* the rollback's watermark */
};

#endif
