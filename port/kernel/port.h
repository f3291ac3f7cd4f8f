/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the engine needs of its surroundings, in the kernel: types, byte
 * order, memory and string functions, assertions, crc32c.
 */
#ifndef SMV_PORT_H
#define SMV_PORT_H

#include <linux/bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/types.h>

#define SMV_STATIC_ASSERT(x) static_assert(x)

static inline u32 smv_port_crc32c(u32 crc, const void *data, size_t bytes)
{
	return crc32c(crc, data, bytes);
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

/* A failed assertion is reported once; the engine's caller stops commits. */
void smv_port_assert_failed(const char *what, const char *file, int line);

#endif
