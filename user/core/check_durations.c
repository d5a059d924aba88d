/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/check_durations.h"

const uint32_t check_bucket_us[CHECK_BUCKETS] = {500,	  1000,	   2500,    5000,    10000,
						 25000,	  50000,   100000,  250000,  500000,
						 1000000, 2500000, 5000000, 10000000};

void check_durations_add(struct check_durations *durations, uint64_t us)
{
	uint32_t i;

	for (i = 0; i < CHECK_BUCKETS && us > check_bucket_us[i]; i++)
		;
	durations->counts[i]++;
	durations->sum_us += us ? us : 1;
}
