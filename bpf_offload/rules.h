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

/* The number of the first bit of a chunk, in which there is one. `rule`: that of its lowest bit. */
static __always_inline __u32 first_rule(__u32 rule, __u64 b0, __u64 b1, __u64 b2)
{
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

/* `rows` and `more_rows`: 16 bits a field, four and three of them; row 0, of fields that no rule asks for, is not
 * looked up. `first`: element of row 0 in the summaries; `stride`: to that in the next chunk. Returns the rule's bit,
 * or NO_RULE. Global, see find_interval(). */
__noinline __u32 find_rule(__u64 rows, __u64 more_rows, __u32 first, __u32 stride)
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
		if (rule == -(__u32)RULES_PER_CHUNK) {
			chunks = (__u32)b0 << 1;
			continue;
		}
		if (b0 | b1 | b2)
			return first_rule(rule, b0, b1, b2);
	}
	return NO_RULE;
}

#if ON_HOST

/* Clears the bits below number `from` of a word whose lowest bit has number `base`. */
static __always_inline __u64 bits_from(__u64 word, __u32 base, __u32 from)
{
	__u32 skip = from - base;

	if (from <= base)
		return word;
	return skip < 64 ? word >> skip << skip : 0;
}

/* Rows of a packet, 16 bits a field, also of those that only programs on the host read. */
struct packet_rows {
	__u64 rows;
	__u64 more_rows;
	__u64 field_rows; /* FIELD_* */
};

/* Gives the bits of a chunk's rules that match. `first`: element of row 0 there. Returns 0 where an element is missing.
 * Global, see find_interval(). */
__noinline __u32 match_chunk(struct rule_chunk *matched, const struct packet_rows *of, __u32 first)
{
	__u64 b0 = ~0ull, b1 = ~0ull, b2 = ~0ull, rows, more_rows, field_rows;
	__u32 i;

	if (!matched || !of)
		return 0;
	rows = of->rows;
	more_rows = of->more_rows;
	field_rows = of->field_rows;
#pragma clang loop unroll(disable)
	for (i = FIELDS + HOST_FIELDS; i; i--) {
		__u32 index = rows & 0xffff;

		turn(&rows, &more_rows);
		if (i == HOST_FIELDS + 1)
			rows = field_rows;
		if (index) {
			const struct rule_chunk *row;

			index += first;
			row = bpf_map_lookup_elem(&rule_bits, &index);
			if (!row)
				return 0;
			b0 &= row->bits[0];
			b1 &= row->bits[1];
			b2 &= row->bits[2];
		}
	}
	matched->bits[0] = b0;
	matched->bits[1] = b1;
	matched->bits[2] = b2;
	return 1;
}

/* find_rule() with all fields, from bit `from` on. Apart: other chains never pay for it. */
__noinline __u32 find_next_rule(const struct packet_rows *of, __u32 first, __u32 stride, __u32 from)
{
	__u32 rule = -(__u32)RULES_PER_CHUNK;
	__u32 chunks = 1; /* as in find_rule() */

	if (!of)
		return NO_RULE;
	for (; chunks; chunks >>= 1, first += stride, rule += RULES_PER_CHUNK) {
		struct rule_chunk matched = {};
		__u64 b0, b1, b2;

		if (!(chunks & 1))
			continue;
		if (!match_chunk(&matched, of, first))
			return NO_RULE;
		b0 = matched.bits[0];
		if (rule == -(__u32)RULES_PER_CHUNK) {
			chunks = (__u32)b0 << 1;
			continue;
		}
		b0 = bits_from(b0, rule, from);
		b1 = bits_from(matched.bits[1], rule + 64, from);
		b2 = bits_from(matched.bits[2], rule + 128, from);
		if (b0 | b1 | b2)
			return first_rule(rule, b0, b1, b2);
	}
	return NO_RULE;
}

#endif

#endif
