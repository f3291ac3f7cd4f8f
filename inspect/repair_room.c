// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which gaps can have held a lost leaf. It promises to forget only gaps where there
 * was no room for one; a gap that stays is filled by repair_gaps.c.
 *
 * Room is a number of keys: for each chunk the epochs that an entry can have. Undo
 * entries are fewer, however many epochs there have been: each serves epochs that no
 * other entry of its chunk serves, and somebody reads one of them, for the cleaner has
 * freed the others (I-INTERVAL). This is relied on only where it can be: not for
 * an origin that waits for a pass of the cleaner, and not if any exception that was
 * found, or any volume's parent, says otherwise.
 *
 * Weak side: what is known is a number, so a gap with room stays, although the leaf was
 * elsewhere.
 */
#include <stdlib.h>
#include "repair_private.h"

/* -- who reads an origin as of which epochs --------------------------------------- */

/* All volumes with a parent, of the image as it is. */
static void list_readers(struct smv_rp *rp)
{
	rp->rc = smv_readers_begin(&rp->readers, rp->image->volumes);
	for (u64 i = 0; i < rp->image->volumes && !rp->rc; i++) {
		const struct smv_disk_volume *v = &rp->image->volume[i];

		if (v->parent)
			smv_readers_add(&rp->readers, le64_to_cpu(v->parent), le64_to_cpu(v->asof));
	}
	if (!rp->rc)
		smv_readers_end(&rp->readers);
}

static bool is_family_sound(const struct smv_rp *rp)
{
	for (u64 i = 0; i < rp->image->volumes; i++) {
		const struct smv_disk_volume *v = &rp->image->volume[i];
		const struct smv_disk_volume *parent =
			smv_rp_volume(rp->image, le64_to_cpu(v->parent));

		if (smv_rp_is_origin(v) ? !!v->parent :
					  !parent || !v->asof ||
						  le64_to_cpu(v->asof) > le64_to_cpu(parent->epoch))
			return false;
	}
	return true;
}

static bool is_passed(const struct smv_disk_volume *v)
{
	return smv_rp_is_origin(v) && !(le32_to_cpu(v->flags) & SMV_VOLUME_PASS);
}

/* Has each exception that was found a reader, where all should have one? */
static bool is_read_everywhere(const struct smv_rp *rp)
{
	const struct smv_disk_volume *v = NULL;

	for (u64 i = 0; i < rp->image->entries; i++) {
		const struct smv_key *key = &rp->image->entry[i].key;
		const struct smv_key *last = i ? &rp->image->entry[i - 1].key : NULL;
		u64 from = 0;

		if (!last || last->volume != key->volume)
			v = smv_rp_volume(rp->image, key->volume);
		else if (last->chunk == key->chunk)
			from = last->epoch;
		if (v && is_passed(v) &&
		    !smv_readers_within(&rp->readers, key->volume, from, key->epoch))
			return false;
	}
	return true;
}

bool smv_rp_is_read(struct smv_rp *rp)
{
	list_readers(rp);
	return !rp->rc && is_read_everywhere(rp);
}

/* -- room ---------------------------------------------------------------------------- */

/* How many entries of one chunk, of epochs in [from, to), the volume can have. */
static u64 epochs_in(const struct smv_rp *rp, const struct smv_disk_volume *v, u64 from, u64 to)
{
	u64 epoch = le64_to_cpu(v->epoch), number = le64_to_cpu(v->number), epochs, read;

	if (smv_rp_is_origin(v) && !from)
		from = 1;
	if (to > epoch)
		to = epoch + 1;
	if (to <= from)
		return 0;
	epochs = to - from;
	if (!rp->tidy || !is_passed(v))
		return epochs;
	/* the first of them may serve epochs before @from */
	read = smv_readers_within(&rp->readers, number, from, to) +
	       !!smv_readers_within(&rp->readers, number, 0, from);
	return read < epochs ? read : epochs;
}

/* How many keys the volume can have in the gap, but no more than @most. */
static u64 room_of(const struct smv_rp *rp, const struct smv_disk_volume *v,
		   const struct smv_rp_gap *gap, u64 most)
{
	u64 number = le64_to_cpu(v->number), each = epochs_in(rp, v, 0, ~0ULL);
	struct smv_key low = { number, 0, 0 }, high = { number, smv_rp_chunks(rp, v), 0 };
	u64 room, between;

	if (smv_key_cmp(&gap->low, &low) > 0)
		low = gap->low;
	if (smv_key_cmp(&gap->high, &high) < 0)
		high = gap->high;
	if (smv_key_cmp(&low, &high) >= 0)
		return 0;
	if (low.chunk == high.chunk)
		return epochs_in(rp, v, low.epoch, high.epoch);
	between = high.chunk - low.chunk - 1;
	if (between && each > most / between)
		return most;
	room = between * each + epochs_in(rp, v, low.epoch, ~0ULL) +
	       epochs_in(rp, v, 0, high.epoch);
	return room < most ? room : most;
}

/* How many of the missing entries can have been in the gap. */
static u64 room_in(const struct smv_rp *rp, const struct smv_rp_gap *gap)
{
	u64 room = 0;

	for (u64 i = 0; i < rp->missing.entries; i++) {
		const struct smv_image_entry *missing = &rp->missing.entry[i];
		const struct smv_disk_volume *v = smv_rp_volume(rp->image, missing->key.volume);

		if (v && missing->value.where)
			room += room_of(rp, v, gap, missing->value.where);
	}
	return room;
}

/*
 * However the missing entries were spread over the lost leaves, each leaf had at least as
 * many as the others cannot have held. Where there is no room for these, none was.
 */
void smv_rp_close_gaps(struct smv_rp *rp)
{
	struct smv_rp_gaps *gaps = &rp->exceptions;
	u64 entries = le64_to_cpu(rp->ck->super.exceptions.entries), missing = 0, kept = 0;
	u64 others = smv_tree_capacity(sizeof(struct smv_disk_value), 0);

	for (u64 i = 0; i < rp->missing.entries; i++)
		missing += rp->missing.entry[i].value.where;
	if (rp->volumes.gaps || !gaps->lost || missing != entries - rp->image->entries ||
	    missing / others < gaps->lost - 1)
		return;
	rp->tidy = smv_rp_is_read(rp) && is_family_sound(rp);
	others *= gaps->lost - 1;
	for (u64 i = 0; i < gaps->gaps; i++)
		if (gaps->gap[i].named || room_in(rp, &gaps->gap[i]) >= missing - others)
			gaps->gap[kept++] = gaps->gap[i];
	gaps->gaps = kept;
	for (u64 i = 0; i < rp->missing.entries; i++)
		if (rp->missing.entry[i].value.where)
			smv_rp_cover(rp, rp->missing.entry[i].key.volume);
}
