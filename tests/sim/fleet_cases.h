/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a fleet of balancers goes through, and the bounds of what its backends feel of it. */
#pragma once

#include <stdbool.h>

#include "sim/fleet.h"

struct fleet_plan {
	struct fleet_options options;
	uint32_t long_s; /* of the search for resonance; more than 900 */
	bool is_quiet;	 /* prints only what is beyond its bound */
};

extern const struct fleet_plan fleet_whole, fleet_short;

struct fleet_sum {
	unsigned int measured, failed;
};

/* Plays all of it and prints a row for each measurement. */
void fleet_play(const struct fleet_plan *plan, struct fleet_sum *ret_sum);
