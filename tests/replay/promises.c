// SPDX-License-Identifier: GPL-2.0-only
/*
 * A snapshot that is not written is what it was when its command returned, at every later
 * point until its deletion begins. What it was is read once, from the disks as they
 * were then with nothing lost; whether that is right is for the judges to say.
 */
#include <stdio.h>
#include <stdlib.h>
#include "promises.h"

static bool wrong(struct cut_store *store, const char *name, const char *what, u64 chunk)
{
	static char text[256];

	if (chunk == ~0ull)
		snprintf(text, sizeof(text), "%s %s", name, what);
	else
		snprintf(text, sizeof(text), "%s: chunk %llu %s", name, (unsigned long long)chunk,
			 what);
	store->wrong = text;
	return false;
}

static struct promise *find(const struct promises *promises, const char *name)
{
	for (u32 i = 0; i < promises->count; i++) {
		if (!strcmp(promises->promise[i].name, name))
			return &promises->promise[i];
	}
	return NULL;
}

static struct promise *add(struct promises *promises, const char *name)
{
	struct promise *promise = find(promises, name);

	if (promise)
		return promise;
	promises->promise =
		realloc(promises->promise, (promises->count + 1) * sizeof(*promises->promise));
	if (!promises->promise)
		die("replay: no memory");
	promise = &promises->promise[promises->count++];
	*promise = (struct promise){ .begun = NEVER,
				     .taken = NEVER,
				     .own = NEVER,
				     .deleting = NEVER,
				     .deleted = NEVER };
	snprintf(promise->name, sizeof(promise->name), "%s", name);
	return promise;
}

static u32 *field_of(struct promise *promise, const char *word)
{
	if (!strcmp(word, "snapshot+"))
		return &promise->begun;
	if (!strcmp(word, "snapshot-"))
		return &promise->taken;
	if (!strcmp(word, "delete+"))
		return &promise->deleting;
	if (!strcmp(word, "delete-"))
		return &promise->deleted;
	return strcmp(word, "own") ? NULL : &promise->own;
}

static void read_mark(struct promises *promises, char *text, u32 at)
{
	struct promise dummy;
	char *save, *word = strtok_r(text, " ", &save);
	char *name;

	if (!word)
		return;
	if (!strcmp(word, "start"))
		promises->start = at;
	if (!field_of(&dummy, word))
		return;
	while ((name = strtok_r(NULL, " ", &save)))
		*field_of(add(promises, name), word) = at;
}

void promises_read(struct promises *promises, const struct crash_log *log)
{
	memset(promises, 0, sizeof(*promises));
	promises->start = NEVER;
	for (u32 i = 0; i < log->events; i++) {
		char text[CRASHLOG_SECTOR + 1];

		if (log->event[i].record->type != CRASHLOG_MARK)
			continue;
		snprintf(text, sizeof(text), "%s", log_text(&log->event[i]));
		read_mark(promises, text, i);
	}
	if (promises->start == NEVER)
		die("replay: the log has no mark `start'");
}

static u64 sum_of(const u8 *data, u64 bytes)
{
	u64 sum[4] = { 1, 2, 3, 4 };

	for (u64 at = 0; at + 32 <= bytes; at += 32) {
		for (u32 i = 0; i < 4; i++) {
			u64 word;

			memcpy(&word, data + at + 8 * i, sizeof(word));
			sum[i] = ((sum[i] ^ word) * 0x9e3779b97f4a7c15ull) ^ sum[i] >> 29;
		}
	}
	return sum[0] ^ sum[1] << 7 ^ sum[2] << 13 ^ sum[3] << 23;
}

static bool learn_one(struct promise *promise, struct cut_store *store)
{
	struct smv_volume *volume = store_volume(store, promise->name);
	u64 bytes;

	if (!volume)
		return wrong(store, promise->name, "is not there when its command has returned",
			     ~0ull);
	promise->chunks = smv_volume_chunks(store->memory.store, volume);
	promise->sum = must_alloc(promise->chunks * sizeof(*promise->sum));
	for (u64 i = 0; i < promise->chunks; i++) {
		if (!store_read(store, volume, i, &bytes))
			return false;
		promise->sum[i] = sum_of(store->buffer, bytes);
	}
	return true;
}

bool promises_learn(struct promises *promises, struct cut_store *store, u32 event)
{
	for (u32 i = 0; i < promises->count; i++) {
		struct promise *promise = &promises->promise[i];

		if (promise->taken == event && !promise->sum && !learn_one(promise, store))
			return false;
	}
	return true;
}

bool promise_stands(const struct promise *promise, u32 at)
{
	return promise->taken < at && promise->deleting >= at;
}

bool promise_may_stand(const struct promise *promise, u32 at)
{
	return promise->begun < at && promise->deleted >= at;
}

static bool holds(const struct promise *promise, struct cut_store *store, u32 at,
		  struct smv_volume *volume, u64 *chunks)
{
	u64 bytes;

	if (promise->own < at || !promise->sum)
		return true;
	if (smv_volume_chunks(store->memory.store, volume) != promise->chunks)
		return wrong(store, promise->name, "has another size", ~0ull);
	for (u64 i = 0; i < promise->chunks; i++) {
		if (!store_read(store, volume, i, &bytes))
			return wrong(store, promise->name, "cannot be read", i);
		if (sum_of(store->buffer, bytes) != promise->sum[i])
			return wrong(store, promise->name, "is not what was taken", i);
	}
	*chunks += promise->chunks;
	return true;
}

static bool all_known(const struct promises *promises, struct cut_store *store, u32 at)
{
	const struct promise *promise;
	struct smv_volume_info info;
	struct smv_volume *volume;
	const char *name;
	u64 number = 0;

	while ((volume = store_next(store, &number, &name))) {
		smv_volume_info(volume, &info);
		if (info.flags & SMV_VOLUME_ORIGIN)
			continue;
		promise = find(promises, name);
		if (!promise || promise->begun >= at)
			return wrong(store, name, "is there, but was never taken", ~0ull);
		if (!promise_may_stand(promise, at))
			return wrong(store, name, "is back from the dead", ~0ull);
		if (info.flags & (SMV_VOLUME_INVALID | SMV_VOLUME_SUSPECT))
			return wrong(store, name, "is invalid or suspect", ~0ull);
	}
	return true;
}

bool promises_hold(const struct promises *promises, struct cut_store *store, u32 at, u64 *chunks)
{
	for (u32 i = 0; i < promises->count; i++) {
		const struct promise *promise = &promises->promise[i];
		struct smv_volume *volume = store_volume(store, promise->name);

		if (!volume && promise_stands(promise, at))
			return wrong(store, promise->name, "was taken, and is not there", ~0ull);
		if (volume && !holds(promise, store, at, volume, chunks))
			return false;
	}
	return all_known(promises, store, at);
}
