/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the loader decides before the program is verified. */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <sluice/map_types.h>

const volatile struct sluice_rodata ro = {
	.tick_ns = 4000000,
	.cells = SLUICE_SERVICE_CELLS_DEFAULT,
	.events_per_s = 100,
	.flow_sets = SLUICE_FLOW_SETS_DEFAULT,
	.pending_sets = SLUICE_PENDING_SETS_DEFAULT,
	.tracked_sets = SLUICE_TRACKED_SETS_DEFAULT,
};

/* The compiler must not see that this is `ro`: without volatile it would use the initialiser. */
static __always_inline const struct sluice_hash_key *config_key(void)
{
	const struct sluice_hash_key *key = (const struct sluice_hash_key *)&ro.key;

	asm volatile("" : "+r"(key));
	return key;
}
