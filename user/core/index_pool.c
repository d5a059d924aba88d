/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/index_pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/util.h"

void index_pool_init(struct index_pool *pool, uint32_t limit)
{
	*pool = (struct index_pool){.limit = limit, .fresh = 1};
	pool->used = util_alloc_array((size_t)limit + 1, 1);
}

void index_pool_done(struct index_pool *pool)
{
	free(pool->used);
	free(pool->free);
	free(pool->rest);
	memset(pool, 0, sizeof(*pool));
}

int index_pool_take(struct index_pool *pool, uint32_t *ret_index)
{
	uint32_t index;

	while (pool->fresh < pool->limit && pool->used[pool->fresh])
		pool->fresh++;
	if (pool->free_count > 0)
		index = pool->free[--pool->free_count];
	else if (pool->fresh < pool->limit)
		index = pool->fresh++;
	else
		return -ENOSPC;
	assert(!pool->used[index]);
	pool->used[index] = 1;
	*ret_index = index;
	return 0;
}

int index_pool_claim(struct index_pool *pool, uint32_t index)
{
	if (index == 0 || index >= pool->limit)
		return -ERANGE;
	/* Below fresh an index is in use, at rest, or on the stack. */
	if (pool->used[index] || index < pool->fresh)
		return -EEXIST;
	pool->used[index] = 1;
	return 0;
}

void index_pool_give(struct index_pool *pool, uint32_t index, uint64_t now_ms)
{
	assert(index > 0 && index < pool->limit && pool->used[index]);
	if (pool->rest_first > 0 && pool->rest_first + pool->rest_count == pool->rest_capacity) {
		memmove(pool->rest, pool->rest + pool->rest_first,
			pool->rest_count * sizeof(*pool->rest));
		pool->rest_first = 0;
	}
	pool->rest = util_grow(pool->rest, &pool->rest_capacity,
			       pool->rest_first + pool->rest_count + 1, sizeof(*pool->rest));
	pool->rest[pool->rest_first + pool->rest_count++] =
		(struct index_rest){index, now_ms + SLUICE_REUSE_AFTER_MS};
}

void index_pool_tick(struct index_pool *pool, uint64_t now_ms, index_pool_fn fn, void *arg)
{
	while (pool->rest_count > 0 && pool->rest[pool->rest_first].until_ms <= now_ms) {
		uint32_t index = pool->rest[pool->rest_first].index;

		if (fn(arg, index))
			break;
		pool->rest_first++;
		pool->rest_count--;
		pool->used[index] = 0;
		pool->free = util_grow(pool->free, &pool->free_capacity, pool->free_count + 1,
				       sizeof(*pool->free));
		pool->free[pool->free_count++] = index;
	}
	if (pool->rest_count == 0)
		pool->rest_first = 0;
}
