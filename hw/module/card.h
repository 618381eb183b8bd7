/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual card: what its parts know of each other.
 *
 *  bus.c      what the driver writes to the card arrives here; interrupts
 *  card.c     the card as the driver's probe finds it: areas, symbols
 *  nsp.c      the management processor: ports, versions, loading firmware
 *  profile.c  reads a firmware file, which says what the firmware can do
 *  vnic.c     control BARs, reconfiguration, loading of programs
 *  queues.c   descriptor rings to and from the host
 *  cmsg.c     control messages of the BPF firmware
 *  maps.c     the maps
 *  datapath.c what a test has the card do: count, send events, get packets
 *  debugfs.c  the files by which a test says so
 */
#ifndef VNFP_CARD_H
#define VNFP_CARD_H

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct dentry;
struct pci_dev;
struct seq_file;

#define VNFP_MAX_PORTS 6
#define VNFP_MAX_VNICS (VNFP_MAX_PORTS + 1) /* ports and control */
#define VNFP_MAX_RINGS 8
/* Queues come in fours: transmit, configuration, free list, unused. */
#define VNFP_QUEUE_STRIDE 4
#define VNFP_QUEUES_PER_VNIC (VNFP_QUEUE_STRIDE * VNFP_MAX_RINGS)

#define VNFP_NAME_LEN 32

/* The content of a firmware file, see hw/firmware/agilio-bpf.conf. */
struct vnfp_profile {
	char name[VNFP_NAME_LEN];
	u32 app_id;
	u32 abi_version;
	u32 live_reload;
	u32 program_max;
	u32 stack_bytes;
	u32 inline_mtu;
	u32 map_types;
	u32 max_maps;
	u32 max_elements;
	u32 max_key_bytes;
	u32 max_value_bytes;
	u32 max_element_bytes;
	u32 map_lookup;
	u32 map_update;
	u32 map_delete;
	u32 perf_event_output;
	u32 random;
	u32 queue_select;
	u32 adjust_head;
	u32 adjust_head_flags;
	u32 adjust_head_off_min;
	u32 adjust_head_off_max;
	u32 adjust_head_sub;
	u32 adjust_head_add;
	u32 adjust_tail;
	u32 multi_entry;
	u32 events_on_data_queues;
	u32 event_max_bytes;
	u32 array_filled;
};

struct vnfp_ring {
	u32 rd;
	u32 wr;
};

struct vnfp_vnic {
	u8 *bar;
	unsigned int index;
	bool enabled;
	spinlock_t lock; /* rings */
	struct vnfp_ring tx[VNFP_MAX_RINGS];
	struct vnfp_ring free[VNFP_MAX_RINGS];

	/* The program in the vNIC's code store. */
	u64 *program;
	unsigned int program_len;
	bool program_running;
};

enum vnfp_stat {
	VNFP_STAT_MAP_ALLOC,
	VNFP_STAT_MAP_FREE,
	VNFP_STAT_MAP_LOOKUP,
	VNFP_STAT_MAP_UPDATE,
	VNFP_STAT_MAP_DELETE,
	VNFP_STAT_MAP_GETNEXT,
	VNFP_STAT_MAP_GETFIRST,
	VNFP_STAT_UNKNOWN,
	VNFP_STAT_MALFORMED,
	VNFP_STAT_REFUSED,
	VNFP_STAT_EVENTS,
	VNFP_STAT_EVENTS_LOST,
	VNFP_STAT_PROGRAMS,
	VNFP_STAT_PROGRAM_STARTS,
	VNFP_STAT_PROGRAM_STOPS,
	VNFP_STAT_RECONFIGS,
	VNFP_STAT_PACKETS_TO_WIRE,
	VNFP_STAT_PACKETS_FROM_WIRE,
	VNFP_STAT_COUNT,
};

/* The host's writes to maps, of which the last ones are kept in their order. */
#define VNFP_WRITES_KEPT (1u << 18)

struct vnfp_write {
	u32 tid;
	u32 key; /* of 4 bytes; else their first */
};

struct vnfp_hash_entry;

struct vnfp_map {
	struct list_head list;
	u32 tid;
	u32 type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u32 entries; /* in use; a hash map's only */
	u32 n_slots;
	bool filled;            /* all of an array's elements exist */
	void **slots;           /* chunks of an array, buckets of a hash */
	unsigned long *written; /* elements of an array that exist */
};

/* The driver knows the card as a struct nfp_cpp, after its internal bus. */
struct nfp_cpp {
	struct pci_dev *pdev;
	struct device dev; /* only ever a way to pdev, for messages */
	unsigned int n_ports;
	unsigned long ports_gone;

