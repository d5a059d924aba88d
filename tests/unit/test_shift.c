/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The shift's machine: every state and event by table, a plan from its first step to its last, and
 * random events against what must always hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "base/util.h"
#include "core/shift.h"

#define NOW 1000000ULL
#define WELL                                                                                       \
	{                                                                                          \
		.admitted_percent = 100, .members = 2                                              \
	}
#define ILL                                                                                        \
	{                                                                                          \
		.admitted_percent = 50, .members = 2, .failing = 1                                 \
	}

static const struct shift_plan plan = {.steps = {1, 5, 25, 100}, .step_count = 4, .hold_s = 60};

enum situation {
	NONE,
	HOLDING,    /* at 5 %, not due */
	GATE,	    /* the gate is asked, the step holds on */
	GATE_AGAIN, /* after a failed one */
	STEP,	    /* the hold is over */
	LAST,	    /* at 100 %, and its hold is over */
	PAUSED,	    /* its gate is due */
	DONE,
	ABORTED,
	ROLLED_BACK,
	SITUATION_MAX
};

static struct shift situation(enum situation s)
{
	static const struct shift situations[SITUATION_MAX] = {
		[NONE] = {.state = SHIFT_NONE},
		[HOLDING] = {SHIFT_RUNNING, .step = 2, .percent = 5, .hold_ms = NOW + 9000,
			     .gate_ms = NOW + 1},
		[GATE] = {SHIFT_RUNNING, .step = 2, .percent = 5, .hold_ms = NOW + 9000,
			  .gate_ms = NOW},
		[GATE_AGAIN] = {SHIFT_RUNNING, .step = 2, .percent = 5, .failures = 1,
				.hold_ms = NOW + 9000, .gate_ms = NOW},
		[STEP] = {SHIFT_RUNNING, .step = 2, .percent = 5, .hold_ms = NOW, .gate_ms = NOW},
		[LAST] = {SHIFT_RUNNING, .step = 4, .percent = 100, .hold_ms = NOW, .gate_ms = NOW},
		[PAUSED] = {SHIFT_PAUSED, .step = 2, .percent = 5, .hold_ms = NOW, .gate_ms = NOW},
		[DONE] = {SHIFT_DONE, .step = 4, .percent = 100},
		[ABORTED] = {SHIFT_ABORTED, .step = 2},
		[ROLLED_BACK] = {SHIFT_ROLLED_BACK, .step = 2},
	};
	struct shift shift = situations[s];

	shift.plan = plan;
	return shift;
}

struct answer {
	enum shift_state state;
	uint32_t percent, failures;
	bool has_changed;
};

/* Of SHIFT_TIME there are two: with a gate that passes, and with one that fails. */
#define TIME_ILL SHIFT_EVENT_MAX
#define EVENTS (SHIFT_EVENT_MAX + 1)
#define SAME(state, percent, failures)                                                             \
	{                                                                                          \
		state, percent, failures, false                                                    \
	}
#define STARTED                                                                                    \
	{                                                                                          \
		SHIFT_RUNNING, 1, 0, true                                                          \
	}
#define SET                                                                                        \
	{                                                                                          \
		SHIFT_PAUSED, 40, 0, true                                                          \
	}
#define OFF                                                                                        \
	{                                                                                          \
		SHIFT_ABORTED, 0, 0, true                                                          \
	}

