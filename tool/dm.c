// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device-mapper. It promises to touch only devices whose uuid begins with
 * "SNAPMV-", that nothing of libdevmapper's own talk reaches the terminal, and
 * that a device's node is there when smv_dm_create() has returned: by udev and a
 * cookie where udevd runs, by libdevmapper itself where it does not.
 *
 * A crash leaves devices that the next `deactivate' takes down, or one without a table, which the
 * next `activate' does. Weak side: the
 * kernel's reason for refusing a table is taken from its log, where another
 * program's may stand between.
 */
#include <fcntl.h>
#include <libdevmapper.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "dm.h"
#include "text.h"

#define UUID_TEXT 36
#define CLOSE_TRIES 20
#define CLOSE_PAUSE_NS 100000000

static void be_quiet(int level, const char *file, int line, int dm_errno, const char *format, ...)
{
	(void)level;
	(void)file;
	(void)line;
	(void)dm_errno;
	(void)format;
}

static bool has_dm(void)
{
	static int known; /* 1: yes; -1: no */
	char line[128];
	FILE *file;

	if (known)
		return known > 0;
	known = -1;
	file = fopen("/proc/devices", "re");
	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, " device-mapper\n"))
			known = 1;
	if (file)
		fclose(file);
	dm_log_with_errno_init(be_quiet);
	dm_set_name_mangling_mode(DM_STRING_MANGLING_NONE);
	return known > 0;
}

static struct dm_task *task_for(int type, const char *name)
{
	struct dm_task *task = has_dm() ? dm_task_create(type) : NULL;

	if (task && name && !dm_task_set_name(task, name)) {
		dm_task_destroy(task);
		return NULL;
	}
	return task;
}

/* Runs and destroys it. */
static int run_error(struct dm_task *task)
{
	int error = dm_task_get_errno(task);

	return error ? -error : -EIO;
}

static int run(struct dm_task *task)
{
	int rc = dm_task_run(task) ? 0 : run_error(task);

	dm_task_destroy(task);
	return rc;
}

/* -- finding ------------------------------------------------------------- */

void smv_dm_prefix(const u8 *uuid, char *prefix)
{
	char text[UUID_TEXT + 1];

	smv_text_uuid(uuid, text);
	snprintf(prefix, SMV_DM_PREFIX_BYTES, SMV_DM_PREFIX "%s-", text);
}

static bool parse_uuid(const char *text, struct smv_dm_device *device)
{
	u32 n = 0, byte;

	if (!text || strncmp(text, SMV_DM_PREFIX, strlen(SMV_DM_PREFIX)))
		return false;
	text += strlen(SMV_DM_PREFIX);
	if (strlen(text) < UUID_TEXT + 2 || text[UUID_TEXT] != '-')
		return false;
	for (const char *p = text; n < SMV_UUID_BYTES; p += 2) {
		if (*p == '-')
			p++;
		if (sscanf(p, "%2x", &byte) != 1)
			return false;
		device->uuid[n++] = (u8)byte;
	}
	return !smv_text_number(text + UUID_TEXT + 1, &device->number);
}

/* By its name, or (NULL) its number. */
static int get_info(const char *name, dev_t dev, struct smv_dm_device *device, bool *ours)
{
	struct dm_task *task = task_for(DM_DEVICE_INFO, name);
	struct dm_info info;
	int rc = 0;

	if (!task)
		return -ENOENT;
	if (!name) {
		dm_task_set_major(task, (int)major(dev));
		dm_task_set_minor(task, (int)minor(dev));
	}
	memset(device, 0, sizeof(*device));
	if (!dm_task_run(task))
		rc = run_error(task);
	else if (!dm_task_get_info(task, &info) || !info.exists)
		rc = -ENOENT;
	if (!rc) {
		snprintf(device->name, sizeof(device->name), "%s", dm_task_get_name(task));
		device->opens = (u32)info.open_count;
		device->dev = makedev(info.major, info.minor);
		device->read_only = info.read_only;
		device->loading = info.inactive_table;
		*ours = parse_uuid(dm_task_get_uuid(task), device);
	}
	dm_task_destroy(task);
	return rc;
}

int smv_dm_info(const char *name, struct smv_dm_device *device)
{
	bool ours;
	int rc = get_info(name, 0, device, &ours);

	return rc ? rc : ours ? 0 : -ENOENT;
}

