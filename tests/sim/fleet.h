/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Many balancers that check the same backends: each has a model of the product, and the product's own
 * rules say when probes go out and what their results make of members (core/health_state.h,
 * core/breaker.h, core/ejection.h, core/share.h). Time is simulated, in steps of 1 ms. All of them
 * were booted together, as after a power cut, so that nothing but chance keeps them apart.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLEET_ALL UINT32_MAX
#define FLEET_BIN_MS 100

enum fleet_way {
	FLEET_ANSWERS,
	FLEET_REFUSES,
	FLEET_SILENT,
	FLEET_FRAGILE, /* refuses those that have it on trial */
};

struct fleet_options {
	uint32_t balancers, backends;
	const char *check; /* as in a configuration */
	uint64_t seed;
	bool is_in_step; /* first probes go out all at once, as after a stall of everything */
};

enum fleet_turn { FLEET_OUT, FLEET_TRIAL, FLEET_BACK };

/* What became of a member. */
struct fleet_event {
	uint32_t ms;
	uint16_t balancer, backend;
	enum fleet_turn turn;
	uint32_t times_out, pause_ms; /* with FLEET_OUT */
};

/* Since fleet_measure(). */
struct fleet_rates {
	double mean;	/* probes a second at a backend */
	uint32_t worst; /* in 100 ms, at the busiest backend */
	uint32_t sent;	/* in 100 ms, by the busiest balancer */
	double load;	/* at the busiest backend; 1: its part of all traffic */
};

struct fleet;

struct fleet *fleet_new(const struct fleet_options *options);
void fleet_free(struct fleet *fleet); /* accepts NULL */
/* From now on the backend, or all, behave so. */
void fleet_set(struct fleet *fleet, uint32_t backend, enum fleet_way way);
void fleet_run(struct fleet *fleet, uint32_t ms);
/* No balancer does anything for so long, at most 8 s. */
void fleet_stall(struct fleet *fleet, uint32_t ms);
uint32_t fleet_now_ms(const struct fleet *fleet);

/* Rates and events begin anew; rates are of one backend, or of all. */
void fleet_measure(struct fleet *fleet, uint32_t backend);
void fleet_rates(const struct fleet *fleet, struct fleet_rates *ret_rates);
const struct fleet_event *fleet_events(const struct fleet *fleet, size_t *ret_count);
/* How much the balancers' probes of a backend are in step: 0..1 (Rayleigh's mean resultant length of
 * the times when the next ones are due, in an interval). */
double fleet_coherence(const struct fleet *fleet, uint32_t backend);
/* Of all balancers, the one that admits the fewest members. */
uint32_t fleet_admitted_least(const struct fleet *fleet);
