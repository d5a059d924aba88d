/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Host names that were kept: how long ago terminating addresses left, said, not said, and badly. */
#include "unit/circuit_world.h"

#include "daemon/daemon.h"
#include "daemon/kept.h"

static void what_is_kept(void **state)
{
	static const struct {
		const char *ago;
		uint32_t answers[3]; /* of 10.0.0.1, 2 and 3; none: it makes no sense */
	} rows[] = {
		{"", {1, 1, 2}},
		{",'ago':[7,1]", {1, 7, 8}},
		{",'ago':[1,2147483647]", {2147483647, 1, 2147483648}},
		{",'ago':[1]", {0}},
		{",'ago':[1,2,3]", {0}},
		{",'ago':[0,1]", {0}},
		{",'ago':[-1,1]", {0}},
		{",'ago':[1,2147483648]", {0}},
		{",'ago':['1',1]", {0}},
		{",'ago':7", {0}},
		{",'refused':['10.0.0.2']", {1, 1, 2}},
		{",'refused':7", {0}},
	};
	struct daemon *daemon = util_alloc(sizeof(*daemon));
	const struct name *name;
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *text =
			util_printf("{'names':[{'name':'a.example','addresses':['10.0.0.3'],"
				    "'terminating':['10.0.0.1','10.0.0.2']%s}]}",
				    rows[i].ago);
		struct err e = {0};
		json_t *json;
		char *c;

		for (c = text; (c = strchr(c, '\''));)
			*c = '"';
		json = json_loads(text, 0, NULL);
		assert_int_equal(kept_load_names(daemon, json, &e),
				 rows[i].answers[0] ? 0 : -EINVAL);
		name = names_find(&daemon->names.table, "a.example");
		assert_int_equal(!!name, !!rows[i].answers[0]);
		for (k = 0; name && k < ARRAY_SIZE(rows[i].answers); k++)
			assert_int_equal(name->list[k].answer, rows[i].answers[k]);
		names_done(&daemon->names.table);
		json_decref(json);
	}
	free(daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
