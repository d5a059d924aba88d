/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which entries of the flow tables may go. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/dataplane.h"

enum flow_fate {
	FLOW_KEPT,
	FLOW_STALE,	/* its member is gone, dead, or died since */
	FLOW_EXPIRED,	/* silent for longer than it is protected */
	FLOW_REDUNDANT, /* its slot sends it to the same member, or is never looked up */
	FLOW_FATE_MAX
};

struct flow_sweep_case {
	enum dp_flow_table table;
	uint64_t value;
	uint32_t now_s;
	uint64_t member_word; /* 0: there is no such member */
	uint64_t slot_word;   /* for `flows` */
	uint32_t pending_life_s, closing_life_s, refresh_s;
	uint32_t silence_s; /* that the member's service protects */
};

enum flow_fate flow_sweep_fate(const struct flow_sweep_case *c);
