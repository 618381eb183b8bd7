/* SPDX-License-Identifier: GPL-2.0-only */
/* The search for the first rule that matches. Each field of the packet has given a row of bits, a bit a rule; the rule
 * is the first bit that all rows have. No step depends on how many rules there are but the number of chunks, of which a
 * summary tells beforehand those that need no look. */
#ifndef NICSENTRY_RULES_H
#define NICSENTRY_RULES_H

#include "maps.h"

#define NO_RULE 0xffffffffu

/* `rows` and `more_rows`: 16 bits a field, four and three of them. `first`: element of row 0 in the summaries;
 * `stride`: to that in the next chunk. Returns the rule's bit, or NO_RULE. Global, see find_interval(). */
__noinline __u32 find_rule(__u64 rows, __u64 more_rows, __u32 first, __u32 stride)
{
	__u32 rule = -(__u32)RULES_PER_CHUNK;
	__u32 chunks = 1; /* the summary, then from the lowest bit on the chunks that it names */

	for (; chunks; chunks >>= 1, first += stride, rule += RULES_PER_CHUNK) {
		__u64 b0 = ~0ull, b1 = ~0ull, b2 = ~0ull, left = rows, behind = more_rows;
		__u32 i;

		if (!(chunks & 1))
			continue;
#pragma clang loop unroll(disable)
		for (i = FIELDS; i; i--) {
			__u32 index = (left & 0xffff) + first;
			const struct rule_chunk *row = bpf_map_lookup_elem(&rule_bits, &index);

			if (!row)
				return NO_RULE;
			b0 &= row->bits[0];
			b1 &= row->bits[1];
			b2 &= row->bits[2];
			left = left >> 16 | behind << 48;
			behind >>= 16;
		}
		if (rule == -(__u32)RULES_PER_CHUNK) {
			chunks = (__u32)b0 << 1;
			continue;
		}
		if (!(b0 | b1 | b2))
			continue;
#pragma clang loop unroll(disable)
		for (i = 2; i && !b0; i--) {
			b0 = b1;
			b1 = b2;
			rule += 64;
		}
#pragma clang loop unroll(disable)
		for (i = 7; i && !(b0 & 0xff); i--) {
			b0 >>= 8;
			rule += 8;
		}
#pragma clang loop unroll(disable)
		for (i = 7; i && !(b0 & 1); i--) {
			b0 >>= 1;
			rule++;
		}
		return rule;
	}
	return NO_RULE;
}

#endif
