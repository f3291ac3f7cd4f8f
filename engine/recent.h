/* SPDX-License-Identifier: GPL-2.0-only */
/* Where chunks were found of late: see recent.c. */
#ifndef SMV_RECENT_H
#define SMV_RECENT_H

#include "types.h"

#define SMV_RECENT_WAYS 4u
#define SMV_RECENT_SETS 1024u /* a power of two */

struct smv_recent_place {
	u64 chunk;
	u64 volume;
	u64 age; /* of the table when it was put in; 0: nothing was */
	u64 where;
};

struct smv_recent {
	struct smv_recent_place *place; /* SMV_RECENT_SETS times SMV_RECENT_WAYS */
	u64 age; /* what has another is no longer true */
	u32 turn;
};

/* -ENOMEM. 128 KiB. */
int smv_recent_init(struct smv_recent *recent, const struct smv_host *host);
void smv_recent_exit(struct smv_recent *recent, const struct smv_host *host);

/* Where the volume finds the chunk, if that is remembered. */
bool smv_recent_get(const struct smv_recent *recent, u64 volume, u64 chunk, u64 *where);

/* Remembers what smv_recent_get() did not know. */
void smv_recent_put(struct smv_recent *recent, u64 volume, u64 chunk, u64 where);

/* The chunk's exceptions change, of whichever volume. */
void smv_recent_forget(struct smv_recent *recent, u64 chunk);

/* Something of the volumes themselves changes. */
static inline void smv_recent_forget_all(struct smv_recent *recent)
{
	recent->age++;
}

#endif
