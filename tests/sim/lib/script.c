// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scripts: short histories, each after the one that breaks a rule soonest. The
 * operations are given, their schedule follows from the seed.
 *
 *   W origin chunk part [F]   write; part: a (all), 0, 1 (halves); F: with FUA
 *   w snapshot chunk part [F]
 *   S volumes names           snapshot, several at one point: S 0,1 2,3
 *   D snapshot                delete
 *   R origin snapshot undo    rollback; undo: a name or -
 *   x snapshot chunk          discard
 *   X origin chunk            discard
 *   r volume chunk            read
 *   F volume                  flush
 *   C                         a checkpoint
 *   SUPER                     on, until a superblock is being written
 *   full                      the ballast takes what is free
 *   .                         everything comes to rest and is checked
 *   CUT, REBOOT               power cut; restart, the caches survive
 *   CUTCUT, BOOTCUT           the same, and a power cut in the recovery
 */
#include <stdlib.h>
#include "world.h"

#define NAMES SCRIPT_NAMES

/* Sixteen commits. */
#define LAP                                                                                        \
	"w 2 0 a F|w 2 1 a F|x 2 0|F 2|w 2 0 a F|x 2 1|F 2|w 2 1 a F|"                             \
	"x 2 0|F 2|x 2 1|F 2|w 2 0 a F|w 2 1 a F|x 2 0|F 2|w 2 0 a F|x 2 1|F 2|w 2 1 a F|"

#define SCRIPT(says, items, left)                                                                  \
	{                                                                                          \
		.name = says, .text = items, .free_chunks = left                                   \
	}
/* Commits follow each other while a checkpoint takes its time. */
#define SLOW(says, items, left)                                                                    \
	{                                                                                          \
		.name = says, .text = items, .free_chunks = left, .pause = 14, .delay = 900        \
	}

/* Many records wait for the commit in flight. */
#define FAST(says, items)                                                                          \
	{                                                                                          \
		.name = says, .text = items, .free_chunks = SIM_ALL_FREE, .pause = 6,              \
		.commit_delay = 120                                                                \
	}

