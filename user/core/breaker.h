/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The circuit of a member: closed serves, open does not, half-open serves a little to see whether
 * it is well. Pure; the caller has the clock, the dice and the checks, and decides whether one more
 * may be ejected for failing too often (core/ejection.h).
 *
 * The pause of the n-th time out is min(open * 2^(n-1), open_max), half of it by chance ("equal
 * jitter"; M. Brooker, Exponential Backoff and Jitter, 2015), so that balancers do not try again
 * together. A minute without a failure takes n one down.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

#define BREAKER_BUCKETS 6	 /* of the window in which failures are counted */
#define BREAKER_GOOD_FLOWS 10	 /* close a half-open circuit, with a probe that passed */
#define BREAKER_FORGIVE_MS 60000 /* without a failure: one time out is forgotten */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_STATE_MAX };

enum breaker_event {
	BREAKER_FELL,	/* `fall` failures of its check in a row */
	BREAKER_ROSE,	/* `rise` successes in a row */
	BREAKER_FAILED, /* single ones failed: probes, or flows */
	BREAKER_PASSED, /* probes passed, none failed */
	BREAKER_FLOWED, /* `flows` of its flows were good, none was bad */
	BREAKER_RATIO,	/* too many of the window failed, and the caller may eject */
	BREAKER_TIME,	/* nothing but time */
	BREAKER_RESET,	/* a person wants it closed */
	BREAKER_EVENT_MAX
};

struct breaker {
	enum breaker_state state;
	uint32_t attempts; /* n: how often it has been out lately, until its pause is the longest */
	uint64_t
		until_ms; /* open: not before; half-open: decision; closed: n sinks; 0: nothing is due */
	uint64_t since_ms;   /* in this state */
	bool is_failing;     /* its check says down: no trial before it passes */
	bool is_by_ratio;    /* what opened it last */
	bool has_passed;     /* half-open: a probe */
	uint32_t good_flows; /* half-open */
	struct {
		uint16_t good, bad;
	} window[BREAKER_BUCKETS];
	uint32_t bucket; /* number of the newest one, counted from the start of the clock */
};

struct breaker_input {
	enum breaker_event event;
	uint64_t now_ms;
	uint32_t random; /* the whole range */
	uint32_t flows;
	uint32_t probe_ms; /* within this its next probe has surely spoken */
};

const char *breaker_state_name(enum breaker_state state);

/* Takes one event in. Returns true when the state changed. A circuit that is disabled is closed. */
bool breaker_feed(struct breaker *breaker, const struct circuit_config *circuit,
		  const struct breaker_input *input);

/* Counts outcomes into the window; BREAKER_RATIO is the caller's to feed when breaker_is_bad(). */
void breaker_count(struct breaker *breaker, const struct circuit_config *circuit, uint32_t good,
		   uint32_t bad, uint64_t now_ms);
/* Did too many of the window fail? */
bool breaker_is_bad(const struct breaker *breaker, const struct circuit_config *circuit,
		    uint64_t now_ms);
/* What the window holds now. */
void breaker_window(const struct breaker *breaker, const struct circuit_config *circuit,
		    uint64_t now_ms, uint32_t *ret_good, uint32_t *ret_bad);

/* Does BREAKER_TIME have something to do? */
bool breaker_is_due(const struct breaker *breaker, uint64_t now_ms);
/* Until the next thing that time alone brings, 0 if none. */
uint64_t breaker_left_ms(const struct breaker *breaker, uint64_t now_ms);
/* Is no pause longer than that of the n-th time out? */
bool breaker_is_longest(const struct circuit_config *circuit, uint32_t n);
/* The pause of the n-th time out; n from 1. Between half of it and all of it. */
uint64_t breaker_pause_ms(const struct circuit_config *circuit, uint32_t n, uint32_t random);
