/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rates and amounts: what people write, what it means, and that it is shown as it was written. */
#include "core/rate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"

static void test_rates(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
		uint32_t s;
		enum rate_unit unit;
		const char *shown; /* NULL: as written */
	} ROWS[] = {
		{"50/s", 50, 1, RATE_PLAIN, NULL},
		{"10k/s", 10000, 1, RATE_PLAIN, NULL},
		{"10000/s", 10000, 1, RATE_PLAIN, "10k/s"},
		{"1500/s", 1500, 1, RATE_PLAIN, NULL},
		{"100/min", 100, 60, RATE_PLAIN, "100/min"},
		{"100/m", 100, 60, RATE_PLAIN, "100/min"},
		{"20/h", 20, 3600, RATE_PLAIN, NULL},
		{"50 conn/s", 50, 1, RATE_CONNECTIONS, NULL},
		{"50conn/s", 50, 1, RATE_CONNECTIONS, "50 conn/s"},
		{"5k connections/h", 5000, 3600, RATE_CONNECTIONS, "5k conn/h"},
		{"2M packets/s", 2000000, 1, RATE_PACKETS, "2M pkt/s"},
		{"25MB/s", 25000000, 1, RATE_BYTES, NULL},
		{"25 MB/s", 25000000, 1, RATE_BYTES, "25MB/s"},
		{"200 Mbit/s", 25000000, 1, RATE_BITS, "200Mbit/s"},
		{"10 k/s", 0, 0, RATE_PLAIN, NULL},
		{"10 /s", 0, 0, RATE_PLAIN, NULL},
		{"25 M B /s", 0, 0, RATE_PLAIN, NULL},
		{"16MiB/s", 16777216, 1, RATE_BYTES, NULL},
		{"200Mbit/s", 25000000, 1, RATE_BITS, NULL},
		{"1Gbit/min", 125000000, 60, RATE_BITS, NULL},
		{"1bit/s", 1, 8, RATE_BITS, NULL},
		{"9bit/h", 9, 28800, RATE_BITS, NULL},
		{"1Mibit/s", 131072, 1, RATE_BITS, NULL},
		{"0/s", 0, 1, RATE_PLAIN, NULL},
	};
	char text[RATE_TEXT_MAX];
	struct rate rate;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		int r = rate_parse(ROWS[i].text, &rate);

		if (!ROWS[i].s) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(rate.n, ROWS[i].n);
		assert_int_equal(rate.s, ROWS[i].s);
		assert_int_equal(rate.unit, ROWS[i].unit);
		assert_string_equal(rate_format(&rate, text),
				    ROWS[i].shown ? ROWS[i].shown : ROWS[i].text);
	}
}

static void test_what_is_no_rate(void **state)
{
	static const char *const TEXTS[] = {
		"",	   "5",	     "/s",   "5/",    "5/day",	"5/ s",	  "-5/s",
		"+5/s",	   " 5/s",   "5 /s", "5K/s",  "5mb/s",	"5Mb/s",  "5Mbps",
		"5kk/s",   "1.5M/s", "5x/s", "5e3/s", "5/s/s",	"0x5/s",  "conn/s",
		"5 conns", "5MB",    "5bit", "05/s",  "5k b/s", "5 con/s"};
	struct rate rate;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(TEXTS); i++) {
		if (rate_parse(TEXTS[i], &rate) >= 0)
			fail_msg("is no rate: %s", TEXTS[i]);
	}
	assert_int_equal(rate_parse("05/s", &rate), -EDOM);
	assert_int_equal(rate_parse("18446744073709551616/s", &rate), -ERANGE);
	assert_int_equal(rate_parse("18446744073709551615k/s", &rate), -ERANGE);
	assert_int_equal(rate_parse("18446744073709551615bit/s", &rate), 0);
}

static void test_amounts(void **state)
{
	static const struct {
		const char *text;
		uint64_t n;
		enum rate_unit unit;
		const char *shown;
	} ROWS[] = {
		{"200", 200, RATE_PLAIN, "200"},
		{"10k", 10000, RATE_PLAIN, "10k"},
		{"4MB", 4000000, RATE_BYTES, "4MB"},
		{"4MiB", 4194304, RATE_BYTES, "4MiB"},
		{"9216B", 9216, RATE_BYTES, "9KiB"},
		{"300 conn", 300, RATE_CONNECTIONS, "300 conn"},
		{"5packets", 5, RATE_PACKETS, "5 pkt"},
		{"0", 0, RATE_PLAIN, "0"},
	};
	char text[RATE_TEXT_MAX];
	struct amount amount;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		assert_int_equal(amount_parse(ROWS[i].text, &amount), 0);
		assert_int_equal(amount.n, ROWS[i].n);
		assert_int_equal(amount.unit, ROWS[i].unit);
		assert_string_equal(amount_format(&amount, text), ROWS[i].shown);
	}
	assert_int_equal(amount_parse("4Mbit", &amount), -EINVAL);
	assert_int_equal(amount_parse("4M B ", &amount), -EINVAL);
	assert_int_equal(amount_parse("", &amount), -EINVAL);
}

/* What is shown can be written. */
static void test_round_trip(void **state)
{
	char text[RATE_TEXT_MAX];
	struct rate rate, again;
	uint64_t n = 1;

	(void)state;
	for (unsigned int i = 0; i < 2000; i++) {
		n = n * 6364136223846793005ULL + 1442695040888963407ULL;
		rate = (struct rate){(n >> 20) % (1ULL << (1 + i % 40)) + 1,
				     (const uint32_t[]){1, 60, 3600}[i % 3],
				     (enum rate_unit)(i % RATE_UNIT_MAX)};
		assert_int_equal(rate_parse(rate_format(&rate, text), &again), 0);
		assert_int_equal(again.n, rate.n);
		assert_int_equal(again.s, rate.s);
		assert_int_equal(again.unit, rate.unit);
	}
}

static void test_units(void **state)
{
	(void)state;
	for (int unit = 0; unit < RATE_UNIT_MAX; unit++) {
		bool is_bytes = unit == RATE_BYTES || unit == RATE_BITS;

		assert_int_equal(rate_unit_fits(unit, SLUICE_COUNT_BYTES), is_bytes);
		assert_int_equal(rate_unit_fits(unit, SLUICE_COUNT_PACKETS),
				 unit == RATE_PLAIN || unit == RATE_PACKETS);
		assert_int_equal(rate_unit_fits(unit, SLUICE_COUNT_NEW_CONNECTIONS),
				 unit == RATE_PLAIN || unit == RATE_CONNECTIONS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),	cmocka_unit_test(test_what_is_no_rate),
		cmocka_unit_test(test_amounts), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_units),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
