/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the programs of this folder: small XDP programs of many kinds, for the lint and for mutants. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAP(name, map_type, key_type, value_type, entries)                                                             \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
		__uint(max_entries, entries);                                                                          \
	} name SEC(".maps")

#define ARRAY(name, value_type, entries) MAP(name, BPF_MAP_TYPE_ARRAY, __u32, value_type, entries)
#define HASH(name, key_type, value_type, entries) MAP(name, BPF_MAP_TYPE_HASH, key_type, value_type, entries)

#define EVENTS(name)                                                                                                   \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                                                           \
		__uint(key_size, 4);                                                                                   \
		__uint(value_size, 4);                                                                                 \
	} name SEC(".maps")

struct counter {
	__u64 packets;
	__u64 bytes;
};

#define START(ctx) ((void *)(long)(ctx)->data)
#define END(ctx) ((void *)(long)(ctx)->data_end)
#define LENGTH(ctx) ((__u32)((ctx)->data_end - (ctx)->data))

static __always_inline struct iphdr *ipv4(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > END(ctx) || eth->h_proto != bpf_htons(ETH_P_IP))
		return 0;
	return ip;
}

static __always_inline struct ipv6hdr *ipv6(struct xdp_md *ctx)
{
	struct ethhdr *eth = START(ctx);
	struct ipv6hdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > END(ctx) || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return 0;
	return ip;
}

static __always_inline void count(struct counter *counter, struct xdp_md *ctx)
{
	__sync_fetch_and_add(&counter->packets, 1);
	__sync_fetch_and_add(&counter->bytes, LENGTH(ctx));
}

char _license[] SEC("license") = "GPL";
