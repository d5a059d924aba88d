/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A calendar queue (Brown, CACM 31(10), 1988) over a fixed set of runners, each queued at most
 * once: buckets of time in a ring, one short list each, so that a pop is O(1) where a heap is
 * O(log n). Equal times leave in the order of the runners' numbers.
 */
#pragma once

#include <stdint.h>

struct slots_queue {
	uint64_t *time; /* by runner, owned by the caller */
	uint32_t *next; /* by runner */
	uint32_t *head; /* by bucket */
	uint32_t mask;
	unsigned int shift; /* a bucket is 2^shift of time wide */
	uint32_t count;	    /* queued now */
	uint32_t runners;
	uint64_t now; /* bucket number, not wrapped */
};

#define SLOTS_QUEUE_NONE UINT32_MAX

/* Cells that head needs for this many runners. */
uint32_t slots_queue_buckets(uint32_t runners);
/* Empties the queue. events: how many pops to expect in one unit of 2^44. */
void slots_queue_init(struct slots_queue *q, uint32_t runners, uint64_t events);
void slots_queue_push(struct slots_queue *q, uint32_t runner);
/* The earliest runner, or SLOTS_QUEUE_NONE. */
uint32_t slots_queue_pop(struct slots_queue *q);
