/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Full tracking, as others do it: every connection has an entry, and without a free one the least
 * recently used gives way. Exact and global, which is kinder than lists for each CPU that guess.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lru;

struct lru_member {
	uint8_t number; /* 0: none */
	uint8_t life;	/* of which the connection is */
};

#define LRU_NONE UINT32_MAX

struct lru *lru_new(uint32_t capacity);
void lru_free(struct lru *lru);
/* The place of a key's entry, LRU_NONE if it has none; hint: where it once was. */
uint32_t lru_find(const struct lru *lru, uint64_t key, uint32_t hint);
/* Are soon to be found, and to be used: fetched meanwhile. */
void lru_expect(const struct lru *lru, uint32_t hint);
void lru_expect_use(const struct lru *lru, uint32_t hint);
struct lru_member lru_get(const struct lru *lru, uint32_t at);
void lru_use(struct lru *lru, uint32_t at);
/* Makes an entry, or gives the one at `at` (LRU_NONE: there is none) another member. */
uint32_t lru_store(struct lru *lru, uint64_t key, uint32_t at, struct lru_member member);
uint32_t lru_used(const struct lru *lru);
