/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/health_state.h"

#include <string.h>

#include "base/util.h"

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
	*machine = (struct health_machine){.state = state};
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

	machine->is_new = false;
	if (result == PROBE_UNDECIDED)
		return false;
	if (result != opposing) {
		machine->streak = 0;
		if (machine->state != HEALTH_UNKNOWN)
			return false;
		machine->state = HEALTH_UP;
		machine->is_new = true;
		return true;
	}
	if (++machine->streak < threshold(machine->state, check))
		return false;
	machine->state = machine->state == HEALTH_DOWN ? HEALTH_UP : HEALTH_DOWN;
	machine->streak = 0;
	machine->is_new = true;
	return true;
}

uint32_t health_state_fast_ms(const struct check_config *check)
{
	return MIN(check->fast_ms, check->interval_ms);
}

uint32_t health_state_delay_ms(const struct health_machine *machine,
			       const struct check_config *check, uint32_t random)
{
	uint64_t base = check->interval_ms;
	uint64_t spread;

	if (machine->state == HEALTH_UNKNOWN || machine->streak)
		base = health_state_fast_ms(check);
	else if (machine->state == HEALTH_DOWN)
		base = check->down_ms;
	else if (machine->is_suspect)
		base = health_state_fast_ms(check);
	spread = base * check->jitter_percent / 100;
	if (machine->state == HEALTH_DOWN && machine->is_new)
		base = base * random >> 32;
	else
		base = base - spread + (2 * spread * random >> 32);
	return base ? (uint32_t)base : 1;
}

uint32_t health_state_shortest_ms(const struct check_config *check)
{
	return MAX(MIN(health_state_fast_ms(check), check->down_ms), 1);
}

uint32_t health_state_first_delay_ms(const struct check_config *check, uint32_t random)
{
	return (uint32_t)((uint64_t)check->interval_ms * random >> 32);
}

uint64_t health_state_next_us(const struct health_machine *machine,
			      const struct check_config *check, enum probe_result result,
			      uint64_t due_us, uint64_t now_us, uint32_t random)
{
	/* From when it should have gone out, so that what is late does not add up; but after a
	 * failure there is a pause, however long the probe took. */
	uint64_t from_us = result == PROBE_PASS ? due_us : now_us;
	uint64_t delay_us = health_state_delay_ms(machine, check, random) * 1000ULL;

	/* A stall has made all probes wait: they must not go on in step. */
	if (from_us + delay_us + check->interval_ms * 1000ULL < now_us)
		return now_us + 1000 + health_state_first_delay_ms(check, random) * 1000ULL;
	return MAX(from_us + delay_us, now_us + 1000);
}

bool health_text_is_failure(const char *text)
{
	return *text && strncmp(text, HEALTH_TEXT_AGAIN, strlen(HEALTH_TEXT_AGAIN)) != 0 &&
	       strncmp(text, HEALTH_TEXT_IMPOSSIBLE, strlen(HEALTH_TEXT_IMPOSSIBLE)) != 0;
}
