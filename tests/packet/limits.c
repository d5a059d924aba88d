/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "limits.h"

#include <stdlib.h>

#include <sluice/gcra.h>

uint64_t limits_rate(const struct limits_rule *rule, uint32_t k)
{
	uint32_t log2 = rule->count == SLUICE_COUNT_BYTES ? SLUICE_LIMIT_BYTES_LOG2 : 0;
	uint64_t inc = (1000000000ULL << (log2 + SLUICE_GCRA_NS_LOG2)) / rule->rate >> k;
	uint64_t tau = inc * rule->burst >> log2;

	return inc + tau < SLUICE_GCRA_SPAN ? SLUICE_LIMIT_RATE(inc, tau) : 0;
}

void limits_set(struct world *world, uint32_t index, const struct limits_rule *rule)
{
	uint64_t count = rule->count ? rule->count : SLUICE_COUNT_PACKETS;
	uint64_t mode = rule->mode ? rule->mode : SLUICE_LIMIT_ENFORCE;
	uint64_t len4 = rule->len4 ? rule->len4 : 32;
	uint64_t len6 = rule->len6 ? rule->len6 : 64;
	uint32_t k = 0;

	if (rule->is_disabled)
		mode = SLUICE_LIMIT_DISABLED;
	while (!limits_rate(rule, k))
		k++;
	world->limits[index].word = 0;
	world->limits[index].rate = limits_rate(rule, k);
	world->limits[index].flags = rule->flags;
	world->limits[index].id = index;
	world->limits[index].word = (uint64_t)index * LIMITS_SETS |
				    (uint64_t)rule->sets_log2 << 32 | (uint64_t)k << 38 |
				    count << 44 | mode << 48 | SLUICE_LIMIT_F_USED |
				    (len4 - 1) << 51 | (len6 - 1) << 56;
}
