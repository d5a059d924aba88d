/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Host names with more addresses than there is room for. */
#include "unit/names_world.h"

/* No more than there is room for; those that there are go first. */
static void what_has_no_room(void **state)
{
	struct config *config = parse(POOLS "capacity: {members: 16}\n");
	struct world *w = world_new(1);
	struct noted left_out = {0};
	struct names names = {0};

	(void)state;
	take(names_add(&names, "b.example"), "1 2 3");
	expand(w, &names, config);
	take(names_add(&names, "a.example"), "21 22 23 24 25 26 27 28 29 30 31 32 33");
	expand_noting(w, &names, config, &left_out);
	assert_string_equal(members(config, 0), "0:21 0:22 0:23 0:24 0:25 0:26 0:27 0:28 0:29 0:30 "
						"0:31 0:1 0:2 0:3 1:9");
	assert_int_equal(left_out.troubles, 2);
	assert_non_null(strstr(left_out.last, "the maps hold 16"));
	world_free(w);
	names_done(&names);
	config_free(config);
}

/* Nor after a start: who served goes first, whatever the order of the file and what is new. */
static void what_has_no_room_at_a_start(void **state)
{
	struct config *config = parse(POOLS "capacity: {members: 16}\n");
	struct world *w = world_new(1);
	struct noted left_out = {0};
	struct names names = {0};

	(void)state;
	take(names_add(&names, "b.example"), "1 2 3");
	expand(w, &names, config);
	take(names_add(&names, "a.example"), "21 22 23 24 25 26 27 28 29 30 31 32 33");
	expand(w, &names, config);
	restart(&names);
	names_expand(&names, config, NULL, TICK_NS, note, &left_out);
	assert_string_equal(members(config, 0), "0:21 0:22 0:23 0:24 0:25 0:26 0:27 0:28 0:29 0:30 "
						"0:31 0:1 0:2 0:3 1:9");
	restart(&names);
	take(names_find(&names, "a.example"), "40 41 21 22 23 24 25 26 27 28 29 30 31");
	names_expand(&names, config, NULL, TICK_NS, note, &left_out);
	assert_string_equal(members(config, 0), "0:21 0:22 0:23 0:24 0:25 0:26 0:27 0:28 0:29 0:30 "
						"0:31 0:1 0:2 0:3 1:9");
	world_free(w);
	names_done(&names);
	config_free(config);
}

/* Nor where it goes to another pool, or to another service. */
static void what_has_no_room_elsewhere(void **state)
{
	struct config *config = parse(POOLS "capacity: {members: 16}\n");
	struct config *other =
		parse("    pools:\n      new: {members: [a.example]}\n"
		      "      other: {members: [b.example]}\ncapacity: {members: 16}\n");
	struct world *w = world_new(1);
	struct noted left_out = {0};
	struct names names = {0};
	struct name *a;
	size_t i;

	(void)state;
	take(names_add(&names, "b.example"), "1 2 3");
	expand(w, &names, config);
	a = names_add(&names, "a.example");
	take(a, "21 22 23 24 25 26 27 28 29 30 31 32 33 34 35");
	names_expand(&names, other, w->model, TICK_NS, note, &left_out);
	assert_string_equal(members(other, 0), "0:21 0:22 0:23 0:24 0:25 0:26 0:27 0:28 0:29 0:30 "
					       "0:31 0:32 1:1 1:2 1:3");
	assert_int_equal(left_out.troubles, 3);
	for (i = 0; i < a->count; i++)
		a->list[i].is_refused = false;
	util_copy(other->services[0].name, sizeof(other->services[0].name), "shop");
	names_expand(&names, other, w->model, TICK_NS, note, &left_out);
	assert_int_equal(other->services[0].pools[1].member_count, 3);
	world_free(w);
	names_done(&names);
	config_free(config);
	config_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_room),
		cmocka_unit_test(what_has_no_room_at_a_start),
		cmocka_unit_test(what_has_no_room_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
