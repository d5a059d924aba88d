/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The limiter's arithmetic (include/sluice/gcra.h, as the packet path uses it) against a token
 * bucket in floating point with a perfect clock, over random traces and tick lengths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sluice/gcra.h>

#include "base/util.h"
#include "core/gcra_config.h"

static const uint32_t ticks_ns[] = {1000000, 4000000, 10000000};

struct rule {
	uint64_t rate_n;
	uint32_t rate_s;
	uint64_t burst;
	uint32_t tick_ns;
	struct gcra_params p;
};

/* One decision as the packet path makes it: the clock stands still within a tick. */
static bool admit(const struct rule *rule, uint64_t *word, uint64_t now_ns)
{
	uint64_t tick = now_ns / rule->tick_ns * rule->tick_ns;
	uint32_t now = sluice_gcra_now(tick, rule->p.k);
	uint32_t debt = sluice_gcra_debt(*word, now, sluice_gcra_seen(tick), rule->p.k);

	if (!sluice_gcra_conforms(debt, rule->p.inc, rule->p.tau))
		return false;
	*word = SLUICE_SRC(1, sluice_gcra_seen(tick), now + debt + rule->p.inc);
	return true;
}

/* The 1 s sweep: words whose TAT is past become 0. */
static void sweep(const struct rule *rule, uint64_t *word, uint64_t now_ns)
{
	uint64_t tick = now_ns / rule->tick_ns * rule->tick_ns;
	uint32_t now = sluice_gcra_now(tick, rule->p.k);

	if (sluice_gcra_debt(*word, now, sluice_gcra_seen(tick), rule->p.k) == 0)
		*word = 0;
}

static double unit_ns(const struct rule *rule)
{
	return ldexp(1, (int)rule->p.k - SLUICE_GCRA_NS_LOG2);
}

static double rate_of(const struct rule *rule)
{
	return (double)rule->rate_n / rule->rate_s;
}

static void rule_make(struct rule *rule, uint64_t rate_n, uint32_t rate_s, uint64_t burst,
		      uint32_t tick_ns)
{
	*rule = (struct rule){rate_n, rate_s, burst, tick_ns, {0, 0, 0}};
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, rate_n, rate_s, burst, tick_ns,
					  &rule->p, NULL),
			 0);
}

static double unit_random(unsigned int *seed)
{
	return (rand_r(seed) + 1.0) / (RAND_MAX + 2.0);
}

/* A source that sends more than its limit gets what a bucket with a perfect clock would give. */
static void test_long_run_rate(void **state)
{
	static const struct {
		uint64_t rate_n;
		uint32_t rate_s;
		double seconds;
	} rows[] = {{50, 1, 400}, {1000, 1, 40}, {100000, 1, 4}, {30, 60, 20000}, {7, 1, 2000}};
	size_t i, t;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (t = 0; t < ARRAY_SIZE(ticks_ns); t++) {
			uint64_t word = 0, now = 12345678, start = now, swept = now, passed = 0;
			uint64_t burst = gcra_burst_min(SLUICE_COUNT_PACKETS, rows[i].rate_n,
							rows[i].rate_s, ticks_ns[t]);
			unsigned int seed = 3;
			double want = 0, tokens = (double)burst, gap;
			struct rule rule;

			rule_make(&rule, rows[i].rate_n, rows[i].rate_s, burst, ticks_ns[t]);
			gap = 1e9 / rate_of(&rule) / 3; /* three times the limit */
			while ((double)(now - start) < rows[i].seconds * 1e9) {
				uint64_t step = (uint64_t)(-log(unit_random(&seed)) * gap);

				now += step;
				tokens = fmin((double)burst,
					      tokens + (double)step / 1e9 * rate_of(&rule));
				if (tokens >= 1) {
					tokens -= 1;
					want += 1;
				}
				passed += admit(&rule, &word, now);
				if (now - swept >= 1000000000) {
					sweep(&rule, &word, now);
					swept = now;
				}
			}
			assert_true(fabs((double)passed - want) <= 0.01 * want + 2);
		}
	}
}

