// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which chunks of an origin need nothing before a write, one bit each, in pages that
 * come when a bit is set. One map serves two:
 *
 *   the host: a set bit lets a write go at once, without the engine;
 *   a look-up (I-KNOWN): where the bit is clear no exception of the present epoch
 *   is in the tree. If there is one at all it is in the overlays, whose index says
 *   so: the first write to a chunk reads no tree.
 *
 * A bit is set by the host, and says more than that the exception exists: it is durable, and
 * no read of the chunk in place for a snapshot is under way. So there are moments at which
 * an exception exists and its bit is clear: from its record to the write it was made for, and for
 * ever where that write did not come, where a rollback's mover made it, or where no
 * memory was there for the page.
 *
 * Rules that keep it true:
 *  - bits are set under the host's lock, in the epoch for which the engine said GO,
 *    and cleared all together when the next epoch begins;
 *  - each exception that leaves the overlays for the tree is looked at (the
 *    checkpoint does, before anybody finds it there only): if its bit is clear it
 *    becomes a stray. A clear bit that is no stray's is what look-ups go by;
 *  - only an epoch that began while the store was open is known so. For another
 *    one, and when there are more strays than fit, clear bits say nothing any more,
 *    and the tree is asked (epoch 0 here). A set bit lets writes go all the same;
 *  - pages are published whole and stay until the volume is freed, so the host may
 *    test without a lock; it keeps its tests and the beginning of an epoch apart.
 *
 * It is memory only: a crash takes it, and after it the tree is asked.
 *
 * Weak side: a rollback whose mover preserves chunks here and there leaves a stray for each
 * run of them. With more than SMV_RANGES_MAX runs first writes ask the tree
 * until the next snapshot.
 */
#include "preserved.h"

#define PAGE_BYTES 2048u
#define PAGE_BITS (PAGE_BYTES * 8)
#define PAGES_MAX (1ULL << 20) /* of an origin; bits of chunks beyond are clear */

struct smv_preserved {
	u64 epoch; /* whose exceptions in the tree are known; 0: of none */
	struct smv_ranges *strays; /* in the tree with a clear bit, at least; NULL: none ever */
	u64 pruned; /* the checkpoint before which strays were looked through */
	u64 pages;
	u64 *page[];
};

static size_t bytes_of(u64 pages)
{
	return sizeof(struct smv_preserved) + pages * sizeof(u64 *);
}

int smv_preserved_make(struct smv_store *store, struct smv_volume *origin, u64 chunks)
{
	u64 pages = chunks / PAGE_BITS + 1;

	if (origin->preserved)
		return 0;
	if (pages > PAGES_MAX)
		pages = PAGES_MAX;
	origin->preserved = smv_host_alloc(&store->host, bytes_of(pages));
	if (!origin->preserved)
		return -ENOMEM;
	origin->preserved->pages = pages;
	return 0;
}

static void forget_strays(struct smv_preserved *preserved)
{
	if (preserved->strays)
		preserved->strays->count = 0;
}

void smv_preserved_free(struct smv_store *store, struct smv_volume *volume)
{
	struct smv_preserved *preserved = volume->preserved;
	u64 i;

	if (!preserved)
		return;
	for (i = 0; i < preserved->pages; i++) {
		if (preserved->page[i])
			store->preserved_bytes -= PAGE_BYTES;
		smv_host_free(&store->host, preserved->page[i], PAGE_BYTES);
	}
	smv_host_free(&store->host, preserved->strays, sizeof(*preserved->strays));
	smv_host_free(&store->host, preserved, bytes_of(preserved->pages));
	volume->preserved = NULL;
}

void smv_preserved_begin(struct smv_store *store, struct smv_volume *origin, u64 chunks)
{
	struct smv_preserved *preserved;
	u64 i;

	if (smv_preserved_make(store, origin, chunks))
		return;
	preserved = origin->preserved;
	for (i = 0; i < preserved->pages; i++) {
		if (preserved->page[i])
			memset(preserved->page[i], 0, PAGE_BYTES);
	}
	forget_strays(preserved);
	preserved->epoch = origin->epoch;
}

