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

#include "functions.h"
#include "icmp.h"
#include "pointers.h"
#include "types.h"

#ifndef ETH_P_8021AD
#define ETH_P_8021AD 0x88A8
#endif

#define VLAN_TAGS_MAX 2
#define VLAN_TAG_BYTES 4
#define LINK_BYTES_MAX (sizeof(struct ethhdr) + VLAN_TAGS_MAX * VLAN_TAG_BYTES)
#define ETHERTYPE_OFFSET 12
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define EXTENSIONS_MAX 4 /* IPv6 extension headers */
#define UDP_HEADER_BYTES 8
#define TCP_FLAGS_OFFSET 13

/* What only the firewall reads of a packet: programs without one have no room for it. */
#ifdef FIREWALL
#define FOR_FIREWALL(statement) statement
#else
#define FOR_FIREWALL(statement)
#endif

#ifdef ON_HOST
#define FOR_HOST(statement) FOR_FIREWALL(statement)
#else
#define FOR_HOST(statement)
#endif

/* What the walk finds besides FACT_*. The pointer is the one that the walk held against the frame's end, so that the
 * verifier knows how far it may be read; 0: no IP header is to be had. */
struct packet {
	void *ip;
	__u32 bytes; /* IP total length, or the frame's without Ethernet header and tags where that is not to be had */
	__u32 headers; /* length of IP and transport header together, if HOOK_SEGMENTS */
};

#define NOT_UNDERSTOOD(cause, state) (((cause) + 1) << MISC_CAUSE_SHIFT | MISC_NO_HEADER | (state) << MISC_STATE_SHIFT)

/* In places where the program arrives by jumps: LLVM may not decide on them before it jumps, once for each. */
#define join_here(word, bits) asm volatile("%0 += %1" : "+r"(word) : "i"(bits))

static __always_inline int is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* One by one: LLVM would make a 64-bit shift of it. */
static __always_inline int is_extension(__u32 protocol)
{
	if (protocol == IPPROTO_HOPOPTS)
		return 1;
	make_word_anew(protocol);
	if (protocol == IPPROTO_DSTOPTS)
		return 1;
	make_word_anew(protocol);
	return protocol - IPPROTO_ROUTING <= IPPROTO_FRAGMENT - IPPROTO_ROUTING;
}

/* Returns FACT_*. Ports and flags are there only where the packet is understood. */
FUNCTION __u64 walk(hook_ctx *ctx, __u32 config, struct packet *packet)
{
	__u32 bytes, protocol, l4, total, fixed, icmp, i;
	__u64 facts;
	void *at, *ip;
	__be16 type;

	make_readable(ctx, LINK_BYTES_MAX + PACKET_WALK_BYTES);
	facts = 0;
	bytes = 0;
	protocol = 0;
	ip = 0;
	make_anew(facts);
	make_word_anew(bytes);
	make_word_anew(protocol);
	make_anew(ip);
	at = packet_data(ctx);
	if (at + sizeof(struct ethhdr) > packet_end(ctx))
		goto truncated;
#pragma clang loop unroll(disable)
	for (i = VLAN_TAGS_MAX - tags_outside(ctx);; i--) {
		bytes = bytes_behind(ctx, at + sizeof(struct ethhdr));
		make_word_anew(bytes);
		type = *(__be16 *)(at + ETHERTYPE_OFFSET);
		if (!is_vlan(type))
			break;
		if (!i)
			goto vlan_depth;
		if (at + sizeof(struct ethhdr) + VLAN_TAG_BYTES > packet_end(ctx))
			goto truncated;
		step(at, VLAN_TAG_BYTES);
	}
	step(at, sizeof(struct ethhdr));

	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *header = at;

		if ((void *)(header + 1) > packet_end(ctx))
			goto truncated;
		l4 = header->ihl * 4;
		total = ip_bytes(ctx, bpf_ntohs(header->tot_len), bytes);
		if (header->version != 4 || l4 < sizeof(*header) || total < l4)
			goto malformed;
		ip = at;
		make_anew(ip);
		protocol = header->protocol;
		make_word_anew(protocol);
		if (!(config & CONFIG_PARTIAL_FRAMES) && bytes < total)
			goto truncated;
		bytes = total;
		make_word_anew(bytes);
		if (header->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET))
			goto later_fragment;
		icmp = IPPROTO_ICMP;
		make_word_anew(icmp);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *header = at;

		if ((void *)(header + 1) > packet_end(ctx))
			goto truncated;
		if (header->version != 6)
			goto malformed;
		ip = at;
		make_anew(ip);
		join_here(facts, MISC_IPV6);
		protocol = header->nexthdr;
		make_word_anew(protocol);
		total = ip_bytes(ctx, sizeof(*header) + bpf_ntohs(header->payload_len), bytes);
		if (!(config & CONFIG_PARTIAL_FRAMES) && bytes < total)
			goto truncated;
		bytes = total;
		make_word_anew(bytes);
		l4 = sizeof(*header);
		make_word_anew(l4);
		i = EXTENSIONS_MAX;
		make_word_anew(i);