/* Random traces of floods, trickles and pauses. In no interval does more pass than burst + rate
 * x (time + one tick) allows, which the token bucket with a perfect clock and that much more room
 * checks; and a source that keeps within rate and burst - one tick is never refused. */
static void test_against_token_bucket(void **state)
{
	unsigned int seed = 11, round;

	(void)state;
	for (round = 0; round < 150; round++) {
		uint64_t rate_n = 1 + (uint64_t)rand_r(&seed) % (1U << rand_r(&seed) % 17);
		uint32_t tick = ticks_ns[rand_r(&seed) % 3];
		uint64_t least = gcra_burst_min(SLUICE_COUNT_PACKETS, rate_n, 1, tick);
		uint64_t burst = least + (uint64_t)rand_r(&seed) % (4 * least);
		uint64_t word = 0, now = (uint64_t)rand_r(&seed) << 10, last = now, swept = now;
		double upper, lower, slack, gap, rate;
		struct rule rule;
		int i;

		rule_make(&rule, rate_n, 1, burst, tick);
		/* inc is rounded: the limiter's own rate, at most 0.5 % off, is what both buckets
		 * fill with; test_gcra_config checks the rounding. */
		rate = 1e9 / (rule.p.inc * unit_ns(&rule));
		slack = rate * (tick + unit_ns(&rule)) / 1e9;
		upper = (double)burst + slack;
		lower = (double)burst - slack;
		gap = 1e9 / rate;
		for (i = 0; i < 4000; i++) {
			bool is_passed, is_lower;

			if (i % 500 == 0)
				gap = 1e9 / rate * exp(4 * (unit_random(&seed) - 0.6));
			now += rand_r(&seed) % 1000 == 0
				       ? (uint64_t)(unit_random(&seed) * 5e9)
				       : (uint64_t)(-log(unit_random(&seed)) * gap);
			while (now - swept >= 1000000000) {
				swept += 1000000000;
				sweep(&rule, &word, swept);
			}
			upper = fmin((double)burst + slack,
				     upper + (double)(now - last) / 1e9 * rate);
			lower = fmin((double)burst - slack,
				     lower + (double)(now - last) / 1e9 * rate);
			last = now;
			is_passed = admit(&rule, &word, now);
			is_lower = lower >= 1;
			if (is_passed) {
				upper -= 1;
				assert_true(upper >= -1e-6 * (double)burst);
				lower -= 1;
			}
			/* What a smaller bucket with the same admissions would pass, passes. */
			if (is_lower)
				assert_true(is_passed);
		}
	}
}

/* A burst passes at once from an idle start, and not one packet more. */
static void test_burst_at_once(void **state)
{
	uint64_t burst, word, i;
	struct rule rule;
	size_t t;

	(void)state;
	for (t = 0; t < ARRAY_SIZE(ticks_ns); t++) {
		for (burst = 200; burst <= 20000; burst *= 10) {
			word = 0;
			rule_make(&rule, 1000, 1, burst, ticks_ns[t]);
			for (i = 0; i < burst; i++)
				assert_true(admit(&rule, &word, 5000000000));
			assert_false(admit(&rule, &word, 5000000000));
		}
	}
}

/* The 32-bit clock wraps: a swept source is idle again, whenever it comes back. */
static void test_wrap(void **state)
{
	uint64_t word = 0, now = 1000000000, wrap, i;
	struct rule rule;
	int round;

	(void)state;
	rule_make(&rule, 100, 1, 100, 4000000);
	wrap = 1ULL << (32 - SLUICE_GCRA_NS_LOG2 + rule.p.k);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 100; i++)
			assert_true(admit(&rule, &word, now));
		assert_false(admit(&rule, &word, now));
		for (i = 0; i < 3; i++)
			sweep(&rule, &word, now + (i + 1) * 1000000000);
		assert_int_equal(word, 0);
		now += wrap / 7 + 5000000000ULL;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_at_once),
		cmocka_unit_test(test_long_run_rate),
		cmocka_unit_test(test_against_token_bucket),
		cmocka_unit_test(test_wrap),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
