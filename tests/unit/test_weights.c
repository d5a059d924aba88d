/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Effective weights and the words for a member's state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/util.h"
#include "core/weights.h"

static struct model_member member(uint32_t weight)
{
	return (struct model_member){.weight = weight,
				     .admin = ADMIN_READY,
				     .health = HEALTH_UP,
				     .nexthop_state = NEXTHOP_RESOLVED};
}

static void test_states(void **state)
{
	static const struct {
		enum admin_state admin;
		enum nexthop_state nexthop;
		enum health_state health;
		bool is_readmitted;
		uint32_t weight;
		enum member_state state;
		const char *name;
		uint32_t share;
	} rows[] = {
		{ADMIN_READY, NEXTHOP_RESOLVED, HEALTH_UP, 0, 9, MEMBER_SERVING, "serving", 65536},
		{ADMIN_READY, NEXTHOP_RESOLVED, HEALTH_UNKNOWN, 0, 9, MEMBER_CHECKING, "checking",
		 65536},
		{ADMIN_READY, NEXTHOP_RESOLVED, HEALTH_DOWN, 0, 9, MEMBER_EJECTED, "ejected", 0},
		{ADMIN_READY, NEXTHOP_RESOLVED, HEALTH_DOWN, 1, 9, MEMBER_EJECTED, "ejected",
		 65536},
		{ADMIN_READY, NEXTHOP_FAILED, HEALTH_DOWN, 0, 9, MEMBER_UNREACHABLE, "unreachable",
		 0},
		{ADMIN_READY, NEXTHOP_PENDING, HEALTH_UP, 0, 9, MEMBER_UNREACHABLE, "unreachable",
		 0},
		{ADMIN_MAINT, NEXTHOP_RESOLVED, HEALTH_UP, 0, 9, MEMBER_MAINTENANCE, "maintenance",
		 0},
		{ADMIN_DRAIN, NEXTHOP_RESOLVED, HEALTH_UP, 0, 9, MEMBER_DRAINING, "draining", 0},
		{ADMIN_READY, NEXTHOP_RESOLVED, HEALTH_UP, 0, 0, MEMBER_NO_WEIGHT, "no weight",
		 65536},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct model_member m = member(rows[i].weight);

		m.admin = rows[i].admin;
		m.nexthop_state = rows[i].nexthop;
		m.health = rows[i].health;
		m.is_readmitted = rows[i].is_readmitted;
		assert_int_equal(member_state_of(&m), rows[i].state);
		assert_string_equal(member_state_name(rows[i].state), rows[i].name);
		assert_int_equal(weights_member_share(&m), rows[i].share);
	}
	assert_string_equal(member_state_name(MEMBER_STATE_MAX), "unknown");
}

/* Two pools 80:20; a member that is down leaves its part to everybody, one in maintenance to its
 * own pool. */
static void test_pools(void **state)
{
	struct model_member stable[3] = {member(100), member(100), member(200)};
	struct model_member candidate[1] = {member(1)};
	struct model_pool pools[2] = {{.share = 80, .members = stable, .member_count = 3},
				      {.share = 20, .members = candidate, .member_count = 1}};
	struct model_service service = {.pools = pools, .pool_count = 2};
	uint32_t all[4];
	double one = 0x1p31;

	(void)state;
	weights_all(&service, all);
	assert_true(all[0] / one > 0.1999 && all[0] / one < 0.2001);
	assert_int_equal(all[0], all[1]);
	assert_true(all[2] / one > 0.3999 && all[2] / one < 0.4001);
	assert_true(all[3] / one > 0.1999 && all[3] / one < 0.2001);
	assert_int_equal(all[2], weights_effective(&service, &pools[0], &stable[2]));

	stable[2].health = HEALTH_DOWN;
	weights_all(&service, all);
	assert_true(all[0] / one > 0.1999 && all[0] / one < 0.2001);
	assert_int_equal(all[2], 0);
	stable[2].admin = ADMIN_MAINT;
	weights_all(&service, all);
	assert_true(all[0] / one > 0.3999 && all[0] / one < 0.4001);
	assert_int_equal(all[2], 0);
}

/* Nothing is lost at the ends of the ranges. */
static void test_extremes(void **state)
{
	AUTO_FREE struct model_member *members = util_alloc_array(20000, sizeof(*members));
	struct model_pool pools[2] = {{.share = UINT32_MAX, .members = members},
				      {.share = 1, .members = members + 19999, .member_count = 1}};
	struct model_service service = {.pools = pools, .pool_count = 2};
	AUTO_FREE uint32_t *all = util_alloc_array(20000, sizeof(*all));
	uint64_t sum = 0;
	size_t i;

	(void)state;
	pools[0].member_count = 19999;
	for (i = 0; i < 20000; i++)
		members[i] = member(i % 2 ? 65535 : 1);
	weights_all(&service, all);
	for (i = 0; i < 20000; i++) {
		assert_true(all[i] >= 1);
		sum += all[i];
	}
	assert_true(sum <= UINT32_MAX);
	for (i = 0; i < 20000; i++)
		members[i].weight = 0;
	weights_all(&service, all);
	for (i = 0; i < 20000; i++)
		assert_int_equal(all[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_extremes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
