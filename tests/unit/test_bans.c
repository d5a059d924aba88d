/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is banned, by refusals and by command, and how a ban ends. */
#include "unit/bans_world.h"

/* ---- by refusals ----------------------------------------------------------------------------- */

static void test_after(void **state)
{
	struct fixture *f = *state;

	refuse_times(f, "client", "198.51.100.7", 4);
	refuse_times(f, "client", "198.51.100.8", 4);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	refuse_times(f, "client", "198.51.100.7", 1);
	assert_true(is_banned(f, "client", "198.51.100.7"));
	assert_false(is_banned(f, "client", "198.51.100.8"));
	assert_int_equal(f->count[BANS_BEGUN], 1);
	assert_string_equal(f->text, "5 packets refused within 10 s");
	assert_string_equal(f->last.limit_name, "client");
	/* Off by default. */
	refuse_times(f, "network", "198.51.100.7", 100);
	assert_int_equal(bans_count(f->bans), 1);
	/* It ends when it said, whatever the source did. */
	pass(f, 30000);
	refuse(f, "client", "198.51.100.7", SLUICE_REFUSAL_BAN, 40);
	refuse_times(f, "client", "198.51.100.7", 100);
	pass(f, 29999);
	assert_true(is_banned(f, "client", "198.51.100.7"));
	pass(f, 1);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	assert_int_equal(f->count[BANS_ENDED], 1);
	assert_int_equal(f->last.hits, 40);
	/* And begins anew with all of `after`. */
	refuse_times(f, "client", "198.51.100.7", 4);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	refuse_times(f, "client", "198.51.100.7", 1);
	assert_true(is_banned(f, "client", "198.51.100.7"));
}

static void test_never(void **state)
{
	static const char *const exempt[] = {"10.9.0.5", "203.0.113.7"};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(exempt); i++)
		refuse_times(f, "client", exempt[i], 100);
	for (i = 0; i < 100; i++)
		refuse(f, "client", "198.51.100.7", SLUICE_REFUSAL_WOULD, 1);
	model_find_limit(f->w->model, "client")->config.mode = SLUICE_LIMIT_SHADOW;
	refuse_times(f, "client", "198.51.100.7", 100);
	assert_int_equal(bans_count(f->bans), 0);
	/* For longer than max nobody is. */
	model_find_limit(f->w->model, "client")->config.mode = SLUICE_LIMIT_ENFORCE;
	rule(f, "client")->for_s = 100000;
	refuse_times(f, "client", "198.51.100.7", 5);
	pass(f, 600000);
	assert_int_equal(bans_count(f->bans), 0);
	assert_int_equal(f->count[BANS_ENDED], 1);
}

/* One sample that stands for many packets is no proof against anybody. */
static void test_samples(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	rule(f, "client")->after = 1000;
	for (i = 0; i < BANS_SAMPLES - 1; i++)
		refuse(f, "client", "198.51.100.7", SLUICE_REFUSAL_LIMIT, 1024);
	assert_int_equal(bans_count(f->bans), 0);
	refuse(f, "client", "198.51.100.7", SLUICE_REFUSAL_LIMIT, 1024);
	assert_true(is_banned(f, "client", "198.51.100.7"));
}

static void test_pace(void **state)
{
	struct fixture *f = *state;

	f->now.ms -= f->now.ms % 1000;
	rule(f, "client")->max_per_s = 1;
	refuse_times(f, "client", "198.51.100.7", 5);
	refuse_times(f, "client", "198.51.100.8", 5);
	refuse_times(f, "client", "198.51.100.9", 5);
	assert_int_equal(bans_count(f->bans), 1);
	assert_int_equal(bans_held_back(f->bans), 2);
	assert_int_equal(f->count[BANS_PROBLEM], 1); /* told once */
	assert_non_null(strstr(f->text, "ban.max_per_second"));
	pass(f, 1000);
	refuse_times(f, "client", "198.51.100.8", 1);
	assert_true(is_banned(f, "client", "198.51.100.8"));
}

/* ---- by command ------------------------------------------------------------------------------ */

