// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's I/O: every request is issued in one step and completes in
 * another. A buffer that the engine lends to a write must not change while it
 * is in flight. In the main thread, where checks and recovery run, everything
 * is done at once.
 *
 * Data I/O on the store is counted in two generations, so that a batch of freed
 * chunks can wait for what was mapped before it.
 */
#include "fiber.h"
#include "world.h"

#define SB SMV_BLOCK_SECTORS

int disk_read_step(struct world *w, struct disk *disk, u64 sector, u32 count, void *data)
{
	host_latency(w);
	return disk_read(disk, sector, count, data);
}

int disk_write_step(struct world *w, struct disk *disk, u64 sector, u32 count, const void *data,
		    bool fua)
{
	struct disk_request request = disk_write_begin(disk, sector, count, data);

	host_latency(w);
	return disk_write_end(disk, &request, fua);
}

int disk_flush_step(struct world *w, struct disk *disk)
{
	struct disk_request request = disk_flush_begin(disk);

	host_latency(w);
	return disk_flush_end(disk, &request);
}

static int io_read(struct world *w, const struct smv_io *io)
{
	int error = 0;

	host_latency(w);
	for (u32 i = 0; i < io->count; i++) {
		int result = disk_read(w->store, io->block[i] * SB, SB, io->buffer[i]);

		error = error ? error : result;
	}
	return error;
}

/* Completes the blocks in any order, in a few steps. */
static int io_write(struct world *w, const struct smv_io *io)
{
	struct disk_request request[SMV_IO_BLOCKS];
	u32 left[SMV_IO_BLOCKS], sum = 0, now = 0;
	int error = 0;

	for (u32 i = 0; i < io->count; i++) {
		request[i] = disk_write_begin(w->store, io->block[i] * SB, SB, io->buffer[i]);
		left[i] = i;
		sum ^= smv_port_crc32c(i, io->buffer[i], SMV_BLOCK_BYTES);
	}
	host_latency(w);
	if (io->preflush && io->block[0] > 2 && w->commit_delay)
		WAIT(w, .kind = WAIT_CLOCK,
		     .a = w->clock + random_below(&w->random, w->commit_delay));
	if (w->host.writes_super && w->checkpoint_delay && io->block[0] <= 2)
		WAIT(w, .kind = WAIT_CLOCK,
		     .a = w->clock + random_below(&w->random, w->checkpoint_delay));
	for (u32 i = 0; i < io->count; i++)
		now ^= smv_port_crc32c(i, io->buffer[i], SMV_BLOCK_BYTES);
	if (now != sum)
		sim_lost(w, "the engine changed a buffer that was being written");
	for (u32 n = io->count; n; n--) {
		u32 pick = random_below(&w->random, n), i = left[pick];
		int result = disk_write_end(w->store, &request[i], io->fua);

		left[pick] = left[n - 1];
		error = error ? error : result;
		if (n > 1 && random_chance(&w->random, 250))
			host_step(w);
	}
	return error;
}

int host_io(struct world *w, struct smv_io *io)
{
	int error = 0;

	SMV_ASSERT(io->count <= SMV_IO_BLOCKS);
	if (io->op == SMV_IO_FLUSH || io->preflush)
		error = disk_flush_step(w, w->store);
	if (error || io->op == SMV_IO_FLUSH)
		return error;
	return io->op == SMV_IO_READ ? io_read(w, io) : io_write(w, io);
}

/* Reads a block that the engine misses and gives it to it, some time later. */
static int fetch(struct world *w, u64 block)
{
	u8 data[SMV_BLOCK_BYTES];
	int error;

	w->stats.misses++;
	if (block >= disk_sectors(w->store) / SB)
		sim_lost(w, "the engine misses block %llu", (unsigned long long)block);
	error = disk_read_step(w, w->store, block * SB, SB, data);
	if (random_chance(&w->random, 300))
		host_latency(w);
	if (!error)
		error = smv_store_provide(w->host.store, block, data);
	if (error == -EUCLEAN)
		sim_lost(w, "block %llu is damaged: %s", (unsigned long long)block,
			 smv_store_reason(w->host.store));
	return error;
}

int host_again(struct world *w, int result, u64 miss)
{
	struct host *h = &w->host;

	if (result == -EAGAIN) {
		int error = fetch(w, miss);

		return error ? error : 1;
	}
	if (result == -EBUSY) {
		w->stats.busy++;
		if (h->want < smv_store_lsn(h->store))
			h->want = smv_store_lsn(h->store);
		h->want_checkpoint = true;
		if (!fiber_running())
			sim_lost(w, "no room in the main thread");
		WAIT(w, .kind = WAIT_ROOM, .a = h->room);
		return smv_store_failed(h->store) ? -EIO : 1;
	}
	if (result == -EUCLEAN)
		sim_lost(w, "damaged: %s", smv_store_reason(h->store));
	return result;
}

int host_durable(struct world *w, u64 lsn)
{
	struct host *h = &w->host;

	if (lsn > smv_store_lsn(h->store))
		sim_lost(w, "record %llu is to come", (unsigned long long)lsn);
	if (h->want < lsn)
		h->want = lsn;
	if (smv_store_durable(h->store) < lsn)
		WAIT(w, .kind = WAIT_DURABLE, .a = lsn);
	return smv_store_durable(h->store) < lsn ? -EIO : 0;
}

u32 host_ref(struct world *w)
{
	u32 generation = w->host.generation & 1;

	w->host.refs[generation]++;
	return generation;
}

void host_unref(struct world *w, u32 generation)
{
	SMV_ASSERT(w->host.refs[generation]);
	w->host.refs[generation]--;
}

