/* SPDX-License-Identifier: GPL-2.0-only */
/* A store opened read-only through a function that reads blocks. */
#ifndef SMV_REPLAY_H
#define SMV_REPLAY_H

#include "store.h"

struct smv_reader {
	int (*read)(void *context, u64 block, void *buffer); /* one block; 0 or an error */
	void *context;
	const struct smv_host *host;
	u64 blocks; /* of the device */
};

/* As smv_store_open(), read-only. */
int smv_replay_open(const struct smv_reader *reader, struct smv_store **store);
/* What was wrong: smv_store_reason() of an open that failed. */
const char *smv_replay_reason(void);

/* Calls @entry for each exception in order; a non-zero result ends it. */
typedef int (*smv_replay_entry)(void *context, const struct smv_key *key,
				const struct smv_value *value);
int smv_replay_walk(const struct smv_reader *reader, struct smv_store *store,
		    smv_replay_entry entry, void *context);

#endif
