/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Limits of bytes against a token bucket with a perfect clock: frames of mixed sizes, bursts, pauses,
 * clocks of several ticks, years; sources with a rate of their own, and more sources than words. What
 * fits a test run's buffer goes through the real program and through its decision compiled for this
 * machine, which must agree; jumbo frames through the latter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <math.h>

#include "base/prefix.h"
#include "base/util.h"
#include "packet/limit_native.h"
#include "packet/limit_world.h"
#include "packet/lists.h"

#define DAY (86400 * S)
#define YEAR (365 * DAY)
#define START LIMIT_WORLD_START
#define FRAME_LEAST 60
#define LARGE 100000000 /* rates above send so many frames that fewer steps must do */
#define FRAMES_MAX 100000

/* A test run has a page for the frame, less 256 bytes in front and what the kernel keeps behind. */
static const uint32_t sizes[] = {64, 3400, 71, 590, 1514, 3000};
static const uint32_t jumbo_sizes[] = {64, 9216, 590, 1514, 9000};
static const uint32_t ticks_ns[] = {1 * MS, 4 * MS, 10 * MS}; /* 1000, 250 and 100 Hz */

static struct world *world;

/* ---- one source and its reference ---------------------------------------------------------- */

struct trace {
	struct rule rule;
	bool is_jumbo;
	uint64_t now_ns, swept_ns;
	/* The program is between a bucket that is a tick smaller and fills 1 % slower, and one that is
	 * as much larger and faster. */
	struct bucket least, most;
};

/* What a burst of the smallest frames may err by, for the time of a frame is rounded: of 60 bytes 1 %. */
static double rounding(const struct rule *rule)
{
	return 0.01 * FRAME_LEAST / sizes[0] * (double)rule->burst;
}

static void reference_set(struct trace *trace, double rate, double burst, double slack)
{
	trace->most = bucket_new(1.01 * rate, burst + slack, START);
	trace->least = bucket_new(0.99 * rate, burst - slack, START);
}

static void trace_set(struct trace *trace)
{
	struct rule *rule = &trace->rule;

	rule->count = SLUICE_COUNT_BYTES;
	limit_world_set(world, rule);
	trace->now_ns = trace->swept_ns = START;
	reference_set(trace, rule_rate(rule), (double)rule->burst,
		      rule_rate(rule) * rule->tick_ns + rounding(rule));
}

static void trace_wait(struct trace *trace, uint64_t gap_ns)
{
	trace->now_ns += gap_ns;
	limit_world_sweep(world, &trace->rule, &trace->swept_ns, trace->now_ns);
}

/* So many frames of this size, one after the other; how many pass? */
static uint64_t trace_send(struct trace *trace, uint32_t size, uint32_t frames)
{
	uint64_t passed = 0;

	for (uint32_t i = 0; i < frames; i++)
		passed += limit_native_admits(&trace->rule.p, *world->clock_ns, size);
	if (trace->is_jumbo)
		return passed;
	limit_world_frame(LIMIT_WORLD_SOURCE, size);
	assert_int_equal(limit_world_send(world, frames), passed);
	return passed;
}

static void judge(struct trace *trace, uint32_t size, uint32_t frames, uint64_t passed)
{
	double bytes = (double)passed * size;

	bucket_fill(&trace->most, trace->now_ns);
	bucket_fill(&trace->least, trace->now_ns);
	if (bytes > trace->most.tokens || (passed < frames && bytes + size <= trace->least.tokens))
		fail_msg("%llu bytes in %u s, burst %llu, tick %u ns, after %llu ns: of %u frames "
			 "of "
			 "%u bytes %llu passed, expected %g to %g bytes",
			 (unsigned long long)trace->rule.rate_n, trace->rule.rate_s,
			 (unsigned long long)trace->rule.burst, trace->rule.tick_ns,
			 (unsigned long long)(trace->now_ns - START), frames, size,
			 (unsigned long long)passed, trace->least.tokens - size,
			 trace->most.tokens);
	trace->most.tokens -= bytes;
	trace->least.tokens -= bytes;
}

/* Frames of this size until one is refused; returns the bytes that passed. */
static double trace_drain(struct trace *trace, uint32_t size)
{
	uint32_t passed = 0;

	while (limit_native_admits(&trace->rule.p, *world->clock_ns, size))
		passed++;
	if (!trace->is_jumbo) {
		limit_world_frame(LIMIT_WORLD_SOURCE, size);
		assert_int_equal(limit_world_send(world, passed + 1), passed);
	}
	judge(trace, size, passed + 1, passed);
	return (double)passed * size;
}

static uint32_t random_size(const struct trace *trace)
{
	double at = limit_random();

	return trace->is_jumbo ? jumbo_sizes[(size_t)(at * ARRAY_SIZE(jumbo_sizes))]
			       : sizes[(size_t)(at * ARRAY_SIZE(sizes))];
}

/* So many that they are this part of the burst, and two more; not so many that the test gets slow. */
static uint32_t frames_of(const struct trace *trace, double part, uint32_t size)
{
	double frames = 2 + part * (double)trace->rule.burst / size;

	return (uint32_t)fmin(frames, FRAMES_MAX);
}

