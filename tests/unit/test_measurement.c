/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sources send, against counting by hand; and that the limit which is suggested refuses nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/util.h"
#include "core/gcra_config.h"
#include "core/measurement.h"

#define TICK_NS 4000000U
#define START_MS 5000000

static struct dp_measured numbered(unsigned int n)
{
	struct dp_measured measured = {.source = {.length = 32}};
	char text[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16, n >> 8 & 255, n & 255);
	assert_int_equal(addr_parse(text, &measured.source.addr), 0);
	return measured;
}

/* So many new connections of source n since the start, by this look. */
static void add(struct measurement *m, unsigned int n, uint64_t connections)
{
	struct dp_measured measured = numbered(n);

	measured.packets = 10 * connections;
	measured.bytes = 1000 * connections;
	measured.new_connections = connections;
	measurement_add(m, &measured);
}

static struct measurement_result result_of(const struct measurement *m, enum measurement_unit unit)
{
	struct measurement_result result;

	measurement_result(m, unit, TICK_NS, &result);
	return result;
}

/* A thousand sources with n a second each: the percentiles are plain to see. */
static void test_plain(void **state)
{
	struct measurement *m = measurement_new(START_MS);
	struct measurement_result result;
	unsigned int second, n;

	(void)state;
	for (second = 1; second <= 10; second++) {
		measurement_begin(m, START_MS + second * 1000);
		for (n = 1; n <= 1000; n++)
			add(m, n, (uint64_t)n * second + (second >= 4 ? n : 0));
		measurement_end(m);
	}
	assert_int_equal(measurement_sources(m), 1000);
	assert_int_equal(measurement_seconds(m), 10);
	result = result_of(m, MEASUREMENT_CONNECTIONS);
	assert_true(fabs(result.average[MEASUREMENT_P50] - 550) < 1e-6);
	assert_true(fabs(result.average[MEASUREMENT_P99] - 1089) < 1e-6);
	assert_true(fabs(result.average[MEASUREMENT_P999] - 1098.9) < 1e-6);
	assert_true(fabs(result.average[MEASUREMENT_TOP] - 1100) < 1e-6);
	/* In the fourth second each of them did it twice. */
	assert_true(fabs(result.busiest[MEASUREMENT_P50] - 1000) < 1e-6);
	assert_true(fabs(result.busiest[MEASUREMENT_TOP] - 2000) < 1e-6);
	assert_string_equal(result.why, "");
	assert_int_equal(result.limit.rate.n, 3000); /* 1.5 x 1998 = 2997, up to two digits */
	assert_int_equal(result.limit.burst.n, 6000);
	assert_int_equal(result.limit.above, 0);
	assert_false(result.is_uneven);
	result = result_of(m, MEASUREMENT_BYTES);
	assert_int_equal(result.limit.rate.n, 3000000);
	assert_int_equal(result.limit.rate.unit, RATE_BYTES);
	result = result_of(m, MEASUREMENT_PACKETS);
	assert_int_equal(result.limit.rate.n, 30000);
	measurement_free(m);
}

/* A look that comes too soon joins the next one: half a second makes no source look loud. */
static void test_looks(void **state)
{
	static const struct {
		uint64_t ms, connections;
	} looks[] = {{1000, 100}, {1100, 200}, {2000, 200}, {4000, 400}, {4499, 4000}};
	struct measurement *m = measurement_new(START_MS);
	struct measurement_result result;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(looks); i++) {
		measurement_begin(m, START_MS + looks[i].ms);
		add(m, 1, looks[i].connections);
		measurement_end(m);
	}
	result = result_of(m, MEASUREMENT_CONNECTIONS);
	assert_true(fabs(result.busiest[MEASUREMENT_TOP] - 100) < 1e-6);
	assert_int_equal(measurement_seconds(m), 4);
	measurement_free(m);
}

