// SPDX-License-Identifier: GPL-2.0
/*
 * Prints a 64-bit checksum of a device or file, or of a range of it. Quick; no
 * protection against malice.
 *
 * usage: sumdev DEV [FROM COUNT]   (sectors)
 */
#include "common.h"

#define PIECE 2048 /* sectors */

int main(int argc, char **argv)
{
	struct device dev;
	uint64_t from = 0;
	uint64_t end;
	uint64_t sum = 1;
	uint64_t *buffer;

	if (argc != 2 && argc != 4)
		die("usage: sumdev DEV [FROM COUNT]");
	device_open(&dev, argv[1], O_RDONLY);
	end = dev.sectors;
	if (argc == 4) {
		from = number(argv[2]);
		if (from + number(argv[3]) > end)
			die("sumdev: the range ends past the device");
		end = from + number(argv[3]);
	}
	buffer = buffer_new(PIECE * SECTOR);
	for (uint64_t at = from; at < end; at += PIECE) {
		uint64_t n = end - at < PIECE ? end - at : PIECE;

		read_sectors(&dev, buffer, at, n);
		for (uint64_t i = 0; i < n * WORDS; i++)
			sum = (sum ^ buffer[i]) * 0x9e3779b97f4a7c15u + (sum >> 29);
	}
	printf("%016" PRIx64 "\n", mix(sum));
	return 0;
}
