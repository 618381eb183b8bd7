/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's verdict on a packet: blocked addresses, established sessions, rules, default. docs/firewall.md says
 * what a packet that is not understood is to it. */
#ifndef NICSENTRY_FIREWALL_H
#define NICSENTRY_FIREWALL_H

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

/* The element of rule_actions that decides on an IP packet, 0 where no firewall is in force. `is_ipv6`: FACT_IPV6 of
 * its facts, apart, so that the verifier has to tell packets apart by it alone. `packets`, `bytes`: of all segments,
 * for limits. */
FUNCTION __u32 judge(const void *ip, __u64 facts, __u32 is_ipv6, __u32 packets, __u32 bytes)
{
	__u64 index = 0, rows, more;
	const struct fw_config *fw = bpf_map_lookup_elem(&fw_control, &index);
	const void *remote = ip + 12, *local = ip + 16;
	const struct rule_bank *bank;
	__u32 action, sets, rule, ports = facts_ports(facts);

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
	sets = find_sets(remote, is_ipv6);
	action = ACTION_BLOCKED;
	if (sets & SET_BLOCKED)
		goto out;
	action = ACTION_ESTABLISHED;
	if (facts_state(facts) == bank->established)
		goto out;
	action = ACTION_DEFAULT;
	if (!bank->rows)
		goto out;
	rows = find_rows(&bank->remote, remote, is_ipv6, sets, ports);
	sets = bank->local.set_rows ? find_sets(local, is_ipv6) : 0;
	more = find_rows(&bank->local, local, is_ipv6, sets, ports >> 16);
	rows = rows << 16 | find_interval(bank->facts_root, facts_key(facts), 0);
#if HAS_LIMITS
	if (has_limits(bank)) {
		struct limited_packet packet = {.rows = rows,
						.more_rows = more,
						.remote = read_address(remote, is_ipv6),
						.local = read_address(local, is_ipv6),
						.packets = packets,
						.bytes = bytes,
						.bank = index,
						.state = facts_state(facts)};

		action = judge_with_limits(&packet);
		goto out;
	}
#else
	(void)packets;
	(void)bytes;
#endif
	rule = find_rule(rows, more, bank->first_bits, bank->rows);
	if (rule != NO_RULE)
		action = ACTION_FIRST_RULE + rule;
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
