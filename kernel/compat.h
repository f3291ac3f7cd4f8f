/* SPDX-License-Identifier: GPL-2.0-only */
/* All differences between kernel versions, and nothing else. */
#ifndef SMV_COMPAT_H
#define SMV_COMPAT_H

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/version.h>

#ifndef CONFIG_64BIT
#error "dm-snap-mv needs a 64-bit kernel: chunk numbers are kept in unsigned long"
#endif

/* Exported by dm-mod, declared in no public header. */
void dm_internal_suspend_noflush(struct mapped_device *md);
void dm_internal_resume(struct mapped_device *md);

#if KERNEL_VERSION(6, 5, 0) <= LINUX_VERSION_CODE
#define SMV_MODE_READ BLK_OPEN_READ
#define SMV_MODE_WRITE BLK_OPEN_WRITE
#define smv_mode_t blk_mode_t
#else
#define SMV_MODE_READ FMODE_READ
#define SMV_MODE_WRITE FMODE_WRITE
#define smv_mode_t fmode_t
#endif

/* Does a write with FUA take one trip to the device, and no flush after it? */
static inline bool smv_compat_fua_is_direct(struct block_device *bdev)
{
	return !bdev_write_cache(bdev) || bdev_fua(bdev);
}

static inline int smv_compat_freeze(struct block_device *bdev)
{
#if KERNEL_VERSION(6, 8, 0) <= LINUX_VERSION_CODE
	return bdev_freeze(bdev);
#else
	return freeze_bdev(bdev);
#endif
}

static inline void smv_compat_thaw(struct block_device *bdev)
{
#if KERNEL_VERSION(6, 8, 0) <= LINUX_VERSION_CODE
	bdev_thaw(bdev);
#else
	thaw_bdev(bdev);
#endif
}

/* Is a filesystem mounted on the device? */
static inline bool smv_compat_is_mounted(struct block_device *bdev)
{
#if KERNEL_VERSION(6, 6, 0) <= LINUX_VERSION_CODE
	return READ_ONCE(bdev->bd_holder_ops) == &fs_holder_ops;
#else
	return !!READ_ONCE(bdev->bd_super);
#endif
}

static inline void smv_compat_discard_limits(struct queue_limits *limits, u32 max_sectors,
					     u32 granularity)
{
	limits->max_hw_discard_sectors = max_sectors;
	limits->max_discard_sectors = max_sectors;
	limits->discard_granularity = granularity;
}

#endif
