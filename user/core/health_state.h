/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rise and fall: results of probes into a verdict. Pure; the caller runs the probes and the clock.
 *
 * A member without a verdict is up after one success: it serves already, so waiting for more would
 * only delay the word. From up it takes `fall` failures in a row to be down, from down `rise`
 * successes in a row to be up. An error of the checker itself (no descriptor, no local route) says
 * nothing about the member: no counter moves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/model.h"

enum probe_result {
	PROBE_PASS,
	PROBE_FAIL,
	PROBE_UNDECIDED, /* the checker's own error */
	PROBE_RESULT_MAX
};

const char *probe_result_name(enum probe_result result);

struct health_machine {
	enum health_state state;
	uint32_t streak; /* results in a row that speak against state; below fall or rise */
	bool is_new;	 /* the state, by the last result */
	bool is_suspect; /* other things than probes speak against the member: the caller's to set */
};

void health_state_init(struct health_machine *machine, enum health_state state);

/* Takes one result in. Returns true when the state changed. */
bool health_state_feed(struct health_machine *machine, const struct check_config *check,
		       enum probe_result result);

/* The fast interval, of a member that something else speaks against: never longer than the usual
 * one. */
uint32_t health_state_fast_ms(const struct check_config *check);
/* Pause from the end of a probe to the next one: the interval, the fast one while in doubt or
 * suspect, the down one while down. random in 0..UINT32_MAX spreads it by +-jitter_percent. The
 * first one while down is anything up to it: who dies is taken out by all balancers within a second
 * or two, and all would take it back as close together. At least 1 ms. */
uint32_t health_state_delay_ms(const struct health_machine *machine,
			       const struct check_config *check, uint32_t random);

/* The shortest of those pauses, before they are spread. At least 1 ms. */
uint32_t health_state_shortest_ms(const struct check_config *check);

/* When the first probe goes out: anywhere within one interval. */
uint32_t health_state_first_delay_ms(const struct check_config *check, uint32_t random);

/* When the next probe goes out, after one that was due at due_us and has ended now_us with that
 * result, which the machine was fed. At least 1 ms from now; within one interval when more than one
 * was missed. */
uint64_t health_state_next_us(const struct health_machine *machine,
			      const struct check_config *check, enum probe_result result,
			      uint64_t due_us, uint64_t now_us, uint32_t random);

/* How the words of a member begin that say something else than why it failed. */
#define HEALTH_TEXT_AGAIN "answers again"
#define HEALTH_TEXT_IMPOSSIBLE "check not possible from here"
bool health_text_is_failure(const char *text);
