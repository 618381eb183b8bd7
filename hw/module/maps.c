// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual card's maps: arrays and hash tables of fixed-size entries.
 *
 * Values are kept as they come in the messages. The driver has swapped the
 * words that programs add to into big-endian, which is what the card's atomic
 * engine counts in; vnfp_map_add() is that engine.
 */

#include <linux/bpf.h>
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/unaligned.h>

#include "nfp/bpf/fw.h"
#include "card.h"

/* An array's values are made as they are written, this many at a time. */
#define CHUNK_ENTRIES 32U
#define MAX_BUCKETS 65536UL

struct vnfp_hash_entry {
	struct vnfp_hash_entry *next;
	u8 data[]; /* key, padded to 8 bytes, then value */
};

static u32 padded(u32 size)
{
	return round_up(size, 8);
}

static struct vnfp_map *find_map(struct nfp_cpp *card, u32 tid)
{
	struct vnfp_map *map;

	list_for_each_entry(map, &card->maps, list) if (map->tid == tid) return map;
	return NULL;
}

/* Checks that the host's driver makes too; a firmware cannot rely on it. */
static u32 check_alloc(struct nfp_cpp *card, u32 type, u32 key_size, u32 value_size, u32 max_entries)
{
	const struct vnfp_profile *profile = &card->profile;
	unsigned int n_maps = 0;
	struct list_head *at;

	if (type >= 32 || !(profile->map_types & BIT(type)))
		return CMSG_RC_ERR_MAP_ERR;
	if (!key_size || !value_size || !max_entries)
		return CMSG_RC_ERR_MAP_ERR;
	if (type == BPF_MAP_TYPE_ARRAY && key_size != 4)
		return CMSG_RC_ERR_MAP_ERR;
	if (key_size > profile->max_key_bytes || value_size > profile->max_value_bytes ||
	    padded(key_size) + padded(value_size) > profile->max_element_bytes)
		return CMSG_RC_ERR_MAP_E2BIG;

	list_for_each(at, &card->maps) n_maps++;
	if (n_maps >= profile->max_maps)
		return CMSG_RC_ERR_MAP_FD; /* no table is left, CoreNIC */
	if (card->elements + max_entries > profile->max_elements)
		return CMSG_RC_ERR_MAP_NOMEM;
	return CMSG_RC_SUCCESS;
}

static void release(struct vnfp_map *map)
{
	kvfree(map->written);
	kvfree(map->slots);
	kfree(map);
}

u32 vnfp_map_alloc(struct nfp_cpp *card, u32 type, u32 key_size, u32 value_size, u32 max_entries, u32 *tid)
{
	struct vnfp_map *map;
	u32 rc;

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return CMSG_RC_ERR_MAP_NOMEM;
	map->type = type;
	map->key_size = key_size;
	map->value_size = value_size;
	map->max_entries = max_entries;
	if (type == BPF_MAP_TYPE_ARRAY)
		map->n_slots = DIV_ROUND_UP(max_entries, CHUNK_ENTRIES);
	else
		map->n_slots = min(roundup_pow_of_two(max_entries), MAX_BUCKETS);
	map->filled = card->profile.array_filled;
	map->slots = kvcalloc(map->n_slots, sizeof(*map->slots), GFP_KERNEL);
	map->written =
		type == BPF_MAP_TYPE_ARRAY ? kvcalloc(BITS_TO_LONGS(max_entries), sizeof(long), GFP_KERNEL) : NULL;
	if (!map->slots || (type == BPF_MAP_TYPE_ARRAY && !map->written)) {
		release(map);
		return CMSG_RC_ERR_MAP_NOMEM;
	}

	spin_lock_bh(&card->maps_lock);
	rc = check_alloc(card, type, key_size, value_size, max_entries);
	if (!rc) {
		map->tid = ++card->next_tid;
		*tid = map->tid;
		card->elements += max_entries;
		list_add_tail(&map->list, &card->maps);
	}
	spin_unlock_bh(&card->maps_lock);

	if (rc)
		release(map);
	return rc;
}

static void free_map(struct vnfp_map *map)
{
	struct vnfp_hash_entry *entry, *next;
	u32 i;

	for (i = 0; i < map->n_slots; i++) {
		if (map->type == BPF_MAP_TYPE_ARRAY) {
			kfree(map->slots[i]);
			continue;
		}
		for (entry = map->slots[i]; entry; entry = next) {
			next = entry->next;
			kfree(entry);
		}
	}
	release(map);
}

u32 vnfp_map_free(struct nfp_cpp *card, u32 tid)
{
	struct vnfp_map *map;

	spin_lock_bh(&card->maps_lock);
	map = find_map(card, tid);
	if (map) {
		card->elements -= map->max_entries;
		list_del(&map->list);
	}
	spin_unlock_bh(&card->maps_lock);

	if (!map)
		return CMSG_RC_ERR_MAP_FD;
	free_map(map);
	return CMSG_RC_SUCCESS;
}

