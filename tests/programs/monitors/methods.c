/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drops a packet where a table's method does not do what Polycube's does. MUST names the line in the log otherwise. */
struct pair {
	__u32 first;
	__u16 second;
};

BPF_HASH(plain);
BPF_HASH(keyed, __u32);
BPF_HASH(valued, __u32, struct pair);
BPF_HASH(small, __u32, __u32, 1);
BPF_ARRAY(row);
BPF_ARRAY(pairs, struct pair);
BPF_ARRAY(bytes, __u8, 4);
BPF_PERCPU_ARRAY(each_cpu);
BPF_PERCPU_ARRAY(each_cpu_pair, struct pair);
BPF_PERCPU_ARRAY(each_cpu_word, __u32, 2);
BPF_TABLE("lru_hash", __u32, __u64, recent, 16);
BPF_TABLE("percpu_hash", __u32, __u64, cpu_hash, 16);
BPF_TABLE("lru_percpu_hash", __u32, __u64, cpu_recent, 16);
BPF_TABLE("percpu_array", int, __u64, cpu_row, 4);
BPF_TABLE("array", int, __u64, words, 4);
BPF_QUEUESTACK("queue", line, struct pair, 2, 0);
BPF_QUEUESTACK("stack", pile, struct pair, 2, 0);
#define ALIAS plain

#define MUST(condition)                                                                                                \
	if (!(condition)) {                                                                                            \
		pcn_log(ctx, LOG_ERR, "line %d", __LINE__);                                                            \
		return RX_DROP;                                                                                        \
	}

static __noinline int increments(struct CTXTYPE *ctx)
{
	__u64 key = 5, *value;
	__u32 short_key = 6, *short_value;
	int index = 1;
	__u8 *byte;

	ALIAS.increment(key);
	ALIAS.increment(key, 2);
	plain.atomic_increment(key);
	plain.atomic_increment(key, 10);
	value = plain.lookup(&key);
	MUST(value && *value == 14);
	plain.delete(&key);

	bytes.increment(index, 255);
	bytes.increment(index, 3);
	byte = bytes.lookup(&index);
	MUST(byte && *byte == 2);
	*byte = 0;

	each_cpu_word.increment(index);
	short_value = each_cpu_word.lookup(&index);
	MUST(short_value && *short_value == 1);
	*short_value = 0;

	recent.increment(short_key, 7);
	value = recent.lookup(&short_key);
	MUST(value && *value == 7);
	recent.delete(&short_key);
	return RX_OK;
}

static __noinline int entries(struct CTXTYPE *ctx)
{
	__u32 key = 1, other = 2;
	struct pair one = {10, 20}, two = {30, 40}, *found;
	__u32 word = 3, *word_found;

	MUST(!valued.lookup(&key));
	MUST(valued.insert(&key, &one) == 0);
	MUST(valued.insert(&key, &two) < 0);
	found = valued.lookup(&key);
	MUST(found && found->first == 10 && found->second == 20);
	MUST(valued.update(&key, &two) == 0);
	found = valued.lookup_or_try_init(&key, &one);
	MUST(found && found->first == 30);
	found = valued.lookup_or_try_init(&other, &one);
	MUST(found && found->first == 10);
	MUST(valued.delete(&key) == 0 && valued.delete(&key) < 0 && valued.delete(&other) == 0);

	MUST(small.lookup_or_try_init(&key, &word));
	MUST(!small.lookup_or_try_init(&other, &word));
	small.increment(other);
	word_found = small.lookup(&key);
	MUST(word_found && *word_found == 3);
	MUST(small.delete(&key) == 0);
	return RX_OK;
}

static __noinline int order(struct CTXTYPE *ctx)
{
	struct pair one = {1, 1}, two = {2, 2}, out;

	MUST(line.push(&one, 0) == 0 && line.push(&two, 0) == 0 && line.push(&two, 0) < 0);
	MUST(line.peek(&out) == 0 && out.first == 1);
	MUST(line.pop(&out) == 0 && out.first == 1 && line.pop(&out) == 0 && out.first == 2 && line.pop(&out) < 0);
	MUST(pile.push(&one, 0) == 0 && pile.push(&two, 0) == 0);
	MUST(pile.peek(&out) == 0 && out.first == 2);
	MUST(pile.pop(&out) == 0 && out.first == 2 && pile.pop(&out) == 0 && out.first == 1 && pile.pop(&out) < 0);
	return RX_OK;
}

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	int index = 3;

	MUST(increments(ctx) == RX_OK);
	MUST(entries(ctx) == RX_OK);
	MUST(order(ctx) == RX_OK);
	MUST(md->packet_len == 64);
	MUST(row.lookup(&index) && pairs.lookup(&index) && each_cpu.lookup(&index) && each_cpu_pair.lookup(&index));
	MUST(words.lookup(&index) && cpu_row.lookup(&index));
	cpu_hash.increment(index);
	cpu_recent.increment(index);
	MUST(!keyed.lookup((__u32 *)&index));
	return RX_OK;
}
