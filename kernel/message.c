// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages to the store (docs/operating.md): parsing, the simple ones, the table
 * of all.
 *
 * Promises: a message that returns 0 is durable. dm hands the same memory for
 * arguments and result, so that a reply is written after the last look at an
 * argument.
 *
 * Rules: messages that change something hold dev->command: one at a time, and
 * no volume comes up or goes down meanwhile. They wait for room in the journal
 * and for commits, never for held writes or background work.
 */
#include "command.h"

void smv_reply(struct smv_command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	command->length += vscnprintf(command->reply + command->length,
				      SMV_REPLY_BYTES - command->length, format, args);
	va_end(args);
}

/* The volume called `ORIGIN' or `ORIGIN@SNAPSHOT', or NULL. Under dev->lock. */
struct smv_volume *smv_find_volume(struct smv_dev *dev, const char *name)
{
	const char *at = strchr(name, '@');
	char origin[SMV_NAME_BYTES];

	if (!at)
		return smv_volume_origin(dev->store, name);
	if (at - name >= SMV_NAME_BYTES)
		return NULL;
	memcpy(origin, name, at - name);
	origin[at - name] = 0;
	return smv_volume_snapshot(dev->store, origin, at + 1);
}

/* smv_wait_room() for who waits only until @end; false: that is over. */
bool smv_wait_room_until(struct smv_dev *dev, unsigned long end)
{
	smv_wait_room(dev, NULL);
	return time_before(jiffies, end);
}

/*
 * Calls @call under the lock until there was room for its records. What it has done is durable
 * then, though an error ends it; each argument that it has done with (argc) gets it more time.
 */
static int with_room(struct smv_command *command,
		     int (*call)(struct smv_command *command, u64 *lsn))
{
	unsigned long end = jiffies + SMV_ROOM_TIME;
	struct smv_dev *dev = command->dev;
	unsigned int left;
	u64 lsn = 0;
	int r, error;

	do {
		left = command->argc;
		smv_lock(dev);
		r = call(command, &lsn);
		smv_unlock(dev);
		if (command->argc < left)
			end = jiffies + SMV_ROOM_TIME;
	} while (r == -EBUSY && smv_wait_room_until(dev, end));
	error = smv_wait_durable(dev, lsn);
	return r ? r : error;
}

/* ---- the simple ones ---- */

static int call_add(struct smv_command *command, u64 *lsn)
{
	struct smv_dev *dev = command->dev;
	struct smv_volume_info info;
	struct smv_add add = { .name = command->argv[0], .identity = command->argv[2] };
	int r;

	if (kstrtou64(command->argv[1], 10, &add.sectors) ||
	    kstrtou64(command->argv[3], 10, &add.now_s))
		return -EINVAL;
	r = smv_add(dev->store, &add, lsn);
	if (r)
		return r;
	smv_volume_info(smv_volume_origin(dev->store, add.name), &info);
	smv_reply(command, "%llu", info.number);
	return 0;
}

static int call_remove(struct smv_command *command, u64 *lsn)
{
	struct smv_volume *volume = smv_volume_origin(command->dev->store, command->argv[0]);

	return volume ? smv_remove(command->dev->store, volume, lsn) : -ENOENT;
}

static int call_rename(struct smv_command *command, u64 *lsn)
{
	struct smv_volume *volume = smv_find_volume(command->dev, command->argv[0]);

	return volume ? smv_rename(command->dev->store, volume, command->argv[1], lsn) : -ENOENT;
}

static int call_identity(struct smv_command *command, u64 *lsn)
{
	struct smv_volume *volume = smv_volume_origin(command->dev->store, command->argv[0]);
	u8 fingerprint[64], *given = NULL;

	if (!volume)
		return -ENOENT;
	if (*command->argv[2]) {
		if (strlen(command->argv[2]) != 2 * sizeof(fingerprint) ||
		    hex2bin(fingerprint, command->argv[2], sizeof(fingerprint)))
			return -EINVAL;
		given = fingerprint;
	}
	return smv_set_identity(command->dev->store, volume, command->argv[1], given, lsn);
}

