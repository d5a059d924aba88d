/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/sync_internal.h"

static const struct flows_config FLOWS_DEFAULT = {.pre_ms = 3000,
						  .pending_life_s = 10,
						  .closing_life_s = 60,
						  .refresh_s = 4,
						  .overwrite_s = 120};

struct sync *sync_new(struct model *model, const struct dataplane *dataplane, uint64_t seed,
		      uint32_t tick_ns)
{
	struct sync *sync = util_alloc(sizeof(*sync));

	sync->model = model;
	sync->dp = *dataplane;
	sync->seed = seed;
	sync->tick_ns = tick_ns;
	sync_op(sync, capacity, &sync->capacity);
	index_pool_init(&sync->member_indices, sync->capacity.members);
	index_pool_init(&sync->nexthop_indices, sync->capacity.nexthops);
	index_pool_init(&sync->ceiling_indices, sync->capacity.member_ceilings);
	region_pool_init(&sync->slot_regions, sync->capacity.slots, SLUICE_SLOTS_LOG2_MIN);
	region_pool_init(&sync->limit_regions, sync->capacity.limit_sets, DP_LIMIT_SETS_MIN_LOG2);
	sync->limits = util_alloc_array(sync->capacity.limits + 1, sizeof(*sync->limits));
	sync->by_index = util_alloc_array(sync->capacity.members + 1, sizeof(struct sync_member *));
	sync->epochs = util_alloc_array((size_t)sync->capacity.members + 1, 1);
	sync_sweep_init(sync);
	sync_set_flows(sync, &FLOWS_DEFAULT);
	model_set_room(model, sync_check_room, sync);
	return sync;
}

void sync_free(struct sync *sync)
{
	struct sync_service *service, *next;

	if (!sync)
		return;
	model_unset_room(sync->model, sync);
	sync_members_free(sync);
	HASH_ITER (hh, sync->services, service, next) {
		HASH_DEL(sync->services, service);
		sync_service_free(service);
	}
	index_pool_done(&sync->member_indices);
	index_pool_done(&sync->nexthop_indices);
	index_pool_done(&sync->ceiling_indices);
	region_pool_done(&sync->slot_regions);
	region_pool_done(&sync->limit_regions);
	sync_lists_free(sync);
	sync_limits_free(sync);
	free(sync->by_index);
	free(sync->epochs);
	free(sync->resting);
	free(sync->sweep.by_member);
	free(sync->queue);
	free(sync);
}

static bool is_in(const struct sync_service *service, const uint32_t *ids, size_t count)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ids[middle] < service->id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ids[low] == service->id;
}

static int id_compare(const void *a, const void *b)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	return (i > j) - (i < j);
}

/* Before anything is added: a new service may listen where a removed one did. */
static void services_remove(struct sync *sync, struct errs *errors)
{
	size_t i, count = model_service_count(sync->model);
	AUTO_FREE uint32_t *ids = util_alloc_array(count + 1, sizeof(*ids));
	struct sync_service *service, *next;

	for (i = 0; i < count; i++)
		ids[i] = model_service_at(sync->model, i)->id;
	qsort(ids, count, sizeof(*ids), id_compare);
	HASH_ITER (hh, sync->services, service, next) {
		int ret;

		if (is_in(service, ids, count))
			continue;
		ret = sync_service_remove(sync, service);
		if (ret == 0)
			continue;
		sync->is_removing = true;
		errs_add(errors, ERR_SYSTEM, "services",
			 "a removed service cannot be deleted from the maps: %s (tried again)",
			 strerror(-ret));
	}
}

/* Does a service still have the cell that it had in mode local? Its first table replaces it. */
static bool is_cell_behind(const struct sync *sync)
{
	const struct sync_service *service;

	for (service = sync->services; service; service = service->hh.next) {
		if (service->is_written && service->written.is_local && !service->local_index)
			return true;
	}
	return false;
}

