// SPDX-License-Identifier: GPL-2.0-only
/*
 * The journal: what changed since the checkpoint, as logical records, durable a
 * commit at a time.
 *
 * A ring of blocks on the store. Every block written has a sequence number,
 * one above the block before it, that never repeats; its place in the ring is
 * that number modulo the ring's length. [tail, sequence) is what a recovery
 * replays on top of the durable checkpoint. Records wait in the filling one of
 * two buffers; commit_begin() seals that buffer's blocks and the buffers swap,
 * so that appending goes on while a commit is in flight.
 *
 *	filling, empty -> filling            by append()
 *	filling        -> in flight          by commit_begin(), one at a time
 *	in flight      -> empty, durable     by commit_end(0)
 *	in flight      -> failed, for ever   by commit_end(error)
 *
 * Rules that keep it true:
 *  - I-COMMIT-WHOLE: every block of a commit names the commit's first block and
 *    their number; replay takes all of them or none.
 *  - I-COMMIT-ORDER: one commit is in flight, written with preflush and fua. So
 *    a valid block of a later commit proves that all earlier ones were durable,
 *    and a hole before it is damage, never the tail (I-GAP-IS-DAMAGE).
 *  - I-SEQUENCE: a block counts only with the sequence expected at its place:
 *    what an older lap left there does not.
 *  - I-INCARNATION: a block counts only with the incarnation the checkpoint
 *    names. A recovery ends with a checkpoint past the tail under the next one
 *    before anything is written, so pieces of a torn commit never join a later
 *    commit that happens to have the same sequence. And so a block of a later one proves
 *    that a newer checkpoint was durable: if that is no longer to be read, what was
 *    committed since would be missing, and the journal is refused.
 *  - I-COMMIT-STOPS: after a failed commit none follows: how much of it is on
 *    disk is unknown.
 *  - I-WATERMARK: a commit says from which block on records may be there whose
 *    copies were not complete when it was begun. It is written after a flush, so
 *    what was complete is durable if the commit is.
 *  - I-RING-ROOM: reserve() counts every block begun in the buffers and every
 *    block from tail on against the ring. So what has been appended can always
 *    be committed, and a checkpoint, which begins when nothing waits, can always
 *    begin: no further margin is needed.
 *
 * A crash before commit_end(): the commit is wholly there or it is cut off at
 * its first block. Between a checkpoint's superblock and release(): the ring
 * still holds what nobody needs. In recovery: nothing was written, it begins
 * anew from the same blocks (replay is idempotent).
 *
 * Weak side: a record does not cross blocks, so large records waste a part of
 * each block; recovery keeps the whole ring in memory, up to 64 MiB.
 */
#include "journal.h"

#define BUFFER_BYTES (SMV_COMMIT_BLOCKS * SMV_BLOCK_BYTES)
#define RECORD_HEAD ((u32)sizeof(struct smv_disk_record))

/* Payload of each type of record; 0: there is no such type. */
static const u32 record_bytes_of[] = {
	[SMV_RECORD_PUT] = sizeof(struct smv_disk_record_put),
	[SMV_RECORD_DELETE] = sizeof(struct smv_disk_record_delete),
	[SMV_RECORD_REKEY] = sizeof(struct smv_disk_record_rekey),
	[SMV_RECORD_VOLUME] = sizeof(struct smv_disk_volume),
	[SMV_RECORD_GONE] = sizeof(__le64),
	[SMV_RECORD_FLAGS] = sizeof(struct smv_disk_record_flags),
	[SMV_RECORD_DONE] = sizeof(struct smv_disk_record_done),
	[SMV_RECORD_SETTINGS] = sizeof(struct smv_disk_settings),
	[SMV_RECORD_PROVEN] = sizeof(__le64),
};

#define RECORD_TYPES (sizeof(record_bytes_of) / sizeof(record_bytes_of[0]))

