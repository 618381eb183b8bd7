/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the small programs of this folder. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ARRAY_MAP(name, value_type, entries)                                                                           \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__type(key, __u32);                                                                                    \
		__type(value, value_type);                                                                             \
		__uint(max_entries, entries);                                                                          \
	} name SEC(".maps")

#define EVENT_MAP(name)                                                                                                \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);                                                           \
		__uint(key_size, 4);                                                                                   \
		__uint(value_size, 4);                                                                                 \
	} name SEC(".maps")

/* Returns the packet's first bytes as a pointer of that type, or 0. */
#define PACKET(ctx, type)                                                                                              \
	({                                                                                                             \
		void *data = (void *)(long)(ctx)->data;                                                                \
		void *data_end = (void *)(long)(ctx)->data_end;                                                        \
		data + sizeof(type) <= data_end ? (type *)data : 0;                                                    \
	})

char _license[] SEC("license") = "GPL";
