/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/measurement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/util.h"
#include "core/gcra_config.h"

#define LOOK_MS_MIN 500 /* a shorter one says nothing of a second: it joins the next */
#define UNEVEN 10	/* times the 99th percentile */

struct source {
	struct prefix prefix; /* of a family all are of one length: the address is the key */
	uint64_t last[MEASUREMENT_UNIT_MAX];
	double busiest[MEASUREMENT_UNIT_MAX];
	UT_hash_handle hh;
};

struct measurement {
	struct source *sources;
	uint64_t began_ms, last_ms, now_ms;
	bool is_counting; /* the look that runs is long enough */
};

struct measurement *measurement_new(uint64_t now_ms)
{
	struct measurement *measurement = util_alloc(sizeof(*measurement));

	measurement->began_ms = measurement->last_ms = now_ms;
	return measurement;
}

void measurement_free(struct measurement *measurement)
{
	struct source *source, *next;

	if (!measurement)
		return;
	for (source = measurement->sources; source; source = next) {
		next = source->hh.next;
		HASH_DEL(measurement->sources, source);
		free(source);
	}
	free(measurement);
}

void measurement_begin(struct measurement *measurement, uint64_t now_ms)
{
	measurement->now_ms = now_ms;
	measurement->is_counting = now_ms - measurement->last_ms >= LOOK_MS_MIN;
}

static struct source *get_source(struct measurement *measurement, const struct prefix *prefix)
{
	struct source *source;

	HASH_FIND(hh, measurement->sources, &prefix->addr, sizeof(prefix->addr), source);
	if (source)
		return source;
	source = util_alloc(sizeof(*source));
	source->prefix = *prefix;
	HASH_ADD(hh, measurement->sources, prefix.addr, sizeof(source->prefix.addr), source);
	return source;
}

void measurement_add(struct measurement *measurement, const struct dp_measured *measured)
{
	const uint64_t now[MEASUREMENT_UNIT_MAX] = {measured->packets, measured->bytes,
						    measured->new_connections};
	uint64_t ms = measurement->now_ms - measurement->last_ms;
	struct source *source;
	size_t u;

	if (!measurement->is_counting)
		return;
	source = get_source(measurement, &measured->source);
	for (u = 0; u < MEASUREMENT_UNIT_MAX; u++) {
		double per_s = (double)(now[u] - source->last[u]) * 1000 / (double)ms;

		source->busiest[u] = MAX(source->busiest[u], per_s);
		source->last[u] = now[u];
	}
}

void measurement_end(struct measurement *measurement)
{
	if (measurement->is_counting)
		measurement->last_ms = measurement->now_ms;
}

size_t measurement_sources(const struct measurement *measurement)
{
	return HASH_COUNT(measurement->sources);
}

uint64_t measurement_seconds(const struct measurement *measurement)
{
	return (measurement->last_ms - measurement->began_ms + 500) / 1000;
}

/* ---- percentiles ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void rank(double *values, size_t count, double ret_ranks[MEASUREMENT_RANK_MAX])
{
	static const double parts[MEASUREMENT_RANK_MAX] = {0.5, 0.99, 0.999, 1};
	size_t r;

	qsort(values, count, sizeof(*values), compare);
	for (r = 0; r < MEASUREMENT_RANK_MAX; r++) {
		/* Nearest rank; what is a hair above a whole number for rounding alone is that number. */
		size_t place = (size_t)ceil(parts[r] * (double)count - 1e-9);

		ret_ranks[r] = count ? values[MAX(place, 1U) - 1] : 0;
	}
}

static void rank_all(const struct measurement *measurement, enum measurement_unit unit,
		     struct measurement_result *result)
{
	size_t count = measurement_sources(measurement), i = 0;
	AUTO_FREE double *values = util_alloc_array(count + 1, sizeof(*values));
	double seconds = (double)(measurement->last_ms - measurement->began_ms) / 1000;
	const struct source *source;

	for (source = measurement->sources; source; source = source->hh.next)
		values[i++] = seconds > 0 ? (double)source->last[unit] / seconds : 0;
	rank(values, count, result->average);
	i = 0;
	for (source = measurement->sources; source; source = source->hh.next)
		values[i++] = source->busiest[unit];
	rank(values, count, result->busiest);
}

/* ---- a limit --------------------------------------------------------------------------------- */

