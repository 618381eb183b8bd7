// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acts of the card that a test asks for in place of its programs, which nothing here
 * can run: add to counters, send events, hand packets to the host. What the
 * program could not have done is refused.
 */

#include <linux/bpf.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "nfp/bpf/fw.h"
#include "nfp/bpf/main.h"
#include "nfp/nfp_app.h"
#include "nfp/nfp_main.h"
#include "nfp/nfp_port.h"
#include "card.h"

#define PACKET_MAX 2048

/* The driver's own record of the card, NULL before or after its time. */
static struct nfp_app_bpf *driver_bpf(struct nfp_cpp *card)
{
	struct nfp_pf *pf = pci_get_drvdata(card->pdev);

	if (!pf || !pf->app || pf->app->type != &app_bpf)
		return NULL;
	return pf->app->priv;
}

static struct nfp_bpf_map *driver_map(struct nfp_cpp *card, u32 id)
{
	struct nfp_app_bpf *bpf = driver_bpf(card);
	struct nfp_bpf_map *map;

	if (!bpf)
		return NULL;
	list_for_each_entry(map, &bpf->map_list, l) if (map->offmap->map.id == id) return map;
	return NULL;
}

static char use_letter(const struct nfp_bpf_map_word *word)
{
	static const char letters[] = {
		[NFP_MAP_UNUSED] = '-',
		[NFP_MAP_USE_READ] = 'r',
		[NFP_MAP_USE_WRITE] = 'w',
		[NFP_MAP_USE_ATOMIC_CNT] = 'a',
	};

	return letters[word->type];
}

void vnfp_show_maps(struct nfp_cpp *card, struct seq_file *file)
{
	struct nfp_app_bpf *bpf = driver_bpf(card);
	struct nfp_bpf_map *map;
	unsigned int i;

	seq_puts(file, "# id name type key value max_entries table words (r: read, a: added to by programs)\n");
	if (!bpf)
		return;
	list_for_each_entry(map, &bpf->map_list, l)
	{
		const struct bpf_map *m = &map->offmap->map;

		seq_printf(file, "%u %s %s %u %u %u %u ", m->id, m->name[0] ? m->name : "?",
			   m->map_type == BPF_MAP_TYPE_ARRAY ? "array" : "hash", m->key_size, m->value_size,
			   m->max_entries, map->tid);
		for (i = 0; i < DIV_ROUND_UP(m->value_size, 4); i++)
			seq_putc(file, use_letter(&map->use_map[i]));
		seq_putc(file, '\n');
	}
}

/* A key is written as a number, if it has 4 bytes, or as hex digits. */
static int parse_key(const struct bpf_map *map, const char *text, u8 *key)
{
	if (map->key_size == 4 && strlen(text) != 8)
		return kstrtou32(text, 0, (u32 *)key);
	if (strlen(text) != 2 * map->key_size)
		return -EINVAL;
	return hex2bin(key, text, map->key_size);
}

int vnfp_add(struct nfp_cpp *card, u32 map_id, const char *key_text, u32 offset, u64 addend, u32 bytes)
{
	struct device *dev = &card->pdev->dev;
	u8 key[64] __aligned(8) = {};
	struct nfp_bpf_map *map;
	const struct bpf_map *m;
	unsigned int i;
	u32 rc;

	map = driver_map(card, map_id);
	if (!map) {
		dev_err(dev, "vnfp: add: map %u is not on the card\n", map_id);
		return -ENOENT;
	}
	m = &map->offmap->map;
	if (m->key_size > sizeof(key) || parse_key(m, key_text, key)) {
		dev_err(dev, "vnfp: add: map %u: bad key '%s', it has %u bytes\n", map_id, key_text, m->key_size);
		return -EINVAL;
	}
	if ((bytes != 4 && bytes != 8) || offset % bytes || offset + bytes > m->value_size) {
		dev_err(dev, "vnfp: add: map %u: no word of %u bytes at %u\n", map_id, bytes, offset);
		return -EINVAL;
	}
	for (i = offset / 4; i < (offset + bytes) / 4; i++)
		if (map->use_map[i].type != NFP_MAP_USE_ATOMIC_CNT) {
			dev_err(dev, "vnfp: add: map %u: no program on the card adds to the word at %u (use '%c')\n",
				map_id, i * 4, use_letter(&map->use_map[i]));
			return -EPERM;
		}

	rc = vnfp_map_add(card, map->tid, key, offset, addend, bytes == 8);
	if (rc) {
		dev_err(dev, "vnfp: add: map %u has no entry %s\n", map_id, key_text);
		return -ENOENT;
	}
	return 0;
}

/* @bytes from hex digits, "-" for none; their number or an error. */
static int parse_bytes(const char *text, u8 *bytes)
{
	size_t len = strlen(text);

	if (!strcmp(text, "-"))
		return 0;
	if (len % 2 || len / 2 > PACKET_MAX)
		return -EINVAL;
	return hex2bin(bytes, text, len / 2) ? -EINVAL : len / 2;
}

int vnfp_event(struct nfp_cpp *card, u32 port, u32 map_id, u32 cpu, const char *packet_text, const char *data_text)
{
	int packet_len, data_len, err = -EINVAL;
	u8 *packet;

	if (port >= card->n_ports)
		return -ENODEV;
	if (!card->vnic[port].program_running) {
		dev_err(&card->pdev->dev, "vnfp: event: no program runs on port %u\n", port);
		return -EPERM;
	}

	packet = kmalloc(2 * PACKET_MAX, GFP_KERNEL);
	if (!packet)
		return -ENOMEM;
	packet_len = parse_bytes(packet_text, packet);
	data_len = parse_bytes(data_text, packet + PACKET_MAX);
	if (packet_len >= 0 && data_len >= 0) {
		/* A lost event is not reported, as on a card. */
		vnfp_cmsg_event(card, port, map_id, cpu, packet, packet_len, packet + PACKET_MAX, data_len);
		err = 0;
	}
	kfree(packet);
	return err;
}

int vnfp_packet(struct nfp_cpp *card, u32 port, const char *packet_text)
{
	u8 *packet;
	int len, err = -EINVAL;

	if (port >= card->n_ports)
		return -ENODEV;
	packet = kmalloc(PACKET_MAX, GFP_KERNEL);
	if (!packet)
		return -ENOMEM;
	len = parse_bytes(packet_text, packet);
	if (len >= ETH_HLEN)
		err = vnfp_deliver(card, &card->vnic[port], 0, NULL, 0, packet, len);
	if (!err)
		vnfp_count(card, VNFP_STAT_PACKETS_FROM_WIRE);
	kfree(packet);
	return err;
}

/*
 * The port's set-up "has changed" (its cable split, say), upon which the
 * driver takes its net device away.
 */
int vnfp_remove_port(struct nfp_cpp *card, u32 port)
{
	struct nfp_pf *pf = pci_get_drvdata(card->pdev);
	struct nfp_port *nfp_port;

	if (port >= card->n_ports || !pf || list_empty(&pf->ports))
		return -ENODEV;
	set_bit(port, &card->ports_gone);
	nfp_port = list_first_entry(&pf->ports, struct nfp_port, port_list);
	nfp_net_refresh_port_table(nfp_port);
	flush_workqueue(pf->wq);
	return 0;
}
