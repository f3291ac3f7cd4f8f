// SPDX-License-Identifier: GPL-2.0-only
/*
 * The real engine over a host that counts, for what no machine can blur: what a long
 * load of first writes costs the store beyond the copies, and what an opening
 * reads. No data is read or written, only metadata; the store is a sparse file, as
 * large as it has to be, and serves other measurements afterwards.
 *
 * usage: store make FILE OPTION...   a store with one origin `data', and first writes
 *        store open FILE             opens it as the module does, and counts
 *
 *   --writes N       first writes; default 1000000
 *   --room N         the store has room for so many chunks of data; default: the writes
 *   --chunks N       of the origin; default: as many as there are writes
 *   --snapshots N    taken at even distances during the load, `s1' before it; default 1
 *   --chunk N        bytes; default 64K
 *   --order random|up
 *   --depth N        queue depth; default 16. As in the kernel module, a commit takes
 *                    half of those under way
 *   --overlay N, --cache N   smv_limits; 0: the default
 *   --every N        a line after so many writes, too
 *   --crash          leave the journal to be replayed
 *
 * Lines: made or opened, then key=value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "rig_host.h"
#include "store.h"

#define DEPTH_MAX 256u

static struct {
	u64 writes, room, chunks, snapshots, chunk_bytes, depth, every;
	struct smv_limits limits;
	bool up, crash;
} option = { .writes = 1000000, .snapshots = 1, .chunk_bytes = 65536, .depth = 16 };

static struct {
	int fd;
	u64 blocks;
	struct smv_store *store;
	struct smv_volume *origin;
	struct smv_io checkpoint_io, commit_io;
	bool checkpointing;
	int checkpoint_error;
	u64 reads, fetches, writes, flushes; /* blocks */
	u64 checkpoints, longest, step_blocks; /* blocks that one checkpoint wrote at most */
} host;

static void must(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "store: %s: %s (%s)\n", what, strerror(rc < 0 ? -rc : rc),
		host.store ? smv_store_reason(host.store) : "");
	exit(1);
}

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static int do_io(const struct smv_io *io)
{
	if (io->op == SMV_IO_FLUSH)
		host.flushes++;
	for (u32 i = 0; i < io->count; i++) {
		off_t at = (off_t)(io->block[i] * SMV_BLOCK_BYTES);
		ssize_t n;

		if (io->op == SMV_IO_READ) {
			n = pread(host.fd, io->buffer[i], SMV_BLOCK_BYTES, at);
			host.reads++;
		} else {
			n = pwrite(host.fd, io->buffer[i], SMV_BLOCK_BYTES, at);
			host.writes++;
		}
		if (n != SMV_BLOCK_BYTES)
			return -EIO;
	}
	return 0;
}

static void fetch(u64 block)
{
	static u8 data[SMV_BLOCK_BYTES];

	host.fetches++;
	if (pread(host.fd, data, SMV_BLOCK_BYTES, (off_t)(block * SMV_BLOCK_BYTES)) !=
	    SMV_BLOCK_BYTES)
		must(EIO, "reading a block");
	must(smv_store_provide(host.store, block, data), "a block");
}

static void commit(void)
{
	int rc;

	if (smv_commit_begin(host.store, &host.commit_io) == 1) {
		rc = do_io(&host.commit_io);
		smv_commit_end(host.store, rc);
		must(rc, "a commit");
	}
	if (smv_reap_begin(host.store))
		smv_reap_end(host.store);
}

/* One step of a checkpoint: beside the load, as the module's worker is. */
static void checkpoint_step(bool clean)
{
	u64 miss, before = host.writes;
	int rc = smv_checkpoint_step(host.store, clean, host.checkpoint_error, &host.checkpoint_io,
				     &miss);

	host.checkpoint_error = 0;
	host.checkpointing = true;
	switch (rc) {
	case 1:
		host.checkpoint_error = do_io(&host.checkpoint_io);
		break;
	case -EAGAIN:
		fetch(miss);
		break;
	case -EBUSY:
		commit();
		break;
	default:
		must(rc, "a checkpoint");
		host.checkpointing = false;
		host.checkpoints++;
		if (host.step_blocks > host.longest)
			host.longest = host.step_blocks;
		host.step_blocks = 0;
	}
	if (rc == 1)
		host.step_blocks += host.writes - before;
}

static void checkpoint(bool clean)
{
	do {
		checkpoint_step(clean);
	} while (host.checkpointing);
}

/* For calls of the engine: true: again. */
static bool again(int rc, u64 miss)
{
	if (rc == -EAGAIN)
		fetch(miss);
	else if (rc == -EBUSY && smv_store_wants(host.store) & SMV_WANT_COMMIT)
		commit();
	else if (rc == -EBUSY)
		checkpoint_step(false);
	else
		return false;
	return true;
}

