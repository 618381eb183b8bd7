/* SPDX-License-Identifier: GPL-2.0-only */
/* The card's additions to memory: atomic adds, each to a word that nothing else writes. Halves alternate by window. */
#ifndef NICSENTRY_COUNT_H
#define NICSENTRY_COUNT_H

#include "maps.h"
#include "opaque.h"
#include "sessions.h"

/* Counts a packet on its session, or, if `session` is none, in the totals. */
static __always_inline void count_packet(__u32 session, __u32 row, int from_higher, __u32 half, __u32 packets,
					 __u32 bytes)
{
	__u32 index;
	struct session_counters *c;

	if (session < EVENT_NO_SESSION) {
		index = session * 2 + half;
		c = bpf_map_lookup_elem(&counters, &index);
		if (!c)
			return;
		advance_if(from_higher, c, sizeof(__u64));
	} else {
		index = row * 2 + half;
		c = bpf_map_lookup_elem(&totals, &index);
		if (!c)
			return;
	}
	__sync_fetch_and_add(&c->packets[0], packets);
	__sync_fetch_and_add(&c->bytes[0], bytes);
}

#endif
