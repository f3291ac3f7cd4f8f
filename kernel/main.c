// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: registers the three targets, keeps the system from hibernating
 * while a store may change, and takes the engine's failed assertions. One failed assertion anywhere stops the commits of every store
 * (smv_unlock() sees the flag): what was wrong in memory must not reach a disk.
 */
#include <linux/module.h>
#include <linux/suspend.h>

#include "dev.h"

bool smv_assert_failed;

void smv_port_assert_failed(const char *what, const char *file, int line)
{
	if (READ_ONCE(smv_assert_failed))
		return;
	WRITE_ONCE(smv_assert_failed, true);
	WARN(1, "snap-mv: assertion failed: %s at %s:%d; stores accept no more changes\n", what,
	     file, line);
}

/*
 * While an image of memory is written the disks are, too: by workers of ours, and by write-out of what
 * is dirty. What is preserved then would be unknown to the memory that comes back, and be preserved
 * once more, from what has overwritten it.
 */
static int smv_power_notify(struct notifier_block *block, unsigned long event, void *data)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		return notifier_from_errno(smv_hibernate(true));
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		smv_hibernate(false);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block smv_power = { .notifier_call = smv_power_notify };

static int __init smv_module_init(void)
{
	int r = smv_bio_module_init();

	if (r)
		return r;
	r = register_pm_notifier(&smv_power);
	if (r)
		goto no_power;
	r = dm_register_target(&smv_store_target);
	if (r)
		goto no_store;
	r = dm_register_target(&smv_origin_target);
	if (r)
		goto no_origin;
	r = dm_register_target(&smv_snapshot_target);
	if (r)
		goto no_snapshot;
	return 0;

no_snapshot:
	dm_unregister_target(&smv_origin_target);
no_origin:
	dm_unregister_target(&smv_store_target);
no_store:
	unregister_pm_notifier(&smv_power);
no_power:
	smv_bio_module_exit();
	return r;
}

static void __exit smv_module_exit(void)
{
	dm_unregister_target(&smv_snapshot_target);
	dm_unregister_target(&smv_origin_target);
	dm_unregister_target(&smv_store_target);
	unregister_pm_notifier(&smv_power);
	smv_bio_module_exit();
}

module_init(smv_module_init);
module_exit(smv_module_exit);

MODULE_DESCRIPTION("device-mapper: snapshots of an existing device, many in one store");
MODULE_AUTHOR("The dm-snap-mv project");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: crc32c");
