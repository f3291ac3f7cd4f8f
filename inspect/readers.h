/* SPDX-License-Identifier: GPL-2.0-only */
/* Who is read as of which epochs: of each volume the epochs that others are as of. */
#ifndef SMV_READERS_H
#define SMV_READERS_H

#include "types.h"

struct smv_readers {
	struct smv_reading {
		u64 volume, asof;
	} * reading; /* by volume and epoch, each once */
	u64 count;
};

/* Room for @most. Zeroed at first; what was in it is forgotten. -ENOMEM. */
int smv_readers_begin(struct smv_readers *readers, u64 most);
void smv_readers_add(struct smv_readers *readers, u64 volume, u64 asof);
/* When all are added. */
void smv_readers_end(struct smv_readers *readers);
/* How many different epochs in [from, to) of the volume are read. */
u64 smv_readers_within(const struct smv_readers *readers, u64 volume, u64 from, u64 to);
void smv_readers_free(struct smv_readers *readers);

#endif
