/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/region_pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/abi.h>

#include "base/util.h"

/* Recomputes the ancestors of a node at the given level (0: a leaf). */
static void ascend(struct region_pool *pool, size_t node, unsigned int level)
{
	while (node > 1) {
		uint8_t left, right;

		node /= 2;
		level++;
		left = pool->longest[2 * node];
		right = pool->longest[2 * node + 1];
		if (left == level && right == level) /* both wholly free: they join */
			pool->longest[node] = (uint8_t)(level + 1);
		else
			pool->longest[node] = MAX(left, right);
	}
}

void region_pool_init(struct region_pool *pool, uint32_t cells, unsigned int leaf_log2)
{
	size_t leaves = cells >> leaf_log2, i, first;

	*pool = (struct region_pool){.leaf_log2 = leaf_log2};
	while (1ULL << pool->depth < leaves)
		pool->depth++;
	first = 1ULL << pool->depth;
	pool->longest = util_alloc_array(2 * first, 1);
	for (i = 0; i < leaves; i++)
		pool->longest[first + i] = 1;
	for (i = first; i >= 2; i /= 2) {
		size_t node, level = pool->depth + 1 - (size_t)__builtin_ctzll(i);

		for (node = i / 2; node < i; node++) {
			uint8_t left = pool->longest[2 * node], right = pool->longest[2 * node + 1];

			pool->longest[node] = left == level && right == level ? (uint8_t)(level + 1)
									      : MAX(left, right);
		}
	}
}

void region_pool_done(struct region_pool *pool)
{
	free(pool->longest);
	free(pool->rest);
	memset(pool, 0, sizeof(*pool));
}

int region_pool_take(struct region_pool *pool, unsigned int log2, uint32_t *ret_base)
{
	unsigned int level = pool->depth, wanted;
	size_t node = 1;

	assert(log2 >= pool->leaf_log2);
	wanted = log2 - pool->leaf_log2;
	if (pool->longest[1] < wanted + 1)
		return -ENOSPC;
	for (; level > wanted; level--) {
		uint8_t left = pool->longest[2 * node], right = pool->longest[2 * node + 1];

		/* The tighter of the two that fit, so that large regions stay whole. */
		node = 2 * node + (left < wanted + 1 || (right >= wanted + 1 && right < left));
	}
	*ret_base = (uint32_t)((node - (1ULL << (pool->depth - level))) << log2);
	pool->longest[node] = 0;
	ascend(pool, node, level);
	return 0;
}

static size_t node_of(const struct region_pool *pool, uint32_t base, unsigned int log2)
{
	return (1ULL << (pool->depth - (log2 - pool->leaf_log2))) + (base >> log2);
}

int region_pool_claim(struct region_pool *pool, uint32_t base, unsigned int log2)
{
	size_t node, up;
	uint8_t need;

	if (log2 < pool->leaf_log2 || log2 - pool->leaf_log2 > pool->depth ||
	    base & ((1ULL << log2) - 1) || (uint64_t)base >> (pool->depth + pool->leaf_log2))
		return -ERANGE;
	node = node_of(pool, base, log2);
	need = (uint8_t)(log2 - pool->leaf_log2 + 1);
	/* An ancestor without as much room was given out whole. */
	for (up = node; up >= 1; up /= 2) {
		if (pool->longest[up] < need)
			return -EEXIST;
	}
	pool->longest[node] = 0;
	ascend(pool, node, need - 1U);
	return 0;
}

void region_pool_give(struct region_pool *pool, uint32_t base, unsigned int log2, uint64_t now_ms)
{
	assert(pool->longest[node_of(pool, base, log2)] == 0);
	pool->rest = util_grow(pool->rest, &pool->rest_capacity, pool->rest_count + 1,
			       sizeof(*pool->rest));
	pool->rest[pool->rest_count++] =
		(struct region_rest){base, log2, now_ms + SLUICE_REUSE_AFTER_MS};
}

void region_pool_tick(struct region_pool *pool, uint64_t now_ms)
{
	size_t i, kept = 0;

	for (i = 0; i < pool->rest_count; i++) {
		struct region_rest rest = pool->rest[i];
		unsigned int level = rest.log2 - pool->leaf_log2;
		size_t node;

		if (rest.until_ms > now_ms) {
			pool->rest[kept++] = rest;
			continue;
		}
		node = node_of(pool, rest.base, rest.log2);
		pool->longest[node] = (uint8_t)(level + 1);
		ascend(pool, node, level);
	}
	pool->rest_count = kept;
}
