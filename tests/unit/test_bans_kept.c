/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans that are there again: after a restart, in new maps, and when a trial is undone. */
#include <errno.h>

#include "unit/bans_world.h"

static void keep(void *arg, const struct ban *ban)
{
	*(struct ban *)arg = *ban;
}

static void test_restart(void **state)
{
	struct fixture *f = *state;
	struct ban kept;
	struct err e = {0};
	struct prefix source = source_of(f, "client", "198.51.100.7");

	assert_int_equal(order(f, "client", "198.51.100.7", 600, &e), 0);
	bans_each(f->bans, keep, &kept);
	bans_free(f->bans);
	pass((f->bans = bans_new(&f->w->port, f->w->model, 64, on_news, f), f), 1000);
	/* The packet path has it, and what was noted goes with it. */
	bans_adopt(f->bans, &kept, 1, false, &f->now);
	assert_true(is_banned(f, "client", "198.51.100.7"));
	assert_string_equal(bans_find(f->bans, id_of(f, "client"), &source)->by, "alice");
	/* Nothing was noted: it still is. */
	bans_free(f->bans);
	f->bans = bans_new(&f->w->port, f->w->model, 64, on_news, f);
	bans_adopt(f->bans, NULL, 0, false, &f->now);
	assert_true(is_banned(f, "client", "198.51.100.7"));
	assert_string_equal(bans_find(f->bans, id_of(f, "client"), &source)->limit_name, "client");
	/* It was made under a limit whose number another one has now: that one bans nobody. */
	bans_free(f->bans);
	f->w->fake->bans[0].ban.limit_name[0] = 'x';
	f->bans = bans_new(&f->w->port, f->w->model, 64, on_news, f);
	bans_adopt(f->bans, NULL, 0, false, &f->now);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	assert_int_equal(f->w->fake->ban_count, 0);
	assert_int_equal(order(f, "client", "198.51.100.7", 600, &e), 0);
	/* Lifted while no daemon ran: what was noted does not bring it back. */
	bans_free(f->bans);
	f->w->port.ops->ban_delete(f->w->port.dp, kept.limit, &kept.source);
	f->bans = bans_new(&f->w->port, f->w->model, 64, on_news, f);
	bans_adopt(f->bans, &kept, 1, false, &f->now);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	/* A packet path made anew: what was noted is all there is, the limit has another number. */
	kept.limit = 63;
	bans_adopt(f->bans, &kept, 1, true, &f->now);
	assert_true(is_banned(f, "client", "198.51.100.7"));
	pass(f, 599000);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	/* Over by then. */
	bans_adopt(f->bans, &kept, 1, true, &f->now);
	assert_false(is_banned(f, "client", "198.51.100.7"));
}

/* What could not be read at once is not taken for gone; what could not be written is tried again. */
static void test_restart_with_failures(void **state)
{
	struct fixture *f = *state;
	struct prefix source = source_of(f, "client", "198.51.100.7");
	struct err e = {0};
	struct ban kept;

	assert_int_equal(order(f, "client", "198.51.100.7", 600, &e), 0);
	bans_each(f->bans, keep, &kept);
	bans_free(f->bans);
	f->bans = bans_new(&f->w->port, f->w->model, 64, on_news, f);
	f->w->fake->are_bans_unreadable = true;
	assert_int_equal(bans_adopt(f->bans, &kept, 1, false, &f->now), -ENOMEM);
	assert_int_equal(bans_count(f->bans), 0);
	f->w->fake->are_bans_unreadable = false;
	assert_int_equal(bans_adopt(f->bans, &kept, 1, false, &f->now), 0);
	assert_true(is_banned(f, "client", "198.51.100.7"));
	assert_string_equal(bans_find(f->bans, id_of(f, "client"), &source)->by, "alice");
	/* In new maps. */
	bans_free(f->bans);
	f->w->port.ops->ban_delete(f->w->port.dp, kept.limit, &kept.source);
	f->bans = bans_new(&f->w->port, f->w->model, 64, on_news, f);
	f->w->fake->fail_in = 1;
	assert_int_equal(bans_adopt(f->bans, &kept, 1, true, &f->now), 0);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	assert_int_equal(f->count[BANS_PROBLEM], 1);
	assert_string_equal(f->text, "198.51.100.7/32 is not banned: Input/output error; limits "
				     "still refuse");
	pass(f, 1000);
	assert_true(is_banned(f, "client", "198.51.100.7"));
}

static void count(void *arg, const struct ban *ban)
{
	(void)ban;
	++*(size_t *)arg;
}

static size_t waiting(const struct fixture *f)
{
	size_t n = 0;

	bans_each_waiting(f->bans, count, &n);
	return n;
}

