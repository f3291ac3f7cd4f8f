/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands; each file cmd_*.c defines those of its name. */
#ifndef SMV_COMMANDS_H
#define SMV_COMMANDS_H

#include "args.h"

extern const struct smv_command smv_command_format;
extern const struct smv_command smv_command_erase;
extern const struct smv_command smv_command_add;
extern const struct smv_command smv_command_remove;
extern const struct smv_command smv_command_activate;
extern const struct smv_command smv_command_deactivate;
extern const struct smv_command smv_command_snapshot;
extern const struct smv_command smv_command_delete;
extern const struct smv_command smv_command_rollback;
extern const struct smv_command smv_command_rename;
extern const struct smv_command smv_command_list;
extern const struct smv_command smv_command_status;
extern const struct smv_command smv_command_set;
extern const struct smv_command smv_command_check;
extern const struct smv_command smv_command_dump;
extern const struct smv_command smv_command_diff;
extern const struct smv_command smv_command_restore;
extern const struct smv_command smv_command_repair;

#endif
