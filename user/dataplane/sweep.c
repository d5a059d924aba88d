/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Idle sources of limits are forgotten. A word holds 32 bits of time and wraps; once a second is
 * often enough for a TAT that is past never to look like one to come (include/sluice/gcra.h).
 */
#include <sluice/gcra.h>

#include "dataplane/dp_internal.h"

/* The comparison is signed: a packet that was admitted while we walk has a TAT ahead of our now. */
static void sweep_set(struct sluice_limit_set *set, uint32_t now)
{
	__u64 word;
	int way;

	for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		__u64 *cell = &set->source[way];

		word = __atomic_load_n(cell, __ATOMIC_RELAXED);
		if (word && (int32_t)(SLUICE_SRC_TAT(word) - now) <= 0)
			__atomic_compare_exchange_n(cell, &word, 0, false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
}

void dp_bpf_sweep_limits(struct dp_bpf *dp)
{
	const struct dp_maps *maps = &dp->maps;
	uint32_t index, now, set;
	uint64_t now_ns, word, end;

	if (dp_clock_now(dp->clock, maps->meta->tick_ns, &now_ns))
		return; /* a second later is early enough */
	for (index = 1; index < maps->capacity.limits; index++) {
		word = maps->limits[index].word;
		if (!(word & SLUICE_LIMIT_F_USED))
			continue;
		now = sluice_gcra_now(now_ns, SLUICE_LIMIT_K(word));
		end = SLUICE_LIMIT_BASE(word) + (1ULL << SLUICE_LIMIT_LOG2(word));
		if (end > maps->capacity.limit_sets)
			continue;
		for (set = SLUICE_LIMIT_BASE(word); set < end; set++)
			sweep_set(&maps->limit_sets[set], now);
	}
}
