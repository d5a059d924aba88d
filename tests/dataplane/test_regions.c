/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What sources owe when their limit moves, on real maps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <sluice/gcra.h>

#include "base/util.h"
#include "dataplane/fixture.h"
#include "dataplane/space.h"

#define INSTANCE "sld-test-region"
#define SIZE (SLUICE_LIMIT_F_USED | 1ULL << 32) /* two sets */
#define BYTES (instance_capacity.limit_sets * sizeof(struct sluice_limit_set))

static struct sluice_limit_set *sets;
static uint32_t second;

/* Sets 4 and 5, in ms, and 8 and 9, in 16 ms; a debt may be of six days. */
static const struct sluice_limit from = {
	.id = 5, .word = SIZE | 4 | 24ULL << 38, .rate = SLUICE_LIMIT_RATE(1 << 10, 1 << 29)};
static const struct sluice_limit to = {
	.id = 5, .word = SIZE | 8 | 28ULL << 38, .rate = SLUICE_LIMIT_RATE(1 << 6, 1 << 25)};

static int set_up(void **state)
{
	fixture_set_up(state);
	sets = instance_map(INSTANCE, SLUICE_MAP_LIMIT_SETS, BYTES);
	assert_int_equal(port.ops->packet_second(port.dp, &second), 0);
	return 0;
}

static int tear_down(void **state)
{
	munmap(sets, BYTES);
	return fixture_tear_down(state);
}

/* Of the old region, and of the new one. */
static uint64_t old_word(uint16_t tag, uint32_t owed_ms)
{
	return SLUICE_SRC(tag, sluice_gcra_seen((uint64_t)second << 30), (second << 10) + owed_ms);
}

static uint64_t new_word(uint16_t tag, uint32_t owed_ms)
{
	return SLUICE_SRC(tag, sluice_gcra_seen((uint64_t)second << 30),
			  (second << 6) + (owed_ms >> 4));
}

static void assert_owes(uint64_t word, uint16_t tag, uint32_t owed_ms)
{
	assert_int_equal(SLUICE_SRC_TAG(word), tag);
	assert_in_range(SLUICE_SRC_TAT(word) - SLUICE_SRC_TAT(new_word(tag, owed_ms)), 0, 1);
}

/* In its unit; what was there is gone. */
static void test_debts_move(void **state)
{
	struct sluice_limit other = to;

	(void)state;
	sets[5].source[3] = old_word(7, 1 << 20);
	sets[9].source[2] = SLUICE_SRC(9, 1, 1);
	assert_int_equal(port.ops->limit_move_region(port.dp, &from, &to), 0);
	assert_true(sets[5].source[3] == old_word(7, 1 << 20));
	assert_true(sets[9].source[2] == 0);
	assert_owes(sets[9].source[3], 7, 1 << 20);
	other.word += 1ULL << 32;
	assert_int_equal(port.ops->limit_move_region(port.dp, &from, &other), -EINVAL);
	other.word = SIZE | (instance_capacity.limit_sets - 1);
	assert_int_equal(port.ops->limit_move_region(port.dp, &from, &other), -EINVAL);
}

/* Packets go on while sources move. */
static void test_later_charges_follow(void **state)
{
	(void)state;
	assert_int_equal(port.ops->limit_set(port.dp, 5, &from), 0);
	sets[4].source[0] = old_word(1, 1 << 20);
	sets[5].source[3] = old_word(7, 1 << 20);
	sets[5].source[4] = old_word(8, 1 << 20);
	assert_int_equal(port.ops->limit_move_region(port.dp, &from, &to), 0);
	sets[5].source[3] = old_word(7, 1 << 21); /* charged */
	sets[5].source[6] = old_word(9, 1 << 22); /* come */
	sets[9].source[4] = new_word(8, 1 << 22); /* charged where it is now */
	assert_int_equal(port.ops->limit_set(port.dp, 5, &to), 0);
	assert_owes(sets[8].source[0], 1, 1 << 20);
	assert_owes(sets[9].source[3], 7, 1 << 21);
	assert_owes(sets[9].source[4], 8, 1 << 22);
	assert_owes(sets[9].source[0], 9, 1 << 22);
	/* Once. */
	sets[9].source[3] = 0;
	assert_int_equal(port.ops->limit_set(port.dp, 5, &to), 0);
	assert_true(sets[9].source[3] == 0);
}

/* A region that was filled for a limit that did not come there. */
static void test_another_comes(void **state)
{
	(void)state;
	sets[5].source[3] = old_word(7, 1 << 20);
	assert_int_equal(port.ops->limit_move_region(port.dp, &from, &to), 0);
	assert_int_equal(port.ops->limit_clear_region(port.dp, 8, 1), 0);
	assert_int_equal(port.ops->limit_set(port.dp, 6, &to), 0);
	assert_true(sets[9].source[3] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_debts_move, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_later_charges_follow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_comes, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	space_require_root();
	fixture_name(INSTANCE);
	return cmocka_run_group_tests_name("regions", tests, NULL, NULL);
}
