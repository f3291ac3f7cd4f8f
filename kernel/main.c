// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: registers the three targets, and takes the engine's failed
 * assertions. One failed assertion anywhere stops the commits of every store
 * (smv_unlock() sees the flag): what was wrong in memory must not reach a disk.
 */
#include <linux/module.h>

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

static int __init smv_module_init(void)
{
	int r = smv_bio_module_init();

	if (r)
		return r;
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
	smv_bio_module_exit();
	return r;
}

static void __exit smv_module_exit(void)
{
	dm_unregister_target(&smv_snapshot_target);
	dm_unregister_target(&smv_origin_target);
	dm_unregister_target(&smv_store_target);
	smv_bio_module_exit();
}

module_init(smv_module_init);
module_exit(smv_module_exit);

MODULE_DESCRIPTION("device-mapper: snapshots of an existing device, many in one store");
MODULE_AUTHOR("The dm-snap-mv project");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: crc32c");