int smv_journal_init(struct smv_journal *journal, const struct smv_host *host, const u8 *uuid,
		     u64 ring_block, u64 ring_blocks)
{
	u32 i;

	SMV_ASSERT(ring_blocks >= SMV_JOURNAL_BLOCKS_MIN && ring_blocks <= SMV_JOURNAL_BLOCKS_MAX);
	memset(journal, 0, sizeof(*journal));
	journal->host = *host;
	memcpy(journal->uuid, uuid, SMV_UUID_BYTES);
	journal->ring_block = ring_block;
	journal->ring_blocks = ring_blocks;
	for (i = 0; i < 2; i++) {
		journal->buffer[i].memory = smv_host_alloc(host, BUFFER_BYTES);
		if (!journal->buffer[i].memory) {
			smv_journal_exit(journal);
			return -ENOMEM;
		}
	}
	return 0;
}

static void scan_free(struct smv_journal *journal)
{
	smv_host_free(&journal->host, journal->scan, journal->ring_blocks * SMV_BLOCK_BYTES);
	journal->scan = NULL;
}

void smv_journal_exit(struct smv_journal *journal)
{
	u32 i;

	scan_free(journal);
	for (i = 0; i < 2; i++) {
		smv_host_free(&journal->host, journal->buffer[i].memory, BUFFER_BYTES);
		journal->buffer[i].memory = NULL;
	}
}

/* ---- appending ------------------------------------------------------------ */

static u32 u32_min(u32 a, u32 b)
{
	return a < b ? a : b;
}

static struct smv_journal_buffer *filling(struct smv_journal *journal)
{
	return &journal->buffer[journal->filling];
}

u64 smv_journal_used(const struct smv_journal *journal)
{
	return journal->sequence - journal->tail;
}

/* Blocks that the filling buffer may still begin. */
static u64 blocks_left(const struct smv_journal *journal)
{
	const struct smv_journal_buffer *buffer = &journal->buffer[journal->filling];
	u64 ring = journal->ring_blocks - smv_journal_used(journal) - buffer->blocks;
	u64 memory = SMV_COMMIT_BLOCKS - buffer->blocks;

	return ring < memory ? ring : memory;
}

int smv_journal_reserve(struct smv_journal *journal, u32 records, u32 bytes)
{
	struct smv_journal_buffer *buffer = filling(journal);
	u32 record = RECORD_HEAD + bytes, here = 0, per_block;

	SMV_ASSERT(record <= SMV_JOURNAL_RECORD_BYTES);
	if (journal->failed)
		return -EIO;
	/*
	 * A block is left for the next when the next record does not fit, so
	 * it has at least as many as if all were of the largest size.
	 */
	if (buffer->blocks)
		here = (SMV_JOURNAL_RECORD_BYTES - buffer->used) / record;
	per_block = SMV_JOURNAL_RECORD_BYTES / record;
	records -= u32_min(records, here);
	if (records && (records - 1) / per_block + 1 > blocks_left(journal))
		return -EBUSY;
	return 0;
}

static u8 *buffer_block(struct smv_journal_buffer *buffer, u32 index)
{
	return buffer->memory + (size_t)index * SMV_BLOCK_BYTES;
}

/* Makes room for @bytes in the buffer's last block, or in a new one. */
static bool append_room(struct smv_journal *journal, u32 bytes)
{
	struct smv_journal_buffer *buffer = filling(journal);

	if (buffer->blocks && buffer->used + bytes <= SMV_JOURNAL_RECORD_BYTES)
		return true;
	if (bytes > SMV_JOURNAL_RECORD_BYTES || !blocks_left(journal))
		return false;
	memset(buffer_block(buffer, buffer->blocks++), 0, SMV_BLOCK_BYTES);
	buffer->used = 0;
	return true;
}

