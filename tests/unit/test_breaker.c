/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The circuit: every state and event by table, then random events against what must always hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/util.h"
#include "core/breaker.h"

static const struct circuit_config circuit = {
	.is_enabled = true,
	.open_ms = 5000,
	.open_max_ms = 300000,
	.trial_ms = 30000,
	.trial_percent = 2,
	.ratio_percent = 50,
	.volume = 10,
	.window_ms = 60000,
};

#define NOW 1000000ULL
#define LATER (NOW + 5000)
#define MIDDLE 0x80000000U /* the dice: three quarters of a pause */

/* ---- the table ----------------------------------------------------------------------------- */

/* Situations: a state, and what else an answer depends on. */
enum situation {
	CLOSED_NEW,	   /* never out */
	CLOSED_TWICE,	   /* n 2, sinks at LATER */
	CLOSED_DUE,	   /* n 2, sinks now */
	OPEN_EARLY,	   /* n 2, its check passes, until LATER */
	OPEN_OVER,	   /* the pause is over, the check passes */
	OPEN_FAILS,	   /* the pause is over, the check fails */
	HALF_EARLY,	   /* n 2, until LATER, nothing seen */
	HALF_OVER,	   /* nothing seen, decision now */
	HALF_OVER_PASSED,  /* probes passed, decision now */
	HALF_OVER_FLOWS,   /* 5 good flows, no probe, decision now */
	HALF_FLOWS,	   /* 5 good flows */
	HALF_ALL_FLOWS,	   /* as many as it takes, but no probe */
	HALF_FLOWS_PASSED, /* 5 good flows, and probes passed */
	SITUATION_MAX
};

static const struct breaker situations[SITUATION_MAX] = {
	[CLOSED_NEW] = {.state = BREAKER_CLOSED},
	[CLOSED_TWICE] = {.state = BREAKER_CLOSED, .attempts = 2, .until_ms = LATER},
	[CLOSED_DUE] = {.state = BREAKER_CLOSED, .attempts = 2, .until_ms = NOW},
	[OPEN_EARLY] = {.state = BREAKER_OPEN, .attempts = 2, .until_ms = LATER},
	[OPEN_OVER] = {.state = BREAKER_OPEN, .attempts = 2, .until_ms = NOW},
	[OPEN_FAILS] = {BREAKER_OPEN, .attempts = 2, .until_ms = NOW, .is_failing = true},
	[HALF_EARLY] = {.state = BREAKER_HALF_OPEN,
			.attempts = 2,
			.since_ms = LATER - 30000,
			.until_ms = LATER},
	[HALF_OVER] = {.state = BREAKER_HALF_OPEN,
		       .attempts = 2,
		       .since_ms = NOW - 30000,
		       .until_ms = NOW},
	[HALF_OVER_PASSED] = {BREAKER_HALF_OPEN, .attempts = 2, .since_ms = NOW - 30000,
			      .until_ms = NOW, .has_passed = true},
	[HALF_OVER_FLOWS] = {BREAKER_HALF_OPEN, .attempts = 2, .since_ms = NOW - 30000,
			     .until_ms = NOW, .good_flows = 5},
	[HALF_FLOWS] = {BREAKER_HALF_OPEN, .attempts = 2, .since_ms = LATER - 30000,
			.until_ms = LATER, .good_flows = 5},
	[HALF_ALL_FLOWS] = {BREAKER_HALF_OPEN, .attempts = 2, .since_ms = LATER - 30000,
			    .until_ms = LATER, .good_flows = 10},
	[HALF_FLOWS_PASSED] = {BREAKER_HALF_OPEN, .attempts = 2, .since_ms = LATER - 30000,
			       .until_ms = LATER, .good_flows = 5, .has_passed = true},
};

/* What comes of it: the state, n, and when the next thing is due. Pauses are with the dice in the
 * middle. */
enum outcome { STAYS, OUT_1, OUT_2, OUT_3, TRIAL, SINK2, SINK1, RESET, OUTCOME_MAX };

