// SPDX-License-Identifier: GPL-2.0
/*
 * Compares two devices or files, as far as the shorter one reaches.
 *
 * usage: cmpdev A B [FROM COUNT]   (sectors)
 *
 * Exits with 1 and names the first sector that differs, and how many do.
 */
#include "common.h"

#define PIECE 2048 /* sectors */

int main(int argc, char **argv)
{
	struct device a;
	struct device b;
	uint64_t from = 0;
	uint64_t end;
	uint64_t first = 0;
	uint64_t differ = 0;
	char *buffer;

	if (argc != 3 && argc != 5)
		die("usage: cmpdev A B [FROM COUNT]");
	device_open(&a, argv[1], O_RDONLY);
	device_open(&b, argv[2], O_RDONLY);
	end = a.sectors < b.sectors ? a.sectors : b.sectors;
	if (argc == 5) {
		from = number(argv[3]);
		if (from + number(argv[4]) > end)
			die("cmpdev: the range ends past a device");
		end = from + number(argv[4]);
	}
	buffer = buffer_new(2 * PIECE * SECTOR);
	for (uint64_t at = from; at < end; at += PIECE) {
		uint64_t n = end - at < PIECE ? end - at : PIECE;
		char *other = buffer + PIECE * SECTOR;

		read_sectors(&a, buffer, at, n);
		read_sectors(&b, other, at, n);
		if (!memcmp(buffer, other, n * SECTOR))
			continue;
		for (uint64_t i = 0; i < n; i++) {
			if (!memcmp(buffer + i * SECTOR, other + i * SECTOR, SECTOR))
				continue;
			if (!differ++)
				first = at + i;
		}
	}
	if (differ)
		die("cmpdev: %s and %s differ in %" PRIu64 " sectors, first in sector %" PRIu64,
		    argv[1], argv[2], differ, first);
	return 0;
}
