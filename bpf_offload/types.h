/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layouts that the programs on the card and the host share: of every map's value and of an event. Words are in the
 * machine's order, unless their name says be. Every 32-bit word has one writer (docs/architecture.md). */
#ifndef NICSENTRY_TYPES_H
#define NICSENTRY_TYPES_H

#include <linux/types.h>

#ifdef __cplusplus
#define NICSENTRY_STATIC_ASSERT static_assert
#else
#define NICSENTRY_STATIC_ASSERT _Static_assert
#endif

/* Marks a function that both sides share. */
#define NICSENTRY_INLINE static inline __attribute__((always_inline))

/* The number of the contract between programs and host. Raise it with every change of a map's layout, of a word's
 * meaning, or of what an event holds. A test build may choose another number and name. */
#ifndef PROGRAM_ABI
#define PROGRAM_ABI 4
#endif

/* The kernel's name of the map `control`: it carries the number, so that the host reads it off a loaded program
 * (docs/decisions/0032-the-abi-number-in-a-map-name.md). The kernel keeps 15 characters. */
#define NICSENTRY_JOIN(name, number) name##number
#define NICSENTRY_JOIN_VALUE(name, number) NICSENTRY_JOIN(name, number)
#ifndef CONTROL_MAP
#define CONTROL_MAP NICSENTRY_JOIN_VALUE(nicsentry_abi, PROGRAM_ABI)
#endif
#define NICSENTRY_QUOTE(text) #text
#define NICSENTRY_QUOTE_VALUE(text) NICSENTRY_QUOTE(text)
#define CONTROL_MAP_NAME NICSENTRY_QUOTE_VALUE(CONTROL_MAP)

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

/* Bits 23..26: of dropped packets of unknown sessions 2^-n of that share are sent; on the card none. */
#define CONFIG_DROPPED_SHIFT 23
#define CONFIG_DROPPED_MASK 0xfu

/* VLAN ids are part of a session's name: packets of different VLANs are of different sessions. Programs on a card know
 * the bit if they were built for it (HAS_VLANS). */
#define CONFIG_VLANS (1u << 27)

/* --- sessions: array[2^bucket bits]; written by the host, read by the card --------------------------------------- */

#define SLOTS_PER_BUCKET 2

struct session_slot {
	__u32 fingerprint[4]; /* hash A low word, high word; hash B low word, high word */
	__u32 counter;        /* id of the session's counters */
	__u32 state;          /* SLOT_*; 0 is an empty slot */
	__u32 muted_epoch;    /* no events of the session while control.epoch has this value */
};

#define SLOT_VALID 1u
/* The state of a session's packets for rules (STATE_*): two bits for those from the lower end, two from the higher.
 */
#define SLOT_STATE_SHIFT 1
#define SLOT_STATE_BITS 2
#define STATE_MASK 3u

/* Connection states, as rules name them. */
#define STATE_NEW 0u
#define STATE_ESTABLISHED 1u
#define STATE_RELATED 2u
#define STATE_INVALID 3u
/* The state of a later fragment, with FACT_NO_HEADER: rules are asked before it is taken for established. */
#define STATE_LATER_FRAGMENT STATE_RELATED
/* In the slot of a TCP session, for programs on the host: it is closed. A SYN is NEW, all else ESTABLISHED. */
#define STATE_CLOSED STATE_RELATED
#define STATES 4u

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

/* Why a packet is not counted on any session: rows TOTALS_SHARDS + cause. The last four leave rules nothing to judge
 * by (FACT_UNJUDGED). */
enum not_understood {
	CAUSE_NOT_IP,         /* neither IPv4 nor IPv6 after the Ethernet header and its tags */
	CAUSE_LATER_FRAGMENT, /* a fragment after the first has no ports */
	CAUSE_PROTOCOL,       /* a transport protocol that this program does not track */
	CAUSE_VLAN_DEPTH,     /* more VLAN tags than the program walks: 2 on the card, 8 on the host */
	CAUSE_TRUNCATED,      /* the frame ends before its headers do, or before its IP length says */
	CAUSE_MALFORMED,      /* lengths of a header contradict each other; TCP flags in no first fragment */
	CAUSE_EXTENSIONS,     /* more IPv6 extension headers than the program walks, or too long ones */
	CAUSES
};