void vnfp_maps_free(struct nfp_cpp *card)
{
	struct vnfp_map *map, *next;

	list_for_each_entry_safe(map, next, &card->maps, list)
	{
		list_del(&map->list);
		free_map(map);
	}
}

void vnfp_map_sizes(struct nfp_cpp *card, u32 tid, u32 *key, u32 *value)
{
	struct vnfp_map *map;

	spin_lock_bh(&card->maps_lock);
	map = find_map(card, tid);
	*key = map ? map->key_size : 0;
	*value = map ? map->value_size : 0;
	spin_unlock_bh(&card->maps_lock);
}

/* Arrays */

/* In CoreNIC an element does not exist before the host has written it. */
static bool array_exists(struct vnfp_map *map, u32 index)
{
	return index < map->max_entries && (map->filled || test_bit(index, map->written));
}

static u8 *array_value(struct vnfp_map *map, u32 index, bool make)
{
	u32 size = padded(map->value_size);
	u8 *chunk;

	chunk = map->slots[index / CHUNK_ENTRIES];
	if (!chunk && make) {
		chunk = kzalloc(CHUNK_ENTRIES * size, GFP_ATOMIC);
		map->slots[index / CHUNK_ENTRIES] = chunk;
	}
	return chunk ? chunk + index % CHUNK_ENTRIES * size : NULL;
}

/* Hash tables */

static struct vnfp_hash_entry **hash_find(struct vnfp_map *map, const void *key)
{
	u32 bucket = jhash(key, map->key_size, 0) & (map->n_slots - 1);
	struct vnfp_hash_entry **at = (void *)&map->slots[bucket];

	while (*at && memcmp((*at)->data, key, map->key_size))
		at = &(*at)->next;
	return at;
}

static u8 *hash_value(struct vnfp_map *map, struct vnfp_hash_entry *entry)
{
	return entry->data + padded(map->key_size);
}

static struct vnfp_hash_entry *hash_first(struct vnfp_map *map, u32 bucket)
{
	for (; bucket < map->n_slots; bucket++)
		if (map->slots[bucket])
			return map->slots[bucket];
	return NULL;
}

static struct vnfp_hash_entry *hash_next(struct vnfp_map *map, const void *key)
{
	u32 bucket = jhash(key, map->key_size, 0) & (map->n_slots - 1);
	struct vnfp_hash_entry *entry = *hash_find(map, key);

	/* As in the kernel: the walk starts again after a key that is gone. */
	if (!entry)
		return hash_first(map, 0);
	return entry->next ?: hash_first(map, bucket + 1);
}

/* A value where it is, NULL if there is none. */
static u8 *find_value(struct vnfp_map *map, const void *key, bool make)
{
	struct vnfp_hash_entry *entry;
	u32 index;

	if (map->type == BPF_MAP_TYPE_ARRAY) {
		index = *(const u32 *)key;
		return array_exists(map, index) ? array_value(map, index, make) : NULL;
	}
	entry = *hash_find(map, key);
	return entry ? hash_value(map, entry) : NULL;
}

static u32 lookup(struct vnfp_map *map, const void *key, void *value)
{
	const u8 *at = find_value(map, key, false);

	if (at) {
		memcpy(value, at, map->value_size);
		return CMSG_RC_SUCCESS;
	}
	if (map->type != BPF_MAP_TYPE_ARRAY)
		return CMSG_RC_ERR_MAP_NOENT;
	/* Unlike the kernel, the card says so about any operation (CoreNIC). */
	if (*(const u32 *)key >= map->max_entries)
		return CMSG_RC_ERR_MAP_E2BIG;
	if (!array_exists(map, *(const u32 *)key))
		return CMSG_RC_ERR_MAP_NOENT;
	/* A part of an array for which we have no memory yet is zero. */
	memset(value, 0, map->value_size);
	return CMSG_RC_SUCCESS;
}

static u32 update_array(struct vnfp_map *map, const void *key, const void *value, u64 flags)
{
	u32 index = *(const u32 *)key;
	u8 *at;

	if (index >= map->max_entries)
		return CMSG_RC_ERR_MAP_E2BIG;
	if (flags == BPF_NOEXIST && array_exists(map, index))
		return CMSG_RC_ERR_MAP_EXIST;
	if (flags == BPF_EXIST && !array_exists(map, index))
		return CMSG_RC_ERR_MAP_NOENT;
	at = array_value(map, index, true);
	if (!at)
		return CMSG_RC_ERR_MAP_NOMEM;
	memcpy(at, value, map->value_size);
	__set_bit(index, map->written);
	return CMSG_RC_SUCCESS;
}

static u32 update_hash(struct vnfp_map *map, const void *key, const void *value, u64 flags)
{
	struct vnfp_hash_entry **at = hash_find(map, key);
	struct vnfp_hash_entry *entry = *at;

	if (entry && flags == BPF_NOEXIST)
		return CMSG_RC_ERR_MAP_EXIST;
	if (!entry && flags == BPF_EXIST)
		return CMSG_RC_ERR_MAP_NOENT;
	if (!entry) {
		if (map->entries == map->max_entries)
			return CMSG_RC_ERR_MAP_E2BIG;
		entry = kzalloc(sizeof(*entry) + padded(map->key_size) + padded(map->value_size), GFP_ATOMIC);
		if (!entry)
			return CMSG_RC_ERR_MAP_NOMEM;
		memcpy(entry->data, key, map->key_size);
		map->entries++;
		*at = entry;
	}
	memcpy(hash_value(map, entry), value, map->value_size);
	return CMSG_RC_SUCCESS;
}

