/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet's way, from top to bottom. */
#ifndef NICSENTRY_ANALYZER_H
#define NICSENTRY_ANALYZER_H

#include "count.h"
#include "fingerprint.h"
#ifdef FIREWALL
#include "firewall.h"
#else
#include "no_firewall.h"
#endif
#include "packet.h"
#include "records.h"
#include "sessions.h"

/* Whether the host wants this packet of an unknown session as an event. */
static __always_inline int in_share(__u32 config)
{
	__u32 share = config & CONFIG_SHARE_MASK;

	return share == CONFIG_SHARE_ALL || (bpf_get_prandom_u32() & CONFIG_SHARE_MASK) < share;
}

static __always_inline int verdict_of(__u32 verdict)
{
	return verdict & ACTION_DROP ? VERDICT_DROP : VERDICT_PASS;
}

/* The way of a packet that is not understood. */
static __always_inline int pass_on_other(hook_ctx *ctx, const struct packet *packet, int cause,
					 struct event_header *event, __u32 frame, __u32 half)
{
	struct totals_row *row = find_totals(TOTALS_SHARDS + cause, half);

	count_total(row, 1, packet->bytes);
	event->verdict = judge_other(packet, cause, half, &event->action);
	if (row && event->verdict & ACTION_LOG) {
		event->counter = EVENT_NO_SESSION;
		event->bytes = packet->bytes;
		event->segments = 1;
		event->segment_payload = 0;
		__sync_fetch_and_add(&row->events_known, 1);
		send_event(ctx, packet, event, frame);
	}
	return verdict_of(event->verdict);
}

static __always_inline int analyze(hook_ctx *ctx)
{
	struct event_header event;
	struct fingerprint fingerprint;
	struct session session;
	struct packet packet;
	struct control *now;
	struct totals_row *row;
	void *data, *data_end;
	__u32 zero = 0, half, known, frame = frame_bytes(ctx);
	int cause = CAUSE_TRUNCATED, attempt, from_higher;

	now = bpf_map_lookup_elem(&control, &zero);
	if (!now)
		return VERDICT_PASS;
	event.epoch = now->epoch;
	half = event.epoch & 1;

#pragma unroll
	for (attempt = 0; attempt < HOOK_ATTEMPTS && cause == CAUSE_TRUNCATED; attempt++) {
		if (!make_readable(ctx, attempt)) {
			FOR_FIREWALL(packet.ip = 0;) /* the attempt has made it useless */
			break;
		}
		data = (void *)(long)ctx->data;
		data_end = (void *)(long)ctx->data_end;
		cause = walk_packet(ctx, data, data_end, frame, now->config, &packet);
	}
	if (cause != UNDERSTOOD)
		return pass_on_other(ctx, &packet, cause, &event, frame, half);
	from_higher = fingerprint_packet(now, &packet, &fingerprint);

	event.bytes = packet.bytes;
	describe_segments(ctx, &event, packet.ip, packet.l4 + packet.l4_bytes - packet.l3);
	row = find_totals((__u32)fingerprint.a % TOTALS_SHARDS, half);
	if (!row)
		return VERDICT_PASS;
	session.state = 0;
	known = find_session(now->config, &fingerprint, &session);
	if (known)
		count_session(session.counter, half, from_higher, event.segments, event.bytes);
	else
		count_total(row, event.segments, event.bytes);
	event.verdict = judge_packet(&packet, packet.ip, UNDERSTOOD,
				     session.state >> (SLOT_STATE_SHIFT + (from_higher ? SLOT_STATE_BITS : 0)), half,
				     event.segments, event.bytes, &event.action);
	if (known) {
		if (!(event.verdict & ACTION_LOG) &&
		    (!(now->config & CONFIG_CAPTURE_KNOWN) || session.muted_epoch == event.epoch))
			return verdict_of(event.verdict);
		event.counter = session.counter;
		__sync_fetch_and_add(&row->events_known, event.segments);
	} else {
		if (!(event.verdict & ACTION_LOG) && !in_share(now->config))
			return verdict_of(event.verdict);
		event.counter = EVENT_UNKNOWN;
		__sync_fetch_and_add(&row->events_unknown, event.segments);
	}
	send_event(ctx, &packet, &event, frame);
	return verdict_of(event.verdict);
}

#endif
