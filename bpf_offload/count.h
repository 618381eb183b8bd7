/* SPDX-License-Identifier: GPL-2.0-only */
/* What the card adds to memory: atomic adds, each of a word that nothing else writes. Halves alternate by window. */
#ifndef NICSENTRY_COUNT_H
#define NICSENTRY_COUNT_H

#include "maps.h"

static __always_inline void count_session(__u32 counter, __u32 half, int from_higher, __u32 packets, __u32 bytes)
{
	__u32 index = counter * 2 + half;
	struct session_counters *c = bpf_map_lookup_elem(&counters, &index);

	if (!c)
		return;
	if (from_higher) {
		__sync_fetch_and_add(&c->packets[1], packets);
		__sync_fetch_and_add(&c->bytes[1], bytes);
	} else {
		__sync_fetch_and_add(&c->packets[0], packets);
		__sync_fetch_and_add(&c->bytes[0], bytes);
	}
}

static __always_inline struct totals_row *find_totals(__u32 row, __u32 half)
{
	__u32 index = row * 2 + half;

	return bpf_map_lookup_elem(&totals, &index);
}

static __always_inline void count_total(struct totals_row *row, __u32 packets, __u32 bytes)
{
	if (!row)
		return;
	__sync_fetch_and_add(&row->packets, packets);
	__sync_fetch_and_add(&row->bytes, bytes);
}

#endif
