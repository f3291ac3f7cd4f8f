// SPDX-License-Identifier: GPL-2.0-only
/* Commands: what is refused changes nothing; what was done and committed survives a power cut. */
#include "unit.h"
#include "memory.h"
#include "rig_host.h"

static struct memory memory;
static struct smv_volume *data, *other, *a, *b; /* b is taken of a; other has no snapshot */
static u64 lsn;

static void find(void)
{
	data = smv_volume_origin(memory.store, "data");
	other = smv_volume_origin(memory.store, "other");
	a = smv_volume_snapshot(memory.store, "data", "a");
	b = smv_volume_snapshot(memory.store, "data", "b");
}

static void begin(void)
{
	struct smv_add add = { .name = "data", .identity = "path:/dev/x", .sectors = 4096 };

	memory_format(&memory, 1 << 14, 8, "command");
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	add.name = "other";
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	find();
	EXPECT_EQ(memory_snapshot(&memory, data, "a", &a), 0);
	EXPECT_EQ(memory_snapshot(&memory, a, "b", &b), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
}

static void end(void)
{
	EXPECT_EQ(memory_close(&memory), 0);
	memory_free(&memory);
}

static void cut(bool committed)
{
	if (committed)
		EXPECT_EQ(memory_commit(&memory), 0);
	memory_crash(&memory);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	find();
}

static struct smv_volume_info info_of(const struct smv_volume *volume)
{
	struct smv_volume_info info;

	smv_volume_info(volume, &info);
	return info;
}

static struct smv_settings settings_now(void)
{
	struct smv_store_info info;

	smv_store_info(memory.store, &info);
	return info.settings;
}

UNIT_TEST(settings_survive_a_power_cut_once_committed)
{
	const struct smv_settings want = { .policy = SMV_POLICY_HOLD,
					   .hold_timeout_s = 7,
					   .low_water_permille = 333,
					   .throttle_mib_s = SMV_THROTTLE_PAUSE,
					   .label = "renamed" };
	struct smv_settings was, now;

	begin();
	was = settings_now();
	for (int committed = 0; committed < 2; committed++) {
		const struct smv_settings *expected = committed ? &want : &was;

		EXPECT_EQ(smv_set_settings(memory.store, &want, &lsn), 0);
		cut(committed);
		now = settings_now();
		EXPECT_EQ(now.policy, expected->policy);
		EXPECT_EQ(now.hold_timeout_s, expected->hold_timeout_s);
		EXPECT_EQ(now.low_water_permille, expected->low_water_permille);
		EXPECT_EQ(now.throttle_mib_s, expected->throttle_mib_s);
		EXPECT(!strcmp(now.label, expected->label));
	}
	end();
}

UNIT_TEST(names_survive_a_power_cut_once_committed)
{
	begin();
	EXPECT_EQ(smv_rename(memory.store, data, "new", &lsn), 0);
	EXPECT_EQ(smv_rename(memory.store, b, "c:1", &lsn), 0);
	cut(false);
	EXPECT(data && b && !smv_volume_origin(memory.store, "new"));
	EXPECT_EQ(smv_rename(memory.store, data, "new", &lsn), 0);
	EXPECT_EQ(smv_rename(memory.store, b, "c:1", &lsn), 0);
	cut(true);
	EXPECT(!data && !b);
	EXPECT(smv_volume_origin(memory.store, "new"));
	EXPECT(smv_volume_snapshot(memory.store, "new", "a"));
	EXPECT(smv_volume_snapshot(memory.store, "new", "c:1"));
	EXPECT(!smv_volume_snapshot(memory.store, "new", "b"));
	end();
}

UNIT_TEST(identity_and_fingerprint_survive_a_power_cut_and_are_set_apart)
{
	u8 fingerprint[64], none[64] = { 0 };

	memset(fingerprint, 0xa5, sizeof(fingerprint));
	begin();
	EXPECT_EQ(smv_set_identity(memory.store, data, NULL, fingerprint, &lsn), 0);
	cut(true);
	EXPECT(!strcmp(info_of(data).identity, "path:/dev/x"));
	EXPECT_MEM(info_of(data).fingerprint, fingerprint, 64);
	EXPECT_EQ(smv_set_identity(memory.store, data, "serial:7", NULL, &lsn), 0);
	cut(true);
	EXPECT(!strcmp(info_of(data).identity, "serial:7"));
	EXPECT_MEM(info_of(data).fingerprint, fingerprint, 64);
	EXPECT_MEM(info_of(other).fingerprint, none, 64);
	end();
}

UNIT_TEST(suspect_snapshots_stay_so_and_those_taken_of_them_are)
{
	struct smv_volume *taken;

	begin();
	EXPECT_EQ(smv_set_suspect(memory.store, data, &lsn), 0);
	cut(true);
	EXPECT(info_of(a).flags & SMV_VOLUME_SUSPECT);
	EXPECT(info_of(b).flags & SMV_VOLUME_SUSPECT);
	EXPECT(!(info_of(data).flags & SMV_VOLUME_SUSPECT));
	EXPECT_EQ(memory_snapshot(&memory, a, "of_a", &taken), 0);
	EXPECT(info_of(taken).flags & SMV_VOLUME_SUSPECT);
	EXPECT_EQ(memory_snapshot(&memory, data, "later", &taken), 0);
	EXPECT(!(info_of(taken).flags & SMV_VOLUME_SUSPECT));
	EXPECT_EQ(smv_set_suspect(memory.store, other, &lsn), 0);
	EXPECT_EQ(lsn, 0);
	end();
}

UNIT_TEST(an_origin_without_snapshots_is_removed_and_its_name_is_free)
{
	struct smv_add add = { .name = "other", .identity = "", .sectors = 8 };
	u64 number;

	begin();
	number = info_of(other).number;
	EXPECT_EQ(smv_remove(memory.store, other, &lsn), 0);
	cut(false);
	EXPECT(other);
	EXPECT_EQ(smv_remove(memory.store, other, &lsn), 0);
	cut(true);
	EXPECT(!other);
	EXPECT_EQ(smv_add(memory.store, &add, &lsn), 0);
	cut(true);
	EXPECT_LT(number, info_of(other).number);
	EXPECT_EQ(info_of(other).sectors, 8);
	end();
}

/* ---- refusals ------------------------------------------------------------- */

static int snapshot_rc(struct smv_volume *of, const char *name, const char *memo)
{
	struct smv_snapshot_part part = { .of = of, .name = name, .memo = memo };

	return smv_snapshot(memory.store, &part, 1, 1, &lsn);
}

static int pair_rc(struct smv_volume *of, const char *name, struct smv_volume *of2,
		   const char *name2)
{
	struct smv_snapshot_part part[2] = { { .of = of, .name = name, .memo = "" },
					     { .of = of2, .name = name2, .memo = "" } };

	return smv_snapshot(memory.store, part, 2, 1, &lsn);
}

static int rollback_rc(struct smv_volume *origin, struct smv_volume *to, const char *undo)
{
	return smv_rollback(memory.store, origin, to, undo, 1, &lsn);
}

static int add_rc(const char *name, const char *identity, u64 sectors)
{
	struct smv_add add = { .name = name, .identity = identity, .sectors = sectors };

	return smv_add(memory.store, &add, &lsn);
}

static int settings_rc(u32 policy, u32 permille, const char *label)
{
	struct smv_settings settings = { .policy = policy, .low_water_permille = permille };

	snprintf(settings.label, sizeof(settings.label), "%s", label);
	return smv_set_settings(memory.store, &settings, &lsn);
}

#define REFUSED(call, error)                                                                       \
	do {                                                                                       \
		u64 last = smv_store_lsn(memory.store);                                            \
		EXPECT_EQ(call, -(error));                                                         \
		EXPECT_EQ(smv_store_lsn(memory.store), last);                                      \
	} while (0)

static char long_text[300];

UNIT_TEST(what_is_wrong_is_refused_and_leaves_no_record)
{
	begin();
	memset(long_text, 'x', sizeof(long_text) - 1);
	REFUSED(add_rc("data", "", 8), EEXIST);
	REFUSED(add_rc("da/ta", "", 8), EINVAL);
	REFUSED(add_rc("new", "", 0), EINVAL);
	REFUSED(add_rc("new", long_text, 8), EINVAL);
	REFUSED(smv_remove(memory.store, data, &lsn), ENOTEMPTY);
	REFUSED(smv_remove(memory.store, a, &lsn), EINVAL);
	REFUSED(snapshot_rc(data, "a", ""), EEXIST);
	REFUSED(snapshot_rc(a, "b", ""), EEXIST);
	REFUSED(snapshot_rc(data, "@", ""), EINVAL);
	REFUSED(snapshot_rc(data, "c", long_text), EINVAL);
	REFUSED(pair_rc(data, "c", data, "d"), EINVAL);
	REFUSED(pair_rc(data, "c", a, "c"), EEXIST);
	REFUSED(smv_snapshot(memory.store, NULL, 0, 1, &lsn), EINVAL);
	REFUSED(smv_delete(memory.store, data, &lsn), EINVAL);
	REFUSED(smv_rename(memory.store, data, "other", &lsn), EEXIST);
	REFUSED(smv_rename(memory.store, data, "a:b", &lsn), EINVAL);
	REFUSED(smv_rename(memory.store, a, "b", &lsn), EEXIST);
	REFUSED(smv_rename(memory.store, a, "-b", &lsn), EINVAL);
	REFUSED(settings_rc(SMV_POLICY_HOLD + 1, 100, "label"), EINVAL);
	REFUSED(settings_rc(SMV_POLICY_HOLD, 1001, "label"), EINVAL);
	REFUSED(settings_rc(SMV_POLICY_HOLD, 100, "a label"), EINVAL);
	REFUSED(smv_set_identity(memory.store, a, "path:/dev/y", NULL, &lsn), EINVAL);
	REFUSED(smv_set_identity(memory.store, data, long_text, NULL, &lsn), EINVAL);
	REFUSED(rollback_rc(data, data, NULL), EINVAL);
	REFUSED(rollback_rc(other, a, NULL), EINVAL);
	REFUSED(rollback_rc(data, a, "b"), EEXIST);
	REFUSED(rollback_rc(data, a, "b/c"), EINVAL);
	end();
}

UNIT_TEST(what_is_open_is_neither_deleted_nor_removed)
{
	begin();
	smv_volume_open(b);
	smv_volume_open(other);
	REFUSED(smv_delete(memory.store, b, &lsn), ETXTBSY);
	REFUSED(smv_remove(memory.store, other, &lsn), ETXTBSY);
	smv_volume_close(b);
	smv_volume_close(other);
	EXPECT_EQ(smv_delete(memory.store, b, &lsn), 0);
	EXPECT_EQ(smv_remove(memory.store, other, &lsn), 0);
	end();
}

UNIT_TEST(a_deleted_volume_takes_no_command)
{
	struct smv_volume *dead;

	begin();
	dead = a; /* b holds on to it */
	EXPECT_EQ(smv_delete(memory.store, a, &lsn), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	REFUSED(smv_delete(memory.store, dead, &lsn), EINVAL);
	REFUSED(snapshot_rc(dead, "c", ""), EINVAL);
	REFUSED(smv_rename(memory.store, dead, "c", &lsn), EINVAL);
	REFUSED(rollback_rc(data, dead, NULL), EINVAL);
	end();
}

UNIT_TEST(a_rollback_under_way_refuses_a_second_and_the_removal)
{
	begin();
	EXPECT_EQ(rollback_rc(data, a, "undo"), 0);
	EXPECT_EQ(memory_commit(&memory), 0);
	REFUSED(rollback_rc(data, b, NULL), EALREADY);
	REFUSED(smv_remove(memory.store, data, &lsn), EINPROGRESS);
	memory_crash(&memory);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	find();
	EXPECT_EQ(info_of(data).roll_source, info_of(a).number);
	EXPECT(smv_volume_snapshot(memory.store, "data", "undo"));
	end();
}

UNIT_TEST(a_store_read_only_or_failed_takes_no_command)
{
	begin();
	EXPECT_EQ(memory_close(&memory), 0);
	EXPECT_EQ(memory_open(&memory, true, NULL), 0);
	find();
	REFUSED(snapshot_rc(data, "c", ""), EROFS);
	REFUSED(smv_delete(memory.store, b, &lsn), EROFS);
	REFUSED(settings_rc(SMV_POLICY_HOLD, 100, "label"), EROFS);
	memory_crash(&memory);
	EXPECT_EQ(memory_open(&memory, false, NULL), 0);
	find();
	smv_store_fail(memory.store, "because");
	REFUSED(snapshot_rc(data, "c", ""), EIO);
	REFUSED(smv_rename(memory.store, b, "c", &lsn), EIO);
	EXPECT(!strcmp(smv_store_reason(memory.store), "because"));
	memory_crash(&memory);
	memory_free(&memory);
}