static const struct answer {
	enum breaker_state state;
	uint32_t attempts;
	uint64_t until_ms;
} outcomes[OUTCOME_MAX] = {
	[OUT_1] = {BREAKER_OPEN, 1, NOW + 3750},    [OUT_2] = {BREAKER_OPEN, 2, NOW + 7500},
	[OUT_3] = {BREAKER_OPEN, 3, NOW + 15000},   [TRIAL] = {BREAKER_HALF_OPEN, 2, NOW + 30000},
	[SINK2] = {BREAKER_CLOSED, 2, NOW + 60000}, [SINK1] = {BREAKER_CLOSED, 1, NOW + 60000},
	[RESET] = {BREAKER_CLOSED, 0, 0},
};

static const enum outcome table[SITUATION_MAX][BREAKER_EVENT_MAX] = {
	/* fell, rose, failed, passed, flowed, ratio, time, reset */
	{OUT_1, STAYS, STAYS, STAYS, STAYS, OUT_1, STAYS, RESET}, /* CLOSED_NEW */
	{OUT_3, STAYS, SINK2, STAYS, STAYS, OUT_3, STAYS, RESET}, /* CLOSED_TWICE */
	{OUT_3, STAYS, SINK2, STAYS, STAYS, OUT_3, SINK1, RESET}, /* CLOSED_DUE */
	{OUT_2, STAYS, STAYS, STAYS, STAYS, STAYS, STAYS, RESET}, /* OPEN_EARLY */
	{OUT_2, TRIAL, STAYS, STAYS, STAYS, STAYS, TRIAL, RESET}, /* OPEN_OVER */
	{OUT_2, TRIAL, STAYS, STAYS, STAYS, STAYS, STAYS, RESET}, /* OPEN_FAILS */
	{OUT_3, STAYS, OUT_3, STAYS, STAYS, OUT_3, STAYS, RESET}, /* HALF_EARLY */
	{OUT_3, STAYS, OUT_3, SINK2, STAYS, OUT_3, OUT_2, RESET}, /* HALF_OVER: no evidence */
	{OUT_3, STAYS, OUT_3, SINK2, SINK2, OUT_3, SINK2, RESET}, /* HALF_OVER_PASSED */
	{OUT_3, STAYS, OUT_3, SINK2, STAYS, OUT_3, OUT_2, RESET}, /* HALF_OVER_FLOWS: forged? */
	{OUT_3, STAYS, OUT_3, STAYS, STAYS, OUT_3, STAYS, RESET}, /* HALF_FLOWS: could be forged */
	{OUT_3, STAYS, OUT_3, SINK2, STAYS, OUT_3, STAYS, RESET}, /* HALF_ALL_FLOWS */
	{OUT_3, STAYS, OUT_3, STAYS, SINK2, OUT_3, STAYS, RESET}, /* HALF_FLOWS_PASSED: 5 more */
};

static struct answer answer_of(enum situation s, enum breaker_event e)
{
	if (table[s][e] == STAYS)
		return (struct answer){situations[s].state, situations[s].attempts,
				       situations[s].until_ms};
	return outcomes[table[s][e]];
}

_Static_assert(BREAKER_STATE_MAX == 3 && BREAKER_EVENT_MAX == 8, "another one takes rows above");

static void every_state_and_event(void **state)
{
	unsigned int pairs[BREAKER_STATE_MAX][BREAKER_EVENT_MAX] = {0};
	enum breaker_state at;
	enum situation s;
	enum breaker_event e;

	(void)state;
	for (s = 0; s < SITUATION_MAX; s++)
		for (e = 0; e < BREAKER_EVENT_MAX; e++)
			pairs[situations[s].state][e]++;
	for (at = 0; at < BREAKER_STATE_MAX; at++)
		for (e = 0; e < BREAKER_EVENT_MAX; e++)
			assert_true(pairs[at][e] >= 3); /* situations of each pair */
	for (s = 0; s < SITUATION_MAX; s++) {
		for (e = 0; e < BREAKER_EVENT_MAX; e++) {
			const struct breaker_input input = {e, NOW, MIDDLE, 5, 0};
			const struct answer want = answer_of(s, e);
			struct breaker breaker = situations[s];
			bool has_changed = breaker_feed(&breaker, &circuit, &input);

			print_message("# situation %d, event %d\n", s, e);
			assert_int_equal(breaker.state, want.state);
			assert_int_equal(breaker.attempts, want.attempts);
			assert_int_equal(breaker.until_ms, want.until_ms);
			assert_int_equal(has_changed, want.state != situations[s].state);
			assert_int_equal(breaker.is_failing,
					 e == BREAKER_FELL ||
						 (e != BREAKER_ROSE && situations[s].is_failing));
			if (has_changed || e == BREAKER_RESET)
				assert_false(breaker.has_passed || breaker.good_flows);
		}
	}
}

