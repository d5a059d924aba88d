/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Drops reach user space through the ring, no more of them than the gate lets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/event.h>

#include "packet/world.h"

#define S 1000000000ULL
#define EVENTS_PER_S 5
#define EVENTS_MAX 256

static struct world *world;
static struct ring_buffer *ring;
static struct sluice_event events[EVENTS_MAX];
static int event_count;

static int on_event(void *arg, void *data, size_t len)
{
	(void)arg;
	assert_true(len >= sizeof(events[0]));
	if (event_count < EVENTS_MAX)
		memcpy(&events[event_count], data, sizeof(events[0]));
	event_count++;
	return 0;
}

static int read_events(void)
{
	event_count = 0;
	ring_buffer__consume(ring);
	return event_count;
}

static int set_up(void **state)
{
	(void)state;
	world_clear(world);
	*world->clock_ns += 1000 * S;
	world_one_member(world);
	world_service(world, 7, "192.0.2.1", 80, IPPROTO_TCP, 0);
	read_events();
	return 0;
}

static const struct packet tcp = {.src = "198.51.100.7",
				  .dst = "192.0.2.1",
				  .proto = IPPROTO_TCP,
				  .sport = 40000,
				  .dport = 80,
				  .payload_len = 46};

static uint64_t suppressed(void)
{
	struct sluice_event_gate gates[1024];
	uint32_t zero = 0;
	uint64_t sum = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(world->skel->maps.event_gate), &zero, gates))
		fail_msg("cannot read the gate");
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += gates[cpu].suppressed;
	return sum;
}

static void test_fields(void **state)
{
	struct packet packet = tcp;
	struct sluice_addr addr;
	struct world_run run;

	(void)state;
	world->members[1].word = SLUICE_MEMBER(0, SLUICE_MODE_L2, 0, 1500);
	world_run_packet(world, &packet, &run);
	assert_int_equal(run.verdict, SLUICE_V_no_nexthop);
	assert_int_equal(read_events(), 1);
	assert_int_equal(events[0].verdict, SLUICE_V_no_nexthop);
	assert_int_equal(events[0].time_ns, *world->clock_ns);
	assert_int_equal(events[0].service, 7);
	assert_int_equal(events[0].member, 1);
	assert_int_equal(events[0].limit, 0);
	assert_int_equal(events[0].bytes, 100);
	assert_int_equal(events[0].ifindex, WORLD_IFINDEX);
	addr = world_addr("198.51.100.7");
	assert_memory_equal(&events[0].tuple.saddr, &addr, sizeof(addr));
	addr = world_addr("192.0.2.1");
	assert_memory_equal(&events[0].tuple.daddr, &addr, sizeof(addr));
	assert_int_equal(events[0].tuple.sport_be, htons(40000));
	assert_int_equal(events[0].tuple.dport_be, htons(80));
	assert_int_equal(events[0].tuple.proto, IPPROTO_TCP);
	assert_int_equal(events[0].tuple.family, SLUICE_FAMILY_V4);
}

/* A fragment has no ports, an event about one says so. */
static void test_unknown_fields_are_zero(void **state)
{
	struct packet packet = tcp;
	struct world_run run;

	(void)state;
	packet.fragment = 100;
	world_run_packet(world, &packet, &run);
	assert_int_equal(read_events(), 1);
	assert_int_equal(events[0].verdict, SLUICE_V_fragment);
	assert_int_equal(events[0].tuple.sport_be | events[0].tuple.dport_be, 0);
	assert_int_equal(events[0].service | events[0].member | events[0].limit, 0);
}

static void test_limit_is_named(void **state)
{
	struct world_run run;

	(void)state;
	world_service(world, 7, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 3;
	world->limits[3].rate = SLUICE_LIMIT_RATE(1000, 1000);
	world->limits[3].word = SLUICE_LIMIT_F_USED | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	world_run_packet(world, &tcp, &run);
	assert_int_equal(read_events(), 0);
	world_run_packet(world, &tcp, &run);
	assert_int_equal(read_events(), 1);
	assert_int_equal(events[0].verdict, SLUICE_V_limit);
	assert_int_equal(events[0].limit, 3);

	/* A shadow limit reports nothing: nothing was dropped. */
	world->limits[3].word ^= (uint64_t)(SLUICE_LIMIT_ENFORCE ^ SLUICE_LIMIT_SHADOW) << 48;
	world_run_packet(world, &tcp, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	assert_int_equal(read_events(), 0);
}

static void test_only_drops(void **state)
{
	struct packet packet = tcp;
	struct world_run run;

	(void)state;
	world_run_packet(world, &packet, &run); /* forwarded */
	packet.dst = "192.0.2.9";
	world_run_packet(world, &packet, &run); /* passed */
	packet = (struct packet){.ethertype = 0x0806, .payload_len = 46};
	world_run_packet(world, &packet, &run);
	assert_int_equal(read_events(), 0);
}

/* The gate is per CPU: the test may be moved between them, so it asks for a range. */
static void test_gate(void **state)
{
	int cpus = libbpf_num_possible_cpus();
	struct packet packet = tcp;
	uint64_t before = suppressed();
	struct world_run run;
	int sent;

	(void)state;
	packet.dport = 81;
	for (int i = 0; i < 60; i++)
		world_run_packet(world, &packet, &run);
	sent = read_events();
	assert_in_range(sent, EVENTS_PER_S, EVENTS_PER_S * cpus);
	assert_int_equal(suppressed() - before, 60 - sent);

	/* The next second has tokens again. */
	*world->clock_ns += 2 * S;
	world_run_packet(world, &packet, &run);
	assert_int_equal(read_events(), 1);
}

static void test_explain_is_silent(void **state)
{
	struct packet packet = tcp;
	uint64_t before = suppressed();
	struct world_run run;
	struct frame frame;

	(void)state;
	packet.dport = 81;
	frame_build(&frame, &packet);
	for (int i = 0; i < 20; i++)
		world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_unknown_port);
	assert_int_equal(read_events(), 0);
	assert_int_equal(suppressed(), before);
}

/* Nobody reads: the ring fills, packets get their verdicts all the same. */
static void test_full_ring(void **state)
{
	struct packet packet = tcp;
	struct world_run run;
	int room = SLUICE_EVENTS_BYTES / 80;

	(void)state;
	packet.dport = 81;
	for (int i = 0; i < room + 100; i++) {
		*world->clock_ns += 2 * S;
		world_run_packet(world, &packet, &run);
		assert_int_equal(run.verdict, SLUICE_V_unknown_port);
	}
	assert_in_range(read_events(), room / 2, room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_fields, set_up),
		cmocka_unit_test_setup(test_unknown_fields_are_zero, set_up),
		cmocka_unit_test_setup(test_limit_is_named, set_up),
		cmocka_unit_test_setup(test_only_drops, set_up),
		cmocka_unit_test_setup(test_gate, set_up),
		cmocka_unit_test_setup(test_explain_is_silent, set_up),
		cmocka_unit_test_setup(test_full_ring, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){.events_per_s = EVENTS_PER_S});
	ring = ring_buffer__new(bpf_map__fd(world->skel->maps.events), on_event, NULL, NULL);
	if (!ring) {
		world_free(world);
		return 1;
	}
	failed = cmocka_run_group_tests_name("event", tests, NULL, NULL);
	ring_buffer__free(ring);
	world_free(world);
	return failed;
}
