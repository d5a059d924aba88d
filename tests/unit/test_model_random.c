/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The model against a naive oracle under random changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/model.h"
#include "fake/model_oracle.h"

#define TICK_NS 4000000U
#define STEPS 600

static unsigned int done, refused; /* changes of all seeds */

static void take_step(struct oracle *oracle, struct model *model, unsigned int seed, int step)
{
	struct errs errors = {0};
	struct config *config = NULL;
	struct change change;
	bool is_expected;

	oracle_random_change(oracle, model, &change, &config);
	is_expected = oracle_apply(oracle, &change);
	if ((model_apply(model, &change, 1, 0, &errors) == 0) != is_expected)
		fail_msg("seed %u step %d type %d: expected %s, got %s", seed, step,
			 (int)change.type, is_expected ? "ok" : "refusal",
			 errors.count ? errors.list[0].text : "ok");
	done += is_expected;
	refused += !is_expected;
	oracle_assert_equal(oracle, model);
	config_free(config);
	errs_done(&errors);
}

static void test_random_changes(void **state)
{
	unsigned int seed;
	int step;

	(void)state;
	for (seed = 1; seed <= 8; seed++) {
		struct event_log *log = event_log_new(1024);
		struct model *model = model_new(log, TICK_NS);
		struct oracle *oracle = oracle_new(seed);

		for (step = 0; step < STEPS; step++)
			take_step(oracle, model, seed, step);
		oracle_free(oracle);
		model_free(model);
		event_log_free(log);
	}
	assert_true(done > 1000 && refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
