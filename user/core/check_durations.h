/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long probes take, as a histogram. Pure. */
#pragma once

#include <stdint.h>

#define CHECK_BUCKETS 14

/* Upper ends of the buckets, included; what takes longer is in one more. */
extern const uint32_t check_bucket_us[CHECK_BUCKETS];

struct check_durations {
	uint64_t counts[CHECK_BUCKETS + 1];
	uint64_t sum_us;
};

void check_durations_add(struct check_durations *durations, uint64_t us);
