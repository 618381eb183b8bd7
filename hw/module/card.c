// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual card as the nfp driver's probe finds it.
 *
 * On a real card the driver reaches memory, symbols of the firmware and
 * resource locks over the chip's internal bus (nfpcore/). Here these are
 * lookups in our own memory; the functions are the ones nfpcore/ declares.
 */

#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "nfp/nfpcore/nfp_dev.h"
#include "nfp/nfpcore/nfp.h"
#include "nfp/nfpcore/nfp6000_pcie.h"
#include "nfp/nfpcore/nfp_cpp.h"
#include "nfp/nfpcore/nfp_nffw.h"
#include "nfp/nfp_app.h"
#include "nfp/nfp_net_ctrl.h"
#include "card.h"

struct nfp_cpp *vnfp_card;

unsigned int vnfp_ports = 2;
module_param_named(ports, vnfp_ports, uint, 0444);
MODULE_PARM_DESC(ports, "Ports of the virtual card (default: 2)");

unsigned int vnfp_message_delay_ns;
module_param_named(message_delay_ns, vnfp_message_delay_ns, uint, 0444);
MODULE_PARM_DESC(message_delay_ns, "Time the card takes for a control message");

/* As nfpcore/nfp_dev.c has it, less what only a real bus needs. */
const struct nfp_dev_info nfp_dev_info[NFP_DEV_CNT] = {
	[NFP_DEV_NFP6000] =
		{
			.dma_mask = DMA_BIT_MASK(40),
			.qc_idx_mask = GENMASK(7, 0),
			.qc_addr_offset = 0x80000,
			.min_qc_size = 256,
			.max_qc_size = SZ_256K,
			.chip_names = "NFP4000/NFP5000/NFP6000",
			.qc_area_sz = SZ_512K,
		},
};

/* Firmwares that this card never runs, but that nfp_app.c has in its table. */
const struct nfp_app_type app_flower;
const struct nfp_app_type app_abm;

struct nfp_cpp *nfp_cpp_from_nfp6000_pcie(struct pci_dev *pdev, const struct nfp_dev_info *dev_info)
{
	struct nfp_cpp *card;
	int err;

	if (vnfp_card)
		return ERR_PTR(-EBUSY);
	if (!vnfp_ports || vnfp_ports > VNFP_MAX_PORTS) {
		dev_err(&pdev->dev, "vnfp: ports=%u, a virtual card has 1 to %u\n", vnfp_ports, VNFP_MAX_PORTS);
		return ERR_PTR(-EINVAL);
	}

	card = vzalloc(sizeof(*card));
	if (!card)
		return ERR_PTR(-ENOMEM);
	card->pdev = pdev;
	card->dev.parent = &pdev->dev;
	card->n_ports = vnfp_ports;
	card->message_delay_ns = vnfp_message_delay_ns;

	err = vnfp_vnics_init(card);
	if (err) {
		vfree(card);
		return ERR_PTR(err);
	}
	err = vnfp_cmsg_init(card);
	if (err) {
		vnfp_vnics_free(card);
		vfree(card);
		return ERR_PTR(err);
	}
	vnfp_card = card;
	vnfp_debugfs_create(card);

	return card;
}

void nfp_cpp_free(struct nfp_cpp *card)
{
	vnfp_debugfs_remove(card);
	vnfp_cmsg_stop(card);
	vnfp_card = NULL;
	vnfp_maps_free(card);
	vnfp_vnics_free(card);
	vfree(card);
}

struct device *nfp_cpp_device(struct nfp_cpp *card)
{
	return &card->dev;
}

u32 nfp_cpp_model(struct nfp_cpp *card)
{
	return 0x62000010; /* NFP-6xxx, as an Agilio CX says */
}

int nfp_cpp_model_autodetect(struct nfp_cpp *card, u32 *model)
{
	*model = nfp_cpp_model(card);
	return 0;
}

u16 nfp_cpp_interface(struct nfp_cpp *card)
{
	return 0x10ff; /* PCI, unit 0: NFP_NSP_DRV_LOAD_IFC_DEFAULT */
}

int nfp_cpp_serial(struct nfp_cpp *card, const u8 **serial)
{
	static const u8 ours[] = {0x02, 0x15, 0x4d, 0x00, 0x00, 0x00};

	*serial = ours;
	return sizeof(ours);
}

/* Areas: windows onto the card's memory. */

struct nfp_cpp_area {
	void *memory;
	size_t size;
};

static u8 __iomem *area_map(void *memory, size_t size, struct nfp_cpp_area **area)
{
	*area = kzalloc(sizeof(**area), GFP_KERNEL);
	if (!*area)
		return (u8 __iomem *)ERR_PTR(-ENOMEM);
	(*area)->memory = memory;
	(*area)->size = size;
	return (u8 __iomem __force *)memory;
}

