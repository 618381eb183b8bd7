/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A monitor in Polycube's dialect: records of the first 100 packets of each session, and each session's server. */
#define MOST_SESSIONS 1024
#define MOST_PACKETS 100

struct flow {
	__be32 near;
	__be32 far;
	__be16 near_port;
	__be16 far_port;
	__u8 proto;
} __attribute__((packed));

struct taken {
	__be32 server;
	uint64_t count;
} __attribute__((packed));

struct packet {
	struct flow flow;
	uint64_t time;
	uint16_t flags_fragment;
	uint8_t tcp_flags;
	uint16_t window;
	uint16_t payload;
	uint8_t icmp_type;
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
BPF_QUEUESTACK_SHARED("queue", FLOW_PACKETS, struct packet, MOST_SESSIONS *MOST_PACKETS, 0);
BPF_TABLE_SHARED("hash", struct flow, struct taken, FLOWS_TAKEN, MOST_SESSIONS);
#else
BPF_QUEUESTACK("extern", FLOW_PACKETS, struct packet, MOST_SESSIONS *MOST_PACKETS, 0);
BPF_TABLE("extern", struct flow, struct taken, FLOWS_TAKEN, MOST_SESSIONS);
#endif

/* The end that offers a service, by the first packet of a session. */
static __always_inline __be32 server_of(struct header *header, struct packet *packet, __u16 from, __u16 to)
{
	if (packet->tcp_flags & 2)
		return packet->tcp_flags & 16 ? header->from : header->to;
	if (header->proto == 1 && packet->icmp_type == 8)
		return header->to;
	if (header->proto == 1 && packet->icmp_type == 0)
		return header->from;
	if (to < 1024)
		return header->to;
	if (from < 1024)
		return header->from;
	return to <= from ? header->to : header->from;
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	void *end = (void *)(long)ctx->data_end;
	struct header *header = (void *)(long)ctx->data;
	struct packet packet = {};
	struct taken none = {}, *taken;
	__be16 from = 0, to = 0;
	__u8 *rest;
	int left;

	if ((void *)(header + 1) > end)
		return RX_OK;
	left = bytes_behind(header, md->packet_len);
	rest = (void *)header + ETH_HLEN + header->words * 4;
	if (left < 8 || rest + 8 > (__u8 *)end)
		return RX_OK;
	if (header->proto == 6) {
		if (left < 20 || rest + 20 > (__u8 *)end || rest[12] >> 4 < 5 || (rest[12] >> 4) * 4 > left)
			return RX_OK;
		packet.tcp_flags = rest[13];
		packet.window = rest[14] << 8 | rest[15];
	} else if (header->proto == 17) {
		packet.payload = (rest[4] << 8 | rest[5]) - 8;
	} else if (header->proto == 1) {
		packet.icmp_type = rest[0];
	} else {
		return RX_OK;
	}
	if (header->proto != 1) {
		from = *(__be16 *)rest;
		to = *(__be16 *)(rest + 2);
	}
	packet.flow.proto = header->proto;
	if (header->from < header->to) {
		packet.flow.near = header->from;
		packet.flow.far = header->to;
		packet.flow.near_port = from;
		packet.flow.far_port = to;
	} else {
		packet.flow.near = header->to;
		packet.flow.far = header->from;
		packet.flow.near_port = to;
		packet.flow.far_port = from;
	}
	taken = FLOWS_TAKEN.lookup_or_try_init(&packet.flow, &none);
	if (!taken || taken->count >= MOST_PACKETS)
		return RX_OK;
	if (taken->count == 0)
		taken->server = server_of(header, &packet, bpf_ntohs(from), bpf_ntohs(to));
	taken->count += 1;
	packet.time = pcn_get_time_epoch();
	packet.flags_fragment = bpf_ntohs(header->fragment);
	FLOW_PACKETS.push(&packet, 0);
	return RX_OK;
}
