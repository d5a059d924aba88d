/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ceilings on new connections, of a service and of a member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include <sluice/gcra.h>

#include "packet/crowd.h"
#include "packet/lists.h"
#include "packet/world.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define CLIENT CROWD_CLIENT
#define INC_MS 100 /* a connection is worth so much */
#define MEMBER1 40
#define MEMBER2 41

static struct world *world;
static struct sluice_service *service;

static int set_up(void **state)
{
	(void)state;
	world_clear(world);
	lists_write(world, NULL, 0);
	*world->clock_ns += 1000 * S;
	world_one_member(world);
	world_member(world, 2, "10.0.0.12", SLUICE_MODE_L2, 1, 1500);
	world_slots(world, 0, 1, 2);
	world_slots(world, 1, 2, 1);
	service = world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 1);
	return 0;
}

/* Ten a second, so many at once; in units of 2^20 ns, with a k as user space counts it. */
static void set_ceiling(uint32_t index, uint32_t burst)
{
	uint32_t inc = (uint32_t)(INC_MS * MS >> 20);

	world->ceilings[index].k = 20 + SLUICE_GCRA_NS_LOG2;
	world->ceilings[index].rate = SLUICE_LIMIT_RATE(inc, inc * burst);
}

static void set_service_ceiling(uint32_t burst)
{
	service->word |= SLUICE_SVC_F_CEILING;
	set_ceiling(1, burst);
}

static enum sluice_verdict send_from(const char *src, uint8_t tcp_flags)
{
	struct packet packet = {.src = src,
				.dst = strchr(src, ':') ? "2001:db8::1" : "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = 40000,
				.dport = 80,
				.tcp_flags = tcp_flags};
	struct world_run told, done;
	struct frame frame;

	frame_build(&frame, &packet);
	world_run_explain(world, &frame, &told);
	world_run(world, &frame, &done);
	assert_int_equal(told.verdict, done.verdict);
	assert_int_equal(told.action, done.action);
	return done.verdict;
}

/* How many of so many connections open; the others have the verdict. */
static int opened(const char *src, int count, enum sluice_verdict otherwise)
{
	int open = 0;

	while (count--) {
		enum sluice_verdict verdict = send_from(src, TCP_SYN);

		assert_true(verdict == otherwise || verdict == SLUICE_V_forwarded);
		open += verdict == SLUICE_V_forwarded;
	}
	return open;
}

static void test_service(void **state)
{
	struct sluice_ceiling_stats before = world_ceiling_stats(world, 1), after;

	(void)state;
	set_service_ceiling(5);
	assert_int_equal(opened(CLIENT, 3, SLUICE_V_service_ceiling), 3);
	/* Whoever opens them. */
	assert_int_equal(opened("198.51.100.8", 10, SLUICE_V_service_ceiling), 2);
	assert_int_equal(world->explain->slot, ~0U);
	assert_int_equal(send_from(CLIENT, TCP_ACK), SLUICE_V_forwarded);
	assert_int_equal(send_from(CLIENT, TCP_SYN | TCP_ACK), SLUICE_V_forwarded);
	after = world_ceiling_stats(world, 1);
	assert_int_equal(after.passed - before.passed, 5);
	assert_int_equal(after.refused - before.refused, 8);
	/* Another service has no ceiling. */
	assert_int_equal(opened("2001:db8:c::1", 10, SLUICE_V_none), 10);
	*world->clock_ns += (INC_MS - 2) * MS;
	assert_int_equal(opened(CLIENT, 3, SLUICE_V_service_ceiling), 0);
	*world->clock_ns += 3 * MS;
	assert_int_equal(opened(CLIENT, 3, SLUICE_V_service_ceiling), 1);
	*world->clock_ns += 100 * S;
	assert_int_equal(opened(CLIENT, 20, SLUICE_V_service_ceiling), 5);
}

