/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Time: callers of core/ pass it in, so tests can invent it. */
#pragma once

#include <stdint.h>

uint64_t clock_now_ms(void);   /* CLOCK_MONOTONIC */
uint64_t clock_now_ns(void);   /* CLOCK_MONOTONIC */
uint64_t clock_wall_s(void);   /* CLOCK_REALTIME */
uint32_t clock_jiffy_ns(void); /* the kernel's tick, from clock_getres */
