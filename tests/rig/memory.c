// SPDX-License-Identifier: GPL-2.0-only
/*
 * The store in memory: every write is durable at once, so a crash loses only
 * what had not been committed. The host's part is the simplest there is: one
 * call after the other, no I/O in flight.
 */
#include <stdlib.h>
#include "memory.h"
#include "volume.h"
#include "rig_host.h"

#define BUSY_MAX 64

static void *must_alloc(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory)
		abort();
	return memory;
}

int memory_read(void *context, u64 block, void *buffer)
{
	struct memory *memory = context;

	if (block >= memory->blocks || (block && block == memory->unreadable))
		return -EIO;
	memory->reads++;
	memcpy(buffer, memory->image + block * SMV_BLOCK_BYTES, SMV_BLOCK_BYTES);
	return 0;
}

int memory_write(void *context, u64 block, const void *buffer)
{
	struct memory *memory = context;

	if (block >= memory->blocks)
		return -EIO;
	memory->writes++;
	memcpy(memory->image + block * SMV_BLOCK_BYTES, buffer, SMV_BLOCK_BYTES);
	return 0;
}

static int do_io(struct memory *memory, const struct smv_io *io)
{
	int rc = 0;

	for (u32 i = 0; i < io->count && !rc; i++)
		rc = io->op == SMV_IO_READ ? memory_read(memory, io->block[i], io->buffer[i]) :
					     memory_write(memory, io->block[i], io->buffer[i]);
	return rc;
}

void memory_format(struct memory *memory, u64 blocks, u32 chunk_blocks, const char *label)
{
	struct smv_format format = { .blocks = blocks,
				     .chunk_blocks = chunk_blocks,
				     .now_s = 1000000000,
				     .settings = { .low_water_permille = 100,
						   .hold_timeout_s = 60 } };
	void *buffer = must_alloc(SMV_FORMAT_BUFFER_BYTES);
	struct smv_io *io = must_alloc(sizeof(*io));
	u64 step = 0, least;
	int rc;

	memset(memory, 0, sizeof(*memory));
	memory->image = must_alloc(blocks * SMV_BLOCK_BYTES);
	memory->blocks = blocks;
	snprintf(format.settings.label, sizeof(format.settings.label), "%s", label);
	snprintf((char *)format.uuid, sizeof(format.uuid), "uuid-%s", label);
	while ((rc = smv_store_format(&format, buffer, &step, &least, io)) == 1)
		if (do_io(memory, io))
			abort();
	if (rc)
		abort();
	free(io);
	free(buffer);
}

int memory_open(struct memory *memory, bool read_only, const struct smv_limits *limits)
{
	struct smv_open open = { .blocks = memory->blocks, .read_only = read_only };
	struct smv_io *io = must_alloc(sizeof(*io));
	int rc, error = 0;

	if (limits)
		open.limits = *limits;
	memory->store = smv_store_new(&rig_host);
	if (!memory->store)
		abort();
	while ((rc = smv_store_open(memory->store, &open, error, io)) == 1)
		error = do_io(memory, io);
	free(io);
	if (rc)
		memory_crash(memory);
	return rc;
}

static int fetch(struct memory *memory)
{
	u8 *data = must_alloc(SMV_BLOCK_BYTES);
	int rc = memory_read(memory, memory->miss, data);

	if (!rc)
		rc = smv_store_provide(memory->store, memory->miss, data);
	free(data);
	return rc;
}

int memory_commit(struct memory *memory)
{
	struct smv_io *io = must_alloc(sizeof(*io));
	int rc = 0;

	while (smv_store_durable(memory->store) < smv_store_lsn(memory->store)) {
		rc = smv_commit_begin(memory->store, io);
		if (rc != 1)
			break;
		rc = do_io(memory, io);
		smv_commit_end(memory->store, rc);
	}
	free(io);
	if (smv_reap_begin(memory->store))
		smv_reap_end(memory->store);
	return rc;
}

static int checkpoint_answer(struct memory *memory, int rc, int *error, struct smv_io *io)
{
	switch (rc) {
	case -EAGAIN:
		return fetch(memory);
	case -EBUSY:
		return memory_commit(memory);
	case -ENOMEM:
		return memory->patience && memory->patience-- ? 0 : rc;
	default:
		*error = do_io(memory, io);
		return *error;
	}
}

