/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A shift in the model: shares, gates by members, reloads; and on the tables, where five per cent are
 * among the next twenty-five. */
#include "unit/shift_world.h"

#include <errno.h>

#include "core/slots.h"

/* Per cent of new connections that the pool should get. */
static uint32_t part(const struct world *w, size_t p)
{
	uint32_t weights[8];
	uint64_t sum = 0, own = 0;
	size_t i, q, m;

	weights_all(web(w), weights);
	for (q = 0, i = 0; q < web(w)->pool_count; q++)
		for (m = 0; m < web(w)->pools[q].member_count; m++, i++) {
			sum += weights[i];
			own += q == p ? weights[i] : 0;
		}
	assert_true(sum > 0);
	return sum ? (uint32_t)((own * 100 + sum / 2) / sum) : 0;
}

static void to_the_end(void **state)
{
	static const char *const shares[] = {"0", "100"};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct world *w = two(shares[i]);
		uint64_t id = member(w, 0)->id;

		assert_int_equal(part(w, 1), i ? 50 : 0);
		assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
		assert_int_equal(part(w, 1), 5);
		pass(w, 9000);
		assert_int_equal(part(w, 1), 5);
		pass(w, 2000);
		assert_int_equal(part(w, 1), 25);
		assert_int_equal(shift(w, SHIFT_ACTION_PAUSE, NULL, 0), 0);
		pass(w, 60000);
		assert_int_equal(part(w, 1), 25);
		assert_int_equal(shift(w, SHIFT_ACTION_RESUME, NULL, 0), 0);
		pass(w, 12000);
		assert_int_equal(part(w, 1), 100);
		pass(w, 12000);
		assert_int_equal(web(w)->shift.state, SHIFT_DONE);
		assert_int_equal(shift(w, SHIFT_ACTION_SET, NULL, 40), 0);
		assert_int_equal(part(w, 1), 40);
		assert_int_equal(shift(w, SHIFT_ACTION_ABORT, NULL, 0), 0);
		assert_int_equal(part(w, 1), 0);
		assert_int_equal(shift(w, SHIFT_ACTION_END, NULL, 0), 0);
		assert_int_equal(part(w, 1), i ? 50 : 0);
		assert_int_equal(member(w, 0)->id, id);
		world_free(w);
	}
}

static const struct event *last_event(const struct world *w)
{
	bool is_gap;

	return event_log_next(w->log, event_log_last(w->log) - 1, &is_gap);
}

static void rolled_back(void **state)
{
	struct world *w = two("0");

	(void)state;
	shift(w, SHIFT_ACTION_START, "next", 0);
	pass(w, 12000);
	assert_int_equal(part(w, 1), 25);
	fails(w, in_pool(w, 1, 0), HEALTH_ANSWERED);
	pass(w, 2000);
	assert_int_equal(web(w)->shift.failures, 1);
	pass(w, 2000);
	assert_int_equal(web(w)->shift.state, SHIFT_ROLLED_BACK);
	assert_int_equal(part(w, 1), 0);
	assert_string_equal(web(w)->shift_text,
			    "it admits 50 % of its weight (80 % wanted), 1 of 2 members fail "
			    "their check");
	assert_non_null(strstr(last_event(w)->text, "rolled back from 25 % to 0: it admits 50 %"));
	/* Not begun with either. */
	assert_int_not_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	assert_int_equal(web(w)->shift.state, SHIFT_ROLLED_BACK);
	/* One failed gate alone does nothing. */
	w->fake->now_ms += 10000;
	passes(w, in_pool(w, 1, 0));
	look(w, in_pool(w, 1, 0), 1, 0);
	w->fake->now_ms += 40000;
	look(w, in_pool(w, 1, 0), 1, 0);
	look(w, in_pool(w, 1, 0), 1, 0);
	assert_int_equal(share(in_pool(w, 1, 0)), ALL);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	world_free(w);
}

/* Members of the pool that begin slowly have what they may have: that is no failure of theirs. */
static void of_slow_starts(void **state)
{
	AUTO_FREE char *next = util_printf("%s" TWO "    slow_start: 60s\n", HEAD, "0");
	struct world *w = world("    members: [10.0.0.9]\n");
	size_t m;

	(void)state;
	model_start_ramps(w->model);
	world_load_text(w, next);
	w->fake->now_ms += 60000;
	world_resolve_all(w);
	for (m = 0; m < 4; m++)
		passes(w, in_pool(w, m / 2, m % 2));
	pass(w, 61000);
	assert_int_equal(share(in_pool(w, 0, 0)), ALL);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	assert_in_range(share(in_pool(w, 1, 0)), 1, ALL / 5);
	pass(w, 9000);
	assert_int_equal(web(w)->shift.state, SHIFT_RUNNING);
	assert_int_equal(web(w)->shift.failures, 0);
	/* Who fails its check is not well, for all that. */
	fails(w, in_pool(w, 1, 0), HEALTH_ANSWERED);
	pass(w, 5000);
	assert_int_equal(web(w)->shift.state, SHIFT_ROLLED_BACK);
	world_free(w);
}

