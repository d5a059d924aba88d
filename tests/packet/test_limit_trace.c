/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The limiter on the real program against a token bucket with a perfect clock, written as one would
 * explain it: traces of floods, trickles, bursts and pauses, clocks of several ticks, and
 * years.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include <sluice/gcra.h>

#include "base/util.h"
#include "packet/limit_world.h"

#define DAY (86400 * S)
#define START LIMIT_WORLD_START
#define LARGE 100000 /* rates above send so many packets that fewer steps must do */

static const uint32_t ticks_ns[] = {1 * MS, 4 * MS, 10 * MS}; /* 1000, 250 and 100 Hz */

static struct world *world;

static uint64_t bucket_take(struct bucket *b, uint64_t now_ns, uint32_t packets)
{
	uint64_t taken;

	bucket_fill(b, now_ns);
	taken = MIN((uint64_t)fmax(0, b->tokens), (uint64_t)packets);
	b->tokens -= (double)taken;
	return taken;
}

/* ---- traces ------------------------------------------------------------------------------- */

struct rate {
	uint64_t n;
	uint32_t s;
};

static const struct rate rates[] = {
	{1, 60},   {7, 60},    {1, 1},	    {3, 1},	  {50, 1},	{999, 1},
	{1000, 1}, {12345, 1}, {100000, 1}, {1000000, 1}, {9999999, 1}, {10000000, 1},
};

/* Sends times the limit until some hundred packets should have passed, or some ticks. */
static void check_long_run(struct rule *rule, double times)
{
	double span_ns = fmax(800 / rule_rate(rule), 20.0 * rule->tick_ns), step_ns, due = 0;
	uint64_t now_ns = START, swept_ns = START, passed = 0, want = 0;
	struct bucket bucket;

	limit_world_set(world, rule);
	bucket = bucket_new(rule_rate(rule), (double)rule->burst, START);
	step_ns = fmax(1 / rule_rate(rule) / times, rule->tick_ns / 3.0);
	while ((double)(now_ns - START) < span_ns) {
		uint32_t packets;

		now_ns += (uint64_t)(step_ns * (0.5 + limit_random()));
		due += times * rule_rate(rule) * step_ns;
		packets = (uint32_t)due;
		due -= packets;
		limit_world_sweep(world, rule, &swept_ns, now_ns);
		passed += limit_world_send(world, packets);
		want += bucket_take(&bucket, now_ns, packets);
	}
	if (fabs((double)passed - (double)want) >
	    0.01 * (double)want + rule_rate(rule) * rule->tick_ns + 1)
		fail_msg("%llu in %u s, burst %llu, tick %u ns, %g times: %llu passed, not %llu",
			 (unsigned long long)rule->rate_n, rule->rate_s,
			 (unsigned long long)rule->burst, rule->tick_ns, times,
			 (unsigned long long)passed, (unsigned long long)want);
}

static void test_long_run(void **state)
{
	static const double times[] = {1.2, 10};

	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++)
		for (size_t t = 0; t < ARRAY_SIZE(ticks_ns); t++)
			for (size_t i = 0; i < (rates[r].n > LARGE ? 1 : ARRAY_SIZE(times)); i++)
				check_long_run(&(struct rule){rates[r].n, rates[r].s,
							      .tick_ns = ticks_ns[t]},
					       times[i]);
}

/* After a pause that fills the bucket exactly the burst, after a shorter one what it brought, to one
 * tick. */
static void check_bursts(struct rule *rule)
{
	uint64_t now_ns = START, swept_ns = START;
	uint32_t more;
	int i;

	limit_world_set(world, rule);
	more = (uint32_t)(rule->burst + rule->burst / 2 + 3);
	assert_int_equal(limit_world_send(world, more), rule->burst);
	for (i = 0; i < (rule->rate_n > LARGE ? 3 : 12); i++) {
		double part = i % 3 == 2 ? 2 : limit_random();
		uint64_t gap_ns = (uint64_t)(part * (double)rule->burst / rule_rate(rule));
		double brought = (double)gap_ns * rule_rate(rule), tick;
		uint64_t passed;

		now_ns += gap_ns;
		limit_world_sweep(world, rule, &swept_ns, now_ns);
		passed = limit_world_send(world, more);
		tick = rule_rate(rule) * rule->tick_ns + 0.005 * brought + 1;
		if (part > 1.5 && passed != rule->burst)
			fail_msg("%llu/%u s: %llu of a burst of %llu",
				 (unsigned long long)rule->rate_n, rule->rate_s,
				 (unsigned long long)passed, (unsigned long long)rule->burst);
		if (part < 1 && fabs((double)passed - brought) > tick)
			fail_msg("%llu/%u s, tick %u ns: %llu passed after a pause that brought %g",
				 (unsigned long long)rule->rate_n, rule->rate_s, rule->tick_ns,
				 (unsigned long long)passed, brought);
	}
}

static void test_bursts(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++)
		for (size_t t = 0; t < ARRAY_SIZE(ticks_ns); t++) {
			uint64_t least = gcra_burst_min(SLUICE_COUNT_PACKETS, rates[r].n,
							rates[r].s, ticks_ns[t]);

			check_bursts(&(struct rule){rates[r].n, rates[r].s, .burst = least,
						    .tick_ns = ticks_ns[t]});
			check_bursts(&(struct rule){rates[r].n, rates[r].s, .burst = 3 * least,
						    .tick_ns = ticks_ns[t]});
		}
}

