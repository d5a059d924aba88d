/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Paths against patterns. The table of operations is tested in test_control_operations.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/util.h"
#include "control/route.h"

#define MEMBER "/v1/services/{service}/pools/{pool}/members/{member}"

static void matches(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool is_match;
	} rows[] = {
		{"/v1/status", "/v1/status", true},
		{"/v1/status", "/v1/status/", false},
		{"/v1/status", "/v1/statu", false},
		{"/v1/status", "/v1", false},
		{"/v1/status", "v1/status", false},
		{"/v1/status", "", false},
		{"/v1/services/{service}", "/v1/services/web", true},
		{"/v1/services/{service}", "/v1/services/", false},
		{"/v1/services/{service}", "/v1/services", false},
		{"/v1/services/{service}", "/v1/services/a/b", false},
		{"/v1/services/{service}", "/v1/services/a%2Fb", true},
		{"/v1/services/{service}", "/v1/services/a%2", false},
		{"/v1/services/{service}", "/v1/services/a%zz", false},
		{"/v1/services/{service}", "/v1/services/a%00b", false},
		{"/v1/services/{service}", "/v1/services/a%0ab", false},
		{MEMBER, "/v1/services/web/pools/-/members/10.0.0.1:80", true},
		{MEMBER "/weight", "/v1/services/web/pools/-/members/10.0.0.1:80/weight", true},
		{MEMBER, "/v1/services/web/pools//members/10.0.0.1", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (route_match(rows[i].pattern, rows[i].path, NULL) != rows[i].is_match)
			fail_msg("%s against %s", rows[i].path, rows[i].pattern);
}

static void parameters_are_decoded(void **state)
{
	struct route_params params;

	(void)state;
	assert_true(route_match(MEMBER, "/v1/services/web/pools/a%20b/members/%5Bfd00::1%5D:80",
				&params));
	assert_string_equal(route_param(&params, "service"), "web");
	assert_string_equal(route_param(&params, "pool"), "a b");
	assert_string_equal(route_param(&params, "member"), "[fd00::1]:80");
	assert_null(route_param(&params, "limit"));
}

static void a_long_segment_matches_nothing(void **state)
{
	char path[ROUTE_PARAM_SIZE + 32] = "/v1/services/";
	struct route_params params = {0};

	(void)state;
	memset(path + strlen(path), 'a', ROUTE_PARAM_SIZE - 1);
	assert_true(route_match("/v1/services/{service}", path, &params));
	assert_int_equal(strlen(route_param(&params, "service")), ROUTE_PARAM_SIZE - 1);
	strcat(path, "a");
	params.count = 77;
	assert_false(route_match("/v1/services/{service}", path, &params));
	assert_int_equal(params.count, 77);
}

static void common_segments(void **state)
{
	(void)state;
	assert_int_equal(route_common("/v1/status", "/v2/status"), 0);
	assert_int_equal(route_common("/v1/status", "/v1/stauts"), 1);
	assert_int_equal(route_common(MEMBER, "/v1/services/web/pool/x"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches),
		cmocka_unit_test(parameters_are_decoded),
		cmocka_unit_test(a_long_segment_matches_nothing),
		cmocka_unit_test(common_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