/* Nobody of stable serves: that is no reason to keep its clients from the pool that is well. */
static void away_from_the_dead(void **state)
{
	struct world *w = two("0");

	(void)state;
	fails(w, in_pool(w, 0, 0), HEALTH_SILENT);
	fails(w, in_pool(w, 0, 1), HEALTH_ANSWERED);
	assert_int_equal(web(w)->panic, PANIC_READMIT);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	assert_int_equal(web(w)->panic, PANIC_NONE);
	assert_int_equal(part(w, 1), 100);
	pass(w, 30000);
	assert_int_equal(web(w)->shift.percent, 100);
	/* Who serves in a panic only is no better for it. */
	assert_int_equal(shift(w, SHIFT_ACTION_END, NULL, 0), 0);
	fails(w, in_pool(w, 1, 0), HEALTH_ANSWERED);
	fails(w, in_pool(w, 1, 1), HEALTH_ANSWERED);
	assert_int_not_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	world_free(w);
}

/* Nor one to take back what nobody else could serve. */
static void not_back_to_the_dead(void **state)
{
	struct world *w = two("0");

	(void)state;
	shift(w, SHIFT_ACTION_START, "next", 0);
	pass(w, 12000);
	fails(w, in_pool(w, 0, 0), HEALTH_ANSWERED);
	fails(w, in_pool(w, 0, 1), HEALTH_ANSWERED);
	fails(w, in_pool(w, 1, 0), HEALTH_ANSWERED);
	pass(w, 4000);
	assert_int_equal(web(w)->shift.state, SHIFT_PAUSED);
	assert_int_equal(web(w)->shift.percent, 25);
	assert_int_equal(part(w, 1), 100);
	assert_string_equal(last_event(w)->text,
			    "paused at 25 %, not rolled back: it admits 50 % of its weight (80 % "
			    "wanted), 1 of 2 members fail their check; in the other pools nobody "
			    "serves");
	/* Told once. */
	pass(w, 20000);
	assert_non_null(strstr(last_event(w)->text, "paused at 25 %"));
	assert_non_null(strstr(web(w)->shift_text, "it admits 50 %"));
	/* So it does when all of them serve in the panic that comes of it: its gate is not better for that. */
	fails(w, in_pool(w, 1, 1), HEALTH_ANSWERED);
	assert_int_equal(web(w)->panic, PANIC_READMIT);
	pass(w, 20000);
	assert_int_equal(web(w)->shift.state, SHIFT_PAUSED);
	assert_int_equal(web(w)->shift.failures, SHIFT_GATE_FAILURES);
	assert_int_equal(web(w)->shift.percent, 25);
	passes(w, in_pool(w, 1, 1));
	/* When somebody does serve there it goes back. */
	override(w, in_pool(w, 0, 1), OVERRIDE_FORCED, 0);
	pass(w, 2000);
	assert_int_equal(web(w)->shift.state, SHIFT_ROLLED_BACK);
	assert_int_equal(part(w, 1), 0);
	assert_null(strstr(web(w)->shift_text, "nobody"));
	world_free(w);
}

/* Who looks at a shift that its gate paused hears that the gate passes again. */
static void paused_and_well_again(void **state)
{
	struct world *w = two("0");

	(void)state;
	shift(w, SHIFT_ACTION_START, "next", 0);
	pass(w, 12000);
	fails(w, in_pool(w, 0, 0), HEALTH_ANSWERED);
	fails(w, in_pool(w, 0, 1), HEALTH_ANSWERED);
	fails(w, in_pool(w, 1, 0), HEALTH_ANSWERED);
	pass(w, 4000);
	assert_int_equal(web(w)->shift.state, SHIFT_PAUSED);
	override(w, in_pool(w, 1, 0), OVERRIDE_FORCED, 0);
	pass(w, 20000);
	assert_int_equal(web(w)->shift.state, SHIFT_PAUSED);
	assert_string_equal(web(w)->shift_text,
			    "its gate failed, and passes again: resume, or abort");
	assert_string_equal(last_event(w)->text,
			    "paused at 25 %: its gate failed, and passes again: resume, or abort");
	assert_int_equal(shift(w, SHIFT_ACTION_RESUME, NULL, 0), 0);
	assert_string_equal(web(w)->shift_text, "");
	world_free(w);
}

