/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the offences. Each is a program that the card would accept without its one broken rule. */
#ifndef OFFENCE_H
#define OFFENCE_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value {
	__u64 words[7];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} records SEC(".maps");

char _license[] SEC("license") = "GPL";

static __always_inline struct value *find_value(__u32 index)
{
	return bpf_map_lookup_elem(&values, &index);
}

/* Declares a map in addition to the two that are allowed. */
#define EXTRA_MAP(name, map_type, value_type, entries, ...)                                                            \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, entries);                                                                          \
		__type(key, __u32);                                                                                    \
		__type(value, value_type);                                                                             \
		__VA_ARGS__                                                                                            \
	} name SEC(".maps")

#define PROGRAM(body)                                                                                                  \
	SEC("xdp")                                                                                                     \
	int offence(struct xdp_md *ctx)                                                                                \
	{                                                                                                              \
		struct value *v = find_value(0);                                                                       \
                                                                                                                       \
		(void)ctx;                                                                                             \
		if (!v)                                                                                                \
			return XDP_PASS;                                                                               \
		body;                                                                                                  \
		return XDP_PASS;                                                                                       \
	}

#endif