#define TOTALS_ROWS (TOTALS_SHARDS + CAUSES)
/* Programs on the host have one more: of copies that are left out. */
#define TOTALS_COPIES TOTALS_ROWS
#define TOTALS_ROWS_HOST (TOTALS_ROWS + 1)

/* Packets and bytes lie as far apart as in session_counters: the program adds to either at one place. */
struct totals_row {
	__u64 packets;        /* shards: of unknown sessions; causes: of that cause */
	__u64 events_unknown; /* shards: sent as events, of unknown sessions */
	__u64 bytes;          /* IP total length where it was good; else the frame without Ethernet header and tags */
	__u64 events_known;   /* shards: sent as events, of known sessions; causes: for the log */
};

/* --- records: perf event array ---------------------------------------------------------------------------------- */

#define EVENT_UNKNOWN 0xffffffffu
#define EVENT_NO_SESSION 0xfffffffeu /* a packet that was not understood, for the log */

/* An event is this header and the packet's first bytes as they are: EVENT_PACKET_BYTES or the whole frame, more only
 * where extension headers push the transport header beyond. */
struct event_header {
	__u32 epoch;           /* control.epoch that the packet saw */
	__u32 counter;         /* its session's counters, EVENT_UNKNOWN or EVENT_NO_SESSION */
	__u32 bytes;           /* IP total length, of all segments together */
	__u16 segments;        /* packets that this one becomes on the wire; 1 on XDP */
	__u16 segment_payload; /* transport payload of each segment but the last; 0 where there is one segment */
	__u32 verdict; /* ACTION_* of the action; EVENT_TAG and the id of a VLAN tag that is not in the packet */
	__u32 action;  /* the element of rule_actions that decided; 0: no firewall is in force */
};

/* In `verdict`: the kernel keeps the packet's outermost tag beside it, and its VLAN id is in the bits from
 * EVENT_TAG_SHIFT on. */
#define EVENT_TAG_SHIFT 16
#define EVENT_TAG (1u << 28)

#define EVENT_PACKET_BYTES 128
/* No transport header that ends beyond this offset from the IP header is read (CAUSE_EXTENSIONS). */
#define PACKET_WALK_BYTES 492

#define VLAN_ID_MASK 0xfffu

/* How many VLAN tags and IPv6 extension headers the walk steps over. */
#define VLAN_TAGS_MAX_CARD 2
#define VLAN_TAGS_MAX_HOST 8
#define EXTENSIONS_MAX_CARD 4
#define EXTENSIONS_MAX_HOST 8

/* --- fw_control: array[1]; written by the host, read by the card ------------------------------------------------- */

#define FIREWALL_KEYS 4

/* All zero: everything passes. Each word takes effect by itself. */
struct fw_config {
	__u32 config;              /* FIREWALL_*: one write switches all rules */
	__u32 buckets;             /* of set_addresses; 0: no set holds a single address */
	__u32 keys[FIREWALL_KEYS]; /* secret keys of the hash that places single addresses */
	__u32 set_roots[2];        /* of the prefixes of address sets, IPv4 and IPv6: interval_nodes */
};

#define FIREWALL_ON (1u << 0)
#define FIREWALL_BANK (1u << 1) /* the bank of rules in force */

/* --- rule_banks: array[2 x 2], index = bank x 2 + (1 for IPv6); written by the host while the bank is idle -------- */

/* The trees for one end of a packet. Roots are ways (see interval_nodes). */
struct rule_end {
	__u32 set_rows;  /* row of set class 0; 0: no rule asks for sets of this end */
	__u32 addresses; /* root: addresses that rules write out */
	__u32 ports;     /* root; of packets without ports the answer does not matter */
};

