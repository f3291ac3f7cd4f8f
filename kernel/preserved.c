// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chunks of an origin known to be preserved since its newest snapshot: one
 * bit each, in pages from a bounded pool. A missing page and a clear bit mean
 * "ask the engine".
 *
 * Rules: a bit is set under dev->lock, by a write that has entered the flight
 * counters while the gate was open, after the engine has said GO, with the
 * exception's commit durable and the chunk's falls ended; never by the mover. It
 * is tested after entering and before leaving the counters. Clearing (a
 * snapshot, the beginning of a rollback) happens with the gate closed and
 * everybody out, so that pages can be given back without waiting for readers.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "dev.h"

#define BITS_PER_PAGE_SHIFT (PAGE_SHIFT + 3)
#define BIT_PAGES_MAX (1ULL << 20)

int smv_preserved_init(struct smv_vol *vol)
{
	u64 pages = (vol->chunks >> BITS_PER_PAGE_SHIFT) + 1;

	vol->bit_pages = min_t(u64, pages, BIT_PAGES_MAX);
	vol->bits = kvcalloc(vol->bit_pages, sizeof(*vol->bits), GFP_KERNEL);
	return vol->bits ? 0 : -ENOMEM;
}

void smv_preserved_clear(struct smv_vol *vol)
{
	u64 i;

	for (i = 0; i < vol->bit_pages; i++) {
		if (!vol->bits[i])
			continue;
		free_page((unsigned long)vol->bits[i]);
		vol->bits[i] = NULL;
		atomic_dec(&vol->dev->bit_pages);
	}
}

void smv_preserved_exit(struct smv_vol *vol)
{
	if (!vol->bits)
		return;
	smv_preserved_clear(vol);
	kvfree(vol->bits);
	vol->bits = NULL;
}

bool smv_preserved_test(struct smv_vol *vol, u64 first, u64 end)
{
	u64 i;

	for (i = first; i < end; i++) {
		u64 page = i >> BITS_PER_PAGE_SHIFT;
		unsigned long *bits;

		if (page >= vol->bit_pages)
			return false;
		bits = READ_ONCE(vol->bits[page]);
		if (!bits || !test_bit(i & ((1UL << BITS_PER_PAGE_SHIFT) - 1), bits))
			return false;
	}
	return true;
}

static unsigned long *page_of(struct smv_vol *vol, u64 page)
{
	unsigned long *bits;

	if (page >= vol->bit_pages)
		return NULL;
	if (vol->bits[page])
		return vol->bits[page];
	if (atomic_inc_return(&vol->dev->bit_pages) > SMV_BIT_PAGES)
		goto full;
	bits = (unsigned long *)get_zeroed_page(GFP_NOWAIT | __GFP_NOWARN);
	if (!bits)
		goto full;
	smp_store_release(&vol->bits[page], bits); /* zeroed before it is seen */
	return bits;

full:
	atomic_dec(&vol->dev->bit_pages);
	return NULL;
}

/* Under dev->lock, by a write in flight (see above). */
void smv_preserved_set(struct smv_vol *vol, u64 first, u64 end)
{
	u64 i;

	for (i = first; i < end; i++) {
		unsigned long *bits = page_of(vol, i >> BITS_PER_PAGE_SHIFT);

		if (bits)
			set_bit(i & ((1UL << BITS_PER_PAGE_SHIFT) - 1), bits);
	}
}
