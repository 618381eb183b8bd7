/* SPDX-License-Identifier: GPL-2.0-only */
/* Of a program without a firewall: everything passes. */
#ifndef NICSENTRY_NO_FIREWALL_H
#define NICSENTRY_NO_FIREWALL_H

#include "packet.h"

static __always_inline __u32 judge_packet(const struct packet *packet, const void *ip, int cause, __u32 bits,
					  __u32 half, __u32 packets, __u32 bytes, __u32 *action)
{
	(void)ip;
	(void)packet;
	(void)cause;
	(void)bits;
	(void)half;
	(void)packets;
	(void)bytes;
	*action = 0;
	return 0;
}

static __always_inline __u32 judge_other(const struct packet *packet, int cause, __u32 half, __u32 *action)
{
	(void)packet;
	(void)cause;
	(void)half;
	*action = 0;
	return 0;
}

#endif
