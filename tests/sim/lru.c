/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim/lru.h"

#include <stdlib.h>

#include "base/util.h"

struct entry {
	uint64_t key;
	uint32_t chain;	       /* the next one of its bucket */
	uint32_t older, newer; /* in order of use */
	struct lru_member member;
};

struct lru {
	struct entry *entries; /* and one more, at `capacity`: newer than the newest */
	uint32_t *buckets;
	uint32_t mask, capacity, used;
};

struct lru *lru_new(uint32_t capacity)
{
	struct lru *lru = util_alloc(sizeof(*lru));
	uint32_t size = 1, i;

	while (size < capacity)
		size *= 2;
	lru->capacity = capacity;
	lru->mask = size - 1;
	lru->entries = util_alloc_array((size_t)capacity + 1, sizeof(*lru->entries));
	lru->entries[capacity].older = lru->entries[capacity].newer = capacity;
	lru->buckets = util_alloc_array(size, sizeof(*lru->buckets));
	for (i = 0; i < size; i++)
		lru->buckets[i] = LRU_NONE;
	return lru;
}

void lru_free(struct lru *lru)
{
	if (!lru)
		return;
	free(lru->entries);
	free(lru->buckets);
	free(lru);
}

static uint32_t *bucket_of(const struct lru *lru, uint64_t key)
{
	return &lru->buckets[(key >> 8) & lru->mask];
}

uint32_t lru_find(const struct lru *lru, uint64_t key, uint32_t hint)
{
	uint32_t at;

	if (hint < lru->used && lru->entries[hint].key == key)
		return hint;
	for (at = *bucket_of(lru, key); at != LRU_NONE; at = lru->entries[at].chain) {
		if (lru->entries[at].key == key)
			return at;
	}
	return LRU_NONE;
}

void lru_expect(const struct lru *lru, uint32_t hint)
{
	if (hint < lru->used)
		__builtin_prefetch(&lru->entries[hint]);
}

void lru_expect_use(const struct lru *lru, uint32_t hint)
{
	if (hint >= lru->used)
		return;
	__builtin_prefetch(&lru->entries[lru->entries[hint].older]);
	__builtin_prefetch(&lru->entries[lru->entries[hint].newer]);
}

struct lru_member lru_get(const struct lru *lru, uint32_t at)
{
	return lru->entries[at].member;
}

static void unlink_entry(struct lru *lru, uint32_t at)
{
	struct entry *entry = &lru->entries[at];

	lru->entries[entry->older].newer = entry->newer;
	lru->entries[entry->newer].older = entry->older;
}

static void link_newest(struct lru *lru, uint32_t at)
{
	struct entry *entry = &lru->entries[at], *end = &lru->entries[lru->capacity];

	entry->older = end->older;
	entry->newer = lru->capacity;
	lru->entries[end->older].newer = at;
	end->older = at;
}

void lru_use(struct lru *lru, uint32_t at)
{
	if (lru->entries[at].newer == lru->capacity)
		return;
	unlink_entry(lru, at);
	link_newest(lru, at);
}

/* The place of the least recently used, which is forgotten. */
static uint32_t evict(struct lru *lru)
{
	uint32_t at = lru->entries[lru->capacity].newer;
	uint32_t *link = bucket_of(lru, lru->entries[at].key);

	while (*link != at)
		link = &lru->entries[*link].chain;
	*link = lru->entries[at].chain;
	unlink_entry(lru, at);
	return at;
}

uint32_t lru_store(struct lru *lru, uint64_t key, uint32_t at, struct lru_member member)
{
	uint32_t *bucket = bucket_of(lru, key);

	if (at != LRU_NONE) {
		lru->entries[at].member = member;
		lru_use(lru, at);
		return at;
	}
	at = lru->used < lru->capacity ? lru->used++ : evict(lru);
	lru->entries[at].key = key;
	lru->entries[at].member = member;
	lru->entries[at].chain = *bucket;
	*bucket = at;
	link_newest(lru, at);
	return at;
}

uint32_t lru_used(const struct lru *lru)
{
	return lru->used;
}
