/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What looks at a member's probes count into its window, and which members the cap on ejections by it
 * counts. */
#include "unit/circuit_world.h"

/* The counters are these now. */
static void look_at(struct world *w, const struct model_member *m, uint64_t passed, uint64_t failed)
{
	const struct change change = {.type = CHANGE_MEMBER_CIRCUIT,
				      .member_id = m->id,
				      .probes_passed = passed,
				      .probes_failed = failed};

	world_apply(w, &change);
}

static void assert_window(const struct world *w, const struct model_member *m, uint32_t good,
			  uint32_t bad)
{
	uint32_t has_good, has_bad;

	breaker_window(&m->breaker, &web(w)->pools[0].circuit, w->fake->now_ms, &has_good,
		       &has_bad);
	assert_int_equal(has_good, good);
	assert_int_equal(has_bad, bad);
}

/* The first look says what was before it; so does the first one at another stream of probes, of another
 * check or daemon, whose counters begin again. */
static void another_stream(void **state)
{
	struct world *w = world(FOUR);
	struct model_member *m = member(w, 1);

	(void)state;
	look_at(w, m, 700, 900);
	assert_window(w, m, 0, 0);
	w->fake->now_ms += 1000;
	look_at(w, m, 705, 902);
	assert_window(w, m, 5, 2);
	w->fake->now_ms += 1000;
	look_at(w, m, 3, 904); /* fewer passed */
	assert_window(w, m, 5, 2);
	w->fake->now_ms += 1000;
	look_at(w, m, 4, 1); /* fewer failed */
	assert_window(w, m, 5, 2);
	assert_int_equal(m->breaker.state, BREAKER_CLOSED);
	w->fake->now_ms += 1000;
	look_at(w, m, 5, 2);
	assert_window(w, m, 6, 3);
	world_free(w);
}

/* So does the first one after a reload with a check of another type, however far its stream has come. */
static void another_check(void **state)
{
	struct world *w = world(FOUR);

	(void)state;
	look_at(w, member(w, 1), 7, 0);
	world_load_text(w, HEAD FOUR "    check: {type: http}\n");
	world_resolve_all(w);
	w->fake->now_ms += 1000;
	look_at(w, member(w, 1), 9, 40);
	assert_window(w, member(w, 1), 0, 0);
	assert_int_equal(member(w, 1)->breaker.state, BREAKER_CLOSED);
	w->fake->now_ms += 1000;
	look_at(w, member(w, 1), 10, 41);
	assert_window(w, member(w, 1), 1, 1);
	world_free(w);
}

/* Nobody looks while nothing fails. What passed then is older than the window, and must not hide what
 * fails now. */
static void nobody_looked(void **state)
{
	const uint64_t hour = 1800; /* of probes, one in 2 s */
	struct world *w = world(FOUR);
	struct model_member *m = member(w, 1);
	unsigned int i;

	(void)state;
	look_at(w, m, 1, 0);
	w->fake->now_ms += 2000 * hour;
	look_at(w, m, hour, 1);
	assert_window(w, m, 31, 1); /* 60 s of them, and the one at its edge */
	for (i = 1; i <= 30; i++) {
		w->fake->now_ms += 500;
		look_at(w, m, hour, 1 + i);
	}
	assert_int_equal(m->breaker.state, BREAKER_OPEN);
	assert_true(m->breaker.is_by_ratio);
	world_free(w);
}

/* Members without weight carry nothing: they make room for nobody's ejection. */
static void the_cap_counts_who_carries(void **state)
{
	struct world *w = world(
		"    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, {address: 10.0.0.4, weight: 0},\n"
		"      {address: 10.0.0.5, weight: 0}, {address: 10.0.0.6, weight: 0}]\n");
	size_t m, out;

	(void)state;
	assert_int_equal(model_ratio_cap(&web(w)->pools[0], &out), 1);
	assert_int_equal(out, 0);
	for (m = 0; m < 6; m++)
		look(w, member(w, m), 1, 0);
	w->fake->now_ms += 1000;
	for (m = 0; m < 6; m++)
		look(w, member(w, m), 5, 20);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_OPEN);
	for (m = 1; m < 3; m++) {
		assert_int_equal(member(w, m)->breaker.state, BREAKER_CLOSED);
		assert_int_equal(share(member(w, m)), ALL);
		assert_true(member(w, m)->is_suppressed);
	}
	/* Once, until something else happens to it, however often it is looked at. */
	look(w, member(w, 1), 5, 20);
	assert_int_equal(member(w, 1)->suppressed, 1);
	/* Nor are they out. */
	fails(w, member(w, 5), HEALTH_SILENT);
	assert_int_equal(model_ratio_cap(&web(w)->pools[0], &out), 1);
	assert_int_equal(out, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_stream),
		cmocka_unit_test(another_check),
		cmocka_unit_test(nobody_looked),
		cmocka_unit_test(the_cap_counts_who_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
