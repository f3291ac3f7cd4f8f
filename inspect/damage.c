// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of damages, made readable. It promises that each kind has exactly
 * one name and one sentence, which the printer, the JSON and the tests share.
 * Weak side: none of the texts is translated.
 */
#include "damage.h"

struct row {
	const char *name;
	const char *sentence;
	const char *where;
};

static const struct row table[SMV_DAMAGE_KINDS] = {
#define ROW(kind, name, sentence, where) [SMV_DAMAGE_##kind] = { name, sentence, where },
	SMV_DAMAGES(ROW)
#undef ROW
};

const char *smv_damage_name(enum smv_damage_kind kind)
{
	return kind < SMV_DAMAGE_KINDS ? table[kind].name : "unknown";
}

const char *smv_damage_sentence(enum smv_damage_kind kind)
{
	return kind < SMV_DAMAGE_KINDS ? table[kind].sentence : "unknown damage";
}

const char *smv_damage_where(enum smv_damage_kind kind)
{
	return kind < SMV_DAMAGE_KINDS ? table[kind].where : "number";
}
