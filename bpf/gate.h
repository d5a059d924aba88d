/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Token gates: so many of something on this CPU in a second of 2^30 ns (no division). */
#pragma once

#include <stdbool.h>

#include <sluice/map_types.h>

#define GATE_NS_LOG2 30

/* gate: this CPU's own; NULL refuses. What is refused is counted. */
static __always_inline bool gate_pass(struct sluice_event_gate *gate, __u64 now_ns, __u64 max)
{
	__u64 second = now_ns >> GATE_NS_LOG2;

	if (!gate)
		return false;
	if (gate->second != second) {
		gate->second = second;
		gate->sent = 0;
	}
	if (gate->sent >= max) {
		gate->suppressed++;
		return false;
	}
	gate->sent++;
	return true;
}
