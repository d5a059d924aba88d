/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random events in services of every kind against what must always hold: never more ejected by their
 * ratio than the cap, never stuck on trial, admin and people never overridden, somebody serves who
 * can, unless told to drop. Members come and go meanwhile. */
#include "unit/circuit_world.h"

#define SEVEN "[10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7]"
#define CIRCUIT "    circuit: {volume: 4, ratio: 20, open: 2s, open_max: 20s}\n"
#define TRIAL_MS 30000
#define STEPS 300

static const struct kind {
	const char *text;
	bool is_drop;
	uint32_t min_healthy;
} kinds[] = {
	{"    members: " SEVEN "\n" CIRCUIT, false, 1},
	{"    members: " SEVEN "\n    panic: drop\n" CIRCUIT, true, 1},
	{"    members: " SEVEN "\n    min_healthy: 4\n" CIRCUIT, false, 4},
	{"    members: " SEVEN "\n    slow_start: 20s\n" CIRCUIT, false, 1},
	{"    members: [10.0.0.1, 10.0.0.2]\n" CIRCUIT, false, 1},
	{CIRCUIT "    fallback: sorry\n    pools:\n      main: {members: " SEVEN "}\n"
		 "      sorry: {members: [10.0.1.1, 10.0.1.2]}\n",
	 false, 1},
	{CIRCUIT "    pools:\n      blue: {share: 100, members: " SEVEN "}\n"
		 "      green: {share: 1, members: [10.0.1.1, 10.0.1.2, 10.0.1.3]}\n",
	 false, 1},
};

/* Not taken out by a person, and there is a way to it. */
static bool is_in(const struct model_member *at)
{
	return at->admin == ADMIN_READY && at->override != OVERRIDE_EJECTED &&
	       at->nexthop_state == NEXTHOP_RESOLVED;
}

static void check_member(const struct world *w, const struct model_member *at)
{
	if (!is_in(at))
		assert_int_equal(share(at), 0);
	else if (at->override == OVERRIDE_FORCED)
		assert_int_equal(share(at), ALL);
	else if (at->is_readmitted)
		assert_true(share(at) > 0);
	if (at->breaker.state == BREAKER_HALF_OPEN)
		assert_true(w->fake->now_ms - at->breaker.since_ms < TRIAL_MS);
}

static void check_always(const struct world *w, const struct kind *kind)
{
	const struct model_service *service = web(w);
	size_t p, m, can = 0, do_serve = 0, well = 0, i = 0;
	uint32_t weights[32];
	uint64_t sum = 0;

	weights_all(service, weights);
	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			const struct model_member *at = &pool->members[m];
			bool is_serving = share(at) && weights_pool_share(pool);

			check_member(w, at);
			can += is_in(at);
			do_serve += is_serving;
			/* Beside a fallback that serves, a trial is no more than that. */
			well += is_serving && !at->is_readmitted && !pool->is_fallback &&
				!(service->panic == PANIC_FALLBACK &&
				  weights_member_rule(at) == SHARE_TRIAL);
			assert_int_equal(weights[i] > 0, is_serving);
			sum += weights[i++];
		}
		/* A fallback gets nothing while it is not needed. */
		if (pool->is_fallback && service->panic == PANIC_NONE)
			assert_int_equal(weights_pool_share(pool), 0);
	}
	if (can && !(kind->is_drop && service->panic == PANIC_DROP))
		assert_true(do_serve > 0 && sum > 0);
	/* Who wants fewer than that serving has a panic, unless nobody could help. */
	if (service->panic == PANIC_NONE && can >= kind->min_healthy && service->pool_count == 1)
		assert_true(well >= kind->min_healthy || well == can);
	if (service->panic != PANIC_NONE)
		assert_true(well < kind->min_healthy);
	if (kind->is_drop)
		assert_true(service->panic == PANIC_NONE || service->panic == PANIC_DROP);
}

/* Of those that nobody took out: who serves, and who does not for failures. */
static void count(const struct model_pool *pool, size_t *ret_out, size_t *ret_members)
{
	size_t m;

	*ret_out = *ret_members = 0;
	for (m = 0; m < pool->member_count; m++) {
		const struct model_member *at = &pool->members[m];

		if (at->admin != ADMIN_READY || at->override == OVERRIDE_EJECTED || !at->weight)
			continue;
		*ret_members += 1;
		*ret_out += at->nexthop_state != NEXTHOP_RESOLVED ||
			    (at->override != OVERRIDE_FORCED &&
			     (at->breaker.state != BREAKER_CLOSED || at->health == HEALTH_DOWN));
	}
}

static void change_member(struct world *w, enum change_type type, const struct model_pool *pool,
			  const char *addr, const struct model_member *at)
{
	struct change change = {.type = type,
				.owner = OWNER_API,
				.service = "web",
				.pool = pool->name,
				.weight = 100,
				.admin = world_pick(w, ADMIN_STATE_MAX)};
	struct errs errors = {0};

	if (addr)
		assert_true(addr_parse(addr, &change.addr) == 0);
	else
		change.addr = at->addr;
	/* Some are there already, or are the last. */
	model_apply(w->model, &change, 1, w->fake->now_ms, &errors);
	errs_done(&errors);
}