static void test_sources(void **state)
{
	static const struct {
		const char *limit, *text, *source, *error;
	} rows[] = {
		{"client", "198.51.100.7", "198.51.100.7/32", NULL},
		{"client", "198.51.100.7/32", "198.51.100.7/32", NULL},
		{"network", "198.51.100.7", "198.51.100.0/24", NULL},
		{"network", "198.51.100.0/24", "198.51.100.0/24", NULL},
		{"client", "2001:db8::7", "2001:db8::/64", NULL},
		{"client", "198.51.100.0/24", NULL, "knows sources of /32, not of /24"},
		{"network", "198.51.100.7/32", NULL, "knows sources of /24, not of /32"},
		{"client", "2001:db8::7/128", NULL, "knows sources of /64, not of /128"},
		{"network", "198.51.100.7/24", NULL, "bits set beyond its length"},
		{"client", "alice", NULL, "alice"},
		{"client", "198.51.100.7/33", NULL, "out of range"},
	};
	const struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[PREFIX_TEXT_MAX];
		struct prefix source;
		struct err e = {0};
		int r = bans_source(model_find_limit(f->w->model, rows[i].limit), rows[i].text,
				    &source, &e);

		if (rows[i].error && (r != -EINVAL || !strstr(e.text, rows[i].error)))
			fail_msg("%s: %d %s", rows[i].text, r, e.text);
		if (rows[i].source && (r || strcmp(prefix_format(&source, text), rows[i].source)))
			fail_msg("%s: %d %s", rows[i].text, r, e.text);
	}
}

static void test_orders(void **state)
{
	struct fixture *f = *state;
	struct prefix source = source_of(f, "client", "198.51.100.7");
	struct err e = {0};

	assert_int_equal(order(f, "client", "198.51.100.7", 3600, &e), 0);
	assert_string_equal(f->last.by, "alice");
	assert_string_equal(f->last.reason, "abuse desk [31m"); /* a terminal is not obeyed */
	assert_true(f->last.is_manual);
	/* Another limit's ban around it stands alone; each is lifted by itself. */
	assert_int_equal(order(f, "network", "198.51.100.99", 60, &e), 0);
	assert_int_equal(bans_count_of(f->bans, id_of(f, "client")), 1);
	assert_int_equal(bans_lift(f->bans, id_of(f, "client"), &source, "lifted"), 0);
	assert_true(is_banned(f, "network", "198.51.100.7"));
	assert_int_equal(bans_lift(f->bans, id_of(f, "client"), &source, "lifted"), -ENOENT);
	/* Refusals neither shorten nor prolong what was ordered; an order does. */
	assert_int_equal(order(f, "client", "198.51.100.7", 3600, &e), 0);
	refuse(f, "client", "198.51.100.7", SLUICE_REFUSAL_BAN, 3);
	refuse_times(f, "client", "198.51.100.7", 100);
	assert_int_equal(order(f, "client", "198.51.100.7", 10, &e), 0);
	assert_int_equal(bans_find(f->bans, id_of(f, "client"), &source)->hits, 3);
	pass(f, 10000);
	assert_false(is_banned(f, "client", "198.51.100.7"));
}

static void test_bad_orders(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_not_equal(order(f, "client", "10.9.0.5", 60, &e), 0);
	assert_non_null(strstr(e.text, "exempt by management"));
	assert_int_not_equal(order(f, "client", "203.0.113.9", 60, &e), 0);
	assert_non_null(strstr(e.text, "exempt by list partners"));
	/* A limit of everything spares members; its ban would hold for none. */
	model_find_limit(f->w->model, "client")->config.scope = LIMIT_SCOPE_EVERYTHING;
	assert_int_not_equal(order(f, "client", "10.1.0.11", 60, &e), 0);
	assert_non_null(strstr(e.text, "exempt by scope everything"));
	model_find_limit(f->w->model, "client")->config.scope = LIMIT_SCOPE_SERVICE;
	assert_int_equal(order(f, "client", "10.1.0.11", 60, &e), 0);
	assert_int_equal(bans_lift(f->bans, id_of(f, "client"), &f->last.source, "test"), 0);
	model_find_limit(f->w->model, "client")->config.mode = SLUICE_LIMIT_SHADOW;
	assert_int_not_equal(order(f, "client", "198.51.100.7", 60, &e), 0);
	assert_non_null(strstr(e.text, "mode shadow, which bans nobody"));
	assert_int_equal(bans_count(f->bans), 0);
	assert_int_equal(f->w->fake->ban_count, 0);
}

