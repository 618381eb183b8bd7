/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A monitor in Polycube's dialect: packets and bytes of each session and direction, a copy for each processor. */
struct key {
	__be32 low;
	__be32 high;
	__be16 low_port;
	__be16 high_port;
	__u8 protocol;
} __attribute__((packed));

struct counters {
	uint64_t packets[2];
	uint64_t bytes[2];
	uint64_t first;
	uint64_t last;
};

struct frame {
	__u8 addresses[2 * ETH_ALEN];
	__be16 type;
	__u8 words : 4, version : 4;
	__u8 service;
	__be16 length;
	__be32 fragment;
	__u8 hops;
	__u8 protocol;
	__sum16 sum;
	__be32 from;
	__be32 to;
} __attribute__((packed));

#if POLYCUBE_PROGRAM_TYPE == 0
BPF_TABLE_SHARED("percpu_hash", struct key, struct counters, SESSIONS, 10000);
#else
BPF_TABLE("extern", struct key, struct counters, SESSIONS, 10000);
#endif

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	void *end = (void *)(long)ctx->data_end;
	struct frame *frame = (void *)(long)ctx->data;
	__be16 *ports;
	bool forward;

	if ((void *)(frame + 1) > end || frame->type != bpf_htons(ETH_P_IP) || frame->version != 4)
		return RX_OK;
	if (frame->protocol != 6 && frame->protocol != 17)
		return RX_OK;
	ports = (void *)frame + ETH_HLEN + frame->words * 4;
	if ((void *)(ports + 2) > end)
		return RX_OK;

	forward = bpf_ntohl(frame->from) < bpf_ntohl(frame->to);
	struct key key = {.protocol = frame->protocol};
	key.low = forward ? frame->from : frame->to;
	key.high = forward ? frame->to : frame->from;
	key.low_port = forward ? ports[0] : ports[1];
	key.high_port = forward ? ports[1] : ports[0];

	uint64_t now = pcn_get_time_epoch();
	struct counters *counters = SESSIONS.lookup(&key);
	if (!counters) {
		struct counters fresh = {.first = now};
		SESSIONS.insert(&key, &fresh);
		counters = SESSIONS.lookup(&key);
		if (!counters)
			return RX_OK;
	}
	if (forward) {
		counters->packets[0] += 1;
		counters->bytes[0] += bpf_ntohs(frame->length);
	} else {
		counters->packets[1] += 1;
		counters->bytes[1] += bpf_ntohs(frame->length);
	}
	counters->last = now;
	return RX_OK;
}