static const struct answer answers[SITUATION_MAX][EVENTS] = {
	[NONE] = {STARTED, SAME(SHIFT_NONE, 0, 0), SAME(SHIFT_NONE, 0, 0), SAME(SHIFT_NONE, 0, 0),
		  SAME(SHIFT_NONE, 0, 0), SAME(SHIFT_NONE, 0, 0), SAME(SHIFT_NONE, 0, 0)},
	[HOLDING] = {STARTED,
		     SAME(SHIFT_RUNNING, 5, 0),
		     {SHIFT_PAUSED, 5, 0, true},
		     SAME(SHIFT_RUNNING, 5, 0),
		     OFF,
		     SET,
		     SAME(SHIFT_RUNNING, 5, 0)},
	[GATE] = {STARTED,
		  {SHIFT_RUNNING, 5, 0, true},
		  {SHIFT_PAUSED, 5, 0, true},
		  SAME(SHIFT_RUNNING, 5, 0),
		  OFF,
		  SET,
		  {SHIFT_RUNNING, 5, 1, true}},
	[GATE_AGAIN] = {STARTED,
			{SHIFT_RUNNING, 5, 0, true},
			{SHIFT_PAUSED, 5, 1, true},
			SAME(SHIFT_RUNNING, 5, 1),
			{SHIFT_ABORTED, 0, 1, true},
			SET,
			{SHIFT_ROLLED_BACK, 0, 2, true}},
	[STEP] = {STARTED,
		  {SHIFT_RUNNING, 25, 0, true},
		  {SHIFT_PAUSED, 5, 0, true},
		  SAME(SHIFT_RUNNING, 5, 0),
		  OFF,
		  SET,
		  {SHIFT_RUNNING, 5, 1, true}},
	[LAST] = {STARTED,
		  {SHIFT_DONE, 100, 0, true},
		  {SHIFT_PAUSED, 100, 0, true},
		  SAME(SHIFT_RUNNING, 100, 0),
		  OFF,
		  SET,
		  {SHIFT_RUNNING, 100, 1, true}},
	[PAUSED] = {STARTED,
		    {SHIFT_PAUSED, 5, 0, true},
		    SAME(SHIFT_PAUSED, 5, 0),
		    {SHIFT_RUNNING, 5, 0, true},
		    OFF,
		    SET,
		    {SHIFT_PAUSED, 5, 1, true}},
	[DONE] = {STARTED, SAME(SHIFT_DONE, 100, 0), SAME(SHIFT_DONE, 100, 0),
		  SAME(SHIFT_DONE, 100, 0), OFF, SET, SAME(SHIFT_DONE, 100, 0)},
	[ABORTED] = {STARTED, SAME(SHIFT_ABORTED, 0, 0), SAME(SHIFT_ABORTED, 0, 0),
		     SAME(SHIFT_ABORTED, 0, 0), SAME(SHIFT_ABORTED, 0, 0), SET,
		     SAME(SHIFT_ABORTED, 0, 0)},
	[ROLLED_BACK] = {STARTED, SAME(SHIFT_ROLLED_BACK, 0, 0), SAME(SHIFT_ROLLED_BACK, 0, 0),
			 SAME(SHIFT_ROLLED_BACK, 0, 0), SAME(SHIFT_ROLLED_BACK, 0, 0), SET,
			 SAME(SHIFT_ROLLED_BACK, 0, 0)},
};

_Static_assert(SHIFT_STATE_MAX == 6 && SHIFT_EVENT_MAX == 6, "another one takes rows above");

static void every_state_and_event(void **state)
{
	unsigned int seen[SHIFT_STATE_MAX] = {0};
	enum situation s;
	unsigned int e;

	(void)state;
	for (s = 0; s < SITUATION_MAX; s++)
		seen[situation(s).state]++;
	for (e = 0; e < SHIFT_STATE_MAX; e++)
		assert_true(seen[e] > 0);
	for (s = 0; s < SITUATION_MAX; s++) {
		for (e = 0; e < EVENTS; e++) {
			struct shift_input input = {
				.event = e, .now_ms = NOW, .gate = WELL, .percent = 40};
			const struct shift_gate ill = ILL;
			const struct answer *want = &answers[s][e];
			struct shift shift = situation(s);

			if (e == TIME_ILL) {
				input.event = SHIFT_TIME;
				input.gate = ill;
			}
			print_message("# situation %d, event %u\n", s, e);
			assert_int_equal(shift_feed(&shift, &input), want->has_changed);
			assert_int_equal(shift.state, want->state);
			assert_int_equal(shift.percent, want->percent);
			assert_int_equal(shift.failures, want->failures);
			assert_int_equal(shift_is_on(&shift), want->state != SHIFT_NONE);
		}
	}
}

