/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A member's share in words: one row a situation. */
#include "unit/circuit_world.h"

#include "core/share_text.h"

static const char *words(const struct world *w, const struct model_member *m)
{
	static char text[SHARE_TEXT_MAX];

	return share_text(w->model, web(w), &web(w)->pools[0], m, w->fake->now_ms, clock_wall_s(),
			  text);
}

static void assert_words(const struct world *w, const struct model_member *m, const char *want)
{
	const char *got = words(w, m);

	/* Seconds of the wall may pass in between. */
	if (!strstr(got, want))
		fail_msg("\"%s\" lacks \"%s\"", got, want);
}

static void of_failures(void **state)
{
	struct world *w = world("    members: [10.0.0.1, 10.0.0.2]\n");
	struct model_member *m = member(w, 0);

	(void)state;
	assert_words(w, m, "checking: all of its weight until its first check says otherwise");
	passes(w, m);
	assert_string_equal(words(w, m), "serving: all of its weight");
	look(w, m, 1, 0);
	fails(w, m, HEALTH_ANSWERED);
	m->breaker.until_ms = w->fake->now_ms + 3400;
	assert_words(w, m,
		     "nothing after refused; on trial when its check passes, in 4 s at the "
		     "earliest");
	passes(w, m);
	w->fake->now_ms += 2000;
	assert_words(w, m,
		     "ejected for 2 s: nothing after refused; its check passes, on trial in 2 s");
	w->fake->now_ms += 3000;
	look(w, m, 1, 0);
	w->fake->now_ms += 18000;
	assert_words(w, m, "on trial: 2 % after refused; next decision in 12 s");
	fails(w, m, HEALTH_SILENT);
	w->fake->now_ms += 60000;
	assert_words(w, m, "nothing after timeout; on trial when its check passes");
	fails(w, member(w, 1), HEALTH_SILENT);
	assert_words(w, m,
		     "panic: all of its weight in spite of timeout, for too few others serve");
	world_free(w);
	w = world("    members: [10.0.0.1, 10.0.0.2]\n    circuit: {mode: disabled}\n");
	fails(w, member(w, 0), HEALTH_SILENT);
	assert_words(w, member(w, 0), "nothing after timeout; back when its check passes");
	world_free(w);
}

/* It was refused first; what it fails with now is another thing. */
static void of_the_last_failure(void **state)
{
	struct world *w = world("    members: [10.0.0.1, 10.0.0.2]\n");
	struct model_member *m = member(w, 0);

	(void)state;
	fails(w, m, HEALTH_ANSWERED);
	fails(w, m, HEALTH_SILENT);
	passes(w, m);
	assert_words(w, m, "nothing after timeout; its check passes");
	w->fake->now_ms += 60000;
	look(w, m, 1, 0);
	assert_words(w, m, "on trial: 2 % after timeout; ");
	world_free(w);
	w = world("    members: [10.0.0.1, 10.0.0.2]\n");
	m = member(w, 0);
	fails(w, m, HEALTH_SILENT);
	fails(w, member(w, 1), HEALTH_SILENT);
	fails(w, m, HEALTH_ANSWERED);
	fails(w, member(w, 1), HEALTH_ANSWERED);
	assert_words(w, m, "panic: all of its weight in spite of refused, ");
	world_free(w);
}

/* A probe that passed, or could not be made, is no failure. */
static void of_failures_alone(void **state)
{
	static const char *const texts[] = {"answers again, 1 of 2",
					    "check not possible from here: no carrier"};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		struct world *w = world("    members: [10.0.0.1, 10.0.0.2]\n");
		struct model_member *m = member(w, 0);
		struct change change = {.type = CHANGE_MEMBER_HEALTH,
					.member_id = m->id,
					.health = HEALTH_DOWN,
					.health_cause = HEALTH_ANSWERED,
					.text = texts[i]};

		fails(w, m, HEALTH_ANSWERED);
		world_apply(w, &change);
		assert_words(w, m, "nothing after refused; on trial when its check passes");
		passes(w, m);
		assert_words(w, m, "nothing after refused; its check passes");
		world_free(w);
	}
}

static void of_people(void **state)
{
	struct world *w = world("    members: [10.0.0.1, {address: 10.0.0.2, admin: maint},\n"
				"      {address: 10.0.0.3, admin: drain},\n"
				"      {address: 10.0.0.4, weight: 0}]\n    check: none\n");

	(void)state;
	override(w, member(w, 0), OVERRIDE_EJECTED, 0);
	assert_words(w, member(w, 0), "ejected by alice for ");
	assert_words(w, member(w, 0), ": nothing, \"bad disk\", until it is restored");
	override(w, member(w, 0), OVERRIDE_FORCED, clock_wall_s() + 540);
	assert_words(w, member(w, 0), "forced in by alice for ");
	assert_words(w, member(w, 0), ": all of its weight, \"bad disk\", for another 5");
	assert_string_equal(words(w, member(w, 1)), "maintenance: nothing");
	assert_string_equal(words(w, member(w, 2)), "draining: nothing new");
	assert_string_equal(words(w, member(w, 3)), "no weight: nothing");
	world_set_nexthop(w, member(w, 3), NEXTHOP_FAILED, 0);
	assert_words(w, member(w, 3), "unreachable: nothing, ");
	world_free(w);
}

static void of_pools(void **state)
{
	struct world *w = world("    fallback: a\n    check: none\n    slow_start: 60s\n"
				"    pools:\n"
				"      a: {members: [10.0.0.1]}\n"
				"      b: {members: [10.0.0.2, 10.0.0.3]}\n");
	char text[SHARE_TEXT_MAX];

	(void)state;
	assert_string_equal(words(w, member(w, 0)),
			    "standing by: nothing while another pool serves");
	web(w)->pools[0].is_idle = false;
	web(w)->pools[0].share = 0;
	assert_string_equal(words(w, member(w, 0)),
			    "serving: nothing, for the share of its pool is 0");
	model_start_ramps(w->model);
	world_set_nexthop(w, in_pool(w, 1, 0), NEXTHOP_FAILED, 0);
	world_set_nexthop(w, in_pool(w, 1, 0), NEXTHOP_RESOLVED, 0);
	w->fake->now_ms += 1000;
	assert_string_equal(share_text(w->model, web(w), &web(w)->pools[1], in_pool(w, 1, 0),
				       w->fake->now_ms, 0, text),
			    "slow start: 10 % of its weight, all of it in 59 s");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_failures),	     cmocka_unit_test(of_the_last_failure),
		cmocka_unit_test(of_failures_alone), cmocka_unit_test(of_people),
		cmocka_unit_test(of_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
