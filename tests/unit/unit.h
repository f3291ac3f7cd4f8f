/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unit tests: one program per file, main() comes with this header.
 *
 *	UNIT_TEST(delete_of_missing_key_leaves_a_tombstone)
 *	{
 *		EXPECT_EQ(count(), 1);
 *	}
 *
 * PROGRAM [-s SEED] [NAME...] runs the named tests, or all in order. A failed
 * EXPECT ends its test; a failed assertion or a sanitizer's report ends the
 * program. Either way the line says how to replay it.
 */
#ifndef SMV_UNIT_H
#define SMV_UNIT_H

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "port.h"

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

static struct unit_test *unit_first, **unit_last = &unit_first;
static const struct unit_test *unit_running;
static const char *unit_program;
static uint64_t unit_seed = 1, unit_state;
static jmp_buf unit_out;

#define UNIT_TEST(test)                                                                            \
	static void test(void);                                                                    \
	__attribute__((constructor)) static void register_##test(void)                             \
	{                                                                                          \
		static struct unit_test self = { #test, test, NULL };                              \
		*unit_last = &self;                                                                \
		unit_last = &self.next;                                                            \
	}                                                                                          \
	static void test(void)

/* ---- random numbers, from the seed and nothing else ---------------------- */

__attribute__((unused)) static uint64_t unit_random(void)
{
	unit_state ^= unit_state << 13;
	unit_state ^= unit_state >> 7;
	unit_state ^= unit_state << 17;
	return unit_state * 0x2545f4914f6cdd1dULL;
}

/* From 0 to @n - 1. */
__attribute__((unused)) static uint64_t unit_below(uint64_t n)
{
	return (unit_random() >> 16) % n;
}

/* ---- results ------------------------------------------------------------- */

static void unit_not_ok(const char *reason)
{
	const char *name = unit_running ? unit_running->name : "";

	printf("not ok %s - %s (replay: %s -s %" PRIu64 " %s)\n", unit_running ? name : "exit",
	       reason, unit_program, unit_seed, name);
	fflush(stdout);
}

__attribute__((noreturn, format(printf, 3, 4), unused)) static void
unit_fail(const char *file, int line, const char *format, ...)
{
	char what[400], reason[600];
	va_list list;

	va_start(list, format);
	vsnprintf(what, sizeof(what), format, list);
	va_end(list);
	snprintf(reason, sizeof(reason), "%s:%d: %s", file, line, what);
	unit_not_ok(reason);
	longjmp(unit_out, 1);
}

#define EXPECT(x)                                                                                  \
	do {                                                                                       \
		if (!(x))                                                                          \
			unit_fail(__FILE__, __LINE__, "%s", #x);                                   \
	} while (0)

#define EXPECT_OP(a, op, b)                                                                        \
	do {                                                                                       \
		long long unit_a = (long long)(a), unit_b = (long long)(b);                        \
		if (!(unit_a op unit_b))                                                           \
			unit_fail(__FILE__, __LINE__, "%s " #op " %s: %lld, %lld", #a, #b, unit_a, \
				  unit_b);                                                         \
	} while (0)

#define EXPECT_EQ(a, b) EXPECT_OP(a, ==, b)
#define EXPECT_NE(a, b) EXPECT_OP(a, !=, b)
#define EXPECT_LT(a, b) EXPECT_OP(a, <, b)
#define EXPECT_LE(a, b) EXPECT_OP(a, <=, b)

#define EXPECT_MEM(a, b, bytes)                                                                    \
	do {                                                                                       \
		if (memcmp(a, b, bytes))                                                           \
			unit_fail(__FILE__, __LINE__, "%s and %s differ", #a, #b);                 \
	} while (0)

/* Does it say that an assertion failed? A sanitizer's report is none. */
static bool unit_says_assertion(FILE *said)
{
	char line[400];
	bool found = false;

	rewind(said);
	while (fgets(line, sizeof(line), said))
		found |= !!strstr(line, "assertion failed");
	return found;
}

/* True if this point is to be run in a child that an assertion must end. */
__attribute__((unused)) static bool unit_fork(bool *aborted)
{
	FILE *said = tmpfile();
	pid_t child;
	int status;

	fflush(stdout);
	child = said ? fork() : -1;
	if (!child) {
		signal(SIGABRT, SIG_DFL);
		if (dup2(fileno(said), 2) < 0)
			_exit(2);
		return true;
	}
	*aborted = child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
		   WTERMSIG(status) == SIGABRT && unit_says_assertion(said);
	if (said)
		fclose(said);
	return false;
}

/* The statement must fail an assertion; it is run in a child. */
#define EXPECT_ASSERT(statement)                                                                   \
	do {                                                                                       \
		bool unit_aborted = false;                                                         \
		if (unit_fork(&unit_aborted)) {                                                    \
			statement;                                                                 \
			_exit(0);                                                                  \
		}                                                                                  \
		if (!unit_aborted)                                                                 \
			unit_fail(__FILE__, __LINE__, "no assertion: %s", #statement);             \
	} while (0)

/* ---- running -------------------------------------------------------------- */

static void unit_aborted(int number)
{
	(void)number;
	unit_not_ok("assertion failed or sanitizer report, see stderr");
	_exit(1);
}

/* Sanitizers end the program through abort(), that is through unit_aborted(). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

static bool unit_wanted(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return !count;
}

static bool unit_run(const struct unit_test *test)
{
	unit_running = test;
	unit_state = unit_seed * 0x9e3779b97f4a7c15ULL | 1;
	if (setjmp(unit_out))
		return false;
	test->run();
	printf("ok %s\n", test->name);
	fflush(stdout);
	return true;
}

int main(int argc, char **argv)
{
	bool failed = false;
	int ran = 0;

	unit_program = argv[0];
	if (argc > 2 && !strcmp(argv[1], "-s")) {
		unit_seed = strtoull(argv[2], NULL, 0);
		argv += 2;
		argc -= 2;
	}
	signal(SIGABRT, unit_aborted);
	for (const struct unit_test *test = unit_first; test; test = test->next) {
		if (!unit_wanted(test->name, argv + 1, argc - 1))
			continue;
		failed |= !unit_run(test);
		ran++;
	}
	unit_running = NULL;
	if (!ran)
		fprintf(stderr, "%s: no such test\n", unit_program);
	return failed || !ran;
}

#endif
