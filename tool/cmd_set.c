// SPDX-License-Identifier: GPL-2.0-only
/*
 * `snapmv set'. It promises that all KEY=VALUEs of one command are understood
 * before any takes effect, and that they take effect together (for a store).
 */
#include <stdlib.h>
#include "commands.h"
#include "identity.h"
#include "names.h"
#include "origin.h"
#include "target.h"
#include "text.h"

static int parse_number(const char *text, u64 most, u32 *number)
{
	u64 n;

	if (smv_text_number(text, &n) || n > most)
		return -EINVAL;
	*number = (u32)n;
	return 0;
}

/* "10%", "2.5%" */
static int parse_low_water(const char *text, u32 *permille)
{
	size_t whole = strspn(text, "0123456789");
	const char *rest = text + whole;
	u32 tenth = 0;

	if (rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9') {
		tenth = (u32)(rest[1] - '0');
		rest += 2;
	}
	if (!whole || whole > 3 || strcmp(rest, "%"))
		return -EINVAL;
	*permille = (u32)atoi(text) * 10 + tenth;
	return *permille > 1000 ? -EINVAL : 0;
}

/* "64", "64M", "2G": MiB a second */
static int parse_throttle(const char *text, u32 *mib)
{
	u64 bytes;

	if (!strcmp(text, "pause")) {
		*mib = SMV_THROTTLE_PAUSE;
		return 0;
	}
	if (!parse_number(text, SMV_THROTTLE_PAUSE - 1, mib))
		return 0;
	if (smv_text_size(text, &bytes) || bytes & 0xfffff || bytes >> 20 >= SMV_THROTTLE_PAUSE)
		return -EINVAL;
	*mib = (u32)(bytes >> 20);
	return 0;
}

static int parse_policy(const char *text, u32 *policy)
{
	if (strcmp(text, "drop") && strcmp(text, "hold"))
		return -EINVAL;
	*policy = strcmp(text, "hold") ? SMV_POLICY_DROP : SMV_POLICY_HOLD;
	return 0;
}

static int parse_hold_timeout(const char *text, u32 *seconds)
{
	return parse_number(text, ~0u, seconds);
}

