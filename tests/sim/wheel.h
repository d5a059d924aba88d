/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happens when: numbers by tick, up to WHEEL_TICKS_MAX ahead. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WHEEL_TICKS_MAX 8191

struct wheel;

struct wheel *wheel_new(void);
void wheel_free(struct wheel *wheel);
void wheel_add(struct wheel *wheel, uint32_t tick, uint32_t number);
/* Those of the tick, in the order of their coming; to be freed. */
uint32_t *wheel_take(struct wheel *wheel, uint32_t tick, size_t *ret_count);