/* What one moment of a random trace sends, and how long it is until the next. */
static uint64_t random_gap(const struct rule *rule)
{
	double kind = limit_random(), mean = 1 / rule_rate(rule);

	if (kind < 0.02)
		return (uint64_t)(limit_random() * 3 * (double)rule->burst * mean); /* a pause */
	if (kind < 0.5)
		return (uint64_t)(-log(limit_random()) * mean / 4);
	return (uint64_t)(-log(limit_random()) * mean * 1.5);
}

/* At no moment more than a bucket that is one tick larger and fills half a per cent faster has, and
 * never less than one that is as much smaller and slower has. */
static void check_trace(struct rule *rule)
{
	uint64_t now_ns = START, swept_ns = START;
	struct bucket most, least;
	double slack;
	int i, steps = rule->rate_n > LARGE ? 60 : 400;

	limit_world_set(world, rule);
	slack = rule_rate(rule) * rule->tick_ns + 0.02;
	most = bucket_new(1.005 * rule_rate(rule), (double)rule->burst + slack, START);
	least = bucket_new(0.995 * rule_rate(rule), (double)rule->burst - slack, START);
	for (i = 0; i < steps; i++) {
		uint32_t packets = 1;
		uint64_t passed;

		now_ns += random_gap(rule);
		if (limit_random() < 0.05)
			packets = 1 + (uint32_t)(limit_random() * 1.5 * (double)rule->burst);
		limit_world_sweep(world, rule, &swept_ns, now_ns);
		passed = limit_world_send(world, packets);
		bucket_fill(&most, now_ns);
		bucket_fill(&least, now_ns);
		if ((double)passed > most.tokens ||
		    ((double)passed <= least.tokens - 1 && passed < packets))
			fail_msg("%llu/%u s, burst %llu, tick %u ns, step %d: of %u %llu passed, "
				 "expected %g to %g",
				 (unsigned long long)rule->rate_n, rule->rate_s,
				 (unsigned long long)rule->burst, rule->tick_ns, i, packets,
				 (unsigned long long)passed, least.tokens, most.tokens);
		most.tokens -= (double)passed;
		least.tokens -= (double)passed;
	}
}

static void test_random_traces(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++)
		for (size_t t = 0; t < ARRAY_SIZE(ticks_ns); t++) {
			uint64_t least = gcra_burst_min(SLUICE_COUNT_PACKETS, rates[r].n,
							rates[r].s, ticks_ns[t]);

			check_trace(&(struct rule){rates[r].n, rates[r].s, .burst = least,
						   .tick_ns = ticks_ns[t]});
			check_trace(&(struct rule){
				rates[r].n, rates[r].s,
				.burst = least + (uint64_t)(4 * limit_random() * (double)least),
				.tick_ns = ticks_ns[t]});
		}
}

/* ---- years -------------------------------------------------------------------------------- */

/* The source comes back after pauses of seconds to years, for decades. All times wrap many times. */
static void test_years(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++) {
		struct rule rule = {rates[r].n, rates[r].s, .tick_ns = ticks_ns[r % 3]};
		uint64_t now_ns = START, swept_ns = START, full_ns;
		uint32_t more;

		limit_world_set(world, &rule);
		full_ns = (uint64_t)((double)rule.burst / rule_rate(&rule)) + 2 * rule.tick_ns;
		more = (uint32_t)MIN(2 * rule.burst, rule.burst + 1000);
		while (now_ns < 30 * 365 * DAY) {
			limit_world_sweep(world, &rule, &swept_ns, now_ns);
			assert_int_equal(limit_world_send(world, more), rule.burst);
			assert_int_equal(limit_world_send(world, 100), 0);
			now_ns += full_ns + full_ns / 100 +
				  (uint64_t)(exp(limit_random() * 19) * (double)S);
		}
	}
}

/* Nobody sweeps, for the daemon is dead: the source comes back any time within the 18 minutes that
 * the field `seen` spans. */
static void test_without_sweeps(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++) {
		struct rule rule = {rates[r].n, rates[r].s, .tick_ns = ticks_ns[r % 3]};
		uint64_t now_ns = START, full_ns;
		uint32_t more;

		limit_world_set(world, &rule);
		full_ns =
			(uint64_t)(1.01 * (double)rule.burst / rule_rate(&rule)) + 2 * rule.tick_ns;
		more = (uint32_t)MIN(2 * rule.burst, rule.burst + 1000);
		for (int i = 0; i < (rule.rate_n > LARGE ? 10 : 200); i++) {
			limit_world_clock(world, &rule, now_ns);
			assert_int_equal(limit_world_send(world, more), rule.burst);
			now_ns +=
				full_ns + (uint64_t)(limit_random() * (1090 * S - (double)full_ns));
		}
	}
}

/* A burst that takes minutes: 2^31 of its units are more than the time after which `seen` has come round.
 * Who comes back between the end of its debt and then finds nothing of it. */
static void test_slow_without_sweeps(void **state)
{
	struct rule rule = {10, 60, .burst = 50, .tick_ns = 4 * MS};

	(void)state;
	for (uint64_t idle_s = 310; idle_s < 2190; idle_s += 20) {
		uint64_t now_ns = START;

		limit_world_set(world, &rule);
		limit_world_clock(world, &rule, now_ns);
		assert_int_equal(limit_world_send(world, 60), 50);
		limit_world_clock(world, &rule, now_ns + idle_s * S);
		if (limit_world_send(world, 60) != 50)
			fail_msg("still in debt after %llu s", (unsigned long long)idle_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_run),       cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_random_traces),  cmocka_unit_test(test_years),
		cmocka_unit_test(test_without_sweeps), cmocka_unit_test(test_slow_without_sweeps),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("limit trace", tests, NULL, NULL);
	world_free(world);
	return failed;
}
