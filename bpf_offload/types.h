/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs on the card and the host share: the layout of every map's value and of an event. Words are in the
 * machine's order, unless their name says be. Every 32-bit word has one writer (docs/architecture.md). */
#ifndef NICSENTRY_TYPES_H
#define NICSENTRY_TYPES_H

#include <linux/types.h>

#ifdef __cplusplus
#define NICSENTRY_STATIC_ASSERT static_assert
#else
#define NICSENTRY_STATIC_ASSERT _Static_assert
#endif

/* The card takes at most 64 bytes of key and value together; an array's key is 4, rounded up to 8. */
#define NICSENTRY_MAX_VALUE 56

/* --- control: array[1]; written by the host, read by the card --------------------------------------------------- */

#define CONTROL_KEYS 12

/* All zero: the program passes everything, emits nothing, counts totals. */
struct control {
	__u32 epoch;              /* number of the window, from 1; its lowest bit is the half in use */
	__u32 config;             /* CONFIG_* */
	__u32 keys[CONTROL_KEYS]; /* secret keys of the fingerprint */
};

/* Bits 0..15 of config: of 65,536 packets of unknown sessions, how many are sent as events; the highest value is all.
 */
#define CONFIG_SHARE_MASK 0xffffu
#define CONFIG_SHARE_ALL 0xffffu
/* Bits 16..20: the session table has 2^bits buckets. */
#define CONFIG_BUCKET_BITS_SHIFT 16
#define CONFIG_BUCKET_BITS_MASK 0x1fu
/* Packets of known sessions are sent as events until their session is muted. */
#define CONFIG_CAPTURE_KNOWN (1u << 21)
/* The program may see only the first part of a frame (XDP multi-buffer): do not hold the IP length against the frame's.
 */
#define CONFIG_PARTIAL_FRAMES (1u << 22)
/* Bits 24..31 belong to the firewall: active rule banks. */

/* --- sessions: array[2^bucket bits]; written by the host, read by the card --------------------------------------- */

#define SLOTS_PER_BUCKET 2

struct session_slot {
	__u32 fingerprint[4]; /* hash A low word, high word; hash B low word, high word */
	__u32 counter;        /* id of the session's counters */
	__u32 state;          /* SLOT_*; 0 is an empty slot */
	__u32 muted_epoch;    /* no events of the session while control.epoch has this value */
};

#define SLOT_VALID 1u

struct session_bucket {
	struct session_slot slot[SLOTS_PER_BUCKET];
};

/* --- counters: array[2 x N], index = counter id x 2 + half; added to by the card, read by the host --------------- */

struct session_counters {
	__u64 packets[2]; /* [0] sent by the lower end of the session's key, [1] by the higher */
	__u64 bytes[2];   /* IP total length */
};

/* --- totals: array[2 x TOTALS_ROWS], index = row x 2 + half; added to by the card, read by the host -------------- */

/* Packets of unknown sessions are spread over shards by their fingerprint, against contention for one word. */
#define TOTALS_SHARDS 8

/* Why a packet is not counted on any session: rows TOTALS_SHARDS + cause. */
enum not_understood {
	CAUSE_NOT_IP,         /* neither IPv4 nor IPv6 after the Ethernet header and its tags */
	CAUSE_VLAN_DEPTH,     /* more than two VLAN tags */
	CAUSE_TRUNCATED,      /* the frame ends before its headers do, or before its IP length says */
	CAUSE_MALFORMED,      /* version or lengths of a header contradict each other */
	CAUSE_LATER_FRAGMENT, /* a fragment after the first has no ports */
	CAUSE_PROTOCOL,       /* a transport protocol that this program does not track */
	CAUSE_EXTENSIONS,     /* more IPv6 extension headers than the program walks, or too long ones */
	CAUSES
};

#define TOTALS_ROWS (TOTALS_SHARDS + CAUSES)

struct totals_row {
	__u64 packets;        /* shards: of unknown sessions; causes: of that cause */
	__u64 bytes;          /* IP total length where it was good; else the frame without Ethernet header and tags */
	__u64 events_unknown; /* sent as events, of unknown sessions (shards only) */
	__u64 events_known;   /* sent as events, of known sessions (shards only) */
};

/* --- records: perf event array ---------------------------------------------------------------------------------- */

#define EVENT_UNKNOWN 0xffffffffu

/* An event is this header and the packet's first bytes as they are: EVENT_PACKET_BYTES or the whole frame, more only
 * where extension headers push the transport header beyond. */
struct event_header {
	__u32 epoch;           /* control.epoch that the packet saw */
	__u32 counter;         /* its session's counters, or EVENT_UNKNOWN */
	__u32 bytes;           /* IP total length, of all segments together */
	__u16 segments;        /* packets that this one becomes on the wire; 1 on XDP */
	__u16 segment_payload; /* transport payload of each segment but the last; 0 where there is one segment */
};

#define EVENT_PACKET_BYTES 128
/* No transport header that ends beyond this offset in the frame is read (CAUSE_EXTENSIONS). */
#define PACKET_WALK_BYTES 512

/* --- sizes of an object as it is built; the controller may change them at load ----------------------------------- */

#define DEFAULT_SESSIONS 65536
#define DEFAULT_BUCKET_BITS 16

NICSENTRY_STATIC_ASSERT(sizeof(struct control) <= NICSENTRY_MAX_VALUE, "control fits a map element of the card");
NICSENTRY_STATIC_ASSERT(sizeof(struct session_slot) == 28, "a slot has no padding");
NICSENTRY_STATIC_ASSERT(sizeof(struct session_bucket) == NICSENTRY_MAX_VALUE,
			"a bucket fills a map element of the card");
NICSENTRY_STATIC_ASSERT(sizeof(struct session_counters) == 32, "counters have no padding");
NICSENTRY_STATIC_ASSERT(sizeof(struct totals_row) == 32, "a row has no padding");
NICSENTRY_STATIC_ASSERT(sizeof(struct event_header) == 16, "an event's header has no padding");

#endif
