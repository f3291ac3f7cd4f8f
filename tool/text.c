// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tool says. It promises: at most one line on stderr that is no warning, of the form
 * "snapmv: COMMAND OBJECT: what: way out" (several behind "; " where they are gathered); and that no byte of a store, a device
 * or an argument reaches a terminal as a control character.
 *
 * Everything printed goes through smv_text_put() or is made of numbers and
 * texts of our own. A crash here leaves nothing. Weak side: results of the
 * functions that return static texts live for four calls.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "text.h"

static const char *command = "";
static bool failed;
static int muted; /* depth */
static bool gathering;
static char *gathered;
static bool progress_shown;

void smv_text_command(const char *name)
{
	command = name;
}

bool smv_text_failed(void)
{
	return failed;
}

void smv_text_mute(bool mute)
{
	muted += mute ? 1 : -1;
}

void *smv_text_alloc(size_t bytes)
{
	void *memory = calloc(1, bytes ? bytes : 1);

	if (!memory) {
		fputs("snapmv: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

void *smv_text_grow(void *memory, size_t bytes)
{
	memory = realloc(memory, bytes ? bytes : 1);
	if (!memory) {
		fputs("snapmv: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

static char *print_alloc(const char *format, va_list list)
{
	char *text;

	if (vasprintf(&text, format, list) < 0) {
		fputs("snapmv: out of memory\n", stderr);
		exit(1);
	}
	return text;
}

char *smv_text_printf(const char *format, ...)
{
	va_list list;
	char *text;

	va_start(list, format);
	text = print_alloc(format, list);
	va_end(list);
	return text;
}

static void print_line(const char *text)
{
	smv_progress_end();
	fputs("snapmv: ", stderr);
	smv_text_put(stderr, command);
	smv_text_put(stderr, *command ? text : text + strspn(text, ": "));
	fputc('\n', stderr);
}

static bool is_kept(const char *one)
{
	const char *at = gathered + strspn(gathered, ": ");

	while (at && strncmp(at, one, strlen(one))) {
		at = strstr(at, "; ");
		at = at ? at + 2 : NULL;
	}
	return at;
}

/* Once: several objects may have failed for one reason. */
static void keep_failure(const char *object, const char *text)
{
	char *one = smv_text_printf("%s%s%s", object ? object : "", object ? ": " : "", text);
	char *all = NULL;

	if (!gathered)
		all = smv_text_printf("%s%s", object ? " " : ": ", one);
	else if (!is_kept(one))
		all = smv_text_printf("%s; %s", gathered, one);
	free(one);
	if (!all)
		return;
	free(gathered);
	gathered = all;
}

static void print_failure(const char *object, const char *text)
{
	char *line;

	if (muted)
		return;
	if (gathering) {
		keep_failure(object, text);
		return;
	}
	if (failed)
		return;
	failed = true;
	line = smv_text_printf("%s%s: %s", object ? " " : "", object ? object : "", text);
	print_line(line);
	free(line);
}

int smv_fail(const char *object, const char *format, ...)
{
	va_list list;
	char *text;

	va_start(list, format);
	text = print_alloc(format, list);
	va_end(list);
	print_failure(object, text);
	free(text);
	return 1;
}

void smv_warn(const char *object, const char *format, ...)
{
	va_list list;
	char *text, *line;

	va_start(list, format);
	text = print_alloc(format, list);
	va_end(list);
	line = smv_text_printf(" %s: warning: %s", object, text);
	print_line(line);
	free(line);
	free(text);
}

void smv_text_gather(void)
{
	gathering = true;
}

int smv_text_tell(void)
{
	gathering = false;
	if (!gathered)
		return 0;
	if (!failed)
		print_line(gathered);
	failed = true;
	free(gathered);
	gathered = NULL;
	return 1;
}

int smv_usage(const char *format, ...)
{
	va_list list;
	char *text, *all;

	va_start(list, format);
	text = print_alloc(format, list);
	va_end(list);
	all = smv_text_printf("%s: see snapmv %s%s--help", text, command, *command ? " " : "");
	print_failure(NULL, all);
	free(all);
	free(text);
	return 2;
}

/* Length of the UTF-8 character at @p that may be printed, 0 if it may not. */
static u32 printable(const u8 *p)
{
	u32 more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc2 ? 1 : 0;
	u32 code;

	if (*p < 0x80)
		return *p >= 0x20 && *p != 0x7f;
	if (!more || *p > 0xf4)
		return 0;
	code = *p & (0x3f >> more);
	for (u32 i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < 0xa0 || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
		return 0;
	if ((more == 2 && code < 0x800) || (more == 3 && code < 0x10000))
		return 0;
	/* line and paragraph separators, and what turns the direction of writing */
	if (code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069))
		return 0;
	return more + 1;
}

bool smv_text_is_utf8(const char *text)
{
	while (*text) {
		u32 bytes = printable((const u8 *)text);

		if (!bytes)
			return false;
		text += bytes;
	}
	return true;
}

char *smv_text_safe(const char *text)
{
	char *safe = smv_text_alloc(4 * strlen(text) + 1);
	char *out = safe;

	while (*text) {
		u32 bytes = printable((const u8 *)text);

		if (bytes) {
			memcpy(out, text, bytes);
			out += bytes;
			text += bytes;
		} else {
			out += sprintf(out, "\\x%02x", (u8)*text++);
		}
	}
	return safe;
}

void smv_text_put(FILE *file, const char *text)
{
	char *safe = smv_text_safe(text);

	fputs(safe, file);
	free(safe);
}

int smv_text_number(const char *text, u64 *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	return *end ? -EINVAL : 0;
}

int smv_text_size(const char *text, u64 *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	u64 n;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	*bytes = n;
	if (!*end)
		return 0;
	unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
	if (!unit || !*unit || (end[1] && strcmp(end + 1, "iB")))
		return -EINVAL;
	u32 shift = 10 * (u32)(unit - units + 1);

	if (n > ~0ULL >> shift)
		return -ERANGE;
	*bytes = n << shift;
	return 0;
}

static char *next_static(void)
{
	static char texts[4][64];
	static u32 at;

	return texts[at++ % 4];
}

const char *smv_text_bytes(u64 bytes)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	char *text = next_static();
	double n = bytes;
	u32 i = 0;

	while (n >= 1024 && i < 6) {
		n /= 1024;
		i++;
	}
	snprintf(text, 64, n < 10 && i && n != (u64)n ? "%.1f %s" : "%.0f %s", n, unit[i]);
	return text;
}

const char *smv_text_time(u64 seconds)
{
	char *text = next_static();
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(text, 64, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(text, 64, "%llu", (unsigned long long)seconds);
	return text;
}

void smv_text_uuid(const u8 *uuid, char *out)
{
	for (u32 i = 0; i < SMV_UUID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		out += sprintf(out, "%02x", uuid[i]);
	}
}

/* -- progress ----------------------------------------------------------- */

void smv_progress(const char *what, u64 done, u64 all)
{
	static time_t begun, shown;
	struct timespec now;

	if (!isatty(STDERR_FILENO) || clock_gettime(CLOCK_MONOTONIC, &now))
		return;
	if (!begun)
		begun = now.tv_sec;
	if (now.tv_sec <= begun || now.tv_sec == shown)
		return;
	shown = now.tv_sec;
	progress_shown = true;
	fprintf(stderr, "\r%s: %u%%", what, all ? (u32)(done * 100.0 / all) : 0);
	fflush(stderr);
}

void smv_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

/* -- columns ------------------------------------------------------------ */

struct cell {
	char *text;
	bool number;
};

struct smv_columns {
	u32 columns;
	u32 cells;
	u32 room;
	struct cell *cell;
};

struct smv_columns *smv_columns_new(u32 columns)
{
	struct smv_columns *c = smv_text_alloc(sizeof(*c));

	c->columns = columns;
	return c;
}

static void add_cell(struct smv_columns *c, char *text, bool number)
{
	if (c->cells == c->room) {
		c->room = c->room ? 2 * c->room : 64;
		c->cell = smv_text_grow(c->cell, c->room * sizeof(*c->cell));
	}
	c->cell[c->cells++] = (struct cell){ .text = text, .number = number };
}

void smv_columns_add(struct smv_columns *c, const char *text)
{
	add_cell(c, smv_text_safe(text), false);
}

void smv_columns_add_number(struct smv_columns *c, u64 number)
{
	add_cell(c, smv_text_printf("%llu", (unsigned long long)number), true);
}

/* Width on a terminal, counting a character as one cell. */
static int width_of(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static int column_width(const struct smv_columns *c, u32 column)
{
	int width = 0;

	for (u32 i = column; i < c->cells; i += c->columns) {
		int w = width_of(c->cell[i].text);

		if (w > width)
			width = w;
	}
	return width;
}

void smv_columns_print(struct smv_columns *c)
{
	int *width = smv_text_alloc(c->columns * sizeof(*width));

	for (u32 i = 0; i < c->columns; i++)
		width[i] = column_width(c, i);
	for (u32 i = 0; i < c->cells; i++) {
		u32 column = i % c->columns;
		bool last = column == c->columns - 1;
		int pad = width[column] - width_of(c->cell[i].text);

		printf("%*s%s%*s", c->cell[i].number ? pad : 0, "", c->cell[i].text,
		       last || c->cell[i].number ? 0 : pad, "");
		fputs(last ? "\n" : "  ", stdout);
		free(c->cell[i].text);
	}
	free(width);
	free(c->cell);
	free(c);
}