/* Twice what it admits, for a while. */
static void test_rate(void **state)
{
	int open = 0;

	(void)state;
	set_service_ceiling(3);
	for (int i = 0; i < 1000; i++) {
		open += opened(CLIENT, 1, SLUICE_V_service_ceiling);
		*world->clock_ns += INC_MS * MS / 2;
	}
	assert_in_range(open, 500, 510);
}

static void test_member(void **state)
{
	(void)state;
	set_ceiling(MEMBER1, 2);
	world->members[1].ceiling = MEMBER1;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_member_ceiling), 2);
	assert_int_equal(world->explain->member, 1);
	assert_int_equal(send_from(CLIENT, TCP_ACK), SLUICE_V_forwarded);
	assert_int_equal(opened("2001:db8:c::1", 5, SLUICE_V_none), 5); /* goes to the other one */
	/* It takes over, and its own ceiling counts. */
	set_ceiling(MEMBER2, 3);
	world->members[2].ceiling = MEMBER2;
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_member_ceiling), 3);
	assert_int_equal(world->explain->member, 2);
}

static enum sluice_verdict send_udp(uint16_t sport)
{
	struct packet packet = {.src = CLIENT,
				.dst = "192.0.2.1",
				.proto = IPPROTO_UDP,
				.sport = sport,
				.dport = 53};
	struct world_run run;

	world_run_packet(world, &packet, &run);
	return run.verdict;
}

/* Of UDP that is tracked a flow is a connection: one that is known goes on, one that was refused is
 * not known, and tries again. */
static void test_tracked_udp(void **state)
{
	(void)state;
	*world->flow_settings = (struct sluice_flow_settings){.refresh_s = 4, .closing_life_s = 60};
	world_service(world, 3, "192.0.2.1", 53, IPPROTO_UDP, 0)->word |= SLUICE_SVC_F_TRACK;
	set_ceiling(MEMBER1, 1);
	world->members[1].ceiling = MEMBER1;
	assert_int_equal(send_udp(5000), SLUICE_V_forwarded);
	assert_int_equal(send_udp(5001), SLUICE_V_member_ceiling);
	assert_int_equal(send_udp(5001), SLUICE_V_member_ceiling);
	assert_int_equal(send_udp(5000), SLUICE_V_forwarded);
	*world->clock_ns += (INC_MS + 2) * MS;
	assert_int_equal(send_udp(5001), SLUICE_V_forwarded);
	assert_int_equal(send_udp(5001), SLUICE_V_forwarded);
}

static void test_both(void **state)
{
	struct sluice_ceiling_stats before = world_ceiling_stats(world, MEMBER1), after;

	(void)state;
	set_service_ceiling(2);
	set_ceiling(MEMBER1, 5);
	world->members[1].ceiling = MEMBER1;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_service_ceiling), 2);
	after = world_ceiling_stats(world, MEMBER1);
	assert_int_equal(after.passed - before.passed, 2);
	assert_int_equal(after.refused - before.refused, 0);
}

/* What is not there, or says nothing, admits. */
static void test_none(void **state)
{
	(void)state;
	set_ceiling(1, 0); /* the service does not ask */
	world->members[1].ceiling = MEMBER1;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_none), 5);
	world->members[1].ceiling = WORLD_CEILINGS;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_none), 5);
	service->word |= SLUICE_SVC_F_CEILING;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_service_ceiling), 0);
	world->ceilings[1].rate = 0;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_none), 5);
}

/* What a limit of the source refuses does not count. */
static void test_limits_come_first(void **state)
{
	struct sluice_ceiling_stats before = world_ceiling_stats(world, 1), after;

	(void)state;
	set_service_ceiling(5);
	world->limits[1].rate = SLUICE_LIMIT_RATE(1000, 2000);
	world->limits[1].word = SLUICE_LIMIT_F_USED | 4ULL << 32 | 32ULL << 38 |
				(uint64_t)SLUICE_COUNT_NEW_CONNECTIONS << 44 |
				(uint64_t)SLUICE_LIMIT_ENFORCE << 48 | 31ULL << 51 | 63ULL << 56;
	service->limits = 1;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_limit), 2);
	assert_int_equal(opened("198.51.100.8", 5, SLUICE_V_limit), 2);
	after = world_ceiling_stats(world, 1);
	assert_int_equal(after.passed - before.passed, 4);
	/* A bypass of limits is not one of ceilings. */
	world->control->bypass_limits_until_ns = UINT64_MAX;
	assert_int_equal(opened(CLIENT, 5, SLUICE_V_service_ceiling), 1);
}

