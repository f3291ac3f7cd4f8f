// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dump becomes a store's volumes and exceptions again. It promises that every
 * field that dump.c writes is taken in, or the dump refused, naming line and field; a
 * dump without its end is refused (I-RESTORE-WHOLE); fields it does not know are passed over (they
 * are only ever added).
 *
 * Nothing is written here. Weak side: all of it is kept in memory (image.c).
 */
#include <stdarg.h>
#include <stdlib.h>
#include "restore_private.h"
#include "store.h"

struct reading {
	struct smv_image *image;
	struct smv_rows rows;
	struct smv_row row;
	char *why;
	size_t why_bytes;
	bool has_store, has_settings, has_end;
	u64 data_chunks;
	int rc;
};

__attribute__((format(printf, 2, 3))) static void complain(struct reading *r, const char *format,
							   ...)
{
	va_list list;
	int n;

	if (r->rc)
		return;
	r->rc = -EINVAL;
	n = snprintf(r->why, r->why_bytes, "line %llu: ", (unsigned long long)r->rows.line);
	va_start(list, format);
	if (n > 0 && (size_t)n < r->why_bytes)
		vsnprintf(r->why + n, r->why_bytes - (size_t)n, format, list);
	va_end(list);
}

/* -- fields ------------------------------------------------------------------- */

static const char *text_of(struct reading *r, const char *name)
{
	for (u32 i = 0; i < r->row.fields; i++)
		if (!strcmp(r->row.field[i].name, name))
			return r->row.text + r->row.field[i].at;
	complain(r, "%s has no field %s", r->row.word, name);
	return "";
}

static u64 number_of(struct reading *r, const char *name)
{
	const char *text = text_of(r, name);
	char *end = NULL;
	u64 value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno)
		complain(r, "%s is not a number", name);
	return value;
}

static u32 small_number_of(struct reading *r, const char *name)
{
	u64 value = number_of(r, name);

	if (value > ~0u)
		complain(r, "%s is too large", name);
	return (u32)value;
}

static __le64 le_number_of(struct reading *r, const char *name)
{
	return cpu_to_le64(number_of(r, name));
}

static void copy_text(struct reading *r, const char *name, char *to, size_t bytes)
{
	const char *text = text_of(r, name);

	if (strlen(text) >= bytes)
		complain(r, "%s is too long", name);
	else
		strcpy(to, text);
}

static void copy_hex(struct reading *r, const char *name, u8 *to, u32 bytes)
{
	const char *text = text_of(r, name);
	u32 byte;

	if (strlen(text) != 2 * bytes || strspn(text, "0123456789abcdefABCDEF") != 2 * bytes) {
		complain(r, "%s is not %u bytes in hexadecimal digits", name, bytes);
		return;
	}
	for (u32 i = 0; i < bytes && sscanf(text + 2 * i, "%2x", &byte) == 1; i++)
		to[i] = (u8)byte;
}

/* -- rows ------------------------------------------------------------------------- */

static void take_store(struct reading *r)
{
	struct smv_disk_super *super = &r->image->super;

	r->has_store = true;
	if (number_of(r, "version") != SMV_FORMAT_VERSION)
		complain(r, "a dump of another format: version");
	copy_hex(r, "uuid", super->header.uuid, SMV_UUID_BYTES);
	super->compat = le_number_of(r, "compat");
	super->ro_compat = le_number_of(r, "ro_compat");
	super->incompat = le_number_of(r, "incompat");
	if (le64_to_cpu(super->incompat) & ~SMV_INCOMPAT_KNOWN ||
	    le64_to_cpu(super->ro_compat) & ~SMV_RO_COMPAT_KNOWN)
		complain(r, "a store with features that this software does not know");
	super->created_s = le_number_of(r, "created");
	super->blocks = le_number_of(r, "blocks");
	super->chunk_blocks = cpu_to_le32(small_number_of(r, "chunk_blocks"));
	super->next_volume = le_number_of(r, "next_volume");
	r->data_chunks = number_of(r, "data_chunks");
}

static void take_settings(struct reading *r)
{
	struct smv_disk_settings *to = &r->image->super.settings;
	const char *policy = text_of(r, "policy");
	bool hold = !strcmp(policy, "hold");

	r->has_settings = true;
	copy_text(r, "label", to->label, SMV_LABEL_BYTES);
	if (!hold && strcmp(policy, "drop"))
		complain(r, "policy is neither drop nor hold");
	to->policy = cpu_to_le32(hold ? SMV_POLICY_HOLD : SMV_POLICY_DROP);
	to->hold_timeout_s = cpu_to_le32(small_number_of(r, "hold_timeout"));
	to->low_water_permille = cpu_to_le32(small_number_of(r, "low_water_permille"));
	if (!strcmp(text_of(r, "throttle"), "pause"))
		to->throttle_mib_s = cpu_to_le32(SMV_THROTTLE_PAUSE);
	else
		to->throttle_mib_s = cpu_to_le32(small_number_of(r, "throttle"));
	if (smv_super_verify_settings(to))
		complain(r, "impossible settings");
}

