/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What status says of a service that nobody serves, or nearly nobody. */
#include "unit/shift_world.h"

#include "control/diagnose.h"

static size_t no_findings(void *arg, struct control_finding *list, size_t max)
{
	(void)arg;
	(void)list;
	(void)max;
	return 0;
}

/* The verdict in one text: summary, each why, next, a line each. The caller's. */
static char *said(const struct world *w)
{
	const struct control_host host = {
		.model = w->model, .sync = w->sync, .findings = no_findings};
	const struct control_node node = {.is_ready = true, .instance = "default"};
	const struct control_switches switches = {0};
	struct diagnosis diagnosis = {.why = json_array()};
	char *text, *more;
	const json_t *why;
	size_t i;

	diagnose(&host, &node, &switches, &diagnosis);
	text = util_printf("%s\n", diagnosis.summary);
	json_array_foreach (diagnosis.why, i, why) {
		more = util_printf("%s%s\n", text, json_string_value(why));
		free(text);
		text = more;
	}
	more = util_printf("%snext: %s\n", text, diagnosis.next);
	free(text);
	json_decref(diagnosis.why);
	return more;
}

static void assert_said(const struct world *w, const char *want, bool is_wanted)
{
	AUTO_FREE char *text = said(w);

	if (!strstr(text, want) == is_wanted)
		fail_msg("\"%s\" %s \"%s\"", text, is_wanted ? "lacks" : "has", want);
}

#define CARRY "web: nobody but members on trial serves: they get all new connections\n"

static void of_trials(void **state)
{
	struct world *w = world("    members: [10.0.0.1, 10.0.0.2]\n");
	struct model_member *m = member(w, 0);

	(void)state;
	passes(w, member(w, 1));
	fails(w, m, HEALTH_ANSWERED);
	passes(w, m);
	w->fake->now_ms += 60000;
	look(w, m, 1, 0);
	assert_int_equal(member_state_of(m), MEMBER_ON_TRIAL);
	assert_said(w, "web: 1 of 2 members serving", true);
	assert_said(w, CARRY, false);
	fails(w, member(w, 1), HEALTH_ANSWERED);
	assert_int_equal(member_state_of(m), MEMBER_ON_TRIAL);
	assert_said(w, "web: 0 of 2 members serving", true);
	assert_said(w, CARRY, true);
	/* Who is re-admitted gets connections, too. */
	fails(w, m, HEALTH_ANSWERED);
	assert_int_equal(web(w)->panic, PANIC_READMIT);
	assert_said(w, CARRY, false);
	world_free(w);
}

static void of_weights(void **state)
{
	struct world *w = world("    members: [{address: 10.0.0.1, weight: 0},\n"
				"      {address: 10.0.0.2, weight: 0}]\n");

	(void)state;
	passes(w, member(w, 0));
	assert_said(w,
		    "web: none of 2 members serving\n"
		    "web: 2 members have weight 0: sluicectl member weight web MEMBER 100\n",
		    true);
	world_free(w);
	w = world("    members: [{address: 10.0.0.1, weight: 0}, 10.0.0.2]\n");
	passes(w, member(w, 1));
	assert_said(w, "weight 0", false);
	world_free(w);
}

#define SHIFTED "web: all of it was shifted to next: sluicectl shift web abort takes it back\n"

static void of_shifts(void **state)
{
	struct world *w = two("0");

	(void)state;
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	pass(w, 40000);
	assert_int_equal(web(w)->shift.state, SHIFT_DONE);
	assert_said(w, SHIFTED, false);
	fails(w, in_pool(w, 1, 0), HEALTH_ANSWERED);
	assert_said(w, SHIFTED, false);
	fails(w, in_pool(w, 1, 1), HEALTH_ANSWERED);
	assert_said(w, SHIFTED, true);
	assert_said(w, "next: sluicectl shift web abort\n", true);
	assert_int_equal(shift(w, SHIFT_ACTION_ABORT, NULL, 0), 0);
	assert_true(weights_pool_share(&web(w)->pools[0]) > 0);
	assert_said(w, SHIFTED, false);
	world_free(w);
	/* Nobody is there to take it back to. */
	w = two("0");
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	pass(w, 40000);
	fails(w, in_pool(w, 1, 0), HEALTH_ANSWERED);
	fails(w, in_pool(w, 1, 1), HEALTH_ANSWERED);
	fails(w, member(w, 0), HEALTH_ANSWERED);
	fails(w, member(w, 1), HEALTH_ANSWERED);
	assert_said(w, SHIFTED, false);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_trials),
		cmocka_unit_test(of_weights),
		cmocka_unit_test(of_shifts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
