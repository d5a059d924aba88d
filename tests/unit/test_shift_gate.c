/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the gate of a shift asks for: which members it is about, and what it believes of them; and what is
 * told when a file ends a shift. */
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

/* What paused it is told until it goes on, whatever its gate waits for meanwhile. */
static void a_pause_keeps_its_reason(void **state)
{
	struct world *w = two("0, circuit: {mode: disabled}");
	size_t m;

	(void)state;
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	for (m = 0; m < 2; m++)
		fails(w, in_pool(w, 0, m), HEALTH_SILENT);
	fails(w, in_pool(w, 1, 0), HEALTH_SILENT);
	pass(w, 6000);
	assert_int_equal(web(w)->shift.state, SHIFT_PAUSED);
	assert_non_null(strstr(web(w)->shift_text, "50 % of its weight"));
	world_set_health(w, in_pool(w, 1, 0), HEALTH_UNKNOWN);
	pass(w, 6000);
	assert_non_null(strstr(web(w)->shift_text, "50 % of its weight"));
	world_free(w);
}

static bool is_told(const struct world *w, const char *text)
{
	const struct event *event;
	uint64_t seq = 0;
	bool is_gap;

	for (; (event = event_log_next(w->log, seq, &is_gap)); seq = event->seq)
		if (event->type == EVENT_shift && strcmp(event->text, text) == 0)
			return true;
	return false;
}

static void a_file_ends_it_aloud(void **state)
{
	static const struct {
		const char *file, *why;
	} rows[] = {
		{HEAD "    pools:\n      stable: {members: [10.0.0.1, 10.0.0.2]}\n",
		 "the file has other pools now"},
		{"version: 1\ninterfaces: [eth0]\nservices:\n  web:\n    listen: tcp "
		 "192.0.2.10:81\n"
		 "    mode: l2\n    pools:\n"
		 "      stable: {share: 100, members: [10.0.0.1, 10.0.0.2]}\n"
		 "      next: {share: 0, members: [10.0.0.3, 10.0.0.4]}\n",
		 "the service listens elsewhere now"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text =
			util_printf("the shift to next ended at 5 %%: %s", rows[i].why);
		struct world *w = two("0");

		assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
		world_load_text(w, rows[i].file);
		assert_int_equal(web(w)->shift.state, SHIFT_NONE);
		assert_true(is_told(w, text));
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gate_counts_who_should_serve),
		cmocka_unit_test(gate_leaves_out_who_leaves),
		cmocka_unit_test(gate_waits_for_checks),
		cmocka_unit_test(a_pause_keeps_its_reason),
		cmocka_unit_test(a_file_ends_it_aloud),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
