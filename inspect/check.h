/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The check of a whole store: reads everything, trusts nothing, writes
 * nothing. The second opinion beside the simulator's model.
 */
#ifndef SMV_CHECK_H
#define SMV_CHECK_H

#include "damage.h"
#include "types.h"

struct smv_damage {
	enum smv_damage_kind kind;
	u64 where; /* the block, chunk, volume or number the kind's table row speaks of */
	const char *text; /* one line: what was found */
};

struct smv_check {
	/* Reads one block of the store; 0 or a negative error. */
	int (*read)(void *context, u64 block, void *buffer);
	/* Each damage as it is found; may be NULL. */
	void (*report)(void *context, const struct smv_damage *damage);
	/* Now and then: @done of @all parts of the work; may be NULL. */
	void (*progress)(void *context, u64 done, u64 all);
	void *context;
	const struct smv_host *host; /* for the engine that replays the journal */
	u64 blocks; /* size of the device */
};

struct smv_check_result {
	u64 damages; /* 0: clean */
	u64 generation; /* of the checkpoint that was checked */
	u64 records; /* in the journal behind it */
	u64 volumes;
	u64 exceptions;
	u64 data_chunks;
	u64 meta_chunks;
	u64 nodes;
	char first[256]; /* the first damage found, in words; "" if none */
};

/*
 * Checks the last checkpoint, then the state that replaying the journal gives.
 * 0: it was checked: result->damages says what came of it; -ENOENT: no store
 * here; -EOPNOTSUPP: a newer format; -ENOMEM; -EINVAL. A block that cannot be
 * read is a damage. Allocates from malloc() and check->host.
 */
int smv_check(const struct smv_check *check, struct smv_check_result *result);

#endif
