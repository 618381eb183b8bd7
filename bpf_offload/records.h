/* SPDX-License-Identifier: GPL-2.0-only */
/* Events: a packet's first bytes, sent to the host. The card cannot tell whether one arrives, so sent ones are counted.
 */
#ifndef NICSENTRY_RECORDS_H
#define NICSENTRY_RECORDS_H

#include "maps.h"
#include "packet.h"

/* `l4`: offset of the transport header from the IP header; it is sent, too. */
static __always_inline void send_event(hook_ctx *ctx, struct event_header *event, __u32 l4)
{
	__u32 bytes = EVENT_PACKET_BYTES, frame = frame_bytes(ctx);

	l4 += LINK_BYTES_MAX + sizeof(struct tcphdr);
	if (l4 > bytes)
		bytes = l4;
	if (bytes > frame)
		bytes = frame;
	if (tags_outside(ctx))
		event->verdict |= EVENT_TAG | (tag_outside(ctx) & VLAN_ID_MASK) << EVENT_TAG_SHIFT;
	bpf_perf_event_output(ctx, &records, BPF_F_CURRENT_CPU | (__u64)bytes << 32, event, sizeof(*event));
}

#endif
