/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers that are expected: to packets that opened sessions of which the host has not told the programs yet. A
 * session's state is the host's to say; this bridges the time until it does, so that a default of drop does not lose
 * what comes at once. On the host only: a program on the card can read no word that it writes. */
#ifndef NICSENTRY_EXPECTATIONS_H
#define NICSENTRY_EXPECTATIONS_H

#include "facts.h"
#include "features.h"
#include "maps.h"
#include "packet.h"
#include "sessions.h"

#if HAS_EXPECTATIONS

#define TCP_FLAGS_OF_HANDSHAKE (FACT_TCP_FIN | FACT_TCP_SYN | FACT_TCP_RST | FACT_TCP_ACK)
#define BOTH_ENDS 3u

/* An element: from bit 34 on the fingerprint's upper 30 bits, two bits for the ends that are expected, two bits for the
 * ends that have ended the connection, and the lower 30 bits of the window. */
#define PRINT_SHIFT 34
#define EXPECTED_SHIFT 32
#define ENDED_SHIFT 30
#define WINDOW_MASK ((1u << ENDED_SHIFT) - 1)

_Static_assert(PRINT_SHIFT == EXPECTED_SHIFT + 2 && EXPECTED_SHIFT == ENDED_SHIFT + 2, "each end has a bit");
_Static_assert(STATE_NEW == 0 && STATE_ESTABLISHED == 1, "expected_state() returns 1 for an expected packet");
_Static_assert(FACT_TCP_FIN == 1, "ends_connection() works in bit 0");

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

static __always_inline __u64 answer_of(__u64 fingerprint, __u32 expected, __u32 ended, __u32 epoch)
{
	return (fingerprint >> PRINT_SHIFT << 2 | expected) << EXPECTED_SHIFT | ended << ENDED_SHIFT |
	       (epoch & WINDOW_MASK);
}

/* The state of a packet that is NEW by what the host has entered: by arithmetic, since after a branch the verifier
 * would look at all that follows once more. `from_higher`: 1 or 0. STATE_ESTABLISHED in this window and the next. */
static __always_inline __u32 expected_state(__u64 fingerprint, __u32 from_higher, __u32 epoch)
{
	const __u64 *answer = find_answer(fingerprint);
	__u64 word, differs;

	if (!answer)
		return STATE_NEW;
	word = *answer;
	differs = (word ^ fingerprint) >> PRINT_SHIFT;
	differs |=
		(__u32)(epoch - (__u32)word) << (32 - ENDED_SHIFT) >> (33 - ENDED_SHIFT); /* this window or the next */
	differs |= ~(word >> EXPECTED_SHIFT >> from_higher) & 1;
	return (differs - 1) >> 63;
}

/* Of a packet that was let in. Global, see find_interval(). */
__noinline __u32 expect_answer(__u64 fingerprint, __u32 from_higher, __u32 epoch, __u64 facts)
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
		*answer = answer_of(fingerprint, ends, 0, epoch);
	return 0;
}

/* IDENTITY_MUTED for a segment that ends a connection: the host is to see it also of a session that has sent all that
 * it wants in this window, or the connection would stay for ever. No other protocol has the bits without FACT_ICMP. */
static __always_inline __u32 ends_connection(__u64 facts)
{
	return ((facts | facts >> FACT_TCP_RST_SHIFT) & ~(facts >> FACT_ICMP_SHIFT) & 1) << IDENTITY_MUTED_SHIFT;
}

/* Once for each end and window, so that these segments are no way around the cap. Global, see find_interval(). */
__noinline __u32 first_end(__u64 fingerprint, __u32 from_higher, __u32 epoch, __u32 action, __u32 captures)
{
	__u64 *answer = find_answer(fingerprint), word, same;
	__u32 end = 1u << (from_higher & 1), ended = 0;

	if (!answer || !action || !captures)
		return 0;
	word = *answer;
	same = (word ^ answer_of(fingerprint, 0, 0, epoch)) & ~(3ull << EXPECTED_SHIFT | 3ull << ENDED_SHIFT);
	if (!same) {
		ended = word >> ENDED_SHIFT & 3;
		if (ended & end)
			return 0;
	}
	*answer = answer_of(fingerprint, 0, ended | end, epoch);
	return 1;
}

#else

static __always_inline int is_handshake_answer(__u64 facts)
{
	(void)facts;
	return 0;
}

static __always_inline __u32 expected_state(__u64 fingerprint, __u32 from_higher, __u32 epoch)
{
	(void)fingerprint;
	(void)from_higher;
	(void)epoch;
	return STATE_NEW;
}

static __always_inline __u32 expect_answer(__u64 fingerprint, __u32 from_higher, __u32 epoch, __u64 facts)
{
	(void)fingerprint;
	(void)from_higher;
	(void)epoch;
	(void)facts;
	return 0;
}

static __always_inline __u32 ends_connection(__u64 facts)
{
	(void)facts;
	return 0;
}

static __always_inline __u32 first_end(__u64 fingerprint, __u32 from_higher, __u32 epoch, __u32 action, __u32 captures)
{
	(void)fingerprint;
	(void)from_higher;
	(void)epoch;
	(void)action;
	(void)captures;
	return 0;
}

#endif

#endif
