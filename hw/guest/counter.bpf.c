// SPDX-License-Identifier: GPL-2.0-or-later
/* The program of the virtual card's self-test: a limit, counters, events. */
#include "../../verifier_tests/nfp/card.h"

struct entry {
	__u32 limit; /* host writes */
	__u32 small; /* card adds */
	__u64 large; /* card adds */
};

ARRAY_MAP(entries, struct entry, 8);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, __u32);
	__uint(max_entries, 2);
} table SEC(".maps");

EVENT_MAP(events);

SEC("xdp")
int counter(struct xdp_md *ctx)
{
	__u32 key = 0, data = 1;
	struct entry *entry = bpf_map_lookup_elem(&entries, &key);
	__u64 hash_key = 0;
	__u32 *value = bpf_map_lookup_elem(&table, &hash_key);

	if (value)
		__sync_fetch_and_add(value, 1);
	if (!entry || entry->limit)
		return XDP_PASS;
	__sync_fetch_and_add(&entry->small, 1);
	__sync_fetch_and_add(&entry->large, 1);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | 14ULL << 32, &data, sizeof(data));
	return XDP_PASS;
}
