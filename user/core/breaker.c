/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/breaker.h"

#include <string.h>

#include "base/util.h"

const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[BREAKER_STATE_MAX] = {"closed", "open", "half-open"};

	return (unsigned int)state < BREAKER_STATE_MAX ? names[state] : "?";
}

static uint64_t whole_pause_ms(const struct circuit_config *circuit, uint32_t n)
{
	uint64_t pause_ms = circuit->open_ms;

	while (n-- > 1 && pause_ms < circuit->open_max_ms)
		pause_ms *= 2;
	return MIN(pause_ms, circuit->open_max_ms);
}

bool breaker_is_longest(const struct circuit_config *circuit, uint32_t n)
{
	return n && whole_pause_ms(circuit, n) == circuit->open_max_ms;
}

uint64_t breaker_pause_ms(const struct circuit_config *circuit, uint32_t n, uint32_t random)
{
	uint64_t pause_ms = whole_pause_ms(circuit, n);

	return pause_ms - pause_ms / 2 + (pause_ms / 2 * random >> 32);
}

/* ---- the window ---------------------------------------------------------------------------- */

static uint32_t bucket_at(const struct circuit_config *circuit, uint64_t now_ms)
{
	return (uint32_t)(now_ms * BREAKER_BUCKETS / circuit->window_ms);
}

void breaker_count(struct breaker *breaker, const struct circuit_config *circuit, uint32_t good,
		   uint32_t bad, uint64_t now_ms)
{
	uint32_t now, place;

	if (!circuit->is_enabled)
		return;
	now = bucket_at(circuit, now_ms);
	if (now - breaker->bucket >= BREAKER_BUCKETS)
		memset(breaker->window, 0, sizeof(breaker->window));
	else
		for (; breaker->bucket != now; breaker->bucket++)
			memset(&breaker->window[(breaker->bucket + 1) % BREAKER_BUCKETS], 0,
			       sizeof(breaker->window[0]));
	breaker->bucket = now;
	place = now % BREAKER_BUCKETS;
	breaker->window[place].good = MIN(breaker->window[place].good + good, UINT16_MAX);
	breaker->window[place].bad = MIN(breaker->window[place].bad + bad, UINT16_MAX);
}

void breaker_window(const struct breaker *breaker, const struct circuit_config *circuit,
		    uint64_t now_ms, uint32_t *ret_good, uint32_t *ret_bad)
{
	uint32_t gone, i;

	*ret_good = *ret_bad = 0;
	if (!circuit->is_enabled)
		return;
	gone = bucket_at(circuit, now_ms) - breaker->bucket;
	for (i = 0; gone < BREAKER_BUCKETS && i < BREAKER_BUCKETS - gone; i++) {
		uint32_t place = (breaker->bucket - i) % BREAKER_BUCKETS;

		*ret_good += breaker->window[place].good;
		*ret_bad += breaker->window[place].bad;
	}
}

bool breaker_is_bad(const struct breaker *breaker, const struct circuit_config *circuit,
		    uint64_t now_ms)
{
	uint32_t good, bad;

	breaker_window(breaker, circuit, now_ms, &good, &bad);
	return circuit->ratio_percent && good + bad >= circuit->volume &&
	       (uint64_t)bad * 100 >= (uint64_t)(good + bad) * circuit->ratio_percent;
}

/* ---- states -------------------------------------------------------------------------------- */

static void go(struct breaker *breaker, enum breaker_state state, uint64_t now_ms)
{
	breaker->state = state;
	breaker->since_ms = now_ms;
	breaker->has_passed = false;
	breaker->good_flows = 0;
}

static void trip_for(struct breaker *breaker, const struct circuit_config *circuit,
		     const struct breaker_input *input)
{
	go(breaker, BREAKER_OPEN, input->now_ms);
	breaker->until_ms =
		input->now_ms + breaker_pause_ms(circuit, breaker->attempts, input->random);
}

static void trip(struct breaker *breaker, const struct circuit_config *circuit,
		 const struct breaker_input *input)
{
	/* No further than it matters: a minute takes one of them away. */
	if (!breaker_is_longest(circuit, breaker->attempts))
		breaker->attempts++;
	breaker->is_by_ratio = input->event == BREAKER_RATIO;
	/* What it is tried by later is what it does then. */
	memset(breaker->window, 0, sizeof(breaker->window));
	trip_for(breaker, circuit, input);
}

static void recover(struct breaker *breaker, uint64_t now_ms)
{
	go(breaker, BREAKER_CLOSED, now_ms);
	breaker->until_ms = breaker->attempts ? now_ms + BREAKER_FORGIVE_MS : 0;
}

