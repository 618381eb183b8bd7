/* SPDX-License-Identifier: GPL-2.0-only */
/* TC (clsact), ingress or egress: never on the card, so that here the kernel's own helpers may be used. */
#ifndef NICSENTRY_HOOK_H
#define NICSENTRY_HOOK_H

#include <linux/in.h>
#include <linux/ipv6.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "pointers.h"
#include "types.h"

#define HOOK_SECTION "tc"

typedef struct __sk_buff hook_ctx;

/* Not TC_ACT_OK, which would end the filters of others on the same hook. */
enum { VERDICT_PASS = TC_ACT_UNSPEC, VERDICT_DROP = TC_ACT_SHOT };

/* Super-packets are counted as what they become. */
#define HOOK_SEGMENTS 1

/* Whether packets may be on their way out. */
#define HOOK_EGRESS 1

static __always_inline void *packet_data(hook_ctx *ctx)
{
	return (void *)(long)*(volatile __u32 *)&ctx->data;
}

static __always_inline void *packet_end(hook_ctx *ctx)
{
	return (void *)(long)*(volatile __u32 *)&ctx->data_end;
}

static __always_inline __u32 frame_bytes(hook_ctx *ctx)
{
	return ctx->len;
}

/* What of the frame lies behind a place in it. */
static __always_inline __u32 bytes_behind(hook_ctx *ctx, const void *place)
{
	__u32 before = (__u32)(place - packet_data(ctx));

	make_anew(before); /* else LLVM adds to a pointer's half */
	return ctx->len - before;
}

/* Headers may lie in a packet's fragments: whether some of the first `bytes` do. */
static __always_inline int lacks_bytes(hook_ctx *ctx, __u32 bytes)
{
	__u32 linear = (__u32)(packet_end(ctx) - packet_data(ctx));

	return linear < bytes && linear < ctx->len;
}

/* Gets them, so far as there are so many; whether it could. All pointers into the packet are useless afterwards. */
static __always_inline int pull_bytes(hook_ctx *ctx, __u32 bytes)
{
	return bpf_skb_pull_data(ctx, bytes < ctx->len ? bytes : ctx->len) == 0;
}

/* VLAN tags that the kernel keeps beside the frame: at most the outermost. */
static __always_inline int tags_outside(hook_ctx *ctx)
{
	return ctx->vlan_present != 0;
}

/* The header of a super-packet of more than 64 KiB (BIG TCP) says 0, or too little. */
static __always_inline __u32 ip_bytes(hook_ctx *ctx, __u32 in_header, __u32 in_frame)
{
	return ctx->gso_size != 0 && in_frame > 0xffff ? in_frame : in_header;
}

/* A super-packet of segmentation offload counts as the packets that it becomes on the wire: each repeats the headers.
 */
static __always_inline void describe_segments(hook_ctx *ctx, struct event_header *event, const void *ip, __u32 headers)
{
	const struct ipv6hdr *ipv6 = ip;
	__u32 payload = event->bytes - headers;
	__u32 size = ctx->gso_size;
	__u32 segments;

	event->segments = 1;
	event->segment_payload = 0;
	if (size == 0 || payload <= size)
		return;
	/* The option with the length of BIG TCP (struct hop_jumbo_hdr, include/net/ipv6.h) never leaves the host. */
	if (event->bytes > 0xffff && ipv6->version == 6 && ipv6->payload_len == 0 && ipv6->nexthdr == IPPROTO_HOPOPTS) {
		headers -= 8;
		event->bytes -= 8;
	}
	segments = (payload + size - 1) / size;
	event->segments = segments;
	event->segment_payload = size;
	event->bytes += (segments - 1) * headers;
}

#endif