int sync_run(struct sync *sync, uint64_t now_ms, struct errs *errors)
{
	uint64_t revision = model_revision(sync->model);
	bool is_changed = revision != sync->revision || sync->is_removing || sync->is_limit_waiting;
	size_t i, errors_before = errors->count, others_before;
	int ret;

	sync->now_ms = now_ms;
	sync->turn++;
	sync->is_removing = sync->is_limit_waiting = false;
	sync_members_tick(sync);
	sync_pace_sample(sync);
	region_pool_tick(&sync->slot_regions, now_ms);
	region_pool_tick(&sync->limit_regions, now_ms);

	sync_limits_update(sync, errors);
	/* One that finds no room must not keep others from making it. */
	others_before = errors->count;
	sync_lists_update(sync, errors);
	ret = sync_host_limits_update(sync);
	if (ret)
		errs_add(errors, ERR_SYSTEM, "limits",
			 "the limits of all packets cannot be written: %s (tried again)",
			 strerror(-ret));
	if (is_changed)
		services_remove(sync, errors);
	for (i = 0; i < model_service_count(sync->model); i++) {
		struct model_service *model = model_service_at(sync->model, i);

		if (model->is_dirty && sync_service_update(sync, model, errors) == 0)
			model->is_dirty = false;
	}
	sync->is_cell_behind = is_cell_behind(sync);
	sync->is_limit_waiting |= sync->is_cell_behind;
	/* Now no service names them. */
	if (is_changed && errors->count == others_before && !sync->is_limit_waiting) {
		ret = sync_limits_remove(sync);
		if (ret)
			errs_add(errors, ERR_SYSTEM, "limits",
				 "a removed limit cannot be cleared: %s (tried again)",
				 strerror(-ret));
	}
	if (errors->count == others_before && !sync->is_cell_behind)
		sync_lists_remove(sync, errors);
	sync->is_removing |= is_changed && errors->count != others_before;
	sync->revision = revision;
	return errors->count == errors_before ? 0 : -EIO;
}

/* is_patient: what has found no room for long does not count. */
static bool is_done(const struct sync *sync, bool is_patient)
{
	size_t i;

	if (sync->taken || sync->is_removing || sync->revision != model_revision(sync->model))
		return false;
	for (i = 0; i < sync->queue_count; i++) {
		const struct sync_service *service = sync_service_find(sync, sync->queue[i]);

		if (service && service->is_queued &&
		    !(is_patient && sync_trouble_is_room(sync, &service->table_trouble)))
			return false;
	}
	for (i = 0; i < model_service_count(sync->model); i++) {
		const struct model_service *model = model_service_at(sync->model, i);
		const struct sync_service *service = sync_service_find(sync, model->id);

		if (model->is_dirty && !(is_patient && service &&
					 (sync_trouble_is_room(sync, &service->trouble) ||
					  (service->is_limit_missing && !service->trouble.ret))))
			return false;
	}
	for (i = 0; i < model_limit_count(sync->model); i++) {
		const struct model_limit *model = model_limit_at(sync->model, i);

		if (model->is_dirty &&
		    !(is_patient && model->id < sync->capacity.limits &&
		      sync_trouble_is_room(sync, &sync->limits[model->id].trouble)))
			return false;
	}
	if (sync->is_limit_waiting && !is_patient)
		return false;
	return !model_is_access_dirty(sync->model) && !sync->is_access_stale &&
	       !(sync->is_allow_leaving && !(is_patient && sync->is_cell_behind));
}

bool sync_is_idle(const struct sync *sync)
{
	return is_done(sync, false);
}

bool sync_is_stuck(const struct sync *sync)
{
	return is_done(sync, true) && !is_done(sync, false);
}

