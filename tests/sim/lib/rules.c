// SPDX-License-Identifier: GPL-2.0-only
/* The table of the host's rules, printed and searched. */
#include "rules.h"

#define SIM_RULE_ROW(name, says) { #name, says },

static const struct {
	const char *name;
	const char *says;
} rules[SIM_RULE_COUNT] = { SIM_RULES(SIM_RULE_ROW) };

const char *sim_rule_name(enum sim_rule rule)
{
	return rules[rule].name;
}

const char *sim_rule_says(enum sim_rule rule)
{
	return rules[rule].says;
}

u64 sim_rule_bit(const char *name)
{
	for (u32 i = 0; i < SIM_RULE_COUNT; i++)
		if (!strcmp(rules[i].name, name))
			return 1ull << i;
	return 0;
}