/* What a disabled circuit is told changes nothing, and one that is switched off closes. */
static void disabled(void **state)
{
	struct circuit_config off = circuit;
	enum situation s;
	enum breaker_event e;

	(void)state;
	off.is_enabled = false;
	for (s = 0; s < SITUATION_MAX; s++) {
		for (e = 0; e < BREAKER_EVENT_MAX; e++) {
			const struct breaker_input input = {e, NOW, MIDDLE, 5, 0};
			struct breaker breaker = situations[s];

			assert_int_equal(breaker_feed(&breaker, &off, &input),
					 situations[s].state != BREAKER_CLOSED);
			assert_int_equal(breaker.state, BREAKER_CLOSED);
			assert_int_equal(breaker.attempts, 0);
			assert_false(breaker_is_due(&breaker, UINT64_MAX));
			breaker_count(&breaker, &off, 0, 100, NOW);
			assert_false(breaker_is_bad(&breaker, &off, NOW));
		}
	}
}

static void pauses(void **state)
{
	static const uint64_t longest[] = {5000,  10000,  20000,  40000,
					   80000, 160000, 300000, 300000};
	uint32_t n;

	(void)state;
	for (n = 1; n <= ARRAY_SIZE(longest); n++) {
		uint64_t ms = longest[n - 1];

		assert_int_equal(breaker_pause_ms(&circuit, n, 0), ms / 2);
		assert_in_range(breaker_pause_ms(&circuit, n, UINT32_MAX), ms - 1, ms);
		assert_int_equal(breaker_pause_ms(&circuit, n, MIDDLE), ms * 3 / 4);
	}
	assert_int_equal(breaker_pause_ms(&circuit, UINT32_MAX, 0), 150000);
}

/* Nothing is known of it when its trial is over, but a probe is to come. */
static void waits_for_a_probe(void **state)
{
	struct breaker_input in = {BREAKER_TIME, NOW, MIDDLE, 0, 40000};
	struct breaker breaker = situations[HALF_OVER];

	(void)state;
	assert_false(breaker_feed(&breaker, &circuit, &in));
	assert_int_equal(breaker.until_ms, NOW + 10000);
	in.event = BREAKER_PASSED;
	assert_true(breaker_feed(&breaker, &circuit, &in));
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	breaker = situations[HALF_OVER];
	in.event = BREAKER_TIME;
	in.now_ms = NOW + 10000;
	assert_true(breaker_feed(&breaker, &circuit, &in));
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_int_equal(breaker.attempts, 2);
}

/* All its probes are undecided, and one good flow, which anybody can forge, is no reason to wait less. */
static void flows_alone_wait_for_a_probe(void **state)
{
	struct breaker_input in = {BREAKER_FLOWED, NOW - 1000, MIDDLE, 1, 40000};
	struct breaker breaker = situations[HALF_OVER];

	(void)state;
	assert_false(breaker_feed(&breaker, &circuit, &in));
	in.event = BREAKER_TIME;
	in.now_ms = NOW;
	assert_false(breaker_feed(&breaker, &circuit, &in));
	assert_int_equal(breaker.until_ms, NOW + 10000);
	in.now_ms = NOW + 10000;
	assert_true(breaker_feed(&breaker, &circuit, &in));
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_int_equal(breaker.attempts, 2);
}

