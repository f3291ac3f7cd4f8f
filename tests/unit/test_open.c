// SPDX-License-Identifier: GPL-2.0-only
/* Openings that find more in the journal than is usual, or a disk that fails. */
#include "unit.h"
#include "block.h"
#include "image.h"
#include "memory.h"
#include "repair.h"
#include "rig_host.h"

#define CHUNKS 4000u

static struct memory memory;

static struct smv_volume *add(u64 sectors)
{
	struct smv_add add = { .name = "data", .identity = "", .sectors = sectors };
	u64 lsn;

	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	return smv_volume_origin(memory.store, "data");
}

static void discard(struct smv_volume *snapshot, u64 chunk)
{
	u64 lsn;
	int rc;

	do {
		rc = smv_snapshot_zero(memory.store, snapshot, chunk, &lsn, &memory.miss);
	} while (memory_again(&memory, &rc));
	EXPECT_EQ(rc, 0);
}

static u64 blocks_left(void)
{
	struct smv_store_info info;

	smv_store_info(memory.store, &info);
	return info.journal_blocks - info.journal_used;
}

/* Cleans, with commits as large as may be, until not more than @left blocks of the ring are. */
static void clean(u64 left)
{
	u32 freed;
	int rc;

	while (blocks_left() > left) {
		rc = smv_clean_step(memory.store, 1, &freed, &memory.miss);
		EXPECT(rc == 1 || rc == -EAGAIN || rc == -EBUSY);
		if (rc == -EAGAIN)
			EXPECT(memory_again(&memory, &rc));
		else if (rc == -EBUSY)
			EXPECT_EQ(memory_commit(&memory), 0);
	}
}