u64 smv_journal_append(struct smv_journal *journal, enum smv_record_type type, const void *payload,
		       u32 bytes)
{
	struct smv_journal_buffer *buffer = filling(journal);
	struct smv_disk_record record = { cpu_to_le16(type), cpu_to_le16(bytes) };
	bool fits = type < RECORD_TYPES && record_bytes_of[type] == bytes &&
		    append_room(journal, RECORD_HEAD + bytes);
	struct smv_disk_journal *block;

	SMV_ASSERT(fits);
	if (!fits) {
		journal->failed = true;
		return ++journal->lsn;
	}
	block = (struct smv_disk_journal *)buffer_block(buffer, buffer->blocks - 1);
	memcpy(block->records + buffer->used, &record, RECORD_HEAD);
	memcpy(block->records + buffer->used + RECORD_HEAD, payload, bytes);
	buffer->used += RECORD_HEAD + bytes;
	block->header.count = cpu_to_le32(buffer->used);
	buffer->records++;
	buffer->last_lsn = ++journal->lsn;
	journal->record_bytes += RECORD_HEAD + bytes;
	return journal->lsn;
}

u64 smv_journal_last_block(const struct smv_journal *journal)
{
	return journal->sequence + journal->buffer[journal->filling].blocks - 1;
}

/* ---- committing ------------------------------------------------------------- */

/* Where the block with this sequence lies. */
static u64 place_of(const struct smv_journal *journal, u64 sequence)
{
	return smv_port_mod(sequence, journal->ring_blocks);
}

static void seal(struct smv_journal *journal, struct smv_journal_buffer *buffer, u32 index)
{
	struct smv_disk_journal *block = (struct smv_disk_journal *)buffer_block(buffer, index);
	u64 sequence = journal->sequence + index;

	block->sequence = cpu_to_le64(sequence);
	block->first = cpu_to_le64(journal->sequence);
	block->blocks = cpu_to_le32(buffer->blocks);
	block->watermark = cpu_to_le64(journal->watermark);
	smv_block_seal(block, SMV_MAGIC_JOURNAL, journal->uuid,
		       journal->ring_block + place_of(journal, sequence), journal->incarnation);
}

int smv_journal_commit_begin(struct smv_journal *journal, struct smv_io *io)
{
	struct smv_journal_buffer *buffer = filling(journal);
	u32 i;

	if (journal->failed)
		return -EIO;
	if (journal->in_flight || !buffer->records)
		return 0;
	SMV_ASSERT(smv_journal_used(journal) + buffer->blocks <= journal->ring_blocks);
	SMV_ASSERT(!journal->scan);
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_WRITE;
	io->preflush = true;
	io->fua = true;
	io->count = buffer->blocks;
	journal->watermark = journal->unproven;
	if (!journal->watermark)
		journal->watermark = journal->sequence + buffer->blocks;
	for (i = 0; i < buffer->blocks; i++) {
		seal(journal, buffer, i);
		io->block[i] = journal->ring_block + place_of(journal, journal->sequence + i);
		io->buffer[i] = buffer_block(buffer, i);
	}
	journal->sequence += buffer->blocks;
	journal->in_flight = true;
	journal->in_flight_blocks = buffer->blocks;
	journal->filling = !journal->filling;
	return 1;
}

void smv_journal_commit_end(struct smv_journal *journal, int error)
{
	struct smv_journal_buffer *buffer = &journal->buffer[!journal->filling];

	SMV_ASSERT(journal->in_flight);
	journal->in_flight = false;
	if (error) {
		journal->failed = true;
		return;
	}
	SMV_ASSERT(buffer->last_lsn > journal->durable);
	journal->durable = buffer->last_lsn;
	journal->commits++;
	journal->blocks_written += buffer->blocks;
	journal->in_flight_blocks = 0;
	buffer->blocks = 0;
	buffer->used = 0;
	buffer->records = 0;
}

bool smv_journal_is_quiet(const struct smv_journal *journal)
{
	return !journal->in_flight && !journal->buffer[journal->filling].records;
}

void smv_journal_release(struct smv_journal *journal, u64 cut)
{
	bool forward = cut - journal->tail <= smv_journal_used(journal);

	SMV_ASSERT(forward);
	if (forward)
		journal->tail = cut;
}

/* ---- recovery ----------------------------------------------------------------- */

