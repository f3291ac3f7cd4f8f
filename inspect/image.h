/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything a store says, in memory: what restore reads from a dump and repair
 * saves from a damaged store; and the writing of it as a new checkpoint.
 */
#ifndef SMV_IMAGE_H
#define SMV_IMAGE_H

#include "check.h"
#include "format.h"
#include "super.h"

struct smv_image_entry {
	struct smv_key key;
	struct smv_value value;
};

struct smv_image {
	/* uuid, geometry, creation, next volume, settings, feature bits; the rest is made */
	struct smv_disk_super super;
	struct smv_disk_volume *volume; /* ascending */
	u64 volumes;
	struct smv_image_entry *entry; /* ascending */
	u64 entries;
};

/* -ENOMEM. */
int smv_image_add_volume(struct smv_image *image, const struct smv_disk_volume *volume);
int smv_image_add_entry(struct smv_image *image, const struct smv_key *key,
			const struct smv_value *value);
void smv_image_free(struct smv_image *image);

/*
 * What `snapmv check' would say of these volumes and exceptions: each to
 * @report (may be NULL), the first into result->first. 0 or -ENOMEM.
 */
int smv_image_judge(const struct smv_image *image,
		    void (*report)(void *context, const struct smv_damage *damage), void *context,
		    struct smv_check_result *result);

struct smv_build {
	int (*write)(void *context, u64 block, const void *data); /* one block */
	int (*flush)(void *context);
	void (*progress)(void *context, u64 done, u64 all); /* may be NULL */
	void *context;
	/* larger than any that is on the device already: see smv_build_prepare() */
	u64 generation;
	u64 incarnation;
	u64 cut;
	bool in_use; /* stays as @image's superblock says, by whom */
};

/*
 * Chooses generation, incarnation and cut by what the superblock slots and the
 * ring of @image's geometry hold: nothing old can be taken for new.
 */
struct smv_reader;
void smv_build_prepare(struct smv_build *build, const struct smv_image *image,
		       const struct smv_reader *reader);

/* Would the nodes fit beside the data? Writes nothing. -ENOSPC, -ENOMEM. */
int smv_build_test(const struct smv_image *image);
/*
 * Writes the metadata of @image (which smv_image_judge() finds nothing in) to where
 * no data is. The superblocks are taken away first and written last. -ENOSPC, -ENOMEM,
 * -EINVAL: a chunk lies in no group; what write and flush say.
 */
int smv_build_write(const struct smv_build *build, const struct smv_image *image);

#endif
