/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meaning of an ICMP or ICMPv6 message for its session, by its type. The programs and the host share this table.
 *
 * All ICMP between two hosts is one session. A query lets replies through and nothing else. An error that quotes a
 * packet of a connection lets errors through. All other types establish nothing and have no state but NEW.
 *
 * Queries and replies are the pairs of Linux's nf_conntrack_proto_icmp.c and nf_conntrack_proto_icmpv6.c. ICMP errors
 * are those of RFC 792 and the redirect, as nf_conntrack_icmpv4_error() has them. ICMPv6 errors are all types below 128
 * (RFC 4443, 2.1), as nf_conntrack_icmpv6_error() has them. ICMPv6's redirect (137) belongs to neighbour discovery
 * (RFC 4861): it quotes its packet in an option, and its receiver checks the hop limit. It is no error here. */
#ifndef NICSENTRY_ICMP_H
#define NICSENTRY_ICMP_H

#include "types.h"

#define ICMP_TYPE(type) (1u << (type))

/* ICMP: bit `type` of these words. */
#define ICMP_QUERIES                                                                                                   \
	(ICMP_TYPE(8) | ICMP_TYPE(13) | ICMP_TYPE(15) | ICMP_TYPE(17)) /* echo, timestamp, information, mask */
#define ICMP_REPLIES (ICMP_TYPE(0) | ICMP_TYPE(14) | ICMP_TYPE(16) | ICMP_TYPE(18)) /* to each of the queries */
/* Unreachable, source quench, redirect; time exceeded, parameter problem. */
#define ICMP_ERRORS (ICMP_TYPE(3) | ICMP_TYPE(4) | ICMP_TYPE(5) | ICMP_TYPE(11) | ICMP_TYPE(12))
#define ICMP_LAST 18 /* no type above it is in these words */

#define ICMP_FIRST_ERROR 3
#define ICMP_LAST_ERROR 12
#define ICMP_ERROR_RANGE ((ICMP_TYPE(ICMP_LAST_ERROR) << 1) - ICMP_TYPE(ICMP_FIRST_ERROR))

#define ICMPV6_FIRST_NO_ERROR 128
#define ICMPV6_QUERY 128 /* echo */
#define ICMPV6_REPLY 129
#define ICMPV6_NODE_QUERY 139 /* node information (RFC 4620) */
#define ICMPV6_NODE_REPLY 140

NICSENTRY_STATIC_ASSERT((ICMP_QUERIES | ICMP_REPLIES | ICMP_ERRORS) >> ICMP_LAST == 1, "ICMP_LAST is the last type");
NICSENTRY_STATIC_ASSERT((ICMP_ERRORS & ~ICMP_ERROR_RANGE) == 0 && (ICMP_REPLIES & ICMP_ERROR_RANGE) == 0,
			"the range of errors holds all errors and no reply");

/* Which states of its session a message can have: STATE_ESTABLISHED for a reply, STATE_RELATED for an error, else 0. */
NICSENTRY_INLINE __u32 icmp_states(__u32 type, __u32 is_ipv6)
{
	if (is_ipv6) {
		if (type < ICMPV6_FIRST_NO_ERROR)
			return STATE_RELATED;
		if (type == ICMPV6_REPLY)
			return STATE_ESTABLISHED;
		return type == ICMPV6_NODE_REPLY ? STATE_ESTABLISHED : 0;
	}
	if (type > ICMP_LAST || !((ICMP_REPLIES | ICMP_ERRORS) >> type & 1))
		return 0;
	/* By the range: a second shift costs the card more. */
	return type - ICMP_FIRST_ERROR <= ICMP_LAST_ERROR - ICMP_FIRST_ERROR ? STATE_RELATED : STATE_ESTABLISHED;
}

NICSENTRY_INLINE int is_icmp_query(__u32 type, __u32 is_ipv6)
{
	if (is_ipv6)
		return type == ICMPV6_QUERY || type == ICMPV6_NODE_QUERY;
	return type <= ICMP_LAST && ICMP_QUERIES >> type & 1;
}

#endif
