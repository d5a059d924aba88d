/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rise and fall: every (state, streak, result), and the pauses between probes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/health_state.h"

static const struct check_config check = {
	.type = CHECK_TCP,
	.interval_ms = 2000,
	.timeout_ms = 1000,
	.fast_ms = 500,
	.down_ms = 5000,
	.fall = 3,
	.rise = 2,
	.jitter_percent = 10,
};

struct row {
	enum health_state state;
	uint32_t streak;
	enum probe_result result;
	enum health_state next;
	uint32_t next_streak;
};

_Static_assert(HEALTH_STATE_MAX == 3 && PROBE_RESULT_MAX == 3, "another one takes rows below");

static void every_state_and_result(void **state)
{
	static const struct row rows[] = {
		{HEALTH_UNKNOWN, 0, PROBE_PASS, HEALTH_UP, 0},
		{HEALTH_UNKNOWN, 0, PROBE_FAIL, HEALTH_UNKNOWN, 1},
		{HEALTH_UNKNOWN, 0, PROBE_UNDECIDED, HEALTH_UNKNOWN, 0},
		{HEALTH_UNKNOWN, 1, PROBE_PASS, HEALTH_UP, 0},
		{HEALTH_UNKNOWN, 1, PROBE_FAIL, HEALTH_UNKNOWN, 2},
		{HEALTH_UNKNOWN, 1, PROBE_UNDECIDED, HEALTH_UNKNOWN, 1},
		{HEALTH_UNKNOWN, 2, PROBE_PASS, HEALTH_UP, 0},
		{HEALTH_UNKNOWN, 2, PROBE_FAIL, HEALTH_DOWN, 0},
		{HEALTH_UNKNOWN, 2, PROBE_UNDECIDED, HEALTH_UNKNOWN, 2},
		{HEALTH_UP, 0, PROBE_PASS, HEALTH_UP, 0},
		{HEALTH_UP, 0, PROBE_FAIL, HEALTH_UP, 1},
		{HEALTH_UP, 0, PROBE_UNDECIDED, HEALTH_UP, 0},
		{HEALTH_UP, 1, PROBE_PASS, HEALTH_UP, 0},
		{HEALTH_UP, 1, PROBE_FAIL, HEALTH_UP, 2},
		{HEALTH_UP, 1, PROBE_UNDECIDED, HEALTH_UP, 1},
		{HEALTH_UP, 2, PROBE_PASS, HEALTH_UP, 0},
		{HEALTH_UP, 2, PROBE_FAIL, HEALTH_DOWN, 0},
		{HEALTH_UP, 2, PROBE_UNDECIDED, HEALTH_UP, 2},
		{HEALTH_DOWN, 0, PROBE_PASS, HEALTH_DOWN, 1},
		{HEALTH_DOWN, 0, PROBE_FAIL, HEALTH_DOWN, 0},
		{HEALTH_DOWN, 0, PROBE_UNDECIDED, HEALTH_DOWN, 0},
		{HEALTH_DOWN, 1, PROBE_PASS, HEALTH_UP, 0},
		{HEALTH_DOWN, 1, PROBE_FAIL, HEALTH_DOWN, 0},
		{HEALTH_DOWN, 1, PROBE_UNDECIDED, HEALTH_DOWN, 1},
	};
	unsigned int seen[HEALTH_STATE_MAX][3][PROBE_RESULT_MAX] = {0};
	size_t i;

	(void)state;
	/* Three streaks for unknown and up (below fall), two for down (below rise), each once. */
	assert_int_equal(ARRAY_SIZE(rows), (3 + 3 + 2) * PROBE_RESULT_MAX);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct health_machine machine = {
			.state = rows[i].state, .streak = rows[i].streak, .is_new = true};
		bool is_changed = health_state_feed(&machine, &check, rows[i].result);

		assert_int_equal(seen[rows[i].state][rows[i].streak][rows[i].result]++, 0);
		if (machine.state != rows[i].next || machine.streak != rows[i].next_streak ||
		    machine.is_new != is_changed || is_changed != (rows[i].state != rows[i].next))
			fail_msg("row %zu: state %d streak %u", i, machine.state, machine.streak);
	}
}

static void one_failure_can_be_enough(void **state)
{
	struct check_config strict = check;
	struct health_machine machine;

	(void)state;
	strict.fall = strict.rise = 1;
	health_state_init(&machine, HEALTH_UP);
	assert_true(health_state_feed(&machine, &strict, PROBE_FAIL));
	assert_int_equal(machine.state, HEALTH_DOWN);
	assert_true(health_state_feed(&machine, &strict, PROBE_PASS));
	assert_int_equal(machine.state, HEALTH_UP);
}

