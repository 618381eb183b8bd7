/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facts word: all that a program knows of a packet besides its addresses and its length. The programs and the host
 * share its layout. Bits 0 to 18 are the key of the rules' tree over protocol, flags and state. */
#ifndef NICSENTRY_FACTS_H
#define NICSENTRY_FACTS_H

#include "types.h"

/* Bits 0 to 7: TCP's flags, or of ICMP the states of its session that the packet can have (icmp_states()), and whether
 * it is a query (only programs on the host). */
#define FACT_TCP_FIN (1u << 0)
#define FACT_TCP_SYN (1u << 1)
#define FACT_TCP_RST_SHIFT 2
#define FACT_TCP_RST (1u << FACT_TCP_RST_SHIFT)
#define FACT_TCP_ACK (1u << 4)
#define FACT_TCP_URG (1u << 5)
#define FACT_ICMP_STATES STATE_MASK
#define FACT_ICMP_QUERY (1u << 2)
/* Bits 8 and 9: STATE_*, as the session has it. Whether a TCP segment fits it, the host compiles into the tree. */
#define FACT_STATE_SHIFT 8
/* Bit 10: no transport header is available. */
#define FACT_NO_HEADER (1u << 10)
/* Bits 11 to 18: the transport protocol. */
#define FACT_PROTOCOL_SHIFT 11
#define FACT_PROTOCOL_BITS 8
#define FACT_KEY_BITS 19
/* Bit 19: IPv6. */
#define FACT_IPV6_SHIFT 19
#define FACT_IPV6 (1u << FACT_IPV6_SHIFT)
/* Bit 20: ICMP or ICMPv6 whose header was read. */
#define FACT_ICMP_SHIFT 20
#define FACT_ICMP (1u << FACT_ICMP_SHIFT)
/* Bits 21 to 23: why the packet is unparsed (enum not_understood), plus 1; 0: it is parsed. */
#define FACT_CAUSE_SHIFT 21
#define FACT_CAUSE_MASK 7u
/* Bits 24 to 30: the offset of the transport header from the IP header. It is a multiple of 4, so that its two lowest
 * bits need no place. */
#define FACT_TRANSPORT_SHIFT 22
#define FACT_TRANSPORT_MASK 0x1fcu
/* The highest bit of the cause: the packet is unparsed in a way that leaves rules nothing to judge it by. */
#define FACT_UNJUDGED (4u << FACT_CAUSE_SHIFT)
/* Bits 32 to 63: source and destination port, as in the packet. */
#define FACT_PORTS_SHIFT 32

NICSENTRY_STATIC_ASSERT(FACT_PROTOCOL_SHIFT + FACT_PROTOCOL_BITS == FACT_KEY_BITS, "the protocol ends the key");
NICSENTRY_STATIC_ASSERT(FACT_IPV6_SHIFT == FACT_KEY_BITS, "the family is the bit above the protocol");
NICSENTRY_STATIC_ASSERT(CAUSES <= FACT_CAUSE_MASK, "each cause has a number");
NICSENTRY_STATIC_ASSERT(4u << FACT_TRANSPORT_SHIFT == (FACT_CAUSE_MASK + 1) << FACT_CAUSE_SHIFT,
			"an offset's lowest place is above the cause");
NICSENTRY_STATIC_ASSERT(PACKET_WALK_BYTES <= FACT_TRANSPORT_MASK, "the farthest transport header has a place");
NICSENTRY_STATIC_ASSERT(CAUSE_PROTOCOL + 1 < 4 && CAUSE_VLAN_DEPTH + 1 == 4,
			"the causes of unjudged packets have the highest bit");
NICSENTRY_STATIC_ASSERT(FACT_ICMP_STATES < FACT_ICMP_QUERY, "states and query have bits of their own");

/* The key of the rules' tree. */
NICSENTRY_INLINE __u32 facts_key(__u64 facts)
{
	return (__u32)facts & ((1u << FACT_KEY_BITS) - 1);
}

NICSENTRY_INLINE __u32 facts_state(__u64 facts)
{
	return (__u32)(facts >> FACT_STATE_SHIFT) & STATE_MASK;
}

NICSENTRY_INLINE __u32 facts_protocol(__u64 facts)
{
	return (__u32)(facts >> FACT_PROTOCOL_SHIFT) & ((1u << FACT_PROTOCOL_BITS) - 1);
}

/* The protocol, and the family in the bit above it. */
NICSENTRY_INLINE __u32 facts_protocol_and_family(__u64 facts)
{
	return (__u32)(facts >> FACT_PROTOCOL_SHIFT) & ((2u << FACT_PROTOCOL_BITS) - 1);
}

/* enum not_understood plus 1; 0: the packet is parsed. */
NICSENTRY_INLINE __u32 facts_cause(__u64 facts)
{
	return (__u32)facts >> FACT_CAUSE_SHIFT & FACT_CAUSE_MASK;
}

NICSENTRY_INLINE __u32 facts_transport_offset(__u64 facts)
{
	return (__u32)facts >> FACT_TRANSPORT_SHIFT & FACT_TRANSPORT_MASK;
}

/* The source port in the lower half, the destination port in the upper one, both as in the packet. */
NICSENTRY_INLINE __u32 facts_ports(__u64 facts)
{
	return (__u32)(facts >> FACT_PORTS_SHIFT);
}

/* Facts of an unparsed packet: its cause, no header, the state that rules see, and for the flags the action that it
 * gets where no rule is asked. */
#define FACTS_UNPARSED(cause, state)                                                                                   \
	(((cause) + 1u) << FACT_CAUSE_SHIFT | FACT_NO_HEADER | (state) << FACT_STATE_SHIFT |                           \
	 (ACTION_UNJUDGED + (cause) + 1u))
#define FACTS_UNASKED_ACTION(facts) ((facts) & ((1u << FACT_STATE_SHIFT) - 1))

/* The key of a packet with or without transport header; `flags`: bits 0 to 7. */
NICSENTRY_INLINE __u32 make_facts_key(__u32 protocol, int has_header, __u32 state, __u32 flags)
{
	return protocol << FACT_PROTOCOL_SHIFT | (has_header ? 0 : FACT_NO_HEADER) | state << FACT_STATE_SHIFT | flags;
}

#endif
