/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/sync_view.h"

#include "base/util.h"
#include "core/sync_internal.h"

static uint32_t left_s(const struct sync *sync, uint64_t until_ms)
{
	return until_ms > sync->now_ms ? (uint32_t)((until_ms - sync->now_ms + 999) / 1000) : 0;
}

void sync_view_service(const struct sync *sync, uint32_t service_id,
		       struct sync_service_flows *ret_flows)
{
	const struct sync_service *service = sync_service_find(sync, service_id);
	const struct sync_motion *motion = service ? &service->motion : NULL;

	*ret_flows = (struct sync_service_flows){0};
	if (!service || !service->has_region)
		return;
	ret_flows->pre = motion->pre;
	ret_flows->waiting = motion->waiting;
	ret_flows->moving = motion->moving;
	ret_flows->exceptional = motion->exceptional;
	ret_flows->dirty = motion->dirty;
	ret_flows->stable =
		(1U << service->log2) - motion->pre - motion->moving - motion->exceptional;
	ret_flows->entries = motion->entries;
	ret_flows->settles_in_s = left_s(sync, motion->settles_ms);
}

/* Until the last slot whose old flows are the member's has learned them. */
static uint32_t learning_left_s(const struct sync *sync, const struct sync_member *member)
{
	const struct sync_service *service = member->service;
	uint32_t learn_ms = service->silence_s * 1000, most_ms = 0;
	size_t i;

	for (i = 0; i < service->motion.count; i++) {
		const struct sync_slot *slot = &service->motion.slots[i];
		uint32_t passed_ms = (uint32_t)sync->now_ms - slot->since_ms;
		uint64_t word;

		if (sync_op(sync, slots_read, service->base + slot->slot, 1, &word) ||
		    SLUICE_SLOT_DEF(word) != member->index)
			continue;
		/* One that waits has still to be announced, and then to learn. */
		if (flow_plan_state(word) != FLOW_MOVING)
			most_ms = MAX(most_ms, learn_ms + sync->flows.pre_ms);
		else
			most_ms = MAX(most_ms, passed_ms < learn_ms ? learn_ms - passed_ms : 1);
	}
	return (most_ms + 999) / 1000;
}

void sync_view_member(const struct sync *sync, uint64_t member_id,
		      struct sync_member_flows *ret_flows)
{
	uint64_t swept = sync->sweep.number - sync->sweep.is_running;
	const struct sync_member *member;

	*ret_flows = (struct sync_member_flows){0};
	HASH_FIND(hh, sync->members, &member_id, sizeof(member_id), member);
	if (!member || !member->service)
		return;
	if (member->service->is_tracked || member->service->kind != FLOW_KIND_PLAIN)
		ret_flows->silence_s = member->service->silence_s;
	ret_flows->slots_cur = member->slots_cur;
	ret_flows->slots_def = member->slots_def;
	ret_flows->entries = member->entries;
	ret_flows->is_counted = !member->slots_cur && !member->slots_def &&
				swept >= member->counted_sweep;
	ret_flows->is_drained = ret_flows->is_counted && !member->entries;
	if (member->slots_def && !member->slots_cur)
		ret_flows->learning_left_s = learning_left_s(sync, member);
}

int sync_view_totals(const struct sync *sync, struct sync_flow_totals *ret_totals)
{
	const struct dp_capacity *capacity = &sync->capacity;
	struct sync_flow_totals totals = {
		.flows_used = sync->sweep.used[DP_FLOW_FLOWS],
		.flows_capacity = capacity->flow_sets * SLUICE_FLOW_WAYS,
		.pending_used = sync->sweep.used[DP_FLOW_PENDING],
		.pending_capacity = capacity->pending_sets * SLUICE_FLOW_WAYS,
		.tracked_used = sync->sweep.used[DP_FLOW_TRACKED],
		.tracked_capacity = capacity->tracked_sets * SLUICE_FLOW_WAYS,
	};
	const struct sync_service *service;

	for (service = sync->services; service; service = service->hh.next) {
		totals.pre += service->motion.pre;
		totals.waiting += service->motion.waiting;
		totals.moving += service->motion.moving;
		totals.exceptional += service->motion.exceptional;
		totals.dirty += service->motion.dirty;
	}
	*ret_totals = totals;
	return sync_op(sync, flow_stats, &ret_totals->stats);
}
