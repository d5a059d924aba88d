/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Banned sources: whose packets are dropped, until when, and what is counted. Where bans stand among
 * lists and limits is in test_access.c. */
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

#define S 1000000000ULL
#define CLIENT "198.51.100.7"

static struct world *world;

/* Limits that admit everything. */
static void set_limit(uint32_t index, enum sluice_limit_mode mode, uint64_t len4, uint64_t len6)
{
	world->limits[index].rate = SLUICE_LIMIT_RATE(1, 1U << 29);
	world->limits[index].word = SLUICE_LIMIT_F_USED | index * 16ULL | 4ULL << 32 |
				    (uint64_t)SLUICE_COUNT_PACKETS << 44 | (uint64_t)mode << 48 |
				    (len4 - 1) << 51 | (len6 - 1) << 56;
}

static int set_up(void **state)
{
	(void)state;
	world_clear(world);
	*world->clock_ns += 1000 * S;
	world_one_member(world);
	set_limit(1, SLUICE_LIMIT_ENFORCE, 32, 64);
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = 1;
	world_service(world, 2, "2001:db8::1", 80, IPPROTO_TCP, 0)->limits = 1;
	world_service(world, 3, "192.0.2.1", 53, IPPROTO_UDP, 0)->limits = 1;
	return 0;
}

static void set_limits(uint64_t limits)
{
	world_service(world, 1, "192.0.2.1", 80, IPPROTO_TCP, 0)->limits = limits;
}

static enum sluice_verdict run(const struct packet *packet)
{
	struct world_run told, done;
	struct frame frame;

	frame_build(&frame, packet);
	world_run_explain(world, &frame, &told);
	world_run(world, &frame, &done);
	assert_int_equal(told.verdict, done.verdict);
	assert_int_equal(told.action, done.action);
	return done.verdict;
}

static enum sluice_verdict send_from(const char *src, uint8_t tcp_flags)
{
	return run(&(struct packet){.src = src,
				    .dst = strchr(src, ':') ? "2001:db8::1" : "192.0.2.1",
				    .proto = IPPROTO_TCP,
				    .sport = 40000,
				    .dport = 80,
				    .tcp_flags = tcp_flags});
}

