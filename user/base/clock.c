/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/clock.h"

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts); /* cannot fail for the clocks used here */
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now_ms(void)
{
	return read_ns(CLOCK_MONOTONIC) / 1000000ULL;
}

uint64_t clock_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_s(void)
{
	return read_ns(CLOCK_REALTIME) / 1000000000ULL;
}

uint32_t clock_jiffy_ns(void)
{
	struct timespec ts;

	/* The coarse clock advances once a tick, and its resolution is the tick's length. */
	clock_getres(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)ts.tv_nsec;
}
