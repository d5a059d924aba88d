/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCP connections that members take up, or do not: which ones are watched, and what counts. The rules
 * of a cell are in unit/test_passive_rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/bpf.h>
#include <netinet/in.h>

#include "packet/lists.h"
#include "packet/world.h"

#define SECOND (1ULL << 30) /* as the packet path counts them */
#define CLIENT4 "198.51.100.7"
#define CLIENT6 "2001:db8:c::7"
#define ALL SLUICE_MEMBER_F_SAMPLE_ALL
#define SOME SLUICE_MEMBER_F_SAMPLE

static struct world *world;
static struct sluice_service *service;
static struct sluice_member_stats before[5];

/* Members 1 and 2 serve over IPv4, 3 and 4 over IPv6; the second ones take over. */
static int set_up(void **state)
{
	struct sluice_nexthop nexthop = {.ifindex = WORLD_IFINDEX};

	(void)state;
	world_clear(world);
	lists_write(world, NULL, 0);
	*world->clock_ns += 1000 * SECOND;
	world_nexthop(world, 1, &nexthop);
	for (uint32_t i = 1; i <= 4; i++)
		world_member(world, i, "10.0.0.11", SLUICE_MODE_L2, 1, 1500);
	world_slots(world, 0, 1, 2);
	world_slots(world, 1, 3, 4);
	service = world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0);
	world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 1);
	for (uint32_t i = 1; i <= 4; i++)
		before[i] = world_member_stats(world, i);
	return 0;
}

static void watch(uint64_t flag)
{
	for (uint32_t i = 1; i <= 4; i++) {
		world->members[i].word &= ~(ALL | SOME);
		world->members[i].word |= flag;
	}
}

static struct packet packet_of(const char *src, uint16_t sport, uint8_t tcp_flags)
{
	return (struct packet){.src = src,
			       .dst = strchr(src, ':') ? "2001:db8::1" : "192.0.2.1",
			       .proto = IPPROTO_TCP,
			       .sport = sport,
			       .dport = 80,
			       .tcp_flags = tcp_flags};
}

