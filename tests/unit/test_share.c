/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which rule decides over a member's share: by table, and every combination against what must
 * always hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "core/share.h"

#define UP(state)                                                                                  \
	.nexthop = NEXTHOP_RESOLVED, .health = HEALTH_UP, .circuit = (state), .trial_percent = 2
#define WELL UP(BREAKER_CLOSED)
#define DEAD                                                                                       \
	.nexthop = NEXTHOP_RESOLVED, .health = HEALTH_DOWN, .circuit = BREAKER_OPEN,               \
	.trial_percent = 2

static const struct {
	struct share_question q;
	enum share_rule rule;
	uint32_t share;
} rows[] = {
	{{WELL}, SHARE_FULL, 65536},
	{{WELL, .has_others = true}, SHARE_FULL, 65536},
	{{WELL, .is_readmitted = true}, SHARE_FULL, 65536},
	{{WELL, .ramp_percent = 30}, SHARE_RAMP, 19660},
	{{.nexthop = NEXTHOP_RESOLVED, .health = HEALTH_UNKNOWN}, SHARE_FULL, 65536},
	/* admin, before everything */
	{{WELL, .admin = ADMIN_MAINT}, SHARE_MAINT, 0},
	{{WELL, .admin = ADMIN_DRAIN}, SHARE_DRAIN, 0},
	{{WELL, .admin = ADMIN_MAINT, .override = OVERRIDE_FORCED}, SHARE_MAINT, 0},
	{{WELL, .admin = ADMIN_DRAIN, .override = OVERRIDE_FORCED}, SHARE_DRAIN, 0},
	{{DEAD, .admin = ADMIN_MAINT, .is_readmitted = true}, SHARE_MAINT, 0},
	{{DEAD, .admin = ADMIN_DRAIN, .is_readmitted = true}, SHARE_DRAIN, 0},
	/* discovery */
	{{WELL, .discovery = DISCOVERY_NOT_READY}, SHARE_NOT_READY, 0},
	{{WELL, .discovery = DISCOVERY_NOT_READY, .override = OVERRIDE_FORCED}, SHARE_NOT_READY, 0},
	{{WELL, .discovery = DISCOVERY_TERMINATING, .has_others = true}, SHARE_TERMINATING, 0},
	{{WELL, .discovery = DISCOVERY_TERMINATING}, SHARE_FULL, 65536},
	{{WELL, .discovery = DISCOVERY_TERMINATING, .override = OVERRIDE_FORCED,
	  .has_others = true},
	 SHARE_FORCED,
	 65536},
	{{DEAD, .discovery = DISCOVERY_TERMINATING}, SHARE_DOWN, 0},
	/* a person's word */
	{{WELL, .override = OVERRIDE_EJECTED}, SHARE_EJECTED, 0},
	{{DEAD, .override = OVERRIDE_EJECTED, .is_readmitted = true}, SHARE_EJECTED, 0},
	{{DEAD, .override = OVERRIDE_FORCED}, SHARE_FORCED, 65536},
	{{WELL, .override = OVERRIDE_FORCED, .ramp_percent = 10}, SHARE_FORCED, 65536},
	/* the way to it, which nobody can wish */
	{{.nexthop = NEXTHOP_FAILED, .health = HEALTH_UP}, SHARE_UNREACHABLE, 0},
	{{.nexthop = NEXTHOP_PENDING, .override = OVERRIDE_FORCED}, SHARE_UNREACHABLE, 0},
	{{.nexthop = NEXTHOP_FAILED, .health = HEALTH_DOWN, .is_readmitted = true},
	 SHARE_UNREACHABLE,
	 0},
	/* health and circuit */
	{{DEAD}, SHARE_DOWN, 0},
	{{DEAD, .is_readmitted = true}, SHARE_READMITTED, 65536},
	{{UP(BREAKER_OPEN)}, SHARE_OPEN, 0},
	{{UP(BREAKER_OPEN), .is_readmitted = true}, SHARE_READMITTED, 65536},
	{{UP(BREAKER_OPEN), .ramp_percent = 10}, SHARE_OPEN, 0},
	{{UP(BREAKER_HALF_OPEN)}, SHARE_TRIAL, 1310},
	{{UP(BREAKER_HALF_OPEN), .ramp_percent = 10}, SHARE_TRIAL, 1310},
	{{UP(BREAKER_HALF_OPEN), .is_readmitted = true}, SHARE_READMITTED, 65536},
};

static void by_table(void **state)
{
	unsigned int seen[SHARE_RULE_MAX] = {0};
	uint32_t share;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(share_decide(&rows[i].q, &share), rows[i].rule);
		assert_int_equal(share, rows[i].share);
		seen[rows[i].rule]++;
	}
	for (i = 0; i < SHARE_RULE_MAX; i++)
		assert_true(seen[i] > 0);
}

