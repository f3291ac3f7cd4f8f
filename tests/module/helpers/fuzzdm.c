// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random messages to an active store, and random table lines for all three targets.
 * Half of them are nearly right: words of the grammar with odd arguments; the others
 * are cut, doubled, or have bytes changed. Any may be refused or taken.
 *
 * usage: fuzzdm STORE-NAME STORE-DEV ORIGIN-DEV ORIGIN [--seed N] [--messages N] [--tables N]
 *
 * STORE-DEV and ORIGIN-DEV are only for tables. ORIGIN keeps its name, is never rolled
 * back and keeps its snapshot `keep': what they hold can be compared afterwards. Prints how
 * many were taken, and the last things sent if something is wrong with the store.
 */
#include "dm.h"

#define LAST 12

static struct rng rng;
static const char *store, *store_device, *origin_device, *kept;
static char last[LAST][DM_TEXT];
static uint64_t sent;

static uint64_t below(uint64_t n)
{
	return rng_below(&rng, n);
}

/* -- words ------------------------------------------------------------------- */

static const char *const names[] = { "o1", "o2",    "o3",  "s1",       "s2",  "s3", "s4",
				     "%",  "a%20b", "%41", "%4",       "%zz", "-x", ".y",
				     "@",  "a@b@c", "/",   "keep-not", "%00", "a:b" };
static const char *const odd[] = { "0",
				   "1",
				   "2",
				   "3",
				   "9",
				   "77",
				   "4294967295",
				   "4294967296",
				   "9223372036854775808",
				   "18446744073709551615",
				   "18446744073709551616",
				   "-1",
				   "0x10",
				   "1e3",
				   "",
				   "%",
				   "path:/nowhere",
				   "policy=drop",
				   "policy=x",
				   "policy=",
				   "=",
				   "hold-timeout=1",
				   "hold-timeout=-1",
				   "low-water=1001",
				   "low-water=100",
				   "throttle=0",
				   "throttle=99999999999",
				   "label=x/y",
				   "label=" };

#define PICK(list) ((list)[below(sizeof(list) / sizeof((list)[0]))])

/* Never what is to be compared. */
static void volume(char *text, size_t room)
{
	static const char *const origins[] = { "o1", "o2", "o3", "nosuch" };

	switch (below(8)) {
	case 0:
		snprintf(text, room, "%s", PICK(names));
		break;
	case 1:
		snprintf(text, room, "%s", PICK(odd));
		break;
	case 2:
	case 3:
		snprintf(text, room, "%s", PICK(origins));
		break;
	default:
		snprintf(text, room, "%s@%s", PICK(origins), PICK(names));
	}
}

static void long_word(char *text, size_t room)
{
	size_t bytes = below(room / 4) + 1;

	memset(text, "a%@/Z"[below(5)], bytes);
	text[bytes] = '\0';
}

/* v: a volume, n: a name, d: a number, b: 0 or 1, w: any word */
static void word(char *text, size_t room, char kind)
{
	if (!below(60))
		long_word(text, room);
	else if (!below(12))
		snprintf(text, room, "%s", PICK(odd));
	else if (kind == 'v')
		volume(text, room);
	else if (kind == 'n')
		snprintf(text, room, "%s", PICK(names));
	else if (kind == 'b')
		snprintf(text, room, "%" PRIu64, below(2));
	else if (kind == 'd')
		snprintf(text, room, "%" PRIu64, below(12));
	else
		snprintf(text, room, "%s", PICK(odd));
}

static void add_word(char *text, const char *what)
{
	size_t at = strlen(text);

	snprintf(text + at, DM_TEXT - at, "%s%s", at ? " " : "", what);
}

static void add_random(char *text, char kind)
{
	char piece[1024];

	word(piece, sizeof(piece), kind);
	add_word(text, piece);
}

/* -- messages ------------------------------------------------------------------- */

static const struct {
	const char *name, *kinds;
} grammar[] = { { "add", "ndwd" },	   { "remove", "n" },
		{ "snapshot", "dbvnw" },   { "snapshot", "dbvnwvnw" },
		{ "snapshot", "dbvnw" },   { "delete", "v" },
		{ "delete", "vv" },	   { "rollback", "vndb" },
		{ "rename", "vn" },	   { "set", "w" },
		{ "set", "ww" },	   { "identity", "nww" },
		{ "suspect", "n" },	   { "sync", "" },
		{ "checkpoint", "" },	   { "list", "d" },
		{ "memo", "dd" },	   { "device", "dd" },
		{ "fingerprint", "d" },	   { "exceptions", "ddd" },
		{ "rollback-status", "v" } };

static void make_message(char *text)
{
	size_t which = below(sizeof(grammar) / sizeof(grammar[0]));

	*text = '\0';
	add_word(text, grammar[which].name);
	for (const char *kind = grammar[which].kinds; *kind; kind++)
		add_random(text, *kind);
	while (!below(20))
		add_random(text, "vndw"[below(4)]);
	if (!below(20) && strrchr(text, ' '))
		*strrchr(text, ' ') = '\0';
}

static void spoil(char *text)
{
	size_t bytes = strlen(text);

	for (uint64_t i = 1 + below(4); i && bytes; i--) {
		size_t at = below(bytes);

		switch (below(3)) {
		case 0:
			text[at] = (char)(1 + below(255));
			break;
		case 1:
			memmove(text + at, text + at + 1, bytes - at);
			break;
		default:
			text[at] ^= (char)(1 << below(7));
		}
		bytes = strlen(text);
	}
}

/* It must not name what is to be compared, nor rename the store; @ is dm's own. */
static bool is_harmless(const char *text)
{
	const char *label = strstr(text, "abel");

	return !strstr(text, kept) && !strstr(text, "keep") && *text != '@' &&
	       (!label || !strncmp(label, "abel=x/y", 8));
}

static int send_message(void)
{
	char text[DM_TEXT], reply[DM_TEXT];

	do {
		make_message(text);
		if (!below(4))
			spoil(text);
	} while (!is_harmless(text));
	snprintf(last[sent++ % LAST], DM_TEXT, "message %s", text);
	return dm_message(store, text, reply);
}

/* -- tables --------------------------------------------------------------------- */

static void make_parameters(char *text, const char *target)
{
	const char *const features[] = {
		"read_only",	   "force",  "host", "boot", "cache_blocks",
		"overlay_entries", "nosuch", "1",    "0",    "4294967295"
	};
	char piece[1024];

	*text = '\0';
	if (!strcmp(target, "snap-mv-store")) {
		add_word(text, below(8) ? store_device : PICK(odd));
		for (uint64_t n = below(6); n; n--)
			add_word(text, below(3) ? PICK(features) : PICK(odd));
		return;
	}
	snprintf(piece, sizeof(piece), "/dev/mapper/%s", store);
	add_word(text, below(8) ? piece : below(2) ? store_device : PICK(odd));
	add_random(text, 'v');
	add_word(text, below(8) ? origin_device : below(2) ? piece : PICK(odd));
	while (!below(10))
		add_random(text, 'w');
}

static int load_table(void)
{
	static const char *const targets[] = { "snap-mv-store", "snap-mv-origin", "snap-mv" };
	static const uint64_t sizes[] = { 1, 8, 2048, 32768, 65536, 1ULL << 40, 0 };
	struct dm_table table = { .name = "fuzzed", .uuid = "TEST-fuzzed" };
	char text[DM_TEXT];
	int rc;

	table.target = PICK(targets);
	do {
		make_parameters(text, table.target);
		if (!below(4))
			spoil(text);
	} while (!is_harmless(text));
	table.parameters = text;
	table.sectors = PICK(sizes);
	snprintf(last[sent++ % LAST], DM_TEXT, "table 0 %" PRIu64 " %s %.4000s", table.sectors,
		 table.target, text);
	rc = dm_create(&table);
	if (!rc)
		dm_must(dm_remove(table.name), "remove", table.name);
	return rc;
}

static void check_state(void)
{
	char text[DM_TEXT];

	if (!dm_status(store, DM_NOFLUSH_FLAG, text) && !strncmp(text, "ok ", 3))
		return;
	for (uint64_t i = sent > LAST ? sent - LAST : 0; i < sent; i++)
		printf("%s\n", last[i % LAST]);
	die("the store is not ok after %" PRIu64 ": %s", sent, text);
}

int main(int argc, char **argv)
{
	uint64_t messages = 1000, tables = 300, seed = 1, taken = 0, up = 0;

	if (argc < 5)
		die("usage: fuzzdm STORE-NAME STORE-DEV ORIGIN-DEV ORIGIN [--seed N] ...");
	store = argv[1];
	store_device = argv[2];
	origin_device = argv[3];
	kept = argv[4];
	for (int i = 5; i < argc; i++) {
		if (!strcmp(argv[i], "--seed"))
			seed = number(option_value(argc, argv, &i));
		else if (!strcmp(argv[i], "--messages"))
			messages = number(option_value(argc, argv, &i));
		else if (!strcmp(argv[i], "--tables"))
			tables = number(option_value(argc, argv, &i));
		else
			die("unknown option %s", argv[i]);
	}
	rng.state = seed;
	for (uint64_t i = 0; i < messages; i++) {
		taken += !send_message();
		if (!(i % 50))
			check_state();
	}
	for (uint64_t i = 0; i < tables; i++)
		up += !load_table();
	check_state();
	if (!taken)
		die("none of %" PRIu64 " messages was taken", messages);
	printf("seed %" PRIu64 ": %" PRIu64 " of %" PRIu64 " messages taken, %" PRIu64
	       " of %" PRIu64 " tables\n",
	       seed, taken, messages, up, tables);
	return 0;
}
