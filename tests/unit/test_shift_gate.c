/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the gate of a shift asks for: which members it is about, and what it believes of them. */
#include "unit/shift_world.h"

/* Who is out on purpose, or has no weight, is no part of what its gate asks for; somebody must be. */
static void gate_counts_who_should_serve(void **state)
{
	struct change change = {.type = CHANGE_MEMBER_ADMIN,
				.owner = OWNER_API,
				.service = "web",
				.pool = "next",
				.admin = ADMIN_MAINT};
	struct world *w = two("0");

	(void)state;
	change.addr = in_pool(w, 1, 0)->addr;
	world_apply(w, &change);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	pass(w, 12000);
	assert_int_equal(web(w)->shift.percent, 25);
	change.admin = ADMIN_DRAIN;
	world_apply(w, &change);
	pass(w, 3000);
	change.admin = ADMIN_READY;
	world_apply(w, &change);
	override(w, in_pool(w, 1, 0), OVERRIDE_EJECTED, 0);
	pass(w, 3000);
	assert_int_equal(web(w)->shift.percent, 25);
	change.type = CHANGE_MEMBER_WEIGHT;
	change.addr = in_pool(w, 1, 1)->addr;
	world_apply(w, &change);
	pass(w, 4000);
	assert_int_equal(web(w)->shift.state, SHIFT_ROLLED_BACK);
	assert_int_not_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	world_free(w);
}

static void discovered(struct world *w, const struct model_member *m, enum discovery_state to)
{
	const struct change change = {.type = CHANGE_MEMBER_DISCOVERY,
				      .owner = OWNER_API,
				      .service = "web",
				      .pool = "next",
				      .addr = m->addr,
				      .discovery = to};

	world_apply(w, &change);
}

static void gate_leaves_out_who_leaves(void **state)
{
	struct world *w = two("0");

	(void)state;
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	discovered(w, in_pool(w, 1, 0), DISCOVERY_TERMINATING);
	pass(w, 12000);
	assert_int_equal(web(w)->shift.percent, 25);
	discovered(w, in_pool(w, 1, 0), DISCOVERY_NOT_READY);
	pass(w, 4000);
	assert_int_equal(web(w)->shift.percent, 25);
	world_free(w);
}

/* A pool that no probe has passed is neither well nor ill. */
static void gate_waits_for_checks(void **state)
{
	AUTO_FREE char *text = util_printf(TWO, "0");
	AUTO_FREE char *whole =
		util_printf("%s" TWO, HEAD, "0, check: {type: http}"); /* begins anew */
	struct world *w = world(text);

	(void)state;
	assert_int_not_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	passes(w, in_pool(w, 1, 0));
	assert_int_not_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	passes(w, in_pool(w, 1, 1));
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	world_load_text(w, whole);
	assert_int_equal(in_pool(w, 1, 0)->health, HEALTH_UNKNOWN);
	pass(w, 60000);
	assert_int_equal(web(w)->shift.state, SHIFT_RUNNING);
	assert_int_equal(web(w)->shift.percent, 5);
	assert_string_equal(web(w)->shift_text, "waits: 2 of 2 members are not checked yet");
	passes(w, in_pool(w, 1, 0));
	passes(w, in_pool(w, 1, 1));
	pass(w, 4000);
	assert_int_equal(web(w)->shift.percent, 25);
	assert_string_equal(web(w)->shift_text, "");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gate_counts_who_should_serve),
		cmocka_unit_test(gate_leaves_out_who_leaves),
		cmocka_unit_test(gate_waits_for_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
