/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Host names among members: what a name is, what answers make of it, and of a configuration. */
#include "unit/names_world.h"

#include <stdio.h>

#include "core/overlay.h"

static void what_a_name_is(void **state)
{
	static const struct {
		const char *text, *problem; /* NULL: none */
	} rows[] = {
		{"web1", NULL},
		{"web1.example.net", NULL},
		{"WEB-1.example.net.", NULL},
		{"1and1.example", NULL},
		{"a.b.c.d.e", NULL},
		{"10.0.0.1.example", NULL},
		{"xn--bcher-kva.example", NULL},
		{"", "empty part"},
		{".", "empty part"},
		{"a..b", "empty part"},
		{".a", "empty part"},
		{"a..", "empty part"},
		{"my_app", "a character that no host name has"},
		{"a b", "a character that no host name has"},
		{"a/24", "a character that no host name has"},
		{"-a.example", "begins or ends with -"},
		{"a-.example", "begins or ends with -"},
		{"b\xc3\xbc"
		 "cher.example",
		 "beyond ASCII"},
		{"10.0.0", "ends in a number"},
		{"1921.68.1.1", "ends in a number"},
		{"10.0.0.256", "ends in a number"},
		{"web.1.", "ends in a number"},
	};
	char text[300];
	const char *hint, *problem;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		problem = host_name_problem(rows[i].text, &hint);
		if (!problem)
			problem = "none";
		if (!strstr(problem, rows[i].problem ? rows[i].problem : "none"))
			fail_msg("\"%s\": %s", rows[i].text, problem);
	}
	assert_non_null(host_name_problem("b\xc3\xbc"
					  "cher.example",
					  &hint));
	assert_non_null(strstr(hint, "xn--"));
	/* 63 in a part, 253 in all. */
	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	assert_null(host_name_problem(text, &hint));
	text[63] = 'a';
	text[64] = '\0';
	assert_non_null(strstr(host_name_problem(text, &hint), "63"));
	text[64] = 'a';
	for (i = 49; i < 253; i += 50)
		text[i] = '.';
	text[253] = '\0';
	assert_null(host_name_problem(text, &hint));
	strcpy(text + 253, ".");
	assert_null(host_name_problem(text, &hint));
	strcpy(text + 253, "a");
	assert_non_null(strstr(host_name_problem(text, &hint), "253"));
}

/* ---- answers --------------------------------------------------------------------------------- */

/* "1 -2": 10.0.0.2 is terminating. */
static const char *shown(const struct name *name)
{
	static char text[2000];
	size_t used = 0, i;

	text[0] = '\0';
	for (i = 0; i < name->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%u", i ? " " : "",
					 name->list[i].is_gone ? "-" : "",
					 name->list[i].addr.b[15]);
	return text;
}

static void what_answers_make_of_it(void **state)
{
	struct names names = {0};
	struct name *name = names_add(&names, "Web1.Example.net");
	const struct check_addresses one = answer("1");

	(void)state;
	assert_ptr_equal(names_add(&names, "web1.example.NET"), name);
	assert_ptr_equal(names_find(&names, "WEB1.example.net"), name);
	assert_null(names_find(&names, "web2.example.net"));
	assert_false(name_is_known(name));
	assert_true(take(name, "1 2"));
	assert_true(name_is_known(name));
	assert_string_equal(shown(name), "1 2");
	assert_false(take(name, "2 1 2"));
	assert_true(take(name, "2 3"));
	assert_string_equal(shown(name), "2 -1 3");
	assert_false(take(name, "2 3"));  /* it is gone already */
	assert_true(take(name, "1 2 3")); /* back */
	assert_string_equal(shown(name), "2 1 3");
	assert_true(take(name, "4")); /* all others */
	assert_string_equal(shown(name), "-2 -1 -3 4");
	name_drop(name, &answer("4").list[0]); /* which is not gone */
	name_drop(name, &one.list[0]);
	name_drop(name, &one.list[0]);
	assert_string_equal(shown(name), "-2 -3 4");
	names_done(&names);
	assert_null(names_find(&names, "web1.example.net"));
}

