/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NICSENTRY_MIX_H
#define NICSENTRY_MIX_H

#include <linux/types.h>

/* Mixes a hash so that its bits can serve as an index: in a sum of products neighbouring keys share high bits, and even
 * factors share low ones. The card's driver takes no multiplication here. Xor and shift alone (Marsaglia's xorshift32)
 * are linear, and under some keys leave sequential keys in few buckets; the addition is not. host/packet/hash_mix.h
 * computes the same. */
static __always_inline __u32 mix(__u64 hash)
{
	__u32 x = (__u32)hash ^ (__u32)(hash >> 32);
	__u32 y = x;

	y ^= y << 13;
	y ^= y >> 17;
	y ^= y << 5;
	x += y;
	return x ^ x >> 15;
}

static __always_inline __u32 rotate(__u32 word)
{
	return word << 16 | word >> 16;
}

/* The second bucket of a key is that of its first one's hash rotated: either half of the hash decides on one of them.
 * The first is in the lower 32 bits; a hash of 0 has one. */
static __always_inline __u64 both_hashes(__u32 hash)
{
	return hash | (__u64)rotate(hash) << 32;
}

#endif
