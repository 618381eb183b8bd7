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

#include "facts.h"
#include "features.h"
#include "functions.h"
#include "icmp.h"
#include "opaque.h"
#include "types.h"

#ifndef ETH_P_8021AD
#define ETH_P_8021AD 0x88A8
#endif

#define VLAN_TAG_BYTES 4
#define LINK_BYTES_MAX (sizeof(struct ethhdr) + VLAN_TAGS_MAX * VLAN_TAG_BYTES)
#define ETHERTYPE_OFFSET 12
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 1
#define TINY_OFFSET_BYTES 8 /* a fragment at this offset begins within the TCP header (RFC 3128) */
#define UDP_HEADER_BYTES 8
#define TCP_FLAGS_OFFSET 13

/* Findings of the walk besides the facts. The walk has compared `ip` with the frame's end, so that the verifier knows
 * how far it may be read. `ip` is 0 where there is no IP header. */
struct packet {
	void *ip;
	__u32 bytes; /* IP total length, or the frame's without Ethernet header and tags where that is not to be had */
	union {      /* no program has both */
		__u32 headers; /* length of IP and transport header together, if HOOK_SEGMENTS */
		__u32 vlans;   /* on the card, if HAS_VLANS: see add_vlan() */
	};
};

/* Packets on the wire, and in the upper half the bytes of all. */
static __always_inline __u64 amounts_of(const struct event_header *event)
{
	return event->segments | (__u64)event->bytes << AMOUNT_BYTES_SHIFT;
}

/* Adds a tag to the VLANs of a packet: the ids of its first two tags that name one, the outer in the lower half. A tag
 * of VLAN 0 has a priority only. */
static __always_inline __u32 add_vlan(__u32 vlans, __u32 tag)
{
	__u32 id = tag & VLAN_ID_MASK;

	if (!vlans)
		return id;
	return vlans >> 16 ? vlans : vlans | id << 16;
}

#if ON_HOST
#include "long_headers.h"
#else
#include "short_headers.h"
#endif

/* Whether an IPv6 address is IPv4-mapped (RFC 4291, 2.5.5.2). It belongs in no packet. Linux delivers such a packet to
 * sockets of both families, and their programs take its sender for an IPv4 host. */
static __always_inline int is_mapped(const void *address)
{
	return *(const __u32 *)(address + 8) == bpf_htonl(0xffff) && !*(const __u64 *)address;
}

/* Returns the facts word. Ports and flags are in it only where the packet is parsed.
 * One function with a label for each cause. Cut into steps that return a cause it does not fit on the card
 * (docs/decisions/0034-the-walk-is-one-function.md). */
