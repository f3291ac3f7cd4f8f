/* SPDX-License-Identifier: GPL-2.0-only */
/* Opening a store: smv_store_open() in store.h. */
#ifndef SMV_OPEN_H
#define SMV_OPEN_H

#include "checkpoint.h"

/* Frees what an open left off half way holds. */
void smv_open_exit(struct smv_store *store);

#endif
