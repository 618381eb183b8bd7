/* SPDX-License-Identifier: GPL-2.0-only */
/* States beyond a session's slot, as programs on the host know them.
 *
 * Answers that are expected: to packets that opened sessions of which the host has not told the programs yet. A
 * session's state is the host's to say; this bridges the time until it does, so that a default of drop does not lose
 * what comes at once. A program on the card can read no word that it writes.
 *
 * ICMP errors: they are RELATED if the session that they quote has a state. The card has no room for that.
 *
 * TCP connections, open or closed: a SYN is NEW, and a segment that cannot be of a connection INVALID. On a closed one
 * all else is ESTABLISHED. */
#ifndef NICSENTRY_EXPECTATIONS_H
#define NICSENTRY_EXPECTATIONS_H

#include "facts.h"
#include "features.h"
#include "maps.h"
#include "packet.h"
#include "sessions.h"
#include "tcp.h"

#if HAS_EXPECTATIONS

#define TCP_FLAGS_OF_HANDSHAKE (FACT_TCP_FIN | FACT_TCP_SYN | FACT_TCP_RST | FACT_TCP_ACK)
#define BOTH_ENDS 3u
#define LINK_OFFSET_MASK 0x3fu /* not below LINK_BYTES_MAX */

/* An element: from bit 34 on the fingerprint's upper 30 bits, two bits for the ends that are expected, two bits for the
 * ends that have ended the connection, and 30 bits of the time. */
#define PRINT_SHIFT ANSWER_PRINT_SHIFT
#define EXPECTED_SHIFT 32
#define ENDED_SHIFT 30
#define TIME_BITS ENDED_SHIFT
#define TIME_MASK ((1u << TIME_BITS) - 1)
#define TIME_UNIT_SHIFT 30 /* a unit of the time is 2^30 ns, 1.07 s */
/* An answer is expected for so many units, the one in which it was asked for included: for 29 to 30 s, the shortest
 * time that nf_conntrack waits for one. After more the host says what the session is, or nobody. */
#define UNITS_EXPECTED 28
#define UNITS_BITS 5

_Static_assert(PRINT_SHIFT == EXPECTED_SHIFT + 2 && EXPECTED_SHIFT == ENDED_SHIFT + 2, "each end has a bit");
_Static_assert(LINK_BYTES_MAX <= LINK_OFFSET_MASK, "the mask leaves the offset of an IP header as it is");
_Static_assert(UNITS_EXPECTED < 1 << UNITS_BITS, "a time of 2^UNITS_BITS units is over");
_Static_assert(STATE_NEW == 0 && STATE_ESTABLISHED == 1, "an expected end's bit is the packet's state");
_Static_assert(FACT_TCP_FIN == 1, "ends_connection() works in bit 0");

static __always_inline __u32 time_now(void)
{
	return (bpf_ktime_get_coarse_ns() >> TIME_UNIT_SHIFT) & TIME_MASK;
}

static __always_inline __u64 *find_answer(__u64 fingerprint)
{
	__u32 index = fingerprint % ANSWERS;

	return bpf_map_lookup_elem(&answers, &index);
}

/* A SYN+ACK: behind it both ends are expected, as whoever sent the SYN goes on at once. No other protocol has its bits.
 */
static __always_inline int is_handshake_answer(__u64 facts)
{
	return (facts & TCP_FLAGS_OF_HANDSHAKE) == (FACT_TCP_SYN | FACT_TCP_ACK);
}

static __always_inline __u64 answer_of(__u64 fingerprint, __u32 expected, __u32 ended, __u32 time)
{
	return (fingerprint >> PRINT_SHIFT << 2 | expected) << EXPECTED_SHIFT | ended << ENDED_SHIFT | time;
}

/* Whether answers from these ends are expected, bit 0 the lower one; of the other ends nothing is known. */
static __always_inline __u32 expected_ends(__u64 fingerprint)
{
	const __u64 *answer = find_answer(fingerprint);
	__u64 word, differs;
	__u32 passed;

	if (!answer)
		return 0;
	word = *answer;
	passed = (time_now() - (__u32)word) & TIME_MASK;
	differs = (word ^ fingerprint) >> PRINT_SHIFT;
	differs |= (passed + (1u << UNITS_BITS) - UNITS_EXPECTED) >> UNITS_BITS;
	return (word >> EXPECTED_SHIFT & BOTH_ENDS) & -((differs - 1) >> 63);
}

