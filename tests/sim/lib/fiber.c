// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fibers over ucontext. One runs at a time, and it can only give way to the
 * main thread. A stack that is given back, perhaps in mid-function, is cleared
 * of what AddressSanitizer had marked on it before it is used again.
 *
 * Weak side: a fiber that overflows its stack hits a guard page and dies
 * without a word about why.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "fiber.h"

#define GUARD 4096u

struct fiber {
	struct fiber *next; /* in the list of spare ones */
	ucontext_t context;
	u8 *stack;
	void (*run)(void *argument);
	void *argument;
	bool done;
};

static struct fiber *spare;
static struct fiber *current;
static ucontext_t main_context;

#ifdef __SANITIZE_ADDRESS__
void __asan_unpoison_memory_region(void const volatile *address, size_t size);

static void clear_stack(struct fiber *fiber)
{
	__asan_unpoison_memory_region(fiber->stack, FIBER_STACK);
}
#else
static void clear_stack(struct fiber *fiber)
{
	(void)fiber;
}
#endif

__attribute__((noinline)) static struct fiber *fiber_alloc(void)
{
	struct fiber *fiber;
	u8 *map;

	if (spare) {
		fiber = spare;
		spare = fiber->next;
		return fiber;
	}
	fiber = calloc(1, sizeof(*fiber));
	map = mmap(NULL, GUARD + FIBER_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (!fiber || map == MAP_FAILED || mprotect(map, GUARD, PROT_NONE))
		abort();
	fiber->stack = map + GUARD;
	return fiber;
}

static void enter(void)
{
	struct fiber *self = current;

	self->run(self->argument);
	fiber_exit();
}

struct fiber *fiber_new(void (*run)(void *argument), void *argument)
{
	struct fiber *fiber = fiber_alloc();

	clear_stack(fiber);
	fiber->run = run;
	fiber->argument = argument;
	fiber->done = false;
	if (getcontext(&fiber->context))
		abort();
	fiber->context.uc_stack.ss_sp = fiber->stack;
	fiber->context.uc_stack.ss_size = FIBER_STACK;
	fiber->context.uc_link = NULL;
	makecontext(&fiber->context, enter, 0);
	return fiber;
}

void fiber_resume(struct fiber *fiber)
{
	SMV_ASSERT(!current && !fiber->done);
	current = fiber;
	if (swapcontext(&main_context, &fiber->context))
		abort();
}

bool fiber_is_done(const struct fiber *fiber)
{
	return fiber->done;
}

void fiber_delete(struct fiber *fiber)
{
	SMV_ASSERT(fiber != current);
	fiber->next = spare;
	spare = fiber;
}

void fiber_yield(void)
{
	struct fiber *self = current;

	current = NULL;
	if (swapcontext(&self->context, &main_context))
		abort();
}

void fiber_exit(void)
{
	current->done = true;
	fiber_yield();
	abort();
}

bool fiber_running(void)
{
	return current;
}
