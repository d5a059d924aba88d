/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who sends what in an attack, packet by packet in simulated time: honest sources below their
 * limit, loud ones far above it, and a flood from forged sources. The same every time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attack_run.h"

#define ATTACK_HONEST 1000U
#define ATTACK_LOUD 100U
#define ATTACK_SOURCES (ATTACK_HONEST + ATTACK_LOUD)
#define ATTACK_FORGED_LOG2 24 /* so many sources in the flood */

struct attack_plan {
	const char *shape;
	uint32_t burst;	 /* packets that a forged source sends at once */
	double of_bound; /* flood packets a second, of the exactness bound */
	double warm_s, window_s;
};

struct attack_source {
	bool is_loud;
	uint32_t addr;
	uint32_t burst; /* packets at once */
	double next_ns, period_ns;
	uint64_t sent, passed, refused; /* of loud ones within the window */
};

struct attack {
	struct attack_plan plan;
	uint32_t rate; /* the limit, a second */
	double flood_per_tick, flood_due;
	uint64_t forged; /* packets of the flood so far */
	uint64_t random;
	struct attack_source sources[ATTACK_SOURCES];
	uint64_t planned_ns, counted_ns; /* ticks, from the beginning */
	uint16_t *due;			 /* sources that send in the tick, as often as they do */
	size_t due_count, due_capacity;
	size_t total, written; /* packets of the tick */
};

void attack_begin(struct attack *attack, const struct attack_plan *plan, uint32_t rate,
		  uint32_t words);
void attack_done(struct attack *attack);

/* Writes what is sent next, at most ATTACK_BATCH packets; returns how many, 0 at the end. `who` is
 * 0 in the flood, else the source's number and 1. */
uint32_t attack_write(struct attack *attack, struct attack_packet *ret_packets);
/* Counts what became of them; in the order in which they were written. */
void attack_count(struct attack *attack, const struct attack_packet *packets, uint32_t count);
