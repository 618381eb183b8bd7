/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual card's bus.
 *
 * This file is included before everything else in the files of the nfp driver
 * that need it (see Kbuild), which is how the driver's own, unmodified sources
 * come to talk to a card that is only memory: what the driver writes to its
 * queues reaches the card, all else are plain reads and writes of memory.
 */
#ifndef VNFP_BUS_H
#define VNFP_BUS_H

#include <linux/etherdevice.h>
#include <linux/io.h>
#include <linux/netdevice.h>
#include <linux/pci.h>

void vnfp_bus_writel(u32 value, volatile void __iomem *addr);
int vnfp_irqs_alloc(struct pci_dev *pdev, struct msix_entry *entries, int min, int max);
void vnfp_irqs_free(struct pci_dev *pdev);

/* Only the queue controller acts on a write, and it has 32-bit registers. */
#undef writel
#define writel(value, addr) vnfp_bus_writel(value, addr)

/* The card's interrupts are ours to raise, so they cannot be those of a bus. */
#define pci_enable_msix_range vnfp_irqs_alloc
#define pci_disable_msix vnfp_irqs_free

/* There is no udev in the virtual machine to give ports their usual names. */
#undef alloc_etherdev_mqs
#define alloc_etherdev_mqs(size, txqs, rxqs) alloc_netdev_mqs(size, "nfp%d", NET_NAME_ENUM, ether_setup, txqs, rxqs)

#endif /* VNFP_BUS_H */
