/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's verdict on a packet: blocked addresses, established sessions, rules, default. docs/firewall.md says
 * what a packet that is not understood is to it. */
#ifndef NICSENTRY_FIREWALL_H
#define NICSENTRY_FIREWALL_H

#include "packet.h"
#include "rules.h"
#include "sessions.h"
#include "sets.h"

#define TCP_FLAGS_OF_HANDSHAKE 0x17 /* ACK, RST, SYN, FIN */
#define TCP_FLAG_SYN 0x02

/* All ICMP between two hosts is one session: whoever has asked may be answered, but does not thereby let the other ask.
 */
static __always_inline int is_icmp_query(const struct packet *packet)
{
	__u32 type = packet->ports & 0xff;

	if (packet->protocol != IPPROTO_ICMP && packet->protocol != IPPROTO_ICMPV6)
		return 0;
	return type == 8 || type == 13 || type == 17 || type == 128; /* echo, timestamp, mask; echo of ICMPv6 */
}

/* The connection state of a packet, `bits` being its session's for its direction, 0 where the session is unknown. */
static __always_inline __u32 connection_state(const struct packet *packet, int cause, __u32 bits)
{
	if (cause == CAUSE_LATER_FRAGMENT)
		return STATE_ESTABLISHED; /* follows its first fragment, without which nobody can use it (RFC 1858) */
	if (cause == CAUSE_PROTOCOL)
		return STATE_NEW;
	if (cause != UNDERSTOOD)
		return STATE_INVALID;
	if (is_icmp_query(packet))
		return STATE_NEW;
	if (bits == STATE_NEW && packet->protocol == IPPROTO_TCP &&
	    (packet->tcp_flags & TCP_FLAGS_OF_HANDSHAKE) != TCP_FLAG_SYN)
		return STATE_INVALID;
	return bits;
}

static __always_inline __u32 address_row(__u64 facts, __u32 root4, __u32 root6, __u64 first, __u64 second)
{
	if (facts & FACT_IPV6)
		return find_interval(root6, bpf_be64_to_cpu(first), bpf_be64_to_cpu(second));
	return find_interval(root4, bpf_ntohl(first), 0);
}

/* The element of rule_actions that decides on a packet, 0 where no firewall is in force. Addresses are as in the
 * packet, eight bytes and eight bytes, an IPv4 address in the first four; `facts`: FACT_*. Global, see find_interval().
 */
__noinline __u32 judge(__u64 source, __u64 source_rest, __u64 destination, __u64 destination_rest, __u64 facts)
{
	__u64 far = source, far_rest = source_rest, near = destination, near_rest = destination_rest, rows, more_rows;
	__u32 zero = 0, number = 0, sets, rule, first_action, family = facts & FACT_IPV6 ? SET_IPV6 : 0;
	struct firewall *fw = bpf_map_lookup_elem(&fw_control, &zero);
	struct rule_bank *bank;

	if (!fw || !(fw->config & FIREWALL_ON))
		return 0;
	number = fw->config & FIREWALL_BANK ? 1 : 0;
	first_action = number * ACTION_ROWS;
	bank = bpf_map_lookup_elem(&rule_banks, &number);
	if (!bank)
		return 0;
	if (bank->config & BANK_FAR_IS_DESTINATION) {
		far = destination;
		far_rest = destination_rest;
		near = source;
		near_rest = source_rest;
	}
	sets = find_sets(far, far_rest, family);
	if (sets & SET_BLOCKED)
		return first_action + ACTION_BLOCKED;
	if ((facts >> FACT_STATE_SHIFT & STATE_MASK) == STATE_ESTABLISHED && bank->config & BANK_ACCEPT_ESTABLISHED)
		return first_action + ACTION_ESTABLISHED;
	if (!bank->chunks)
		return first_action + ACTION_DEFAULT;

	more_rows = find_interval(bank->source_ports, bpf_ntohs(facts), 0);
	if (bank->far_set_rows)
		more_rows |= (__u64)(bank->far_set_rows + (sets & SET_CLASS_MASK)) << 16;
	if (bank->near_set_rows)
		more_rows |= (__u64)(bank->near_set_rows + (find_sets(near, near_rest, family) & SET_CLASS_MASK)) << 32;
	rows = address_row(facts, bank->far_roots[0], bank->far_roots[1], far, far_rest);
	rows |= (__u64)address_row(facts, bank->near_roots[0], bank->near_roots[1], near, near_rest) << 16;
	rows |= (__u64)find_interval(bank->destination_ports, bpf_ntohs(facts >> 16), 0) << 32;
	rows |= (__u64)find_interval(bank->misc_root, facts >> FACT_FLAGS_SHIFT & ((1 << MISC_KEY_BITS) - 1), 0) << 48;
	rule = find_rule(rows, more_rows, bank->first_bits, bank->rows, bank->chunks);
	return first_action + (rule == NO_RULE ? ACTION_DEFAULT : ACTION_FIRST_RULE + rule);
}

/* Counts for an action and those behind it; returns its ACTION_*. */
static __always_inline __u32 perform(__u32 index, __u32 half, __u32 packets, __u32 bytes)
{
	__u32 verdict = 0, counter;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < ACTIONS_CHAINED && index; i++) {
		struct rule_action *action = bpf_map_lookup_elem(&rule_actions, &index);
		struct rule_counter *count;

		if (!action)
			break;
		verdict |= action->config;
		index = action->also;
		counter = action->counter * 2 + half;
		count = bpf_map_lookup_elem(&rule_counters, &counter);
		if (!count)
			break;
		__sync_fetch_and_add(&count->packets, packets);
		__sync_fetch_and_add(&count->bytes, bytes);
	}
	return verdict;
}

/* The verdict on an IP packet, ACTION_*, counted; `action` becomes the element that decided. */
static __always_inline __u32 judge_packet(const struct packet *packet, const void *ip, int cause, __u32 bits,
					  __u32 half, __u32 packets, __u32 bytes, __u32 *action)
{
	__u64 source, source_rest = 0, destination, destination_rest = 0, facts;

	facts = (__u64)connection_state(packet, cause, bits & STATE_MASK) << FACT_STATE_SHIFT |
		(__u64)packet->protocol << FACT_PROTOCOL_SHIFT;
	if (cause == UNDERSTOOD)
		facts |= packet->ports | (__u64)packet->tcp_flags << FACT_FLAGS_SHIFT;
	else
		facts |= FACT_NO_HEADER;
	if (packet->is_ipv6) {
		const __u64 *words = ip + 8;

		facts |= FACT_IPV6;
		source = words[0];
		source_rest = words[1];
		destination = words[2];
		destination_rest = words[3];
	} else {
		const __u32 *words = ip + 12;

		source = words[0];
		destination = words[1];
	}
	*action = judge(source, source_rest, destination, destination_rest, facts);
	return perform(*action, half, packets, bytes);
}

/* The verdict on a packet that is not understood: what is no IP passes, and what has no good IP header, which nobody
 * takes. */
static __always_inline __u32 judge_other(const struct packet *packet, int cause, __u32 half, __u32 *action)
{
	const void *ip = packet->ip;

	*action = 0;
	asm volatile(
		""
		: "+r"(ip)); /* else LLVM tests what it knows to go with the pointer, which the verifier does not */
	if (!ip)
		return 0;
	return judge_packet(packet, ip, cause, 0, half, 1, packet->bytes, action);
}

#endif
