/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the kernel side share.
 *
 *   smv_dev    an active store: the engine, its lock, its workers
 *   smv_vol    a volume in use by a dm device, or an origin read by a snapshot's
 *   smv_target one table's instance of an origin or snapshot target
 *   smv_held   what a bio holds until its end; dm keeps one with each bio
 *   smv_bio    a bio that cannot go at once, on its way through gate and workers
 *   smv_unit   one chunk's job: a copy, a move, a snapshot write
 *
 * Locks, outermost first: smv_stores_mutex (the list of stores), dev->freezing (who freezes
 * filesystems, against the store's suspension), dev->command (the volumes in use, commands, life of
 * their targets), vol->stage_lock, dev->commit_mutex, dev->lock (the engine), then the spinlocks:
 * vol->range_lock; dev->fall_lock, dev->wait_lock (waiting lists, free units), dev->spare_lock.
 */
#ifndef SMV_DEV_H
#define SMV_DEV_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/device-mapper.h>
#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat.h"
#include "store.h"

#define DM_MSG_PREFIX "snap-mv"

#define SMV_BIOS 64 /* smv_bio of a store that there is always memory for */
#define SMV_UNITS 1024u /* jobs of a store at once */
#define SMV_BIO_CHUNKS 512u /* of one bio to a snapshot; a larger one is trimmed */
#define SMV_WINDOW 32u /* jobs of one origin write at once */
#define SMV_FALL_BUCKETS 256u
#define SMV_ROOM_TIME (10 * HZ) /* that a command waits for room of records */
#define SMV_SPARE_BYTES (2u << 20) /* of blocks for copies kept by a store */

/* Something that waits in a list; waking it queues its work. */
struct smv_waiter {
	struct list_head list;
	struct work_struct work;
	u64 lsn;
	unsigned long deadline; /* in jiffies, when held for space; 0: none */
};

/* Chunks [start, last] of a volume, locked or waiting for it. */
struct smv_range {
	struct interval_tree_node node;
	u64 sequence;
	unsigned int blockers;
	struct smv_waiter *waiter;
};

/* A read of an origin's chunk in place on behalf of a snapshot. */
struct smv_fall {
	struct hlist_node node;
	struct smv_vol *origin; /* NULL: none */
	u64 chunk;
};

struct smv_flight {
	u64 ins;
	u64 outs;
};

struct smv_stats {
	atomic64_t copies, moves, snapshot_copies, gated, dropped, lost, events;
};

struct smv_dev {
	struct list_head list; /* of all stores */
	unsigned int references; /* targets of all kinds; under smv_stores_mutex */
	unsigned int targets; /* store targets */
	char name[32]; /* of its dm device, for the log */
	struct mapped_device *md;
	struct dm_table *table; /* the live one: events */
	struct block_device *bdev; /* not when it is gone */
	u32 block_bytes; /* a logical block of it */

	struct mutex commit_mutex; /* one commit at a time */
	struct mutex lock; /* every call of the engine */
	struct smv_store *store;
	u32 chunk_sectors;
	u32 chunk_shift; /* sectors to chunks */
	bool read_only;
	bool failed;
	bool gone; /* its table was taken away */
	bool suspended;
	bool full; /* a write has found no space */
	bool low, full_reported, cleaning, failure_reported; /* as last reported */
	u64 dropped_reported;
	unsigned int eventing; /* events being raised on the table; under wait_lock */

	struct smv_settings settings; /* a copy, for looking at without the lock */
	struct xarray reported; /* numbers of the invalid snapshots reported */

	struct rw_semaphore freezing;
	struct mutex command; /* one message or constructor at a time */
	struct list_head vols; /* under the list's mutex */

	/* host_kernel.c */
	struct bio_set meta_bios;
	struct bio_set copy_bios;
	struct bio_set child_bios; /* parts of bios; put when they end, whoever waits */
	mempool_t blocks;

