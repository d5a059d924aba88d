/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pacing: a slot that moves needs entries for its flows, and how many is known only when some have
 * moved. So a first part goes, and the rest by what that one needed, such that the table of flows
 * stays half empty: whoever moves everything at once finds it full, and then changes are put off.
 */
#include "core/sync_internal.h"

#include "base/util.h"

#define FIRST_PERCENT 1
#define SAMPLES 20	 /* services whose packets are counted in one turn */
#define MEASURE_MS 10000 /* from one count of what a part needs to the next one */
#define STILL 32 /* of so many entries at most one is new since the last count: that is all */

/* A flow that is protected has had a packet within the learn window; and a connection was opened. What
 * cannot be read counts too little: then the first part is small, for there is always one. */
static uint64_t flows_at_most(struct sync *sync, const struct sync_service *service)
{
	uint64_t packets = 0, opened = 0;
	struct sluice_member_stats stats;
	size_t i;

	for (i = 0; i < service->member_count; i++) {
		const struct sync_member *member = service->members[i];

		if (sync_op(sync, member_stats, member->index, &stats))
			continue;
		packets += stats.packets - MIN(member->packets_before, stats.packets);
		opened += stats.new_connections;
	}
	return service->kind == FLOW_KIND_TRACKED ? MIN(packets, opened) : packets;
}

bool sync_pace_is_quiet(struct sync *sync, const struct sync_service *service)
{
	struct sluice_member_stats stats;
	size_t i;

	for (i = 0; i < service->member_count; i++) {
		if (sync_op(sync, member_stats, service->members[i]->index, &stats) ||
		    stats.packets != service->members[i]->packets_before)
			return false;
	}
	return true;
}

static void count(struct sync *sync, struct sync_service *service, bool is_forgetting)
{
	struct sluice_member_stats stats;
	size_t i;

	for (i = 0; i < service->member_count; i++) {
		struct sync_member *member = service->members[i];

		if (sync_op(sync, member_stats, member->index, &stats))
			continue;
		member->packets_before = is_forgetting ? stats.packets : member->packets_at;
		member->packets_at = stats.packets;
	}
	service->sampled_ms = sync->now_ms;
}

void sync_pace_forget(struct sync *sync, struct sync_service *service)
{
	count(sync, service, true);
}

void sync_pace_sample(struct sync *sync)
{
	struct sync_service *service;
	unsigned int left = SAMPLES;

	for (service = sync->services; service && left; service = service->hh.next) {
		if (sync->now_ms < service->sampled_ms + (uint64_t)service->silence_s * 1000)
			continue;
		count(sync, service, false);
		left--;
	}
}

void sync_pace_count(const struct sync *sync, struct sync_service *service)
{
	struct sync_motion *motion = &service->motion;
	uint64_t begin_ms = sync->sweep.begin_ms;

	if (!motion->granted_ms || motion->is_measured ||
	    begin_ms < motion->counted_ms + MEASURE_MS)
		return;
	/* Flows are heard of one after the other, and after the learn window no more. */
	motion->is_measured = motion->entries <= motion->counted + motion->entries / STILL ||
			      begin_ms >= motion->granted_ms + (uint64_t)service->silence_s * 1000;
	motion->counted = motion->entries;
	motion->counted_ms = begin_ms;
	if (motion->is_measured)
		motion->promised = 0;
}

/* Entries that may come before the table is half full. */
static uint64_t room_of(const struct sync *sync)
{
	uint64_t half = (uint64_t)sync->capacity.flow_sets * SLUICE_FLOW_WAYS / 2;
	uint64_t used = sync->sweep.used[DP_FLOW_FLOWS];
	const struct sync_service *service;

	for (service = sync->services; service; service = service->hh.next)
		used += service->motion.promised;
	return used < half ? half - used : 0;
}

uint32_t sync_pace(struct sync *sync, struct sync_service *service, uint32_t waiting)
{
	struct sync_motion *motion = &service->motion;
	uint32_t size = 1U << service->log2, first = 0;
	uint64_t entries, slots, may;

	if (motion->is_measured) {
		entries = motion->entries;
		slots = motion->granted;
	} else {
		entries = flows_at_most(sync, service);
		slots = size;
		first = motion->granted_ms ? 0 : size * FIRST_PERCENT / 100;
	}
	may = entries ? room_of(sync) * slots / (2 * entries) : waiting;
	may = MIN(MAX(may, first), waiting);
	if (!may)
		return 0;
	motion->granted += (uint32_t)may;
	motion->granted_ms = motion->counted_ms = sync->now_ms;
	motion->counted = motion->entries;
	motion->is_measured = false;
	motion->promised += MIN(may * entries / slots, room_of(sync));
	return (uint32_t)may;
}
