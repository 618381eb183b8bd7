/* SPDX-License-Identifier: GPL-2.0-only */
/* Events: a packet's first bytes, sent to the host. The card cannot tell whether one arrives, so sent ones are counted.
 */
#ifndef NICSENTRY_RECORDS_H
#define NICSENTRY_RECORDS_H

#include "maps.h"
#include "packet.h"

static __always_inline void send_event(hook_ctx *ctx, const struct packet *packet, struct event_header *event,
				       __u32 frame)
{
	__u32 bytes = EVENT_PACKET_BYTES;

	if (packet->l4 + sizeof(struct tcphdr) > bytes)
		bytes = packet->l4 + sizeof(struct tcphdr);
	if (bytes > frame)
		bytes = frame;
	bpf_perf_event_output(ctx, &records, BPF_F_CURRENT_CPU | (__u64)bytes << 32, event, sizeof(*event));
}

#endif
