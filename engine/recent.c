// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where chunks were found of late, so that reading one again descends
 * no tree: a processor's look-aside buffer for addresses, at the scale of chunks.
 *
 * Promises
 *  - I-RECENT: what is remembered is what the look-up rule would say now. It rests on
 *    exceptions of that chunk, of whichever volumes, and on the volumes' ancestry. So
 *    whoever changes an exception makes its chunk forgotten, and whoever changes
 *    a volume makes everything forgotten. Nothing is remembered while an origin
 *    rolls back, where the answer moves without either.
 *  - It has a fixed size, and nobody fails for want of it once it is there.
 *
 * Structure: sets of four, chosen by the chunk alone: all that is known of a
 * chunk is in one set. To forget everything costs nothing: the table is a day older.
 *
 * Crash: memory only.
 *
 * Weak side: more than four snapshots read at the same places take turns.
 */
#include "recent.h"

#define PLACES (SMV_RECENT_SETS * SMV_RECENT_WAYS)
#define BYTES (PLACES * sizeof(struct smv_recent_place))

int smv_recent_init(struct smv_recent *recent, const struct smv_host *host)
{
	recent->place = smv_host_alloc(host, BYTES);
	recent->age = 1;
	recent->turn = 0;
	return recent->place ? 0 : -ENOMEM;
}

void smv_recent_exit(struct smv_recent *recent, const struct smv_host *host)
{
	smv_host_free(host, recent->place, BYTES);
	recent->place = NULL;
}

static struct smv_recent_place *set_of(const struct smv_recent *recent, u64 chunk)
{
	return recent->place + (chunk & (SMV_RECENT_SETS - 1)) * SMV_RECENT_WAYS;
}

bool smv_recent_get(const struct smv_recent *recent, u64 volume, u64 chunk, u64 *where)
{
	const struct smv_recent_place *place = set_of(recent, chunk);

	for (u32 i = 0; i < SMV_RECENT_WAYS; i++, place++)
		if (place->chunk == chunk && place->volume == volume && place->age == recent->age) {
			*where = place->where;
			return true;
		}
	return false;
}

/* One of the set that is no longer true, else one after the other. */
static struct smv_recent_place *choose(struct smv_recent *recent, u64 chunk)
{
	struct smv_recent_place *place = set_of(recent, chunk);

	for (u32 i = 0; i < SMV_RECENT_WAYS; i++)
		if (place[i].age != recent->age)
			return place + i;
	return place + recent->turn++ % SMV_RECENT_WAYS;
}

void smv_recent_put(struct smv_recent *recent, u64 volume, u64 chunk, u64 where)
{
	*choose(recent, chunk) = (struct smv_recent_place){
		.chunk = chunk,
		.volume = volume,
		.age = recent->age,
		.where = where,
	};
}

void smv_recent_forget(struct smv_recent *recent, u64 chunk)
{
	struct smv_recent_place *place = set_of(recent, chunk);

	for (u32 i = 0; i < SMV_RECENT_WAYS; i++)
		if (place[i].chunk == chunk)
			place[i].age = 0;
}
