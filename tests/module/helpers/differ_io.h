/* SPDX-License-Identifier: GPL-2.0-only */
/* differ's reads, writes, flushes, zeroes and discards. */
#ifndef SMV_HELPERS_DIFFER_IO_H
#define SMV_HELPERS_DIFFER_IO_H

#include "differ.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>

/* ---- reading and writing ---- */

static void op_write(void)
{
	struct volume *vol = pick(ACTIVE);
	uint64_t from;
	uint64_t count;

	if (!vol)
		return;
	pick_range(vol, IO_SECTORS, &from, &count);
	note("write %s %" PRIu64 "+%" PRIu64 " tag %u", vol->name, from, count, ++last_tag);
	volume_write(vol, from, count, last_tag);
}

static void op_read(void)
{
	const struct volume *vol = pick(ACTIVE);
	uint64_t from;
	uint64_t count;

	if (!vol)
		return;
	pick_range(vol, IO_SECTORS, &from, &count);
	volume_compare_range(vol, from, count);
}

static void op_flush(void)
{
	const struct volume *vol = pick(ACTIVE);

	if (vol && fsync(vol->dev.fd) < 0)
		die("%s: fsync: %s", vol->name, strerror(errno));
}

/* After a discard a sector is as it was or, if may be, zeroes. */
static void learn_discarded(struct volume *vol, uint64_t from, uint64_t count)
{
	uint64_t chunk = store.chunk_sectors;

	read_sectors(&vol->dev, io_buffer(), from, count);
	for (uint64_t i = from; i < from + count; i++) {
		uint32_t tag = sector_tag(vol->name, i, io_buffer() + (i - from) * WORDS);
		uint64_t start = i - i % chunk;
		uint64_t end = start + chunk < vol->sectors ? start + chunk : vol->sectors;
		bool whole = volume_is_snapshot(vol) && start >= from && end <= from + count;

		if (tag && (whole || tag != vol->map[i]))
			die("%s: sector %" PRIu64 " was discarded and holds tag %u", vol->name, i,
			    tag);
		vol->map[i] = tag;
	}
}

static void op_zero_or_discard(void)
{
	bool zero = chance(50);
	struct volume *vol = pick(ACTIVE);
	uint64_t range[2];
	uint64_t from;
	uint64_t count;

	if (!vol)
		return;
	pick_range(vol, IO_SECTORS, &from, &count);
	note("%s %s %" PRIu64 "+%" PRIu64, zero ? "zero" : "discard", vol->name, from, count);
	range[0] = from * SECTOR;
	range[1] = count * SECTOR;
	if (ioctl(vol->dev.fd, zero ? BLKZEROOUT : BLKDISCARD, range) < 0)
		die("%s: %s", vol->name, strerror(errno));
	if (zero)
		memset(vol->map + from, 0, count * sizeof(uint32_t));
	else
		learn_discarded(vol, from, count);
	volume_compare_range(vol, from, count);
}

struct request {
	struct volume *vol;
	uint64_t from;
	uint64_t count;
	uint32_t tag; /* 0: a read */
	uint64_t *buffer;
};

static bool overlaps(const struct request *r, unsigned int n, const struct request *with)
{
	for (; n; n--, r++)
		if (r->vol == with->vol && (r->tag || with->tag) &&
		    r->from < with->from + with->count && with->from < r->from + r->count)
			return true;
	return false;
}

static unsigned int pick_requests(struct request *r)
{
	unsigned int wanted = (unsigned int)rng_between(&rng, 2, BURST);
	unsigned int n = 0;

	while (wanted--) {
		uint64_t *buffer = r[n].buffer;
		struct request new = { .vol = pick(ACTIVE), .buffer = buffer };

		if (!new.vol)
			return 0;
		pick_range(new.vol, BURST_SECTORS, &new.from, &new.count);
		new.tag = chance(60) ? ++last_tag : 0;
		if (overlaps(r, n, &new))
			continue;
		if (new.tag)
			sectors_fill(buffer, new.from, new.count, new.tag);
		r[n++] = new;
	}
	return n;
}

static void run_requests(struct request *r, unsigned int n)
{
	static aio_context_t context;
	struct iocb io[BURST];
	struct iocb *list[BURST];
	struct io_event event[BURST];

	if (!context && syscall(SYS_io_setup, BURST, &context) < 0)
		die("io_setup: %s", strerror(errno));
	memset(io, 0, sizeof(io));
	for (unsigned int i = 0; i < n; i++) {
		io[i].aio_data = i;
		io[i].aio_fildes = (uint32_t)r[i].vol->dev.fd;
		io[i].aio_lio_opcode = r[i].tag ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
		io[i].aio_buf = (uintptr_t)r[i].buffer;
		io[i].aio_nbytes = r[i].count * SECTOR;
		io[i].aio_offset = (int64_t)(r[i].from * SECTOR);
		list[i] = &io[i];
	}
	if (syscall(SYS_io_submit, context, n, list) != (long)n)
		die("io_submit: %s", strerror(errno));
	if (syscall(SYS_io_getevents, context, n, n, event, NULL) != (long)n)
		die("io_getevents: %s", strerror(errno));
	for (unsigned int i = 0; i < n; i++) {
		const struct request *done = &r[event[i].data];

		if (event[i].res != (int64_t)(done->count * SECTOR))
			die("%s: %s of %" PRIu64 "+%" PRIu64 ": result %lld", done->vol->name,
			    done->tag ? "write" : "read", done->from, done->count,
			    (long long)event[i].res);
	}
}

static void op_burst(void)
{
	static struct request r[BURST];
	unsigned int n;

	for (unsigned int i = 0; i < BURST; i++)
		if (!r[i].buffer)
			r[i].buffer = buffer_new((size_t)BURST_SECTORS * SECTOR);
	n = pick_requests(r);
	for (unsigned int i = 0; i < n; i++)
		note("at once: %s %s %" PRIu64 "+%" PRIu64 " tag %u", r[i].tag ? "write" : "read",
		     r[i].vol->name, r[i].from, r[i].count, r[i].tag);
	if (n)
		run_requests(r, n);
	for (unsigned int i = 0; i < n; i++)
		if (!r[i].tag)
			sectors_compare(r[i].vol, r[i].buffer, r[i].from, r[i].count);
	for (unsigned int i = 0; i < n; i++)
		for (uint64_t k = 0; r[i].tag && k < r[i].count; k++)
			r[i].vol->map[r[i].from + k] = r[i].tag;
}

#endif