/* At the longest pause it counts no further, so that what is forgiven shortens the next one. */
static void forgiven(void **state)
{
	struct breaker breaker = {0};
	struct breaker_input in = {.now_ms = NOW, .random = UINT32_MAX};
	uint32_t i;

	(void)state;
	for (i = 0; i < 20; i++) {
		in.event = BREAKER_FELL;
		breaker_feed(&breaker, &circuit, &in);
		in.now_ms += 300000;
		in.event = BREAKER_ROSE;
		breaker_feed(&breaker, &circuit, &in);
		assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
		breaker.has_passed = true;
		in.now_ms += 30000;
		in.event = BREAKER_TIME;
		breaker_feed(&breaker, &circuit, &in);
		assert_int_equal(breaker.state, BREAKER_CLOSED);
	}
	for (i = 0; i < 2; i++) {
		in.now_ms += BREAKER_FORGIVE_MS;
		breaker_feed(&breaker, &circuit, &in);
	}
	in.event = BREAKER_FELL;
	breaker_feed(&breaker, &circuit, &in);
	assert_true(breaker_left_ms(&breaker, in.now_ms) <= 160000);
}

static void window(void **state)
{
	struct breaker breaker = {0};
	uint32_t good, bad;

	(void)state;
	breaker_count(&breaker, &circuit, 5, 4, NOW);
	assert_false(breaker_is_bad(&breaker, &circuit, NOW)); /* too few, 44 % */
	breaker_count(&breaker, &circuit, 0, 1, NOW + 1000);
	assert_true(breaker_is_bad(&breaker, &circuit, NOW + 1000));
	breaker_count(&breaker, &circuit, 1, 0, NOW + 2000);
	assert_false(breaker_is_bad(&breaker, &circuit, NOW + 2000)); /* 45 % */
	breaker_window(&breaker, &circuit, NOW + 2000, &good, &bad);
	assert_int_equal(good, 6);
	assert_int_equal(bad, 5);
	/* What is older than the window is gone, whether somebody counts meanwhile or not. */
	breaker_window(&breaker, &circuit, NOW + 49000, &good, &bad);
	assert_int_equal(good + bad, 11);
	breaker_window(&breaker, &circuit, NOW + 61000, &good, &bad);
	assert_int_equal(good + bad, 0);
	breaker_count(&breaker, &circuit, 1, 1, NOW + 40000);
	breaker_count(&breaker, &circuit, 2, 0, NOW + 61000);
	breaker_window(&breaker, &circuit, NOW + 61000, &good, &bad);
	assert_int_equal(good, 3);
	assert_int_equal(bad, 1);
	breaker_count(&breaker, &circuit, 1, 0, NOW + 10000000);
	breaker_window(&breaker, &circuit, NOW + 10000000, &good, &bad);
	assert_int_equal(good, 1);
	assert_int_equal(bad, 0);
	breaker_count(&breaker, &circuit, 0, UINT32_MAX / 2, NOW + 10000000);
	breaker_window(&breaker, &circuit, NOW + 10000000, &good, &bad);
	assert_int_equal(bad, UINT16_MAX);
}

/* A member's life, as an operator would tell it. */
static void story(void **state)
{
	struct breaker b = {0};
	struct breaker_input in = {.now_ms = NOW, .random = UINT32_MAX};
	uint32_t good, bad;

	(void)state;
	breaker_count(&b, &circuit, 3, 9, NOW);
	in.event = BREAKER_FELL;
	assert_true(breaker_feed(&b, &circuit, &in));
	breaker_window(&b, &circuit, NOW, &good, &bad);
	assert_int_equal(good + bad, 0);
	in.event = BREAKER_TIME;
	in.now_ms += 60000;
	assert_false(breaker_feed(&b, &circuit, &in)); /* still down */
	assert_false(breaker_is_due(&b, in.now_ms));
	in.event = BREAKER_ROSE;
	assert_true(breaker_feed(&b, &circuit, &in));
	assert_int_equal(b.state, BREAKER_HALF_OPEN);
	assert_int_equal(breaker_left_ms(&b, in.now_ms + 18000), 12000);
	in.event = BREAKER_PASSED;
	in.now_ms += 29000;
	breaker_feed(&b, &circuit, &in);
	in.event = BREAKER_TIME;
	assert_false(breaker_feed(&b, &circuit, &in));
	in.now_ms += 1000;
	assert_true(breaker_is_due(&b, in.now_ms));
	assert_true(breaker_feed(&b, &circuit, &in));
	assert_int_equal(b.state, BREAKER_CLOSED);
	assert_int_equal(b.attempts, 1);
	in.now_ms += 60000;
	breaker_feed(&b, &circuit, &in);
	assert_int_equal(b.attempts, 0);
	assert_int_equal(b.until_ms, 0);
}

