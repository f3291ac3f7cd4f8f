// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store opened read-only: the journal is replayed in memory, nothing is
 * written. It promises the state that the next activation would find. Weak
 * side: one block at a time.
 */
#include <stdlib.h>
#include "replay.h"

static char reason[256];

const char *smv_replay_reason(void)
{
	return reason;
}

static int do_io(const struct smv_reader *reader, const struct smv_io *io)
{
	int rc = io->op == SMV_IO_WRITE ? -EROFS : 0;

	for (u32 i = 0; i < io->count && io->op == SMV_IO_READ && !rc; i++)
		rc = io->block[i] < reader->blocks ?
			     reader->read(reader->context, io->block[i], io->buffer[i]) :
			     -EIO;
	return rc;
}

int smv_replay_open(const struct smv_reader *reader, struct smv_store **store)
{
	struct smv_open open = { .blocks = reader->blocks, .read_only = true };
	struct smv_io *io = malloc(sizeof(*io));
	int rc, error = 0;

	*store = io ? smv_store_new(reader->host) : NULL;
	if (!*store) {
		free(io);
		return -ENOMEM;
	}
	while ((rc = smv_store_open(*store, &open, error, io)) == 1)
		error = do_io(reader, io);
	free(io);
	if (rc) {
		snprintf(reason, sizeof(reason), "%s", smv_store_reason(*store));
		smv_store_delete(*store);
		*store = NULL;
	}
	return rc;
}

static int fetch(const struct smv_reader *reader, struct smv_store *store, u64 block)
{
	u8 *data = malloc(SMV_BLOCK_BYTES);
	int rc = data ? 0 : -ENOMEM;

	if (!rc)
		rc = block < reader->blocks ? reader->read(reader->context, block, data) : -EIO;
	if (!rc)
		rc = smv_store_provide(store, block, data);
	free(data);
	return rc;
}

int smv_replay_walk(const struct smv_reader *reader, struct smv_store *store,
		    smv_replay_entry entry, void *context)
{
	struct smv_key at = { 0 }, found;
	struct smv_value value;
	u64 miss;
	int rc;

	do {
		rc = smv_exception_ge(store, &at, &found, &value, &miss);
		while (rc == -EAGAIN) {
			rc = fetch(reader, store, miss);
			if (!rc)
				rc = smv_exception_ge(store, &at, &found, &value, &miss);
		}
		if (rc)
			return rc == -ENOENT ? 0 : rc;
		rc = entry(context, &found, &value);
		at = found;
	} while (!rc && smv_key_next(&at));
	return rc;
}
