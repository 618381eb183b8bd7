// SPDX-License-Identifier: GPL-2.0-or-later
/* Maps of every kind that can be read, and a value with every kind of member. A test puts values in by hand. */
#include <linux/bpf.h>
#include <linux/in6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define AS(form) __attribute__((btf_decl_tag("nicsentry:" form)))

typedef __u32 ipv4_addr;
typedef __u8 mac_addr[6];
typedef __u64 stamp AS("time");

enum colour {
	RED = 3,
	BLUE = -7,
	GREEN = 100000,
};

struct packed_member {
	__u8 first;
	__u32 second;
} __attribute__((packed));

struct everything {
	__u8 u8;
	__s8 s8;
	__u16 u16;
	__s16 s16;
	__u32 u32;
	__s32 s32;
	__u64 u64;
	__s64 s64;
	unsigned __int128 wide;
	_Bool yes;
	char letter;
	char text[10];
	__u32 low : 3, middle : 14, high : 15;
	__s32 signed_field : 5;
	__u64 large_field : 43;
	enum colour colour;
	struct packed_member packed;
	struct {
		__u32 x;
		__s16 y;
	} nested[2];
	union {
		__u32 word;
		__u8 bytes[4];
	} both;
	struct {
		__u16 unnamed;
	};
	__u8 matrix[2][3];
	__be16 be16;
	__be32 be32;
	__be64 be64;
	ipv4_addr address;
	struct in6_addr address6;
	mac_addr mac;
	__u32 hops[2] AS("ipv4");
	__u8 next_hop[6] AS("mac");
	__u16 port AS("port");
	__u64 seen AS("time");
	stamp typed_time;
	__u64 since_boot AS("ktime");
};

struct flow {
	ipv4_addr source;
	__be16 port;
	__u8 protocol;
	__u8 padding;
};

struct prefix {
	__u32 length;
	ipv4_addr address;
};

struct sample {
	__u64 packets;
	__u32 address AS("ipv4");
	__s32 change;
	__u64 last AS("time");
};

#define MAP(name, kind, entries, key_type, value_type, flags)                                                          \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_##kind);                                                                     \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")
#define LIST(name, kind, entries, value_type)                                                                          \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_##kind);                                                                     \
		__uint(max_entries, entries);                                                                          \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

MAP(EVERYTHING, ARRAY, 2, __u32, struct everything, 0);
MAP(FLOWS, HASH, 4096, struct flow, struct sample, 0);
MAP(RECENT, LRU_HASH, 64, __u32, __u64, 0);
MAP(CPU_ARRAY, PERCPU_ARRAY, 3, __u32, __u32, 0);
MAP(CPU_HASH, PERCPU_HASH, 16, __u16, struct sample, 0);
MAP(CPU_RECENT, LRU_PERCPU_HASH, 64, struct flow, __u64, 0);
MAP(PREFIXES, LPM_TRIE, 1024, struct prefix, __u64, BPF_F_NO_PREALLOC);
LIST(QUEUE, QUEUE, 8, struct everything);
LIST(STACK, STACK, 8, struct flow);
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(key_size, 3);
	__uint(value_size, 5);
} UNTYPED SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} RING SEC(".maps");

SEC("tc")
int pass(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&EVERYTHING, &key) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