static const struct sim_script scripts[] = {
	SCRIPT("copy_first", "S 0 2|W 0 0 a|CUT", SIM_ALL_FREE),
	SCRIPT("commit_first", "S 0 2|W 0 0 a|CUT", SIM_ALL_FREE),
	SCRIPT("announced", "S 0 2|.|W 0 0 a|W 0 1 a|CUT", SIM_ALL_FREE),
	SCRIPT("announced_read", "S 0 2|.|W 0 0 a|r 2 0|r 2 0", SIM_ALL_FREE),
	SCRIPT("announced_cut", "S 0 2|.|W 0 0 a|C|W 0 1 a|C|CUT", SIM_ALL_FREE),
	SCRIPT("announced_clean", "S 0 2|.|W 0 0 a|D 2|.", SIM_ALL_FREE),
	SCRIPT("announced_roll", "S 0 2|W 0 1 a|.|W 0 0 a|R 0 2 -|W 0 0 0|F 0|CUT", SIM_ALL_FREE),
	SCRIPT("free_commit", "S 0 2|w 2 0 a|F 2|x 2 0|w 2 1 a|CUT", 1),
	SCRIPT("free_read", "S 0 2|w 2 0 a|w 2 1 a|.|r 2 0|x 2 0|x 2 1|w 2 1 a|w 2 2 a", 2),
	SCRIPT("free_write", "S 0 2|w 2 0 a|.|w 2 0 a|x 2 0|w 2 1 a|.", 1),
	SCRIPT("recent", "S 0 2|.|r 2 0|W 0 0 a|r 2 0", SIM_ALL_FREE),
	SCRIPT("inplace_wait", "S 0 2|.|r 2 0|W 0 0 a", SIM_ALL_FREE),
	SCRIPT("snap_flush", "W 0 0 a|S 0 2|CUT", SIM_ALL_FREE),
	SCRIPT("snap_marks", "S 0 2|W 0 0 a|R 0 2 -|W 0 0 a|S 0 3|CUT", SIM_ALL_FREE),
	SCRIPT("snap_drain", "S 0 2|W 0 0 a|S 0 3|.", SIM_ALL_FREE),
	SCRIPT("dead_durable", "S 0 2|.|D 2|W 0 0 a|CUT", SIM_ALL_FREE),
	SCRIPT("preserve_T", "S 0 2|W 0 0 a|R 0 2 -|S 0 3|W 0 0 0|.", SIM_ALL_FREE),
	SCRIPT("mark_flush", "S 0 2|W 0 0 a|R 0 2 -|CUT", SIM_ALL_FREE),
	SCRIPT("flush_marks", "S 0 2|W 0 0 a|R 0 2 -|W 0 0 a|F 0|CUT", SIM_ALL_FREE),
	SCRIPT("fua_marks", "S 0 2|W 0 0 a|R 0 2 -|W 0 0 0|W 0 0 0 F|CUT", SIM_ALL_FREE),
	SCRIPT("flush_fin", "S 0 2|W 0 0 a|R 0 2 -|W 0 0 a|F 0|CUT", SIM_ALL_FREE),
	SCRIPT("fin_flush", "S 0 2|W 0 0 a|R 0 2 -|CUT", SIM_ALL_FREE),
	SCRIPT("fin_first", "S 0 2|W 0 0 a|R 0 2 -|W 0 0 a|F 0|CUT", SIM_ALL_FREE),
	SCRIPT("roll_wait", "S 0 2|W 0 0 a|F 0|R 0 2 -|CUT", SIM_ALL_FREE),
	SCRIPT("pin_logged", "S 0 2|w 2 0 a|R 0 2 -|D 2|S 1 3|S 1 4|CUT", SIM_ALL_FREE),
	SCRIPT("one_log", "S 0 2|w 2 0 a|S 2 3|.", SIM_ALL_FREE),
	SCRIPT("zero_entry", "S 0 2|w 2 0 a|S 2 3|w 3 0 a|D 2|.|x 3 0|r 3 0", SIM_ALL_FREE),
	SCRIPT("interval", "S 0 2|w 2 0 a|W 0 0 a|.|x 2 0|r 2 0", SIM_ALL_FREE),
	SCRIPT("parent_pass", "S 0 2|w 2 0 a|S 2 3|w 2 0 a|D 3|.", SIM_ALL_FREE),
	SCRIPT("rekey_atomic", "S 0 2|w 2 0 a|S 2 3|D 2|CUT", SIM_ALL_FREE),
	SCRIPT("merge_check", "S 0 2|w 2 0 a|S 2 3|D 2|S 3 4|.", SIM_ALL_FREE),
	SCRIPT("merge_zero", "S 0 2|w 2 0 a|S 2 3|w 3 0 a|S 3 4|D 3|.|D 2|.", SIM_ALL_FREE),
	SCRIPT("restart", "S 0 2|w 2 0 a|S 2 3|.|r 3 0|D 2|.", 1),
	SCRIPT("group_record", "S 0,1 2,3|CUT", SIM_ALL_FREE),
	SCRIPT("inval_seen", "S 0 2|.|full|W 0 0 a|X 0 1|CUT", SIM_ALL_FREE),
	SCRIPT("sb_unknown", "S 0 2|W 0 0 a|C|W 0 1 a|C|w 2 0 a|C|w 2 1 a|C|CUT", 4),
	SLOW("jr_hold", "S 0 2|.|" LAP LAP "C|" LAP LAP LAP LAP "CUT", SIM_ALL_FREE),
	SCRIPT("seq", "S 0 2|.|" LAP LAP LAP LAP LAP "C|" LAP LAP LAP LAP LAP "CUT", SIM_ALL_FREE),
	SCRIPT("whole", "S 0 2|w 2 0 a F|S 0,1 3,4|S 0,1 5,6|S 0,1 7,8|CUT", SIM_ALL_FREE),
	SCRIPT("checkpoint", "S 0 2|W 0 0 a|C|w 2 0 a|w 2 1 a|W 0 1 a|C|x 2 0|W 0 2 a|C|CUT", 8),
	SCRIPT("merge", "S 0 2|w 2 0 a|w 2 1 a|S 2 3|w 3 1 a|S 3 4|D 2|D 3|F 4|CUT", SIM_ALL_FREE),
	FAST("inc", "S 0 2|S 1 3|S 0 4|S 1 5|S 0 6|S 1 7|CUT|"
		    "S 0 8|S 1 9|S 0 10|S 1 11|S 0 12|S 1 13|CUT"),
	SCRIPT("history", NULL, 0), /* a random one */
	SCRIPT("inval_durable", "S 0 2|.|full|W 0 0 a|CUT", SIM_ALL_FREE),
	SCRIPT("mover_waits", "S 0 2|w 2 0 a|.|full|R 0 2 -|.", SIM_ALL_FREE),
	SLOW("recover_flush", "S 0 2|w 2 0 a F|C|.|w 2 1 a F|C|SUPER|w 2 2 a F|BOOTCUT|CUT",
	     SIM_ALL_FREE),
	SCRIPT("mark_cleared", "S 0 2|W 0 0 a|.|R 0 2 -|W 0 0 0|.", SIM_ALL_FREE),
	SCRIPT("known_leave", "S 0 2|.|W 0 0 a|C|W 0 1 a|C|.", SIM_ALL_FREE),
	SCRIPT("pass_race", "S 0 2|w 2 0 a|w 2 1 a|S 2 3|D 3|S 2 4|w 2 2 a|w 2 1 a|.",
	       SIM_ALL_FREE),
	SCRIPT("drop_entry", "S 0 2|.|w 2 0 0|full|W 0 0 a|CUT", SIM_ALL_FREE),
	SCRIPT("supersede", "S 0 2|w 2 0 a|S 2 3|D 3|.|w 2 0 a|CUT|.", SIM_ALL_FREE),
	SCRIPT("two_lives", "S 0 2|W 0 0 a|C|S 0 3|W 0 0 a|C|D 2|C|BOOTCUT|W 0 1 a|C|CUTCUT", 4),
	SCRIPT("stale_tail", "S 0 2|w 2 0 a|w 2 1 a|CUT|w 2 0 a|CUTCUT|w 2 1 a|BOOTCUT|w 2 0 a|CUT",
	       4),
};

