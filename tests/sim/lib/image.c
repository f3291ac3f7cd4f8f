// SPDX-License-Identifier: GPL-2.0-only
/*
 * The second opinion: `snapmv check' over the store as a power cut left it, and
 * over what recovery and work made of it. It must find nothing, ever, but for a
 * superblock torn by the cut: the other one counts.
 */
#include "check.h"
#include "rig_host.h"
#include "world.h"

static int read_block(void *context, u64 block, void *buffer)
{
	struct world *w = context;

	return disk_read(w->store, block * SMV_BLOCK_SECTORS, SMV_BLOCK_SECTORS, buffer);
}

static char found[300];

static void report(void *context, const struct smv_damage *damage)
{
	(void)context;
	if (damage->kind != SMV_DAMAGE_SUPER_ONE && !found[0])
		snprintf(found, sizeof(found), "%s", damage->text);
}

void check_image(struct world *w, const char *when)
{
	struct smv_check_result result;
	struct smv_check check = {
		.read = read_block,
		.report = report,
		.context = w,
		.host = &rig_host,
		.blocks = disk_sectors(w->store) / SMV_BLOCK_SECTORS,
	};
	int error;

	w->stats.images++;
	found[0] = 0;
	error = smv_check(&check, &result);
	if (error || found[0])
		sim_lost(w, "snapmv check %s: %d, %llu damages, the first: %s", when, error,
			 (unsigned long long)result.damages, found);
}