int smv_journal_scan_begin(struct smv_journal *journal, u64 incarnation, u64 cut)
{
	SMV_ASSERT(!journal->scan && smv_journal_is_quiet(journal));
	journal->scan = smv_host_alloc(&journal->host, journal->ring_blocks * SMV_BLOCK_BYTES);
	if (!journal->scan)
		return -ENOMEM;
	journal->incarnation = incarnation;
	journal->tail = cut;
	journal->sequence = cut;
	journal->scan_read = 0;
	journal->scan_valid = 0;
	journal->scan_records = 0;
	journal->scan_watermark = 0;
	journal->scan_overstates = false;
	journal->scan_later = false;
	return 0;
}

/* The block that lies where this sequence belongs, whatever it is. */
static const struct smv_disk_journal *scanned(const struct smv_journal *journal, u64 sequence)
{
	return (const struct smv_disk_journal *)(journal->scan +
						 place_of(journal, sequence) * SMV_BLOCK_BYTES);
}

/* Is it the journal block of this incarnation and sequence? */
static bool block_is(const struct smv_journal *journal, u64 sequence)
{
	const struct smv_disk_journal *block = scanned(journal, sequence);
	u64 number = journal->ring_block + place_of(journal, sequence);

	/* The cheap questions first: most of the ring is an older lap's. */
	return le64_to_cpu(block->sequence) == sequence &&
	       le64_to_cpu(block->header.generation) == journal->incarnation &&
	       !smv_block_verify(block, SMV_MAGIC_JOURNAL, journal->uuid, number);
}

/* The records of one block: -EUCLEAN if their frames are wrong. */
static int check_records(const struct smv_disk_journal *block, u64 *records)
{
	struct smv_disk_record record;
	u32 count = le32_to_cpu(block->header.count), offset = 0, type, bytes;

	if (!count || count > SMV_JOURNAL_RECORD_BYTES)
		return -EUCLEAN;
	while (offset < count) {
		if (count - offset < RECORD_HEAD)
			return -EUCLEAN;
		memcpy(&record, block->records + offset, RECORD_HEAD);
		type = le16_to_cpu(record.type);
		bytes = le16_to_cpu(record.bytes);
		offset += RECORD_HEAD;
		if (type >= RECORD_TYPES || !bytes || bytes != record_bytes_of[type] ||
		    bytes > count - offset)
			return -EUCLEAN;
		offset += bytes;
		(*records)++;
	}
	return 0;
}

/* I-WATERMARK: all blocks of the commit say the same, and nothing that cannot be. */
static int check_watermark(struct smv_journal *journal, u64 first, u32 count)
{
	u64 watermark = le64_to_cpu(scanned(journal, first)->watermark);
	bool same = true;

	for (u32 i = 1; i < count; i++)
		same &= le64_to_cpu(scanned(journal, first + i)->watermark) == watermark;
	if (!same || !smv_journal_is_watermark(watermark, journal->scan_watermark, first + count)) {
		journal->scan_overstates = true;
		return -EUCLEAN;
	}
	journal->scan_watermark = watermark;
	return 0;
}

/*
 * The commit that begins with block @first: *blocks of it, 0 if it is not
 * whole. -EUCLEAN: its blocks are valid but contradict each other.
 */
static int check_commit(struct smv_journal *journal, u64 first, u32 *blocks)
{
	u64 ring_left = journal->ring_blocks - (first - journal->tail), records = 0;
	const struct smv_disk_journal *block = scanned(journal, first);
	u32 count, i;

	*blocks = 0;
	if (!block_is(journal, first))
		return 0;
	count = le32_to_cpu(block->blocks);
	if (!count || count > SMV_COMMIT_BLOCKS || count > ring_left)
		return -EUCLEAN;
	for (i = 0; i < count; i++) {
		if (!block_is(journal, first + i))
			return 0;
		block = scanned(journal, first + i);
		if (le64_to_cpu(block->first) != first || le32_to_cpu(block->blocks) != count ||
		    check_records(block, &records))
			return -EUCLEAN;
	}
	journal->scan_records += records;
	*blocks = count;
	return check_watermark(journal, first, count);
}