static void open_store(void)
{
	struct smv_open open = { .blocks = host.blocks, .limits = option.limits };
	static struct smv_io io;
	int rc, error = 0;

	host.store = smv_store_new(&rig_host);
	if (!host.store)
		must(ENOMEM, "a store");
	while ((rc = smv_store_open(host.store, &open, error, &io)) == 1)
		error = do_io(&io);
	must(rc, "opening");
}

static void format(void)
{
	struct smv_format format = {
		.chunk_blocks = (u32)(option.chunk_bytes / SMV_BLOCK_BYTES),
		.now_s = 1000000000,
		.uuid = "bench",
		.settings = { .low_water_permille = 0, .hold_timeout_s = 60, .label = "b0" }
	};
	static u8 buffer[SMV_FORMAT_BUFFER_BYTES];
	static struct smv_io io;
	u64 step = 0, least;
	int rc;

	/* Data; the tree three times over, whole chunks; and some more. */
	format.blocks = option.room * format.chunk_blocks + option.room / 12 +
			option.room * format.chunk_blocks / 64 + 65536;
	host.blocks = format.blocks;
	must(ftruncate(host.fd, (off_t)(host.blocks * SMV_BLOCK_BYTES)), "the file");
	while ((rc = smv_store_format(&format, buffer, &step, &least, &io)) == 1)
		must(do_io(&io), "formatting");
	must(rc, "formatting");
}

/* ---- the load ---------------------------------------------------------------- */

static void add_origin(void)
{
	struct smv_add add = { .name = "data",
			       .identity = "path:/dev/origin",
			       .sectors = option.chunks * (option.chunk_bytes / SMV_SECTOR_BYTES),
			       .now_s = 1000000000 };
	u64 lsn;

	must(smv_add(host.store, &add, &lsn), "add");
	commit();
	host.origin = smv_volume_origin(host.store, "data");
}

static void take_snapshot(u64 number)
{
	struct smv_snapshot_part part = { .of = host.origin, .memo = "" };
	char name[32];
	u64 lsn;
	int rc;

	snprintf(name, sizeof(name), "s%llu", (unsigned long long)number);
	part.name = name;
	do {
		rc = smv_snapshot(host.store, &part, 1, 1000000000, &lsn);
	} while (again(rc, 0));
	must(rc, "snapshot");
	commit();
}

/* true: it has been preserved now; false: it was before, since the newest snapshot. */
static bool first_write(u64 chunk)
{
	struct smv_job job;
	u64 lsn, miss = 0;
	int rc;

	do {
		memset(&job, 0, sizeof(job));
		rc = smv_origin_write(host.store, host.origin, chunk, &job, &miss);
	} while (again(rc, miss));
	must(rc, "a write");
	if (job.todo == SMV_TODO_GO)
		return false;
	do {
		rc = smv_job_done(host.store, &job, &lsn, &miss);
	} while (again(rc, miss));
	must(rc, "a copy");
	return true;
}

/* The writes whose commit is durable go. */
static void issue(const u64 *chunk, u64 count)
{
	for (u64 i = 0; i < count; i++)
		smv_preserved_set(host.store, host.origin, chunk[i], chunk[i] + 1);
}

static void report(const char *word, u64 begun)
{
	struct smv_store_info info;
	u64 first, blocks;

	smv_store_info(host.store, &info);
	first = info.data_chunks ? info.data_chunks : 1;
	blocks = info.commit_blocks + info.checkpoint_blocks;
	printf("%s writes=%llu commits=%llu commit_blocks=%llu record_bytes=%llu checkpoints=%llu"
	       " checkpoint_blocks=%llu longest=%llu fetches=%llu meta_chunks=%llu"
	       " amplification=%.5f journal=%.5f tree=%.5f meta_bytes_each=%.1f memory=%llu"
	       " seconds=%.1f\n",
	       word, (unsigned long long)info.data_chunks, (unsigned long long)info.commits,
	       (unsigned long long)info.commit_blocks, (unsigned long long)info.record_bytes,
	       (unsigned long long)info.checkpoints, (unsigned long long)info.checkpoint_blocks,
	       (unsigned long long)host.longest, (unsigned long long)host.fetches,
	       (unsigned long long)info.meta_chunks,
	       (double)(blocks * SMV_BLOCK_BYTES) / (double)(first * option.chunk_bytes),
	       (double)(info.commit_blocks * SMV_BLOCK_BYTES) /
		       (double)(first * option.chunk_bytes),
	       (double)(info.checkpoint_blocks * SMV_BLOCK_BYTES) /
		       (double)(first * option.chunk_bytes),
	       (double)(info.meta_chunks * option.chunk_bytes) / (double)first,
	       (unsigned long long)rig_host_live_bytes(), (double)(now_ns() - begun) / 1e9);
	fflush(stdout);
}