/* STATE_RELATED of an ICMP error that quotes a packet of a session with a state, which its receiver sent. `ip`, `l4`:
 * offsets of the IP header in the frame, and of the ICMP header behind it. Global, see find_interval(). */
__noinline __u32 quoted_state(hook_ctx *ctx, __u32 ip, __u32 l4, __u32 is_ipv6)
{
	__u32 zero = 0, bytes, source, words, protocol, version, family, icmp, i;
	const struct control *now = bpf_map_lookup_elem(&CONTROL_MAP, &zero);
	void *outer = packet_data(ctx), *quote, *at;
	__u64 facts = 0, fingerprint = 0, who;

	if (!now)
		return STATE_NEW;
	advance_by(outer, ip & LINK_OFFSET_MASK);
	quote = outer;
	advance_by(quote, (l4 & FACT_TRANSPORT_MASK) + ICMP_HEADER_BYTES);
	if (is_ipv6) {
		const struct ipv6hdr *header = quote;

		if (outer + sizeof(*header) > packet_end(ctx) || quote + sizeof(*header) > packet_end(ctx))
			return STATE_NEW;
		bytes = sizeof(*header);
		source = 8;
		words = 4;
		protocol = header->nexthdr;
		version = header->version;
		icmp = IPPROTO_ICMPV6;
		family = FACT_IPV6;
		if (version != 6)
			return STATE_NEW;
		if (is_extension(protocol)) {
			/* The error has the packet's front only: its length says nothing. */
			__u32 skipped = skip_extensions(
				ctx, (ip & LINK_OFFSET_MASK) + (l4 & FACT_TRANSPORT_MASK) + ICMP_HEADER_BYTES, protocol,
				-1u);

			if (skipped >> SKIPPED_END_SHIFT != SKIPPED_ALL)
				return STATE_NEW;
			protocol = skipped >> SKIPPED_PROTOCOL_SHIFT & 0xff;
			bytes = skipped & 0xffff;
			if (bytes > PACKET_WALK_BYTES)
				return STATE_NEW;
			barrier_word(bytes); /* the verifier knows the bound of this register */
		}
	} else {
		const struct iphdr *header = quote;

		if (outer + sizeof(*header) > packet_end(ctx) || quote + sizeof(*header) > packet_end(ctx))
			return STATE_NEW;
		bytes = header->ihl * 4;
		source = 12;
		words = 1;
		icmp = IPPROTO_ICMP;
		family = 0;
		protocol = header->protocol;
		version = header->version;
		if (version != 4 || bytes < sizeof(*header) || header->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET))
			return STATE_NEW;
	}
	barrier_var(family); /* else LLVM asks for is_ipv6 again, of which the verifier has forgotten what it was */
	for (i = 0; i < words; i++) {
		const __u32 *from = quote + source + i * 4, *to = outer + source + words * 4 + i * 4;

		if (*from != *to)
			return STATE_NEW;
	}
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
		at = quote;
		advance_by(at, bytes);
		if (at + 4 > packet_end(ctx))
			return STATE_NEW;
		facts |= (__u64) * (__u32 *)at << FACT_PORTS_SHIFT;
	} else if (protocol != icmp) {
		return STATE_NEW;
	}
	facts |= family | protocol << FACT_PROTOCOL_SHIFT;
	fingerprint = vlans_of(ctx, now->config, 0);
	who = identify(now, quote, facts, family, &fingerprint);
	if (who >> IDENTITY_SHIFT & IDENTITY_CONNECTION || expected_ends(fingerprint))
		return STATE_RELATED;
	return STATE_NEW;
}

/* The state of a packet, where its session's slot alone does not say it: a closed connection's, an expected one's, that
 * of an ICMP error. `ip`: offset of the IP header in the frame. Global, see find_interval(). */
__noinline __u32 state_beyond_slot(hook_ctx *ctx, __u64 fingerprint, __u64 facts, __u32 is, __u32 ip)
{
	__u32 state = is >> IDENTITY_STATE_SHIFT & STATE_MASK;

	if ((facts & (FACT_ICMP | STATE_MASK)) == (FACT_ICMP | STATE_RELATED))
		return quoted_state(ctx, ip, facts_transport_offset(facts), facts & FACT_IPV6 ? 1 : 0);
	if (facts_protocol(facts) == IPPROTO_TCP) {
		/* STATE_NEW: the rules' tree tells NEW and INVALID by the flags. */
		if (!tcp_goes_on((__u32)facts))
			return state == STATE_CLOSED || state == STATE_ESTABLISHED ? STATE_NEW : state;
		if (state == STATE_CLOSED)
			return STATE_ESTABLISHED;
	}
	if (state != STATE_NEW)
		return state;
	return expected_ends(fingerprint) >> (is >> IDENTITY_HIGHER_SHIFT & 1) & 1;
}

