/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet's session: its fingerprint, and the lookup by it. The fingerprint is two NH hashes (RFC 4418, 5.2) of the
 * normalised 5-tuple under the host's secret keys, the second with the keys shifted by one pair.
 * host/sessions/fingerprint.h computes the same. */
#ifndef NICSENTRY_SESSIONS_H
#define NICSENTRY_SESSIONS_H

#include "facts.h"
#include "features.h"
#include "functions.h"
#include "maps.h"
#include "mix.h"
#include "packet.h"
#include "opaque.h"

/* Results of identify(): the session's counter or EVENT_UNKNOWN, and from bit 32 on IDENTITY_*. */
#define IDENTITY_SHIFT 32
#define IDENTITY_SHARD_MASK (TOTALS_SHARDS - 1u)
#define IDENTITY_HIGHER_SHIFT 3
#define IDENTITY_FROM_HIGHER (1u << IDENTITY_HIGHER_SHIFT)
#define IDENTITY_MUTED_SHIFT 4
#define IDENTITY_MUTED (1u << IDENTITY_MUTED_SHIFT)
/* Programs on the host: the session has a state, in either direction. */
#define IDENTITY_CONNECTION_SHIFT 5
#define IDENTITY_CONNECTION (1u << IDENTITY_CONNECTION_SHIFT)
#define IDENTITY_STATE_SHIFT FACT_STATE_SHIFT

_Static_assert(TOTALS_SHARDS <= 1u << IDENTITY_HIGHER_SHIFT, "the shard lies below the direction");
_Static_assert(IDENTITY_HIGHER_SHIFT < IDENTITY_MUTED_SHIFT && IDENTITY_MUTED_SHIFT < IDENTITY_CONNECTION_SHIFT &&
		       IDENTITY_CONNECTION_SHIFT < IDENTITY_STATE_SHIFT,
	       "each part of the identity has bits of its own");

/* `name`: before, the VLANs that are part of the session's name; after, on the host, its fingerprint of 64 bits. One
 * argument for both, as a function on the card takes no more. The lower end is the one with the lower address, raw
 * words compared as the machine's numbers, or the lower port. */
FUNCTION __u64 identify(const struct control *now, const void *ip, __u64 facts, __u32 is_ipv6, __u64 *name)
{
	const __u32 *keys = now->keys, *words = ip + 12, *others = ip + 16;
	__u32 low = facts_ports(facts), high = facts_protocol_and_family(facts);
	__u32 identity, count = 1, i, hash, index, mask, vlans = HAS_VLANS ? *name : 0, high_of_b = high;
	__u64 a = 0, b = 0, hashes;
	int from_higher = (low & 0xffff) > low >> 16;

	if (is_ipv6) {
		words = ip + 8;
		others = ip + 24;
		count = 4;
	}
	const __u32 *w = words, *o = others;

	for (i = count; i; i--) {
		__u32 x = *w, y = *o;
		if (x != y) {
			from_higher = x > y;
			break;
		}
		advance(w, 4);
		advance(o, 4);
	}
	if (from_higher) {
		const __u32 *swap = words;

		words = others;
		others = swap;
		low = rotate(low);
	}
	if (HAS_VLANS) { /* the protocol leaves the upper half of its word free */
		high_of_b += vlans & 0xffff0000u;
		high += vlans << 16;
	}
#pragma clang loop unroll(disable)
	for (i = count;; i--) {
		a += (__u64)(__u32)(keys[0] + low) * (__u32)(keys[1] + high);
		b += (__u64)(__u32)(keys[2] + low) * (__u32)(keys[3] + (HAS_VLANS ? high_of_b : high));
		if (!i)
			break;
		low = *words;
		high = *others;
		high_of_b = high;
		advance(words, 4);
		advance(others, 4);
		advance(keys, 8);
	}
	hash = mix(a);
	if (HAS_EXPECTATIONS)
		*name = (__u64)mix(b) << 32 | hash;
	identity = hash & IDENTITY_SHARD_MASK;
	if (from_higher)
		identity |= IDENTITY_FROM_HIGHER;
	mask = (1u << (now->config >> CONFIG_BUCKET_BITS_SHIFT & CONFIG_BUCKET_BITS_MASK)) - 1;
	hashes = both_hashes(hash);
	do {
		const struct session_slot *slot;
		__u32 s;

		index = hashes & mask;
		slot = bpf_map_lookup_elem(&sessions, &index);
		if (!slot) /* on the card an element may be missing that the host never wrote */
			continue;
#pragma clang loop unroll(disable)
		for (s = 0; s < SLOTS_PER_BUCKET; s++) {
			/* State first: the host clears it before it changes the rest, and sets it after. */
			__u32 state = *(const volatile __u32 *)&slot->state;

			if (state & SLOT_VALID && slot->fingerprint[0] == (__u32)a &&
			    slot->fingerprint[1] == (__u32)(a >> 32) && slot->fingerprint[2] == (__u32)b &&
			    slot->fingerprint[3] == (__u32)(b >> 32)) {
				if (HAS_EXPECTATIONS)
					identity |= -(state >> SLOT_STATE_SHIFT) >> 31 << IDENTITY_CONNECTION_SHIFT;
				state >>= from_higher ? SLOT_STATE_SHIFT + SLOT_STATE_BITS : SLOT_STATE_SHIFT;
				identity |= (state & STATE_MASK) << IDENTITY_STATE_SHIFT;
				if (slot->muted_epoch == now->epoch)
					identity |= IDENTITY_MUTED;
				return (__u64)identity << IDENTITY_SHIFT | slot->counter;
			}
			advance(slot, sizeof(*slot));
		}
	} while (hashes >>= 32);
	return (__u64)identity << IDENTITY_SHIFT | EVENT_UNKNOWN;
}

#endif
