/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet's way, from top to bottom. */
#ifndef NICSENTRY_ANALYZER_H
#define NICSENTRY_ANALYZER_H

#include "count.h"
#include "fingerprint.h"
#include "packet.h"
#include "records.h"
#include "sessions.h"

/* Whether the host wants this packet of an unknown session as an event. */
static __always_inline int in_share(__u32 config)
{
	__u32 share = config & CONFIG_SHARE_MASK;

	return share == CONFIG_SHARE_ALL || (bpf_get_prandom_u32() & CONFIG_SHARE_MASK) < share;
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
	__u32 zero = 0, half, frame = frame_bytes(ctx);
	int cause = CAUSE_TRUNCATED, attempt, from_higher;

	now = bpf_map_lookup_elem(&control, &zero);
	if (!now)
		return VERDICT_PASS;
	event.epoch = now->epoch;
	half = event.epoch & 1;

#pragma unroll
	for (attempt = 0; attempt < HOOK_ATTEMPTS && cause == CAUSE_TRUNCATED; attempt++) {
		if (!make_readable(ctx, attempt))
			break;
		data = (void *)(long)ctx->data;
		data_end = (void *)(long)ctx->data_end;
		cause = walk_packet(ctx, data, data_end, frame, now->config, &packet);
	}
	if (cause != UNDERSTOOD) {
		count_total(find_totals(TOTALS_SHARDS + cause, half), 1, packet.bytes);
		return VERDICT_PASS;
	}
	from_higher = fingerprint_packet(now, &packet, &fingerprint);

	event.bytes = packet.bytes;
	describe_segments(ctx, &event, packet.ip, packet.l4 + packet.l4_bytes - packet.l3);
	row = find_totals((__u32)fingerprint.a % TOTALS_SHARDS, half);
	if (!row)
		return VERDICT_PASS;
	if (find_session(now->config, &fingerprint, &session)) {
		count_session(session.counter, half, from_higher, event.segments, event.bytes);
		if (!(now->config & CONFIG_CAPTURE_KNOWN) || session.muted_epoch == event.epoch)
			return VERDICT_PASS;
		event.counter = session.counter;
		__sync_fetch_and_add(&row->events_known, event.segments);
	} else {
		count_total(row, event.segments, event.bytes);
		if (!in_share(now->config))
			return VERDICT_PASS;
		event.counter = EVENT_UNKNOWN;
		__sync_fetch_and_add(&row->events_unknown, event.segments);
	}
	send_event(ctx, &packet, &event, frame);
	return VERDICT_PASS;
}

#endif