static void test_too_little(void **state)
{
	struct measurement *m = measurement_new(START_MS);
	struct measurement_result result = result_of(m, MEASUREMENT_PACKETS);
	unsigned int n;

	(void)state;
	assert_non_null(strstr(result.why, "too little traffic: 0 sources"));
	assert_true(result.average[MEASUREMENT_TOP] == 0);
	measurement_begin(m, START_MS + 1000);
	for (n = 1; n < MEASUREMENT_SOURCES_MIN; n++)
		add(m, n, 5);
	result = result_of(m, MEASUREMENT_PACKETS);
	assert_non_null(strstr(result.why, "too little traffic: 19 sources"));
	assert_int_equal(result.limit.rate.n, 0);
	add(m, n, 5);
	measurement_end(m);
	assert_string_equal(result_of(m, MEASUREMENT_PACKETS).why, "");
	measurement_free(m);
	/* Many sources, but none opened a connection. */
	m = measurement_new(START_MS);
	measurement_begin(m, START_MS + 1000);
	for (n = 0; n < 100; n++)
		add(m, n, 0);
	measurement_end(m);
	assert_non_null(strstr(result_of(m, MEASUREMENT_CONNECTIONS).why, "too little"));
	measurement_free(m);
}

/* Who is loud is told, and not taken for honest. */
static void test_loud(void **state)
{
	struct measurement *m = measurement_new(START_MS);
	struct measurement_result result;
	unsigned int n;

	(void)state;
	measurement_begin(m, START_MS + 1000);
	for (n = 0; n < 8000; n++)
		add(m, n, n < 7 ? 1000 + n : 4);
	measurement_end(m);
	result = result_of(m, MEASUREMENT_CONNECTIONS);
	assert_int_equal(result.limit.rate.n, 6);
	assert_int_equal(result.limit.above, 7);
	assert_int_equal(result.limit.loud_count, MEASUREMENT_LOUD_SHOWN);
	for (n = 0; n < MEASUREMENT_LOUD_SHOWN; n++)
		assert_true(fabs(result.limit.loud[n].per_s - (1006 - (double)n)) < 1e-6);
	assert_false(result.is_uneven);
	measurement_free(m);
	/* Of fewer sources the 99.9th percentile is a loud one: a person should look. */
	m = measurement_new(START_MS);
	measurement_begin(m, START_MS + 1000);
	for (n = 0; n < 500; n++)
		add(m, n, n < 3 ? 1000 : 4);
	measurement_end(m);
	result = result_of(m, MEASUREMENT_CONNECTIONS);
	assert_int_equal(result.limit.rate.n, 1500);
	assert_int_equal(result.limit.above, 0);
	assert_true(result.is_uneven);
	assert_int_equal(result.lower.rate.n, 6);
	assert_int_equal(result.lower.above, 3);
	assert_true(result.lower.loud[2].per_s == 1000);
	measurement_free(m);
}

