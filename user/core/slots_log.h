/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The times of claims: -ln(1 - (r + 1/2) / M) for r = 0..M-1 as Q44, made with integers alone, so
 * that every node has the same ones. */
#pragma once

#include <stdint.h>

/* The table for M = 2^log2, made at the first call and kept for the life of the process. Callable
 * from any thread. NULL when out of memory. */
const uint64_t *slots_log_table(unsigned int log2);
