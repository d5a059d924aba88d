/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One source under one limit of a world, with numbers as the daemon computes them. */
#pragma once

#include <stdint.h>

#include "core/gcra_config.h"
#include "packet/world.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define LIMIT_WORLD_START (1000 * S)
#define LIMIT_WORLD_SETS_LOG2 4

struct rule {
	uint64_t rate_n;
	uint32_t rate_s;
	uint64_t burst; /* 0: the least that this clock allows */
	uint32_t tick_ns;
	struct gcra_params p; /* what follows */
};

double rule_rate(const struct rule *rule); /* a nanosecond */

/* An empty world with a service under limit 1, and its clock at the start. */
void limit_world_set(struct world *world, struct rule *rule);
/* The clock shows the tick that has begun last. */
void limit_world_clock(struct world *world, const struct rule *rule, uint64_t now_ns);
/* So many packets of the source, one after the other, on any thread. 0 or a negative errno. */
int limit_world_run(struct world *world, uint32_t packets);
/* The same; returns how many passed, and fails unless all others were refused. */
uint64_t limit_world_send(struct world *world, uint32_t packets);
