/* SPDX-License-Identifier: GPL-2.0-only */
/* The engine's host in user space: memory, blocks, commits, checkpoints. */
#ifndef SMV_HOST_USER_H
#define SMV_HOST_USER_H

#include "device.h"
#include "store.h"

extern const struct smv_host smv_host_user;

struct smv_host_store {
	struct smv_device *device;
	struct smv_store *store;
	bool read_only;
	u64 miss; /* where the engine puts the number of a missing block */
	u32 busy; /* commits and checkpoints made for the call in progress */
	char reason[256]; /* of a failed open, from the engine */
};

struct smv_host_open {
	bool read_only;
	/*
	 * In use by this boot until it is closed, as an active one is: what is left of it if
	 * this process dies looks like a store that failed, see failed.h.
	 */
	bool boot;
	bool force; /* as struct smv_open says */
};

/* Opens the store on @device. As smv_store_open(); host->reason tells more. */
int smv_host_open(struct smv_host_store *host, struct smv_device *device,
		  const struct smv_host_open *how);

/*
 * for (;;) around an engine's call: do rc = call(.., &host->miss); while
 * (smv_host_again(host, &rc)). Fetches missing blocks, makes room for records.
 */
bool smv_host_again(struct smv_host_store *host, int *rc);

/* Makes everything recorded so far durable. */
int smv_host_commit(struct smv_host_store *host);
int smv_host_checkpoint(struct smv_host_store *host, bool clean);
/* Makes chunks whose freeing is durable reusable: no I/O is in flight here. */
void smv_host_reap(struct smv_host_store *host);

/* Ends with a clean checkpoint if anything may be written. 0 or an error. */
int smv_host_close(struct smv_host_store *host);

/* This machine's and this boot's ids; zeroes where unknown. */
void smv_host_ids(u8 *host_id, u8 *boot_id);

#endif
