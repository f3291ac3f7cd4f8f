// SPDX-License-Identifier: GPL-2.0-only
/*
 * The overlay: an ordered map of what changed since a checkpoint.
 *
 * A skip list of at most SMV_OVERLAY_LEVELS levels, a quarter of the entries of
 * each also on the next. Entries lie one behind the other in slabs of one size,
 * in the order they came, and leave only all together: an entry stays where it
 * is, so a pointer to one holds until the overlay is cleared. A key deleted
 * stays as a tombstone, since the tree below may have it.
 *
 * Rules that keep it true:
 *  - the list on every level ascends strictly; level 0 has all entries;
 *  - an entry never crosses a slab's end: a slab takes entries while one of the
 *    largest kind still fits. So a slab holds at least per_slab() entries
 *    whatever their heights, and reserve() can count on that (I-RESERVED: after
 *    a reserve of n, n puts cannot fail);
 *  - the heights come from a generator with a fixed seed: the same puts make
 *    the same list, so a history replays exactly;
 *  - the first entry of each (volume, chunk), and no other, is in the index: a hash
 *    table whose buckets are chained through the entries by their place in the
 *    slabs (a ref). A look-up within a chunk starts there, and searches the list
 *    only if it would have to pass more than CHUNK_STEPS entries;
 *  - the search finger (Pugh, A Skip List Cookbook, 1990) keeps, on every level, the last entry
 *    below the one put last; NULL, the head. The next put climbs from there to the first level that
 *    has its place between two neighbours, and searches below it only.
 *
 * One slab is there from the beginning, and a cleared overlay keeps what it has: who
 * finds no memory for more finds room after a checkpoint.
 *
 * It is memory only: a crash takes it and the journal's replay makes it again.
 *
 * Weak side: heights and buckets can be foreseen, so somebody who chooses keys could
 * make a slow list and full buckets, but no wrong ones.
 */
#include "overlay.h"

#define SLAB_BYTES (256u * 1024)
#define SLAB_WORDS (SLAB_BYTES / (u32)sizeof(u64))
#define CHUNK_STEPS 16u

struct smv_overlay_slab {
	u64 word[SLAB_WORDS];
};

static u32 entry_bytes(const struct smv_overlay *overlay, u32 levels)
{
	return (u32)sizeof(struct smv_overlay_entry) + overlay->value_bytes +
	       levels * (u32)sizeof(struct smv_overlay_entry *);
}

static u32 per_slab(const struct smv_overlay *overlay)
{
	return SLAB_BYTES / entry_bytes(overlay, SMV_OVERLAY_LEVELS);
}

static u32 slabs_max(const struct smv_overlay *overlay)
{
	return overlay->limit / per_slab(overlay) + 1;
}

static size_t bucket_bytes(const struct smv_overlay *overlay)
{
	return sizeof(*overlay->bucket) << overlay->bucket_bits;
}

int smv_overlay_init(struct smv_overlay *overlay, const struct smv_host *host, u32 value_bytes,
		     u32 limit, u32 usual)
{
	int err;

	memset(overlay, 0, sizeof(*overlay));
	SMV_ASSERT(value_bytes % sizeof(u64) == 0 && value_bytes <= SLAB_BYTES / 4);
	overlay->host = *host;
	overlay->value_bytes = value_bytes;
	overlay->limit = limit;
	overlay->seed = 2463534242u;
	while (usual >> overlay->bucket_bits > 1)
		overlay->bucket_bits++;
	overlay->slab = smv_host_alloc(host, slabs_max(overlay) * sizeof(*overlay->slab));
	overlay->bucket = smv_host_alloc(host, bucket_bytes(overlay));
	err = overlay->slab && overlay->bucket ? smv_overlay_reserve(overlay, 1) : -ENOMEM;
	if (err)
		smv_overlay_exit(overlay);
	return err;
}

void smv_overlay_exit(struct smv_overlay *overlay)
{
	while (overlay->slabs)
		smv_host_free(&overlay->host, overlay->slab[--overlay->slabs], SLAB_BYTES);
	smv_host_free(&overlay->host, overlay->slab, slabs_max(overlay) * sizeof(*overlay->slab));
	smv_host_free(&overlay->host, overlay->bucket, bucket_bytes(overlay));
	overlay->slab = NULL;
	overlay->bucket = NULL;
}

/* Entries that fit for certain into the memory there is. */
static u32 room(const struct smv_overlay *overlay)
{
	u32 bytes = entry_bytes(overlay, SMV_OVERLAY_LEVELS);

	if (overlay->slab_now >= overlay->slabs)
		return 0;
	return (SLAB_BYTES - overlay->slab_used) / bytes +
	       (overlay->slabs - overlay->slab_now - 1) * per_slab(overlay);
}