static u32 delete (struct vnfp_map *map, const void *key)
{
	struct vnfp_hash_entry **at, *entry;

	if (map->type == BPF_MAP_TYPE_ARRAY)
		return CMSG_RC_ERR_MAP_ERR;
	at = hash_find(map, key);
	entry = *at;
	if (!entry)
		return CMSG_RC_ERR_MAP_NOENT;
	*at = entry->next;
	map->entries--;
	kfree(entry);
	return CMSG_RC_SUCCESS;
}

static u32 next_array(struct vnfp_map *map, const void *key, void *next_key, void *value)
{
	u32 index = key ? *(const u32 *)key : U32_MAX;

	if (index == map->max_entries - 1)
		return CMSG_RC_ERR_MAP_NOENT;
	index = index < map->max_entries ? index + 1 : 0;
	*(u32 *)next_key = index;
	return lookup(map, &index, value);
}

static u32 next_hash(struct vnfp_map *map, const void *key, void *next_key, void *value)
{
	struct vnfp_hash_entry *entry;

	entry = key ? hash_next(map, key) : hash_first(map, 0);
	if (!entry)
		return CMSG_RC_ERR_MAP_NOENT;
	memcpy(next_key, entry->data, map->key_size);
	memcpy(value, hash_value(map, entry), map->value_size);
	return CMSG_RC_SUCCESS;
}

u32 vnfp_map_lookup(struct nfp_cpp *card, u32 tid, const void *key, void *value)
{
	u32 rc = CMSG_RC_ERR_MAP_FD;
	struct vnfp_map *map;

	spin_lock_bh(&card->maps_lock);
	map = find_map(card, tid);
	if (map)
		rc = lookup(map, key, value);
	spin_unlock_bh(&card->maps_lock);
	return rc;
}

u32 vnfp_map_update(struct nfp_cpp *card, u32 tid, const void *key, const void *value, u64 flags)
{
	u32 rc = CMSG_RC_ERR_MAP_FD;
	struct vnfp_map *map;

	spin_lock_bh(&card->maps_lock);
	map = find_map(card, tid);
	if (map)
		rc = flags > BPF_EXIST                 ? CMSG_RC_ERR_MAP_ERR
		     : map->type == BPF_MAP_TYPE_ARRAY ? update_array(map, key, value, flags)
						       : update_hash(map, key, value, flags);
	spin_unlock_bh(&card->maps_lock);
	return rc;
}

u32 vnfp_map_delete(struct nfp_cpp *card, u32 tid, const void *key)
{
	u32 rc = CMSG_RC_ERR_MAP_FD;
	struct vnfp_map *map;

	spin_lock_bh(&card->maps_lock);
	map = find_map(card, tid);
	if (map)
		rc = delete (map, key);
	spin_unlock_bh(&card->maps_lock);
	return rc;
}

u32 vnfp_map_next(struct nfp_cpp *card, u32 tid, const void *key, void *next_key, void *value)
{
	u32 rc = CMSG_RC_ERR_MAP_FD;
	struct vnfp_map *map;

	spin_lock_bh(&card->maps_lock);
	map = find_map(card, tid);
	if (map)
		rc = map->type == BPF_MAP_TYPE_ARRAY ? next_array(map, key, next_key, value)
						     : next_hash(map, key, next_key, value);
	spin_unlock_bh(&card->maps_lock);
	return rc;
}

/*
 * An atomic add, as a program does it. A 64-bit counter is two big-endian
 * words, the low one first: the driver swaps each word on its own.
 */
u32 vnfp_map_add(struct nfp_cpp *card, u32 tid, const void *key, u32 offset, u64 addend, bool is64)
{
	u32 rc = CMSG_RC_ERR_MAP_FD;
	struct vnfp_map *map;
	u64 sum;
	u8 *at;

	spin_lock_bh(&card->maps_lock);
	map = find_map(card, tid);
	if (!map)
		goto out;
	rc = CMSG_RC_ERR_MAP_ERR;
	if (offset % 4 || offset + (is64 ? 8 : 4) > map->value_size)
		goto out;
	rc = CMSG_RC_ERR_MAP_NOENT;
	at = find_value(map, key, true);
	if (!at)
		goto out;

	at += offset;
	sum = get_unaligned_be32(at);
	if (is64)
		sum |= (u64)get_unaligned_be32(at + 4) << 32;
	sum += addend;
	put_unaligned_be32(sum, at);
	if (is64)
		put_unaligned_be32(sum >> 32, at + 4);
	rc = CMSG_RC_SUCCESS;
out:
	spin_unlock_bh(&card->maps_lock);
	return rc;
}
