/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Growth of a table by refinement: each slot becomes several with its owners, its flags and its
 * time, so that no flow notices. The owners that the larger table should have come afterwards, as
 * an ordinary change.
 */
#include "core/sync_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/util.h"

/* The slot's word and runner-up for all its children. */
static int refine(struct sync *sync, const struct sync_service *service, unsigned int by,
		  uint64_t *words, uint32_t *runners)
{
	uint32_t size = 1U << service->log2, slot, child;
	AUTO_FREE uint64_t *old_words = util_alloc_array(size, sizeof(*old_words));
	AUTO_FREE uint32_t *old_runners = util_alloc_array(size, sizeof(*old_runners));
	int ret = sync_op(sync, slots_read, service->base, size, old_words);

	if (!ret)
		ret = sync_op(sync, runners_read, service->base, size, old_runners);
	for (slot = 0; slot < size && !ret; slot++) {
		for (child = slot << by; child < (slot + 1) << by; child++) {
			words[child] = old_words[slot];
			runners[child] = old_runners[slot];
		}
	}
	return ret;
}

static void refine_records(struct sync_motion *motion, unsigned int by)
{
	size_t count = motion->count << by, i;
	struct sync_slot *slots = util_alloc_array(count + 1, sizeof(*slots));

	for (i = 0; i < count; i++) {
		slots[i] = motion->slots[i >> by];
		slots[i].slot = (slots[i].slot << by) + (uint32_t)(i & ((1U << by) - 1));
	}
	free(motion->slots);
	motion->slots = slots;
	motion->count = count;
	/* A sweep that runs counts for the table that was. */
	free(motion->marks);
	motion->marks = NULL;
	motion->granted <<= by;
}

int sync_grow(struct sync *sync, struct sync_service *service, const struct model_service *model,
	      unsigned int log2)
{
	unsigned int by = log2 - service->log2;
	AUTO_FREE uint64_t *words = util_alloc_array(1U << log2, sizeof(*words));
	AUTO_FREE uint32_t *runners = util_alloc_array(1U << log2, sizeof(*runners));
	struct sync_service trial = *service;
	struct dp_service desired;
	size_t i;
	int ret;

	ret = region_pool_take(&sync->slot_regions, log2, &trial.base);
	if (ret)
		return ret;
	trial.log2 = log2;
	ret = refine(sync, service, by, words, runners);
	if (!ret)
		ret = sync_op(sync, slots_write, trial.base, log2, words, runners);
	if (!ret) {
		sync_service_desired(sync, &trial, model, &desired);
		ret = sync_op(sync, service_set, &desired);
	}
	if (ret) {
		region_pool_give(&sync->slot_regions, trial.base, log2, sync->now_ms);
		return ret;
	}
	service->written = desired;
	service->is_written = true;
	region_pool_give(&sync->slot_regions, service->base, service->log2, sync->now_ms);
	service->motion.late_base = service->base;
	service->motion.late_log2 = service->log2;
	service->motion.late_ms = sync->now_ms;
	service->base = trial.base;
	service->log2 = log2;
	refine_records(&service->motion, by);
	for (i = 0; i < service->member_count; i++) {
		service->members[i]->slots_cur <<= by;
		service->members[i]->slots_def <<= by;
	}
	sync_grow_late(sync, service);
	return 0;
}

void sync_grow_late(struct sync *sync, struct sync_service *service)
{
	struct sync_motion *motion = &service->motion;
	unsigned int by = service->log2 - motion->late_log2;
	bool is_over = sync->now_ms > motion->late_ms;
	size_t i;

	/* By then its region may be somebody else's. */
	if (sync->now_ms >= motion->late_ms + SLUICE_REUSE_AFTER_MS) {
		motion->late_log2 = 0;
		return;
	}
	for (i = 0; i < motion->count; i++) {
		uint32_t slot = motion->slots[i].slot;
		uint64_t old, word;

		if (sync_op(sync, slots_read, motion->late_base + (slot >> by), 1, &old) ||
		    !(old & SLUICE_SLOT_F_DIRTY) ||
		    sync_op(sync, slots_read, service->base + slot, 1, &word))
			continue;
		while (word & (SLUICE_SLOT_F_LEARN | SLUICE_SLOT_F_PRE) &&
		       !(word & SLUICE_SLOT_F_DIRTY) &&
		       sync_move_swap(sync, service, slot, &word, word | SLUICE_SLOT_F_DIRTY) ==
			       -EAGAIN)
			;
	}
	if (is_over)
		motion->late_log2 = 0;
}
