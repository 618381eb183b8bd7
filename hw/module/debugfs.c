// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/vnfp/: how a test looks at the card and moves its hands.
 * hw/vnfp-card is the command for it.
 */

#include <linux/debugfs.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "card.h"

#define WRITE_MAX (256 * 1024)

static const char *const vnfp_stat_names[VNFP_STAT_COUNT] = {
	[VNFP_STAT_MAP_ALLOC] = "messages_map_alloc",
	[VNFP_STAT_MAP_FREE] = "messages_map_free",
	[VNFP_STAT_MAP_LOOKUP] = "messages_map_lookup",
	[VNFP_STAT_MAP_UPDATE] = "messages_map_update",
	[VNFP_STAT_MAP_DELETE] = "messages_map_delete",
	[VNFP_STAT_MAP_GETNEXT] = "messages_map_getnext",
	[VNFP_STAT_MAP_GETFIRST] = "messages_map_getfirst",
	[VNFP_STAT_UNKNOWN] = "messages_unknown",
	[VNFP_STAT_MALFORMED] = "messages_malformed",
	[VNFP_STAT_REFUSED] = "messages_refused",
	[VNFP_STAT_EVENTS] = "events",
	[VNFP_STAT_EVENTS_LOST] = "events_lost",
	[VNFP_STAT_PROGRAMS] = "programs_loaded",
	[VNFP_STAT_PROGRAM_STARTS] = "programs_started",
	[VNFP_STAT_PROGRAM_STOPS] = "programs_stopped",
	[VNFP_STAT_RECONFIGS] = "reconfigurations",
	[VNFP_STAT_PACKETS_TO_WIRE] = "packets_to_wire",
	[VNFP_STAT_PACKETS_FROM_WIRE] = "packets_from_wire",
};