	/* bio.c */
	mempool_t bios;
	struct bio_list starved; /* bios that found no smv_bio; under wait_lock */
	struct delayed_work starved_work;

	/* worker.c */
	struct workqueue_struct *meta; /* commit, checkpoint, reap */
	struct workqueue_struct *gate; /* bios: may wait for pages, that is for copies */
	struct workqueue_struct *copy; /* units: copies go on */
	struct workqueue_struct *back; /* cleaner, movers, flushes while rolling */
	struct work_struct commit_work;
	struct work_struct checkpoint_work;
	struct work_struct reap_work;
	struct delayed_work room_work;
	struct delayed_work hold_work;
	struct delayed_work prove_work;
	struct delayed_work gather_work;
	struct delayed_work clean_work;
	struct smv_io commit_io;
	struct smv_io checkpoint_io;
	bool checkpoint_asked;
	bool clean_active;
	spinlock_t wait_lock; /* the lists of waiters, free units */
	wait_queue_head_t wait;
	struct list_head lsn_list, room_list, space_list, unit_list, fall_list;
	u64 durable;
	u64 space_epoch; /* counts the times space may have come back */
	atomic64_t written; /* data writes to the store that have completed */
	u64 flushed; /* as many of them are durable */
	unsigned int waiting; /* held for space */

	/* first writes gathered; under lock */
	unsigned int copying, copied, committing;
	unsigned int depth; /* how many there were at once, of late */
	bool commit_asked; /* not only by gathered writes */
	unsigned int gathers; /* commits, counted */
	unsigned int gathers_seen; /* when gather_work was queued */

	/* copies that go with their commits */
	unsigned int announced; /* so many have, up to now */
	unsigned int announced_seen; /* when prove_worker() last looked */
	u64 commit_ns; /* what commits take, about */
	u64 checksum_ns; /* what the checksum of a chunk takes */

	/* data I/O on the store, in two generations; under lock, but for the counters */
	atomic_t ios[2];
	unsigned int generation;
	bool reaping;

	/* copy.c */
	struct list_head units; /* free */
	struct smv_unit *unit_array;
	mempool_t pages;
	struct mutex page_mutex; /* one copy at a time draws on the pool of pages */

	/* spare.c */
	spinlock_t spare_lock;
	struct list_head spares;
	unsigned int spare_count;
	bool spare_used; /* since the last look */
	struct delayed_work spare_work;

	/* range.c */
	spinlock_t fall_lock;
	struct hlist_head falls[SMV_FALL_BUCKETS];

	struct smv_stats stats;
	struct smv_host host;
};

struct smv_vol {
	struct list_head list; /* of its store */
	unsigned int references;
	unsigned int targets;
	struct list_head users; /* targets of an origin and of its snapshots */
	struct smv_dev *dev;
	struct smv_vol *origin; /* itself, for an origin; else holds a reference */
	struct mapped_device *md; /* of its targets; NULL: only its snapshots use it */
	struct smv_volume *volume;
	u64 number, sectors, chunks;
	struct block_device *bdev; /* an origin's device, while its own target exists */
	bool running; /* resumed */
	bool finishing; /* its rollback has ended, not yet durably */
	bool noflush; /* being suspended without a flush: give held bios back */
	bool internal; /* suspended by its store */

	/* the fast path's */
	struct smv_flight __percpu *flight;
	int closed;
	bool readers;
	bool rolling;
	wait_queue_head_t drained;
	struct list_head closed_list;
	const struct smv_preserved *preserved; /* the engine's, of an origin */
	atomic_t gated;
	bool flush_failed; /* and who writes to the origin has not been told */
	atomic64_t late; /* entries but by writes that went at once, of an origin */

	/* snapshots: what a FLUSH has to wait for; under dev->lock */
	u64 lsn;
	atomic64_t written;

	spinlock_t range_lock; /* ranges */
	struct rb_root_cached ranges;
	u64 range_sequence;
	atomic_t falls; /* in flight, of an origin */

