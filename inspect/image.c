// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store's volumes and exceptions in memory. It promises that they are judged
 * by the same rules as those of a store on a device (check_map.c): there is one
 * definition of damage.
 *
 * Nothing is read or written. Weak side: 40 bytes of memory for each exception.
 */
#include <stdlib.h>
#include "check_private.h"
#include "image.h"

/* Makes room for one more; room doubles. */
static int room(void **array, u64 count, size_t bytes)
{
	void *larger;

	if (*array && (count & (count - 1) || !count))
		return 0;
	larger = realloc(*array, (count ? 2 * count : 1) * bytes);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	return 0;
}

int smv_image_add_volume(struct smv_image *image, const struct smv_disk_volume *volume)
{
	int rc = room((void **)&image->volume, image->volumes, sizeof(*volume));

	if (!rc)
		image->volume[image->volumes++] = *volume;
	return rc;
}

int smv_image_add_entry(struct smv_image *image, const struct smv_key *key,
			const struct smv_value *value)
{
	int rc = room((void **)&image->entry, image->entries, sizeof(*image->entry));

	if (!rc)
		image->entry[image->entries++] = (struct smv_image_entry){ *key, *value };
	return rc;
}

void smv_image_free(struct smv_image *image)
{
	free(image->volume);
	free(image->entry);
	image->volume = NULL;
	image->entry = NULL;
	image->volumes = 0;
	image->entries = 0;
}

static void judge_volumes(struct smv_ck *ck, const struct smv_image *image)
{
	u64 last = 0;

	for (u64 i = 0; i < image->volumes; i++) {
		struct smv_key key = { .volume = le64_to_cpu(image->volume[i].number) };

		if (key.volume <= last)
			smv_ck_damage(ck, SMV_DAMAGE_NODE_ORDER, 0, "volume %llu",
				      (unsigned long long)key.volume);
		else
			smv_ck_volume_entry(ck, &key, &image->volume[i]);
		last = key.volume;
	}
	smv_ck_volumes(ck);
}

static void judge_entries(struct smv_ck *ck, const struct smv_image *image)
{
	for (u64 i = 0; i < image->entries; i++) {
		const struct smv_image_entry *entry = &image->entry[i];

		if (i && smv_key_cmp(&entry[-1].key, &entry->key) >= 0)
			smv_ck_damage(ck, SMV_DAMAGE_NODE_ORDER, 0,
				      "exception volume %llu chunk %llu epoch %llu",
				      (unsigned long long)entry->key.volume,
				      (unsigned long long)entry->key.chunk,
				      (unsigned long long)entry->key.epoch);
		smv_ck_exception(ck, &entry->key, &entry->value);
	}
	smv_ck_counts(ck);
}

int smv_image_judge(const struct smv_image *image,
		    void (*report)(void *context, const struct smv_damage *damage), void *context,
		    struct smv_check_result *result)
{
	struct smv_check check = { .report = report, .context = context };
	struct smv_ck *ck = calloc(1, sizeof(*ck));
	int rc = -ENOMEM;

	memset(result, 0, sizeof(*result));
	if (!ck)
		return rc;
	ck->check = &check;
	ck->result = result;
	ck->super = image->super;
	smv_super_get_geometry(&image->super, &ck->geometry);
	ck->chunks = ck->geometry.chunks;
	ck->seen = calloc(1, ck->chunks / 8 + 1);
	if (ck->seen) {
		judge_volumes(ck, image);
		judge_entries(ck, image);
		result->volumes = image->volumes;
		result->exceptions = image->entries;
		result->data_chunks = ck->data_chunks;
		rc = 0;
	}
	smv_readers_free(&ck->readers);
	free(ck->volume);
	free(ck->seen);
	free(ck);
	return rc;
}