static void from_first_to_last(void **state)
{
	struct shift shift = {.plan = plan};
	struct shift_input in = {.event = SHIFT_START, .now_ms = NOW, .gate = WELL};
	uint64_t s;

	(void)state;
	shift_feed(&shift, &in);
	in.event = SHIFT_TIME;
	for (s = 0; s <= 300; s++) {
		in.now_ms = NOW + s * 1000;
		shift_feed(&shift, &in);
		assert_int_equal(shift.percent, s < 60 ? 1 : s < 120 ? 5 : s < 180 ? 25 : 100);
		assert_int_equal(shift.state, s < 240 ? SHIFT_RUNNING : SHIFT_DONE);
	}
	/* Set by a person, resumed: it goes on from there. */
	in.event = SHIFT_SET;
	in.percent = 10;
	shift_feed(&shift, &in);
	assert_int_equal(shift.plan.steps[shift.step], 25);
	in.event = SHIFT_RESUME;
	shift_feed(&shift, &in);
	in.event = SHIFT_TIME;
	in.now_ms += 59000;
	shift_feed(&shift, &in);
	assert_int_equal(shift.percent, 10); /* that holds anew */
	in.now_ms += SHIFT_GATE_MS;
	shift_feed(&shift, &in);
	assert_int_equal(shift.percent, 25);
}

