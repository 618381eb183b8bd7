/* SPDX-License-Identifier: GPL-2.0-only */
/* The walk over a packet's headers. docs/architecture.md lists what is counted under which cause. */
#ifndef NICSENTRY_PACKET_H
#define NICSENTRY_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>

#include "pointers.h"
#include "types.h"

#ifndef ETH_P_8021AD
#define ETH_P_8021AD 0x88A8
#endif

#define VLAN_TAGS_MAX 2
#define VLAN_TAG_BYTES 4
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define EXTENSIONS_MAX 4 /* IPv6 extension headers */
#define UDP_HEADER_BYTES 8
#define ICMP_HEADER_BYTES 8
#define TCP_FLAGS_OFFSET 13

/* What only the firewall reads of a packet: programs without one have no room for it. */
#ifdef FIREWALL
#define FOR_FIREWALL(statement) statement
#else
#define FOR_FIREWALL(statement)
#endif

/* What the walk finds besides FACT_*. Offsets are from the start of the frame. The pointer is the one that the walk
 * held against the frame's end, so that the verifier knows how far it may be read; 0: no IP header is to be had. */
struct packet {
	void *ip;
	__u32 l3;      /* offset of the IP header */
	__u32 l4;      /* offset of the transport header; 0 where the walk did not come that far */
	__u32 headers; /* length of IP and transport header together */
	__u32 bytes; /* IP total length, or the frame's without Ethernet header and tags where that is not to be had */
};

#define UNDERSTOOD (-1)

static __always_inline int is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Steps over Ethernet and its tags to the EtherType behind them. */
static __always_inline int walk_ethernet(hook_ctx *ctx, void *data, void *data_end, __u32 frame, struct packet *packet,
					 __be16 *type)
{
	struct ethhdr *eth = data;
	__be16 *tag;
	int i;

	packet->bytes = 0;
	packet->l3 = sizeof(*eth);
	if ((void *)(eth + 1) > data_end)
		return CAUSE_TRUNCATED;
	packet->bytes = frame - sizeof(*eth);
	*type = eth->h_proto;
#pragma clang loop unroll(disable)
	for (i = tags_outside(ctx); i < VLAN_TAGS_MAX; i++) {
		if (!is_vlan(*type))
			return UNDERSTOOD;
		tag = data + packet->l3;
		if ((void *)tag + VLAN_TAG_BYTES > data_end)
			return CAUSE_TRUNCATED;
		*type = tag[1];
		packet->l3 += VLAN_TAG_BYTES;
		packet->bytes -= VLAN_TAG_BYTES;
	}
	return is_vlan(*type) ? CAUSE_VLAN_DEPTH : UNDERSTOOD;
}

/* Holds the IP length against the frame, of which packet->bytes are left from the IP header on. */
static __always_inline int check_frame(struct packet *packet, __u32 config, __u32 total)
{
	if (!(config & CONFIG_PARTIAL_FRAMES) && packet->bytes < total)
		return CAUSE_TRUNCATED;
	packet->bytes = total;
	return UNDERSTOOD;
}

static __always_inline int walk_ipv4(hook_ctx *ctx, void *data, void *data_end, __u32 config, struct packet *packet,
				     __u64 *facts)
{
	struct iphdr *ip = data + packet->l3;
	__u32 header, total;
	int cause;

	if ((void *)(ip + 1) > data_end)
		return CAUSE_TRUNCATED;
	header = ip->ihl * 4;
	total = ip_bytes(ctx, bpf_ntohs(ip->tot_len), packet->bytes);
	if (ip->version != 4 || header < sizeof(*ip) || total < header)
		return CAUSE_MALFORMED;
	packet->ip = ip;
	*facts = ip->protocol << MISC_PROTOCOL_SHIFT;
	cause = check_frame(packet, config, total);
	if (cause != UNDERSTOOD)
		return cause;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET))
		return CAUSE_LATER_FRAGMENT;
	packet->l4 = packet->l3 + header;
	return UNDERSTOOD;
}

static __always_inline int is_extension(__u32 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_DSTOPTS;
}

static __always_inline int walk_ipv6(hook_ctx *ctx, void *data, void *data_end, __u32 config, struct packet *packet,
				     __u64 *facts)
{
	struct ipv6hdr *ip = data + packet->l3;
	__u32 protocol, l4, end;
	__u8 *extension;
	int i, cause;

	if ((void *)(ip + 1) > data_end)
		return CAUSE_TRUNCATED;
	if (ip->version != 6)
		return CAUSE_MALFORMED;
	packet->ip = ip;
	protocol = ip->nexthdr;
	*facts = MISC_IPV6 | protocol << MISC_PROTOCOL_SHIFT;
	cause = check_frame(packet, config, ip_bytes(ctx, sizeof(*ip) + bpf_ntohs(ip->payload_len), packet->bytes));
	if (cause != UNDERSTOOD)
		return cause;
	l4 = packet->l3 + sizeof(*ip);
	end = packet->l3 + packet->bytes;
#pragma clang loop unroll(disable)
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (!is_extension(protocol))
			break;
		if (l4 > PACKET_WALK_BYTES)
			return CAUSE_EXTENSIONS;
		if (l4 + 8 > end)
			return CAUSE_MALFORMED;
		extension = data + l4;
		if ((void *)(extension + 8) > data_end)
			return CAUSE_TRUNCATED;
		*facts = MISC_IPV6 | extension[0] << MISC_PROTOCOL_SHIFT;
		if (protocol == IPPROTO_FRAGMENT) {
			if (*(__be16 *)(extension + 2) & bpf_htons(IPV6_FRAGMENT_OFFSET))
				return CAUSE_LATER_FRAGMENT;
			l4 += 8;
		} else {
			l4 += (extension[1] + 1) * 8;
		}
		protocol = extension[0];
	}
	if (is_extension(protocol))
		return CAUSE_EXTENSIONS;
	packet->l4 = l4;
	return UNDERSTOOD;
}

