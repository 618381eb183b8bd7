/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's verdict on a packet: blocked addresses, established sessions, rules, default. docs/firewall.md says
 * what a packet that is not understood is to it. */
#ifndef NICSENTRY_FIREWALL_H
#define NICSENTRY_FIREWALL_H

#if ON_HOST
#include "fields.h"
#endif
#include "functions.h"
#include "limits.h"
#include "packet.h"
#include "rules.h"
#include "sets.h"

/* The rows of what rules say of one end: its port, its address, the sets that it is in; 16 bits each. `port`: as in the
 * packet. */
FUNCTION __u64 find_rows(const struct rule_end *end, const void *ip, __u32 is_ipv6, __u32 sets, __u32 port)
{
	struct address a = read_address(ip, is_ipv6);
	__u64 rows = 0;

	if (end->set_rows)
		rows = end->set_rows + (sets & SET_CLASS_MASK);
	rows = rows << 16 | find_interval(end->addresses, a.high, a.low);
	return rows << 16 | find_interval(end->ports, bpf_ntohs(port), 0);
}

/* The facts of packets about which no rule is asked. */
static __always_inline __u32 unjudged_facts(const struct rule_bank *bank)
{
#if PROGRAM_ABI >= 3
	return bank->unjudged;
#else
	(void)bank;
	return 0;
#endif
}

/* Whether a frame that is no IP is of an EtherType that the chain does not let pass. `type`: as in the frame. */
static __always_inline int is_other_type(const struct rule_bank *bank, __u64 facts, __u32 type)
{
#if ON_HOST && PROGRAM_ABI >= 3
	return facts_cause(facts) == CAUSE_NOT_IP + 1 && bank->non_ip &&
	       !find_interval(bank->non_ip, bpf_ntohs(type), 0);
#else
	(void)bank;
	(void)facts;
	(void)type;
	return 0;
#endif
}

#if ON_HOST

/* Parts of a word of judge_on_host(). */
#define PLACE_BANK_SHIFT 8
#define PLACE_SETS_SHIFT 16

/* Whether a chain has what only programs on the host know: fields, or limits (not in test builds of an older ABI). */
static __always_inline int asks_host(const struct rule_bank *bank)
{
#if HAS_LIMITS
	if (has_limits(bank))
		return 1;
#endif
	return bank->config & BANK_ASKS_FIELDS;
}

/* Returns the action on a packet that no state decides, in a chain for which asks_host() holds. Other chains do not pay
 * for it: judge() searches by itself. `place`: offset of the IP header in the frame, index of the bank, and the sets of
 * the remote end; `amounts`, `headers`: see length_key(). Global, see find_interval(). */
