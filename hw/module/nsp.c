// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual card's management processor (NSP): what the card is, which
 * ports it has, and loading firmware.
 *
 * The driver finds the firmware file as for a real card, by part number and
 * ports: /lib/firmware/netronome/nic_AMDA0096-0001_2x10.nffw. Ours is not
 * microcode but one of hw/firmware/, which says what the firmware can do.
 */

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/firmware.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "nfp/nfpcore/nfp.h"
#include "nfp/nfpcore/nfp_cpp.h"
#include "nfp/nfpcore/nfp_nffw.h"
#include "nfp/nfpcore/nfp_nsp.h"
#include "card.h"

#define VNFP_NSP_MAJOR 0
/* Can load stored firmware and look up settings, not set them. */
#define VNFP_NSP_MINOR 25

/* There is one card and its NSP keeps no state between commands. */
static struct nfp_nsp *nsp_of(struct nfp_cpp *card)
{
	return (struct nfp_nsp *)card;
}

static struct nfp_cpp *card_of(struct nfp_nsp *nsp)
{
	return (struct nfp_cpp *)nsp;
}

struct nfp_nsp *nfp_nsp_open(struct nfp_cpp *card)
{
	return nsp_of(card);
}

void nfp_nsp_close(struct nfp_nsp *nsp)
{
}

u16 nfp_nsp_get_abi_ver_major(struct nfp_nsp *nsp)
{
	return VNFP_NSP_MAJOR;
}

u16 nfp_nsp_get_abi_ver_minor(struct nfp_nsp *nsp)
{
	return VNFP_NSP_MINOR;
}

int nfp_nsp_wait(struct nfp_nsp *nsp)
{
	return 0;
}

/* Firmware */

int nfp_nsp_load_fw(struct nfp_nsp *nsp, const struct firmware *fw)
{
	struct nfp_cpp *card = card_of(nsp);
	int err;

	err = vnfp_profile_parse(&card->pdev->dev, &card->profile, fw->data, fw->size);
	if (err)
		return err;

	card->capabilities_len =
		vnfp_profile_capabilities(&card->profile, card->capabilities, sizeof(card->capabilities));
	card->capabilities_file.size = card->capabilities_len;
	vnfp_vnics_load(card);
	card->firmware_loaded = true;
	return 0;
}

int nfp_nsp_load_stored_fw(struct nfp_nsp *nsp)
{
	return -ENOENT; /* the flash is empty */
}

int nfp_nsp_fw_loaded(struct nfp_nsp *nsp)
{
	return card_of(nsp)->firmware_loaded;
}

int nfp_nsp_device_soft_reset(struct nfp_nsp *nsp)
{
	card_of(nsp)->firmware_loaded = false;
	return 0;
}

struct nfp_mip {
	struct nfp_cpp *card;
};

static struct nfp_mip vnfp_mip;

const struct nfp_mip *nfp_mip_open(struct nfp_cpp *card)
{
	vnfp_mip.card = card;
	return card->firmware_loaded ? &vnfp_mip : NULL;
}

void nfp_mip_close(const struct nfp_mip *mip)
{
}

const char *nfp_mip_name(const struct nfp_mip *mip)
{
	return mip->card->profile.name;
}

/* Ports */

struct nfp_eth_table *nfp_eth_read_ports(struct nfp_cpp *card)
{
	struct nfp_eth_table *table;
	unsigned int i;

	table = kzalloc(struct_size(table, ports, card->n_ports), GFP_KERNEL);
	if (!table)
		return NULL;

	table->count = card->n_ports;
	for (i = 0; i < card->n_ports; i++) {
		struct nfp_eth_table_port *port = &table->ports[i];

		port->eth_index = i;
		port->index = i * 4;
		port->base = i * 4;
		port->lanes = 1;
		port->port_lanes = 1;
		port->speed = SPEED_10000;
		port->interface = NFP_INTERFACE_SFPP;
		port->media = NFP_MEDIA_DAC_PASSIVE;
		port->aneg = NFP_ANEG_DISABLED;
		port->port_type = PORT_DA;
		port->label_port = i;
		port->enabled = true;
		port->tx_enabled = true;
		port->rx_enabled = true;
		/* The driver takes a port away when its set-up has changed. */
		port->override_changed = test_bit(i, &card->ports_gone);
		port->mac_addr[0] = 0x02;
		port->mac_addr[1] = 0x15;
		port->mac_addr[2] = 0x4d;
		port->mac_addr[3] = 0;
		port->mac_addr[4] = 0;
		port->mac_addr[5] = i;
		table->max_index = port->index;
	}
	return table;
}