	/* rollback */
	struct mutex stage_lock;
	struct delayed_work move_work;
	bool stage_asked, crowd_asked; /* by writes that wait for the mover */
	u32 moved_unstaged;
	unsigned long starved_since; /* the mover waits for space; 0: it does not */
	struct bio flush; /* of a command, of an origin; under way until flushed */
	struct completion flushed;
	unsigned long rests_since; /* it has nothing but what it has passed; 0: it has */
};

struct smv_target {
	struct list_head list; /* of those of its origin */
	struct dm_target *ti;
	struct smv_vol *vol;
	struct smv_dev *dev;
	struct dm_dev *store;
	struct dm_dev *device; /* the origin's */
	struct smv_volume *volume; /* opened */
};

/* Every bio pays for its size: it is cleared with each. */
struct smv_held {
	struct smv_target *target;
	struct smv_bio *io; /* goes on after the bio's I/O; NULL: the bio ends */
	struct smv_fall fall;
	u8 generation;
	bool counted; /* in ios[generation] */
	bool entered;
};

struct smv_bio {
	struct bio *bio;
	struct smv_held *held;
	struct smv_vol *vol; /* the target's */
	struct smv_waiter wait;
	struct smv_range range;
	u64 first, end, next; /* chunks */
	u64 lsn;
	u64 cursor;
	struct list_head units;
	atomic_t pending;
	blk_status_t status;
	bool gated; /* counts in vol->gated */
	bool locked; /* holds or waits for the range */
	bool started; /* a job in this pass */
	bool drop; /* held long enough */
	bool unread; /* metadata it needs cannot be read */
	bool publish; /* written, its chunk is published before the bio ends */
	int verdict; /* of the last pass */
	struct smv_job job; /* the one that found no space, or is published */
	u64 dropped[2],
		dropped_end[2]; /* epochs, and up to which chunk smv_drop() has seen to them */
	u64 space_epoch; /* when it began */
	unsigned long held_since;
};

struct smv_unit {
	struct list_head list;
	struct smv_bio *io; /* NULL: the mover's */
	struct smv_dev *dev;
	struct smv_waiter wait;
	struct smv_job job;
	struct smv_fall fall;
	u8 generation;
	bool counted;
	blk_status_t status;

	/* the copy */
	struct block_device *from;
	struct block_device *to;
	sector_t from_sector;
	sector_t to_sector;
	u32 sectors;
	bool zero;
	bool read_failed;
	bool away; /* and so is all of where it reads */
	bool announced; /* its record goes with the copy */
	void (*read)(struct smv_unit *unit); /* NULL, or called when all has been read */
	void (*done)(struct smv_unit *unit);
	struct completion *complete; /* the mover's */
	struct list_head pages; /* from the pool, or */
	struct page *block; /* one block of them, of a chunk's size */
	struct bio *bio;
};

/* ---- open.c ---- */
struct smv_features {
	bool read_only;
	bool force;
	u8 host[SMV_UUID_BYTES];
	u8 boot[SMV_UUID_BYTES];
	u32 cache_blocks;
	u32 overlay_entries;
};
extern struct mutex smv_stores_mutex;
int smv_dev_get(struct dm_target *ti, struct block_device *bdev,
		const struct smv_features *features, struct smv_dev **found);
struct smv_dev *smv_dev_find(struct block_device *dm_bdev);
void smv_dev_put_target(struct smv_dev *dev);
void smv_dev_put(struct smv_dev *dev);
int smv_hibernate(bool begin);

/* ---- host_kernel.c ---- */
int smv_host_init(struct smv_dev *dev);
void smv_host_exit(struct smv_dev *dev);
int smv_host_io(struct smv_dev *dev, const struct smv_io *io);
int smv_host_fetch(struct smv_dev *dev, u64 block);

