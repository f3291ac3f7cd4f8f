// SPDX-License-Identifier: GPL-2.0-only
/*
 * The check of a store. It promises to find, in the last checkpoint and in what
 * replaying the journal makes of it:
 *  - damaged, misplaced, stale and lost metadata blocks (checksum, own address,
 *    store, and the generation and checksum that the parent pointer names);
 *  - trees out of order, nodes reached twice or not at all;
 *  - every chunk of the store owned exactly once, by one exception or as
 *    metadata, and by nobody if the bitmaps say free: to the chunk;
 *  - volumes without parents, impossible epochs, names used twice, counts that
 *    are not what is there.
 * It reads block by block, with its own arithmetic; of the engine it uses the
 * verification of single blocks, and for the replay all of it.
 *
 * It writes nothing, so a crash leaves nothing. Memory: two bits a chunk, a record
 * each volume and metadata chunk. Weak side: the data itself has no checksum. A
 * power cut that tears a superblock leaves one that cannot be told from a rotten one.
 */
#include <stdarg.h>
#include <stdlib.h>
#include "check_private.h"

void smv_ck_damage(struct smv_ck *ck, enum smv_damage_kind kind, u64 where, const char *format, ...)
{
	struct smv_damage damage = { .kind = kind, .where = where };
	char detail[120], text[sizeof(ck->result->first)];
	va_list list;

	va_start(list, format);
	vsnprintf(detail, sizeof(detail), format, list);
	va_end(list);
	snprintf(text, sizeof(text), "%s %llu: %s%s%s%s", smv_damage_where(kind),
		 (unsigned long long)where, smv_damage_sentence(kind), *detail ? " (" : "", detail,
		 *detail ? ")" : "");
	damage.text = text;
	if (!ck->result->damages++)
		memcpy(ck->result->first, text, sizeof(text));
	if (ck->check->report)
		ck->check->report(ck->check->context, &damage);
}

bool smv_ck_read(struct smv_ck *ck, u64 block, void *buffer)
{
	int rc = block < ck->check->blocks ? ck->check->read(ck->check->context, block, buffer) :
					     -ENXIO;

	if (!rc)
		return true;
	ck->incomplete = true;
	smv_ck_damage(ck, SMV_DAMAGE_READ, block, "%s", strerror(-rc));
	return false;
}

/* -- superblocks ------------------------------------------------------------ */

/* A slot that was never written is zero; anything else without a signature is damage. */
static bool is_zero(const u8 *block)
{
	return !block[0] && !memcmp(block, block + 1, SMV_BLOCK_BYTES - 1);
}

static int check_supers(struct smv_ck *ck)
{
	u8 *block = calloc(2, SMV_BLOCK_BYTES);
	int verdict[2], best = -1, absent = 0;
	bool strange = false;

	if (!block)
		return -ENOMEM;
	for (int i = 0; i < 2; i++) {
		struct smv_disk_super *super = (void *)(block + i * SMV_BLOCK_BYTES);

		verdict[i] = ck->check->blocks > (u64)i + 1 && smv_ck_read(ck, (u64)i + 1, super) ?
				     smv_super_verify(super, (u64)i + 1) :
				     -ENOENT;
		absent += verdict[i] == -ENOENT;
		strange |= verdict[i] == -ENOENT && !is_zero((u8 *)super);
		if (!verdict[i] && (best < 0 || le64_to_cpu(super->header.generation) >
							le64_to_cpu(ck->super.header.generation))) {
			ck->super = *super;
			best = i;
		}
	}
	free(block);
	if (absent == 2 && !ck->result->damages)
		return -ENOENT;
	if (verdict[0] == -EOPNOTSUPP || verdict[1] == -EOPNOTSUPP)
		return -EOPNOTSUPP;
	if (best < 0) {
		smv_ck_damage(ck, SMV_DAMAGE_SUPER_NONE, 1, "%s", "");
		return 1;
	}
	if (verdict[!best] == -EUCLEAN || strange)
		smv_ck_damage(ck, SMV_DAMAGE_SUPER_ONE, (u64)!best + 1,
			      "harmless after a power cut: the next opening writes it anew");
	return 0;
}

