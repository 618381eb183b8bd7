/* SPDX-License-Identifier: GPL-2.0-only */
/* The lookup of a session by its fingerprint: two buckets of two slots. */
#ifndef NICSENTRY_SESSIONS_H
#define NICSENTRY_SESSIONS_H

#include "fingerprint.h"
#include "maps.h"

/* What a known session's slot says; a copy, because a slot's place must be a constant where it is read. */
struct session {
	__u32 counter;
	__u32 muted_epoch;
	__u32 state;
};

static __always_inline int match_slot(const struct session_slot *slot, const struct fingerprint *f,
				      struct session *session)
{
	/* State first: the host clears it before it changes the rest, and sets it after. */
	__u32 state = *(const volatile __u32 *)&slot->state;

	if (!(state & SLOT_VALID))
		return 0;
	if (slot->fingerprint[0] != (__u32)f->a || slot->fingerprint[1] != (__u32)(f->a >> 32) ||
	    slot->fingerprint[2] != (__u32)f->b || slot->fingerprint[3] != (__u32)(f->b >> 32))
		return 0;
	session->counter = slot->counter;
	session->muted_epoch = slot->muted_epoch;
	session->state = state;
	return 1;
}

static __always_inline int find_session(__u32 config, const struct fingerprint *f, struct session *session)
{
	__u32 mask = (1u << ((config >> CONFIG_BUCKET_BITS_SHIFT) & CONFIG_BUCKET_BITS_MASK)) - 1;
	__u32 first = mix(f->a) & mask;
	__u32 second = mix(f->b) & mask;
	__u32 index = first;
	int i;

	if (second == first)
		second ^= 1;
#pragma clang loop unroll(disable)
	for (i = 0; i < 2; i++) {
		struct session_bucket *bucket = bpf_map_lookup_elem(&sessions, &index);

		/* On the card an element may be missing that the host never wrote. */
		if (bucket && (match_slot(&bucket->slot[0], f, session) || match_slot(&bucket->slot[1], f, session)))
			return 1;
		index = second;
	}
	return 0;
}

#endif
