/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads of the simulated host: each has a stack of its own and gives way only
 * where it says so. They can be abandoned at any point: that is a power cut.
 */
#ifndef SMV_SIM_FIBER_H
#define SMV_SIM_FIBER_H

#include "types.h"

#define FIBER_STACK (128u * 1024)

struct fiber;

/* Will run @run(@argument) when it is resumed. */
struct fiber *fiber_new(void (*run)(void *argument), void *argument);
/* Goes on until its next fiber_yield() or its end. */
void fiber_resume(struct fiber *fiber);
bool fiber_is_done(const struct fiber *fiber);
/* Done or not: its stack is used again. */
void fiber_delete(struct fiber *fiber);

/* In a fiber: back to who resumed it. */
void fiber_yield(void);
/* In a fiber: back, for ever. */
__attribute__((noreturn)) void fiber_exit(void);
bool fiber_running(void);

#endif
