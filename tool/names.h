/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of device-mapper devices, and renaming them. */
#ifndef SMV_NAMES_H
#define SMV_NAMES_H

#include "backend.h"

/* "LABEL-ORIGIN[@SNAPSHOT]", @volume as in smv_vol.name; to be freed. */
char *smv_names_dm(const char *label, const char *volume);

struct smv_renames {
	u32 count;
	char **from;
	char **to;
};

/* What renaming a volume, or (@vol NULL) the store, means for active devices. 0, or 1: a name is taken. */
int smv_renames_plan(struct smv_renames *renames, struct smv_backend *backend,
		     const struct smv_vol *vol, const char *name);
int smv_renames_do(struct smv_renames *renames, const char *object);
void smv_renames_free(struct smv_renames *renames);

#endif
