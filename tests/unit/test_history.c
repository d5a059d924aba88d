/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is remembered of each member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "core/history.h"

static void note(struct history *history, enum event_type type, const char *member, unsigned int n)
{
	struct event event = {.type = type, .service = "web", .pool = "default"};

	util_copy(event.member, sizeof(event.member), member);
	snprintf(event.text, sizeof(event.text), "event %u", n);
	history_note(history, &event, 1000 + n);
}

static size_t count(const struct history *history, const char *member)
{
	struct history_event list[HISTORY_EVENTS_MAX];

	return history_read(history, "web", "default", member, list);
}

static void the_last_ones_in_order(void **state)
{
	struct history_event list[HISTORY_EVENTS_MAX];
	struct history *history = history_new();
	unsigned int n, i;

	(void)state;
	for (n = 1; n <= 100; n++) {
		size_t want = MIN(n, HISTORY_EVENTS_MAX);

		note(history, EVENT_member_down, "10.0.0.1:80", n);
		if (n % 10 == 0)
			note(history, EVENT_member_up, "10.0.0.2:80", n);
		assert_int_equal(history_read(history, "web", "default", "10.0.0.1:80", list),
				 want);
		for (i = 0; i < want; i++) {
			char text[32];

			snprintf(text, sizeof(text), "event %u", n - (unsigned int)want + 1 + i);
			assert_string_equal(list[i].text, text);
			assert_int_equal(list[i].wall_s, 1000 + n - want + 1 + i);
		}
	}
	/* Coming up is kept only behind something else. */
	assert_int_equal(count(history, "10.0.0.2:80"), 0);
	note(history, EVENT_member_down, "10.0.0.2:80", 1);
	note(history, EVENT_member_up, "10.0.0.2:80", 2);
	assert_int_equal(count(history, "10.0.0.2:80"), 2);
	history_free(history);
}

static void others_and_none(void **state)
{
	struct history *history = history_new();

	(void)state;
	assert_int_equal(count(history, "10.0.0.1:80"), 0);
	note(history, EVENT_service_changed, "", 1);
	note(history, EVENT_member_weight, "10.0.0.1:80", 2);
	assert_int_equal(count(history, "10.0.0.1:80"), 1);
	assert_int_equal(count(history, "10.0.0.1:8"), 0);
	note(history, EVENT_member_removed, "10.0.0.1:80", 3);
	assert_int_equal(count(history, "10.0.0.1:80"), 0);
	note(history, EVENT_member_removed, "10.0.0.1:80", 4);
	note(history, EVENT_member_added, "10.0.0.1:80", 5);
	assert_int_equal(count(history, "10.0.0.1:80"), 1);
	history_free(history);
	history_free(NULL);
}

/* Something happens to all of thousands of members, again and again. */
static void thousands(void **state)
{
	struct history_event list[HISTORY_EVENTS_MAX];
	struct history *history = history_new();
	unsigned int n, i, members = HISTORY_TOTAL / 4;
	char member[32];
	size_t total = 0;

	(void)state;
	for (n = 1; n <= HISTORY_EVENTS_MAX; n++) {
		for (i = 0; i < members; i++) {
			snprintf(member, sizeof(member), "10.0.%u.%u:80", i / 256, i % 256);
			note(history, EVENT_member_down, member, n);
		}
	}
	for (i = 0; i < members; i++) {
		snprintf(member, sizeof(member), "10.0.%u.%u:80", i / 256, i % 256);
		total += count(history, member);
	}
	assert_int_equal(total, HISTORY_TOTAL);
	/* The newest of each, in order. */
	assert_int_equal(history_read(history, "web", "default", "10.0.0.7:80", list), 4);
	assert_string_equal(list[0].text, "event 13");
	assert_string_equal(list[3].text, "event 16");
	history_free(history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_ones_in_order),
		cmocka_unit_test(others_and_none),
		cmocka_unit_test(thousands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