int place_read(struct world *w, const struct smv_where *where, u32 origin, u32 chunk, u32 sectors,
	       void *data)
{
	u32 generation;
	int error;

	if (where->place == SMV_PLACE_ZERO) {
		memset(data, 0, sectors * SMV_SECTOR_BYTES);
		return 0;
	}
	if (where->place == SMV_PLACE_ORIGIN) {
		w->host.inplace[origin][chunk]++;
		error = disk_read_step(w, w->origin[origin], chunk * w->chunk_sectors, sectors,
				       data);
		w->host.inplace[origin][chunk]--;
		return error;
	}
	if (!rule_on(w, RULE_free_read))
		return disk_read_step(w, w->store, where->chunk.no * w->chunk_sectors, sectors,
				      data);
	generation = host_ref(w);
	error = disk_read_step(w, w->store, where->chunk.no * w->chunk_sectors, sectors, data);
	host_unref(w, generation);
	return error;
}

/* ---- background ---------------------------------------------------------- */

static int commit_once(struct world *w)
{
	struct host *h = &w->host;
	struct smv_io io;
	int error;

	if (smv_commit_begin(h->store, &io) != 1)
		return 0;
	w->stats.commits++;
	if (!rule_on(w, RULE_commit_flush))
		io.preflush = false;
	error = host_io(w, &io);
	smv_commit_end(h->store, error);
	h->room++;
	h->space++;
	sim_say(w, "        durable up to %llu", (unsigned long long)smv_store_durable(h->store));
	return error;
}

void host_committer(struct world *w, const struct op *op)
{
	(void)op;
	for (;;) {
		WAIT(w, .kind = WAIT_COMMIT);
		commit_once(w);
	}
}

void host_prover(struct world *w, const struct op *op)
{
	struct host *h = &w->host;
	u64 lsn;

	(void)op;
	for (;;) {
		WAIT(w, .kind = WAIT_PROVE);
		lsn = smv_store_prove(h->store);
		if (h->want < lsn)
			h->want = lsn;
	}
}

/* Now and then a superblock's write reports an error, and has happened or not. */
static bool super_fails(struct world *w, struct smv_io *io, u32 failures)
{
	if (io->op != SMV_IO_WRITE || io->block[0] > 2 || failures > 3 ||
	    !random_chance(&w->random, 150))
		return false;
	if (random_chance(&w->random, 500))
		host_io(w, io);
	else
		host_latency(w);
	sim_say(w, "        the superblock's write fails");
	return true;
}

static bool checkpoint_io(struct world *w, struct smv_io *io, int *error, u32 *failures)
{
	if (!rule_on(w, RULE_super_flush)) {
		io->preflush = false;
		if (io->op == SMV_IO_FLUSH) {
			*error = 0;
			return true;
		}
	}
	if (w->checkpoint_delay)
		WAIT(w, .kind = WAIT_CLOCK,
		     .a = w->clock + random_below(&w->random, w->checkpoint_delay));
	w->host.writes_super = io->op == SMV_IO_WRITE && io->block[0] <= 2;
	if (super_fails(w, io, *failures))
		*error = -EIO;
	else
		*error = host_io(w, io);
	w->host.writes_super = false;
	if (*error && ++*failures > 20) {
		smv_store_fail(w->host.store, "the store cannot be written");
		return false;
	}
	return true;
}

static void checkpoint_once(struct world *w)
{
	struct host *h = &w->host;
	u32 failures = 0;
	int error = 0, result;
	struct smv_io io;
	u64 miss;

	for (;;) {
		result = smv_checkpoint_step(h->store, false, error, &io, &miss);
		error = 0;
		if (result == 1) {
			if (!checkpoint_io(w, &io, &error, &failures))
				return;
		} else if (result == -EAGAIN) {
			if (host_again(w, result, miss) != 1)
				smv_store_fail(h->store, "a block cannot be read");
		} else if (result == -EBUSY) {
			h->checkpoint_waits = true;
			WAIT(w, .kind = WAIT_ROOM, .a = h->room);
			h->checkpoint_waits = false;
			if (smv_store_failed(h->store))
				return;
		} else {
			break;
		}
	}
	if (result && !w->config.errors)
		sim_lost(w, "checkpoint: %d (%s)", result, smv_store_reason(h->store));
	w->stats.checkpoints++;
	h->room++;
	h->space++;
	sim_say(w, "        checkpoint done");
}

void host_checkpointer(struct world *w, const struct op *op)
{
	(void)op;
	for (;;) {
		WAIT(w, .kind = WAIT_CHECKPOINT);
		w->host.want_checkpoint = false;
		checkpoint_once(w);
	}
}

void host_reaper(struct world *w, const struct op *op)
{
	struct host *h = &w->host;

	(void)op;
	for (;;) {
		u32 parity;

		WAIT(w, .kind = WAIT_REAP);
		if (!smv_reap_begin(h->store))
			continue;
		h->reaping = true;
		parity = h->generation++ & 1;
		WAIT(w, .kind = WAIT_REFS, .a = parity);
		smv_reap_end(h->store);
		h->reaping = false;
		h->space++;
		sim_say(w, "        reaped");
	}
}

void host_cleaner(struct world *w, const struct op *op)
{
	struct host *h = &w->host;

	(void)op;
	for (;;) {
		u32 freed = 0;
		u64 miss = 0;
		int result;

		WAIT(w, .kind = WAIT_CLEAN);
		result = smv_clean_step(h->store, 1 + random_below(&w->random, 6), &freed, &miss);
		h->freed += freed;
		if (freed)
			sim_say(w, "        cleaner: %u freed", freed);
		if (result < 0)
			result = host_again(w, result, miss);
		if (result < 0 && !w->config.errors)
			sim_lost(w, "cleaner: %d (%s)", result, smv_store_reason(h->store));
	}
}
