/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many alarms on one timer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/clock.h"
#include "base/util.h"
#include "health/alarms.h"

#define COUNT 1000

static struct {
	uv_loop_t loop;
	struct alarms *alarms;
	struct alarm alarm[COUNT];
	uint64_t due_us[COUNT]; /* 0: not set */
	size_t called;
	uint64_t last_us;
	uint32_t early_us;
	bool is_setting;
} w;

static uint64_t now_us(void)
{
	return clock_now_ns() / 1000;
}

static void set(size_t i, uint64_t due_us)
{
	w.due_us[i] = due_us;
	alarm_set(w.alarms, &w.alarm[i], due_us);
	assert_true(alarm_is_set(&w.alarm[i]));
}

static void clear(size_t i)
{
	w.due_us[i] = 0;
	alarm_clear(w.alarms, &w.alarm[i]);
	assert_false(alarm_is_set(&w.alarm[i]));
}

/* Nobody is called who is not set, before its time, or before another whose time came first. */
static void on_alarm(struct alarm *alarm)
{
	size_t i = (size_t)(alarm - w.alarm), other = (size_t)rand() % COUNT;

	assert_true(w.due_us[i] > 0);
	assert_false(alarm_is_set(alarm));
	assert_int_equal(alarm->due_us, w.due_us[i]);
	assert_true(w.due_us[i] <= now_us() + 500 + w.early_us);
	assert_true(w.due_us[i] >= w.last_us);
	w.last_us = w.due_us[i];
	w.due_us[i] = 0;
	w.called++;
	if (!w.is_setting)
		return;
	if (w.due_us[other] && rand() % 2)
		clear(other);
	else
		set(other, now_us() + 1000 + (uint64_t)rand() % 50000);
}

static void begin(uint32_t early_us)
{
	memset(&w, 0, sizeof(w));
	w.early_us = early_us;
	uv_loop_init(&w.loop);
	w.alarms = alarms_new(&w.loop, w.early_us, on_alarm);
}

static void end(void)
{
	alarms_free(w.alarms);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w.loop), 0);
}

static size_t count_set(void)
{
	size_t i, count = 0;

	for (i = 0; i < COUNT; i++) {
		assert_int_equal(alarm_is_set(&w.alarm[i]), w.due_us[i] != 0);
		count += w.due_us[i] != 0;
	}
	return count;
}

static void each_at_its_time(void **state)
{
	uint64_t start_us = now_us();
	size_t i;

	(void)state;
	begin(0);
	for (i = 0; i < COUNT; i++)
		set(i, start_us + 5000 + (uint64_t)rand() % 50000);
	for (i = 0; i < COUNT; i += 3)
		clear(i);
	for (i = 1; i < COUNT; i += 3) /* once more, to another time */
		set(i, start_us + 1000 + (uint64_t)rand() % 90000);
	uv_run(&w.loop, UV_RUN_DEFAULT); /* ends, for nothing is set any more */
	assert_int_equal(w.called, COUNT - (COUNT + 2) / 3);
	assert_int_equal(count_set(), 0);
	end();
}

static void from_within(void **state)
{
	size_t i;

	(void)state;
	begin(0);
	w.is_setting = true;
	for (i = 0; i < COUNT; i++)
		set(i, now_us() + (uint64_t)rand() % 20000);
	while (w.called < 5 * COUNT && count_set())
		uv_run(&w.loop, UV_RUN_ONCE);
	assert_true(w.called >= COUNT / 2);
	end();
}

/* A turn that calls somebody. */
static void wake(void)
{
	size_t before = w.called;

	for (w.last_us = 0; w.called == before; usleep(1000))
		uv_run(&w.loop, UV_RUN_NOWAIT);
}

/* One waking for them, and no more than a few of them. */
static void some_come_early(void **state)
{
	size_t i;

	(void)state;
	begin(20000000);
	set(0, now_us() + 5000);
	set(1, now_us() + 30000000);
	for (i = 2; i < 4; i++)
		set(i, now_us() + 10000000);
	wake();
	assert_int_equal(w.called, 3);
	assert_int_equal(count_set(), 1);
	set(0, now_us() + 5000);
	for (i = 2; i < 50; i++)
		set(i, now_us() + 10000000);
	wake();
	assert_in_range(w.called, 3 + 2, 3 + 20);
	end();
}

static void none_after_the_end(void **state)
{
	(void)state;
	begin(0);
	set(0, now_us());
	set(1, now_us() + 1000000);
	end();
	assert_int_equal(w.called, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_at_its_time),
		cmocka_unit_test(from_within),
		cmocka_unit_test(some_come_early),
		cmocka_unit_test(none_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
