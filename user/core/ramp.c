/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/ramp.h"

static const uint32_t steps[] = {10, 30, 60};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

uint32_t ramp_percent(uint32_t duration_s, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms > since_ms ? now_ms - since_ms : 0;
	uint64_t step = duration_s ? passed_ms * STEPS / (duration_s * 1000ULL) : STEPS;

	return step < STEPS ? steps[step] : 100;
}

struct ramp ramp_next(const struct ramp *ramp, const struct ramp_question *q)
{
	struct ramp next = *ramp;

	if (q->is_out)
		return (struct ramp){.is_due = true};
	if (next.is_due && !q->has_share)
		return next;
	if (!q->has_carrier || !(next.is_due || next.percent))
		return (struct ramp){0};
	if (next.is_due)
		next.since_ms = q->now_ms;
	next.is_due = false;
	next.percent = ramp_percent(q->duration_s, next.since_ms, q->now_ms);
	return next.percent < 100 ? next : (struct ramp){0};
}

uint32_t ramp_left_s(const struct ramp *ramp, uint32_t duration_s, uint64_t now_ms)
{
	uint64_t end_ms = ramp->since_ms + duration_s * 1000ULL;

	if (!ramp->percent || end_ms <= now_ms)
		return 0;
	return (uint32_t)((end_ms - now_ms + 999) / 1000);
}