/* A name whose answer is another each time does not pile up members. */
static void what_goes_is_bounded(void **state)
{
	struct names names = {0};
	struct name *name = names_add(&names, "a.example");
	struct check_addresses list = answer("0");
	size_t i;

	(void)state;
	for (i = 0; i < NAME_GONE_MAX + 10; i++) {
		list.list[0].b[15] = (uint8_t)i;
		list.list[0].b[14] = (uint8_t)(i >> 8);
		assert_true(name_take(name, &list));
		assert_int_equal(name->count, MIN(i, NAME_GONE_MAX) + 1);
	}
	assert_int_equal(name->forgotten, 9);
	assert_int_equal(name->list[0].addr.b[15], 9); /* the oldest went */
	names_done(&names);
}

/* ---- configurations -------------------------------------------------------------------------- */

static void what_members_follow(void **state)
{
	struct config *config = parse("    members: [10.0.0.1, {address: a.example, weight: 7, "
				      "admin: drain}, b.example]\n    min_healthy: 3\n");
	const struct pool_config *pool = &config->services[0].pools[0];
	struct noted left_out = {0};
	struct names names = {0};

	(void)state;
	assert_true(config_has_names(config));
	assert_int_equal(config->resolve_ms, 30000);
	assert_string_equal(members(config, 0), "0:1");
	take(names_add(&names, "a.example"), "2 3");
	names_expand(&names, config, NULL, TICK_NS, note, &left_out);
	assert_string_equal(members(config, 0), "0:1 0:2 0:3");
	assert_int_equal(pool->members[1].weight, 7);
	assert_int_equal(pool->members[1].admin, ADMIN_DRAIN);
	assert_int_equal(pool->members[1].port, 80);
	assert_int_equal(pool->members[1].name, 1);
	assert_int_equal(left_out.count, 0);
	/* Again, with others: what was is replaced. A ready one goes before a terminating one. */
	take(names_find(&names, "a.example"), "3 4");
	take(names_add(&names, "B.Example"), "2 5 1 4");
	names_expand(&names, config, NULL, TICK_NS, note, &left_out);
	assert_string_equal(members(config, 0), "0:1 0:3 0:4 0:2 0:5");
	assert_int_equal(pool->members[3].name, 2);
	assert_int_equal(left_out.count, 2); /* .1 is written, .4 is a's */
	assert_string_equal(
		left_out.last,
		"web/default b.example 10.0.0.4: it is a member of this service already");
	take(names_find(&names, "b.example"), "5");
	names_expand(&names, config, NULL, TICK_NS, NULL, NULL);
	assert_string_equal(members(config, 0), "0:1 0:3 0:4 0:5 0:-2");
	names_done(&names);
	config_free(config);
}

static void what_cannot_be_a_member(void **state)
{
	static const char *const texts[] = {"127.0.0.1",  "::1",	 "fe80::1", "224.0.0.1",
					    "192.0.2.10", "2001:db8::1", "10.0.0.9"};
	struct config *config = parse("    pools:\n      a: {members: [a.example]}\n"
				      "      b: {mode: ipip, members: [a.example, 10.0.0.9]}\n");
	struct noted left_out = {0};
	struct check_addresses list = {0};
	struct names names = {0};

	(void)state;
	for (; list.count < ARRAY_SIZE(texts); list.count++)
		assert_int_equal(addr_parse(texts[list.count], &list.list[list.count]), 0);
	list.count = addr_sort(list.list, list.count);
	name_take(names_add(&names, "a.example"), &list);
	names_expand(&names, config, NULL, TICK_NS, note, &left_out);
	/* In l2 none is left; in ipip the other family is. */
	assert_string_equal(members(config, 0), "1:9 1:1");
	assert_int_equal(left_out.count, 2 * ARRAY_SIZE(texts) - 1);
	names_done(&names);
	config_free(config);
}

/* ---- the model ------------------------------------------------------------------------------- */

static bool has_event(const struct world *w, enum event_type type, const char *text)
{
	const struct event *event;
	uint64_t since = 0;
	bool is_gap;

	while ((event = event_log_next(w->log, since, &is_gap))) {
		since = event->seq;
		if (event->type == type && strstr(event->text, text))
			return true;
	}
	return false;
}

