// SPDX-License-Identifier: GPL-2.0
/*
 * Trouble is counted, not timed: the n-th request of a kind to a disk, so that a run can be
 * repeated and every request of a workload be met in turn. One order for each disk and kind.
 */
#include <stdio.h>
#include <string.h>

#include "powercut_trouble.h"

#define ORDERS 16

struct order {
	char disk[64];
	enum trouble_kind kind;
	unsigned long after; /* requests that still go by unharmed */
	unsigned long count; /* that then fail; 0: one is held */
	bool hold;
};

static struct order orders[ORDERS];
static unsigned int norders;
static unsigned long calms;

static const char *const kinds[TROUBLE_KINDS] = { "read", "write", "flush" };

static bool add_order(const char *disk, const char *kind, unsigned long nth, unsigned long count)
{
	for (int i = 0; i < TROUBLE_KINDS; i++) {
		if (strcmp(kind, kinds[i]) || norders == ORDERS || !nth)
			continue;
		orders[norders] = (struct order){ .kind = (enum trouble_kind)i,
						  .after = nth - 1,
						  .count = count,
						  .hold = !count };
		snprintf(orders[norders++].disk, sizeof(orders[0].disk), "%s", disk);
		return true;
	}
	return false;
}

bool trouble_command(const char *text)
{
	char disk[64];
	char kind[16];
	unsigned long nth;
	unsigned long count;

	if (!strcmp(text, "CALM")) {
		norders = 0;
		calms++;
		return true;
	}
	if (sscanf(text, "FAIL %63s %15s %lu %lu", disk, kind, &nth, &count) == 4)
		return add_order(disk, kind, nth, count);
	if (sscanf(text, "HOLD %63s %15s %lu", disk, kind, &nth) == 3)
		return add_order(disk, kind, nth, 0);
	return false;
}

static enum trouble meet(struct order *order)
{
	if (order->after) {
		order->after--;
		return TROUBLE_NONE;
	}
	if (order->count) {
		order->count--;
		return TROUBLE_FAILS;
	}
	if (!order->hold)
		return TROUBLE_NONE;
	order->hold = false;
	return TROUBLE_IS_HELD;
}

enum trouble trouble_of(const char *disk, enum trouble_kind kind)
{
	enum trouble worst = TROUBLE_NONE;

	for (unsigned int i = 0; i < norders; i++) {
		enum trouble now;

		if (orders[i].kind != kind || strcmp(orders[i].disk, disk))
			continue;
		now = meet(&orders[i]);
		if (now > worst)
			worst = now;
	}
	return worst;
}

unsigned long trouble_calms(void)
{
	return calms;
}
