/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The simulation of many balancers in short: fewer of them, and half an hour. And that it sees what it
 * looks for: with a rule weakened by configuration something is beyond its bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sim/fleet_cases.h"

static struct fleet_sum play(const char *check)
{
	struct fleet_plan plan = fleet_short;
	struct fleet_sum sum;

	if (check)
		plan.options.check = check;
	plan.is_quiet = true;
	fleet_play(&plan, &sum);
	return sum;
}

static void within_its_bounds(void **state)
{
	struct fleet_sum sum = play(NULL);

	(void)state;
	assert_true(sum.measured > 70);
	assert_int_equal(sum.failed, 0);
}

static void sees_what_it_looks_for(void **state)
{
	static const char *const weak[] = {
		"{type: tcp, jitter: 0}", /* once in step, always in step */
		"{type: tcp, fall: 8}",	  /* late */
		"{type: tcp, down: 7s}",  /* back late */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		print_message("# beyond its bounds with %s:\n", weak[i]);
		assert_true(play(weak[i]).failed > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_its_bounds),
		cmocka_unit_test(sees_what_it_looks_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