int smv_overlay_reserve(struct smv_overlay *overlay, u32 entries)
{
	struct smv_overlay_slab *slab;

	if (entries > overlay->limit || overlay->count > overlay->limit - entries)
		return -EBUSY;
	while (room(overlay) < entries) {
		SMV_ASSERT(overlay->slabs < slabs_max(overlay));
		slab = smv_host_alloc(&overlay->host, sizeof(*slab));
		if (!slab)
			return -ENOMEM;
		overlay->slab[overlay->slabs++] = slab;
	}
	return 0;
}

/* The links that leave an entry, one a level; NULL: those of the head. */
static struct smv_overlay_entry *const *links_of(const struct smv_overlay *overlay,
						 const struct smv_overlay_entry *entry)
{
	if (!entry)
		return overlay->head;
	return (struct smv_overlay_entry *const *)((const u8 *)(entry + 1) + overlay->value_bytes);
}

/*
 * The last entry below @key of each level under @level, NULL where there is none. @entry: the
 * last below of @level itself.
 */
static void search_under(const struct smv_overlay *overlay, const struct smv_key *key, u32 level,
			 const struct smv_overlay_entry *entry,
			 const struct smv_overlay_entry **before)
{
	struct smv_overlay_entry *const *links = links_of(overlay, entry);
	const struct smv_overlay_entry *next, *beyond = NULL;

	while (level--) {
		/* The first one beyond on this level may be known to be from the level above. */
		while ((next = links[level]) && next != beyond) {
			if (smv_key_cmp(&next->key, key) >= 0) {
				beyond = next;
				break;
			}
			entry = next;
			links = links_of(overlay, entry);
		}
		before[level] = entry;
	}
}

static void search(const struct smv_overlay *overlay, const struct smv_key *key,
		   const struct smv_overlay_entry **before)
{
	search_under(overlay, key, SMV_OVERLAY_LEVELS, NULL, before);
}

const struct smv_overlay_entry *smv_overlay_ge(const struct smv_overlay *overlay,
					       const struct smv_key *key)
{
	const struct smv_overlay_entry *before[SMV_OVERLAY_LEVELS];

	search(overlay, key, before);
	return links_of(overlay, before[0])[0];
}

const struct smv_overlay_entry *smv_overlay_le(const struct smv_overlay *overlay,
					       const struct smv_key *key)
{
	const struct smv_overlay_entry *before[SMV_OVERLAY_LEVELS], *at;

	search(overlay, key, before);
	at = links_of(overlay, before[0])[0];
	return at && !smv_key_cmp(&at->key, key) ? at : before[0];
}

const struct smv_overlay_entry *smv_overlay_next(const struct smv_overlay *overlay,
						 const struct smv_overlay_entry *entry)
{
	return links_of(overlay, entry)[0];
}

/* ---- the index of chunks ------------------------------------------------- */

static struct smv_overlay_entry *entry_at(const struct smv_overlay *overlay, u32 ref)
{
	u32 word = ref - 1;

	return (struct smv_overlay_entry *)&overlay->slab[word / SLAB_WORDS]
		->word[word % SLAB_WORDS];
}

/* The first entry of @key's chunk, in the bucket that begins with @ref; NULL: there is none, or no @steps were left. */
static const struct smv_overlay_entry *chunk_first(const struct smv_overlay *overlay, u32 ref,
						   const struct smv_key *key, u32 *steps)
{
	const struct smv_overlay_entry *entry;

	for (; ref && *steps; ref = entry->ref, --*steps) {
		entry = entry_at(overlay, ref);
		if (smv_key_same_chunk(&entry->key, key))
			return entry;
	}
	return NULL;
}

static bool is_in_chunk(const struct smv_overlay_entry *entry, const struct smv_key *key)
{
	return entry && smv_key_same_chunk(&entry->key, key);
}

const struct smv_overlay_entry *smv_overlay_chunk_ge(const struct smv_overlay *overlay,
						     const struct smv_key *key)
{
	const struct smv_overlay_entry *entry;
	u32 ref = *smv_overlay_bucket(overlay, key), steps = CHUNK_STEPS;

	if (!ref)
		return NULL;
	entry = chunk_first(overlay, ref, key, &steps);
	for (; steps && is_in_chunk(entry, key) && entry->key.epoch < key->epoch; steps--)
		entry = smv_overlay_next(overlay, entry);
	if (!steps)
		entry = smv_overlay_ge(overlay, key);
	return is_in_chunk(entry, key) ? entry : NULL;
}

const struct smv_overlay_entry *smv_overlay_chunk_le(const struct smv_overlay *overlay,
						     const struct smv_key *key)
{
	const struct smv_overlay_entry *entry, *last = NULL;
	u32 ref = *smv_overlay_bucket(overlay, key), steps = CHUNK_STEPS;

	if (!ref)
		return NULL;
	entry = chunk_first(overlay, ref, key, &steps);
	for (; steps && is_in_chunk(entry, key) && entry->key.epoch <= key->epoch; steps--) {
		last = entry;
		entry = smv_overlay_next(overlay, entry);
	}
	if (!steps)
		last = smv_overlay_le(overlay, key);
	return is_in_chunk(last, key) ? last : NULL;
}

