/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules that are the host's to keep: one table, used by the simulated host,
 * by the options and by the lists of canaries. Rules that live inside the
 * engine are broken by planting, see tests/sim/mutate.
 */
#ifndef SMV_SIM_RULES_H
#define SMV_SIM_RULES_H

#include "types.h"

#define SIM_RULES(X)                                                                               \
	X(copy_first, "the exception is recorded after its copy has completed")                    \
	X(commit_first, "the origin write is issued after the commit")                             \
	X(free_read, "a freed chunk is reused after every read mapped to it has ended")            \
	X(free_write, "a freed chunk is reused after every write mapped to it has ended")          \
	X(inplace_wait, "fall-through reads end before the chunk is overwritten")                  \
	X(snap_flush, "snapshot and rollback flush the origin between drain and record")           \
	X(snap_marks, "a snapshot is preceded by the marks of everything moved before it")         \
	X(snap_drain,                                                                              \
	  "a write that was decided is drained, or decided anew, before the epoch ends")           \
	X(mark_flush, "a mark is recorded after an origin flush begun after the move completed")   \
	X(flush_marks, "FLUSH on an origin waits for the marks of all chunks written before it")   \
	X(fua_marks, "FUA on a chunk whose mark is not durable flushes, marks and commits")        \
	X(flush_fin, "FLUSH on an origin waits for the record that finished its rollback")         \
	X(fin_flush, "finishing flushes the origin first")                                         \
	X(roll_wait, "nothing moves and no write enters until the rollback is durable")            \
	X(inval_durable, "drop: the invalidation is durable before the write is issued")           \
	X(mover_waits, "drop: the mover waits for space, it never invalidates")                    \
	X(recover_flush, "recovery flushes the store before anything acts on what it replayed")    \
	X(group_record, "a group snapshot is one record")                                          \
	X(restart, "a lookup that had to wait starts over")                                        \
	X(announce_fua, "an announced copy is durable before the origin is overwritten")           \
	X(commit_flush, "a commit flushes the store before it writes")                             \
	X(super_flush, "the superblock is written after a flush")

enum sim_rule {
#define SIM_RULE_ENUM(name, says) RULE_##name,
	SIM_RULES(SIM_RULE_ENUM)
#undef SIM_RULE_ENUM
		SIM_RULE_COUNT
};

const char *sim_rule_name(enum sim_rule rule);
const char *sim_rule_says(enum sim_rule rule);
/* The bit of the rule; 0: no such rule. */
u64 sim_rule_bit(const char *name);

#endif
