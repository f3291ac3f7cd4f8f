/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers that look random and follow from a seed (splitmix64): the same on
 * every machine, so that a seed is a bug report.
 */
#ifndef SMV_RIG_RANDOM_H
#define SMV_RIG_RANDOM_H

#include "types.h"

struct random {
	u64 state;
};

static inline void random_seed(struct random *r, u64 seed)
{
	r->state = seed * 0x9e3779b97f4a7c15ull + 0x1234567;
}

static inline u64 random_u64(struct random *r)
{
	u64 z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* 0 <= result < @n; @n is not 0. */
static inline u32 random_below(struct random *r, u32 n)
{
	return (u32)((random_u64(r) >> 32) * n >> 32);
}

static inline bool random_chance(struct random *r, u32 permille)
{
	return random_below(r, 1000) < permille;
}

#endif
