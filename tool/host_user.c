// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine's host in user space. It promises that a call which returned is
 * durable once smv_host_commit() has, that I/O happens in the order in which the
 * engine asks for it, one request at a time, and that a store closed without
 * an error is marked as closed.
 *
 * There is one thread and no data I/O in flight between two calls, so freed
 * chunks may be reaped at any time. A crash at any point leaves what the engine
 * promises for a power cut there. Weak side: everything waits for everything.
 */
#include <stdlib.h>
#include <unistd.h>
#include "host_user.h"
#include "text.h"

#define BUSY_MAX 64 /* rounds of commit and checkpoint for one call */
#define SUPER_TRIES 3

static void *host_alloc(void *context, size_t bytes)
{
	(void)context;
	return calloc(1, bytes ? bytes : 1);
}

static void host_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

const struct smv_host smv_host_user = { .alloc = host_alloc,
					.alloc_now = host_alloc,
					.free = host_free };

static void read_id(const char *path, u8 *id)
{
	char text[128];
	const char *p = text;
	u32 n = 0, byte;

	memset(id, 0, SMV_UUID_BYTES);
	if (!smv_device_sysfs(path, text, sizeof(text)))
		return;
	while (n < SMV_UUID_BYTES && *p) {
		if (*p == '-') {
			p++;
			continue;
		}
		if (sscanf(p, "%2x", &byte) != 1)
			return;
		id[n++] = (u8)byte;
		p += p[1] ? 2 : 1;
	}
}

void smv_host_ids(u8 *host_id, u8 *boot_id)
{
	read_id("/etc/machine-id", host_id);
	read_id("/proc/sys/kernel/random/boot_id", boot_id);
}

int smv_host_open(struct smv_host_store *host, struct smv_device *device,
		  const struct smv_host_open *how)
{
	struct smv_open open = { .read_only = how->read_only, .force = how->force };
	struct smv_io io;
	int rc, error = 0;

	memset(host, 0, sizeof(*host));
	host->device = device;
	host->read_only = how->read_only;
	host->store = smv_store_new(&smv_host_user);
	if (!host->store)
		return -ENOMEM;
	open.blocks = device->bytes / SMV_BLOCK_BYTES;
	smv_host_ids(open.host_id, open.boot_id);
	if (!how->boot)
		memset(open.boot_id, 0, sizeof(open.boot_id));
	while ((rc = smv_store_open(host->store, &open, error, &io)) == 1)
		error = smv_device_io(device, &io);
	if (rc) {
		snprintf(host->reason, sizeof(host->reason), "%s", smv_store_reason(host->store));
		smv_store_delete(host->store);
		host->store = NULL;
	}
	return rc;
}

static int fetch(struct smv_host_store *host, u64 block)
{
	u8 *data = smv_text_alloc(SMV_BLOCK_BYTES);
	int rc = smv_device_read_block(host->device, block, data);

	if (!rc)
		rc = smv_store_provide(host->store, block, data);
	free(data);
	return rc;
}

static int commit_once(struct smv_host_store *host)
{
	struct smv_io io;
	int rc = smv_commit_begin(host->store, &io);

	if (rc != 1)
		return rc;
	rc = smv_device_io(host->device, &io);
	smv_commit_end(host->store, rc);
	return rc;
}

int smv_host_commit(struct smv_host_store *host)
{
	while (smv_store_durable(host->store) < smv_store_lsn(host->store)) {
		u64 before = smv_store_durable(host->store);
		int rc = commit_once(host);

		if (rc)
			return rc;
		if (smv_store_durable(host->store) == before)
			return -EIO; /* nothing moved: never spin */
	}
	smv_host_reap(host);
	return 0;
}

void smv_host_reap(struct smv_host_store *host)
{
	if (smv_reap_begin(host->store))
		smv_reap_end(host->store);
}

int smv_host_checkpoint(struct smv_host_store *host, bool clean)
{
	u32 failures = 0;
	int error = 0;
	struct smv_io io;
	u64 miss;

	for (;;) {
		int rc = smv_checkpoint_step(host->store, clean, error, &io, &miss);

		error = rc == 1 ? smv_device_io(host->device, &io) : 0;
		if (rc == -EAGAIN)
			rc = fetch(host, miss);
		else if (rc == -EBUSY)
			rc = smv_host_commit(host);
		else if (rc != 1)
			return rc;
		if (rc < 0)
			return rc;
		if (error && ++failures > SUPER_TRIES)
			return error;
	}
}

bool smv_host_again(struct smv_host_store *host, int *rc)
{
	if (*rc == -EAGAIN) {
		*rc = fetch(host, host->miss);
		return !*rc;
	}
	if (*rc != -EBUSY || host->busy == BUSY_MAX) {
		host->busy = 0;
		return false;
	}
	host->busy++;
	*rc = smv_host_commit(host);
	/* a commit frees the buffer; if that was not enough, the ring is full */
	if (!*rc && (host->busy > 1 || (smv_store_wants(host->store) & SMV_WANT_CHECKPOINT)))
		*rc = smv_host_checkpoint(host, false);
	return !*rc;
}

int smv_host_close(struct smv_host_store *host)
{
	int rc = 0;

	if (!host->store)
		return 0;
	if (!host->read_only && !smv_store_failed(host->store)) {
		rc = smv_host_commit(host);
		if (!rc)
			rc = smv_host_checkpoint(host, true);
	}
	smv_store_delete(host->store);
	host->store = NULL;
	return rc;
}
