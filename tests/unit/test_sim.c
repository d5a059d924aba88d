/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The simulation in short: every sequence of changes with a 64th of the connections. And that it
 * sees what it looks for: with a rule weakened by configuration, connections must break.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <glob.h>

#include "sim/sim.h"

#define SEQUENCES "tests/sim/sequences/"

static struct sim_result play(const char *path, const struct sim_options *options,
			      char fault[static 320])
{
	struct sequence *sequence = sequence_read(path);
	struct sim_result result;

	assert_non_null(sequence);
	sim_run(sequence, options, &result);
	sim_fault(sequence, &result, fault, 320);
	sequence_free(sequence);
	return result;
}

static void test_all_sequences(void **state)
{
	unsigned int failed = 0;
	uint64_t slots = 0, full = 0;
	char fault[320];
	glob_t found;
	size_t i;

	(void)state;
	assert_int_equal(glob(SEQUENCES "*.txt", 0, NULL, &found), 0);
	for (i = 0; i < found.gl_pathc; i++) {
		struct sim_result result = play(found.gl_pathv[i], &sim_short, fault);

		slots += result.broken[SIM_SLOTS];
		full += result.broken[SIM_FULL];
		assert_true(result.packets > 300000);
		if (!*fault)
			continue;
		print_message("# %s: %s\n", found.gl_pathv[i], fault);
		failed++;
	}
	assert_int_equal(failed, 0);
	/* What the others break shows that something was to be kept. */
	assert_true(slots > 10000 && full > 3000);
	globfree(&found);
}

/* Who answers late meets a change that was not announced. */
static void test_without_announcement(void **state)
{
	struct sim_options options = sim_short;
	struct sim_result result;
	char fault[320];

	(void)state;
	options.pre_ms = 0;
	result = play(SEQUENCES "rolling-all.txt", &options, fault);
	assert_true(result.broken[SIM_OURS] > 0);
	assert_non_null(strstr(fault, "connections broken"));
}

/* Who is silent for longer than the learn window is not known when it ends. */
static void test_short_window(void **state)
{
	struct sim_options options = sim_short;
	struct sim_result result;
	char fault[320];

	(void)state;
	options.learn_s = 100;
	result = play(SEQUENCES "add-one.txt", &options, fault);
	assert_true(result.broken[SIM_OURS] > 0 &&
		    result.broken[SIM_OURS] < result.broken[SIM_SLOTS]);
	assert_non_null(strstr(fault, "connections broken"));
}

/* Nothing breaks where nothing moves: that is a fault, too. */
static void test_nothing_moves(void **state)
{
	struct sim_options options = sim_short;
	char fault[320];

	(void)state;
	options.pre_ms = 3600000;
	play(SEQUENCES "add-one.txt", &options, fault);
	assert_non_null(strstr(fault, "slots are not where they should be"));
}

static void test_bad_sequences(void **state)
{
	static const char *const bad[] = {
		"members 0\n10 end\n",
		"members 100\n",
		"10 add 1\nmembers 100\n20 end\n",
		"members 100\n10 add\n20 end\n",
		"members 100\n10 add 1 2\n20 end\n",
		"members 100\n10 weight 1\n20 end\n",
		"members 100\n10 weight 5-4 1\n20 end\n",
		"members 100\n10 add 201\n20 end\n",
		"members 100\n10 fall 1\n20 end\n",
		"members 100\n10 add 1\n9 add 2\n20 end\n",
		"members 100\n10 syns 5\n20 end\n",
		"members 100\n20 end soon\n",
		"members 100\n20 end\n30 add 1\n",
		"members 100\nmembers 50\n20 end\n",
	};
	char path[] = "/tmp/sluice-sequence-XXXXXX";
	size_t i;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(bad[i], file);
		fclose(file);
		if (sequence_read(path)) {
			print_message("# taken: %s", bad[i]);
			fail();
		}
	}
	unlink(path);
	assert_null(sequence_read(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_sequences),	     cmocka_unit_test(test_bad_sequences),
		cmocka_unit_test(test_without_announcement), cmocka_unit_test(test_short_window),
		cmocka_unit_test(test_nothing_moves),
	};

	return cmocka_run_group_tests_name("simulation", tests, NULL, NULL);
}
