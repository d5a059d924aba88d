/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits of the packet tests' world, from a rate and a burst. */
#pragma once

#include "packet/world.h"

#define LIMITS_SETS 64 /* limit number n has so many sets, from the n-th times that on */

struct limits_rule {
	uint64_t rate; /* a second */
	uint32_t burst;
	/* 0 stands for: packets, enforce, a /32, a /64. */
	enum sluice_limit_count count;
	enum sluice_limit_mode mode;
	bool is_disabled;
	uint32_t len4, len6;
	uint32_t sets_log2;
	uint64_t flags; /* SLUICE_LIMIT_F_* */
};

void limits_set(struct world *world, uint32_t index, const struct limits_rule *rule);
/* What the rule's increment and tolerance are in units of 2^k/16 ns, as a word of rate. */
uint64_t limits_rate(const struct limits_rule *rule, uint32_t k);
