// SPDX-License-Identifier: GPL-2.0
/*
 * Puts marks into a crash log: texts between the writes that came before and those that come after.
 *
 * usage: logmark DEV TEXT...    one mark
 *        logmark DEV -          one for each line of the standard input
 *
 * DEV is the disk `marks' of a power cut server; the write has ended, and the mark is in the
 * log, when the program ends.
 */
#include "common.h"

static void mark(const struct device *dev, void *sector, const char *text)
{
	memset(sector, 0, SECTOR);
	snprintf(sector, SECTOR, "%s", text);
	write_sectors(dev, sector, (uint64_t)getpid() % dev->sectors, 1);
}

int main(int argc, char **argv)
{
	char *sector = buffer_new(SECTOR);
	char line[SECTOR] = "";
	struct device dev;

	if (argc < 3)
		die("usage: logmark DEV TEXT...|-");
	device_open(&dev, argv[1], O_WRONLY);
	if (!strcmp(argv[2], "-")) {
		while (fgets(line, sizeof(line), stdin)) {
			line[strcspn(line, "\n")] = '\0';
			mark(&dev, sector, line);
		}
		return 0;
	}
	for (int i = 2; i < argc; i++) {
		strncat(line, argv[i], sizeof(line) - strlen(line) - 1);
		if (i + 1 < argc)
			strncat(line, " ", sizeof(line) - strlen(line) - 1);
	}
	mark(&dev, sector, line);
	return 0;
}