FUNCTION __u64 walk(hook_ctx *ctx, __u32 config, struct packet *packet)
{
	__u32 bytes, protocol, l4, total, fixed, icmp, i, first_fragment = 0;
	__u64 facts;
	void *at, *ip;
	__be16 type;

	if (HOOK_SEGMENTS)
		packet->headers = 0;
	if (HAS_VLANS && !ON_HOST)
		packet->vlans = 0;
	make_readable(ctx, LINK_BYTES_MAX + PACKET_WALK_BYTES);
	facts = 0;
	bytes = 0;
	protocol = 0;
	ip = 0;
	barrier_var(facts);
	barrier_word(bytes);
	barrier_word(protocol);
	barrier_var(ip);
	at = packet_data(ctx);
	if (RAW_IP) {
		bytes = bytes_behind(ctx, at);
		type = type_outside(ctx);
		if (is_vlan(type)) /* the kernel takes off one tag before, and may take off those of VLAN 0 behind */
			goto vlan_depth;
		goto network;
	}
	if (at + sizeof(struct ethhdr) > packet_end(ctx))
		goto truncated;
#if ON_HOST
	/* No loop here: Linux 6.1 refuses one that LLVM enters in its middle. */
	bytes = bytes_behind(ctx, at + sizeof(struct ethhdr));
	type = *(__be16 *)(at + ETHERTYPE_OFFSET);
	if (is_vlan(type)) {
		__u32 link = skip_tags(ctx);

		if (link > LINK_BYTES_MAX)
			goto truncated;
		at = packet_data(ctx);
		advance_by(at, link);
		if (at + sizeof(struct ethhdr) > packet_end(ctx))
			goto truncated;
		bytes = bytes_behind(ctx, at + sizeof(struct ethhdr));
		type = *(__be16 *)(at + ETHERTYPE_OFFSET);
		if (is_vlan(type)) {
			if (link < tag_bytes_max(ctx))
				goto truncated;
			goto vlan_depth;
		}
	}
#else
#pragma clang loop unroll(disable)
	for (i = VLAN_TAGS_MAX;; i--) {
		bytes = bytes_behind(ctx, at + sizeof(struct ethhdr));
		barrier_word(bytes);
		type = *(__be16 *)(at + ETHERTYPE_OFFSET);
		if (!is_vlan(type))
			break;
		barrier_word(i); /* else LLVM counts upwards, which takes more instructions */
		if (!i)
			goto vlan_depth;
		if (at + sizeof(struct ethhdr) + VLAN_TAG_BYTES > packet_end(ctx))
			goto truncated;
		if (HAS_VLANS)
			packet->vlans = add_vlan(packet->vlans, bpf_ntohs(*(__be16 *)(at + sizeof(struct ethhdr))));
		advance(at, VLAN_TAG_BYTES);
	}
#endif
	advance(at, sizeof(struct ethhdr));

network:
	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *header = at;

		if ((void *)(header + 1) > packet_end(ctx))
			goto truncated;
		l4 = header->ihl * 4;
		total = ip_bytes(ctx, bpf_ntohs(header->tot_len), bytes);
		if (header->version != 4 || l4 < sizeof(*header) || total < l4)
			goto malformed;
		ip = at;
		barrier_var(ip);
		protocol = header->protocol;
		barrier_word(protocol);
		if (!(config & CONFIG_PARTIAL_FRAMES) && bytes < total)
			goto truncated;
		bytes = total;
		barrier_word(bytes);
		i = header->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET);
		barrier_word(i);
		if (i) {
			if (i == bpf_htons(TINY_OFFSET_BYTES / 8) && protocol == IPPROTO_TCP)
				goto malformed;
			goto later_fragment;
		}
		if (ON_HOST)
			first_fragment = header->frag_off & bpf_htons(IPV4_MORE_FRAGMENTS);
		icmp = IPPROTO_ICMP;
		barrier_word(icmp);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *header = at;

		if ((void *)(header + 1) > packet_end(ctx))
			goto truncated;
		if (header->version != 6)
			goto malformed;
		ip = at;
		barrier_var(ip);
		add_opaque_constant(facts, FACT_IPV6);
		protocol = header->nexthdr;
		barrier_word(protocol);
		total = ip_bytes(ctx, sizeof(*header) + bpf_ntohs(header->payload_len), bytes);
		/* As Linux does in ip6_rcv_core(), whether or not there is a jumbo option. */
		if (ON_HOST && !header->payload_len && protocol == IPPROTO_HOPOPTS)
			total = bytes;
		if (!(config & CONFIG_PARTIAL_FRAMES) && bytes < total)
			goto truncated;
		bytes = total;
		barrier_word(bytes);
		if (is_mapped(&header->saddr) || is_mapped(&header->daddr))
			goto malformed;
		l4 = sizeof(*header);
		barrier_word(l4);
#if ON_HOST
		if (is_extension(protocol)) {
			__u32 skipped = skip_extensions(ctx, (__u32)(ip - packet_data(ctx)), protocol, bytes);
			__u32 end = skipped >> SKIPPED_END_SHIFT;

			l4 = skipped & 0xffff;
			protocol = skipped >> SKIPPED_PROTOCOL_SHIFT & 0xff;
			first_fragment = skipped & SKIPPED_FIRST_FRAGMENT;
			if (end == SKIPPED_TRUNCATED)
				goto truncated;
			if (end == SKIPPED_MALFORMED)
				goto malformed;
			if (end == SKIPPED_EXTENSIONS)
				goto extensions;
			if (end == SKIPPED_LATER_FRAGMENT)
				goto later_fragment;
		}
#else
		i = EXTENSIONS_MAX;
		barrier_word(i);
