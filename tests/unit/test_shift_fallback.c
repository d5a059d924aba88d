/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A shift in a service that has a fallback pool, which is neither a place to go back to nor one that the
 * shift takes from. */
#include "unit/circuit_world.h"

enum { STABLE, NEXT, SORRY, POOLS };

static struct world *three(void)
{
	struct world *w = world("    check: tcp\n"
				"    fallback: sorry\n"
				"    pools:\n"
				"      stable: {share: 100, members: [10.0.0.1, 10.0.0.2]}\n"
				"      next: {share: 0, members: [10.0.0.3, 10.0.0.4]}\n"
				"      sorry: {members: [10.0.0.5]}\n");
	size_t p, m;

	for (p = 0; p < POOLS; p++)
		for (m = 0; m < web(w)->pools[p].member_count; m++)
			passes(w, in_pool(w, p, m));
	return w;
}

static void shift(struct world *w, enum shift_action action, uint32_t percent)
{
	struct shift plan = {.plan = {.steps = {25, 100}, .step_count = 2, .hold_s = 3600},
			     .percent = percent};
	const struct change change = {.type = CHANGE_SHIFT,
				      .owner = OWNER_API,
				      .service = "web",
				      .pool = action == SHIFT_ACTION_START ? "next" : NULL,
				      .shift = &plan,
				      .shift_action = action};

	world_apply(w, &change);
}

static void pass(struct world *w, unsigned int seconds)
{
	const struct change change = {.type = CHANGE_SHIFT_TIME, .member_id = member(w, 0)->id};

	while (seconds-- > 0) {
		w->fake->now_ms += 1000;
		world_apply(w, &change);
	}
}

static bool serves(const struct world *w, size_t p)
{
	uint32_t weights[8];
	size_t m, first = p == STABLE ? 0 : p == NEXT ? 2 : 4;
	uint64_t sum = 0;

	weights_all(web(w), weights);
	for (m = 0; m < web(w)->pools[p].member_count; m++)
		sum += weights[first + m];
	return sum > 0;
}

/* What the fallback could do is no reason to take a service from those of the pool that serve still. */
static void no_place_to_go_back_to(void **state)
{
	struct world *w = three();

	(void)state;
	shift(w, SHIFT_ACTION_START, 0);
	fails(w, in_pool(w, STABLE, 0), HEALTH_ANSWERED);
	fails(w, in_pool(w, STABLE, 1), HEALTH_SILENT);
	fails(w, in_pool(w, NEXT, 0), HEALTH_ANSWERED);
	pass(w, 6);
	assert_int_equal(web(w)->shift.state, SHIFT_PAUSED);
	assert_int_equal(web(w)->shift.percent, 25);
	assert_true(serves(w, NEXT));
	assert_false(serves(w, SORRY));
	world_free(w);
}

/* However far the shift is: when nobody else can, the fallback serves. */
static void serves_when_nobody_can(void **state)
{
	static const uint32_t percents[] = {0, 25, 99, 100};
	size_t i, p, m;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		struct world *w = three();

		shift(w, SHIFT_ACTION_START, 0);
		shift(w, SHIFT_ACTION_SET, percents[i]);
		assert_int_equal(serves(w, STABLE), percents[i] < 100);
		assert_int_equal(serves(w, NEXT), percents[i] > 0);
		assert_false(serves(w, SORRY));
		for (p = STABLE; p <= NEXT; p++)
			for (m = 0; m < 2; m++)
				fails(w, in_pool(w, p, m), HEALTH_ANSWERED);
		assert_int_equal(web(w)->panic, PANIC_FALLBACK);
		assert_true(serves(w, SORRY));
		assert_false(serves(w, STABLE) || serves(w, NEXT));
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_place_to_go_back_to),
		cmocka_unit_test(serves_when_nobody_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
