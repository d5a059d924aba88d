/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which entries may go, and what is lost with those that go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "core/flow_sweep.h"

#define NOW 65540U /* wrapped a moment ago */
#define EXC SLUICE_SLOT_F_EXC
#define LEARN SLUICE_SLOT_F_LEARN
#define ALIVE SLUICE_MEMBER(1, SLUICE_MODE_IPIP, 5, 1500)

struct row {
	const char *name;
	enum dp_flow_table table;
	uint32_t idle_s, epoch;
	uint64_t flags, member_word, slot_word;
	enum flow_fate fate;
};

static const struct row rows[] = {
	{"in use", DP_FLOW_FLOWS, 1, 5, 0, ALIVE, SLUICE_SLOT(2, 1) | EXC | LEARN, FLOW_KEPT},
	{"of nobody", DP_FLOW_FLOWS, 1, 5, 0, 0, SLUICE_SLOT(2, 1) | EXC, FLOW_STALE},
	{"dead", DP_FLOW_FLOWS, 1, 5, 0, ALIVE | SLUICE_MEMBER_F_DEAD, SLUICE_SLOT(2, 1) | EXC,
	 FLOW_STALE},
	{"died since", DP_FLOW_FLOWS, 1, 4, 0, ALIVE, SLUICE_SLOT(2, 1) | EXC, FLOW_STALE},
	{"pending", DP_FLOW_PENDING, 10, 5, 0, ALIVE, 0, FLOW_KEPT},
	{"pending, over", DP_FLOW_PENDING, 11, 5, 0, ALIVE, 0, FLOW_EXPIRED},
	/* Its time is written once in 4 s: so old, it has spoken 300 s ago at most. */
	{"silent", DP_FLOW_FLOWS, 305, 5, 0, ALIVE, SLUICE_SLOT(2, 2) | EXC, FLOW_KEPT},
	{"silent for too long", DP_FLOW_FLOWS, 306, 5, 0, ALIVE, SLUICE_SLOT(2, 2) | EXC,
	 FLOW_EXPIRED},
	{"tracked, silent for too long", DP_FLOW_TRACKED, 306, 5, 0, ALIVE, SLUICE_SLOT(2, 2),
	 FLOW_EXPIRED},
	{"closing", DP_FLOW_FLOWS, 60, 5, SLUICE_FLOW_F_CLOSING, ALIVE, SLUICE_SLOT(2, 2) | EXC,
	 FLOW_KEPT},
	{"closed", DP_FLOW_FLOWS, 61, 5, SLUICE_FLOW_F_CLOSING, ALIVE, SLUICE_SLOT(2, 2) | EXC,
	 FLOW_EXPIRED},
	{"written on another CPU after we looked", DP_FLOW_PENDING, (uint32_t)-1, 5, 0, ALIVE, 0,
	 FLOW_KEPT},
	{"goes there anyway", DP_FLOW_FLOWS, 1, 5, 0, ALIVE, SLUICE_SLOT(1, 1) | EXC,
	 FLOW_REDUNDANT},
	{"what has been learned", DP_FLOW_FLOWS, 1, 5, 0, ALIVE, SLUICE_SLOT(2, 1) | EXC | LEARN,
	 FLOW_KEPT},
	{"learned in a window", DP_FLOW_FLOWS, 1, 5, 0, ALIVE, SLUICE_SLOT(1, 1) | EXC | LEARN,
	 FLOW_KEPT},
	{"of a slot at rest", DP_FLOW_FLOWS, 1, 5, 0, ALIVE, SLUICE_SLOT(2, 2), FLOW_REDUNDANT},
	{"pending, goes there anyway", DP_FLOW_PENDING, 1, 5, 0, ALIVE, 0, FLOW_KEPT},
	{"tracked", DP_FLOW_TRACKED, 1, 5, 0, ALIVE, SLUICE_SLOT(1, 1), FLOW_KEPT},
};

static void test_fates(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct flow_sweep_case c = {
			.table = row->table,
			.value = SLUICE_FLOW(1, row->epoch, NOW - row->idle_s) | row->flags,
			.now_s = NOW,
			.member_word = row->member_word,
			.slot_word = row->slot_word,
			.pending_life_s = 10,
			.closing_life_s = 60,
			.refresh_s = 4,
			.silence_s = 300,
		};

		if (flow_sweep_fate(&c) != row->fate)
			fail_msg("%s: fate %d", row->name, flow_sweep_fate(&c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fates),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
