// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that obeys: `0 SECTORS smv-hold DEV' passes everything on to DEV, but for what its
 * messages order.
 *
 *   hold read|write|flush|discard N [COUNT]   the N-th request of the kind from now, and those
 *                                             after it, COUNT (1) in all, are held before they are
 *                                             carried out
 *   fail read|write|flush|discard N [COUNT]   they fail
 *   calm                                      no order stands any more, and what is held goes on
 *
 * One order for each kind at a time. A write with data is a write, whatever else it asks for.
 * Status: how many are held now, and how many reads, writes, flushes and discards there have been.
 */
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

enum kind { KIND_READ, KIND_WRITE, KIND_FLUSH, KIND_DISCARD, KIND_OTHER };

static const char *const kinds[] = { "read", "write", "flush", "discard" };

struct order {
	unsigned long after;
	unsigned long count;
	bool fails;
};

struct hold {
	struct dm_dev *dev;
	spinlock_t lock; /* all of what follows */
	struct order order[KIND_OTHER];
	struct bio_list held;
	unsigned int now; /* in that list */
	unsigned long met[KIND_OTHER];
};

static enum kind kind_of(struct bio *bio)
{
	if (bio_op(bio) == REQ_OP_READ)
		return KIND_READ;
	if (bio_op(bio) == REQ_OP_WRITE && bio_sectors(bio))
		return KIND_WRITE;
	if (bio_op(bio) == REQ_OP_DISCARD)
		return KIND_DISCARD;
	return bio->bi_opf & REQ_PREFLUSH ? KIND_FLUSH : KIND_OTHER;
}

/* Does the order of its kind, if there is one, stand for this request? */
static bool meets(struct order *order)
{
	if (!order->count)
		return false;
	if (order->after) {
		order->after--;
		return false;
	}
	order->count--;
	return true;
}

static int hold_map(struct dm_target *ti, struct bio *bio)
{
	struct hold *hold = ti->private;
	enum kind kind = kind_of(bio);
	int result = DM_MAPIO_REMAPPED;
	unsigned long flags;

	bio_set_dev(bio, hold->dev->bdev);
	if (kind == KIND_OTHER)
		return result;
	spin_lock_irqsave(&hold->lock, flags);
	hold->met[kind]++;
	if (meets(&hold->order[kind])) {
		result = hold->order[kind].fails ? DM_MAPIO_KILL : DM_MAPIO_SUBMITTED;
		if (result == DM_MAPIO_SUBMITTED) {
			bio_list_add(&hold->held, bio);
			hold->now++;
		}
	}
	spin_unlock_irqrestore(&hold->lock, flags);
	return result;
}

static void calm(struct hold *hold)
{
	struct bio_list list = BIO_EMPTY_LIST;
	struct bio *bio;

	spin_lock_irq(&hold->lock);
	memset(hold->order, 0, sizeof(hold->order));
	bio_list_merge(&list, &hold->held);
	bio_list_init(&hold->held);
	hold->now = 0;
	spin_unlock_irq(&hold->lock);
	while ((bio = bio_list_pop(&list)))
		submit_bio_noacct(bio);
}

static int hold_message(struct dm_target *ti, unsigned int argc, char **argv, char *result,
			unsigned int maxlen)
{
	struct hold *hold = ti->private;
	struct order order = { .count = 1 };
	int kind;

	if (argc == 1 && !strcmp(argv[0], "calm")) {
		calm(hold);
		return 0;
	}
	if (argc < 3 || argc > 4 || kstrtoul(argv[2], 10, &order.after) || !order.after--)
		return -EINVAL;
	if (argc == 4 && kstrtoul(argv[3], 10, &order.count))
		return -EINVAL;
	order.fails = !strcmp(argv[0], "fail");
	kind = match_string(kinds, ARRAY_SIZE(kinds), argv[1]);
	if (kind < 0 || (!order.fails && strcmp(argv[0], "hold")))
		return -EINVAL;
	spin_lock_irq(&hold->lock);
	hold->order[kind] = order;
	spin_unlock_irq(&hold->lock);
	return 0;
}

static void hold_presuspend(struct dm_target *ti)
{
	calm(ti->private);
}

static void hold_status(struct dm_target *ti, status_type_t type, unsigned int flags, char *result,
			unsigned int maxlen)
{
	struct hold *hold = ti->private;

	switch (type) {
	case STATUSTYPE_INFO:
		scnprintf(result, maxlen, "%u %lu %lu %lu %lu", READ_ONCE(hold->now),
			  READ_ONCE(hold->met[KIND_READ]), READ_ONCE(hold->met[KIND_WRITE]),
			  READ_ONCE(hold->met[KIND_FLUSH]), READ_ONCE(hold->met[KIND_DISCARD]));
		break;
	case STATUSTYPE_TABLE:
		scnprintf(result, maxlen, "%s", hold->dev->name);
		break;
	default:
		*result = '\0';
	}
}

static int hold_iterate(struct dm_target *ti, iterate_devices_callout_fn fn, void *data)
{
	struct hold *hold = ti->private;

	return fn(ti, hold->dev, 0, ti->len, data);
}

static void hold_dtr(struct dm_target *ti)
{
	struct hold *hold = ti->private;

	dm_put_device(ti, hold->dev);
	kfree(hold);
}

static int hold_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct hold *hold;

	if (argc != 1) {
		ti->error = "not one argument";
		return -EINVAL;
	}
	hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	if (!hold)
		return -ENOMEM;
	if (dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &hold->dev)) {
		ti->error = "no such device";
		kfree(hold);
		return -EINVAL;
	}
	spin_lock_init(&hold->lock);
	bio_list_init(&hold->held);
	ti->private = hold;
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->num_write_zeroes_bios = 1;
	return 0;
}

static struct target_type hold_target = {
	.name = "smv-hold",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = hold_ctr,
	.dtr = hold_dtr,
	.map = hold_map,
	.presuspend = hold_presuspend,
	.message = hold_message,
	.status = hold_status,
	.iterate_devices = hold_iterate,
};

static int __init hold_init(void)
{
	return dm_register_target(&hold_target);
}

static void __exit hold_exit(void)
{
	dm_unregister_target(&hold_target);
}

module_init(hold_init);
module_exit(hold_exit);

MODULE_DESCRIPTION("device-mapper target that holds requests or fails them, for tests");
MODULE_LICENSE("GPL");
