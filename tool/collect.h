/* SPDX-License-Identifier: GPL-2.0-only */
/* The stores a reporting command speaks of: one that is named, or all. */
#ifndef SMV_COLLECT_H
#define SMV_COLLECT_H

#include "target.h"

struct smv_collect {
	u32 count;
	struct smv_backend **backend;
	const struct smv_vol *only; /* the volume that was named; NULL: all */
	bool partly; /* some store could not be read: said so */
};

/*
 * @name: a store or a volume, or NULL: every store that can be seen. With
 * @volumes a plain word is a volume, else it is a store's label; the other is
 * tried next. 0, or 1: said why not.
 */
int smv_collect(const struct smv_args *args, const char *name, bool volumes,
		struct smv_collect *collect);
/* 0 or 1. */
int smv_collect_free(struct smv_collect *collect);

/* "inactive", "active", "failed", "rolling-back:42%", "invalid", "suspect,active", ... to be freed. */
char *smv_vol_state(const struct smv_backend *backend, const struct smv_vol *vol);
/* "ok", "low", "full", "failed", "read-only" */
const char *smv_store_health(const struct smv_backend *backend);

#endif
