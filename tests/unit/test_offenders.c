/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is refused, against exact counts; and when a limit is under attack, against the rule as a person
 * would work it out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/offenders.h"

#define LIMIT 3
#define START_MS 5000000

struct seen {
	unsigned int count[OFFENDERS_CALM + 1];
	struct offenders_notice last;
	char source[PREFIX_TEXT_MAX];
};

static void on_news(void *arg, const struct offenders_notice *notice)
{
	struct seen *seen = arg;

	seen->count[notice->news]++;
	seen->last = *notice;
	if (notice->source)
		prefix_format(notice->source, seen->source);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	if (prefix_parse(text, strlen(text), &prefix, NULL))
		fail_msg("%s is no prefix", text);
	return prefix;
}

static struct prefix numbered(unsigned int n)
{
	char text[PREFIX_TEXT_MAX];

	snprintf(text, sizeof(text), "10.%u.%u.%u/32", n >> 16 & 255, n >> 8 & 255, n & 255);
	return prefix_of(text);
}

static void refuse(struct offenders *o, const struct prefix *source, uint64_t packets,
		   uint64_t now_ms)
{
	const struct dp_refusal refusal = {
		.limit = LIMIT,
		.kind = SLUICE_REFUSAL_LIMIT,
		.packets = packets,
		.source = source->addr,
	};

	offenders_add(o, &refusal, source, now_ms);
}

