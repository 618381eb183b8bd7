/* SPDX-License-Identifier: GPL-2.0-only */
/* How far the walk goes on the host. What most packets do not have is in global functions, at which the kernel's
 * verifier looks once: inline they would take it more than a million instructions. */
#ifndef NICSENTRY_LONG_HEADERS_H
#define NICSENTRY_LONG_HEADERS_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "types.h"

#define VLAN_TAGS_MAX VLAN_TAGS_MAX_HOST
#define EXTENSIONS_MAX EXTENSIONS_MAX_HOST

#define ETH_P_OLD_QINQ_FIRST 0x9100 /* 0x9100, 0x9200 and 0x9300: service tags from before IEEE 802.1ad */
#define ETH_P_OLD_QINQ_LAST 0x9300

/* IANA's numbers, which linux/in.h lacks. */
#define PROTOCOL_HIP 139
#define PROTOCOL_SHIM6 140
/* Types of routing headers whose next header Linux takes for a packet of its own, if it is an IP header and the last
 * segment: ipv6_srh_rcv() with seg6_enabled, ipv6_rpl_srh_rcv() with rpl_seg_enabled (net/ipv6/exthdrs.c). */
#define ROUTING_TYPE_RPL 3
#define ROUTING_TYPE_SEGMENTS 4

static __always_inline int is_vlan(__be16 type)
{
	__u32 number = bpf_ntohs(type);

	return number == ETH_P_8021Q || number == ETH_P_8021AD ||
	       (number >= ETH_P_OLD_QINQ_FIRST && number <= ETH_P_OLD_QINQ_LAST && !(number & 0xff));
}

static __always_inline int is_extension(__u32 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_AH || protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_MH ||
	       protocol == PROTOCOL_HIP || protocol == PROTOCOL_SHIM6;
}

/* Whether a routing header carries a packet that Linux may take out of it, without a tunnel device. */
static __always_inline int carries_packet(const __u8 *routing)
{
	return (routing[2] == ROUTING_TYPE_SEGMENTS || routing[2] == ROUTING_TYPE_RPL) &&
	       (routing[0] == IPPROTO_IPIP || routing[0] == IPPROTO_IPV6);
}

/* The same value, of which the verifier knows nothing: it tracks no words in the upper half of 8 bytes of the stack. An
 * address that LLVM cannot look into, or the words would get places of their own. Where the walk ended in different
 * ways, the verifier then follows the rest of the program once, not once for each. */
static __always_inline __u32 forget(__u32 value)
{
	__u64 place;
	volatile __u32 *word = (volatile __u32 *)&place;

	barrier_var(word);
	word[1] = value;
	return word[1];
}

/* The lower half's value is forgotten as soon as the upper half is written. */
static __always_inline __u64 forget_facts(__u64 facts)
{
	__u64 place;
	volatile __u32 *word = (volatile __u32 *)&place;

	barrier_var(word);
	word[0] = facts;
	word[1] = facts >> 32;
	return (__u64)word[1] << 32 | word[0];
}

#define NO_IP_HEADER 0xffffffffu

/* Where the IP header is, found again for all ways that the walk can have taken to it: 0 where there is none.
 * `is_ipv6` becomes a constant in either way: the verifier of Linux 6.1 forgets which of both it is otherwise, once
 * LLVM puts the word on the stack before the branch. */
static __always_inline void *find_ip_again(hook_ctx *ctx, const void *ip, __u32 *is_ipv6)
{
	__u32 link = forget(ip ? (__u32)(ip - packet_data(ctx)) : NO_IP_HEADER);
	__u64 family = 0, bytes = sizeof(struct iphdr);
	void *again = packet_data(ctx), *end;

	barrier_var(family);
	if (*is_ipv6) {
		add_opaque_constant(family, FACT_IPV6);
		add_opaque_constant(bytes, sizeof(struct ipv6hdr) - sizeof(struct iphdr));
	}
	*is_ipv6 = family;
	if (link > LINK_BYTES_MAX)
		return 0;
	advance_by(again, link);
	end = again;
	advance_by(end, bytes);
	if (end > packet_end(ctx))
		return 0;
	return again;
}

/* Bytes of the tags in the frame that the walk passes over. */
static __always_inline __u32 tag_bytes_max(hook_ctx *ctx)
{
	return (VLAN_TAGS_MAX - tags_outside(ctx)) * VLAN_TAG_BYTES;
}