#define assert_verdict(src, flags, verdict)                                                        \
	assert_int_equal(send_from(src, flags), SLUICE_V_##verdict)

static void test_new_connections_only(void **state)
{
	(void)state;
	world_ban(world, 1, CLIENT, *world->clock_ns + S, 0);
	assert_verdict(CLIENT, TCP_SYN, ban);
	assert_int_equal(world->explain->limit, 1);
	assert_verdict(CLIENT, TCP_ACK, forwarded);
	assert_verdict(CLIENT, TCP_SYN | TCP_ACK, forwarded);
	assert_verdict("198.51.100.8", TCP_SYN, forwarded);
	/* UDP that is not tracked has no other packets. */
	assert_int_equal(
		run(&(struct packet){
			.src = CLIENT, .dst = "192.0.2.1", .proto = IPPROTO_UDP, .dport = 53}),
		SLUICE_V_ban);
	assert_int_equal(world_ban_of(world, 1, CLIENT).hits, 2);
}

/* A UDP flow that is known goes on, as a TCP connection does. */
static void test_tracked_udp(void **state)
{
	struct packet known = {.src = CLIENT,
			       .dst = "192.0.2.1",
			       .proto = IPPROTO_UDP,
			       .sport = 5000,
			       .dport = 53};
	struct packet other = known;
	struct sluice_service *service;

	(void)state;
	other.sport = 5001;
	*world->flow_settings = (struct sluice_flow_settings){.refresh_s = 4, .closing_life_s = 60};
	service = world_service(world, 3, "192.0.2.1", 53, IPPROTO_UDP, 0);
	service->word |= SLUICE_SVC_F_TRACK;
	service->limits = 1;
	assert_int_equal(run(&known), SLUICE_V_forwarded);
	world_ban(world, 1, CLIENT, UINT64_MAX, 0);
	assert_int_equal(run(&known), SLUICE_V_forwarded);
	assert_int_equal(run(&other), SLUICE_V_ban);
	world_ban(world, 1, CLIENT, UINT64_MAX, SLUICE_BAN_F_ALL);
	assert_int_equal(run(&known), SLUICE_V_ban);
}

static void test_all_packets(void **state)
{
	(void)state;
	world_ban(world, 1, CLIENT, *world->clock_ns + S, SLUICE_BAN_F_ALL);
	world_ban(world, 1, "198.51.100.8", *world->clock_ns + S, 0);
	assert_verdict(CLIENT, TCP_SYN, ban);
	assert_verdict(CLIENT, TCP_ACK, ban);
	assert_verdict("198.51.100.8", TCP_ACK, forwarded);
	assert_verdict("198.51.100.8", TCP_SYN, ban);
	assert_int_equal(world_ban_of(world, 1, CLIENT).hits, 2);
	assert_int_equal(world_ban_of(world, 1, "198.51.100.8").hits, 1);
}

static void test_ends_by_the_clock(void **state)
{
	(void)state;
	world_ban(world, 1, CLIENT, *world->clock_ns + S, 0);
	*world->clock_ns += S - 1;
	assert_verdict(CLIENT, TCP_SYN, ban);
	*world->clock_ns += 1;
	assert_verdict(CLIENT, TCP_SYN, forwarded);
}

/* Each switch keeps packets from asking. */
static void test_flags(void **state)
{
	(void)state;
	world_ban(world, 1, CLIENT, UINT64_MAX, SLUICE_BAN_F_ALL);
	world->control->flags = 0;
	assert_verdict(CLIENT, TCP_SYN, forwarded);
	world->control->flags = SLUICE_CONTROL_F_BANS;
	assert_verdict(CLIENT, TCP_SYN, ban);
	assert_verdict(CLIENT, TCP_ACK, forwarded);
	world->control->flags |= SLUICE_CONTROL_F_BANS_ALL;
	assert_verdict(CLIENT, TCP_ACK, ban);
	world->limits[1].flags = SLUICE_LIMIT_F_BANS;
	assert_verdict(CLIENT, TCP_SYN, ban);
	assert_verdict(CLIENT, TCP_ACK, forwarded);
	world->limits[1].flags = 0;
	assert_verdict(CLIENT, TCP_SYN, forwarded);
	world->limits[1].flags = SLUICE_LIMIT_F_BANS;
	world->limits[1].word = 0;
	assert_verdict(CLIENT, TCP_SYN, forwarded);
}

static void test_prefixes(void **state)
{
	(void)state;
	set_limit(1, SLUICE_LIMIT_ENFORCE, 20, 56);
	world_ban(world, 1, "198.51.96.0", UINT64_MAX, 0);
	world_ban(world, 1, "2001:db8:c:100::", UINT64_MAX, 0);
	assert_verdict("198.51.96.1", TCP_SYN, ban);
	assert_verdict("198.51.111.255", TCP_SYN, ban);
	assert_verdict("198.51.112.0", TCP_SYN, forwarded);
	assert_verdict("198.51.95.255", TCP_SYN, forwarded);
	assert_verdict("2001:db8:c:1ff::1", TCP_SYN, ban);
	assert_verdict("2001:db8:c:200::1", TCP_SYN, forwarded);
	set_limit(1, SLUICE_LIMIT_ENFORCE, 32, 120);
	world_ban(world, 1, "2001:db8:c::4400", UINT64_MAX, 0);
	assert_verdict("2001:db8:c::44ff", TCP_SYN, ban);
	assert_verdict("2001:db8:c::4500", TCP_SYN, forwarded);
}

static void test_modes(void **state)
{
	(void)state;
	world_ban(world, 1, CLIENT, UINT64_MAX, 0);
	set_limit(1, SLUICE_LIMIT_SHADOW, 32, 64);
	assert_verdict(CLIENT, TCP_SYN, forwarded);
	set_limit(1, SLUICE_LIMIT_DISABLED, 32, 64);
	assert_verdict(CLIENT, TCP_SYN, forwarded);
	set_limit(1, SLUICE_LIMIT_ENFORCE, 32, 64);
	world->control->bypass_limits_until_ns = *world->clock_ns + 1;
	assert_verdict(CLIENT, TCP_SYN, forwarded);
	*world->clock_ns += 1;
	assert_verdict(CLIENT, TCP_SYN, ban);
	assert_int_equal(world_ban_of(world, 1, CLIENT).hits, 1);
}

/* What a packet adds to the counters of a limit. */
static struct sluice_limit_stats counted(uint32_t index, enum sluice_verdict verdict)
{
	struct sluice_limit_stats before = world_limit_stats(world, index), after;

	assert_int_equal(send_from(CLIENT, TCP_SYN), verdict);
	after = world_limit_stats(world, index);
	return (struct sluice_limit_stats){.passed = after.passed - before.passed,
					   .refused = after.refused - before.refused,
					   .would_refuse = after.would_refuse - before.would_refuse,
					   .banned = after.banned - before.banned};
}

static void assert_counted(struct sluice_limit_stats stats, uint64_t passed, uint64_t would,
			   uint64_t banned)
{
	assert_int_equal(stats.passed, passed);
	assert_int_equal(stats.refused, 0);
	assert_int_equal(stats.would_refuse, would);
	assert_int_equal(stats.banned, banned);
}

/* A packet is counted once for each limit that judged it. */
static void test_counters(void **state)
{
	(void)state;
	set_limit(2, SLUICE_LIMIT_SHADOW, 24, 56);
	set_limit(3, SLUICE_LIMIT_ENFORCE, 16, 48);
	set_limits(3ULL << 32 | 2 << 16 | 1);
	world_ban(world, 2, "198.51.100.0", UINT64_MAX, 0);
	assert_counted(counted(1, SLUICE_V_forwarded), 1, 0, 0);
	assert_counted(counted(2, SLUICE_V_forwarded), 0, 1, 0);
	assert_int_equal(world->explain->limit, 2);
	assert_counted(counted(3, SLUICE_V_forwarded), 1, 0, 0);
	/* Dropped: the other limits are not asked. */
	world_ban(world, 3, "198.51.0.0", UINT64_MAX, 0);
	assert_counted(counted(1, SLUICE_V_ban), 0, 0, 0);
	assert_counted(counted(2, SLUICE_V_ban), 0, 1, 0);
	assert_counted(counted(3, SLUICE_V_ban), 0, 0, 1);
	assert_int_equal(world->explain->limit, 3);
	/* Under a bypass each stands where it would without one. */
	world->control->bypass_limits_until_ns = UINT64_MAX;
	assert_counted(counted(1, SLUICE_V_forwarded), 0, 0, 0);
	assert_counted(counted(2, SLUICE_V_forwarded), 0, 1, 0);
	assert_counted(counted(3, SLUICE_V_forwarded), 0, 1, 0);
}

/* Shadow limits at every place leave the others in their order. */
static void test_judged_limits_are_left_out(void **state)
{
	(void)state;
	set_limits(4ULL << 48 | 3ULL << 32 | 2 << 16 | 1);
	for (unsigned int bits = 0; bits < 16; bits++) {
		for (uint32_t i = 1; i <= 4; i++)
			set_limit(i,
				  bits >> (i - 1) & 1 ? SLUICE_LIMIT_SHADOW : SLUICE_LIMIT_ENFORCE,
				  32, 64);
		for (uint32_t i = 1; i <= 4; i++) {
			world->limits[i].flags = 0;
			if (bits >> (i - 1) & 1)
				world_ban(world, i, CLIENT, UINT64_MAX, 0);
		}
		for (uint32_t i = 1; i <= 4; i++)
			assert_counted(counted(i, SLUICE_V_forwarded), !(bits >> (i - 1) & 1),
				       bits >> (i - 1) & 1, 0);
	}
}

/* The sample says who, and that it was a ban. */
static void test_samples(void **state)
{
	static struct sluice_refusal_gate gates[1024];
	struct sluice_addr source = world_addr("198.51.100.9");
	const struct sluice_refusal *entry;
	uint32_t zero = 0, number;

	(void)state;
	set_limit(1, SLUICE_LIMIT_ENFORCE, 24, 64);
	world_ban(world, 1, "198.51.100.0", UINT64_MAX, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send_from("198.51.100.9", TCP_SYN),
				 i ? SLUICE_V_forwarded : SLUICE_V_ban);
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(world->skel->maps.refusal_gate),
						     &zero, gates),
				 0);
		number = gates[sched_getcpu()].number;
		entry = &world->refusals[(uint32_t)sched_getcpu() * SLUICE_REFUSALS_PER_CPU +
					 (number & (SLUICE_REFUSALS_PER_CPU - 1))];
		assert_true(entry->word ==
			    SLUICE_REFUSAL(number, 1, 0,
					   i ? SLUICE_REFUSAL_WOULD : SLUICE_REFUSAL_BAN));
		assert_memory_equal(&entry->source, &source, sizeof(source));
		set_limit(1, SLUICE_LIMIT_SHADOW, 24, 64);
	}
}

