// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated disk. What is durable lies in pages shared between clones and
 * copied when one of them changes; what is not flushed is a chain of entries a
 * sector, in the order in which they landed. `dirty' lists the sectors that
 * have a chain.
 *
 * A flush makes durable, sector by sector, the newest entry that had completed
 * when the flush was issued, and forgets that one and those before it.
 *
 * Weak side: no sector is ever torn, lost after a flush, or misplaced; a read
 * never fails by chance, only when told to.
 */
#include <stdlib.h>
#include "disk.h"

#define PAGE_SECTORS 8u

struct page {
	u32 refs;
	u8 data[PAGE_SECTORS * DISK_SECTOR];
};

struct entry {
	struct entry *next; /* of its sector, landed later */
	u64 request;
	u64 completed; /* stamp; 0: in flight */
	bool keep; /* for disk_cut() */
	u8 data[DISK_SECTOR];
};

struct failure {
	u64 after; /* requests to go; 0: none fails */
	bool forever;
};

struct disk {
	u64 sectors;
	struct page **page;
	struct entry **chain; /* of a sector */
	u32 *place; /* of a sector in dirty[], if it has a chain */
	u32 *dirty;
	u32 dirty_count;
	u64 stamp; /* counts events */
	struct random random;
	struct failure failure[DISK_KINDS];
	bool failed;
	struct disk_stats stats;
};

static struct entry *spare;

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct entry *entry_new(void)
{
	struct entry *e = spare;

	if (e)
		spare = e->next;
	else
		e = must(malloc(sizeof(*e)));
	return e;
}

static void entry_free(struct entry *e)
{
	e->next = spare;
	spare = e;
}

static struct disk *disk_empty(u64 sectors)
{
	u64 pages = (sectors + PAGE_SECTORS - 1) / PAGE_SECTORS;
	struct disk *disk = must(calloc(1, sizeof(*disk)));

	disk->sectors = sectors;
	disk->page = must(calloc(pages, sizeof(*disk->page)));
	disk->chain = must(calloc(sectors, sizeof(*disk->chain)));
	disk->place = must(calloc(sectors, sizeof(*disk->place)));
	disk->dirty = must(calloc(sectors, sizeof(*disk->dirty)));
	return disk;
}

struct disk *disk_new(u64 sectors, u32 fill, u64 seed)
{
	struct disk *disk = disk_empty(sectors);
	struct page *page = must(malloc(sizeof(*page)));

	random_seed(&disk->random, seed);
	page->refs = 0;
	for (u32 i = 0; i < sizeof(page->data) / 4; i++)
		memcpy(page->data + 4 * i, &fill, 4);
	for (u64 s = 0; s < sectors; s += PAGE_SECTORS) {
		disk->page[s / PAGE_SECTORS] = page;
		page->refs++;
	}
	return disk;
}

struct disk *disk_clone(const struct disk *disk)
{
	struct disk *copy = disk_empty(disk->sectors);

	for (u64 s = 0; s < disk->sectors; s += PAGE_SECTORS) {
		copy->page[s / PAGE_SECTORS] = disk->page[s / PAGE_SECTORS];
		copy->page[s / PAGE_SECTORS]->refs++;
	}
	for (u32 i = 0; i < disk->dirty_count; i++) {
		u32 s = disk->dirty[i];
		struct entry **tail = &copy->chain[s];

		for (struct entry *e = disk->chain[s]; e; e = e->next) {
			*tail = entry_new();
			**tail = *e;
			tail = &(*tail)->next;
		}
		copy->dirty[i] = s;
		copy->place[s] = i;
	}
	copy->dirty_count = disk->dirty_count;
	copy->stamp = disk->stamp;
	copy->random = disk->random;
	memcpy(copy->failure, disk->failure, sizeof(copy->failure));
	copy->failed = disk->failed;
	copy->stats = disk->stats;
	return copy;
}

/* Forgets the entries of a sector up to @last, or all of them. */
static void forget(struct disk *disk, u32 sector, const struct entry *last)
{
	for (;;) {
		struct entry *e = disk->chain[sector];

		if (!e)
			break;
		disk->chain[sector] = e->next;
		entry_free(e);
		if (e == last)
			break;
	}
	if (!disk->chain[sector]) {
		u32 other = disk->dirty[--disk->dirty_count];

		disk->dirty[disk->place[sector]] = other;
		disk->place[other] = disk->place[sector];
	}
}

void disk_delete(struct disk *disk)
{
	if (!disk)
		return;
	while (disk->dirty_count)
		forget(disk, disk->dirty[0], NULL);
	for (u64 s = 0; s < disk->sectors; s += PAGE_SECTORS) {
		struct page *page = disk->page[s / PAGE_SECTORS];

		if (!--page->refs)
			free(page);
	}
	free(disk->page);
	free(disk->chain);
	free(disk->place);
	free(disk->dirty);
	free(disk);
}

u64 disk_sectors(const struct disk *disk)
{
	return disk->sectors;
}

static u8 *durable(struct disk *disk, u64 sector)
{
	return disk->page[sector / PAGE_SECTORS]->data + sector % PAGE_SECTORS * DISK_SECTOR;
}

static void make_durable(struct disk *disk, u64 sector, const u8 *data)
{
	struct page **page = &disk->page[sector / PAGE_SECTORS];

	if ((*page)->refs > 1) {
		struct page *copy = must(malloc(sizeof(*copy)));

		memcpy(copy->data, (*page)->data, sizeof(copy->data));
		(*page)->refs--;
		copy->refs = 1;
		*page = copy;
	}
	memcpy(durable(disk, sector), data, DISK_SECTOR);
}

/* Counts the request; does it fail? */
static int begin(struct disk *disk, enum disk_kind kind, u32 sectors)
{
	struct failure *failure = &disk->failure[kind];
	bool fails;

	disk->stats.requests[kind]++;
	disk->stats.sectors[kind] += sectors;
	if (!failure->after)
		return 0;
	fails = failure->after == 1;
	if (!fails || !failure->forever)
		failure->after--;
	if (!fails)
		return 0;
	disk->failed = true;
	disk->stats.errors++;
	return -EIO;
}

static void check_range(const struct disk *disk, u64 sector, u32 count)
{
	SMV_ASSERT(sector <= disk->sectors && count <= disk->sectors - sector);
}

/* What a read of the sector sees now. */
static const u8 *visible(struct disk *disk, u64 sector)
{
	const u8 *seen = durable(disk, sector);
	u32 choices = 1;

	for (struct entry *e = disk->chain[sector]; e; e = e->next) {
		if (e->completed) {
			seen = e->data;
			choices = 1;
		} else if (!random_below(&disk->random, ++choices)) {
			seen = e->data;
		}
	}
	return seen;
}

int disk_read(struct disk *disk, u64 sector, u32 count, void *data)
{
	int error = begin(disk, DISK_READ, count);

	check_range(disk, sector, count);
	if (error)
		return error;
	for (u32 i = 0; i < count; i++)
		memcpy((u8 *)data + i * DISK_SECTOR, visible(disk, sector + i), DISK_SECTOR);
	return 0;
}

struct disk_request disk_write_begin(struct disk *disk, u64 sector, u32 count, const void *data)
{
	struct disk_request request = { ++disk->stamp, sector, count, 0 };

	request.error = begin(disk, DISK_WRITE, count);
	check_range(disk, sector, count);
	for (u32 i = 0; i < count; i++) {
		struct entry **tail = &disk->chain[sector + i];
		struct entry *e = entry_new();

		if (!*tail) {
			disk->place[sector + i] = disk->dirty_count;
			disk->dirty[disk->dirty_count++] = (u32)(sector + i);
		}
		while (*tail)
			tail = &(*tail)->next;
		*tail = e;
		e->next = NULL;
		e->request = request.id;
		e->completed = 0;
		memcpy(e->data, (const u8 *)data + i * DISK_SECTOR, DISK_SECTOR);
	}
	return request;
}

/* Takes the request's entry out of the sector's chain. */
static struct entry *take(struct disk *disk, u64 sector, u64 request)
{
	struct entry **link = &disk->chain[sector], *e;

	while ((e = *link) && e->request != request)
		link = &e->next;
	if (e)
		*link = e->next;
	return e;
}

/* Puts it back: where it was issued, or, if it landed last, at the end. */
static void put(struct disk *disk, u64 sector, struct entry *e)
{
	struct entry **link = &disk->chain[sector];
	bool last = random_chance(&disk->random, 500);

	while (*link && (last || (*link)->request < e->request))
		link = &(*link)->next;
	e->next = *link;
	*link = e;
}

static void drop_if_empty(struct disk *disk, u64 sector)
{
	u32 other;

	if (disk->chain[sector])
		return;
	other = disk->dirty[--disk->dirty_count];
	disk->dirty[disk->place[sector]] = other;
	disk->place[other] = disk->place[sector];
}

/* One sector of a write has completed. */
static void land(struct disk *disk, u64 sector, const struct disk_request *request, bool fua)
{
	struct entry *e = take(disk, sector, request->id);

	if (!e)
		return;
	if (request->error && random_chance(&disk->random, 500)) {
		entry_free(e);
		drop_if_empty(disk, sector);
		return;
	}
	e->completed = disk->stamp;
	put(disk, sector, e);
	if (fua && !request->error) {
		make_durable(disk, sector, e->data);
		forget(disk, (u32)sector, e);
	}
}

int disk_write_end(struct disk *disk, const struct disk_request *request, bool fua)
{
	disk->stamp++;
	disk->stats.fua += fua;
	for (u32 i = 0; i < request->count; i++)
		land(disk, request->sector + i, request, fua);
	return request->error;
}

struct disk_request disk_flush_begin(struct disk *disk)
{
	struct disk_request request = { ++disk->stamp, 0, 0, 0 };

	request.error = begin(disk, DISK_FLUSH, 0);
	return request;
}

int disk_flush_end(struct disk *disk, const struct disk_request *request)
{
	disk->stamp++;
	if (request->error)
		return request->error;
	for (u32 i = disk->dirty_count; i-- > 0;) {
		u32 sector = disk->dirty[i];
		struct entry *last = NULL;

		for (struct entry *e = disk->chain[sector]; e; e = e->next)
			if (e->completed && e->completed < request->id)
				last = e;
		if (last) {
			make_durable(disk, sector, last->data);
			forget(disk, sector, last);
		}
	}
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* The ids of all unflushed requests, ascending; the caller frees *ids. */
static u32 unflushed(const struct disk *disk, u64 **ids)
{
	u32 entries = 0, n = 0, distinct = 0;

	for (u32 i = 0; i < disk->dirty_count; i++)
		for (struct entry *e = disk->chain[disk->dirty[i]]; e; e = e->next)
			entries++;
	*ids = must(malloc((entries + 1) * sizeof(**ids)));
	for (u32 i = 0; i < disk->dirty_count; i++)
		for (struct entry *e = disk->chain[disk->dirty[i]]; e; e = e->next)
			(*ids)[n++] = e->request;
	qsort(*ids, n, sizeof(**ids), compare_ids);
	for (u32 i = 0; i < n; i++)
		if (!distinct || (*ids)[distinct - 1] != (*ids)[i])
			(*ids)[distinct++] = (*ids)[i];
	return distinct;
}

u64 disk_events(const struct disk *disk)
{
	return disk->stamp;
}

u32 disk_unflushed(const struct disk *disk)
{
	u64 *ids;
	u32 n = unflushed(disk, &ids);

	free(ids);
	return n;
}

/* Whether the cut keeps request number @i of the unflushed ones. */
static bool keeps(struct disk *disk, enum disk_cut how, u32 pick, u32 i)
{
	switch (how) {
	case DISK_CUT_ALL:
		return true;
	case DISK_CUT_ONE:
		return i == pick;
	case DISK_CUT_BUT_ONE:
		return i != pick;
	case DISK_CUT_PREFIX:
		return i < pick;
	case DISK_CUT_REQUESTS:
		return random_chance(&disk->random, 500);
	default:
		return false;
	}
}

static void mark_kept(struct disk *disk, enum disk_cut how, u32 pick)
{
	u64 *ids;
	u32 n = unflushed(disk, &ids);
	bool *keep = must(calloc(n + 1, sizeof(*keep)));

	for (u32 i = 0; i < n; i++)
		keep[i] = keeps(disk, how, pick, i);
	for (u32 i = 0; i < disk->dirty_count; i++)
		for (struct entry *e = disk->chain[disk->dirty[i]]; e; e = e->next) {
			u64 *id = bsearch(&e->request, ids, n, sizeof(*ids), compare_ids);

			e->keep = keep[id - ids];
		}
	free(keep);
	free(ids);
}

void disk_cut(struct disk *disk, enum disk_cut how, u32 pick)
{
	disk->stats.cuts++;
	if (how != DISK_CUT_SECTORS)
		mark_kept(disk, how, pick);
	while (disk->dirty_count) {
		u32 sector = disk->dirty[0];
		const u8 *data = NULL;
		u32 choices = 1;

		for (struct entry *e = disk->chain[sector]; e; e = e->next) {
			if (how == DISK_CUT_SECTORS)
				e->keep = !random_below(&disk->random, ++choices);
			if (e->keep)
				data = e->data;
		}
		if (data)
			make_durable(disk, sector, data);
		forget(disk, sector, NULL);
	}
}

void disk_reboot(struct disk *disk)
{
	disk->stamp++;
	for (u32 i = disk->dirty_count; i-- > 0;) {
		u32 sector = disk->dirty[i];
		struct entry **link = &disk->chain[sector], *e;

		while ((e = *link)) {
			if (!e->completed && random_chance(&disk->random, 500)) {
				*link = e->next;
				entry_free(e);
				continue;
			}
			if (!e->completed)
				e->completed = disk->stamp;
			link = &e->next;
		}
		drop_if_empty(disk, sector);
	}
}

void disk_fail(struct disk *disk, enum disk_kind kind, u64 nth, bool forever)
{
	disk->failure[kind].after = nth;
	disk->failure[kind].forever = forever;
	disk->failed = false;
}

bool disk_has_failed(const struct disk *disk)
{
	return disk->failed;
}

const struct disk_stats *disk_stats(const struct disk *disk)
{
	return &disk->stats;
}
