/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "core/event_log.h"

static void add(struct event_log *log, unsigned int number)
{
	struct event event = {.type = EVENT_member_weight, .seq = 999999};

	snprintf(event.text, sizeof(event.text), "number %u", number);
	event_log_add(log, &event);
}

static void assert_text(const struct event *event, unsigned int number)
{
	char want[32];

	snprintf(want, sizeof(want), "number %u", number);
	assert_non_null(event);
	assert_string_equal(event->text, want);
	assert_int_equal(event->seq, number);
}

static void test_empty(void **state)
{
	struct event_log *log = event_log_new(4);
	bool is_gap = true;

	(void)state;
	assert_null(event_log_next(log, 0, &is_gap));
	assert_false(is_gap);
	assert_int_equal(event_log_last(log), 0);
	event_log_free(log);
	event_log_free(NULL);
}

static void test_resume(void **state)
{
	struct event_log *log = event_log_new(4);
	bool is_gap;
	unsigned int i;

	(void)state;
	for (i = 1; i <= 3; i++)
		add(log, i);
	assert_text(event_log_next(log, 0, &is_gap), 1);
	assert_false(is_gap);
	assert_text(event_log_next(log, 2, &is_gap), 3);
	assert_null(event_log_next(log, 3, &is_gap));
	assert_null(event_log_next(log, 4711, &is_gap));
	assert_true(event_log_next(log, 0, &is_gap)->wall_s > 1000000000);
	event_log_free(log);
}

/* A reader that was away too long gets what is left, and is told. */
static void test_gap(void **state)
{
	struct event_log *log = event_log_new(4);
	bool is_gap;
	unsigned int i;

	(void)state;
	for (i = 1; i <= 11; i++)
		add(log, i);
	assert_text(event_log_next(log, 3, &is_gap), 8);
	assert_true(is_gap);
	assert_text(event_log_next(log, 7, &is_gap), 8);
	assert_false(is_gap);
	assert_text(event_log_next(log, 10, &is_gap), 11);
	assert_int_equal(event_log_last(log), 11);
	event_log_free(log);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(event_type_name(EVENT_config_loaded), "config_loaded");
	assert_string_equal(event_type_name(EVENT_state_restored), "state_restored");
	assert_string_equal(event_type_name(EVENT_TYPE_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
