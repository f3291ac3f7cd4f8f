// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that report: volumes, texts, exceptions, a rollback's progress. All
 * are idempotent, and paged by where the caller left off; a row is whole or not in
 * the reply.
 */
#include "command.h"

#define END_BYTES 6 /* "more\n" and its end */

static int parse_number(const char *text, u64 *number)
{
	return kstrtou64(text, 10, number);
}

/* ---- list ---- */

static const char *list_kind(u32 flags)
{
	if (flags & SMV_VOLUME_HIDDEN)
		return "hidden";
	if (flags & SMV_VOLUME_DEAD)
		return "ghost";
	return flags & SMV_VOLUME_ORIGIN ? "origin" : "snapshot";
}

static void list_flags(u32 flags, char *letters)
{
	char *end = letters;

	if (flags & SMV_VOLUME_INVALID)
		*end++ = 'I';
	if (flags & SMV_VOLUME_SUSPECT)
		*end++ = 'S';
	if (flags & SMV_VOLUME_PASS)
		*end++ = 'C';
	if (end == letters)
		*end++ = '-';
	*end = 0;
}

static int list_row(struct smv_dev *dev, struct smv_volume *volume, char *row, size_t size)
{
	struct smv_volume_info i;
	char name[SMV_VOL_NAME_BYTES], flags[8];

	smv_volume_info(volume, &i);
	smv_vol_name(dev, volume, name);
	list_flags(i.flags, flags);
	return snprintf(row, size,
			"%llu %s %llu %llu %llu %llu %llu %s %u %s %llu %llu %llu %llu\n", i.number,
			list_kind(i.flags), i.parent, i.taken_of, i.created_s, i.sectors,
			i.exceptions, flags, i.opens, name, i.origin, i.epoch, i.asof,
			i.roll_volume ? i.roll_source : 0);
}

int smv_command_list(struct smv_command *command)
{
	struct smv_dev *dev = command->dev;
	struct smv_volume *volume;
	struct smv_volume_info info;
	char row[SMV_REPLY_BYTES];
	u64 after;

	if (command->argc != 1 || parse_number(command->argv[0], &after))
		return -EINVAL;
	smv_lock(dev);
	while ((volume = smv_volume_after(dev->store, after))) {
		if (command->length + list_row(dev, volume, row, sizeof(row)) + END_BYTES >
		    SMV_REPLY_BYTES)
			break;
		smv_reply(command, "%s", row);
		smv_volume_info(volume, &info);
		after = info.number;
	}
	smv_unlock(dev);
	smv_reply(command, volume ? "more" : "end");
	return 0;
}

/* ---- texts of a volume ---- */

static struct smv_volume *listed(struct smv_dev *dev, const char *number)
{
	u64 no;

	return parse_number(number, &no) ? NULL : smv_volume_number(dev->store, no);
}

/* `memo NUMBER OFFSET', `device NUMBER OFFSET' */
int smv_command_text(struct smv_command *command, bool identity)
{
	struct smv_dev *dev = command->dev;
	struct smv_volume_info info;
	struct smv_volume *volume;
	char piece[SMV_REPLY_BYTES - 32];
	const char *text;
	u64 offset;

	if (command->argc != 2 || parse_number(command->argv[1], &offset))
		return -EINVAL;
	smv_lock(dev);
	volume = listed(dev, command->argv[0]);
	if (volume) {
		smv_volume_info(volume, &info);
		text = identity ? info.identity : info.memo;
		smv_text_encode(piece, sizeof(piece), text + min_t(u64, offset, strlen(text)));
		smv_reply(command, "%zu %s", strlen(text), piece);
	}
	smv_unlock(dev);
	return volume ? 0 : -ENOENT;
}

int smv_command_fingerprint(struct smv_command *command)
{
	struct smv_dev *dev = command->dev;
	struct smv_volume_info info;
	struct smv_volume *volume;

	if (command->argc != 1)
		return -EINVAL;
	smv_lock(dev);
	volume = listed(dev, command->argv[0]);
	if (volume) {
		smv_volume_info(volume, &info);
		smv_reply(command, "%*phN%*phN", 32, info.fingerprint, 32, info.fingerprint + 32);
	}
	smv_unlock(dev);
	return volume ? 0 : -ENOENT;
}

/* ---- exceptions ---- */

static const char *where_name(u64 where)
{
	static const char *const names[] = { "chunk", "zero", "lost", "mark" };
	u32 kind = smv_where_kind(where);

	return kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}

/* One row; 1: it was the last that there is, or none fits any more. */
static int exceptions_row(struct smv_command *command, u64 volume, struct smv_key *key, u64 *miss)
{
	struct smv_key found;
	struct smv_value value;
	char row[128];
	int r, length;

	r = smv_exception_ge(command->dev->store, key, &found, &value, miss);
	if (r)
		return r;
	if (found.volume != volume)
		return -ENOENT;
	length = snprintf(row, sizeof(row), "%llu %llu %s %llu\n", found.chunk, found.epoch,
			  where_name(value.where), smv_where_low(value.where));
	if (command->length + length + END_BYTES > SMV_REPLY_BYTES)
		return 1;
	smv_reply(command, "%s", row);
	*key = found;
	return smv_key_next(key) && key->volume == volume ? 0 : -ENOENT;
}

/* `exceptions NUMBER CHUNK EPOCH' */
int smv_command_exceptions(struct smv_command *command)
{
	struct smv_dev *dev = command->dev;
	struct smv_key key;
	u64 volume, miss = 0;
	int r;

	if (command->argc != 3 || parse_number(command->argv[0], &volume) ||
	    parse_number(command->argv[1], &key.chunk) ||
	    parse_number(command->argv[2], &key.epoch))
		return -EINVAL;
	key.volume = volume;
	do {
		smv_lock(dev);
		do {
			r = exceptions_row(command, volume, &key, &miss);
		} while (!r);
		smv_unlock(dev);
		if (r == -EAGAIN && smv_host_fetch(dev, miss))
			return -EIO;
	} while (r == -EAGAIN);
	if (r < 0 && r != -ENOENT)
		return r;
	smv_reply(command, r == 1 ? "more" : "end");
	return 0;
}

/* `rollback-status NAME' */
int smv_command_progress(struct smv_command *command)
{
	struct smv_dev *dev = command->dev;
	struct smv_rollback_progress p;
	struct smv_volume_info info;
	struct smv_volume *volume;

	if (command->argc != 1)
		return -EINVAL;
	smv_lock(dev);
	volume = smv_volume_origin(dev->store, command->argv[0]);
	if (volume) {
		smv_volume_info(volume, &info);
		smv_rollback_progress(volume, &p);
		smv_reply(command, "%d %llu %llu %llu %llu %llu %llu", !!info.roll_volume,
			  p.done_chunks, p.place_chunks, p.chunks, p.moved, p.lost,
			  info.roll_source);
	}
	smv_unlock(dev);
	return volume ? 0 : -ENOENT;
}
