// SPDX-License-Identifier: GPL-2.0-only
/* The virtual card's bus: register writes of the driver, interrupts to it. */

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/pci.h>

#include "bus.h"
#include "card.h"
#include "nfp/nfpcore/nfp_dev.h"

void vnfp_bus_writel(u32 value, volatile void __iomem *addr)
{
	struct nfp_cpp *card = READ_ONCE(vnfp_card);
	const u8 *at = (const u8 __force *)addr;
	size_t size = nfp_dev_info[NFP_DEV_NFP6000].qc_area_sz;

	if (card && card->queues && at >= card->queues && at < card->queues + size)
		vnfp_queue_written(card, at - card->queues, value);
	else
		__raw_writel(value, addr);
}

/*
 * Interrupts are made of memory too: numbers of our own with the kernel's
 * dummy chip below them, raised by calling the handler.
 */
int vnfp_irqs_alloc(struct pci_dev *pdev, struct msix_entry *entries, int min, int max)
{
	struct nfp_cpp *card = vnfp_card;
	int base, i;

	/* Owned by nobody: a handler must not keep the module from going. */
	base = __irq_alloc_descs(-1, 0, max, NUMA_NO_NODE, NULL, NULL);
	if (base < 0)
		return base;

	for (i = 0; i < max; i++) {
		irq_set_chip_and_handler(base + i, &dummy_irq_chip, handle_simple_irq);
		irq_modify_status(base + i, IRQ_NOREQUEST, IRQ_NOPROBE);
		entries[i].vector = base + i;
	}
	card->irq_base = base;
	smp_store_release(&card->n_irqs, max);
	return max;
}

void vnfp_irqs_free(struct pci_dev *pdev)
{
	struct nfp_cpp *card = vnfp_card;
	int n = card->n_irqs;

	card->n_irqs = 0;
	irq_free_descs(card->irq_base, n);
}

void vnfp_raise(struct nfp_cpp *card, unsigned int entry)
{
	unsigned long flags;

	if (entry >= smp_load_acquire(&card->n_irqs))
		return;

	/* Bottom halves run when we are done, as they do after an interrupt. */
	local_bh_disable();
	local_irq_save(flags);
	generic_handle_irq(card->irq_base + entry);
	local_irq_restore(flags);
	local_bh_enable();
}