/* What no limit can have is not suggested. */
static void test_largest(void **state)
{
	static const struct {
		enum measurement_unit unit;
		enum sluice_limit_count count;
		uint64_t per_s;
		bool is_short;
	} rows[] = {
		{MEASUREMENT_CONNECTIONS, SLUICE_COUNT_NEW_CONNECTIONS, 3000000, false},
		{MEASUREMENT_CONNECTIONS, SLUICE_COUNT_NEW_CONNECTIONS, 4000000, true},
		{MEASUREMENT_CONNECTIONS, SLUICE_COUNT_NEW_CONNECTIONS, 9000000, true},
		{MEASUREMENT_PACKETS, SLUICE_COUNT_PACKETS, 50000000, true},
		{MEASUREMENT_BYTES, SLUICE_COUNT_BYTES, 300000000, false},
		{MEASUREMENT_BYTES, SLUICE_COUNT_BYTES, 1000000000, true},
		{MEASUREMENT_BYTES, SLUICE_COUNT_BYTES, 20000000000, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct measurement *m = measurement_new(START_MS);
		struct measurement_limit limit;
		struct gcra_params params;
		struct err e = {0};
		unsigned int n;

		measurement_begin(m, START_MS + 1000);
		for (n = 0; n < 100; n++) {
			struct dp_measured measured = numbered(n);

			measured.packets = measured.bytes = rows[i].per_s;
			measured.new_connections = rows[i].per_s;
			measurement_add(m, &measured);
		}
		measurement_end(m);
		limit = result_of(m, rows[i].unit).limit;
		if (gcra_params_make(rows[i].count, limit.rate.n, limit.rate.s, limit.burst.n,
				     TICK_NS, &params, &e))
			fail_msg("row %zu: %s", i, e.text);
		assert_int_equal(limit.is_short, rows[i].is_short);
		assert_int_equal(limit.burst.n >= 3 * rows[i].per_s, !rows[i].is_short);
		assert_int_equal(limit.above, limit.rate.n < rows[i].per_s ? 100 : 0);
		measurement_free(m);
	}
}

/* ---- the limit refuses nobody ---------------------------------------------------------------- */

#define SOURCES 60
#define SECONDS 30

struct trace {
	uint64_t ms[SECONDS * 60]; /* of packets, in order */
	size_t count;
};

static void make_trace(struct trace *trace, unsigned int *seed)
{
	unsigned int gap = 20 + (unsigned int)rand_r(seed) % 400;
	uint64_t ms = 0;

	trace->count = 0;
	for (;;) {
		unsigned int burst = (unsigned int)rand_r(seed) % 10 ? 1 : 8;

		ms += (unsigned int)rand_r(seed) % (2 * gap);
		if (ms >= SECONDS * 1000)
			return;
		while (burst-- && trace->count < ARRAY_SIZE(trace->ms))
			trace->ms[trace->count++] = START_MS + ms;
	}
}

/* A plain token bucket. */
static size_t count_refused(const struct trace *trace, double rate, double burst)
{
	double tokens = burst;
	uint64_t last = START_MS;
	size_t refused = 0, i;

	for (i = 0; i < trace->count; i++) {
		tokens += (double)(trace->ms[i] - last) * rate / 1000;
		tokens = MIN(tokens, burst);
		last = trace->ms[i];
		if (tokens >= 1)
			tokens -= 1;
		else
			refused++;
	}
	return refused;
}

static uint64_t count_until(const struct trace *trace, uint64_t ms)
{
	size_t i = 0;

	while (i < trace->count && trace->ms[i] <= ms)
		i++;
	return i;
}

static void test_refuses_nobody(void **state)
{
	static struct trace traces[SOURCES];
	unsigned int seed = 5, round, s;

	(void)state;
	for (round = 0; round < 30; round++) {
		struct measurement *m = measurement_new(START_MS);
		struct measurement_result result;
		uint64_t ms = START_MS;

		for (s = 0; s < SOURCES; s++)
			make_trace(&traces[s], &seed);
		while (ms < START_MS + SECONDS * 1000) {
			ms += 900 + (unsigned int)rand_r(&seed) % 300;
			measurement_begin(m, ms);
			for (s = 0; s < SOURCES; s++)
				add(m, s, count_until(&traces[s], ms));
			measurement_end(m);
		}
		result = result_of(m, MEASUREMENT_CONNECTIONS);
		assert_int_equal(result.limit.above, 0); /* so few that the 99.9th is the maximum */
		for (s = 0; s < SOURCES; s++)
			if (count_refused(&traces[s], (double)result.limit.rate.n,
					  (double)result.limit.burst.n))
				fail_msg("round %u: source %u is refused", round, s);
		measurement_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	cmocka_unit_test(test_looks),
		cmocka_unit_test(test_largest), cmocka_unit_test(test_too_little),
		cmocka_unit_test(test_loud),	cmocka_unit_test(test_refuses_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
