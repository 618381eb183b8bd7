/* SPDX-License-Identifier: GPL-2.0-only */
/* XDP: on the card, in the driver, or generic. The one hook that the card has. */
#ifndef NICSENTRY_HOOK_H
#define NICSENTRY_HOOK_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "types.h"

#define HOOK_SECTION "xdp"

#if ON_HOST
#include <xdp/xdp_helpers.h>

/* The place behind libxdp's dispatcher: in front of xdp-filter (10), and of programs that name none (50). What passes
 * goes on to the next one. */
#define HOOK_RUN_CONFIG(program)                                                                                       \
	struct {                                                                                                       \
		__uint(priority, 5);                                                                                   \
		__uint(XDP_PASS, 1);                                                                                   \
	} XDP_RUN_CONFIG(program)
#endif

typedef struct xdp_md hook_ctx;

enum { VERDICT_PASS = XDP_PASS, VERDICT_DROP = XDP_DROP };

/* A super-packet cannot be told from others here (see hook_tc.h). */
#define HOOK_SEGMENTS 0

/* Packets come in: the far end is their source. */
#define HOOK_EGRESS 0

/* Read anew each time, which costs the card less than to keep them. */
static __always_inline void *packet_data(hook_ctx *ctx)
{
	return (void *)(long)*(volatile __u32 *)&ctx->data;
}

static __always_inline void *packet_end(hook_ctx *ctx)
{
	return (void *)(long)*(volatile __u32 *)&ctx->data_end;
}

/* Length of the frame as far as the program can know it (see CONFIG_PARTIAL_FRAMES). */
static __always_inline __u32 frame_bytes(hook_ctx *ctx)
{
	return (__u32)(packet_end(ctx) - packet_data(ctx));
}

/* Returns how many bytes of the frame lie behind a place in it. */
static __always_inline __u32 bytes_behind(hook_ctx *ctx, const void *place)
{
	return (__u32)(packet_end(ctx) - place);
}

/* All that an XDP program may read is there from the start. */
static __always_inline void make_readable(hook_ctx *ctx, __u32 bytes)
{
	(void)ctx;
	(void)bytes;
}

static __always_inline int tags_outside(hook_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static __always_inline __u32 tag_outside(hook_ctx *ctx)
{
	(void)ctx;
	return 0;
}

/* XDP is told neither. */
static __always_inline __be16 type_outside(hook_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static __always_inline int is_super_packet(hook_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static __always_inline __u32 segment_bytes(hook_ctx *ctx)
{
	(void)ctx;
	return ~0u;
}

static __always_inline __u32 ip_bytes(hook_ctx *ctx, __u32 in_header, __u32 in_frame)
{
	(void)ctx;
	(void)in_frame;
	return in_header;
}

/* IP total length on the wire. */
static __always_inline __u32 wire_bytes(hook_ctx *ctx, const void *ip, __u32 segments, __u32 bytes, __u32 headers)
{
	(void)segments;
	(void)ctx;
	(void)ip;
	(void)headers;
	return bytes;
}

static __always_inline void describe_segments(hook_ctx *ctx, struct event_header *event, const void *ip, __u32 headers)
{
	(void)ctx;
	(void)ip;
	(void)headers;
	(void)event;
}

#endif
