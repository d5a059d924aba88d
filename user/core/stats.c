/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/stats.h"

#include <assert.h>
#include <string.h>
#include <uthash.h>

#include "base/util.h"

struct series {
	uint64_t key;
	struct series *group;
	bool is_group;
	uint32_t round;			/* last round that mentioned it */
	uint64_t first_tick;		/* ticks before it do not exist */
	uint64_t raw[STATS_COUNTERS];	/* as last read */
	uint64_t base[STATS_COUNTERS];	/* what earlier lives of the source, or members, left */
	uint64_t total[STATS_COUNTERS]; /* base + raw, or base + members */
	uint64_t history[STATS_DEPTH][STATS_COUNTERS];
	UT_hash_handle hh;
};

struct stats {
	struct series *series;
	uint32_t round;
	uint64_t now_ms; /* of the newest round */
	bool is_tick;
	uint64_t tick; /* ticks so far; tick % STATS_DEPTH is the place of the newest */
	uint64_t tick_ms[STATS_DEPTH];
};

struct stats *stats_new(void)
{
	return util_alloc(sizeof(struct stats));
}

void stats_free(struct stats *stats)
{
	struct series *series, *tmp;

	if (!stats)
		return;
	HASH_ITER (hh, stats->series, series, tmp) {
		HASH_DEL(stats->series, series);
		free(series);
	}
	free(stats);
}

static struct series *find(const struct stats *stats, uint64_t key)
{
	struct series *series;

	HASH_FIND(hh, stats->series, &key, sizeof(key), series);
	return series;
}

static struct series *mention(struct stats *stats, uint64_t key, bool is_group)
{
	struct series *series = find(stats, key);

	if (!series) {
		series = util_alloc(sizeof(*series));
		series->key = key;
		series->is_group = is_group;
		series->first_tick = stats->tick;
		HASH_ADD(hh, stats->series, key, sizeof(series->key), series);
	}
	assert(series->is_group == is_group);
	series->round = stats->round;
	return series;
}

void stats_begin(struct stats *stats, uint64_t now_ms, bool is_tick)
{
	stats->round++;
	stats->now_ms = now_ms;
	stats->is_tick = is_tick || stats->round == 1;
	if (stats->is_tick) {
		stats->tick++;
		stats->tick_ms[stats->tick % STATS_DEPTH] = now_ms;
	}
}

void stats_group(struct stats *stats, uint64_t key)
{
	mention(stats, key, true);
}

/* A new series starts its history with what it holds now, so its first rate is 0, not its total:
 * an adopted counter may be years old. */
static void start_history(const struct stats *stats, struct series *series)
{
	memcpy(series->history[stats->tick % STATS_DEPTH], series->total, sizeof(series->total));
}

void stats_record(struct stats *stats, uint64_t key, uint64_t group,
		  const uint64_t raw[STATS_COUNTERS])
{
	bool is_new = !find(stats, key);
	struct series *series = mention(stats, key, false);
	int i;

	series->group = group ? find(stats, group) : NULL;
	if (series->group && series->group->round != stats->round)
		series->group = NULL;
	for (i = 0; i < STATS_COUNTERS; i++) {
		if (raw[i] < series->raw[i])
			series->base[i] += series->raw[i];
		series->raw[i] = raw[i];
		series->total[i] = series->base[i] + raw[i];
	}
	if (is_new)
		start_history(stats, series);
}

/* Members that are gone leave their totals to their group, when that lives on. */
static void drop_unmentioned(struct stats *stats)
{
	struct series *series, *tmp;
	int i;

	HASH_ITER (hh, stats->series, series, tmp) {
		if (series->is_group || series->round == stats->round)
			continue;
		if (series->group && series->group->round == stats->round)
			for (i = 0; i < STATS_COUNTERS; i++)
				series->group->base[i] += series->total[i];
		HASH_DEL(stats->series, series);
		free(series);
	}
	HASH_ITER (hh, stats->series, series, tmp) {
		if (!series->is_group || series->round == stats->round)
			continue;
		HASH_DEL(stats->series, series);
		free(series);
	}
}

void stats_end(struct stats *stats)
{
	struct series *series, *tmp;
	int i;

	drop_unmentioned(stats);
	HASH_ITER (hh, stats->series, series, tmp)
		if (series->is_group)
			memcpy(series->total, series->base, sizeof(series->total));
	HASH_ITER (hh, stats->series, series, tmp)
		for (i = 0; series->group && i < STATS_COUNTERS; i++)
			series->group->total[i] += series->total[i];
	HASH_ITER (hh, stats->series, series, tmp)
		if (stats->is_tick || (series->is_group && series->first_tick == stats->tick))
			start_history(stats, series);
}

void stats_total(const struct stats *stats, uint64_t key, uint64_t ret_total[STATS_COUNTERS])
{
	const struct series *series = find(stats, key);

	memset(ret_total, 0, STATS_COUNTERS * sizeof(*ret_total));
	if (series)
		memcpy(ret_total, series->total, sizeof(series->total));
}

void stats_rate(const struct stats *stats, uint64_t key, double ret_per_s[STATS_COUNTERS])
{
	const struct series *series = find(stats, key);
	uint64_t tick, span_ms;
	int i;

	for (i = 0; i < STATS_COUNTERS; i++)
		ret_per_s[i] = 0;
	if (!series)
		return;
	tick = stats->tick >= STATS_DEPTH ? stats->tick - STATS_DEPTH + 1 : 1;
	tick = MAX(tick, series->first_tick);
	/* A pause of the daemon leaves ticks older than the window: prefer a younger one. */
	while (tick < stats->tick &&
	       stats->now_ms - stats->tick_ms[tick % STATS_DEPTH] > STATS_WINDOW_MS + 500)
		tick++;
	span_ms = stats->now_ms - stats->tick_ms[tick % STATS_DEPTH];
	for (i = 0; span_ms && i < STATS_COUNTERS; i++) {
		uint64_t then = series->history[tick % STATS_DEPTH][i];

		ret_per_s[i] = (double)(series->total[i] - then) * 1000 / (double)span_ms;
	}
}

uint64_t stats_age_ms(const struct stats *stats, uint64_t now_ms)
{
	return stats->round ? now_ms - stats->now_ms : UINT64_MAX;
}
