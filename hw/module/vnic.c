// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual card's control BARs: one for each port and one for control
 * messages. The firmware fills in what it can do, the driver what it wants,
 * and asks for it to take effect ("reconfiguration").
 */

#include <linux/dma-direct.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/unaligned.h>

#include "nfp/nfpcore/nfp_dev.h"
#include "nfp/nfp_net_ctrl.h"
#include "card.h"

/* ABI 3.5 over descriptor format NFD3, what the eBPF firmware has. */
#define VNFP_VERSION (NFP_NET_CFG_VERSION_MAJOR(3) | NFP_NET_CFG_VERSION_MINOR(5))
#define VNFP_CAPS                                                                                                      \
	(NFP_NET_CFG_CTRL_PROMISC | NFP_NET_CFG_CTRL_RXCSUM | NFP_NET_CFG_CTRL_TXCSUM | NFP_NET_CFG_CTRL_GATHER |      \
	 NFP_NET_CFG_CTRL_RSS2 | NFP_NET_CFG_CTRL_IRQMOD | NFP_NET_CFG_CTRL_LIVE_ADDR)
#define VNFP_MAX_MTU 9216
/*
 * Where a program starts in the code store and where it goes when it is done
 * with a packet, as in CoreNIC's nfd_user_cfg.h.
 */
#define VNFP_PROGRAM_START 3072
#define VNFP_PROGRAM_DONE 1

static void bar_writel(struct vnfp_vnic *vnic, u32 reg, u32 value)
{
	put_unaligned_le32(value, vnic->bar + reg);
}

int vnfp_vnics_init(struct nfp_cpp *card)
{
	unsigned int i;

	card->port_bars = vzalloc(card->n_ports * NFP_NET_CFG_BAR_SZ);
	card->control_bar = vzalloc(NFP_NET_CFG_BAR_SZ);
	card->queues = vzalloc(nfp_dev_info[NFP_DEV_NFP6000].qc_area_sz);
	if (!card->port_bars || !card->control_bar || !card->queues) {
		vnfp_vnics_free(card);
		return -ENOMEM;
	}

	for (i = 0; i <= card->n_ports; i++) {
		struct vnfp_vnic *vnic = &card->vnic[i];

		vnic->index = i;
		spin_lock_init(&vnic->lock);
		vnic->bar = i < card->n_ports ? card->port_bars + i * NFP_NET_CFG_BAR_SZ : card->control_bar;
	}
	return 0;
}

void vnfp_vnics_free(struct nfp_cpp *card)
{
	unsigned int i;

	for (i = 0; i <= card->n_ports; i++)
		kvfree(card->vnic[i].program);
	vfree(card->port_bars);
	vfree(card->control_bar);
	vfree(card->queues);
}

static void load_port(struct nfp_cpp *card, struct vnfp_vnic *vnic)
{
	const struct vnfp_profile *profile = &card->profile;

	vnic->bar[NFP_NET_CFG_BPF_ABI] = profile->abi_version ?: 2;
	vnic->bar[NFP_NET_CFG_BPF_CAP] = profile->live_reload ? NFP_NET_BPF_CAP_RELO : 0;
	put_unaligned_le16(profile->program_max, vnic->bar + NFP_NET_CFG_BPF_MAX_LEN);
	put_unaligned_le16(VNFP_PROGRAM_START, vnic->bar + NFP_NET_CFG_BPF_START);
	put_unaligned_le16(VNFP_PROGRAM_DONE, vnic->bar + NFP_NET_CFG_BPF_DONE);
	vnic->bar[NFP_NET_CFG_BPF_STACK_SZ] = profile->stack_bytes / 64;
	/* The driver takes x * 64 - 32 for it, see nfp_bpf_offload_check_mtu */
	vnic->bar[NFP_NET_CFG_BPF_INL_MTU] = (profile->inline_mtu + 32) / 64;
}

