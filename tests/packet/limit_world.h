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
#define LIMIT_WORLD_SOURCE "198.51.100.1"

struct rule {
	uint64_t rate_n;
	uint32_t rate_s;
	uint64_t burst; /* 0: the least that this clock allows */
	uint32_t tick_ns;
	enum sluice_limit_count count; /* 0: packets */
	struct gcra_params p;	       /* what follows */
};

double rule_rate(const struct rule *rule); /* a nanosecond */

/* An empty world with a service under limit 1, and its clock at the start. */
void limit_world_set(struct world *world, struct rule *rule);
/* The clock shows the tick that has begun last. */
void limit_world_clock(struct world *world, const struct rule *rule, uint64_t now_ns);
/* What the daemon does once a second, as often as it would have until now, where *swept_ns is when it
 * did last; then the clock shows now. */
void limit_world_sweep(struct world *world, const struct rule *rule, uint64_t *swept_ns,
		       uint64_t now_ns);
/* From now on packets come from this source and are so long; 0: as short as it gets. */
void limit_world_frame(const char *src, uint32_t length);
/* So many packets of the source, one after the other, on any thread. 0 or a negative errno. */
int limit_world_run(struct world *world, uint32_t packets);
/* The same; returns how many passed, and fails unless all others were refused. */
uint64_t limit_world_send(struct world *world, uint32_t packets);

/* A token bucket with a perfect clock, written as one would explain it. */
struct bucket {
	double rate, burst, tokens; /* rate: a nanosecond */
	uint64_t last_ns;
};

struct bucket bucket_new(double rate, double burst, uint64_t now_ns);
void bucket_fill(struct bucket *b, uint64_t now_ns);

double limit_random(void); /* between 0 and 1; the same ones in each run */