/* ---- worker.c ---- */
int smv_worker_init(struct smv_dev *dev);
void smv_worker_stop(struct smv_dev *dev);
void smv_worker_exit(struct smv_dev *dev);
void smv_lock(struct smv_dev *dev);
bool smv_trylock(struct smv_dev *dev);
void smv_unlock(struct smv_dev *dev);
void smv_unlock_unchanged(struct smv_dev *dev);
void smv_fail(struct smv_dev *dev, const char *reason);
void smv_commit_kick(struct smv_dev *dev);
void smv_room_wanted(struct smv_dev *dev, struct smv_vol *vol);
void smv_wake_list(struct smv_dev *dev, struct list_head *list);
bool smv_wait_lsn(struct smv_dev *dev, struct smv_waiter *waiter, u64 lsn);
void smv_wait_list(struct smv_dev *dev, struct list_head *list, struct smv_waiter *waiter);
int smv_wait_durable(struct smv_dev *dev, u64 lsn);
void smv_wait_room(struct smv_dev *dev, struct smv_vol *vol);
bool smv_wait_room_until(struct smv_dev *dev, unsigned long end);
void smv_gather_begin(struct smv_dev *dev);
void smv_gather_copied(struct smv_dev *dev, bool published);
void smv_space_look(struct smv_dev *dev);
void smv_space_back(struct smv_dev *dev);

/* A reference on a generation of data I/O; taken under dev->lock. */
static inline u8 smv_io_enter(struct smv_dev *dev)
{
	atomic_inc(&dev->ios[dev->generation]);
	return (u8)dev->generation;
}

static inline void smv_io_leave(struct smv_dev *dev, u8 generation)
{
	if (atomic_dec_and_test(&dev->ios[generation]) && READ_ONCE(dev->reaping))
		queue_work(dev->meta, &dev->reap_work);
}

/* ---- flush.c ---- */
int smv_flush_data(struct smv_dev *dev, u64 written);
int smv_flush_origin(struct smv_vol *vol, struct block_device *bdev);
int smv_flush_origin_until(struct smv_vol *vol, unsigned long end);
void smv_flush_rest(struct smv_vol *vol);
int smv_flush_told(struct smv_vol *vol, int r);

/* ---- report.c ---- */
void smv_event(struct smv_dev *dev);
void smv_report_state(struct smv_dev *dev);
const char *smv_vol_name(struct smv_dev *dev, struct smv_volume *volume, char *buffer);
#define SMV_VOL_NAME_BYTES (2 * SMV_NAME_BYTES)

/* ---- background.c, mover.c ---- */
void smv_background_init(struct smv_dev *dev);
void smv_background_kick(struct smv_dev *dev);
void smv_background_hurry(struct smv_dev *dev);
void smv_mover_init(struct smv_vol *vol);
void smv_mover_kick(struct smv_vol *vol);
void smv_mover_stop(struct smv_vol *vol);
int smv_origin_sync(struct smv_vol *vol, struct block_device *bdev);

/* ---- vol.c ---- */
int smv_vol_get(struct smv_dev *dev, struct smv_volume *volume, struct smv_vol **found);
void smv_vol_put(struct smv_vol *vol);
struct smv_vol *smv_vol_find(struct smv_dev *dev, u64 number);
int smv_vol_claim(struct smv_vol *vol, struct smv_target *target);
void smv_vol_release(struct smv_target *target);
void smv_vol_readers(struct smv_vol *vol);
void smv_vol_suspend(struct smv_vol *vol);
void smv_vol_resume(struct smv_vol *vol);
void smv_vol_close_gate(struct smv_vol *vol);
bool smv_vol_drain(struct smv_vol *vol, unsigned long timeout);
void smv_vol_open_gate(struct smv_vol *vol);
u64 smv_vol_passed(struct smv_vol *vol);

static inline void smv_leave(struct smv_vol *vol)
{
	this_cpu_inc(vol->flight->outs);
	smp_mb(); /* pairs with the closing of the gate: the count, then the look */
	if (unlikely(READ_ONCE(vol->closed)))
		wake_up_all(&vol->drained);
}

