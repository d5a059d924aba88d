/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What follows from the state of a service's members together: who is dead, who serves in a panic. */
#include "core/model_internal.h"

#include <inttypes.h>

#include "core/weights.h"

/* Would it serve if it were not for its check and its circuit? How dead is it then? */
static bool is_out_by_failure(const struct model_pool *pool, const struct model_member *member,
			      enum ejection_rank *ret_rank)
{
	enum share_rule rule = weights_member_rule(member);

	if (!pool->share || !member->weight || (rule != SHARE_DOWN && rule != SHARE_OPEN))
		return false;
	if (rule == SHARE_OPEN)
		*ret_rank = EJECTION_TRIED;
	else
		*ret_rank = member->health_cause == HEALTH_ANSWERED ? EJECTION_ANSWERED
								    : EJECTION_SILENT;
	return true;
}

/* Who is on trial is none who serves while a fallback does that is well: its trial would be all that
 * there is, else. */
static void count(const struct model_service *service, struct panic_question *q)
{
	size_t fallback_out[EJECTION_RANK_MAX] = {0}, on_trial[2] = {0};
	enum ejection_rank rank;
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			const struct model_member *member = &pool->members[m];

			if (is_out_by_failure(pool, member, &rank))
				(pool->is_fallback ? fallback_out : q->out)[rank]++;
			else if (!pool->share || !member->weight || !weights_member_share(member))
				continue;
			else if (weights_member_rule(member) == SHARE_TRIAL)
				on_trial[pool->is_fallback]++;
			else
				*(pool->is_fallback ? &q->fallback : &q->admitted) += 1;
		}
	}
	if (!q->fallback)
		q->admitted += on_trial[false];
	q->fallback += on_trial[true];
	/* A fallback that cannot serve is a pool as the others. */
	for (rank = 0; !q->fallback && rank < EJECTION_RANK_MAX; rank++)
		q->out[rank] += fallback_out[rank];
}

static void tell(struct apply *apply, const struct model_service *service,
		 enum ejection_panic panic, enum ejection_rank rank, size_t admitted)
{
	static const char *const who[EJECTION_RANK_MAX] = {
		[EJECTION_TRIED] = "those serve whose check passes, though their circuit is open",
		[EJECTION_ANSWERED] = "those serve, too, whose check fails but who answer",
		[EJECTION_SILENT] = "all that only fail their check serve",
	};
	char few[64] = "no member is healthy";

	if (panic == service->panic && (panic != PANIC_READMIT || rank == service->panic_rank))
		return;
	if (admitted)
		snprintf(few, sizeof(few), "%zu of at least %" PRIu32 " members are healthy",
			 admitted, service->min_healthy);
	if (panic == PANIC_FALLBACK)
		model_event(apply, EVENT_service_changed, service, NULL, NULL,
			    "panic: %s, so the fallback pool serves", few);
	else if (panic == PANIC_READMIT)
		model_event(apply, EVENT_service_changed, service, NULL, NULL, "panic: %s, so %s",
			    few, who[rank]);
	else if (panic == PANIC_DROP)
		model_event(apply, EVENT_service_changed, service, NULL, NULL,
			    "panic: %s, and nobody is re-admitted (panic: drop)", few);
	else
		model_event(apply, EVENT_service_changed, service, NULL, NULL, "panic is over");
}

static void refresh_member(struct model_service *service, const struct model_pool *pool,
			   struct model_member *member)
{
	enum ejection_rank rank;

	member->is_readmitted = service->panic == PANIC_READMIT &&
				is_out_by_failure(pool, member, &rank) &&
				rank <= service->panic_rank;
	member->is_dead = member->admin == ADMIN_MAINT || member->is_cut ||
			  member->nexthop_state == NEXTHOP_FAILED ||
			  (member->health == HEALTH_DOWN && member->health_cause == HEALTH_SILENT &&
			   !member->is_readmitted && member->override != OVERRIDE_FORCED);
}

/* A terminating member serves while nobody else does. A fallback pool is nobody, but to its own. */
static void find_others(struct model_service *service)
{
	size_t p, m, others = 0, fallback = 0;

	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; pool->share && m < pool->member_count; m++)
			if (pool->members[m].discovery == DISCOVERY_READY &&
			    pool->members[m].weight && weights_member_share(&pool->members[m]))
				*(pool->is_fallback ? &fallback : &others) += 1;
	}
	for (p = 0; p < service->pool_count; p++) {
		const struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			struct model_member *member = &pool->members[m];
			bool has_others = others || (pool->is_fallback && fallback);

			service->is_dirty |= member->discovery == DISCOVERY_TERMINATING &&
					     member->has_others != has_others;
			member->has_others = has_others;
		}
	}
}

void model_service_refresh(struct apply *apply, struct model_service *service)
{
	struct panic_question q = {.min_wanted = service->min_healthy,
				   .is_drop = service->is_panic_dropped};
	enum ejection_rank rank = 0;
	enum ejection_panic panic;
	size_t p, m;

	for (p = 0; p < service->pool_count; p++) {
		struct model_pool *pool = &service->pools[p];

		for (m = 0; m < pool->member_count; m++) {
			pool->members[m].is_readmitted = false;
			pool->members[m].trial_percent = pool->circuit.trial_percent;
		}
	}
	find_others(service);
	count(service, &q);
	panic = ejection_panic(&q, &rank);
	tell(apply, service, panic, rank, q.admitted);
	service->is_dirty |= panic != service->panic || rank != service->panic_rank;
	service->panic = panic;
	service->panic_rank = rank;
	for (p = 0; p < service->pool_count; p++) {
		struct model_pool *pool = &service->pools[p];

		pool->is_idle = pool->is_fallback && panic == PANIC_NONE;
		for (m = 0; m < pool->member_count; m++)
			refresh_member(service, pool, &pool->members[m]);
	}
	model_ramp_refresh(apply, service);
}
