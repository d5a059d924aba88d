/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From rate and burst as written to numbers of the packet path, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/gcra.h>

#include "base/util.h"
#include "core/gcra_config.h"

#define TICK_4MS 4000000U

static void test_burst(void **state)
{
	(void)state;
	/* 100 k/s on a 4 ms clock: 400 packets arrive in one tick. */
	assert_int_equal(gcra_burst_min(SLUICE_COUNT_PACKETS, 100000, 1, TICK_4MS), 801);
	assert_int_equal(gcra_burst_min(SLUICE_COUNT_PACKETS, 1, 3600, TICK_4MS), 2);
	assert_int_equal(gcra_burst_min(SLUICE_COUNT_PACKETS, 10000000, 1, 10000000), 200001);
	assert_int_equal(gcra_burst_default(SLUICE_COUNT_PACKETS, 50, 1, TICK_4MS), 50);
	assert_int_equal(gcra_burst_default(SLUICE_COUNT_PACKETS, 1, 60, TICK_4MS), 2);
	assert_int_equal(gcra_burst_default(SLUICE_COUNT_PACKETS, 10000000, 1, TICK_4MS), 10000000);
}

/* Whatever is accepted is exact to 0.5 % and fits the fields. */
static void test_accepted_is_exact(void **state)
{
	static const uint32_t seconds[] = {1, 60, 3600};
	unsigned int seed = 5, i, accepted = 0;

	(void)state;
	for (i = 0; i < 20000; i++) {
		uint64_t rate_n = 1 + (uint64_t)rand_r(&seed) % (1ULL << rand_r(&seed) % 24);
		uint32_t rate_s = seconds[rand_r(&seed) % 3];
		uint64_t burst = 1 + (uint64_t)rand_r(&seed) % (1ULL << rand_r(&seed) % 24);
		struct gcra_params p = {77, 77, 77};
		struct err e = {0};
		double unit, want;
		int ret = gcra_params_make(SLUICE_COUNT_PACKETS, rate_n, rate_s, burst, TICK_4MS,
					   &p, &e);

		if (ret) {
			assert_int_equal(ret, -EINVAL);
			assert_int_equal(p.k, 77);
			assert_true(e.text[0] && e.hint[0]);
			continue;
		}
		accepted++;
		unit = ldexp(1, (int)p.k - SLUICE_GCRA_NS_LOG2);
		want = rate_s * 1e9 / (double)rate_n;
		assert_true(fabs(p.inc * unit - want) <= 0.005 * want + 1e-6);
		assert_true(p.inc >= 100);
		assert_int_equal(p.tau, p.inc * burst);
		assert_true((uint64_t)p.tau + p.inc < SLUICE_GCRA_SPAN);
		assert_true(burst >=
			    gcra_burst_min(SLUICE_COUNT_PACKETS, rate_n, rate_s, TICK_4MS));
	}
	assert_true(accepted > 5000);
}

/* The same where bytes are counted, for the smallest frame, the largest, and the burst. */
static void test_bytes_are_exact(void **state)
{
	static const uint32_t seconds[] = {1, 60, 3600};
	unsigned int seed = 7, i, accepted = 0;

	(void)state;
	for (i = 0; i < 20000; i++) {
		uint64_t rate_n = 1 + (uint64_t)rand_r(&seed) % (1ULL << rand_r(&seed) % 31) * 13;
		uint32_t rate_s = seconds[rand_r(&seed) % 3];
		uint64_t burst = gcra_burst_min(SLUICE_COUNT_BYTES, rate_n, rate_s, TICK_4MS) +
				 (uint64_t)rand_r(&seed) % (1ULL << rand_r(&seed) % 31);
		struct gcra_params p;
		struct err e = {0};
		double unit, byte;
		uint32_t size;
		int ret = gcra_params_make(SLUICE_COUNT_BYTES, rate_n, rate_s, burst, TICK_4MS, &p,
					   &e);

		if (ret) {
			assert_true(e.text[0] && e.hint[0]);
			continue;
		}
		accepted++;
		unit = ldexp(1, (int)p.k - SLUICE_GCRA_NS_LOG2);
		byte = rate_s * 1e9 / (double)rate_n;
		for (size = GCRA_BYTES_LEAST; size <= 65536; size = size * 5 / 4) {
			uint32_t cost = sluice_gcra_bytes(size, p.inc);

			assert_true(cost >= 50);
			assert_true(fabs(cost * unit - size * byte) <= 0.01 * size * byte);
		}
		assert_true(fabs(p.tau * unit - (double)burst * byte) <=
			    0.0001 * (double)burst * byte);
		assert_true((uint64_t)p.tau + p.inc < SLUICE_GCRA_SPAN);
		assert_true(sluice_gcra_conforms(0, sluice_gcra_bytes(9216, p.inc), p.tau));
		assert_true(p.k <= SLUICE_GCRA_K_MAX);
	}
	assert_true(accepted > 15000);
}