/* ---- bits ---------------------------------------------------------------------- */

static inline bool is_set(const struct smv_preserved *preserved, u64 chunk)
{
	u64 page = chunk / PAGE_BITS;
	const u64 *bits;

	if (page >= preserved->pages)
		return false;
	bits = smv_port_load(&preserved->page[page]);
	return bits && smv_port_load(&bits[chunk % PAGE_BITS / 64]) >> (chunk % 64) & 1;
}

bool smv_preserved_test(const struct smv_preserved *preserved, u64 first, u64 end)
{
	do {
		if (!is_set(preserved, first))
			return false;
	} while (++first < end);
	return true;
}

/* The page with the bit of @chunk; NULL: there is no memory for it. */
static u64 *page_for(struct smv_store *store, struct smv_preserved *preserved, u64 chunk)
{
	u64 page = chunk / PAGE_BITS, *bits;

	if (page >= preserved->pages)
		return NULL;
	if (preserved->page[page])
		return preserved->page[page];
	if (store->preserved_bytes + PAGE_BYTES > SMV_PRESERVED_BYTES)
		return NULL;
	bits = smv_host_alloc_now(&store->host, PAGE_BYTES);
	if (!bits)
		return NULL;
	store->preserved_bytes += PAGE_BYTES;
	smv_port_publish(&preserved->page[page], bits); /* zeroed before it is seen */
	return bits;
}

void smv_preserved_set(struct smv_store *store, struct smv_volume *origin, u64 first, u64 end)
{
	struct smv_preserved *preserved = origin->preserved;
	u64 i, *bits, *word;

	if (!preserved || store->failed)
		return;
	for (i = first; i < end; i++) {
		bits = page_for(store, preserved, i);
		if (!bits)
			continue;
		word = &bits[i % PAGE_BITS / 64];
		smv_port_publish(word, *word | 1ULL << (i % 64));
	}
}

/* ---- what the tree has (I-KNOWN) ------------------------------------------------- */

/* The bits of most strays have been set by now. */
static void prune(struct smv_preserved *preserved)
{
	struct smv_ranges *strays = preserved->strays;
	u32 i, kept = 0;

	for (i = 0; i < strays->count; i++) {
		if (!smv_preserved_test(preserved, strays->range[i].first, strays->range[i].end))
			strays->range[kept++] = strays->range[i];
	}
	strays->count = kept;
}

static bool add_stray(struct smv_store *store, struct smv_preserved *preserved, u64 chunk)
{
	if (!preserved->strays)
		preserved->strays = smv_host_alloc(&store->host, sizeof(*preserved->strays));
	if (!preserved->strays)
		return false;
	if (preserved->pruned != store->generation)
		prune(preserved);
	preserved->pruned = store->generation;
	return smv_ranges_add(preserved->strays, chunk, chunk + 1);
}

void smv_preserved_leave(struct smv_store *store, struct smv_volume *volume,
			 const struct smv_key *key)
{
	struct smv_preserved *preserved = volume->preserved;

	if (!preserved || preserved->epoch != key->epoch || is_set(preserved, key->chunk) ||
	    add_stray(store, preserved, key->chunk))
		return;
	forget_strays(preserved);
	preserved->epoch = 0;
}

/*
 * No exception is labelled above the present epoch, so if @epoch is the one before, only
 * this epoch's count.
 */
bool smv_preserved_not_in_tree(const struct smv_volume *origin, u64 chunk, u64 epoch)
{
	const struct smv_preserved *preserved = origin->preserved;

	return preserved && preserved->epoch == origin->epoch && epoch + 1 == origin->epoch &&
	       !is_set(preserved, chunk) &&
	       !(preserved->strays && smv_ranges_has(preserved->strays, chunk));
}