/* The far end of a packet is who sent it on ingress, whom it goes to on egress. */
struct rule_bank {
	__u32 config;       /* BANK_* */
	__u32 established;  /* packets of this state are accepted before rules; STATES: of none; BANK_LIMITS */
	__u32 rows;         /* of rule_bits in each chunk; 0: no rules */
	__u32 first_bits;   /* element of row 0 in the summaries */
	__u32 first_action; /* element of rule_actions that the bank's begin at */
	__u32 facts_root;   /* root: facts_key() */
	struct rule_end remote;
	struct rule_end local;
/* A test build of an older number has its layout. */
#if PROGRAM_ABI >= 3
	__u32 unjudged; /* FACT_UNJUDGED: such packets get the action of their cause; 0: rules judge them */
	__u32 non_ip;   /* root: EtherTypes; leaf 1 passes; 0: all do. Only programs on the host ask it */
#endif
};

#define BANK_REMOTE_IS_DESTINATION (1u << 0)
/* In `established`, beside the state, so that no packet's state equals it: a rule of the bank limits, and its last row
 * matches every packet. */
#define BANK_LIMITS (1u << 8)
/* A rule asks for a field that only programs on the host read: FIELD_*, or the type and code of ICMP. Those on the card
 * do not look at this bit: the host gives them no such rules. */
#define BANK_ASKS_FIELDS (1u << 1)
/* From this bit on, with BANK_ASKS_FIELDS: the element of interval_nodes whose next[FIELD_*] are the roots. */
#define BANK_FIELDS_SHIFT 2

enum host_field {
	FIELD_LENGTH, /* of the packet on the wire, IP header included */
	FIELD_DSCP,
	FIELD_TTL,  /* IPv6: the hop limit */
	FIELD_VLAN, /* of the outermost tag that names one */
	HOST_FIELDS
};

#define FIELD_LENGTH_MOST 0xffffu  /* the key of longer packets, too */
#define FIELD_LENGTH_NONE 0x10000u /* the key of packets whose length is not known */
#define FIELD_VLAN_NONE 0x1000u    /* the key of packets without a tag */
/* ICMP's type and code are the keys of both roots of ports: no packet has both. */
#define ICMP_KEY_TYPE_SHIFT 8

/* --- interval_nodes: array; written by the host, read by the card ------------------------------------------------- */

#define NODE_KEYS 4

/* Node of a search tree over intervals: the way is next[0], xored with every next[i + 1] whose key[i] is not above the
 * key. Keys are sorted; an unused one has a next of 0. A way is the index of a node, or a leaf. */
struct interval_node {
	__u64 key[NODE_KEYS]; /* host order; of an IPv6 address the higher half, or below INTERVAL_LOW the lower one */
	__u32 next[NODE_KEYS + 1];
	__u32 reserved;
};

#define INTERVAL_LEAF (1u << 31) /* the lower bits are the interval's value: a row of rule_bits, or a SET_* word */
#define INTERVAL_LOW (1u << 30)  /* the lower bits are a node over the lower half of the IPv6 address */
#define INTERVAL_VALUE 0x3fffffffu
#define INTERVAL_STEPS 20 /* nodes on the longest way, both halves of an IPv6 address together */

/* --- rule_bits: array; written by the host while the bank is idle ------------------------------------------------- */

/* A bit a rule. Chunk c of a row is element first_bits + (c + 1) x rows + row; chunk -1 is the row's summary, whose
 * word 0 has a bit for each chunk that is not all zero. Row 0 has all bits: that of fields no rule asks for. */
#define CHUNK_WORDS 3
#define RULES_PER_CHUNK 192 /* 64 x CHUNK_WORDS */
#define CHUNKS_MAX 28       /* at most 32, bits of a summary */
#define RULE_ROWS_MAX 5376  /* RULES_PER_CHUNK x CHUNKS_MAX */
#define FIELDS 7            /* sets, addresses and ports of either end, misc */

struct rule_chunk {
	__u64 bits[CHUNK_WORDS];
};

/* --- rule_actions: array[2 x ACTION_ROWS], a bank's first; written by the host while the bank is idle --------------
 */

#define ACTION_ROWS 8192
#define ACTION_BLOCKED 1
#define ACTION_ESTABLISHED 2
#define ACTION_DEFAULT 3
#define ACTION_DROPPED 4     /* counts what is dropped, for whatever reason */
#define ACTION_NON_IP 5      /* frames that are no IP, and whose EtherType the chain does not let pass */
#define ACTION_UNJUDGED 7    /* plus enum not_understood plus 1: packets that no rule is asked about, by cause */
#define ACTION_FIRST_RULE 16 /* that of bit 0 of the rows; behind the last rule's those that only count */

