/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random events in a service against what must always hold: never more ejected by their ratio than
 * the cap, never stuck on trial, admin and people never overridden, somebody serves who can. */
#include "unit/circuit_world.h"

#define MEMBERS 7

static void check_always(struct world *w, const uint64_t *half_open_ms)
{
	bool can_somebody = false, does_somebody = false;
	size_t m;

	for (m = 0; m < MEMBERS; m++) {
		const struct model_member *at = member(w, m);

		if (at->admin != ADMIN_READY || at->override == OVERRIDE_EJECTED)
			assert_int_equal(share(at), 0);
		else if (at->override == OVERRIDE_FORCED)
			assert_int_equal(share(at), ALL);
		can_somebody |= at->admin == ADMIN_READY && at->override != OVERRIDE_EJECTED;
		does_somebody |= share(at) > 0;
		if (half_open_ms[m])
			assert_true(w->fake->now_ms - half_open_ms[m] < 30000);
	}
	assert_int_equal(does_somebody, can_somebody);
}

static size_t count_out(struct world *w)
{
	size_t m, out = 0;

	for (m = 0; m < MEMBERS; m++)
		out += member(w, m)->breaker.state != BREAKER_CLOSED ||
		       member(w, m)->health == HEALTH_DOWN;
	return out;
}

static void set_admin(struct world *w, const struct model_member *m, enum admin_state admin)
{
	const struct change change = {.type = CHANGE_MEMBER_ADMIN,
				      .owner = OWNER_API,
				      .service = "web",
				      .addr = m->addr,
				      .admin = admin};

	world_apply(w, &change);
}

static void act(struct world *w, struct model_member *m)
{
	switch (world_pick(w, 9)) {
	case 0:
		fails(w, m, world_pick(w, 2) ? HEALTH_ANSWERED : HEALTH_SILENT);
		break;
	case 1:
	case 2:
		passes(w, m);
		break;
	case 3:
		set_admin(w, m, world_pick(w, ADMIN_STATE_MAX));
		break;
	case 4:
		override(w, m, world_pick(w, OVERRIDE_STATE_MAX), 0);
		break;
	default:
		look(w, m, world_pick(w, 3), world_pick(w, 3) == 0);
		break;
	}
}

static void random_events(void **state)
{
	uint64_t half_open_ms[MEMBERS];
	unsigned int run, step;
	size_t m;

	(void)state;
	for (run = 1; run <= 40; run++) {
		struct world *w = world("    members: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, "
					"10.0.0.5, 10.0.0.6, 10.0.0.7]\n"
					"    circuit: {volume: 4, open: 2s, open_max: 20s}\n");

		w->seed = run;
		memset(half_open_ms, 0, sizeof(half_open_ms));
		for (step = 0; step < 400; step++) {
			size_t out = count_out(w);
			bool is_by_ratio;
			size_t which = world_pick(w, MEMBERS);
			struct model_member *at = member(w, which);
			enum breaker_state before = at->breaker.state;
			enum health_state health = at->health;

			w->fake->now_ms += world_pick(w, 1500);
			act(w, at);
			at = member(w, which); /* a change may have moved it */
			is_by_ratio = before == BREAKER_CLOSED &&
				      at->breaker.state == BREAKER_OPEN &&
				      at->breaker.is_by_ratio && health == at->health;
			/* Never more out than the cap because of a ratio. */
			if (is_by_ratio)
				assert_true(out < ejection_cap(MEMBERS));
			for (m = 0; m < MEMBERS; m++) {
				look(w, member(w, m), 0, 0);
				if (member(w, m)->breaker.state != BREAKER_HALF_OPEN)
					half_open_ms[m] = 0;
				else
					half_open_ms[m] = member(w, m)->breaker.since_ms;
			}
			check_always(w, half_open_ms);
		}
		world_settle(w);
		world_assert_as_model(w);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
