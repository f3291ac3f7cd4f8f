// SPDX-License-Identifier: GPL-2.0-only
/*
 * The repair of a store's metadata. It promises that what it puts together
 * contradicts itself nowhere (check's own rules judge it), and that no volume ever
 * reads anything but its own data or an error: where it is not certain what was
 * kept, the chunk reads as an error, or the snapshot is invalid or marked
 * suspect; each such loss is named.
 *
 *   read     both trees of the last checkpoint, then the journal's whole commits
 *   volumes  fields that follow from others are put right; what cannot be known
 *            makes a snapshot invalid, or drops it
 *   entries  impossible ones, and chunks with two owners, become lost ones
 *   gaps     so does what may be missing
 *   counts   are what is there; bitmaps and directory are made anew anyhow
 *
 * It refuses (I-REPAIR-NO-GUESS) where a guess could make an origin wrong: when the
 * record of a running rollback is damaged; and when no superblock is left.
 *
 * Nothing is written here: see build.c. Weak side: everything is kept in memory.
 */
#include <stdarg.h>
#include <stdlib.h>
#include "repair_private.h"
#include "store.h"

void smv_rp_refuse(struct smv_rp *rp, const char *format, ...)
{
	va_list list;

	if (rp->rc)
		return;
	rp->rc = -EUCLEAN;
	va_start(list, format);
	vsnprintf(rp->result->why, sizeof(rp->result->why), format, list);
	va_end(list);
}

void smv_rp_say(struct smv_rp *rp, bool loss, u64 number, u64 first, u64 count, const char *format,
		...)
{
	const struct smv_disk_volume *v = number ? smv_rp_volume(rp->image, number) : NULL;
	const struct smv_disk_volume *origin =
		v ? smv_rp_volume(rp->image, le64_to_cpu(v->origin)) : NULL;
	char name[2 * SMV_NAME_BYTES + 16] = "", what[200];
	va_list list;

	*(loss ? &rp->result->losses : &rp->result->changes) += 1;
	va_start(list, format);
	vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	if (v && v->name[0] && !v->name[SMV_NAME_BYTES - 1] && origin && origin != v &&
	    !origin->name[SMV_NAME_BYTES - 1])
		snprintf(name, sizeof(name), "%s@%s", origin->name, v->name);
	else if (v && v->name[0] && !v->name[SMV_NAME_BYTES - 1])
		snprintf(name, sizeof(name), "%s", v->name);
	else if (number)
		snprintf(name, sizeof(name), "volume %llu", (unsigned long long)number);
	if (rp->repair->say)
		rp->repair->say(rp->repair->context, name, first, count, what);
}

/* -- finding things in the image ------------------------------------------------- */

struct smv_disk_volume *smv_rp_volume(struct smv_image *image, u64 number)
{
	u64 low = 0, high = image->volumes;

