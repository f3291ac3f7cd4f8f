/* SPDX-License-Identifier: GPL-2.0-only */
/* Device-mapper, through libdevmapper. Our devices are known by their uuid. */
#ifndef SMV_DM_H
#define SMV_DM_H

#include <signal.h>
#include <sys/types.h>
#include "types.h"

#define SMV_DM_NAME_BYTES 128
#define SMV_DM_PREFIX "SNAPMV-" /* with which the uuids of our devices begin */
#define SMV_DM_PREFIX_BYTES 48 /* of smv_dm_prefix() */

struct smv_dm_device {
	char name[SMV_DM_NAME_BYTES];
	u8 uuid[SMV_UUID_BYTES]; /* of the store */
	u64 number; /* of the volume; 0: the store itself */
	u32 opens;
	dev_t dev;
	bool read_only;
	bool loading; /* has a table that is not in use yet */
};

struct smv_dm_list {
	u32 count;
	struct smv_dm_device *device;
};

/* Writes what the uuids of the store's devices begin with: the number of the volume follows. */
void smv_dm_prefix(const u8 *uuid, char *prefix);

/* All our devices; an empty list where there is no device-mapper. */
void smv_dm_list(struct smv_dm_list *list);
/* Is there a device-mapper that this user may not ask? */
bool smv_dm_is_denied(void);
void smv_dm_list_free(struct smv_dm_list *list);
const struct smv_dm_device *smv_dm_find(const struct smv_dm_list *list, const u8 *uuid, u64 number);

/* The device's state now. -ENOENT: no such device. */
int smv_dm_info(const char *name, struct smv_dm_device *device);

/*
 * Whether the device is open more than @opens times. udev opens a device for a moment after each
 * writer has closed it, so this waits up to two seconds for it to be closed.
 */
bool smv_dm_stays_open(const char *name, u32 opens);
/* Is the name taken, by whomever? */
bool smv_dm_exists(const char *name);

struct smv_dm_table {
	const char *name;
	const u8 *uuid;
	u64 number;
	u64 sectors;
	const char *target;
	const char *parameters;
	bool read_only;
	const sigset_t *release; /* NULL, or the signals' mask while udev is waited for */
};
/* Makes a device, its table and its node. @why: the kernel's reason, to be freed. */
int smv_dm_create(const struct smv_dm_table *table, char **why);
int smv_dm_remove(const char *name);
int smv_dm_rename(const char *name, const char *to);

/* Sends a message; @reply (to be freed) may be NULL. A negative error as the kernel gave it. */
int smv_dm_message(const char *name, const char *message, char **reply);
/* The status line's parameters, to be freed; NULL: none. */
char *smv_dm_status(const char *name);
/* The table line's parameters, to be freed; NULL: none. */
char *smv_dm_table(const char *name);
/*
 * The event number, and a wait until it is not @event any more. -EINTR each second, for
 * what raises none to be looked at.
 */
int smv_dm_event(const char *name, u32 *event);
int smv_dm_wait(const char *name, u32 event);

/* "/dev/mapper/NAME"; to be freed. */
char *smv_dm_path(const char *name);

/* Percent-encodes and decodes, as docs/operating.md says; results to be freed. */
char *smv_dm_encode(const char *text);
char *smv_dm_decode(const char *text);

#endif
