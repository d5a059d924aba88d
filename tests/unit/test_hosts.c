/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Turns of probes: no host gets more than its number, others are not held up, order is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "health/hosts.h"

#define TURNS (HOST_PROBES_MAX + 10)

static struct turn *begun[TURNS]; /* by their turn having come, in order */
static size_t begun_count;

static void on_turn(struct turn *turn)
{
	assert_int_equal(turn->state, TURN_TAKEN);
	begun[begun_count++] = turn;
}

static struct sluice_addr address(uint8_t last)
{
	struct sluice_addr addr = {.b = {[10] = 0xff, 0xff, 10, 0, 0, last}};

	return addr;
}

static void test_budget(void **state)
{
	struct sluice_addr first = address(1), second = address(2);
	struct turn turns[TURNS], other;
	struct hosts *hosts = hosts_new();
	size_t i;

	(void)state;
	begun_count = 0;
	hosts_join(hosts, &other, &second, on_turn);
	for (i = 0; i < TURNS; i++) {
		hosts_join(hosts, &turns[i], &first, on_turn);
		assert_int_equal(turn_take(&turns[i], false), i < HOST_PROBES_MAX);
	}
	assert_int_equal(hosts_running(hosts), HOST_PROBES_MAX);
	assert_int_equal(hosts_waiting(hosts), 10);
	assert_true(turn_take(&other, false)); /* another host is not held up */
	turn_end(&other);

	/* One that waits leaves; the next in order gets the turn of one that ends. */
	turn_end(&turns[HOST_PROBES_MAX]);
	assert_int_equal(hosts_waiting(hosts), 9);
	turn_end(&turns[3]);
	assert_int_equal(begun_count, 1);
	assert_ptr_equal(begun[0], &turns[HOST_PROBES_MAX + 1]);
	/* One that runs leaves: so does it. */
	turn_end(&turns[4]);
	assert_int_equal(begun_count, 2);
	assert_ptr_equal(begun[1], &turns[HOST_PROBES_MAX + 2]);
	assert_int_equal(hosts_running(hosts), HOST_PROBES_MAX);
	turn_end(&turns[3]); /* has none: nothing happens */
	assert_int_equal(begun_count, 2);

	for (i = 0; i < TURNS; i++)
		if (i != 4 && i != HOST_PROBES_MAX)
			turn_end(&turns[i]);
	turn_end(&other);
	assert_int_equal(hosts_running(hosts), 0);
	assert_int_equal(hosts_waiting(hosts), 0);
	hosts_free(hosts);
}

/* Those that fail leave places to those that pass; both get theirs in the order in which they came. */
static void test_failing(void **state)
{
	struct turn failing[TURNS], well[TURNS];
	struct sluice_addr addr = address(1);
	struct hosts *hosts = hosts_new();
	size_t i;

	(void)state;
	begun_count = 0;
	for (i = 0; i < TURNS; i++) {
		hosts_join(hosts, &failing[i], &addr, on_turn);
		hosts_join(hosts, &well[i], &addr, on_turn);
		assert_int_equal(turn_take(&failing[i], true), i < HOST_FAILING_MAX);
	}
	for (i = 0; i < TURNS; i++)
		assert_int_equal(turn_take(&well[i], false),
				 i < HOST_PROBES_MAX - HOST_FAILING_MAX);
	/* One that passes is over: those that fail have come before, but have no place. */
	turn_end(&well[0]);
	assert_int_equal(begun_count, 1);
	assert_ptr_equal(begun[0], &well[HOST_PROBES_MAX - HOST_FAILING_MAX]);
	turn_end(&failing[0]);
	assert_int_equal(begun_count, 2);
	assert_ptr_equal(begun[1], &failing[HOST_FAILING_MAX]);
	/* With nobody else they have theirs, no more. */
	begun_count = 0;
	for (i = 0; i < TURNS; i++)
		turn_end(&well[i]);
	assert_int_equal(hosts_running(hosts), HOST_FAILING_MAX);
	begun_count = 0;
	for (i = 0; i < TURNS; i++)
		turn_end(&failing[i]);
	assert_int_equal(hosts_waiting(hosts), 0);
	hosts_free(hosts);
}

/* Whatever happens in whatever order: never more than the number, and nobody waits without need. */
static void test_random(void **state)
{
	struct hosts *hosts = hosts_new();
	const struct sluice_addr addrs[] = {address(1), address(2)};
	struct turn turns[3 * HOST_PROBES_MAX];
	unsigned int seed = 4711;
	size_t i, step;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(turns); i++)
		hosts_join(hosts, &turns[i], &addrs[i % 2], on_turn);
	for (step = 0; step < 100000; step++) {
		size_t running[2] = {0}, failing[2] = {0};
		size_t waiting[2] = {0}, waiting_failing[2] = {0};
		struct turn *turn = &turns[(size_t)rand_r(&seed) % ARRAY_SIZE(turns)];

		begun_count = 0;
		if (turn->state == TURN_IDLE)
			turn_take(turn, rand_r(&seed) % 2);
		else if (rand_r(&seed) % 2)
			turn_end(turn);
		for (i = 0; i < ARRAY_SIZE(turns); i++) {
			bool is_failing = turns[i].is_failing;

			running[i % 2] += turns[i].state == TURN_TAKEN;
			failing[i % 2] += turns[i].state == TURN_TAKEN && is_failing;
			waiting[i % 2] += turns[i].state == TURN_WAITING && !is_failing;
			waiting_failing[i % 2] += turns[i].state == TURN_WAITING && is_failing;
		}
		for (i = 0; i < 2; i++) {
			assert_true(running[i] <= HOST_PROBES_MAX);
			assert_true(failing[i] <= HOST_FAILING_MAX);
			assert_true(!waiting[i] || running[i] == HOST_PROBES_MAX);
			assert_true(!waiting_failing[i] || running[i] == HOST_PROBES_MAX ||
				    failing[i] == HOST_FAILING_MAX);
		}
		assert_int_equal(hosts_running(hosts), running[0] + running[1]);
		assert_int_equal(hosts_waiting(hosts),
				 waiting[0] + waiting[1] + waiting_failing[0] + waiting_failing[1]);
	}
	for (i = 0; i < ARRAY_SIZE(turns); i++) {
		begun_count = 0;
		turn_end(&turns[i]);
	}
	hosts_free(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_failing),
		cmocka_unit_test(test_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
