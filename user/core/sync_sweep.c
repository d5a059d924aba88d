/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sweep of the flow tables: in parts, so that no turn takes long, again and again while there
 * are entries or somebody waits for them to be gone. It removes what is over, and counts the rest,
 * for each member and for each slot in motion. Entries move from `pending` to `flows`; in this
 * order none escapes.
 */
#include "core/sync_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/flow_sweep.h"

#define EVERY_MS 1000  /* from the end of a sweep to the next one */
#define PARTS 10       /* of a sweep */
#define PART_MIN 4096U /* sets */
#define MARK_BITS 64

struct visit {
	struct sync *sync;
	enum dp_flow_table table;
};

void sync_sweep_init(struct sync *sync)
{
	sync->sweep.by_member =
		util_alloc_array(sync->capacity.members + 1, sizeof(*sync->sweep.by_member));
}

static uint32_t sets_of(const struct sync *sync, uint32_t table)
{
	switch (table) {
	case DP_FLOW_PENDING:
		return sync->capacity.pending_sets;
	case DP_FLOW_FLOWS:
		return sync->capacity.flow_sets;
	default:
		return sync->capacity.tracked_sets;
	}
}

static bool visit_entry(void *arg, uint64_t fingerprint, uint64_t value)
{
	const struct visit *visit = arg;
	struct sync *sync = visit->sync;
	uint32_t index = SLUICE_FLOW_MEMBER(value);
	const struct sync_member *member = index < sync->capacity.members ? sync->by_index[index]
									  : NULL;
	struct sync_service *service = member ? member->service : NULL;
	struct flow_sweep_case c = {.table = visit->table,
				    .value = value,
				    .now_s = sync->sweep.now_s,
				    .pending_life_s = sync->flows.pending_life_s,
				    .closing_life_s = sync->flows.closing_life_s,
				    .refresh_s = sync->flows.refresh_s};
	uint32_t slot;

	/* Without a table there is nothing that could send a flow here. */
	if (!service || !service->has_region)
		return true;
	slot = sluice_flow_slot(fingerprint, service->log2);
	c.member_word = member->written.word;
	c.silence_s = service->silence_s;
	if (visit->table == DP_FLOW_FLOWS &&
	    sync_op(sync, slots_read, service->base + slot, 1, &c.slot_word))
		return false;
	if (flow_sweep_fate(&c) != FLOW_KEPT)
		return true;
	sync->sweep.by_member[index]++;
	sync->sweep.used_now[visit->table]++;
	if (visit->table == DP_FLOW_TRACKED)
		return false;
	service->motion.entries_now++;
	if (service->motion.marks && service->motion.marks_sweep == sync->sweep.number)
		service->motion.marks[slot / MARK_BITS] |= 1ULL << slot % MARK_BITS;
	return false;
}

static void begin(struct sync *sync)
{
	struct sync_sweep *sweep = &sync->sweep;
	struct sync_service *service;

	sweep->is_running = true;
	sweep->number++;
	sweep->begin_ms = sync->now_ms;
	sweep->table = sweep->first = 0;
	memset(sweep->used_now, 0, sizeof(sweep->used_now));
	memset(sweep->by_member, 0, sync->capacity.members * sizeof(*sweep->by_member));
	for (service = sync->services; service; service = service->hh.next) {
		struct sync_motion *motion = &service->motion;

		motion->entries_now = 0;
		free(motion->marks);
		motion->marks = NULL;
		if (!motion->count)
			continue;
		motion->marks =
			util_alloc_array((1U << service->log2) / MARK_BITS, sizeof(*motion->marks));
		motion->marks_sweep = sweep->number;
	}
}

/* Indices whose entries are gone may be used again, when packets that are on their way have left. */
static void release(struct sync *sync)
{
	size_t i, kept = 0;

	for (i = 0; i < sync->resting_count; i++) {
		struct sync_member *member = sync->resting[i];

		if (member->rest_sweep > sync->sweep.number)
			sync->resting[kept++] = member;
		else
			index_pool_give(&sync->member_indices, member->index, sync->now_ms);
	}
	sync->resting_count = kept;
}

static void end(struct sync *sync)
{
	struct sync_sweep *sweep = &sync->sweep;
	struct sync_service *service;
	uint32_t index;

	sweep->is_running = false;
	sweep->next_ms = sync->now_ms + EVERY_MS;
	memcpy(sweep->used, sweep->used_now, sizeof(sweep->used));
	for (index = 1; index < sync->capacity.members; index++) {
		if (sync->by_index[index])
			sync->by_index[index]->entries = sweep->by_member[index];
	}
	for (service = sync->services; service; service = service->hh.next) {
		service->motion.entries = service->motion.entries_now;
		sync_pace_count(sync, service);
	}
	release(sync);
}

/* 0, 1: that was the last part; or negative errno. */
static int part(struct sync *sync)
{
	struct sync_sweep *sweep = &sync->sweep;
	uint32_t total = sync->capacity.pending_sets + sync->capacity.flow_sets +
			 sync->capacity.tracked_sets;
	uint32_t left = MAX(PART_MIN, total / PARTS);
	int ret = sync_op(sync, packet_second, &sweep->now_s);

	while (!ret && left > 0 && sweep->table < DP_FLOW_TABLE_MAX) {
		uint32_t count = MIN(left, sets_of(sync, sweep->table) - sweep->first);
		struct visit visit = {sync, sweep->table};

		ret = sync_op(sync, flow_scan, sweep->table, sweep->first, count, visit_entry,
			      &visit);
		sweep->first += count;
		left -= count;
		if (sweep->first == sets_of(sync, sweep->table)) {
			sweep->table++;
			sweep->first = 0;
		}
	}
	return ret ? ret : sweep->table == DP_FLOW_TABLE_MAX;
}

bool sync_sweep_is_needed(const struct sync *sync)
{
	const struct sync_service *service;
	uint32_t table;

	if (sync->sweep.is_running || sync->resting_count)
		return true;
	for (table = 0; table < DP_FLOW_TABLE_MAX; table++) {
		if (sync->sweep.used[table])
			return true;
	}
	for (service = sync->services; service; service = service->hh.next) {
		if (service->motion.count || service->is_tracked)
			return true;
	}
	return false;
}

bool sync_sweep_step(struct sync *sync)
{
	if (!sync->sweep.is_running) {
		if (sync->now_ms < sync->sweep.next_ms || !sync_sweep_is_needed(sync))
			return false;
		begin(sync);
	}
	/* Without the packet path's clock nothing can be told: again at the next step. */
	if (part(sync) <= 0)
		return false;
	end(sync);
	return true;
}

int sync_sweep_all(struct sync *sync)
{
	int ret = 0;

	begin(sync);
	while (ret == 0)
		ret = part(sync);
	if (ret > 0)
		end(sync);
	sync->sweep.is_running = false;
	return ret > 0 ? 0 : ret;
}
