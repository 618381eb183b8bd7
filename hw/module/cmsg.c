// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control messages of the BPF firmware (bpf/fw.h): requests about maps from
 * the host and their replies, events to the host.
 *
 * Requests come in with the driver's queue locked, so what has to sleep is
 * done later by a work item, as a card with one thread for slow requests.
 */

#include <linux/delay.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "nfp/bpf/fw.h"
#include "nfp/nfp_net_ctrl.h"
#include "card.h"

/* Longer waits than this would make the kernel think that a CPU hangs. */
#define VNFP_DELAY_MAX_NS (10 * NSEC_PER_MSEC)
#define VNFP_MESSAGE_MAX 2048

struct entry_sizes {
	u32 key;
	u32 value;
};

/* Up to ABI 2 keys and values have a fixed place in a message. */
static struct entry_sizes entry_sizes(const struct vnfp_profile *profile)
{
	if (profile->abi_version < 3)
		return (struct entry_sizes){CMSG_MAP_KEY_LW * 4, CMSG_MAP_VALUE_LW * 4};
	return (struct entry_sizes){profile->max_key_bytes, profile->max_value_bytes};
}

static void take_time(struct nfp_cpp *card)
{
	u32 ns = min_t(u32, READ_ONCE(card->message_delay_ns), VNFP_DELAY_MAX_NS);

	for (; ns > 100 * NSEC_PER_USEC; ns -= 100 * NSEC_PER_USEC)
		udelay(100);
	ndelay(ns);
}

static void reply(struct nfp_cpp *card, const struct nfp_ccm_hdr *request, struct cmsg_reply_map_simple *reply, u32 rc,
		  unsigned int len)
{
	reply->hdr.type = __NFP_CCM_REPLY(request->type);
	reply->hdr.ver = NFP_CCM_ABI_VERSION;
	reply->hdr.tag = request->tag;
	reply->rc = cpu_to_be32(rc);
	if (rc)
		vnfp_count(card, VNFP_STAT_REFUSED);

	vnfp_deliver(card, vnfp_control_vnic(card), 0, NULL, 0, reply, len);
}

static void map_alloc(struct nfp_cpp *card, const struct cmsg_req_map_alloc_tbl *req)
{
	struct cmsg_reply_map_alloc_tbl answer = {};
	u32 tid = 0, rc;

	vnfp_count(card, VNFP_STAT_MAP_ALLOC);
	rc = vnfp_map_alloc(card, be32_to_cpu(req->map_type), be32_to_cpu(req->key_size), be32_to_cpu(req->value_size),
			    be32_to_cpu(req->max_entries), &tid);
	answer.tid = cpu_to_be32(tid);
	reply(card, &req->hdr, &answer.reply_hdr, rc, sizeof(answer));
}

static void map_free(struct nfp_cpp *card, const struct cmsg_req_map_free_tbl *req)
{
	struct cmsg_reply_map_free_tbl answer = {};
	u32 rc;

	vnfp_count(card, VNFP_STAT_MAP_FREE);
	rc = vnfp_map_free(card, be32_to_cpu(req->tid));
	reply(card, &req->hdr, &answer.reply_hdr, rc, sizeof(answer));
}

/* Under the lock of the driver's queue, as all messages about entries. */
static void keep_write(struct nfp_cpp *card, u32 tid, const u8 *key)
{
	struct vnfp_write *write;

	write = &card->writes[card->n_writes % VNFP_WRITES_KEPT];
	write->tid = tid;
	memcpy(&write->key, key, sizeof(write->key));
	WRITE_ONCE(card->n_writes, card->n_writes + 1);
}

/* Meant for a card that is at rest: what is written meanwhile may be missing. */
void vnfp_show_writes(struct nfp_cpp *card, struct seq_file *file)
{
	u64 end = READ_ONCE(card->n_writes);
	u64 n = end > VNFP_WRITES_KEPT ? end - VNFP_WRITES_KEPT : 0;

	seq_puts(file, "# number table key\n");
	for (; n < end; n++) {
		const struct vnfp_write *write;

		write = &card->writes[n % VNFP_WRITES_KEPT];
		seq_printf(file, "%llu %u %u\n", n, write->tid, write->key);
	}
}