/* What is written when no burst is: a second of rate, where the fields hold it. */
static void test_bytes_burst(void **state)
{
	static const struct {
		uint64_t rate_n;
		uint32_t rate_s;
		uint64_t least, usual; /* 0: less than a second, yet what is accepted */
	} rows[] = {
		{1000, 3600, 9217, 9217},	    {125000, 1, 10216, 125000},
		{125000000, 1, 1009216, 125000000}, {1250000000, 1, 10009216, 0},
		{12500000000, 1, 100009216, 0},
	};
	struct gcra_params p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t usual = gcra_burst_default(SLUICE_COUNT_BYTES, rows[i].rate_n,
						    rows[i].rate_s, TICK_4MS);

		assert_int_equal(gcra_burst_min(SLUICE_COUNT_BYTES, rows[i].rate_n, rows[i].rate_s,
						TICK_4MS),
				 rows[i].least);
		if (rows[i].usual)
			assert_int_equal(usual, rows[i].usual);
		else
			assert_in_range(usual, rows[i].rate_n / 16, rows[i].rate_n - 1);
		assert_int_equal(gcra_params_make(SLUICE_COUNT_BYTES, rows[i].rate_n,
						  rows[i].rate_s, usual, TICK_4MS, &p, NULL),
				 0);
	}
	/* Nor does the slowest clock leave the highest rate without one. */
	assert_int_equal(
		gcra_params_make(SLUICE_COUNT_BYTES, 12500000000, 1,
				 gcra_burst_min(SLUICE_COUNT_BYTES, 12500000000, 1, 10000000),
				 10000000, &p, NULL),
		0);
}

struct refused {
	enum sluice_limit_count count;
	uint64_t rate_n;
	uint32_t rate_s;
	uint64_t burst;
	const char *hint;
	int step; /* towards the refused side */
};

static int make(const struct refused *row, uint64_t burst, struct err *e)
{
	struct gcra_params p;

	return gcra_params_make(row->count, row->rate_n, row->rate_s, burst, TICK_4MS, &p, e);
}

/* The value that the hint names is accepted, its neighbour is not. */
static void test_refused_names_nearest(void **state)
{
	static const char smallest[] = "the smallest burst for this rate is ";
	static const char largest[] = "the largest burst for this rate is ";
	static const struct refused rows[] = {
		{SLUICE_COUNT_PACKETS, 100000, 1, 100, smallest, -1},
		{SLUICE_COUNT_PACKETS, 50, 1, 0, smallest, -1},
		{SLUICE_COUNT_PACKETS, 50, 1, 1ULL << 40, largest, 1},
		{SLUICE_COUNT_NEW_CONNECTIONS, 10000000, 1, 1ULL << 40, largest, 1},
		{SLUICE_COUNT_PACKETS, 1, 3600, UINT64_MAX, largest, 1},
		{SLUICE_COUNT_BYTES, 125000, 1, 0, smallest, -1},
		{SLUICE_COUNT_BYTES, 125000, 1, 9216, smallest, -1},
		{SLUICE_COUNT_BYTES, 1000, 3600, 1ULL << 50, largest, 1},
		{SLUICE_COUNT_BYTES, 12500000000, 1, 12500000000, largest, 1},
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *hint = rows[i].hint;
		uint64_t nearest;

		assert_int_equal(make(&rows[i], rows[i].burst, &e), -EINVAL);
		assert_int_equal(e.code, ERR_INVALID);
		assert_int_equal(strncmp(e.hint, hint, strlen(hint)), 0);
		nearest = strtoull(e.hint + strlen(hint), NULL, 10);
		assert_int_equal(make(&rows[i], nearest, &e), 0);
		assert_int_equal(make(&rows[i], nearest + (uint64_t)rows[i].step, &e), -EINVAL);
	}
	assert_int_equal(make(&rows[5], 9215, &e), -EINVAL);
	assert_non_null(strstr(e.text, "a frame of 9216 would never pass"));
	assert_int_equal(make(&rows[5], 9216, &e), -EINVAL);
	assert_non_null(strstr(e.text, "a clock of 4000 us would lose rate"));
}