static void gates(void **state)
{
	static const struct {
		struct shift_gate gate;
		bool passes, waits;
	} rows[] = {
		{{.admitted_percent = 100, .hoped_percent = 100, .members = 2}, true, false},
		{{.admitted_percent = 80, .hoped_percent = 80, .members = 5}, true, false},
		{{.admitted_percent = 79, .hoped_percent = 79, .members = 5}, false, false},
		{{.members = 0}, false, false},
		{{.admitted_percent = 100, .hoped_percent = 100, .is_alone = true}, true, false},
		{{.admitted_percent = 79, .hoped_percent = 79, .is_alone = true}, false, false},
		{{.admitted_percent = 79, .hoped_percent = 80, .unknown = 1}, false, true},
		{{.admitted_percent = 0, .hoped_percent = 100, .unknown = 2}, false, true},
		{{.admitted_percent = 0, .hoped_percent = 79, .unknown = 1}, false, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(shift_gate_passes(&rows[i].gate), rows[i].passes);
		assert_int_equal(shift_gate_waits(&rows[i].gate), rows[i].waits);
	}
}

/* Of whom nobody knows anything, nothing is believed: neither a step nor a failure. */
static void a_gate_that_waits(void **state)
{
	const struct shift_input in = {
		.event = SHIFT_TIME,
		.now_ms = NOW,
		.gate = {.admitted_percent = 50, .hoped_percent = 100, .members = 2, .unknown = 1}};
	enum situation s;

	(void)state;
	for (s = 0; s < SITUATION_MAX; s++) {
		struct shift before = situation(s), shift = before;
		bool was_due = shift_is_due(&shift, NOW);

		assert_int_equal(shift_feed(&shift, &in), was_due);
		assert_int_equal(shift.state, before.state);
		assert_int_equal(shift.percent, before.percent);
		assert_int_equal(shift.failures, before.failures);
		assert_false(was_due && shift_is_due(&shift, NOW + SHIFT_GATE_MS - 1));
	}
}

/* Nobody serves where it would go back to: it stays, and goes back when somebody does. */
static void nowhere_to_go(void **state)
{
	struct shift shift = situation(GATE_AGAIN);
	struct shift_input in = {.event = SHIFT_TIME, .now_ms = NOW, .gate = ILL};

	(void)state;
	in.gate.is_alone = true;
	assert_true(shift_feed(&shift, &in));
	assert_int_equal(shift.state, SHIFT_PAUSED);
	assert_int_equal(shift.percent, 5);
	in.now_ms += SHIFT_GATE_MS;
	assert_true(shift_feed(&shift, &in));
	assert_int_equal(shift.failures, SHIFT_GATE_FAILURES);
	assert_int_equal(shift.percent, 5);
	in.gate.is_alone = false;
	in.now_ms += SHIFT_GATE_MS;
	assert_true(shift_feed(&shift, &in));
	assert_int_equal(shift.state, SHIFT_ROLLED_BACK);
	assert_int_equal(shift.percent, 0);
}

static void plans(void **state)
{
	static const struct {
		const char *text;
		bool is_list, is_plan;
	} rows[] = {
		{"1,5,10,25,50,100", true, true},
		{"100", true, true},
		{"50", true, true},
		{"", false, false},
		{",", false, false},
		{"1,", false, false},
		{"1,,5", false, false},
		{"1 5", false, false},
		{"x", false, false},
		{"-1", false, false},
		{"1000", false, false},
		{"256", false, false},
		{"0,5", true, false},
		{"5,5", true, false},
		{"10,5", true, false},
		{"101", true, false},
		{"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", true, true},
		{"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", false, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct shift_plan p = {.hold_s = 60};

		print_message("# %s\n", rows[i].text);
		assert_int_equal(shift_parse_steps(rows[i].text, &p), rows[i].is_list);
		if (rows[i].is_list)
			assert_int_equal(shift_plan_problem(&p) == NULL, rows[i].is_plan);
		p.hold_s = 4;
		assert_non_null(shift_plan_problem(&p));
	}
}

static unsigned int seed;

static uint32_t pick(uint32_t n)
{
	return (uint32_t)rand_r(&seed) % n;
}

static void random_events(void **state)
{
	uint32_t run, step;

	(void)state;
	for (run = 1; run <= 300; run++) {
		struct shift shift = {.plan = plan};
		uint64_t now_ms = NOW;

		seed = run;
		for (step = 0; step < 1000; step++) {
			struct shift before = shift;
			struct shift_input in = {.event = pick(4) ? SHIFT_TIME
								  : pick(SHIFT_EVENT_MAX),
						 .gate = {.admitted_percent = pick(10) ? 100 : 0,
							  .is_alone = !pick(3)},
						 .percent = pick(110)};

			now_ms += pick(20000);
			in.now_ms = now_ms;
			shift_feed(&shift, &in);
			assert_true(shift.percent <= 100);
			/* Time alone gives more only after a hold and behind a gate that passes. */
			if (in.event == SHIFT_TIME && shift.percent > before.percent)
				assert_true(in.now_ms >= before.hold_ms &&
					    shift_gate_passes(&in.gate) &&
					    before.state == SHIFT_RUNNING);
			/* And less only all of it, after two failed gates. */
			if (in.event == SHIFT_TIME && shift.percent < before.percent)
				assert_true(shift.state == SHIFT_ROLLED_BACK && !shift.percent &&
					    !in.gate.is_alone &&
					    before.failures + 1 >= SHIFT_GATE_FAILURES);
			assert_true(shift.failures <= SHIFT_GATE_FAILURES);
			if (shift.state == SHIFT_ROLLED_BACK || shift.state == SHIFT_ABORTED)
				assert_int_equal(shift.percent, 0);
			assert_false(in.event == SHIFT_TIME && shift_is_due(&shift, now_ms));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_and_event),
		cmocka_unit_test(from_first_to_last),
		cmocka_unit_test(gates),
		cmocka_unit_test(a_gate_that_waits),
		cmocka_unit_test(nowhere_to_go),
		cmocka_unit_test(plans),
		cmocka_unit_test(random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