__noinline __u32 judge_on_host(hook_ctx *ctx, __u64 facts, __u32 place, __u32 headers, __u64 amounts)
{
	__u32 index = place >> PLACE_BANK_SHIFT & 3, link = place & 0xff, is_ipv6 = index & 1, sets, ports, rule;
	const struct rule_bank *bank = bpf_map_lookup_elem(&rule_banks, &index);
	const void *ip, *remote, *local;
	struct judged_packet packet;
	__u64 rows, more, fields;
	sets_query query;

	if (!bank || link > LINK_BYTES_MAX)
		return ACTION_DEFAULT;
	ports = facts_ports(facts);
	fields = 0;
	if (bank->config & BANK_ASKS_FIELDS) {
		fields = find_field_rows(ctx, bank->config >> BANK_FIELDS_SHIFT, link, amounts, headers);
		if (facts & FACT_ICMP)
			ports = icmp_ports(ctx, link, facts_transport_offset(facts));
	}
	ip = packet_data(ctx);
	advance_by(ip, link);
	if (ip + (is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > packet_end(ctx))
		return ACTION_DEFAULT;
	remote = ip + (is_ipv6 ? 8 : 12);
	local = ip + (is_ipv6 ? 24 : 16);
	if (HOOK_EGRESS && bank->config & BANK_REMOTE_IS_DESTINATION) {
		const void *source = remote;

		remote = local;
		local = source;
		ports = rotate(ports);
	}
	sets = place >> PLACE_SETS_SHIFT;
	rows = find_rows(&bank->remote, remote, is_ipv6, sets, ports);
	query = PLAIN_QUERY(is_ipv6);
#if HAS_HITS
	if (switches.count_hits)
		query = hit_query(is_ipv6, index, HIT_LOCAL, amounts, amounts >> AMOUNT_BYTES_SHIFT);
#endif
	sets = bank->local.set_rows ? find_sets(local, is_ipv6, query) : 0;
	more = find_rows(&bank->local, local, is_ipv6, sets, ports >> 16);
	rows = rows << 16 | find_interval(bank->facts_root, facts_key(facts), 0);
	packet.rows = (struct packet_rows){rows, more, fields};
#if HAS_LIMITS
	if (has_limits(bank)) {
		packet.remote = read_address(remote, is_ipv6);
		packet.local = read_address(local, is_ipv6);
		packet.packets = amounts;
		packet.bytes = amounts >> AMOUNT_BYTES_SHIFT;
		packet.bank = index;
		packet.state = facts_state(facts);
		rule = judge_with_limits(&packet);
		if (packet.state >> BEYOND_SHIFT)
			note_limited(&packet);
		return rule;
	}
#else
	(void)amounts;
#endif
	rule = find_next_rule(&packet.rows, bank->first_bits, bank->rows, 0);
	return rule == NO_RULE ? ACTION_DEFAULT : ACTION_FIRST_RULE + rule;
}

#endif

/* The element of rule_actions that decides on an IP packet, 0 where no firewall is in force. `is_ipv6`: FACT_IPV6 of
 * its facts, apart, so that the verifier has to tell packets apart by it alone. `ctx`, `packet` and `event` are for
 * programs on the host. */
FUNCTION __u32 judge(const void *ip, __u64 facts, __u32 is_ipv6, hook_ctx *ctx, const struct packet *packet,
		     const struct event_header *event)
{
	__u64 index = 0, rows, more;
	const struct fw_config *fw = bpf_map_lookup_elem(&fw_control, &index);
	const void *remote = ip + 12, *local = ip + 16;
	const struct rule_bank *bank;
	__u32 action, sets, rule, ports = facts_ports(facts);
	sets_query query;

	if (!fw || !(fw->config & FIREWALL_ON))
		return 0;
	index = fw->config & FIREWALL_BANK;
	if (is_ipv6) {
		index++;
		remote = ip + 8;
		local = ip + 24;
	}
	barrier_var(index);
	bank = bpf_map_lookup_elem(&rule_banks, &index);
	if (!bank)
		return 0;
	action = FACTS_UNASKED_ACTION((__u32)facts);
	if (!ip || (__u32)facts & unjudged_facts(bank)) {
		if (is_other_type(bank, facts, ports))
			action = ACTION_NON_IP;
		goto out;
	}
	if (HOOK_EGRESS && bank->config & BANK_REMOTE_IS_DESTINATION) {
		const void *source = remote;

		remote = local;
		local = source;
		ports = rotate(ports);
	}
	query = PLAIN_QUERY(is_ipv6);
#if HAS_HITS
	if (switches.count_hits)
		query = hit_query(is_ipv6, index, facts_state(facts) == bank->established ? HIT_UNASKED : HIT_REMOTE,
				  event->segments, event->bytes);
#endif
	sets = find_sets(remote, is_ipv6, query);
	action = ACTION_BLOCKED;
	if (sets & SET_BLOCKED)
		goto out;
	action = ACTION_ESTABLISHED;
	if (facts_state(facts) == bank->established)
		goto out;
	action = ACTION_DEFAULT;
	if (!bank->rows)
		goto out;
#if ON_HOST
	if (asks_host(bank)) {
		action = judge_on_host(ctx, facts,
				       (__u32)(ip - packet_data(ctx)) | (__u32)index << PLACE_BANK_SHIFT |
					       sets << PLACE_SETS_SHIFT,
				       (HOOK_SEGMENTS ? packet->headers : 0) | (facts & FACT_UNJUDGED),
				       event->segments | (__u64)event->bytes << AMOUNT_BYTES_SHIFT);
		goto out;
	}
#endif
	rows = find_rows(&bank->remote, remote, is_ipv6, sets, ports);
#if HAS_HITS
	if (switches.count_hits)
		query = hit_query(is_ipv6, index, HIT_LOCAL, event->segments, event->bytes);
#endif
	sets = bank->local.set_rows ? find_sets(local, is_ipv6, query) : 0;
	more = find_rows(&bank->local, local, is_ipv6, sets, ports >> 16);
	rows = rows << 16 | find_interval(bank->facts_root, facts_key(facts), 0);
	rule = find_rule(rows, more, bank->first_bits, bank->rows);
	if (rule != NO_RULE)
		action = ACTION_FIRST_RULE + rule;
#if !ON_HOST
	(void)ctx;
	(void)packet;
	(void)event;
#endif
out:
	barrier_word(action);
	return bank->first_action + action;
}

/* Counts for an action and those behind it; returns its ACTION_*. */
FUNCTION __u32 perform(__u32 action, __u32 half, __u32 packets, __u32 bytes)
{
	__u32 verdict = 0, index = action, counter;
	int i;

#pragma clang loop unroll(disable)
	for (i = 0; i < ACTIONS_CHAINED && index; i++) {
		struct rule_action *a = bpf_map_lookup_elem(&rule_actions, &index);
		struct rule_counter *count;

		if (!a)
			break;
		verdict |= a->config;
		counter = a->counter * 2 + half;
		index = a->also;
		count = bpf_map_lookup_elem(&rule_counters, &counter);
		if (!count)
			break;
		__sync_fetch_and_add(&count->packets, packets);
		__sync_fetch_and_add(&count->bytes, bytes);
	}
	return verdict;
}

#endif
