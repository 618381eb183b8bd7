/* SPDX-License-Identifier: GPL-2.0-only */
/* A session's fingerprint: two NH hashes (RFC 4418, 5.2) of its normalised 5-tuple under the host's secret keys, the
 * second with the keys shifted by one pair. host/sessions/fingerprint.h computes the same. */
#ifndef NICSENTRY_FINGERPRINT_H
#define NICSENTRY_FINGERPRINT_H

#include "packet.h"

struct fingerprint {
	__u64 a;
	__u64 b;
};

#define PORTS_PAIR 4 /* pairs 0..3 are the addresses' words */

static __always_inline void add_pair(struct fingerprint *f, const struct control *control, int pair, __u32 low,
				     __u32 high)
{
	const __u32 *k = &control->keys[2 * pair];

	f->a += (__u64)(__u32)(k[0] + low) * (__u32)(k[1] + high);
	f->b += (__u64)(__u32)(k[2] + low) * (__u32)(k[3] + high);
	/* Pair by pair: else LLVM loads all words first and spills them, and the stack is what costs on the card. */
	asm volatile("" : "+r"(f->a), "+r"(f->b) : : "memory");
}

/* Computes the fingerprint; true when the packet comes from the higher end. The lower end is the one with the lower
 * address, raw words compared as the machine's numbers, or the lower port. */
static __always_inline int fingerprint_packet(const struct control *control, const struct packet *packet,
					      struct fingerprint *f)
{
	__u32 low, pair = 0;
	int from_higher;

	f->a = 0;
	f->b = 0;
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP)
		pair = *(__u32 *)packet->transport;
	from_higher = (pair & 0xffff) > pair >> 16;
	if (packet->is_ipv6) {
		__u32 *words = packet->ip + 8; /* four of the source, four of the destination */
		int i;

#pragma unroll
		for (i = 3; i >= 0; i--) {
			if (words[i] != words[4 + i])
				from_higher = words[i] > words[4 + i];
		}
#pragma unroll
		for (i = 0; i < 4; i++) {
			low = from_higher ? words[4 + i] : words[i];
			add_pair(f, control, i, low, words[i] ^ words[4 + i] ^ low);
		}
	} else {
		__u32 *words = packet->ip + 12;

		if (words[0] != words[1])
			from_higher = words[0] > words[1];
		low = from_higher ? words[1] : words[0];
		add_pair(f, control, 0, low, words[0] ^ words[1] ^ low);
	}
	if (from_higher)
		pair = pair << 16 | pair >> 16;
	add_pair(f, control, PORTS_PAIR, pair, packet->protocol | (packet->is_ipv6 ? 6 : 4) << 8);
	return from_higher;
}

/* Mixes a hash so that its low bits can serve as an index: in a sum of products neighbouring tuples share high bits,
 * and even factors share low ones. The card's driver takes no multiplication here. Xor and shift alone (Marsaglia's
 * xorshift32) are linear, and under some keys leave sequential tuples in few buckets; the addition is not. */
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

#endif
