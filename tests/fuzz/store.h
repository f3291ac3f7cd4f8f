/* SPDX-License-Identifier: GPL-2.0-only */
/* The fuzz target and what it is made of; see store.c. */
#ifndef SMV_FUZZ_STORE_H
#define SMV_FUZZ_STORE_H

#include "format.h"
#include "memory.h"

/* A metadata block of a base image, and where its parent names it. */
struct fuzz_block {
	u64 block;
	u64 parent; /* 0: none */
	u32 crc_at; /* of its checksum in the parent, in bytes */
};

#define FUZZ_BLOCKS 512

struct fuzz_base {
	u8 *image;
	u64 blocks;
	u32 count;
	struct fuzz_block block[FUZZ_BLOCKS]; /* parents before children */
};

#define FUZZ_BASES 4

/* The base images: the same in every run. */
const struct fuzz_base *fuzz_base(u32 number);
/* Changes a copy of the base as the input says; checksums are right again unless it says not. */
void fuzz_mutate(const struct fuzz_base *base, struct memory *memory, const u8 *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