/* Hits grow with the samples: about right, however many there are. */
static void test_hits_of_a_flood(void **state)
{
	struct packet packet = {.src = CLIENT,
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.dport = 80,
				.tcp_flags = TCP_SYN};
	const int per_tick = 4000, ticks = 20;
	struct frame frame;

	(void)state;
	world_ban(world, 1, CLIENT, UINT64_MAX, 0);
	frame_build(&frame, &packet);
	for (int i = 0; i < ticks; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data,
			    .data_size_in = frame.len, .repeat = per_tick);
		*world->clock_ns += 1ULL << SLUICE_SEEN_NS_LOG2;
		assert_int_equal(
			bpf_prog_test_run_opts(bpf_program__fd(world->skel->progs.sluice), &opts),
			0);
		assert_int_equal(opts.retval, XDP_DROP);
	}
	assert_in_range(world_ban_of(world, 1, CLIENT).hits, ticks * per_tick * 75 / 100,
			ticks * per_tick * 125 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_new_connections_only, set_up),
		cmocka_unit_test_setup(test_tracked_udp, set_up),
		cmocka_unit_test_setup(test_all_packets, set_up),
		cmocka_unit_test_setup(test_ends_by_the_clock, set_up),
		cmocka_unit_test_setup(test_flags, set_up),
		cmocka_unit_test_setup(test_prefixes, set_up),
		cmocka_unit_test_setup(test_modes, set_up),
		cmocka_unit_test_setup(test_counters, set_up),
		cmocka_unit_test_setup(test_judged_limits_are_left_out, set_up),
		cmocka_unit_test_setup(test_samples, set_up),
		cmocka_unit_test_setup(test_hits_of_a_flood, set_up),
	};
	int failed;

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (world_must_skip())
		return 0;
	world = world_new(&(struct world_options){0});
	failed = cmocka_run_group_tests_name("ban", tests, NULL, NULL);
	world_free(world);
	return failed;
}
