/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Idle sources of limits are forgotten, and what ceilings owe no more. A word holds 32 bits of time and wraps; once a second is
 * often enough for a TAT that is past never to look like one to come (include/sluice/gcra.h).
 */
#include <sluice/gcra.h>

#include "base/util.h"
#include "dataplane/dp_internal.h"

#define FRESH_TICKS 256 /* of `seen`, longer than a sweep takes */

/* Idle for a while: what packets write while we walk is later than our now. */
static bool is_over(uint64_t word, uint64_t now_ns, uint32_t k)
{
	uint16_t seen = sluice_gcra_seen(now_ns);

	return (uint16_t)(SLUICE_SRC_SEEN(word) - seen + 1) > FRESH_TICKS &&
	       sluice_gcra_debt(word, sluice_gcra_now(now_ns, k), seen, k) == 0;
}

/* Whether the word stays in use. */
static bool sweep_word(__u64 *cell, uint64_t now_ns, uint32_t k)
{
	__u64 word = __atomic_load_n(cell, __ATOMIC_RELAXED);

	if (!word || !is_over(word, now_ns, k))
		return word != 0;
	__atomic_compare_exchange_n(cell, &word, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	return false;
}

/* Returns how many of its words stay in use. */
static uint32_t sweep_set(struct sluice_limit_set *set, uint64_t now_ns, uint32_t k)
{
	uint32_t in_use = 0;
	int way;

	for (way = 0; way < SLUICE_LIMIT_WAYS; way++)
		in_use += sweep_word(&set->source[way], now_ns, k);
	return in_use;
}

/* Where its unit is changed just now, k may be the other one's: then it has no rate. */
static void sweep_ceilings(const struct dp_maps *maps, uint64_t now_ns)
{
	uint32_t count = maps->capacity.service_cells + maps->capacity.member_ceilings, i;

	for (i = 1; i < count; i++)
		sweep_word(&maps->ceilings[i].state, now_ns, (uint32_t)maps->ceilings[i].k);
}

void dp_bpf_sweep_limits(struct dp_bpf *dp)
{
	const struct dp_maps *maps = &dp->maps;
	uint64_t now_ns, word, end;
	uint32_t index, set, in_use;

	if (!dp->sources_in_use)
		dp->sources_in_use = util_alloc_array(maps->capacity.limits, sizeof(uint32_t));
	if (dp_clock_now(dp->clock, maps->meta->tick_ns, &now_ns))
		return; /* a second later is early enough */
	sweep_ceilings(maps, now_ns);
	for (index = 1; index < maps->capacity.limits; index++) {
		word = maps->limits[index].word;
		in_use = 0;
		dp->sources_in_use[index] = 0;
		if (!(word & SLUICE_LIMIT_F_USED))
			continue;
		end = SLUICE_LIMIT_BASE(word) + (1ULL << SLUICE_LIMIT_LOG2(word));
		if (end > maps->capacity.limit_sets)
			continue;
		for (set = SLUICE_LIMIT_BASE(word); set < end; set++)
			in_use += sweep_set(&maps->limit_sets[set], now_ns, SLUICE_LIMIT_K(word));
		dp->sources_in_use[index] = in_use;
	}
}

uint32_t dp_bpf_limit_sources(const struct dp_bpf *dp, uint32_t index)
{
	return dp->sources_in_use && index < dp->maps.capacity.limits ? dp->sources_in_use[index]
								      : 0;
}
