// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signatures: what a device holds, by libblkid, and how it is taken away. It promises that
 * a device which became a store is not found to be anything else, and that one
 * whose store is being taken away holds, at each moment, that store or none.
 *
 * Weak side: what libblkid does not know is neither seen nor wiped.
 */
#include <blkid/blkid.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "scan.h"
#include "signature.h"
#include "super.h"
#include "text.h"

/*
 * libblkid reads, and wipes, at places and in lengths that O_DIRECT does not
 * take: without it as long as there is a probe. Returns the flags for set_flags().
 */
static int set_buffered(struct smv_device *device)
{
	int flags = fcntl(device->fd, F_GETFL);

	if (flags >= 0)
		fcntl(device->fd, F_SETFL, flags & ~O_DIRECT);
	return flags;
}

static void set_flags(struct smv_device *device, int flags)
{
	if (flags >= 0)
		fcntl(device->fd, F_SETFL, flags);
}

static blkid_probe new_probe(struct smv_device *device, u64 bytes)
{
	blkid_probe probe = blkid_new_probe();

	if (!probe)
		return NULL;
	if (blkid_probe_set_device(probe, device->fd, 0, (blkid_loff_t)bytes)) {
		blkid_free_probe(probe);
		return NULL;
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_MAGIC |
							 BLKID_SUBLKS_USAGE | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(probe, 1);
	blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC);
	return probe;
}

char *smv_signature_known(struct smv_device *device)
{
	struct smv_disk_super super;
	blkid_probe probe;
	const char *type;
	char *found = NULL;
	int flags, rc = smv_scan_read(device, &super);

	if (rc != -ENOENT)
		return smv_text_printf("a snapmv store%s", rc ? " (damaged)" : "");
	probe = new_probe(device, device->bytes);
	if (!probe)
		return NULL;
	flags = set_buffered(device);
	rc = blkid_do_safeprobe(probe);
	if (rc == -2)
		found = smv_text_printf("several signatures");
	else if (!rc && !blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
		found = smv_text_printf("%s", type);
	else if (!rc && !blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL))
		found = smv_text_printf("a partition table (%s)", type);
	else if (rc != 1)
		found = smv_text_printf("something that cannot be recognised");
	blkid_free_probe(probe);
	set_flags(device, flags);
	return found;
}

static u64 newest_slot(struct smv_device *device)
{
	struct smv_disk_super super;

	return smv_scan_read(device, &super) ? 1 : le64_to_cpu(super.header.block);
}

static int wipe_block(struct smv_device *device, u64 block)
{
	u8 zero[SMV_BLOCK_BYTES] = { 0 };
	int rc = smv_device_write(device, block * SMV_BLOCK_BYTES, zero, sizeof(zero));

	return rc ? rc : smv_device_flush(device);
}

int smv_signature_wipe_store(struct smv_device *device)
{
	u64 newest = newest_slot(device);
	int rc = wipe_block(device, SMV_SUPER_SLOT(newest));

	return rc ? rc : wipe_block(device, newest);
}

static int wipe_known(struct smv_device *device, u64 bytes)
{
	blkid_probe probe = new_probe(device, bytes);
	int flags, rc = 0;

	if (!probe)
		return -ENOMEM;
	flags = set_buffered(device);
	for (int i = 0; i < 1024 && !rc && !blkid_do_probe(probe); i++)
		rc = blkid_do_wipe(probe, 0) ? -EIO : 0;
	blkid_free_probe(probe);
	if (!rc && fsync(device->fd))
		rc = -EIO;
	set_flags(device, flags);
	return rc;
}

int smv_signature_wipe(struct smv_device *device, u64 bytes)
{
	int rc = bytes ? wipe_known(device, bytes) : 0;

	if (!rc)
		rc = wipe_block(device, 0);
	return rc ? rc : smv_signature_wipe_store(device);
}
