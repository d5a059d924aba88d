/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/share.h"

static enum share_rule first_rule(const struct share_question *q)
{
	if (q->admin == ADMIN_MAINT)
		return SHARE_MAINT;
	if (q->admin == ADMIN_DRAIN)
		return SHARE_DRAIN;
	if (q->discovery == DISCOVERY_NOT_READY)
		return SHARE_NOT_READY;
	if (q->override == OVERRIDE_EJECTED)
		return SHARE_EJECTED;
	if (q->nexthop != NEXTHOP_RESOLVED)
		return SHARE_UNREACHABLE;
	if (q->override == OVERRIDE_FORCED)
		return SHARE_FORCED;
	if (q->discovery == DISCOVERY_TERMINATING && q->has_others)
		return SHARE_TERMINATING;
	if (q->is_readmitted && (q->health == HEALTH_DOWN || q->circuit != BREAKER_CLOSED))
		return SHARE_READMITTED;
	if (q->health == HEALTH_DOWN)
		return SHARE_DOWN;
	if (q->circuit == BREAKER_OPEN)
		return SHARE_OPEN;
	if (q->circuit == BREAKER_HALF_OPEN)
		return SHARE_TRIAL;
	return q->ramp_percent ? SHARE_RAMP : SHARE_FULL;
}

enum share_rule share_decide(const struct share_question *q, uint32_t *ret_share)
{
	enum share_rule rule = first_rule(q);
	uint32_t share = 0;

	if (rule == SHARE_FORCED || rule == SHARE_FULL)
		share = SHARE_ONE;
	else if (rule == SHARE_TRIAL)
		share = SHARE_ONE * q->trial_percent / 100;
	else if (rule == SHARE_RAMP || rule == SHARE_READMITTED)
		share = q->ramp_percent ? SHARE_ONE * q->ramp_percent / 100 : SHARE_ONE;
	if (ret_share)
		*ret_share = share;
	return rule;
}
