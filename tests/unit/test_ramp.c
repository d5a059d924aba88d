/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slow start: every state and question of the pure part, then the model with an invented clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "core/ramp.h"
#include "core/weights.h"
#include "fake/sync_world.h"

static void the_four_steps(void **state)
{
	static const struct {
		uint32_t duration_s;
		uint64_t passed_ms;
		uint32_t percent;
	} rows[] = {
		{60, 0, 10},	     {60, 19999, 10},	    {60, 20000, 30},
		{60, 39999, 30},     {60, 40000, 60},	    {60, 59999, 60},
		{60, 60000, 100},    {60, 1ULL << 40, 100}, {15, 0, 10},
		{15, 4999, 10},	     {15, 5000, 30},	    {15, 10000, 60},
		{15, 14999, 60},     {15, 15000, 100},	    {3600, 1199999, 10},
		{3600, 1200000, 30}, {3600, 3599999, 60},   {3600, 3600000, 100},
		{16, 5333, 10},	     {16, 5334, 30},	    {0, 0, 100},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(ramp_percent(rows[i].duration_s, 1000, 1000 + rows[i].passed_ms),
				 rows[i].percent);
	assert_int_equal(ramp_percent(60, 1000, 0), 10); /* a clock that jumps */
}

/* Steps never come faster than a slot's announcement and more, whatever the configuration. */
static void steps_are_apart(void **state)
{
	uint32_t duration_s;

	(void)state;
	for (duration_s = RAMP_DURATION_MIN_S; duration_s <= RAMP_DURATION_MAX_S; duration_s++) {
		uint32_t last = 0, now, steps = 0;
		uint64_t ms, last_ms = 0;

		for (ms = 0; ms <= duration_s * 1000ULL; ms += 500) {
			now = ramp_percent(duration_s, 0, ms);
			assert_true(now >= last);
			if (now == last)
				continue;
			assert_true(steps == 0 || ms - last_ms >= 5000);
			last = now;
			last_ms = ms;
			steps++;
		}
		assert_int_equal(steps, 4);
		assert_int_equal(last, 100);
	}
}

/* Against the rules as a reader would write them down. */
static void every_state_and_question(void **state)
{
	static const struct ramp ramps[] = {
		{0},
		{.is_due = true},
		{.since_ms = 5000, .percent = 10},
		{5000, 30, false},
		{5000, 60, false},
	};
	static const uint64_t nows[] = {5000, 24999, 25000, 45000, 64999, 65000};
	static const uint32_t durations[] = {0, 60};
	size_t r, n, d;
	unsigned int bits, count = 0;

	(void)state;
	for (r = 0; r < ARRAY_SIZE(ramps); r++) {
		for (n = 0; n < ARRAY_SIZE(nows); n++) {
			for (d = 0; d < ARRAY_SIZE(durations); d++) {
				for (bits = 0; bits < 8; bits++) {
					const struct ramp_question q = {.is_out = bits & 1,
									.has_share = bits & 2,
									.has_carrier = bits & 4,
									.duration_s = durations[d],
									.now_ms = nows[n]};
					struct ramp next = ramp_next(&ramps[r], &q);
					bool is_slow = ramps[r].is_due || ramps[r].percent;
					uint64_t since_ms = ramps[r].is_due ? nows[n]
									    : ramps[r].since_ms;
					uint32_t want =
						ramp_percent(durations[d], since_ms, nows[n]) % 100;

					count++;
					if (q.is_out) {
						assert_true(next.is_due && !next.percent);
						continue;
					}
					/* Drained, or without weight. */
					if (!q.has_share && ramps[r].is_due) {
						assert_true(next.is_due && !next.percent);
						continue;
					}
					assert_false(next.is_due);
					if (!is_slow || !q.has_carrier)
						want = 0;
					assert_int_equal(next.percent, want);
					assert_int_equal(next.since_ms, want ? since_ms : 0);
				}
			}
		}
	}
	assert_int_equal(count, 5 * 6 * 2 * 8);
}

static void left(void **state)
{
	const struct ramp none = {0}, due = {.is_due = true}, runs = {5000, 30, false};

	(void)state;
	assert_int_equal(ramp_left_s(&none, 60, 5000), 0);
	assert_int_equal(ramp_left_s(&due, 60, 5000), 0);
	assert_int_equal(ramp_left_s(&runs, 60, 5000), 60);
	assert_int_equal(ramp_left_s(&runs, 60, 5001), 60);
	assert_int_equal(ramp_left_s(&runs, 60, 64999), 1);
	assert_int_equal(ramp_left_s(&runs, 60, 65000), 0);
	assert_int_equal(ramp_left_s(&runs, 60, 1000000), 0);
}

/* ---- in the model -------------------------------------------------------------------------- */

static void load(struct world *w, const char *members, const char *slow_start)
{
	AUTO_FREE char *text =
		util_printf("version: 1\n"
			    "interfaces: [eth0]\n"
			    "services:\n"
			    "  web: {listen: tcp 192.0.2.10:80, mode: l2, check: tcp,\n"
			    "    circuit: {mode: disabled}, members: [%s]%s}\n",
			    members, slow_start);

	world_load_text(w, text);
}

static struct model_member *member(const struct world *w, size_t i)
{
	return &model_service_at(w->model, 0)->pools[0].members[i];
}

static struct world *world(void)
{
	struct world *w = world_new(1);
	size_t i;

	load(w, "10.0.0.1, 10.0.0.2, 10.0.0.3", ", slow_start: 60s");
	world_resolve_all(w);
	for (i = 0; i < 3; i++)
		world_set_health(w, member(w, i), HEALTH_UP);
	model_start_ramps(w->model);
	return w;
}

/* What the daemon does once a second. */
static void pass(struct world *w, uint64_t ms)
{
	struct change change = {.type = CHANGE_MEMBER_RAMP, .member_id = member(w, 0)->id};

	w->fake->now_ms += ms;
	world_apply(w, &change);
}

static uint32_t percent(const struct world *w, size_t i)
{
	return (weights_member_share(member(w, i)) * 100 + 65535) / 65536;
}

static void admin(struct world *w, size_t i, enum admin_state to)
{
	const struct change change = {.type = CHANGE_MEMBER_ADMIN,
				      .owner = OWNER_API,
				      .service = "web",
				      .addr = member(w, i)->addr,
				      .admin = to};

	world_apply(w, &change);
}

static void assert_percents(const struct world *w, uint32_t a, uint32_t b, uint32_t c)
{
	assert_int_equal(percent(w, 0), a);
	assert_int_equal(percent(w, 1), b);
	assert_int_equal(percent(w, 2), c);
}

static void after_being_down(void **state)
{
	struct world *w = world();
	uint32_t weights[3];

	(void)state;
	assert_percents(w, 100, 100, 100);
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	assert_percents(w, 100, 0, 100);
	pass(w, 500);
	model_service_at(w->model, 0)->is_dirty = false;
	world_set_health(w, member(w, 1), HEALTH_UP);
	assert_percents(w, 100, 10, 100);
	weights_all(model_service_at(w->model, 0), weights);
	assert_true(weights[1] > weights[0] * 0.0999 && weights[1] < weights[0] * 0.1001);
	assert_true(model_service_at(w->model, 0)->is_dirty);
	model_service_at(w->model, 0)->is_dirty = false;
	pass(w, 19999);
	assert_percents(w, 100, 10, 100);
	assert_false(model_service_at(w->model, 0)->is_dirty);
	pass(w, 1);
	assert_percents(w, 100, 30, 100);
	assert_true(model_service_at(w->model, 0)->is_dirty);
	pass(w, 20000);
	assert_percents(w, 100, 60, 100);
	pass(w, 20000);
	assert_percents(w, 100, 100, 100);
	world_free(w);
}

/* Down again in the middle: it begins anew. */
static void flapping(void **state)
{
	struct world *w = world();

	(void)state;
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	world_set_health(w, member(w, 1), HEALTH_UP);
	pass(w, 45000);
	assert_percents(w, 100, 60, 100);
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	assert_percents(w, 100, 0, 100);
	world_set_health(w, member(w, 1), HEALTH_UP);
	assert_percents(w, 100, 10, 100);
	world_free(w);
}

static void who_begins_slowly(void **state)
{
	struct change add = {
		.type = CHANGE_MEMBER_ADD, .owner = OWNER_API, .service = "web", .weight = 100};
	struct change change;
	struct world *w = world();

	(void)state;
	/* Back from maintenance: it was away. */
	admin(w, 0, ADMIN_MAINT);
	admin(w, 0, ADMIN_READY);
	assert_percents(w, 10, 100, 100);
	pass(w, 60000);
	/* Back from draining: it was here all the time. */
	admin(w, 0, ADMIN_DRAIN);
	admin(w, 0, ADMIN_READY);
	assert_percents(w, 100, 100, 100);
	/* Drained, rebooted, ready. */
	admin(w, 0, ADMIN_DRAIN);
	world_set_health(w, member(w, 0), HEALTH_DOWN);
	world_set_health(w, member(w, 0), HEALTH_UP);
	assert_percents(w, 0, 100, 100);
	pass(w, 100000);
	admin(w, 0, ADMIN_READY);
	assert_percents(w, 10, 100, 100);
	pass(w, 60000);
	/* Drained while it is slow: time goes on. */
	admin(w, 0, ADMIN_MAINT);
	admin(w, 0, ADMIN_READY);
	admin(w, 0, ADMIN_DRAIN);
	pass(w, 25000);
	admin(w, 0, ADMIN_READY);
	assert_percents(w, 30, 100, 100);
	admin(w, 0, ADMIN_DRAIN);
	pass(w, 60000);
	assert_int_equal(member(w, 0)->ramp.percent, 0);
	admin(w, 0, ADMIN_READY);
	assert_percents(w, 100, 100, 100);
	/* Its next hop was lost. */
	world_set_nexthop(w, member(w, 2), NEXTHOP_FAILED, 0);
	assert_percents(w, 100, 100, 0);
	world_set_nexthop(w, member(w, 2), NEXTHOP_RESOLVED, 0);
	assert_percents(w, 100, 100, 10);
	pass(w, 60000);
	/* Another weight is no slow start. */
	change = (struct change){.type = CHANGE_MEMBER_WEIGHT,
				 .owner = OWNER_API,
				 .service = "web",
				 .addr = member(w, 2)->addr};
	world_apply(w, &change);
	change.weight = 100;
	world_apply(w, &change);
	assert_percents(w, 100, 100, 100);
	/* Added: it begins when it is reached, not before. */
	assert_int_equal(addr_parse("10.0.0.4", &add.addr), 0);
	world_apply(w, &add);
	assert_int_equal(percent(w, 3), 0);
	pass(w, 30000);
	world_resolve_all(w);
	assert_int_equal(percent(w, 3), 10);
	pass(w, 60000);
	assert_int_equal(percent(w, 3), 100);
	/* Added by the file. */
	load(w, "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.5", ", slow_start: 60s");
	world_resolve_all(w);
	assert_percents(w, 100, 100, 100);
	assert_int_equal(percent(w, 3), 10);
	world_free(w);
}

/* Who is forced in serves, whatever its check says: it was never out, and begins nothing. */
static void forced_in(void **state)
{
	struct change change = {
		.type = CHANGE_MEMBER_OVERRIDE, .owner = OWNER_API, .service = "web"};
	struct world *w = world();

	(void)state;
	change.addr = member(w, 1)->addr;
	change.override = OVERRIDE_FORCED;
	world_apply(w, &change);
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	assert_percents(w, 100, 100, 100);
	world_set_health(w, member(w, 1), HEALTH_UP);
	change.override = OVERRIDE_NONE;
	world_apply(w, &change);
	assert_percents(w, 100, 100, 100);
	/* Who was taken out by hand was away. */
	change.override = OVERRIDE_EJECTED;
	world_apply(w, &change);
	assert_percents(w, 100, 0, 100);
	change.override = OVERRIDE_NONE;
	world_apply(w, &change);
	assert_percents(w, 100, 10, 100);
	world_free(w);
}

/* Nobody is left to carry the rest: then all that a member can get, it gets; and those that come back
 * after an outage of all do so together. */
static void never_alone(void **state)
{
	struct world *w = world();
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		world_set_health(w, member(w, i), HEALTH_DOWN);
	pass(w, 100000);
	world_set_health(w, member(w, 0), HEALTH_UP);
	assert_percents(w, 100, 0, 0);
	pass(w, 5000);
	world_set_health(w, member(w, 1), HEALTH_UP);
	assert_percents(w, 100, 100, 0);
	pass(w, 54999);
	assert_percents(w, 100, 100, 0);
	pass(w, 1);
	world_set_health(w, member(w, 2), HEALTH_UP);
	assert_percents(w, 100, 100, 10);
	/* The others fail while it is slow. */
	admin(w, 0, ADMIN_DRAIN);
	assert_percents(w, 0, 100, 10);
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	assert_percents(w, 0, 0, 100);
	admin(w, 0, ADMIN_READY);
	assert_percents(w, 100, 0, 100);
	world_free(w);

	/* A single one. */
	w = world_new(1);
	load(w, "10.0.0.1", ", slow_start: 60s");
	world_resolve_all(w);
	model_start_ramps(w->model);
	world_set_health(w, member(w, 0), HEALTH_DOWN);
	world_set_health(w, member(w, 0), HEALTH_UP);
	assert_int_equal(percent(w, 0), 100);
	world_free(w);
}

/* Whatever comes up before the daemon is ready; and who was down then comes up slowly later. */
static void not_at_the_start(void **state)
{
	struct world *w = world_new(1);

	(void)state;
	load(w, "10.0.0.1, 10.0.0.2, 10.0.0.3", ", slow_start: 60s");
	world_set_nexthop(w, member(w, 0), NEXTHOP_RESOLVED, 0);
	assert_percents(w, 100, 0, 0);
	w->fake->now_ms += 100000;
	world_set_nexthop(w, member(w, 1), NEXTHOP_FAILED, 0);
	world_set_nexthop(w, member(w, 1), NEXTHOP_RESOLVED, 0);
	world_set_nexthop(w, member(w, 2), NEXTHOP_RESOLVED, 0);
	world_set_health(w, member(w, 2), HEALTH_DOWN);
	assert_percents(w, 100, 100, 0);
	model_start_ramps(w->model);
	assert_percents(w, 100, 100, 0);
	w->fake->now_ms += 1000;
	world_set_health(w, member(w, 2), HEALTH_UP);
	assert_percents(w, 100, 100, 10);
	world_set_health(w, member(w, 0), HEALTH_UP); /* its first answer */
	assert_percents(w, 100, 100, 10);
	world_free(w);
}

/* A new daemon knows nothing of slow starts: its members have all of their weight. */
static void over_a_restart(void **state)
{
	struct world *w = world();
	struct err e = {0};
	uint32_t fingerprint;

	(void)state;
	world_settle(w);
	fingerprint = sync_table_fingerprint(w->sync, model_service_at(w->model, 0)->id);
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	world_settle(w);
	world_set_health(w, member(w, 1), HEALTH_UP);
	world_settle(w);
	assert_percents(w, 100, 10, 100);
	sync_free(w->sync);
	model_free(w->model);
	w->model = model_new(w->log, TICK_NS);
	load(w, "10.0.0.1, 10.0.0.2, 10.0.0.3", ", slow_start: 60s");
	w->sync = sync_new(w->model, &w->port, SEED, TICK_NS);
	assert_int_equal(sync_adopt(w->sync, w->fake->now_ms, &e), 0);
	model_start_ramps(w->model);
	world_settle(w);
	assert_percents(w, 100, 100, 100);
	assert_int_equal(sync_table_fingerprint(w->sync, model_service_at(w->model, 0)->id),
			 fingerprint);
	world_free(w);
}

/* The key comes, changes and goes by reload, while a member is slow. */
static void reloads(void **state)
{
	struct world *w = world();

	(void)state;
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	world_set_health(w, member(w, 1), HEALTH_UP);
	pass(w, 25000);
	assert_percents(w, 100, 30, 100);
	load(w, "10.0.0.1, 10.0.0.2, 10.0.0.3", ", slow_start: 600s");
	assert_percents(w, 100, 10, 100);
	load(w, "10.0.0.1, 10.0.0.2, 10.0.0.3", "");
	assert_percents(w, 100, 100, 100);
	world_set_health(w, member(w, 1), HEALTH_DOWN);
	world_set_health(w, member(w, 1), HEALTH_UP);
	assert_percents(w, 100, 100, 100);
	load(w, "10.0.0.1, 10.0.0.2, 10.0.0.3", ", slow_start: 60s");
	assert_percents(w, 100, 100, 100);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_four_steps),
		cmocka_unit_test(steps_are_apart),
		cmocka_unit_test(every_state_and_question),
		cmocka_unit_test(left),
		cmocka_unit_test(after_being_down),
		cmocka_unit_test(flapping),
		cmocka_unit_test(who_begins_slowly),
		cmocka_unit_test(forced_in),
		cmocka_unit_test(never_alone),
		cmocka_unit_test(not_at_the_start),
		cmocka_unit_test(over_a_restart),
		cmocka_unit_test(reloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