static void test_prefixes(void **state)
{
	static const char *const rows[][2] = {
		{"198.51.100.7/32", "198.51.100.0/24"}, {"198.51.100.0/24", "198.51.0.0/16"},
		{"198.51.0.0/16", "198.0.0.0/8"},	{"192.0.0.0/4", "192.0.0.0/4"},
		{"2001:db8::7/128", "2001:db8::/64"},	{"2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"2001:db8::/48", "2001:db8::/32"},	{"2001:db8::/32", "2001::/16"},
	};
	char text[PREFIX_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct prefix source = prefix_of(rows[i][0]);
		const struct prefix wider = offenders_prefix(&source);

		assert_string_equal(prefix_format(&wider, text), rows[i][1]);
	}
}

static void test_first_refusals(void **state)
{
	struct seen seen = {0};
	struct offenders *o = offenders_new(1, on_news, &seen);
	struct prefix source = numbered(1);
	struct offender found;
	uint64_t now_ms = START_MS;
	unsigned int i;

	(void)state;
	refuse(o, &source, 1, now_ms);
	assert_int_equal(seen.count[OFFENDERS_FIRST], 1);
	assert_string_equal(seen.source, "10.0.0.1/32");
	assert_int_equal(seen.last.limit, LIMIT);
	refuse(o, &source, 8, now_ms + 1000);
	assert_int_equal(seen.count[OFFENDERS_FIRST], 1);
	assert_true(offenders_find(o, LIMIT, &source, now_ms + 1000, &found));
	assert_int_equal(found.packets, 9);
	/* The budget: five at once, of which one is spent. */
	for (i = 2; i < 20; i++) {
		source = numbered(i);
		refuse(o, &source, 1, now_ms + 1000);
	}
	assert_int_equal(seen.count[OFFENDERS_FIRST], OFFENDERS_TOLD);
	source = numbered(30);
	refuse(o, &source, 1, now_ms + 1000 + OFFENDERS_TOLD_MS);
	assert_int_equal(seen.count[OFFENDERS_FIRST], OFFENDERS_TOLD + 1);
	assert_int_equal(seen.last.untold, 18 - (OFFENDERS_TOLD - 1));
	/* Forgotten, and new again. */
	source = numbered(1);
	now_ms += 1000 + OFFENDERS_FORGET_MS;
	assert_false(offenders_find(o, LIMIT, &source, now_ms, &found));
	refuse(o, &source, 1, now_ms);
	assert_string_equal(seen.source, "10.0.0.1/32");
	assert_true(offenders_find(o, LIMIT, &source, now_ms, &found));
	assert_int_equal(found.packets, 1);
	assert_int_equal(found.first_ms, now_ms);
	offenders_free(o);
}

static bool is_there(void *arg, uint32_t limit)
{
	return limit == *(const uint32_t *)arg;
}

static void test_rates(void **state)
{
	struct seen seen = {0};
	struct offenders *o = offenders_new(1, on_news, &seen);
	const struct prefix loud = prefix_of("2001:db8::7/128"), quiet = numbered(5);
	struct offender top[4];
	uint32_t there = LIMIT;
	uint64_t ms;

	(void)state;
	for (ms = 0; ms < 100000; ms += 10) {
		refuse(o, &loud, 4, START_MS + ms);
		if (ms % 100 == 0)
			refuse(o, &quiet, 2, START_MS + ms);
	}
	assert_int_equal(offenders_top(o, LIMIT, false, START_MS + ms, top, 4), 2);
	assert_int_equal(prefix_compare(&top[0].source, &loud), 0);
	assert_true(fabs(top[0].per_s - 400) < 400 * 0.01);
	assert_true(fabs(top[1].per_s - 20) < 20 * 0.02);
	assert_true(top[0].per_s_at_most == top[0].per_s);
	assert_int_equal(top[0].packets, 40000);
	assert_int_equal(offenders_top(o, LIMIT, true, START_MS + ms, top, 1), 1);
	assert_int_equal(top[0].source.length, 64);
	/* It fades. */
	assert_int_equal(offenders_top(o, LIMIT, false, START_MS + ms + 30000, top, 4), 2);
	assert_true(fabs(top[0].per_s - 400 * exp(-3)) < 2);
	/* Years later nothing has overflowed. */
	refuse(o, &quiet, 10, START_MS + 100ULL * 365 * 86400 * 1000);
	assert_int_equal(
		offenders_top(o, LIMIT, false, START_MS + 100ULL * 365 * 86400 * 1000, top, 4), 1);
	assert_true(fabs(top[0].per_s - 1) < 0.01);
	offenders_keep(o, is_there, &there);
	assert_true(offenders_find(o, LIMIT, &quiet, START_MS + 100ULL * 365 * 86400 * 1000, top));
	there = 0;
	offenders_keep(o, is_there, &there);
	assert_int_equal(offenders_top(o, LIMIT, false, START_MS, top, 4), 0);
	offenders_free(o);
}

/* What each source counts, exactly. */
#define EXACT 3000
struct exact {
	double count[EXACT]; /* at ms */
	uint64_t ms;
};

static void exact_fade(struct exact *exact, uint64_t now_ms)
{
	double part = exp(-(double)(now_ms - exact->ms) / OFFENDERS_FADE_MS);
	size_t i;

	for (i = 0; i < EXACT; i++)
		exact->count[i] *= part;
	exact->ms = now_ms;
}

/* Few loud ones, many that come once; several shapes. */
static unsigned int draw(unsigned int *seed, unsigned int shape)
{
	double u = (rand_r(seed) + 1.0) / (RAND_MAX + 2.0);

	return (unsigned int)(EXACT * pow(u, shape)) % EXACT;
}

static void check_bounds(const struct offenders *o, const struct exact *exact)
{
	struct offender found;
	double total = 0;
	unsigned int i;

	for (i = 0; i < EXACT; i++)
		total += exact->count[i];
	for (i = 0; i < EXACT; i++) {
		const struct prefix source = numbered(i);
		double per_s = exact->count[i] * 1000 / OFFENDERS_FADE_MS;

		if (!offenders_find(o, LIMIT, &source, exact->ms, &found)) {
			if (exact->count[i] > total / OFFENDERS_TOP * 1.000001)
				fail_msg("source %u is missing", i);
			continue;
		}
		if (found.per_s > per_s * 1.000001 + 1e-9 ||
		    found.per_s_at_most < per_s * 0.999999 - 1e-9)
			fail_msg("source %u: %f is not in %f..%f", i, per_s, found.per_s,
				 found.per_s_at_most);
	}
}

static void test_bounds(void **state)
{
	static struct exact exact;
	unsigned int seed = 7, round, step;

	(void)state;
	for (round = 0; round < 12; round++) {
		struct seen seen = {0};
		struct offenders *o = offenders_new(round, on_news, &seen);
		uint64_t now_ms = START_MS;

		memset(&exact, 0, sizeof(exact));
		exact.ms = now_ms;
		for (step = 0; step < 4000; step++) {
			unsigned int i = draw(&seed, round % 6 + 1);
			uint64_t packets = 1ULL << rand_r(&seed) % 5;
			const struct prefix source = numbered(i);

			now_ms += (uint64_t)rand_r(&seed) % 20;
			exact_fade(&exact, now_ms);
			exact.count[i] += (double)packets;
			refuse(o, &source, packets, now_ms);
			if (step % 500 == 499)
				check_bounds(o, &exact);
		}
		offenders_free(o);
	}
}

static void test_how_many(void **state)
{
	static const unsigned int rows[] = {1, 10, 300, 3000, 12000};
	size_t r;

	(void)state;
	for (r = 0; r < ARRAY_SIZE(rows); r++) {
		struct seen seen = {0};
		struct offenders *o = offenders_new(99, on_news, &seen);
		struct offenders_view view;
		unsigned int i;

		for (i = 0; i < rows[r]; i++) {
			const struct prefix source = numbered(i);

			refuse(o, &source, 1, START_MS);
			refuse(o, &source, 1, START_MS);
		}
		offenders_get(o, LIMIT, START_MS, &view);
		if (fabs((double)view.sources - rows[r]) > rows[r] * 0.1)
			fail_msg("%u sources, told %llu", rows[r],
				 (unsigned long long)view.sources);
		/* Of the window before, then of none. */
		offenders_get(o, LIMIT, START_MS + OFFENDERS_FADE_MS, &view);
		assert_true(view.sources > 0);
		offenders_get(o, LIMIT, START_MS + 2 * OFFENDERS_FADE_MS, &view);
		assert_int_equal(view.sources, 0);
		offenders_free(o);
	}
}

struct second {
	unsigned int refused, passed, replaced, sources;
};

static bool is_bad(const struct second *now, unsigned int divisor)
{
	return now->replaced * divisor >= OFFENDERS_PER_S ||
	       (now->refused * divisor >= OFFENDERS_PER_S &&
		(now->refused * divisor >= now->passed ||
		 now->sources * divisor >= OFFENDERS_SOURCES));
}

/* The last `count` seconds, all as wanted? */
static bool is_run(const struct second *seconds, size_t end, size_t count, unsigned int divisor,
		   bool wanted)
{
	size_t i;

	if (end < count)
		return false;
	for (i = end - count; i < end; i++)
		if (is_bad(&seconds[i], divisor) != wanted)
			return false;
	return true;
}

#define SECONDS 4000
static void test_attack(void **state)
{
	static struct second seconds[SECONDS];
	struct seen seen = {0};
	struct offenders *o = offenders_new(5, on_news, &seen);
	struct offenders_counts counts = {0};
	bool is_attacked = false;
	unsigned int seed = 11, entered = 0;
	size_t s, since = 0; /* the second after the last change */

	(void)state;
	offenders_tick(o, LIMIT, &counts, START_MS);
	for (s = 0; s < SECONDS; s++) {
		bool is_storm = s / 200 % 2;
		uint64_t now_ms = START_MS + (s + 1) * 1000;
		struct offenders_view view;
		size_t run;

		seconds[s] = (struct second){
			.refused = (unsigned int)rand_r(&seed) % (is_storm	? 1000
								  : s / 200 % 4 ? 45
										: 60),
			.passed = (unsigned int)rand_r(&seed) % 400,
			.replaced = is_storm ? (unsigned int)rand_r(&seed) % 120 : 0,
		};
		counts.refused += seconds[s].refused;
		counts.passed += seconds[s].passed;
		counts.replaced_debt += seconds[s].replaced;
		offenders_tick(o, LIMIT, &counts, now_ms);
		run = is_attacked ? OFFENDERS_LEAVE_S : OFFENDERS_ENTER_S;
		if (s + 1 - since >= run &&
		    is_run(seconds, s + 1, run, is_attacked ? 2 : 1, !is_attacked)) {
			is_attacked = !is_attacked;
			entered += is_attacked;
			since = s + 1;
		}
		offenders_get(o, LIMIT, now_ms, &view);
		if (view.is_attacked != is_attacked)
			fail_msg("second %zu: %s", s, view.is_attacked ? "attacked" : "calm");
	}
	assert_true(entered > 3 && entered < SECONDS / 400);
	assert_int_equal(seen.count[OFFENDERS_ATTACK], entered);
	offenders_free(o);
}

static void test_attack_by_many(void **state)
{
	struct seen seen = {0};
	struct offenders *o = offenders_new(5, on_news, &seen);
	struct offenders_counts counts = {0};
	unsigned int s, i;

	(void)state;
	offenders_tick(o, LIMIT, &counts, START_MS);
	for (s = 1; s <= 4; s++) {
		for (i = 0; i < 200; i++) {
			const struct prefix source = numbered(i);

			refuse(o, &source, 1, START_MS + s * 1000);
		}
		counts.refused += 200;
		counts.passed += 100000; /* most of the traffic is fine */
		offenders_tick(o, LIMIT, &counts, START_MS + s * 1000);
		/* Twice in one second changes nothing. */
		offenders_tick(o, LIMIT, &counts, START_MS + s * 1000 + 1);
	}
	assert_int_equal(seen.count[OFFENDERS_ATTACK], 1);
	assert_true(seen.last.sources > 150);
	assert_true(fabs(seen.last.refused - 200) < 1);
	/* The counters began again: no flood of negative numbers. */
	counts = (struct offenders_counts){0};
	for (s = 5; s <= 5 + OFFENDERS_LEAVE_S; s++)
		offenders_tick(o, LIMIT, &counts, START_MS + s * 1000);
	assert_int_equal(seen.count[OFFENDERS_CALM], 1);
	assert_true(seen.last.lasted_ms >= 60000);
	offenders_free(o);
}

/* From before a restart: it begins no second time, goes on while it is bad, and ends once. */
static void test_resumed(void **state)
{
	struct seen seen = {0};
	struct offenders *o = offenders_new(5, on_news, &seen);
	struct offenders_counts counts = {0};
	struct offenders_view view;
	unsigned int s;

	(void)state;
	assert_true(offenders_resume(o, LIMIT, START_MS - 7000, OFFENDERS_LEAVE_S - 1));
	for (s = 0; s <= 100; s++) {
		counts.refused += 1000;
		offenders_tick(o, LIMIT, &counts, START_MS + s * 1000);
	}
	offenders_get(o, LIMIT, START_MS + s * 1000, &view);
	assert_true(view.is_attacked);
	assert_int_equal(view.since_ms, START_MS - 7000);
	assert_int_equal(seen.count[OFFENDERS_ATTACK], 0);
	for (; s <= 100 + OFFENDERS_LEAVE_S; s++)
		offenders_tick(o, LIMIT, &counts, START_MS + s * 1000);
	assert_int_equal(seen.count[OFFENDERS_CALM], 1);
	assert_int_equal(seen.last.lasted_ms, 7000 + (100 + OFFENDERS_LEAVE_S) * 1000);
	assert_int_equal(seen.count[OFFENDERS_ATTACK], 0);
	offenders_free(o);
}

/* Without a sign of it an attack ends when it would have without a restart. */
static void test_resumed_without_evidence(void **state)
{
	struct seen seen = {0};
	struct offenders *o = offenders_new(5, on_news, &seen);
	struct offenders_counts counts = {.refused = 1000000};
	struct offenders_view view;
	unsigned int s;

	(void)state;
	assert_false(offenders_resume(o, LIMIT, START_MS - 90000, OFFENDERS_LEAVE_S));
	offenders_get(o, LIMIT, START_MS, &view);
	assert_false(view.is_attacked);
	assert_true(offenders_resume(o, LIMIT, START_MS - 90000, OFFENDERS_LEAVE_S - 3));
	for (s = 0; s < 3; s++) {
		offenders_tick(o, LIMIT, &counts, START_MS + s * 1000);
		offenders_get(o, LIMIT, START_MS + s * 1000, &view);
		assert_true(view.is_attacked);
		assert_int_equal(view.calm_s, OFFENDERS_LEAVE_S - 3 + s);
	}
	offenders_tick(o, LIMIT, &counts, START_MS + s * 1000);
	assert_int_equal(seen.count[OFFENDERS_CALM], 1);
	offenders_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_first_refusals),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_how_many),
		cmocka_unit_test(test_attack),
		cmocka_unit_test(test_attack_by_many),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_resumed_without_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
