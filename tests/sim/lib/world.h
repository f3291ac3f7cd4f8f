/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One simulated machine: its disks, its host with the real engine, and the
 * oracle that knows what must be there.
 */
#ifndef SMV_SIM_WORLD_H
#define SMV_SIM_WORLD_H

#include <setjmp.h>
#include "disk.h"
#include "oracle.h"
#include "rules.h"
#include "store.h"

#define SIM_TASKS 48u
#define SIM_BALLAST 1024u
#define SIM_ALL_FREE (~0u)

/* How one history is run. */
struct sim_config {
	u64 seed;
	u32 ops;
	u32 chunk_blocks; /* 0: by the seed */
	u64 off; /* rules switched off, see rules.h */
	u32 free_chunks; /* what the ballast leaves; SIM_ALL_FREE: no ballast; 0: by the seed */
	bool verbose;
	bool probe; /* try several cuts on copies wherever one cut happens */
	bool errors; /* disks are made to fail: what only that explains is no loss */
};

/* What a task waits for. */
enum wait_kind {
	WAIT_NONE,
	WAIT_DURABLE, /* lsn a */
	WAIT_GATE, /* slot a, chunks b to c: not locked, not frozen */
	WAIT_LOCK, /* slot a, chunks b to c: not locked */
	WAIT_ISSUE, /* origin a, chunks b to c: not frozen, no fall-through read */
	WAIT_INPLACE, /* origin a, chunk b: no fall-through read */
	WAIT_THAWED, /* slots in mask a */
	WAIT_DRAINED, /* slots in mask a */
	WAIT_IDLE, /* slot a: nothing uses it */
	WAIT_STAGE, /* origin a */
	WAIT_ROOM, /* h->room is no longer a */
	WAIT_SPACE, /* h->space is no longer a */
	WAIT_REFS, /* generation parity a has none left */
	WAIT_COMMIT,
	WAIT_CHECKPOINT,
	WAIT_REAP,
	WAIT_PROVE,
	WAIT_CLEAN,
	WAIT_CHANCE, /* a of 1000 each time */
	WAIT_CLOCK, /* w->clock is past a */
};

struct wait {
	enum wait_kind kind;
	u64 a;
	u32 b, c;
};

enum op_kind {
	OP_WRITE, /* to an origin or a snapshot */
	OP_READ,
	OP_FLUSH,
	OP_DISCARD,
	OP_SNAPSHOT,
	OP_DELETE,
	OP_ROLLBACK,
};

/* One operation of a user. */
struct op {
	enum op_kind kind;
	u32 slot; /* of the volume; ROLLBACK: of the source */
	u32 sector, count;
	bool fua;
	u32 parts; /* SNAPSHOT: of[] become as[] */
	u32 of[2], as[2];
	u32 origin; /* ROLLBACK */
	bool undo; /* as[0] keeps the state */
};

struct world;

struct task {
	struct fiber *fiber;
	struct world *world;
	void (*run)(struct world *w, const struct op *op);
	struct op op;
	struct wait wait;
	u32 priority;
	bool background;
};

/* What the host holds in memory: gone with a power cut. */
struct host {
	struct smv_store *store;
	bool frozen[SIM_VOLUMES];
	u32 writers[SIM_VOLUMES];
	u32 busy[SIM_VOLUMES];
	bool lock[SIM_VOLUMES][SIM_CHUNKS];
	u32 inplace[SIM_ORIGINS][SIM_CHUNKS]; /* fall-through reads */
	u64 stamp[SIM_ORIGINS]; /* decisions taken under another one are void */
	bool staging[SIM_ORIGINS];
	bool moving[SIM_ORIGINS];
	u64 want; /* somebody waits for this lsn */
	bool want_checkpoint;
	bool writes_super; /* the superblock is on its way */
	bool checkpoint_waits; /* for a moment without records */
	u64 room, space; /* counters: there may be more of it now */
	u64 generation;
	bool reaping; /* a batch of freed chunks waits */
	u32 refs[2]; /* data I/O on the store, by generation */
	bool urgent; /* bring everything to rest */
	bool hold_expired;
	struct smv_job ballast[SIM_BALLAST];
	u32 ballasts;
	u32 freed;
};

