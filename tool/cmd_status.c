// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv status'. It promises to say of each store whether it is well, how
 * full it is (data and metadata apart), and what is going on in it.
 */
#include <stdarg.h>
#include <stdlib.h>
#include "collect.h"
#include "commands.h"
#include "json.h"
#include "text.h"

/* Counters of the engine, by name: printed and put into JSON in this order. */
static const struct {
	const char *name;
	size_t offset;
} counters[] = { { "commits", offsetof(struct smv_backend, info.commits) },
		 { "commit_blocks", offsetof(struct smv_backend, info.commit_blocks) },
		 { "record_bytes", offsetof(struct smv_backend, info.record_bytes) },
		 { "checkpoints", offsetof(struct smv_backend, info.checkpoints) },
		 { "checkpoint_blocks", offsetof(struct smv_backend, info.checkpoint_blocks) },
		 { "cache_hits", offsetof(struct smv_backend, info.cache_hits) },
		 { "cache_misses", offsetof(struct smv_backend, info.cache_misses) },
#define ROW(field) { #field, offsetof(struct smv_backend, module.field) },
		 SMV_MODULE_COUNTERS(ROW)
#undef ROW
};

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static u64 counter(const struct smv_backend *b, u32 i)
{
	return *(const u64 *)((const u8 *)b + counters[i].offset);
}

static u64 chunk_bytes(const struct smv_backend *b)
{
	return (u64)b->info.chunk_blocks * SMV_BLOCK_BYTES;
}

/* -- for people ------------------------------------------------------------------ */

