/* SPDX-License-Identifier: GPL-2.0-only */
/* How far the walk goes on the card: what is there in its 2,560 instructions. */
#ifndef NICSENTRY_SHORT_HEADERS_H
#define NICSENTRY_SHORT_HEADERS_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>

#include "opaque.h"
#include "types.h"

#define VLAN_TAGS_MAX VLAN_TAGS_MAX_CARD
#define EXTENSIONS_MAX EXTENSIONS_MAX_CARD

static __always_inline int is_vlan(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* One comparison after the other: LLVM would make a 64-bit shift of them, which is dear on the card. */
static __always_inline int is_extension(__u32 protocol)
{
	if (protocol == IPPROTO_HOPOPTS)
		return 1;
	barrier_word(protocol);
	if (protocol == IPPROTO_DSTOPTS)
		return 1;
	barrier_word(protocol);
	return protocol - IPPROTO_ROUTING <= IPPROTO_FRAGMENT - IPPROTO_ROUTING;
}

/* The verifier follows all of the program within its limits, also without help, for which the card has no room. */
static __always_inline __u32 forget(__u32 value)
{
	return value;
}

static __always_inline __u64 forget_facts(__u64 facts)
{
	return facts;
}

static __always_inline __u32 vlans_of(hook_ctx *ctx, __u32 config, const struct packet *packet)
{
	(void)ctx;
	return HAS_VLANS && config & CONFIG_VLANS ? packet->vlans : 0;
}

static __always_inline void *find_ip_again(hook_ctx *ctx, void *ip, __u32 *is_ipv6)
{
	(void)ctx;
	(void)is_ipv6;
	return ip;
}

#endif
