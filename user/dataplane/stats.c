/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Per-CPU counters, summed. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "sluice.skel.h"

#define VALUE_BYTES_MAX DP_PERCPU_BYTES_MAX

_Static_assert(sizeof(struct sluice_member_stats) <= VALUE_BYTES_MAX, "buffer");
_Static_assert(sizeof(struct sluice_limit_stats) <= VALUE_BYTES_MAX, "buffer");
_Static_assert(sizeof(struct sluice_list_stats) <= VALUE_BYTES_MAX, "buffer");
_Static_assert(sizeof(struct sluice_event_gate) <= VALUE_BYTES_MAX, "buffer");
_Static_assert(sizeof(struct sluice_flow_stats) <= VALUE_BYTES_MAX, "buffer");

int dp_stats_open(struct dp_bpf *dp)
{
	dp->cpus = libbpf_num_possible_cpus();
	if (dp->cpus <= 0)
		return -EIO;
	dp->percpu = util_alloc_array((size_t)dp->cpus, VALUE_BYTES_MAX);
	return 0;
}

/* All these values are arrays of 64-bit counters. */
int dp_sum_percpu(int fd, size_t value_bytes, uint32_t index, int cpus, void *buffer,
		  void *ret_sums)
{
	uint64_t sums[VALUE_BYTES_MAX / sizeof(uint64_t)] = {};
	size_t words = value_bytes / sizeof(uint64_t), i;
	const uint64_t *value = buffer;
	int cpu;

	if (value_bytes > VALUE_BYTES_MAX)
		return -EINVAL;
	if (bpf_map_lookup_elem(fd, &index, buffer))
		return -errno;
	for (cpu = 0; cpu < cpus; cpu++, value += words)
		for (i = 0; i < words; i++)
			sums[i] += value[i];
	memcpy(ret_sums, sums, words * sizeof(uint64_t));
	return 0;
}

static int sum(const struct dp_bpf *dp, const struct bpf_map *map, uint32_t index, void *ret_sums)
{
	if (index >= bpf_map__max_entries(map))
		return -EINVAL;
	return dp_sum_percpu(bpf_map__fd(map), bpf_map__value_size(map), index, dp->cpus,
			     dp->percpu, ret_sums);
}

int dp_member_stats(void *arg, uint32_t index, struct sluice_member_stats *ret_stats)
{
	const struct dp_bpf *dp = arg;

	return sum(dp, dp->skel->maps.member_stats, index, ret_stats);
}

int dp_clear_percpu(const struct dp_bpf *dp, const struct bpf_map *map, uint32_t index)
{
	memset(dp->percpu, 0, (size_t)dp->cpus * VALUE_BYTES_MAX);
	return bpf_map_update_elem(bpf_map__fd(map), &index, dp->percpu, BPF_ANY) ? -errno : 0;
}

int dp_member_stats_reset(void *arg, uint32_t index)
{
	const struct dp_bpf *dp = arg;

	if (index >= dp->maps.capacity.members)
		return -EINVAL;
	return dp_clear_percpu(dp, dp->skel->maps.member_stats, index);
}

int dp_limit_stats(void *arg, uint32_t index, struct sluice_limit_stats *ret_stats)
{
	const struct dp_bpf *dp = arg;

	return sum(dp, dp->skel->maps.limit_stats, index, ret_stats);
}

int dp_list_stats(void *arg, uint32_t list, struct sluice_list_stats *ret_stats)
{
	const struct dp_bpf *dp = arg;

	return sum(dp, dp->skel->maps.list_stats, list, ret_stats);
}

int dp_verdict_stats(void *arg, struct sluice_verdict_stats ret_stats[SLUICE_V_MAX])
{
	struct sluice_verdict_stats stats[SLUICE_V_MAX];
	const struct dp_bpf *dp = arg;
	uint32_t verdict;
	int ret;

	for (verdict = 0; verdict < SLUICE_V_MAX; verdict++) {
		ret = sum(dp, dp->skel->maps.verdict_stats, verdict, &stats[verdict]);
		if (ret)
			return ret;
	}
	memcpy(ret_stats, stats, sizeof(stats));
	return 0;
}

int dp_flow_stats(void *arg, struct sluice_flow_stats *ret_stats)
{
	struct sluice_flow_stats stats;
	const struct dp_bpf *dp = arg;
	int ret = sum(dp, dp->skel->maps.flow_stats, 0, &stats);

	if (ret)
		return ret;
	/* What each CPU keeps for itself has no sum. */
	stats.second = stats.in_second = 0;
	*ret_stats = stats;
	return 0;
}

uint64_t dp_bpf_events_suppressed(const struct dp_bpf *dp)
{
	struct sluice_event_gate gate;

	return sum(dp, dp->skel->maps.event_gate, 0, &gate) ? 0 : gate.suppressed;
}