bool smv_dm_stays_open(const char *name, u32 opens)
{
	const struct timespec pause = { .tv_nsec = CLOSE_PAUSE_NS };
	struct smv_dm_device device;

	for (int tries = 0; tries < CLOSE_TRIES; tries++) {
		if (smv_dm_info(name, &device) || device.opens <= opens)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

bool smv_dm_exists(const char *name)
{
	struct smv_dm_device device;
	bool ours;

	return !get_info(name, 0, &device, &ours);
}

/* Not by its name, which another may be changing. */
static void list_one(struct smv_dm_list *list, dev_t dev)
{
	struct smv_dm_device device;
	bool ours;

	if (get_info(NULL, dev, &device, &ours) || !ours)
		return;
	list->device = smv_text_grow(list->device, (list->count + 1) * sizeof(device));
	list->device[list->count++] = device;
}

void smv_dm_list(struct smv_dm_list *list)
{
	struct dm_task *task = task_for(DM_DEVICE_LIST, NULL);
	struct dm_names *names;

	memset(list, 0, sizeof(*list));
	if (!task)
		return;
	names = dm_task_run(task) ? dm_task_get_names(task) : NULL;
	if (names && names->dev) {
		list_one(list, names->dev);
		while (names->next) {
			names = (void *)((char *)names + names->next);
			list_one(list, names->dev);
		}
	}
	dm_task_destroy(task);
}

bool smv_dm_is_denied(void)
{
	struct dm_task *task = task_for(DM_DEVICE_LIST, NULL);
	bool answers = task && dm_task_run(task);

	if (task)
		dm_task_destroy(task);
	return !answers && has_dm() && geteuid();
}

void smv_dm_list_free(struct smv_dm_list *list)
{
	free(list->device);
	memset(list, 0, sizeof(*list));
}

const struct smv_dm_device *smv_dm_find(const struct smv_dm_list *list, const u8 *uuid, u64 number)
{
	for (u32 i = 0; i < list->count; i++)
		if (list->device[i].number == number &&
		    !memcmp(list->device[i].uuid, uuid, SMV_UUID_BYTES))
			return &list->device[i];
	return NULL;
}

char *smv_dm_path(const char *name)
{
	return smv_text_printf("/dev/mapper/%s", name);
}

/* -- making and taking down ------------------------------------------------ */

/* What the kernel has logged since @log was at its end: the reason for a refusal. */
static char *read_reason(int log)
{
	char line[1024];
	char *found = NULL;
	ssize_t n;

	while (log >= 0 && (n = read(log, line, sizeof(line) - 1)) > 0) {
		char *at, *end;

		line[n] = 0;
		at = strstr(line, "snap-mv");
		if (!at || !strstr(line, "device-mapper: table:"))
			continue;
		end = strchr(at, '\n');
		if (end)
			*end = 0;
		at = strstr(at, ": ");
		free(found);
		found = at ? smv_text_printf("%s", at + 2) : NULL;
	}
	return found;
}

static int run_with_udev(struct dm_task *task, const sigset_t *release)
{
	uint32_t cookie = 0;
	int rc = 0;

	if (!dm_task_set_cookie(task, &cookie, 0)) {
		dm_task_destroy(task);
		return -EIO;
	}
	if (!dm_task_run(task))
		rc = run_error(task);
	/* without udev the node is made here */
	if (!rc && release && dm_udev_get_sync_support())
		sigprocmask(SIG_SETMASK, release, NULL);
	dm_udev_wait(cookie);
	dm_task_destroy(task);
	return rc;
}

int smv_dm_create(const struct smv_dm_table *table, char **why)
{
	struct dm_task *task = task_for(DM_DEVICE_CREATE, table->name);
	char text[64], prefix[SMV_DM_PREFIX_BYTES];
	int log, rc;

	*why = NULL;
	if (!task)
		return -ENODEV;
	smv_dm_prefix(table->uuid, prefix);
	snprintf(text, sizeof(text), "%s%llu", prefix, (unsigned long long)table->number);
	if (!dm_task_set_uuid(task, text) ||
	    !dm_task_add_target(task, 0, table->sectors, table->target, table->parameters) ||
	    (table->read_only && !dm_task_set_ro(task))) {
		dm_task_destroy(task);
		return -ENOMEM;
	}
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log >= 0)
		lseek(log, 0, SEEK_END);
	rc = run_with_udev(task, table->release);
	if (rc)
		*why = read_reason(log);
	if (log >= 0)
		close(log);
	dm_task_update_nodes();
	return rc;
}

int smv_dm_remove(const char *name)
{
	struct dm_task *task = task_for(DM_DEVICE_REMOVE, name);
	int rc;

	if (!task)
		return -ENODEV;
	/* udev may be looking at it just now */
	dm_task_retry_remove(task);
	rc = run_with_udev(task, NULL);
	dm_task_update_nodes();
	return rc;
}

int smv_dm_rename(const char *name, const char *to)
{
	struct dm_task *task = task_for(DM_DEVICE_RENAME, name);
	int rc;

	if (!task)
		return -ENODEV;
	if (!dm_task_set_newname(task, to)) {
		dm_task_destroy(task);
		return -ENOMEM;
	}
	rc = run_with_udev(task, NULL);
	dm_task_update_nodes();
	return rc;
}

/* -- talking ---------------------------------------------------------------- */

int smv_dm_message(const char *name, const char *message, char **reply)
{
	struct dm_task *task = task_for(DM_DEVICE_TARGET_MSG, name);
	const char *response;
	int rc = 0;

	if (reply)
		*reply = NULL;
	if (!task)
		return -ENODEV;
	if (!dm_task_set_sector(task, 0) || !dm_task_set_message(task, message))
		rc = -ENOMEM;
	else if (!dm_task_run(task))
		rc = run_error(task);
	if (!rc && reply) {
		response = dm_task_get_message_response(task);
		*reply = smv_text_printf("%s", response ? response : "");
	}
	dm_task_destroy(task);
	return rc;
}

static char *target_line(int type, const char *name)
{
	struct dm_task *task = task_for(type, name);
	char *target = NULL, *parameters = NULL, *line = NULL;
	uint64_t start, length;

	if (!task)
		return NULL;
	if (dm_task_run(task)) {
		dm_get_next_target(task, NULL, &start, &length, &target, &parameters);
		if (parameters)
			line = smv_text_printf("%s", parameters);
	}
	dm_task_destroy(task);
	return line;
}

char *smv_dm_status(const char *name)
{
	return target_line(DM_DEVICE_STATUS, name);
}

char *smv_dm_table(const char *name)
{
	return target_line(DM_DEVICE_TABLE, name);
}

int smv_dm_event(const char *name, u32 *event)
{
	struct dm_task *task = task_for(DM_DEVICE_INFO, name);
	struct dm_info info;
	int rc = -ENOENT;

	if (!task)
		return -ENODEV;
	if (dm_task_run(task) && dm_task_get_info(task, &info) && info.exists) {
		*event = info.event_nr;
		rc = 0;
	}
	dm_task_destroy(task);
	return rc;
}

static void wake(int number)
{
	(void)number;
}

/* Interrupts the waiting each second from now on, or (@on false) no more. */
static void tick(bool on)
{
	const struct itimerval every = { { on, 0 }, { on, 0 } };
	const struct sigaction action = { .sa_handler = on ? wake : SIG_DFL };

	if (on)
		sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	if (!on)
		sigaction(SIGALRM, &action, NULL);
}

int smv_dm_wait(const char *name, u32 event)
{
	struct dm_task *task = task_for(DM_DEVICE_WAITEVENT, name);
	int rc;

	if (!task)
		return -ENODEV;
	if (!dm_task_set_event_nr(task, event)) {
		dm_task_destroy(task);
		return -ENOMEM;
	}
	tick(true);
	rc = run(task);
	tick(false);
	return rc;
}

/* -- encoding ---------------------------------------------------------------- */

char *smv_dm_encode(const char *text)
{
	char *encoded = smv_text_alloc(3 * strlen(text) + 2);
	char *out = encoded;

	if (!*text)
		*out++ = '%';
	for (; *text; text++) {
		u8 c = (u8)*text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr("_.+:@/=,-", c);

		if (plain)
			*out++ = (char)c;
		else
			out += sprintf(out, "%%%02X", c);
	}
	*out = 0;
	return encoded;
}

char *smv_dm_decode(const char *text)
{
	char *decoded = smv_text_printf("%s", text);
	char *out = decoded;
	u32 c;

	if (!strcmp(text, "%"))
		text++;
	while (*text) {
		if (*text == '%' && sscanf(text + 1, "%2x", &c) == 1 && text[1] && text[2] && c) {
			*out++ = (char)c;
			text += 3;
		} else {
			*out++ = *text++;
		}
	}
	*out = 0;
	return decoded;
}
