/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/stats.h"

#include <assert.h>
#include <string.h>
#include <uthash.h>

#include "base/util.h"

struct counters {
	uint64_t raw[STATS_COUNTERS];	/* as last read */
	uint64_t base[STATS_COUNTERS];	/* what earlier lives of the source, or members, left */
	uint64_t total[STATS_COUNTERS]; /* base + raw, or base + members */
	uint64_t history[STATS_DEPTH][STATS_COUNTERS];
};

struct series {
	uint64_t key;
	struct series *group;
	bool is_group;
	uint32_t round;		   /* last round that mentioned it */
	uint64_t first_tick;	   /* ticks before it do not exist */
	struct counters *counters; /* NULL: all zero so far, as of most of thousands of members */
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

static void drop(struct stats *stats, struct series *series)
{
	HASH_DEL(stats->series, series);
	free(series->counters);
	free(series);
}

void stats_free(struct stats *stats)
{
	struct series *series, *tmp;

	if (!stats)
		return;
	HASH_ITER (hh, stats->series, series, tmp)
		drop(stats, series);
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
static void start_history(const struct stats *stats, const struct series *series)
{
	struct counters *counters = series->counters;

	if (counters)
		memcpy(counters->history[stats->tick % STATS_DEPTH], counters->total,
		       sizeof(counters->total));
}

static bool is_zero(const uint64_t values[STATS_COUNTERS])
{
	int i;

	for (i = 0; i < STATS_COUNTERS; i++)
		if (values[i])
			return false;
	return true;
}

/* The ticks so far, of zeros, are in what it gets. */
static struct counters *counters_of(struct series *series)
{
	if (!series->counters)
		series->counters = util_alloc(sizeof(*series->counters));
	return series->counters;
}

static void add(uint64_t sum[STATS_COUNTERS], const uint64_t values[STATS_COUNTERS])
{
	int i;

	for (i = 0; i < STATS_COUNTERS; i++)
		sum[i] += values[i];
}

void stats_record(struct stats *stats, uint64_t key, uint64_t group,
		  const uint64_t raw[STATS_COUNTERS])
{
	bool is_new = !find(stats, key);
	struct series *series = mention(stats, key, false);
	struct counters *counters;
	int i;

	series->group = group ? find(stats, group) : NULL;
	if (series->group && series->group->round != stats->round)
		series->group = NULL;
	if (!series->counters && is_zero(raw))
		return;
	counters = counters_of(series);
	for (i = 0; i < STATS_COUNTERS; i++) {
		if (raw[i] < counters->raw[i])
			counters->base[i] += counters->raw[i];
		counters->raw[i] = raw[i];
		counters->total[i] = counters->base[i] + raw[i];
	}
	if (is_new)
		start_history(stats, series);
}

/* Members that are gone leave their totals to their group, when that lives on. */
static void drop_unmentioned(struct stats *stats)
{
	struct series *series, *tmp;

	HASH_ITER (hh, stats->series, series, tmp) {
		if (series->is_group || series->round == stats->round)
			continue;
		if (series->counters && series->group && series->group->round == stats->round)
			add(counters_of(series->group)->base, series->counters->total);
		drop(stats, series);
	}
	HASH_ITER (hh, stats->series, series, tmp)
		if (series->is_group && series->round != stats->round)
			drop(stats, series);
}

void stats_end(struct stats *stats)
{
	struct series *series, *tmp;

	drop_unmentioned(stats);
	HASH_ITER (hh, stats->series, series, tmp)
		if (series->is_group && series->counters)
			memcpy(series->counters->total, series->counters->base,
			       sizeof(series->counters->total));
	HASH_ITER (hh, stats->series, series, tmp)
		if (series->group && series->counters)
			add(counters_of(series->group)->total, series->counters->total);
	HASH_ITER (hh, stats->series, series, tmp)
		if (stats->is_tick || (series->is_group && series->first_tick == stats->tick))
			start_history(stats, series);
}

void stats_total(const struct stats *stats, uint64_t key, uint64_t ret_total[STATS_COUNTERS])
{
	const struct series *series = find(stats, key);

	memset(ret_total, 0, STATS_COUNTERS * sizeof(*ret_total));
	if (series && series->counters)
		memcpy(ret_total, series->counters->total, sizeof(series->counters->total));
}

void stats_rate(const struct stats *stats, uint64_t key, double ret_per_s[STATS_COUNTERS])
{
	const struct series *series = find(stats, key);
	uint64_t tick, span_ms;
	int i;

	for (i = 0; i < STATS_COUNTERS; i++)
		ret_per_s[i] = 0;
	if (!series || !series->counters)
		return;
	tick = stats->tick >= STATS_DEPTH ? stats->tick - STATS_DEPTH + 1 : 1;
	tick = MAX(tick, series->first_tick);
	/* A pause of the daemon leaves ticks older than the window: prefer a younger one. */
	while (tick < stats->tick &&
	       stats->now_ms - stats->tick_ms[tick % STATS_DEPTH] > STATS_WINDOW_MS + 500)
		tick++;
	span_ms = stats->now_ms - stats->tick_ms[tick % STATS_DEPTH];
	for (i = 0; span_ms && i < STATS_COUNTERS; i++) {
		uint64_t then = series->counters->history[tick % STATS_DEPTH][i];

		ret_per_s[i] = (double)(series->counters->total[i] - then) * 1000 / (double)span_ms;
	}
}

uint64_t stats_age_ms(const struct stats *stats, uint64_t now_ms)
{
	return stats->round ? now_ms - stats->now_ms : UINT64_MAX;
}
