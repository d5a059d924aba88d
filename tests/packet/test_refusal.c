/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Samples of refused packets, as each CPU leaves them in its ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>

#include <sluice/gcra.h>

#include "packet/world.h"

#define TICK (1ULL << SLUICE_SEEN_NS_LOG2)
#define START (1000 * TICK)

static struct world *world;

/* Limits that refuse everything, of all sources one by one. */
static void set_limit(uint32_t index, enum sluice_limit_mode mode)
{
	world->limits[index].rate = SLUICE_LIMIT_RATE(1000, 0);
	world->limits[index].word = SLUICE_LIMIT_F_USED | index * 16ULL | 4ULL << 32 | 30ULL << 38 |
				    (uint64_t)SLUICE_COUNT_PACKETS << 44 | (uint64_t)mode << 48 |
				    31ULL << 51 | 127ULL << 56;
}

static int set_up(void **state)
{
	(void)state;
	world_clear(world);
	*world->clock_ns += START; /* further than a tick from what was before */
	world_one_member(world);
	set_limit(1, SLUICE_LIMIT_ENFORCE);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 1;
	world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 0)->limits = 1;
	return 0;
}

static void set_limits(uint64_t limits)
{
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = limits;
}

static struct packet packet_from(const char *src)
{
	return (struct packet){.src = src,
			       .dst = strchr(src, ':') ? "2001:db8::1" : "192.0.2.1",
			       .proto = IPPROTO_TCP,
			       .sport = 40000,
			       .dport = 80};
}

static enum sluice_verdict send_from(const char *src)
{
	struct packet packet = packet_from(src);
	struct world_run run;

	world_run_packet(world, &packet, &run);
	return run.verdict;
}

/* Many at once, which only a drop allows: the frame stays what it is. */
static void flood_from(const char *src, int packets)
{
	struct packet packet = packet_from(src);
	struct frame frame;

	frame_build(&frame, &packet);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .data_size_in = frame.len,
		    .repeat = packets);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(world->skel->progs.sluice), &opts),
			 0);
	assert_int_equal(opts.retval, XDP_DROP);
}

/* ---- what was taken ------------------------------------------------------------------------- */

static uint32_t last_number(void)
{
	static struct sluice_refusal_gate gates[1024];
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(world->skel->maps.refusal_gate), &zero, gates))
		fail_msg("cannot read the gates");
	return gates[sched_getcpu()].number;
}

static const struct sluice_refusal *taken(uint32_t number)
{
	const struct sluice_refusal *ring =
		&world->refusals[(uint32_t)sched_getcpu() * SLUICE_REFUSALS_PER_CPU];

	return &ring[number & (SLUICE_REFUSALS_PER_CPU - 1)];
}

static void assert_taken(uint32_t number, uint32_t limit, enum sluice_refusal_kind kind,
			 const char *src)
{
	const struct sluice_refusal *refusal = taken(number);
	struct sluice_addr source = world_addr(src);

	assert_true(refusal->word == SLUICE_REFUSAL(number, limit, 0, kind));
	assert_memory_equal(&refusal->source, &source, sizeof(source));
	assert_true(refusal->time_ns == *world->clock_ns);
}