/* A block of a later incarnation, or of a later round of this one: written behind a newer checkpoint. */
static bool is_later(const struct smv_journal *journal, u64 place)
{
	const struct smv_disk_journal *block =
		(const struct smv_disk_journal *)(journal->scan + place * SMV_BLOCK_BYTES);
	u64 incarnation = le64_to_cpu(block->header.generation);

	if (incarnation < journal->incarnation || incarnation >= SMV_INCARNATION_MAX ||
	    (incarnation == journal->incarnation &&
	     le64_to_cpu(block->sequence) < journal->tail + journal->ring_blocks))
		return false;
	return !smv_block_verify(&block->header, SMV_MAGIC_JOURNAL, journal->uuid,
				 journal->ring_block + place);
}

static int check_incarnation(struct smv_journal *journal)
{
	for (u64 i = 0; i < journal->ring_blocks; i++)
		journal->scan_later |= is_later(journal, i);
	return journal->scan_later ? -EUCLEAN : 0;
}

static int judge(struct smv_journal *journal)
{
	u64 end = journal->tail, i;
	u32 blocks;
	int error = check_incarnation(journal);

	if (error)
		return error;
	while (end - journal->tail < journal->ring_blocks) {
		error = check_commit(journal, end, &blocks);
		if (error)
			return error;
		if (!blocks)
			break;
		end += blocks;
	}
	/* Behind the tail only pieces of one torn commit, that of @end, may lie. */
	for (i = end - journal->tail; i < journal->ring_blocks; i++)
		if (block_is(journal, journal->tail + i) &&
		    le64_to_cpu(scanned(journal, journal->tail + i)->first) != end)
			return -EUCLEAN;
	journal->scan_valid = end - journal->tail;
	return 0;
}

int smv_journal_scan_step(struct smv_journal *journal, struct smv_io *io)
{
	u64 left = journal->ring_blocks - journal->scan_read;
	u32 i;

	SMV_ASSERT(journal->scan);
	if (!left)
		return judge(journal);
	memset(io, 0, sizeof(*io));
	io->op = SMV_IO_READ;
	io->count = left < SMV_IO_BLOCKS ? (u32)left : SMV_IO_BLOCKS;
	for (i = 0; i < io->count; i++) {
		io->block[i] = journal->ring_block + journal->scan_read;
		io->buffer[i] = journal->scan + journal->scan_read * SMV_BLOCK_BYTES;
		journal->scan_read++;
	}
	return 1;
}

const char *smv_journal_scan_reason(const struct smv_journal *journal)
{
	if (journal->scan_later)
		return "the newest superblock is damaged, and commits were made since";
	return journal->scan_overstates ? "a commit says of copies what it cannot know" :
					  "the journal is damaged before its end";
}

bool smv_journal_scan_next(struct smv_journal *journal, struct smv_journal_cursor *cursor,
			   enum smv_record_type *type, const void **payload, u32 *bytes)
{
	const struct smv_disk_journal *block;
	struct smv_disk_record record;

	if (cursor->block >= journal->scan_valid)
		return false;
	block = scanned(journal, journal->tail + cursor->block);
	memcpy(&record, block->records + cursor->offset, RECORD_HEAD);
	*type = (enum smv_record_type)le16_to_cpu(record.type);
	*bytes = le16_to_cpu(record.bytes);
	*payload = block->records + cursor->offset + RECORD_HEAD;
	cursor->offset += RECORD_HEAD + *bytes;
	if (cursor->offset >= le32_to_cpu(block->header.count)) {
		cursor->offset = 0;
		cursor->block++;
	}
	return true;
}

bool smv_journal_scan_unproven(const struct smv_journal *journal,
			       const struct smv_journal_cursor *cursor)
{
	return journal->tail + cursor->block >= journal->scan_watermark;
}

void smv_journal_scan_end(struct smv_journal *journal)
{
	scan_free(journal);
	journal->sequence = journal->tail + journal->scan_valid;
	journal->lsn = journal->scan_records;
	journal->durable = journal->lsn;
	journal->scan_valid = 0;
}