static void check_super_fields(struct smv_ck *ck)
{
	const struct smv_disk_super *s = &ck->super;
	u64 slot = le64_to_cpu(s->header.block), generation = le64_to_cpu(s->header.generation);

	if (ck->geometry.blocks > ck->check->blocks)
		smv_ck_damage(ck, SMV_DAMAGE_SUPER_FIELD, slot,
			      "the device has %llu blocks, the store needs %llu",
			      (unsigned long long)ck->check->blocks,
			      (unsigned long long)ck->geometry.blocks);
	if (le32_to_cpu(s->state) & ~SMV_SUPER_IN_USE)
		smv_ck_damage(ck, SMV_DAMAGE_SUPER_FIELD, slot, "state %#x", le32_to_cpu(s->state));
	if (le64_to_cpu(s->volumes.root.generation) > generation ||
	    le64_to_cpu(s->exceptions.root.generation) > generation)
		smv_ck_damage(ck, SMV_DAMAGE_SUPER_FIELD, slot, "a tree newer than itself");
}

static void check_super_counts(struct smv_ck *ck)
{
	const struct smv_disk_super *s = &ck->super;
	const struct {
		const char *what;
		u64 said, found;
	} count[] = {
		{ "data chunks", le64_to_cpu(s->data_chunks), ck->data_chunks },
		{ "metadata chunks", le64_to_cpu(s->meta_chunks), ck->metas },
	};

	for (u32 i = 0; i < 2 && !ck->incomplete; i++)
		if (count[i].said != count[i].found)
			smv_ck_damage(ck, SMV_DAMAGE_COUNT, le64_to_cpu(s->header.block),
				      "%s: says %llu, there are %llu", count[i].what,
				      (unsigned long long)count[i].said,
				      (unsigned long long)count[i].found);
}

/* -- all of it ------------------------------------------------------------------ */

static int check_image(struct smv_ck *ck)
{
	int rc = smv_ck_groups(ck);

	if (!rc)
		rc = smv_ck_tree(ck, &ck->super.volumes, sizeof(struct smv_disk_volume),
				 smv_ck_volume_entry);
	if (rc)
		return rc;
	smv_ck_volumes(ck);
	rc = smv_ck_tree(ck, &ck->super.exceptions, sizeof(struct smv_disk_value),
			 smv_ck_exception_entry);
	if (rc)
		return rc;
	smv_ck_counts(ck);
	smv_ck_ownership(ck);
	check_super_counts(ck);
	return 0;
}

static void fill_result(struct smv_ck *ck)
{
	ck->result->generation = le64_to_cpu(ck->super.header.generation);
	ck->result->volumes = ck->volumes;
	ck->result->exceptions = ck->exceptions;
	ck->result->data_chunks = ck->data_chunks;
	ck->result->meta_chunks = ck->metas;
}

static int check_store(struct smv_ck *ck)
{
	int rc = check_supers(ck);

	if (rc)
		return rc == 1 ? 0 : rc;
	smv_super_get_geometry(&ck->super, &ck->geometry);
	check_super_fields(ck);
	if (ck->geometry.blocks > ck->check->blocks)
		return 0;
	ck->chunks = ck->geometry.chunks;
	ck->owned = calloc(1, ck->chunks / 8 + 1);
	ck->seen = calloc(1, ck->chunks / 8 + 1);
	if (!ck->owned || !ck->seen)
		return -ENOMEM;
	rc = check_image(ck);
	fill_result(ck);
	if (!rc)
		rc = smv_ck_journal(ck);
	/* the engine would stumble over what is reported already */
	if (!rc && !ck->result->damages)
		rc = smv_ck_replay(ck);
	return rc;
}

int smv_check(const struct smv_check *check, struct smv_check_result *result)
{
	struct smv_ck *ck = calloc(1, sizeof(*ck));
	int rc;

	memset(result, 0, sizeof(*result));
	if (!ck)
		return -ENOMEM;
	ck->check = check;
	ck->result = result;
	rc = check_store(ck);
	free(ck->owned);
	free(ck->seen);
	free(ck->meta);
	free(ck->stray);
	free(ck->volume);
	smv_readers_free(&ck->readers);
	free(ck);
	return rc;
}
