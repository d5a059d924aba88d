/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/weights.h"

#define SHARE_ONE 65536U
#define WHOLE (1ULL << 31) /* effective weight of all of a service's members together */

typedef unsigned __int128 u128;

const char *member_state_name(enum member_state state)
{
	static const char *const names[MEMBER_STATE_MAX] = {
		[MEMBER_SERVING] = "serving",	      [MEMBER_CHECKING] = "checking",
		[MEMBER_EJECTED] = "ejected",	      [MEMBER_UNREACHABLE] = "unreachable",
		[MEMBER_MAINTENANCE] = "maintenance", [MEMBER_DRAINING] = "draining",
		[MEMBER_NO_WEIGHT] = "no weight",
	};

	return (unsigned int)state < MEMBER_STATE_MAX ? names[state] : "unknown";
}

enum member_state member_state_of(const struct model_member *member)
{
	if (member->admin == ADMIN_MAINT)
		return MEMBER_MAINTENANCE;
	if (member->admin == ADMIN_DRAIN)
		return MEMBER_DRAINING;
	/* Before health: checks fail because of it. */
	if (member->nexthop_state != NEXTHOP_RESOLVED)
		return MEMBER_UNREACHABLE;
	if (member->health == HEALTH_DOWN)
		return MEMBER_EJECTED;
	if (member->weight == 0)
		return MEMBER_NO_WEIGHT;
	return member->health == HEALTH_UNKNOWN ? MEMBER_CHECKING : MEMBER_SERVING;
}

uint32_t weights_member_share(const struct model_member *member)
{
	if (member->admin != ADMIN_READY || member->nexthop_state != NEXTHOP_RESOLVED)
		return 0;
	if (member->health == HEALTH_DOWN && !member->is_readmitted)
		return 0;
	return member->ramp.percent ? SHARE_ONE * member->ramp.percent / 100 : SHARE_ONE;
}

static uint64_t pool_weight(const struct model_pool *pool)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < pool->member_count; i++) {
		if (pool->members[i].admin != ADMIN_MAINT)
			sum += pool->members[i].weight;
	}
	return sum;
}

static uint64_t shares_sum(const struct model_service *service)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < service->pool_count; i++)
		sum += service->pools[i].share;
	return sum;
}

static uint32_t effective(uint64_t shares, const struct model_pool *pool, uint64_t weights,
			  const struct model_member *member)
{
	u128 part = (u128)pool->share * member->weight * weights_member_share(member) * WHOLE;
	u128 whole = (u128)shares * weights * SHARE_ONE;
	u128 weight;

	if (part == 0)
		return 0;
	weight = part / whole;
	return weight ? (uint32_t)weight : 1;
}

uint32_t weights_effective(const struct model_service *service, const struct model_pool *pool,
			   const struct model_member *member)
{
	return effective(shares_sum(service), pool, pool_weight(pool), member);
}

void weights_all(const struct model_service *service, uint32_t *ret_weights)
{
	uint64_t shares = shares_sum(service);
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];
		uint64_t weights = pool_weight(pool);

		for (m = 0; m < pool->member_count; m++)
			*ret_weights++ = effective(shares, pool, weights, &pool->members[m]);
	}
}
