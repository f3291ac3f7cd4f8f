// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU: how often each piece of the guest's code was run, and how
 * many instructions it has. For bench/profile, which knows whose code it is.
 *
 * At its end it writes to the file given as out= a line for each piece: address, runs,
 * instructions.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

struct piece {
	struct piece *next;
	uint64_t address, instructions, runs;
};

static struct piece *pieces; /* one more each time that code is translated anew */
static char out[4096];

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct piece *piece = calloc(1, sizeof(*piece));

	(void)id;
	if (!piece)
		abort();
	piece->address = qemu_plugin_tb_vaddr(tb);
	piece->instructions = qemu_plugin_tb_n_insns(tb);
	piece->next = pieces;
	pieces = piece;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &piece->runs, 1);
}

static void ended(qemu_plugin_id_t id, void *p)
{
	FILE *file = fopen(out, "w");
	struct piece *piece;

	(void)id;
	(void)p;
	if (!file)
		abort();
	for (piece = pieces; piece; piece = piece->next)
		fprintf(file, "%llx %llu %llu\n", (unsigned long long)piece->address,
			(unsigned long long)piece->runs, (unsigned long long)piece->instructions);
	fclose(file);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	snprintf(out, sizeof(out), "%s", argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