/* A merge's record changes two exceptions; the ring has room for most of these. */
UNIT_TEST(a_ring_full_of_merges_is_replayed)
{
	struct smv_store_info info;
	struct smv_volume *a;
	struct smv_io io;
	u64 lsn;
	int rc;

	memory_format(&memory, 1 << 14, 8, "open");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(memory_snapshot(&memory, add(64 * CHUNKS), "a", &a), 0);
	for (u64 i = 0; i < CHUNKS; i++)
		discard(a, i);
	EXPECT_EQ(memory_snapshot(&memory, a, "b", NULL), 0);
	EXPECT_EQ(smv_delete(memory.store, a, &lsn), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	clean(blocks_left() / 2);
	/* A checkpoint is under way when the power fails. */
	do {
		rc = smv_checkpoint_step(memory.store, false, 0, &io, &memory.miss);
	} while (rc == -EAGAIN && memory_again(&memory, &rc));
	EXPECT_EQ(rc, 1);
	clean(0);
	memory_crash(&memory);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	smv_store_info(memory.store, &info);
	EXPECT_EQ(info.exceptions, CHUNKS);
	memory_free(&memory);
}

/* ---- limits that cannot be ------------------------------------------------ */

UNIT_TEST(limits_out_of_bounds_are_refused_by_name)
{
	static const struct smv_limits limits[] = {
		{ .cache_blocks = 1 },	    { .cache_blocks = 63 },
		{ .cache_blocks = ~0u },    { .overlay_entries = (1u << 19) + 1 },
		{ .overlay_entries = ~0u },
	};
	struct smv_limits least = { .cache_blocks = 64, .overlay_entries = 1 };
	struct smv_open open = { 0 };
	struct smv_io io;

	memory_format(&memory, 1 << 12, 8, "open");
	for (u32 i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		int rc, error = 0;

		memory.store = smv_store_new(&rig_host);
		open.blocks = memory.blocks;
		open.limits = limits[i];
		while ((rc = smv_store_open(memory.store, &open, error, &io)) == 1) {
			EXPECT_EQ(io.op, SMV_IO_READ);
			error = memory_read(&memory, io.block[0], io.buffer[0]);
		}
		EXPECT_EQ(rc, -EINVAL);
		EXPECT(strstr(smv_store_reason(memory.store), "cannot be"));
		memory_crash(&memory);
	}
	EXPECT_EQ(memory_open(&memory, false, &least), 0);
	memory_free(&memory);
}

/* ---- disks that fail ------------------------------------------------------- */

#define STEPS_MAX 1000u

static bool is_super(const struct smv_io *io)
{
	return io->count == 1 && io->block[0] && io->block[0] <= 2;
}

static bool writes_super(const struct smv_io *io)
{
	return io->op == SMV_IO_WRITE && is_super(io);
}

/* Opens the store; requests that @fails says fail, but those written arrive all the same if @arrive. */
static int open_failing(bool (*fails)(const struct smv_io *io), bool arrive)
{
	struct smv_open open = { .blocks = memory.blocks };
	struct smv_io io;
	int rc, error = 0;
	u32 steps = 0;

	memory.store = smv_store_new(&rig_host);
	EXPECT(memory.store);
	while ((rc = smv_store_open(memory.store, &open, error, &io)) == 1) {
		error = fails(&io) ? -EIO : 0;
		for (u32 i = 0; i < io.count && io.op == SMV_IO_READ && !error; i++)
			EXPECT_EQ(memory_read(&memory, io.block[i], io.buffer[i]), 0);
		for (u32 i = 0; i < io.count && io.op == SMV_IO_WRITE && (!error || arrive); i++)
			EXPECT_EQ(memory_write(&memory, io.block[i], io.buffer[i]), 0);
		EXPECT_LT(steps++, STEPS_MAX);
	}
	if (rc)
		memory_crash(&memory);
	return rc;
}

/* A store with an origin and its snapshot, the power cut since. */
static void begin(void)
{
	memory_format(&memory, 1 << 12, 8, "open");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(memory_snapshot(&memory, add(4096), "a", NULL), 0);
	memory_crash(&memory);
}

static void end(void)
{
	EXPECT(smv_volume_snapshot(memory.store, "data", "a"));
	memory_free(&memory);
}

UNIT_TEST(an_opening_whose_superblock_cannot_be_written_ends)
{
	for (u32 arrive = 0; arrive < 2; arrive++) {
		begin();
		EXPECT_EQ(open_failing(writes_super, arrive), -EIO);
		EXPECT_EQ(open_failing(writes_super, arrive), -EIO);
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		end();
	}
}

/* The slot of the newest superblock. */
static u64 newest(void)
{
	const struct smv_disk_header *one = (const void *)(memory.image + SMV_BLOCK_BYTES);
	const struct smv_disk_header *two = (const void *)(memory.image + 2 * SMV_BLOCK_BYTES);

	return le64_to_cpu(one->generation) > le64_to_cpu(two->generation) ? 1 : 2;
}

static char reason[256];

/* Opens the store for writing; what cannot be read is a medium's error. */
static int open_forced(bool force)
{
	struct smv_open open = { .blocks = memory.blocks, .force = force };
	struct smv_io io;
	int rc, error = 0;

	memory.store = smv_store_new(&rig_host);
	EXPECT(memory.store);
	while ((rc = smv_store_open(memory.store, &open, error, &io)) == 1) {
		error = 0;
		for (u32 i = 0; i < io.count && io.op != SMV_IO_FLUSH && !error; i++)
			error = io.op == SMV_IO_READ ?
					memory_read(&memory, io.block[i], io.buffer[i]) :
					memory_write(&memory, io.block[i], io.buffer[i]);
		if (error)
			error = -ENODATA;
	}
	snprintf(reason, sizeof(reason), "%s", smv_store_reason(memory.store));
	if (rc)
		memory_crash(&memory);
	return rc;
}

/*
 * It may be the newest, though nothing was committed behind it: the one before names nodes that are
 * free since, and going on from it overwrites the newest.
 */
UNIT_TEST(a_store_with_a_superblock_that_cannot_be_read_is_not_written_unless_forced)
{
	u8 *before;

	for (u64 slot = 1; slot <= 2; slot++) {
		begin();
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		EXPECT_EQ(memory_close(&memory), 0);
		before = malloc(memory.blocks * SMV_BLOCK_BYTES);
		EXPECT(before);
		memcpy(before, memory.image, memory.blocks * SMV_BLOCK_BYTES);
		memory.unreadable = slot;
		EXPECT_EQ(open_forced(false), -EIO);
		EXPECT(strstr(reason, slot == 1 ? "block 1 cannot" : "block 2 cannot"));
		EXPECT(strstr(reason, "to another device"));
		EXPECT_EQ(memory_open(&memory, true, NULL), 0);
		memory_crash(&memory);
		EXPECT_MEM(before, memory.image, memory.blocks * SMV_BLOCK_BYTES);
		free(before);
		/* a disk gives a block that is written anew a better place */
		EXPECT_EQ(open_forced(true), 0);
		EXPECT_EQ(memory_close(&memory), 0);
		memory.unreadable = 0;
		EXPECT_EQ(open_forced(false), 0);
		end();
	}
}

/* What was committed since the newest superblock is not to be read with the other one. */
UNIT_TEST(a_journal_newer_than_the_superblock_is_not_taken_for_none)
{
	u64 slot;

	begin();
	slot = newest();
	memory.unreadable = slot;
	EXPECT_EQ(memory_open(&memory, true, NULL), -EUCLEAN);
	EXPECT_EQ(open_forced(true), -EUCLEAN);
	memory.unreadable = 0;
	memory.image[slot * SMV_BLOCK_BYTES + 200] ^= 1;
	EXPECT_EQ(memory_open(&memory, false, NULL), -EUCLEAN);
	memory.image[slot * SMV_BLOCK_BYTES + 200] ^= 1;
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	end();
}

static u64 super_slot, super_failures;

static bool reads_super(const struct smv_io *io)
{
	if (io->op != SMV_IO_READ || io->block[0] != super_slot || !super_failures)
		return false;
	super_failures--;
	return true;
}

UNIT_TEST(a_superblock_whose_reading_fails_once_is_read_again)
{
	struct smv_store_info info;

	for (super_slot = 1; super_slot <= 2; super_slot++) {
		begin();
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		EXPECT_EQ(memory_close(&memory), 0);
		super_failures = 2;
		EXPECT_EQ(open_failing(reads_super, false), 0);
		EXPECT_EQ(super_failures, 0);
		smv_store_info(memory.store, &info);
		EXPECT_EQ(info.generation, 5); /* after formatting, two openings and a close */
		end();
	}
}

/* As a superblock may be after the power failed while it was written. */
UNIT_TEST(a_superblock_that_nothing_was_built_on_may_be_torn)
{
	for (u32 closed = 0; closed < 2; closed++) {
		begin();
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		if (closed)
			EXPECT_EQ(memory_close(&memory), 0);
		memory_crash(&memory);
		memory.unreadable = newest();
		EXPECT_EQ(memory_open(&memory, true, NULL), 0);
		memory_crash(&memory);
		memory.unreadable = 0;
		memory.image[newest() * SMV_BLOCK_BYTES + 200] ^= 1;
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		end();
	}
}

/* What was preserved since is missing: no snapshot is as it was. */
UNIT_TEST(repair_behind_a_newer_journal_makes_snapshots_suspect)
{
	struct smv_repair repair = { .read = memory_read, .context = &memory };
	struct smv_repair_result result = { 0 };
	struct smv_image image = { 0 };
	struct smv_volume *origin;

	for (u32 newer = 0; newer < 2; newer++) {
		begin();
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		origin = smv_volume_origin(memory.store, "data");
		if (newer)
			EXPECT_EQ(memory_snapshot(&memory, origin, "b", NULL), 0);
		memory_crash(&memory);
		memory.image[newest() * SMV_BLOCK_BYTES + 200] ^= 1;
		repair.blocks = memory.blocks;
		EXPECT_EQ(smv_repair(&repair, &image, &result), 0);
		EXPECT_EQ(image.volumes, 2);
		EXPECT_EQ(!(le32_to_cpu(image.volume[1].flags) & SMV_VOLUME_SUSPECT), !newer);
		smv_image_free(&image);
		memory_free(&memory);
	}
}

/* ---- copies that were announced ------------------------------------------------ */

static u64 copy_chunk, failures_left;

static bool reads_copy(const struct smv_io *io)
{
	if (io->op != SMV_IO_READ || io->block[0] / 8 != copy_chunk || !failures_left)
		return false;
	failures_left--;
	return true;
}

/* A copy that is not there is not to be taken for one that may be, for one failed read. */
UNIT_TEST(a_copy_whose_reading_fails_once_is_judged_all_the_same)
{
	for (u32 failures = 0; failures < 4; failures++) {
		struct smv_store_info info;
		struct smv_job job = { 0 };
		u64 lsn;

		begin();
		EXPECT_EQ(memory_open(&memory, false, NULL), 0);
		EXPECT_EQ(memory_origin_write(&memory, smv_volume_origin(memory.store, "data"), 3,
					      &job),
			  0);
		EXPECT_EQ(smv_job_announce(memory.store, &job, 1, &lsn), 0);
		EXPECT_EQ(memory_commit(&memory), 0);
		memory_crash(&memory);
		copy_chunk = job.to.no;
		failures_left = failures;
		EXPECT_EQ(open_failing(reads_copy, false), 0);
		EXPECT_EQ(failures_left, 0);
		smv_store_info(memory.store, &info);
		EXPECT_EQ(info.exceptions, failures == 3);
		end();
	}
}

/* ---- blocks that are missing ------------------------------------------------------ */

/* A block may have been written anew while it was read: it is read again, and not for ever. */
UNIT_TEST(a_missing_block_that_is_damaged_is_asked_for_again)
{
	static u8 torn[SMV_BLOCK_BYTES];
	u32 again = 0;

	begin();
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_store_provide(memory.store, 100, torn), 0);
	while (!smv_store_provide(memory.store, 100, torn))
		EXPECT_LT(again++, 100);
	EXPECT(again);
	EXPECT_EQ(smv_store_provide(memory.store, 101, torn), -EUCLEAN);
	EXPECT_EQ(memory_snapshot(&memory, smv_volume_origin(memory.store, "data"), "b", NULL), 0);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	EXPECT_EQ(smv_store_provide(memory.store, 100, torn), 0);
	end();
}