/* Several rates in one unit: that of the one that needs the coarsest. */
static void test_shared_unit(void **state)
{
	struct gcra_params slow, fast;
	struct err e;

	(void)state;
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, 50, 1, 100, TICK_4MS, &slow, NULL),
			 0);
	assert_int_equal(gcra_params_make_from(SLUICE_COUNT_PACKETS, 5000, 1, 5000, TICK_4MS,
					       slow.k, &fast, NULL),
			 0);
	assert_int_equal(fast.k, slow.k);
	assert_in_range(slow.inc, fast.inc * 100 - 50, fast.inc * 100 + 50);
	/* One that needs a coarser one gets it. */
	assert_int_equal(gcra_params_make_from(SLUICE_COUNT_PACKETS, 5, 1, 5000, TICK_4MS, slow.k,
					       &fast, NULL),
			 0);
	assert_true(fast.k > slow.k);
	assert_int_equal(gcra_params_make_from(SLUICE_COUNT_PACKETS, 10000000, 1, 1 << 20, TICK_4MS,
					       20, &fast, &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "too high beside the slowest rate"));
}

static void test_rates_out_of_range(void **state)
{
	struct gcra_params p;
	struct err e;

	(void)state;
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, 0, 1, 10, TICK_4MS, &p, &e),
			 -EINVAL);
	assert_int_equal(
		gcra_params_make(SLUICE_COUNT_PACKETS, 10000001, 1, 1 << 20, TICK_4MS, &p, &e),
		-EINVAL);
	assert_non_null(strstr(e.hint, "10000000/s"));
	assert_int_equal(
		gcra_params_make(SLUICE_COUNT_PACKETS, UINT64_MAX, 1, 1 << 20, TICK_4MS, &p, &e),
		-EINVAL);
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, 1, 3601, 10, TICK_4MS, &p, &e),
			 -EINVAL);
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, 1, 3600, 10, TICK_4MS, &p, NULL),
			 0);
	assert_int_equal(
		gcra_params_make(SLUICE_COUNT_PACKETS, 10000000, 1, 1 << 20, TICK_4MS, &p, NULL),
		0);
	assert_int_equal(gcra_params_make(SLUICE_COUNT_BYTES, 0, 1, 1 << 20, TICK_4MS, &p, &e),
			 -EINVAL);
	assert_int_equal(
		gcra_params_make(SLUICE_COUNT_BYTES, 12500000001, 1, 1 << 28, TICK_4MS, &p, &e),
		-EINVAL);
	assert_string_equal(e.hint, "the highest rate is 12500000000 bytes/s (100 Gbit/s)");
	assert_int_equal(gcra_params_make(SLUICE_COUNT_BYTES, 999, 3600, 1 << 20, TICK_4MS, &p, &e),
			 -EINVAL);
	assert_string_equal(e.hint, "the slowest rate is 1000 bytes/h");
	assert_int_equal(
		gcra_params_make(SLUICE_COUNT_BYTES, 1000, 3600, 1 << 20, TICK_4MS, &p, NULL), 0);
}

/* The debt of a source in units of 1/16 ns, as the packet path reads it. */
static uint64_t debt_of(uint64_t word, uint64_t now_ns, const struct gcra_params *p)
{
	uint32_t now = sluice_gcra_now(now_ns, p->k);

	return (uint64_t)sluice_gcra_debt(word, now, sluice_gcra_seen(now_ns), p->k) << p->k;
}