struct rule_action {
	__u32 config;  /* ACTION_* */
	__u32 counter; /* id of its rule_counters */
	__u32 also;    /* the index of another action to count for; 0 is none */
};

#define ACTION_DROP (1u << 0)
#define ACTION_LOG (1u << 1)
/* From bit 8 on: the number of the rule's limit, plus 1; the action is that of packets beyond its rate. 0: none */
#define ACTION_LIMIT_SHIFT 8
#define ACTION_LIMIT_MASK 0xffu
#define ACTIONS_CHAINED 8 /* the longest chain */

/* --- rule_counters: array[2 x RULE_COUNTERS], index = id x 2 + half; added to by the card, read by the host ---------
 */

#define COUNTER_DROPPED 0 /* of all that was dropped */
#define COUNTER_BLOCKED 1
#define COUNTER_ESTABLISHED 2
#define COUNTER_DEFAULT 3
#define COUNTER_NON_IP 5
#define COUNTER_UNJUDGED 7 /* plus enum not_understood plus 1 */
#define COUNTER_FIRST_RULE 16
#define RULE_COUNTERS 16384

struct rule_counter {
	__u64 packets;
	__u64 bytes; /* IP total length; of frames that are not understood as in totals */
};

/* --- set_addresses: array, found by a keyed hash of the address, one half of which rotated is the place's second one;
 * written by the host, read by the card --------------------------------------------------------------------------- */

#define ADDRESSES_PER_BUCKET 3

/* An address in host order, in two halves. An IPv4 address is the lower one, and the higher one IPV4_HIGH: that of
 * multicast addresses whose flags and scope are reserved (RFC 4291, 2.7), so that no valid IPv6 address equals it. */
struct address {
	__u64 high;
	__u64 low;
};

#define IPV4_HIGH (~0ull)

struct address_bucket {
	struct address address[ADDRESSES_PER_BUCKET];
	__u16 sets[ADDRESSES_PER_BUCKET]; /* SET_*; 0 is an empty place */
	__u16 reserved;
};

#define SET_CLASS_MASK 0x1ffu /* which sets an address is in: a class of the host's; 0 is none */
#define SET_CLASSES 512
#define SET_BLOCKED (1u << 15) /* the address is in the set `blocked`, and not in `allowed` */

/* --- limits: array[2 x LIMITS x 2], index = (bank x LIMITS + number) x 2 + (1 for IPv6); written by the host while the
 * bank is idle; not on the card ----------------------------------------------------------------------------------- */

#define LIMITS 16 /* rules of a chain that limit */

/* Times of limits are in 2^-6 ns since boot, which wraps after 9 years. A time that is not within 2^58 of them (52
 * days) ahead has passed. The host allows no cost and no room of more than a day. */
#define LIMIT_TIME_SHIFT 6
#define LIMIT_AHEAD_BITS 58

/* A rule's rate, as the time that each packet or byte takes (GCRA, ITU-T I.371). */
struct limit {
	__u64 cost; /* of a packet or byte, in 2^-16 ns */
	__u64 room; /* how far ahead a bucket's time may be: the burst's cost */
	__u64 high; /* which bits of an address name a bucket; of IPv4 the lower 32 of `low` */
	__u64 low;
	__u32 most;        /* packets or bytes that are charged at once, at most: those of a day */
	__u32 config;      /* LIMIT_* */
	__u32 next;        /* the first row behind the rule's */
	__u32 established; /* the bank's action for established packets beyond the rate: no rule counts them */
	__u32 serial;      /* of its buckets, in `limited` */
	__u32 reserved;
};

#define LIMIT_BYTES (1u << 0) /* the rate is of bytes */
#define LIMIT_LOCAL (1u << 1) /* a bucket for each local address; else for each remote one */
#define LIMIT_COST_SHIFT 10   /* from 2^-16 ns to the unit of times */

/* --- limit_tables: array of maps[2 x LIMITS], index = bank x LIMITS + number; put there by the host. Each is an
 * array[LIMIT_SETS], written by the program with atomic operations ------------------------------------------------- */

