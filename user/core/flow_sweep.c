/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/flow_sweep.h"

#define SLOT_FLAGS (~((1ULL << 48) - 1))

static uint32_t life_s(const struct flow_sweep_case *c)
{
	if (c->table == DP_FLOW_PENDING)
		return c->pending_life_s;
	if (c->value & SLUICE_FLOW_F_CLOSING)
		return c->closing_life_s;
	/* Its time may be so old although it has just spoken. */
	return c->silence_s + c->refresh_s + 1;
}

/* Without the entry the flow goes where it goes with it. While a slot learns, its entries are what
 * lets `def` follow. */
static bool is_redundant(const struct flow_sweep_case *c)
{
	uint32_t member = SLUICE_FLOW_MEMBER(c->value);

	if (c->table != DP_FLOW_FLOWS)
		return false;
	if (!(c->slot_word & SLOT_FLAGS))
		return true;
	return !(c->slot_word & SLUICE_SLOT_F_LEARN) && SLUICE_SLOT_CUR(c->slot_word) == member &&
	       SLUICE_SLOT_DEF(c->slot_word) == member;
}

enum flow_fate flow_sweep_fate(const struct flow_sweep_case *c)
{
	if (!(c->member_word & SLUICE_MEMBER_F_USED) || c->member_word & SLUICE_MEMBER_F_DEAD ||
	    SLUICE_MEMBER_EPOCH(c->member_word) != SLUICE_FLOW_EPOCH(c->value))
		return FLOW_STALE;
	if (sluice_flow_idle(c->value, c->now_s) > life_s(c))
		return FLOW_EXPIRED;
	return is_redundant(c) ? FLOW_REDUNDANT : FLOW_KEPT;
}
