/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For tests of shifts in the model: a service with two pools, all of whose members pass their checks. */
#pragma once

#include "unit/circuit_world.h"

#define TWO                                                                                        \
	"    check: tcp\n"                                                                         \
	"    pools:\n"                                                                             \
	"      stable: {share: 100, members: [10.0.0.1, 10.0.0.2]}\n"                              \
	"      next: {share: %s, members: [10.0.0.3, 10.0.0.4]}\n"

static inline void all_pass(struct world *w)
{
	size_t p, m;

	for (p = 0; p < web(w)->pool_count; p++)
		for (m = 0; m < web(w)->pools[p].member_count; m++)
			passes(w, in_pool(w, p, m));
}

static inline struct world *two(const char *share)
{
	AUTO_FREE char *text = util_printf(TWO, share);
	struct world *w = world(text);

	all_pass(w);
	return w;
}

static inline int shift(struct world *w, enum shift_action action, const char *to, uint32_t percent)
{
	struct shift plan = {.plan = {.steps = {5, 25, 100}, .step_count = 3, .hold_s = 10},
			     .percent = percent};
	const struct change change = {.type = CHANGE_SHIFT,
				      .owner = OWNER_API,
				      .service = "web",
				      .pool = to,
				      .shift = &plan,
				      .shift_action = action};
	struct errs errors = {0};
	int r = model_apply(w->model, &change, 1, w->fake->now_ms, &errors);

	errs_done(&errors);
	return r;
}

static inline void pass(struct world *w, uint64_t ms)
{
	struct change change = {.type = CHANGE_SHIFT_TIME, .member_id = member(w, 0)->id};
	uint64_t step;

	for (step = 0; step < ms; step += 1000) {
		w->fake->now_ms += 1000;
		world_apply(w, &change);
	}
}
