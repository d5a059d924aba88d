/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ceilings on the new connections of a service or a member, whoever opens them. */
#pragma once

#include <linux/types.h>

/*
 * `ceilings`: one bucket each. A service has the entry of its id, and is asked for it by
 * SLUICE_SVC_F_CEILING; a member names one behind those, from index `services` on. What a ceiling
 * admits changes by one store of rate; another k takes another entry, or a moment without one.
 */
struct sluice_ceiling {
	__u64 state; /* as the word of a source (limit_types.h), without a tag; 0: idle */
	__u64 rate;  /* as sluice_limit.rate, of new connections; 0: no ceiling */
	__u64 k;     /* units of 2^k/16 ns */
	__u8 pad[40];
};

_Static_assert(sizeof(struct sluice_ceiling) == 64, "ceiling");

/* By the same index, per CPU. */
struct sluice_ceiling_stats {
	__u64 passed;
	__u64 refused;
};
