/* SPDX-License-Identifier: GPL-2.0-only */
/* Which sets an address is in: single addresses by two lookups, else the prefixes. host/firewall/address_hash.h
 * computes the same hash. */
#ifndef NICSENTRY_SETS_H
#define NICSENTRY_SETS_H

#include "fingerprint.h"
#include "intervals.h"

/* Linux 6.1's verifier loses a 32-bit word's bounds at an xor, and the card's driver asks for them in a product. */
static __always_inline __u32 bounded(__u32 word)
{
	asm volatile("%0 = %0" : "+w"(word));
	return word;
}

static __always_inline __u32 bucket_of(const __u32 *k, __u32 buckets, __u64 first, __u64 second, __u32 family)
{
	__u64 hash = (__u64)(__u32)(k[0] + (__u32)first) * (__u32)(k[1] + (__u32)(first >> 32));

	hash += (__u64)(__u32)(k[2] + (__u32)second) * (__u32)(k[3] + (__u32)(second >> 32) + (family ? 1 : 0));
	return (__u64)bounded(mix(hash)) * buckets >> 32;
}

static __always_inline int match_address(const struct address_bucket *bucket, int i, __u64 first, __u64 second,
					 __u32 family, __u32 *sets)
{
	const __u64 *address = (const __u64 *)bucket->address[i];

	/* First: the host clears it before it changes the rest, and sets it after. */
	*sets = *(const volatile __u16 *)&bucket->sets[i];
	return *sets && (*sets & SET_IPV6) == family && address[0] == first && address[1] == second;
}

/* `first`, `second`: the address as it stands in the packet, eight bytes and eight bytes; an IPv4 address in the first
 * four. `family`: SET_IPV6 or 0. Returns SET_*. */
__noinline __u32 find_sets(__u64 first, __u64 second, __u32 family)
{
	__u32 zero = 0, index, other, sets;
	struct firewall *fw = bpf_map_lookup_elem(&fw_control, &zero);
	int i;

	if (!fw)
		return 0;
	if (fw->buckets) {
		index = bucket_of(fw->keys, fw->buckets, first, second, family);
		other = bucket_of(fw->keys + 4, fw->buckets, first, second, family);
		if (other == index)
			other = index == 0 ? 1 : index - 1;
#pragma clang loop unroll(disable)
		for (i = 0; i < 2; i++) {
			struct address_bucket *bucket = bpf_map_lookup_elem(&set_addresses, &index);

			if (bucket && (match_address(bucket, 0, first, second, family, &sets) ||
				       match_address(bucket, 1, first, second, family, &sets) ||
				       match_address(bucket, 2, first, second, family, &sets)))
				return sets & ~SET_IPV6;
			index = other;
		}
	}
	if (family)
		return find_interval(fw->set_roots[1], bpf_be64_to_cpu(first), bpf_be64_to_cpu(second));
	return find_interval(fw->set_roots[0], bpf_ntohl(first), 0);
}

#endif
