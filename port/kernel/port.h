/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the engine needs of its surroundings, in the kernel: types, byte
 * order, memory and string functions, assertions, crc32c, xxh64.
 */
#ifndef SMV_PORT_H
#define SMV_PORT_H

#include <asm/barrier.h>
#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/xxhash.h>

#define SMV_STATIC_ASSERT(x) static_assert(x)

static inline u32 smv_port_crc32c(u32 crc, const void *data, size_t bytes)
{
	return crc32c(crc, data, bytes);
}

struct smv_port_hash {
	struct xxh64_state state;
};

static inline void smv_port_hash_begin(struct smv_port_hash *hash)
{
	xxh64_reset(&hash->state, 0);
}

static inline void smv_port_hash_add(struct smv_port_hash *hash, const void *data, size_t bytes)
{
	xxh64_update(&hash->state, data, bytes);
}

static inline u64 smv_port_hash_end(struct smv_port_hash *hash)
{
	return xxh64_digest(&hash->state);
}

static inline u64 smv_port_div(u64 a, u64 b)
{
	return div64_u64(a, b);
}

static inline u64 smv_port_mod(u64 a, u64 b)
{
	u64 rest;

	div64_u64_rem(a, b, &rest);
	return rest;
}

/* For what is read without the lock under which it is written: a word whole, and all that was written before it. */
#define smv_port_load(place) READ_ONCE(*(place))
#define smv_port_publish(place, value)                                                             \
	smp_store_release(place, value) /* pairs with what depends on smv_port_load() */

/* A failed assertion is reported once; the engine's caller stops commits. */
void smv_port_assert_failed(const char *what, const char *file, int line);

#endif
