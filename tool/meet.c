// SPDX-License-Identifier: GPL-2.0-only
/*
 * Activations that meet: one waits until another has given a device its table, and takes away
 * what one has left that was killed before it had: a device without a table in use. It promises that
 * no device with one is touched, and none of a store that somebody has in use.
 *
 * Weak side: an activation that takes longer than two seconds for that is taken for killed.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "meet.h"
#include "scan.h"

static bool is_ours(const struct smv_dm_table *table)
{
	struct smv_dm_device device;

	return !smv_dm_info(table->name, &device) &&
	       !memcmp(device.uuid, table->uuid, SMV_UUID_BYTES) && device.number == table->number;
}

static bool has_table(const char *name)
{
	char *line = smv_dm_table(name);
	bool has = line;

	free(line);
	return has;
}

bool smv_meet_is_up(const struct smv_dm_table *table)
{
	for (u32 i = 0; i < SMV_MEET_TRIES && is_ours(table); i++) {
		if (has_table(table->name))
			return true;
		usleep(SMV_MEET_PAUSE_US);
	}
	return false;
}

bool smv_meet_is_in_use(const char *path)
{
	struct smv_device device;
	int rc = smv_device_open(&device, path, SMV_DEVICE_CLAIM_READ);

	smv_device_close(&device);
	return rc == -EBUSY || rc == -EWOULDBLOCK;
}

u64 smv_meet_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

/* One that is being given its table has the store in use, for as long as that takes. */
void smv_meet_clear_store(const char *path)
{
	const struct smv_dm_device *listed = NULL;
	struct smv_dm_device device;
	struct smv_dm_list list;
	struct smv_found found;

	if (smv_scan_peek(path, &found))
		return;
	free(found.path);
	smv_dm_list(&list);
	listed = smv_dm_find(&list, found.uuid, 0);
	if (listed) {
		struct smv_dm_table table = { .name = listed->name, .uuid = found.uuid };

		if (!smv_meet_is_up(&table) && !smv_dm_info(listed->name, &device) &&
		    (device.loading || !smv_meet_is_in_use(path)))
			smv_dm_remove(listed->name);
	}
	smv_dm_list_free(&list);
}

bool smv_meet_has_device(struct smv_backend *backend, struct smv_vol *vol)
{
	struct smv_dm_table table = { .uuid = backend->info.uuid, .number = vol->info.number };

	if (!vol->device)
		return false;
	table.name = vol->device + strlen("/dev/mapper/");
	if (smv_meet_is_up(&table))
		return true;
	if (is_ours(&table))
		smv_dm_remove(table.name);
	free(vol->device);
	vol->device = NULL;
	return false;
}
