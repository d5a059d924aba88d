/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Totals that never go back, groups that remember members that are gone, rates over ten seconds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "core/stats.h"

#define GROUP STATS_KEY(STATS_SERVICE, 1)
#define MEMBER(n) STATS_KEY(STATS_MEMBER, n)

static void record(struct stats *stats, uint64_t key, uint64_t group, uint64_t value)
{
	const uint64_t raw[STATS_COUNTERS] = {value, value * 10, 0, 0};

	stats_record(stats, key, group, raw);
}

static uint64_t total(const struct stats *stats, uint64_t key)
{
	uint64_t values[STATS_COUNTERS];

	stats_total(stats, key, values);
	assert_int_equal(values[1], values[0] * 10);
	return values[0];
}

static double rate(const struct stats *stats, uint64_t key)
{
	double values[STATS_COUNTERS];

	stats_rate(stats, key, values);
	assert_true(fabs(values[1] - values[0] * 10) < 1e-6);
	return values[0];
}

static void round_of(struct stats *stats, uint64_t now_ms, bool is_tick, uint64_t one, uint64_t two)
{
	stats_begin(stats, now_ms, is_tick);
	stats_group(stats, GROUP);
	record(stats, MEMBER(1), GROUP, one);
	record(stats, MEMBER(2), GROUP, two);
	stats_end(stats);
}

static void unknown_keys_are_zero(void **state)
{
	struct stats *stats = stats_new();

	(void)state;
	assert_int_equal(total(stats, MEMBER(1)), 0);
	assert_true(rate(stats, MEMBER(1)) == 0);
	assert_true(stats_age_ms(stats, 5) == UINT64_MAX);
	stats_begin(stats, 100, true);
	stats_end(stats);
	assert_int_equal(stats_age_ms(stats, 350), 250);
	stats_free(stats);
	stats_free(NULL);
}

static void old_totals_are_no_rate(void **state)
{
	struct stats *stats = stats_new();

	(void)state;
	round_of(stats, 1000, true, 1000000, 5);
	assert_int_equal(total(stats, MEMBER(1)), 1000000);
	assert_true(rate(stats, MEMBER(1)) == 0);
	assert_true(rate(stats, GROUP) == 0);
	round_of(stats, 2000, true, 1000100, 5);
	assert_true(fabs(rate(stats, MEMBER(1)) - 100) < 1e-6);
	assert_true(rate(stats, MEMBER(2)) == 0);
	assert_true(fabs(rate(stats, GROUP) - 100) < 1e-6);
	stats_free(stats);
}

/* Who begins after seconds of silence had a rate of zero until then, and so had its group. */
static void first_traffic_after_silence(void **state)
{
	struct stats *stats = stats_new();
	uint64_t i;

	(void)state;
	for (i = 0; i <= 30; i++)
		round_of(stats, i * 1000, true, 0, 0);
	assert_int_equal(total(stats, GROUP), 0);
	assert_true(rate(stats, MEMBER(1)) == 0);
	round_of(stats, 31000, true, 500, 0);
	assert_true(fabs(rate(stats, MEMBER(1)) - 50) < 1e-6);
	assert_true(fabs(rate(stats, GROUP) - 50) < 1e-6);
	assert_true(rate(stats, MEMBER(2)) == 0);
	for (i = 32; i <= 41; i++)
		round_of(stats, i * 1000, true, 500, 0);
	assert_true(rate(stats, MEMBER(1)) == 0);
	assert_true(rate(stats, GROUP) == 0);
	assert_int_equal(total(stats, GROUP), 500);
	stats_free(stats);
}

