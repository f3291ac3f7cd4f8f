// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replays a crash log up to many points, loses at each some of what need not be durable,
 * and judges what is left: the store checks clean, activates, checks clean again; every
 * snapshot promised is there and holds what it held when it was taken; none that was
 * deleted is back; and the same after the cleaner has been over it. See USAGE.
 *
 * Points lie just before and behind the ends of flushes and of FUA writes, one in four at a
 * random event. A point is its event and a seed, AT:SEED, from which what is lost follows.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "export.h"

#define USAGE                                                                                      \
	"usage: replay [OPTION...] LOG\n"                                                          \
	"  -n POINTS      how many (100)\n"                                                        \
	"  -s SEED        chooses them, and what is lost (1)\n"                                    \
	"  -p AT:SEED     this one alone\n"                                                        \
	"  -c EVERY       cleans at every so-manieth point (4; 0: never)\n"                        \
	"  -j COMMAND     a judge: run by sh in a folder with a file for each volume, and\n"       \
	"                 `said', the marks so far\n"                                              \
	"  -J EVERY       asks the judge at every so-manieth point (10)\n"                         \
	"  -f FOLDER      for the judge's files\n"                                                 \
	"  -e FOLDER -E N exports N of the points: FOLDER/I/DISK, .../said, .../expect\n"          \
	"  -l LIE         plants a bug: flush, fua, store-flush, origin-flush\n"                   \
	"  -X             something must be found\n"

struct point {
	u32 at;
	u64 seed;
};

static struct {
	u32 points;
	u64 seed;
	u32 clean_every;
	const char *judge;
	u32 judge_every;
	const char *folder;
	const char *export;
	u32 exports;
	enum disks_lie lie;
	bool must_find;
	bool one;
	struct point point;
	const char *path;
} o = { .points = 100, .seed = 1, .clean_every = 4, .judge_every = 10 };

static struct crash_log crash_log;
static struct promises promises;
static struct {
	u64 points, flushes, fuas, losses, judged, cleaned, chunks;
} count;

/* ---- choosing ------------------------------------------------------------------ */

static bool is_sync(u32 at)
{
	const struct crashlog_record *record = crash_log.event[at].record;

	if (record->type == CRASHLOG_FLUSHED)
		return true;
	if (record->type != CRASHLOG_DONE)
		return false;
	for (u32 i = at; i-- > 0;) {
		const struct crashlog_record *write = crash_log.event[i].record;

		if (write->type == CRASHLOG_WRITE && write->id == record->id)
			return write->fua;
	}
	return false;
}

static u32 *find_syncs(u32 *number)
{
	u32 *sync = must_alloc((2 * crash_log.events + 1) * sizeof(*sync));

	*number = 0;
	for (u32 i = promises.start; i < crash_log.events; i++) {
		if (!is_sync(i))
			continue;
		if (crash_log.event[i].record->type == CRASHLOG_FLUSHED)
			count.flushes++;
		else
			count.fuas++;
		sync[(*number)++] = i;
		sync[(*number)++] = i + 1;
	}
	return sync;
}

static int by_place(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return x->at != y->at ? (x->at < y->at ? -1 : 1) : 0;
}

static struct point *choose(void)
{
	struct point *point = must_alloc(o.points * sizeof(*point));
	struct random random;
	u32 syncs, *sync = find_syncs(&syncs);

	random_seed(&random, o.seed);
	for (u32 i = 0; i < o.points; i++) {
		u32 span = crash_log.events - promises.start;

		point[i].at = i % 4 == 3 || !syncs ?
				      promises.start + 1 + random_below(&random, span) :
				      sync[(u64)i * syncs / o.points];
		point[i].seed = random_u64(&random) >> 16;
	}
	free(sync);
	qsort(point, o.points, sizeof(*point), by_place);
	if (o.one) {
		o.points = 1;
		point[0] = o.point;
	}
	return point;
}

/* ---- judging ------------------------------------------------------------------- */

static bool failed(const struct point *point, const char *what)
{
	printf("point %u:%llu: %s\n", point->at, (unsigned long long)point->seed, what);
	printf("replay: build/replay -p %u:%llu %s\n", point->at, (unsigned long long)point->seed,
	       o.path);
	return false;
}

static bool ask_judge(struct cut_store *store, const struct point *point)
{
	char *command;
	int rc;

	if (!export_volumes(store, o.folder))
		return failed(point, store->wrong);
	export_marks(&crash_log, point->at, o.folder);
	if (asprintf(&command, "cd '%s' && (%s) >judged 2>&1", o.folder, o.judge) < 0)
		die("replay: no memory");
	rc = system(command);
	free(command);
	count.judged++;
	if (!rc)
		return true;
	printf("the judge's words are in %s/judged\n", o.folder);
	return failed(point, "the judge finds fault");
}

/* The folder of the next point that is exported. */
static const char *export_folder(void)
{
	static char folder[1024];
	static u32 exported;

	mkdir(o.export, 0755);
	snprintf(folder, sizeof(folder), "%s/%u", o.export, exported++);
	return folder;
}