static u32 entry_op(struct nfp_cpp *card, enum nfp_ccm_type type, const struct cmsg_req_map_op *req, const u8 *key,
		    const u8 *value, u8 *out_key, u8 *out_value)
{
	u32 tid = be32_to_cpu(req->tid);
	u32 key_size, value_size;

	vnfp_map_sizes(card, tid, &key_size, &value_size);
	switch (type) {
	case NFP_CCM_TYPE_BPF_MAP_LOOKUP:
		memcpy(out_key, key, key_size);
		return vnfp_map_lookup(card, tid, key, out_value);
	case NFP_CCM_TYPE_BPF_MAP_UPDATE:
		keep_write(card, tid, key);
		return vnfp_map_update(card, tid, key, value, be32_to_cpu(req->flags));
	case NFP_CCM_TYPE_BPF_MAP_DELETE:
		return vnfp_map_delete(card, tid, key);
	case NFP_CCM_TYPE_BPF_MAP_GETFIRST:
		return vnfp_map_next(card, tid, NULL, out_key, out_value);
	case NFP_CCM_TYPE_BPF_MAP_GETNEXT:
		return vnfp_map_next(card, tid, key, out_key, out_value);
	}
	return CMSG_RC_ERR_MAP_PARSE;
}

/*
 * A request holds one entry. A firmware with multi_entry answers a walk with
 * as many following entries as asked for; after an error one more, empty.
 */
static void map_op(struct nfp_cpp *card, struct cmsg_req_map_op *req, unsigned int len)
{
	struct entry_sizes size = entry_sizes(&card->profile);
	u32 wanted, count = 0, rc = CMSG_RC_SUCCESS;
	u8 buffer[VNFP_MESSAGE_MAX / 2] __aligned(8) = {};
	struct cmsg_reply_map_op *answer = (void *)buffer;
	unsigned int each = size.key + size.value;
	enum nfp_ccm_type type = req->hdr.type;
	const u8 *key = req->data;

	if (len < sizeof(*req) + each) {
		vnfp_count(card, VNFP_STAT_MALFORMED);
		reply(card, &req->hdr, &answer->reply_hdr, CMSG_RC_ERR_MAP_PARSE, sizeof(*answer));
		return;
	}

	wanted = card->profile.multi_entry ? be32_to_cpu(req->count) : 1;
	wanted = clamp_t(u32, wanted, 1, (sizeof(buffer) - sizeof(*answer)) / each - 1);
	if (type != NFP_CCM_TYPE_BPF_MAP_GETFIRST && type != NFP_CCM_TYPE_BPF_MAP_GETNEXT)
		wanted = 1;

	if (READ_ONCE(card->fail_messages)) {
		card->fail_messages--;
		rc = CMSG_RC_ERR_MAP_ERR;
	}
	while (!rc && count < wanted) {
		u8 *out_key = answer->data + count * each;

		rc = entry_op(card, type, req, key, req->data + size.key, out_key, out_key + size.key);
		if (rc)
			break;
		count++;
		key = out_key;
		type = NFP_CCM_TYPE_BPF_MAP_GETNEXT; /* if more is wanted */
	}

	answer->count = cpu_to_be32(count);
	reply(card, &req->hdr, &answer->reply_hdr, rc, sizeof(*answer) + (count + !!rc) * each);
}

static void handle(struct nfp_cpp *card, void *data, unsigned int len)
{
	static const enum vnfp_stat stats[] = {
		[NFP_CCM_TYPE_BPF_MAP_LOOKUP] = VNFP_STAT_MAP_LOOKUP,
		[NFP_CCM_TYPE_BPF_MAP_UPDATE] = VNFP_STAT_MAP_UPDATE,
		[NFP_CCM_TYPE_BPF_MAP_DELETE] = VNFP_STAT_MAP_DELETE,
		[NFP_CCM_TYPE_BPF_MAP_GETNEXT] = VNFP_STAT_MAP_GETNEXT,
		[NFP_CCM_TYPE_BPF_MAP_GETFIRST] = VNFP_STAT_MAP_GETFIRST,
	};
	struct nfp_ccm_hdr *hdr = data;
	struct cmsg_reply_map_simple error = {};

	switch (hdr->type) {
	case NFP_CCM_TYPE_BPF_MAP_ALLOC:
		if (len < sizeof(struct cmsg_req_map_alloc_tbl))
			break;
		map_alloc(card, data);
		return;
	case NFP_CCM_TYPE_BPF_MAP_FREE:
		if (len < sizeof(struct cmsg_req_map_free_tbl))
			break;
		map_free(card, data);
		return;
	case NFP_CCM_TYPE_BPF_MAP_LOOKUP:
	case NFP_CCM_TYPE_BPF_MAP_UPDATE:
	case NFP_CCM_TYPE_BPF_MAP_DELETE:
	case NFP_CCM_TYPE_BPF_MAP_GETNEXT:
	case NFP_CCM_TYPE_BPF_MAP_GETFIRST:
		vnfp_count(card, stats[hdr->type]);
		map_op(card, data, len);
		return;
	default:
		vnfp_count(card, VNFP_STAT_UNKNOWN);
		reply(card, hdr, &error, CMSG_RC_ERR_MAP_PARSE, sizeof(error));
		return;
	}
	vnfp_count(card, VNFP_STAT_MALFORMED);
	reply(card, hdr, &error, CMSG_RC_ERR_MAP_PARSE, sizeof(error));
}

