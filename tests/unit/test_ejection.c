/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rules about members together: the cap, panic and fallback, and whose fault it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "core/ejection.h"

static void cap(void **state)
{
	static const size_t rows[][2] = {{0, 0}, {1, 0},  {2, 1},   {3, 1},    {4, 1},	   {5, 1},
					 {6, 2}, {8, 2},  {9, 3},   {10, 3},   {12, 4},	   {99, 33},
					 {7, 2}, {11, 3}, {30, 10}, {100, 33}, {1000, 333}};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(ejection_cap(rows[i][0]), rows[i][1]);
	/* In whole members: never more than a third but for one, and always somebody left. */
	for (i = 2; i < 500; i++) {
		assert_true(ejection_cap(i) >= 1 && ejection_cap(i) < i);
		assert_true(ejection_cap(i) == 1 || 3 * ejection_cap(i) <= i);
	}
}

_Static_assert(EJECTION_RANK_MAX == 3 && PANIC_MAX == 4 && GATEWAY_STATE_MAX == 3,
	       "another one takes rows below");

static void panic(void **state)
{
	static const struct {
		struct panic_question q;
		enum ejection_panic answer;
		enum ejection_rank rank;
	} rows[] = {
		{{.admitted = 1}, PANIC_NONE, 0},
		{{.admitted = 1, .out = {9, 9, 9}, .fallback = 2}, PANIC_NONE, 0},
		{{.admitted = 1, .out = {9, 9, 9}, .min_wanted = 1}, PANIC_NONE, 0},
		/* All in maintenance: nobody to re-admit. */
		{{0}, PANIC_NONE, 0},
		{{.is_drop = true}, PANIC_NONE, 0},
		{{.fallback = 1}, PANIC_FALLBACK, 0},
		{{.fallback = 1, .out = {1, 1, 1}, .is_drop = true}, PANIC_FALLBACK, 0},
		{{.out = {1, 1, 1}, .is_drop = true}, PANIC_DROP, 0},
		{{.out = {1, 1, 1}}, PANIC_READMIT, EJECTION_TRIED},
		{{.out = {0, 1, 1}}, PANIC_READMIT, EJECTION_ANSWERED},
		{{.out = {0, 0, 3}}, PANIC_READMIT, EJECTION_SILENT},
		/* Too few, as configured. */
		{{.admitted = 2, .min_wanted = 3, .out = {1, 1, 1}}, PANIC_READMIT, EJECTION_TRIED},
		{{.admitted = 1, .min_wanted = 3, .out = {1, 1, 1}},
		 PANIC_READMIT,
		 EJECTION_ANSWERED},
		{{.admitted = 1, .min_wanted = 9, .out = {1, 0, 1}},
		 PANIC_READMIT,
		 EJECTION_SILENT},
		{{.admitted = 1, .min_wanted = 9, .out = {1, 0, 0}}, PANIC_READMIT, EJECTION_TRIED},
		{{.admitted = 1, .min_wanted = 9}, PANIC_NONE, 0},
		{{.admitted = 1, .min_wanted = 2, .fallback = 1, .out = {1, 1, 1}},
		 PANIC_FALLBACK,
		 0},
		{{.admitted = 1, .min_wanted = 2, .out = {0, 1, 0}, .is_drop = true},
		 PANIC_DROP,
		 0},
	};
	unsigned int seen[PANIC_MAX][EJECTION_RANK_MAX] = {0};
	enum ejection_rank rank;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("# row %zu\n", i);
		rank = 0;
		assert_int_equal(ejection_panic(&rows[i].q, &rank), rows[i].answer);
		assert_int_equal(rank, rows[i].rank);
		seen[rows[i].answer][rows[i].rank]++;
	}
	for (i = 0; i < PANIC_MAX; i++)
		assert_true(seen[i][0] > 0);
	for (i = 0; i < EJECTION_RANK_MAX; i++)
		assert_true(seen[PANIC_READMIT][i] > 0);
}

/* Whoever can serve does, unless told to drop; nobody more than needed is re-admitted. */
static void panic_always(void **state)
{
	struct panic_question q;
	enum ejection_rank rank;
	unsigned int n;

	(void)state;
	for (n = 0; n < 4 * 4 * 3 * 3 * 3 * 3 * 2; n++) {
		unsigned int rest = n;
		size_t all, before = 0, r;
		enum ejection_panic answer;

		q = (struct panic_question){0};
		q.admitted = rest % 4, rest /= 4;
		q.min_wanted = rest % 4, rest /= 4;
		q.fallback = rest % 3, rest /= 3;
		for (r = 0; r < EJECTION_RANK_MAX; r++)
			q.out[r] = rest % 3, rest /= 3;
		q.is_drop = rest;
		all = q.out[0] + q.out[1] + q.out[2];
		answer = ejection_panic(&q, &rank);
		if (!q.admitted && q.fallback)
			assert_int_equal(answer, PANIC_FALLBACK);
		if (!q.admitted && !q.fallback && all && !q.is_drop)
			assert_int_equal(answer, PANIC_READMIT);
		if (answer != PANIC_READMIT)
			continue;
		assert_true(q.out[rank] > 0);
		for (r = 0; r < rank; r++)
			before += q.out[r];
		assert_true(q.admitted + before < MAX(q.min_wanted, 1));
	}
}