static uint64_t second_digit(uint64_t value)
{
	uint64_t step = 1;

	while (value / step >= 100)
		step *= 10;
	return step;
}

/* Up to two digits: 1.2, 13, 140, 1500. At least 1. */
static uint64_t round_up(double value)
{
	uint64_t whole = (uint64_t)ceil(value), step = second_digit(whole);

	return MAX((whole + step - 1) / step * step, 1U);
}

static uint64_t round_down(uint64_t value)
{
	return value - value % second_digit(value);
}

static void add_loud(struct measurement_limit *limit, const struct source *source, double per_s)
{
	struct measurement_loud *loud = limit->loud;
	size_t at = limit->loud_count;

	while (at && loud[at - 1].per_s < per_s)
		at--;
	if (at == MEASUREMENT_LOUD_SHOWN)
		return;
	if (limit->loud_count < MEASUREMENT_LOUD_SHOWN)
		limit->loud_count++;
	memmove(&loud[at + 1], &loud[at], (limit->loud_count - 1 - at) * sizeof(*loud));
	loud[at] = (struct measurement_loud){source->prefix, per_s};
}

/* The limit for sources whose busiest second is not above this. */
static void make_limit(const struct measurement *measurement, enum measurement_unit unit,
		       double busiest, uint32_t tick_ns, struct measurement_limit *ret_limit)
{
	static const struct {
		enum rate_unit unit;
		enum sluice_limit_count count;
	} units[MEASUREMENT_UNIT_MAX] = {{RATE_PLAIN, SLUICE_COUNT_PACKETS},
					 {RATE_BYTES, SLUICE_COUNT_BYTES},
					 {RATE_PLAIN, SLUICE_COUNT_NEW_CONNECTIONS}};
	uint64_t wanted = round_up(busiest * MEASUREMENT_HEADROOM);
	uint64_t rate = MIN(wanted, gcra_rate_max(units[unit].count));
	uint64_t least = gcra_burst_min(units[unit].count, rate, 1, tick_ns);
	uint64_t most = round_down(gcra_burst_max(units[unit].count, rate, 1));
	const struct source *source;

	ret_limit->rate = (struct rate){rate, 1, units[unit].unit};
	ret_limit->burst = (struct amount){MAX(MIN(2 * rate, most), least), units[unit].unit};
	ret_limit->is_short = rate < wanted || most < 2 * rate;
	for (source = measurement->sources; source; source = source->hh.next) {
		if (source->busiest[unit] <= (double)rate)
			continue;
		ret_limit->above++;
		add_loud(ret_limit, source, source->busiest[unit]);
	}
}

static void suggest(const struct measurement *measurement, enum measurement_unit unit,
		    uint32_t tick_ns, struct measurement_result *result)
{
	size_t sources = measurement_sources(measurement);
	const double *busiest = result->busiest;

	if (sources < MEASUREMENT_SOURCES_MIN) {
		snprintf(
			result->why, sizeof(result->why),
			"too little traffic: %zu source%s, and fewer than %d say nothing of others",
			sources, sources == 1 ? "" : "s", MEASUREMENT_SOURCES_MIN);
		return;
	}
	if (busiest[MEASUREMENT_P999] <= 0) {
		snprintf(result->why, sizeof(result->why),
			 "too little traffic: no more than one source in a thousand sent any");
		return;
	}
	make_limit(measurement, unit, busiest[MEASUREMENT_P999], tick_ns, &result->limit);
	result->is_uneven = busiest[MEASUREMENT_P999] > UNEVEN * busiest[MEASUREMENT_P99];
	if (result->is_uneven)
		make_limit(measurement, unit, busiest[MEASUREMENT_P99], tick_ns, &result->lower);
}

void measurement_result(const struct measurement *measurement, enum measurement_unit unit,
			uint32_t tick_ns, struct measurement_result *ret_result)
{
	*ret_result = (struct measurement_result){0};
	rank_all(measurement, unit, ret_result);
	suggest(measurement, unit, tick_ns, ret_result);
}

const char *measurement_unit_name(enum measurement_unit unit)
{
	static const char *const names[MEASUREMENT_UNIT_MAX] = {"packets", "bytes",
								"new-connections"};

	return unit < MEASUREMENT_UNIT_MAX ? names[unit] : "?";
}