struct sim_stats {
	u64 histories, ops, cuts, probes, reboots, nested, steps;
	u64 drops, holds, stale, busy, misses, moves, copies, announced, commits, checkpoints;
	u64 checks, sectors, failures, images;
};

struct world {
	struct sim_config config;
	struct random random;
	bool by_priority; /* tasks run by priorities that change now and then */
	bool reuse; /* freed chunks are taken again as soon as they may be */
	u32 chunk_sectors;
	u32 policy;
	u32 mover_permille;
	u32 together_permille; /* copies that go with their commit */
	u32 overlay_entries;
	u32 commit_delay; /* the same for a commit */
	u32 checkpoint_delay; /* steps that each of its I/Os may take, at most */
	struct disk *origin[SIM_ORIGINS];
	struct disk *store;
	struct oracle oracle;
	struct host host;
	struct task task[SIM_TASKS];
	u32 tasks;
	u32 token;
	u32 name;
	u64 group;
	u64 clock; /* of steps */
	bool cut_recovery; /* the power fails again in the next recovery */
	bool replica; /* a copy on which a cut is tried */
	char lost[400];
	jmp_buf out;
	struct sim_stats stats;
	void (*stepped)(struct world *w); /* called after each step, if set */
};

/* ---- world.c ------------------------------------------------------------ */

void sim_config_init(struct sim_config *config);
/* Makes the machine of config.seed, its store formatted and open. */
void world_begin(struct world *w, const struct sim_config *config);
/* Takes a slot for a volume to come, with a name; ~0: none is free. */
u32 slot_reserve(struct world *w, u32 of);
void world_end(struct world *w);
/* Ends the history: something is not as it must be. */
__attribute__((noreturn, format(printf, 2, 3))) void sim_lost(struct world *w, const char *format,
							      ...);
__attribute__((format(printf, 2, 3))) void sim_say(struct world *w, const char *format, ...);

static inline bool rule_on(const struct world *w, enum sim_rule rule)
{
	return !(w->config.off >> rule & 1);
}

/* ---- boot.c: power cuts and recovery -------------------------------------- */

enum sim_cut { SIM_CUT_RANDOM, SIM_CUT_REBOOT, SIM_CUT_POWER };

void world_cut(struct world *w, enum sim_cut how);
/* On copies of the disks: cut in every way up to @limit, recover, check. */
void world_probe(struct world *w, u32 limit);
void world_boot(struct world *w);
/* The first start of a machine just made. */
void world_start(struct world *w);
/* Holds all chunks of the store but @free_chunks. */
void world_ballast(struct world *w, u32 free_chunks);

/* ---- schedule.c ------------------------------------------------------------ */

void task_start(struct world *w, void (*run)(struct world *w, const struct op *op),
		const struct op *op, bool background);
void tasks_abandon(struct world *w);
/* One step of one task; false: none can go on. */
bool world_step(struct world *w);
/* Steps until everything has come to rest; false: only a full store is in the way. */
bool world_settle(struct world *w, const char *what);
u32 world_ops_running(const struct world *w);
void host_wait(struct world *w, struct wait wait);
/* Gives way once; as long as some I/O takes. */
void host_latency(struct world *w);
void host_step(struct world *w);

#define WAIT(w, ...) host_wait(w, (struct wait){ __VA_ARGS__ })

/* ---- host_io.c: the disks, missing blocks, commits ------------------------------ */

/* In a task: in steps. In the main thread: at once. */
int host_io(struct world *w, struct smv_io *io);
int disk_flush_step(struct world *w, struct disk *disk);
int disk_write_step(struct world *w, struct disk *disk, u64 sector, u32 count, const void *data,
		    bool fua);
