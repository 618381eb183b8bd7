/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts the packets of each entry of address sets. An entry has an element of its own, which the host makes and
 * removes: so a change of other entries, or a move in set_addresses, does not touch its count
 * (docs/decisions/0059-hits-have-elements-of-their-own.md). */
#ifndef NICSENTRY_HITS_H
#define NICSENTRY_HITS_H

#include <bpf/bpf_endian.h>

#include "maps.h"
#include "switches.h"

/* Parts of a query. On the card it is whether the address is an IPv6 one, in any bit. */
#define QUERY_IPV6 1u
#define QUERY_PLACE_SHIFT 1
#define QUERY_PLACE_MASK 7u
#define QUERY_PACKETS_SHIFT 16
#define QUERY_BYTES_SHIFT 32

#if HAS_HITS
typedef __u64 sets_query;
#define PLAIN_QUERY(is_ipv6) ((is_ipv6) ? QUERY_IPV6 : 0)
#else
typedef __u32 sets_query;
#define PLAIN_QUERY(is_ipv6) (is_ipv6)
#endif

#if HAS_HITS

_Static_assert(2 * HIT_PLACES <= QUERY_PLACE_MASK + 1, "each place has a number in a query");

/* A question for the sets of an address: family, who asks, and the packets and bytes that the answer counts for. */
static __always_inline __u64 hit_query(__u32 is_ipv6, __u32 bank, __u32 asker, __u32 packets, __u32 bytes)
{
	return (is_ipv6 ? QUERY_IPV6 : 0) | ((bank >> 1) * HIT_PLACES + asker) << QUERY_PLACE_SHIFT |
	       packets << QUERY_PACKETS_SHIFT | (__u64)bytes << QUERY_BYTES_SHIFT;
}

/* Adds a packet to the entry of a set that an address is in: a single address, else the longest prefix. Global, see
 * find_interval(). */
__noinline __u32 add_hit(__u64 high, __u64 low, __u64 query, __u32 name)
{
	struct hit_key key = {};
	struct rule_counter *count;

	key.prefix = HIT_NAME_BITS + 32;
	key.name = name;
	key.address[0] = bpf_htonl(low);
	if (query & QUERY_IPV6) {
		key.prefix = HIT_NAME_BITS + 128;
		key.name = name + 1;
		key.address[0] = bpf_htonl(high >> 32);
		key.address[1] = bpf_htonl(high);
		key.address[2] = bpf_htonl(low >> 32);
		key.address[3] = bpf_htonl(low);
	}
	count = bpf_map_lookup_elem(&hit_addresses, &key);
	if (!count)
		count = bpf_map_lookup_elem(&hit_prefixes, &key);
	if (!count)
		return 0;
	__sync_fetch_and_add(&count->packets, (__u32)query >> QUERY_PACKETS_SHIFT);
	__sync_fetch_and_add(&count->bytes, query >> QUERY_BYTES_SHIFT);
	return 1;
}

/* Adds a packet to the entries of those of its address's sets that the query is about. Global, see find_interval(). */
__noinline __u32 add_hits(__u64 high, __u64 low, __u64 query, __u32 set_class)
{
	__u32 place = query >> QUERY_PLACE_SHIFT & QUERY_PLACE_MASK, index = place * SET_CLASSES + set_class, i;
	const __u64 *asked = bpf_map_lookup_elem(&hit_sets, &index);
	__u64 sets;

	if (!asked)
		return 0;
	sets = *asked;
	index = place / HIT_PLACES * HIT_NAMES;
#pragma clang loop unroll(disable)
	for (i = 0; i < HIT_NAMES && sets; i++, index++, sets >>= 1) {
		const __u32 *name;

		if (!(sets & 1))
			continue;
		name = bpf_map_lookup_elem(&hit_names, &index);
		if (name)
			add_hit(high, low, query, *name);
	}
	return 0;
}

#endif

#endif
