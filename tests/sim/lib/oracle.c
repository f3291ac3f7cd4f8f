// SPDX-License-Identifier: GPL-2.0-only
/*
 * The oracle: lists of values, nothing of how the engine works. Indices count
 * the values ever issued to a sector; those before the promised one are
 * forgotten when room is needed.
 *
 * Weak side: a read may see any value issued since the last one acknowledged
 * before it began; that a later read does not go back is checked only by what
 * is acknowledged in between.
 */
#include "oracle.h"

static u32 at(const struct cell *cell, u32 index)
{
	return cell->value[index - cell->base];
}

static u32 end(const struct cell *cell)
{
	return cell->base + cell->count;
}

static void compact(struct cell *cell)
{
	u32 gone = cell->promised - cell->base;

	memmove(cell->value, cell->value + gone, (cell->count - gone) * sizeof(cell->value[0]));
	cell->base += gone;
	cell->count -= gone;
}

static void append(struct cell *cell, u32 value)
{
	if (cell->count == SIM_HISTORY)
		compact(cell);
	SMV_ASSERT(cell->count < SIM_HISTORY);
	cell->value[cell->count++] = value;
}

bool oracle_room(const struct volume *volume, u32 spare)
{
	for (u32 s = 0; s < volume->sectors; s++) {
		const struct cell *cell = &volume->cell[s];

		if (end(cell) - cell->promised + spare >= SIM_HISTORY)
			return false;
	}
	return true;
}

void oracle_issue(struct volume *volume, u32 sector, u32 count, u32 token, bool zero)
{
	for (u32 i = 0; i < count; i++)
		append(&volume->cell[sector + i], zero ? SIM_ZERO : token + i);
}

/* Newest first: writes to one sector do not overlap, but for a canary's. */
static u32 index_of(const struct cell *cell, u32 value)
{
	for (u32 i = end(cell); i-- > cell->base;)
		if (at(cell, i) == value)
			return i;
	return cell->acked;
}

void oracle_ack(struct volume *volume, u32 sector, u32 count, u32 token, bool zero, bool durable)
{
	for (u32 i = 0; i < count; i++) {
		struct cell *cell = &volume->cell[sector + i];
		u32 index = index_of(cell, zero ? SIM_ZERO : token + i);

		if (index > cell->acked)
			cell->acked = index;
		if (durable && index > cell->promised)
			cell->promised = index;
	}
}

void oracle_acked(const struct volume *volume, struct marks *marks)
{
	for (u32 s = 0; s < volume->sectors; s++)
		marks->at[s] = volume->cell[s].acked;
}

void oracle_promise(struct volume *volume, const struct marks *marks)
{
	for (u32 s = 0; s < volume->sectors; s++)
		if (marks->at[s] > volume->cell[s].promised)
			volume->cell[s].promised = marks->at[s];
}

bool oracle_allows(const struct volume *volume, u32 sector, u32 value, u32 from)
{
	const struct cell *cell = &volume->cell[sector];

	for (u32 i = from < cell->base ? cell->base : from; i < end(cell); i++)
		if (at(cell, i) == value)
			return true;
	return false;
}

u32 oracle_first_allowed(const struct volume *volume, u32 sector, bool after_cut)
{
	return after_cut ? volume->cell[sector].promised : volume->cell[sector].acked;
}

static void only(struct cell *cell, u32 value)
{
	cell->base = cell->acked = cell->promised = 0;
	cell->count = 1;
	cell->value[0] = value;
}

/* Writes that failed may have arrived. */
static void append_failed(const struct cell *from, struct cell *to)
{
	for (u32 i = from->acked + 1; i < end(from); i++)
		append(to, at(from, i));
}

void oracle_clone(const struct volume *from, struct volume *to, bool failed)
{
	to->origin = from->origin;
	to->sectors = from->sectors;
	to->may_be_invalid = from->may_be_invalid;
	to->may_be_lost = from->may_be_lost;
	for (u32 s = 0; s < from->sectors; s++) {
		only(&to->cell[s], at(&from->cell[s], from->cell[s].acked));
		if (failed)
			append_failed(&from->cell[s], &to->cell[s]);
	}
}

void oracle_roll(struct oracle *oracle, u32 origin, const struct volume *snapshot, u64 epoch,
		 bool failed)
{
	struct volume *volume = &oracle->volume[origin];
	struct pending_roll *roll = &oracle->roll[origin];

	roll->pending = true;
	roll->epoch = epoch;
	for (u32 s = 0; s < volume->sectors; s++) {
		struct cell *cell = &volume->cell[s];

		append(cell, at(&snapshot->cell[s], snapshot->cell[s].acked));
		cell->acked = roll->at[s] = end(cell) - 1;
		if (failed)
			append_failed(&snapshot->cell[s], cell);
	}
	volume->may_be_lost |= snapshot->may_be_lost;
}

void oracle_roll_acked(struct oracle *oracle, u32 origin)
{
	struct pending_roll *roll = &oracle->roll[origin];
	struct volume *volume = &oracle->volume[origin];

	if (!roll->pending)
		return;
	roll->pending = false;
	for (u32 s = 0; s < volume->sectors; s++)
		if (roll->at[s] > volume->cell[s].promised)
			volume->cell[s].promised = roll->at[s];
}

/* The value was never there. */
static void take_out(struct cell *cell, u32 index)
{
	u32 from = index - cell->base;

	if (index <= cell->base)
		return;
	cell->count--;
	memmove(cell->value + from, cell->value + from + 1,
		(cell->count - from) * sizeof(cell->value[0]));
	cell->acked -= cell->acked >= index;
	cell->promised -= cell->promised >= index;
}

void oracle_roll_resolve(struct oracle *oracle, u32 origin, bool happened)
{
	struct pending_roll *roll = &oracle->roll[origin];
	struct volume *volume = &oracle->volume[origin];

	if (!roll->pending)
		return;
	if (happened) {
		oracle_roll_acked(oracle, origin);
		return;
	}
	roll->pending = false;
	for (u32 s = 0; s < volume->sectors; s++)
		take_out(&volume->cell[s], roll->at[s]);
}

void oracle_observed(struct volume *volume, u32 sector, u32 value, bool hard)
{
	struct cell *cell = &volume->cell[sector];

	if (hard) {
		only(cell, value);
		return;
	}
	/* What the caches still hold can be lost at the next cut. */
	append(cell, value);
	cell->acked = end(cell) - 1;
}

const char *oracle_wanted(const struct volume *volume, u32 sector, u32 from)
{
	static char text[200];
	const struct cell *cell = &volume->cell[sector];
	size_t used = 0;

	text[0] = 0;
	for (u32 i = from < cell->base ? cell->base : from; i < end(cell) && used < 180; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %u", at(cell, i));
	return text;
}
