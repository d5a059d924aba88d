/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bypass and deadline on the real program, with a clock of the test's own: nobody in user space
 * has to do anything for them to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/gcra.h>

#include "packet/world.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define START (1000 * S)

static struct world *world;

/* A limit of so many packets at once and one a second. */
static void set_limit(uint32_t index, uint32_t burst, enum sluice_limit_mode mode)
{
	const uint64_t k = 10; /* an increment of about 10^6 units */
	uint64_t inc = S >> k;

	world->limits[index].word = 0;
	world->limits[index].rate = SLUICE_LIMIT_RATE(inc, inc * burst);
	world->limits[index].id = index;
	world->limits[index].word = (uint64_t)index * 64 | (k + SLUICE_GCRA_NS_LOG2) << 38 |
				    (uint64_t)SLUICE_COUNT_PACKETS << 44 | (uint64_t)mode << 48 |
				    SLUICE_LIMIT_F_USED | 31ULL << 51 | 63ULL << 56;
}

/* Service 1 with these limits; its member is reached over the interface packets come from. */
static void set_up(uint64_t limits)
{
	world_clear(world);
	*world->clock_ns = START;
	world_one_member(world);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = limits;
}

static enum sluice_verdict send_one(const char *dst)
{
	struct packet packet = {.src = "198.51.100.1",
				.dst = dst,
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = TCP_ACK};
	struct world_run run;

	world_run_packet(world, &packet, &run);
	return run.verdict;
}

/* How many of so many packets at this instant are forwarded; the others must be refused. */
static int forwarded(int packets)
{
	int count = 0;

	while (packets--) {
		enum sluice_verdict verdict = send_one("192.0.2.1");

		assert_true(verdict == SLUICE_V_forwarded || verdict == SLUICE_V_limit);
		count += verdict == SLUICE_V_forwarded;
	}
	return count;
}

struct counted {
	uint64_t passed, refused, would_refuse;
};

static struct counted counted(uint32_t index, const struct sluice_limit_stats *before)
{
	struct sluice_limit_stats after = world_limit_stats(world, index);

	return (struct counted){after.passed - before->passed, after.refused - before->refused,
				after.would_refuse - before->would_refuse};
}

#define assert_counted(index, before, passed_, refused_, would_)                                   \
	do {                                                                                       \
		struct counted c_ = counted(index, before);                                        \
		assert_int_equal(c_.passed, passed_);                                              \
		assert_int_equal(c_.refused, refused_);                                            \
		assert_int_equal(c_.would_refuse, would_);                                         \
	} while (0)

static void test_bypass_counts_what_it_lets_through(void **state)
{
	struct sluice_limit_stats before = world_limit_stats(world, 1);

	(void)state;
	set_up(1);
	set_limit(1, 3, SLUICE_LIMIT_ENFORCE);
	assert_int_equal(forwarded(10), 3);
	assert_counted(1, &before, 3, 7, 0);
	world->control->bypass_limits_until_ns = START + 60 * S;
	assert_int_equal(forwarded(10), 10);
	assert_counted(1, &before, 3, 7, 10);
	/* Taken back at once. */
	world->control->bypass_limits_until_ns = 0;
	assert_int_equal(forwarded(10), 0);
	assert_counted(1, &before, 3, 17, 10);
}

/* To the nanosecond, and with nobody there who takes it back. */
static void test_bypass_ends_by_itself(void **state)
{
	(void)state;
	set_up(1);
	set_limit(1, 1, SLUICE_LIMIT_ENFORCE);
	assert_int_equal(forwarded(2), 1);
	world->control->bypass_limits_until_ns = START + 10 * MS;
	*world->clock_ns = START + 10 * MS - 1;
	assert_int_equal(forwarded(5), 5);
	*world->clock_ns = START + 10 * MS;
	assert_int_equal(forwarded(5), 0);
	*world->clock_ns = START + 500 * MS;
	assert_int_equal(forwarded(5), 0);
}

/* What it lets through is not charged: when it ends, a source stands where it would stand. */
static void test_bypass_charges_nobody(void **state)
{
	(void)state;
	set_up(1);
	set_limit(1, 3, SLUICE_LIMIT_ENFORCE);
	world->control->bypass_limits_until_ns = START + 10 * S;
	assert_int_equal(forwarded(100), 100);
	*world->clock_ns = START + 10 * S;
	assert_int_equal(forwarded(10), 3);
}

