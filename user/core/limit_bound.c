/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/limit_bound.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/util.h"

#define WORDS_MAX (1ULL << 24)	  /* of one limit */
#define CAPACITY_MAX (1ULL << 28) /* of all */
#define TAGS (1ULL << 16)

typedef unsigned __int128 u128;

uint64_t limit_bound_words(const struct limit_config *config)
{
	uint64_t words = SLUICE_LIMIT_WAYS;

	while (words < config->sources)
		words *= 2;
	return words;
}

uint64_t limit_bound(const struct limit_config *config)
{
	u128 bound;

	if (!config->rate.s)
		return 0;
	bound = (u128)limit_bound_words(config) * config->rate.n / config->rate.s;
	return bound < UINT64_MAX ? (uint64_t)bound : UINT64_MAX;
}

uint64_t limit_bound_pps(const struct limit_config *config)
{
	uint64_t bound = limit_bound(config);

	return config->count == SLUICE_COUNT_BYTES ? bound / LIMIT_BOUND_FRAME : bound;
}

uint64_t limit_bound_shared_one_in(const struct limit_config *config, uint64_t in_use)
{
	uint64_t sets = limit_bound_words(config) / SLUICE_LIMIT_WAYS;

	return sets * TAGS / MAX(in_use, (uint64_t)1);
}

bool limit_bound_warn(const struct limit_config *config, uint64_t others, uint64_t capacity,
		      char *buffer, size_t size)
{
	uint64_t pps = limit_bound_pps(config), words = limit_bound_words(config), enough = words;
	bool is_bytes = config->count == SLUICE_COUNT_BYTES;
	uint64_t low = is_bytes ? LIMIT_BOUND_LOW_FRAMES : LIMIT_BOUND_LOW_PPS, needed = capacity;
	char room[64] = "";

	if (config->mode == SLUICE_LIMIT_DISABLED || pps >= low)
		return false;
	while (enough < WORDS_MAX && others + enough * 2 <= CAPACITY_MAX && pps < low) {
		enough *= 2;
		pps *= 2;
	}
	while (needed < others + enough)
		needed = MIN(needed * 2, CAPACITY_MAX);
	if (needed > capacity)
		snprintf(room, sizeof(room), " with capacity.limit_sources: %" PRIu64, needed);
	snprintf(buffer, size,
		 "limit %s remembers %" PRIu64 " sources: it is exact in a flood with spoofed "
		 "sources of up to %" PRIu64 " %s; sources: %" PRIu64 "%s %s",
		 config->name, words, limit_bound_pps(config),
		 is_bytes ? "full frames a second, less than 1 Gbit/s"
			  : "packets a second, less than 1 Gbit/s of the smallest",
		 enough, room,
		 pps >= low ? "would do" : "is the most there is, a higher rate helps as much");
	return true;
}
