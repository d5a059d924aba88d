/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Active health checks. One stream of probes per distinct target (address, port, check), however
 * many members share it; it follows the model, and a change elsewhere leaves a target's state and
 * schedule alone. Runs on the caller's loop, one thread.
 */
#pragma once

#include <stdint.h>

#include <uv.h>

#include "core/health_state.h"
#include "core/model.h"

struct health;

/* One result that the model should know: a new state, a new text, or a fresher latency. cause: of
 * the last failure. Never called from within health_follow(). The caller must not change the model
 * before it returned. */
typedef void (*health_report_fn)(void *arg, uint64_t member_id, enum health_state state,
				 enum health_cause cause, const char *text, uint32_t latency_us);

struct health *health_new(uv_loop_t *loop, health_report_fn fn, void *arg);
/* Stops every probe; memory goes when the loop has run the close callbacks. Accepts NULL. */
void health_free(struct health *health);

/* Makes the targets those of the model: call after services or members changed. A new target
 * starts from the state its first member has in the model; a member that joins a known target gets
 * a report at the next turn. */
void health_follow(struct health *health, const struct model *model);

struct health_counts {
	uint64_t results[PROBE_RESULT_MAX];
	uint64_t latency_us_sum; /* of passes */
};

/* Probes of the member's target so far; zeros when it has none. */
void health_member_counts(const struct health *health, const struct model_pool *pool,
			  const struct model_member *member, struct health_counts *ret_counts);