static void reload(struct fixture *f, const char *text)
{
	world_load_text(f->w, text);
	bans_follow(f->bans);
}

/* A trial ends bans of two limits, and is undone; what happens to one of them meanwhile. */
static void try_out(struct fixture *f, void (*meanwhile)(struct fixture *f))
{
	struct err e = {0};

	assert_int_equal(order(f, "client", "198.51.100.7", 600, &e), 0);
	assert_int_equal(order(f, "network", "198.51.100.7", 600, &e), 0);
	bans_hold(f->bans);
	assert_int_equal(waiting(f), 0);
	reload(f, CONFIG(LIMIT("client", "shadow", "32") LIMIT("network", "enforce", "23")));
	world_settle(f->w);
	assert_int_equal(bans_count(f->bans), 0);
	assert_int_equal(waiting(f), 2);
	pass(f, 60000);
	assert_int_equal(bans_count(f->bans), 0);
	if (meanwhile)
		meanwhile(f);
	reload(f, BOTH);
	bans_restore(f->bans);
	bans_tick(f->bans, &f->now); /* the packet path does not have the limit of /24 yet */
	world_settle(f->w);
	f->now.ms = f->w->fake->now_ms;
	bans_tick(f->bans, &f->now);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(f->count[BANS_PROBLEM], 0);
}

static void test_undone_trial(void **state)
{
	struct fixture *f = *state;
	struct prefix source = source_of(f, "client", "198.51.100.7");
	uint64_t until_ms = f->now.ms + 600000;

	try_out(f, NULL);
	assert_true(is_banned(f, "client", "198.51.100.7"));
	assert_true(is_banned(f, "network", "198.51.100.7"));
	assert_int_equal(bans_find(f->bans, id_of(f, "client"), &source)->until_ms, until_ms);
	assert_string_equal(f->last.by, "alice");
	assert_int_equal(f->count[BANS_BEGUN], 4);
}

static void lift_one(struct fixture *f)
{
	struct prefix source = source_of(f, "client", "198.51.100.7");

	assert_int_equal(bans_lift(f->bans, id_of(f, "client"), &source, "lifted"), 0);
	assert_int_equal(bans_lift(f->bans, id_of(f, "client"), &source, "lifted"), -ENOENT);
	assert_int_equal(waiting(f), 1);
}

static void test_undone_trial_with_a_lift(void **state)
{
	struct fixture *f = *state;

	try_out(f, lift_one);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	assert_true(is_banned(f, "network", "198.51.100.7"));
}

static void lift_all_of_one(struct fixture *f)
{
	int failed = -1;

	assert_int_equal(bans_lift_all(f->bans, id_of(f, "client"), "lifted", &failed), 1);
	assert_int_equal(failed, 0);
	assert_int_equal(bans_lift_all(f->bans, id_of(f, "client"), "lifted", &failed), 0);
	assert_int_equal(waiting(f), 1);
}

static void test_undone_trial_with_a_limit_lifted(void **state)
{
	struct fixture *f = *state;

	try_out(f, lift_all_of_one);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	assert_true(is_banned(f, "network", "198.51.100.7"));
}

/* One that is there counts once, although the trial holds it, too. */
static void lift_all(struct fixture *f)
{
	struct err e = {0};
	int failed = -1;

	reload(f, CONFIG(LIMIT("client", "enforce", "32") LIMIT("network", "enforce", "23")));
	world_settle(f->w);
	assert_int_equal(order(f, "client", "198.51.100.7", 600, &e), 0);
	assert_int_equal(waiting(f), 1);
	assert_int_equal(bans_lift_all(f->bans, 0, "lifted", &failed), 2);
	assert_int_equal(waiting(f), 0);
}

static void test_undone_trial_with_all_lifted(void **state)
{
	struct fixture *f = *state;

	try_out(f, lift_all);
	assert_int_equal(bans_count(f->bans), 0);
}

static void wait_long(struct fixture *f)
{
	pass(f, 600000);
}

static void test_undone_trial_after_their_end(void **state)
{
	struct fixture *f = *state;

	try_out(f, wait_long);
	assert_int_equal(bans_count(f->bans), 0);
}

static void confirm(struct fixture *f)
{
	bans_release(f->bans);
	assert_int_equal(waiting(f), 0);
}

static void test_confirmed_trial(void **state)
{
	struct fixture *f = *state;

	try_out(f, confirm);
	assert_int_equal(bans_count(f->bans), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_restart),
		TEST(test_restart_with_failures),
		TEST(test_undone_trial),
		TEST(test_undone_trial_with_a_lift),
		TEST(test_undone_trial_with_a_limit_lifted),
		TEST(test_undone_trial_with_all_lifted),
		TEST(test_undone_trial_after_their_end),
		TEST(test_confirmed_trial),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