const struct sim_script *script_number(u32 n)
{
	return n < sizeof(scripts) / sizeof(scripts[0]) ? &scripts[n] : NULL;
}

const struct sim_script *script_find(const char *name)
{
	const struct sim_script *script;

	for (u32 i = 0; (script = script_number(i)); i++)
		if (!strcmp(script->name, name))
			return script;
	return NULL;
}

/* A volume's number in the script. */
static u32 slot_of(struct script_player *s, const char *word)
{
	u32 n = (u32)strtoul(word, NULL, 10);

	SMV_ASSERT(n < NAMES);
	return n < SIM_ORIGINS ? n : s->slot[n];
}

static void name_slot(struct script_player *s, const char *word, u32 slot)
{
	u32 n = (u32)strtoul(word, NULL, 10);

	SMV_ASSERT(n >= SIM_ORIGINS && n < NAMES);
	s->slot[n] = slot;
}

static void set_range(struct world *w, struct op *op, const char *chunk, const char *part)
{
	u32 sectors, c = (u32)strtoul(chunk, NULL, 10);

	sectors = chunk_sectors_of(w, op->slot, c);
	op->sector = c * w->chunk_sectors;
	op->count = sectors;
	if (part && part[0] != 'a') {
		op->sector += part[0] == '1' ? sectors / 2 : 0;
		op->count = part[0] == '1' ? sectors - sectors / 2 : sectors / 2;
	}
}

static void start_snapshot(struct script_player *s, char **word)
{
	struct op op = { .kind = OP_SNAPSHOT };
	const char *of = word[1], *as = word[2];

	for (; of && as && op.parts < 2; op.parts++) {
		op.of[op.parts] = slot_of(s, of);
		if (op.of[op.parts] == ~0u)
			return;
		op.as[op.parts] = slot_reserve(s->w, op.of[op.parts]);
		name_slot(s, as, op.as[op.parts]);
		of = strchr(of, ',');
		as = strchr(as, ',');
		of = of ? of + 1 : NULL;
		as = as ? as + 1 : NULL;
	}
	op.slot = op.of[0];
	op_start(s->w, &op);
}

static void start_rollback(struct script_player *s, char **word)
{
	struct op op = { .kind = OP_ROLLBACK,
			 .origin = slot_of(s, word[1]),
			 .slot = slot_of(s, word[2]),
			 .undo = word[3][0] != '-' };

	if (op.undo) {
		op.as[0] = slot_reserve(s->w, op.origin);
		name_slot(s, word[3], op.as[0]);
	}
	op_start(s->w, &op);
}

static void start_data(struct script_player *s, char **word, u32 words)
{
	struct op op = { .slot = slot_of(s, word[1]) };

	if (op.slot == ~0u || s->w->oracle.volume[op.slot].alive == ALIVE_NO)
		return;
	switch (word[0][0]) {
	case 'W':
	case 'w':
		op.kind = OP_WRITE;
		op.fua = words > 4;
		break;
	case 'x':
	case 'X':
		op.kind = OP_DISCARD;
		break;
	case 'r':
		op.kind = OP_READ;
		break;
	case 'F':
		op.kind = OP_FLUSH;
		break;
	default:
		op.kind = OP_DELETE;
	}
	if (words > 2 && !s->w->oracle.volume[op.slot].sectors)
		return; /* still to be made */
	if (words > 2)
		set_range(s->w, &op, word[2], words > 3 ? word[3] : NULL);
	op_start(s->w, &op);
}

