/* SPDX-License-Identifier: GPL-2.0-only */
/* The fields of a packet that only programs on the host give to rules: length, DSCP, TTL, VLAN, and ICMP's type and
 * code. They are read when a chain asks for one of them (docs/decisions/0056-fields-that-only-the-host-reads.md). */
#ifndef NICSENTRY_FIELDS_H
#define NICSENTRY_FIELDS_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

#include "facts.h"
#include "intervals.h"
#include "packet.h"

#define IP_VERSION_SHIFT 28
/* DSCP in the first word of either header: RFC 2474. */
#define IPV4_DSCP_SHIFT 18
#define IPV6_DSCP_SHIFT 22
#define DSCP_MASK 0x3f

/* Of a field that no rule asks for the root is a leaf. */
static __always_inline __u64 find_field_row(__u32 root, __u32 key)
{
	return root & INTERVAL_LEAF ? root & INTERVAL_VALUE : find_interval(root, key, 0);
}

/* Returns the key of the outermost VLAN tag that names a VLAN; 0 where all have a priority only. The kernel takes those
 * off, and gives the packet to the device of the tag behind them. `data` to its 18th byte has been compared with the
 * frame's end. */
static __always_inline __u32 vlan_key(hook_ctx *ctx, const void *data)
{
	if (!tags_outside(ctx) && (RAW_IP || !is_vlan(*(const __be16 *)(data + ETHERTYPE_OFFSET))))
		return FIELD_VLAN_NONE;
	return read_vlans(ctx) & VLAN_ID_MASK;
}

/* Returns the key of FIELD_LENGTH. `amounts`: segments and bytes of all of them; `headers`: as wire_bytes() takes it,
 * with FACT_UNJUDGED of an unjudged packet. */
static __always_inline __u32 length_key(hook_ctx *ctx, const void *ip, __u64 amounts, __u32 headers)
{
	__u32 length;

	if (headers & FACT_UNJUDGED)
		return FIELD_LENGTH_NONE;
	length = wire_bytes(ctx, ip, amounts, amounts >> AMOUNT_BYTES_SHIFT, headers);
	return length > FIELD_LENGTH_MOST ? FIELD_LENGTH_MOST : length;
}

/* Returns the rows of FIELD_*, 16 bits each. `element`: of interval_nodes, with the roots; `ip`: offset of the IP
 * header in the frame; `amounts`, `headers`: see length_key(). Global, see find_interval(). */
__noinline __u64 find_field_rows(hook_ctx *ctx, __u32 element, __u32 ip, __u64 amounts, __u32 headers)
{
	const struct interval_node *roots = bpf_map_lookup_elem(&interval_nodes, &element);
	const void *data, *header;
	__u32 word, vlan, ttl, dscp;
	__u64 rows;

	if (!roots || ip > LINK_BYTES_MAX)
		return 0;
	data = packet_data(ctx);
	if (!RAW_IP && data + sizeof(struct ethhdr) + VLAN_TAG_BYTES > packet_end(ctx))
		return 0;
	vlan = vlan_key(ctx, data);
	header = packet_data(ctx);
	advance_by(header, ip);
	if (header + sizeof(struct iphdr) > packet_end(ctx))
		return 0;
	word = bpf_ntohl(*(const __be32 *)header);
	if (word >> IP_VERSION_SHIFT == 6) {
		dscp = word >> IPV6_DSCP_SHIFT & DSCP_MASK;
		ttl = ((const struct ipv6hdr *)header)->hop_limit;
	} else {
		dscp = word >> IPV4_DSCP_SHIFT & DSCP_MASK;
		ttl = ((const struct iphdr *)header)->ttl;
	}
	rows = find_field_row(roots->next[FIELD_LENGTH], length_key(ctx, header, amounts, headers));
	rows = rows << 16 | find_field_row(roots->next[FIELD_DSCP], dscp);
	rows = rows << 16 | find_field_row(roots->next[FIELD_TTL], ttl);
	return rows << 16 | find_field_row(roots->next[FIELD_VLAN], vlan);
}

/* Returns type and code of an ICMP message, as both ports, so that both ends are looked up by them. `ip`, `l4`: offsets
 * of the IP header in the frame, and of the message from it. */
static __always_inline __u32 icmp_ports(hook_ctx *ctx, __u32 ip, __u32 l4)
{
	const void *at = packet_data(ctx);
	__u32 key;

	advance_by(at, ip + l4);
	if (at + sizeof(__be16) > packet_end(ctx))
		return 0;
	key = *(const __be16 *)at;
	return key << 16 | key;
}

#endif
