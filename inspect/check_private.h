/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the check share. */
#ifndef SMV_CHECK_PRIVATE_H
#define SMV_CHECK_PRIVATE_H

#include "check.h"
#include "format.h"
#include "readers.h"
#include "super.h"
#include "tree.h"

/* A metadata chunk: blocks in use by the group's block, and reached by a tree. */
struct smv_ck_meta {
	u64 chunk;
	u8 used[SMV_CHUNK_BLOCKS_MAX / 8];
	u8 reached[SMV_CHUNK_BLOCKS_MAX / 8];
};

/* A volume as the table has it, and what was counted for it. */
struct smv_ck_volume {
	u64 number, parent, asof, epoch, origin, sectors, exceptions;
	u64 roll_volume, roll_epoch, roll_done;
	u32 flags;
	char name[SMV_NAME_BYTES];
	u64 counted;
};

struct smv_ck {
	const struct smv_check *check;
	struct smv_check_result *result;
	struct smv_disk_super super; /* the one that counts */
	struct smv_geometry geometry;
	u64 chunks; /* bits in owned and seen */
	u8 *owned; /* by the group blocks */
	u8 *seen; /* a data chunk that an exception owns */
	struct smv_ck_meta *meta; /* ascending */
	u64 metas;
	u64 *stray; /* a hash table of the blocks of nodes met in no chunk of these; 0: empty */
	u64 strays, stray_room;
	struct smv_ck_volume *volume; /* ascending */
	u64 volumes;
	u64 data_chunks; /* counted */
	u64 exceptions;
	struct smv_readers readers;
	bool judges_readers; /* the table is sound, so that who reads what is known */
	struct smv_key last; /* the exception before */
	struct smv_key mark; /* where the last mark of this volume ends */
	bool incomplete; /* something could not be read: what is missing proves nothing */
};

static inline bool smv_ck_bit(const u8 *bits, u64 at)
{
	return bits[at / 8] >> (at % 8) & 1;
}

static inline void smv_ck_set(u8 *bits, u64 at)
{
	bits[at / 8] |= (u8)(1u << (at % 8));
}

/* Reports a damage. */
void smv_ck_damage(struct smv_ck *ck, enum smv_damage_kind kind, u64 where, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Reads a block; false: reported. */
bool smv_ck_read(struct smv_ck *ck, u64 block, void *buffer);

/* check_alloc.c */
int smv_ck_groups(struct smv_ck *ck); /* fills owned and meta; -ENOMEM */
struct smv_ck_meta *smv_ck_find_meta(struct smv_ck *ck, u64 chunk);
bool smv_ck_is_head(const struct smv_ck *ck, u64 chunk);
void smv_ck_ownership(struct smv_ck *ck); /* owned against seen, used against reached */

/* check_tree.c: calls entry for each leaf entry, in order. */
typedef void (*smv_ck_entry)(struct smv_ck *ck, const struct smv_key *key, const void *value);
int smv_ck_tree(struct smv_ck *ck, const struct smv_disk_tree *tree, u32 value_bytes,
		smv_ck_entry entry);

/* check_map.c */
void smv_ck_volume_entry(struct smv_ck *ck, const struct smv_key *key, const void *value);
/* NULL: there is none. */
struct smv_ck_volume *smv_ck_find_volume(struct smv_ck *ck, u64 number);
void smv_ck_volume_add(struct smv_ck *ck, const struct smv_ck_volume *volume);
void smv_ck_volumes(struct smv_ck *ck); /* checks the table */
void smv_ck_exception_entry(struct smv_ck *ck, const struct smv_key *key, const void *value);
void smv_ck_exception(struct smv_ck *ck, const struct smv_key *key, const struct smv_value *value);
void smv_ck_counts(struct smv_ck *ck); /* of exceptions, for each volume */

/* check_replay.c */
int smv_ck_journal(struct smv_ck *ck);
int smv_ck_replay(struct smv_ck *ck);

#endif
