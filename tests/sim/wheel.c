/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sim/wheel.h"

#include <stdlib.h>

#include "base/util.h"

#define SIZE (WHEEL_TICKS_MAX + 1)

struct wheel {
	struct {
		uint32_t *numbers;
		size_t count, capacity;
	} ticks[SIZE];
};

struct wheel *wheel_new(void)
{
	return util_alloc(sizeof(struct wheel));
}

void wheel_free(struct wheel *wheel)
{
	size_t i;

	for (i = 0; wheel && i < SIZE; i++)
		free(wheel->ticks[i].numbers);
	free(wheel);
}

void wheel_add(struct wheel *wheel, uint32_t tick, uint32_t number)
{
	__auto_type at = &wheel->ticks[tick % SIZE];

	at->numbers = util_grow(at->numbers, &at->capacity, at->count + 1, sizeof(*at->numbers));
	at->numbers[at->count++] = number;
}

uint32_t *wheel_take(struct wheel *wheel, uint32_t tick, size_t *ret_count)
{
	__auto_type at = &wheel->ticks[tick % SIZE];
	uint32_t *numbers = TAKE_PTR(at->numbers);

	*ret_count = at->count;
	at->count = at->capacity = 0;
	return numbers;
}