static int call_suspect(struct smv_command *command, u64 *lsn)
{
	struct smv_volume *volume = smv_volume_origin(command->dev->store, command->argv[0]);

	return volume ? smv_set_suspect(command->dev->store, volume, lsn) : -ENOENT;
}

static int call_sync(struct smv_command *command, u64 *lsn)
{
	*lsn = smv_store_lsn(command->dev->store);
	return 0;
}

static int call_checkpoint(struct smv_command *command, u64 *lsn)
{
	command->dev->checkpoint_asked = true;
	queue_work(command->dev->meta, &command->dev->checkpoint_work);
	return 0;
}

/* ---- delete ---- */

static int delete_check(struct smv_command *command)
{
	struct smv_volume_info info;
	struct smv_volume *volume;
	unsigned int i;

	for (i = 0; i < command->argc; i++) {
		volume = smv_find_volume(command->dev, command->argv[i]);
		if (!volume)
			return -ENOENT;
		smv_volume_info(volume, &info);
		if (info.flags & SMV_VOLUME_ORIGIN)
			return -EINVAL;
		if (info.opens)
			return -ETXTBSY;
	}
	return 0;
}

static bool names_twice(const struct smv_command *command)
{
	unsigned int i, k;

	for (i = 1; i < command->argc; i++)
		for (k = 0; k < i; k++)
			if (!strcmp(command->argv[i], command->argv[k]))
				return true;
	return false;
}

static int call_delete(struct smv_command *command, u64 *lsn)
{
	struct smv_volume *volume;
	int r;

	while (command->argc) {
		volume = smv_find_volume(command->dev, command->argv[0]);
		r = volume ? smv_delete(command->dev->store, volume, lsn) : -ENOENT;
		if (r)
			return r;
		command->argc--;
		command->argv++;
	}
	return 0;
}

static int command_delete(struct smv_command *command)
{
	unsigned int count = command->argc;
	struct smv_dev *dev = command->dev;
	struct smv_vol *vol;
	int r;

	if (!command->argc || names_twice(command))
		return -EINVAL;
	smv_lock(dev);
	r = delete_check(command);
	smv_unlock(dev);
	if (r)
		return r;
	r = with_room(command, call_delete);
	if (r && command->argc < count)
		DMERR("%s: of %u snapshots to be deleted the first %u are: %d", dev->name, count,
		      count - command->argc, r);
	list_for_each_entry(vol, &dev->vols, list) {
		if (vol->origin == vol)
			smv_vol_readers(vol);
	}
	smv_space_look(dev);
	smv_background_hurry(dev);
	return r;
}

/* ---- set ---- */

static int set_one(struct smv_settings *settings, const char *key, const char *value)
{
	if (!strcmp(key, "policy")) {
		if (strcmp(value, "drop") && strcmp(value, "hold"))
			return -EINVAL;
		settings->policy = *value == 'h' ? SMV_POLICY_HOLD : SMV_POLICY_DROP;
		return 0;
	}
	if (!strcmp(key, "hold-timeout"))
		return kstrtou32(value, 10, &settings->hold_timeout_s);
	if (!strcmp(key, "low-water"))
		return kstrtou32(value, 10, &settings->low_water_permille);
	if (!strcmp(key, "throttle")) {
		if (!strcmp(value, "pause")) {
			settings->throttle_mib_s = SMV_THROTTLE_PAUSE;
			return 0;
		}
		return kstrtou32(value, 10, &settings->throttle_mib_s);
	}
	if (strcmp(key, "label") || !smv_name_is_label(value))
		return -EINVAL;
	strscpy(settings->label, value, sizeof(settings->label));
	return 0;
}

static int call_set(struct smv_command *command, u64 *lsn)
{
	struct smv_dev *dev = command->dev;
	struct smv_settings settings = dev->settings;
	unsigned int i;
	char *value;
	int r = 0;

	for (i = 0; i < command->argc && !r; i++) {
		value = strchr(command->argv[i], '=');
		if (!value)
			return -EINVAL;
		*value = 0;
		r = set_one(&settings, command->argv[i], value + 1);
		*value = '=';
	}
	if (!r)
		r = smv_set_settings(dev->store, &settings, lsn);
	if (!r)
		dev->settings = settings;
	return r;
}

