/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flows that members keep, and slots in motion, as status and `member show` tell of them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "cli/field.h"
#include "cli/render.h"

static json_t *pack(json_t *json)
{
	assert_non_null(json);
	return json;
}

static json_t *member_with(int slots_new, int known, bool is_counted, bool is_drained,
			   int learning_s)
{
	return pack(json_pack("{s:s, s:i, s:{s:i, s:i, s:b, s:b, s:i}}", "admin", "drain", "weight",
			      100, "flows", "slots_new", slots_new, "known", known, "counted",
			      is_counted, "drained", is_drained, "learning_left_s", learning_s));
}

static void what_is_left(void **state)
{
	static const struct {
		int slots_new, known;
		bool is_counted, is_drained;
		int learning_s;
		const char *text;
	} rows[] = {
		{100, 0, false, false, 0, "still gets new flows"},
		{0, 7, false, false, 240, "learning its flows, 4 min left, 7 known so far"},
		{0, 7, false, false, 0, "counting its flows, 7 known so far"},
		{0, 1234, true, false, 0, "1,234 known flows left"},
		{0, 1, true, false, 0, "1 known flow left"},
		{0, 0, true, true, 0, "drained"},
	};
	char text[160];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *member = member_with(rows[i].slots_new, rows[i].known, rows[i].is_counted,
					     rows[i].is_drained, rows[i].learning_s);

		render_flows_left(member, text, sizeof(text));
		assert_string_equal(text, rows[i].text);
		json_decref(member);
	}
}

/* Only of a member that gets nothing new. */
static void shown_of_who_leaves(void **state)
{
	static const struct {
		const char *admin;
		int weight;
		bool is_shown;
	} rows[] = {{"drain", 100, true}, {"ready", 0, true}, {"ready", 100, false}};
	size_t i, length;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *member = member_with(0, 3, true, false, 0);
		AUTO_FREE char *text = NULL;
		struct view view = {.out = open_memstream(&text, &length), .width = 100};

		json_object_set_new(member, "admin", json_string(rows[i].admin));
		json_object_set_new(member, "weight", json_integer(rows[i].weight));
		render_member(&view, member);
		fclose(view.out);
		assert_int_equal(strstr(text, "flows        3 known flows left\n") != NULL,
				 rows[i].is_shown);
		json_decref(member);
	}
}

/* A deadline goes with what is left, everywhere. */
static void deadlines(void **state)
{
	static const struct {
		int left_s;
		bool is_over, is_counted;
		const char *left, *line, *shown, *row;
	} rows[] = {
		{250, false, true, "3 known flows left, cut in 4 min",
		 "weight 100, draining, cut in 4 min\n",
		 "deadline     22:17: flows that are left then are cut\n",
		 "draining, cut in 4 min, 3 flows\n"},
		{59, false, false, "learning its flows, 4 min left, 3 known so far, cut in 59 s",
		 "weight 100, draining, cut in 59 s\n",
		 "deadline     22:14: flows that are left then are cut\n",
		 "draining, cut in 59 s\n"},
		{0, true, true, "3 known flows left, deadline passed",
		 "weight 100, draining, deadline passed\n",
		 "deadline     22:13: has passed, its flows were cut\n",
		 "draining, deadline passed, 3 flows\n"},
	};
	size_t i, length;
	char left[160];

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *member = member_with(0, 3, rows[i].is_counted, false, 240);
		json_t *list = json_pack("[O]", member);
		AUTO_FREE char *text = NULL;
		struct view view = {
			.out = open_memstream(&text, &length), .width = 100, .now_s = 1700000000};

		json_object_set_new(member, "state", json_string("draining"));
		json_object_set_new(member, "deadline",
				    json_pack("{s:i, s:i, s:b}", "at_s",
					      1700000000 + rows[i].left_s, "left_s", rows[i].left_s,
					      "is_over", rows[i].is_over));
		render_flows_left(member, left, sizeof(left));
		assert_string_equal(left, rows[i].left);
		render_member(&view, member);
		render_member_line(&view, member);
		render_members(&view, list);
		fclose(view.out);
		if (!strstr(text, rows[i].line) || !strstr(text, rows[i].shown) ||
		    !strstr(text, rows[i].row))
			fail_msg("row %zu is not in:\n%s", i, text);
		json_decref(list);
		json_decref(member);
	}
}

