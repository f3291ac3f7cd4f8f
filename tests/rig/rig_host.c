// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the engine under test: malloc with a header that remembers the
 * size, so that a free with another size, a second free and a leak are found
 * at the place they happen. Not thread safe.
 */
#include <stdlib.h>
#include "rig_host.h"

#define RIG_HOST_MAGIC 0x5ec0de5ec0de5ec0ULL

struct rig_memory {
	u64 magic;
	u64 bytes;
};

static u64 allocations, live, live_bytes, fail_in;
static bool has_failed, fail_all;

static void *rig_alloc(void *context, size_t bytes)
{
	struct rig_memory *memory;

	(void)context;
	SMV_ASSERT(bytes);
	allocations++;
	if (fail_all || (fail_in && !--fail_in)) {
		has_failed = true;
		return NULL;
	}
	memory = calloc(1, sizeof(*memory) + bytes);
	if (!memory)
		return NULL;
	memory->magic = RIG_HOST_MAGIC;
	memory->bytes = bytes;
	live++;
	live_bytes += bytes;
	return memory + 1;
}

static void rig_free(void *context, void *pointer, size_t bytes)
{
	struct rig_memory *memory = (struct rig_memory *)pointer - 1;

	(void)context;
	SMV_ASSERT(memory->magic == RIG_HOST_MAGIC);
	SMV_ASSERT(memory->bytes == bytes);
	memory->magic = 0;
	live--;
	live_bytes -= bytes;
	free(memory);
}

const struct smv_host rig_host = { .alloc = rig_alloc,
				   .alloc_now = rig_alloc,
				   .free = rig_free,
				   .context = NULL };

void rig_host_reset(void)
{
	fail_in = 0;
	fail_all = false;
	has_failed = false;
}

void rig_host_fail_at(u64 n)
{
	fail_in = n;
	has_failed = false;
}

void rig_host_fail_all(bool fail)
{
	fail_all = fail;
}

bool rig_host_has_failed(void)
{
	return has_failed;
}

u64 rig_host_allocations(void)
{
	return allocations;
}

u64 rig_host_live(void)
{
	return live;
}

u64 rig_host_live_bytes(void)
{
	return live_bytes;
}
