/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules with the action `limit`: of packets within the rate the next rule is asked, packets beyond it are dropped. Only
 * on the host (docs/decisions/0057-limits-are-times-in-tables-of-their-own.md). */
#ifndef NICSENTRY_LIMITS_H
#define NICSENTRY_LIMITS_H

#include "features.h"
#include "maps.h"
#include "mix.h"
#include "rules.h"
#include "sets.h"

#if ON_HOST

/* What judge_on_host() knows of a packet. What stands behind the rows is for chains with limits. */
struct judged_packet {
	struct packet_rows rows;
	struct address remote;
	struct address local;
	__u32 packets;
	__u32 bytes;
	__u32 bank;  /* of rule_banks */
	__u32 state; /* STATE_*; from bit BEYOND_SHIFT on the index of the limit that it is beyond, plus 1; 0: of none
		      */
};

#define BEYOND_SHIFT 8

#endif

#if HAS_LIMITS

/* A test build has a clock of its own. */
#ifndef LIMIT_CLOCK
#define LIMIT_CLOCK() bpf_ktime_get_ns()
#endif

static __always_inline int has_limits(const struct rule_bank *bank)
{
	return bank->established & BANK_LIMITS;
}

/* How long it is until then; 0: the time has passed. */
static __always_inline __u64 time_until(__u64 time, __u64 now)
{
	__u64 ahead = time - now;

	return ahead >> LIMIT_AHEAD_BITS ? 0 : ahead;
}

/* The time of the bucket that an address has, or gets. An address has one of two sets' buckets. None is taken from an
 * owner before it is full again, so that no owner begins anew; without a full one an address shares another's. */
static __always_inline __u64 *find_bucket(void *table, __u32 hash, __u32 owner, __u64 now)
{
	__u32 index = hash & (LIMIT_SETS - 1), full_most = 0, n, way, former = 0;
	__u32 *taken = 0;
	__u64 *time = 0;

#pragma clang loop unroll(full)
	for (n = 0; n < 2; n++) {
		struct limit_buckets *set = bpf_map_lookup_elem(table, &index);
		__u32 full = 0, last = 0;

		if (!set)
			return 0;
		if (!time)
			time = &set->times[hash >> LIMIT_SETS_BITS & (LIMIT_WAYS - 1)];
#pragma clang loop unroll(full)
		for (way = 0; way < LIMIT_WAYS; way++) {
			if (set->owners[way] == owner)
				return &set->times[way];
			if (!time_until(set->times[way], now)) {
				full++;
				last = way;
			}
		}
		if (full > full_most) {
			full_most = full;
			time = &set->times[last & (LIMIT_WAYS - 1)];
			taken = &set->owners[last & (LIMIT_WAYS - 1)];
			former = *taken;
		}
		index = hash >> (32 - LIMIT_SETS_BITS);
	}
	if (taken)
		__sync_val_compare_and_swap(taken, former, owner);
	return time;
}

/* Whether packets are beyond a rule's rate; charges its bucket if not. A bucket's time is when it is full again.
 * `index`: of `limits`. What is larger than the burst passes a full bucket, which then owes. Global, see
 * find_interval(). */
__noinline __u32 exceeds(__u32 index, __u64 high, __u64 low, __u32 packets, __u32 bytes)
{
	const struct limit *limit = bpf_map_lookup_elem(&limits, &index);
	__u32 zero = 0, number = index / 2, amount;
	const struct fw_config *fw = bpf_map_lookup_elem(&fw_control, &zero);
	void *table = bpf_map_lookup_elem(&limit_tables, &number);
	__u64 now, was, ahead, cost, least, sum, other, *time;
	const __u32 *k;

	if (!limit || !fw || !table)
		return 0;
	amount = limit->config & LIMIT_BYTES ? bytes : packets;
	if (amount > limit->most)
		amount = limit->most;
	cost = amount * limit->cost >> LIMIT_COST_SHIFT;
	least = cost < limit->room ? cost : limit->room;
	high &= limit->high;
	low &= limit->low;
	k = fw->keys;
	sum = (__u64)(__u32)(k[0] + (__u32)low) * (__u32)(k[1] + (__u32)(low >> 32)) +
	      (__u64)(__u32)(k[2] + (__u32)high) * (__u32)(k[3] + (__u32)(high >> 32));
	other = (__u64)(__u32)(k[2] + (__u32)low) * (__u32)(k[3] + (__u32)(low >> 32)) +
		(__u64)(__u32)(k[0] + (__u32)high) * (__u32)(k[1] + (__u32)(high >> 32));
	now = LIMIT_CLOCK() << LIMIT_TIME_SHIFT;
	time = find_bucket(table, mix(sum), mix(other), now);
	if (!time)
		return 0;
	was = *(volatile __u64 *)time;
	ahead = time_until(was, now);
	if (ahead + least > limit->room)
		return 1;
	/* No charge is lost, whatever other processors do meanwhile: at worst each lets one packet more pass, which the
	 * bucket then owes. */
	if (ahead || __sync_val_compare_and_swap(time, was, now + cost) != was)
		__sync_fetch_and_add(time, cost);
	return 0;
}