struct nfp_eth_table *__nfp_eth_read_ports(struct nfp_cpp *card, struct nfp_nsp *nsp)
{
	return nfp_eth_read_ports(card);
}

int nfp_nsp_mac_reinit(struct nfp_nsp *nsp)
{
	card_of(nsp)->ports_gone = 0;
	return 0;
}

int nfp_eth_set_configured(struct nfp_cpp *card, unsigned int idx, bool configed)
{
	return 0;
}

int nfp_eth_set_fec(struct nfp_cpp *card, unsigned int idx, enum nfp_eth_fec mode)
{
	return -EOPNOTSUPP;
}

int nfp_eth_set_idmode(struct nfp_cpp *card, unsigned int idx, bool state)
{
	return 0;
}

int nfp_eth_read_media(struct nfp_cpp *card, struct nfp_eth_media_buf *media)
{
	return -EOPNOTSUPP;
}

struct nfp_nsp *nfp_eth_config_start(struct nfp_cpp *card, unsigned int idx)
{
	return ERR_PTR(-EOPNOTSUPP);
}

int nfp_eth_config_commit_end(struct nfp_nsp *nsp)
{
	return -EOPNOTSUPP;
}

void nfp_eth_config_cleanup_end(struct nfp_nsp *nsp)
{
}

int __nfp_eth_set_aneg(struct nfp_nsp *nsp, enum nfp_eth_aneg mode)
{
	return -EOPNOTSUPP;
}

int __nfp_eth_set_speed(struct nfp_nsp *nsp, unsigned int speed)
{
	return -EOPNOTSUPP;
}

int __nfp_eth_set_split(struct nfp_nsp *nsp, unsigned int lanes)
{
	return -EOPNOTSUPP;
}

/* Identity of the card */

static const struct {
	const char *key;
	const char *value;
} vnfp_hwinfo[] = {
	{"assembly.vendor", "VNFP"}, {"assembly.partno", "AMDA0096-0001"}, {"assembly.serial", "00000000"},
	{"assembly.revision", "00"}, {"assembly.model", "virtual"},        {"cpld.version", "0x0"},
	{"board.state", "15"}, /* 15 is ready, see nfp_main.c */
};

struct nfp_hwinfo {
	u8 unused;
};

struct nfp_hwinfo *nfp_hwinfo_read(struct nfp_cpp *card)
{
	return kzalloc(sizeof(struct nfp_hwinfo), GFP_KERNEL);
}

const char *nfp_hwinfo_lookup(struct nfp_hwinfo *hwinfo, const char *lookup)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vnfp_hwinfo); i++)
		if (!strcmp(vnfp_hwinfo[i].key, lookup))
			return vnfp_hwinfo[i].value;
	return NULL;
}

char *nfp_hwinfo_get_packed_strings(struct nfp_hwinfo *hwinfo)
{
	return NULL;
}

u32 nfp_hwinfo_get_packed_str_size(struct nfp_hwinfo *hwinfo)
{
	return 0;
}

int nfp_nsp_hwinfo_lookup(struct nfp_nsp *nsp, void *buf, unsigned int size)
{
	return -ENOENT;
}

int nfp_nsp_hwinfo_lookup_optional(struct nfp_nsp *nsp, void *buf, unsigned int size, const char *default_val)
{
	return strscpy(buf, default_val, size) < 0 ? -EINVAL : 0;
}

int nfp_nsp_hwinfo_set(struct nfp_nsp *nsp, void *buf, unsigned int size)
{
	return -EOPNOTSUPP;
}

int nfp_nsp_read_identify(struct nfp_nsp *nsp, void *buf, unsigned int size)
{
	return -EOPNOTSUPP;
}

struct nfp_nsp_identify *__nfp_nsp_identify(struct nfp_nsp *nsp)
{
	return NULL;
}

int nfp_hwmon_read_sensor(struct nfp_cpp *card, enum nfp_nsp_sensor_id id, long *val)
{
	return -EOPNOTSUPP;
}

int nfp_nsp_read_module_eeprom(struct nfp_nsp *nsp, int eth_index, unsigned int offset, void *data, unsigned int len,
			       unsigned int *read_len)
{
	return -EOPNOTSUPP;
}

int nfp_nsp_versions(struct nfp_nsp *nsp, void *buf, unsigned int size)
{
	return -EOPNOTSUPP;
}

const char *nfp_nsp_versions_get(enum nfp_nsp_versions id, bool flash, const u8 *buf, unsigned int size)
{
	return ERR_PTR(-EOPNOTSUPP);
}

int nfp_nsp_write_flash(struct nfp_nsp *nsp, const struct firmware *fw)
{
	return -EOPNOTSUPP;
}
