/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slow starts of a service's members. */
#include "core/model_internal.h"

#include <inttypes.h>

#include "core/weights.h"

static bool is_out(const struct model_member *member)
{
	if (member->admin == ADMIN_MAINT || member->nexthop_state == NEXTHOP_FAILED ||
	    member->override == OVERRIDE_EJECTED || member->discovery == DISCOVERY_NOT_READY)
		return true;
	return member->override != OVERRIDE_FORCED &&
	       (member->health == HEALTH_DOWN || member->breaker.state != BREAKER_CLOSED);
}

static bool has_share(const struct model_pool *pool, const struct model_member *member)
{
	return weights_pool_share(pool) && member->weight && weights_member_share(member);
}

static bool has_carrier(const struct model_service *service)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			const struct model_member *member = &pool->members[m];

			if (has_share(pool, member) && !is_out(member) && !member->ramp.is_due &&
			    !member->ramp.percent)
				return true;
		}
	}
	return false;
}

static void tell(struct apply *apply, const struct model_service *service,
		 const struct model_pool *pool, const struct model_member *member,
		 const struct ramp *old)
{
	if (member->ramp.percent && !old->percent)
		model_event(apply, EVENT_member_weight, service, pool, member,
			    "slow start: %" PRIu32 " %% of its weight, all of it in %" PRIu32 " s",
			    member->ramp.percent, service->slow_start_s);
	else if (old->percent && !member->ramp.percent && !member->ramp.is_due)
		model_event(apply, EVENT_member_weight, service, pool, member,
			    "all of its weight: its slow start is over");
}

void model_ramp_refresh(struct apply *apply, struct model_service *service)
{
	struct ramp_question q = {.duration_s = service->slow_start_s, .now_ms = apply->now_ms};
	size_t p, m;

	if (!apply->state->has_ramps)
		return;
	if (!has_carrier(service)) {
		service->is_bare = true;
		service->bare_ms = apply->now_ms;
	} else if (apply->now_ms - service->bare_ms >= service->slow_start_s * 1000ULL) {
		service->is_bare = false;
	}
	/* After an outage of all of them those that come back first are not left to carry it all. */
	q.has_carrier = !service->is_bare;
	for (p = 0; p < service->pool_count; p++) {
		struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			struct model_member *member = &pool->members[m];
			struct ramp old = member->ramp;

			q.is_out = is_out(member);
			q.has_share = has_share(pool, member);
			member->ramp = ramp_next(&old, &q);
			service->is_dirty |= member->ramp.percent != old.percent;
			tell(apply, service, pool, member, &old);
		}
	}
}

void model_ramp_begin(struct model_service *service)
{
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		for (m = 0; m < service->pools[p].member_count; m++) {
			struct model_member *member = &service->pools[p].members[m];

			member->ramp.is_due = is_out(member);
		}
	}
}