	bool firmware_loaded;
	struct vnfp_profile profile;
	u8 capabilities[512];
	unsigned int capabilities_len;
	struct debugfs_blob_wrapper capabilities_file;

	u8 *port_bars;
	u8 *control_bar;
	u8 *queues;
	struct vnfp_vnic vnic[VNFP_MAX_VNICS];

	int irq_base;
	int n_irqs;

	spinlock_t maps_lock; /* maps and their values */
	struct list_head maps;
	u32 next_tid;
	u64 elements;
	struct vnfp_write *writes; /* number n is at n modulo VNFP_WRITES_KEPT */
	u64 n_writes;
	struct work_struct slow_work; /* messages that have to sleep */
	struct sk_buff_head slow_messages;

	u32 message_delay_ns;
	u32 fail_messages; /* answer the next so many with an error */
	atomic64_t stats[VNFP_STAT_COUNT];

	struct dentry *debugfs;
};

static inline struct vnfp_vnic *vnfp_control_vnic(struct nfp_cpp *card)
{
	return &card->vnic[card->n_ports];
}

static inline void vnfp_count(struct nfp_cpp *card, enum vnfp_stat stat)
{
	atomic64_inc(&card->stats[stat]);
}

/* card.c */
extern struct nfp_cpp *vnfp_card;
extern unsigned int vnfp_ports;
extern unsigned int vnfp_message_delay_ns;

/* bus.c */
void vnfp_raise(struct nfp_cpp *card, unsigned int entry);

/* profile.c */
int vnfp_profile_parse(struct device *dev, struct vnfp_profile *profile, const u8 *text, size_t len);
unsigned int vnfp_profile_capabilities(const struct vnfp_profile *profile, u8 *out, size_t size);

/* vnic.c */
int vnfp_vnics_init(struct nfp_cpp *card);
void vnfp_vnics_free(struct nfp_cpp *card);
void vnfp_vnics_load(struct nfp_cpp *card);
void vnfp_vnic_reconfig(struct nfp_cpp *card, struct vnfp_vnic *vnic);

/* queues.c */
void vnfp_queue_written(struct nfp_cpp *card, u32 offset, u32 value);
void vnfp_queues_reset(struct nfp_cpp *card, struct vnfp_vnic *vnic);
int vnfp_deliver(struct nfp_cpp *card, struct vnfp_vnic *vnic, unsigned int ring, const void *meta,
		 unsigned int meta_len, const void *data, unsigned int len);

/* cmsg.c */
int vnfp_cmsg_init(struct nfp_cpp *card);
void vnfp_cmsg_stop(struct nfp_cpp *card);
void vnfp_cmsg(struct nfp_cpp *card, const void *data, unsigned int len);
int vnfp_cmsg_event(struct nfp_cpp *card, unsigned int port, u32 map_id, u32 cpu, const u8 *packet, u32 packet_len,
		    const u8 *data, u32 data_len);

void vnfp_show_writes(struct nfp_cpp *card, struct seq_file *file);

/* maps.c: each returns a status of enum nfp_bpf_cmsg_status (bpf/fw.h) */
u32 vnfp_map_alloc(struct nfp_cpp *card, u32 type, u32 key_size, u32 value_size, u32 max_entries, u32 *tid);
u32 vnfp_map_free(struct nfp_cpp *card, u32 tid);
u32 vnfp_map_lookup(struct nfp_cpp *card, u32 tid, const void *key, void *value);
u32 vnfp_map_update(struct nfp_cpp *card, u32 tid, const void *key, const void *value, u64 flags);
u32 vnfp_map_delete(struct nfp_cpp *card, u32 tid, const void *key);
u32 vnfp_map_next(struct nfp_cpp *card, u32 tid, const void *key, void *next_key, void *value);
u32 vnfp_map_add(struct nfp_cpp *card, u32 tid, const void *key, u32 offset, u64 addend, bool is64);
void vnfp_maps_free(struct nfp_cpp *card);
void vnfp_map_sizes(struct nfp_cpp *card, u32 tid, u32 *key, u32 *value);

/* datapath.c: under rtnl_lock, which the driver changes its maps under */
int vnfp_add(struct nfp_cpp *card, u32 map_id, const char *key, u32 offset, u64 addend, u32 bytes);
int vnfp_event(struct nfp_cpp *card, u32 port, u32 map_id, u32 cpu, const char *packet, const char *data);
int vnfp_packet(struct nfp_cpp *card, u32 port, const char *packet);
int vnfp_remove_port(struct nfp_cpp *card, u32 port);
void vnfp_show_maps(struct nfp_cpp *card, struct seq_file *file);

/* debugfs.c */
void vnfp_debugfs_create(struct nfp_cpp *card);
void vnfp_debugfs_remove(struct nfp_cpp *card);

#endif /* VNFP_CARD_H */