/* Exempt sources are not refused; what they open takes room all the same, and no more than there is,
 * so that the others do not wait for it longer than for anybody else's. */
static void test_exempt(void **state)
{
	struct prefix_set *set = lists_set(CLIENT "\n");
	struct access_source source = {set, ACCESS_KIND_EXEMPT, 6};

	(void)state;
	lists_write(world, &source, 1);
	prefix_set_unref(set);
	set_service_ceiling(3);
	assert_int_equal(opened(CLIENT, 2, SLUICE_V_none), 2);
	assert_int_equal(opened("198.51.100.8", 3, SLUICE_V_service_ceiling), 1);
	assert_int_equal(opened(CLIENT, 50, SLUICE_V_none), 50);
	*world->clock_ns += 2 * INC_MS * MS;
	assert_int_equal(opened("198.51.100.8", 3, SLUICE_V_service_ceiling), 1);
}

static void test_local(void **state)
{
	(void)state;
	set_service_ceiling(2);
	service->word |= SLUICE_SVC_F_LOCAL;
	for (int i = 0; i < 4; i++)
		assert_int_equal(send_from(CLIENT, TCP_SYN),
				 i < 2 ? SLUICE_V_local : SLUICE_V_service_ceiling);
	assert_int_equal(send_from(CLIENT, TCP_ACK), SLUICE_V_local);
	assert_int_equal(world->explain->member, service->word & 0xffffffff);
}

/* Nothing of what was owed years ago is owed today, wherever the time field has come to. */
static void test_wrap(void **state)
{
	(void)state;
	set_service_ceiling(3);
	for (int year = 0; year < 200; year++) {
		assert_int_equal(opened(CLIENT, 5, SLUICE_V_service_ceiling), 3);
		*world->clock_ns += 365 * 24 * 3600 * S / 7 + (uint64_t)year * 12345678901ULL;
	}
}

/* ---- several CPUs --------------------------------------------------------------------------- */

/* What several CPUs open at the same time is counted together, to the last one: whoever loses all races
 * is refused. */
static void test_cpus(void **state)
{
	struct sluice_ceiling_stats before = world_ceiling_stats(world, 1), after;
	const uint32_t each = 200000, burst = CROWD * each / 2;

	(void)state;
	service->word |= SLUICE_SVC_F_CEILING;
	world->ceilings[1].k = 20;
	world->ceilings[1].rate = SLUICE_LIMIT_RATE(100, 100 * burst);
	crowd_open(world, (int)each);
	after = world_ceiling_stats(world, 1);
	assert_int_equal(after.passed - before.passed + after.refused - before.refused,
			 CROWD * each);
	assert_int_equal(after.passed - before.passed, burst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_service, set_up),
		cmocka_unit_test_setup(test_rate, set_up),
		cmocka_unit_test_setup(test_member, set_up),
		cmocka_unit_test_setup(test_tracked_udp, set_up),
		cmocka_unit_test_setup(test_both, set_up),
		cmocka_unit_test_setup(test_none, set_up),
		cmocka_unit_test_setup(test_limits_come_first, set_up),
		cmocka_unit_test_setup(test_exempt, set_up),
		cmocka_unit_test_setup(test_local, set_up),
		cmocka_unit_test_setup(test_wrap, set_up),
		cmocka_unit_test_setup(test_cpus, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("ceiling", tests, NULL, NULL);
	world_free(world);
	return failed;
}
