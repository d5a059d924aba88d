/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sim_fleet [--short] [--seed N]: 200 balancers check 100 backends. Prints a row for each measurement
 * with its bound, then one line. Exit status 1 if one is beyond its bound (docs/testing.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/fleet_cases.h"

int main(int argc, char **argv)
{
	struct fleet_plan plan = fleet_whole;
	uint64_t seed = 1;
	struct fleet_sum sum;
	int arg;

	for (arg = 1; arg < argc; arg++) {
		if (strcmp(argv[arg], "--short") == 0) {
			plan = fleet_short;
		} else if (strcmp(argv[arg], "--seed") == 0 && argv[arg + 1]) {
			seed = strtoull(argv[++arg], NULL, 10);
		} else {
			fprintf(stderr, "usage: sim_fleet [--short] [--seed N]\n");
			return 2;
		}
	}
	plan.options.seed = seed;
	fleet_play(&plan, &sum);
	printf("fleet %s: %u balancers, %u backends; %u measurements, %u beyond their bounds; %.1f "
	       "s of "
	       "processor\n",
	       sum.failed ? "FAILED" : "ok", plan.options.balancers, plan.options.backends,
	       sum.measured, sum.failed, (double)clock() / CLOCKS_PER_SEC);
	return sum.failed ? 1 : 0;
}
