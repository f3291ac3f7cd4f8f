// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows out of a dump. It promises to read what dump.c writes, texts to the
 * byte, in memory for one row; and to say of anything else in which line it went
 * wrong.
 *
 * Text: "WORD KEY=VALUE ...", percent-encoded. JSON: one object of two objects
 * and two arrays of objects, their values numbers and strings, in any layout; "\u00XX"
 * stands for the byte XX (dump.c writes only bytes so, and characters as they
 * are). Weak side: JSON that another program has written anew, with \u00XX for
 * characters, gives other texts.
 */
#include "restore_private.h"

bool smv_row_field(struct smv_row *row, const char *name)
{
	if (row->fields == SMV_ROW_FIELDS || strlen(name) >= SMV_ROW_NAME ||
	    row->used + 2 > SMV_ROW_TEXT)
		return false;
	for (u32 i = 0; i < row->fields; i++)
		if (!strcmp(row->field[i].name, name))
			return false;
	strcpy(row->field[row->fields].name, name);
	if (row->fields++)
		row->used++;
	row->field[row->fields - 1].at = row->used;
	row->text[row->used] = 0;
	return true;
}

bool smv_row_byte(struct smv_row *row, u8 byte)
{
	/* a zero byte would end the text early */
	if (!byte || row->used + 2 > SMV_ROW_TEXT)
		return false;
	row->text[row->used++] = (char)byte;
	row->text[row->used] = 0;
	return true;
}

static int wrong(struct smv_rows *rows, const char *what)
{
	if (ferror(rows->in))
		return -EIO;
	rows->wrong = what;
	return -EINVAL;
}

static int get(struct smv_rows *rows)
{
	int c = getc(rows->in);

	if (c == '\n')
		rows->line++;
	return c;
}

/* One is always given back before a line's end is passed twice. */
static void unget(struct smv_rows *rows, int c)
{
	if (c == '\n')
		rows->line--;
	if (c != EOF)
		ungetc(c, rows->in);
}