u8 __iomem *nfp_cpp_map_area(struct nfp_cpp *card, const char *name, u32 cpp_id, u64 addr, unsigned long size,
			     struct nfp_cpp_area **area)
{
	const struct nfp_dev_info *info = &nfp_dev_info[NFP_DEV_NFP6000];

	/* The queue controller is the only memory mapped by its address. */
	if (addr != info->qc_addr_offset || size > info->qc_area_sz)
		return (u8 __iomem *)ERR_PTR(-ENOENT);
	return area_map(card->queues, size, area);
}

void __iomem *nfp_cpp_area_iomem(struct nfp_cpp_area *area)
{
	return (void __iomem __force *)area->memory;
}

size_t nfp_cpp_area_size(struct nfp_cpp_area *area)
{
	return area->size;
}

void nfp_cpp_area_release_free(struct nfp_cpp_area *area)
{
	kfree(area);
}

int nfp_cpp_read(struct nfp_cpp *card, u32 cpp_id, unsigned long long addr, void *buf, size_t len)
{
	return -EOPNOTSUPP;
}

int nfp_cpp_writel(struct nfp_cpp *card, u32 cpp_id, unsigned long long addr, u32 value)
{
	return -EOPNOTSUPP;
}

int nfp_xpb_readl(struct nfp_cpp *card, u32 target, u32 *value)
{
	return -EOPNOTSUPP;
}

/* Resources: locks shared with other users of a card. We have none. */

int nfp_resource_table_init(struct nfp_cpp *card)
{
	return 0;
}

int nfp_resource_wait(struct nfp_cpp *card, const char *name, unsigned int secs)
{
	return 0;
}

struct nfp_resource *nfp_resource_acquire(struct nfp_cpp *card, const char *name)
{
	return ERR_PTR(-ENOENT);
}

void nfp_resource_release(struct nfp_resource *res)
{
}

u32 nfp_resource_cpp_id(struct nfp_resource *res)
{
	return 0;
}

u64 nfp_resource_address(struct nfp_resource *res)
{
	return 0;
}

u64 nfp_resource_size(struct nfp_resource *res)
{
	return 0;
}

/* Symbols of the running firmware. */

struct nfp_rtsym_table {
	struct nfp_cpp *card;
};

struct nfp_rtsym_table *__nfp_rtsym_table_read(struct nfp_cpp *card, const struct nfp_mip *mip)
{
	struct nfp_rtsym_table *table;

	if (!card->firmware_loaded)
		return NULL;
	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (table)
		table->card = card;
	return table; /* the driver frees it */
}

const struct nfp_rtsym *nfp_rtsym_lookup(struct nfp_rtsym_table *table, const char *name)
{
	return NULL; /* what is looked up this way is optional */
}

u64 nfp_rtsym_size(const struct nfp_rtsym *sym)
{
	return 0;
}

int nfp_rtsym_read(struct nfp_cpp *card, const struct nfp_rtsym *sym, u64 off, void *buf, size_t len)
{
	return -ENOENT;
}

int nfp_rtsym_write(struct nfp_cpp *card, const struct nfp_rtsym *sym, u64 off, void *buf, size_t len)
{
	return -ENOENT;
}

int nfp_rtsym_readl(struct nfp_cpp *card, const struct nfp_rtsym *sym, u64 off, u32 *value)
{
	return -ENOENT;
}

int nfp_rtsym_writeq(struct nfp_cpp *card, const struct nfp_rtsym *sym, u64 off, u64 value)
{
	return -ENOENT;
}

u64 nfp_rtsym_read_le(struct nfp_rtsym_table *table, const char *name, int *error)
{
	if (error)
		*error = 0;
	if (!strcmp(name, "nfd_cfg_pf0_num_ports"))
		return table->card->n_ports;
	if (!strcmp(name, "_pf0_net_app_id"))
		return table->card->profile.app_id;
	if (error)
		*error = -ENOENT;
	return ~0ULL;
}

u8 __iomem *nfp_rtsym_map(struct nfp_rtsym_table *table, const char *name, const char *id, unsigned int min_size,
			  struct nfp_cpp_area **area)
{
	struct nfp_cpp *card = table->card;
	void *memory;
	size_t size;

	if (!strcmp(name, "_pf0_net_bar0")) {
		memory = card->port_bars;
		size = card->n_ports * NFP_NET_CFG_BAR_SZ;
	} else if (!strcmp(name, "_pf0_net_ctrl_bar")) {
		memory = card->control_bar;
		size = NFP_NET_CFG_BAR_SZ;
	} else if (!strcmp(name, "_abi_bpf_capabilities")) {
		memory = card->capabilities;
		size = card->capabilities_len;
	} else {
		return (u8 __iomem *)ERR_PTR(-ENOENT);
	}

	if (size < min_size)
		return (u8 __iomem *)ERR_PTR(-EINVAL);
	return area_map(memory, size, area);
}
