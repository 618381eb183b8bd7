/* SPDX-License-Identifier: GPL-2.0-only */
/* Features of a program, as constants 0 or 1. Code asks them with a plain `if`, and LLVM drops the branches that are
 * never taken. Only declarations need #if: of maps, and of functions that use them.
 *
 * NAME.bpf.c defines:  PROGRAM        the program's name
 *                      TRACKS_ICMP    ICMP and ICMPv6 have sessions
 *                      HAS_FIREWALL   packets are judged
 *                      HAS_CAPTURE    packets of known sessions are sent as events
 * The build may define: HAS_VLANS     on the card: sessions can have VLANs; programs on the host always know them
 * The build defines:   ON_HOST        the program runs in the kernel, not on the card
 *                      HOOK_TC        it runs on TC (clsact), not on XDP
 *                      CALLS_ON_PACKET   the verdict on what passes is that of a user's on_packet()
 *                      RAW_IP         packets begin with the IP header, as on tun and WireGuard; only on TC */
#ifndef NICSENTRY_FEATURES_H
#define NICSENTRY_FEATURES_H

#if !defined(TRACKS_ICMP) || !defined(HAS_FIREWALL) || !defined(HAS_CAPTURE)
#error "a program defines its features"
#endif

#include "types.h"

#ifndef ON_HOST
#define ON_HOST 0
#endif
#ifndef HOOK_TC
#define HOOK_TC 0
#endif
#ifndef CALLS_ON_PACKET
#define CALLS_ON_PACKET 0
#endif
#ifndef RAW_IP
#define RAW_IP 0
#endif
#if RAW_IP && !HOOK_TC
#error "only TC tells the family of a packet without an Ethernet header"
#endif

#if ON_HOST && !defined(HAS_VLANS)
#define HAS_VLANS 1
#endif
#ifndef HAS_VLANS
#define HAS_VLANS 0
#endif

/* A program on the card cannot read a word that it writes, so it cannot keep expectations. */
#define HAS_EXPECTATIONS (HAS_FIREWALL && ON_HOST)

/* Nor can it keep the buckets of limits. Test builds of an older ABI have none. */
#define HAS_LIMITS (HAS_FIREWALL && ON_HOST && PROGRAM_ABI >= 4)

/* Nor the notes of packets that copies.h needs, nor has it room for hits.h. A run asks for these (switches.h). */
#define HAS_SWITCHES (ON_HOST && PROGRAM_ABI >= 4)
#define HAS_COPIES HAS_SWITCHES
#define HAS_HITS (HAS_FIREWALL && HAS_SWITCHES)

#endif