#pragma clang loop unroll(disable)
		for (; is_extension(protocol); i--) {
			__u8 *extension = at;

			if (!i || l4 > PACKET_WALK_BYTES)
				goto extensions;
			if (l4 + 8 > bytes)
				goto malformed;
			barrier_word(l4); /* the verifier knows a bound only of the register that was compared */
			advance_by(extension, l4);
			if ((void *)(extension + 8) > packet_end(ctx))
				goto truncated;
			l4 += 8;
			/* The protocol is read in both arms: so it stays in one register. */
			if (protocol != IPPROTO_FRAGMENT) {
				l4 += extension[1] * 8;
				protocol = extension[0];
				barrier_word(protocol);
				continue;
			}
			total = *(__be16 *)(extension + 2) & bpf_htons(IPV6_FRAGMENT_OFFSET);
			barrier_word(total);
			protocol = extension[0];
			barrier_word(protocol);
			if (!total)
				continue;
			if (total == bpf_htons(TINY_OFFSET_BYTES) && protocol == IPPROTO_TCP)
				goto malformed;
			goto later_fragment;
		}
#endif
		icmp = IPPROTO_ICMPV6;
		barrier_word(icmp);
	} else {
		goto not_ip;
	}

	fixed = UDP_HEADER_BYTES;
	if (protocol == IPPROTO_TCP) {
		fixed = first_fragment ? TCP_FLAGS_OFFSET + 1 : sizeof(struct tcphdr);
	} else if (protocol != IPPROTO_UDP) {
		if (!TRACKS_ICMP || protocol != icmp)
			goto protocol;
	}
	if (l4 + fixed > bytes)
		goto malformed;
	if (l4 > PACKET_WALK_BYTES - sizeof(struct tcphdr))
		goto extensions;
	barrier_word(l4);
	add_opaque(facts, l4 << FACT_TRANSPORT_SHIFT);
	advance_by(at, l4);
	if (at + UDP_HEADER_BYTES > packet_end(ctx))
		goto truncated;
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = at;

		if (at + (ON_HOST ? fixed : sizeof(*tcp)) > packet_end(ctx))
			goto truncated;
		fixed = tcp->doff * 4;
		if (fixed < sizeof(*tcp) || (!first_fragment && l4 + fixed > bytes))
			goto malformed;
		if (HAS_FIREWALL)
			add_opaque(facts, ((__u8 *)tcp)[TCP_FLAGS_OFFSET]);
	}
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
		add_opaque(facts, (__u64) * (__u32 *)at << FACT_PORTS_SHIFT);
	} else {
		__u32 message = *(__u8 *)at;

		add_opaque_constant(facts, FACT_ICMP);
		if (HAS_FIREWALL) {
			barrier_word(message); /* else LLVM compares with 128 by shifts */
			if (HAS_EXPECTATIONS && is_icmp_query(message, protocol == IPPROTO_ICMPV6))
				add_opaque_constant(facts, FACT_ICMP_QUERY);
			else
				facts += icmp_states(message, protocol == IPPROTO_ICMPV6);
		}
	}
	if (HOOK_SEGMENTS)
		packet->headers = l4 + fixed;
	goto out;

not_ip: /* the EtherType in place of the ports, for judge() */
	if (HAS_EXPECTATIONS)
		add_opaque(facts, (__u64)type << FACT_PORTS_SHIFT);
	add_opaque_constant(facts, FACTS_UNPARSED(CAUSE_NOT_IP, STATE_INVALID));
	goto out;
vlan_depth:
	add_opaque_constant(facts, FACTS_UNPARSED(CAUSE_VLAN_DEPTH, STATE_INVALID));
	goto out;
truncated:
	add_opaque_constant(facts, FACTS_UNPARSED(CAUSE_TRUNCATED, STATE_INVALID));
	goto out;
malformed:
	add_opaque_constant(facts, FACTS_UNPARSED(CAUSE_MALFORMED, STATE_INVALID));
	goto out;
extensions:
	add_opaque_constant(facts, FACTS_UNPARSED(CAUSE_EXTENSIONS, STATE_INVALID));
	goto out;
protocol:
	add_opaque_constant(facts, FACTS_UNPARSED(CAUSE_PROTOCOL, STATE_NEW));
	goto out;
later_fragment: /* useless without the first one (RFC 1858): it passes where no rule decides */
	/* Segmentation writes the offsets anew, from 0 on: it would become a datagram of its own. */
	if (is_super_packet(ctx))
		goto malformed;
	add_opaque_constant(facts, FACTS_UNPARSED(CAUSE_LATER_FRAGMENT, STATE_LATER_FRAGMENT));
out:
	packet->ip = ip;
	packet->bytes = bytes;
	add_opaque(facts, protocol << FACT_PROTOCOL_SHIFT);
	return facts;
}

#endif