	while (low < high) {
		u64 middle = low + (high - low) / 2;

		if (le64_to_cpu(image->volume[middle].number) < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < image->volumes && le64_to_cpu(image->volume[low].number) == number ?
		       &image->volume[low] :
		       NULL;
}

u64 smv_rp_chunks(const struct smv_rp *rp, const struct smv_disk_volume *volume)
{
	u64 chunk = (u64)rp->ck->geometry.chunk_blocks * SMV_BLOCK_SECTORS;
	u64 sectors = le64_to_cpu(volume->sectors);

	return sectors / chunk + !!(sectors % chunk);
}

u64 smv_rp_first(const struct smv_image *image, const struct smv_key *key)
{
	u64 low = 0, high = image->entries;

	while (low < high) {
		u64 middle = low + (high - low) / 2;

		if (smv_key_cmp(&image->entry[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int by_number(const void *a, const void *b)
{
	u64 x = le64_to_cpu(((const struct smv_disk_volume *)a)->number);
	u64 y = le64_to_cpu(((const struct smv_disk_volume *)b)->number);

	return x < y ? -1 : x > y;
}

/* Merges runs of @width; stable, so the last of equal keys stays the last. */
static void merge_pass(const struct smv_image_entry *from, struct smv_image_entry *to, u64 count,
		       u64 width)
{
	for (u64 start = 0; start < count; start += 2 * width) {
		u64 a = start, b = start + width < count ? start + width : count;
		u64 middle = b, end = start + 2 * width < count ? start + 2 * width : count;

		for (u64 i = start; i < end; i++) {
			bool left = a < middle &&
				    (b == end || smv_key_cmp(&from[a].key, &from[b].key) <= 0);

			to[i] = left ? from[a++] : from[b++];
		}
	}
}

static bool is_sorted(const struct smv_image *image)
{
	for (u64 i = 1; i < image->entries; i++)
		if (smv_key_cmp(&image->entry[i - 1].key, &image->entry[i].key) >= 0)
			return false;
	return true;
}

/* Of entries with one key the last stays, if it is not "nothing". */
static void thin_out(struct smv_image *image)
{
	u64 kept = 0;

	for (u64 i = 0; i < image->entries; i++) {
		const struct smv_image_entry *e = &image->entry[i];

		if (i + 1 < image->entries && !smv_key_cmp(&e->key, &e[1].key))
			continue;
		if (smv_where_kind(e->value.where) != SMV_WHERE_NONE)
			image->entry[kept++] = *e;
	}
	image->entries = kept;
}

int smv_rp_sort(struct smv_image *image)
{
	struct smv_image_entry *other;

	if (image->volumes)
		qsort(image->volume, image->volumes, sizeof(*image->volume), by_number);
	if (is_sorted(image)) {
		thin_out(image);
		return 0;
	}
	other = malloc(image->entries * sizeof(*other));
	if (!other)
		return -ENOMEM;
	for (u64 width = 1; width < image->entries; width *= 2) {
		merge_pass(image->entry, other, image->entries, width);
		memcpy(image->entry, other, image->entries * sizeof(*other));
	}
	free(other);
	thin_out(image);
	return 0;
}

/* -- all of it ----------------------------------------------------------------------- */

static int read_super(struct smv_rp *rp)
{
	struct smv_disk_super *super = malloc(SMV_BLOCK_BYTES);
	bool found = false, damaged = false;
	int rc = super ? 0 : -ENOMEM;

	for (u64 slot = 1; super && slot <= 2 && rc != -EOPNOTSUPP; slot++) {
		if (slot >= rp->ck->check->blocks)
			rc = -ENOENT; /* too small to hold a store */
		else
			rc = smv_ck_read(rp->ck, slot, super) ? smv_super_verify(super, slot) :
								-EUCLEAN;
		damaged |= rc == -EUCLEAN;
		if (!rc && (!found || le64_to_cpu(super->header.generation) >
					      le64_to_cpu(rp->ck->super.header.generation)))
			rp->ck->super = *super;
		found |= !rc;
	}
	free(super);
	if (rc == -EOPNOTSUPP || rc == -ENOMEM || found)
		return found && rc != -EOPNOTSUPP ? 0 : rc;
	if (!damaged)
		return -ENOENT;
	smv_rp_refuse(rp, "no superblock is whole: restore a dump");
	return rp->rc;
}

static int begin(struct smv_rp *rp)
{
	struct smv_ck *ck = rp->ck;
	int rc = read_super(rp);

	if (rc)
		return rc;
	if (le64_to_cpu(ck->super.ro_compat) & ~SMV_RO_COMPAT_KNOWN) {
		smv_super_missing(&ck->super, true, rp->result->why, sizeof(rp->result->why));
		return -EOPNOTSUPP;
	}
	smv_super_get_geometry(&ck->super, &ck->geometry);
	rp->image->super = ck->super;
	if (ck->geometry.blocks > ck->check->blocks) {
		smv_rp_refuse(rp,
			      "the device is smaller than the store: repair a copy of full size");
		return rp->rc;
	}
	ck->chunks = ck->geometry.chunks;
	ck->owned = calloc(1, ck->chunks / 8 + 1);
	ck->seen = calloc(1, ck->chunks / 8 + 1);
	return ck->owned && ck->seen ? 0 : -ENOMEM;
}

bool smv_rp_is_key(const struct smv_rp *rp, const struct smv_disk_volume *volume,
		   const struct smv_key *key)
{
	u32 flags = le32_to_cpu(volume->flags);

	return key->chunk < smv_rp_chunks(rp, volume) && key->epoch <= le64_to_cpu(volume->epoch) &&
	       (key->epoch || !(flags & SMV_VOLUME_ORIGIN));
}

void smv_rp_cover(struct smv_rp *rp, u64 volume)
{
	struct smv_key low = { .volume = volume }, high = { .volume = volume + 1 };
	bool known = false;

	/* a gap that tells where is better than this */
	for (u64 i = 0; i < rp->exceptions.gaps; i++)
		known |= smv_key_cmp(&rp->exceptions.gap[i].low, &high) < 0 &&
			 smv_key_cmp(&low, &rp->exceptions.gap[i].high) < 0;
	if (!known)
		smv_rp_gap(rp, &rp->exceptions, &low, &high, false);
}

void smv_rp_miss(struct smv_rp *rp, u64 volume, u64 count)
{
	struct smv_key key = { .volume = volume };
	struct smv_value value = { .where = count };

	if (count)
		smv_rp_cover(rp, volume);
	if (!rp->rc)
		rp->rc = smv_image_add_entry(&rp->missing, &key, &value);
}

void smv_rp_guard_rollback(struct smv_rp *rp, const struct smv_disk_volume *volume)
{
	u32 kind = SMV_VOLUME_HIDDEN | SMV_VOLUME_DEAD;

	for (u64 i = 0; i < rp->image->volumes; i++) {
		const struct smv_disk_volume *v = &rp->image->volume[i];

		if ((le32_to_cpu(v->flags) & kind) != SMV_VOLUME_HIDDEN)
			continue;
		for (; v && v != volume && v->parent;
		     v = smv_rp_volume(rp->image, le64_to_cpu(v->parent)))
			;
		if (v == volume)
			smv_rp_refuse(rp, "something is lost of what a running rollback reads");
	}
}

static u64 count_found(const struct smv_rp *rp, const struct smv_disk_volume *v)
{
	struct smv_key key = { .volume = le64_to_cpu(v->number) };
	u64 found = 0;

	for (u64 i = smv_rp_first(rp->image, &key);
	     i < rp->image->entries && rp->image->entry[i].key.volume == key.volume; i++)
		found += smv_rp_is_key(rp, v, &rp->image->entry[i].key);
	return found;
}

/*
 * How many exceptions of each volume the checkpoint had, and were not found. If
 * as many were found as the tree had in all, only the volumes' counts are wrong.
 */
static void count_missing(struct smv_rp *rp)
{
	u64 all = 0, entries = le64_to_cpu(rp->ck->super.exceptions.entries);

	for (u64 i = 0; i < rp->image->volumes; i++)
		all += count_found(rp, &rp->image->volume[i]);
	for (u64 i = 0; i < rp->image->volumes && !rp->rc; i++) {
		const struct smv_disk_volume *v = &rp->image->volume[i];
		u64 found = count_found(rp, v), said = le64_to_cpu(v->exceptions);

		smv_rp_miss(rp, le64_to_cpu(v->number),
			    all != entries && said > found ? said - found : 0);
	}
}

/* Volumes whose records are in no leaf that was found, nor in the journal. */
static void say_lost_volumes(struct smv_rp *rp)
{
	u64 lost = le64_to_cpu(rp->ck->super.volumes.entries), known = 0;

	if (!rp->volumes.gaps)
		return;
	for (u64 i = 0; i < rp->image->volumes; i++)
		known += le64_to_cpu(rp->image->volume[i].number) <
			 le64_to_cpu(rp->ck->super.next_volume);
	if (lost > known)
		smv_rp_say(rp, true, 0, 0, 0, "%llu volumes are lost: their records cannot be read",
			   (unsigned long long)(lost - known));
}

static void add_losses(struct smv_rp *rp)
{
	if (!rp->rc)
		rp->rc = smv_rp_sort(&rp->lost);
	for (u64 i = 0; i < rp->lost.entries && !rp->rc; i++)
		rp->rc = smv_image_add_entry(rp->image, &rp->lost.entry[i].key,
					     &rp->lost.entry[i].value);
	if (!rp->rc)
		rp->rc = smv_rp_sort(rp->image);
}

/*
 * Where readers may have become fewer, or a lost entry serves some of another's epochs, the cleaner
 * is to judge all anew: else nobody would ever free what nobody reads (see repair_room.c).
 */
static void want_passes(struct smv_rp *rp)
{
	if (!rp->volumes.gaps && !rp->journal_gap && !rp->fewer_readers && !rp->lost.entries &&
	    smv_rp_is_read(rp))
		return;
	for (u64 i = 0; i < rp->image->volumes; i++) {
		struct smv_disk_volume *v = &rp->image->volume[i];

		if (!(le32_to_cpu(v->flags) & SMV_VOLUME_HIDDEN))
			v->flags |= cpu_to_le32(SMV_VOLUME_PASS);
	}
}

static void finish(struct smv_rp *rp)
{
	struct smv_check_result result;
	u64 next = le64_to_cpu(rp->image->super.next_volume);

	for (u64 i = 0; i < rp->image->volumes; i++) {
		struct smv_disk_volume *v = &rp->image->volume[i];
		struct smv_key key = { .volume = le64_to_cpu(v->number) };
		struct smv_key end = { .volume = key.volume + 1 };

		v->exceptions =
			cpu_to_le64(smv_rp_first(rp->image, &end) - smv_rp_first(rp->image, &key));
		if (key.volume >= next)
			next = key.volume + 1;
	}
	rp->image->super.next_volume = cpu_to_le64(next);
	if (!rp->rc)
		rp->rc = smv_image_judge(rp->image, NULL, NULL, &result);
	if (!rp->rc && result.damages)
		smv_rp_refuse(rp, "%s", result.first);
}

static void run(struct smv_rp *rp)
{
	rp->rc = begin(rp);
	if (rp->rc)
		return;
	smv_rp_read(rp);
	count_missing(rp);
	smv_rp_close_gaps(rp);
	smv_rp_journal(rp);
	if (!rp->rc)
		say_lost_volumes(rp);
	if (!rp->rc)
		smv_rp_fix_volumes(rp);
	if (!rp->rc)
		smv_rp_fix_entries(rp);
	if (!rp->rc)
		smv_rp_fill(rp);
	add_losses(rp);
	if (!rp->rc)
		smv_rp_name_losses(rp);
	if (!rp->rc)
		want_passes(rp);
	if (!rp->rc)
		finish(rp);
}

int smv_repair(const struct smv_repair *repair, struct smv_image *image,
	       struct smv_repair_result *result)
{
	struct smv_check check = { .read = repair->read,
				   .context = repair->context,
				   .blocks = repair->blocks };
	struct smv_check_result ignored = { 0 };
	struct smv_ck *ck = calloc(1, sizeof(*ck));
	struct smv_rp rp = { .repair = repair, .result = result, .image = image, .ck = ck };

	memset(result, 0, sizeof(*result));
	if (!ck)
		return -ENOMEM;
	ck->check = &check;
	ck->result = &ignored;
	run(&rp);
	free(ck->owned);
	free(ck->seen);
	free(ck->meta);
	free(ck->volume);
	free(ck);
	free(rp.volumes.gap);
	free(rp.exceptions.gap);
	smv_readers_free(&rp.readers);
	smv_image_free(&rp.missing);
	smv_image_free(&rp.lost);
	return rp.rc;
}
