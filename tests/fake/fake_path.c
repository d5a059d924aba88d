/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/fake_path.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "fake/fake_internal.h"

static void *lookup(const void *map, const void *key);

#define bpf_map_lookup_elem(map, key) lookup(map, key)
#define bpf_jiffies64() fake_jiffies()
static __u64 fake_jiffies(void);

#define access access_map /* a map's name, and a function's that other tests call */
#include "../../bpf/flow_rules.h"
#undef access

#define TICK_MS 4 /* that the program takes a jiffy for */

static struct fake_dataplane *current; /* whose packet it is */

static __u64 fake_jiffies(void)
{
	return current->now_ms / TICK_MS;
}

/* A table smaller than the program thinks: it takes more bits of the hash than there are. */
static void *lookup_set(enum dp_flow_table table, uint32_t at)
{
	return &current->flows[table][at & (fake_flow_sets(current, table) - 1)];
}

static void *lookup(const void *map, const void *key)
{
	static __u64 runners_pair;
	const uint32_t at = *(const uint32_t *)key;

	if (map == (const void *)&flows)
		return lookup_set(DP_FLOW_FLOWS, at);
	if (map == (const void *)&pending)
		return lookup_set(DP_FLOW_PENDING, at);
	if (map == (const void *)&tracked)
		return lookup_set(DP_FLOW_TRACKED, at);
	if (map == (const void *)&members)
		return at < current->capacity.members ? &current->members[at] : NULL;
	if (map == (const void *)&slots)
		return at < current->capacity.slots ? &current->slots[at] : NULL;
	if (map == (const void *)&flow_settings)
		return &current->flow_settings;
	if (map == (const void *)&flow_stats)
		return &current->flow_stats;
	if (map != (const void *)&runners || at >= current->capacity.slots / 2)
		return NULL;
	runners_pair = current->runner[2 * at] | (__u64)current->runner[2 * at + 1] << 32;
	return &runners_pair;
}

uint32_t fake_path_send(struct fake_dataplane *fake, const struct dp_service *service,
			uint64_t flow_hash, enum fake_packet packet)
{
	uint32_t slot = service->slots_base + sluice_flow_slot(flow_hash, service->slots_log2);
	__u32 flags = FLOW_F_EFFECTS, owner;
	__u64 word;

	current = fake;
	word = fake->slots[slot];
	if (packet == FAKE_SYN)
		flags |= FLOW_F_SYN;
	if (packet == FAKE_CLOSE)
		flags |= FLOW_F_CLOSE;
	if (service->is_tracked)
		flags |= FLOW_F_TRACK;
	owner = SLUICE_SLOT_CUR(word);
	if (word >> 48 || service->is_tracked)
		owner = FLOW_ANSWER_MEMBER(flow_ask(word, flow_hash, slot, flags));
	/* As flow_member(): who is dead has a runner-up. */
	owner = flow_new_owner(slot, owner);
	if (owner != SLUICE_MEMBER_NONE) {
		fake->member_stats[owner].packets++;
		fake->member_stats[owner].new_connections += packet == FAKE_SYN;
	}
	return owner;
}

bool fake_path_find(struct fake_dataplane *fake, uint64_t flow_hash, uint32_t *ret_member)
{
	__u32 table;

	current = fake;
	for (table = FLOW_TABLE_FLOWS; table <= FLOW_TABLE_PENDING; table++) {
		__u64 value = flow_get(table, flow_hash), word;

		if (!value || !flow_is_valid(value, flow_now_s(), &fake->flow_settings, &word))
			continue;
		*ret_member = SLUICE_FLOW_MEMBER(value);
		return true;
	}
	return false;
}
