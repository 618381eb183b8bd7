/* SPDX-License-Identifier: GPL-2.0-only */
/* The search for the first rule that matches. Each field of the packet has given a row of bits, a bit a rule; the rule
 * is the first bit that all rows have. No step depends on how many rules there are but the number of chunks, of which a
 * summary tells beforehand those that need no look. */
#ifndef NICSENTRY_RULES_H
#define NICSENTRY_RULES_H

#include "maps.h"
#include "opaque.h"

#define NO_RULE 0xffffffffu

/* Turns eight fields of 16 bits by one. */
static __always_inline void turn(__u64 *rows, __u64 *more_rows)
{
	__u64 lowest = *rows << 48;

	*rows = *rows >> 16 | *more_rows << 48;
	*more_rows = *more_rows >> 16 | lowest;
}

/* The number of the lowest bit, of which there is one. Steps whose number is not known beforehand: short on the card,
 * and the verifier sees from the shrinking word that they end. */
static __always_inline __u32 lowest_bit(__u64 word)
{
	__u32 number = 0, byte;

	do {
		if (word & 0xff)
			break;
		number += 8;
		word >>= 8;
	} while (word);
	byte = word & 0xff;
	barrier_word(byte);
	do {
		if (byte & 1)
			break;
		number++;
		byte >>= 1;
	} while (byte);
	return number;
}

/* Clears the bits below number `from` of a word whose lowest bit has number `base`. */
static __always_inline __u64 bits_from(__u64 word, __u32 base, __u32 from)
{
	__u32 skip = from - base;

	if (from <= base)
		return word;
	return skip < 64 ? word >> skip << skip : 0;
}

/* `rows` and `more_rows`: 16 bits a field, four and three of them; row 0, of fields that no rule asks for, is not
 * looked up. `first`: element of row 0 in the summaries; `stride`: to that in the next chunk; `field_rows`: FIELD_*, 16
 * bits each, only on the host. Returns the first rule's bit that is not below `from`, or NO_RULE. */
static __always_inline __u32 search_rule(__u64 rows, __u64 more_rows, __u32 first, __u32 stride, __u64 field_rows,
					 __u32 from)
{
	__u32 rule = -(__u32)RULES_PER_CHUNK;
	__u32 chunks = 1; /* the summary, then from the lowest bit on the chunks that it names */

	for (; chunks; chunks >>= 1, first += stride, rule += RULES_PER_CHUNK) {
		__u64 b0 = ~0ull, b1 = ~0ull, b2 = ~0ull;
		__u32 i;

		if (!(chunks & 1))
			continue;
#pragma clang loop unroll(disable)
		for (i = FIELDS + 1; i; i--) {
			__u32 index = rows & 0xffff;

			turn(&rows, &more_rows);
			if (index) {
				const struct rule_chunk *row;

				index += first;
				row = bpf_map_lookup_elem(&rule_bits, &index);
				if (!row)
					return NO_RULE;
				b0 &= row->bits[0];
				b1 &= row->bits[1];
				b2 &= row->bits[2];
			}
		}
#if ON_HOST
		if (field_rows) {
#pragma clang loop unroll(disable)
			for (i = HOST_FIELDS; i; i--) {
				const struct rule_chunk *row;
				__u32 index = field_rows & 0xffff;

				field_rows = field_rows >> 16 | field_rows << 48;
				if (!index)
					continue;
				index += first;
				row = bpf_map_lookup_elem(&rule_bits, &index);
				if (!row)
					return NO_RULE;
				b0 &= row->bits[0];
				b1 &= row->bits[1];
				b2 &= row->bits[2];
			}
		}
#endif
		if (rule == -(__u32)RULES_PER_CHUNK) {
			chunks = (__u32)b0 << 1;
			continue;
		}
		if (HAS_LIMITS && from) {
			b0 = bits_from(b0, rule, from);
			b1 = bits_from(b1, rule + 64, from);
			b2 = bits_from(b2, rule + 128, from);
		}
		if (!(b0 | b1 | b2))
			continue;
		barrier_word(rule);
		if (!b0) {
			b0 = b1;
			rule += 64;
			barrier_var(b0);
			if (!b0) {
				b0 = b2;
				rule += 64;
			}
		}
		return rule + lowest_bit(b0);
	}
	return NO_RULE;
}

/* Global, see find_interval(). */
#if ON_HOST
__noinline __u32 find_rule(__u64 rows, __u64 more_rows, __u32 first, __u32 stride, __u64 field_rows)
{
	return search_rule(rows, more_rows, first, stride, field_rows, 0);
}
#else
__noinline __u32 find_rule(__u64 rows, __u64 more_rows, __u32 first, __u32 stride)
{
	return search_rule(rows, more_rows, first, stride, 0, 0);
}
#endif

#if HAS_LIMITS

/* What search_rule() takes of a packet. */
struct packet_rows {
	__u64 rows;
	__u64 more_rows;
	__u64 field_rows;
};

/* The same from a bit on. Apart: chains without limits never pay for it. */
__noinline __u32 find_next_rule(const struct packet_rows *of, __u32 first, __u32 stride, __u32 from)
{
	return of ? search_rule(of->rows, of->more_rows, first, stride, of->field_rows, from) : NO_RULE;
}

#endif

#endif