/* How many refused packets the samples after this one stand for. */
static uint64_t stands_for(uint32_t number)
{
	uint64_t packets = 0;

	while (number++ != last_number()) {
		assert_int_equal(SLUICE_REFUSAL_NUMBER(taken(number)->word), number);
		packets += 1ULL << SLUICE_REFUSAL_WEIGHT(taken(number)->word);
	}
	return packets;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_few_are_all_taken(void **state)
{
	uint32_t before = last_number();

	(void)state;
	assert_int_equal(send_from("198.51.100.1"), SLUICE_V_limit);
	assert_int_equal(send_from("2001:db8:c::1"), SLUICE_V_limit);
	assert_int_equal(send_from("198.51.100.2"), SLUICE_V_limit);
	assert_int_equal(last_number(), before + 3);
	assert_taken(before + 1, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.1");
	assert_taken(before + 2, 1, SLUICE_REFUSAL_LIMIT, "2001:db8:c::1");
	assert_taken(before + 3, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.2");
}

/* A source that has a word is refused in a shorter way. */
static void test_known_source(void **state)
{
	uint32_t before = last_number();

	(void)state;
	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 1000);
	assert_int_equal(send_from("198.51.100.1"), SLUICE_V_forwarded);
	assert_int_equal(last_number(), before);
	assert_int_equal(send_from("198.51.100.1"), SLUICE_V_limit);
	world->control->bypass_limits_until_ns = *world->clock_ns + 1;
	assert_int_equal(send_from("198.51.100.1"), SLUICE_V_forwarded);
	assert_int_equal(last_number(), before + 2);
	assert_taken(before + 1, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.1");
	assert_taken(before + 2, 1, SLUICE_REFUSAL_WOULD, "198.51.100.1");
}

static void test_kinds(void **state)
{
	uint32_t before = last_number();

	(void)state;
	/* Each limit that refuses, or would, takes its own. */
	set_limit(2, SLUICE_LIMIT_SHADOW);
	set_limit(3, SLUICE_LIMIT_DISABLED);
	set_limits(3ULL << 32 | 1 << 16 | 2);
	assert_int_equal(send_from("198.51.100.1"), SLUICE_V_limit);
	assert_int_equal(last_number(), before + 2);
	assert_taken(before + 1, 2, SLUICE_REFUSAL_WOULD, "198.51.100.1");
	assert_taken(before + 2, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.1");
	world->control->bypass_limits_until_ns = *world->clock_ns + 1;
	assert_int_equal(send_from("198.51.100.1"), SLUICE_V_forwarded);
	assert_int_equal(last_number(), before + 4);
	assert_taken(before + 4, 1, SLUICE_REFUSAL_WOULD, "198.51.100.1");
}

static void test_explain_takes_none(void **state)
{
	uint32_t before = last_number();
	struct packet packet = packet_from("198.51.100.1");
	struct world_run run;
	struct frame frame;

	(void)state;
	frame_build(&frame, &packet);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_limit);
	assert_int_equal(last_number(), before);
}

/* Of a flood few are taken, from its first tick on, and they stand for all. */
static void test_flood(void **state)
{
	uint32_t before = last_number(), first;
	const int per_tick = 4000, ticks = 20;
	uint64_t packets;

	(void)state;
	flood_from("198.51.100.1", per_tick);
	assert_in_range(last_number() - before, SLUICE_REFUSALS_PER_TICK,
			8 * SLUICE_REFUSALS_PER_TICK);
	first = last_number();
	for (int i = 0; i < ticks; i++) {
		before = last_number();
		*world->clock_ns += TICK;
		flood_from("198.51.100.1", per_tick);
		assert_in_range(last_number() - before, 1, 2 * SLUICE_REFUSALS_PER_TICK);
	}
	packets = stands_for(first);
	assert_in_range(packets, ticks * per_tick * 75 / 100, ticks * per_tick * 125 / 100);
	/* When it is over each one counts again. */
	*world->clock_ns += 2 * TICK;
	before = last_number();
	send_from("198.51.100.2");
	assert_taken(before + 1, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.2");
}

/* Some ticks of a flood from this source; returns how many samples were taken in the last one. */
static uint32_t taken_of_ticks(const char *src)
{
	uint32_t before = 0;

	for (int i = 0; i < 3; i++) {
		*world->clock_ns += TICK;
		before = last_number();
		flood_from(src, 20000);
	}
	return last_number() - before;
}

/* A limit that begins to refuse is seen in a flood of banned sources, and the other way round. */
static void test_kinds_hide_no_other(void **state)
{
	uint32_t before;

	(void)state;
	world_ban(world, 1, "198.51.100.9", UINT64_MAX, SLUICE_BAN_F_ALL);
	assert_in_range(taken_of_ticks("198.51.100.9"), 1, 2 * SLUICE_REFUSALS_PER_TICK_OTHER);
	before = last_number();
	send_from("198.51.100.1");
	assert_taken(before + 1, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.1");
	world->control->bypass_limits_until_ns = *world->clock_ns + 1;
	send_from("198.51.100.1");
	assert_taken(before + 2, 1, SLUICE_REFUSAL_WOULD, "198.51.100.1");
	assert_in_range(taken_of_ticks("198.51.100.1"), 1, 2 * SLUICE_REFUSALS_PER_TICK);
	before = last_number();
	send_from("198.51.100.9");
	assert_taken(before + 1, 1, SLUICE_REFUSAL_BAN, "198.51.100.9");
}

/* No source hides behind another one that sends as regularly. */
static void test_sources_take_turns(void **state)
{
	uint32_t before, seen[2] = {0};
	struct sluice_addr second = world_addr("198.51.100.2");

	(void)state;
	flood_from("198.51.100.1", 2000);
	before = last_number();
	for (int i = 0; i < 2000; i++)
		flood_from(i % 2 ? "198.51.100.2" : "198.51.100.1", 1);
	while (before++ != last_number())
		seen[!memcmp(&taken(before)->source, &second, sizeof(second))]++;
	assert_true(seen[0] && seen[1]);
}

/* Numbers go on over the end of the ring and over their own; 0 is none. */
static void test_wrap(void **state)
{
	static struct sluice_refusal_gate gates[1024];
	uint32_t zero = 0, before;
	int fd = bpf_map__fd(world->skel->maps.refusal_gate);

	(void)state;
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, gates), 0);
	before = gates[sched_getcpu()].number;
	gates[sched_getcpu()].number = UINT32_MAX - 1;
	assert_int_equal(bpf_map_update_elem(fd, &zero, gates, BPF_ANY), 0);
	send_from("198.51.100.1");
	send_from("198.51.100.2");
	assert_taken(UINT32_MAX, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.1");
	assert_int_equal(last_number(), 1);
	assert_taken(1, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.2");
	gates[sched_getcpu()].number = before + 2;
	assert_int_equal(bpf_map_update_elem(fd, &zero, gates, BPF_ANY), 0);
}

static void test_each_cpu_has_its_own(void **state)
{
	uint32_t number;
	int cpu = sched_getcpu();

	(void)state;
	world_other_cpu();
	if (sched_getcpu() == cpu)
		skip();
	number = last_number() + 1;
	send_from("198.51.100.9");
	assert_taken(number, 1, SLUICE_REFUSAL_LIMIT, "198.51.100.9");
	assert_int_equal(last_number(), number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_few_are_all_taken, set_up),
		cmocka_unit_test_setup(test_known_source, set_up),
		cmocka_unit_test_setup(test_kinds, set_up),
		cmocka_unit_test_setup(test_explain_takes_none, set_up),
		cmocka_unit_test_setup(test_flood, set_up),
		cmocka_unit_test_setup(test_kinds_hide_no_other, set_up),
		cmocka_unit_test_setup(test_sources_take_turns, set_up),
		cmocka_unit_test_setup(test_wrap, set_up),
		cmocka_unit_test_setup(test_each_cpu_has_its_own, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
	world_free(world);
	return failed;
}