static int hex_digits(struct smv_rows *rows, u32 digits)
{
	int value = 0;

	while (digits--) {
		int c = get(rows);
		int digit = c >= '0' && c <= '9' ? c - '0' :
			    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			    c >= 'A' && c <= 'F' ? c - 'A' + 10 :
						   -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* -- text ---------------------------------------------------------------------- */

/* Up to one of @ends, which is left; false: too long. */
static bool get_word(struct smv_rows *rows, const char *ends, char *word)
{
	u32 n = 0;
	int c;

	while ((c = get(rows)) != EOF && !strchr(ends, c)) {
		if (n + 1 == SMV_ROW_NAME)
			return false;
		word[n++] = (char)c;
	}
	unget(rows, c);
	word[n] = 0;
	return true;
}

static int text_value(struct smv_rows *rows, struct smv_row *row)
{
	int c;

	while ((c = get(rows)) != EOF && c != ' ' && c != '\n') {
		if (c == '%')
			c = hex_digits(rows, 2);
		if (c < 0 || !smv_row_byte(row, (u8)c))
			return wrong(rows, "a value is too long or wrongly encoded");
	}
	unget(rows, c);
	return 0;
}

static int next_text(struct smv_rows *rows, struct smv_row *row)
{
	char name[SMV_ROW_NAME];
	int c = get(rows);

	if (c == EOF)
		return ferror(rows->in) ? -EIO : 0;
	unget(rows, c);
	if (!get_word(rows, "\n ", row->word) || !*row->word)
		return wrong(rows, "a line does not begin with a word");
	while ((c = get(rows)) == ' ') {
		int rc;

		if (!get_word(rows, "=\n ", name) || get(rows) != '=' || !smv_row_field(row, name))
			return wrong(rows, "a field is not KEY=VALUE, or there twice");
		rc = text_value(rows, row);
		if (rc)
			return rc;
	}
	return c == '\n' ? 1 : wrong(rows, "the last line is not whole");
}

/* -- JSON ----------------------------------------------------------------------- */

static int skip_space(struct smv_rows *rows)
{
	int c;

	do
		c = get(rows);
	while (c == ' ' || c == '\n' || c == '\t' || c == '\r');
	return c;
}

/* A code point above 0xff as UTF-8. Surrogates come out as they are. */
static bool put_utf8(struct smv_row *row, u32 code)
{
	if (code < 0x800)
		return smv_row_byte(row, (u8)(0xc0 | code >> 6)) &&
		       smv_row_byte(row, (u8)(0x80 | (code & 0x3f)));
	return smv_row_byte(row, (u8)(0xe0 | code >> 12)) &&
	       smv_row_byte(row, (u8)(0x80 | (code >> 6 & 0x3f))) &&
	       smv_row_byte(row, (u8)(0x80 | (code & 0x3f)));
}

static bool put_escape(struct smv_rows *rows, struct smv_row *row)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	int c = get(rows), code;
	const char *found;

	if (c == 'u') {
		code = hex_digits(rows, 4);
		if (code <= 0)
			return false;
		return code < 256 ? smv_row_byte(row, (u8)code) : put_utf8(row, (u32)code);
	}
	found = c > 0 ? strchr(from, c) : NULL;
	return c > 0 && smv_row_byte(row, (u8)(found ? to[found - from] : c));
}

/* Behind the opening quote, into the last field's value. */
static int json_string(struct smv_rows *rows, struct smv_row *row)
{
	int c;

	while ((c = get(rows)) != '"') {
		bool ok = c == '\\' ? put_escape(rows, row) : c > 0 && smv_row_byte(row, (u8)c);

		if (!ok)
			return wrong(rows, "a string is too long or wrongly encoded");
	}
	return 0;
}

/* A key and its colon, behind the opening quote. */
static int json_key(struct smv_rows *rows, char *name)
{
	if (!get_word(rows, "\"", name) || get(rows) != '"' || skip_space(rows) != ':')
		return wrong(rows, "not a key and a colon");
	return 0;
}

static int json_value(struct smv_rows *rows, struct smv_row *row)
{
	int c = skip_space(rows);

	if (c == '"')
		return json_string(rows, row);
	for (; c >= '0' && c <= '9'; c = get(rows))
		if (!smv_row_byte(row, (u8)c))
			return wrong(rows, "a number is too long");
	unget(rows, c);
	return row->text[row->field[row->fields - 1].at] ? 0 :
							   wrong(rows, "not a number or a string");
}

/* Behind the opening brace. */
static int json_object(struct smv_rows *rows, struct smv_row *row)
{
	char name[SMV_ROW_NAME];
	int c = skip_space(rows), rc;

	while (c == '"') {
		rc = json_key(rows, name);
		if (!rc && !smv_row_field(row, name))
			rc = wrong(rows, "an object has too many fields, or one twice");
		if (!rc)
			rc = json_value(rows, row);
		if (rc)
			return rc;
		c = skip_space(rows);
		if (c == ',')
			c = skip_space(rows);
		else if (c != '}')
			return wrong(rows, "no comma or brace behind a value");
	}
	return c == '}' ? 1 : wrong(rows, "an object is not closed");
}

/* In an array: the next object; 0: it ends. */
static int json_element(struct smv_rows *rows, struct smv_row *row)
{
	int c = skip_space(rows);

	if (c == ',' && rows->begun)
		c = skip_space(rows);
	if (c == ']') {
		*rows->section = 0;
		return 0;
	}
	if (c != '{')
		return wrong(rows, "not an object in an array");
	rows->begun = true;
	/* "volumes" are rows of the word volume */
	memcpy(row->word, rows->section, SMV_ROW_NAME);
	row->word[strlen(row->word) - 1] = 0;
	return json_object(rows, row);
}

static int next_json(struct smv_rows *rows, struct smv_row *row)
{
	int c, rc;

	for (;;) {
		if (*rows->section) {
			rc = json_element(rows, row);
			if (rc)
				return rc;
		}
		c = skip_space(rows);
		if (c == '}' && rows->depth) {
			rows->depth = 0;
			if (skip_space(rows) != EOF)
				return wrong(rows, "something follows the end");
			strcpy(row->word, "end");
			return 1;
		}
		if (c == EOF && !rows->depth)
			return ferror(rows->in) ? -EIO : 0;
		if (c == (rows->depth ? ',' : '{'))
			c = skip_space(rows);
		rows->depth = 1;
		if (c != '"')
			return wrong(rows, "not a key");
		rc = json_key(rows, row->word);
		if (rc)
			return rc;
		c = skip_space(rows);
		if (c == '{')
			return json_object(rows, row);
		if (c != '[' || !*row->word)
			return wrong(rows, "not an object or an array");
		memcpy(rows->section, row->word, SMV_ROW_NAME);
		rows->begun = false;
	}
}

int smv_rows_next(struct smv_rows *rows, struct smv_row *row)
{
	row->fields = 0;
	row->used = 0;
	row->word[0] = 0;
	row->text[0] = 0;
	if (!rows->line) {
		int c;

		rows->line = 1;
		c = skip_space(rows);
		rows->json = c == '{';
		unget(rows, c);
	}
	return rows->json ? next_json(rows, row) : next_text(rows, row);
}