static void send_tcp(const char *src, uint16_t sport, uint8_t tcp_flags)
{
	struct packet packet = packet_of(src, sport, tcp_flags);
	struct world_run run;

	world_run_packet(world, &packet, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
}

static uint64_t hash_of(const char *src, uint16_t sport)
{
	bool is_v6 = strchr(src, ':');
	struct sluice_tuple tuple = {.saddr = world_addr(src),
				     .daddr = world_addr(is_v6 ? "2001:db8::1" : "192.0.2.1"),
				     .sport_be = htons(sport),
				     .dport_be = htons(80),
				     .proto = IPPROTO_TCP,
				     .family = is_v6 ? SLUICE_FAMILY_V6 : SLUICE_FAMILY_V4};

	return sluice_hash_flow(&tuple, &world->key);
}

/* A port from which on flows are in the sample, or are not. */
static uint16_t port_in_sample(const char *src, bool is_sampled)
{
	uint16_t sport = 40000;

	while (!!sluice_passive_is_sampled(hash_of(src, sport)) != is_sampled)
		sport++;
	return sport;
}

/* Since the test began, or since the last of these. */
#define EXPECT(member, syns_, repeated_, followed_, lost_)                                         \
	do {                                                                                       \
		struct sluice_member_stats now_ = world_member_stats(world, member);               \
                                                                                                   \
		assert_int_equal(now_.syns - before[member].syns, syns_);                          \
		assert_int_equal(now_.repeated - before[member].repeated, repeated_);              \
		assert_int_equal(now_.followed - before[member].followed, followed_);              \
		assert_int_equal(now_.lost - before[member].lost, lost_);                          \
		before[member] = now_;                                                             \
	} while (0)

static void check_flow(const char *src, uint32_t member)
{
	uint32_t at = sluice_passive_cell(hash_of(src, 40000));

	watch(ALL);
	send_tcp(src, 40000, TCP_SYN);
	EXPECT(member, 1, 0, 0, 0);
	assert_int_equal(SLUICE_PASSIVE_MEMBER(world->passive[at]), member);
	/* None of these answers an answer. */
	send_tcp(src, 40000, TCP_SYN | TCP_ACK);
	send_tcp(src, 40000, TCP_SYN | TCP_ACK | TCP_RST);
	send_tcp(src, 40000, TCP_FIN);
	send_tcp(src, 40000, 0);
	EXPECT(member, 0, 0, 0, 0);
	send_tcp(src, 40000, TCP_ACK);
	EXPECT(member, 0, 0, 1, 0);
	assert_int_equal(world->passive[at], 0);
	/* Only the first one. */
	send_tcp(src, 40000, TCP_ACK);
	send_tcp(src, 40000, TCP_ACK | TCP_FIN);
	EXPECT(member, 0, 0, 0, 0);
	/* The port again: a RST answers as well, with or without ACK. */
	send_tcp(src, 40000, TCP_SYN);
	send_tcp(src, 40000, TCP_RST);
	EXPECT(member, 1, 0, 1, 0);
	send_tcp(src, 40000, TCP_SYN);
	send_tcp(src, 40000, TCP_RST | TCP_ACK);
	EXPECT(member, 1, 0, 1, 0);
	/* An answer to nothing. */
	send_tcp(src, 40001, TCP_ACK);
	EXPECT(member, 0, 0, 0, 0);
}

static void test_followed(void **state)
{
	(void)state;
	check_flow(CLIENT4, 1);
	check_flow(CLIENT6, 3);
}

static void check_silence(const char *src, uint32_t member)
{
	static const unsigned int after_s[] = {1, 2, 4, 8};
	unsigned int i;

	watch(ALL);
	send_tcp(src, 40000, TCP_SYN);
	for (i = 0; i < sizeof(after_s) / sizeof(after_s[0]); i++) {
		*world->clock_ns += after_s[i] * 1000000000ULL;
		send_tcp(src, 40000, TCP_SYN);
	}
	EXPECT(member, 1, 1, 0, 0);
	*world->clock_ns += SECOND;
	send_tcp(src, 40000, TCP_ACK); /* at last */
	EXPECT(member, 0, 0, 1, 0);
	send_tcp(src, 40000, TCP_SYN);
	*world->clock_ns += (SLUICE_PASSIVE_WAIT_S + 1) * SECOND;
	send_tcp(src, 40000, TCP_ACK); /* too late */
	EXPECT(member, 1, 0, 0, 0);
	send_tcp(src, 40000, TCP_SYN);
	*world->clock_ns += (SLUICE_PASSIVE_WAIT_S + 1) * SECOND;
	send_tcp(src, 40000, TCP_SYN); /* another connection */
	EXPECT(member, 2, 0, 0, 0);
}

static void test_repeated(void **state)
{
	(void)state;
	check_silence(CLIENT4, 1);
	check_silence(CLIENT6, 3);
}

/* As many flows as the hash says, none but these. */
static void check_sample(const char *src, uint32_t member)
{
	uint16_t in = port_in_sample(src, true), out = port_in_sample(src, false);
	uint32_t sampled = 0;

	watch(0);
	send_tcp(src, in, TCP_SYN);
	send_tcp(src, in, TCP_ACK);
	EXPECT(member, 0, 0, 0, 0);
	watch(SOME);
	send_tcp(src, out, TCP_SYN);
	send_tcp(src, out, TCP_SYN);
	send_tcp(src, out, TCP_ACK);
	EXPECT(member, 0, 0, 0, 0);
	send_tcp(src, in, TCP_SYN);
	send_tcp(src, in, TCP_SYN);
	send_tcp(src, in, TCP_ACK);
	EXPECT(member, 1, 1, 1, 0);
	for (uint16_t sport = 1; sport <= 64 * 16; sport++) {
		sampled += !!sluice_passive_is_sampled(hash_of(src, sport));
		send_tcp(src, sport, TCP_SYN);
		send_tcp(src, sport, TCP_ACK);
	}
	assert_in_range(sampled, 4, 36); /* 16 but for chance, 5 times its deviation */
	EXPECT(member, sampled, 0, sampled, 0);
	watch(ALL | SOME);
	send_tcp(src, out, TCP_SYN);
	EXPECT(member, 1, 0, 0, 0);
	/* What is no longer watched is no longer seen. */
	watch(SOME);
	send_tcp(src, out, TCP_ACK);
	EXPECT(member, 0, 0, 0, 0);
	watch(ALL);
	send_tcp(src, out, TCP_ACK);
	EXPECT(member, 0, 0, 1, 0);
}

static void test_sample(void **state)
{
	(void)state;
	check_sample(CLIENT4, 1);
	check_sample(CLIENT6, 3);
}

/* Where the source chooses the slot, its flows are in the sample as those of anybody. */
static void test_sample_by_source(void **state)
{
	uint32_t flows = 0;

	(void)state;
	service->word |= SLUICE_SVC_F_SOURCE;
	watch(SOME);
	for (uint16_t sport = 1; sport <= 64 * 16; sport++)
		send_tcp(CLIENT4, sport, TCP_SYN);
	flows = (uint32_t)(world_member_stats(world, 1).syns - before[1].syns);
	assert_in_range(flows, 4, 36);
}

/* Another flow of CLIENT4's network that has the cell of this one. */
static const char *neighbour_of(uint64_t hash, uint16_t *ret_sport)
{
	static char src[32];

	for (int host = 1; host < 255; host++) {
		snprintf(src, sizeof(src), "198.51.100.%d", host);
		for (uint16_t sport = 1; sport; sport++) {
			uint64_t other = hash_of(src, sport);

			if (sluice_passive_cell(other) != sluice_passive_cell(hash) ||
			    sluice_passive_tag(other) == sluice_passive_tag(hash))
				continue;
			*ret_sport = sport;
			return src;
		}
	}
	fail_msg("no flow has the same cell");
	return NULL;
}

static void test_collision(void **state)
{
	const char *src;
	uint16_t sport = 0;

	(void)state;
	src = neighbour_of(hash_of(CLIENT4, 40000), &sport);
	watch(ALL);
	send_tcp(CLIENT4, 40000, TCP_SYN);
	send_tcp(src, sport, TCP_ACK); /* an old connection */
	EXPECT(1, 1, 0, 0, 0);
	send_tcp(src, sport, TCP_SYN);
	EXPECT(1, 1, 0, 0, 1);
	send_tcp(CLIENT4, 40000, TCP_ACK);
	EXPECT(1, 0, 0, 0, 0);
	send_tcp(src, sport, TCP_ACK);
	EXPECT(1, 0, 0, 1, 0);
	/* Who has waited long enough has nothing to lose. */
	send_tcp(CLIENT4, 40000, TCP_SYN);
	*world->clock_ns += (SLUICE_PASSIVE_WAIT_S + 1) * SECOND;
	send_tcp(src, sport, TCP_SYN);
	EXPECT(1, 2, 0, 0, 0);
}

/* Its member dies, another one takes over: what would have become of it is not known. */
static void test_replaced(void **state)
{
	(void)state;
	watch(ALL);
	send_tcp(CLIENT4, 40000, TCP_SYN);
	send_tcp(CLIENT4, 40001, TCP_SYN);
	EXPECT(1, 2, 0, 0, 0);
	world->members[1].word |= SLUICE_MEMBER_F_DEAD;
	send_tcp(CLIENT4, 40000, TCP_ACK);
	EXPECT(1, 0, 0, 0, 1);
	EXPECT(2, 0, 0, 0, 0);
	send_tcp(CLIENT4, 40000, TCP_ACK);
	EXPECT(1, 0, 0, 0, 0);
	send_tcp(CLIENT4, 40001, TCP_SYN);
	EXPECT(1, 0, 0, 0, 1);
	EXPECT(2, 1, 0, 0, 0);
	send_tcp(CLIENT4, 40001, TCP_ACK);
	EXPECT(1, 0, 0, 0, 0);
	EXPECT(2, 0, 0, 1, 0);
}

/* A cell that nobody of ours wrote does not lead out of the counters. */
static void test_damaged(void **state)
{
	uint64_t hash = hash_of(CLIENT4, 40000);

	(void)state;
	watch(ALL);
	world->passive[sluice_passive_cell(hash)] = ~0ULL;
	send_tcp(CLIENT4, 40000, TCP_SYN);
	EXPECT(1, 1, 0, 0, 0);
	world->passive[sluice_passive_cell(hash)] = SLUICE_PASSIVE(
		sluice_passive_tag(hash), *world->clock_ns / SECOND, WORLD_MEMBERS + 1);
	send_tcp(CLIENT4, 40000, TCP_ACK);
	EXPECT(1, 0, 0, 0, 0);
}

/* On whichever CPU it goes on. */
static void test_another_cpu(void **state)
{
	(void)state;
	watch(ALL);
	send_tcp(CLIENT4, 40000, TCP_SYN);
	world_other_cpu();
	send_tcp(CLIENT4, 40000, TCP_SYN);
	send_tcp(CLIENT4, 40000, TCP_ACK);
	EXPECT(1, 1, 1, 1, 0);
}

/* Ten that are taken up, three that are not. */
static void test_trial(void **state)
{
	(void)state;
	watch(ALL);
	for (uint16_t sport = 1; sport <= 13; sport++) {
		send_tcp(CLIENT4, sport, TCP_SYN);
		if (sport <= 10)
			send_tcp(CLIENT4, sport, TCP_ACK);
	}
	EXPECT(1, 13, 0, 10, 0);
	*world->clock_ns += SECOND;
	for (uint16_t sport = 11; sport <= 13; sport++)
		send_tcp(CLIENT4, sport, TCP_SYN);
	EXPECT(1, 0, 3, 0, 0);
}

static void explain(uint8_t tcp_flags)
{
	struct packet packet = packet_of(CLIENT4, 40000, tcp_flags);
	struct world_run run;
	struct frame frame;

	frame_build(&frame, &packet);
	world_run_explain(world, &frame, &run);
	assert_int_equal(run.verdict, SLUICE_V_forwarded);
}

/* A packet that is only described is none. */
static void test_explained(void **state)
{
	uint32_t at = sluice_passive_cell(hash_of(CLIENT4, 40000));

	(void)state;
	watch(ALL);
	explain(TCP_SYN);
	assert_int_equal(world->passive[at], 0);
	send_tcp(CLIENT4, 40000, TCP_SYN);
	explain(TCP_SYN);
	explain(TCP_ACK);
	assert_int_not_equal(world->passive[at], 0);
	EXPECT(1, 1, 0, 0, 0);
	send_tcp(CLIENT4, 40000, TCP_ACK);
	EXPECT(1, 0, 0, 1, 0);
}

static void expect_unwatched(const struct packet *packet, enum sluice_verdict verdict)
{
	struct world_run run;

	world_run_packet(world, packet, &run);
	assert_int_equal(run.verdict, verdict);
	EXPECT(1, 0, 0, 0, 0);
}

/* What does not get to a member says nothing of it, nor does what is no TCP. */
static void test_not_sent(void **state)
{
	struct packet packet = packet_of(CLIENT4, 40000, TCP_SYN);

	(void)state;
	watch(ALL);
	world->members[1].word &= ~(0xffffULL << 36);
	expect_unwatched(&packet, SLUICE_V_too_big);
	world->members[1].word |= 1500ULL << 36;
	world->members[1].word &= ~0xffffffULL;
	expect_unwatched(&packet, SLUICE_V_no_nexthop);
	world->members[1].word |= 1;
	packet.src = "2001:db8:c::7"; /* another one's */
	packet.dst = "2001:db8::1";
	expect_unwatched(&packet, SLUICE_V_forwarded);
	packet = packet_of(CLIENT4, 40000, 0);
	packet.proto = IPPROTO_UDP;
	world_service(world, 3, "192.0.2.1", 80, IPPROTO_UDP, 0);
	expect_unwatched(&packet, SLUICE_V_forwarded);
	expect_unwatched(&packet, SLUICE_V_forwarded);
	packet = packet_of(CLIENT4, 40000, TCP_SYN);
	service->word = SLUICE_SVC_F_USED | SLUICE_SVC_F_LOCAL | 1;
	expect_unwatched(&packet, SLUICE_V_local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_followed, set_up),
		cmocka_unit_test_setup(test_repeated, set_up),
		cmocka_unit_test_setup(test_sample, set_up),
		cmocka_unit_test_setup(test_sample_by_source, set_up),
		cmocka_unit_test_setup(test_collision, set_up),
		cmocka_unit_test_setup(test_replaced, set_up),
		cmocka_unit_test_setup(test_damaged, set_up),
		cmocka_unit_test_setup(test_another_cpu, set_up),
		cmocka_unit_test_setup(test_trial, set_up),
		cmocka_unit_test_setup(test_explained, set_up),
		cmocka_unit_test_setup(test_not_sent, set_up),
	};
	int failed;

	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("passive", tests, NULL, NULL);
	world_free(world);
	return failed;
}