static __always_inline __u32 state_on_host(hook_ctx *ctx, const void *ip, __u64 fingerprint, __u64 facts, __u32 is)
{
	/* The host may not have seen yet that a connection is closed: no SYN passes by the slot alone. */
	__u32 begins = facts_protocol(facts) == IPPROTO_TCP && !tcp_goes_on((__u32)facts);

	if ((is >> IDENTITY_STATE_SHIFT & STATE_MASK) == STATE_ESTABLISHED && !(facts & FACT_ICMP) && !begins)
		return STATE_ESTABLISHED;
	return state_beyond_slot(ctx, fingerprint, facts, is, (__u32)(ip - packet_data(ctx)));
}

/* Expects the answer of a packet that was let in. Global, see find_interval(). */
__noinline __u32 expect_answer(__u64 fingerprint, __u32 from_higher, __u64 facts)
{
	__u32 protocol = facts_protocol(facts), ends = 2 - from_higher;
	__u32 state = facts_state(facts);
	__u64 *answer;

	if (is_handshake_answer(facts)) {
		if (state != STATE_ESTABLISHED)
			return 0;
		ends = BOTH_ENDS;
	} else if (state != STATE_NEW) {
		return 0;
	} else if (protocol == IPPROTO_TCP) {
		if ((facts & TCP_FLAGS_OF_HANDSHAKE) != FACT_TCP_SYN)
			return 0;
	} else if (protocol != IPPROTO_UDP && !(facts & FACT_ICMP_QUERY)) {
		return 0;
	}
	answer = find_answer(fingerprint);
	if (answer)
		*answer = answer_of(fingerprint, ends, 0, time_now());
	return 0;
}

/* IDENTITY_MUTED for a segment that ends a connection: the host is to see it also of a session that has sent all that
 * it wants in this window, or the connection would stay for ever. No other protocol has the bits without FACT_ICMP. */
static __always_inline __u32 ends_connection(__u64 facts)
{
	return ((facts | facts >> FACT_TCP_RST_SHIFT) & ~(facts >> FACT_ICMP_SHIFT) & 1) << IDENTITY_MUTED_SHIFT;
}

/* Once a second for each end, so that these segments are no way around the cap. Global, see find_interval(). */
__noinline __u32 first_end(__u64 fingerprint, __u32 from_higher, __u32 action, __u32 captures)
{
	__u64 *answer = find_answer(fingerprint), word, same;
	__u32 end = 1u << (from_higher & 1), ended = 0, time = time_now();

	if (!answer || !action || !captures)
		return 0;
	word = *answer;
	same = (word ^ answer_of(fingerprint, 0, 0, time)) & ~(3ull << EXPECTED_SHIFT | 3ull << ENDED_SHIFT);
	if (!same) {
		ended = word >> ENDED_SHIFT & 3;
		if (ended & end)
			return 0;
	}
	*answer = answer_of(fingerprint, 0, ended | end, time);
	return 1;
}

#else

static __always_inline int is_handshake_answer(__u64 facts)
{
	(void)facts;
	return 0;
}

static __always_inline __u32 state_on_host(hook_ctx *ctx, const void *ip, __u64 fingerprint, __u64 facts, __u32 is)
{
	(void)ctx;
	(void)ip;
	(void)fingerprint;
	(void)facts;
	return is >> IDENTITY_STATE_SHIFT;
}

static __always_inline __u32 expect_answer(__u64 fingerprint, __u32 from_higher, __u64 facts)
{
	(void)fingerprint;
	(void)from_higher;
	(void)facts;
	return 0;
}

static __always_inline __u32 ends_connection(__u64 facts)
{
	(void)facts;
	return 0;
}

static __always_inline __u32 first_end(__u64 fingerprint, __u32 from_higher, __u32 action, __u32 captures)
{
	(void)fingerprint;
	(void)from_higher;
	(void)action;
	(void)captures;
	return 0;
}

#endif

#endif