/*
 * The @n-th place: all of [0, chunks) once in a random order, without memory: rounds that
 * are invertible on so many bits, and what is too large is stepped over.
 */
static u64 place(u64 n, u64 *state)
{
	u32 bits = 1, round;
	u64 x, mask;

	if (option.up)
		return n % option.chunks;
	while ((1ull << bits) < option.chunks)
		bits++;
	mask = (1ull << bits) - 1;
	do {
		x = (*state)++ & mask;
		for (round = 0; round < 4; round++) {
			x ^= x >> (bits / 2 + 1);
			x = (x * 0x9e3779b97f4a7c15u + round) & mask;
		}
	} while (x >= option.chunks);
	return x;
}

static void load(void)
{
	u64 begun = now_ns(), state = 0, taken = 1, batch = option.depth > 1 ? option.depth / 2 : 1;
	u64 apart = option.writes / option.snapshots, *written = calloc(batch, sizeof(*written));

	must(written ? 0 : ENOMEM, "memory");
	add_origin();
	take_snapshot(taken);
	for (u64 n = 0; n < option.writes;) {
		u64 waiting = 0;

		for (u64 i = 0; i < batch && n < option.writes; i++, n++) {
			written[waiting] = place(n, &state);
			waiting += first_write(written[waiting]);
		}
		commit();
		issue(written, waiting);
		if (host.checkpointing || smv_store_wants(host.store) & SMV_WANT_CHECKPOINT)
			checkpoint_step(false);
		if (option.every && n % option.every < batch)
			report("part", begun);
		if (taken < option.snapshots && n >= taken * apart)
			take_snapshot(++taken);
	}
	while (host.checkpointing)
		checkpoint_step(false);
	free(written);
	report("made", begun);
}

static void make(void)
{
	if (!option.chunks)
		option.chunks = option.writes;
	if (option.room < option.writes)
		option.room = option.writes;
	format();
	open_store();
	load();
	if (!option.crash) {
		commit();
		checkpoint(true);
	}
}

static void look(void)
{
	struct smv_store_info info;
	struct stat st;
	u64 begun;

	must(fstat(host.fd, &st), "the file");
	host.blocks = (u64)st.st_size / SMV_BLOCK_BYTES;
	begun = now_ns();
	open_store();
	smv_store_info(host.store, &info);
	printf("opened exceptions=%llu snapshots=%llu reads=%llu writes=%llu flushes=%llu memory=%llu"
	       " seconds=%.4f\n",
	       (unsigned long long)info.exceptions, (unsigned long long)info.snapshots,
	       (unsigned long long)host.reads, (unsigned long long)host.writes,
	       (unsigned long long)host.flushes, (unsigned long long)rig_host_live_bytes(),
	       (double)(now_ns() - begun) / 1e9);
	commit();
	checkpoint(true);
}

/* ---- options -------------------------------------------------------------------- */

static u64 number(const char *text)
{
	char *end;
	u64 n = strtoull(text, &end, 0);

	if (*end == 'K')
		n <<= 10;
	else if (*end == 'M')
		n <<= 20;
	return n;
}

static void parse(int argc, char **argv)
{
	for (int i = 3; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(name, "--crash")) {
			option.crash = true;
			continue;
		}
		i++;
		if (!strcmp(name, "--writes"))
			option.writes = number(value);
		else if (!strcmp(name, "--room"))
			option.room = number(value);
		else if (!strcmp(name, "--chunks"))
			option.chunks = number(value);
		else if (!strcmp(name, "--snapshots"))
			option.snapshots = number(value);
		else if (!strcmp(name, "--chunk"))
			option.chunk_bytes = number(value);
		else if (!strcmp(name, "--depth"))
			option.depth = number(value);
		else if (!strcmp(name, "--every"))
			option.every = number(value);
		else if (!strcmp(name, "--overlay"))
			option.limits.overlay_entries = (u32)number(value);
		else if (!strcmp(name, "--cache"))
			option.limits.cache_blocks = (u32)number(value);
		else if (!strcmp(name, "--order"))
			option.up = !strcmp(value, "up");
		else
			must(EINVAL, name);
	}
	if (!option.writes || !option.snapshots || !option.depth)
		must(EINVAL, "options");
}

int main(int argc, char **argv)
{
	bool makes = argc > 2 && !strcmp(argv[1], "make");

	if (argc < 3 || (!makes && strcmp(argv[1], "open"))) {
		fprintf(stderr, "usage: store make FILE OPTION... | store open FILE\n");
		return 2;
	}
	parse(argc, argv);
	host.fd = open(argv[2], O_RDWR | O_CLOEXEC | (makes ? O_CREAT | O_TRUNC : 0), 0600);
	if (host.fd < 0)
		must(errno, argv[2]);
	if (makes)
		make();
	else
		look();
	smv_store_delete(host.store);
	return 0;
}
