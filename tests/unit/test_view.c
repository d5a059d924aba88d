/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a service stands: who serves is who gets new connections, in whatever pool. */
#include "unit/circuit_world.h"

#include "control/view.h"
#include "metrics/metrics.h"

#define TWO                                                                                        \
	"    pools:\n"                                                                             \
	"      stable: {members: [10.0.0.1, 10.0.0.2]}\n"                                          \
	"      next: {share: 0, members: [10.0.0.3, 10.0.0.4]}\n"

static void assert_stands(const struct world *w, const char *state, size_t serving, size_t idle)
{
	struct view_tally tally = view_count(web(w));

	assert_string_equal(view_service_state(web(w), &tally), state);
	assert_int_equal(tally.total, 4);
	assert_int_equal(tally.serving, serving);
	assert_int_equal(tally.idle, idle);
	assert_int_equal(metrics_count_members(web(w), METRICS_MEMBERS_SERVING), serving);
	assert_int_equal(metrics_count_members(web(w), METRICS_MEMBERS_IDLE), idle);
	assert_int_equal(metrics_count_members(web(w), METRICS_MEMBERS_ALL), 4);
}

static void change(struct world *w, size_t m, enum admin_state admin)
{
	const struct change change = {.type = CHANGE_MEMBER_ADMIN,
				      .owner = OWNER_API,
				      .service = "web",
				      .pool = "stable",
				      .addr = member(w, m)->addr,
				      .admin = admin};

	world_apply(w, &change);
}

static struct world *all_pass(const char *rest)
{
	struct world *w = world(rest);
	size_t p, m;

	for (p = 0; p < 2; p++)
		for (m = 0; m < web(w)->pools[p].member_count; m++)
			passes(w, in_pool(w, p, m));
	return w;
}

/* A pool without a share is no reason to say that all is well. */
static void taken_out(void **state)
{
	static const enum admin_state ways[] = {ADMIN_MAINT, ADMIN_DRAIN};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		struct world *w = all_pass(TWO);

		assert_stands(w, "ok", 2, 2);
		change(w, 0, ways[i]);
		assert_stands(w, "ok", 1, 2);
		change(w, 1, ways[i]);
		assert_stands(w, "down", 0, 2);
		change(w, 1, ADMIN_READY);
		assert_stands(w, "ok", 1, 2);
		world_free(w);
	}
}

static void told_to_drop(void **state)
{
	struct world *w = all_pass(TWO "    panic: drop\n");

	(void)state;
	fails(w, member(w, 0), HEALTH_SILENT);
	assert_stands(w, "degraded", 1, 2);
	fails(w, member(w, 1), HEALTH_SILENT);
	assert_stands(w, "down", 0, 2);
	world_free(w);
}

static void with_a_fallback(void **state)
{
	struct world *w = all_pass("    fallback: sorry\n"
				   "    pools:\n"
				   "      main: {members: [10.0.0.1, 10.0.0.2, 10.0.0.3]}\n"
				   "      sorry: {members: [10.0.0.9]}\n");
	size_t m;

	(void)state;
	assert_stands(w, "ok", 3, 1);
	for (m = 0; m < 3; m++)
		fails(w, member(w, m), HEALTH_SILENT);
	assert_stands(w, "degraded", 1, 0);
	fails(w, in_pool(w, 1, 0), HEALTH_SILENT);
	assert_stands(w, "down", 0, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_out),
		cmocka_unit_test(told_to_drop),
		cmocka_unit_test(with_a_fallback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
