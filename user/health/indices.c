/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/indices.h"

#include <stdlib.h>

#include "base/util.h"

void indices_init(struct indices *indices, uint32_t count)
{
	*indices = (struct indices){.count = count, .rested_ms = UINT64_MAX};
}

void indices_done(struct indices *indices)
{
	free(indices->free);
	free(indices->resting);
}

static void make_free(struct indices *indices, uint32_t index)
{
	indices->free = util_grow(indices->free, &indices->free_capacity, indices->free_count + 1,
				  sizeof(*indices->free));
	indices->free[indices->free_count++] = index;
}

/* All at once: who asks for one while there is none does not look through them each time. */
static void end_rests(struct indices *indices, uint64_t now_ms)
{
	size_t kept = 0, i;

	indices->rested_ms = UINT64_MAX;
	for (i = 0; i < indices->resting_count; i++) {
		const struct resting *resting = &indices->resting[i];

		if (resting->until_ms <= now_ms) {
			make_free(indices, resting->index);
			continue;
		}
		indices->rested_ms = MIN(indices->rested_ms, resting->until_ms);
		indices->resting[kept++] = *resting;
	}
	indices->resting_count = kept;
}

uint32_t indices_take(struct indices *indices, uint64_t now_ms)
{
	if (!indices->free_count && indices->next < indices->count)
		return ++indices->next;
	if (!indices->free_count && indices->rested_ms <= now_ms)
		end_rests(indices, now_ms);
	return indices->free_count ? indices->free[--indices->free_count] : 0;
}

void indices_give(struct indices *indices, uint32_t index, uint64_t rest_ms, uint64_t now_ms)
{
	if (!rest_ms) {
		make_free(indices, index);
		return;
	}
	indices->resting = util_grow(indices->resting, &indices->resting_capacity,
				     indices->resting_count + 1, sizeof(*indices->resting));
	indices->resting[indices->resting_count++] = (struct resting){index, now_ms + rest_ms};
	indices->rested_ms = MIN(indices->rested_ms, now_ms + rest_ms);
}