static bool judge_store(struct cut_store *store, const struct point *point, u32 number)
{
	if (!promises_hold(&promises, store, point->at, &count.chunks))
		return failed(point, store->wrong);
	if (o.judge && (o.one || (o.judge_every && number % o.judge_every == 0)) &&
	    !ask_judge(store, point))
		return false;
	if (!o.clean_every || (number % o.clean_every && !o.one))
		return true;
	count.cleaned++;
	if (!store_settle(store) || !promises_hold(&promises, store, point->at, &count.chunks))
		return failed(point, store->wrong);
	return true;
}

static bool is_exported(u32 number)
{
	return o.exports &&
	       (u64)(number + 1) * o.exports / o.points != (u64)number * o.exports / o.points;
}

static bool try_point(struct disks *disks, const struct point *point, u32 number)
{
	const char *folder = NULL;
	struct cut_store store;
	struct random random;
	bool ok;

	disks_advance(disks, point->at);
	random_seed(&random, point->seed);
	count.points++;
	count.losses += !!disks_pending(disks);
	disks_cut(disks, &random);
	if (is_exported(number)) {
		folder = export_folder();
		export_disks(disks, folder);
		export_marks(&crash_log, point->at, folder);
	}
	ok = store_up(&store, disks) &&
	     (!folder || export_expected(&promises, &store, point->at, folder));
	if (!ok)
		failed(point, store.wrong);
	ok = ok && judge_store(&store, point, number);
	store_down(&store);
	disks_mend(disks);
	return ok;
}

static bool try_all(const struct point *point)
{
	struct disks disks;
	bool ok = true;

	disks_begin(&disks, &crash_log);
	disks.lie = o.lie;
	disks.lie_from = promises.start;
	for (u32 i = 0; i < o.points && ok; i++)
		ok = try_point(&disks, &point[i], i);
	disks_end(&disks);
	return ok;
}

/* What the snapshots are, from disks that lost nothing. */
static bool learn(void)
{
	struct cut_store store;
	struct disks disks;
	bool ok = true;

	disks_begin(&disks, &crash_log);
	for (u32 i = 0; i < crash_log.events && ok; i++) {
		const struct event *event = &crash_log.event[i];

		if (event->record->type != CRASHLOG_MARK ||
		    strncmp(log_text(event), "snapshot-", 9))
			continue;
		disks_advance(&disks, i + 1);
		disks_cut(&disks, NULL);
		ok = store_up(&store, &disks) && promises_learn(&promises, &store, i);
		if (!ok)
			failed(&(struct point){ i + 1, 0 }, store.wrong);
		store_down(&store);
		disks_mend(&disks);
	}
	disks_end(&disks);
	return ok;
}

/* ---- arguments ------------------------------------------------------------------- */

static enum disks_lie lie_of(const char *text)
{
	static const char *const names[] = { "none", "flush", "fua", "store-flush",
					     "origin-flush" };

	for (u32 i = 0; i < 5; i++) {
		if (!strcmp(text, names[i]))
			return (enum disks_lie)i;
	}
	die("%s", USAGE);
}

static void option(int letter, char *value)
{
	switch (letter) {
	case 'n':
		o.points = (u32)strtoul(value, NULL, 10);
		break;
	case 's':
		o.seed = strtoull(value, NULL, 10);
		break;
	case 'p':
		o.one = true;
		o.point.at = (u32)strtoul(value, &value, 10);
		o.point.seed = *value == ':' ? strtoull(value + 1, NULL, 10) : 0;
		break;
	case 'c':
		o.clean_every = (u32)strtoul(value, NULL, 10);
		break;
	case 'j':
		o.judge = value;
		break;
	case 'J':
		o.judge_every = (u32)strtoul(value, NULL, 10);
		break;
	case 'f':
		o.folder = value;
		break;
	case 'e':
		o.export = value;
		break;
	case 'E':
		o.exports = (u32)strtoul(value, NULL, 10);
		break;
	case 'l':
		o.lie = lie_of(value);
		break;
	case 'X':
		o.must_find = true;
		break;
	default:
		die("%s", USAGE);
	}
}

int main(int argc, char **argv)
{
	struct point *point;
	int letter;
	bool ok;

	while ((letter = getopt(argc, argv, "n:s:p:c:j:J:f:e:E:l:X")) != -1)
		option(letter, optarg);
	if (optind + 1 != argc || !o.points || (o.judge && !o.folder) || (o.exports && !o.export))
		die("%s", USAGE);
	o.path = argv[optind];
	log_read(&crash_log, o.path);
	promises_read(&promises, &crash_log);
	point = choose();
	ok = learn() && try_all(point);
	printf("%llu points of a log with %llu flushes and %llu FUA writes: %llu with writes to lose, %llu after cleaning, %llu before a judge; %u snapshots, %llu chunks compared\n",
	       (unsigned long long)count.points, (unsigned long long)count.flushes,
	       (unsigned long long)count.fuas, (unsigned long long)count.losses,
	       (unsigned long long)count.cleaned, (unsigned long long)count.judged, promises.count,
	       (unsigned long long)count.chunks);
	if (o.must_find && ok)
		printf("the planted bug was not found\n");
	free(point);
	return ok != o.must_find ? 0 : 1;
}
