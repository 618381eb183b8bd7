/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's verdict on a packet: blocked addresses, established sessions, rules, default. docs/firewall.md says
 * what a packet that is not understood is to it. */
#ifndef NICSENTRY_FIREWALL_H
#define NICSENTRY_FIREWALL_H

#include "packet.h"
#include "rules.h"
#include "sets.h"

static __always_inline struct address read_address(const void *end, __u32 is_ipv6)
{
	struct address a = {bpf_ntohl(*(__u32 *)end), IPV4_LOW};

	if (is_ipv6) {
		a.high = bpf_be64_to_cpu(*(__u64 *)end);
		a.low = bpf_be64_to_cpu(*(__u64 *)(end + 8));
	}
	return a;
}

/* The element of rule_actions that decides on an IP packet, 0 where no firewall is in force. */
static __noinline __u32 judge(const void *ip, __u64 facts)
{
	__u32 is_ipv6 = facts & MISC_IPV6, ports = facts >> FACT_PORTS_SHIFT, index = 0, sets, rule, root;
	const struct firewall *fw = bpf_map_lookup_elem(&fw_control, &index);
	const struct rule_bank *bank;
	const void *far = ip + 12, *near = ip + 16;
	const __u32 *roots;
	__u64 rows, more;
	struct address a;

	if (!fw || !(fw->config & FIREWALL_ON))
		return 0;
	roots = fw->set_roots;
	step_if(is_ipv6, roots, 4);
	root = *roots;
	index = fw->config & FIREWALL_BANK;
	if (is_ipv6) {
		index |= 1;
		far = ip + 8;
		near = ip + 24;
	}
	bank = bpf_map_lookup_elem(&rule_banks, &index);
	if (!bank)
		return 0;
	if (bank->config & BANK_FAR_IS_DESTINATION) {
		const void *source = far;

		far = near;
		near = source;
		ports = rotate(ports);
	}
	a = read_address(far, is_ipv6);
	sets = find_sets(a.high, a.low, root);
	if (sets & SET_BLOCKED)
		return bank->first_action + ACTION_BLOCKED;
	if ((facts >> MISC_STATE_SHIFT & STATE_MASK) == bank->established)
		return bank->first_action + ACTION_ESTABLISHED;
	if (!bank->rows)
		return bank->first_action + ACTION_DEFAULT;
	rows = find_interval(bank->far.addresses, a.high, a.low);
	if (bank->far.set_rows)
		rows |= (__u64)(bank->far.set_rows + (sets & SET_CLASS_MASK)) << 16;
	rows |= (__u64)find_interval(bank->far.ports, bpf_ntohs(ports), 0) << 32;
	rows |= (__u64)find_interval(bank->misc_root, facts & ((1 << MISC_KEY_BITS) - 1), 0) << 48;
	a = read_address(near, is_ipv6);
	more = find_interval(bank->near.addresses, a.high, a.low);
	if (bank->near.set_rows)
		more |= (__u64)(bank->near.set_rows + (find_sets(a.high, a.low, root) & SET_CLASS_MASK)) << 16;
	more |= (__u64)find_interval(bank->near.ports, bpf_ntohs(ports >> 16), 0) << 32;
	rule = find_rule(rows, more, bank->first_bits, bank->rows);
	return bank->first_action + (rule == NO_RULE ? ACTION_DEFAULT : ACTION_FIRST_RULE + rule);
}

/* Counts for an action and those behind it; returns its ACTION_*. */
static __always_inline __u32 perform(__u32 action, __u32 half, __u32 packets, __u32 bytes)
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
