// SPDX-License-Identifier: GPL-2.0-or-later
/* Maps for OpenMetrics. A test puts values in by hand. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

typedef __u32 ipv4_addr;
typedef __u64 time_ns;

enum verdict {
	PASSED = 1,
	DROPPED,
};

struct flow {
	ipv4_addr source;
	__be16 port;
	__u16 le;
	char name[12];
};

struct counters {
	__u64 packets;
	struct {
		__u64 in;
		__s64 change;
	} bytes;
	__u32 queues[2];
	enum verdict verdict;
	ipv4_addr gateway;
	time_ns last;
};

struct latency {
	__u64 slots[8];
	__u64 sum;
};

struct summary {
	__u32 count;
	__u64 sum;
};

struct change {
	__u32 count;
	__s64 sum;
	__s64 slots[3];
};

#define MAP(name, kind, entries, key_type, value_type)                                                                 \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_##kind);                                                                     \
		__uint(max_entries, entries);                                                                          \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

MAP(single, ARRAY, 1, __u32, __u64);
MAP(flows, HASH, 256, struct flow, struct counters);
MAP(processors, PERCPU_HASH, 16, __u32, __u64);
MAP(latencies, HASH, 16, ipv4_addr, struct latency);
MAP(sizes, PERCPU_ARRAY, 300, __u32, __u64);
MAP(summaries, HASH, 16, __u16, struct summary);
MAP(changes, HASH, 16, __u16, struct change);
MAP(taken, HASH, 256, __u32, struct counters);
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 16);
	__type(value, __u64);
} queue SEC(".maps");

SEC("tc")
int pass(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&single, &key) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