/* What is cut in a narrow table is not the deadline. */
static void deadlines_stay(void **state)
{
	json_t *member = member_with(0, 3, true, false, 0);
	json_t *list = json_pack("[o]", member);
	AUTO_FREE char *text = NULL;
	size_t length;
	struct view view = {.out = open_memstream(&text, &length), .width = 72};

	(void)state;
	json_object_set_new(member, "address", json_string("2001:db8:99::aaaa:bbbb"));
	json_object_set_new(member, "port", json_integer(8080));
	json_object_set_new(member, "state", json_string("draining"));
	json_object_set_new(member, "health_text", json_string("no answer within 1000 ms"));
	json_object_set_new(member, "deadline",
			    json_pack("{s:i, s:i, s:b}", "at_s", 250, "left_s", 250, "is_over", 0));
	render_members(&view, list);
	fclose(view.out);
	if (!strstr(text, "draining, cut in 4 min"))
		fail_msg("no deadline in:\n%s", text);
	json_decref(list);
}

static json_t *service_with(const char *name, int announced, int waiting, int moving, int held,
			    int dirty, int settles_s)
{
	return pack(json_pack("{s:s, s:i, s:{s:i, s:i, s:i, s:i, s:i, s:i}}", "name", name, "slots",
			      1000, "flows", "announced", announced, "waiting", waiting, "moving",
			      moving, "held", held, "dirty", dirty, "settles_in_s", settles_s));
}

static char *motion(json_t *services)
{
	json_t *status = pack(json_pack("{s:o, s:{s:{s:i}}}", "services", services, "flows",
					"flows", "capacity", 262144));
	char *text;
	size_t length;
	struct view view = {.out = open_memstream(&text, &length), .width = CLI_STATUS_WIDTH};

	render_motion(&view, status);
	fclose(view.out);
	json_decref(status);
	return text;
}

static void motion_lines(void **state)
{
	static const struct {
		int announced, waiting, moving, held, dirty, settles_s;
		const char *text;
	} rows[] = {
		{0, 0, 0, 0, 0, 0, ""},
		{0, 0, 0, 1, 0, 0, "\nweb       1 flow held where they began\n"},
		{0, 0, 0, 2180, 0, 0, "\nweb       2,180 flows held where they began\n"},
		{1, 2, 38, 2180, 0, 360,
		 "\nweb       moving: 4.1% of slots, 2,180 flows held (capacity 262,144), settles "
		 "in about 6 min\n"},
		{0, 0, 10, 1, 3, 30,
		 "\nweb       moving: 1% of slots, 1 flow held (capacity 262,144), settles in "
		 "about "
		 "30 s; no room to\n          learn some: it waits\n"},
		{0, 0, 10, 0, 0, 0,
		 "\nweb       moving: 1% of slots, 0 flows held (capacity 262,144)\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text = motion(pack(
			json_pack("[o]", service_with("web", rows[i].announced, rows[i].waiting,
						      rows[i].moving, rows[i].held, rows[i].dirty,
						      rows[i].settles_s))));

		assert_string_equal(text, rows[i].text);
	}
}

/* One empty line before the first of them; services at rest have none. */
static void only_services_in_motion(void **state)
{
	AUTO_FREE char *text =
		motion(pack(json_pack("[o, o, o, {s:s}]", service_with("rests", 0, 0, 0, 0, 0, 0),
				      service_with("a", 0, 0, 0, 5, 0, 0),
				      service_with("b", 0, 0, 0, 6, 0, 0), "name", "local")));

	(void)state;
	assert_string_equal(text, "\na         5 flows held where they began\n"
				  "b         6 flows held where they began\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left), cmocka_unit_test(shown_of_who_leaves),
		cmocka_unit_test(deadlines),	cmocka_unit_test(deadlines_stay),
		cmocka_unit_test(motion_lines), cmocka_unit_test(only_services_in_motion),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