/* ---- traces ---------------------------------------------------------------------------------- */

static const struct {
	uint64_t n;
	uint32_t s;
} rates[] = {
	{1000, 3600},						      /* the slowest there is */
	{1000, 1},	  {125000, 1}, {12345678, 1}, {125000000, 1}, /* 1 Gbit/s */
	{12500000000, 1},
};

/* With each rate and tick: the least burst, and three times that. */
static void with_all(void (*check)(struct trace *), bool is_jumbo)
{
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++)
		for (size_t i = 0; i < 2 * ARRAY_SIZE(ticks_ns); i++) {
			uint32_t tick_ns = ticks_ns[i / 2];
			uint64_t least =
				gcra_burst_min(SLUICE_COUNT_BYTES, rates[r].n, rates[r].s, tick_ns);
			struct trace trace = {.rule = {rates[r].n, rates[r].s,
						       .burst = i % 2 ? 3 * least : least,
						       .tick_ns = tick_ns},
					      .is_jumbo = is_jumbo};

			trace_set(&trace);
			check(&trace);
		}
}

/* A flood of all sizes that leaves nothing gets the burst and the rate within 1 %, to one tick and one
 * frame. */
static void check_long_run(struct trace *trace)
{
	const struct rule *rule = &trace->rule;
	double step_ns = 0.5 * (double)rule->burst / rule_rate(rule), passed = 0, want, slack;

	for (int i = trace->is_jumbo ? 300 : rule->rate_n > LARGE ? 8 : 24; i--;) {
		uint32_t size = random_size(trace);
		uint32_t frames = frames_of(trace, 0.1, size);
		uint64_t count = trace_send(trace, size, frames);

		judge(trace, size, frames, count);
		passed += (double)count * size;
		passed += trace_drain(trace, trace->is_jumbo ? jumbo_sizes[1] : sizes[1]);
		passed += trace_drain(trace, 590);
		passed += trace_drain(trace, sizes[0]);
		if (i)
			trace_wait(trace, (uint64_t)(step_ns * (0.5 + limit_random())));
	}
	want = rule_rate(rule) * (double)(trace->now_ns - START);
	slack = rule_rate(rule) * rule->tick_ns + sizes[0] + rounding(rule);
	if (fabs(passed - (double)rule->burst - want) > 0.01 * want + slack)
		fail_msg("%llu bytes in %u s, burst %llu, tick %u ns: %g bytes passed, not %g",
			 (unsigned long long)rule->rate_n, rule->rate_s,
			 (unsigned long long)rule->burst, rule->tick_ns, passed,
			 (double)rule->burst + want);
}

static void test_long_run(void **state)
{
	(void)state;
	with_all(check_long_run, false);
}

static void test_long_run_jumbo(void **state)
{
	(void)state;
	with_all(check_long_run, true);
}

/* After a pause that fills the bucket the burst passes, to one frame, whatever its size. */
static void check_burst(struct trace *trace)
{
	const struct rule *rule = &trace->rule;
	double full_ns = (double)rule->burst / rule_rate(rule);

	for (size_t i = 0; i < (trace->is_jumbo ? ARRAY_SIZE(jumbo_sizes) : ARRAY_SIZE(sizes));
	     i++) {
		uint32_t size = trace->is_jumbo ? jumbo_sizes[i] : sizes[i];
		uint32_t frames = frames_of(trace, 1.1, size);
		double passed, exact = 0.01 * FRAME_LEAST / size * (double)rule->burst;

		if (frames == FRAMES_MAX)
			continue;
		trace_wait(trace, (uint64_t)(1.02 * full_ns) + 2 * rule->tick_ns);
		passed = (double)trace_send(trace, size, frames) * size;
		if (passed > (double)rule->burst + exact ||
		    passed + size <= (double)rule->burst - exact)
			fail_msg("%llu bytes in %u s, frames of %u bytes: %g of a burst of %llu",
				 (unsigned long long)rule->rate_n, rule->rate_s, size, passed,
				 (unsigned long long)rule->burst);
	}
}

static void test_bursts(void **state)
{
	(void)state;
	with_all(check_burst, false);
}

static void test_bursts_jumbo(void **state)
{
	(void)state;
	with_all(check_burst, true);
}

/* Single frames below the limit and above, bursts, pauses. */
static void check_random(struct trace *trace)
{
	const struct rule *rule = &trace->rule;

	for (int i = 0; i < (trace->is_jumbo ? 1000 : 150); i++) {
		uint32_t size = random_size(trace), frames = 1;
		double kind = limit_random(), mean_ns = size / rule_rate(rule);

		if (kind < 0.03)
			mean_ns = 3 * limit_random() * (double)rule->burst / rule_rate(rule);
		else
			mean_ns *= -log(limit_random()) * (kind < 0.5 ? 0.25 : 1.5);
		trace_wait(trace, (uint64_t)mean_ns);
		if (limit_random() < 0.05)
			frames = frames_of(trace, 1.5 * limit_random(), size);
		judge(trace, size, frames, trace_send(trace, size, frames));
	}
}

