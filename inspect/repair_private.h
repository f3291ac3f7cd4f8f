/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the repair share; each calls only those before it. */
#ifndef SMV_REPAIR_PRIVATE_H
#define SMV_REPAIR_PRIVATE_H

#include "check_private.h"
#include "readers.h"
#include "repair.h"

#define SMV_RP_NUMBER_MAX (1ULL << 60) /* of a volume: no store has ever given out as many */

/* Keys [low, high) of a tree that cannot be read. */
struct smv_rp_gap {
	struct smv_key low, high;
	bool named; /* a leaf that begins with low is lost */
};

struct smv_rp_gaps {
	struct smv_rp_gap *gap;
	u64 gaps;
	u64 lost; /* leaves */
};

struct smv_rp {
	const struct smv_repair *repair;
	struct smv_repair_result *result;
	struct smv_image *image;
	struct smv_ck *ck; /* superblock, geometry, bitmaps, as check finds them */
	struct smv_rp_gaps volumes, exceptions;
	struct smv_image
		missing; /* volumes of the checkpoint; in where, how many entries were not found */
	struct smv_image lost; /* entries made to say that something is lost */
	struct smv_readers readers;
	bool tidy; /* every undo entry has a reader, but of origins that wait for a pass */
	bool fewer_readers; /* a volume was dropped, or is read elsewhere */
	bool journal_gap;
	int rc; /* -ENOMEM, or -EUCLEAN: refused */
};

__attribute__((format(printf, 2, 3))) void smv_rp_refuse(struct smv_rp *rp, const char *format,
							 ...);
/* @number: of a volume in the image, 0: the store. */
__attribute__((format(printf, 6, 7))) void
smv_rp_say(struct smv_rp *rp, bool loss, u64 number, u64 first, u64 count, const char *format, ...);

struct smv_disk_volume *smv_rp_volume(struct smv_image *image, u64 number);
u64 smv_rp_chunks(const struct smv_rp *rp, const struct smv_disk_volume *volume);
/* Index of the first entry at or above @key. */
u64 smv_rp_first(const struct smv_image *image, const struct smv_key *key);
/* Sorts; of entries with one key the last added stays. */
int smv_rp_sort(struct smv_image *image);

/* Could the volume have an exception of this key? */
bool smv_rp_is_key(const struct smv_rp *rp, const struct smv_disk_volume *volume,
		   const struct smv_key *key);
/* @count exceptions of the volume are missing, nobody knows where. */
void smv_rp_miss(struct smv_rp *rp, u64 volume, u64 count);
/* If no gap is of this volume, all of it is one. */
void smv_rp_cover(struct smv_rp *rp, u64 volume);

/* repair_read.c: both trees into the image, and what is missing of them */
void smv_rp_read(struct smv_rp *rp);
void smv_rp_gap(struct smv_rp *rp, struct smv_rp_gaps *gaps, const struct smv_key *low,
		const struct smv_key *high, bool named);
static inline bool smv_rp_is_origin(const struct smv_disk_volume *volume)
{
	return le32_to_cpu(volume->flags) & SMV_VOLUME_ORIGIN;
}

/*
 * repair_journal.c: is the copy there that the value's checksum speaks of, once taken of the volume's
 * chunk? One that cannot be read may be.
 */
bool smv_rp_copy_is_there(const struct smv_rp *rp, const struct smv_key *key,
			  const struct smv_value *value);
/* What happened since; true: a change to an unknown volume etc. was passed over */
void smv_rp_journal(struct smv_rp *rp);
/* Something of this volume is lost: refuses if a running rollback reads through it. */
void smv_rp_guard_rollback(struct smv_rp *rp, const struct smv_disk_volume *volume);
/* repair_fix.c: volumes that fit together; entries that can be true */
void smv_rp_fix_volumes(struct smv_rp *rp);
void smv_rp_fix_entries(struct smv_rp *rp);
/* repair_room.c: forgets gaps too small for a leaf; before the journal is replayed */
void smv_rp_close_gaps(struct smv_rp *rp);
/* Has each exception of an origin a reader, if the origin does not wait for a pass? */
bool smv_rp_is_read(struct smv_rp *rp);
/* repair_gaps.c: makes what is missing read as errors. */
void smv_rp_fill(struct smv_rp *rp);
/* From now on the snapshot, and all that is read through it, reads as errors. */
void smv_rp_invalidate(struct smv_rp *rp, struct smv_disk_volume *volume, const char *why);
/* Names the chunks of each snapshot that read as errors because of rp->lost. */
void smv_rp_name_losses(struct smv_rp *rp);

#endif
