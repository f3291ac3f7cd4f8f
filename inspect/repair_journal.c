// SPDX-License-Identifier: GPL-2.0-only
/*
 * The repair's replay. It promises to apply, in order, the records of whole
 * commits from the checkpoint's cut on, as recovery would, up to the journal's end or
 * to the first place where it is damaged. What lies behind damage is not applied:
 * it builds on what is missing. A block that cannot be read where a commit should begin or
 * go on is damage, and so is one of a later incarnation than the superblock's: the one
 * that named it is lost.
 *
 * Weak side: a record that contradicts the checkpoint is applied as far as it
 * makes sense; what comes of it is judged with everything else.
 */
#include <stdlib.h>
#include "checksum.h"
#include "journal.h"
#include "repair_private.h"
#include "unproven.h"

struct replaying {
	struct smv_rp *rp;
	u64 ring, blocks; /* the ring */
	u64 incarnation;
	u8 *commit; /* SMV_COMMIT_BLOCKS blocks */
	u64 watermark; /* records in blocks before are proven */
	u64 proven; /* the watermark of the commit before */
	u64 applied;
	bool bad; /* valid blocks that contradict themselves, or one that cannot be read */
};

static const struct smv_disk_journal *block_of(const struct replaying *r, u32 i)
{
	return (const void *)(r->commit + (u64)i * SMV_BLOCK_BYTES);
}

/* Reads what lies at the place of this sequence: is it a block of the journal? */
static bool read_any(struct replaying *r, u64 sequence, u32 into)
{
	u64 number = r->ring + sequence % r->blocks;

	if (!smv_ck_read(r->rp->ck, number, r->commit + (u64)into * SMV_BLOCK_BYTES)) {
		r->bad = true;
		return false;
	}
	return !smv_block_verify(block_of(r, into), SMV_MAGIC_JOURNAL, r->rp->ck->super.header.uuid,
				 number);
}

/* Reads the block of this sequence: is it one of this incarnation? */
static bool read_block(struct replaying *r, u64 sequence, u32 into)
{
	return read_any(r, sequence, into) &&
	       le64_to_cpu(block_of(r, into)->header.generation) == r->incarnation &&
	       le64_to_cpu(block_of(r, into)->sequence) == sequence;
}

/* -- records ------------------------------------------------------------------ */

/* In the order they come; the last one of a key counts, NONE takes it away. */
static void put(struct replaying *r, const struct smv_disk_key *disk, u64 where)
{
	struct smv_value value = { .where = where };
	struct smv_key key;

	smv_key_decode(disk, &key);
	if (!r->rp->rc)
		r->rp->rc = smv_image_add_entry(r->rp->image, &key, &value);
}

/* The length of the volume's chunk, which the last one may not have whole; 0: there is none such. */
static u64 chunk_bytes(const struct smv_rp *rp, const struct smv_key *key)
{
	const struct smv_disk_volume *v = smv_rp_volume(rp->image, key->volume);
	u64 bytes = (u64)rp->ck->geometry.chunk_blocks * SMV_BLOCK_BYTES;
	u64 chunks = v ? le64_to_cpu(v->sectors) * SMV_SECTOR_BYTES / bytes : 0;
	u64 rest = v ? le64_to_cpu(v->sectors) * SMV_SECTOR_BYTES % bytes : 0;

	if (key->chunk < chunks)
		return bytes;
	return key->chunk == chunks ? rest : 0;
}

static bool is_origin(const struct smv_rp *rp, u64 number)
{
	const struct smv_disk_volume *v = smv_rp_volume(rp->image, number);

	return v && smv_rp_is_origin(v);
}

bool smv_rp_copy_is_there(const struct smv_rp *rp, const struct smv_key *key,
			  const struct smv_value *value)
{
	u64 left = chunk_bytes(rp, key), where = value->where;
	u64 block = smv_where_low(where) * rp->ck->geometry.chunk_blocks;
	u8 data[SMV_BLOCK_BYTES];
	struct smv_port_hash hash;

	if (!left || !smv_where_is_chunk(where))
		return true;
	smv_checksum_data_begin(&hash);
	for (u32 bytes; left; left -= bytes) {
		bytes = left < sizeof(data) ? (u32)left : (u32)sizeof(data);
		if (!smv_ck_read(rp->ck, block++, data))
			return true;
		smv_checksum_data_add(&hash, data, bytes);
	}
	return smv_checksum_data_end(&hash) == value->check;
}