/* ---- a store made by an enemy: all checksums are right ------------------------------ */

static struct smv_disk_super *super_newest(void)
{
	return (void *)(memory.image + newest() * SMV_BLOCK_BYTES);
}

static void seal(void *block)
{
	struct smv_disk_header *header = block;

	smv_block_seal(block, le32_to_cpu(header->magic), header->uuid, le64_to_cpu(header->block),
		       le64_to_cpu(header->generation));
}

/* Preserves chunks [from, to). */
static void preserve(u64 from, u64 to)
{
	struct smv_volume *origin = smv_volume_origin(memory.store, "data");

	for (u64 i = from; i < to; i++) {
		struct smv_job job = { 0 };

		EXPECT_EQ(memory_origin_write(&memory, origin, i, &job), 0);
		EXPECT_EQ(memory_job_done(&memory, &job), 0);
	}
	EXPECT_EQ(memory_commit(&memory), 0);
}

/* The root of the exceptions, whose last child becomes @block. */
static void root_name_child(u64 block)
{
	struct smv_disk_super *super = super_newest();
	u64 number = le64_to_cpu(super->exceptions.root.block);
	struct smv_disk_header *root = (void *)(memory.image + number * SMV_BLOCK_BYTES);
	struct smv_disk_pointer *child;
	u32 count = le32_to_cpu(root->count);

	EXPECT_EQ(le32_to_cpu(root->level), 1);
	child = (void *)((u8 *)(root + 1) + count * (sizeof(struct smv_disk_key) + sizeof(*child)) -
			 sizeof(*child));
	child->block = cpu_to_le64(block);
	seal(root);
	super->exceptions.root.crc = root->crc;
	seal(super);
}

static bool none_fails(const struct smv_io *io)
{
	(void)io;
	return false;
}

/* Block 0 is no block: a host asked for it would read it for ever. */
UNIT_TEST(an_opening_that_meets_a_child_at_block_0_ends)
{
	memory_format(&memory, 1 << 14, 8, "open");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(memory_snapshot(&memory, add(64 * CHUNKS), "a", NULL), 0);
	preserve(0, 150);
	EXPECT_EQ(memory_checkpoint(&memory, false), 0);
	preserve(150, 151);
	memory_crash(&memory);
	root_name_child(0);
	EXPECT_EQ(open_failing(none_fails, false), -EUCLEAN);
	memory_free(&memory);
}
