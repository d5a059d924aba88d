/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives out aligned regions of 2^n cells of a map (Knowlton's buddy system, CACM 8(10), 1965).
 * What is given back is free but rests SLUICE_REUSE_AFTER_MS. Every free region is found by walking down a
 * binary tree whose nodes know the longest free region below them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct region_rest {
	uint32_t base;
	unsigned int log2;
	uint64_t until_ms;
};

struct region_pool {
	unsigned int leaf_log2; /* cells in the smallest region */
	unsigned int depth;	/* the root covers 2^depth leaves */
	uint8_t *longest;	/* by node, root at 1: 0 nothing free, n: 2^(n - 1) leaves */
	struct region_rest *rest;
	size_t rest_count, rest_capacity;
};

/* cells need not be a power of two; leaf_log2 is the smallest region that will be asked for. */
void region_pool_init(struct region_pool *pool, uint32_t cells, unsigned int leaf_log2);
void region_pool_done(struct region_pool *pool);
/* Of the given one as if all that rests there had rested. */
void region_pool_copy(const struct region_pool *from, struct region_pool *to);
/* From the smallest free region that is large enough: then several requests that fit together fit
 * in any order. 0, -EAGAIN (when that region has rested), or -ENOSPC. */
int region_pool_take(struct region_pool *pool, unsigned int log2, uint32_t *ret_base);
/* Takes this very region: 0, -ERANGE (outside, not aligned, wrong size), or -EEXIST. */
int region_pool_claim(struct region_pool *pool, uint32_t base, unsigned int log2);
void region_pool_give(struct region_pool *pool, uint32_t base, unsigned int log2, uint64_t now_ms);
void region_pool_tick(struct region_pool *pool, uint64_t now_ms);
/* log2 of the largest free region, 0: nothing is free. */
unsigned int region_pool_longest(const struct region_pool *pool);
