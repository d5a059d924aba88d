/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a configuration's `capacity` to maps, and to the memory that they take. */
#include "dataplane/dp_bpf.h"

#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/kernel.h"
#include "sluice.skel.h"

void dp_bpf_capacity(const struct config *config, struct dp_capacity *ret_capacity)
{
	const struct capacity_config *capacity = &config->capacity;

	*ret_capacity = (struct dp_capacity){
		.service_cells = capacity->service_cells,
		.slots = capacity->slots,
		.members = capacity->members,
		.nexthops = SLUICE_NEXTHOPS_DEFAULT,
		.limits = SLUICE_LIMITS_DEFAULT,
		.limit_sets = capacity->limit_sources / SLUICE_LIMIT_WAYS,
		.bans = SLUICE_BANS_DEFAULT,
		.member_ceilings = SLUICE_MEMBER_CEILINGS_DEFAULT,
		.flow_sets = capacity->flows / SLUICE_FLOW_WAYS,
		.pending_sets = capacity->pending_flows / SLUICE_FLOW_WAYS,
		.tracked_sets = capacity->tracked_flows / SLUICE_FLOW_WAYS,
	};
}

static bool is_percpu(const struct bpf_map *map)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return true;
	default:
		return false;
	}
}

/* Without what the kernel adds to each entry; maps that grow with their entries count as empty. */
static uint64_t map_bytes(const struct bpf_map *map, int cpus)
{
	uint64_t value = ((uint64_t)bpf_map__value_size(map) + 7) / 8 * 8;
	uint64_t copies = is_percpu(map) ? (uint64_t)cpus : 1;

	if (bpf_map__map_flags(map) & BPF_F_NO_PREALLOC)
		return 0;
	if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
		return bpf_map__max_entries(map);
	return bpf_map__max_entries(map) * value * copies;
}

uint64_t dp_bpf_map_bytes(const struct dp_capacity *capacity)
{
	int cpus = libbpf_num_possible_cpus();
	struct sluice_bpf *skel;
	struct bpf_map *map;
	uint64_t bytes = 0;

	kernel_messages_start();
	skel = sluice_bpf__open();
	if (!skel || cpus < 1) {
		sluice_bpf__destroy(skel);
		return 0;
	}
	dp_set_entries(skel, capacity);
	bpf_object__for_each_map(map, skel->obj)
	{
		bytes += map_bytes(map, cpus);
	}
	sluice_bpf__destroy(skel);
	return bytes;
}