static int stats_show(struct seq_file *file, void *unused)
{
	struct nfp_cpp *card = file->private;
	unsigned int i;

	for (i = 0; i < VNFP_STAT_COUNT; i++)
		seq_printf(file, "%s %lld\n", vnfp_stat_names[i], atomic64_read(&card->stats[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int programs_show(struct seq_file *file, void *unused)
{
	struct nfp_cpp *card = file->private;
	unsigned int i;

	seq_puts(file, "# port state instructions\n");
	for (i = 0; i < card->n_ports; i++)
		seq_printf(file, "%u %s %u\n", i, card->vnic[i].program_running ? "running" : "stopped",
			   card->vnic[i].program_running ? card->vnic[i].program_len : 0);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(programs);

static int maps_show(struct seq_file *file, void *unused)
{
	rtnl_lock();
	vnfp_show_maps(file->private, file);
	rtnl_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(maps);

static int writes_show(struct seq_file *file, void *unused)
{
	vnfp_show_writes(file->private, file);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(writes);

/*
 * Runs @handle for each line. As in any write, how much was done is the
 * answer; the line that failed is the next write's.
 */
static ssize_t for_each_line(struct file *file, const char __user *from, size_t count,
			     int (*handle)(struct nfp_cpp *card, char *line))
{
	struct nfp_cpp *card = file_inode(file)->i_private;
	char *text, *line, *end;
	size_t done = 0;
	int err = 0;

	count = min_t(size_t, count, WRITE_MAX);
	text = kvmalloc(count + 1, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	if (copy_from_user(text, from, count)) {
		kvfree(text);
		return -EFAULT;
	}
	text[count] = '\0';

	rtnl_lock();
	for (line = text; line < text + count; line = end + 1) {
		end = strchrnul(line, '\n');
		/* The rest of a line that was cut comes with the next write. */
		if (!*end && done)
			break;
		*end = '\0';
		if (*line)
			err = handle(card, line);
		if (err)
			break;
		done = min_t(size_t, end + 1 - text, count);
		cond_resched();
	}
	rtnl_unlock();
	kvfree(text);
	return done ?: err;
}

#define DEFINE_LINE_FILE(name)                                                                                         \
	static ssize_t name##_write(struct file *file, const char __user *from, size_t count, loff_t *offset)          \
	{                                                                                                              \
		return for_each_line(file, from, count, name##_line);                                                  \
	}                                                                                                              \
	static const struct file_operations name##_fops = {                                                            \
		.owner = THIS_MODULE,                                                                                  \
		.open = simple_open,                                                                                   \
		.write = name##_write,                                                                                 \
		.llseek = noop_llseek,                                                                                 \
	}

/* The next word of a line, NULL at its end. */
static char *word(char **line)
{
	char *at;

	do {
		at = strsep(line, " \t");
	} while (at && !*at);
	return at;
}

static int number(char **line, u64 *value)
{
	char *text = word(line);

	return text ? kstrtou64(text, 0, value) : -EINVAL;
}

/* MAP_ID KEY OFFSET ADDEND [BYTES] */
static int add_line(struct nfp_cpp *card, char *line)
{
	u64 map, offset, addend, bytes = 8;
	char *key;

	if (number(&line, &map))
		return -EINVAL;
	key = word(&line);
	if (!key || number(&line, &offset) || number(&line, &addend) || (line && number(&line, &bytes)))
		return -EINVAL;
	return vnfp_add(card, map, key, offset, addend, bytes);
}
DEFINE_LINE_FILE(add);

/* PORT MAP_ID CPU PACKET DATA, the last two in hex digits or "-" */
static int event_line(struct nfp_cpp *card, char *line)
{
	u64 port, map, cpu;
	char *packet, *data;

	if (number(&line, &port) || number(&line, &map) || number(&line, &cpu))
		return -EINVAL;
	packet = word(&line);
	data = word(&line);
	if (!packet || !data)
		return -EINVAL;
	return vnfp_event(card, port, map, cpu, packet, data);
}
DEFINE_LINE_FILE(event);

/* PORT PACKET */
static int packet_line(struct nfp_cpp *card, char *line)
{
	char *packet;
	u64 port;

	if (number(&line, &port))
		return -EINVAL;
	packet = word(&line);
	return packet ? vnfp_packet(card, port, packet) : -EINVAL;
}
DEFINE_LINE_FILE(packet);

/* PORT; the driver takes rtnl_lock itself. */
static ssize_t remove_port_write(struct file *file, const char __user *from, size_t count, loff_t *offset)
{
	struct nfp_cpp *card = file_inode(file)->i_private;
	u32 port;
	int err;

	err = kstrtou32_from_user(from, count, 0, &port);
	if (!err)
		err = vnfp_remove_port(card, port);
	return err ?: count;
}

static const struct file_operations remove_port_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = remove_port_write,
	.llseek = noop_llseek,
};

void vnfp_debugfs_create(struct nfp_cpp *card)
{
	struct dentry *dir = debugfs_create_dir("vnfp", NULL);

	card->debugfs = dir;
	debugfs_create_file("stats", 0444, dir, card, &stats_fops);
	debugfs_create_file("programs", 0444, dir, card, &programs_fops);
	debugfs_create_file("maps", 0444, dir, card, &maps_fops);
	debugfs_create_file("writes", 0444, dir, card, &writes_fops);
	debugfs_create_file("add", 0200, dir, card, &add_fops);
	debugfs_create_file("event", 0200, dir, card, &event_fops);
	debugfs_create_file("packet", 0200, dir, card, &packet_fops);
	debugfs_create_file("remove_port", 0200, dir, card, &remove_port_fops);
	card->capabilities_file.data = card->capabilities;
	debugfs_create_blob("capabilities", 0444, dir, &card->capabilities_file);
	debugfs_create_u32("message_delay_ns", 0644, dir, &card->message_delay_ns);
	debugfs_create_u32("fail_messages", 0644, dir, &card->fail_messages);
}

void vnfp_debugfs_remove(struct nfp_cpp *card)
{
	debugfs_remove_recursive(card->debugfs);
}
