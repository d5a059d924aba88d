/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of flows, as user space sweeps them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/dp_internal.h"

/*
 * Takes the entry away unless the packet path has touched it since it was read. The value goes
 * first: without one an entry says nothing, and nobody gives it one again.
 */
static void entry_remove(struct sluice_flow_entry *entry, __u64 fingerprint, __u64 value)
{
	if (__atomic_compare_exchange_n(&entry->value, &value, 0, false, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED))
		__atomic_compare_exchange_n(&entry->fingerprint, &fingerprint, SLUICE_FLOW_FREE,
					    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int dp_flow_scan(void *arg, enum dp_flow_table table, uint32_t first, uint32_t count, dp_flow_fn fn,
		 void *fn_arg)
{
	const struct dp_bpf *dp = arg;
	const struct {
		struct sluice_flow_set *sets;
		uint32_t count;
	} tables[DP_FLOW_TABLE_MAX] = {
		[DP_FLOW_PENDING] = {dp->maps.pending, dp->maps.capacity.pending_sets},
		[DP_FLOW_FLOWS] = {dp->maps.flows, dp->maps.capacity.flow_sets},
		[DP_FLOW_TRACKED] = {dp->maps.tracked, dp->maps.capacity.tracked_sets},
	};
	uint32_t i, way;

	if (table >= DP_FLOW_TABLE_MAX || (uint64_t)first + count > tables[table].count)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		struct sluice_flow_set *set = &tables[table].sets[first + i];

		for (way = 0; way < SLUICE_FLOW_WAYS; way++) {
			struct sluice_flow_entry *entry = &set->entry[way];
			__u64 fingerprint = __atomic_load_n(&entry->fingerprint, __ATOMIC_ACQUIRE);
			__u64 value;

			if (fingerprint == SLUICE_FLOW_FREE || fingerprint == SLUICE_FLOW_BUSY)
				continue;
			value = __atomic_load_n(&entry->value, __ATOMIC_ACQUIRE);
			if (__atomic_load_n(&entry->fingerprint, __ATOMIC_ACQUIRE) == fingerprint &&
			    fn(fn_arg, fingerprint, value))
				entry_remove(entry, fingerprint, value);
		}
	}
	return 0;
}

int dp_flow_settings(void *arg, const struct sluice_flow_settings *settings)
{
	struct dp_bpf *dp = arg;
	struct sluice_flow_settings *to = dp->maps.flow_settings;
	uint64_t entries = (uint64_t)dp->maps.capacity.pending_sets * SLUICE_FLOW_WAYS;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	/* One at a time: each is a number of its own. */
	__atomic_store_n(&to->pending_life_s, settings->pending_life_s, __ATOMIC_RELAXED);
	__atomic_store_n(&to->closing_life_s, settings->closing_life_s, __ATOMIC_RELAXED);
	__atomic_store_n(&to->refresh_s, settings->refresh_s, __ATOMIC_RELAXED);
	__atomic_store_n(&to->overwrite_s, settings->overwrite_s, __ATOMIC_RELAXED);
	/* All CPUs together fill a third of the table in a second at most. */
	__atomic_store_n(&to->pending_per_s,
			 (uint32_t)(entries / (3 * (uint64_t)(cpus > 0 ? cpus : 1))),
			 __ATOMIC_RELAXED);
	return 0;
}

int dp_packet_second(void *arg, uint32_t *ret_second)
{
	const struct dp_bpf *dp = arg;
	uint64_t now_ns;
	int ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &now_ns);

	if (ret == 0)
		*ret_second = (uint32_t)SLUICE_FLOW_SECOND(now_ns);
	return ret;
}