/* An announced put: of what there is or may be, of nothing, or (a mark is none) of what is lost. */
static void put_announced(struct replaying *r, const struct smv_disk_record_put *p, bool proven)
{
	struct smv_value value = { le64_to_cpu(p->value.where), le64_to_cpu(p->value.check) };
	struct smv_key key;

	smv_key_decode(&p->key, &key);
	if (!smv_unproven_is_possible(p, is_origin(r->rp, key.volume)))
		put(r, &p->key, smv_where(SMV_WHERE_MARK, 0));
	else if (proven || smv_rp_copy_is_there(r->rp, &key, &value))
		put(r, &p->key, value.where);
}

static void put_volume(struct replaying *r, const struct smv_disk_volume *v)
{
	struct smv_image *image = r->rp->image;
	struct smv_disk_volume *known = smv_rp_volume(image, le64_to_cpu(v->number));
	u64 number = le64_to_cpu(v->number), at;

	/* it may be gone again by the journal's end: its number is used up all the same */
	if (number >= le64_to_cpu(image->super.next_volume) && number < SMV_RP_NUMBER_MAX)
		image->super.next_volume = cpu_to_le64(number + 1);
	if (known) {
		*known = *v;
		return;
	}
	r->rp->rc = smv_image_add_volume(image, v);
	if (r->rp->rc)
		return;
	for (at = image->volumes - 1;
	     at && le64_to_cpu(image->volume[at - 1].number) > le64_to_cpu(v->number); at--)
		image->volume[at] = image->volume[at - 1];
	image->volume[at] = *v;
}

static void take_volume_away(struct replaying *r, u64 number)
{
	struct smv_image *image = r->rp->image;
	struct smv_disk_volume *v = smv_rp_volume(image, number);

	if (!v)
		return;
	image->volumes--;
	memmove(v, v + 1, (size_t)(image->volume + image->volumes - v) * sizeof(*v));
}

static void apply_entry(struct replaying *r, enum smv_record_type type, const void *payload,
			bool proven)
{
	const u64 none = smv_where(SMV_WHERE_NONE, 0);
	struct smv_disk_record_put p;
	struct smv_disk_record_delete d;
	struct smv_disk_record_rekey k;

	if (type == SMV_RECORD_PUT) {
		memcpy(&p, payload, sizeof(p));
		if (p.value.check)
			put_announced(r, &p, proven);
		else
			put(r, &p.key, le64_to_cpu(p.value.where));
	} else if (type == SMV_RECORD_DELETE) {
		memcpy(&d, payload, sizeof(d));
		put(r, &d.key, none);
	} else {
		memcpy(&k, payload, sizeof(k));
		put(r, &k.from, none);
		put(r, &k.to, le64_to_cpu(k.value.where));
	}
}

static void apply_other(struct replaying *r, enum smv_record_type type, const void *payload)
{
	struct smv_image *image = r->rp->image;
	struct smv_disk_record_flags f;
	struct smv_disk_record_done d;
	struct smv_disk_volume volume;
	struct smv_disk_volume *v;
	__le64 number;

	switch (type) {
	case SMV_RECORD_VOLUME:
		memcpy(&volume, payload, sizeof(volume));
		put_volume(r, &volume);
		break;
	case SMV_RECORD_GONE:
		memcpy(&number, payload, sizeof(number));
		take_volume_away(r, le64_to_cpu(number));
		break;
	case SMV_RECORD_FLAGS:
		memcpy(&f, payload, sizeof(f));
		v = smv_rp_volume(image, le64_to_cpu(f.volume));
		if (v)
			v->flags = f.flags;
		break;
	case SMV_RECORD_DONE:
		memcpy(&d, payload, sizeof(d));
		v = smv_rp_volume(image, le64_to_cpu(d.origin));
		if (v)
			v->roll_done = d.chunk;
		break;
	case SMV_RECORD_PROVEN:
		break;
	default:
		if (!smv_super_verify_settings(payload))
			memcpy(&image->super.settings, payload, sizeof(image->super.settings));
	}
}

static u32 payload_bytes(u32 type)
{
	static const u32 bytes[] = { 0,
				     sizeof(struct smv_disk_record_put),
				     sizeof(struct smv_disk_record_delete),
				     sizeof(struct smv_disk_record_rekey),
				     sizeof(struct smv_disk_volume),
				     sizeof(__le64),
				     sizeof(struct smv_disk_record_flags),
				     sizeof(struct smv_disk_record_done),
				     sizeof(struct smv_disk_settings),
				     sizeof(__le64) };

	return type < sizeof(bytes) / sizeof(bytes[0]) ? bytes[type] : 0;
}

