/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's marks promise of snapshots. Marks, one word and names:
 *
 *   start              power cuts from here on
 *   snapshot+ NAME...  the command begins      snapshot- NAME...  it has returned
 *   delete+ NAME...                            delete- NAME...
 *   own NAME           it will be written from now on
 *
 * All others are for judges to read. A snapshot's name is used once.
 */
#ifndef SMV_REPLAY_PROMISES_H
#define SMV_REPLAY_PROMISES_H

#include "volumes.h"

#define NEVER (~0u)

struct promise {
	char name[2 * SMV_NAME_BYTES];
	u32 begun, taken, own, deleting, deleted; /* events; NEVER */
	u64 chunks;
	u64 *sum; /* of each chunk, as the snapshot was when the command returned; NULL: never */
};

struct promises {
	struct promise *promise;
	u32 count;
	u32 start; /* event */
};

void promises_read(struct promises *promises, const struct crash_log *log);
/* The snapshots taken by the mark at @event hold what they must hold for ever: here it is. */
bool promises_learn(struct promises *promises, struct cut_store *store, u32 event);
/*
 * Behind event @at: every promised snapshot is there, none that was deleted, and each holds
 * what it held when it was taken. *chunks counts those compared.
 */
bool promises_hold(const struct promises *promises, struct cut_store *store, u32 at, u64 *chunks);
/* Whether the snapshot must be there, and be what it was. */
bool promise_stands(const struct promise *promise, u32 at);
bool promise_may_stand(const struct promise *promise, u32 at);

#endif
