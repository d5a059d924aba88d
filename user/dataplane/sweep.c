/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Idle sources of limits are forgotten. A word holds 32 bits of time and wraps; once a second is
 * often enough for a TAT that is past never to look like one to come (include/sluice/gcra.h).
 */
#include <sluice/gcra.h>

#include "dataplane/dp_internal.h"

#define FRESH_TICKS 256 /* of `seen`, longer than a sweep takes */

/* Idle for a while: what packets write while we walk is later than our now. */
static bool is_over(uint64_t word, uint64_t now_ns, const struct sluice_limit *limit)
{
	uint32_t k = SLUICE_LIMIT_K(limit->word);
	uint16_t seen = sluice_gcra_seen(now_ns);

	return (uint16_t)(SLUICE_SRC_SEEN(word) - seen + 1) > FRESH_TICKS &&
	       sluice_gcra_owed(word, sluice_gcra_now(now_ns, k), seen, k,
				SLUICE_LIMIT_INC(limit->rate), SLUICE_LIMIT_TAU(limit->rate)) == 0;
}

static void sweep_set(struct sluice_limit_set *set, uint64_t now_ns,
		      const struct sluice_limit *limit)
{
	__u64 word;
	int way;

	for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		__u64 *cell = &set->source[way];

		word = __atomic_load_n(cell, __ATOMIC_RELAXED);
		if (word && is_over(word, now_ns, limit))
			__atomic_compare_exchange_n(cell, &word, 0, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
}

void dp_bpf_sweep_limits(struct dp_bpf *dp)
{
	const struct dp_maps *maps = &dp->maps;
	struct sluice_limit limit;
	uint64_t now_ns, end;
	uint32_t index, set;

	if (dp_clock_now(dp->clock, maps->meta->tick_ns, &now_ns))
		return; /* a second later is early enough */
	for (index = 1; index < maps->capacity.limits; index++) {
		limit = maps->limits[index];
		if (!(limit.word & SLUICE_LIMIT_F_USED))
			continue;
		end = SLUICE_LIMIT_BASE(limit.word) + (1ULL << SLUICE_LIMIT_LOG2(limit.word));
		if (end > maps->capacity.limit_sets)
			continue;
		for (set = SLUICE_LIMIT_BASE(limit.word); set < end; set++)
			sweep_set(&maps->limit_sets[set], now_ns, &limit);
	}
}