static const struct {
	const char *key;
	u32 bit;
	size_t offset;
	int (*parse)(const char *text, u32 *value);
	const char *values;
} keys[] = {
	{ "policy", SMV_SET_POLICY, offsetof(struct smv_settings, policy), parse_policy,
	  "drop or hold" },
	{ "hold-timeout", SMV_SET_HOLD_TIMEOUT, offsetof(struct smv_settings, hold_timeout_s),
	  parse_hold_timeout, "seconds, 0 for ever" },
	{ "low-water", SMV_SET_LOW_WATER, offsetof(struct smv_settings, low_water_permille),
	  parse_low_water, "a percentage like 10%" },
	{ "throttle", SMV_SET_THROTTLE, offsetof(struct smv_settings, throttle_mib_s),
	  parse_throttle, "MiB a second, 0 for no limit, or pause" },
	{ "label", SMV_SET_LABEL, 0, NULL, "1 to 31 of A-Z a-z 0-9 _ . +" },
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int parse_setting(const char *arg, struct smv_settings *settings, u32 *bits)
{
	size_t bytes = strcspn(arg, "=");
	const char *value = arg + bytes + 1;
	u32 i = 0;
	int rc;

	if (!arg[bytes])
		return smv_usage("%s is not KEY=VALUE", arg);
	while (i < KEYS && (strlen(keys[i].key) != bytes || strncmp(keys[i].key, arg, bytes)))
		i++;
	if (i == KEYS)
		return smv_usage("unknown key %.*s", (int)bytes, arg);
	if (*bits & keys[i].bit)
		return smv_usage("%s given twice", keys[i].key);
	if (keys[i].parse) {
		rc = keys[i].parse(value, (u32 *)((u8 *)settings + keys[i].offset));
	} else {
		rc = smv_name_is_label(value) ? 0 : -EINVAL;
		if (!rc)
			snprintf(settings->label, SMV_LABEL_BYTES, "%s", value);
	}
	if (rc)
		return smv_fail(arg, "%s is not possible: use %s", *value ? value : "nothing",
				keys[i].values);
	*bits |= keys[i].bit;
	return 0;
}

static int set_store(const struct smv_args *args)
{
	const char *name = args->arg[0];
	struct smv_backend *backend = NULL;
	struct smv_settings settings = { 0 };
	struct smv_renames renames = { 0 };
	u32 bits = 0;
	int rc = 0;

	for (int i = 1; i < args->count && !rc; i++)
		rc = parse_setting(args->arg[i], &settings, &bits);
	if (!rc)
		rc = smv_target_open_store(args, name, true, &backend);
	if (!rc) {
		settings = backend->info.settings;
		bits = 0;
		for (int i = 1; i < args->count; i++)
			parse_setting(args->arg[i], &settings, &bits);
		if (bits & SMV_SET_LABEL)
			rc = smv_renames_plan(&renames, backend, NULL, settings.label);
	}
	if (!rc) {
		rc = backend->ops->set(backend, &settings, bits);
		if (rc)
			rc = smv_backend_fail(name, rc);
	}
	if (!rc)
		rc = smv_renames_do(&renames, name);
	smv_renames_free(&renames);
	return smv_backend_close(backend, name) | rc;
}

static int set_device(const struct smv_args *args, const char *path)
{
	const char *name = args->arg[0];
	char identity[SMV_IDENTITY_BYTES];
	struct smv_backend *backend = NULL;
	struct smv_vol *vol = NULL;
	struct smv_device device;
	int rc = smv_device_must_open(&device, path, SMV_DEVICE_PEEK);

	if (rc)
		return rc;
	rc = smv_target_open(args, args->arg, 1, true, &backend);
	if (!rc) {
		vol = smv_target_origin(backend, name);
		rc = vol ? 0 : 1;
	}
	if (!rc && vol->device)
		rc = smv_fail(name, "is active: snapmv deactivate %s first", name);
	if (!rc)
		rc = smv_origin_check(backend, &device);
	if (!rc)
		rc = smv_origin_check_new(backend, &device, vol);
	if (!rc && device.bytes / SMV_SECTOR_BYTES < vol->info.sectors)
		rc = smv_fail(path, "is smaller than the origin (%s): name the right device",
			      smv_text_bytes(vol->info.sectors * SMV_SECTOR_BYTES));
	if (!rc && smv_identity_make(&device, identity))
		rc = smv_fail(path, "its path is too long: use a shorter one");
	if (!rc) {
		rc = backend->ops->identity(backend, vol, identity, NULL);
		if (rc)
			rc = smv_backend_fail(name, rc);
	}
	smv_device_close(&device);
	return smv_backend_close(backend, name) | rc;
}

static int run_set(const struct smv_args *args)
{
	if (!strncmp(args->arg[1], "device=", 7)) {
		if (args->count > 2)
			return smv_usage("device= goes alone");
		return set_device(args, args->arg[1] + 7);
	}
	return set_store(args);
}

static const struct smv_option options[] = { SMV_OPTION_STORE, SMV_OPTION_END };

const struct smv_command smv_command_set = {
	.name = "set",
	.synopsis = "STORE KEY=VALUE..., snapmv set [-S STORE-DEV] ORIGIN device=DEV",
	.summary = "Changes settings of a store, or an origin's recorded device.",
	.help = "STORE is a device, LABEL/ or LABEL. Keys:\n"
		"  policy=drop|hold     a full store: drop snapshots, or hold writes\n"
		"  hold-timeout=SECONDS how long writes are held, 0 for ever\n"
		"  low-water=PERCENT%   an event when no more than this is available, as 10% or 2.5%\n"
		"  throttle=MIB         MiB a second that a rollback moves (64, 64M, 2G), 0: no limit;\n"
		"                       pause stops the cleaner, too\n"
		"  label=LABEL          the store's label\n"
		"  device=DEV           (an inactive origin) where it is found from now on\n",
	.options = options,
	.least = 2,
	.most = -1,
	.run = run_set,
};
