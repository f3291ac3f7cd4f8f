// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends many messages to a device-mapper device, fast: a dmsetup run costs
 * 50 ms in the guest, this a few hundred microseconds.
 *
 * usage: messages [-v] NAME <FILE     each line is a message, as for dmsetup
 *        messages [-v] NAME --repeat N MESSAGE...
 *
 * With --repeat, %d in a message's word is 1 to N; several messages are
 * separated by the word `--'. -v prints each reply. Ends at the first message that
 * fails, saying its number.
 */
#include "common.h"

#include <linux/dm-ioctl.h>

#define BUFFER 16384

static const char *device;
static int control;
static bool verbose;
static uint64_t sent;

static void send_message(const char *text)
{
	static uint64_t room[BUFFER / 8];
	struct dm_ioctl *io = (struct dm_ioctl *)room;
	struct dm_target_msg *message;
	const char *error;

	memset(room, 0, sizeof(room));
	io->version[0] = 4;
	io->data_size = BUFFER;
	io->data_start = sizeof(*io);
	snprintf(io->name, sizeof(io->name), "%s", device);
	message = (struct dm_target_msg *)((char *)room + io->data_start);
	snprintf(message->message, BUFFER - io->data_start - sizeof(*message), "%s", text);
	sent++;
	if (ioctl(control, DM_TARGET_MSG, io) < 0) {
		error = strerror(errno);
		die("messages: %s: number %" PRIu64 ", %s: %s", device, sent, text, error);
	}
	if (verbose)
		printf("%s\n", io->flags & DM_DATA_OUT_FLAG ? (char *)room + io->data_start : "");
}

/* Adds a word to the text, with %d replaced. */
static void add_word(char *text, const char *word, uint64_t n)
{
	const char *mark = strstr(word, "%d");
	size_t at = strlen(text);
	char *to = text + at;
	size_t room = BUFFER / 2 - at;
	const char *space = at ? " " : "";

	if (mark)
		snprintf(to, room, "%s%.*s%" PRIu64 "%s", space, (int)(mark - word), word, n,
			 mark + 2);
	else
		snprintf(to, room, "%s%s", space, word);
}

static void repeat(uint64_t times, char **words, int count)
{
	char text[BUFFER / 2];

	for (uint64_t n = 1; n <= times; n++) {
		text[0] = '\0';
		for (int i = 0; i < count; i++) {
			if (strcmp(words[i], "--")) {
				add_word(text, words[i], n);
				continue;
			}
			send_message(text);
			text[0] = '\0';
		}
		send_message(text);
	}
}

static void from_input(void)
{
	char line[BUFFER / 2];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0])
			send_message(line);
	}
}

int main(int argc, char **argv)
{
	int i = 1;

	if (i < argc && !strcmp(argv[i], "-v")) {
		verbose = true;
		i++;
	}
	if (i >= argc)
		die("usage: messages [-v] NAME [--repeat N MESSAGE...]");
	device = argv[i++];
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		die("messages: /dev/mapper/control: %s", strerror(errno));
	if (i + 2 < argc && !strcmp(argv[i], "--repeat"))
		repeat(number(argv[i + 1]), argv + i + 2, argc - i - 2);
	else
		from_input();
	return 0;
}