static void test_lift_all(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int failed;

	assert_int_equal(order(f, "client", "198.51.100.7", 60, &e), 0);
	assert_int_equal(order(f, "client", "198.51.100.8", 60, &e), 0);
	assert_int_equal(order(f, "network", "198.51.100.8", 60, &e), 0);
	assert_int_equal(bans_lift_all(f->bans, id_of(f, "client"), "lifted", &failed), 2);
	assert_int_equal(failed, 0);
	assert_int_equal(bans_count(f->bans), 1);
	assert_int_equal(bans_lift_all(f->bans, 0, "lifted", &failed), 1);
	assert_int_equal(f->w->fake->ban_count, 0);
}

static void test_full(void **state)
{
	struct dp_capacity capacity = fake_dataplane_capacity();
	struct fixture *f = *state;
	struct err e = {0};

	bans_free(f->bans);
	world_free(f->w);
	capacity.bans = 2;
	begin(f, &capacity);
	assert_int_equal(order(f, "client", "198.51.100.1", 60, &e), 0);
	refuse_times(f, "client", "198.51.100.2", 5);
	refuse_times(f, "client", "198.51.100.3", 6);
	assert_int_equal(bans_without_room(f->bans), 2);
	assert_int_equal(f->count[BANS_PROBLEM], 1);
	assert_non_null(strstr(f->text, "the table of 2 bans is full; limits still refuse"));
	assert_int_not_equal(order(f, "client", "198.51.100.4", 60, &e), 0);
	assert_int_equal(e.code, ERR_CAPACITY);
	/* Those that are there stay, and can be changed. */
	assert_int_equal(order(f, "client", "198.51.100.1", 600, &e), 0);
	assert_true(is_banned(f, "client", "198.51.100.2"));
	pass(f, 60000);
	refuse_times(f, "client", "198.51.100.3", 5);
	assert_true(is_banned(f, "client", "198.51.100.3"));
}

/* ---- with the model ------------------------------------------------------ */

static void test_follow(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{CONFIG(LIMIT("network", "enforce", "24")), "limit client is gone"},
		{CONFIG(LIMIT("other", "enforce", "32")), "limit client is gone"},
		{CONFIG(LIMIT("client", "shadow", "32")), "limit client is in mode shadow"},
		{CONFIG(LIMIT("client", "enforce", "28")), "limit client knows other prefixes now"},
	};
	struct fixture *f = *state;
	struct err e = {0};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(order(f, "client", "198.51.100.7", 600, &e), 0);
		bans_follow(f->bans);
		assert_int_equal(bans_count(f->bans), 1);
		world_load_text(f->w, rows[i].text);
		world_settle(f->w);
		bans_follow(f->bans);
		assert_int_equal(bans_count(f->bans), 0);
		assert_int_equal(f->w->fake->ban_count, 0);
		assert_string_equal(f->text, rows[i].reason);
		world_load_text(f->w, BOTH);
		world_settle(f->w);
	}
}

/* Another rule of a limit is a change of it. */
static void test_other_rule(void **state)
{
#define RULE(after)                                                                                \
	CONFIG("  client: {count: new-connections, rate: 10/s, mode: enforce, sources: 1024, "     \
	       "ban: {after: " after "}}\n")
	struct fixture *f = *state;
	const struct event *event;
	uint64_t last;
	bool is_gap;

	world_load_text(f->w, RULE("3"));
	world_settle(f->w);
	assert_int_equal(rule(f, "client")->after, 3);
	last = event_log_last(f->w->log);
	world_load_text(f->w, RULE("4"));
	assert_int_equal(rule(f, "client")->after, 4);
	do {
		event = event_log_next(f->w->log, last++, &is_gap);
		assert_non_null(event);
	} while (event->type != EVENT_limit_changed);
	world_settle(f->w);
	refuse_times(f, "client", "198.51.100.7", 3);
	assert_false(is_banned(f, "client", "198.51.100.7"));
	refuse_times(f, "client", "198.51.100.7", 1);
	assert_true(is_banned(f, "client", "198.51.100.7"));
#undef RULE
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_after),   TEST(test_never),  TEST(test_samples),    TEST(test_pace),
		TEST(test_sources), TEST(test_orders), TEST(test_bad_orders), TEST(test_lift_all),
		TEST(test_full),    TEST(test_follow), TEST(test_other_rule),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