/* Holds the transport header against the IP length. */
static __always_inline int walk_transport(void *data, void *data_end, struct packet *packet, __u64 *facts, __u32 *ports)
{
	__u32 end = packet->l3 + packet->bytes, protocol = *facts >> MISC_PROTOCOL_SHIFT & 0x1ff, bytes;
	struct tcphdr *tcp;

	bytes = UDP_HEADER_BYTES;
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_TCP | 1 << 8:
		bytes = sizeof(*tcp);
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDP | 1 << 8:
#ifdef TRACK_ICMP
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6 | 1 << 8:
#endif
		break;
	default:
		return CAUSE_PROTOCOL;
	}
	if (packet->l4 + bytes > end)
		return CAUSE_MALFORMED;
	if (packet->l4 > PACKET_WALK_BYTES - sizeof(*tcp))
		return CAUSE_EXTENSIONS;
	tcp = data + packet->l4;
	if ((void *)tcp + UDP_HEADER_BYTES > data_end)
		return CAUSE_TRUNCATED;
	*ports = *(__u32 *)tcp;
	if (bytes != sizeof(*tcp)) {
		if (protocol != IPPROTO_UDP && protocol != (IPPROTO_UDP | 1 << 8)) {
			__u32 type = *ports & 0xff;
			if (type == 8 || type == 13 || type == 17 || type == 128)
				*facts |= MISC_QUESTION;
			*ports = 0;
		}
	} else {
		if ((void *)(tcp + 1) > data_end)
			return CAUSE_TRUNCATED;
		FOR_FIREWALL(join(*facts, ((__u8 *)tcp)[TCP_FLAGS_OFFSET]);)
		bytes = tcp->doff * 4;
		if (bytes < sizeof(*tcp) || packet->l4 + bytes > end)
			return CAUSE_MALFORMED;
	}
	packet->headers = packet->l4 + bytes - packet->l3;
	return UNDERSTOOD;
}

/* The cause for which a packet is not counted on a session, or UNDERSTOOD. */
static __always_inline int walk_packet(hook_ctx *ctx, void *data, void *data_end, __u32 frame, __u32 config,
				       struct packet *packet, __u64 *facts, __u32 *ports)
{
	__be16 type;
	int cause;

	cause = walk_ethernet(ctx, data, data_end, frame, packet, &type);
	if (cause != UNDERSTOOD)
		return cause;
	if (type == bpf_htons(ETH_P_IP))
		cause = walk_ipv4(ctx, data, data_end, config, packet, facts);
	else if (type == bpf_htons(ETH_P_IPV6))
		cause = walk_ipv6(ctx, data, data_end, config, packet, facts);
	else
		return CAUSE_NOT_IP;
	if (cause != UNDERSTOOD)
		return cause;
	return walk_transport(data, data_end, packet, facts, ports);
}

/* Returns FACT_*. */
static __noinline __u64 walk(hook_ctx *ctx, __u32 config, struct packet *packet)
{
	void *data, *data_end;
	__u32 frame = frame_bytes(ctx), ports = 0;
	__u64 facts = 0;
	int cause = CAUSE_TRUNCATED, attempt;

#pragma unroll
	for (attempt = 0; attempt < HOOK_ATTEMPTS && cause == CAUSE_TRUNCATED; attempt++) {
		packet->ip = 0;
		packet->l4 = 0;
		if (!make_readable(ctx, attempt))
			break;
		data = (void *)(long)ctx->data;
		data_end = (void *)(long)ctx->data_end;
		facts = 0;
		cause = walk_packet(ctx, data, data_end, frame, config, packet, &facts, &ports);
	}
	if (cause != UNDERSTOOD) {
		facts &= ~0xffull;
		facts |= MISC_NO_HEADER | (cause + 1) << MISC_CAUSE_SHIFT;
		if (cause ==
		    CAUSE_LATER_FRAGMENT) /* follows its first fragment, without which nobody can use it (RFC 1858) */
			facts |= STATE_ESTABLISHED << MISC_STATE_SHIFT;
		else if (cause != CAUSE_PROTOCOL)
			facts |= STATE_INVALID << MISC_STATE_SHIFT;
	}
	join(facts, (__u64)ports << FACT_PORTS_SHIFT);
	return facts;
}

#endif