static u32 flags_of(struct reading *r)
{
	static const struct {
		const char *name;
		u32 bit;
	} flag[] = { { "origin", SMV_VOLUME_ORIGIN },	{ "hidden", SMV_VOLUME_HIDDEN },
		     { "dead", SMV_VOLUME_DEAD },	{ "invalid", SMV_VOLUME_INVALID },
		     { "suspect", SMV_VOLUME_SUSPECT }, { "pass", SMV_VOLUME_PASS } };
	const char *text = text_of(r, "flags");
	u32 bits = 0;

	while (*text) {
		size_t length = strcspn(text, ",");
		u32 i;

		for (i = 0; i < 6; i++)
			if (strlen(flag[i].name) == length && !strncmp(flag[i].name, text, length))
				break;
		if (i == 6) {
			complain(r, "flags has one that is not known");
			break;
		}
		bits |= flag[i].bit;
		text += length + !!text[length];
	}
	return bits;
}

static void take_volume(struct reading *r)
{
	struct smv_disk_volume v = { .number = le_number_of(r, "number"),
				     .parent = le_number_of(r, "parent"),
				     .asof = le_number_of(r, "asof"),
				     .epoch = le_number_of(r, "epoch"),
				     .origin = le_number_of(r, "origin"),
				     .taken_of = le_number_of(r, "taken_of"),
				     .created_s = le_number_of(r, "created"),
				     .sectors = le_number_of(r, "sectors"),
				     .exceptions = le_number_of(r, "exceptions"),
				     .roll_volume = le_number_of(r, "roll_volume"),
				     .roll_epoch = le_number_of(r, "roll_epoch"),
				     .roll_done = le_number_of(r, "roll_done"),
				     .roll_source = le_number_of(r, "roll_source"),
				     .flags = cpu_to_le32(flags_of(r)) };

	copy_text(r, "name", v.name, SMV_NAME_BYTES);
	copy_text(r, "memo", v.memo, SMV_MEMO_BYTES);
	copy_text(r, "identity", v.identity, SMV_IDENTITY_BYTES);
	copy_hex(r, "fingerprint", v.fingerprint, sizeof(v.fingerprint));
	if (!r->rc)
		r->rc = smv_image_add_volume(r->image, &v);
}

static void take_exception(struct reading *r)
{
	static const char *const name[] = { "chunk", "zero", "lost", "mark" };
	struct smv_key key = { number_of(r, "volume"), number_of(r, "chunk"),
			       number_of(r, "epoch") };
	const char *kind = text_of(r, "kind");
	u64 low = number_of(r, "at");
	struct smv_value value = { .check = number_of(r, "check") };
	u32 i;

	for (i = 0; i < 4 && strcmp(kind, name[i]); i++)
		;
	if (i == 4 || low > SMV_WHERE_MASK)
		complain(r, "an exception of an unknown kind, or at an impossible place");
	value.where = smv_where(i & 3, low);
	if (!r->rc)
		r->rc = smv_image_add_entry(r->image, &key, &value);
}

static void take_row(struct reading *r)
{
	const char *word = r->row.word;

	if (r->has_end)
		complain(r, "something follows the end");
	else if (!strcmp(word, "end"))
		r->has_end = true;
	else if (!r->has_store && strcmp(word, "store"))
		complain(r, "it does not begin with the store: this is no dump");
	else if (!strcmp(word, "store") && !r->has_store)
		take_store(r);
	else if (!strcmp(word, "settings") && !r->has_settings)
		take_settings(r);
	else if (!strcmp(word, "volume"))
		take_volume(r);
	else if (!strcmp(word, "exception"))
		take_exception(r);
	else
		complain(r, "a row of an unknown kind");
}

static void check_whole(struct reading *r)
{
	u64 chunks = 0;

	for (u64 i = 0; i < r->image->entries; i++)
		chunks += smv_where_is_chunk(r->image->entry[i].value.where);
	if (!r->has_store || !r->has_settings || !r->has_end)
		complain(r, "the dump is not whole: it has no end");
	else if (chunks != r->data_chunks)
		complain(r, "data_chunks does not agree with the exceptions");
}

int smv_restore_read(FILE *in, struct smv_image *image, char *why, size_t bytes)
{
	struct reading *r = calloc(1, sizeof(*r));
	int rc = 1;

	if (!r)
		return -ENOMEM;
	r->image = image;
	r->rows.in = in;
	r->why = why;
	r->why_bytes = bytes;
	*why = 0;
	while (!r->rc && (rc = smv_rows_next(&r->rows, &r->row)) == 1)
		take_row(r);
	if (rc == -EINVAL)
		complain(r, "%s", r->rows.wrong);
	else if (rc < 0)
		r->rc = rc;
	if (!r->rc)
		check_whole(r);
	rc = r->rc;
	free(r);
	return rc;
}
