/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps, as the card takes them: arrays without flags and one event array. Sizes are those of an object attached by
 * hand; the controller sets its own at load. */
#ifndef NICSENTRY_MAPS_H
#define NICSENTRY_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "features.h"
#include "types.h"

/* `control`, under the name that carries the ABI number. Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
} CONTROL_MAP SEC(".maps");

/* Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1u << DEFAULT_BUCKET_BITS);
	__type(key, __u32);
	__type(value, struct session_bucket);
} sessions SEC(".maps");

/* Added to by the card, read by the host. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * DEFAULT_SESSIONS);
	__type(key, __u32);
	__type(value, struct session_counters);
} counters SEC(".maps");

/* Added to by the card, read by the host. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * (HAS_COPIES ? TOTALS_ROWS_HOST : TOTALS_ROWS));
	__type(key, __u32);
	__type(value, struct totals_row);
} totals SEC(".maps");

/* Sent by the card, read by the host; one ring a processor. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} records SEC(".maps");

#if HAS_COPIES

/* Written and read by the programs on the host, which share it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct notes);
} recent SEC(".maps");

#endif

#if HAS_FIREWALL

/* Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fw_config);
} fw_control SEC(".maps");

/* Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct rule_bank);
} rule_banks SEC(".maps");

/* Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_INTERVAL_NODES);
	__type(key, __u32);
	__type(value, struct interval_node);
} interval_nodes SEC(".maps");

/* Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_RULE_BITS);
	__type(key, __u32);
	__type(value, struct rule_chunk);
} rule_bits SEC(".maps");

/* Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * ACTION_ROWS);
	__type(key, __u32);
	__type(value, struct rule_action);
} rule_actions SEC(".maps");

/* Written by the host, read by the card. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEFAULT_ADDRESS_BUCKETS);
	__type(key, __u32);
	__type(value, struct address_bucket);
} set_addresses SEC(".maps");

/* Added to by the card, read by the host. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * RULE_COUNTERS);
	__type(key, __u32);
	__type(value, struct rule_counter);
} rule_counters SEC(".maps");

#if HAS_EXPECTATIONS

/* Written and read by the programs on the host, which share it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ANSWERS);
	__type(key, __u32);
	__type(value, __u64);
} answers SEC(".maps");

#endif

#if HAS_LIMITS

/* Written by the host, read by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * LIMITS * 2);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

/* Of one rule: made by the host, written by the program. */
struct limit_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LIMIT_SETS);
	__uint(key_size, sizeof(__u32)); /* sizes: LLVM leaves a type that only a map in a map names undefined */
	__uint(value_size, sizeof(struct limit_buckets));
};

/* Written by the host, read by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2 * LIMITS);
	__type(key, __u32);
	__array(values, struct limit_table);
} limit_tables SEC(".maps");

/* Written by the program; read, and emptied, by the host. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LIMITED_MOST);
	__type(key, struct limited_key);
	__type(value, struct limited_count);
} limited SEC(".maps");

#endif

#if HAS_HITS

/* Written by the host, read by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} hit_sets SEC(".maps");

/* Written by the host, read by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} hit_names SEC(".maps");

/* Elements are made by the host; added to by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct hit_key);
	__type(value, struct rule_counter);
} hit_addresses SEC(".maps");

/* Elements are made by the host; added to by the program. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct hit_key);
	__type(value, struct rule_counter);
} hit_prefixes SEC(".maps");

#endif

#endif

#endif