/* A source that never had a word goes the general way through the limit. */
static void test_bypass_of_strangers(void **state)
{
	struct sluice_limit_stats before = world_limit_stats(world, 1);

	(void)state;
	set_up(1);
	set_limit(1, 0, SLUICE_LIMIT_ENFORCE); /* nobody may do anything */
	assert_int_equal(forwarded(3), 0);
	world->control->bypass_limits_until_ns = START + S;
	assert_int_equal(forwarded(3), 3);
	assert_counted(1, &before, 0, 3, 3);
}

/* As when it refuses: the first that would refuse is counted, no other is charged, and limits in
 * shadow mode go their own way. */
static void test_bypass_of_stacked_limits(void **state)
{
	struct sluice_limit_stats one = world_limit_stats(world, 1);
	struct sluice_limit_stats two = world_limit_stats(world, 2);
	struct sluice_limit_stats three = world_limit_stats(world, 3);

	(void)state;
	set_up(1 | 2ULL << 16 | 3ULL << 32);
	set_limit(1, 2, SLUICE_LIMIT_ENFORCE);
	set_limit(2, 5, SLUICE_LIMIT_ENFORCE);
	set_limit(3, 4, SLUICE_LIMIT_SHADOW);
	world->control->bypass_limits_until_ns = START + S;
	assert_int_equal(forwarded(10), 10);
	assert_counted(1, &one, 2, 0, 8);
	assert_counted(2, &two, 2, 0, 0);
	assert_counted(3, &three, 4, 0, 6);
	world->control->bypass_limits_until_ns = 0;
	assert_int_equal(forwarded(10), 0);
	assert_counted(1, &one, 2, 10, 8);
	assert_counted(2, &two, 2, 0, 0);
	assert_counted(3, &three, 4, 0, 16);
}

/* A bypass of access lists is none of limits. */
static void test_bypass_is_of_one_kind(void **state)
{
	(void)state;
	set_up(1);
	set_limit(1, 1, SLUICE_LIMIT_ENFORCE);
	world->control->bypass_lists_until_ns = START + S;
	assert_int_equal(forwarded(5), 1);
}

/* An explanation says what the packet path does now, and which limit would refuse. */
static void test_bypass_is_explained(void **state)
{
	struct packet packet = {.src = "198.51.100.1",
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80};
	struct world_run run;
	struct frame frame;

	(void)state;
	set_up(1);
	set_limit(1, 1, SLUICE_LIMIT_ENFORCE);
	assert_int_equal(forwarded(1), 1);
	frame_build(&frame, &packet);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_limit);
	world->control->bypass_limits_until_ns = START + S;
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	assert_int_equal(world->explain->limit, 1);
}

static void test_deadline(void **state)
{
	static const uint64_t steps_ns[] = {0, S - 1, S, S + 1, 1000000 * S};

	(void)state;
	for (size_t i = 0; i < sizeof(steps_ns) / sizeof(steps_ns[0]); i++) {
		bool is_over = steps_ns[i] >= S;

		set_up(1);
		set_limit(1, 1, SLUICE_LIMIT_ENFORCE);
		world->control->deadline_ns = START + S;
		*world->clock_ns = START + steps_ns[i];
		assert_int_equal(send_one("192.0.2.1"),
				 is_over ? SLUICE_V_expired : SLUICE_V_forwarded);
		assert_int_equal(send_one("192.0.2.1"),
				 is_over ? SLUICE_V_expired : SLUICE_V_limit);
		assert_int_equal(send_one("192.0.2.9"),
				 is_over ? SLUICE_V_expired : SLUICE_V_not_service);
		/* Confirmed. */
		world->control->deadline_ns = 0;
		assert_int_not_equal(send_one("192.0.2.1"), SLUICE_V_expired);
	}
}

/* Nothing that is passed for this reason is missing from the counters. */
static void test_deadline_counts(void **state)
{
	struct sluice_verdict_stats before = world_verdict_stats(world, SLUICE_V_expired), after;

	(void)state;
	set_up(0);
	world->control->deadline_ns = START;
	for (int i = 0; i < 7; i++)
		assert_int_equal(send_one("192.0.2.1"), SLUICE_V_expired);
	after = world_verdict_stats(world, SLUICE_V_expired);
	assert_int_equal(after.packets - before.packets, 7);
	assert_true(after.bytes - before.bytes >= 7ULL * (14 + 20 + 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bypass_counts_what_it_lets_through),
		cmocka_unit_test(test_bypass_ends_by_itself),
		cmocka_unit_test(test_bypass_charges_nobody),
		cmocka_unit_test(test_bypass_of_strangers),
		cmocka_unit_test(test_bypass_of_stacked_limits),
		cmocka_unit_test(test_bypass_is_of_one_kind),
		cmocka_unit_test(test_bypass_is_explained),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_deadline_counts),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("control", tests, NULL, NULL);
	world_free(world);
	return failed;
}