static int command_set(struct smv_command *command)
{
	struct smv_dev *dev = command->dev;
	struct smv_vol *vol;
	int r;

	if (!command->argc)
		return -EINVAL;
	r = with_room(command, call_set);
	if (r)
		return r;
	smv_background_hurry(dev);
	list_for_each_entry(vol, &dev->vols, list)
		smv_mover_kick(vol);
	smv_space_back(dev);
	smv_report_state(dev);
	return 0;
}

static int command_memo(struct smv_command *command)
{
	return smv_command_text(command, false);
}

static int command_device(struct smv_command *command)
{
	return smv_command_text(command, true);
}

/* ---- the table ---- */

struct message {
	const char *name;
	int argc; /* exactly; -1: the command looks itself */
	bool changes; /* refused on a read-only store */
	bool unlocked; /* takes dev->command itself, or needs it not */
	int (*call)(struct smv_command *command, u64 *lsn);
	int (*run)(struct smv_command *command);
};

static const struct message messages[] = {
	{ .name = "add", .argc = 4, .changes = true, .call = call_add },
	{ .name = "remove", .argc = 1, .changes = true, .call = call_remove },
	{ .name = "snapshot", -1, true, true, .run = smv_command_snapshot },
	{ .name = "delete", -1, .changes = true, .run = command_delete },
	{ .name = "rollback", 4, .changes = true, .run = smv_command_rollback },
	{ .name = "rename", 2, .changes = true, .call = call_rename },
	{ .name = "set", -1, .changes = true, .run = command_set },
	{ .name = "identity", 3, .changes = true, .call = call_identity },
	{ .name = "suspect", 1, .changes = true, .call = call_suspect },
	{ .name = "sync", 0, .unlocked = true, .call = call_sync },
	{ .name = "checkpoint", 0, .changes = true, .call = call_checkpoint },
	{ .name = "list", -1, .unlocked = true, .run = smv_command_list },
	{ .name = "memo", -1, .unlocked = true, .run = command_memo },
	{ .name = "device", -1, .unlocked = true, .run = command_device },
	{ .name = "fingerprint", -1, .unlocked = true, .run = smv_command_fingerprint },
	{ .name = "exceptions", -1, .unlocked = true, .run = smv_command_exceptions },
	{ .name = "rollback-status", -1, .unlocked = true, .run = smv_command_progress },
};

static const struct message *find_message(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(messages); i++) {
		if (!strcmp(messages[i].name, name))
			return &messages[i];
	}
	return NULL;
}

static int run_message(const struct message *message, struct smv_command *command)
{
	int r;

	if (message->argc >= 0 && command->argc != message->argc)
		return -EINVAL;
	if (message->changes && command->dev->read_only)
		return -EROFS;
	if (message->changes && READ_ONCE(command->dev->failed))
		return -EIO;
	if (!message->unlocked)
		mutex_lock(&command->dev->command);
	r = message->call ? with_room(command, message->call) : message->run(command);
	if (!message->unlocked)
		mutex_unlock(&command->dev->command);
	return r;
}

/* 1: there is a reply in @result; 0; or an error. */
int smv_message(struct smv_dev *dev, unsigned int argc, char **argv, char *result,
		unsigned int maxlen)
{
	struct smv_command command = { .dev = dev, .argc = argc - 1, .argv = argv + 1 };
	const struct message *message = find_message(argv[0]);
	unsigned int i;
	int r = 0;

	for (i = 0; i < command.argc && !r; i++)
		r = smv_text_decode(command.argv[i]);
	if (!message || r) {
		DMERR("%s: unknown message, or an argument is encoded wrong: %s", dev->name,
		      argv[0]);
		return -EINVAL;
	}
	r = run_message(message, &command);
	if (r)
		return r;
	if (!command.length)
		return 0;
	strscpy(result, command.reply, maxlen);
	return 1;
}
