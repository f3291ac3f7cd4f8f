/* SPDX-License-Identifier: GPL-2.0-only */
/* Rows: what the text and the JSON of a dump have in common. */
#ifndef SMV_RESTORE_PRIVATE_H
#define SMV_RESTORE_PRIVATE_H

#include "restore.h"

#define SMV_ROW_FIELDS 32
#define SMV_ROW_NAME 24
#define SMV_ROW_TEXT 3072 /* of all values */

struct smv_row {
	char word[SMV_ROW_NAME]; /* store, settings, volume, exception, end */
	u32 fields;
	struct {
		char name[SMV_ROW_NAME];
		u32 at; /* of its value, in text; it ends with a zero byte */
	} field[SMV_ROW_FIELDS];
	u32 used;
	char text[SMV_ROW_TEXT];
};

struct smv_rows {
	FILE *in;
	u64 line; /* being read, from 1 on */
	bool json;
	/* JSON: where it stands */
	int depth;
	char section[SMV_ROW_NAME]; /* volumes, exceptions: in its array */
	bool begun;
	const char *wrong; /* what is wrong with the form */
};

/* The next row: 1; 0: the end of the file; -EINVAL (rows->wrong); -EIO. */
int smv_rows_next(struct smv_rows *rows, struct smv_row *row);

/* Appends a field with an empty value; false: no room, or there is one of this name. */
bool smv_row_field(struct smv_row *row, const char *name);
/* Appends a byte to the last field's value. */
bool smv_row_byte(struct smv_row *row, u8 byte);

#endif
