/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/weights.h"

#define WHOLE (1ULL << 31) /* effective weight of all of a service's members together */

typedef unsigned __int128 u128;

const char *member_state_name(enum member_state state)
{
	static const char *const names[MEMBER_STATE_MAX] = {
		[MEMBER_SERVING] = "serving",	      [MEMBER_CHECKING] = "checking",
		[MEMBER_EJECTED] = "ejected",	      [MEMBER_UNREACHABLE] = "unreachable",
		[MEMBER_MAINTENANCE] = "maintenance", [MEMBER_DRAINING] = "draining",
		[MEMBER_NO_WEIGHT] = "no weight",     [MEMBER_ON_TRIAL] = "on trial",
		[MEMBER_SUSPECT] = "suspect",
	};

	return (unsigned int)state < MEMBER_STATE_MAX ? names[state] : "unknown";
}

static enum share_rule decide(const struct model_member *member, uint32_t *ret_share)
{
	const struct share_question q = {
		.admin = member->admin,
		.discovery = member->discovery,
		.has_others = member->has_others,
		.override = member->override,
		.nexthop = member->nexthop_state,
		.health = member->health,
		.circuit = member->breaker.state,
		.is_readmitted = member->is_readmitted,
		.trial_percent = member->trial_percent,
		.ramp_percent = member->ramp.percent,
	};

	return share_decide(&q, ret_share);
}

enum share_rule weights_member_rule(const struct model_member *member)
{
	return decide(member, NULL);
}

enum member_state member_state_of(const struct model_member *member)
{
	static const enum member_state states[SHARE_RULE_MAX] = {
		[SHARE_MAINT] = MEMBER_MAINTENANCE,
		[SHARE_DRAIN] = MEMBER_DRAINING,
		[SHARE_NOT_READY] = MEMBER_DRAINING,
		[SHARE_TERMINATING] = MEMBER_DRAINING,
		[SHARE_EJECTED] = MEMBER_EJECTED,
		[SHARE_DOWN] = MEMBER_EJECTED,
		[SHARE_OPEN] = MEMBER_EJECTED,
		[SHARE_READMITTED] = MEMBER_EJECTED,
		[SHARE_UNREACHABLE] = MEMBER_UNREACHABLE,
		[SHARE_TRIAL] = MEMBER_ON_TRIAL,
		[SHARE_FORCED] = MEMBER_SERVING,
		[SHARE_RAMP] = MEMBER_SERVING,
		[SHARE_FULL] = MEMBER_SERVING,
	};
	enum share_rule rule = weights_member_rule(member);

	if (states[rule] != MEMBER_SERVING && states[rule] != MEMBER_ON_TRIAL)
		return states[rule];
	if (member->weight == 0)
		return MEMBER_NO_WEIGHT;
	if (rule != SHARE_FORCED && states[rule] == MEMBER_SERVING &&
	    member->health == HEALTH_UNKNOWN)
		return MEMBER_CHECKING;
	return states[rule] == MEMBER_SERVING && member->suspicion.cause ? MEMBER_SUSPECT
									 : states[rule];
}

bool member_state_serves(enum member_state state)
{
	return state == MEMBER_SERVING || state == MEMBER_CHECKING || state == MEMBER_SUSPECT;
}

uint32_t weights_member_share(const struct model_member *member)
{
	uint32_t share;

	decide(member, &share);
	return share;
}

uint32_t weights_pool_share(const struct model_pool *pool)
{
	return pool->is_idle ? 0 : pool->share;
}

/* Does its weight count in its pool? Of what discovery takes away, others get all. */
static bool is_counted(const struct model_member *member)
{
	enum share_rule rule = weights_member_rule(member);

	return rule != SHARE_MAINT && rule != SHARE_NOT_READY && rule != SHARE_TERMINATING;
}

static uint64_t pool_weight(const struct model_pool *pool)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < pool->member_count; i++) {
		if (is_counted(&pool->members[i]))
			sum += pool->members[i].weight;
	}
	return sum;
}

static uint64_t shares_sum(const struct model_service *service)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < service->pool_count; i++)
		sum += weights_pool_share(&service->pools[i]);
	return sum;
}

static uint32_t effective(uint64_t shares, const struct model_pool *pool, uint64_t weights,
			  const struct model_member *member)
{
	u128 part = (u128)weights_pool_share(pool) * member->weight * weights_member_share(member) *
		    WHOLE;
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
