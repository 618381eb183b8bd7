/* SPDX-License-Identifier: GPL-2.0-only */
/* The way of a packet, from top to bottom. */
#ifndef NICSENTRY_ANALYZER_H
#define NICSENTRY_ANALYZER_H

#include "copies.h"
#include "count.h"
#include "expectations.h"
#include "features.h"
#if HAS_FIREWALL
#include "firewall.h"
#else
#include "no_firewall.h"
#endif
#include "packet.h"
#include "records.h"
#include "sessions.h"

/* Whether the host wants this packet as an event, by its share. */
static __always_inline int in_share(__u32 config)
{
	__u32 share = config & CONFIG_SHARE_MASK;

	return share == CONFIG_SHARE_ALL || (bpf_get_prandom_u32() & CONFIG_SHARE_MASK) < share;
}

/* Whether a dropped packet of an unknown session may be in the share; on the card none. A flood that is dropped must
 * not keep the host from learning connections. */
static __always_inline int takes_dropped(__u32 config)
{
	__u32 rarer = config >> CONFIG_DROPPED_SHIFT & CONFIG_DROPPED_MASK;

	return ON_HOST && !(bpf_get_prandom_u32() & ((1u << rarer) - 1));
}

/* Whether it wants packets of known sessions. */
static __always_inline int captures_known(__u32 config)
{
	return HAS_CAPTURE ? config & CONFIG_CAPTURE_KNOWN : 0;
}

/* The state of a packet, by the states of its session. An ICMP packet can have some of them only. */
static __always_inline __u64 state_of(__u64 facts, __u32 state)
{
	if (facts & FACT_ICMP)
		state &= facts;
	return state & STATE_MASK;
}

static __always_inline int verdict_of(__u32 verdict)
{
	return verdict & ACTION_DROP ? VERDICT_DROP : VERDICT_PASS;
}

static __always_inline int analyze(hook_ctx *ctx)
{
	struct event_header event;
	struct packet packet;
	struct control *now;
	struct totals_row *totals_row;
	__u64 facts, who, fingerprint = 0;
	__u32 zero = 0, half, row, is, cause, is_ipv6, counter, wanted;

	now = bpf_map_lookup_elem(&CONTROL_MAP, &zero);
	if (!now)
		return VERDICT_PASS;
	event.epoch = now->epoch;
	half = event.epoch & 1;
	facts = walk(ctx, now->config, &packet);
	facts = forget_facts(facts);
	is_ipv6 = facts & FACT_IPV6;
	barrier_var(is_ipv6);
	if (ON_HOST) /* on the card even this assignment would cost instructions */
		packet.ip = find_ip_again(ctx, packet.ip, &is_ipv6);
	event.bytes = packet.bytes;
	event.segments = 1;
	event.segment_payload = 0;
	event.counter = EVENT_NO_SESSION;
	is = 0;
	cause = facts_cause(facts);
	row = TOTALS_SHARDS - 1 + cause;
	if (!cause && (!ON_HOST || packet.ip)) {
		if (HAS_VLANS)
			fingerprint = vlans_of(ctx, now->config, &packet);
		who = identify(now, packet.ip, facts, is_ipv6, &fingerprint);
		event.counter = forget(who);
		is = forget(who >> IDENTITY_SHIFT);
		describe_segments(ctx, &event, packet.ip, packet.headers);
		row = is & IDENTITY_SHARD_MASK;
		if (HAS_FIREWALL)
			add_opaque(facts, state_of(facts, state_on_host(ctx, packet.ip, fingerprint, facts, is))
						  << FACT_STATE_SHIFT);
	}
#if HAS_COPIES
	if (switches.copies) {
		/* All ones for a copy: a branch would make the verifier follow the rest of the program twice. */
		__u32 copy = -find_copy(ctx, &packet, facts);

		barrier_word(copy);
		event.counter = (event.counter & ~copy) | (copy & EVENT_NO_SESSION);
		row = (row & ~copy) | (copy & TOTALS_COPIES);
		is &= ~copy;
	}
#endif
	count_packet(event.counter, row, is & IDENTITY_FROM_HIGHER, half, event.segments, event.bytes);
	event.action = 0;
	if (HAS_FIREWALL)
		event.action = judge(packet.ip, facts, is_ipv6, ctx, &packet, &event);
	event.verdict = perform(event.action, half, event.segments, event.bytes);
	/* Read back from memory of which the verifier tracks no values. Otherwise it would follow the rest of the
	 * program once for each kind of session. */
	counter = *(volatile __u32 *)&event.counter;
	wanted = event.verdict & ACTION_LOG;
	if (HAS_EXPECTATIONS && counter != EVENT_NO_SESSION &&
	    (facts_state(facts) == STATE_NEW || is_handshake_answer(facts)) && event.action &&
	    !(event.verdict & ACTION_DROP))
		expect_answer(fingerprint, is >> IDENTITY_HIGHER_SHIFT & 1, facts);
	if (counter == EVENT_UNKNOWN
		    ? !(event.verdict & ACTION_DROP) || takes_dropped(now->config)
		    : counter != EVENT_NO_SESSION && !(is & IDENTITY_MUTED) && captures_known(now->config))
		wanted |= in_share(now->config);
	if (HAS_EXPECTATIONS && is & ends_connection(facts))
		wanted |= first_end(fingerprint, is >> IDENTITY_HIGHER_SHIFT & 1, event.action,
				    captures_known(now->config));
	if (!wanted)
		return verdict_of(event.verdict);
	row = row * 2 + half;
	totals_row = bpf_map_lookup_elem(&totals, &row);
	if (totals_row) {
		advance_if(counter != EVENT_UNKNOWN, totals_row,
			   __builtin_offsetof(struct totals_row, events_known) -
				   __builtin_offsetof(struct totals_row, events_unknown));
		__sync_fetch_and_add(&totals_row->events_unknown, event.segments);
	}
	send_event(ctx, &event, facts_transport_offset(facts));
	return verdict_of(event.verdict);
}

#endif