/* The rules as sentences, whatever else is the case. */
static void check_one(const struct share_question *q)
{
	bool is_taken_out = q->admin != ADMIN_READY || q->discovery == DISCOVERY_NOT_READY ||
			    q->override == OVERRIDE_EJECTED || q->nexthop != NEXTHOP_RESOLVED;
	bool is_failing = q->health == HEALTH_DOWN || q->circuit == BREAKER_OPEN;
	uint32_t share;
	enum share_rule rule = share_decide(q, &share);

	assert_in_range(rule, 0, SHARE_RULE_MAX - 1);
	assert_in_range(share, 0, SHARE_ONE);
	assert_int_equal(share_decide(q, NULL), rule);
	if (is_taken_out) {
		assert_int_equal(share, 0);
		return;
	}
	if (q->override == OVERRIDE_FORCED) {
		assert_int_equal(share, SHARE_ONE);
		return;
	}
	if (q->discovery == DISCOVERY_TERMINATING && q->has_others)
		assert_int_equal(share, 0);
	else if (is_failing && !q->is_readmitted)
		assert_int_equal(share, 0);
	else
		assert_true(share > 0);
	if (rule == SHARE_TRIAL)
		assert_int_equal(share, SHARE_ONE * 2 / 100);
}

_Static_assert(ADMIN_STATE_MAX == 3 && DISCOVERY_STATE_MAX == 3 && OVERRIDE_STATE_MAX == 3 &&
		       NEXTHOP_STATE_MAX == 3 && HEALTH_STATE_MAX == 3 && BREAKER_STATE_MAX == 3,
	       "another one takes sentences above and combinations below");

/* Which rule comes before which, one against one: both of the case, the earlier one decides. */
static void in_order(void **state)
{
	/* Of each rule but the last one case, alone. */
	static const struct share_question alone[SHARE_RULE_MAX] = {
		[SHARE_MAINT] = {.admin = ADMIN_MAINT},
		[SHARE_DRAIN] = {.admin = ADMIN_DRAIN},
		[SHARE_NOT_READY] = {.discovery = DISCOVERY_NOT_READY},
		[SHARE_EJECTED] = {.override = OVERRIDE_EJECTED},
		[SHARE_UNREACHABLE] = {.nexthop = NEXTHOP_FAILED},
		[SHARE_FORCED] = {.override = OVERRIDE_FORCED},
		[SHARE_TERMINATING] = {.discovery = DISCOVERY_TERMINATING, .has_others = true},
		[SHARE_READMITTED] = {.health = HEALTH_DOWN, .is_readmitted = true},
		[SHARE_DOWN] = {.health = HEALTH_DOWN},
		[SHARE_OPEN] = {.circuit = BREAKER_OPEN},
		[SHARE_TRIAL] = {.circuit = BREAKER_HALF_OPEN},
		[SHARE_RAMP] = {.ramp_percent = 30},
		[SHARE_FULL] = {.has_others = true},
	};
	size_t a, b, pairs = 0;

	(void)state;
	for (a = 0; a < SHARE_RULE_MAX; a++) {
		for (b = a + 1; b < SHARE_RULE_MAX; b++) {
			const struct share_question *x = &alone[a], *y = &alone[b];
			/* One axis cannot be in two states. */
			bool is_clash = (x->admin && y->admin) || (x->discovery && y->discovery) ||
					(x->override && y->override) || (x->circuit && y->circuit);
			struct share_question both = {
				.admin = MAX(x->admin, y->admin),
				.discovery = MAX(x->discovery, y->discovery),
				.override = MAX(x->override, y->override),
				.nexthop = MAX(MAX(x->nexthop, y->nexthop), NEXTHOP_RESOLVED),
				.health = MAX(x->health, y->health),
				.circuit = MAX(x->circuit, y->circuit),
				.has_others = x->has_others || y->has_others,
				.is_readmitted = x->is_readmitted || y->is_readmitted,
				.trial_percent = 2,
				.ramp_percent = MAX(x->ramp_percent, y->ramp_percent)};

			if (is_clash)
				continue;
			pairs++;
			print_message("# rule %zu before %zu\n", a, b);
			assert_int_equal(share_decide(&both, NULL), a);
		}
	}
	assert_int_equal(pairs, SHARE_RULE_MAX * (SHARE_RULE_MAX - 1) / 2 - 4);
}

static void every_combination(void **state)
{
	static const uint32_t ramps[] = {0, 10, 60};
	struct share_question q = {.trial_percent = 2};
	size_t count = 0, r;
	unsigned int bits;

	(void)state;
	for (q.admin = 0; q.admin < ADMIN_STATE_MAX; q.admin++)
		for (q.discovery = 0; q.discovery < DISCOVERY_STATE_MAX; q.discovery++)
			for (q.override = 0; q.override < OVERRIDE_STATE_MAX; q.override++)
				for (q.nexthop = 0; q.nexthop < NEXTHOP_STATE_MAX; q.nexthop++)
					for (bits = 0; bits < 36; bits++)
						for (r = 0; r < ARRAY_SIZE(ramps); r++, count++) {
							q.health = bits % 3;
							q.circuit = bits / 3 % 3;
							q.has_others = bits / 9 % 2;
							q.is_readmitted = bits / 18;
							q.ramp_percent = ramps[r];
							check_one(&q);
						}
	assert_int_equal(count, 3 * 3 * 3 * 3 * 3 * 3 * 2 * 2 * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_table),
		cmocka_unit_test(in_order),
		cmocka_unit_test(every_combination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
