/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What time alone brings: deadlines of members that drain or are overridden, steps of slow starts,
 * and what circuits make of the probes since they looked last. */
#include "daemon/daemon.h"

#include "base/clock.h"

static void cut(struct daemon *daemon, const struct model_member *member)
{
	struct sync_member_flows flows;
	char text[96];

	sync_view_member(daemon->sync, member->id, &flows);
	snprintf(text, sizeof(text), "drain deadline passed: %u known flow%s cut%s", flows.entries,
		 flows.entries == 1 ? "" : "s",
		 flows.is_counted || !flows.silence_s ? "" : ", others were not counted yet");
	observe_cut(daemon, member, text);
}

static void circuit_tick(struct daemon *daemon, const struct model_service *service,
			 const struct model_pool *pool, const struct model_member *member,
			 uint64_t now_ms)
{
	struct check_report report;
	uint64_t passed, failed;

	if (!daemon->health || cut_off_holds(daemon))
		return;
	health_member_report(daemon->health, service, pool, member, &report);
	passed = report.results[PROBE_PASS];
	failed = report.results[PROBE_FAIL];
	if (model_circuit_is_due(pool, member, passed, failed, now_ms))
		observe_circuit(daemon, member, passed, failed);
}

static void member_tick(struct daemon *daemon, const struct model_service *service,
			const struct model_pool *pool, const struct model_member *member,
			uint64_t now_s, uint64_t now_ms)
{
	circuit_tick(daemon, service, pool, member, now_ms);
	if (member->override_until_s && member->override_until_s <= now_s)
		observe_expiry(daemon, member);
	if (member->drain_until_s && !member->is_cut && member->drain_until_s <= now_s)
		cut(daemon, member);
	if (member->ramp.percent &&
	    member->ramp.percent !=
		    ramp_percent(service->slow_start_s, member->ramp.since_ms, now_ms))
		observe_ramp(daemon, member);
}

/* An observation is of a member: any one of the service will do. */
static void shift_tick(struct daemon *daemon, const struct model_service *service, uint64_t now_ms)
{
	size_t p;

	if (!shift_is_due(&service->shift, now_ms) || cut_off_holds(daemon))
		return;
	for (p = 0; p < service->pool_count; p++) {
		if (!service->pools[p].member_count)
			continue;
		observe_shift(daemon, &service->pools[p].members[0]);
		return;
	}
}

void due_tick(struct daemon *daemon)
{
	uint64_t now_s = clock_wall_s(), now_ms = clock_now_ms();
	size_t s, p, m;

	for (s = 0; s < model_service_count(daemon->model); s++) {
		const struct model_service *service = model_service_at(daemon->model, s);

		shift_tick(daemon, service, now_ms);
		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++)
				member_tick(daemon, service, &service->pools[p],
					    &service->pools[p].members[m], now_s, now_ms);
	}
}
