// SPDX-License-Identifier: GPL-2.0-only
/*
 * Planted bugs, one a run: `insmod smv-canary.ko bug=NAME'. A scenario in which one
 * happens must fail (tests/module/canaries/sanitizers_hear_*.sh).
 */
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

static char *bug = "";
module_param(bug, charp, 0);

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(lock);

static void use_after_free(void)
{
	char *memory = kmalloc(100, GFP_KERNEL);

	kfree(memory);
	OPTIMIZER_HIDE_VAR(memory);
	WRITE_ONCE(memory[7], 1);
}

/* Where the engine's memory comes from. */
static void beyond_the_end(void)
{
	char *memory = vmalloc(5000);

	OPTIMIZER_HIDE_VAR(memory);
	pr_info("%d\n", READ_ONCE(memory[5000]));
	vfree(memory);
}

static void leak(void)
{
	void *memory = kmalloc(1000, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(memory);
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&lock);
	kfree(kmalloc(100, GFP_KERNEL));
	spin_unlock(&lock);
}

static void shift(void)
{
	unsigned int by = 64;

	OPTIMIZER_HIDE_VAR(by);
	pr_info("%llu\n", 1ULL << by);
}

static void freed_work(void)
{
	struct delayed_work *work = kmalloc(sizeof(*work), GFP_KERNEL);

	INIT_DELAYED_WORK(work, NULL);
	schedule_delayed_work(work, 100 * HZ);
	kfree(work);
}

static void list(void)
{
	struct list_head head = LIST_HEAD_INIT(head), entry;

	list_add(&entry, &head);
	head.next = &head;
	list_del(&entry);
}

static unsigned int raced;
static atomic_t racing;

static int race_thread(void *unused)
{
	unsigned int i;

	atomic_inc(&racing);
	while (atomic_read(&racing) < 2)
		cond_resched();
	for (i = 0; i < 200000; i++) {
		raced = raced + 1;
		barrier();
	}
	atomic_inc(&racing);
	return 0;
}

/* Two threads count without a lock. */
static void race(void)
{
	struct task_struct *thread = kthread_run(race_thread, NULL, "smv-race");

	if (IS_ERR(thread))
		return;
	race_thread(NULL);
	while (atomic_read(&racing) < 4)
		cond_resched();
}

static const struct {
	const char *name;
	void (*make)(void);
} bugs[] = {
	{ "use_after_free", use_after_free },
	{ "beyond_the_end", beyond_the_end },
	{ "leak", leak },
	{ "lock_order", lock_order },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "shift", shift },
	{ "freed_work", freed_work },
	{ "list", list },
	{ "race", race },
};

static int __init canary_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (strcmp(bugs[i].name, bug))
			continue;
		bugs[i].make();
		return 0;
	}
	return -EINVAL;
}

static void __exit canary_exit(void)
{
}

module_init(canary_init);
module_exit(canary_exit);
MODULE_LICENSE("GPL");
