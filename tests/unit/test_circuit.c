/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Circuits, panics, fallbacks and overrides in the model, with an invented clock. */
#include "unit/circuit_world.h"

/* A second goes by, in which so many probes passed and failed. */
static void second(struct world *w, const struct model_member *m, uint64_t passed, uint64_t failed)
{
	w->fake->now_ms += 1000;
	look(w, m, passed, failed);
}

static void seconds(struct world *w, const struct model_member *m, size_t n)
{
	while (n--)
		second(w, m, 1, 0);
}

static void assert_shares(const struct world *w, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	assert_int_equal(share(member(w, 0)), a);
	assert_int_equal(share(member(w, 1)), b);
	assert_int_equal(share(member(w, 2)), c);
	assert_int_equal(share(member(w, 3)), d);
}

static bool has_event(const struct world *w, enum event_type type, const char *part)
{
	const struct event *event;
	uint64_t seq = 0;
	bool is_gap;

	for (; (event = event_log_next(w->log, seq, &is_gap)); seq = event->seq)
		if (event->type == type && strstr(event->text, part))
			return true;
	return false;
}

#define TRIAL 1310

static void out_and_back(void **state)
{
	struct world *w = world(FOUR);

	(void)state;
	second(w, member(w, 0), 1, 0);
	fails(w, member(w, 0), HEALTH_ANSWERED);
	assert_shares(w, 0, ALL, ALL, ALL);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_OPEN);
	assert_false(member(w, 0)->is_dead); /* its connections stay */
	assert_true(has_event(w, EVENT_member_circuit, "closed -> open for "));
	assert_true(has_event(w, EVENT_member_circuit, ": refused"));
	/* Its check passes at once: the pause holds. */
	passes(w, member(w, 0));
	assert_shares(w, 0, ALL, ALL, ALL);
	assert_int_equal(member_state_of(member(w, 0)), MEMBER_EJECTED);
	seconds(w, member(w, 0), 5);
	assert_shares(w, TRIAL, ALL, ALL, ALL);
	assert_int_equal(member_state_of(member(w, 0)), MEMBER_ON_TRIAL);
	seconds(w, member(w, 0), 31);
	assert_shares(w, ALL, ALL, ALL, ALL);
	assert_true(has_event(w, EVENT_member_circuit, "half-open -> closed: its trial went well"));
	/* Silent: its connections go. */
	fails(w, member(w, 1), HEALTH_SILENT);
	assert_true(member(w, 1)->is_dead);
	passes(w, member(w, 1));
	assert_false(member(w, 1)->is_dead);
	assert_shares(w, ALL, 0, ALL, ALL);
	/* One failure ends a trial. */
	seconds(w, member(w, 1), 6);
	assert_shares(w, ALL, TRIAL, ALL, ALL);
	second(w, member(w, 1), 1, 1);
	assert_shares(w, ALL, 0, ALL, ALL);
	assert_int_equal(member(w, 1)->breaker.attempts, 2);
	assert_true(has_event(w, EVENT_member_circuit, "time 2 in a row"));
	world_free(w);
}

/* A slow start begins when the trial is over: it is out until then. */
static void slow_after_a_trial(void **state)
{
	struct world *w = world(FOUR "    slow_start: 60s\n");

	(void)state;
	model_start_ramps(w->model);
	second(w, member(w, 0), 1, 0);
	fails(w, member(w, 0), HEALTH_ANSWERED);
	seconds(w, member(w, 0), 6);
	passes(w, member(w, 0));
	seconds(w, member(w, 0), 29);
	assert_shares(w, TRIAL, ALL, ALL, ALL);
	seconds(w, member(w, 0), 1);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_CLOSED);
	assert_shares(w, ALL / 10, ALL, ALL, ALL);
	world_free(w);
}