/* A write is in flight from here on, unless the gate is closed. */
static inline bool smv_enter(struct smv_vol *vol)
{
	this_cpu_inc(vol->flight->ins);
	smp_mb(); /* pairs with the closing of the gate: the count, then the look */
	/* Who finds it open again finds what was changed while it was closed. */
	if (likely(!smp_load_acquire(&vol->closed)))
		return true;
	smv_leave(vol);
	return false;
}

/* ---- range.c ---- */
bool smv_range_lock(struct smv_vol *vol, struct smv_range *range);
bool smv_range_trylock(struct smv_vol *vol, struct smv_range *range);
void smv_range_unlock(struct smv_vol *vol, struct smv_range *range);
void smv_fall_begin(struct smv_dev *dev, struct smv_fall *fall, struct smv_vol *origin, u64 chunk);
void smv_fall_end(struct smv_dev *dev, struct smv_fall *fall);
bool smv_fall_wait(struct smv_vol *origin, u64 first, u64 end, struct smv_waiter *waiter);

/* ---- copy.c ---- */
int smv_copy_init(struct smv_dev *dev);
void smv_copy_exit(struct smv_dev *dev);
struct smv_unit *smv_unit_get(struct smv_dev *dev);
u32 smv_unit_get_many(struct smv_dev *dev, struct list_head *list, u32 count,
		      struct smv_waiter *waiter);
void smv_unit_leave(struct smv_unit *unit);
void smv_unit_put(struct smv_unit *unit);
void smv_copy_start(struct smv_unit *unit, void (*done)(struct smv_unit *unit));
void smv_copy_zeroes(struct smv_unit *unit);
bool smv_copy_answers(struct smv_unit *unit);
u64 smv_copy_checksum(struct smv_unit *unit);
void smv_unit_places(struct smv_unit *unit, struct smv_vol *vol, struct block_device *origin);
void smv_unit_queue(struct smv_unit *unit, work_func_t work);

static inline sector_t smv_store_sector(struct smv_dev *dev, struct smv_store_chunk chunk)
{
	return (sector_t)chunk.no << dev->chunk_shift;
}

/* ---- spare.c ---- */
void smv_spare_init(struct smv_dev *dev);
void smv_spare_drop(struct smv_dev *dev);
struct page *smv_spare_get(struct smv_dev *dev);
void smv_spare_put(struct smv_dev *dev, struct page *block);

/* ---- bio.c ---- */
int smv_bio_module_init(void);
void smv_bio_module_exit(void);
int smv_bio_pool_init(struct smv_dev *dev);
void smv_bio_pool_exit(struct smv_dev *dev);
struct smv_bio *smv_bio_new(struct smv_held *held, struct bio *bio);
void smv_bio_free(struct smv_bio *io);
int smv_bio_starve(struct smv_dev *dev, struct bio *bio);
int smv_bio_start(struct smv_held *held, struct bio *bio, struct workqueue_struct *queue,
		  work_func_t work);
int smv_bio_start_locked(struct smv_held *held, struct bio *bio, work_func_t work);
void smv_bio_queue(struct smv_bio *io, struct workqueue_struct *queue, work_func_t work);
void smv_bio_lock(struct smv_bio *io, work_func_t work);
bool smv_bio_trylock(struct smv_bio *io, work_func_t work);
void smv_bio_unlock(struct smv_bio *io);
void smv_bio_issue(struct smv_bio *io);
void smv_bio_end(struct smv_bio *io, blk_status_t status);
int smv_bio_ended(struct bio *bio, blk_status_t status);
bool smv_bio_park_closed(struct smv_bio *io);
bool smv_bio_park_room(struct smv_bio *io, bool may_go_back);
bool smv_bio_hold(struct smv_bio *io);
bool smv_hold_is_over(struct smv_dev *dev, unsigned long *since);
int smv_space_drop(struct smv_dev *dev, struct smv_job *job, u64 *cursor, u64 *lsn);
void smv_bio_written(struct smv_vol *vol);
void smv_child_submit(struct smv_bio *io, struct block_device *bdev, sector_t from, u32 sectors,
		      sector_t to);