static void rate_is_over_ten_seconds(void **state)
{
	struct stats *stats = stats_new();
	uint64_t i;

	(void)state;
	/* 50 a second for 30 s, then silence. */
	for (i = 0; i <= 30; i++)
		round_of(stats, i * 1000, true, i * 50, 0);
	assert_true(fabs(rate(stats, MEMBER(1)) - 50) < 1e-6);
	for (i = 31; i <= 35; i++)
		round_of(stats, i * 1000, true, 1500, 0);
	assert_true(fabs(rate(stats, MEMBER(1)) - 25) < 1e-6);
	for (i = 36; i <= 40; i++)
		round_of(stats, i * 1000, true, 1500, 0);
	assert_true(rate(stats, MEMBER(1)) == 0);
	stats_free(stats);
}

static void refresh_between_ticks(void **state)
{
	struct stats *stats = stats_new();
	uint64_t i;

	(void)state;
	round_of(stats, 0, true, 0, 0);
	/* Many refreshes must not push the history out. */
	for (i = 1; i <= 100; i++)
		round_of(stats, i * 10, false, i, 0);
	assert_int_equal(total(stats, MEMBER(1)), 100);
	assert_true(fabs(rate(stats, MEMBER(1)) - 100) < 1e-6);
	stats_free(stats);
}

static void a_gap_leaves_the_window(void **state)
{
	struct stats *stats = stats_new();

	(void)state;
	round_of(stats, 0, true, 0, 0);
	round_of(stats, 60000, true, 6000, 0);
	round_of(stats, 61000, true, 6010, 0);
	assert_true(fabs(rate(stats, MEMBER(1)) - 10) < 1e-6);
	stats_free(stats);
}

static void totals_survive_a_reset_of_the_source(void **state)
{
	struct stats *stats = stats_new();

	(void)state;
	round_of(stats, 0, true, 100, 0);
	round_of(stats, 1000, true, 7, 0);
	assert_int_equal(total(stats, MEMBER(1)), 107);
	round_of(stats, 2000, true, 9, 0);
	assert_int_equal(total(stats, MEMBER(1)), 109);
	assert_int_equal(total(stats, GROUP), 109);
	stats_free(stats);
}

static void group_keeps_what_members_leave(void **state)
{
	struct stats *stats = stats_new();

	(void)state;
	round_of(stats, 0, true, 100, 40);
	assert_int_equal(total(stats, GROUP), 140);
	stats_begin(stats, 1000, true);
	stats_group(stats, GROUP);
	record(stats, MEMBER(2), GROUP, 50);
	stats_end(stats);
	assert_int_equal(total(stats, MEMBER(1)), 0);
	assert_int_equal(total(stats, GROUP), 150);
	assert_true(fabs(rate(stats, GROUP) - 10) < 1e-6);
	/* The same key again is another life. */
	round_of(stats, 2000, true, 3, 50);
	assert_int_equal(total(stats, MEMBER(1)), 3);
	assert_int_equal(total(stats, GROUP), 153);
	stats_free(stats);
}

static void group_goes_with_its_service(void **state)
{
	struct stats *stats = stats_new();

	(void)state;
	round_of(stats, 0, true, 100, 40);
	/* A member whose group is not declared in this round stands alone. */
	stats_begin(stats, 1000, true);
	record(stats, MEMBER(1), GROUP, 110);
	stats_end(stats);
	assert_int_equal(total(stats, GROUP), 0);
	assert_int_equal(total(stats, MEMBER(1)), 110);
	stats_begin(stats, 2000, true);
	stats_end(stats);
	assert_int_equal(total(stats, MEMBER(1)), 0);
	round_of(stats, 3000, true, 1, 1);
	assert_int_equal(total(stats, GROUP), 2);
	stats_free(stats);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_keys_are_zero),
		cmocka_unit_test(old_totals_are_no_rate),
		cmocka_unit_test(first_traffic_after_silence),
		cmocka_unit_test(rate_is_over_ten_seconds),
		cmocka_unit_test(refresh_between_ticks),
		cmocka_unit_test(a_gap_leaves_the_window),
		cmocka_unit_test(totals_survive_a_reset_of_the_source),
		cmocka_unit_test(group_keeps_what_members_leave),
		cmocka_unit_test(group_goes_with_its_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
