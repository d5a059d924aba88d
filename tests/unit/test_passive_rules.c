/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What packets do to a cell of watched flows: every state with every packet, over the years. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sluice/abi.h>

#include "../../bpf/passive_rules.h"

#define WAIT SLUICE_PASSIVE_WAIT_S
#define FLOW 0x0123456789abcdefULL
#define OTHER (FLOW ^ 1ULL << 20) /* in the same cell */
#define NOW 1000

/* The cell is somebody's whose last SYN is so old; 0: it is free. */
struct row {
	const char *name;
	uint64_t cell;
	bool is_syn;
	uint32_t counts;
	uint64_t after;
};

static uint64_t cell(uint64_t flow, uint32_t age, uint32_t member, uint64_t flags)
{
	return SLUICE_PASSIVE(sluice_passive_tag(flow), NOW - age, member) | flags;
}

/* The packet is of FLOW and goes to member 7. */
static void test_rules(void **state)
{
	const uint64_t again = SLUICE_PASSIVE_F_REPEATED, fresh = cell(FLOW, 0, 7, 0);
	const struct row rows[] = {
		{"first", 0, true, PASSIVE_OPENED, fresh},
		{"repeated at once", fresh, true, PASSIVE_REPEATED, fresh | again},
		{"repeated late", cell(FLOW, WAIT, 7, 0), true, PASSIVE_REPEATED, fresh | again},
		{"repeated more", cell(FLOW, 3, 7, again), true, 0, fresh | again},
		{"repeated too late", cell(FLOW, WAIT + 1, 7, again), true, PASSIVE_OPENED, fresh},
		{"goes elsewhere", cell(FLOW, 3, 8, again), true, PASSIVE_OPENED | PASSIVE_LOST,
		 fresh},
		{"elsewhere, late", cell(FLOW, WAIT + 1, 8, 0), true, PASSIVE_OPENED, fresh},
		{"takes a cell", cell(OTHER, WAIT, 7, again), true, PASSIVE_OPENED | PASSIVE_LOST,
		 fresh},
		{"takes an old cell", cell(OTHER, WAIT + 1, 8, 0), true, PASSIVE_OPENED, fresh},
		{"of long ago", cell(FLOW, 0xfe00, 7, 0), true, PASSIVE_OPENED, fresh},
		{"followed", fresh, false, PASSIVE_FOLLOWED, 0},
		{"followed late", cell(FLOW, WAIT, 7, again), false, PASSIVE_FOLLOWED, 0},
		{"followed too late", cell(FLOW, WAIT + 1, 7, 0), false, 0, 0},
		{"followed elsewhere", cell(FLOW, 1, 8, 0), false, PASSIVE_LOST, 0},
		{"followed elsewhere, late", cell(FLOW, WAIT + 1, 8, 0), false, 0, 0},
		{"not watched", 0, false, 0, 0},
		{"another one waits", cell(OTHER, 1, 7, 0), false, 0, cell(OTHER, 1, 7, 0)},
		{"another one has waited", cell(OTHER, WAIT + 9, 7, 0), false, 0,
		 cell(OTHER, WAIT + 9, 7, 0)},
		/* By the clock of another CPU. */
		{"from the future", cell(FLOW, (uint32_t)-1, 7, 0), false, PASSIVE_FOLLOWED, 0},
		{"repeated from the future", cell(FLOW, (uint32_t)-1, 7, 0), true, PASSIVE_REPEATED,
		 fresh | again},
	};
	uint32_t counts;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t after = passive_next(rows[i].cell, FLOW, 7, NOW, rows[i].is_syn, &counts);

		if (after != rows[i].after || counts != rows[i].counts)
			fail_msg("%s: counts %x, cell %llx", rows[i].name, counts,
				 (unsigned long long)after);
	}
}

/* Seconds wrap after 18 hours. */
static void test_wrap(void **state)
{
	uint64_t waiting;
	uint32_t counts;

	(void)state;
	waiting = passive_next(0, FLOW, 7, 0x1fffe, true, &counts);
	assert_true(passive_is_waiting(waiting, 0x20000));
	assert_true(passive_is_waiting(waiting, 0x1fffe + WAIT));
	assert_false(passive_is_waiting(waiting, 0x1fffe + WAIT + 1));
	assert_int_equal(passive_next(waiting, FLOW, 7, 0x20001, false, &counts), 0);
	assert_int_equal(counts, PASSIVE_FOLLOWED);
	assert_false(passive_is_waiting(0, 0));
}

/* What is kept of a flow is all of its own: also where sources choose the slot, and in the sample. */
static void test_bits(void **state)
{
	const uint64_t widest = SLUICE_PASSIVE(0xfffff, 0xffff, 0xffffff);

	(void)state;
	assert_int_equal(SLUICE_PASSIVE_TAG(widest), 0xfffff);
	assert_int_equal(SLUICE_PASSIVE_SEEN(widest), 0xffff);
	assert_int_equal(SLUICE_PASSIVE_MEMBER(widest), 0xffffff);
	assert_false(widest & SLUICE_PASSIVE_F_REPEATED);
	for (int bit = 0; bit < 64; bit++) {
		uint64_t hash = 1ULL << bit;
		bool is_own = bit < 64 - SLUICE_SLOTS_LOG2_MAX;
		bool is_used = !sluice_passive_is_sampled(hash) || sluice_passive_cell(hash) ||
			       sluice_passive_tag(hash);

		assert_true(is_own || !is_used);
		/* Each says one thing only: the sample fills all cells, with all tags. */
		assert_true(!sluice_passive_is_sampled(hash) + !!sluice_passive_cell(hash) +
				    !!sluice_passive_tag(hash) <=
			    1);
	}
	assert_true(sluice_passive_cell(~0ULL) == SLUICE_PASSIVE_CELLS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_bits),
	};

	return cmocka_run_group_tests_name("passive_rules", tests, NULL, NULL);
}