static void refused(void **state)
{
	struct world *w = two("100");

	(void)state;
	assert_int_not_equal(shift(w, SHIFT_ACTION_START, "nxt", 0), 0);
	assert_int_not_equal(shift(w, SHIFT_ACTION_PAUSE, NULL, 0), 0);
	assert_int_not_equal(shift(w, SHIFT_ACTION_SET, NULL, 50), 0);
	assert_int_not_equal(shift(w, SHIFT_ACTION_END, NULL, 0), 0);
	assert_int_equal(web(w)->shift.state, SHIFT_NONE);
	world_free(w);
	w = two("0");
	assert_int_not_equal(shift(w, SHIFT_ACTION_START, "stable", 0), 0); /* from nothing */
	world_free(w);
}

/* What a shift gave stays until somebody takes it: another one begins after that. */
static void one_at_a_time(void **state)
{
	struct world *w = world("    check: tcp\n"
				"    pools:\n"
				"      stable: {members: [10.0.0.1, 10.0.0.2]}\n"
				"      next: {share: 0, members: [10.0.0.3, 10.0.0.4]}\n"
				"      later: {share: 0, members: [10.0.0.5, 10.0.0.6]}\n");

	(void)state;
	all_pass(w);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	pass(w, 12000);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), -EEXIST);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "later", 0), -EEXIST);
	assert_int_equal(web(w)->shift.percent, 25);
	pass(w, 25000);
	assert_int_equal(web(w)->shift.state, SHIFT_DONE);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), -EEXIST);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "later", 0), -EEXIST);
	assert_int_equal(part(w, 1), 100);
	/* With nothing left there is nothing to lose. */
	assert_int_equal(shift(w, SHIFT_ACTION_ABORT, NULL, 0), 0);
	assert_int_equal(shift(w, SHIFT_ACTION_START, "later", 0), 0);
	assert_int_equal(part(w, 2), 5);
	world_free(w);
}

/* What does nothing is refused. */
static void nothing_to_do(void **state)
{
	struct world *w = two("0");

	(void)state;
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	assert_int_equal(shift(w, SHIFT_ACTION_RESUME, NULL, 0), -EEXIST);
	assert_int_equal(shift(w, SHIFT_ACTION_PAUSE, NULL, 0), 0);
	assert_int_equal(shift(w, SHIFT_ACTION_PAUSE, NULL, 0), -EEXIST);
	assert_int_equal(shift(w, SHIFT_ACTION_ABORT, NULL, 0), 0);
	assert_int_equal(shift(w, SHIFT_ACTION_ABORT, NULL, 0), -EEXIST);
	assert_int_equal(shift(w, SHIFT_ACTION_RESUME, NULL, 0), -EEXIST);
	world_free(w);
}

static void reloads(void **state)
{
	AUTO_FREE char *same = util_printf("%s" TWO "    slow_start: 60s\n", HEAD, "0");
	AUTO_FREE char *other = util_printf("%s" TWO, HEAD, "10");
	struct world *w = two("0");

	(void)state;
	shift(w, SHIFT_ACTION_START, "next", 0);
	world_load_text(w, same);
	assert_int_equal(part(w, 1), 5);
	assert_int_equal(web(w)->shift.state, SHIFT_RUNNING);
	world_load_text(w, other);
	assert_int_equal(web(w)->shift.state, SHIFT_NONE);
	assert_int_equal(part(w, 1), 9);
	world_free(w);
}

static int restore(struct world *w, const struct shift *kept)
{
	const struct change change = {.type = CHANGE_SHIFT,
				      .owner = OWNER_API,
				      .service = "web",
				      .pool = "next",
				      .shift = kept,
				      .shift_action = SHIFT_ACTION_RESTORE};
	struct errs errors = {0};
	int r = model_apply(w->model, &change, 1, w->fake->now_ms, &errors);

	errs_done(&errors);
	return r;
}

/* The next daemon restores a shift of the shares that it began with, and of no others. */
static void restored(void **state)
{
	struct world *w = two("0");
	struct shift kept;

	(void)state;
	shift(w, SHIFT_ACTION_START, "next", 0);
	pass(w, 12000);
	kept = web(w)->shift;
	world_free(w);
	w = two("0");
	assert_int_equal(restore(w, &kept), 0);
	assert_int_equal(part(w, 1), 25);
	kept = web(w)->shift;
	world_free(w);
	w = two("1");
	assert_int_equal(restore(w, &kept), -EEXIST);
	assert_int_equal(web(w)->shift.state, SHIFT_NONE);
	assert_int_equal(part(w, 1), 1);
	world_free(w);
}

