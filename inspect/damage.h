/* SPDX-License-Identifier: GPL-2.0-only */
/* Every kind of damage that `snapmv check' knows: one row each. */
#ifndef SMV_DAMAGE_H
#define SMV_DAMAGE_H

#include "types.h"

/* X(kind, name for programs, what it means, what "where" counts) */
#define SMV_DAMAGES(X)                                                                             \
	X(READ, "read", "a metadata block cannot be read", "block")                                \
	X(SUPER_NONE, "super-none", "neither superblock is valid", "block")                        \
	X(SUPER_ONE, "super-one", "one of the superblocks is damaged", "block")                    \
	X(SUPER_FIELD, "super-field", "a field of the superblock is impossible", "block")          \
	X(DIRECTORY, "directory", "a directory block is damaged", "block")                         \
	X(GROUP, "group", "a group block is damaged or not the one the directory names", "block")  \
	X(GROUP_META, "group-meta", "a group block's list of metadata chunks is impossible",       \
	  "block")                                                                                 \
	X(GROUP_FREE, "group-free", "a group's count of free chunks is wrong", "block")            \
	X(NODE, "node", "a tree node is damaged or not the one its parent points to", "block")     \
	X(NODE_ORDER, "node-order", "a tree's keys are out of order", "block")                     \
	X(NODE_TWICE, "node-twice", "a tree node is reached twice", "block")                       \
	X(NODE_PLACE, "node-place", "a tree node lies in no metadata chunk or in a free block",    \
	  "block")                                                                                 \
	X(NODE_LEAK, "node-leak", "a metadata block is in use but reached by no tree", "block")    \
	X(TREE_COUNT, "tree-count", "a tree's counts in the superblock are wrong", "block")        \
	X(CHUNK_PLACE, "chunk-place", "an exception's chunk cannot hold data", "chunk")            \
	X(CHUNK_TWICE, "chunk-twice", "a chunk has two owners", "chunk")                           \
	X(CHUNK_FREE, "chunk-free", "a chunk is owned but marked free", "chunk")                   \
	X(CHUNK_LEAK, "chunk-leak", "a chunk is marked owned but has no owner", "chunk")           \
	X(COUNT, "count", "a count in the superblock is wrong", "block")                           \
	X(VALUE, "value", "an exception's value is impossible", "volume")                          \
	X(UNPROVEN, "unproven", "an exception in the tree says that its copy is unproven",         \
	  "volume")                                                                                \
	X(ENTRY_VOLUME, "entry-volume", "an exception belongs to no volume", "volume")             \
	X(ENTRY_CHUNK, "entry-chunk", "an exception lies behind its volume's end", "volume")       \
	X(ENTRY_EPOCH, "entry-epoch", "an exception's epoch is not one of its volume", "volume")   \
	X(ENTRY_UNREAD, "entry-unread",                                                            \
	  "an origin's exception is read by nobody, and is not to be cleaned", "volume")           \
	X(VOLUME_FIELD, "volume-field", "a volume's entry in the table is impossible", "volume")   \
	X(VOLUME_NAME, "volume-name", "a volume's name is illegal or used twice", "volume")        \
	X(VOLUME_PARENT, "volume-parent",                                                          \
	  "a volume's parent does not exist, goes in a loop, or its origin was removed", "volume") \
	X(VOLUME_ASOF, "volume-asof", "a volume is as of an epoch its parent has not had",         \
	  "volume")                                                                                \
	X(VOLUME_COUNT, "volume-count", "a volume's count of exceptions is wrong", "volume")       \
	X(VOLUME_ROLL, "volume-roll", "a rollback's references are wrong", "volume")               \
	X(JOURNAL, "journal", "the journal is damaged", "block")                                   \
	X(WATERMARK, "watermark", "a commit says of copies what it cannot know", "block")          \
	X(ANNOUNCED, "announced", "a record announces a copy that cannot be", "volume")            \
	X(REPLAY, "replay", "the journal does not fit the checkpoint", "number")

enum smv_damage_kind {
#define SMV_DAMAGE_ENUM(kind, name, sentence, where) SMV_DAMAGE_##kind,
	SMV_DAMAGES(SMV_DAMAGE_ENUM)
#undef SMV_DAMAGE_ENUM
		SMV_DAMAGE_KINDS
};

/* For programs: "chunk-leak". */
const char *smv_damage_name(enum smv_damage_kind kind);
/* For people: what it means. */
const char *smv_damage_sentence(enum smv_damage_kind kind);
/* What struct smv_damage.where counts: "block", "chunk", "volume", "number". */
const char *smv_damage_where(enum smv_damage_kind kind);

#endif
