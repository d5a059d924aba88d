/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slow start: a member that comes up after being out, or is new, gets its weight in four steps. Only
 * while somebody else carries the rest: what a member does not get, the others of its service do.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RAMP_DURATION_MIN_S 15 /* each step moves slots: 5 s for one */
#define RAMP_DURATION_MAX_S 3600

struct ramp {
	uint64_t since_ms;
	uint32_t percent; /* of its weight, 0: all of it */
	bool is_due;	  /* begins when the member gets a share */
};

struct ramp_question {
	bool is_out;	  /* down, unreachable, in maintenance */
	bool has_share;	  /* or would, if it had all of its weight */
	bool has_carrier; /* another member of the service has all of its weight, and not just so */
	uint32_t duration_s; /* 0: no slow start */
	uint64_t now_ms;
};

/* 10, 30, 60, then 100. */
uint32_t ramp_percent(uint32_t duration_s, uint64_t since_ms, uint64_t now_ms);
/* What is next. */
struct ramp ramp_next(const struct ramp *ramp, const struct ramp_question *q);
/* Seconds until it has all of its weight. */
uint32_t ramp_left_s(const struct ramp *ramp, uint32_t duration_s, uint64_t now_ms);