/* All frames right? With @apply, applies them. */
static bool each_record(struct replaying *r, const struct smv_disk_journal *block, bool apply)
{
	u32 count = le32_to_cpu(block->header.count), at = 0;
	struct smv_disk_record head;

	if (!count || count > SMV_JOURNAL_RECORD_BYTES)
		return false;
	while (at < count && !r->rp->rc) {
		u32 type, bytes;

		if (count - at < sizeof(head))
			return false;
		memcpy(&head, block->records + at, sizeof(head));
		at += (u32)sizeof(head);
		type = le16_to_cpu(head.type);
		bytes = le16_to_cpu(head.bytes);
		if (!bytes || bytes != payload_bytes(type) || bytes > count - at)
			return false;
		if (apply && type <= SMV_RECORD_REKEY)
			apply_entry(r, type, block->records + at,
				    le64_to_cpu(block->sequence) < r->watermark);
		else if (apply)
			apply_other(r, type, block->records + at);
		r->applied += apply;
		at += bytes;
	}
	return true;
}

/* -- commits -------------------------------------------------------------------- */

/* Its blocks; 0: none begins here, or it is not whole. */
static u32 read_commit(struct replaying *r, u64 first, u64 left)
{
	u64 watermark;
	u32 count;

	if (!read_block(r, first, 0))
		return 0;
	count = le32_to_cpu(block_of(r, 0)->blocks);
	r->bad = !count || count > SMV_COMMIT_BLOCKS || count > left;
	for (u32 i = 0; i < count && !r->bad; i++) {
		if (!read_block(r, first + i, i))
			return 0;
		r->bad = le64_to_cpu(block_of(r, i)->first) != first ||
			 le32_to_cpu(block_of(r, i)->blocks) != count ||
			 block_of(r, i)->watermark != block_of(r, 0)->watermark ||
			 !each_record(r, block_of(r, i), false);
	}
	watermark = le64_to_cpu(block_of(r, 0)->watermark);
	r->bad |= !smv_journal_is_watermark(watermark, r->proven, first + count);
	r->proven = watermark;
	return r->bad ? 0 : count;
}

/* Behind the journal's end: only pieces of the commit that should begin there may be newer, by less than a round. */
static bool is_beyond(struct replaying *r, u64 sequence, u64 end)
{
	const struct smv_disk_journal *block = block_of(r, 0);

	if (!read_any(r, sequence, 0))
		return false;
	if (le64_to_cpu(block->header.generation) != r->incarnation)
		return le64_to_cpu(block->header.generation) > r->incarnation &&
		       le64_to_cpu(block->header.generation) < SMV_INCARNATION_MAX;
	if (le64_to_cpu(block->sequence) >= sequence + r->blocks)
		return true;
	return le64_to_cpu(block->sequence) == sequence && le64_to_cpu(block->first) != end;
}

void smv_rp_journal(struct smv_rp *rp)
{
	const struct smv_disk_super *super = &rp->ck->super;
	struct replaying r = { .rp = rp,
			       .ring = rp->ck->geometry.journal_block,
			       .blocks = rp->ck->geometry.journal_blocks,
			       .incarnation = le64_to_cpu(super->incarnation) };
	u64 cut = le64_to_cpu(super->cut), at = 0;
	u32 blocks;

	if (rp->rc)
		return;
	r.commit = malloc((size_t)SMV_COMMIT_BLOCKS * SMV_BLOCK_BYTES);
	if (!r.commit) {
		rp->rc = -ENOMEM;
		return;
	}
	while (at < r.blocks && (blocks = read_commit(&r, cut + at, r.blocks - at))) {
		r.watermark = le64_to_cpu(block_of(&r, 0)->watermark);
		at += blocks;
	}
	r.bad = false;
	r.proven = 0;
	at = 0;
	while (at < r.blocks && (blocks = read_commit(&r, cut + at, r.blocks - at)) && !rp->rc) {
		for (u32 i = 0; i < blocks; i++)
			each_record(&r, block_of(&r, i), true);
		at += blocks;
	}
	rp->journal_gap = r.bad;
	for (u64 i = at; i < r.blocks && !rp->journal_gap; i++)
		rp->journal_gap = is_beyond(&r, cut + i, cut + at);
	free(r.commit);
	if (!rp->rc)
		rp->rc = smv_rp_sort(rp->image);
}
