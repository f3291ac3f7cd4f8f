// SPDX-License-Identifier: GPL-2.0-only
/*
 * One checksum for every metadata block: crc32c over all of it but the field
 * that holds it. It finds torn and damaged blocks (I-CHECKSUM in
 * docs/invariants.md); a block that is whole but old or misplaced is found by
 * the other fields of its header.
 */
#include "checksum.h"

u32 smv_checksum_block(const void *block)
{
	return smv_port_crc32c(~0u, (const u8 *)block + sizeof(__le32),
			       SMV_BLOCK_BYTES - sizeof(__le32));
}