/* ---- random events ------------------------------------------------------------------------- */

static unsigned int seed;

static uint32_t pick(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

static size_t decided; /* trials, by time */

static void check_change(const struct breaker *before, const struct breaker *after,
			 const struct breaker_input *in)
{
	/* Back to serving all of its weight only through a trial with evidence, or by hand. */
	if (before->state == BREAKER_OPEN && after->state == BREAKER_CLOSED)
		assert_int_equal(in->event, BREAKER_RESET);
	if (before->state == BREAKER_HALF_OPEN && after->state == BREAKER_CLOSED)
		assert_true(in->event == BREAKER_RESET || before->has_passed ||
			    (in->event == BREAKER_PASSED &&
			     (before->good_flows >= BREAKER_GOOD_FLOWS ||
			      in->now_ms >= before->since_ms + circuit.trial_ms)));
	if (before->state == BREAKER_OPEN && after->state == BREAKER_HALF_OPEN)
		assert_true(in->now_ms >= before->until_ms && !after->is_failing);
	/* Out for at most the longest pause, and at least half of the shortest. */
	if (after->state == BREAKER_OPEN && before->state != BREAKER_OPEN) {
		assert_in_range(after->until_ms - in->now_ms, circuit.open_ms / 2,
				circuit.open_max_ms);
		assert_true(after->attempts >= 1);
	}
	assert_true(after->attempts <= before->attempts + 1);
	decided += before->state == BREAKER_HALF_OPEN && after->state != before->state &&
		   in->event == BREAKER_TIME;
}

static void random_events(void **state)
{
	uint32_t run, step, probe_ms, longest_ms;
	bool is_calm;

	(void)state;
	for (run = 1; run <= 300; run++) {
		struct breaker b = {0};
		uint64_t now_ms = NOW, half_open_ms = 0;

		seed = run;
		/* In half of them so little happens that trials come to their end; with probes that
		 * are rarer than a trial is long, too. */
		is_calm = run % 2;
		probe_ms = pick(2) ? pick(90000) : 0;
		longest_ms = MAX(circuit.trial_ms, probe_ms);
		for (step = 0; step < 2000; step++) {
			struct breaker_input in = {.event = is_calm && pick(40)
								    ? BREAKER_TIME
								    : pick(BREAKER_EVENT_MAX),
						   .random = (uint32_t)rand_r(&seed) * 2,
						   .flows = pick(12),
						   .probe_ms = probe_ms};
			struct breaker before = b;

			now_ms += pick(2000);
			in.now_ms = now_ms;
			breaker_count(&b, &circuit, pick(3), pick(3), now_ms);
			breaker_feed(&b, &circuit, &in);
			check_change(&before, &b, &in);
			in.event = BREAKER_TIME; /* as the daemon does each second */
			before = b;
			breaker_feed(&b, &circuit, &in);
			check_change(&before, &b, &in);
			if (b.state != BREAKER_HALF_OPEN)
				half_open_ms = 0;
			else if (!half_open_ms || b.since_ms == now_ms)
				half_open_ms = now_ms;
			/* Never stuck: a trial has an end. */
			if (half_open_ms)
				assert_true(now_ms - half_open_ms < longest_ms);
			assert_false(breaker_is_due(&b, now_ms));
		}
		/* And when nothing but time goes by, out of it all as well. */
		for (step = 0; step < 5; step++) {
			struct breaker_input in = {.event = BREAKER_ROSE};

			now_ms += 300000;
			in.now_ms = now_ms;
			breaker_feed(&b, &circuit, &in);
			in.event = BREAKER_PASSED;
			breaker_feed(&b, &circuit, &in);
			in.event = BREAKER_TIME;
			breaker_feed(&b, &circuit, &in);
		}
		assert_int_equal(b.state, BREAKER_CLOSED);
	}
	assert_true(decided > 500); /* it was worth it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_event),
		cmocka_unit_test(disabled),
		cmocka_unit_test(pauses),
		cmocka_unit_test(waits_for_a_probe),
		cmocka_unit_test(flows_alone_wait_for_a_probe),
		cmocka_unit_test(forgiven),
		cmocka_unit_test(window),
		cmocka_unit_test(story),
		cmocka_unit_test(random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
