/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* When refusals are too many, against a list of every one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/ban_counter.h"

#define SOURCES 40
#define STEPS 20000
#define AFTER 12

static bool refuse(struct ban_counters *counters, const struct limit_ban *rule, const char *address,
		   uint64_t packets, uint64_t now_ms)
{
	struct dp_refusal refusal = {.limit = 3, .kind = SLUICE_REFUSAL_LIMIT, .packets = packets};
	struct prefix source;
	struct ban_counter *counter;

	assert_int_equal(addr_parse(address, &refusal.source), 0);
	source = prefix_of_addr(&refusal.source);
	counter = ban_counters_add(counters, rule, &refusal, &source, now_ms);
	if (counter)
		*counter = (struct ban_counter){0};
	return counter;
}

struct past {
	uint64_t ms, packets;
};

static uint64_t count_since(const struct past *past, size_t count, uint64_t from_ms)
{
	uint64_t packets = 0;

	while (count-- && past[count].ms > from_ms)
		packets += past[count].packets;
	return packets;
}

/* A refusal counts for 7/8 of the time at least, and never for longer than all of it. */
static void test_against_list(void **state)
{
	static struct past past[SOURCES][STEPS];
	static struct ban_counters counters;
	const struct limit_ban rule = {.after = AFTER, .within_s = 8};
	unsigned int seed = 3, step, banned = 0, spared = 0;
	size_t counts[SOURCES] = {0};
	uint64_t now_ms = 1000000;

	(void)state;
	for (step = 0; step < STEPS; step++) {
		unsigned int s = (unsigned int)rand_r(&seed) % SOURCES;
		char address[ADDR_TEXT_MAX];
		uint64_t least, most;
		bool is_banned;

		s = s * s / SOURCES; /* some are louder */
		snprintf(address, sizeof(address), s % 2 ? "198.51.100.%u" : "2001:db8:0:%u::7", s);
		now_ms += (uint64_t)rand_r(&seed) % (step / 2000 % 2 ? 20 : 400);
		past[s][counts[s]++] = (struct past){now_ms, 1};
		is_banned = refuse(&counters, &rule, address, 1, now_ms);
		least = count_since(past[s], counts[s], now_ms - 7000);
		most = count_since(past[s], counts[s], now_ms - 8000);
		if (is_banned && most < AFTER)
			fail_msg("step %u: after %llu", step, (unsigned long long)most);
		if (!is_banned && least >= AFTER)
			fail_msg("step %u: not after %llu", step, (unsigned long long)least);
		spared += !is_banned && counts[s] > AFTER;
		banned += is_banned;
		if (is_banned)
			counts[s] = 0;
	}
	assert_true(banned > 100 && spared > 100);
}

/* One sample that stands for many packets is no proof against anybody; few of them are not. */
static void test_samples(void **state)
{
	static struct ban_counters counters;
	const struct limit_ban rule = {.after = 1000, .within_s = 10};
	unsigned int i;

	(void)state;
	for (i = 1; i < BANS_SAMPLES; i++)
		assert_false(refuse(&counters, &rule, "198.51.100.7", 1ULL << 33, 1000000));
	assert_true(refuse(&counters, &rule, "198.51.100.7", 1, 1000000));
}

/* However many sources there are: nobody is charged for others, and the loud one is found. */
static void test_spoofed(void **state)
{
	static struct ban_counters counters;
	const struct limit_ban rule = {.after = 50, .within_s = 10};
	unsigned int i, found = 0;

	(void)state;
	for (i = 0; i < 300000; i++) {
		char address[ADDR_TEXT_MAX];

		snprintf(address, sizeof(address), "20.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		assert_false(refuse(&counters, &rule, address, 1, 1000000 + i / 100));
		if (i % 1000 == 0)
			found += refuse(&counters, &rule, "198.51.100.7", 1, 1000000 + i / 100);
	}
	assert_in_range(found, 4, 6);
}

/* The time that a limit counts over changes: what was counted before says nothing. */
static void test_other_rule(void **state)
{
	static struct ban_counters counters;
	struct limit_ban rule = {.after = 3, .within_s = 10};

	(void)state;
	assert_false(refuse(&counters, &rule, "198.51.100.7", 1, 1000000));
	assert_false(refuse(&counters, &rule, "198.51.100.7", 1, 1000000));
	rule.within_s = 1;
	assert_false(refuse(&counters, &rule, "198.51.100.7", 1, 1000000));
	assert_false(refuse(&counters, &rule, "198.51.100.7", 1, 1000100));
	assert_true(refuse(&counters, &rule, "198.51.100.7", 1, 1000200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_list),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_spoofed),
		cmocka_unit_test(test_other_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
