// SPDX-License-Identifier: GPL-2.0-only
/* dump and diff of a store in memory, as the tool would call them. */
#include <stdlib.h>
#include "dump.h"
#include "memory.h"

/* The newer superblock that is whole, in @super, which has room for two. NULL: there is none. */
static struct smv_disk_super *newest_super(struct memory *memory, struct smv_disk_super *super)
{
	struct smv_disk_super *newest = NULL;

	for (u64 slot = 1; slot <= 2; slot++) {
		struct smv_disk_super *s = (void *)((u8 *)super + (slot - 1) * SMV_BLOCK_BYTES);

		if (!memory_read(memory, slot, s) && !smv_super_verify(s, slot) &&
		    (!newest ||
		     le64_to_cpu(s->header.generation) > le64_to_cpu(newest->header.generation)))
			newest = s;
	}
	return newest;
}

int memory_dump(struct memory *memory, bool json, FILE *out)
{
	struct smv_reader reader = memory_reader(memory);
	struct smv_disk_super *super = calloc(2, SMV_BLOCK_BYTES);
	struct smv_dump dump = { .out = out, .json = json };
	struct smv_store *store;
	int rc;

	if (!super)
		abort();
	dump.super = newest_super(memory, super);
	rc = dump.super ? smv_replay_open(&reader, &store) : -EUCLEAN;
	if (!rc) {
		rc = smv_dump(&dump, &reader, store);
		smv_store_delete(store);
	}
	free(super);
	return rc;
}

/* What smv_diff() is told: the caller's function, and where it asks. */
struct differing {
	struct memory *memory;
	memory_range range;
	void *context;
};

static bool get_volume(void *context, u64 number, struct smv_volume_info *info)
{
	struct differing *d = context;
	struct smv_volume *volume = smv_volume_number(d->memory->store, number);

	if (volume)
		smv_volume_info(volume, info);
	return volume;
}

static int fill(void *context, const struct smv_key *from, struct smv_diff_entry *entry, u32 room)
{
	struct differing *d = context;
	struct smv_key at = *from, key;
	struct smv_value value;
	u32 count = 0;
	int rc;

	while (count < room) {
		do
			rc = smv_exception_ge(d->memory->store, &at, &key, &value,
					      &d->memory->miss);
		while (memory_again(d->memory, &rc));
		if (rc == -ENOENT || (!rc && key.volume != from->volume))
			break;
		if (rc)
			return rc;
		entry[count++] = (struct smv_diff_entry){ key, value.where };
		at = key;
		if (!smv_key_next(&at))
			break;
	}
	return (int)count;
}

static int take_range(void *context, u64 first, u64 count, enum smv_diff_kind kind)
{
	struct differing *d = context;

	return d->range(d->context, first, count, kind);
}

int memory_diff(struct memory *memory, u64 from, u64 to, memory_range range, void *context)
{
	struct differing d = { memory, range, context };
	struct smv_diff diff = { .volume = get_volume,
				 .fill = fill,
				 .range = take_range,
				 .context = &d,
				 .chunk_sectors = smv_store_chunk_sectors(memory->store) };

	return smv_diff(&diff, from, to);
}