static void whose_fault(void **state)
{
	static const enum local_fault wanted[] = {
		/* by gateway: fine, in doubt, failed; each with some checks passing, then none */
		LOCAL_FAULT_NONE,
		LOCAL_FAULT_NONE,
		LOCAL_FAULT_NONE,
		LOCAL_FAULT_NONE,
		LOCAL_FAULT_GATEWAY,
		LOCAL_FAULT_GATEWAY,
		/* the same when all gateways have been silent for long: a doubt alone is a late answer */
		LOCAL_FAULT_NONE,
		LOCAL_FAULT_ALL,
		LOCAL_FAULT_NONE,
		LOCAL_FAULT_ALL,
		LOCAL_FAULT_GATEWAY,
		LOCAL_FAULT_GATEWAY,
	};
	struct local_evidence e = {0};
	unsigned int i;

	(void)state;
	for (i = 0; i < 2 * ARRAY_SIZE(wanted); i++) {
		e.is_carrier_lost = i >= ARRAY_SIZE(wanted);
		e.gateway = i % 6 / 2;
		e.is_gateway_silent = i % ARRAY_SIZE(wanted) >= 6;
		e.is_all_failing = i & 1;
		assert_int_equal(ejection_local_fault(&e),
				 e.is_carrier_lost ? LOCAL_FAULT_CARRIER
						   : wanted[i % ARRAY_SIZE(wanted)]);
	}
}

static void one_gateway(void **state)
{
	static const struct {
		struct gateway_evidence evidence;
		enum gateway_state wanted;
	} cases[] = {
		{{0}, GATEWAY_FINE},
		{{.is_passable = true}, GATEWAY_FINE},
		/* A question is out, and an answer takes its time. */
		{{.unanswered_ms = 1}, GATEWAY_FINE},
		{{.unanswered_ms = GATEWAY_LATE_MS - 1}, GATEWAY_FINE},
		{{.unanswered_ms = GATEWAY_LATE_MS}, GATEWAY_DOUBTFUL},
		{{.unanswered_ms = GATEWAY_SILENT_MS - 1}, GATEWAY_DOUBTFUL},
		{{.unanswered_ms = GATEWAY_SILENT_MS}, GATEWAY_FAILED},
		{{.unanswered_ms = UINT64_MAX}, GATEWAY_FAILED},
		/* Packets pass it: no more than a doubt, until the kernel itself gives up. */
		{{.unanswered_ms = GATEWAY_LATE_MS, .is_passable = true}, GATEWAY_DOUBTFUL},
		{{.unanswered_ms = UINT64_MAX, .is_passable = true}, GATEWAY_DOUBTFUL},
		{{.has_failed = true}, GATEWAY_FAILED},
		{{.has_failed = true, .unanswered_ms = 1}, GATEWAY_FAILED},
		/* It gave up, and they pass: answers were lost, or will not come. */
		{{.has_failed = true, .is_passable = true}, GATEWAY_DOUBTFUL},
		{{.has_failed = true, .unanswered_ms = 1, .is_passable = true}, GATEWAY_DOUBTFUL},
		{{.has_failed = true,
		  .unanswered_ms = GATEWAY_GIVEN_UP_MS - 1,
		  .is_passable = true},
		 GATEWAY_DOUBTFUL},
		{{.has_failed = true, .unanswered_ms = GATEWAY_GIVEN_UP_MS, .is_passable = true},
		 GATEWAY_FAILED},
		{{.has_failed = true, .unanswered_ms = UINT64_MAX, .is_passable = true},
		 GATEWAY_FAILED},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct gateway_evidence *evidence = &cases[i].evidence;

		assert_int_equal(ejection_gateway(evidence), cases[i].wanted);
		/* It is a doubt while it is waited for, and such a doubt only then. */
		assert_int_equal(ejection_gateway_is_waited_for(evidence),
				 evidence->has_failed && cases[i].wanted == GATEWAY_DOUBTFUL);
	}
}

/* Every mixture of up to two of each. */
static void all_gateways(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 54; i++) {
		const size_t count[GATEWAY_STATE_MAX] = {
			[GATEWAY_FINE] = i % 3,
			[GATEWAY_DOUBTFUL] = i / 3 % 3,
			[GATEWAY_FAILED] = i / 9 % 3,
		};
		bool is_only_way = i >= 27;
		enum gateway_state is = ejection_gateways(count, is_only_way);

		/* One that answers will do, and none is none that fails. */
		if (i % 3 || i % 27 == 0)
			assert_int_equal(is, GATEWAY_FINE);
		else if (is_only_way && !(i / 3 % 3))
			assert_int_equal(is, GATEWAY_FAILED);
		else
			assert_int_equal(is, GATEWAY_DOUBTFUL);
	}
}

static void in_doubt(void **state)
{
	(void)state;
	assert_false(ejection_is_in_doubt(0, 0, 5000));
	assert_true(ejection_is_in_doubt(5000, 0, 5000));
	assert_true(ejection_is_in_doubt(5000, 4999, 6000));
	assert_true(ejection_is_in_doubt(5000, 5000, 6000));
	/* A probe passed since. */
	assert_false(ejection_is_in_doubt(5000, 5001, 6000));
	assert_true(ejection_is_in_doubt(5000, 0, 5000 + DOUBT_MAX_MS - 1));
	assert_false(ejection_is_in_doubt(5000, 0, 5000 + DOUBT_MAX_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cap),		cmocka_unit_test(panic),
		cmocka_unit_test(panic_always), cmocka_unit_test(whose_fault),
		cmocka_unit_test(one_gateway),	cmocka_unit_test(all_gateways),
		cmocka_unit_test(in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
