// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to the volumes of an inactive store as the module would: preserves
 * first, then writes. For the tool's tests, which have no module.
 *
 *	storeio STORE ORIGIN-FILE COMMAND...
 *	  active			(first) in use by this boot, as by the module
 *	  write VOLUME CHUNK BYTE	a whole chunk of this byte
 *	  read VOLUME CHUNK		prints its first byte, as a number
 *	  zero SNAPSHOT CHUNK		discards the chunk
 *	  clean				runs the cleaner to its end
 *	  quit				ends without closing: as a crash would
 *
 * VOLUME is ORIGIN or ORIGIN@SNAPSHOT; ORIGIN-FILE is the origin's image.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../tool/host_user.h"
#include "../../tool/text.h"

static struct smv_host_store host;
static struct smv_device store_device;
static int origin_fd;
static u32 chunk_bytes;
static u8 *data;

static void die(const char *what, int rc)
{
	fprintf(stderr, "storeio: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void must(const char *what, int rc)
{
	if (rc)
		die(what, rc);
}

static struct smv_volume *volume_of(const char *name)
{
	char *origin = smv_text_printf("%.*s", (int)strcspn(name, "@"), name);
	const char *at = strchr(name, '@');
	struct smv_volume *volume = at ? smv_volume_snapshot(host.store, origin, at + 1) :
					 smv_volume_origin(host.store, origin);

	free(origin);
	if (!volume)
		die(name, -ENOENT);
	return volume;
}

static void origin_io(bool write, u64 chunk)
{
	off_t at = (off_t)(chunk * chunk_bytes);
	ssize_t n = write ? pwrite(origin_fd, data, chunk_bytes, at) :
			    pread(origin_fd, data, chunk_bytes, at);

	if (n < 0)
		die("origin", -errno);
}

static void read_from(const struct smv_where *from, u64 chunk)
{
	memset(data, 0, chunk_bytes);
	if (from->place == SMV_PLACE_ORIGIN)
		origin_io(false, chunk);
	else if (from->place == SMV_PLACE_STORE)
		must("read", smv_device_read(&store_device, from->chunk.no * chunk_bytes, data,
					     chunk_bytes));
}

static void write_to(struct smv_store_chunk to)
{
	must("write", smv_device_write(&store_device, to.no * chunk_bytes, data, chunk_bytes));
}

static void job_done(struct smv_job *job)
{
	u64 lsn;
	int rc;

	do
		rc = smv_job_done(host.store, job, &lsn, &host.miss);
	while (smv_host_again(&host, &rc));
	if (rc != -ESTALE)
		must("job", rc);
	must("commit", smv_host_commit(&host));
}

/* As activating it does: what is written through the store is no change without the module. */
static void drop_fingerprint(struct smv_volume *volume)
{
	const u8 none[64] = { 0 };
	struct smv_volume_info info;
	u64 lsn;
	int rc;

	smv_volume_info(volume, &info);
	if (!memcmp(info.fingerprint, none, sizeof(none)))
		return;
	do
		rc = smv_set_identity(host.store, volume, NULL, none, &lsn);
	while (smv_host_again(&host, &rc));
	must("fingerprint", rc);
}

static void write_origin(struct smv_volume *volume, u64 chunk, u8 byte)
{
	struct smv_job job = { 0 };
	int rc;

	drop_fingerprint(volume);
	for (;;) {
		do
			rc = smv_origin_write(host.store, volume, chunk, &job, &host.miss);
		while (smv_host_again(&host, &rc));
		must("origin write", rc);
		if (job.todo == SMV_TODO_GO)
			break;
		read_from(&job.from, chunk);
		if (job.todo == SMV_TODO_MOVE)
			origin_io(true, chunk);
		else
			write_to(job.to);
		job_done(&job);
	}
	memset(data, byte, chunk_bytes);
	origin_io(true, chunk);
}

static void write_snapshot(struct smv_volume *volume, u64 chunk, u8 byte)
{
	struct smv_job job = { 0 };
	int rc;

	do
		rc = smv_snapshot_write(host.store, volume, chunk, true, &job, &host.miss);
	while (smv_host_again(&host, &rc));
	must("snapshot write", rc);
	memset(data, byte, chunk_bytes);
	write_to(job.to);
	if (job.todo == SMV_TODO_NEW)
		job_done(&job);
}

static void do_write(const char *name, u64 chunk, u8 byte)
{
	if (strchr(name, '@'))
		write_snapshot(volume_of(name), chunk, byte);
	else
		write_origin(volume_of(name), chunk, byte);
}

static void do_read(const char *name, u64 chunk)
{
	struct smv_where where;
	int rc;

	do
		rc = smv_read(host.store, volume_of(name), chunk, &where, &host.miss);
	while (smv_host_again(&host, &rc));
	must("read", rc);
	read_from(&where, chunk);
	printf("%u\n", data[0]);
}

static void do_zero(const char *name, u64 chunk)
{
	u64 lsn;
	int rc;

	do
		rc = smv_snapshot_zero(host.store, volume_of(name), chunk, &lsn, &host.miss);
	while (smv_host_again(&host, &rc));
	must("zero", rc);
	must("commit", smv_host_commit(&host));
}

/* As a FLUSH of each origin: what was moved and written is not moved again. */
static void stage(void)
{
	struct smv_volume *volume;
	u64 number = 0, lsn;
	int rc;

	while ((volume = smv_volume_after(host.store, number))) {
		struct smv_volume_info info;

		smv_volume_info(volume, &info);
		number = info.number;
		if (!smv_stage_wanted(volume))
			continue;
		must("stage", smv_stage_begin(host.store, volume));
		rc = fdatasync(origin_fd) ? -errno : 0;
		do
			rc = smv_stage_end(host.store, volume, rc, &lsn);
		while (smv_host_again(&host, &rc));
		must("stage", rc);
	}
	must("commit", smv_host_commit(&host));
}

static void do_clean(void)
{
	u32 freed;
	int rc;

	do {
		do
			rc = smv_clean_step(host.store, 256, &freed, &host.miss);
		while (smv_host_again(&host, &rc));
		if (rc < 0)
			die("clean", rc);
		must("commit", smv_host_commit(&host));
	} while (rc || smv_store_wants(host.store) & SMV_WANT_CLEAN);
}

int main(int argc, char **argv)
{
	bool active;

	if (argc < 3)
		return 2;
	must(argv[1], smv_device_open(&store_device, argv[1], SMV_DEVICE_CLAIM));
	active = argc > 3 && !strcmp(argv[3], "active");
	must("open",
	     smv_host_open(&host, &store_device, &(struct smv_host_open){ .boot = active }));
	origin_fd = open(argv[2], O_RDWR | O_CLOEXEC);
	if (origin_fd < 0)
		die(argv[2], -errno);
	chunk_bytes = smv_store_chunk_sectors(host.store) * SMV_SECTOR_BYTES;
	data = smv_text_alloc(chunk_bytes);
	for (int i = 3 + active; i < argc; i++) {
		if (!strcmp(argv[i], "write") && i + 3 < argc) {
			do_write(argv[i + 1], strtoull(argv[i + 2], NULL, 10),
				 (u8)strtoul(argv[i + 3], NULL, 10));
			i += 3;
		} else if (!strcmp(argv[i], "read") && i + 2 < argc) {
			do_read(argv[i + 1], strtoull(argv[i + 2], NULL, 10));
			i += 2;
		} else if (!strcmp(argv[i], "zero") && i + 2 < argc) {
			do_zero(argv[i + 1], strtoull(argv[i + 2], NULL, 10));
			i += 2;
		} else if (!strcmp(argv[i], "clean")) {
			do_clean();
		} else if (!strcmp(argv[i], "quit")) {
			fflush(stdout);
			_exit(0);
		} else {
			return 2;
		}
	}
	stage();
	must("close", smv_host_close(&host));
	smv_device_close(&store_device);
	free(data);
	close(origin_fd);
	return 0;
}
