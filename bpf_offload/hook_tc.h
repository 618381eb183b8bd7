/* SPDX-License-Identifier: GPL-2.0-only */
/* TC (clsact), ingress or egress: never on the card, so that here the kernel's own helpers may be used. */
#ifndef NICSENTRY_HOOK_H
#define NICSENTRY_HOOK_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "opaque.h"
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

/* Returns how many bytes of the frame lie behind a place in it. */
static __always_inline __u32 bytes_behind(hook_ctx *ctx, const void *place)
{
	__u32 before = (__u32)(place - packet_data(ctx));

	barrier_var(before); /* else LLVM adds to a pointer's half */
	return ctx->len - before;
}

/* Headers may lie in a packet's fragments: gets its first `bytes` out of them, so far as there are so many. */
static __always_inline void make_readable(hook_ctx *ctx, __u32 bytes)
{
	__u32 linear = (__u32)(packet_end(ctx) - packet_data(ctx));

	if (bytes > ctx->len)
		bytes = ctx->len;
	if (linear < bytes)
		bpf_skb_pull_data(ctx, bytes);
}

/* VLAN tags that the kernel keeps beside the frame: at most the outermost. */
static __always_inline int tags_outside(hook_ctx *ctx)
{
	return ctx->vlan_present != 0;
}

/* Tag control information of the one that tags_outside() counts. */
static __always_inline __u32 tag_outside(hook_ctx *ctx)
{
	return ctx->vlan_tci;
}

/* The EtherType of a packet, which the kernel also knows where no Ethernet header says it. */
static __always_inline __be16 type_outside(hook_ctx *ctx)
{
	return (__be16)ctx->protocol;
}

static __always_inline int is_super_packet(hook_ctx *ctx)
{
	return ctx->gso_size != 0;
}

/* Payload of each segment of a super-packet but the last; of another packet more than any has. */
static __always_inline __u32 segment_bytes(hook_ctx *ctx)
{
	return ctx->gso_size ? ctx->gso_size : ~0u;
}

/* The header of a super-packet of more than 64 KiB (BIG TCP) says 0, or too little. */
static __always_inline __u32 ip_bytes(hook_ctx *ctx, __u32 in_header, __u32 in_frame)
{
	return ctx->gso_size != 0 && in_frame > 0xffff ? in_frame : in_header;
}

#define JUMBO_OPTION_BYTES 8

/* Whether there is the option with the length of BIG TCP (struct hop_jumbo_hdr, include/net/ipv6.h), which never leaves
 * the host. `first`: of the IP header, as in the packet. */
static __always_inline int has_jumbo_option(__u32 bytes, __u64 first)
{
	return bytes > 0xffff && (bpf_be64_to_cpu(first) & 0xf0000000ffffff00ull) == 0x6000000000000000ull;
}

/* How many packets a super-packet of segmentation offload becomes on the wire, each of which repeats the headers, and
 * from bit 32 on the bytes of all. `first`: of the IP header, as in the packet. Global, see find_interval(). */
__noinline __u64 count_segments(__u32 bytes, __u32 headers, __u32 size, __u64 first)
{
	__u32 payload = bytes - headers, segments;

	if (size == 0 || payload <= size)
		return 1 | (__u64)bytes << 32;
	if (has_jumbo_option(bytes, first)) {
		headers -= JUMBO_OPTION_BYTES;
		bytes -= JUMBO_OPTION_BYTES;
	}
	segments = (payload + size - 1) / size;
	return segments | (__u64)(bytes + (segments - 1) * headers) << 32;
}

/* IP total length on the wire: of a super-packet that of all its segments but the last. `bytes`: of all segments;
 * `headers`: of IP and transport. */
static __always_inline __u32 wire_bytes(hook_ctx *ctx, const void *ip, __u32 segments, __u32 bytes, __u32 headers)
{
	__u32 size = ctx->gso_size;

	if (size == 0 || segments == 1)
		return bytes;
	return headers + size - (has_jumbo_option(bytes, *(const __u64 *)ip) ? JUMBO_OPTION_BYTES : 0);
}

static __always_inline void describe_segments(hook_ctx *ctx, struct event_header *event, const void *ip, __u32 headers)
{
	__u32 size = ctx->gso_size;
	__u64 counted;

	if (size == 0)
		return;
	counted = count_segments(event->bytes, headers, size, *(const __u64 *)ip);
	event->segments = counted;
	event->segment_payload = event->segments == 1 ? 0 : size;
	event->bytes = counted >> 32;
}

#endif
