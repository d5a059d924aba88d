/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long a limit is exact. */
#include "core/limit_bound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct limit_config limit_of(uint64_t n, uint32_t s, uint32_t sources,
				    enum sluice_limit_count count)
{
	return (struct limit_config){.name = "a",
				     .rate = {n, s, RATE_PLAIN},
				     .sources = sources,
				     .count = count,
				     .mode = SLUICE_LIMIT_ENFORCE};
}

static void test_bound(void **state)
{
	struct limit_config limit = limit_of(50, 1, 262144, SLUICE_COUNT_PACKETS);

	(void)state;
	assert_int_equal(limit_bound_words(&limit), 262144);
	assert_int_equal(limit_bound(&limit), 13107200);
	assert_int_equal(limit_bound_pps(&limit), 13107200);
	limit.sources = 262145;
	assert_int_equal(limit_bound(&limit), 26214400);
	limit = limit_of(20, 60, 1024, SLUICE_COUNT_NEW_CONNECTIONS);
	assert_int_equal(limit_bound(&limit), 341);
	limit = limit_of(25000000, 1, 1 << 20, SLUICE_COUNT_BYTES);
	assert_int_equal(limit_bound(&limit), 26214400000000);
	assert_int_equal(limit_bound_pps(&limit), 26214400000000 / 1514);
	limit = limit_of(UINT64_MAX, 1, 1 << 24, SLUICE_COUNT_BYTES);
	assert_int_equal(limit_bound(&limit), UINT64_MAX);
}

/* All in use: one of eight words has the tag by chance. */
static void test_shared(void **state)
{
	struct limit_config limit = limit_of(50, 1, 1 << 20, SLUICE_COUNT_PACKETS);

	(void)state;
	assert_int_equal(limit_bound_shared_one_in(&limit, 1 << 20), 8192);
	assert_int_equal(limit_bound_shared_one_in(&limit, 1 << 10), 8192 << 10);
	assert_int_equal(limit_bound_shared_one_in(&limit, 0), 1ULL << 33);
}

#define ROOM (4ULL << 20)

static bool warn(const struct limit_config *limit, char text[400])
{
	return limit_bound_warn(limit, 0, ROOM, text, 400);
}

static void test_warning(void **state)
{
	struct limit_config limit = limit_of(50, 1, 262144, SLUICE_COUNT_PACKETS);
	char text[400];

	(void)state;
	assert_false(warn(&limit, text));
	limit.rate = (struct rate){1, 1, RATE_PLAIN};
	assert_true(warn(&limit, text));
	assert_non_null(strstr(text, "up to 262144 packets a second"));
	assert_non_null(strstr(text, "sources: 2097152 would do"));
	limit.sources = 2097152;
	assert_false(warn(&limit, text));
	limit = limit_of(1, 3600, 262144, SLUICE_COUNT_PACKETS);
	assert_true(warn(&limit, text));
	assert_non_null(strstr(text, "sources: 16777216 is the most"));
	limit.mode = SLUICE_LIMIT_DISABLED;
	assert_false(warn(&limit, text));
	/* 1 Gbit/s are 123 MB/s of full frames: these 262144 sources pay back 126, those 52. */
	limit = limit_of(480, 1, 262144, SLUICE_COUNT_BYTES);
	assert_false(warn(&limit, text));
	limit.rate.n = 200;
	assert_true(warn(&limit, text));
	assert_non_null(strstr(text, "up to 34629 full frames a second, less than 1 Gbit/s; "));
	assert_non_null(strstr(text, "sources: 1048576 would do"));
}

/* What is advised would be accepted: it says how much capacity that takes. */
static void test_advice_within_capacity(void **state)
{
	struct limit_config limit = limit_of(1, 1, 262144, SLUICE_COUNT_PACKETS);
	char text[400];

	(void)state;
	assert_true(limit_bound_warn(&limit, 2 << 20, ROOM, text, sizeof(text)));
	assert_non_null(strstr(text, "; sources: 2097152 would do"));
	assert_true(limit_bound_warn(&limit, (2 << 20) + 1024, ROOM, text, sizeof(text)));
	assert_non_null(
		strstr(text, "; sources: 2097152 with capacity.limit_sources: 8388608 would do"));
	limit.rate.s = 3600;
	assert_true(warn(&limit, text));
	assert_non_null(strstr(
		text, "; sources: 16777216 with capacity.limit_sources: 16777216 is the most"));
	/* Others have nearly all that there may be. */
	assert_true(limit_bound_warn(&limit, 255 << 20, 256 << 20, text, sizeof(text)));
	assert_non_null(strstr(text, "; sources: 1048576 is the most"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_warning),
		cmocka_unit_test(test_advice_within_capacity),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
