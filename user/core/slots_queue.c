/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/slots_queue.h"

#include <assert.h>
#include <stddef.h>

#define UNIT_BITS 44

uint32_t slots_queue_buckets(uint32_t runners)
{
	uint32_t buckets = 4;

	while (buckets < 2 * runners)
		buckets *= 2;
	return buckets;
}

void slots_queue_init(struct slots_queue *q, uint32_t runners, uint64_t events)
{
	uint32_t buckets = slots_queue_buckets(runners);
	uint32_t i;

	assert(runners > 0 && events > 0);
	for (i = 0; i < buckets; i++)
		q->head[i] = SLOTS_QUEUE_NONE;
	q->mask = buckets - 1;
	q->runners = runners;
	q->count = 0;
	q->now = UINT64_MAX;
	/* About one event a bucket. */
	q->shift = 0;
	while (q->shift < UNIT_BITS && (events << (q->shift + 1)) <= 1ULL << UNIT_BITS)
		q->shift++;
}

void slots_queue_push(struct slots_queue *q, uint32_t runner)
{
	uint64_t bucket = q->time[runner] >> q->shift;
	uint32_t *head = &q->head[bucket & q->mask];

	assert(runner < q->runners);
	q->next[runner] = *head;
	*head = runner;
	q->count++;
	if (bucket < q->now)
		q->now = bucket;
}

/* The link to the earliest runner of the current bucket whose time has come, NULL if none. */
static uint32_t *bucket_earliest(struct slots_queue *q)
{
	uint32_t *link = &q->head[q->now & q->mask];
	uint32_t *best = NULL;

	for (; *link != SLOTS_QUEUE_NONE; link = &q->next[*link]) {
		uint64_t time = q->time[*link];

		if (time >> q->shift != q->now)
			continue;
		if (!best || time < q->time[*best] || (time == q->time[*best] && *link < *best))
			best = link;
	}
	return best;
}

/* Nothing within a whole turn of the ring: jump to the bucket of the earliest runner. */
static void jump(struct slots_queue *q)
{
	uint64_t earliest = UINT64_MAX;
	uint32_t i, runner;

	for (i = 0; i <= q->mask; i++) {
		for (runner = q->head[i]; runner != SLOTS_QUEUE_NONE; runner = q->next[runner]) {
			if (q->time[runner] < earliest)
				earliest = q->time[runner];
		}
	}
	q->now = earliest >> q->shift;
}

uint32_t slots_queue_pop(struct slots_queue *q)
{
	uint32_t *link, runner, empty = 0;

	if (q->count == 0)
		return SLOTS_QUEUE_NONE;
	while (!(link = bucket_earliest(q))) {
		q->now++;
		if (++empty > q->mask)
			jump(q);
	}
	runner = *link;
	*link = q->next[runner];
	q->count--;
	return runner;
}