/* What failed in the second before the trial began says nothing of the trial. */
static void old_failures(void **state)
{
	struct world *w = world(FOUR);

	(void)state;
	second(w, member(w, 0), 1, 0);
	fails(w, member(w, 0), HEALTH_ANSWERED);
	second(w, member(w, 0), 0, 1);
	w->fake->now_ms += 10000;
	passes(w, member(w, 0));
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_HALF_OPEN);
	second(w, member(w, 0), 2, 5);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_HALF_OPEN);
	second(w, member(w, 0), 0, 1);
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_OPEN);
	world_free(w);
}

/* Every second probe fails, never three in a row. */
static void flap(struct world *w, struct model_member *m, size_t n)
{
	while (n--)
		second(w, m, n % 2, !(n % 2));
}

static void by_ratio_up_to_the_cap(void **state)
{
	struct world *w = world(FOUR);
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		second(w, member(w, i), 1, 0);
	flap(w, member(w, 0), 12);
	assert_shares(w, 0, ALL, ALL, ALL);
	assert_true(has_event(w, EVENT_member_circuit, "probes failed within 60 s"));
	/* One of four is a third in whole members. */
	flap(w, member(w, 1), 20);
	assert_shares(w, 0, ALL, ALL, ALL);
	assert_true(has_event(w, EVENT_member_circuit, "not ejected, though"));
	assert_true(member(w, 1)->is_suppressed);
	/* Failing in a row is another matter: three of four, and the fourth gets everything. */
	for (i = 1; i < 4; i++)
		fails(w, member(w, i), HEALTH_ANSWERED);
	assert_int_equal(web(w)->panic, PANIC_READMIT);
	passes(w, member(w, 3));
	world_free(w);

	w = world("    members: [10.0.0.1]\n");
	second(w, member(w, 0), 1, 0);
	flap(w, member(w, 0), 50);
	assert_int_equal(share(member(w, 0)), ALL); /* a single one never */
	world_free(w);

	w = world(FOUR "    circuit: {ratio: 0}\n");
	second(w, member(w, 0), 1, 0);
	flap(w, member(w, 0), 50);
	assert_shares(w, ALL, ALL, ALL, ALL);
	world_free(w);
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

/* Who could not serve anyway is none of those of whom a third may go. */
static void last_one_stays(void **state)
{
	struct world *w = world("    members: [10.0.0.1, 10.0.0.2]\n");

	(void)state;
	second(w, member(w, 1), 1, 0);
	set_admin(w, member(w, 0), ADMIN_MAINT);
	flap(w, member(w, 1), 20);
	assert_int_equal(share(member(w, 1)), ALL);
	set_admin(w, member(w, 0), ADMIN_READY);
	world_set_nexthop(w, member(w, 0), NEXTHOP_FAILED, 0);
	flap(w, member(w, 1), 20);
	assert_int_equal(share(member(w, 1)), ALL);
	world_set_nexthop(w, member(w, 0), NEXTHOP_RESOLVED, 0);
	flap(w, member(w, 1), 2);
	assert_int_equal(share(member(w, 1)), 0);
	world_free(w);
	/* One that is down for its maintenance is none that is out. */
	w = world(FOUR);
	set_admin(w, member(w, 0), ADMIN_MAINT);
	fails(w, member(w, 0), HEALTH_SILENT);
	second(w, member(w, 1), 1, 0);
	flap(w, member(w, 1), 20);
	assert_shares(w, 0, 0, ALL, ALL);
	world_free(w);
}

static void three_of_four(void **state)
{
	struct world *w = world(FOUR);
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		fails(w, member(w, i), HEALTH_ANSWERED);
	assert_shares(w, 0, 0, 0, ALL);
	assert_int_equal(web(w)->panic, PANIC_NONE);
	/* The last one, too: those who answer come back, and silent ones do not. */
	fails(w, member(w, 1), HEALTH_SILENT);
	fails(w, member(w, 3), HEALTH_SILENT);
	assert_shares(w, ALL, 0, ALL, 0);
	assert_true(has_event(w, EVENT_service_changed, "panic: no member is healthy, so those"));
	/* One whose check passes is less dead than they are. */
	passes(w, member(w, 3));
	assert_shares(w, 0, 0, 0, ALL);
	assert_int_equal(member(w, 3)->breaker.state, BREAKER_OPEN);
	assert_int_equal(web(w)->panic_rank, EJECTION_TRIED);
	seconds(w, member(w, 3), 6);
	assert_shares(w, 0, 0, 0, TRIAL); /* the only one: all of the slots are its */
	assert_int_equal(web(w)->panic, PANIC_NONE);
	world_settle(w);
	assert_int_equal(sync_member_slot_share(w->sync, member(w, 3)->id), UINT32_MAX);
	world_free(w);
}

/* How often it failed while it was out, or before, is not held against it when it is back. */
static void back_for_good(void **state)
{
	struct world *w =
		world(FOUR "    circuit: {volume: 4, open: 1s, trial: 2s, window: 60s}\n");
	struct model_member *m = member(w, 1);
	unsigned int s;

	(void)state;
	passes(w, m);
	look(w, m, 1, 0);
	look(w, m, 1, 3);
	fails(w, m, HEALTH_ANSWERED);
	for (s = 0; s < 20; s++) {
		w->fake->now_ms += 1000;
		look(w, m, 0, 2);
	}
	w->fake->now_ms += 1000;
	passes(w, m);
	assert_int_equal(m->breaker.state, BREAKER_HALF_OPEN);
	look(w, m, 1, 8); /* those failed before */
	assert_int_equal(m->breaker.state, BREAKER_HALF_OPEN);
	for (s = 0; s < 10; s++) {
		w->fake->now_ms += 1000;
		look(w, m, 2, 0);
		assert_int_not_equal(m->breaker.state, BREAKER_OPEN);
	}
	assert_int_equal(m->breaker.state, BREAKER_CLOSED);
	assert_int_equal(m->trips, 1);
	/* From now on it is. */
	look(w, m, 0, 9);
	look(w, m, 0, 20);
	assert_int_equal(m->breaker.state, BREAKER_OPEN);
	assert_true(m->breaker.is_by_ratio);
	world_free(w);
}

/* Its probes are rarer than its trial is long: it waits for one. */
static void seldom_probed(void **state)
{
	struct world *w = world(FOUR "    check: {type: tcp, interval: 60s}\n");
	struct model_member *m = member(w, 1);
	size_t s;

	(void)state;
	passes(w, m);
	look(w, m, 1, 0);
	fails(w, m, HEALTH_ANSWERED);
	w->fake->now_ms += 6000;
	passes(w, m);
	assert_int_equal(m->breaker.state, BREAKER_HALF_OPEN);
	for (s = 0; s < 62; s++)
		second(w, m, s == 0, 0); /* what brought it up is counted late */
	assert_int_equal(m->breaker.state, BREAKER_HALF_OPEN);
	second(w, m, 1, 0);
	assert_int_equal(m->breaker.state, BREAKER_CLOSED);
	assert_int_equal(m->trips, 1);
	/* Without any it is out again, some time. */
	fails(w, m, HEALTH_ANSWERED);
	w->fake->now_ms += 11000;
	passes(w, m);
	for (s = 0; s < 75; s++)
		second(w, m, 0, 0);
	assert_int_equal(m->breaker.state, BREAKER_OPEN);
	world_free(w);
}

static bool is_due(const struct world *w, const struct model_member *m, uint64_t passed,
		   uint64_t failed)
{
	return model_circuit_is_due(&web(w)->pools[0], m, m->probes_passed + passed,
				    m->probes_failed + failed, w->fake->now_ms);
}

/* Thousands of members that are well cost nothing; whoever is not is looked at. */
static void looks_where_needed(void **state)
{
	struct world *w = world(FOUR "    circuit: {open: 1s, trial: 2s}\n");
	struct world *off = world(FOUR "    circuit: {mode: disabled}\n");
	struct model_member *m = member(w, 1);

	(void)state;
	assert_true(is_due(w, m, 1, 0)); /* the first look */
	look(w, m, 1, 0);
	assert_false(is_due(w, m, 0, 0));
	assert_false(is_due(w, m, 5, 0));
	assert_true(is_due(w, m, 0, 1));
	look(w, m, 0, 1);
	assert_true(is_due(w, m, 1, 0)); /* of the window something failed */
	w->fake->now_ms += 120000;
	assert_false(is_due(w, m, 1, 0));
	fails(w, m, HEALTH_ANSWERED);
	w->fake->now_ms += 5000;
	assert_false(is_due(w, m, 0, 0)); /* its check fails still */
	passes(w, m);
	assert_int_equal(m->breaker.state, BREAKER_HALF_OPEN);
	assert_false(is_due(w, m, 0, 0));
	assert_true(is_due(w, m, 1, 0));
	w->fake->now_ms += 2000;
	assert_true(is_due(w, m, 0, 0)); /* its trial is over */
	assert_false(is_due(off, member(off, 1), 1, 1));
	world_free(off);
	world_free(w);
}

static void told_to_drop(void **state)
{
	struct world *w = world(FOUR "    panic: drop\n");
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		fails(w, member(w, i), HEALTH_ANSWERED);
	assert_shares(w, 0, 0, 0, 0);
	assert_int_equal(web(w)->panic, PANIC_DROP);
	assert_true(has_event(w, EVENT_service_changed, "nobody is re-admitted"));
	world_free(w);
}

static void min_healthy(void **state)
{
	struct world *w = world(FOUR "    min_healthy: 3\n");

	(void)state;
	fails(w, member(w, 0), HEALTH_ANSWERED);
	assert_shares(w, 0, ALL, ALL, ALL);
	fails(w, member(w, 1), HEALTH_SILENT);
	assert_shares(w, ALL, 0, ALL, ALL);
	assert_true(has_event(w, EVENT_service_changed, "2 of at least 3 members are healthy"));
	fails(w, member(w, 2), HEALTH_SILENT);
	assert_shares(w, ALL, ALL, ALL, ALL);
	world_free(w);
}

#define POOLS                                                                                      \
	"    fallback: sorry\n"                                                                    \
	"    pools:\n"                                                                             \
	"      main: {members: [10.0.0.1, 10.0.0.2]}\n"                                            \
	"      sorry: {members: [10.0.0.9]}\n"

static uint32_t weight(const struct world *w, size_t p, size_t m)
{
	return weights_effective(web(w), &web(w)->pools[p], in_pool(w, p, m));
}

static void fallback(void **state)
{
	struct world *w = world(POOLS);

	(void)state;
	assert_true(weight(w, 0, 0) && weight(w, 0, 1) && !weight(w, 1, 0));
	fails(w, in_pool(w, 0, 0), HEALTH_SILENT);
	assert_true(!weight(w, 0, 0) && weight(w, 0, 1) && !weight(w, 1, 0));
	fails(w, in_pool(w, 0, 1), HEALTH_ANSWERED);
	assert_true(!weight(w, 0, 0) && !weight(w, 0, 1) && weight(w, 1, 0));
	assert_true(has_event(w, EVENT_service_changed, "so the fallback pool serves"));
	world_settle(w);
	assert_int_equal(sync_member_slot_share(w->sync, in_pool(w, 1, 0)->id), UINT32_MAX);
	/* It fails as well: the less dead of all. */
	fails(w, in_pool(w, 1, 0), HEALTH_SILENT);
	assert_true(!weight(w, 0, 0) && weight(w, 0, 1) && !weight(w, 1, 0));
	passes(w, in_pool(w, 1, 0));
	assert_int_equal(web(w)->panic_rank, EJECTION_TRIED);
	assert_true(!weight(w, 0, 0) && !weight(w, 0, 1) && weight(w, 1, 0));
	/* One of the others is on trial while it fails: it carries everything. */
	fails(w, in_pool(w, 1, 0), HEALTH_SILENT);
	w->fake->now_ms += 10000;
	passes(w, in_pool(w, 0, 0));
	look(w, in_pool(w, 0, 0), 1, 0);
	assert_true(weight(w, 0, 0) && !weight(w, 0, 1) && !weight(w, 1, 0));
	assert_int_equal(web(w)->panic, PANIC_NONE);
	/* With one that is well the trial is one, and the fallback has the rest until it is over. */
	seconds(w, in_pool(w, 1, 0), 10);
	passes(w, in_pool(w, 1, 0));
	seconds(w, in_pool(w, 1, 0), 31);
	assert_int_equal(in_pool(w, 1, 0)->breaker.state, BREAKER_CLOSED);
	assert_int_equal(in_pool(w, 0, 0)->breaker.state, BREAKER_HALF_OPEN);
	assert_int_equal(web(w)->panic, PANIC_FALLBACK);
	assert_in_range(weight(w, 0, 0), weight(w, 1, 0) / 110, weight(w, 1, 0) / 90);
	assert_int_equal(weight(w, 0, 1), 0);
	second(w, in_pool(w, 0, 0), 1, 0);
	assert_true(weight(w, 0, 0) && !weight(w, 0, 1) && !weight(w, 1, 0));
	assert_true(has_event(w, EVENT_service_changed, "panic is over"));
	world_free(w);
}

static void by_hand(void **state)
{
	struct world *w = world(FOUR);
	struct change expiry = {.type = CHANGE_MEMBER_EXPIRY, .override_until_s = 4711};
	const struct model_override *why;
	uint64_t id;

	(void)state;
	override(w, member(w, 1), OVERRIDE_EJECTED, 4711);
	assert_shares(w, ALL, 0, ALL, ALL);
	assert_false(member(w, 1)->is_dead);
	assert_int_equal(member_state_of(member(w, 1)), MEMBER_EJECTED);
	why = model_override_of(w->model, member(w, 1));
	assert_string_equal(why->reason, "bad disk");
	assert_string_equal(why->who, "alice");
	assert_in_range(why->since_s, clock_wall_s() - 5, clock_wall_s());
	assert_null(model_override_of(w->model, member(w, 0)));
	assert_true(has_event(w, EVENT_member_override, "ejected by alice: bad disk"));
	/* A reload and other changes leave it alone; another deadline, too. */
	world_load_text(w, HEAD "    members: [10.0.0.3, 10.0.0.2, 10.0.0.1, 10.0.0.4]\n");
	world_resolve_all(w);
	override(w, member(w, 0), OVERRIDE_FORCED, 0);
	assert_string_equal(model_override_of(w->model, member(w, 1))->who, "alice");
	expiry.member_id = member(w, 1)->id;
	expiry.override_until_s = 4712;
	world_apply(w, &expiry);
	assert_int_equal(share(member(w, 1)), 0);
	expiry.override_until_s = 4711;
	world_apply(w, &expiry);
	assert_int_equal(share(member(w, 1)), ALL);
	assert_null(model_override_of(w->model, member(w, 1)));
	assert_true(has_event(w, EVENT_member_override, "its time is over"));
	assert_string_equal(model_override_of(w->model, member(w, 0))->reason, "bad disk");
	/* Forced in, whatever its check says; admin goes before. */
	fails(w, member(w, 0), HEALTH_SILENT);
	assert_int_equal(share(member(w, 0)), ALL);
	assert_false(member(w, 0)->is_dead);
	assert_int_equal(member_state_of(member(w, 0)), MEMBER_SERVING);
	override(w, member(w, 0), OVERRIDE_NONE, 0);
	assert_int_equal(share(member(w, 0)), 0);
	assert_true(member(w, 0)->is_dead);
	/* It goes with its member. */
	override(w, member(w, 3), OVERRIDE_EJECTED, 0);
	id = member(w, 3)->id;
	world_load_text(w, HEAD "    members: [10.0.0.1, 10.0.0.2]\n");
	world_load_text(w, HEAD FOUR);
	assert_int_not_equal(member(w, 3)->id, id);
	assert_null(model_override_of(w->model, member(w, 3)));
	/* All ejected by hand: nobody is re-admitted against that. */
	world_resolve_all(w);
	for (id = 0; id < 4; id++)
		override(w, member(w, id), OVERRIDE_EJECTED, 0);
	assert_shares(w, 0, 0, 0, 0);
	world_free(w);
}

/* The check goes, or the circuit: nothing of the past holds a member. */
static void reloads(void **state)
{
	struct world *w = world(FOUR);

	(void)state;
	fails(w, member(w, 0), HEALTH_ANSWERED);
	passes(w, member(w, 0));
	assert_int_equal(share(member(w, 0)), 0);
	world_load_text(w, HEAD FOUR "    circuit: {mode: disabled}\n");
	assert_int_equal(share(member(w, 0)), ALL);
	world_load_text(w, HEAD FOUR);
	fails(w, member(w, 0), HEALTH_ANSWERED);
	world_load_text(w, HEAD FOUR "    check: none\n");
	assert_int_equal(member(w, 0)->breaker.state, BREAKER_CLOSED);
	assert_int_equal(share(member(w, 0)), ALL);
	/* Another trial share holds at once. */
	world_load_text(w, HEAD FOUR);
	fails(w, member(w, 0), HEALTH_ANSWERED);
	w->fake->now_ms += 10000;
	passes(w, member(w, 0));
	assert_int_equal(share(member(w, 0)), TRIAL);
	world_load_text(w, HEAD FOUR "    circuit: {trial_share: 50}\n");
	assert_int_equal(share(member(w, 0)), ALL / 2);
	world_free(w);
}

static void restart(struct world *w)
{
	struct err e = {0};

	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	world_load_text(w, HEAD FOUR);
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
}

/* Who was on trial is none of those that were well: the next daemon tries it anew. */
static void over_a_restart(void **state)
{
	struct world *w = world(FOUR);

	(void)state;
	world_settle(w);
	fails(w, member(w, 1), HEALTH_ANSWERED);
	w->fake->now_ms += 10000;
	passes(w, member(w, 1));
	assert_shares(w, ALL, TRIAL, ALL, ALL);
	world_settle(w);
	restart(w);
	assert_shares(w, ALL, 0, ALL, ALL);
	assert_false(member(w, 1)->is_dead);
	world_settle(w);
	world_assert_as_model(w);
	passes(w, member(w, 1));
	seconds(w, member(w, 1), 6);
	assert_shares(w, ALL, TRIAL, ALL, ALL);
	/* Alone it carries everything all the time. */
	fails(w, member(w, 0), HEALTH_SILENT);
	fails(w, member(w, 2), HEALTH_SILENT);
	fails(w, member(w, 3), HEALTH_SILENT);
	assert_shares(w, 0, TRIAL, 0, 0);
	world_settle(w);
	restart(w);
	assert_shares(w, 0, ALL, 0, 0);
	assert_int_equal(web(w)->panic, PANIC_READMIT);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_and_back),	  cmocka_unit_test(slow_after_a_trial),
		cmocka_unit_test(old_failures),	  cmocka_unit_test(by_ratio_up_to_the_cap),
		cmocka_unit_test(last_one_stays), cmocka_unit_test(three_of_four),
		cmocka_unit_test(told_to_drop),	  cmocka_unit_test(back_for_good),
		cmocka_unit_test(seldom_probed),  cmocka_unit_test(looks_where_needed),
		cmocka_unit_test(min_healthy),	  cmocka_unit_test(fallback),
		cmocka_unit_test(by_hand),	  cmocka_unit_test(reloads),
		cmocka_unit_test(over_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
