/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A monitor in Polycube's dialect: packets and bytes of both directions of each session, and how its server was found.
 */
struct flow {
	__be32 near;
	__be32 far;
	__be16 near_port;
	__be16 far_port;
	__u8 proto;
} __attribute__((packed));

struct figures {
	uint64_t packets_near; /* sent by the end `near` */
	uint64_t packets_far;
	uint64_t bytes_near;
	uint64_t bytes_far;
	uint64_t first;
	uint64_t last;
	__be32 server;
	uint32_t method;
} __attribute__((packed));

struct header {
	__u8 addresses[2 * ETH_ALEN];
	__be16 type;
	__u8 words : 4, version : 4;
	__u8 service;
	__be16 length;
	__be16 number;
	__be16 fragment;
	__u8 hops;
	__u8 proto;
	__sum16 sum;
	__be32 from;
	__be32 to;
} __attribute__((packed));

/* Bytes behind the IPv4 header of a whole packet, or of a whole first fragment; 0 for all else. */
static __always_inline int bytes_behind(struct header *header, __u32 frame)
{
	int length = bpf_ntohs(header->length), words = header->words;

	if (header->type != bpf_htons(ETH_P_IP) || header->version != 4 || words < 5)
		return 0;
	if (header->fragment & bpf_htons(0x1fff) || ETH_HLEN + length > frame || length < words * 4)
		return 0;
	return length - words * 4;
}

#if POLYCUBE_PROGRAM_TYPE == 0
BPF_TABLE_SHARED("percpu_hash", struct flow, struct figures, FLOWS_COUNTED, 10000);
#else
BPF_TABLE("extern", struct flow, struct figures, FLOWS_COUNTED, 10000);
#endif

static __always_inline void find_server(struct figures *figures, struct header *header, __u8 flags, __u16 from,
					__u16 to)
{
	bool answers = false; /* the sender is the server */

	if (flags & 2) {
		figures->method = 1;
		answers = flags & 16;
	} else if (to < 1024 || from < 1024) {
		figures->method = 2;
		answers = to >= 1024;
	} else {
		figures->method = 3;
		answers = to > from;
	}
	figures->server = answers ? header->from : header->to;
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	void *end = (void *)(long)ctx->data_end;
	struct header *header = (void *)(long)ctx->data;
	struct figures *figures;
	struct flow flow = {};
	__be16 *ports;
	__u8 flags = 0, *rest;
	bool near;
	int left;

	if ((void *)(header + 1) > end || (header->proto != 6 && header->proto != 17))
		return RX_OK;
	left = bytes_behind(header, md->packet_len);
	rest = (void *)header + ETH_HLEN + header->words * 4;
	ports = (void *)rest;
	if (left < 8 || rest + 8 > (__u8 *)end)
		return RX_OK;
	if (header->proto == 6) {
		if (left < 20 || rest + 20 > (__u8 *)end || rest[12] >> 4 < 5 || (rest[12] >> 4) * 4 > left)
			return RX_OK;
		flags = rest[13];
	}
	near = header->from < header->to;
	flow.proto = header->proto;
	flow.near = near ? header->from : header->to;
	flow.far = near ? header->to : header->from;
	flow.near_port = near ? ports[0] : ports[1];
	flow.far_port = near ? ports[1] : ports[0];
	figures = FLOWS_COUNTED.lookup(&flow);
	if (!figures) {
		struct figures fresh = {.first = pcn_get_time_epoch()};

		find_server(&fresh, header, flags, bpf_ntohs(ports[0]), bpf_ntohs(ports[1]));
		FLOWS_COUNTED.insert(&flow, &fresh);
		figures = FLOWS_COUNTED.lookup(&flow);
		if (!figures)
			return RX_OK;
	}
	if (near) {
		figures->packets_near += 1;
		figures->bytes_near += bpf_ntohs(header->length);
	} else {
		figures->packets_far += 1;
		figures->bytes_far += bpf_ntohs(header->length);
	}
	figures->last = pcn_get_time_epoch();
	return RX_OK;
}