int sync_set_flows(struct sync *sync, const struct flows_config *flows)
{
	struct sluice_flow_settings settings;
	struct sync_service *service;

	sync->flows = flows->pending_life_s ? *flows : FLOWS_DEFAULT;
	settings = (struct sluice_flow_settings){.pending_life_s = sync->flows.pending_life_s,
						 .closing_life_s = sync->flows.closing_life_s,
						 .refresh_s = sync->flows.refresh_s,
						 .overwrite_s = sync->flows.overwrite_s};
	for (service = sync->services; service; service = service->hh.next)
		service->motion.next_ms = 0; /* what waits may have waited for long enough */
	return sync_op(sync, flow_settings, &settings);
}

/* Lengths of rests between steps while something is in motion. */
#define STEP_MS 100

static void table_is_well(struct sync *sync, struct sync_service *service)
{
	service->table_trouble = (struct sync_trouble){0};
	sync_members_retire(sync, service, false);
}

uint32_t sync_step(struct sync *sync, uint64_t now_ms)
{
	struct sync_service *service;
	uint64_t next_ms = UINT64_MAX;
	bool is_swept;

	sync->now_ms = now_ms;
	is_swept = sync_sweep_step(sync);
	for (service = sync->services; service; service = service->hh.next) {
		struct sync_motion *motion = &service->motion;
		int ret = 0;

		if (motion->late_log2)
			sync_grow_late(sync, service);
		if (motion->count && (is_swept || motion->next_ms <= now_ms))
			ret = sync_move_step(sync, service);
		if (ret)
			sync_trouble_note(sync, &service->table_trouble, ret);
		else if (sync_table_is_current(service))
			table_is_well(sync, service);
		if (motion->count)
			next_ms = MIN(next_ms, MAX(motion->next_ms, now_ms + STEP_MS));
		if (motion->late_log2)
			next_ms = MIN(next_ms, now_ms + STEP_MS);
	}
	if (sync->sweep.is_running)
		next_ms = MIN(next_ms, now_ms + STEP_MS);
	else if (sync_sweep_is_needed(sync))
		next_ms = MIN(next_ms, MAX(sync->sweep.next_ms, now_ms + STEP_MS));
	return next_ms - now_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)(next_ms - now_ms);
}

bool sync_is_moving(const struct sync *sync)
{
	const struct sync_service *service;

	for (service = sync->services; service; service = service->hh.next) {
		if (service->motion.pre || service->motion.waiting)
			return true;
	}
	return false;
}

static const struct sync_member *find_member(const struct sync *sync, uint64_t id)
{
	struct sync_member *member;

	HASH_FIND(hh, sync->members, &id, sizeof(id), member);
	return member;
}

uint32_t sync_member_index(const struct sync *sync, uint64_t member_id)
{
	const struct sync_member *member = find_member(sync, member_id);

	return member && member->is_written ? member->index : SLUICE_MEMBER_NONE;
}

uint32_t sync_local_index(const struct sync *sync, uint32_t service_id)
{
	return sync_member_index(sync, SYNC_LOCAL_ID(service_id));
}

uint64_t sync_member_by_index(const struct sync *sync, uint32_t index)
{
	const struct sync_member *member = index < sync->capacity.members ? sync->by_index[index]
									  : NULL;

	return member && !(member->id & SYNC_LOCAL_ID(0)) ? member->id : 0;
}

uint32_t sync_table_log2(const struct sync *sync, uint32_t service_id)
{
	const struct sync_service *service = sync_service_find(sync, service_id);

	return service && service->has_region ? service->log2 : 0;
}

uint32_t sync_table_fingerprint(const struct sync *sync, uint32_t service_id)
{
	const struct sync_service *service = sync_service_find(sync, service_id);

	return service && service->has_table ? service->fingerprint : 0;
}

uint32_t sync_member_slot_share(const struct sync *sync, uint64_t member_id)
{
	const struct sync_member *member = find_member(sync, member_id);
	uint64_t share;

	if (!member || !member->service->has_region)
		return 0;
	share = (uint64_t)member->slots_cur << 32 >> member->service->log2;
	return share > UINT32_MAX ? UINT32_MAX : (uint32_t)share;
}

uint64_t sync_slots_moved_total(const struct sync *sync)
{
	return sync->slots_moved;
}