int disk_read_step(struct world *w, struct disk *disk, u64 sector, u32 count, void *data);
/* What an engine call said: 1: it is to be made again; else its result. */
int host_again(struct world *w, int result, u64 miss);
int host_durable(struct world *w, u64 lsn);
u32 host_ref(struct world *w);
void host_unref(struct world *w, u32 generation);
void host_committer(struct world *w, const struct op *op);
void host_prover(struct world *w, const struct op *op);
void host_checkpointer(struct world *w, const struct op *op);
void host_reaper(struct world *w, const struct op *op);
void host_cleaner(struct world *w, const struct op *op);
/* What a place holds. */
int place_read(struct world *w, const struct smv_where *where, u32 origin, u32 chunk, u32 sectors,
	       void *data);

/* ---- host_origin.c, host_snapshot.c, host_command.c, host_mover.c ------------------------------------- */

struct smv_volume *host_volume(struct world *w, u32 slot);
bool host_usable(const struct world *w, u32 slot);
u32 chunk_sectors_of(const struct world *w, u32 slot, u32 chunk);
bool gate_enter(struct world *w, u32 slot, u32 first, u32 count);
void gate_leave(struct world *w, u32 slot, u32 first, u32 count);
void busy_begin(struct world *w, u32 slot);
void busy_end(struct world *w, u32 slot);
int job_run(struct world *w, u32 origin, struct smv_job *job);
int job_publish(struct world *w, struct smv_job *job, u64 *lsn);
/* A write's first value, and its data. */
u32 token_next(struct world *w);
void token_fill(void *data, u32 count, u32 token);
void host_origin_write(struct world *w, const struct op *op);
void host_origin_discard(struct world *w, const struct op *op);
int origin_settle(struct world *w, u32 origin, bool stage, bool flush, u64 *lsn);
void op_run(struct world *w, const struct op *op);
void op_snapshot(struct world *w, const struct op *op);
void op_delete(struct world *w, const struct op *op);
void op_rollback(struct world *w, const struct op *op);
void host_mover(struct world *w, const struct op *op);
void mover_start(struct world *w, u32 origin);

/* ---- check.c ----------------------------------------------------------------------- */

u32 sector_value(const void *sector);
void sector_fill(void *sector, u32 value);
/* What the volume holds now, without a step. -EIO: lost or invalid. */
int peek_data(struct world *w, u32 slot, u32 chunk, void *data);
int peek_where(struct world *w, u32 slot, u32 chunk, struct smv_where *where);
void check_volumes(struct world *w, bool after_cut);
/* image.c: what the tool's check says of the store's disk. */
void check_image(struct world *w, const char *when);
void check_ownership(struct world *w);
/* At rest: nothing kept that nobody reads, nothing held. */
void check_rest(struct world *w);
/* Everything was deleted: nothing is left over. */
void check_empty(struct world *w);

/* ---- history.c: random histories ------------------------------------------------------ */

/* true: as it must be; false: w->lost says what is not. */
bool history_run(struct world *w, const struct sim_config *config);
bool op_start(struct world *w, const struct op *op);
/* Comes to rest, if space allows, and checks everything. */
void history_rest(struct world *w, const char *what);
void history_delete_all(struct world *w);

/* ---- script.c: histories written down, their schedules searched ------------------------- */

struct sim_script {
	const char *name;
	const char *text; /* see script.c */
	u32 free_chunks; /* SIM_ALL_FREE, or as many as the ballast leaves */
	u32 pause; /* steps after each item, about; 0: by the seed */
	u32 delay; /* steps that a checkpoint's I/O takes at most; 0: by the seed */
	u32 commit_delay; /* the same for a commit */
};

/* NULL: none of that name. */
const struct sim_script *script_find(const char *name);
const struct sim_script *script_number(u32 n);
bool script_run(struct world *w, const struct sim_config *config, const struct sim_script *script);

/* The same, item by item. */
#define SCRIPT_NAMES 16u

struct script_player {
	struct world *w;
	u32 slot[SCRIPT_NAMES]; /* of a script's volume; ~0: none */
	bool full;
};

void script_begin(struct script_player *player, struct world *w);
/* Would it do anything now? */
bool script_can(struct script_player *player, const char *item);
/* Starts it; what comes to rest (.) is at rest when it returns. */
void script_item(struct script_player *player, const char *item);

#endif
