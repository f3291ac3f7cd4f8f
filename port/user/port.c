// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user-space port: crc32c (Castagnoli polynomial, reflected 0x82f63b78,
 * RFC 3720 B.4, without the final inversion, as the kernel's crc32c()), eight
 * table look-ups for eight bytes; libxxhash, compiled in, as the kernel has it;
 * and the assertion that aborts.
 */
#define XXH_INLINE_ALL
#include <stdlib.h>
#include <xxhash.h>
#include "port.h"

#define CRC32C_POLY 0x82f63b78u

static u32 crc_table[8][256];

__attribute__((constructor)) static void crc_table_make(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLY : 0);
		crc_table[0][i] = crc;
	}
	for (u32 i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			crc_table[t][i] = crc_table[t - 1][i] >> 8 ^
					  crc_table[0][crc_table[t - 1][i] & 0xff];
}

u32 smv_port_crc32c(u32 crc, const void *data, size_t bytes)
{
	const u8 *p = data;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		u64 word;

		memcpy(&word, p, 8);
		word = le64toh(word) ^ crc;
		crc = 0;
		for (int t = 0; t < 8; t++)
			crc ^= crc_table[7 - t][word >> (8 * t) & 0xff];
	}
	for (; bytes; bytes--, p++)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 0xff];
	return crc;
}

SMV_STATIC_ASSERT(sizeof(XXH64_state_t) == sizeof(struct smv_port_hash));

void smv_port_hash_begin(struct smv_port_hash *hash)
{
	XXH64_reset((XXH64_state_t *)hash, 0);
}

void smv_port_hash_add(struct smv_port_hash *hash, const void *data, size_t bytes)
{
	XXH64_update((XXH64_state_t *)hash, data, bytes);
}

u64 smv_port_hash_end(struct smv_port_hash *hash)
{
	return XXH64_digest((const XXH64_state_t *)hash);
}

void smv_port_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
	abort();
}
