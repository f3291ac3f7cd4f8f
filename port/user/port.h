/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the engine needs of its surroundings, in user space: types, byte
 * order, memory and string functions, assertions, crc32c, xxh64.
 */
#ifndef SMV_PORT_H
#define SMV_PORT_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#ifndef __force
#define __force
#endif

#define SMV_STATIC_ASSERT(x) _Static_assert(x, #x)

#define cpu_to_le16(x) ((__force __le16)htole16(x))
#define cpu_to_le32(x) ((__force __le32)htole32(x))
#define cpu_to_le64(x) ((__force __le64)htole64(x))
#define le16_to_cpu(x) le16toh((__force u16)(x))
#define le32_to_cpu(x) le32toh((__force u32)(x))
#define le64_to_cpu(x) le64toh((__force u64)(x))

u32 smv_port_crc32c(u32 crc, const void *data, size_t bytes);

/* xxh64 with seed 0, of data that comes in pieces. */
struct smv_port_hash {
	u64 state[11];
};

void smv_port_hash_begin(struct smv_port_hash *hash);
void smv_port_hash_add(struct smv_port_hash *hash, const void *data, size_t bytes);
u64 smv_port_hash_end(struct smv_port_hash *hash);

static inline u64 smv_port_div(u64 a, u64 b)
{
	return a / b;
}

static inline u64 smv_port_mod(u64 a, u64 b)
{
	return a % b;
}

/* For what is read without the lock under which it is written: a word whole, and all that was written before it. */
#define smv_port_load(place) __atomic_load_n(place, __ATOMIC_RELAXED)
#define smv_port_publish(place, value) __atomic_store_n(place, value, __ATOMIC_RELEASE)

/* Prints what failed and aborts. */
void smv_port_assert_failed(const char *what, const char *file, int line);

#endif
