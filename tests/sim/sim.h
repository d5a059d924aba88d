/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sequence of changes under traffic: what breaks, what is remembered, how often a table is read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sim/sequence.h"

enum sim_variant { SIM_SLOTS, SIM_FULL, SIM_OURS, SIM_VARIANTS };

struct sim_options {
	uint32_t scale;	     /* connections, tables and forged packets are so many times fewer */
	uint32_t late_every; /* one connection in so many is answered after its second SYN */
	uint32_t pre_ms;     /* the product's, 3000 */
	uint32_t learn_s;    /* the product's, 600 */
	unsigned int seed;
};

extern const struct sim_options sim_whole, sim_short;

struct sim_result {
	uint64_t packets, connections;
	uint64_t broken[SIM_VARIANTS]; /* came to another member although theirs lived */
	uint64_t lost[SIM_VARIANTS];   /* with their member */
	uint32_t peak[SIM_VARIANTS];   /* entries */
	uint64_t lookups[SIM_VARIANTS];
	uint64_t early_lookups;	    /* ours, before the first change */
	uint32_t slots, late_slots; /* ours, at the end; not at rest where they should be */
	char first_broken[240];	    /* of ours, in words */
};

void sim_run(const struct sequence *sequence, const struct sim_options *options,
	     struct sim_result *ret_result);
/* "" if ours kept what it promises (docs/testing.md), else what it did not. */
void sim_fault(const struct sequence *sequence, const struct sim_result *result, char *text,
	       size_t size);
