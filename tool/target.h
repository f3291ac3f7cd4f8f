/* SPDX-License-Identifier: GPL-2.0-only */
/* What an argument names: a store, a volume; and in which store it is. */
#ifndef SMV_TARGET_H
#define SMV_TARGET_H

#include "args.h"
#include "backend.h"

struct smv_target {
	char *path; /* of a device or image file, or NULL */
	char *store; /* label, or NULL */
	char *volume; /* ORIGIN or ORIGIN@SNAPSHOT, or NULL: the store is meant */
	bool is_store; /* said to be a store: PATH or LABEL/ */
};

/* 0, or 1: said what is wrong with the name. */
int smv_target_parse(const char *arg, struct smv_target *target);
void smv_target_free(struct smv_target *target);

struct smv_store_ref {
	char *path; /* of its device; NULL: not to be found */
	char *label;
	char *dm_name; /* NULL: not active */
	u8 uuid[SMV_UUID_BYTES];
	u64 created_s;
};

/* Every store that can be seen: active ones, and with @inactive others too. */
u32 smv_stores_list(struct smv_store_ref **refs, bool inactive);
/* 0, or 1: said that this user cannot see them all. */
int smv_stores_denied(void);
void smv_stores_free(struct smv_store_ref *refs, u32 count);
/* Opens one of them. 0, or 1: said why not. */
int smv_stores_open(const struct smv_store_ref *ref, bool write, struct smv_backend **backend);
/*
 * The same, to read, for commands that speak of all stores: one that is not what it was when it
 * was listed is opened as it is now, and 0 with *backend NULL: it is not there any more.
 */
int smv_stores_open_listed(const struct smv_store_ref *ref, struct smv_backend **backend);

/*
 * Opens the store that the arguments (and -S) speak of; all must be of one.
 * 0, or 1: said why not; *backend is to be closed in any case.
 */
int smv_target_open(const struct smv_args *args, char *const *names, u32 count, bool write,
		    struct smv_backend **backend);
/* Opens a store named by path, LABEL/ or LABEL. */
int smv_target_open_store(const struct smv_args *args, const char *name, bool write,
			  struct smv_backend **backend);

/* The volume an argument names. NULL: said that there is none. */
struct smv_vol *smv_target_vol(struct smv_backend *backend, const char *name);
/* The same, but it must be an origin, or a snapshot. */
struct smv_vol *smv_target_origin(struct smv_backend *backend, const char *name);
struct smv_vol *smv_target_snapshot(struct smv_backend *backend, const char *name);

#endif
