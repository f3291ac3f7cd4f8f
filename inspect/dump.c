// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store's metadata as text. It promises that two stores with the same
 * contents give the same text, wherever their nodes and journals lie, and that
 * everything a restore needs is in it.
 *
 * Lines: a word, then KEY=VALUE fields, texts percent-encoded; volumes by number,
 * exceptions in key order, `end' last (without it the dump is not whole). The JSON
 * has the same fields in one object. Weak side: the JSON of a large store is large.
 */
#include <stdlib.h>
#include "dump.h"

struct out {
	FILE *file;
	bool json;
	bool first; /* field of the object */
	u32 rows; /* of the array */
	const struct smv_dump *dump;
	u64 exceptions, all;
};

#define PROGRESS_ROWS 4096

static void put_encoded(FILE *file, const char *text)
{
	for (; *text; text++) {
		u8 c = (u8)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("_.+:@/,-", c))
			fputc(c, file);
		else
			fprintf(file, "%%%02X", c);
	}
}

/* JSON: bytes above 0x7f are taken for UTF-8 only where they are. */
static u32 utf8_bytes(const u8 *p)
{
	u32 more = *p >= 0xf0 && *p < 0xf5 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc2 ? 1 : 0;

	if (*p >= 0xf5 || !more)
		return 0;
	for (u32 i = 1; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] >= 0x90))
		return 0;
	return more + 1;
}

static void put_json_text(FILE *file, const char *text)
{
	const u8 *p = (const u8 *)text;

	fputc('"', file);
	while (*p) {
		u32 bytes = *p < 0x80 ? 1 : utf8_bytes(p);

		if (!bytes || *p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\') {
			fprintf(file, "\\u%04x", *p++);
			continue;
		}
		fwrite(p, 1, bytes, file);
		p += bytes;
	}
	fputc('"', file);
}

/* -- objects, fields, rows ------------------------------------------------------ */

static void begin(struct out *o, const char *name)
{
	if (o->json)
		fprintf(o->file, "\"%s\": {", name);
	else
		fputs(name, o->file);
	o->first = true;
}

static void begin_row(struct out *o, const char *name)
{
	if (o->json)
		fprintf(o->file, "%s\n  {", o->rows ? "," : "");
	else
		fputs(name, o->file);
	o->rows++;
	o->first = true;
}

static void key(struct out *o, const char *name)
{
	if (o->json)
		fprintf(o->file, "%s\"%s\": ", o->first ? "" : ", ", name);
	else
		fprintf(o->file, " %s=", name);
	o->first = false;
}

static void number(struct out *o, const char *name, u64 value)
{
	key(o, name);
	fprintf(o->file, "%llu", (unsigned long long)value);
}

static void text(struct out *o, const char *name, const char *value)
{
	key(o, name);
	if (o->json)
		put_json_text(o->file, value);
	else
		put_encoded(o->file, value);
}

static void hex(struct out *o, const char *name, const u8 *bytes, u32 count)
{
	char *string = calloc(2, count + 1);

	for (u32 i = 0; string && i < count; i++)
		sprintf(string + 2 * i, "%02x", bytes[i]);
	text(o, name, string ? string : "");
	free(string);
}

static void end(struct out *o)
{
	fputs(o->json ? "}" : "\n", o->file);
}

/* -- what there is ------------------------------------------------------------------ */

static void dump_store(struct out *o, const struct smv_dump *dump, struct smv_store *store)
{
	const struct smv_disk_super *super = dump->super;
	/* the journal has been replayed: what announces its records announces nothing here */
	u64 incompat = le64_to_cpu(super->incompat) & ~SMV_INCOMPAT_UNPROVEN;
	struct smv_store_info info;

	smv_store_info(store, &info);
	begin(o, "store");
	number(o, "version", le32_to_cpu(super->version));
	hex(o, "uuid", info.uuid, SMV_UUID_BYTES);
	number(o, "compat", le64_to_cpu(super->compat));
	number(o, "ro_compat", le64_to_cpu(super->ro_compat));
	number(o, "incompat", incompat);
	number(o, "created", info.created_s);
	number(o, "blocks", info.blocks);
	number(o, "chunk_blocks", info.chunk_blocks);
	number(o, "next_volume", info.next_volume);
	number(o, "data_chunks", info.data_chunks);
	end(o);
	if (o->json)
		fputs(",\n", o->file);
	begin(o, "settings");
	text(o, "label", info.settings.label);
	text(o, "policy", info.settings.policy == SMV_POLICY_HOLD ? "hold" : "drop");
	number(o, "hold_timeout", info.settings.hold_timeout_s);
	number(o, "low_water_permille", info.settings.low_water_permille);
	if (info.settings.throttle_mib_s == SMV_THROTTLE_PAUSE)
		text(o, "throttle", "pause");
	else
		number(o, "throttle", info.settings.throttle_mib_s);
	end(o);
}

static const struct {
	u32 bit;
	const char *name;
} flags[] = {
	{ SMV_VOLUME_ORIGIN, "origin" },   { SMV_VOLUME_HIDDEN, "hidden" },
	{ SMV_VOLUME_DEAD, "dead" },	   { SMV_VOLUME_INVALID, "invalid" },
	{ SMV_VOLUME_SUSPECT, "suspect" }, { SMV_VOLUME_PASS, "pass" },
};

static void dump_flags(struct out *o, u32 bits)
{
	char list[64] = "";

	for (u32 i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!(bits & flags[i].bit))
			continue;
		if (*list)
			strcat(list, ",");
		strcat(list, flags[i].name);
	}
	text(o, "flags", list);
}

static void dump_volume(struct out *o, const struct smv_volume_info *v)
{
	begin_row(o, "volume");
	number(o, "number", v->number);
	number(o, "parent", v->parent);
	number(o, "asof", v->asof);
	number(o, "epoch", v->epoch);
	number(o, "origin", v->origin);
	number(o, "taken_of", v->taken_of);
	number(o, "created", v->created_s);
	number(o, "sectors", v->sectors);
	number(o, "exceptions", v->exceptions);
	number(o, "roll_volume", v->roll_volume);
	number(o, "roll_epoch", v->roll_epoch);
	number(o, "roll_done", v->roll_done);
	number(o, "roll_source", v->roll_source);
	dump_flags(o, v->flags);
	text(o, "name", v->name ? v->name : "");
	text(o, "memo", v->memo ? v->memo : "");
	text(o, "identity", v->identity ? v->identity : "");
	hex(o, "fingerprint", v->fingerprint, 64);
	end(o);
}

static int dump_exception(void *context, const struct smv_key *k, const struct smv_value *value)
{
	static const char *const kind[] = { "chunk", "zero", "lost", "mark" };
	struct out *o = context;
	u32 i = smv_where_kind(value->where);

	begin_row(o, "exception");
	number(o, "volume", k->volume);
	number(o, "chunk", k->chunk);
	number(o, "epoch", k->epoch);
	text(o, "kind", i < 4 ? kind[i] : "?");
	number(o, "at", smv_where_low(value->where));
	number(o, "check", value->check);
	end(o);
	if (!(++o->exceptions % PROGRESS_ROWS) && o->dump->progress)
		o->dump->progress(o->exceptions, o->all);
	return ferror(o->file) ? -EIO : 0;
}

static void array(struct out *o, const char *name)
{
	if (o->json)
		fprintf(o->file, "%s\"%s\": [", ",\n", name);
	o->rows = 0;
}

static void array_end(struct out *o)
{
	if (o->json)
		fputs(o->rows ? "\n]" : "]", o->file);
}

int smv_dump(const struct smv_dump *dump, const struct smv_reader *reader, struct smv_store *store)
{
	struct out o = { .file = dump->out, .json = dump->json, .dump = dump };
	struct smv_volume *volume;
	u64 last = 0;
	int rc;

	if (o.json)
		fputc('{', o.file);
	dump_store(&o, dump, store);
	array(&o, "volumes");
	while ((volume = smv_volume_after(store, last))) {
		struct smv_volume_info info;

		smv_volume_info(volume, &info);
		last = info.number;
		o.all += info.exceptions;
		dump_volume(&o, &info);
	}
	array_end(&o);
	array(&o, "exceptions");
	rc = smv_replay_walk(reader, store, dump_exception, &o);
	array_end(&o);
	if (rc)
		return rc;
	fputs(o.json ? "}\n" : "end\n", o.file);
	return 0;
}
