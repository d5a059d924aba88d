/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How often sources were refused lately: a table of fixed size, in sets of BAN_COUNTER_WAYS. A source
 * that does not fit takes the place of the one that was refused least, and begins at zero: nobody is
 * charged with what another one did.
 */
#pragma once

#include "core/bans.h"

#define BAN_COUNTER_WAYS 8

struct ban_counter {
	uint32_t limit; /* 0: free */
	struct prefix source;
	uint32_t part_ms;
	uint64_t part; /* number of the last one that was counted in */
	uint32_t packets[BANS_PARTS];
	uint32_t samples[BANS_PARTS];
};

struct ban_counters {
	struct ban_counter list[BANS_COUNTED];
};

/* Counts a refusal. The counter, when the source is to be banned now; else NULL. */
struct ban_counter *ban_counters_add(struct ban_counters *counters, const struct limit_ban *rule,
				     const struct dp_refusal *refusal, const struct prefix *source,
				     uint64_t now_ms);