#pragma clang loop unroll(disable)
		for (; is_extension(protocol); i--) {
			__u8 *extension = at;
			int fragment;

			if (!i || l4 > PACKET_WALK_BYTES)
				goto extensions;
			if (l4 + 8 > bytes)
				goto malformed;
			make_word_anew(l4); /* the verifier's bound of it is that of the register which was compared */
			step_by(extension, l4);
			if ((void *)(extension + 8) > packet_end(ctx))
				goto truncated;
			fragment = protocol == IPPROTO_FRAGMENT;
			protocol = extension[0];
			make_word_anew(protocol);
			l4 += 8;
			if (!fragment)
				l4 += extension[1] * 8;
			else if (*(__be16 *)(extension + 2) & bpf_htons(IPV6_FRAGMENT_OFFSET))
				goto later_fragment;
		}
		icmp = IPPROTO_ICMPV6;
		make_word_anew(icmp);
	} else {
		goto not_ip;
	}

	fixed = UDP_HEADER_BYTES;
	if (protocol == IPPROTO_TCP) {
		fixed = sizeof(struct tcphdr);
	} else if (protocol != IPPROTO_UDP) {
#ifdef TRACK_ICMP
		if (protocol != icmp)
#endif
			goto protocol;
	}
	if (l4 + fixed > bytes)
		goto malformed;
	if (l4 > PACKET_WALK_BYTES - sizeof(struct tcphdr))
		goto extensions;
	make_word_anew(l4);
	join(facts, l4 << MISC_L4_SHIFT);
	step_by(at, l4);
	if (at + UDP_HEADER_BYTES > packet_end(ctx))
		goto truncated;
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = at;

		if ((void *)(tcp + 1) > packet_end(ctx))
			goto truncated;
		fixed = tcp->doff * 4;
		if (fixed < sizeof(*tcp) || l4 + fixed > bytes)
			goto malformed;
		FOR_FIREWALL(join(facts, ((__u8 *)tcp)[TCP_FLAGS_OFFSET]);)
	}
	if (protocol != icmp) {
		join(facts, (__u64) * (__u32 *)at << FACT_PORTS_SHIFT);
	} else {
		__u32 message = *(__u8 *)at;

		join_here(facts, MISC_ICMP);
		FOR_FIREWALL(make_word_anew(message);)
		FOR_HOST(if (is_icmp_query(message, protocol == IPPROTO_ICMPV6)) join_here(facts, MISC_ICMP_QUESTION);
			 else)
		FOR_FIREWALL(facts += icmp_states(message, protocol == IPPROTO_ICMPV6);)
		(void)message;
	}
	if (HOOK_SEGMENTS)
		packet->headers = l4 + fixed;
	goto out;

not_ip:
	join_here(facts, NOT_UNDERSTOOD(CAUSE_NOT_IP, STATE_INVALID));
	goto out;
vlan_depth:
	join_here(facts, NOT_UNDERSTOOD(CAUSE_VLAN_DEPTH, STATE_INVALID));
	goto out;
truncated:
	join_here(facts, NOT_UNDERSTOOD(CAUSE_TRUNCATED, STATE_INVALID));
	goto out;
malformed:
	join_here(facts, NOT_UNDERSTOOD(CAUSE_MALFORMED, STATE_INVALID));
	goto out;
extensions:
	join_here(facts, NOT_UNDERSTOOD(CAUSE_EXTENSIONS, STATE_INVALID));
	goto out;
protocol:
	join_here(facts, NOT_UNDERSTOOD(CAUSE_PROTOCOL, STATE_NEW));
	goto out;
later_fragment: /* useless without its first one (RFC 1858), so what no rule is about follows that */
	join_here(facts, NOT_UNDERSTOOD(CAUSE_LATER_FRAGMENT, STATE_LATER_FRAGMENT));
out:
	packet->ip = ip;
	packet->bytes = bytes;
	join(facts, protocol << MISC_PROTOCOL_SHIFT);
	return facts;
}

#endif
