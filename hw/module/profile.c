// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads a firmware file of hw/firmware/: lines of "name value", '#' starts a
 * comment. It turns into the capability table that the driver's own parser
 * (nfp_bpf_parse_capabilities) reads and into registers of the ports' BARs.
 */

#include <linux/bpf.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/unaligned.h>

#include "nfp/bpf/fw.h"
#include "card.h"

#define FIELD(_name)                                                                                                   \
	{                                                                                                              \
#_name, offsetof(struct vnfp_profile, _name)                                                           \
	}

static const struct {
	const char *name;
	size_t offset;
} vnfp_fields[] = {
	FIELD(app_id),
	FIELD(abi_version),
	FIELD(live_reload),
	FIELD(program_max),
	FIELD(stack_bytes),
	FIELD(inline_mtu),
	FIELD(map_types),
	FIELD(max_maps),
	FIELD(max_elements),
	FIELD(max_key_bytes),
	FIELD(max_value_bytes),
	FIELD(max_element_bytes),
	FIELD(map_lookup),
	FIELD(map_update),
	FIELD(map_delete),
	FIELD(perf_event_output),
	FIELD(random),
	FIELD(queue_select),
	FIELD(adjust_head),
	FIELD(adjust_head_flags),
	FIELD(adjust_head_off_min),
	FIELD(adjust_head_off_max),
	FIELD(adjust_head_sub),
	FIELD(adjust_head_add),
	FIELD(adjust_tail),
	FIELD(multi_entry),
	FIELD(events_on_data_queues),
	FIELD(event_max_bytes),
	FIELD(array_filled),
};

/* Map types are written by name, as "hash,array". */
static int parse_map_types(char *value, u32 *types)
{
	char *type;

	*types = 0;
	while ((type = strsep(&value, ","))) {
		if (!strcmp(type, "hash"))
			*types |= BIT(BPF_MAP_TYPE_HASH);
		else if (!strcmp(type, "array"))
			*types |= BIT(BPF_MAP_TYPE_ARRAY);
		else if (strcmp(type, "none"))
			return -EINVAL;
	}
	return 0;
}

static int parse_field(struct vnfp_profile *profile, const char *name, char *value)
{
	unsigned int i;

	if (!strcmp(name, "name"))
		return strscpy(profile->name, value, sizeof(profile->name)) < 0 ? -E2BIG : 0;
	if (!strcmp(name, "map_types"))
		return parse_map_types(value, &profile->map_types);

	for (i = 0; i < ARRAY_SIZE(vnfp_fields); i++)
		if (!strcmp(vnfp_fields[i].name, name))
			return kstrtou32(value, 0, (void *)profile + vnfp_fields[i].offset);
	return -ENOENT;
}

int vnfp_profile_parse(struct device *dev, struct vnfp_profile *profile, const u8 *text, size_t len)
{
	char *copy, *rest, *line;
	unsigned int n = 0;
	int err = 0;

	copy = kmemdup_nul(text, len, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;

	memset(profile, 0, sizeof(*profile));
	rest = copy;
	while (!err && (line = strsep(&rest, "\n"))) {
		char *name;

		n++;
		strreplace(line, '#', '\0');
		line = strim(line);
		if (!*line)
			continue;
		name = strsep(&line, " \t");
		err = line ? parse_field(profile, name, strim(line)) : -EINVAL;
		if (err)
			dev_err(dev, "vnfp: firmware file, line %u: bad setting '%s' (%d)\n", n, name, err);
	}
	kfree(copy);

	if (!err && !profile->name[0]) {
		dev_err(dev, "vnfp: firmware file has no name\n");
		err = -EINVAL;
	}
	return err;
}

struct table {
	u8 *at;
	u8 *end;
};

static void put_tlv(struct table *table, u32 type, const u32 *words, unsigned int n)
{
	unsigned int i;

	if (WARN_ON(table->end - table->at < 8 + 4 * n))
		return;
	put_unaligned_le32(type, table->at);
	put_unaligned_le32(4 * n, table->at + 4);
	table->at += 8;
	for (i = 0; i < n; i++, table->at += 4)
		put_unaligned_le32(words[i], table->at);
}

static void put_helper(struct table *table, u32 id, u32 address)
{
	const u32 words[] = {id, address};

	if (address)
		put_tlv(table, NFP_BPF_CAP_TYPE_FUNC, words, 2);
}

unsigned int vnfp_profile_capabilities(const struct vnfp_profile *profile, u8 *out, size_t size)
{
	const u32 maps[] = {
		profile->map_types,     profile->max_maps,        profile->max_elements,
		profile->max_key_bytes, profile->max_value_bytes, profile->max_element_bytes,
	};
	const u32 adjust_head[] = {
		profile->adjust_head_flags, profile->adjust_head_off_min, profile->adjust_head_off_max,
		profile->adjust_head_sub,   profile->adjust_head_add,
	};
	struct table table = {out, out + size};

	/* In the order of the eBPF firmware's table. */
	if (profile->adjust_head)
		put_tlv(&table, NFP_BPF_CAP_TYPE_ADJUST_HEAD, adjust_head, ARRAY_SIZE(adjust_head));
	if (profile->map_types)
		put_tlv(&table, NFP_BPF_CAP_TYPE_MAPS, maps, ARRAY_SIZE(maps));
	put_helper(&table, BPF_FUNC_map_lookup_elem, profile->map_lookup);
	put_helper(&table, BPF_FUNC_map_update_elem, profile->map_update);
	put_helper(&table, BPF_FUNC_map_delete_elem, profile->map_delete);
	put_helper(&table, BPF_FUNC_perf_event_output, profile->perf_event_output);
	if (profile->random)
		put_tlv(&table, NFP_BPF_CAP_TYPE_RANDOM, NULL, 0);
	if (profile->queue_select)
		put_tlv(&table, NFP_BPF_CAP_TYPE_QUEUE_SELECT, NULL, 0);
	if (profile->adjust_tail)
		put_tlv(&table, NFP_BPF_CAP_TYPE_ADJUST_TAIL, NULL, 0);
	if (profile->abi_version)
		put_tlv(&table, NFP_BPF_CAP_TYPE_ABI_VERSION, &profile->abi_version, 1);
	if (profile->multi_entry)
		put_tlv(&table, NFP_BPF_CAP_TYPE_CMSG_MULTI_ENT, NULL, 0);

	return table.at - out;
}
