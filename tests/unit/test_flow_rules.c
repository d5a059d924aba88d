/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules of slots in motion, compiled for this machine: the cases of docs/flows.md once more, where
 * sanitizers see every access. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_dataplane.h"
#include "fake/fake_path.h"
#include "fake/flow_cases.h"

#define START_S 5000U
#define FINGERPRINT 0xfedcba9876543212ULL
#define LOG2 12

static const enum dp_flow_table tables[FLOW_CASE_TABLES] = {
	[FLOW_CASE_FLOWS] = DP_FLOW_FLOWS,
	[FLOW_CASE_PENDING] = DP_FLOW_PENDING,
	[FLOW_CASE_TRACKED] = DP_FLOW_TRACKED,
};

static uint32_t sets_of(const struct fake_dataplane *fake, int table)
{
	return table == FLOW_CASE_FLOWS	    ? fake->capacity.flow_sets
	       : table == FLOW_CASE_PENDING ? fake->capacity.pending_sets
					    : fake->capacity.tracked_sets;
}

static void set_case(struct fake_dataplane *fake, const struct flow_case *c)
{
	uint32_t i;
	int t;

	/* The first jiffy in the second. */
	fake->now_ms = (((uint64_t)START_S << 30) / 1000000 / 4 + 1) * 4;
	fake->flow_settings = flow_case_settings;
	if (c->is_pressure) {
		fake->flow_stats.second = START_S;
		fake->flow_settings.pending_per_s = 0;
	}
	for (i = 1; i <= FLOW_CASES_MEMBERS; i++)
		fake->members[i].word = SLUICE_MEMBER(1, SLUICE_MODE_L2, FLOW_CASE_EPOCH(i), 1500) |
					(c->is_dead[i] ? SLUICE_MEMBER_F_DEAD : 0) |
					(c->is_draining[i] ? SLUICE_MEMBER_F_DRAIN : 0) |
					(c->is_refusing[i] ? SLUICE_MEMBER_F_DOWN : 0);
	for (i = 0; i < 1U << LOG2; i++) {
		fake->slots[i] = SLUICE_SLOT(c->cur, c->def) | c->flags;
		fake->runner[i] = c->runner;
	}
	for (t = 0; t < FLOW_CASE_TABLES; t++)
		flow_case_place(c, t, fake->flows[tables[t]], sets_of(fake, t), FINGERPRINT,
				START_S);
}

static int run_case(const struct flow_case *c)
{
	const struct dp_capacity capacity = fake_dataplane_capacity();
	const struct dp_service service = {.slots_log2 = LOG2, .is_tracked = c->is_tracked};
	struct fake_dataplane *fake = fake_dataplane_new(&capacity);
	enum fake_packet packet = c->tcp_flags & 0x05	? FAKE_CLOSE
				  : c->tcp_flags & 0x02 ? FAKE_SYN
							: FAKE_DATA;
	uint32_t slot = sluice_flow_slot(FINGERPRINT, LOG2);
	int t, wrong;

	set_case(fake, c);
	wrong = flow_case_differs(c, "the member",
				  fake_path_send(fake, &service, FINGERPRINT, packet), c->goes_to);
	for (t = 0; t < FLOW_CASE_TABLES; t++)
		wrong += flow_case_differs(
			c, flow_case_table_name(t),
			flow_case_find(fake->flows[tables[t]], sets_of(fake, t), FINGERPRINT, NULL),
			flow_case_value(&c->after[t], START_S));
	wrong += flow_case_differs(c, "the slot", fake->slots[slot],
				   SLUICE_SLOT(c->cur, c->def) | c->flags_after);
	fake_dataplane_free(fake);
	return wrong;
}

static void test_cases(void **state)
{
	(void)state;
	assert_int_equal(flow_cases_run(FLOW_CASES_FILE, run_case), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests_name("flow rules", tests, NULL, NULL);
}
