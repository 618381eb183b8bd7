/* SPDX-License-Identifier: GPL-2.0-only */
/* The search for the interval that a key is in: a bounded number of lookups, each of a node with four keys. */
#ifndef NICSENTRY_INTERVALS_H
#define NICSENTRY_INTERVALS_H

#include "maps.h"

/* All ones where key >= bound: no branch to be guessed wrong. */
static __always_inline __u32 reaches(__u64 key, __u64 bound)
{
	return key >= bound ? 0xffffffffu : 0;
}

/* The value of the interval that an address is in (IPv6: its two halves; else `high` alone), or a port, from a root on.
 * Not inlined: every field of a packet is looked up by it. Global: the kernel's verifier looks at it once, not once for
 * every way to it. */
__noinline __u32 find_interval(__u32 way, __u64 high, __u64 low)
{
	__u64 key = high;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < INTERVAL_STEPS; i++) {
		struct interval_node *node;
		__u32 index = way & INTERVAL_VALUE;

		if (way & INTERVAL_LEAF)
			return index;
		if (way & INTERVAL_LOW)
			key = low;
		node = bpf_map_lookup_elem(&interval_nodes, &index);
		if (!node)
			return 0;
		way = node->next[0];
		way ^= node->next[1] & reaches(key, node->key[0]);
		way ^= node->next[2] & reaches(key, node->key[1]);
		way ^= node->next[3] & reaches(key, node->key[2]);
		way ^= node->next[4] & reaches(key, node->key[3]);
	}
	return 0;
}

#endif
