/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/health_state.h"

const char *probe_result_name(enum probe_result result)
{
	static const char *const names[PROBE_RESULT_MAX] = {
		[PROBE_PASS] = "pass",
		[PROBE_FAIL] = "fail",
		[PROBE_UNDECIDED] = "undecided",
	};

	return result < PROBE_RESULT_MAX ? names[result] : "?";
}

void health_state_init(struct health_machine *machine, enum health_state state)
{
	machine->state = state;
	machine->streak = 0;
}

/* How many results in a row turn the state over. */
static uint32_t threshold(enum health_state state, const struct check_config *check)
{
	return state == HEALTH_DOWN ? check->rise : check->fall;
}

bool health_state_feed(struct health_machine *machine, const struct check_config *check,
		       enum probe_result result)
{
	enum probe_result opposing = machine->state == HEALTH_DOWN ? PROBE_PASS : PROBE_FAIL;

	if (result == PROBE_UNDECIDED)
		return false;
	if (result != opposing) {
		machine->streak = 0;
		if (machine->state != HEALTH_UNKNOWN)
			return false;
		machine->state = HEALTH_UP;
		return true;
	}
	if (++machine->streak < threshold(machine->state, check))
		return false;
	health_state_init(machine, machine->state == HEALTH_DOWN ? HEALTH_UP : HEALTH_DOWN);
	return true;
}

uint32_t health_state_delay_ms(const struct health_machine *machine,
			       const struct check_config *check, uint32_t random)
{
	uint64_t base = check->interval_ms;
	uint64_t spread;

	if (machine->state == HEALTH_UNKNOWN || machine->streak)
		base = check->fast_ms;
	else if (machine->state == HEALTH_DOWN)
		base = check->down_ms;
	spread = base * check->jitter_percent / 100;
	base = base - spread + (2 * spread * random >> 32);
	return base ? (uint32_t)base : 1;
}

uint32_t health_state_first_delay_ms(const struct check_config *check, uint32_t random)
{
	return (uint32_t)((uint64_t)check->interval_ms * random >> 32);
}