static void handle_slow(struct work_struct *work)
{
	struct nfp_cpp *card = container_of(work, struct nfp_cpp, slow_work);
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&card->slow_messages))) {
		handle(card, skb->data, skb->len);
		kfree_skb(skb);
	}
}

/* A message from the host. Its memory stays the host's. */
void vnfp_cmsg(struct nfp_cpp *card, const void *data, unsigned int len)
{
	const struct nfp_ccm_hdr *hdr = data;
	u8 copy[sizeof(struct cmsg_req_map_op) + 256] __aligned(8);
	struct sk_buff *skb;

	take_time(card);
	if (len < sizeof(*hdr) || len > sizeof(copy) || hdr->ver != NFP_CCM_ABI_VERSION) {
		vnfp_count(card, VNFP_STAT_MALFORMED);
		return;
	}

	if (hdr->type == NFP_CCM_TYPE_BPF_MAP_ALLOC || hdr->type == NFP_CCM_TYPE_BPF_MAP_FREE) {
		skb = alloc_skb(len, GFP_ATOMIC);
		if (!skb)
			return;
		skb_put_data(skb, data, len);
		skb_queue_tail(&card->slow_messages, skb);
		schedule_work(&card->slow_work);
		return;
	}

	memcpy(copy, data, len);
	handle(card, copy, len);
}

/* An event of a program on @port: the packet's first bytes and its data. */
int vnfp_cmsg_event(struct nfp_cpp *card, unsigned int port, u32 map_id, u32 cpu, const u8 *packet, u32 packet_len,
		    const u8 *data, u32 data_len)
{
	const __be32 meta[] = {cpu_to_be32(NFP_NET_META_PORTID), cpu_to_be32(NFP_META_PORT_ID_CTRL)};
	u32 packet_room = round_up(packet_len, 4);
	struct cmsg_bpf_event *event;
	u32 len = sizeof(*event) + packet_room + data_len;
	int err;

	if (packet_len > VNFP_MESSAGE_MAX || data_len > VNFP_MESSAGE_MAX)
		return -E2BIG;
	event = kzalloc(len, GFP_KERNEL);
	if (!event)
		return -ENOMEM;

	event->hdr.type = NFP_CCM_TYPE_BPF_BPF_EVENT;
	event->hdr.ver = NFP_CCM_ABI_VERSION;
	event->cpu_id = cpu_to_be32(cpu);
	event->map_ptr = cpu_to_be64(map_id);
	event->data_size = cpu_to_be32(data_len);
	event->pkt_size = cpu_to_be32(packet_len);
	memcpy(event->data, packet, packet_len);
	memcpy(event->data + packet_room, data, data_len);

	if (card->profile.event_max_bytes && packet_len + data_len > card->profile.event_max_bytes)
		err = -EMSGSIZE;
	else if (card->profile.events_on_data_queues)
		err = vnfp_deliver(card, &card->vnic[port], 0, meta, sizeof(meta), event, len);
	else
		err = vnfp_deliver(card, vnfp_control_vnic(card), 0, NULL, 0, event, len);
	kfree(event);

	vnfp_count(card, err ? VNFP_STAT_EVENTS_LOST : VNFP_STAT_EVENTS);
	return err;
}

int vnfp_cmsg_init(struct nfp_cpp *card)
{
	card->writes = kvcalloc(VNFP_WRITES_KEPT, sizeof(*card->writes), GFP_KERNEL);
	if (!card->writes)
		return -ENOMEM;
	spin_lock_init(&card->maps_lock);
	INIT_LIST_HEAD(&card->maps);
	skb_queue_head_init(&card->slow_messages);
	INIT_WORK(&card->slow_work, handle_slow);
	return 0;
}

void vnfp_cmsg_stop(struct nfp_cpp *card)
{
	cancel_work_sync(&card->slow_work);
	skb_queue_purge(&card->slow_messages);
	kvfree(card->writes);
}
