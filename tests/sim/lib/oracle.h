/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every volume may and must hold: for each sector the values in the order
 * in which they were issued, how far they were acknowledged, and how far
 * promised to outlive a power cut (by FLUSH, FUA or a command that returned).
 * Flat, so that a copy is an assignment.
 */
#ifndef SMV_SIM_ORACLE_H
#define SMV_SIM_ORACLE_H

#include "types.h"

#define SIM_ORIGINS 2u
#define SIM_CHUNKS 3u
#define SIM_CHUNK_SECTORS_MAX 16u
#define SIM_SECTORS_MAX (SIM_CHUNKS * SIM_CHUNK_SECTORS_MAX)
#define SIM_VOLUMES 13u /* slots: the origins, then snapshots */
#define SIM_HISTORY 40u
#define SIM_NAME 16u

#define SIM_ZERO 0u /* the value of a sector of zeroes */
#define SIM_JUNK 0xdeadbeefu /* of one that is no sector of ours */

struct cell {
	u32 value[SIM_HISTORY];
	u32 base; /* index of value[0] */
	u32 count;
	u32 acked; /* indices */
	u32 promised;
};

enum alive {
	ALIVE_NO,
	ALIVE_RESERVED, /* a command under way will make it */
	ALIVE_MAKING, /* recorded, not acknowledged */
	ALIVE_YES,
	ALIVE_DELETING,
};

struct volume {
	enum alive alive;
	char name[SIM_NAME];
	u64 number; /* the engine's */
	u32 origin; /* slot */
	u32 sectors;
	u64 group; /* the command that makes it */
	bool may_be_invalid;
	u32 may_be_lost; /* a bit per chunk */
	struct cell cell[SIM_SECTORS_MAX];
};

/* A rollback that was recorded and is not acknowledged. */
struct pending_roll {
	bool pending;
	u64 epoch; /* the origin's before it */
	u32 at[SIM_SECTORS_MAX]; /* index of the value that it brings */
};

struct oracle {
	struct volume volume[SIM_VOLUMES];
	struct pending_roll roll[SIM_ORIGINS];
};

/* Indices of one volume's sectors at some moment. */
struct marks {
	u32 at[SIM_SECTORS_MAX];
};

/* Room for one more value in each of its sectors' histories, with @spare over? */
bool oracle_room(const struct volume *volume, u32 spare);

/* The write of @token + i to @sector + i begins; @zero: of zeroes. */
void oracle_issue(struct volume *volume, u32 sector, u32 count, u32 token, bool zero);
/* It was acknowledged; @durable: and promised. */
void oracle_ack(struct volume *volume, u32 sector, u32 count, u32 token, bool zero, bool durable);

void oracle_acked(const struct volume *volume, struct marks *marks);
void oracle_promise(struct volume *volume, const struct marks *marks);

/* May the sector hold @value, if nothing before index @from may show? */
bool oracle_allows(const struct volume *volume, u32 sector, u32 value, u32 from);
u32 oracle_first_allowed(const struct volume *volume, u32 sector, bool after_cut);

/* @to holds from now on what @from does. @failed: there may be writes that failed. */
void oracle_clone(const struct volume *from, struct volume *to, bool failed);
/* The origin holds from now on what the snapshot does. */
void oracle_roll(struct oracle *oracle, u32 origin, const struct volume *snapshot, u64 epoch,
		 bool failed);
void oracle_roll_acked(struct oracle *oracle, u32 origin);
/* After a cut: did it happen? */
void oracle_roll_resolve(struct oracle *oracle, u32 origin, bool happened);

/* After a cut: this is what the sector holds; @hard: the caches are empty. */
void oracle_observed(struct volume *volume, u32 sector, u32 value, bool hard);

/* The values that it may hold, for a message. */
const char *oracle_wanted(const struct volume *volume, u32 sector, u32 from);

#endif
