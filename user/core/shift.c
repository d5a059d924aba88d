/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/shift.h"

#include <stdlib.h>
#include <string.h>

const char *shift_state_name(enum shift_state state)
{
	static const char *const names[SHIFT_STATE_MAX] = {"none", "running", "paused",
							   "done", "aborted", "rolled_back"};

	return (unsigned int)state < SHIFT_STATE_MAX ? names[state] : "?";
}

bool shift_gate_passes(const struct shift_gate *gate)
{
	return gate->admitted_percent >= SHIFT_ADMITTED_PERCENT;
}

bool shift_gate_waits(const struct shift_gate *gate)
{
	return !shift_gate_passes(gate) && gate->hoped_percent >= SHIFT_ADMITTED_PERCENT;
}

const char *shift_plan_problem(const struct shift_plan *plan)
{
	uint32_t i;

	if (!plan->step_count)
		return "has no steps";
	for (i = 0; i < plan->step_count; i++) {
		if (plan->steps[i] < 1 || plan->steps[i] > 100)
			return "a step is 1 to 100 per cent";
		if (i && plan->steps[i] <= plan->steps[i - 1])
			return "each step is more than the one before";
	}
	if (plan->hold_s < SHIFT_HOLD_MIN_S || plan->hold_s > SHIFT_HOLD_MAX_S)
		return "a step holds for 5 s to a day";
	return NULL;
}

bool shift_parse_steps(const char *text, struct shift_plan *plan)
{
	plan->step_count = 0;
	for (;; text++) {
		char *end;
		unsigned long step;

		if (*text < '0' || *text > '9' || plan->step_count == SHIFT_STEPS_MAX)
			return false;
		step = strtoul(text, &end, 10);
		if (end - text > 3 || step > 255 || (*end != ',' && *end != '\0'))
			return false;
		plan->steps[plan->step_count++] = (uint8_t)step;
		text = end;
		if (*end == '\0')
			return true;
	}
}

static void hold(struct shift *shift, uint64_t now_ms)
{
	shift->hold_ms = now_ms + shift->plan.hold_s * 1000ULL;
}

/* The first step that gives more than it has now. */
static void find_step(struct shift *shift)
{
	shift->step = 0;
	while (shift->step < shift->plan.step_count &&
	       shift->plan.steps[shift->step] <= shift->percent)
		shift->step++;
}

static void take_step(struct shift *shift, uint64_t now_ms)
{
	if (shift->step == shift->plan.step_count) {
		shift->state = SHIFT_DONE;
		return;
	}
	shift->percent = shift->plan.steps[shift->step++];
	hold(shift, now_ms);
}

static void back(struct shift *shift, enum shift_state state)
{
	shift->state = state;
	shift->percent = 0;
}

static void fail(struct shift *shift, const struct shift_gate *gate)
{
	if (shift->failures < SHIFT_GATE_FAILURES)
		shift->failures++;
	if (shift->failures < SHIFT_GATE_FAILURES)
		return;
	if (gate->is_alone)
		shift->state = SHIFT_PAUSED; /* what it has left is all that there is */
	else
		back(shift, SHIFT_ROLLED_BACK);
}

static bool pass_time(struct shift *shift, const struct shift_input *input)
{
	if (!shift_is_due(shift, input->now_ms))
		return false;
	shift->gate_ms = input->now_ms + SHIFT_GATE_MS;
	if (shift_gate_waits(&input->gate))
		return true;
	if (!shift_gate_passes(&input->gate)) {
		fail(shift, &input->gate);
		return true;
	}
	shift->failures = 0;
	if (shift->state == SHIFT_RUNNING && input->now_ms >= shift->hold_ms)
		take_step(shift, input->now_ms);
	return true;
}

static bool start(struct shift *shift, const struct shift_input *input)
{
	*shift = (struct shift){.state = SHIFT_RUNNING, .plan = shift->plan};
	shift->gate_ms = input->now_ms + SHIFT_GATE_MS;
	take_step(shift, input->now_ms);
	return true;
}

static bool set(struct shift *shift, const struct shift_input *input)
{
	shift->state = SHIFT_PAUSED;
	shift->percent = input->percent;
	find_step(shift);
	shift->failures = 0;
	shift->gate_ms = input->now_ms + SHIFT_GATE_MS;
	return true;
}

bool shift_feed(struct shift *shift, const struct shift_input *input)
{
	bool is_under_way = shift->state == SHIFT_RUNNING || shift->state == SHIFT_PAUSED;

	switch (input->event) {
	case SHIFT_START:
		return start(shift, input);
	case SHIFT_TIME:
		return pass_time(shift, input);
	case SHIFT_PAUSE:
		if (shift->state != SHIFT_RUNNING)
			return false;
		shift->state = SHIFT_PAUSED;
		return true;
	case SHIFT_RESUME:
		if (shift->state != SHIFT_PAUSED)
			return false;
		shift->state = SHIFT_RUNNING;
		hold(shift, input->now_ms);
		return true;
	case SHIFT_ABORT:
		if (!is_under_way && shift->state != SHIFT_DONE)
			return false;
		back(shift, SHIFT_ABORTED);
		return true;
	case SHIFT_SET:
		return shift->state != SHIFT_NONE && input->percent <= 100 && set(shift, input);
	default:
		return false;
	}
}

bool shift_is_due(const struct shift *shift, uint64_t now_ms)
{
	return (shift->state == SHIFT_RUNNING || shift->state == SHIFT_PAUSED) &&
	       now_ms >= shift->gate_ms;
}

bool shift_is_on(const struct shift *shift)
{
	return shift->state != SHIFT_NONE;
}
