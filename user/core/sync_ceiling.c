/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ceilings: a service has the entry of its id, a member one of its own while it has a ceiling. */
#include "core/sync_internal.h"

#include <errno.h>

#include "base/util.h"
#include "core/limit_params.h"

static int write_ceiling(struct sync *sync, struct sync_ceiling *ceiling, const struct rate *rate)
{
	struct gcra_params params = {0};
	uint64_t word = 0;
	int ret = 0;

	if (rate->n) {
		ret = limit_ceiling_params(rate, sync->tick_ns, &params, NULL);
		word = SLUICE_LIMIT_RATE(params.inc, params.tau);
	}
	if (ret || (word == ceiling->rate && params.k == ceiling->k))
		return ret;
	ret = sync_op(sync, ceiling_set, ceiling->index, word, params.k);
	if (ret == 0) {
		ceiling->rate = word;
		ceiling->k = params.k;
	}
	return ret;
}

static void give_index(struct sync *sync, uint32_t index)
{
	if (index)
		index_pool_give(&sync->ceiling_indices, index - sync->capacity.service_cells,
				sync->now_ms);
}

static int set_index(struct sync *sync, struct sync_member *record, uint32_t index)
{
	int ret = sync_op(sync, member_set_ceiling, record->index, index);

	if (ret == 0)
		record->written.ceiling = index;
	return ret;
}

static int update_member(struct sync *sync, struct sync_member *record, const struct rate *rate)
{
	struct sync_ceiling old = record->ceiling;
	uint32_t index;
	int ret;

	if (!record->is_written || (!rate->n && !old.index))
		return 0;
	if (!rate->n) {
		ret = set_index(sync, record, SLUICE_CEILING_NONE);
		if (ret == 0) {
			record->ceiling = (struct sync_ceiling){0};
			give_index(sync, old.index);
		}
		return ret;
	}
	if (!old.index) {
		ret = index_pool_take(&sync->ceiling_indices, &index);
		if (ret)
			return ret;
		record->ceiling.index = sync->capacity.service_cells + index;
	}
	ret = write_ceiling(sync, &record->ceiling, rate);
	if (ret == 0 && record->written.ceiling != record->ceiling.index)
		ret = set_index(sync, record, record->ceiling.index);
	return ret;
}

int sync_ceilings_update(struct sync *sync, struct sync_service *service,
			 const struct model_service *model)
{
	int ret, worst = 0;
	size_t p, m;

	service->ceiling.index = service->id;
	if (model->max_new.n || service->ceiling.rate)
		worst = write_ceiling(sync, &service->ceiling, &model->max_new);
	for (p = 0; p < model->pool_count; p++) {
		for (m = 0; m < model->pools[p].member_count; m++) {
			const struct model_member *member = &model->pools[p].members[m];
			struct sync_member *record;

			HASH_FIND(hh, sync->members, &member->id, sizeof(member->id), record);
			ret = record ? update_member(sync, record, &member->max_new) : 0;
			worst = ret ? ret : worst;
		}
	}
	return worst;
}

void sync_ceiling_adopt(struct sync *sync, struct sync_member *record)
{
	uint32_t index = record->written.ceiling;

	if (index > sync->capacity.service_cells &&
	    index_pool_claim(&sync->ceiling_indices, index - sync->capacity.service_cells) == 0)
		record->ceiling.index = index;
}

void sync_ceiling_leave(struct sync *sync, struct sync_member *record)
{
	give_index(sync, record->ceiling.index);
	record->ceiling = (struct sync_ceiling){0};
}

static int free_entry(void *arg, uint32_t index)
{
	struct sync *sync = arg;

	return sync_op(sync, ceiling_set, sync->capacity.service_cells + index, 0, 0);
}

void sync_ceilings_tick(struct sync *sync)
{
	index_pool_tick(&sync->ceiling_indices, sync->now_ms, free_entry, sync);
}

uint32_t sync_member_ceiling(const struct sync *sync, uint64_t member_id)
{
	const struct sync_member *record;

	HASH_FIND(hh, sync->members, &member_id, sizeof(member_id), record);
	return record ? record->written.ceiling : SLUICE_CEILING_NONE;
}
