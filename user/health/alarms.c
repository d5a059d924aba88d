/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/alarms.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/util.h"

#define EARLY_MAX 8 /* what is begun in one go waits for each other's system calls */

struct alarms {
	uv_timer_t timer; /* of the first one */
	void (*fn)(struct alarm *alarm);
	uint32_t early_us;
	struct alarm **heap; /* a parent, at n / 2, is never later; from 1 */
	size_t capacity;
	uint32_t count;
};

static uint64_t now_us(void)
{
	return clock_now_ns() / 1000;
}

struct alarms *alarms_new(uv_loop_t *loop, uint32_t early_us, void (*fn)(struct alarm *alarm))
{
	struct alarms *alarms = util_alloc(sizeof(*alarms));

	alarms->fn = fn;
	alarms->early_us = early_us;
	uv_timer_init(loop, &alarms->timer);
	alarms->timer.data = alarms;
	return alarms;
}

static void on_closed(uv_handle_t *handle)
{
	struct alarms *alarms = handle->data;

	free(alarms->heap);
	free(alarms);
}

void alarms_free(struct alarms *alarms)
{
	uv_close((uv_handle_t *)&alarms->timer, on_closed);
}

/* ---- the heap -------------------------------------------------------------------------------- */

static void put(struct alarms *alarms, struct alarm *alarm, uint32_t place)
{
	alarms->heap[place] = alarm;
	alarm->place = place;
}

/* Puts it where it belongs, from a free place. */
static void sift(struct alarms *alarms, struct alarm *alarm, uint32_t place)
{
	struct alarm **heap = alarms->heap;
	uint32_t next;

	for (; place > 1 && alarm->due_us < heap[place / 2]->due_us; place /= 2)
		put(alarms, heap[place / 2], place);
	for (; 2 * place <= alarms->count; place = next) {
		next = 2 * place;
		if (next < alarms->count && heap[next + 1]->due_us < heap[next]->due_us)
			next++;
		if (alarm->due_us <= heap[next]->due_us)
			break;
		put(alarms, heap[next], place);
	}
	put(alarms, alarm, place);
}

static void take_out(struct alarms *alarms, struct alarm *alarm)
{
	struct alarm *last = alarms->heap[alarms->count--];

	if (last != alarm)
		sift(alarms, last, alarm->place);
	alarm->place = 0;
}

/* ---- time ------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer);

/* The loop's time may be behind: its timers count from when the turn began. One of no time at all would
 * have its end within the same turn. */
static void start_timer(struct alarms *alarms)
{
	uint64_t due_us = alarms->count ? alarms->heap[1]->due_us : UINT64_MAX, now = now_us();
	uint64_t wait_us = due_us > now ? due_us - now : 0;

	if (!alarms->count)
		uv_timer_stop(&alarms->timer);
	else
		uv_timer_start(&alarms->timer, on_timer, MAX((wait_us + 500) / 1000, 1), 0);
}

/* All that are due by now, and a few that would wake the loop again at once. */
static void on_timer(uv_timer_t *timer)
{
	struct alarms *alarms = timer->data;
	uint64_t until_us = now_us() + 500, early_until_us = until_us + alarms->early_us;
	int early_left = EARLY_MAX;
	struct alarm *first;

	while (alarms->count) {
		first = alarms->heap[1];
		if (first->due_us > until_us && (first->due_us > early_until_us || !early_left--))
			break;
		take_out(alarms, first);
		alarms->fn(first);
	}
	start_timer(alarms);
}

void alarm_set(struct alarms *alarms, struct alarm *alarm, uint64_t due_us)
{
	alarm_clear(alarms, alarm);
	alarm->due_us = due_us;
	alarms->heap = util_grow(alarms->heap, &alarms->capacity, alarms->count + 2UL,
				 sizeof(struct alarm *));
	sift(alarms, alarm, ++alarms->count);
	if (alarm->place == 1)
		start_timer(alarms);
}

void alarm_clear(struct alarms *alarms, struct alarm *alarm)
{
	if (alarm_is_set(alarm))
		take_out(alarms, alarm);
}
