/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many alarms on one timer of the loop, where a timer for each would take more memory than what waits
 * for it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct alarms;

/* Part of what is to be called; zero: not set. */
struct alarm {
	uint64_t due_us;
	uint32_t place; /* from 1; 0: not set */
};

/* fn gets an alarm that is due, and no longer set; it may set and clear any. Those that are due within
 * early_us after another may come with it, a few at a time, so that the loop wakes less often; 0: none. */
struct alarms *alarms_new(uv_loop_t *loop, uint32_t early_us, void (*fn)(struct alarm *alarm));
/* Memory goes when the loop has run the close callbacks. What is set is never called. */
void alarms_free(struct alarms *alarms);

/* At that time of clock_now_ns(), within half a millisecond, or as soon after it as the loop gets there.
 * Moves one that is set. */
void alarm_set(struct alarms *alarms, struct alarm *alarm, uint64_t due_us);
void alarm_clear(struct alarms *alarms, struct alarm *alarm);
static inline bool alarm_is_set(const struct alarm *alarm)
{
	return alarm->place != 0;
}