/* Returns the bytes of the tags that are whole in the frame, at most tag_bytes_max(). */
__noinline __u32 skip_tags(hook_ctx *ctx)
{
	__u32 most = tag_bytes_max(ctx);
	__u32 link = 0, i;

	for (i = 0; i < VLAN_TAGS_MAX && link < most; i++) {
		void *at = packet_data(ctx) + link;

		if (at + sizeof(struct ethhdr) + VLAN_TAG_BYTES > packet_end(ctx) ||
		    !is_vlan(*(__be16 *)(at + ETHERTYPE_OFFSET)))
			break;
		link += VLAN_TAG_BYTES;
	}
	return link;
}

/* Returns the VLANs of a packet as add_vlan() has them. */
__noinline __u32 read_vlans(hook_ctx *ctx)
{
	__u32 vlans = 0, link = 0, i;

	if (tags_outside(ctx))
		vlans = add_vlan(0, tag_outside(ctx));
	for (i = 0; i < VLAN_TAGS_MAX && !RAW_IP; i++) {
		const void *at = packet_data(ctx) + link;

		if (at + sizeof(struct ethhdr) + VLAN_TAG_BYTES > packet_end(ctx) ||
		    !is_vlan(*(const __be16 *)(at + ETHERTYPE_OFFSET)))
			break;
		vlans = forget(add_vlan(vlans, bpf_ntohs(*(const __be16 *)(at + sizeof(struct ethhdr)))));
		link += VLAN_TAG_BYTES;
	}
	return vlans;
}

/* The VLANs that are part of the session's name. */
static __always_inline __u32 vlans_of(hook_ctx *ctx, __u32 config, const struct packet *packet)
{
	__u32 vlans = 0;

	(void)packet;
	if (config & CONFIG_VLANS)
		vlans = read_vlans(ctx);
	return forget(vlans);
}

/* Results of skip_extensions(): the offset of the transport header from the IP header, its protocol, whether it is in
 * a first fragment, and why the walk ended. */
#define SKIPPED_PROTOCOL_SHIFT 16
#define SKIPPED_FIRST_FRAGMENT (1u << 24)
#define SKIPPED_END_SHIFT 25
enum { SKIPPED_ALL, SKIPPED_TRUNCATED, SKIPPED_MALFORMED, SKIPPED_EXTENSIONS, SKIPPED_LATER_FRAGMENT };
/* Where the farthest IPv6 header begins that is read: it is quoted behind an ICMPv6 header. */
#define ICMP_HEADER_BYTES 8
#define IP_OFFSET_MAX (LINK_BYTES_MAX + PACKET_WALK_BYTES + ICMP_HEADER_BYTES)

/* `ip`: offset of the IPv6 header in the frame; `protocol`: its next header, an extension header's; `bytes`: its length
 * and all behind it. */
__noinline __u32 skip_extensions(hook_ctx *ctx, __u32 ip, __u32 protocol, __u32 bytes)
{
	__u32 l4 = sizeof(struct ipv6hdr), first_fragment = 0, end = SKIPPED_ALL, i;

	if (ip > IP_OFFSET_MAX)
		return SKIPPED_MALFORMED << SKIPPED_END_SHIFT;
	/* Linux 6.1 refuses a loop that is entered at its end, as LLVM makes of a `for`. */
	i = 0;
	do {
		const __u8 *extension;
		__u32 kind = protocol;

		end = SKIPPED_EXTENSIONS;
		if (i == EXTENSIONS_MAX || l4 > PACKET_WALK_BYTES)
			break;
		end = SKIPPED_MALFORMED;
		if (l4 + 8 > bytes)
			break;
		end = SKIPPED_TRUNCATED;
		extension = packet_data(ctx) + ip + l4;
		if ((const void *)(extension + 8) > packet_end(ctx))
			break;
		end = SKIPPED_ALL;
		protocol = extension[0];
		l4 += 8;
		if (kind == IPPROTO_FRAGMENT) {
			__u32 word = bpf_ntohs(*(const __be16 *)(extension + 2));

			if (word & IPV6_FRAGMENT_OFFSET) {
				end = protocol == IPPROTO_TCP && (word & IPV6_FRAGMENT_OFFSET) == TINY_OFFSET_BYTES
					      ? SKIPPED_MALFORMED
					      : SKIPPED_LATER_FRAGMENT;
				break;
			}
			if (word & IPV6_MORE_FRAGMENTS)
				first_fragment = SKIPPED_FIRST_FRAGMENT;
		} else if (kind == IPPROTO_AH) {
			l4 += extension[1] * 4;
		} else {
			if (kind == IPPROTO_ROUTING && carries_packet(extension)) {
				end = SKIPPED_EXTENSIONS;
				break;
			}
			l4 += extension[1] * 8;
		}
		i++;
	} while (is_extension(protocol));
	return l4 | protocol << SKIPPED_PROTOCOL_SHIFT | first_fragment | end << SKIPPED_END_SHIFT;
}

#endif
