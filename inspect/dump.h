/* SPDX-License-Identifier: GPL-2.0-only */
/* A store's metadata as text: everything, in a stable order. */
#ifndef SMV_DUMP_H
#define SMV_DUMP_H

#include <stdio.h>
#include "replay.h"
#include "super.h"

struct smv_dump {
	FILE *out;
	bool json;
	const struct smv_disk_super *super; /* for what the open store does not tell */
	void (*progress)(u64 done, u64 all); /* exceptions; may be NULL */
};

/* Writes @store to dump->out. 0 or a negative error. */
int smv_dump(const struct smv_dump *dump, const struct smv_reader *reader, struct smv_store *store);

#endif