static void feed_closed(struct breaker *breaker, const struct circuit_config *circuit,
			const struct breaker_input *input)
{
	switch (input->event) {
	case BREAKER_FELL:
	case BREAKER_RATIO:
		trip(breaker, circuit, input);
		break;
	case BREAKER_FAILED:
		if (breaker->attempts)
			breaker->until_ms = input->now_ms + BREAKER_FORGIVE_MS;
		break;
	case BREAKER_TIME:
		if (!breaker_is_due(breaker, input->now_ms))
			break;
		breaker->attempts--;
		breaker->until_ms = breaker->attempts ? breaker->until_ms + BREAKER_FORGIVE_MS : 0;
		break;
	default:
		break;
	}
}

/* A trial begins when both say so: the pause is over, and its check does not fail. */
static void try_half_open(struct breaker *breaker, const struct circuit_config *circuit,
			  uint64_t now_ms)
{
	if (breaker->is_failing || now_ms < breaker->until_ms)
		return;
	go(breaker, BREAKER_HALF_OPEN, now_ms);
	breaker->until_ms = now_ms + circuit->trial_ms;
}

static void feed_open(struct breaker *breaker, const struct circuit_config *circuit,
		      const struct breaker_input *input)
{
	/* Down again while it is out: it waits again, but no longer. */
	if (input->event == BREAKER_FELL)
		trip_for(breaker, circuit, input);
	else if (input->event == BREAKER_TIME || input->event == BREAKER_ROSE)
		try_half_open(breaker, circuit, input->now_ms);
}

/* Flows alone do not do: whoever sends packets can make them look good. Without a probe that passed it
 * waits for one; when none does (they are undecided) it goes back to where it came from, for as long as
 * before. */
static void decide(struct breaker *breaker, const struct circuit_config *circuit,
		   const struct breaker_input *input)
{
	if (breaker->has_passed)
		recover(breaker, input->now_ms);
	else if (input->now_ms < breaker->since_ms + input->probe_ms)
		breaker->until_ms = breaker->since_ms + input->probe_ms;
	else
		trip_for(breaker, circuit, input);
}

/* With a probe that passed, enough good flows spare it the rest of the trial. */
static void recover_early(struct breaker *breaker, const struct circuit_config *circuit,
			  uint64_t now_ms)
{
	bool has_waited = now_ms >= breaker->since_ms + circuit->trial_ms;

	if (breaker->has_passed && (has_waited || breaker->good_flows >= BREAKER_GOOD_FLOWS))
		recover(breaker, now_ms);
}

static void feed_half_open(struct breaker *breaker, const struct circuit_config *circuit,
			   const struct breaker_input *input)
{
	switch (input->event) {
	case BREAKER_FELL:
	case BREAKER_FAILED:
	case BREAKER_RATIO:
		trip(breaker, circuit, input);
		break;
	case BREAKER_PASSED:
		breaker->has_passed = true;
		recover_early(breaker, circuit, input->now_ms);
		break;
	case BREAKER_FLOWED:
		breaker->good_flows =
			MIN(breaker->good_flows + MIN(input->flows, BREAKER_GOOD_FLOWS),
			    BREAKER_GOOD_FLOWS);
		recover_early(breaker, circuit, input->now_ms);
		break;
	case BREAKER_TIME:
		if (breaker_is_due(breaker, input->now_ms))
			decide(breaker, circuit, input);
		break;
	default:
		break;
	}
}

bool breaker_feed(struct breaker *breaker, const struct circuit_config *circuit,
		  const struct breaker_input *input)
{
	enum breaker_state before = breaker->state;

	if (input->event == BREAKER_FELL)
		breaker->is_failing = true;
	else if (input->event == BREAKER_ROSE)
		breaker->is_failing = false;
	if (!circuit->is_enabled || input->event == BREAKER_RESET) {
		*breaker = (struct breaker){.since_ms = before == BREAKER_CLOSED ? breaker->since_ms
										 : input->now_ms,
					    .is_failing = breaker->is_failing};
		return before != BREAKER_CLOSED;
	}
	if (before == BREAKER_CLOSED)
		feed_closed(breaker, circuit, input);
	else if (before == BREAKER_OPEN)
		feed_open(breaker, circuit, input);
	else
		feed_half_open(breaker, circuit, input);
	return breaker->state != before;
}

bool breaker_is_due(const struct breaker *breaker, uint64_t now_ms)
{
	return breaker->until_ms && now_ms >= breaker->until_ms &&
	       !(breaker->state == BREAKER_OPEN && breaker->is_failing);
}

uint64_t breaker_left_ms(const struct breaker *breaker, uint64_t now_ms)
{
	return breaker->until_ms > now_ms ? breaker->until_ms - now_ms : 0;
}
