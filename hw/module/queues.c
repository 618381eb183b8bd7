// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual card's side of the descriptor rings (format NFD3). A real card
 * reads and writes the rings in the host's memory by DMA; so do we, the
 * virtual machine's memory being ours.
 */

#include <linux/dma-direct.h>
#include <linux/pci.h>
#include <asm/unaligned.h>

#include "nfp/nfp_net.h"
#include "nfp/nfd3/nfd3.h"
#include "card.h"

static void *host_memory(struct nfp_cpp *card, dma_addr_t addr)
{
	return phys_to_virt(dma_to_phys(&card->pdev->dev, addr));
}

/* The pointer that the driver polls to see what has been sent. */
static void publish_rd(struct nfp_cpp *card, struct vnfp_vnic *vnic, unsigned int queue, u32 rd)
{
	u8 *regs = card->queues + (vnic->index * VNFP_QUEUES_PER_VNIC + queue) * NFP_QCP_QUEUE_ADDR_SZ;

	WRITE_ONCE(*(u32 *)(regs + NFP_QCP_QUEUE_STS_LO), rd & NFP_QCP_QUEUE_STS_LO_READPTR_mask);
}

void vnfp_queues_reset(struct nfp_cpp *card, struct vnfp_vnic *vnic)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&vnic->lock, flags);
	memset(vnic->tx, 0, sizeof(vnic->tx));
	memset(vnic->free, 0, sizeof(vnic->free));
	for (i = 0; i < VNFP_MAX_RINGS; i++)
		publish_rd(card, vnic, i * VNFP_QUEUE_STRIDE, 0);
	spin_unlock_irqrestore(&vnic->lock, flags);
}

/* The driver has put descriptors into a transmit ring. */
static void transmit(struct nfp_cpp *card, struct vnfp_vnic *vnic, unsigned int ring, u32 n)
{
	struct vnfp_ring *tx = &vnic->tx[ring];
	struct nfp_nfd3_tx_desc *descs;
	u32 mask;

	/* The driver's own lock keeps others off this ring meanwhile. */
	descs = host_memory(card, get_unaligned_le64(vnic->bar + NFP_NET_CFG_TXR_ADDR(ring)));
	mask = BIT(vnic->bar[NFP_NET_CFG_TXR_SZ(ring)]) - 1;

	tx->wr += n;
	while (tx->rd != tx->wr) {
		struct nfp_nfd3_tx_desc *desc = &descs[tx->rd++ & mask];
		dma_addr_t addr = (u64)desc->dma_addr_hi << 32 | le32_to_cpu(desc->dma_addr_lo);
		unsigned int meta = desc->offset_eop & NFD3_DESC_TX_OFFSET_MASK;

		if (vnic == vnfp_control_vnic(card))
			vnfp_cmsg(card, host_memory(card, addr) + meta, le16_to_cpu(desc->data_len) - meta);
		else if (desc->offset_eop & NFD3_DESC_TX_EOP)
			vnfp_count(card, VNFP_STAT_PACKETS_TO_WIRE);
	}
	publish_rd(card, vnic, ring * VNFP_QUEUE_STRIDE, tx->rd);
	vnfp_raise(card, vnic->bar[NFP_NET_CFG_TXR_VEC(ring)]);
}

void vnfp_queue_written(struct nfp_cpp *card, u32 offset, u32 value)
{
	unsigned int queue = offset / NFP_QCP_QUEUE_ADDR_SZ;
	struct vnfp_vnic *vnic;
	unsigned long flags;
	unsigned int ring;

	if (offset % NFP_QCP_QUEUE_ADDR_SZ != NFP_QCP_QUEUE_ADD_WPTR || queue / VNFP_QUEUES_PER_VNIC > card->n_ports)
		return;

	vnic = &card->vnic[queue / VNFP_QUEUES_PER_VNIC];
	queue %= VNFP_QUEUES_PER_VNIC;
	ring = queue / VNFP_QUEUE_STRIDE;

	switch (queue % VNFP_QUEUE_STRIDE) {
	case 0:
		transmit(card, vnic, ring, value);
		break;
	case 1:
		vnfp_vnic_reconfig(card, vnic);
		break;
	case 2:
		spin_lock_irqsave(&vnic->lock, flags);
		vnic->free[ring].wr += value;
		spin_unlock_irqrestore(&vnic->lock, flags);
		break;
	}
}

/*
 * Put a packet or control message into a buffer that the driver has given,
 * after @meta_len bytes of metadata. -ENOBUFS: there was none, it is lost.
 */
int vnfp_deliver(struct nfp_cpp *card, struct vnfp_vnic *vnic, unsigned int ring, const void *meta,
		 unsigned int meta_len, const void *data, unsigned int len)
{
	struct vnfp_ring *free = &vnic->free[ring];
	struct nfp_net_rx_desc *descs, *desc;
	unsigned long flags;
	dma_addr_t addr;
	u8 *buffer;
	u32 mask;

	spin_lock_irqsave(&vnic->lock, flags);
	if (!vnic->enabled || free->rd == free->wr ||
	    meta_len + len > get_unaligned_le32(vnic->bar + NFP_NET_CFG_FLBUFSZ)) {
		spin_unlock_irqrestore(&vnic->lock, flags);
		return -ENOBUFS;
	}

	descs = host_memory(card, get_unaligned_le64(vnic->bar + NFP_NET_CFG_RXR_ADDR(ring)));
	mask = BIT(vnic->bar[NFP_NET_CFG_RXR_SZ(ring)]) - 1;
	desc = &descs[free->rd++ & mask];
	addr = (u64)le16_to_cpu(desc->fld.dma_addr_hi) << 32 | le32_to_cpu(desc->fld.dma_addr_lo);
	buffer = host_memory(card, addr);
	memcpy(buffer, meta, meta_len);
	memcpy(buffer + meta_len, data, len);

	desc->rxd.data_len = cpu_to_le16(meta_len + len);
	desc->rxd.reserved = 0;
	desc->rxd.flags = PCIE_DESC_RX_EOP;
	desc->rxd.vlan = 0;
	/* The driver looks at this byte first. */
	smp_store_release(&desc->rxd.meta_len_dd, PCIE_DESC_RX_DD | meta_len);
	spin_unlock_irqrestore(&vnic->lock, flags);

	vnfp_raise(card, vnic->bar[NFP_NET_CFG_RXR_VEC(ring)]);
	return 0;
}
