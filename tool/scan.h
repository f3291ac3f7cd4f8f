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
};

struct smv_scan {
	u32 count;
	struct smv_found *found;
};

/* The newest superblock of an open device: 0, -ENOENT, -EUCLEAN, -EOPNOTSUPP, an I/O error. */
int smv_scan_read(struct smv_device *device, struct smv_disk_super *super);
/* The same, by its path; claims nothing. */
int smv_scan_peek(const char *path, struct smv_found *found);
/* What smv_scan_read()'s error means and what to do about it. */
const char *smv_scan_explain(int error);

/* Every store that can be seen on this machine. */
void smv_scan_all(struct smv_scan *scan);
void smv_scan_free(struct smv_scan *scan);

#endif
