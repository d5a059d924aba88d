/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a rate and a burst as people write them to the numbers of the packet path's GCRA. */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct gcra_params {
	uint32_t k;   /* one unit is 2^k ns */
	uint32_t inc; /* units a packet adds, >= 100 */
	uint32_t tau; /* units of tolerance; tau + inc < 2^30 */
};

/* The smallest burst with which a clock of this tick loses no rate: 2 * rate * tick + 1. */
uint64_t gcra_burst_min(uint64_t rate_n, uint32_t rate_s, uint32_t tick_ns);
/* Used when none is written: max(gcra_burst_min, one second of rate, 1). */
uint64_t gcra_burst_default(uint64_t rate_n, uint32_t rate_s, uint32_t tick_ns);

/* A source's word as another rate or burst of its limit has it: what it owes stays, as time, but for
 * what the new burst cannot owe, and rounded up; seen now. 0: it owes nothing. */
uint64_t gcra_convert(uint64_t word, uint64_t now_ns, const struct gcra_params *from,
		      const struct gcra_params *to);

/* 0 and *ret_params, or -EINVAL and an err that names the nearest value that can be represented
 * (rate 0 or above 10 M/s or below 1/h, burst 0 or below the minimum or longer than the time
 * field). e->path is left to the caller. */
int gcra_params_make(uint64_t rate_n, uint32_t rate_s, uint64_t burst, uint32_t tick_ns,
		     struct gcra_params *ret_params, struct err *e);