static void what_the_model_makes_of_it(void **state)
{
	struct config *config = parse("    check: none\n    members: [10.0.0.1, a.example]\n");
	struct world *w = world_new(1);
	struct overlay overlay = {0};
	struct names names = {0};
	struct name *a = names_add(&names, "a.example");
	uint64_t id;

	(void)state;
	take(a, "2");
	expand(w, &names, config);
	assert_int_equal(web(w)->pools[0].member_count, 2);
	assert_string_equal(name_set_at(web(w)->pools[0].names, member(w, 1)->name), "a.example");
	assert_int_equal(member(w, 0)->name, 0);
	id = member(w, 1)->id;
	take(a, "3");
	expand(w, &names, config);
	assert_true(has_event(w, EVENT_member_added, "weight 100, an address of a.example"));
	assert_true(has_event(w, EVENT_member_discovery,
			      "ready -> terminating: a.example has this address no more"));
	assert_false(has_event(w, EVENT_config_loaded, "services"));
	assert_int_equal(member(w, 2)->id, id); /* it is the same one */
	assert_int_equal(weights_member_rule(member(w, 2)), SHARE_TERMINATING);
	assert_false(member(w, 2)->is_dead);
	overlay_collect(w->model, &overlay); /* no change of a command's */
	assert_int_equal(overlay.count, 0);
	overlay_done(&overlay);
	take(a, "2 3");
	expand(w, &names, config);
	assert_true(has_event(w, EVENT_member_discovery, "a.example has this address again"));
	assert_int_equal(share(member(w, 1)), ALL);
	take(a, "3");
	expand(w, &names, config);
	name_drop(a, &answer("2").list[0]);
	expand(w, &names, config);
	assert_true(has_event(w, EVENT_member_removed, "its name has it no more"));
	assert_int_equal(web(w)->pools[0].member_count, 2);
	world_free(w);
	names_done(&names);
	config_free(config);
}

/* What the model refuses is left out alone, and said; the name keeps what it had. */
static void what_the_model_refuses(void **state)
{
	struct config *config = parse(POOLS DENY);
	struct world *w = world_new(1);
	struct noted left_out = {0};
	struct names names = {0};
	struct name *a = names_add(&names, "a.example"), *b = names_add(&names, "b.example");

	(void)state;
	take(a, "1");
	take(b, "2 3");
	expand_noting(w, &names, config, &left_out);
	assert_string_equal(members(config, 0), "0:1 0:2 0:3 1:9");
	assert_int_equal(left_out.count, 0);
	/* One of a deny list, while another name goes on. */
	take(a, "1 4");
	take(b, "99");
	expand_noting(w, &names, config, &left_out);
	assert_string_equal(members(config, 0), "0:1 0:4 0:2 0:3 1:9");
	assert_int_equal(left_out.troubles, 1);
	assert_int_equal(left_out.kept, 1);
	assert_non_null(strstr(left_out.last, "web/a b.example 10.0.0.99: list blocked"));
	/* Part of an answer: what the rest says holds. */
	left_out = (struct noted){0};
	take(b, "3 98 99");
	expand_noting(w, &names, config, &left_out);
	assert_string_equal(members(config, 0), "0:1 0:4 0:3 0:-2 1:9");
	assert_int_equal(left_out.troubles, 2);
	assert_int_equal(left_out.kept, 0);
	/* What went before an answer of no use stays gone. */
	take(b, "98");
	expand(w, &names, config);
	assert_string_equal(members(config, 0), "0:1 0:4 0:3 0:-2 1:9");
	/* Also after a restart. */
	restart(&names);
	names_expand(&names, config, NULL, TICK_NS, NULL, NULL);
	assert_string_equal(members(config, 0), "0:1 0:4 0:3 0:-2 1:9");
	b = names_find(&names, "b.example");
	take(b, "98");
	expand(w, &names, config);
	assert_string_equal(members(config, 0), "0:1 0:4 0:3 0:-2 1:9");
	take(b, "5");
	expand(w, &names, config);
	assert_string_equal(members(config, 0), "0:1 0:4 0:5 0:-2 0:-3 1:9");
	world_free(w);
	names_done(&names);
	config_free(config);
}