int memory_checkpoint(struct memory *memory, bool clean)
{
	struct smv_io *io = must_alloc(sizeof(*io));
	int rc, error = 0;

	do {
		rc = smv_checkpoint_step(memory->store, clean, error, io, &memory->miss);
		error = 0;
		if (!rc)
			break;
		if (rc == 1 || rc == -EAGAIN || rc == -EBUSY || rc == -ENOMEM)
			rc = checkpoint_answer(memory, rc, &error, io);
	} while (!rc);
	free(io);
	return rc;
}

bool memory_again(struct memory *memory, int *rc)
{
	if (*rc == -EAGAIN) {
		*rc = fetch(memory);
		return !*rc;
	}
	if (*rc != -EBUSY || memory->busy == BUSY_MAX) {
		memory->busy = 0;
		return false;
	}
	memory->busy++;
	*rc = memory_commit(memory);
	if (!*rc && (memory->busy > 1 || (smv_store_wants(memory->store) & SMV_WANT_CHECKPOINT)))
		*rc = memory_checkpoint(memory, false);
	return !*rc;
}

int memory_stage(struct memory *memory, struct smv_volume *origin)
{
	u64 lsn;
	int rc = smv_stage_begin(memory->store, origin);

	if (rc)
		return rc;
	do {
		rc = smv_stage_end(memory->store, origin, 0, &lsn);
	} while (memory_again(memory, &rc));
	return rc ? rc : memory_commit(memory);
}

int memory_snapshot(struct memory *memory, struct smv_volume *of, const char *name,
		    struct smv_volume **snapshot)
{
	struct smv_snapshot_part part = { .of = of, .name = name, .memo = "" };
	u64 lsn;
	int rc;

	do {
		rc = smv_snapshot(memory->store, &part, 1, 1, &lsn);
	} while (memory_again(memory, &rc));
	if (!rc)
		rc = memory_commit(memory);
	if (!rc && snapshot)
		*snapshot =
			smv_volume_snapshot(memory->store, smv_volume_origin_of(of)->name, name);
	return rc;
}

int memory_origin_write(struct memory *memory, struct smv_volume *origin, u64 chunk,
			struct smv_job *job)
{
	int rc;

	do {
		rc = smv_origin_write(memory->store, origin, chunk, job, &memory->miss);
	} while (memory_again(memory, &rc));
	return rc;
}

int memory_job_done(struct memory *memory, struct smv_job *job)
{
	u64 lsn;
	int rc;

	do {
		rc = smv_job_done(memory->store, job, &lsn, &memory->miss);
	} while (memory_again(memory, &rc));
	return rc;
}

int memory_first_write(struct memory *memory, struct smv_volume *origin, u64 chunk)
{
	struct smv_job job = { 0 };
	int rc = memory_origin_write(memory, origin, chunk, &job);

	if (!rc && job.todo != SMV_TODO_COPY)
		rc = -EEXIST;
	return rc ? rc : memory_job_done(memory, &job);
}

int memory_clean(struct memory *memory, u32 entries)
{
	struct smv_store_info info;
	u32 freed;
	int rc;

	do {
		rc = memory_commit(memory);
		if (rc)
			return rc;
		do
			rc = smv_clean_step(memory->store, entries, &freed, &memory->miss);
		while (memory_again(memory, &rc) || rc == 1);
		smv_store_info(memory->store, &info);
	} while (!rc && info.cleaning);
	return rc;
}

int memory_close(struct memory *memory)
{
	int rc = memory_commit(memory);

	if (!rc)
		rc = memory_checkpoint(memory, true);
	memory_crash(memory);
	return rc;
}

void memory_crash(struct memory *memory)
{
	if (memory->store)
		smv_store_delete(memory->store);
	memory->store = NULL;
}

void memory_free(struct memory *memory)
{
	memory_crash(memory);
	free(memory->image);
	memory->image = NULL;
}

struct smv_reader memory_reader(struct memory *memory)
{
	return (struct smv_reader){ .read = memory_read,
				    .context = memory,
				    .host = &rig_host,
				    .blocks = memory->blocks };
}
