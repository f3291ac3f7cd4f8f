/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of store.h: what they share with opening a store. */
#ifndef SMV_COMMAND_H
#define SMV_COMMAND_H

#include "clean.h"

/* Are these settings that a store may have? */
bool smv_command_is_possible(const struct smv_settings *settings);

#endif
