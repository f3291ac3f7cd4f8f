/* SPDX-License-Identifier: GPL-2.0-only */
/* The cleaner: smv_clean_step() in store.h. */
#ifndef SMV_CLEAN_H
#define SMV_CLEAN_H

#include "rollback.h"

/* Has the cleaner work, now or when a deletion is durable? */
bool smv_clean_wanted(const struct smv_store *store);

#endif