/* The firmware starts: it says in each BAR what it has. */
void vnfp_vnics_load(struct nfp_cpp *card)
{
	unsigned int i;

	for (i = 0; i <= card->n_ports; i++) {
		struct vnfp_vnic *vnic = &card->vnic[i];
		bool port = vnic != vnfp_control_vnic(card);
		unsigned int rings = port ? VNFP_MAX_RINGS : 1;
		unsigned int queue = i * VNFP_QUEUES_PER_VNIC;

		memset(vnic->bar, 0, NFP_NET_CFG_BAR_SZ);
		bar_writel(vnic, NFP_NET_CFG_VERSION, VNFP_VERSION);
		bar_writel(vnic, NFP_NET_CFG_STS,
			   NFP_NET_CFG_STS_LINK | NFP_NET_CFG_STS_LINK_RATE_10G << NFP_NET_CFG_STS_LINK_RATE_SHIFT);
		bar_writel(vnic, NFP_NET_CFG_MAX_TXRINGS, rings);
		bar_writel(vnic, NFP_NET_CFG_MAX_RXRINGS, rings);
		bar_writel(vnic, NFP_NET_CFG_MAX_MTU, VNFP_MAX_MTU);
		bar_writel(vnic, NFP_NET_CFG_START_TXQ, queue);
		bar_writel(vnic, NFP_NET_CFG_START_RXQ, queue + 2);
		bar_writel(vnic, NFP_NET_CFG_RX_OFFSET, NFP_NET_CFG_RX_OFFSET_DYNAMIC);
		if (!port)
			continue;

		bar_writel(vnic, NFP_NET_CFG_CAP,
			   VNFP_CAPS | NFP_NET_CFG_CTRL_BPF |
				   (card->profile.events_on_data_queues ? NFP_NET_CFG_CTRL_CMSG_DATA : 0));
		load_port(card, vnic);
	}
}

/* The driver gives the address and length of the code it has translated. */
static int load_program(struct nfp_cpp *card, struct vnfp_vnic *vnic)
{
	unsigned int len = get_unaligned_le16(vnic->bar + NFP_NET_CFG_BPF_SIZE);
	dma_addr_t addr = get_unaligned_le64(vnic->bar + NFP_NET_CFG_BPF_ADDR);
	u64 *program;

	if (!len || len > card->profile.program_max)
		return -EINVAL;
	program = kvmalloc_array(len, sizeof(*program), GFP_KERNEL);
	if (!program)
		return -ENOMEM;
	memcpy(program, phys_to_virt(dma_to_phys(&card->pdev->dev, addr)), len * sizeof(*program));

	kvfree(vnic->program);
	vnic->program = program;
	vnic->program_len = len;
	vnfp_count(card, VNFP_STAT_PROGRAMS);
	return 0;
}

static void apply_control(struct nfp_cpp *card, struct vnfp_vnic *vnic)
{
	u32 ctrl = get_unaligned_le32(vnic->bar + NFP_NET_CFG_CTRL);
	bool enable = ctrl & NFP_NET_CFG_CTRL_ENABLE;
	bool running = ctrl & NFP_NET_CFG_CTRL_BPF;

	if (vnic->program_running != running)
		vnfp_count(card, running ? VNFP_STAT_PROGRAM_STARTS : VNFP_STAT_PROGRAM_STOPS);
	vnic->program_running = running;
	if (!enable)
		vnfp_queues_reset(card, vnic);
	vnic->enabled = enable;
}

void vnfp_vnic_reconfig(struct nfp_cpp *card, struct vnfp_vnic *vnic)
{
	u32 update = get_unaligned_le32(vnic->bar + NFP_NET_CFG_UPDATE);
	int err = 0;

	vnfp_count(card, VNFP_STAT_RECONFIGS);
	if (update & NFP_NET_CFG_UPDATE_BPF)
		err = load_program(card, vnic);
	if (!err && update & NFP_NET_CFG_UPDATE_GEN)
		apply_control(card, vnic);

	bar_writel(vnic, NFP_NET_CFG_UPDATE, err ? NFP_NET_CFG_UPDATE_ERR : 0);
}