#define LIMIT_SETS_BITS 16
#define LIMIT_SETS (1u << LIMIT_SETS_BITS)
#define LIMIT_WAYS 4

/* A bucket is full, and anybody's, once its time has passed. The owner is a hash of the address: it only says which
 * bucket an address has. */
struct limit_buckets {
	__u64 times[LIMIT_WAYS];
	__u32 owners[LIMIT_WAYS];
};

/* --- limited: LRU hash[LIMITED_MOST]; written by the program, read by the host; not on the card. Which addresses were
 * beyond a rate; the host may miss some that other addresses pushed out ------------------------------------------- */

#define LIMITED_MOST 16384

struct limited_key {
	__u64 high; /* of the address, without the bits that name no bucket: both 0 where the rule has one */
	__u64 low;
	__u32 serial;
	__u32 reserved;
};

struct limited_count {
	__u64 packets;
	__u64 bytes;
	__u64 last_ns; /* since boot */
};

/* --- answers: array of 64-bit words (expectations.h); not on the card --- */

/* Written and read by all programs of a run. Times in it are by CLOCK_MONOTONIC. */

#define ANSWERS 65536
/* A session's name is of 64 bits: a hash of either half of its fingerprint (identify()). Modulo ANSWERS it is the
 * element's index, and from this bit on it stands in the element. */
#define ANSWER_PRINT_SHIFT 34

/* --- switches: read-only data of programs on the host; not on the card ------------------------------------------- */

struct switches {
	__u32 count_hits; /* of the entries of address sets */
	__u32 copies;     /* COPIES_* */
};

#define COPIES_COUNTED 0u
#define COPIES_NOTED 1u    /* packets are noted where they come in */
#define COPIES_LEFT_OUT 2u /* those that leave and are noted are counted as copies only */

/* --- recent: array[NOTE_SETS]; written and read by all programs of a run; not on the card ------------------------ */

#define NOTE_SETS_BITS 14
#define NOTE_SETS (1u << NOTE_SETS_BITS)
#define NOTE_WAYS 4
/* A note holds for so many times 2^20 ns: a packet's way through the host takes as long as the host is busy. */
#define NOTE_AGE_MAX 95u

struct notes {
	__u64 note[NOTE_WAYS]; /* copies.h */
};

/* --- hits: hit_sets: array[2 x HIT_PLACES x SET_CLASSES], index = (bank x HIT_PLACES + HIT_*) x SET_CLASSES + class:
 * a bit for each set whose entry counts; hit_names: array[2 x HIT_NAMES], index = bank x HIT_NAMES + bit: the set's
 * name; hit_addresses: hash table, hit_prefixes: longest-prefix trie, of struct rule_counter. Not on the card -------
 */

#define HIT_UNASKED 0 /* the remote end of an established packet: `blocked`, or `allowed` where it saves from that */
#define HIT_REMOTE 1  /* the remote end of another packet: also the sets that rules ask for, unless it is blocked */
#define HIT_LOCAL 2   /* the local end of a packet that rules are asked about: the sets that they ask for there */
#define HIT_PLACES 3
#define HIT_NAMES 64

/* An entry, or a packet's address with its longest prefix. A trie has the value right behind the bytes after `prefix`,
 * without a gap: as many as are a multiple of 8. An addition to a word across two cache lines takes 1,000 times longer,
 * and processors that detect it stop the kernel. */
struct hit_key {
	__u32 prefix;     /* bits of what follows */
	__u32 name;       /* a number for the set's name; its lowest bit is the family's */
	__u32 address[4]; /* as in a packet; an IPv4 address, then zeros */
	__u32 zero;
};

#define HIT_NAME_BITS 32
/* Packets in the lower half of a word, bytes in the upper one. */
#define AMOUNT_BYTES_SHIFT 32

/* --- sizes of an object as it is built; the controller may change them at load ----------------------------------- */

#define DEFAULT_SESSIONS 65536
#define DEFAULT_BUCKET_BITS 16
/* Two banks of room for 5,000 rules of mixed fields; two halves of prefixes of sets; 1,000,000 single addresses. Two
 * ports of one card together have to stay below its 3,072,000 elements. */
