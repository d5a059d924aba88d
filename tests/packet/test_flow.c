/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Slots in motion, on the real program: every case of docs/flows.md, IPv4 and IPv6, and what a
 * table of cases cannot say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "base/util.h"
#include "fake/flow_cases.h"
#include "packet/world.h"

#define START_S 5000ULL

static const struct flow_case moving = {.cur = 2,
					.def = 1,
					.flags = SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN,
					.free_ways = {-1, -1, -1}};
static struct world *world;

static struct sluice_flow_set *tables(enum flow_case_table table)
{
	return table == FLOW_CASE_FLOWS	    ? world->flows
	       : table == FLOW_CASE_PENDING ? world->pending
					    : world->tracked;
}

static void set_now(uint64_t second)
{
	*world->clock_ns = second << 30;
}

static struct packet packet_of(bool is_v6, bool is_udp, uint16_t sport, uint8_t tcp_flags)
{
	return (struct packet){.src = is_v6 ? "2001:db8:1::7" : "198.51.100.7",
			       .dst = is_v6 ? "2001:db8::1" : "192.0.2.1",
			       .proto = is_udp ? IPPROTO_UDP : IPPROTO_TCP,
			       .sport = sport,
			       .dport = 80,
			       .tcp_flags = tcp_flags};
}

static uint64_t fingerprint_of(const struct packet *packet)
{
	struct sluice_tuple tuple = {.saddr = world_addr(packet->src),
				     .daddr = world_addr(packet->dst),
				     .sport_be = htons(packet->sport),
				     .dport_be = htons(packet->dport),
				     .proto = packet->proto,
				     .family = strchr(packet->src, ':') ? SLUICE_FAMILY_V6
									: SLUICE_FAMILY_V4};

	return sluice_hash_flow(&tuple, &world->key);
}

/* Three members with a way of their own, epochs 7, 8 and 9, and the services in region 0. */
static void set_up(void)
{
	char address[16];
	uint32_t i;

	world_clear(world);
	set_now(START_S);
	*world->flow_settings = flow_case_settings;
	for (i = 1; i <= FLOW_CASES_MEMBERS; i++) {
		struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX,
						 .dmac = {2, 0, 0, 0, 0, (uint8_t)i}};

		snprintf(address, sizeof(address), "10.0.0.%u", i);
		world_nexthop(world, i, &nexthop);
		world_member(world, i, address, SLUICE_MODE_L2, i, 1500);
		world->members[i].word |= (uint64_t)FLOW_CASE_EPOCH(i) << 28;
	}
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "192.0.2.1", 80, IPPROTO_UDP, 0);
	world_service(world, 3, "2001:db8::1", 80, IPPROTO_TCP, 0);
	world_service(world, 4, "2001:db8::1", 80, IPPROTO_UDP, 0);
}

static void set_case(const struct flow_case *c, uint64_t fingerprint)
{
	struct sluice_service *cell;
	uint32_t i;
	int t;

	world_slots(world, 0, 0, c->runner);
	for (i = 0; i < 1U << 12; i++)
		world->slots[i] = SLUICE_SLOT(c->cur, c->def) | c->flags;
	for (i = 1; i <= FLOW_CASES_MEMBERS; i++) {
		if (c->is_dead[i])
			world->members[i].word |= SLUICE_MEMBER_F_DEAD;
		if (c->is_draining[i])
			world->members[i].word |= SLUICE_MEMBER_F_DRAIN;
		if (c->is_refusing[i])
			world->members[i].word |= SLUICE_MEMBER_F_DOWN;
	}
	if (c->is_pressure)
		world->flow_settings->pending_per_s = 0;
	for (cell = world->services; c->is_tracked && cell < world->services + WORLD_CELLS; cell++)
		if (cell->word)
			cell->word |= SLUICE_SVC_F_TRACK;
	for (t = 0; t < FLOW_CASE_TABLES; t++)
		flow_case_place(c, t, tables(t), WORLD_FLOW_SETS, fingerprint, START_S);
}

static int check_after(const struct flow_case *c, uint64_t fingerprint)
{
	uint32_t slot = sluice_flow_slot(fingerprint, 12);
	int t, copies, wrong = 0;

	for (t = 0; t < FLOW_CASE_TABLES; t++) {
		uint64_t value = flow_case_find(tables(t), WORLD_FLOW_SETS, fingerprint, &copies);

		wrong += flow_case_differs(c, flow_case_table_name(t), value,
					   flow_case_value(&c->after[t], START_S));
		wrong += copies > 1;
	}
	return wrong + flow_case_differs(c, "the slot", world->slots[slot],
					 SLUICE_SLOT(c->cur, c->def) | c->flags_after);
}

static int run_case_of(const struct flow_case *c, bool is_v6)
{
	struct packet packet = packet_of(is_v6, c->is_udp, 40000, c->tcp_flags);
	uint64_t fingerprint = fingerprint_of(&packet);
	struct sluice_flow_set before[3][WORLD_FLOW_SETS];
	struct world_run run;
	struct frame frame;
	int t, wrong;

	set_up();
	set_case(c, fingerprint);
	frame_build(&frame, &packet);
	/* What is only asked for leaves no trace, and says the same. */
	for (t = 0; t < FLOW_CASE_TABLES; t++)
		memcpy(before[t], tables(t), sizeof(before[t]));
	world_run_explain(world, &frame, &run);
	wrong = flow_case_differs(c, "explained as going to",
				  run.verdict == SLUICE_V_no_member ? 0 : world->explain->member,
				  c->goes_to);
	for (t = 0; t < FLOW_CASE_TABLES; t++)
		wrong += flow_case_differs(c, "a table after explain",
					   memcmp(before[t], tables(t), sizeof(before[t])) != 0, 0);
	world_run(world, &frame, &run);
	wrong += flow_case_differs(c, "the verdict", run.verdict,
				   c->goes_to ? SLUICE_V_forwarded : SLUICE_V_no_member);
	if (run.verdict == SLUICE_V_forwarded)
		wrong += flow_case_differs(c, "the member", run.out[5], c->goes_to);
	return wrong + check_after(c, fingerprint);
}