static void pause_depends_on_doubt(void **state)
{
	struct health_machine machine;
	/* The middle of the jitter. */
	const uint32_t middle = UINT32_MAX / 2 + 1;

	(void)state;
	health_state_init(&machine, HEALTH_UP);
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 2000);
	machine.streak = 1;
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 500);
	health_state_init(&machine, HEALTH_DOWN);
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 5000);
	machine.is_new = true;
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 2500);
	assert_int_equal(health_state_delay_ms(&machine, &check, 0), 1);
	machine.is_new = false;
	machine.streak = 1;
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 500);
	health_state_init(&machine, HEALTH_UNKNOWN);
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 500);
}

static void suspicion_makes_it_fast(void **state)
{
	const uint32_t middle = UINT32_MAX / 2 + 1;
	struct check_config slow = check;
	struct health_machine machine;

	(void)state;
	health_state_init(&machine, HEALTH_UP);
	machine.is_suspect = true;
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 500);
	/* Never slower than without. */
	slow.fast_ms = 9000;
	assert_int_equal(health_state_delay_ms(&machine, &slow, middle), 2000);
	machine.is_suspect = false;
	machine.streak = 1;
	assert_int_equal(health_state_delay_ms(&machine, &slow, middle), 2000);
	machine.streak = 0;
	/* One that is down is out already. */
	machine.state = HEALTH_DOWN;
	assert_int_equal(health_state_delay_ms(&machine, &check, middle), 5000);
}

static void jitter_stays_within_its_bounds(void **state)
{
	struct health_machine machine;
	struct check_config tiny = check;
	uint32_t i;

	(void)state;
	health_state_init(&machine, HEALTH_UP);
	assert_int_equal(health_state_delay_ms(&machine, &check, 0), 1800);
	for (i = 0; i < 1000; i++) {
		uint32_t ms = health_state_delay_ms(&machine, &check, i * 4294967U);

		assert_in_range(ms, 1800, 2199);
		assert_in_range(health_state_first_delay_ms(&check, i * 4294967U), 0, 1999);
	}
	assert_in_range(health_state_delay_ms(&machine, &check, UINT32_MAX), 2199, 2200);
	tiny.interval_ms = 0;
	assert_int_equal(health_state_delay_ms(&machine, &tiny, 0), 1);
}

/* DESIGN: refused within 3.5 s, silent within 6.5 s with the defaults, whatever the jitter. */
static void worst_time_to_take_out(void **state)
{
	const uint32_t costs_ms[] = {0, check.timeout_ms};
	const uint32_t bounds_ms[] = {3500, 6500};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(costs_ms); i++) {
		struct health_machine machine;
		uint32_t ms = 0;

		health_state_init(&machine, HEALTH_UP);
		do {
			ms += health_state_delay_ms(&machine, &check, UINT32_MAX) + costs_ms[i];
		} while (!health_state_feed(&machine, &check, PROBE_FAIL));
		assert_in_range(ms, 3000 + 3 * costs_ms[i], bounds_ms[i]);
	}
}

/* From when the last one was due after a pass, from its end after anything else. */
static void next_probe(void **state)
{
	static const uint64_t due = 50000000;
	const uint32_t middle = UINT32_MAX / 2 + 1;
	struct health_machine up = {.state = HEALTH_UP},
			      doubted = {.state = HEALTH_UP, .streak = 1};

	(void)state;
	assert_int_equal(health_state_next_us(&up, &check, PROBE_PASS, due, due + 900000, middle),
			 due + 2000000);
	assert_int_equal(
		health_state_next_us(&doubted, &check, PROBE_FAIL, due, due + 1000000, middle),
		due + 1500000);
	assert_int_equal(
		health_state_next_us(&up, &check, PROBE_UNDECIDED, due, due + 1000000, middle),
		due + 3000000);
	/* Late by less than an interval: at once. */
	assert_int_equal(health_state_next_us(&up, &check, PROBE_PASS, due, due + 3000000, middle),
			 due + 3001000);
	/* By more: anywhere within one. */
	assert_int_equal(health_state_next_us(&up, &check, PROBE_PASS, due, due + 9000000, 0),
			 due + 9001000);
	assert_int_equal(health_state_next_us(&up, &check, PROBE_PASS, due, due + 9000000, middle),
			 due + 10001000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_result),
		cmocka_unit_test(one_failure_can_be_enough),
		cmocka_unit_test(pause_depends_on_doubt),
		cmocka_unit_test(suspicion_makes_it_fast),
		cmocka_unit_test(jitter_stays_within_its_bounds),
		cmocka_unit_test(worst_time_to_take_out),
		cmocka_unit_test(next_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