#define DEFAULT_RULE_BITS (2 * 393216)
#define DEFAULT_INTERVAL_NODES (2 * 13312 + 2 * 39936)
#define DEFAULT_ADDRESS_BUCKETS 393216

NICSENTRY_STATIC_ASSERT(sizeof(struct control) <= NICSENTRY_MAX_VALUE, "control fits a map element of the card");
NICSENTRY_STATIC_ASSERT(sizeof(struct session_slot) == 28, "a slot has no padding");
NICSENTRY_STATIC_ASSERT(sizeof(struct session_bucket) == NICSENTRY_MAX_VALUE,
			"a bucket fills a map element of the card");
NICSENTRY_STATIC_ASSERT(sizeof(struct session_counters) == 32, "counters have no padding");
NICSENTRY_STATIC_ASSERT(sizeof(struct totals_row) == 32, "a row has no padding");
NICSENTRY_STATIC_ASSERT(__builtin_offsetof(struct session_counters, packets) ==
					__builtin_offsetof(struct totals_row, packets) &&
				__builtin_offsetof(struct session_counters, bytes) ==
					__builtin_offsetof(struct totals_row, bytes),
			"count_packet() adds to a row as to a session's first direction");
NICSENTRY_STATIC_ASSERT(__builtin_offsetof(struct totals_row, events_known) >
					__builtin_offsetof(struct totals_row, events_unknown) &&
				sizeof(((struct totals_row *)0)->events_known) ==
					sizeof(((struct totals_row *)0)->events_unknown),
			"analyze() moves from one count of events to the other");
NICSENTRY_STATIC_ASSERT(EVENT_NO_SESSION < EVENT_UNKNOWN, "a smaller number is the id of counters");
NICSENTRY_STATIC_ASSERT(sizeof(struct fw_config) <= NICSENTRY_MAX_VALUE, "fw_config fits a map element of the card");
NICSENTRY_STATIC_ASSERT(sizeof(struct rule_bank) <= NICSENTRY_MAX_VALUE, "a bank fits a map element of the card");
NICSENTRY_STATIC_ASSERT(sizeof(struct interval_node) == NICSENTRY_MAX_VALUE, "a node fills a map element of the card");
NICSENTRY_STATIC_ASSERT(HOST_FIELDS <= NODE_KEYS, "an element has room for the roots of all fields");
NICSENTRY_STATIC_ASSERT(DEFAULT_INTERVAL_NODES < 1u << (32 - BANK_FIELDS_SHIFT), "a bank names any element");
NICSENTRY_STATIC_ASSERT(RULES_PER_CHUNK == 64 * CHUNK_WORDS && RULE_ROWS_MAX == RULES_PER_CHUNK * CHUNKS_MAX,
			"sizes of chunks agree");
NICSENTRY_STATIC_ASSERT(CHUNKS_MAX <= 32, "a summary's word is read as 32 bits");
NICSENTRY_STATIC_ASSERT(sizeof(struct address_bucket) == NICSENTRY_MAX_VALUE,
			"a bucket fills a map element of the card");
NICSENTRY_STATIC_ASSERT(ACTION_UNJUDGED + CAUSES < ACTION_FIRST_RULE && COUNTER_UNJUDGED + CAUSES < COUNTER_FIRST_RULE,
			"each cause has an action and a counter");
NICSENTRY_STATIC_ASSERT(LIMITS < ACTION_LIMIT_MASK, "each limit has a number");
NICSENTRY_STATIC_ASSERT(sizeof(struct limit) == 56 && sizeof(struct limit_buckets) == 48, "limits have no padding");
NICSENTRY_STATIC_ASSERT(sizeof(struct hit_key) == 28 && HIT_NAMES == 64, "a key has no padding, a word a bit a set");
NICSENTRY_STATIC_ASSERT((sizeof(struct hit_key) - sizeof(__u32)) % sizeof(__u64) == 0,
			"a trie's values are at multiples of 8, behind the bytes of the key");
NICSENTRY_STATIC_ASSERT(2 * LIMIT_SETS_BITS <= 32, "either set of an address has bits of its hash for itself");
NICSENTRY_STATIC_ASSERT(sizeof(struct event_header) == 24, "an event's header has no padding");

#endif
