// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options and results. A failed assertion of the engine ends the program; so
 * that its line is printed all the same, what replays the history under way is
 * kept where the signal's handler finds it.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "options.h"

static char guard_line[700];
static int guard_status;

static void add_rules(struct options *o, const char *list)
{
	char copy[400];

	o->off = list;
	snprintf(copy, sizeof(copy), "%s", list);
	for (char *name = strtok(copy, ","); name; name = strtok(NULL, ",")) {
		u64 bit = sim_rule_bit(name);

		if (!bit) {
			fprintf(stderr, "%s: no rule %s\n", o->program, name);
			exit(2);
		}
		o->config.off |= bit;
	}
}

static void list_rules(void)
{
	for (u32 i = 0; i < SIM_RULE_COUNT; i++)
		printf("%-14s %s\n", sim_rule_name(i), sim_rule_says(i));
	exit(0);
}

static bool option(struct options *o, int letter, const char *value)
{
	switch (letter) {
	case 's':
		o->first = strtoull(value, NULL, 0);
		o->seeds = 1;
		return true;
	case 'n':
		o->seeds = strtoull(value, NULL, 0);
		return true;
	case 'o':
		o->config.ops = (u32)strtoul(value, NULL, 0);
		return true;
	case 't':
		o->seconds = (u32)strtoul(value, NULL, 0);
		return true;
	case 'N':
		o->name = value;
		return true;
	case 'x':
		add_rules(o, value);
		return true;
	case 'c':
		o->config.chunk_blocks = (u32)strtoul(value, NULL, 0);
		return true;
	default:
		return false;
	}
}

static bool flag(struct options *o, int letter)
{
	switch (letter) {
	case 'v':
		o->config.verbose = true;
		return true;
	case 'p':
		o->config.probe = true;
		return true;
	case 'X':
		o->expect_loss = true;
		return true;
	case 'l':
		list_rules();
	}
	return false;
}

void options_parse(struct options *o, int argc, char **argv, const char *usage)
{
	o->program = argv[0];
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (a[0] != '-' && o->rests < 8) {
			o->rest[o->rests++] = a;
			continue;
		}
		if (a[0] == '-' && a[1] && !a[2] && flag(o, a[1]))
			continue;
		if (a[0] == '-' && a[1] && !a[2] && i + 1 < argc && option(o, a[1], argv[i + 1])) {
			i++;
			continue;
		}
		fprintf(stderr, "usage: %s %s\n", argv[0], usage);
		exit(2);
	}
}

static void aborted(int number)
{
	(void)number;
	fflush(stdout);
	if (write(1, guard_line, strlen(guard_line)) < 0)
		_exit(3);
	_exit(guard_status);
}

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "abort_on_error=1:detect_leaks=0";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

void options_guard(const struct options *o, const char *replay)
{
	guard_status = !o->expect_loss;
	snprintf(guard_line, sizeof(guard_line),
		 "%s %s - %san assertion failed or memory was misused, see stderr (replay: %s)\n",
		 guard_status ? "not ok" : "ok", o->name, guard_status ? "" : "found: ", replay);
	signal(SIGABRT, aborted);
	signal(SIGSEGV, aborted);
	signal(SIGBUS, aborted);
	signal(SIGFPE, aborted);
}

const char *options_replay(const struct options *o, u64 seed)
{
	static char text[400];

	snprintf(text, sizeof(text), "%s -s %llu -o %u%s%s%s -v", o->program,
		 (unsigned long long)seed, o->config.ops, o->config.probe ? " -p" : "",
		 o->off ? " -x " : "", o->off ? o->off : "");
	return text;
}

int options_result(const struct options *o, const char *lost, const char *replay)
{
	if (o->expect_loss) {
		if (lost)
			printf("ok %s - found: %s (replay: %s)\n", o->name, lost, replay);
		else
			printf("not ok %s - not found (replay: %s)\n", o->name, replay);
		return !lost;
	}
	if (lost)
		printf("not ok %s - %s (replay: %s)\n", o->name, lost, replay);
	else
		printf("ok %s\n", o->name);
	return !!lost;
}

double options_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void options_report(const struct sim_stats *s, double seconds)
{
	u64 cuts = s->cuts + s->nested + s->probes;

	printf("# %llu histories, %llu operations, %llu steps, %llu cuts (%llu reboots, %llu in "
	       "recovery, %llu on copies): %.1f s, %.0f cuts/s\n",
	       (unsigned long long)s->histories, (unsigned long long)s->ops,
	       (unsigned long long)s->steps, (unsigned long long)cuts,
	       (unsigned long long)s->reboots, (unsigned long long)s->nested,
	       (unsigned long long)s->probes, seconds, (double)cuts / seconds);
	printf("# commits %llu checkpoints %llu misses %llu copies %llu announced %llu moves %llu drops %llu "
	       "holds %llu stale %llu no-room %llu chunks checked %llu failures %llu images checked %llu\n",
	       (unsigned long long)s->commits, (unsigned long long)s->checkpoints,
	       (unsigned long long)s->misses, (unsigned long long)s->copies,
	       (unsigned long long)s->announced, (unsigned long long)s->moves,
	       (unsigned long long)s->drops, (unsigned long long)s->holds,
	       (unsigned long long)s->stale, (unsigned long long)s->busy,
	       (unsigned long long)s->checks, (unsigned long long)s->failures,
	       (unsigned long long)s->images);
}
