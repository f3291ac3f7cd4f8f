/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding stores: by reading superblocks. */
#ifndef SMV_SCAN_H
#define SMV_SCAN_H

#include "device.h"
#include "format.h"

struct smv_found {
	char *path;
	dev_t dev;
	u8 uuid[SMV_UUID_BYTES];
	char label[SMV_LABEL_BYTES];
	u64 created_s;
	u64 generation;
	u32 state; /* SMV_SUPER_* */
	bool is_origin; /* of an active volume, by smv_scan_all(): a store only through that */
};

struct smv_scan {
	u32 count;
	struct smv_found *found;
};

/* The newest superblock of an open device: 0, -ENOENT, -EUCLEAN, -EOPNOTSUPP, an I/O error. */
int smv_scan_read(struct smv_device *device, struct smv_disk_super *super);
/* The same, by its path; claims nothing. */
int smv_scan_peek(const char *path, struct smv_found *found);
/* Has another host the store in use, or did not close it? As the engine judges it. */
bool smv_scan_is_elsewhere(const struct smv_disk_super *super);
/* Does it say that this boot has the store in use? */
bool smv_scan_is_left(const struct smv_disk_super *super);
/*
 * What smv_scan_read()'s error means and what to do about it; of -EOPNOTSUPP what the last
 * store that was too new needs.
 */
const char *smv_scan_explain(int error);

/*
 * Is the store that was found another device than that of the active store @dm_name,
 * which has the same uuid? A path below a multipath device, or the file below a loop
 * device, is the same one.
 */
bool smv_scan_is_copy(const struct smv_found *found, const char *dm_name);
/* Another device than @found's that holds a store of its uuid, to be freed; NULL: none. */
char *smv_scan_twin(const struct smv_found *found);

/* Every store that can be seen on this machine. */
void smv_scan_all(struct smv_scan *scan);
void smv_scan_free(struct smv_scan *scan);

#endif
