/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Gives out the indices 1..limit-1 of a map. What is given back rests SLUICE_REUSE_AFTER_MS: every
 * packet that could have read it has left by then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_rest {
	uint32_t index;
	uint64_t until_ms;
};

struct index_pool {
	uint32_t limit;
	uint32_t fresh; /* from here on nothing was ever given out, claims apart */
	uint8_t *used;
	uint32_t *free; /* a stack */
	size_t free_count, free_capacity;
	struct index_rest *rest; /* a queue: from rest_first on */
	size_t rest_first, rest_count, rest_capacity;
};

typedef int (*index_pool_fn)(void *arg, uint32_t index);

void index_pool_init(struct index_pool *pool, uint32_t limit);
void index_pool_done(struct index_pool *pool);
/* 0, or -ENOSPC when all are in use or at rest. */
int index_pool_take(struct index_pool *pool, uint32_t *ret_index);
/* Takes this very index: 0, -ERANGE, or -EEXIST. */
int index_pool_claim(struct index_pool *pool, uint32_t index);
void index_pool_give(struct index_pool *pool, uint32_t index, uint64_t now_ms);
/* Frees what has rested; fn is called before each index becomes available, and when it fails the
 * index stays at rest until the next call. */
void index_pool_tick(struct index_pool *pool, uint64_t now_ms, index_pool_fn fn, void *arg);