/* Of many the halves tell which; also before there is a model. */
static void what_an_empty_model_refuses(void **state)
{
	struct config *config = parse(POOLS DENY);
	struct noted left_out = {0};
	struct names names = {0};

	(void)state;
	take(names_add(&names, "a.example"), "1 2 98 3 4");
	take(names_add(&names, "b.example"), "5 99 98 6");
	names_expand(&names, config, NULL, TICK_NS, note, &left_out);
	assert_string_equal(members(config, 0), "0:1 0:2 0:3 0:4 0:5 0:6 1:9");
	assert_int_equal(left_out.troubles, 3); /* .98 of each name */
	names_done(&names);
	config_free(config);
}

/* A member by command in another pool: nothing in the configuration tells. */
static void what_a_command_added(void **state)
{
	struct config *config = parse(POOLS);
	struct world *w = world_new(1);
	struct noted left_out = {0};
	struct names names = {0};
	struct name *a = names_add(&names, "a.example");
	const struct change change = {.type = CHANGE_MEMBER_ADD,
				      .owner = OWNER_API,
				      .service = "web",
				      .pool = "b",
				      .addr = answer("7").list[0],
				      .weight = 100};

	(void)state;
	take(a, "1");
	expand(w, &names, config);
	world_apply(w, &change);
	take(a, "7 8");
	expand_noting(w, &names, config, &left_out);
	assert_string_equal(members(config, 0), "0:8 0:-1 1:9");
	assert_int_equal(left_out.troubles, 1);
	assert_non_null(strstr(left_out.last, "already in this service"));
	world_free(w);
	names_done(&names);
	config_free(config);
}

/* Two of very many: found, and again, with nothing else left out. */
static void two_of_many(void **state)
{
	struct config *config = parse(POOLS DENY);
	struct world *w = world_new(1);
	struct noted left_out = {0};
	struct names names = {0};
	unsigned int round;

	(void)state;
	take(names_add(&names, "a.example"), "11 12 13 14 15 16 17 18 19 20 21 22 23 98 24 25 26");
	take(names_add(&names, "b.example"), "31 32 33 99 34 35 36 37 38 39 40 41 42 43 44 45 46");
	for (round = 0; round < 3; round++) {
		left_out = (struct noted){0};
		expand_noting(w, &names, config, &left_out);
		assert_int_equal(left_out.troubles, 2);
		assert_int_equal(config->services[0].pools[0].member_count, 32);
	}
	/* A new one that is refused beside the old ones, and one that is not. */
	take(names_find(&names, "a.example"), "11 98 50 51");
	take(names_find(&names, "b.example"), "31 98 99");
	left_out = (struct noted){0};
	expand_noting(w, &names, config, &left_out);
	assert_int_equal(left_out.troubles, 3);
	assert_non_null(strstr(members(config, 0), "0:11 0:50 0:51 0:31 0:-12"));
	world_free(w);
	names_done(&names);
	config_free(config);
}

/* A configuration that is wrong by itself is not mended by taking names away. */
static void what_is_no_names_fault(void **state)
{
	struct config *config = parse(POOLS DENY), *narrow = parse(POOLS DENY);
	struct world *w = world_new(1);
	struct noted left_out = {0};
	struct names names = {0};

	(void)state;
	take(names_add(&names, "a.example"), "1 2");
	expand(w, &names, config);
	narrow->capacity.members = 2;
	take(names_find(&names, "a.example"), "1 2 3");
	names_expand(&names, narrow, w->model, TICK_NS, note, &left_out);
	assert_int_equal(left_out.count, 0);
	assert_string_equal(members(narrow, 0), "0:1 0:2 0:3 1:9");
	world_free(w);
	names_done(&names);
	config_free(config);
	config_free(narrow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_name_is),
		cmocka_unit_test(what_answers_make_of_it),
		cmocka_unit_test(what_goes_is_bounded),
		cmocka_unit_test(what_members_follow),
		cmocka_unit_test(what_cannot_be_a_member),
		cmocka_unit_test(what_the_model_makes_of_it),
		cmocka_unit_test(what_the_model_refuses),
		cmocka_unit_test(what_an_empty_model_refuses),
		cmocka_unit_test(what_a_command_added),
		cmocka_unit_test(two_of_many),
		cmocka_unit_test(what_is_no_names_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