static int run_case(const struct flow_case *c)
{
	return run_case_of(c, false) + run_case_of(c, true);
}

static void test_cases(void **state)
{
	(void)state;
	assert_int_equal(flow_cases_run(FLOW_CASES_FILE, run_case), 0);
}

static uint32_t member_for(const struct packet *packet)
{
	struct world_run run;

	world_run_packet(world, packet, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
	return run.out[5];
}

/* The seconds of entries have 16 bits. */
static void test_time_wraps(void **state)
{
	struct packet syn = packet_of(false, false, 40001, TCP_SYN);
	struct packet ack = packet_of(false, false, 40001, TCP_ACK);

	(void)state;
	for (uint64_t start = 65530; start < 65545; start++) {
		set_up();
		set_case(&moving, 0);
		set_now(start);
		assert_int_equal(member_for(&syn), 2);
		set_now(start + 9);
		assert_int_equal(member_for(&ack), 2);
		set_now(start + 100);
		assert_int_equal(member_for(&ack), 2);
	}
}

/* A connection that opened on one CPU goes on wherever its packets arrive. */
static void test_other_cpu(void **state)
{
	struct packet syn = packet_of(false, false, 40002, TCP_SYN);

	(void)state;
	set_up();
	set_case(&moving, 0);
	assert_int_equal(member_for(&syn), 2);
	world_other_cpu();
	for (int i = 0; i < 3; i++) {
		struct packet ack = packet_of(false, false, 40002, TCP_ACK);

		assert_int_equal(member_for(&ack), 2);
		world_other_cpu();
	}
}

/* A CPU stores so many in a second, and again in the next one; what is too much is postponed. It does
 * not matter for how long the host has been up. */
static void test_pressure(void **state)
{
	const uint64_t starts[] = {START_S + 100, 65534, 200000};

	(void)state;
	for (size_t start = 0; start < ARRAY_SIZE(starts); start++) {
		int moved = 0;

		set_up();
		set_case(&moving, 0);
		world->flow_settings->pending_per_s = 10;
		for (int second = 0; second < 3; second++) {
			set_now(starts[start] + (uint64_t)second);
			for (int i = 0; i < 50; i++) {
				uint16_t port = (uint16_t)(1000 + second * 50 + i);
				struct packet syn = packet_of(false, false, port, TCP_SYN);

				moved += member_for(&syn) == 2;
			}
		}
		assert_int_equal(moved, 30);
	}
}

/* Flows of one source share a slot, and are told apart all the same. */
static void test_source_affinity(void **state)
{
	uint32_t slot = 0;

	(void)state;
	set_up();
	world_slots(world, 0, 1, 0);
	for (struct sluice_service *cell = world->services; cell < world->services + WORLD_CELLS;
	     cell++)
		if (cell->word && !(cell->word & SLUICE_SVC_F_ADDRESS))
			cell->word |= SLUICE_SVC_F_SOURCE;
	for (uint16_t port = 1; port < 200; port++) {
		struct packet syn = packet_of(port & 1, false, port, TCP_SYN);
		struct world_run run;
		struct frame frame;

		frame_build(&frame, &syn);
		world_run_explain(world, &frame, &run);
		assert_int_equal(run.verdict, SLUICE_V_forwarded);
		if (port > 2 && port & 1)
			assert_int_equal(world->explain->slot, slot);
		if (port & 1)
			slot = world->explain->slot;
	}
	for (uint32_t i = 0; i < 1U << 12; i++)
		world->slots[i] = SLUICE_SLOT(2, 1) | SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN;
	for (uint16_t port = 1; port < 20; port++) {
		struct packet syn = packet_of(false, false, port, TCP_SYN);
		struct packet old = packet_of(false, false, port + 100, TCP_ACK);

		assert_int_equal(member_for(&syn), 2);
		assert_int_equal(member_for(&old), 1);
	}
	for (uint16_t port = 1; port < 20; port++) {
		struct packet ack = packet_of(false, false, port, TCP_ACK);

		assert_int_equal(member_for(&ack), 2);
	}
}

/* What a limit refuses leaves no entry. */
static void test_refused_is_not_remembered(void **state)
{
	struct packet syn = packet_of(false, false, 40003, TCP_SYN);
	uint64_t fingerprint = fingerprint_of(&syn);
	struct world_run run;

	(void)state;
	set_up();
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 1;
	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 0); /* nobody conforms */
	world->limits[1].word = SLUICE_LIMIT_F_USED | 24ULL << 38 |
				(uint64_t)SLUICE_COUNT_PACKETS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	for (uint32_t i = 0; i < 1U << 12; i++)
		world->slots[i] = SLUICE_SLOT(2, 1) | SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN;
	world_run_packet(world, &syn, &run);
	assert_int_equal(run.verdict, SLUICE_V_limit);
	assert_int_equal(flow_case_find(world->pending, WORLD_FLOW_SETS, fingerprint, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_time_wraps),
		cmocka_unit_test(test_other_cpu),
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_source_affinity),
		cmocka_unit_test(test_refused_is_not_remembered),
	};
	int failed;

	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("flow", tests, NULL, NULL);
	world_free(world);
	return failed;
}
