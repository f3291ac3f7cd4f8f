// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding stores. It promises to find each store once: a disk that has another
 * device on it (a path of a multipath device, a half of a mirror) is passed over for
 * the device on top, and our own volumes' devices are not searched, so that
 * the image of a store inside an origin or a snapshot is not taken for one; what a volume lies on
 * is told apart.
 *
 * Only superblocks are read, claiming nothing. Weak side: the label is the one
 * of the last checkpoint; one changed since is found under the former.
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "dm.h"
#include "host_user.h"
#include "identity.h"
#include "scan.h"
#include "super.h"
#include "text.h"

static char newer[200]; /* what smv_scan_explain() says of the last one that is too new */

static void note_newer(const struct smv_disk_super *super)
{
	char needs[120];

	smv_super_missing(super, false, needs, sizeof(needs));
	snprintf(newer, sizeof(newer), "is of a newer format (it needs %s): use a newer snapmv",
		 needs);
}

int smv_scan_read(struct smv_device *device, struct smv_disk_super *super)
{
	u8 block[SMV_BLOCK_BYTES];
	int result = -ENOENT;

	for (u64 slot = 1; slot <= 2; slot++) {
		const struct smv_disk_super *s = (const void *)block;
		int rc;

		if ((slot + 1) * SMV_BLOCK_BYTES > device->bytes)
			return -ENOENT;
		rc = smv_device_read_block(device, slot, block);
		if (!rc)
			rc = smv_super_verify(block, slot);
		if (rc == -EOPNOTSUPP)
			note_newer(s);
		if (!rc && (result || le64_to_cpu(s->header.generation) >
					      le64_to_cpu(super->header.generation)))
			memcpy(super, s, sizeof(*super));
		if (!rc || (result && rc != -ENOENT))
			result = rc;
	}
	return result;
}

static bool is_known(const u8 *id)
{
	static const u8 none[SMV_UUID_BYTES];

	return memcmp(id, none, sizeof(none));
}

bool smv_scan_is_elsewhere(const struct smv_disk_super *super)
{
	u8 host[SMV_UUID_BYTES], boot[SMV_UUID_BYTES];

	smv_host_ids(host, boot);
	return le32_to_cpu(super->state) & SMV_SUPER_IN_USE && is_known(host) &&
	       is_known(super->host_id) && memcmp(host, super->host_id, sizeof(host));
}

bool smv_scan_is_left(const struct smv_disk_super *super)
{
	u8 host[SMV_UUID_BYTES], boot[SMV_UUID_BYTES];

	/* the host may not have known its id then: before the root filesystem was there */
	smv_host_ids(host, boot);
	return le32_to_cpu(super->state) & SMV_SUPER_IN_USE && is_known(boot) &&
	       !memcmp(boot, super->boot_id, sizeof(boot));
}

const char *smv_scan_explain(int error)
{
	switch (-error) {
	case ENOENT:
		return "holds no store: name a device made by snapmv format";
	case EUCLEAN:
		return "both superblocks are damaged: see snapmv check";
	case EOPNOTSUPP:
		return *newer ? newer : "is of a newer format: use a newer snapmv";
	default:
		return "cannot be read: check the device";
	}
}

static int peek(const char *path, struct smv_found *found)
{
	struct smv_disk_super super;
	struct smv_device device;
	int rc = smv_device_open(&device, path, SMV_DEVICE_PEEK);

	if (rc)
		return rc == -ENOENT ? -ENODEV : rc;
	rc = smv_scan_read(&device, &super);
	if (!rc) {
		found->dev = device.block ? device.dev : 0;
		memcpy(found->uuid, super.header.uuid, SMV_UUID_BYTES);
		memcpy(found->label, super.settings.label, SMV_LABEL_BYTES);
		found->label[SMV_LABEL_BYTES - 1] = 0;
		found->created_s = le64_to_cpu(super.created_s);
		found->generation = le64_to_cpu(super.header.generation);
		found->state = le32_to_cpu(super.state);
		found->path = smv_text_printf("%s", path);
	}
	smv_device_close(&device);
	return rc;
}

int smv_scan_peek(const char *path, struct smv_found *found)
{
	memset(found, 0, sizeof(*found));
	return peek(path, found);
}

/* -- copies --------------------------------------------------------------------- */

