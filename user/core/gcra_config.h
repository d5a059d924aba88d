/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a rate and a burst as people write them to the numbers of the packet path's GCRA. */
#pragma once

#include <stdint.h>

#include <sluice/limit_types.h>

#include "base/err.h"

/* Where bytes are counted, the burst has room for one frame of this size: none is refused for ever. */
#define GCRA_BYTES_FRAME 9216
/* Of bytes, what the smallest frame has. */
#define GCRA_BYTES_LEAST 60

struct gcra_params {
	uint32_t k;   /* one unit is 2^k/16 ns */
	uint32_t inc; /* units that one of what is counted adds; where bytes are counted, 2^16 */
	uint32_t tau; /* units of tolerance; tau + inc < 2^30 */
};

/* The smallest burst with which a clock of this tick loses no rate: 2 * rate * tick + one packet. */
uint64_t gcra_burst_min(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
			uint32_t tick_ns);
/* Used when none is written: max(gcra_burst_min, one second of rate as far as the fields hold it). */
uint64_t gcra_burst_default(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
			    uint32_t tick_ns);

/* The highest rate that there is, a second, and the largest burst for a rate. */
uint64_t gcra_rate_max(enum sluice_limit_count count);
uint64_t gcra_burst_max(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s);

/* A source's word as another rate or burst of its limit has it: what it owes stays, as time, but for
 * what the new burst cannot owe, and rounded up; seen now. 0: it owes nothing. */
uint64_t gcra_convert(uint64_t word, uint64_t now_ns, const struct gcra_params *from,
		      const struct gcra_params *to);

/*
 * 0 and *ret_params, in the finest unit that holds the burst, or -EINVAL and an err that names the
 * nearest value that can be represented. Of packets and new connections rate 0, above 10 M/s and
 * below 1/h cannot, of bytes 0, above 100 Gbit/s and below 1,000 an hour; nor can bursts below the
 * minimum, or longer than the time field. e->path is left to the caller.
 */
int gcra_params_make(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
		     uint64_t burst, uint32_t tick_ns, struct gcra_params *ret_params,
		     struct err *e);

/* The same with a unit of 2^k/16 ns at least: for several rates that must share one, k is the largest
 * that gcra_params_make() gives any of them. */
int gcra_params_make_from(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
			  uint64_t burst, uint32_t tick_ns, uint32_t k,
			  struct gcra_params *ret_params, struct err *e);
