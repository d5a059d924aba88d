/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ceilings on the new connections of services and members. */
#include <errno.h>

#include <bpf/libbpf.h>

#include "core/gcra_config.h"
#include "dataplane/sources.h"
#include "sluice.skel.h"

static uint32_t ceilings_count(const struct dp_bpf *dp)
{
	return dp->maps.capacity.service_cells + dp->maps.capacity.member_ceilings;
}

static struct gcra_params params_of(uint64_t rate, uint64_t k)
{
	return (struct gcra_params){
		.k = (uint32_t)k, .inc = SLUICE_LIMIT_INC(rate), .tau = SLUICE_LIMIT_TAU(rate)};
}

/* What is owed is counted in units that k defines: where it changes, the ceiling is off for the moment
 * in between, rather than wrong. A packet that began before may still add to the state in old units:
 * that is one connection. */
int dp_ceiling_set(void *arg, uint32_t index, uint64_t rate, uint32_t k)
{
	struct dp_bpf *dp = arg;
	struct sluice_ceiling *cell = &dp->maps.ceilings[index];
	struct gcra_params from, to = params_of(rate, k);
	uint64_t now_ns, state;
	int ret;

	if (index == SLUICE_CEILING_NONE || index >= ceilings_count(dp))
		return -EINVAL;
	if (cell->k != k && rate) {
		from = params_of(cell->rate, cell->k);
		ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &now_ns);
		if (ret)
			return ret;
		__atomic_store_n(&cell->rate, 0, __ATOMIC_RELEASE);
		state = __atomic_load_n(&cell->state, __ATOMIC_ACQUIRE);
		state = state ? gcra_convert(state, now_ns, &from, &to) : 0;
		__atomic_store_n(&cell->state, state, __ATOMIC_RELEASE);
		__atomic_store_n(&cell->k, k, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&cell->rate, rate, __ATOMIC_RELEASE);
	/* The next holder counts from zero. */
	return rate ? 0 : dp_clear_percpu(dp, dp->skel->maps.ceiling_stats, index);
}

int dp_ceiling_stats(void *arg, uint32_t index, struct sluice_ceiling_stats *ret_stats)
{
	const struct dp_bpf *dp = arg;

	if (index >= ceilings_count(dp))
		return -EINVAL;
	return dp_sum_percpu(bpf_map__fd(dp->skel->maps.ceiling_stats), sizeof(*ret_stats), index,
			     dp->cpus, dp->percpu, ret_stats);
}

int dp_member_set_ceiling(void *arg, uint32_t index, uint32_t ceiling)
{
	struct dp_bpf *dp = arg;

	if (index == SLUICE_MEMBER_NONE || index >= dp->maps.capacity.members ||
	    ceiling >= ceilings_count(dp))
		return -EINVAL;
	__atomic_store_n(&dp->maps.members[index].ceiling, ceiling, __ATOMIC_RELEASE);
	return 0;
}
