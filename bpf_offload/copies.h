/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds packets that come in at one port of the run and leave again at one, so that they count once. What comes in is
 * noted, what leaves takes a note back (docs/decisions/0060-what-is-forwarded-counts-where-it-comes-in.md). */
#ifndef NICSENTRY_COPIES_H
#define NICSENTRY_COPIES_H

#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "maps.h"
#include "packet.h"
#include "switches.h"

#if HAS_COPIES

/* A note: time, how many packets are noted, and from NOTE_PRINT_SHIFT on a part of their hash. */
#define NOTE_TIME_MASK 0xffffu
#define NOTE_COUNT (1ull << 16)
#define NOTE_COUNT_MASK (0xffffull << 16)
#define NOTE_PRINT_SHIFT 32
/* About a millisecond. */
#define NOTE_CLOCK_SHIFT 20

#define TCP_FLAGS_OF_LAST bpf_htonl(0x00090000) /* PSH and FIN, which a super-packet has of its last segment */

static __always_inline __u64 mix_in(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

/* Notes a packet, or takes such a note back. Returns whether it was a copy. Global, see find_interval(). */
__noinline __u32 use_note(__u64 hash, __u32 leaves)
{
	__u32 index = hash & (NOTE_SETS - 1), now = bpf_ktime_get_ns() >> NOTE_CLOCK_SHIFT & NOTE_TIME_MASK, i;
	__u32 print = hash >> NOTE_PRINT_SHIFT, age, oldest = 0;
	struct notes *notes = bpf_map_lookup_elem(&recent, &index);
	__u64 *unused, *note, was;

	if (!notes)
		return 0;
	unused = notes->note;
	note = notes->note;
#pragma clang loop unroll(disable)
	for (i = 0; i < NOTE_WAYS; i++) {
		was = *(volatile __u64 *)note;
		/* Another processor may have noted a moment later than `now`. */
		age = (now + 1 - (__u32)was) & NOTE_TIME_MASK;
		if (!(was & NOTE_COUNT_MASK))
			age = NOTE_TIME_MASK;
		if (age <= NOTE_AGE_MAX && was >> NOTE_PRINT_SHIFT == print) {
			__sync_fetch_and_add(note, leaves ? -NOTE_COUNT : NOTE_COUNT);
			return leaves;
		}
		if (age > oldest) {
			oldest = age;
			unused = note;
		}
		advance(note, sizeof(*note));
	}
	if (!leaves)
		*(volatile __u64 *)unused = (__u64)print << NOTE_PRINT_SHIFT | NOTE_COUNT | now;
	return 0;
}

static __always_inline __u64 note_hash(__u64 hash, __u64 word, __u32 bytes)
{
	return mix_in(mix_in(hash, word), bytes);
}

/* Returns whether a packet was noted before, by a hash of all that it keeps on its way. `places`: offset of the IP
 * header in the frame, from bit 8 on that of the transport header from there (0: none), from bit 16 on the protocol
 * and in the bit above it whether it is IPv6. `bytes`: IP total length; `headers`: as wire_bytes() takes it. Global,
 * see find_interval(). */
__noinline __u32 note_packet(hook_ctx *ctx, __u32 places, __u32 bytes, __u32 headers)
{
	__u32 link = places & 0xff, l4 = places >> 8 & 0xff, is_ipv6 = places >> 24 & 1;
	__u32 leaves = switches.copies == COPIES_LEFT_OUT;
	const void *at = packet_data(ctx), *ip;
	__u64 hash, word = 0;

	l4 *= 4;
	if (link > LINK_BYTES_MAX)
		return 0;
	advance_by(at, link);
	if (at + sizeof(struct iphdr) > packet_end(ctx))
		return 0;
	ip = at;
	hash = mix_in(0, places >> 16);
	if (is_ipv6) {
		const struct ipv6hdr *header = at;

		if ((const void *)(header + 1) > packet_end(ctx))
			return 0;
		hash = mix_in(hash, *(const __u64 *)(at + 8));
		hash = mix_in(hash, *(const __u64 *)(at + 16));
		hash = mix_in(hash, *(const __u64 *)(at + 24));
		hash = mix_in(hash, *(const __u64 *)(at + 32));
	} else {
		hash = mix_in(hash, *(const __u32 *)(at + 4)); /* identification, fragment offset */
		hash = mix_in(hash, *(const __u32 *)(at + 12) | (__u64) * (const __u32 *)(at + 16) << 32);
	}
	if (l4) {
		at = packet_data(ctx);
		advance_by(at, link + l4);
		if (at + 8 > packet_end(ctx))
			return 0;
		hash = mix_in(hash, *(const __u32 *)at | (__u64) * (const __u32 *)(at + 4) << 32);
		if ((places >> 16 & 0xff) == IPPROTO_TCP && at + 16 <= packet_end(ctx)) {
			word = *(const __u32 *)(at + 12);
			word = *(const __u32 *)(at + 8) | word << 32;
		}
	}
	/* A super-packet came in as its segments, the first of which had no flags of the last; or joined over a
	 * veth, which XDP is not told. */
	if (bytes - headers > segment_bytes(ctx)) {
		__u64 first = word & ~((__u64)TCP_FLAGS_OF_LAST << 32);

		if (use_note(note_hash(hash, first, wire_bytes(ctx, ip, 2, bytes, headers)), leaves))
			return 1;
		if (!leaves)
			return 0;
	}
	return use_note(note_hash(hash, word, bytes), leaves);
}

/* 1 for an IP packet that has been counted where it came in, else 0. `facts`: of any packet. */
static __always_inline __u32 find_copy(hook_ctx *ctx, const struct packet *packet, __u64 facts)
{
	if (!packet->ip)
		return 0;
	return note_packet(ctx,
			   (__u32)(packet->ip - packet_data(ctx)) | facts_transport_offset(facts) / 4 << 8 |
				   facts_protocol_and_family(facts) << 16,
			   packet->bytes, HOOK_SEGMENTS ? packet->headers : 0);
}

#endif

#endif
