/* SPDX-License-Identifier: GPL-2.0-only */
/* Which sets an address is in: single addresses by two lookups, else the prefixes. host/firewall/address_hash.h
 * computes the same hash. */
#ifndef NICSENTRY_SETS_H
#define NICSENTRY_SETS_H

#include "functions.h"
#include "hits.h"
#include "intervals.h"
#include "mix.h"
#include "packet.h"
#include "opaque.h"

/* Linux 6.1's verifier loses a 32-bit word's bounds at an xor, and the card's driver asks for them in a product. */
static __always_inline __u32 bounded(__u32 word)
{
	asm volatile("%0 = %0" : "+w"(word));
	return word;
}

/* `end`: where the address is in a packet's IP header. */
static __always_inline struct address read_address(const void *end, __u32 is_ipv6)
{
	struct address a = {IPV4_HIGH, bpf_ntohl(*(__u32 *)end)};

	if (is_ipv6) {
		a.high = bpf_be64_to_cpu(*(__u64 *)end);
		a.low = bpf_be64_to_cpu(*(__u64 *)(end + 8));
	}
	return a;
}

/* Returns SET_* of an address. */
static __always_inline __u32 search_sets(__u64 high, __u64 low, __u32 is_ipv6)
{
	__u32 index = 0, buckets, n;
	const struct fw_config *fw = bpf_map_lookup_elem(&fw_control, &index);
	const __u32 *k;
	__u64 hashes;

	if (!fw)
		return 0;
	k = fw->keys;
	buckets = fw->buckets;
	if (buckets) {
		hashes = both_hashes(mix((__u64)(__u32)(k[0] + (__u32)low) * (__u32)(k[1] + (__u32)(low >> 32)) +
					 (__u64)(__u32)(k[2] + (__u32)high) * (__u32)(k[3] + (__u32)(high >> 32))));
		do {
			struct address_bucket *bucket;
			const struct address *address;
			const __u16 *sets;

			index = (__u64)bounded(hashes) * buckets >> 32;
			bucket = bpf_map_lookup_elem(&set_addresses, &index);
			if (!bucket)
				continue;
			address = bucket->address;
			sets = bucket->sets;
#pragma clang loop unroll(disable)
			for (n = 0; n < ADDRESSES_PER_BUCKET; n++) {
				/* First: the host clears it before it changes the rest, and sets it after. */
				__u32 found = *(const volatile __u16 *)sets;

				if (found && address->high == high && address->low == low)
					return found;
				advance(address, sizeof(*address));
				advance(sets, sizeof(*sets));
			}
		} while (hashes >>= 32);
	}
	k = fw->set_roots;
	advance_if(is_ipv6, k, sizeof(*k));
	return find_interval(*k, high, low);
}

/* The same, and counts for entries of the sets. */
ONCE __u32 find_sets_of(__u64 high, __u64 low, sets_query query)
{
#if HAS_HITS
	__u32 sets = search_sets(high, low, query & QUERY_IPV6);

	if (switches.count_hits && sets)
		add_hits(high, low, query, sets & SET_CLASS_MASK);
	return sets;
#else
	return search_sets(high, low, query);
#endif
}

/* The same for an address in a packet's IP header. */
#if HAS_HITS
static __always_inline __u32 find_sets(const void *end, __u32 is_ipv6, sets_query query)
{
	struct address a = read_address(end, is_ipv6);

	return find_sets_of(a.high, a.low, query);
}
#else
FUNCTION __u32 find_sets_at(const void *end, __u32 is_ipv6)
{
	struct address a = read_address(end, is_ipv6);

	return find_sets_of(a.high, a.low, is_ipv6);
}

#define find_sets(end, is_ipv6, query) ((void)(query), find_sets_at(end, is_ipv6))
#endif

#endif
