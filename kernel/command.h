/* SPDX-License-Identifier: GPL-2.0-only */
/* What the messages of a store are made of: message.c, snapshot_command.c, listing.c. */
#ifndef SMV_COMMAND_H
#define SMV_COMMAND_H

#include "dev.h"

#define SMV_REPLY_BYTES 512
struct smv_command {
	struct smv_dev *dev;
	unsigned int argc; /* without the message's name */
	char **argv;
	char reply[SMV_REPLY_BYTES];
	unsigned int length;
};
void smv_reply(struct smv_command *command, const char *format, ...) __printf(2, 3);
struct smv_volume *smv_find_volume(struct smv_dev *dev, const char *name);
int smv_command_snapshot(struct smv_command *command);
int smv_command_rollback(struct smv_command *command);
int smv_command_list(struct smv_command *command);
int smv_command_text(struct smv_command *command, bool identity);
int smv_command_fingerprint(struct smv_command *command);
int smv_command_exceptions(struct smv_command *command);
int smv_command_progress(struct smv_command *command);

#endif