static inline u64 smv_bio_first(const struct smv_dev *dev, const struct bio *bio)
{
	return bio->bi_iter.bi_sector >> dev->chunk_shift;
}

/* The chunk after the bio's last one. A bio without data has none. */
static inline u64 smv_bio_end_chunk(const struct smv_dev *dev, const struct bio *bio)
{
	return (bio_end_sector(bio) + dev->chunk_sectors - 1) >> dev->chunk_shift;
}

/* The origin's device, as the bio's target has it. */
static inline struct block_device *smv_bio_origin(const struct smv_bio *io)
{
	return io->held->target->device->bdev;
}

static inline struct smv_held *smv_held_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct smv_held));
}

static inline struct smv_held *smv_held_init(struct bio *bio, struct smv_target *target)
{
	struct smv_held *held = smv_held_of(bio);

	held->target = target;
	held->io = NULL;
	held->fall.origin = NULL;
	held->counted = false;
	held->entered = false;
	return held;
}

static inline bool smv_held_enter(struct smv_held *held)
{
	held->entered = smv_enter(held->target->vol);
	return held->entered;
}

/* The same, for all but writes that go on from map() at once. */
static inline bool smv_held_enter_late(struct smv_held *held)
{
	atomic64_inc(&held->target->vol->late);
	return smv_held_enter(held);
}

static inline void smv_held_leave(struct smv_held *held)
{
	if (!held->entered)
		return;
	held->entered = false;
	smv_leave(held->target->vol);
}

/* The bio's I/O has ended: see smv_unit_leave(). */
static inline void smv_held_uncount(struct smv_held *held)
{
	if (held->counted)
		smv_io_leave(held->target->dev, held->generation);
	held->counted = false;
}

/* Gives back what the bio holds. In end_io too. */
static inline void smv_held_release(struct smv_held *held)
{
	smv_held_uncount(held);
	if (held->fall.origin)
		smv_fall_end(held->target->dev, &held->fall);
	smv_held_leave(held);
}

/* ---- gate.c ---- */
int smv_gate_write(struct smv_held *held, struct bio *bio);

/* ---- discard.c ---- */
int smv_discard_origin(struct smv_held *held, struct bio *bio);
int smv_discard_snapshot(struct smv_held *held, struct bio *bio);

/* ---- read.c ---- */
int smv_read_map(struct smv_held *held, struct bio *bio);

/* ---- snapshot_write.c ---- */
int smv_snapshot_write_map(struct smv_held *held, struct bio *bio);
int smv_snapshot_flush_map(struct smv_held *held, struct bio *bio);

/* ---- text.c ---- */
int smv_text_decode(char *text);
size_t smv_text_encode(char *out, size_t size, const char *text);

/* ---- message.c, status.c ---- */
int smv_message(struct smv_dev *dev, unsigned int argc, char **argv, char *result,
		unsigned int maxlen);
void smv_status_store(struct smv_dev *dev, char *result, unsigned int maxlen);
void smv_status_volume(struct smv_target *target, char *result, unsigned int maxlen);

extern struct target_type smv_store_target;
extern struct target_type smv_origin_target;
extern struct target_type smv_snapshot_target;
extern bool smv_assert_failed;

/* ---- target.c ---- */
int smv_target_new(struct dm_target *ti, unsigned int argc, char **argv, bool snapshot);
void smv_target_free(struct dm_target *ti);
void smv_target_presuspend(struct dm_target *ti);
void smv_target_presuspend_undo(struct dm_target *ti);
void smv_target_postsuspend(struct dm_target *ti);
void smv_target_resume(struct dm_target *ti);
int smv_target_end_io(struct dm_target *ti, struct bio *bio, blk_status_t *error);
void smv_target_status(struct dm_target *ti, status_type_t type, unsigned int flags, char *result,
		       unsigned int maxlen);

#endif
