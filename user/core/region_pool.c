/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/region_pool.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
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

void region_pool_copy(const struct region_pool *from, struct region_pool *to)
{
	size_t nodes = 2ULL << from->depth;

	*to = (struct region_pool){.leaf_log2 = from->leaf_log2, .depth = from->depth};
	to->longest = util_alloc_array(nodes, 1);
	memcpy(to->longest, from->longest, nodes);
}

static bool is_resting(const struct region_pool *pool, uint32_t base, unsigned int log2)
{
	size_t i;

	for (i = 0; i < pool->rest_count; i++) {
		const struct region_rest *rest = &pool->rest[i];
		unsigned int larger = MAX(rest->log2, log2);

		if (rest->base >> larger == base >> larger)
			return true;
	}
	return false;
}

struct fit {
	unsigned int level; /* of the free node that it is part of */
	uint32_t base;
	bool is_found, is_resting;
};

static size_t node_of(const struct region_pool *pool, uint32_t base, unsigned int log2)
{
	return (1ULL << (pool->depth - (log2 - pool->leaf_log2))) + (base >> log2);
}

/* A wholly free node: takes the first part of it that does not rest, if it is better. */
static void try_node(const struct region_pool *pool, size_t node, unsigned int level,
		     unsigned int log2, struct fit *best)
{
	unsigned int node_log2 = level + pool->leaf_log2;
	uint32_t first = (uint32_t)((node - (1ULL << (pool->depth - level))) << node_log2);
	uint32_t i, count = 1U << (node_log2 - log2);

	if (best->is_found && level > best->level)
		return;
	for (i = 0; i < count; i++) {
		if (!is_resting(pool, first + (i << log2), log2))
			break;
	}
	if (best->is_found && level == best->level && i == count)
		return;
	*best = (struct fit){level, first + (i < count ? i << log2 : 0), true, i == count};
}

/* The smallest free node that is large enough, and of those one that does not rest. What rests
 * counts as free: else a small request would spoil a large piece only because the small one that
 * it fits is free in a moment. */
static void find_fit(const struct region_pool *pool, size_t node, unsigned int level,
		     unsigned int log2, struct fit *best)
{
	unsigned int wanted = log2 - pool->leaf_log2;

	if (pool->longest[node] < wanted + 1 ||
	    (best->is_found && best->level == wanted && !best->is_resting))
		return;
	if (pool->longest[node] == level + 1) {
		try_node(pool, node, level, log2, best);
		return;
	}
	find_fit(pool, 2 * node, level - 1, log2, best);
	find_fit(pool, 2 * node + 1, level - 1, log2, best);
}

int region_pool_take(struct region_pool *pool, unsigned int log2, uint32_t *ret_base)
{
	struct fit fit = {.is_found = false};
	size_t node;

	assert(log2 >= pool->leaf_log2);
	find_fit(pool, 1, pool->depth, log2, &fit);
	if (!fit.is_found)
		return -ENOSPC;
	if (fit.is_resting)
		return -EAGAIN;
	*ret_base = fit.base;
	/* Below a free node all is free, whoever had it. */
	node = node_of(pool, fit.base, log2);
	pool->longest[node] = 0;
	ascend(pool, node, log2 - pool->leaf_log2);
	return 0;
}

unsigned int region_pool_longest(const struct region_pool *pool)
{
	return pool->longest[1] ? pool->leaf_log2 + pool->longest[1] - 1 : 0;
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
	if (is_resting(pool, base, log2))
		return -EEXIST;
	pool->longest[node] = 0;
	ascend(pool, node, need - 1U);
	return 0;
}

void region_pool_give(struct region_pool *pool, uint32_t base, unsigned int log2, uint64_t now_ms)
{
	unsigned int level = log2 - pool->leaf_log2;
	size_t node = node_of(pool, base, log2);

	assert(pool->longest[node] == 0);
	pool->longest[node] = (uint8_t)(level + 1);
	ascend(pool, node, level);
	pool->rest = util_grow(pool->rest, &pool->rest_capacity, pool->rest_count + 1,
			       sizeof(*pool->rest));
	pool->rest[pool->rest_count++] =
		(struct region_rest){base, log2, now_ms + SLUICE_REUSE_AFTER_MS};
}

void region_pool_tick(struct region_pool *pool, uint64_t now_ms)
{
	size_t i, kept = 0;

	for (i = 0; i < pool->rest_count; i++) {
		if (pool->rest[i].until_ms > now_ms)
			pool->rest[kept++] = pool->rest[i];
	}
	pool->rest_count = kept;
}