/* From any rate to any other: what is owed stays, within a unit and never less, up to what the new
 * burst allows; idle stays idle. */
static void test_convert(void **state)
{
	static const struct {
		uint64_t n;
		uint32_t s;
		uint64_t burst;
	} rates[] = {{1, 3600, 2},    {1, 3600, 100},	 {50, 1, 100},		{51, 1, 100},
		     {500, 1, 10000}, {100000, 1, 2000}, {10000000, 1, 1 << 20}};
	uint64_t now_ns = 3ULL * 86400 * 1000000000 + 12345;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rates) * ARRAY_SIZE(rates); i++) {
		size_t a = i / ARRAY_SIZE(rates), b = i % ARRAY_SIZE(rates);
		struct gcra_params from, to;
		uint16_t seen = sluice_gcra_seen(now_ns);

		assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, rates[a].n, rates[a].s,
						  rates[a].burst, TICK_4MS, &from, NULL),
				 0);
		assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, rates[b].n, rates[b].s,
						  rates[b].burst, TICK_4MS, &to, NULL),
				 0);
		for (j = 0; j <= 20; j++) {
			uint32_t debt = (uint32_t)((uint64_t)from.tau * j / 20);
			uint64_t word =
				SLUICE_SRC(0xabc, seen, sluice_gcra_now(now_ns, from.k) + debt);
			uint64_t most = (uint64_t)to.tau << to.k;
			uint64_t was = debt_of(word, now_ns, &from), is;

			word = gcra_convert(word, now_ns, &from, &to);
			if (!was) {
				assert_int_equal(word, 0);
				continue;
			}
			assert_int_equal(SLUICE_SRC_TAG(word), 0xabc);
			assert_int_equal(SLUICE_SRC_SEEN(word), seen);
			is = debt_of(word, now_ns, &to);
			assert_true(was <= most ? is >= was && is - was < 1ULL << to.k
						: is == most);
		}
	}
}

/* What the packet path reads as idle is idle: a time past, one that wrapped, no word. */
static void test_convert_idle(void **state)
{
	struct gcra_params from, to;
	uint64_t now_ns = 1ULL << 50;
	uint32_t now;

	(void)state;
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, 50, 1, 100, TICK_4MS, &from, NULL),
			 0);
	assert_int_equal(gcra_params_make(SLUICE_COUNT_PACKETS, 500, 1, 100, TICK_4MS, &to, NULL),
			 0);
	now = sluice_gcra_now(now_ns, from.k);
	assert_int_equal(gcra_convert(0, now_ns, &from, &to), 0);
	assert_int_equal(gcra_convert(SLUICE_SRC(1, 0, now - 1), now_ns, &from, &to), 0);
	assert_int_equal(gcra_convert(SLUICE_SRC(1, 0, now + (1U << 31)), now_ns, &from, &to), 0);
	/* By a clock that is ahead of ours it owes all that it can. */
	assert_int_equal(
		gcra_convert(SLUICE_SRC(1, sluice_gcra_seen(now_ns), now + from.tau + from.inc + 1),
			     now_ns, &from, &to),
		SLUICE_SRC(1, sluice_gcra_seen(now_ns), sluice_gcra_now(now_ns, to.k) + to.tau));
	/* Seen 5 s ago, when 2 s were the most that it could owe. */
	assert_int_equal(gcra_convert(SLUICE_SRC(1, sluice_gcra_seen(now_ns - 5000000000ULL),
						 now + from.inc),
				      now_ns, &from, &to),
			 0);
	assert_int_not_equal(gcra_convert(SLUICE_SRC(1, sluice_gcra_seen(now_ns - 1000000000ULL),
						     now + from.inc),
					  now_ns, &from, &to),
			     0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_accepted_is_exact),
		cmocka_unit_test(test_bytes_are_exact),
		cmocka_unit_test(test_bytes_burst),
		cmocka_unit_test(test_refused_names_nearest),
		cmocka_unit_test(test_shared_unit),
		cmocka_unit_test(test_rates_out_of_range),
		cmocka_unit_test(test_convert),
		cmocka_unit_test(test_convert_idle),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
