/* SPDX-License-Identifier: GPL-2.0-only */
/* The search for the first rule that matches. Each field of the packet has given a row of bits, a bit a rule; the rule
 * is the first bit that all rows have. No step depends on how many rules there are but the number of chunks, of which a
 * summary tells beforehand those that need no look. */
#ifndef NICSENTRY_RULES_H
#define NICSENTRY_RULES_H

#include "maps.h"

#define NO_RULE 0xffffffffu

/* The number of the lowest bit that is set; there is one. A sum of steps would be quicker, but is longer on the card.
 */
static __always_inline __u32 lowest_bit(__u64 b0, __u64 b1, __u64 b2, __u64 b3, __u64 b4, __u64 b5, __u64 b6)
{
	__u32 number = 0, i;

#pragma clang loop unroll(disable)
	for (i = 1; i < CHUNK_WORDS && !b0; i++) {
		b0 = b1;
		b1 = b2;
		b2 = b3;
		b3 = b4;
		b4 = b5;
		b5 = b6;
		number += 64;
	}
#pragma clang loop unroll(disable)
	for (i = 1; i < 8 && !(b0 & 0xff); i++) {
		b0 >>= 8;
		number += 8;
	}
#pragma clang loop unroll(disable)
	for (i = 1; i < 8 && !(b0 & 1); i++) {
		b0 >>= 1;
		number++;
	}
	return number;
}

/* `rows` and `more_rows`: 16 bits a field, four and three of them; row 0 has all bits. `first`: element of row 0 in the
 * summaries. Returns the rule's bit, or NO_RULE. */
__noinline __u32 find_rule(__u64 rows, __u64 more_rows, __u32 first, __u32 stride, __u32 chunks)
{
	__u32 candidates = 0, chunk, field;

#pragma clang loop unroll(disable)
	for (chunk = 0; chunk <= CHUNKS_MAX; chunk++, first += stride) {
		__u64 b0 = ~0ull, b1 = ~0ull, b2 = ~0ull, b3 = ~0ull, b4 = ~0ull, b5 = ~0ull, b6 = ~0ull;
		__u64 left = rows, behind = more_rows;

		if (chunk > chunks)
			break;
		if (chunk != 0 && !(candidates >> (chunk - 1) & 1))
			continue;
#pragma clang loop unroll(disable)
		for (field = 0; field < FIELDS; field++) {
			__u32 index = left & 0xffff;
			struct rule_chunk *row;

			left = left >> 16 | behind << 48;
			behind >>= 16;
			if (!index)
				continue;
			index += first;
			row = bpf_map_lookup_elem(&rule_bits, &index);
			if (!row)
				return NO_RULE;
			b0 &= row->bits[0];
			b1 &= row->bits[1];
			b2 &= row->bits[2];
			b3 &= row->bits[3];
			b4 &= row->bits[4];
			b5 &= row->bits[5];
			b6 &= row->bits[6];
			if (!(b0 | b1 | b2 | b3 | b4 | b5 | b6))
				break;
		}
		if (!(b0 | b1 | b2 | b3 | b4 | b5 | b6))
			continue;
		if (chunk != 0)
			return (chunk - 1) * RULES_PER_CHUNK + lowest_bit(b0, b1, b2, b3, b4, b5, b6);
		candidates = b0;
	}
	return NO_RULE;
}

#endif
