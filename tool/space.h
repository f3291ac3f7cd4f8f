/* SPDX-License-Identifier: GPL-2.0-only */
/* What each snapshot holds: alone, and shared with others. */
#ifndef SMV_SPACE_H
#define SMV_SPACE_H

#include "backend.h"

struct smv_space {
	u64 own_chunks; /* freed if this snapshot alone were deleted */
	u64 shared_chunks; /* read by it and by others */
};

/* One for each of backend->vol, to be freed; NULL and *error: the exceptions cannot be read. */
struct smv_space *smv_space_compute(struct smv_backend *backend, int *error);

#endif
