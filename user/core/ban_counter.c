/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/ban_counter.h"

#include <string.h>

#include <sluice/hash.h>

#include "base/util.h"

static uint32_t sum(const uint32_t parts[BANS_PARTS])
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < BANS_PARTS; i++)
		total += parts[i];
	return (uint32_t)MIN(total, UINT32_MAX);
}

/* Empties the parts whose time has passed. */
static void turn(struct ban_counter *counter, uint64_t now_ms)
{
	uint64_t part = now_ms / counter->part_ms;

	if (part - counter->part >= BANS_PARTS) {
		memset(counter->packets, 0, sizeof(counter->packets));
		memset(counter->samples, 0, sizeof(counter->samples));
		counter->part = part;
	}
	while (counter->part < part) {
		counter->part++;
		counter->packets[counter->part % BANS_PARTS] = 0;
		counter->samples[counter->part % BANS_PARTS] = 0;
	}
}

static struct ban_counter *find(struct ban_counters *counters, uint32_t limit,
				const struct prefix *source, uint64_t now_ms)
{
	uint64_t hash = sluice_hash_mix(source->addr.d[0] + limit);
	uint32_t sets = BANS_COUNTED / BAN_COUNTER_WAYS;
	struct ban_counter *set, *least = NULL;
	uint32_t least_packets = UINT32_MAX, i;

	hash = sluice_hash_mix(hash ^ source->addr.d[1]);
	set = &counters->list[(uint32_t)(hash % sets) * BAN_COUNTER_WAYS];
	for (i = 0; i < BAN_COUNTER_WAYS; i++) {
		uint32_t packets = 0;

		if (set[i].limit == limit && !prefix_compare(&set[i].source, source))
			return &set[i];
		if (set[i].limit) {
			turn(&set[i], now_ms);
			packets = sum(set[i].packets);
		}
		if (!least || packets < least_packets) {
			least = &set[i];
			least_packets = packets;
		}
	}
	*least = (struct ban_counter){.limit = limit, .source = *source};
	return least;
}

struct ban_counter *ban_counters_add(struct ban_counters *counters, const struct limit_ban *rule,
				     const struct dp_refusal *refusal, const struct prefix *source,
				     uint64_t now_ms)
{
	struct ban_counter *counter = find(counters, refusal->limit, source, now_ms);
	uint32_t part_ms = MAX(rule->within_s * 1000 / BANS_PARTS, 1U), *packets;

	if (counter->part_ms != part_ms) /* new, or the limit counts over another time now */
		*counter = (struct ban_counter){.limit = refusal->limit,
						.source = *source,
						.part_ms = part_ms,
						.part = now_ms / part_ms};
	turn(counter, now_ms);
	packets = &counter->packets[counter->part % BANS_PARTS];
	*packets = (uint32_t)MIN(*packets + refusal->packets, UINT32_MAX);
	counter->samples[counter->part % BANS_PARTS]++;
	if (sum(counter->packets) < rule->after ||
	    sum(counter->samples) < MIN(rule->after, BANS_SAMPLES))
		return NULL;
	return counter;
}