static void cut(struct script_player *s, const char *word)
{
	bool boot = !strncmp(word, "BOOT", 4) || !strncmp(word, "REBOOT", 6);

	if (s->w->config.probe)
		world_probe(s->w, 6);
	s->w->cut_recovery = !strcmp(word, "CUTCUT") || !strcmp(word, "BOOTCUT");
	world_cut(s->w, boot ? SIM_CUT_REBOOT : SIM_CUT_POWER);
	if (s->full)
		world_ballast(s->w, 0);
}

static void rest(struct script_player *s, const char *what)
{
	if (!s->full)
		history_rest(s->w, what);
	else if (world_settle(s->w, what))
		check_volumes(s->w, false);
}

static void item(struct script_player *s, char *text)
{
	char *word[6] = { NULL };
	u32 words = 0;

	for (char *at = strtok(text, " "); at && words < 6; at = strtok(NULL, " "))
		word[words++] = at;
	if (!strcmp(word[0], "full")) {
		s->full = true;
		world_ballast(s->w, 0);
	} else if (strstr(word[0], "CUT") || strstr(word[0], "BOOT")) {
		cut(s, word[0]);
	} else if (!strcmp(word[0], "SUPER")) {
		for (u32 n = 0; n < 3000 && !s->w->host.writes_super; n++)
			world_step(s->w);
	} else if (word[0][0] == '.') {
		rest(s, "rest");
	} else if (word[0][0] == 'C') {
		s->w->host.want_checkpoint = true;
	} else if (word[0][0] == 'S') {
		start_snapshot(s, word);
	} else if (word[0][0] == 'R') {
		start_rollback(s, word);
	} else {
		start_data(s, word, words);
	}
}

void script_begin(struct script_player *s, struct world *w)
{
	s->w = w;
	s->full = false;
	memset(s->slot, 0xff, sizeof(s->slot));
}

void script_item(struct script_player *s, const char *text)
{
	char copy[40];

	snprintf(copy, sizeof(copy), "%s", text);
	item(s, copy);
}

static bool usable(struct script_player *s, const char *word)
{
	u32 slot = slot_of(s, word);

	return slot != ~0u && host_usable(s->w, slot);
}

bool script_can(struct script_player *s, const char *text)
{
	char of[8] = "", as[8] = "";

	if (strchr(".C", text[0]) || strstr(text, "BOOT") || !strcmp(text, "full"))
		return true;
	sscanf(text + 1, "%7s %7s", of, as);
	if (text[0] == 'S')
		return usable(s, of) && !usable(s, as);
	if (text[0] == 'R')
		return usable(s, as) && !smv_origin_is_rolling(host_volume(s->w, slot_of(s, of)));
	return usable(s, of);
}

static void play(struct world *w, const struct sim_script *script)
{
	static const u32 pauses[] = { 0, 0, 1, 2, 4, 8, 16, 32, 60, 120, 250 };
	u32 pace = random_below(&w->random, 33); /* from 11 on: no even one */
	const char *text = script->text;
	struct script_player s;

	script_begin(&s, w);
	while (text) {
		const char *end = strchr(text, '|');
		u32 steps = script->pause ? random_below(&w->random, 2 * script->pause) :
					    pauses[pace < 11 ? pace : random_below(&w->random, 11)];
		char copy[40];

		snprintf(copy, sizeof(copy), "%.*s", end ? (int)(end - text) : 39, text);
		item(&s, copy);
		while (steps--)
			world_step(w);
		text = end ? end + 1 : NULL;
	}
	rest(&s, "end");
	if (!s.full)
		history_delete_all(w);
}

bool script_run(struct world *w, const struct sim_config *config, const struct sim_script *script)
{
	struct sim_config mine = *config;

	if (!script->text)
		return history_run(w, config);
	mine.free_chunks = script->free_chunks;
	mine.chunk_blocks = 1;
	w->lost[0] = 0;
	w->stats.histories++;
	if (!setjmp(w->out)) {
		world_begin(w, &mine);
		w->checkpoint_delay = script->delay ? script->delay : w->checkpoint_delay;
		w->commit_delay = script->commit_delay ? script->commit_delay : w->commit_delay;
		play(w, script);
	}
	world_end(w);
	return !w->lost[0];
}
