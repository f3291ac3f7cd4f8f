// SPDX-License-Identifier: GPL-2.0-only
/* Files are sparse where they can be; one that cannot be written ends the program. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "export.h"

static FILE *create(const char *folder, const char *name)
{
	char path[1024];
	FILE *file;

	mkdir(folder, 0755);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	if (!file)
		die("replay: %s cannot be written", path);
	return file;
}

static void put_piece(FILE *file, const u8 *data, u64 bytes)
{
	static const u8 zeroes[4096];
	u64 at = 0;

	for (; at < bytes; at += sizeof(zeroes)) {
		u64 n = bytes - at < sizeof(zeroes) ? bytes - at : sizeof(zeroes);

		if (memcmp(data + at, zeroes, n) ? fwrite(data + at, n, 1, file) != 1 :
						   fseeko(file, (off_t)n, SEEK_CUR) != 0)
			die("replay: a file cannot be written");
	}
}

static void done(FILE *file, u64 bytes)
{
	if (fflush(file) || ftruncate(fileno(file), (off_t)bytes))
		die("replay: a file cannot be written");
	fclose(file);
}

void export_marks(const struct crash_log *log, u32 at, const char *folder)
{
	FILE *file = create(folder, "said");

	for (u32 i = 0; i < at; i++) {
		if (log->event[i].record->type == CRASHLOG_MARK)
			fprintf(file, "%s\n", log_text(&log->event[i]));
	}
	if (fclose(file))
		die("replay: %s/said cannot be written", folder);
}

bool export_volumes(struct cut_store *store, const char *folder)
{
	struct smv_volume *volume;
	const char *name;
	u64 number = 0, bytes;

	while ((volume = store_next(store, &number, &name))) {
		FILE *file = create(folder, name);
		u64 chunks = smv_volume_chunks(store->memory.store, volume);

		for (u64 i = 0; i < chunks; i++) {
			if (!store_read(store, volume, i, &bytes))
				return false;
			put_piece(file, store->buffer, bytes);
		}
		done(file, volume_bytes(volume));
	}
	return true;
}

void export_disks(const struct disks *disks, const char *folder)
{
	for (u32 i = 0; i < disks->count; i++) {
		FILE *file = create(folder, disks->log->header->disk[i].name);

		put_piece(file, disks->disk[i].cut, disks->disk[i].bytes);
		done(file, disks->disk[i].bytes);
	}
}

static u64 mix(u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	return x ^ x >> 32;
}

/* As helpers/sumdev.c. */
static bool volume_sum(struct cut_store *store, struct smv_volume *volume, u64 *sum)
{
	u64 chunks = smv_volume_chunks(store->memory.store, volume), bytes, word;

	*sum = 1;
	for (u64 i = 0; i < chunks; i++) {
		if (!store_read(store, volume, i, &bytes))
			return false;
		for (u64 at = 0; at < bytes; at += sizeof(word)) {
			memcpy(&word, store->buffer + at, sizeof(word));
			*sum = (*sum ^ word) * 0x9e3779b97f4a7c15ull + (*sum >> 29);
		}
	}
	*sum = mix(*sum);
	return true;
}

bool export_expected(const struct promises *promises, struct cut_store *store, u32 at,
		     const char *folder)
{
	FILE *file = create(folder, "expect");
	bool ok = true;

	for (u32 i = 0; i < promises->count && ok; i++) {
		const struct promise *promise = &promises->promise[i];
		struct smv_volume *volume = store_volume(store, promise->name);
		u64 sum;

		if (!volume)
			continue;
		fprintf(file, "%s %s", promise_stands(promise, at) ? "must" : "may", promise->name);
		if (promise->own < at) {
			fprintf(file, " -\n");
			continue;
		}
		ok = volume_sum(store, volume, &sum);
		fprintf(file, " %016llx\n", (unsigned long long)sum);
	}
	if (fclose(file))
		die("replay: %s/expect cannot be written", folder);
	return ok;
}