/* A new entry, known by @ref and linked, is the first of its chunk: instead of the next one, if that was. */
static void index_add(struct smv_overlay *overlay, struct smv_overlay_entry *entry, u32 ref)
{
	const struct smv_overlay_entry *next = smv_overlay_next(overlay, entry);
	u32 *link = smv_overlay_bucket(overlay, &entry->key);
	struct smv_overlay_entry *first;

	if (next && smv_key_same_chunk(&next->key, &entry->key)) {
		while ((first = entry_at(overlay, *link)) != next)
			link = &first->ref;
		entry->ref = first->ref;
		first->ref = 0;
	} else {
		entry->ref = *link;
	}
	*link = ref;
}

/* ---- putting ------------------------------------------------------------- */

static u32 random_levels(struct smv_overlay *overlay)
{
	u32 levels = 1, bits;

	overlay->seed ^= overlay->seed << 13;
	overlay->seed ^= overlay->seed >> 17;
	overlay->seed ^= overlay->seed << 5;
	for (bits = overlay->seed; levels < SMV_OVERLAY_LEVELS && !(bits & 3); bits >>= 2)
		levels++;
	return levels;
}

/* Memory for an entry, by its ref; 0 if none was reserved. */
static u32 take(struct smv_overlay *overlay, u32 levels)
{
	u32 ref;

	SMV_ASSERT(room(overlay) && overlay->count < overlay->limit);
	if (!room(overlay))
		return 0;
	if (overlay->slab_used + entry_bytes(overlay, SMV_OVERLAY_LEVELS) > SLAB_BYTES) {
		overlay->slab_now++;
		overlay->slab_used = 0;
	}
	ref = overlay->slab_now * SLAB_WORDS + overlay->slab_used / (u32)sizeof(u64) + 1;
	overlay->slab_used += entry_bytes(overlay, levels);
	overlay->count++;
	return ref;
}

static void set_value(struct smv_overlay *overlay, struct smv_overlay_entry *entry,
		      const void *value)
{
	entry->tombstone = !value;
	if (value)
		memcpy(entry + 1, value, overlay->value_bytes);
	else
		memset(entry + 1, 0, overlay->value_bytes);
}

static void link_in(struct smv_overlay *overlay, struct smv_overlay_entry *entry)
{
	struct smv_overlay_entry **link;
	u32 level;

	for (level = 0; level < entry->levels; level++) {
		link = (struct smv_overlay_entry **)links_of(overlay, overlay->finger[level]) +
		       level;
		((struct smv_overlay_entry **)links_of(overlay, entry))[level] = *link;
		*link = entry;
	}
}

/* Where the finger is. */
static void add(struct smv_overlay *overlay, const struct smv_key *key, const void *value)
{
	const struct smv_overlay_entry *before = overlay->finger[0];
	u32 levels = random_levels(overlay), ref = take(overlay, levels);
	struct smv_overlay_entry *entry;

	if (!ref)
		return;
	entry = entry_at(overlay, ref);
	entry->key = *key;
	entry->ref = 0;
	entry->levels = (u16)levels;
	set_value(overlay, entry, value);
	link_in(overlay, entry);
	if (!before || !smv_key_same_chunk(&before->key, key))
		index_add(overlay, entry, ref);
}

/* Is @key's place on this level right behind the finger? Then so it is on all levels above. */
static bool is_at_finger(const struct smv_overlay *overlay, u32 level, const struct smv_key *key)
{
	const struct smv_overlay_entry *entry = overlay->finger[level];
	const struct smv_overlay_entry *next = links_of(overlay, entry)[level];

	return (!entry || smv_key_cmp(&entry->key, key) < 0) &&
	       (!next || smv_key_cmp(&next->key, key) >= 0);
}

static void move_finger(struct smv_overlay *overlay, const struct smv_key *key)
{
	const struct smv_overlay_entry *entry = NULL;
	u32 level = 0;

	while (level < SMV_OVERLAY_LEVELS && !is_at_finger(overlay, level, key))
		level++;
	if (level < SMV_OVERLAY_LEVELS)
		entry = overlay->finger[level];
	search_under(overlay, key, level, entry, overlay->finger);
}

void smv_overlay_put(struct smv_overlay *overlay, const struct smv_key *key, const void *value)
{
	struct smv_overlay_entry *entry;

	move_finger(overlay, key);
	entry = links_of(overlay, overlay->finger[0])[0];
	if (entry && !smv_key_cmp(&entry->key, key))
		set_value(overlay, entry, value);
	else
		add(overlay, key, value);
}

void smv_overlay_clear(struct smv_overlay *overlay)
{
	memset(overlay->head, 0, sizeof(overlay->head));
	memset(overlay->finger, 0, sizeof(overlay->finger));
	memset(overlay->bucket, 0, bucket_bytes(overlay));
	overlay->count = 0;
	overlay->slab_now = 0;
	overlay->slab_used = 0;
}
