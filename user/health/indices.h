/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Indices of targets that are probed through the path: given out, and given out again after a rest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct indices {
	uint32_t count; /* 1 to this number; 0: there is none */
	uint32_t next;	/* the first that nobody had yet, less one */
	uint32_t *free;
	size_t free_count, free_capacity;
	struct resting {
		uint32_t index;
		uint64_t until_ms;
	} * resting; /* in no order */
	size_t resting_count, resting_capacity;
	uint64_t rested_ms; /* when the first of them has */
};

void indices_init(struct indices *indices, uint32_t count);
void indices_done(struct indices *indices);
/* 0: there is none now. now_ms: monotonic. */
uint32_t indices_take(struct indices *indices, uint64_t now_ms);
/* One that was taken; nobody gets it before it has rested so long. */
void indices_give(struct indices *indices, uint32_t index, uint64_t rest_ms, uint64_t now_ms);
