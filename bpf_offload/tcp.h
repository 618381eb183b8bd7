/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meanings of a TCP segment for a connection, by its flags. The programs and the host share this table.
 *
 * The valid combinations are those of tcp_valid_flags in Linux's nf_conntrack_proto_tcp.c, where PSH, ECE and CWR do
 * not matter. A segment with other flags is of no connection. */
#ifndef NICSENTRY_TCP_H
#define NICSENTRY_TCP_H

#include "facts.h"

/* The number of a combination: FIN, SYN and RST are its lowest bits, ACK and URG the next two. */
#define TCP_COMBINATION(flags) (((flags)&7u) | ((flags) >> 1 & 0x18u))
#define TCP_COMBINATION_BIT(flags) (1u << TCP_COMBINATION(flags))

/* Valid, and no SYN without ACK. */
#define TCP_GOES_ON                                                                                                    \
	(TCP_COMBINATION_BIT(FACT_TCP_ACK) | TCP_COMBINATION_BIT(FACT_TCP_ACK | FACT_TCP_URG) |                        \
	 TCP_COMBINATION_BIT(FACT_TCP_ACK | FACT_TCP_FIN) |                                                            \
	 TCP_COMBINATION_BIT(FACT_TCP_ACK | FACT_TCP_FIN | FACT_TCP_URG) |                                             \
	 TCP_COMBINATION_BIT(FACT_TCP_ACK | FACT_TCP_SYN) | TCP_COMBINATION_BIT(FACT_TCP_ACK | FACT_TCP_RST) |         \
	 TCP_COMBINATION_BIT(FACT_TCP_RST))

/* Whether a segment can be of a connection that exists, and does not begin one. `flags`: the header's in bits 0 to 7.
 */
NICSENTRY_INLINE __u32 tcp_goes_on(__u32 flags)
{
	return TCP_GOES_ON >> TCP_COMBINATION(flags) & 1;
}

#endif
