/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Chance that spreads probes and pauses, so that many balancers do not act together. It guards
 * nothing. splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014),
 * whose numbers are spread from the first on, whatever the seed. Pure. */
#pragma once

#include <stdint.h>

#define DICE_STEP 0x9e3779b97f4a7c15ULL

/* The same number for the same seed. */
uint32_t dice_of(uint64_t seed);
/* The next one of a series that *state is the seed of. */
uint32_t dice_next(uint64_t *state);
