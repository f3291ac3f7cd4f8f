/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tool says: error lines, safe text, sizes, times, progress, tables. */
#ifndef SMV_TEXT_H
#define SMV_TEXT_H

#include "types.h"

/* The command's name, for error lines. */
void smv_text_command(const char *name);

/*
 * The one line of a refusal: "snapmv: COMMAND OBJECT: what: way out". Only the
 * first one of a run is printed. @object may be NULL. Returns 1, the exit status.
 */
int smv_fail(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for wrong usage; returns 2. */
int smv_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "snapmv: COMMAND OBJECT: warning: what": no failure, and printed even while muted. */
void smv_warn(const char *object, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool smv_text_failed(void);
/* From now on failures are kept; smv_text_tell() prints them all, as one line. 1 if there are any. */
void smv_text_gather(void);
int smv_text_tell(void);
/* While muted, failures are neither printed nor remembered. Pairs may nest. */
void smv_text_mute(bool mute);

/* Writes @text without any control character or broken UTF-8 ("\xNN" instead). */
void smv_text_put(FILE *file, const char *text);
/* The same into memory; the result is to be freed. */
char *smv_text_safe(const char *text);
bool smv_text_is_utf8(const char *text);

/* "64K" to bytes: K, M, G, T are powers of 1024. -EINVAL, -ERANGE. */
int smv_text_size(const char *text, u64 *bytes);
/* Bytes for people: "1.5 GiB". Up to 4 results may be in use at once. */
const char *smv_text_bytes(u64 bytes);
/* Local time, "2010-04-01 12:00:00". */
const char *smv_text_time(u64 seconds);
int smv_text_number(const char *text, u64 *number);
/* "snapmv's" uuid spelling: 8-4-4-4-12; @out: 37 bytes. */
void smv_text_uuid(const u8 *uuid, char *out);

/* A printf that allocates, or ends the program for lack of memory. */
char *smv_text_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *smv_text_alloc(size_t bytes);
void *smv_text_grow(void *memory, size_t bytes);

/* Progress on a terminal, once it has taken a second: "format: 40%". */
void smv_progress(const char *what, u64 done, u64 all);
void smv_progress_end(void);

/* A table of texts in columns, printed as wide as they are; the last is not padded. */
struct smv_columns;
struct smv_columns *smv_columns_new(u32 columns);
/* Takes the next cell; rows fill up one after the other. Numbers are right-aligned. */
void smv_columns_add(struct smv_columns *columns, const char *text);
void smv_columns_add_number(struct smv_columns *columns, u64 number);
/* Prints and frees. */
void smv_columns_print(struct smv_columns *columns);

#endif
