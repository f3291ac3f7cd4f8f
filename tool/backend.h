/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A store, as the commands see it: one table of volumes and one set of
 * operations, done by the engine in this process if the store is not active,
 * by messages to the kernel if it is.
 */
#ifndef SMV_BACKEND_H
#define SMV_BACKEND_H

#include <sys/types.h>
#include "store.h"

struct smv_vol {
	struct smv_volume_info info; /* its texts are this table's own */
	char *name; /* ORIGIN or ORIGIN@SNAPSHOT; "" for ghosts and hidden volumes */
	char *device; /* path of its active device, NULL: not active */
	u32 device_opens; /* of that device */
	dev_t device_dev;
	u8 fingerprint[64];
	bool rolling; /* an origin: a rollback is running */
	struct smv_rollback_progress progress; /* of it */
};

/* What only an active store has: counted by the module since activation. */
#define SMV_MODULE_COUNTERS(X)                                                                     \
	X(rolling)                                                                                 \
	X(full)                                                                                    \
	X(waiting)                                                                                 \
	X(copies) X(moves) X(snapshot_copies) X(gated) X(passed) X(dropped) X(lost) X(events)

struct smv_module_state {
	u64 rolling, full, waiting, copies, moves, snapshot_copies, gated, passed, dropped, lost;
	u64 events;
	char reason[256];
};

/* Keys of `set', as bits. */
#define SMV_SET_POLICY 1u
#define SMV_SET_HOLD_TIMEOUT 2u
#define SMV_SET_LOW_WATER 4u
#define SMV_SET_THROTTLE 8u
#define SMV_SET_LABEL 16u

struct smv_take { /* a snapshot command's part */
	struct smv_vol *of;
	const char *name;
	const char *memo;
};

struct smv_roll {
	struct smv_vol *origin;
	struct smv_vol *snapshot;
	const char *undo; /* NULL: none */
	bool force; /* although it is open */
};

/* The volume whose exceptions are walked (0: all), and who gets what is found; non-zero ends it. */
struct smv_walk {
	u64 volume;
	u64 chunk, epoch; /* of one volume: the walk begins here */
	int (*entry)(void *context, const struct smv_key *key, const struct smv_value *value);
	void *context;
};

struct smv_backend;

/* All: 0 or a negative error, as engine/store.h says; done means durable. */
struct smv_backend_ops {
	int (*load)(struct smv_backend *backend);
	int (*add)(struct smv_backend *backend, const struct smv_add *add);
	int (*remove)(struct smv_backend *backend, struct smv_vol *origin);
	int (*snapshot)(struct smv_backend *backend, const struct smv_take *take, u32 takes,
			bool freeze);
	int (*delete)(struct smv_backend *backend, struct smv_vol **vol, u32 vols);
	int (*rollback)(struct smv_backend *backend, const struct smv_roll *roll);
	int (*rename)(struct smv_backend *backend, struct smv_vol *vol, const char *name);
	int (*set)(struct smv_backend *backend, const struct smv_settings *settings, u32 keys);
	int (*identity)(struct smv_backend *backend, struct smv_vol *origin, const char *identity,
			const u8 *fingerprint);
	int (*suspect)(struct smv_backend *backend, struct smv_vol *origin);
	int (*wait_clean)(struct smv_backend *backend);
	int (*wait_rollback)(struct smv_backend *backend, struct smv_vol *origin);
	int (*walk)(struct smv_backend *backend, const struct smv_walk *walk);
	char *(*memo)(struct smv_backend *backend,
		      const struct smv_vol *vol); /* NULL: they come with load */
	int (*close)(struct smv_backend *backend);
};

struct smv_backend {
	const struct smv_backend_ops *ops;
	bool active;
	bool writable;
	bool left; /* when it was opened a failed store of this boot: see failed.h */
	char *device; /* the store's device or image file */
	char *dm_name; /* of an active store */
	struct smv_store_info info;
	struct smv_module_state module;
	u32 vols;
	struct smv_vol *vol; /* by number, ghosts and hidden ones included */
	void *private;
};

/* Opens the store on a device or image file, active or not. 0, or 1: said why not, *@backend is NULL. */
int smv_backend_open(const char *path, bool write, struct smv_backend **backend);
/* The same for writing, although another host has it in use, or one of its superblocks cannot be read. */
int smv_backend_force(const char *path, struct smv_backend **backend);
/* 0, or 1: said why not. @object: of the error line. */
int smv_backend_close(struct smv_backend *backend, const char *object);
/* Reads the state and the table of volumes anew. 0 or 1. */
int smv_backend_load(struct smv_backend *backend);

/* Reads an active store's status into info and module. 0, or -ENXIO: it is gone. Waits for no I/O. */
int smv_module_status(struct smv_backend *backend);

/* The two kinds; as smv_backend_open(), but the table has still to be read: by smv_backend_start(). */
int smv_engine_open(const char *path, bool write, bool force, struct smv_backend **backend);
int smv_kernel_open(const char *path, const u8 *uuid, const char *dm_name,
		    struct smv_backend **backend);
int smv_backend_start(struct smv_backend **backend, u64 created_s);

struct smv_vol *smv_vol_find(struct smv_backend *backend, const char *name);
struct smv_vol *smv_vol_number(struct smv_backend *backend, u64 number);
bool smv_vol_is_origin(const struct smv_vol *vol);
/* Is its device open, and not only for a moment? Waits as smv_dm_stays_open() does. */
bool smv_vol_stays_open(const struct smv_vol *vol);
/* Neither ghost nor hidden. */
bool smv_vol_is_visible(const struct smv_vol *vol);
/* Live snapshots of an origin. */
u32 smv_vol_snapshots(const struct smv_backend *backend, const struct smv_vol *origin);
/* Asks the module for it when it is first wanted: one message for each volume. */
const char *smv_vol_memo(struct smv_backend *backend, struct smv_vol *vol);
/* The part of the name behind the @, or all of it. */
const char *smv_vol_short(const struct smv_vol *vol);

/* For the backends: empties the table; appends a volume, its texts copied; sorts nothing. */
void smv_vols_clear(struct smv_backend *backend);
struct smv_vol *smv_vols_add(struct smv_backend *backend, const struct smv_volume_info *info);
/* Names are made when all are there; then the active devices are looked up. */
void smv_vols_finish(struct smv_backend *backend);

/* Says what an operation's error means and what to do; 1. */
int smv_backend_fail(const char *object, int error);

#endif
