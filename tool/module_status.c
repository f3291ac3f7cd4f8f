// SPDX-License-Identifier: GPL-2.0-only
/*
 * An active store's status line, which docs/operating.md writes down, as the commands see it. It promises to
 * take fields it does not know of at the end for nothing, and missing ones for zeroes: a module and
 * a tool of different age understand each other. It keeps nothing, and a crash leaves nothing.
 */
#include <stdlib.h>
#include "backend.h"
#include "dm.h"
#include "text.h"

/* The store's status line, field by field. */
enum field { NUMBER, TEXT, POLICY, THROTTLE, SKIP };

#define INFO(name)                                                                                 \
	NUMBER, offsetof(struct smv_backend, info.name),                                           \
		sizeof(((struct smv_backend *)0)->info.name)
#define MODULE(name) NUMBER, offsetof(struct smv_backend, module.name), sizeof(u64)

static const struct {
	enum field kind;
	size_t offset, bytes;
} fields[] = {
	{ SKIP, 0, 0 }, /* state */
	{ TEXT, offsetof(struct smv_backend, info.settings.label), SMV_LABEL_BYTES },
	{ SKIP, 0, 0 }, /* uuid */
	{ SKIP, 0, 0 }, /* chunk_sectors */
	{ INFO(chunks) },
	{ INFO(data_chunks) },
	{ INFO(meta_chunks) },
	{ INFO(free_chunks) },
	{ INFO(reserved_chunks) },
	{ INFO(available_chunks) },
	{ INFO(held_chunks) },
	{ INFO(exceptions) },
	{ INFO(origins) },
	{ INFO(snapshots) },
	{ INFO(ghosts) },
	{ INFO(cleaning) },
	{ MODULE(rolling) },
	{ POLICY, 0, 0 },
	{ INFO(settings.hold_timeout_s) },
	{ INFO(settings.low_water_permille) },
	{ THROTTLE, 0, 0 },
	{ INFO(low) },
	{ MODULE(full) },
	{ MODULE(waiting) },
	{ INFO(generation) },
	{ INFO(journal_blocks) },
	{ INFO(journal_used) },
	{ INFO(commits) },
	{ INFO(commit_blocks) },
	{ INFO(record_bytes) },
	{ INFO(checkpoints) },
	{ INFO(checkpoint_blocks) },
	{ INFO(cache_hits) },
	{ INFO(cache_misses) },
	{ MODULE(copies) },
	{ MODULE(moves) },
	{ MODULE(snapshot_copies) },
	{ MODULE(gated) },
	{ MODULE(passed) },
	{ MODULE(dropped) },
	{ MODULE(lost) },
	{ MODULE(events) },
	{ TEXT, offsetof(struct smv_backend, module.reason), 256 },
};

static void put_number(u8 *at, size_t bytes, const char *word)
{
	u64 n = 0;

	smv_text_number(word, &n);
	if (bytes == sizeof(u64))
		*(u64 *)at = n;
	else if (bytes == sizeof(u32))
		*(u32 *)at = (u32)n;
	else
		*(bool *)at = n;
}

static void take_field(struct smv_backend *backend, u32 i, const char *word)
{
	struct smv_settings *settings = &backend->info.settings;
	u8 *at = (u8 *)backend + fields[i].offset;
	u64 n = 0;
	char *text;

	switch (fields[i].kind) {
	case NUMBER:
		put_number(at, fields[i].bytes, word);
		break;
	case TEXT:
		text = smv_dm_decode(word);
		snprintf((char *)at, fields[i].bytes, "%s", text);
		free(text);
		break;
	case POLICY:
		settings->policy = strcmp(word, "hold") ? SMV_POLICY_DROP : SMV_POLICY_HOLD;
		break;
	case THROTTLE:
		smv_text_number(word, &n);
		settings->throttle_mib_s = strcmp(word, "pause") ? (u32)n : SMV_THROTTLE_PAUSE;
		break;
	case SKIP:
		break;
	}
}

int smv_module_status(struct smv_backend *backend)
{
	char *line = smv_dm_status(backend->dm_name);
	char *rest = line, *word;
	u64 sectors = 0;

	if (!line)
		return -ENXIO;
	for (u32 i = 0; (word = strsep(&rest, " ")); i++) {
		if (!i) {
			backend->info.failed = !strcmp(word, "failed");
			backend->info.read_only = !strcmp(word, "read-only");
		}
		if (i == 3)
			smv_text_number(word, &sectors);
		if (i < sizeof(fields) / sizeof(fields[0]))
			take_field(backend, i, word);
	}
	backend->info.chunk_blocks = (u32)sectors / SMV_BLOCK_SECTORS;
	free(line);
	return 0;
}
