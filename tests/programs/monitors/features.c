/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A monitor in Polycube's dialect: features of each IPv4 packet go into a queue, at most 50 of a session. */
#define ROOM 4096
#define MOST 50

struct session {
	__be32 low;
	__be32 high;
	__be16 low_port;
	__be16 high_port;
	__u8 protocol;
} __attribute__((packed));

struct record {
	struct session session;
	uint64_t time;
	uint16_t fragment;
	uint16_t window;
	uint16_t payload;
	uint8_t flags;
	uint8_t type;
} __attribute__((packed));

struct ethernet {
	__u8 to[ETH_ALEN];
	__u8 from[ETH_ALEN];
	__be16 type;
};

struct ipv4 {
	__u8 words : 4, version : 4;
	__u8 service;
	__be16 length;
	__be16 number;
	__be16 fragment;
	__u8 hops;
	__u8 protocol;
	__sum16 sum;
	__be32 from;
	__be32 to;
};

#if POLYCUBE_PROGRAM_TYPE == 0
BPF_QUEUESTACK_SHARED("queue", RECORDS, struct record, ROOM, 0);
BPF_TABLE_SHARED("hash", struct session, uint64_t, SEEN, 1024);
#else
BPF_QUEUESTACK("extern", RECORDS, struct record, ROOM, 0);
BPF_TABLE("extern", struct session, uint64_t, SEEN, 1024);
#endif

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethernet *ethernet = data;
	struct ipv4 *ip = data + sizeof(*ethernet);
	struct record record = {};
	uint64_t zero = 0, *seen;
	__be16 from_port = 0, to_port = 0;
	__u8 *rest;

	if ((void *)(ip + 1) > end || ethernet->type != bpf_htons(ETH_P_IP) || ip->version != 4)
		return RX_OK;
	rest = (void *)ip + ip->words * 4;
	if (rest + 8 > (__u8 *)end)
		return RX_OK;
	switch (ip->protocol) {
	case 6:
		if (rest + 20 > (__u8 *)end)
			return RX_OK;
		record.flags = rest[13];
		record.window = rest[14] << 8 | rest[15];
		break;
	case 17:
		record.payload = (rest[4] << 8 | rest[5]) - 8;
		break;
	case 1:
		record.type = rest[0];
		break;
	default:
		return RX_OK;
	}
	if (ip->protocol != 1) {
		from_port = *(__be16 *)rest;
		to_port = *(__be16 *)(rest + 2);
	}
	record.session.protocol = ip->protocol;
	if (bpf_ntohl(ip->from) < bpf_ntohl(ip->to)) {
		record.session.low = ip->from;
		record.session.high = ip->to;
		record.session.low_port = from_port;
		record.session.high_port = to_port;
	} else {
		record.session.low = ip->to;
		record.session.high = ip->from;
		record.session.low_port = to_port;
		record.session.high_port = from_port;
	}
	seen = SEEN.lookup_or_try_init(&record.session, &zero);
	if (!seen || *seen >= MOST)
		return RX_OK;
	*seen += 1;
	record.time = pcn_get_time_epoch();
	record.fragment = bpf_ntohs(ip->fragment);
	RECORDS.push(&record, 0);
	pcn_log(ctx, LOG_DEBUG, "a packet of %d bytes", md->packet_len);
	return RX_OK;
}
