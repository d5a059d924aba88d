/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A shift: one pool of a service gets more and more of it, step by step. Each step holds for a while,
 * and goes on only if the pool is well: its gate, which is asked every few seconds. While that hangs on
 * members whom no check has judged yet, it waits. Two failed gates in a row take everything back at once,
 * unless nobody serves where that would go: then it pauses.
 * Pure; the caller has the clock, and makes shares of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIFT_STEPS_MAX 16
#define SHIFT_GATE_MS 2000
#define SHIFT_GATE_FAILURES 2
#define SHIFT_ADMITTED_PERCENT 80 /* of the pool's weight, at least, for its gate to pass */
#define SHIFT_HOLD_MIN_S 5
#define SHIFT_HOLD_MAX_S 86400
#define SHIFT_HOLD_DEFAULT_S 60
#define SHIFT_STEPS_DEFAULT "1,5,10,25,50,100"

enum shift_state {
	SHIFT_NONE,
	SHIFT_RUNNING, /* holds at a step, or at what a person set */
	SHIFT_PAUSED,  /* no step is taken; gates are asked all the same */
	SHIFT_DONE,    /* the last step has held */
	SHIFT_ABORTED, /* by a person: nothing for the pool */
	SHIFT_ROLLED_BACK,
	SHIFT_STATE_MAX
};

enum shift_event {
	SHIFT_START,
	SHIFT_TIME,
	SHIFT_PAUSE,
	SHIFT_RESUME,
	SHIFT_ABORT,
	SHIFT_SET, /* percent: it stays there, paused */
	SHIFT_EVENT_MAX
};

struct shift_plan {
	uint8_t steps[SHIFT_STEPS_MAX]; /* per cent, rising, the last one 1 to 100 */
	uint32_t step_count;
	uint32_t hold_s;
};

struct shift {
	enum shift_state state;
	struct shift_plan plan;
	uint32_t step;	   /* the next one that is taken */
	uint32_t percent;  /* of the service that the pool gets */
	uint32_t failures; /* of gates, in a row */
	uint64_t hold_ms;  /* until then the step holds */
	uint64_t gate_ms;  /* then the gate is asked again */
	uint32_t shares;   /* fingerprint of the file's, which it changes; 0: not known */
};

/* How the pool is. */
struct shift_gate {
	uint32_t admitted_percent; /* of its weight has a share, and has passed its check */
	uint32_t hoped_percent;	   /* the same, and what no check has judged yet */
	uint32_t members, failing; /* failing: their check says so */
	uint32_t unknown;	   /* no check has judged them yet */
	bool is_alone;		   /* nobody serves in the pools that it takes from */
};

struct shift_input {
	enum shift_event event;
	uint64_t now_ms;
	struct shift_gate gate;
	uint32_t percent;
};

const char *shift_state_name(enum shift_state state);
bool shift_gate_passes(const struct shift_gate *gate);
/* It does not pass, and may do so when all are judged. */
bool shift_gate_waits(const struct shift_gate *gate);
/* What is wrong with a plan, NULL: nothing. */
const char *shift_plan_problem(const struct shift_plan *plan);
/* "1,5,10" into a plan's steps. False: not a list of numbers. */
bool shift_parse_steps(const char *text, struct shift_plan *plan);

/* Takes one event in; true when anything changed. START needs the plan in shift->plan. What cannot
 * be in a state changes nothing. */
bool shift_feed(struct shift *shift, const struct shift_input *input);
/* Does SHIFT_TIME have something to do? */
bool shift_is_due(const struct shift *shift, uint64_t now_ms);
/* Does it say what the pools get? */
bool shift_is_on(const struct shift *shift);