/* Do both devices show the same blocks, one of them mapped to the other, or being it? */
static bool is_one(dev_t a, dev_t b)
{
	return smv_device_maps(a, b) || smv_device_maps(b, a);
}

bool smv_scan_is_copy(const struct smv_found *found, const char *dm_name)
{
	char *table = smv_dm_table(dm_name);
	u32 major, minor;
	bool known = table && sscanf(table, "%u:%u", &major, &minor) == 2;
	dev_t dev = known ? makedev(major, minor) : 0;

	free(table);
	if (!known)
		return false;
	if (!found->dev)
		return !smv_device_maps_file(dev, found->path);
	return !is_one(dev, found->dev);
}

char *smv_scan_twin(const struct smv_found *found)
{
	struct smv_scan scan;
	char *twin = NULL;

	smv_scan_all(&scan);
	for (u32 i = 0; i < scan.count && !twin; i++) {
		const struct smv_found *other = &scan.found[i];

		if (!memcmp(other->uuid, found->uuid, SMV_UUID_BYTES) &&
		    !is_one(other->dev, found->dev))
			twin = smv_text_printf("%s", other->path);
	}
	smv_scan_free(&scan);
	return twin;
}

/* -- all of them ------------------------------------------------------------------ */

enum cover { BARE, STORE, VOLUME, OTHER };

/* Of a store it is the store itself; of a volume, one that lies on it. */
static enum cover cover_by(const char *dm_uuid)
{
	if (strncmp(dm_uuid, SMV_DM_PREFIX, strlen(SMV_DM_PREFIX)))
		return OTHER;
	return strcmp(strrchr(dm_uuid, '-'), "-0") ? VOLUME : STORE;
}

/* What is on it: the last in the order above. */
static enum cover cover_in(const char *holders)
{
	enum cover cover = BARE;
	struct dirent *entry;
	char path[600];
	DIR *dir = opendir(holders);

	while (dir && (entry = readdir(dir))) {
		char uuid[256] = "";

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/block/%s/dm/uuid", entry->d_name);
		smv_device_sysfs(path, uuid, sizeof(uuid));
		if (cover_by(uuid) > cover)
			cover = cover_by(uuid);
	}
	if (dir)
		closedir(dir);
	return cover;
}

/* What is on a partition's disk is so on the partition only if it is a volume. */
static enum cover cover_of(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "/sys/class/block/%s/../holders", name);
	if (cover_in(path) == VOLUME)
		return VOLUME;
	snprintf(path, sizeof(path), "/sys/class/block/%s/holders", name);
	return cover_in(path);
}

static void look_at(struct smv_scan *scan, const char *name)
{
	struct smv_found found = { 0 };
	char path[300], text[64];
	enum cover cover = cover_of(name);
	u32 major, minor;
	char *node;
	dev_t dev;

	snprintf(path, sizeof(path), "/sys/class/block/%s/size", name);
	if (!smv_device_sysfs(path, text, sizeof(text)) || !strcmp(text, "0"))
		return;
	snprintf(path, sizeof(path), "/sys/class/block/%s/dev", name);
	if (!smv_device_sysfs(path, text, sizeof(text)) ||
	    sscanf(text, "%u:%u", &major, &minor) != 2)
		return;
	dev = makedev(major, minor);
	if (smv_device_is_ours(dev) || cover == OTHER)
		return;
	node = smv_identity_node(dev);
	if (node && !peek(node, &found)) {
		found.is_origin = cover == VOLUME;
		scan->found = smv_text_grow(scan->found, (scan->count + 1) * sizeof(found));
		scan->found[scan->count++] = found;
	}
	free(node);
}

static int by_label(const void *a, const void *b)
{
	const struct smv_found *x = a, *y = b;
	int order = strcmp(x->label, y->label);

	return order ? order : strcmp(x->path, y->path);
}

void smv_scan_all(struct smv_scan *scan)
{
	DIR *dir = opendir("/sys/class/block");
	struct dirent *entry;

	memset(scan, 0, sizeof(*scan));
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			look_at(scan, entry->d_name);
	if (dir)
		closedir(dir);
	if (scan->count)
		qsort(scan->found, scan->count, sizeof(*scan->found), by_label);
}

void smv_scan_free(struct smv_scan *scan)
{
	for (u32 i = 0; i < scan->count; i++)
		free(scan->found[i].path);
	free(scan->found);
	memset(scan, 0, sizeof(*scan));
}