/* Checks have to speak before its gate does, and how long nobody was there is no part of a hold. */
static void restored_in_peace(void **state)
{
	struct world *w = two("0");
	struct shift kept;
	size_t m;

	(void)state;
	shift(w, SHIFT_ACTION_START, "next", 0);
	pass(w, 12000);
	kept = web(w)->shift;
	kept.failures = 1;
	world_free(w);
	w = two("0");
	for (m = 0; m < 2; m++)
		fails(w, in_pool(w, 1, m), HEALTH_ANSWERED);
	w->fake->now_ms = kept.hold_ms + 100000;
	assert_int_equal(restore(w, &kept), 0);
	assert_int_equal(web(w)->shift.failures, 0);
	pass(w, 14000);
	assert_int_equal(web(w)->shift.failures, 0);
	pass(w, 1000);
	assert_int_equal(web(w)->shift.failures, 1);
	pass(w, 2000);
	assert_int_equal(web(w)->shift.state, SHIFT_ROLLED_BACK);
	world_free(w);
	w = two("0");
	w->fake->now_ms = kept.hold_ms + 100000;
	kept.plan.hold_s = 30;
	assert_int_equal(restore(w, &kept), 0);
	pass(w, 29000);
	assert_int_equal(web(w)->shift.percent, 25);
	pass(w, 2000);
	assert_int_equal(web(w)->shift.percent, 100);
	world_free(w);
}

/* What people and files say of a shift is counted; what time does is not. */
static void orders(void **state)
{
	AUTO_FREE char *same = util_printf("%s" TWO "    slow_start: 60s\n", HEAD, "0");
	AUTO_FREE char *other = util_printf("%s" TWO, HEAD, "10");
	struct world *w = two("0");
	uint32_t count;

	(void)state;
	assert_int_equal(shift(w, SHIFT_ACTION_START, "next", 0), 0);
	count = web(w)->shift_orders;
	pass(w, 12000);
	assert_int_equal(web(w)->shift.percent, 25);
	assert_int_equal(web(w)->shift_orders, count);
	assert_int_equal(shift(w, SHIFT_ACTION_SET, NULL, 70), 0);
	assert_int_equal(web(w)->shift_orders, count + 1);
	world_load_text(w, same);
	assert_int_equal(web(w)->shift_orders, count + 1);
	world_load_text(w, other);
	assert_int_equal(web(w)->shift.state, SHIFT_NONE);
	assert_int_equal(web(w)->shift_orders, count + 2);
	world_free(w);
}

/* Slots, by who owns them, of the table that the weights make. */
static void owners(const struct world *w, uint32_t *owner, unsigned int log2)
{
	AUTO_FREE uint32_t *runner = util_alloc_array(1UL << log2, sizeof(*runner));
	struct slots_member members[4] = {0};
	uint32_t weights[4];
	size_t i, n = 0;

	weights_all(web(w), weights);
	for (i = 0; i < 4; i++) {
		const struct model_member *m = in_pool(w, i / 2, i % 2);

		if (!weights[i])
			continue;
		members[n].addr = m->addr;
		members[n].port = m->port;
		members[n].weight = weights[i];
		members[n++].index = (uint32_t)i + 1;
	}
	assert_int_equal(slots_build(members, (uint32_t)n, SEED, log2, owner, runner), 0);
}

static void clients_stay_shifted(void **state)
{
	enum { LOG2 = 14, SIZE = 1 << LOG2 };
	uint32_t *few = util_alloc_array(SIZE, sizeof(*few));
	uint32_t *more = util_alloc_array(SIZE, sizeof(*more));
	size_t i, moved = 0, kept = 0, now = 0;
	struct world *w = two("0");

	(void)state;
	shift(w, SHIFT_ACTION_START, "next", 0);
	owners(w, few, LOG2);
	pass(w, 12000);
	owners(w, more, LOG2);
	for (i = 0; i < SIZE; i++) {
		moved += few[i] > 2;
		now += more[i] > 2;
		kept += few[i] > 2 && more[i] > 2;
	}
	print_message("# %zu slots at 5 %%, %zu at 25 %%, of the first %zu are in the second\n",
		      moved, now, kept);
	assert_in_range(moved, SIZE * 4 / 100, SIZE * 6 / 100);
	assert_in_range(now, SIZE * 23 / 100, SIZE * 27 / 100);
	assert_true(kept * 100 >= moved * 98);
	free(few);
	free(more);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_the_end),
		cmocka_unit_test(rolled_back),
		cmocka_unit_test(refused),
		cmocka_unit_test(reloads),
		cmocka_unit_test(restored),
		cmocka_unit_test(restored_in_peace),
		cmocka_unit_test(orders),
		cmocka_unit_test(clients_stay_shifted),
		cmocka_unit_test(of_slow_starts),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(away_from_the_dead),
		cmocka_unit_test(not_back_to_the_dead),
		cmocka_unit_test(paused_and_well_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