static void come_or_go(struct world *w, const struct model_pool *pool,
		       const struct model_member *at)
{
	static const char *const more[] = {"10.0.2.1", "10.0.2.2", "10.0.2.3"};

	if (world_pick(w, 2) && pool->member_count > 1)
		change_member(w, CHANGE_MEMBER_REMOVE, pool, NULL, at);
	else if (pool->member_count < 10)
		change_member(w, CHANGE_MEMBER_ADD, pool, more[world_pick(w, 3)], NULL);
	world_resolve_all(w);
}

static void act(struct world *w, const struct model_pool *pool, struct model_member *at)
{
	switch (world_pick(w, 13)) {
	case 0:
	case 1:
		fails(w, at, world_pick(w, 2) ? HEALTH_ANSWERED : HEALTH_SILENT);
		break;
	case 2:
	case 3:
		passes(w, at);
		break;
	case 4:
		change_member(w, CHANGE_MEMBER_ADMIN, pool, NULL, at);
		break;
	case 5:
		override(w, at, world_pick(w, OVERRIDE_STATE_MAX), 0);
		break;
	case 6:
		world_set_nexthop(w, at, world_pick(w, 3) ? NEXTHOP_RESOLVED : NEXTHOP_FAILED, 0);
		break;
	case 7:
		come_or_go(w, pool, at);
		break;
	default:
		look(w, at, world_pick(w, 3), world_pick(w, 3) == 0);
		break;
	}
}

/* As the daemon does each second. */
static void look_at_all(struct world *w)
{
	size_t p, m;

	for (p = 0; p < web(w)->pool_count; p++)
		for (m = 0; m < web(w)->pools[p].member_count; m++)
			look(w, in_pool(w, p, m), 0, 0);
}

static size_t by_ratio;

/* Never more out than the cap because of a ratio. */
static void act_and_check(struct world *w)
{
	size_t p = world_pick(w, (unsigned int)web(w)->pool_count);
	struct model_pool *pool = &web(w)->pools[p];
	struct model_member *at = &pool->members[world_pick(w, (unsigned int)pool->member_count)];
	size_t out, members;
	enum breaker_state before = at->breaker.state;
	enum health_state health = at->health;
	uint64_t id = at->id;

	count(pool, &out, &members);
	act(w, pool, at);
	at = model_member_by_id(w->model, id, NULL, NULL); /* a change may have moved it */
	if (at && before == BREAKER_CLOSED && at->breaker.state == BREAKER_OPEN &&
	    at->breaker.is_by_ratio && health == at->health) {
		by_ratio++;
		assert_true(out < ejection_cap(members) && out + 1 < members);
	}
}

static void random_events(void **state)
{
	unsigned int panics[PANIC_MAX] = {0};
	unsigned int run, step;
	size_t k;

	(void)state;
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (run = 1; run <= 12; run++) {
			struct world *w = world(kinds[k].text);

			w->seed = run * 100 + (unsigned int)k;
			if (run % 2)
				model_start_ramps(w->model);
			for (step = 0; step < STEPS; step++) {
				w->fake->now_ms += world_pick(w, 1500);
				act_and_check(w);
				look_at_all(w);
				check_always(w, &kinds[k]);
				panics[web(w)->panic]++;
			}
			world_settle(w);
			world_assert_as_model(w);
			world_free(w);
		}
	}
	/* It was worth it. */
	print_message("# %zu were ejected by their ratio\n", by_ratio);
	assert_true(by_ratio > 25);
	for (k = 0; k < PANIC_MAX; k++)
		assert_true(panics[k] > 50);
}

/* From whatever they were in, all that answer serve in the end. */
static void all_come_back(void **state)
{
	unsigned int run, step;
	size_t m;

	(void)state;
	for (run = 1; run <= 12; run++) {
		struct world *w = world(kinds[0].text);

		w->seed = run;
		for (step = 0; step < STEPS; step++) {
			w->fake->now_ms += world_pick(w, 1500);
			act_and_check(w);
		}
		for (m = 0; m < web(w)->pools[0].member_count; m++) {
			const struct change ready = {.type = CHANGE_MEMBER_ADMIN,
						     .owner = OWNER_API,
						     .service = "web",
						     .addr = member(w, m)->addr};

			world_apply(w, &ready);
			if (member(w, m)->override != OVERRIDE_NONE)
				override(w, member(w, m), OVERRIDE_NONE, 0);
		}
		world_resolve_all(w);
		/* The longest pause and the trial, twice, if it fails in between. */
		for (step = 0; step < 120; step++) {
			w->fake->now_ms += 1000;
			for (m = 0; m < web(w)->pools[0].member_count; m++) {
				passes(w, member(w, m));
				look(w, member(w, m), 1, 0);
			}
		}
		for (m = 0; m < web(w)->pools[0].member_count; m++)
			assert_int_equal(share(member(w, m)), ALL);
		assert_int_equal(web(w)->panic, PANIC_NONE);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_events),
		cmocka_unit_test(all_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
