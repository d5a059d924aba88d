/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/sync_view.h"

#include "core/sync_internal.h"

void sync_view_service(const struct sync *sync, uint32_t service_id,
		       struct sync_service_flows *ret_flows)
{
	const struct sync_service *service = sync_service_find(sync, service_id);

	*ret_flows = (struct sync_service_flows){0};
	if (service && service->has_region)
		ret_flows->stable = 1U << service->log2;
}

void sync_view_member(const struct sync *sync, uint64_t member_id,
		      struct sync_member_flows *ret_flows)
{
	const struct sync_member *member;

	*ret_flows = (struct sync_member_flows){0};
	HASH_FIND(hh, sync->members, &member_id, sizeof(member_id), member);
	if (!member)
		return;
	ret_flows->slots_cur = ret_flows->slots_def = member->slots;
	ret_flows->is_counted = ret_flows->is_drained = member->slots == 0;
}

int sync_view_totals(const struct sync *sync, struct sync_flow_totals *ret_totals)
{
	const struct dp_capacity *capacity = &sync->capacity;

	*ret_totals = (struct sync_flow_totals){
		.flows_capacity = capacity->flow_sets * SLUICE_FLOW_WAYS,
		.pending_capacity = capacity->pending_sets * SLUICE_FLOW_WAYS,
		.tracked_capacity = capacity->tracked_sets * SLUICE_FLOW_WAYS,
	};
	return sync_op(sync, flow_stats, &ret_totals->stats);
}