/* Notes who was beyond a rate, for reports only: a bucket knows no address. Processors that note an address for the
 * first time at the same instant may leave out what one of them saw. Apart from exceeds(), so that their stacks do not
 * add up. Global, see find_interval(); its packet is never 0. */
__noinline __u32 note_limited(const struct judged_packet *packet)
{
	struct limited_key key = {};
	struct limited_count *count;
	const struct address *end;
	const struct limit *limit;
	__u32 index;

	if (!packet)
		return 0;
	index = (packet->state >> BEYOND_SHIFT) - 1;
	limit = bpf_map_lookup_elem(&limits, &index);
	if (!limit)
		return 0;
	end = limit->config & LIMIT_LOCAL ? &packet->local : &packet->remote;
	key.high = end->high & limit->high;
	key.low = end->low & limit->low;
	key.serial = limit->serial;
	count = bpf_map_lookup_elem(&limited, &key);
	if (count) {
		__sync_fetch_and_add(&count->packets, packet->packets);
		__sync_fetch_and_add(&count->bytes, packet->bytes);
		count->last_ns = LIMIT_CLOCK();
	} else {
		struct limited_count first = {packet->packets, packet->bytes, LIMIT_CLOCK()};

		bpf_map_update_elem(&limited, &key, &first, BPF_NOEXIST);
	}
	return 1;
}

/* The action on a packet. Of established packets only limits in front of the first rule that decides are asked. Global,
 * see find_interval(); its packet is never 0. */
__noinline __u32 judge_with_limits(struct judged_packet *packet)
{
	__u32 from = 0, i, index, action;
	const struct rule_bank *bank;

	if (!packet)
		return ACTION_DEFAULT;
	index = packet->bank;
	bank = bpf_map_lookup_elem(&rule_banks, &index);
	if (!bank)
		return ACTION_DEFAULT;
	action = packet->state == (bank->established & ~BANK_LIMITS) ? ACTION_ESTABLISHED : ACTION_DEFAULT;
#pragma clang loop unroll(disable)
	for (i = 0; i <= LIMITS; i++) {
		__u32 rule = find_next_rule(&packet->rows, bank->first_bits, bank->rows, from);
		const struct rule_action *found;
		const struct limit *limit;
		const struct address *end;
		__u32 number;

		index = bank->first_action + ACTION_FIRST_RULE + rule;
		found = bpf_map_lookup_elem(&rule_actions, &index);
		if (rule == NO_RULE || !found)
			return action;
		number = found->config >> ACTION_LIMIT_SHIFT & ACTION_LIMIT_MASK;
		if (!number)
			return action == ACTION_ESTABLISHED ? action : ACTION_FIRST_RULE + rule;
		/* Bank and family are those of the index of rule_banks. */
		index = ((packet->bank >> 1) * LIMITS + number - 1) * 2 + (packet->bank & 1);
		limit = bpf_map_lookup_elem(&limits, &index);
		if (!limit)
			return action;
		end = limit->config & LIMIT_LOCAL ? &packet->local : &packet->remote;
		if (exceeds(index, end->high, end->low, packet->packets, packet->bytes)) {
			packet->state |= (index + 1) << BEYOND_SHIFT;
			return action == ACTION_ESTABLISHED ? limit->established : ACTION_FIRST_RULE + rule;
		}
		from = limit->next;
	}
	return action;
}

#endif

#endif