static void test_random(void **state)
{
	(void)state;
	with_all(check_random, false);
}

static void test_random_jumbo(void **state)
{
	(void)state;
	with_all(check_random, true);
}

/* The source comes back after pauses of seconds to years, for decades: all times wrap. */
static void check_years(struct trace *trace)
{
	const struct rule *rule = &trace->rule;
	uint64_t full_ns = (uint64_t)(1.02 * (double)rule->burst / rule_rate(rule)) + 20 * MS;
	uint32_t size = trace->is_jumbo ? 9216 : 3400;
	uint32_t frames = (uint32_t)(rule->burst / size) + 10;

	while (trace->now_ns < 30 * YEAR) {
		trace_wait(trace, full_ns + (uint64_t)(exp(limit_random() * 19) * (double)S));
		judge(trace, size, frames, trace_send(trace, size, frames));
		assert_int_equal(trace_send(trace, size, 2), 0);
	}
}

static void test_years(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rates); i++) {
		struct trace trace = {
			.rule = {rates[i / 2].n, rates[i / 2].s, .tick_ns = ticks_ns[i % 3]},
			.is_jumbo = i % 2};

		trace_set(&trace);
		check_years(&trace);
	}
}

/* ---- a rate of its own; more sources than words ------------------------------------------------ */

/* One source has ten times the rate: both get theirs, side by side, in one unit of time. */
static void test_exception(void **state)
{
	static const char *const names[] = {LIMIT_WORLD_SOURCE, "203.0.113.7"};
	struct trace traces[2] = {{.rule = {125000, 1, .tick_ns = 4 * MS}}};
	struct dp_access_entry entry = {.list = (uint16_t)SLUICE_LIMIT_LIST(1)};
	struct rule *rule = &traces[0].rule, *more = &traces[1].rule;

	(void)state;
	trace_set(&traces[0]);
	traces[1] = traces[0];
	more->rate_n *= 10;
	more->burst = gcra_burst_min(SLUICE_COUNT_BYTES, more->rate_n, 1, more->tick_ns);
	assert_int_equal(gcra_params_make_from(SLUICE_COUNT_BYTES, more->rate_n, 1, more->burst,
					       more->tick_ns, rule->p.k, &more->p, NULL),
			 0);
	assert_int_equal(more->p.k, rule->p.k);
	reference_set(&traces[1], rule_rate(more), (double)more->burst,
		      rule_rate(more) * more->tick_ns + rounding(more));
	world->limits[1].flags = SLUICE_LIMIT_F_EXCEPTIONS;
	assert_int_equal(prefix_parse("203.0.113.0/24", 14, &entry.prefix, NULL), 0);
	entry.word = SLUICE_EXCEPTION(more->p.inc, more->p.tau, more->p.k);
	lists_put(world, &entry, 1);
	for (int i = 0; i < 4000; i++) {
		struct trace *trace = &traces[i % 2];
		uint32_t size = random_size(trace);
		uint32_t frames = limit_random() < 0.02 ? 40 : 1;

		trace_wait(&traces[0], (uint64_t)(MS * -log(limit_random())));
		trace->now_ns = traces[0].now_ns;
		limit_world_frame(names[i % 2], size);
		judge(trace, size, frames, limit_world_send(world, frames));
	}
	lists_put(world, NULL, 0);
}

/* A flood from very many sources, where newcomers inherit debts: all together get what the eight words
 * may, however many they are. */
static void test_closed(void **state)
{
	struct trace trace = {.rule = {125000, 1, .tick_ns = 4 * MS}};
	double passed = 0, want;

	(void)state;
	trace_set(&trace);
	world->limits[1].word &= ~((uint64_t)LIMIT_WORLD_SETS_LOG2 << 32); /* one set */
	world->limits[1].flags = SLUICE_LIMIT_F_CLOSED;
	for (int i = 0; i < 8000; i++) {
		uint32_t size = random_size(&trace);
		char src[32];

		trace_wait(&trace, MS / 2);
		snprintf(src, sizeof(src), "203.0.%d.%d", (int)(limit_random() * 256),
			 (int)(limit_random() * 256));
		limit_world_frame(src, size);
		passed += (double)limit_world_send(world, 1) * size;
	}
	want = SLUICE_LIMIT_WAYS *
	       ((double)trace.rule.burst + rule_rate(&trace.rule) * 8000 * MS / 2);
	assert_true(passed <= 1.01 * want);
	assert_true(passed >= 0.99 * want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_run), cmocka_unit_test(test_long_run_jumbo),
		cmocka_unit_test(test_bursts),	 cmocka_unit_test(test_bursts_jumbo),
		cmocka_unit_test(test_random),	 cmocka_unit_test(test_random_jumbo),
		cmocka_unit_test(test_years),	 cmocka_unit_test(test_exception),
		cmocka_unit_test(test_closed),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("limit bytes", tests, NULL, NULL);
	world_free(world);
	return failed;
}