static void line(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(const char *key, const char *format, ...)
{
	va_list list;
	char *text;

	va_start(list, format);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	printf("  %-12s ", key);
	smv_text_put(stdout, text ? text : "?");
	putchar('\n');
	free(text);
}

static void print_space(const struct smv_backend *b)
{
	const struct smv_store_info *i = &b->info;
	u64 chunk = chunk_bytes(b), used = i->data_chunks + i->meta_chunks;

	line("chunk size", "%s", smv_text_bytes(chunk));
	line("used", "%s of %s (%.1f%%)", smv_text_bytes(used * chunk),
	     smv_text_bytes(i->chunks * chunk), i->chunks ? used * 100.0 / i->chunks : 0);
	line("data", "%s", smv_text_bytes(i->data_chunks * chunk));
	line("metadata", "%s", smv_text_bytes(i->meta_chunks * chunk));
	line("reserved", "%s", smv_text_bytes(i->reserved_chunks * chunk));
	line("available", "%s", smv_text_bytes(i->available_chunks * chunk));
	line("low water", "%u.%u%%", i->settings.low_water_permille / 10,
	     i->settings.low_water_permille % 10);
}

static void print_policy(const struct smv_backend *b)
{
	const struct smv_settings *s = &b->info.settings;

	if (s->policy == SMV_POLICY_DROP)
		line("policy", "drop");
	else if (s->hold_timeout_s)
		line("policy", "hold, for %u s", s->hold_timeout_s);
	else
		line("policy", "hold, for ever");
	if (s->throttle_mib_s == SMV_THROTTLE_PAUSE)
		line("throttle", "pause");
	else if (s->throttle_mib_s)
		line("throttle", "%u MiB/s", s->throttle_mib_s);
	else
		line("throttle", "no limit");
}

static void print_work(struct smv_backend *b)
{
	if (b->info.cleaning)
		line("cleaner", "%llu volumes to be cleaned%s",
		     (unsigned long long)b->info.cleaning, b->active ? "" : " (when active)");
	else
		line("cleaner", "idle");
	for (u32 i = 0; i < b->vols; i++) {
		const struct smv_vol *vol = &b->vol[i], *source;
		const struct smv_rollback_progress *p = &vol->progress;
		u64 done = p->place_chunks > p->done_chunks ? p->place_chunks : p->done_chunks;

		if (!vol->rolling)
			continue;
		source = smv_vol_number(b, vol->info.roll_source);
		line("rollback", "%s to %s: %llu of %llu chunks (%.0f%%)%s", vol->name,
		     source && smv_vol_is_visible(source) ? source->name : "a deleted snapshot",
		     (unsigned long long)done, (unsigned long long)p->chunks,
		     p->chunks ? done * 100.0 / p->chunks : 0, b->active ? "" : " (when active)");
	}
}

static void print_store(struct smv_backend *b)
{
	const char *health = smv_store_health(b);
	const struct smv_store_info *i = &b->info;
	char uuid[37];

	smv_text_put(stdout, i->settings.label);
	puts("/");
	smv_text_uuid(i->uuid, uuid);
	line("device", "%s", b->device);
	line("uuid", "%s", uuid);
	line("state", "%s", b->active ? "active" : "inactive");
	line("health", "%s%s%s", health, *b->module.reason ? ": " : "", b->module.reason);
	print_space(b);
	print_policy(b);
	line("volumes", "%llu origins, %llu snapshots, %llu ghosts", (unsigned long long)i->origins,
	     (unsigned long long)i->snapshots, (unsigned long long)i->ghosts);
	line("exceptions", "%llu", (unsigned long long)i->exceptions);
	print_work(b);
	line("journal", "%llu of %llu blocks", (unsigned long long)i->journal_used,
	     (unsigned long long)i->journal_blocks);
	for (u32 k = 0; b->active && k < COUNTERS; k++)
		printf("  %-20s %llu\n", counters[k].name, (unsigned long long)counter(b, k));
}

/* -- JSON -------------------------------------------------------------------------- */

static void json_space(struct json_object *store, const struct smv_backend *b)
{
	struct json_object *o = smv_json_object(store, "space");
	const struct smv_store_info *i = &b->info;
	u64 chunk = chunk_bytes(b);

	smv_json_number(o, "total_bytes", i->chunks * chunk);
	smv_json_number(o, "used_bytes", (i->data_chunks + i->meta_chunks) * chunk);
	smv_json_number(o, "data_bytes", i->data_chunks * chunk);
	smv_json_number(o, "metadata_bytes", i->meta_chunks * chunk);
	smv_json_number(o, "free_bytes", i->free_chunks * chunk);
	smv_json_number(o, "held_bytes", i->held_chunks * chunk);
	smv_json_number(o, "reserved_bytes", i->reserved_chunks * chunk);
	smv_json_number(o, "available_bytes", i->available_chunks * chunk);
	smv_json_bool(o, "low", i->low);
}

static void json_settings(struct json_object *store, const struct smv_backend *b)
{
	struct json_object *o = smv_json_object(store, "settings");
	const struct smv_settings *s = &b->info.settings;

	smv_json_text(o, "policy", s->policy == SMV_POLICY_HOLD ? "hold" : "drop");
	smv_json_number(o, "hold_timeout", s->hold_timeout_s);
	smv_json_number(o, "low_water_permille", s->low_water_permille);
	smv_json_bool(o, "paused", s->throttle_mib_s == SMV_THROTTLE_PAUSE);
	smv_json_number(o, "throttle",
			s->throttle_mib_s == SMV_THROTTLE_PAUSE ? 0 : s->throttle_mib_s);
}

static void json_rollbacks(struct json_object *store, struct smv_backend *b)
{
	struct json_object *array = smv_json_array(store, "rollbacks");

	for (u32 i = 0; i < b->vols; i++) {
		const struct smv_vol *vol = &b->vol[i], *source;
		struct json_object *o;

		if (!vol->rolling)
			continue;
		source = smv_vol_number(b, vol->info.roll_source);
		o = smv_json_append(array);
		smv_json_text(o, "origin", vol->name);
		smv_json_text(o, "source",
			      source && smv_vol_is_visible(source) ? source->name : NULL);
		smv_json_number(o, "chunks", vol->progress.chunks);
		smv_json_number(o, "done_chunks", vol->progress.done_chunks);
		smv_json_number(o, "place_chunks", vol->progress.place_chunks);
		smv_json_number(o, "lost_chunks", vol->progress.lost);
	}
}

static void json_store(struct json_object *array, struct smv_backend *b)
{
	struct json_object *o = smv_json_append(array), *c;
	const struct smv_store_info *i = &b->info;
	char uuid[37];

	smv_text_uuid(i->uuid, uuid);
	smv_json_text(o, "label", i->settings.label);
	smv_json_text(o, "uuid", uuid);
	smv_json_text(o, "device", b->device);
	smv_json_bool(o, "active", b->active);
	smv_json_text(o, "health", smv_store_health(b));
	smv_json_text(o, "reason", *b->module.reason ? b->module.reason : NULL);
	smv_json_number(o, "created", i->created_s);
	smv_json_number(o, "chunk_bytes", chunk_bytes(b));
	json_space(o, b);
	json_settings(o, b);
	smv_json_number(o, "origins", i->origins);
	smv_json_number(o, "snapshots", i->snapshots);
	smv_json_number(o, "ghosts", i->ghosts);
	smv_json_number(o, "exceptions", i->exceptions);
	smv_json_number(o, "cleaning", i->cleaning);
	json_rollbacks(o, b);
	smv_json_number(o, "generation", i->generation);
	smv_json_number(o, "journal_blocks", i->journal_blocks);
	smv_json_number(o, "journal_used", i->journal_used);
	c = smv_json_object(o, "counters");
	for (u32 k = 0; b->active && k < COUNTERS; k++)
		smv_json_number(c, counters[k].name, counter(b, k));
}

/* -- the command ---------------------------------------------------------------------- */

static int run_status(const struct smv_args *args)
{
	struct json_object *root = smv_args_has(args, 'J') ? json_object_new_object() : NULL;
	struct json_object *stores = root ? smv_json_array(root, "stores") : NULL;
	struct smv_collect collect;
	int rc = smv_collect(args, args->count ? args->arg[0] : NULL, false, &collect);

	for (u32 i = 0; i < collect.count && !rc; i++) {
		if (root) {
			json_store(stores, collect.backend[i]);
			continue;
		}
		if (i)
			putchar('\n');
		print_store(collect.backend[i]);
	}
	if (root && !rc)
		smv_json_print(root);
	else if (root)
		json_object_put(root);
	return smv_collect_free(&collect) | rc;
}

static const struct smv_option options[] = { SMV_OPTION_JSON, SMV_OPTION_STORE, SMV_OPTION_END };

const struct smv_command smv_command_status = {
	.name = "status",
	.synopsis = "[--json] [-S STORE-DEV] [STORE]",
	.summary = "Says how a store is: health, space, settings, work in progress.",
	.help = "STORE is a device, LABEL/ or LABEL; without it: all stores on this machine.\n"
		"Counters are of active stores, since activation.\n",
	.options = options,
	.least = 0,
	.most = 1,
	.run = run_status,
};
